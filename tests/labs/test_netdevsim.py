# SPDX-License-Identifier: MIT
"""netdevsim is built for a kernel of the archive, or it is said what that takes."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING, cast

import pytest

from labs.virtual import netdevsim
from labs.virtual.apt import Apt, Candidate
from labs.virtual.netdevsim import SOURCE, build, files, lacking, module, packages, start_by, why
from labs.virtual.packages import Kernel, Packages, Unpacked
from xdpconform.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RELEASE = "7.3.4-amd64"
VERSION = "7.3.4-1"
TREE = {
    "linux/Makefile": b"all",
    f"linux/{SOURCE}/bpf.c": b"int b;",
    f"linux/{SOURCE}/sub/x.c": b"below",
    f"linux/{SOURCE}/netdev.c": b"int n;",
    "linux/drivers/net/nlmon.c": b"after",
}


class Fake:
    """An archive: what each version of a package needs, by its name."""

    def __init__(self, needs: dict[str, list[str]], versions: dict[str, list[str]]) -> None:
        self._needs = needs
        self._versions = versions

    def versions(self, package: str) -> list[Candidate]:
        """The newest first."""
        return [Candidate(package, one) for one in self._versions.get(package, [])]

    def needs(self, package: Candidate) -> list[str]:
        """By name."""
        return self._needs.get(package.package, [])

    def depends(self, package: Candidate) -> list[Candidate]:
        """In exactly the same version."""
        names = self.needs(package)
        return [Candidate(name, package.version) for name in names if name.endswith("-common")]


def archive(*without: str, version: str = VERSION) -> Apt:
    """An archive with all it takes, without some."""
    needs = {
        f"linux-headers-{RELEASE}": ["gcc-14", "linux-headers-7.3.4-common", "linux-kbuild-7.3.4"],
        "linux-kbuild-7.3.4": ["pahole", "libc6", "libelf1", "zlib1g"],
        "libelf1": ["libc6", "libzstd1", "zlib1g"],
        "libc6": ["libgcc-s1"],
        "libgcc-s1": ["gcc-14-base", "libc6"],
    }
    own = [*needs, "zlib1g", "libzstd1", "linux-source-7.3"]
    versions = {
        name: [version, "0.1"] if name.startswith("linux-") else ["2", "1"]
        for name in own
        if name not in without
    }
    return cast("Apt", Fake(needs, versions))


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    """A kernel without netdevsim."""
    return Kernel("7.3", RELEASE, tmp_path / "vmlinuz", tmp_path / "modules")


def source(folder: Path, tree: dict[str, bytes]) -> Path:
    """A linux-source package that holds files."""
    inner = tarred(tree, "xz")
    control = f"Package: linux-source\nVersion: {VERSION}\nArchitecture: all\n"
    text = f"{control}Maintainer: nobody <nobody@example.org>\nDescription: made up\n"
    root = folder / "root"
    for path, data in (
        ("DEBIAN/control", text.encode()),
        ("usr/src/linux-source-7.3.tar.xz", inner),
    ):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_bytes(data)
    package = folder / "linux-source.deb"
    words = ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(root), str(package)]
    subprocess.run(words, check=True, capture_output=True)
    return package


def tarred(tree: dict[str, bytes], how: str) -> bytes:
    """A tar file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{how}") as made:  # type: ignore[call-overload]
        for name, data in tree.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def test_packages(kernel: Kernel) -> None:
    """Headers and source are of the kernel's version; of libraries it is the newest, each once."""
    kbuild, libraries, code = packages(kernel, VERSION, archive())

    assert [
        f"linux-headers-{RELEASE}", "linux-headers-7.3.4-common", "linux-kbuild-7.3.4",
    ] == [one.package for one in kbuild]  # fmt: skip
    assert {VERSION} == {one.version for one in kbuild}
    assert ["libc6", "libelf1", "libgcc-s1", "libzstd1", "zlib1g"] == sorted(
        one.package for one in libraries
    )
    assert {"2"} == {one.version for one in libraries}
    assert Candidate("linux-source-7.3", VERSION) == code


@pytest.mark.parametrize(
    ("apt", "told"),
    [
        (
            archive("linux-source-7.3"),
            "the archive has no linux-source-7.3 7.3.4-1 any more: run with --refresh",
        ),
        (
            archive(version="7.3.5-1"),
            f"the archive has no linux-headers-{RELEASE} 7.3.4-1 any more: run with --refresh",
        ),
    ],
    ids=["source", "newer"],
)
def test_another_version(kernel: Kernel, apt: Apt, told: str) -> None:
    """A kernel that the archive has replaced is told from one that never had a source."""
    with pytest.raises(InputError) as caught:
        packages(kernel, VERSION, apt)

    assert told == str(caught.value)


def test_files(tmp_path: Path) -> None:
    """Of the source nothing is read but the files of the folder itself."""
    assert [("bpf.c", b"int b;"), ("netdev.c", b"int n;")] == list(
        files(source(tmp_path, TREE), SOURCE)
    )


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"linux/Makefile": b"all"}, "linux-source.deb: has no drivers/net/netdevsim"),
        (
            {f"linux/{SOURCE}/a.c": bytes(netdevsim.LARGEST + 1)},
            f"linux-source.deb: linux/{SOURCE}/a.c is no file of a source",
        ),
    ],
    ids=["none", "large"],
)
def test_another_source(tmp_path: Path, tree: dict[str, bytes], told: str) -> None:
    """A source without it is named, and so is a file that is too large."""
    with pytest.raises(InputError) as caught:
        list(files(source(tmp_path, tree), SOURCE))

    assert told == str(caught.value)


def test_no_package(tmp_path: Path) -> None:
    """What is no package at all is named."""
    path = tmp_path / "linux-source.deb"
    path.write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"^linux-source\.deb: "):
        list(files(path, SOURCE))


def test_no_compiler(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler nothing is fetched, and it is said what to install."""
    monkeypatch.setattr(netdevsim.shutil, "which", lambda name: None if name == "gcc" else name)
    with pytest.raises(InputError) as caught:
        build(kernel, VERSION, archive(), lambda _text: None)

    assert "no gcc here, and netdevsim has to be built: install gcc and make" == str(caught.value)


def test_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> None:
    """What is built once is not built again, and a run without it builds nothing."""
    asked: list[str] = []

    def fake(made: Kernel, version: str, *_rest: object) -> None:
        asked.append(version)
        module(made).parent.mkdir(parents=True)
        module(made).write_bytes(b"\x7fELF")

    monkeypatch.setattr(netdevsim, "build", fake)
    monkeypatch.setattr(Packages, "_releases", lambda _self: [])
    monkeypatch.setattr("labs.virtual.packages.Apt", lambda *_words: None)
    cached = {"7.3": Unpacked({"linux-image-amd64": VERSION})}
    monkeypatch.setattr(Packages, "_cached", lambda _self: cached)
    found = Packages(tmp_path, lambda _text: None)
    found.built(kernel, ["igb"])

    assert [] == asked
    found.built(kernel, ["igb", "netdevsim"])
    found.built(kernel, ["netdevsim"])

    assert [VERSION] == asked


@pytest.mark.parametrize(("status", "found"), [(0, []), (1, [*netdevsim.FLAGS])])
def test_older_compiler(monkeypatch: pytest.MonkeyPatch, status: int, found: list[str]) -> None:
    """A flag that the compiler does not know is not given to it."""

    def fake(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, status, "", "")

    monkeypatch.setattr(netdevsim, "_run", fake)

    assert [f"{name}=" for name in found] == lacking()


def test_start_by(tmp_path: Path) -> None:
    """Programs of kbuild start by their own C library, twice as well as once."""
    lib = tmp_path / "libraries/usr/lib64"
    lib.mkdir(parents=True)
    (lib / "ld-linux-x86-64.so.2").write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    (lib / "ld-linux-x86-64.so.2").chmod(0o755)
    tools = tmp_path / "linux-kbuild-7.3.4"
    for name in ("scripts/basic/fixdep", "scripts/mod/modpost", "scripts/mod/modpost.real-lsb-64"):
        (tools / name).parent.mkdir(parents=True, exist_ok=True)
        (tools / name).write_bytes(b"\x7fELF")
    start_by(tmp_path / "libraries", tools)
    words = [str(tools / "scripts/mod/modpost"), "a b"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    own = (tools / "scripts/basic/fixdep.own").read_bytes()

    assert f"--library-path {lib} {tools}/scripts/mod/modpost.real-lsb-64 a b\n" == said
    assert own == b"\x7fELF"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("warning: x\ngcc: error: no flag\nmake: *** [a] Error 2\n", "gcc: error: no flag"),
        ("make: *** [Makefile:1: a] Error 2\n", "make: *** [Makefile:1: a] Error 2"),
        ("Killed\n", "Killed"),
        ("", "it does not say why"),
    ],
)  # fmt: skip
def test_why(text: str, told: str) -> None:
    """The first error says more than what follows from it."""
    assert told == why(text)
