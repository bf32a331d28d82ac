# SPDX-License-Identifier: MIT
"""What the lab is made of: kernels of several releases, QEMU and busybox, in a cache folder.

Which versions there are is asked when they are fetched, and nothing is pinned: kernels in backports
are replaced every few weeks. A later run takes what the cache has, and asks nobody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from labs.virtual import netdevsim
from labs.virtual.apt import Apt, Candidate, codename, unpack
from xdpconform.errors import InputError
from xdpconform.outputs.results import write

TOOLS: Final = ("qemu-system-x86", "busybox-static")
KERNEL: Final = "linux-image-amd64"
NEWEST: Final = "newest"
"""In place of a series: the newest of the cache, or else of the archive."""
RELEASES: Final = ("oldstable", "stable")
"""With their backports they offer an old kernel, a long-term one and the newest."""
_OF_A_KERNEL: Final = re.compile(r"linux-(image|binary|modules|base)-")
_SERIES: Final = re.compile(r"(\d+\.\d+)\b")


class Unpacked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a folder of the cache holds: versions of packages by name."""

    packages: dict[str, str]


class Kernel(NamedTuple):
    """A kernel that can be booted."""

    series: str
    """``6.12``"""
    release: str
    """As uname -r has it."""
    image: Path
    """The bzImage."""
    modules: Path
    """``lib/modules/RELEASE``"""


class Tools(NamedTuple):
    """Programs that are not this system's own."""

    folder: Path
    qemu: Path
    busybox: Path


def cache_folder() -> Path:
    """Where packages are kept, as XDG has it."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    home = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return home / "xdpconform-vlab"


def series(version: str) -> str:
    """``6.12`` of ``6.12.118-1``; empty where a version begins otherwise."""
    found = _SERIES.match(version)
    return found[1] if found else ""


def newest_of_each(candidates: Iterable[Candidate]) -> dict[str, Candidate]:
    """By series the newest kernel, the newest series first.

    Args:
        candidates: versions, the newest first, as apt sorts them.
    """
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        if series(candidate.version):
            found.setdefault(series(candidate.version), candidate)
    return dict(sorted(found.items(), key=lambda pair: _number(pair[0]), reverse=True))


def _number(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


class Packages:
    """The cache: what it has, and what has to be fetched.

    Args:
        folder: the cache.
        progress: is told each step.
    """

    def __init__(self, folder: Path, progress: Callable[[str], None]) -> None:
        self.folder = folder
        self.progress = progress

    def all(self, wanted: Sequence[str], *, refresh: bool) -> tuple[list[Kernel], Tools]:
        """Kernels and tools, fetched at the same time.

        Args:
            wanted: as `kernels` takes them.
            refresh: ask for newer versions of what the cache has.

        Raises:
            InputError: something cannot be had.
        """
        with ThreadPoolExecutor(2) as pool:
            kernels = pool.submit(self.kernels, wanted, refresh=refresh)
            tools = pool.submit(self.tools, refresh=refresh)
            return kernels.result(), tools.result()

    def kernels(self, wanted: Sequence[str], *, refresh: bool) -> list[Kernel]:
        """Kernels, fetched where the cache has none of a series.

        Args:
            wanted: series such as ``6.12``, or `NEWEST`; empty for the newest of each there is.
            refresh: ask for newer versions of what the cache has.

        Raises:
            InputError: a series cannot be had; says which can.
        """
        cached = sorted(self._cached(), key=_number, reverse=True)
        names = _named(wanted, cached) or cached
        if refresh or not names or not set(cached) >= set(names):
            names = self._fetch_kernels(wanted, refresh=refresh)
        return [_kernel(name, self.folder / "kernels" / name) for name in names]

    def tools(self, *, refresh: bool) -> Tools:
        """QEMU and busybox, fetched where the cache has none.

        Raises:
            InputError: they cannot be had.
        """
        folder = self.folder / "tools"
        if refresh or _holds(folder) is None:
            own = codename()
            self.progress(f"packages: {', '.join(TOOLS)}")
            apt = Apt(self.folder / "apt-here", [own])
            apt.update()
            archives = apt.fetch_for_here(TOOLS, f"{own}-backports")
            _unpack(archives, folder)
        tools = Tools(folder, folder / "usr/bin/qemu-system-x86_64", _busybox(folder))
        if not tools.qemu.is_file():
            raise InputError(f"{folder}: holds no qemu-system-x86_64; run with --refresh")
        return tools

    def built(self, kernel: Kernel, names: Iterable[str]) -> None:
        """Have the modules that the archive's kernels are built without, as far as there are any.

        Raises:
            InputError: one cannot be built; says what it takes.
        """
        if netdevsim.NAME in names and not netdevsim.module(kernel).is_file():
            version = self._cached()[kernel.series].packages[KERNEL]
            apt = Apt(self.folder / "apt-kernels", self._releases())
            netdevsim.build(kernel, version, apt, self.progress)

    def _releases(self) -> list[str]:
        return Apt(self.folder / "apt-names", RELEASES, ()).codenames()

    def _cached(self) -> dict[str, Unpacked]:
        found = {}
        with suppress(FileNotFoundError):
            for path in (self.folder / "kernels").iterdir():
                holds = _holds(path) if path.is_dir() and series(path.name) else None
                if holds is not None:
                    found[path.name] = holds
        return found

    def _fetch_kernels(self, wanted: Sequence[str], *, refresh: bool) -> list[str]:
        have = self._cached()
        self.progress("packages: which kernels there are")
        releases = self._releases()
        # Most kernels are among fixes and backports, whose lists are read in a tenth of the time.
        apt = Apt(self.folder / "apt-near", releases, own=False)
        apt.update()
        offered = newest_of_each(apt.versions(KERNEL))
        if not wanted or not offered.keys() >= set(_named(wanted, offered)):
            apt = Apt(self.folder / "apt-kernels", releases)
            apt.update()
            offered = newest_of_each(apt.versions(KERNEL))
        names = _named(wanted, offered) or list(offered)
        missing = [name for name in names if name not in offered]
        if missing:
            raise InputError(
                f"no kernel {', '.join(missing)}; the archive offers {', '.join(offered) or 'none'}"
            )
        for name in names:
            if name in have and not refresh:
                continue
            packages = _closure(apt, offered[name])
            holds = Unpacked({one.package: one.version for one in packages})
            if have.get(name) != holds:
                self.progress(f"packages: kernel {name} ({offered[name].version})")
                _unpack(apt.fetch(packages), self.folder / "kernels" / name, holds)
        return names


def _named(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    """The series that words mean, each once; the newest of those that are there is the first."""
    newest = next(iter(there), NEWEST)
    return list(dict.fromkeys(newest if word == NEWEST else word for word in wanted))


def _closure(apt: Apt, package: Candidate) -> list[Candidate]:
    """The packages that a kernel is split into."""
    found: list[Candidate] = []
    waiting = [package]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.append(one)
            waiting += [need for need in apt.depends(one) if _OF_A_KERNEL.match(need.package)]
    return found


def _unpack(archives: Sequence[Path], folder: Path, holds: Unpacked | None = None) -> None:
    if holds is None:
        pairs = (path.name.split("_")[:2] for path in archives)
        holds = Unpacked({name: version.replace("%3a", ":") for name, version in pairs})
    stamp = _stamp(folder)
    stamp.unlink(missing_ok=True)
    unpack(archives, folder)
    write(stamp, msgspec.json.encode(holds, order="sorted") + b"\n")
    for path in archives:  # unpacked they are ten times as large, and kept
        path.unlink(missing_ok=True)


def _stamp(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _holds(folder: Path) -> Unpacked | None:
    try:
        return msgspec.json.decode(_stamp(folder).read_bytes(), type=Unpacked)
    except (OSError, msgspec.DecodeError):
        return None


def _busybox(folder: Path) -> Path:
    merged = folder / "usr/bin/busybox"  # where / and /usr are one
    return merged if merged.is_file() else folder / "bin/busybox"


def _kernel(name: str, folder: Path) -> Kernel:
    for modules in (*folder.glob("usr/lib/modules/*"), *folder.glob("lib/modules/*")):
        # From 7.2 on the kernel stands beside its modules.
        for image in (modules / "vmlinuz", folder / "boot" / f"vmlinuz-{modules.name}"):
            if image.is_file() and (modules / "kernel").is_dir():
                return Kernel(name, modules.name, image, modules)
    raise InputError(f"{folder}: holds no kernel with its modules; run with --refresh")
