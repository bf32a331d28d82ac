# SPDX-License-Identifier: MIT
"""The claims matrix: each flag and value by state, expected, claimed, and how it is proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.judge.claims import expected_word
from xdpconform.judge.lines import COMPARED
from xdpconform.judge.proofs import proven
from xdpconform.nic import ATTACHED, FLAGS, IDLE
from xdpconform.outputs.words import line_name

if TYPE_CHECKING:
    from xdpconform.outputs.results import Claims, NicResults, Result

SEGMENTS: Final = "xdp-zc-max-segs"
STATES: Final = (IDLE, ATTACHED)
_LEVELS: Final = ("claims", "attach", "packets", "stress")


class Cell(NamedTuple):
    """A claim in one state."""

    state: str
    expected: str
    """A word; empty where no line tells."""
    claimed: str
    """``claimed``, ``not claimed``, a number, or empty where nobody looked."""
    outcome: str
    """Of the line that compares the two; empty without one."""
    anchor: str
    """That line."""

    @property
    def mark(self) -> str:
        """Whether the two agree: ``agrees``, ``differs``, ``waived``, ``open``."""
        if self.outcome in ("pass", "not-claimed"):
            return "agrees"
        return {"fail": "differs", "waived": "waived"}.get(self.outcome, "open")


class Row(NamedTuple):
    """One claim."""

    name: str
    attribute: str
    cells: tuple[Cell, ...]
    """By state, as `STATES`."""
    proof: str
    """How it is proven, in words."""
    strength: str
    """``holds``, ``fails``, ``waived``, ``none`` or ``untried``."""
    held: int
    tried: int
    lines: tuple[tuple[str, str], ...]
    """Name and anchor of the lines that prove it."""


def rows(nic: NicResults, anchored: Sequence[tuple[str, Result]]) -> list[Row]:
    """Every flag of netdev.yaml, the number of segments, and claims that have no name."""
    found = []
    claims = {state: nic.capabilities.get(state) for state in STATES}
    seen = {IDLE: _flags(claims[IDLE]), ATTACHED: _flags(claims[ATTACHED])}
    if seen[ATTACHED] is None:
        seen[ATTACHED] = _shown_attached(line for _anchor, line in anchored)
    lines = {(line.requirement, line.param): (anchor, line) for anchor, line in anchored}
    proofs: dict[str, list[tuple[str, Result]]] = {}
    for pair in anchored:
        for claim in proven(pair[1].requirement, pair[1].param):
            proofs.setdefault(claim, []).append(pair)
    names = [(attribute, name) for attribute in FLAGS for name in FLAGS[attribute]]
    known = {name for _attribute, name in names}
    for flags in seen.values():
        for attribute, claimed in (flags or {}).items():
            for name in claimed:
                if name not in known:
                    known.add(name)
                    names.append((attribute, name))
    for attribute, name in names:
        cells = []
        for state in STATES:
            anchor, line = _compared(lines, name, state)
            flags = seen[state]
            claimed = "" if flags is None else "not claimed"
            if flags is not None and name in flags.get(attribute, ()):
                claimed = "claimed"
            expected = expected_word(name, line.expected) if line else ""
            cells.append(Cell(state, expected, claimed, line.outcome if line else "", anchor))
        found.append(_row(name, attribute, cells, proofs.get(name, ())))
    segments = []
    for state in STATES:
        anchor, line = _compared(lines, SEGMENTS, state)
        expected = line.expected.partition(" (")[0] if line else ""
        value = claims[state]
        claimed = ""
        if value is not None:
            claimed = "absent" if value.xdp_zc_max_segs is None else str(value.xdp_zc_max_segs)
        elif line is not None and SEGMENTS in line.observed:
            claimed = line.observed.rpartition(f"{SEGMENTS} ")[2]
        if line and line.outcome == "not-claimed" and not expected:
            expected = "none"
        segments.append(Cell(state, expected, claimed, line.outcome if line else "", anchor))
    found.append(_row(SEGMENTS, SEGMENTS, segments, proofs.get(SEGMENTS, ())))
    return found


def _flags(claims: Claims | None) -> dict[str, Sequence[str]] | None:
    if claims is None:
        return None
    return {
        "xdp-features": claims.xdp_features or (),
        "xdp-rx-metadata-features": claims.xdp_rx_metadata_features or (),
        "xsk-features": claims.xsk_features or (),
    }


def _shown_attached(lines: Iterable[Result]) -> dict[str, Sequence[str]] | None:
    """What was claimed while the suites had a program attached: evidence of XDP-STATE-01."""
    for line in lines:
        if line.requirement == "XDP-STATE-01":
            shown = line.evidence.get(ATTACHED)
            claims = shown.get("claims") if isinstance(shown, Mapping) else None
            if isinstance(claims, Mapping):
                return {
                    attribute: [one for one in claims.get(attribute) or () if isinstance(one, str)]
                    for attribute in FLAGS
                    if isinstance(claims.get(attribute), (list, type(None)))
                }
    return None


def _compared(
    lines: Mapping[tuple[str, str], tuple[str, Result]], name: str, state: str
) -> tuple[str, Result | None]:
    """The line that compares a claim in a state with the profile."""
    keys = [(COMPARED.get(name, ""), state)]
    if state == ATTACHED:
        keys.append(("XDP-STATE-02", state) if name == SEGMENTS else ("XDP-STATE-01", name))
    return next((lines[key] for key in keys if key in lines), ("", None))


def _row(
    name: str, attribute: str, cells: Sequence[Cell], lines: Sequence[tuple[str, Result]]
) -> Row:
    proof, strength, held, tried = _proof([line for _anchor, line in lines])
    told = tuple((line_name(line), anchor) for anchor, line in lines)
    return Row(name, attribute, tuple(cells), proof, strength, held, tried, told)


def _proof(lines: Sequence[Result]) -> tuple[str, str, int, int]:
    """How far a claim is proven: in words, in one word, how many lines hold, and of how many."""
    counts = Counter[str](line.outcome for line in lines)
    tried = len(lines) - counts["blocked"] - counts["error"]
    if not tried:
        word = "could not be tried" if lines else "not tried"
        return word, "untried", 0, 0
    level = max(
        (line.level for line in lines if line.outcome not in ("blocked", "error")),
        key=_LEVELS.index,
    )
    held = counts["pass"]
    if counts["not-claimed"] == tried:
        text = f"{level}: not claimed, in {_lines(tried)}"
        return text, "none", 0, tried
    parts = [f"{held} of {_lines(tried)} {'holds' if tried == 1 else 'hold'}"]
    parts += [
        f"{counts[outcome]} {word}"
        for outcome, word in (
            ("fail", "failed"),
            ("waived", "waived"),
            ("not-claimed", "not claimed"),
            ("blocked", "blocked"),
            ("error", "broke"),
        )
        if counts[outcome]
    ]
    strength = "fails" if counts["fail"] else "waived" if counts["waived"] else "holds"
    return f"{level}: {', '.join(parts)}", strength, held, tried


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number} lines"
