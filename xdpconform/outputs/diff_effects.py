# SPDX-License-Identifier: MIT
"""What a difference between two judged sides is worth: regression, improvement or mere change.

All that decides it stands in the tables here; docs/diff.md shows them, and a test compares.
"""

from __future__ import annotations

from typing import Final, Literal

Effect = Literal["regression", "improvement", "change"]

REGRESSION: Final = "regression"
IMPROVEMENT: Final = "improvement"
CHANGE: Final = "change"

GONE: Final = "gone"
"""In the tables: a line or NIC that this side does not have."""
LEVELS: Final = ("claims", "attach", "packets", "stress")
"""How strong evidence is, weakest first."""

_SIGNS: Final[dict[str, Effect]] = {"-": REGRESSION, "+": IMPROVEMENT, ".": CHANGE}


def _table(text: str) -> dict[tuple[str, str], Effect]:
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {
        (old, new): _SIGNS[sign]
        for old, *signs in rows
        for new, sign in zip(head, signs, strict=True)
    }


OUTCOMES: Final = _table("""
              pass  not-claimed  waived  blocked  error  fail  gone
 pass          .         -         -        -       -      -     -
 not-claimed   +         .         -        -       -      -     .
 waived        +         +         .        -       -      -     -
 blocked       +         .         .        .       .      -     .
 error         +         .         .        .       .      -     .
 fail          +         +         .        .       .      .     .
 gone          +         .         .        .       .      -     .
""")
"""By a line's old outcome (rows) and new one (columns).

A new fail is a regression whatever it was before. So is what held and could no longer be tested,
for nobody knows that it still holds. A fail that can no longer be tested is no improvement, and
neither is one that was waived: the NIC is what it was.
"""

VERDICTS: Final = _table("""
             CONFORMS  INCOMPLETE  FAILS  gone
 CONFORMS       .          -         -      -
 INCOMPLETE     +          .         -      -
 FAILS          +          .         .      -
 gone           +          .         -      .
""")
"""By a NIC's old verdict (rows) and new one (columns)."""


def of_outcomes(old: str | None, new: str | None) -> Effect:
    """What it is worth that a line came out otherwise; None for a line that is not there."""
    return OUTCOMES[old or GONE, new or GONE]


def of_verdicts(old: str | None, new: str | None) -> Effect:
    """What another verdict is worth; None for a NIC that is not there."""
    return VERDICTS[old or GONE, new or GONE]


def of_levels(old: str, new: str) -> Effect:
    """Weaker evidence is a regression, stronger evidence an improvement."""
    return of_numbers(LEVELS.index(old), LEVELS.index(new))


def of_numbers(old: int, new: int) -> Effect:
    """Of what is better the more there is."""
    if old == new:
        return CHANGE
    return IMPROVEMENT if new > old else REGRESSION
