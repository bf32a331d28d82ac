# SPDX-License-Identifier: MIT
"""What the pictures show, in numbers: the templates draw them, and a table says the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.outputs.certificate.evidence import words
from xdpconform.outputs.words import line_name

if TYPE_CHECKING:
    from xdpconform.outputs.results import Result

_CELL: Final = re.compile(r"([0-9]{1,5}) bytes by (-?[0-9]{1,5})")
_SIDES: Final = {"XDP-ACT-07": "head", "XDP-ACT-08": "tail"}
_KINDS: Final = {"adjusted": "good", "refused": "none", "refused for some": "some"}
_COUNTED: Final = ("delivered", "returned", "elsewhere")
COLUMNS: Final = ("sent", "seen", *_COUNTED)
"""Frames sent to the NIC; seen by the program; come out at the host, at the peer, at a target."""
MOST: Final = 64
"""Rows and columns of a picture; results of strangers may have any number."""


class Adjusted(NamedTuple):
    """What came of one size and one offset."""

    offset: int
    word: str
    kind: str
    """``good``, ``none``, ``some``, ``bad``, or empty where it was not tried."""


class Adjust(NamedTuple):
    """The adjust matrix of one end of a frame."""

    anchor: str
    side: str
    offsets: tuple[int, ...]
    rows: tuple[tuple[int, tuple[Adjusted, ...]], ...]
    """By size of the frame in bytes."""
    summary: str


def adjusts(anchored: Sequence[tuple[str, Result]]) -> list[Adjust]:
    """XDP-ACT-07 and XDP-ACT-08: every size with every offset."""
    found = []
    for anchor, line in anchored:
        side = _SIDES.get(line.requirement)
        cells = {}
        for key, value in line.evidence.items():
            matched = _CELL.fullmatch(key)
            if side and matched and isinstance(value, str):
                cells[int(matched[1]), int(matched[2])] = value
        if side is None or not cells:
            continue
        sizes = sorted({size for size, _offset in cells})[:MOST]
        offsets = sorted({offset for _size, offset in cells})[:MOST]
        rows = tuple(
            (size, tuple(_adjusted(offset, cells.get((size, offset))) for offset in offsets))
            for size in sizes
        )
        found.append(Adjust(anchor, side, tuple(offsets), rows, line.observed))
    return found


def _adjusted(offset: int, word: str | None) -> Adjusted:
    if word is None:
        return Adjusted(offset, "not tried", "")
    return Adjusted(offset, word, _KINDS.get(word, "bad"))


class Flow(NamedTuple):
    """Frames of one line: what was sent and what became of it."""

    anchor: str
    name: str
    program: str
    counts: tuple[tuple[str, int], ...]
    """By `COLUMNS`."""
    outcome: str

    @property
    def most(self) -> int:
        """The largest of the counts."""
        return max(1, *(number for _name, number in self.counts))


def flows(anchored: Sequence[tuple[str, Result]]) -> list[Flow]:
    """XDP-ACT lines that sent frames."""
    found = []
    for anchor, line in anchored:
        evidence = line.evidence
        sent, seen = evidence.get("sent"), evidence.get("seen by the program")
        if not line.requirement.startswith("XDP-ACT-") or sent is None or seen is None:
            continue
        counts = [("sent", _count(sent)), ("seen", _count(seen))]
        for name in _COUNTED:
            capture = evidence.get(name)
            number = capture.get("frames") if isinstance(capture, dict) else 0
            counts.append((name, _count(number)))
        program = words(evidence.get("program", ""))
        found.append(
            Flow(
                anchor,
                line_name(line),
                program if isinstance(program, str) else "",
                tuple(counts),
                line.outcome,
            )
        )
    return found[:MOST]


def _count(value: object) -> int:
    """A number of frames; 0 for what can be none."""
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else 0
