# SPDX-License-Identifier: MIT
"""What is a regression: the tables against the rules, and against the documentation."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from xdpconform.outputs.diff_effects import (
    CHANGE,
    GONE,
    IMPROVEMENT,
    LEVELS,
    OUTCOMES,
    REGRESSION,
    VERDICTS,
    of_levels,
    of_outcomes,
    of_verdicts,
)
from xdpconform.outputs.results import NicResults, Result, Results

DOCS = Path(__file__).parents[2] / "docs/diff.md"
OUTCOME_WORDS = get_args(get_type_hints(Result)["outcome"])
VERDICT_WORDS = get_args(get_type_hints(NicResults)["verdict"])

UNTESTED = ("blocked", "error")
SWAPPED = {REGRESSION: IMPROVEMENT, IMPROVEMENT: REGRESSION, CHANGE: CHANGE}


def expected_of(old: str, new: str) -> str:
    """The rules of docs/diff.md, the first that applies."""
    if old == new:
        return CHANGE
    if new == "fail" or old == "pass":
        return REGRESSION
    if new == "pass":
        return IMPROVEMENT
    if old in ("waived", "not-claimed") and new in UNTESTED:
        return REGRESSION
    if (old, new) in (("waived", GONE), ("not-claimed", "waived")):
        return REGRESSION
    if new == "not-claimed" and old in ("fail", "waived"):
        return IMPROVEMENT
    return CHANGE


@pytest.mark.parametrize(("old", "new"), [*product((*OUTCOME_WORDS, GONE), repeat=2)])
def test_outcomes(old: str, new: str) -> None:
    """Each pair of outcomes is worth what the rules say."""
    assert expected_of(old, new) == OUTCOMES[old, new]
    assert OUTCOMES[old, new] == of_outcomes(
        *(None if word == GONE else word for word in (old, new))
    )


@pytest.mark.parametrize(("old", "new"), [*product((*VERDICT_WORDS, GONE), repeat=2)])
def test_verdicts(old: str, new: str) -> None:
    """CONFORMS is better than all others, FAILS worse than INCOMPLETE; no NIC may vanish."""
    expected = CHANGE
    if new != old and (new in ("FAILS", GONE) or old == "CONFORMS"):
        expected = REGRESSION
    elif new != old and new == "CONFORMS":
        expected = IMPROVEMENT

    assert expected == VERDICTS[old, new]
    assert expected == of_verdicts(*(None if word == GONE else word for word in (old, new)))


def test_levels() -> None:
    """Weaker evidence is a regression; the levels are those of results.json, weakest first."""
    assert LEVELS == get_args(get_type_hints(Results)["level"])
    assert [REGRESSION, CHANGE, IMPROVEMENT] == [
        of_levels(*pair) for pair in (("packets", "attach"), ("attach",) * 2, ("claims", "stress"))
    ]


def test_other_way_round() -> None:
    """The other way round regressions are improvements, but for these pairs.

    A new fail always counts; that a fail could not be tested again, was waived or is gone does
    not mend it.
    """
    uneven = {
        (old, new)
        for (old, new), effect in OUTCOMES.items()
        if OUTCOMES[new, old] != SWAPPED[effect]
    }
    not_mended = {("fail", word) for word in ("waived", *UNTESTED, GONE)}
    nothing_lost = {
        *product(("not-claimed", "waived"), UNTESTED),
        ("waived", GONE),
    }

    assert {pair for one in not_mended | nothing_lost for pair in (one, one[::-1])} == uneven


@pytest.mark.parametrize(("head", "table"), [("old outcome", OUTCOMES), ("old verdict", VERDICTS)])
def test_documented(head: str, table: dict[tuple[str, str], str]) -> None:
    """docs/diff.md shows the tables as they are."""
    text = DOCS.read_text(encoding="utf-8")
    block = text[text.index(f"| {head}") :].split("\n\n")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in block.split("\n")]
    words = {"-": REGRESSION, "+": IMPROVEMENT, "": CHANGE}
    shown = {
        (re.sub("`", "", row[0]), column): words[cell]
        for row in rows[2:]
        for column, cell in zip(rows[0][1:], row[1:], strict=True)
    }

    assert table == shown
