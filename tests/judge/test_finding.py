# SPDX-License-Identifier: MIT
"""Findings as text, the verdict, and waivers."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from tests.facts.nics import make_nic
from tests.judge.suite import asked
from xdpconform.judge import Finding, Kind, Outcome, Verdict, verdict, waive
from xdpconform.judge.finding import blocked, evidence
from xdpconform.nic import Answer
from xdpconform.profiles.model import Waiver

DAY = dt.date(2030, 6, 15)
ONE_DAY = dt.timedelta(days=1)
FAIL = Finding(Outcome.FAIL, Kind.OVER_CLAIM, "none", "basic", "it lies", {"a": 1}, "idle")


def waiver(until: dt.date, reason: str = "known") -> Waiver:
    """A waiver until a day."""
    return Waiver(
        requirement="XDP-FEAT-02", reason=reason, link="https://example.org/1", until=until
    )


def every_combination() -> list[tuple[Outcome, ...]]:
    """Every set of outcomes."""
    return [
        outcomes
        for size in range(len(Outcome) + 1)
        for outcomes in itertools.combinations(Outcome, size)
    ]


@pytest.mark.parametrize(
    "outcomes",
    [
        pytest.param(outcomes, id="+".join(outcome.value for outcome in outcomes) or "none")
        for outcomes in every_combination()
    ],
)
def test_verdict(outcomes: tuple[Outcome, ...]) -> None:
    """Any fail is FAILS; anything blocked, errored or nothing at all proven is INCOMPLETE."""
    if Outcome.FAIL in outcomes:
        wanted = Verdict.FAILS
    elif Outcome.BLOCKED in outcomes or Outcome.ERROR in outcomes:
        wanted = Verdict.INCOMPLETE
    elif Outcome.PASS in outcomes or Outcome.WAIVED in outcomes:
        wanted = Verdict.CONFORMS
    else:
        wanted = Verdict.INCOMPLETE
    assert wanted is verdict(outcomes)
    assert wanted is verdict([*outcomes, *reversed(outcomes)])


def test_verdict_of_one() -> None:
    """The verdict of each outcome alone."""
    assert {
        Outcome.PASS: Verdict.CONFORMS,
        Outcome.FAIL: Verdict.FAILS,
        Outcome.NOT_CLAIMED: Verdict.INCOMPLETE,
        Outcome.BLOCKED: Verdict.INCOMPLETE,
        Outcome.WAIVED: Verdict.CONFORMS,
        Outcome.ERROR: Verdict.INCOMPLETE,
    } == {outcome: verdict([outcome]) for outcome in Outcome}


WAIVED = "waived until 2030-06-15: known (https://example.org/1); without it over-claim: it lies"


@pytest.mark.parametrize(
    ("days", "outcome", "reason"),
    [
        ([DAY], Outcome.WAIVED, WAIVED),
        ([DAY - ONE_DAY, DAY], Outcome.WAIVED, WAIVED),
        ([DAY, DAY - ONE_DAY], Outcome.WAIVED, WAIVED),
        (
            [DAY + ONE_DAY],
            Outcome.WAIVED,
            WAIVED.replace("06-15", "06-16"),
        ),
        (
            [DAY - ONE_DAY],
            Outcome.FAIL,
            "it lies; its waiver expired on 2030-06-14 (https://example.org/1)",
        ),
        ([], Outcome.FAIL, "it lies"),
    ],
)
def test_waive(days: list[dt.date], outcome: Outcome, reason: str) -> None:
    """A fail is waived up to and on the waiver's last day, and fails again from the next day on."""
    found = waive(FAIL, [waiver(day) for day in days], DAY)
    assert (outcome, reason) == (found.outcome, found.reason)
    assert FAIL._replace(outcome=outcome, reason=reason) == found


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.FAIL])
def test_waive_fails_only(outcome: Outcome) -> None:
    """Nothing but a fail is waived."""
    finding = Finding(outcome, reason="so")
    assert finding is waive(finding, [waiver(DAY)], DAY)


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (FAIL, "over-claim: it lies\n  expected: none\n  reported: basic"),
        (Finding(Outcome.PASS), "pass"),
        (Finding(Outcome.NOT_CLAIMED, reason="so"), "not-claimed: so"),
        (Finding(Outcome.BLOCKED, expected="a"), "blocked\n  expected: a"),
        (Finding(Outcome.FAIL, observed="b"), "fail\n  reported: b"),
    ],
)
def test_text(finding: Finding, text: str) -> None:
    """A finding as text: what it is, why, what was expected and what was reported."""
    assert text == finding.text()


def test_evidence() -> None:
    """Evidence is the question and the bytes, in hex; nothing where nothing was asked."""
    assert {} == evidence(None)
    answer = Answer("netdev dev-get", b"\x01\x02", (b"\xff", b""))
    wanted = {"what": "netdev dev-get", "request": "0102", "replies": ["ff", ""]}
    assert wanted == evidence(answer)
    proof = evidence(asked(make_nic()).answers["dev-get"])
    assert str(proof["request"]).startswith("1c000000")


def test_blocked() -> None:
    """A blocked finding keeps what was expected, observed and proven."""
    wanted = Finding(Outcome.BLOCKED, None, "a", "b", "why", {"c": 1}, "idle")
    found = blocked("why", expected="a", observed="b", evidence={"c": 1}, param="idle")
    assert wanted == found
    assert Finding(Outcome.BLOCKED, reason="why") == blocked("why")
