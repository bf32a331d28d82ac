# SPDX-License-Identifier: MIT
"""JUnit XML: a test suite a NIC, a test case a line, and what is known of both as properties.

There is no one specification. This is what Jenkins' junit-10.xsd (jenkinsci/xunit-plugin) allows,
and properties of test cases as pytest's own ``--junitxml`` writes them, which Jenkins reads too.
No time is given, since results.json has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.views.lines import facts_of, lines_of, name_of, paragraph, plain, told
from xdpconform.outputs.words import in_a_line, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdpconform.outputs.results import NicResults, Result, Results

_COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def junit(results: Results) -> str:
    """The results as JUnit XML.

    Lines that are blocked, waived or not claimed are skipped, as they are to pytest; the type of
    that element and the property ``outcome`` say which. The verdict is a property of the suite.
    """
    root = ET.Element("testsuites", name=plain(results.tool.name))
    for nic in results.nics:
        _suite(root, results, nic)
    suites = list(root)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(root: ET.Element, results: Results, nic: NicResults) -> None:
    lines = lines_of(results, nic)
    words: list[str] = [ELSEWHERE[line.outcome].junit for line in lines]
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "name": plain(nic.id),
            "tests": str(len(lines)),
            **{count: str(words.count(word)) for count, word in _COUNTS.items()},
            "timestamp": plain(results.started),
        },
    )
    _properties(suite, facts_of(results, nic))
    for line in lines:
        _case(suite, nic, line)


def _case(suite: ET.Element, nic: NicResults, line: Result) -> None:
    """A line; its class is the NIC and the requirement's area, by which Jenkins groups."""
    area = line.requirement.rpartition("-")[0] or line.requirement
    names = {"classname": f"{plain(nic.id)}.{plain(area)}", "name": name_of(line)}
    case = ET.SubElement(suite, "testcase", names)
    known = {
        "requirement": line.requirement,
        "row": line.param,
        "title": line.title,
        "outcome": line.outcome,
        "kind": line.kind or "",
        "level": line.level,
        "expected": line.expected,
        "observed": line.observed,
    }
    _properties(case, {name: plain(value) for name, value in known.items() if value})
    element = ELSEWHERE[line.outcome].junit
    if element:
        attributes = {"type": outcome(line), "message": plain(in_a_line(line))}
        ET.SubElement(case, element, attributes).text = "\n".join(_body(line))


def _body(line: Result) -> Iterable[str]:
    for name, text in told(line):
        first, *rest = paragraph(text) or [""]
        yield f"{name}: {first}"
        yield from rest


def _properties(parent: ET.Element, known: Mapping[str, str]) -> None:
    element = ET.SubElement(parent, "properties")
    for name, value in known.items():
        ET.SubElement(element, "property", name=name, value=value)
