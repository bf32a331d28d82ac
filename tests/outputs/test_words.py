# SPDX-License-Identifier: MIT
"""How lines are listed: each for itself, or many with one reason together."""

from __future__ import annotations

from xdpconform.judge import Finding, Kind, Outcome
from xdpconform.outputs.results import Result, result
from xdpconform.outputs.words import FEW, line_text, names_text, together


def line(number: int, outcome: Outcome, reason: str = "", row: str = "") -> Result:
    """A line of the requirement with this number."""
    kind = Kind.OVER_CLAIM if outcome is Outcome.FAIL else None
    finding = Finding(outcome, kind, reason=reason, param=row)
    return Result(**result(f"XDP-ACT-{number:02}", "Title.", finding))


def told(lines: list[Result]) -> list[str]:
    """What is listed of them."""
    return [line_text(same) for same in together(lines)]


def test_each_for_itself() -> None:
    """A few lines are listed one by one, in their order; what passes is not listed."""
    lines = [
        line(1, Outcome.BLOCKED, "no peer"),
        line(2, Outcome.PASS),
        line(3, Outcome.FAIL, "lost", "plain"),
        line(4, Outcome.BLOCKED, "no peer"),
        line(5, Outcome.NOT_CLAIMED),
    ]

    assert [
        "XDP-ACT-01 blocked: no peer",
        "XDP-ACT-04 blocked: no peer",
        "XDP-ACT-03[plain] over-claim: lost",
    ] == told(lines)


def test_many_together() -> None:
    """Many lines that are blocked for one reason are one, which names their requirements once."""
    lines = [line(1 + number // 2, Outcome.BLOCKED, "no peer", "row") for number in range(FEW + 2)]
    other = line(9, Outcome.BLOCKED, "no BTF")

    assert [f"{FEW + 2} lines blocked: no peer", "XDP-ACT-09 blocked: no BTF"] == told(
        [*lines, other]
    )
    assert "XDP-ACT-01 XDP-ACT-02 XDP-ACT-03 XDP-ACT-04 XDP-ACT-05" == names_text(lines)
    assert "" == names_text([other])


def test_fails_never_together() -> None:
    """Each fail is listed, whatever its reason."""
    lines = [line(number, Outcome.FAIL, "lost") for number in range(1, FEW + 5)]

    assert len(lines) == len(told(lines))
