# SPDX-License-Identifier: MIT
"""Which requirements prove a claim: programs and frames, not what else is claimed.

From the requirements' own words, "if and only if it is claimed". docs/lies.md tries it: a NIC that
lies about one claim fails these, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class Proof(NamedTuple):
    """A requirement, or one row of it."""

    requirement: str
    row: str = ""
    """Empty: all of its rows."""


def _of(chapter: str, numbers: Iterable[int], row: str = "") -> tuple[Proof, ...]:
    return tuple(Proof(f"XDP-{chapter}-{number:02}", row) for number in numbers)


PROOFS: Final = {
    "basic": (*_of("ATTACH", [1]), *_of("ACT", range(1, 9))),
    "redirect": (*_of("REDIR", range(1, 5)), *_of("SG", [4])),
    "ndo-xmit": _of("XMIT", [1]),
    "xsk-zerocopy": (
        *_of("BIND", [1, 3, 4, 5, 6, 7, 8]),
        *_of("SOCK", (1, *range(3, 12)), "zero-copy"),
        *_of("TXHINT", [2], "zero-copy"),
    ),
    "hw-offload": _of("ATTACH", [6]),
    "rx-sg": (*_of("ATTACH", [4]), *_of("SG", range(1, 6))),
    "ndo-xmit-sg": _of("XMIT", [2]),
    "timestamp": (*_of("HINT", [1], "timestamp"), *_of("HINT", [2])),
    "hash": (*_of("HINT", [1], "hash"), *_of("HINT", [3, 4, 5])),
    "vlan-tag": (*_of("HINT", [1], "vlan-tag"), *_of("HINT", [6])),
    "tx-timestamp": _of("TXHINT", [1], "timestamp"),
    "tx-checksum": _of("TXHINT", [1], "checksum"),
    "tx-launch-time-fifo": _of("TXHINT", [1], "launch-time"),
    "xdp-zc-max-segs": (*_of("BIND", [6, 7]), *_of("SOCK", [2], "zero-copy")),
}
"""By claim, in netdev.yaml's names."""

OTHERS: Final = (
    *_of("ATTACH", [2, 3, 5]),
    *_of("STATE", range(1, 6)),
    *_of("CONFIG", [1]),
    *_of("ACT", [9, 10]),
    *_of("BIND", [2]),
    *_of("SOCK", range(1, 12), "copy"),
    *_of("TXHINT", [2], "copy"),
)
"""Requirements above level claims that prove no claim: programs come and go, copy mode is the
kernel's, and XDP-STATE is about the claims themselves."""

_CLAIMS: Final[dict[Proof, tuple[str, ...]]] = {}
for _claim, _proofs in PROOFS.items():
    for _proof in _proofs:
        _CLAIMS[_proof] = (*_CLAIMS.get(_proof, ()), _claim)


def proven(requirement: str, row: str) -> tuple[str, ...]:
    """The claims that a line proves: it holds if and only if they are true."""
    found = _CLAIMS.get(Proof(requirement), ())
    return (*found, *_CLAIMS.get(Proof(requirement, row), ())) if row else found


def proves(claim: str, requirement: str, row: str) -> bool:
    """Whether a line proves a claim."""
    return claim in proven(requirement, row)
