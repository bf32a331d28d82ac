# SPDX-License-Identifier: MIT
"""Whatever text a file holds, each format keeps its form: no line, row, cell or element more."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import kcidb_io
import pytest
from hypothesis import example, given, settings

from tests.outputs.views.samples import HOSTILE, PAIRS, any_text, everywhere
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.views.export import FORMATS, export
from xdpconform.outputs.views.markdown import LIMIT
from xdpconform.outputs.views.table import LINE, NIC

if TYPE_CHECKING:
    from xdpconform.outputs.results import Results

NICS = 2
LINES = NICS * (len(PAIRS) + 1)
"""With the requirement of each NIC that was not run."""
COUNTED = NICS * (sum(bool(ELSEWHERE[outcome].tap) for outcome, _kind in PAIRS) + 1)

FORMULAS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
SIGNALS = (
    *("[FAIL]", "[fail]", " FAIL:", "\n# not ok 1", "[SKIP]", "[skip]", "SKIP:"),
    *("[OKAY]", "[PASS]", "[ OK ]", "[OK]", "[ ok ]", "[pass]", "PASSED all ", "# Totals: pass:"),
)
"""What the kernel's networking CI takes for an outcome wherever it stands: guess_indicators in
contest/remote/lib/results.py of linux-netdev/nipa. Its `` # SKIP`` is a directive of ours."""

hostile = pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))


def check_tap(results: Results) -> None:
    """The header, the plan, as many results as planned, comments, the totals."""
    text = export("tap", results)
    first, plan, *body, totals, last = text.split("\n")
    kinds = [re.match(r"(not )?ok (\d+) [^#]|# ", one) for one in body]

    assert ("TAP version 13", f"1..{COUNTED}", "") == (first, plan, last)
    assert None not in kinds
    assert [*map(str, range(1, COUNTED + 1))] == [found[2] for found in kinds if found and found[2]]
    assert text.splitlines() == text.split("\n")[:-1]
    assert all(one.isprintable() for one in text.split("\n"))
    assert (totals.startswith("# Totals: pass:"), 1) == (True, text.lower().count("totals:"))
    assert COUNTED == sum(map(int, re.findall(r":(\d+)", totals)))
    assert [] == [one for one in SIGNALS if one in "\n".join(["", *body])]
    assert {"SKIP", "XFAIL", "ERROR"} >= set(
        re.findall(r"^[^#]+# (SKIP|TODO|XFAIL|ERROR)", text, re.MULTILINE)
    )


def check_junit(results: Results) -> None:
    """Well-formed, a case a line, and the counts are those of the elements."""
    root = ET.fromstring(export("junit", results))
    suites = root.findall("testsuite")

    assert LINES == len(root.findall(".//testcase"))
    assert NICS == len(suites)
    for suite in suites:
        counts = [len(suite.findall(f".//{tag}")) for tag in ("testcase", "failure", "error")]
        skipped = len(suite.findall(".//skipped"))
        assert counts == [int(suite.get(name, "")) for name in ("tests", "failures", "errors")]
        assert skipped == int(suite.get("skipped", ""))
        assert {"properties", "testcase"} == {one.tag for one in suite}
    for name in ("tests", "failures", "errors"):
        assert sum(int(suite.get(name, "")) for suite in suites) == int(root.get(name, ""))


def check_kcidb(results: Results) -> None:
    """Valid by KCIDB's own schema, a test a line, and no two with one id."""
    document = json.loads(export("kcidb", results))

    kcidb_io.schema.V5_3.validate(document)
    assert LINES == len({test["id"] for test in document["tests"]})
    assert {build["id"] for build in document["builds"]} == {
        test["build_id"] for test in document["tests"]
    }
    assert {one["id"] for one in document["checkouts"]} == {
        build["checkout_id"] for build in document["builds"]
    }
    assert "\\u0000" not in export("kcidb", results)


def check_csv(results: Results) -> None:
    """A record a line, each in one line of the file, and no cell that is a formula."""
    text = export("csv", results)
    records = list(csv.reader(io.StringIO(text, newline="")))

    assert LINES + 1 == len(records) == text.count("\r\n") == len(text.splitlines())
    assert {len(NIC) + len(LINE)} == {len(record) for record in records}
    assert [] == [cell for record in records for cell in record if cell.lstrip()[:1] in FORMULAS]
    assert all(cell.isprintable() for record in records for cell in record)


def check_markdown(results: Results) -> None:
    """Within the limit, tables keep their columns, and nothing raw but our own tags."""
    text = export("markdown", results)
    raw = re.sub(r"\\[!-/:-@\[-`{-~]", "\xb7", text)  # what is escaped is text
    rows = [one for one in raw.split("\n") if one.startswith("|")]

    assert len(text) <= LIMIT
    assert {13, 5} >= {one.count("|") for one in rows}
    assert {"<details>", "</details>", "<summary>", "</summary>", "<br>"} >= set(
        re.findall(r"<[^>]*>?", raw)
    )
    assert raw.count("<details>") == raw.count("</details>")
    assert [] == re.findall(r"[`\[\]~$]|&(?!lt;|gt;|amp;|quot;|#x27;)", raw)
    assert [] == re.findall(r"@(?!\u2060)|#\d|GH-\d|://|www\.|:[a-z]+:", raw, re.IGNORECASE)
    assert [] == [
        one for one in raw.split("\n") if one[:1] not in ("", "|", "-", "#", "<", "E", "L")
    ]


CHECKS = {
    "tap": check_tap,
    "junit": check_junit,
    "kcidb": check_kcidb,
    "csv": check_csv,
    "markdown": check_markdown,
}


@hostile
@pytest.mark.parametrize("name", CHECKS)
def test_hostile(name: str, text: str) -> None:
    """Text that means something to a format is text in it."""
    CHECKS[name](everywhere(text))


@pytest.mark.parametrize("name", CHECKS)
@settings(max_examples=30, deadline=None)
@given(text=any_text())
@example(text="")
def test_any_text(name: str, text: str) -> None:
    """So is any text."""
    CHECKS[name](everywhere(text))


def test_checked() -> None:
    """No format goes unchecked."""
    assert set(FORMATS) == set(CHECKS)
