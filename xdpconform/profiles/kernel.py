# SPDX-License-Identifier: MIT
"""Kernel releases as profiles compare them.

Real releases (``6.12.0-55.9.1.el10_0.x86_64``) are no PEP 440 versions, and their number does not
tell what a distribution has backported: hence two numbers, and the text for globs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from xdpconform.errors import InputError

_RELEASE: Final = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")
VERSION_PATTERN: Final = r"^[0-9]{1,4}\.[0-9]{1,4}$"


class KernelVersion(NamedTuple):
    """Major and minor number; patch levels never change what a profile requires."""

    major: int
    minor: int

    @staticmethod
    @lru_cache(maxsize=1024)  # asked for every rule, and there are few
    def parse(release: str) -> KernelVersion:
        """From a release or from a profile's ``added``.

        Raises:
            InputError: it does not begin with two numbers.
        """
        match = _RELEASE.match(release)
        if not match:
            raise InputError(f"kernel release {release!r} does not begin with two numbers: 6.12")
        return KernelVersion(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"
