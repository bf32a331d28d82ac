# SPDX-License-Identifier: MIT
"""apt beside the system's own: what is looked at, and what is said where it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labs.virtual.apt import KEYRING, Archive, archives, codename, sources
from labs.virtual.packages import (
    Candidate,
    Packages,
    Unpacked,
    cache_folder,
    newest_of_each,
    series,
)
from xdpconform.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

LISTING = """\
http://mirror.example/debian/ one $(SIGNED_BY)
http://mirror.example/debian/ one-updates $(SIGNED_BY)
http://security.example/debian/ one-security /usr/share/keyrings/security.gpg
http://other.example/tools/ stable /usr/share/keyrings/tools.gpg
"""


def test_codename(tmp_path: Path) -> None:
    """The release is read where systemd says that it is."""
    path = tmp_path / "os-release"
    path.write_text('ID=debian\nVERSION_CODENAME="bookworm"\n', encoding="utf-8")

    assert codename(path) == "bookworm"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'PRETTY_NAME="Fedora Linux 43"\nID=fedora\nVERSION_CODENAME=x\n',
            "the lab takes its kernels from Debian's archive, and Fedora Linux 43 is another",
        ),
        (
            "ID=debian\n",
            "the lab takes its kernels from Debian's archive, and this system is another",
        ),
    ],
    ids=["another", "sid"],
)
def test_another_system(tmp_path: Path, text: str, told: str) -> None:
    """A system without Debian's archive is named."""
    path = tmp_path / "os-release"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        codename(path)

    assert told == str(caught.value)


def test_no_os_release(tmp_path: Path) -> None:
    """A system that does not say what it is, is none."""
    path = tmp_path / "os-release"
    with pytest.raises(InputError) as caught:
        codename(path)

    assert f"{path}: No such file or directory; the lab needs Debian" == str(caught.value)


def test_archives() -> None:
    """The system's own mirrors are taken, and no other archive's."""
    found = archives(LISTING, "one")

    assert {
        "main": Archive("http://mirror.example/debian/", KEYRING),
        "security": Archive("http://security.example/debian/", "/usr/share/keyrings/security.gpg"),
    } == found


def test_no_archive() -> None:
    """A system whose apt has read no lists is told to."""
    with pytest.raises(InputError) as caught:
        archives("", "one")

    assert "apt has no source of one, or never read its lists: run apt-get update" == str(
        caught.value
    )


def test_sources() -> None:
    """Releases come from the main mirror with all that belongs to them, fixes from theirs."""
    text = sources(archives(LISTING, "one"), ["one", "two"])

    assert (
        "Types: deb\nURIs: http://mirror.example/debian/\n"
        "Suites: one one-updates one-backports two two-updates two-backports\n"
        f"Components: main\nSigned-By: {KEYRING}\n\n"
        "Types: deb\nURIs: http://security.example/debian/\nSuites: one-security two-security\n"
        "Components: main\nSigned-By: /usr/share/keyrings/security.gpg\n"
    ) == text


def test_sources_near() -> None:
    """What comes with a release can be looked at without it: its own list is the longest."""
    text = sources(archives(LISTING, "one"), ["one"], own=False)

    assert ["Suites: one-updates one-backports", "Suites: one-security"] == [
        line for line in text.splitlines() if line.startswith("Suites")
    ]


def test_sources_without_security() -> None:
    """A mirror that has nothing of what is asked has no stanza, which apt would refuse."""
    text = sources(archives(LISTING, "one"), ["stable"], ())

    assert "security" not in text


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("6.12.118-1", "6.12"),
        ("7.3.4-1~bpo13+1", "7.3"),
        ("6.1.192-2", "6.1"),
        ("6.12~rc1-1~exp1", "6.12"),
        ("bpo", ""),
        ("", ""),
    ],
)
def test_series(version: str, expected: str) -> None:
    """A kernel's series is its first two numbers."""
    assert expected == series(version)


def test_newest_of_each() -> None:
    """Of each series the first one counts, and series are sorted as numbers are."""
    versions = ["6.12.118-1", "6.12.95-1~bpo12+1", "6.1.192-2", "6.1.176-1", "7.3.4-1", "10.0-1"]
    found = newest_of_each(Candidate("linux", version) for version in versions)

    assert ["10.0", "7.3", "6.12", "6.1"] == list(found)
    assert "6.12.118-1" == found["6.12"].version


@pytest.mark.parametrize(
    ("value", "expected"), [("/x", "/x/xdpconform-vlab"), ("rel", None), ("", None)]
)
def test_cache_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, expected: str | None
) -> None:
    """The cache is where XDG has it, and relative paths there are ignored as XDG asks."""
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert (expected or f"{tmp_path}/.cache/xdpconform-vlab") == str(cache_folder())


def made_kernel(folder: Path, name: str, *, beside: bool) -> None:
    """A kernel in a cache, unpacked."""
    import msgspec

    release = f"{name}.9-amd64"
    modules = folder / "kernels" / name / "usr/lib/modules" / release
    (modules / "kernel").mkdir(parents=True)
    image = modules / "vmlinuz" if beside else folder / "kernels" / name / f"boot/vmlinuz-{release}"
    image.parent.mkdir(exist_ok=True)
    image.write_bytes(b"kernel")
    stamp = folder / "kernels" / f"{name}.json"
    stamp.write_bytes(msgspec.json.encode(Unpacked({"linux": "1"})))


def test_cached_kernels(tmp_path: Path) -> None:
    """What the cache has is taken from it, and nobody is asked."""
    made_kernel(tmp_path, "6.1", beside=False)
    made_kernel(tmp_path, "7.3", beside=True)
    asked: list[str] = []
    packages = Packages(tmp_path, asked.append)

    assert ["7.3.9-amd64", "6.1.9-amd64"] == [
        kernel.release for kernel in packages.kernels([], refresh=False)
    ]
    assert ["6.1"] == [kernel.series for kernel in packages.kernels(["6.1"], refresh=False)]
    assert asked == []


def test_broken_cache(tmp_path: Path) -> None:
    """A cache that lost its kernel says how to get it again."""
    made_kernel(tmp_path, "6.1", beside=False)
    (tmp_path / "kernels/6.1/boot/vmlinuz-6.1.9-amd64").unlink()
    with pytest.raises(InputError) as caught:
        Packages(tmp_path, print).kernels(["6.1"], refresh=False)

    told = f"{tmp_path}/kernels/6.1: holds no kernel with its modules; run with --refresh"
    assert told == str(caught.value)
