# SPDX-License-Identifier: MIT
"""What is known of one flag: whether it is expected, whether it is claimed, and what proves it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from xdpconform.outputs.matrix.index import RANKS

CLAIM: Final = {
    "basic": "XDP-FEAT-02",
    "redirect": "XDP-FEAT-03",
    "ndo-xmit": "XDP-FEAT-04",
    "xsk-zerocopy": "XDP-FEAT-05",
    "hw-offload": "XDP-FEAT-06",
    "rx-sg": "XDP-FEAT-07",
    "ndo-xmit-sg": "XDP-FEAT-08",
    "timestamp": "XDP-RXMD-01",
    "hash": "XDP-RXMD-02",
    "vlan-tag": "XDP-RXMD-03",
    "tx-timestamp": "XDP-TXMD-01",
    "tx-checksum": "XDP-TXMD-02",
    "tx-launch-time-fifo": "XDP-TXMD-03",
}
"""The requirement that a flag is claimed if and only if it should be; its rows are states."""
ATTACHED: Final = "XDP-STATE-01"
"""The same while a program is attached; its rows are flags."""
PROOF: Final[dict[str, dict[str, str | None]]] = {
    "basic": dict.fromkeys(
        ("XDP-ACT-01", "XDP-ACT-02", "XDP-ACT-03", "XDP-ACT-04", "XDP-ATTACH-01")
    ),
    "redirect": {"XDP-REDIR-01": None},
    "ndo-xmit": {"XDP-XMIT-01": None},
    "ndo-xmit-sg": {"XDP-XMIT-02": None},
    "xsk-zerocopy": dict.fromkeys(("XDP-BIND-01", "XDP-BIND-03")),
    "hw-offload": {"XDP-ATTACH-06": None},
    "rx-sg": dict.fromkeys(("XDP-ATTACH-04", "XDP-SG-01", "XDP-SG-02", "XDP-SG-03")),
    "timestamp": {"XDP-HINT-01": "timestamp"},
    "hash": {"XDP-HINT-01": "hash"},
    "vlan-tag": {"XDP-HINT-01": "vlan-tag"},
    "tx-timestamp": {"XDP-TXHINT-01": "timestamp"},
    "tx-checksum": {"XDP-TXHINT-01": "checksum"},
    "tx-launch-time-fifo": {"XDP-TXHINT-01": "launch-time"},
}
"""By flag: requirements that hold if and only if it is claimed, and the row about it."""
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
    """required, forbidden, allowed, undecided, by state if that differs; empty: no profile."""
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
    names = (CLAIM[flag], ATTACHED, *PROOF[flag])
    found = index.execute(
        "SELECT nic.driver, nic.variant, nic.kernel, result.requirement, result.nic, result.param,"
        " result.outcome, result.kind, result.level, result.expected, result.reason"
        " FROM cell JOIN result ON result.nic = cell.nic AND result.requirement = cell.requirement"
        " JOIN nic ON nic.id = cell.nic"
        " WHERE cell.requirement IN (SELECT value FROM json_each(?))"
        " ORDER BY nic.driver, nic.variant, nic.kernel, result.requirement, result.param",
        (json.dumps(names),),
    )
    for (driver, variant, kernel), rows in groupby(found, lambda row: row[:3]):
        lines = [_Line(*row[3:]) for row in rows]
        claims = [line for line in lines if _is_claim(line, flag)]
        if claims:
            proofs = [line for line in lines if _is_proof(line, flag)]
            yield _seen(index, flag, (driver, variant, kernel), claims, proofs)


def _is_claim(line: _Line, flag: str) -> bool:
    return line.requirement == CLAIM[flag] or (line.requirement == ATTACHED and line.param == flag)


def _is_proof(line: _Line, flag: str) -> bool:
    param = PROOF[flag].get(line.requirement, "")
    return line.requirement in PROOF[flag] and param in (None, line.param)


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
    expected = dict.fromkeys(
        line.expected.removeprefix(f"{flag} ").partition(" (")[0][:40]
        for line in claims
        if line.expected.startswith(f"{flag} ")
    )
    decisive = _decisive(claims, proofs)
    return FlagSeen(
        *where,
        decisive.outcome,
        decisive.kind,
        decisive.level,
        " or ".join(expected),
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
