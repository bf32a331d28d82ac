# SPDX-License-Identifier: MIT
"""The specification: what the shipped suites say, without importing them.

An import of them all loads every probe, which most runs never start. Their text is searched rather
than parsed for the same reason; a test holds what is found against what pytest collects.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from xdpconform.judge import Level
from xdpconform.netconfig import suites_folder

_REQUIREMENT: Final = re.compile(
    r'^@pytest\.mark\.requirement\("(XDP-[A-Z]+-\d\d)"(?:, level="([a-z]+)")?\)$'
    r'.*?^    """(.+?)(?:\n\n|""")',
    re.MULTILINE | re.DOTALL,
)
"""A mark, and the first sentence of the docstring that follows."""


class Requirement(NamedTuple):
    """One numbered line of the specification."""

    title: str
    """The first sentence of its docstring in the suites."""
    level: Level
    """What its evidence is, and from which level of a run on it is required."""


@cache
def _suites() -> dict[Path, dict[str, Requirement]]:
    return {file: _read(file) for file in sorted(suites_folder().glob("test_*.py"))}


def _read(file: Path) -> dict[str, Requirement]:
    return {
        name: Requirement(" ".join(text.split()), Level(level or Level.CLAIMS.value))
        for name, level, text in _REQUIREMENT.findall(file.read_text(encoding="utf-8"))
    }


@cache
def specification() -> dict[str, Requirement]:
    """Every requirement of the shipped suites, by its id."""
    return {name: line for lines in _suites().values() for name, line in lines.items()}


@cache
def requirements(level: str = Level.CLAIMS.value) -> frozenset[str]:
    """The ids of the requirements that a run of this level has to answer."""
    asked = Level(level)
    return frozenset(name for name, line in specification().items() if line.level <= asked)


@cache
def suites_above(level: str) -> frozenset[Path]:
    """The shipped suites of which a run of this level answers no line."""
    asked = Level(level)
    return frozenset(
        file
        for file, lines in _suites().items()
        if not any(line.level <= asked for line in lines.values())
    )
