# SPDX-License-Identifier: MIT
"""A table of a page: cells in rows and columns, and the notes below it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from xdpconform.outputs.matrix.names import clipped, series

NOTES: Final = 99
"""Notes on a page; further reasons are in the certificates."""
NOTE_LENGTH: Final = 200


class Link(NamedTuple):
    """A word that leads somewhere."""

    text: str
    href: str


class Cell(NamedTuple):
    """What is known of one thing under a driver on a kernel."""

    support: str
    """y, a, n, u or -."""
    text: str
    href: str
    words: str = ""
    """What else is said."""
    more: Link | None = None
    """Where others are, or the rest of it."""
    note: int | None = None


class Row(NamedTuple):
    """A row: its head, and a cell a column."""

    head: Link
    title: str
    cells: Sequence[Cell | None]


class Group(NamedTuple):
    """Columns that stand together."""

    text: str
    span: int


class Grid(NamedTuple):
    """A table."""

    corner: str
    groups: Sequence[Group]
    """None, or above the columns."""
    columns: Sequence[Link]
    rows: Sequence[Row]
    notes: Sequence[str]


Key = Hashable
"""What a row or a column is about."""
Found = tuple[Cell, str]
"""A cell, and the note on it or nothing."""


class Notes:
    """Why cells are as they are; the same reason has one number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def add(self, text: str) -> int | None:
        """The number of a text; None for an empty one, and once there are too many."""
        if not text:
            return None
        if text not in self._numbers and len(self._numbers) == NOTES:
            return None
        return self._numbers.setdefault(text, len(self._numbers) + 1)

    def texts(self) -> list[str]:
        """All of them, in the order of their numbers."""
        return list(self._numbers)


def why(outcome: str, kind: str | None, reason: str) -> str:
    """A note on a line that does not simply hold: its reason in a line; empty for one that does."""
    if outcome in ("pass", "not-claimed"):
        return ""
    lines = [line.strip() for line in reason.split("\n") if line.strip()]
    # Of a traceback the last line says what happened.
    first = lines[-1 if outcome == "error" else 0] if lines else ""
    return clipped(f"{kind or outcome}: {first}" if first else kind or outcome, NOTE_LENGTH)


def grid(
    corner: str,
    columns: Sequence[tuple[Key, Link]],
    rows: Sequence[tuple[Key, Link, str]],
    found: Mapping[tuple[Key, Key], Found],
    groups: Sequence[Group] = (),
) -> Grid:
    """A table of what was found, by row and column; notes are numbered as they are read.

    Args:
        corner: the head of the first column.
        columns: keys and heads.
        rows: keys, heads and titles; a row without a cell is left out.
        found: by keys.
        groups: above the columns.
    """
    notes = Notes()
    made = []
    some = {row for row, _column in found}
    for row, head, title in rows:
        if row in some:
            cells: list[Cell | None] = []
            for column, _link in columns:
                here = found.get((row, column))
                if here is not None and here[1]:
                    cells.append(here[0]._replace(note=notes.add(here[1])))
                else:
                    cells.append(here and here[0])
            made.append(Row(head, title, cells))
    return Grid(corner, groups, [link for _key, link in columns], made, notes.texts())


def by_series(kernels: Sequence[str]) -> list[Group]:
    """Kernels, in their order, by the first two numbers of their release."""
    return [Group(name, len(list(same))) for name, same in groupby(kernels, series)]
