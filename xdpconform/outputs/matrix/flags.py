# SPDX-License-Identifier: MIT
"""What is known of one flag: whether it is expected, whether it is claimed, and what proves it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from xdpconform.judge.claims import expected_word
from xdpconform.judge.lines import COMPARED
from xdpconform.judge.proofs import PROOFS, proves
from xdpconform.outputs.matrix.index import RANKS

ATTACHED: Final = "XDP-STATE-01"
"""What `COMPARED` names, while a program is attached; its rows are flags."""
_LEVELS: Final = ("claims", "attach", "packets", "stress")


class FlagSeen(NamedTuple):
    """A flag under a driver on a kernel."""

    driver: str
    variant: str
    kernel: str
    outcome: str
    kind: str | None
    level: str
    """What the outcome rests on."""
    expected: str
    """The profile's word, or several where states differ; empty: no profile."""
    claimed: bool
    reason: str
    claim_nic: int
    proof_nic: int
    """Where the line is that the outcome rests on; it may be an older certificate."""


class _Line(NamedTuple):
    requirement: str
    nic: int
    param: str
    outcome: str
    kind: str | None
    level: str
    expected: str
    reason: str


def seen(index: sqlite3.Connection, flag: str) -> Iterator[FlagSeen]:
    """A flag under each driver on each kernel; each line is the newest of its requirement."""
    names = {COMPARED[flag], ATTACHED, *(proof.requirement for proof in PROOFS[flag])}
    found = index.execute(
        "SELECT nic.driver, nic.variant, nic.kernel, result.requirement, result.nic, result.param,"
        " result.outcome, result.kind, result.level, result.expected, result.reason"
        " FROM cell JOIN result ON result.nic = cell.nic AND result.requirement = cell.requirement"
        " JOIN nic ON nic.id = cell.nic"
        " WHERE cell.requirement IN (SELECT value FROM json_each(?))"
        " ORDER BY nic.driver, nic.variant, nic.kernel, result.requirement, result.param",
        (json.dumps(sorted(names)),),
    )
    for (driver, variant, kernel), rows in groupby(found, lambda row: row[:3]):
        lines = [_Line(*row[3:]) for row in rows]
        claims = [line for line in lines if _is_claim(line, flag)]
        if claims:
            proofs = [one for one in lines if proves(flag, one.requirement, one.param)]
            yield _seen(index, flag, (driver, variant, kernel), claims, proofs)


def _is_claim(line: _Line, flag: str) -> bool:
    return line.requirement == COMPARED[flag] or (
        line.requirement == ATTACHED and line.param == flag
    )


def _seen(
    index: sqlite3.Connection,
    flag: str,
    where: tuple[str, str, str],
    claims: Sequence[_Line],
    proofs: Sequence[_Line],
) -> FlagSeen:
    nics = sorted({line.nic for line in claims})
    claimed = any(
        index.execute("SELECT 1 FROM claim WHERE nic = ? AND flag = ?", (nic, flag)).fetchone()
        for nic in nics
    )
    words = (expected_word(flag, line.expected) for line in claims)
    decisive = _decisive(claims, proofs)
    return FlagSeen(
        *where,
        decisive.outcome,
        decisive.kind,
        decisive.level,
        " or ".join(dict.fromkeys(filter(None, words))),
        claimed,
        decisive.reason,
        claims[0].nic,
        decisive.nic,
    )


def _decisive(claims: Sequence[_Line], proofs: Sequence[_Line]) -> _Line:
    """The line that the flag's outcome rests on.

    What contradicts the claim comes first, be it a claim or a frame. Where nothing does, the claim
    says what the outcome is, and what was proven how far it may be believed. What could not be
    proven takes nothing from what was claimed.
    """

    def order(line: _Line) -> tuple[int, int]:
        return RANKS.index(line.outcome), _LEVELS.index(line.level)

    bad = [line for line in (*claims, *proofs) if line.outcome in ("fail", "waived")]
    if bad:
        return max(bad, key=order)
    claim = max(claims, key=order)
    if claim.outcome not in ("pass", "not-claimed"):
        return claim
    held = [line for line in proofs if line.outcome == "pass"]
    best = max(held, key=order, default=claim)
    return best._replace(outcome=claim.outcome) if order(best)[1] > order(claim)[1] else claim
