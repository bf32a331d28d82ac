# SPDX-License-Identifier: MIT
"""What is fetched into the cache: as little as does, and what is said where it cannot be."""

from __future__ import annotations

import subprocess
from threading import Barrier
from typing import TYPE_CHECKING, ClassVar

import pytest

from labs.virtual import packages as packages_module
from labs.virtual.apt import Apt, Candidate
from labs.virtual.packages import NEWEST, Packages, Tools
from xdpconform.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NEAR = ["7.3.4-1~bpo13+1", "6.12.118-1"]
FAR = [*NEAR, "6.1.192-2"]


class Archive:
    """An archive whose oldest kernel is in a release's own list only."""

    looked: ClassVar[list[str]] = []
    fetched: ClassVar[list[str]] = []

    def __init__(self, folder: Path, *_rest: object, own: bool = True) -> None:
        self.folder = folder
        self._own = own

    def codenames(self) -> list[str]:
        """Two releases."""
        return ["one", "two"]

    def update(self) -> None:
        """The lists are read."""
        self.looked.append(self.folder.name)

    def versions(self, package: str) -> list[Candidate]:
        """The newest first."""
        return [Candidate(package, version) for version in (FAR if self._own else NEAR)]

    def depends(self, _package: Candidate) -> list[Candidate]:
        """Kernels here are whole."""
        return []

    def fetch(self, found: Sequence[Candidate]) -> list[Path]:
        """Remembers what."""
        self.fetched.extend(one.version for one in found)
        return []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    """An empty cache."""
    monkeypatch.setattr(packages_module, "Apt", Archive)
    monkeypatch.setattr(Archive, "looked", [])
    monkeypatch.setattr(Archive, "fetched", [])

    def unpack(_archives: Sequence[Path], folder: Path) -> None:
        modules = folder / "lib/modules" / f"{folder.name}.0"
        (modules / "kernel").mkdir(parents=True)
        (modules / "vmlinuz").write_bytes(b"kernel")

    monkeypatch.setattr(packages_module, "unpack", unpack)
    return Packages(tmp_path, lambda _text: None)


@pytest.mark.parametrize(
    ("wanted", "fetched", "looked"),
    [
        ([NEWEST], NEAR[:1], ["apt-near"]),
        (["7.3", NEWEST], NEAR[:1], ["apt-near"]),
        (["6.12"], NEAR[1:], ["apt-near"]),
        (["6.1"], FAR[2:], ["apt-near", "apt-kernels"]),
        ([], FAR, ["apt-near", "apt-kernels"]),
    ],
)
def test_as_little_as_does(
    cache: Packages, wanted: list[str], fetched: list[str], looked: list[str]
) -> None:
    """Nothing but what is named is fetched, and long lists are read for what needs them only."""
    found = cache.kernels(wanted, refresh=False)

    assert [f"{kernel.series}.0" for kernel in found] == [kernel.release for kernel in found]
    assert fetched == Archive.fetched
    assert looked == Archive.looked
    assert found == cache.kernels(wanted, refresh=False)
    assert looked == Archive.looked


def test_newest_of_the_cache(cache: Packages) -> None:
    """Whoever has a newest kernel is not asked for a newer one until it is said so."""
    cache.kernels(["6.12"], refresh=False)
    (cached,) = cache.kernels([NEWEST], refresh=False)
    (newer,) = cache.kernels([NEWEST], refresh=True)

    assert ("6.12", "7.3") == (cached.series, newer.series)


def test_no_such_kernel(cache: Packages) -> None:
    """A series that nobody offers is named, with those that there are."""
    with pytest.raises(InputError) as caught:
        cache.kernels(["5.4", "6.1"], refresh=False)

    assert "no kernel 5.4; the archive offers 7.3, 6.12, 6.1" == str(caught.value)


def test_at_the_same_time(cache: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools are fetched while kernels are: each waits here for the other."""
    both = Barrier(2, timeout=20)

    def tools(self: Packages, **_more: bool) -> Tools:
        both.wait()
        return Tools(self.folder, self.folder, self.folder)

    monkeypatch.setattr(Packages, "tools", tools)
    monkeypatch.setattr(Archive, "update", lambda _self: both.wait() and None)
    kernels, found = cache.all([NEWEST], refresh=False)

    assert ["7.3"] == [kernel.series for kernel in kernels]
    assert cache.folder == found.qemu


def test_error_of_either(cache: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong with the tools is said as well as with the kernels."""

    def tools(_self: Packages, **_more: bool) -> Tools:
        raise InputError("no qemu")

    monkeypatch.setattr(Packages, "tools", tools)
    with pytest.raises(InputError, match=r"^no qemu$"):
        cache.all([NEWEST], refresh=False)


def test_apt_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """apt asks a mirror again that fails; what it says in the end is passed on, but no password."""
    called: list[list[str]] = []

    def run(words: list[str], **_more: object) -> subprocess.CompletedProcess[str]:
        called.append(words)
        if "indextargets" in words:
            return subprocess.CompletedProcess(words, 0, "http://m.example/ one x\n", "")
        url = "http://me:secret@m.example/dists/one/InRelease"
        return subprocess.CompletedProcess(
            words, 100, "", f"W: x\nE: Failed to fetch {url}  Could not connect to m.example:80\n"
        )

    monkeypatch.setattr("labs.virtual.apt.codename", lambda: "one")
    monkeypatch.setattr("labs.virtual.apt.shutil.which", lambda name: name)
    monkeypatch.setattr("labs.virtual.apt.subprocess.run", run)
    apt = Apt(tmp_path, ["one"])
    with pytest.raises(InputError) as caught:
        apt.update()

    assert (
        "apt-get, update: Failed to fetch http://m.example/dists/one/InRelease"
        "  Could not connect to m.example:80"
    ) == str(caught.value)
    assert {"-oAcquire::Retries=5", "-oDir::Cache::pkgcache=pkgcache.bin"} <= {*called[-1]}
