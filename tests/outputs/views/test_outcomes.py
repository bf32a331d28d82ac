# SPDX-License-Identifier: MIT
"""Every outcome, with every kind, in every format: what its reader concludes."""

from __future__ import annotations

import csv
import io
import json
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from tests.outputs.views.samples import KINDS, OUTCOMES, PAIRS, line, nic, run
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.views.export import export


class Said(NamedTuple):
    """One line in each format."""

    tap: str
    totals: str
    junit: tuple[str, str] | None
    kcidb: str
    csv: tuple[str, str]
    heading: str


SAID = {
    "pass": Said("ok 1 XDP-ACT-01", "pass", None, "PASS", ("pass", ""), "<details>"),
    "fail": Said(
        "not ok 1 XDP-ACT-01 # fail: they were dropped",
        "fail",
        ("failure", "fail"),
        "FAIL",
        ("fail", ""),
        "### Failures",
    ),
    "error": Said(
        "not ok 1 XDP-ACT-01 # ERROR they were dropped",
        "error",
        ("error", "error"),
        "ERROR",
        ("error", ""),
        "### Errors of the tests",
    ),
    "blocked": Said(
        "ok 1 XDP-ACT-01 # SKIP they were dropped",
        "skip",
        ("skipped", "blocked"),
        "MISS",
        ("blocked", ""),
        "### Could not be tested",
    ),
    "waived": Said(
        "ok 1 XDP-ACT-01 # XFAIL they were dropped",
        "xfail",
        ("skipped", "waived"),
        "FAIL",
        ("waived", ""),
        "### Waived",
    ),
    "not-claimed": Said(
        "# XDP-ACT-01 not-claimed: they were dropped",
        "",
        ("skipped", "not-claimed"),
        "SKIP",
        ("not-claimed", ""),
        "<details>",
    ),
}
"""By outcome, of a line without a kind."""


def expected(outcome: str, kind: str | None) -> Said:
    """The table, with the kind of a fail in the place of its outcome."""
    said = SAID[outcome]
    if kind:
        said = said._replace(csv=(outcome, kind))
    if outcome == "fail" and kind:
        said = said._replace(tap=f"not ok 1 XDP-ACT-01 # {kind}: they were dropped")
        said = said._replace(junit=("failure", kind))
    return said


@pytest.mark.parametrize(("outcome", "kind"), PAIRS)
def test_said(outcome: str, kind: str | None) -> None:
    """An outcome is the same word of a format whatever the kind, and a fail's kind is named."""
    results = run(nic(line(1, outcome, kind)))
    tap = export("tap", results).splitlines()
    case = ET.fromstring(export("junit", results)).find(".//testcase")
    assert case is not None
    [element] = [one for one in case if one.tag != "properties"] or [None]
    [record] = csv.DictReader(io.StringIO(export("csv", results), newline=""))
    [test] = json.loads(export("kcidb", results))["tests"]
    headings = [
        text
        for text in export("markdown", results).splitlines()
        if text.startswith(("###", "<details>"))
    ]

    said = expected(outcome, kind)
    assert [said.tap] == [text for text in tap if "XDP-ACT-01" in text]
    assert {said.totals: "1"} if said.totals else {} == counted(tap[-1])
    assert said.junit == (None if element is None else (element.tag, element.get("type")))
    assert said.kcidb == test["status"]
    assert said.csv == (record["outcome"], record["kind"])
    assert [said.heading] == [text[: len(said.heading)] for text in headings]


def counted(totals: str) -> dict[str, str]:
    """What a line of totals counts, without what it does not."""
    pairs = [word.split(":") for word in totals.removeprefix("# Totals: ").split()]
    return {name: number for name, number in pairs if number != "0"}


def test_all_outcomes() -> None:
    """The tables here and there hold each outcome that results.json knows, and no other."""
    assert set(OUTCOMES) == set(ELSEWHERE) == set(SAID)
    assert len(KINDS) == 4


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_untested_is_no_pass(outcome: str) -> None:
    """Only what passed is a pass: what could not be tested is neither pass nor fail anywhere."""
    word = ELSEWHERE[outcome]
    passes = {word.totals == "pass", word.kcidb == "PASS", word.junit == "", word.support == "y"}

    assert passes == {outcome == "pass"}
    if outcome == "blocked":
        assert (word.directive, word.totals, word.junit, word.kcidb, word.intoto) == (
            "SKIP",
            "skip",
            "skipped",
            "MISS",
            "",
        )


def test_not_run() -> None:
    """A requirement that was not run is seen in each format, as one that was blocked."""
    results = run(nic(line(1), missing=["XDP-ACT-02"]))
    records = list(csv.DictReader(io.StringIO(export("csv", results), newline="")))
    suite = ET.fromstring(export("junit", results)).find("testsuite")
    tests = json.loads(export("kcidb", results))["tests"]
    why = "not run: start a run without a selection of tests"

    assert suite is not None
    assert ["pass", "blocked"] == [record["outcome"] for record in records]
    assert ("2", "1") == (suite.get("tests"), suite.get("skipped"))
    assert ["PASS", "MISS"] == [test["status"] for test in tests]
    assert f"ok 2 XDP-ACT-02 # SKIP {why}" in export("tap", results).splitlines()
    assert f"- **XDP-ACT-02** on eth0, blocked: {why}\n" in export("markdown", results)
