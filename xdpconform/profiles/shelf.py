# SPDX-License-Identifier: MIT
"""The profiles of a run: those that the user named, and of the shipped ones what is needed.

Dozens are shipped and a run has one driver or two: a file is decoded when its driver is met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from xdpconform.errors import InputError
from xdpconform.nic import Nic
from xdpconform.profiles.load import SHIPPED, LoadedProfile, files_of, load, load_files
from xdpconform.profiles.match import Match, match

_DRIVER: Final = re.compile(r"^driver = (\[[^\]]*\])", re.MULTILINE)
_PLAIN: Final = re.compile(r"[^*?[]*")
"""A glob that only fits what it is."""


class Shelf:
    """Finds the profile of each NIC of a run.

    Args:
        paths: files and folders that come before the shipped profiles.
        variants: ``PROFILE:VARIANT`` words, for NICs whose variant no fact tells.

    Raises:
        ProfileError: what is wrong with one of the files.
        InputError: what is wrong with several, or a variant that no profile has.
    """

    def __init__(self, paths: Iterable[Path] = (), variants: Sequence[str] = ()) -> None:
        self.variants = variants
        self._own = load_files(paths)
        self._shipped: dict[Path, LoadedProfile] = {}
        self._globs = {
            path: re.findall(r'"([^"]*)"', text[1])
            for path in files_of(SHIPPED)
            if (text := _DRIVER.search(path.read_text(encoding="utf-8")))
        }
        self._by_driver: dict[str, list[LoadedProfile]] = {}
        if variants:
            self._check(variants)

    def of(self, driver: str) -> list[LoadedProfile]:
        """The profiles that may be meant for a driver, in order of preference."""
        if driver not in self._by_driver:
            fitting = (
                path
                for path, globs in self._globs.items()
                if any(_fits(driver, glob) for glob in globs)
            )
            self._by_driver[driver] = [*self._own, *map(self._load, fitting)]
        return self._by_driver[driver]

    def match(self, nic: Nic, variant: str = "") -> Match | None:
        """The profile and variant that a NIC falls under; None if there is none.

        Args:
            nic: the NIC.
            variant: which one it is known to be, if its profile has one of this name.
        """
        if nic.identity.driver is None:
            return None
        loaded = self.of(nic.identity.driver)
        known = [
            f"{one.profile.name}:{variant}"
            for one in loaded
            if any(variant == named.name for named in one.profile.variant)
        ]
        return match(loaded, nic, [*self.variants, *known])

    def _load(self, path: Path) -> LoadedProfile:
        if path not in self._shipped:
            self._shipped[path] = load(path)
        return self._shipped[path]

    def _check(self, variants: Sequence[str]) -> None:
        names = {
            f"{one.profile.name}:{variant.name}"
            for one in [*self._own, *map(self._load, self._globs)]
            for variant in one.profile.variant
        }
        for word in variants:
            if word not in names:
                raise InputError(f"--variant {word}: there are {', '.join(sorted(names))}")


def _fits(driver: str, glob: str) -> bool:
    # fnmatch compiles each pattern, and nearly all of these are plain names.
    return driver == glob or (not _PLAIN.fullmatch(glob) and fnmatchcase(driver, glob))
