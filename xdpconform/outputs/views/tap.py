# SPDX-License-Identifier: MIT
"""Flat TAP 13 that is KTAP as well, with kselftest's line of totals.

Flat, and with the header of TAP 13, because that is what the networking CI of the kernel reads:
its parser sees no ``KTAP version 1`` (contest/remote/lib/results.py of linux-netdev/nipa).
Below the runner of kselftest, which puts ``# `` before each line, it reads all of it.

Sources: https://testanything.org/tap-version-13-specification.html;
Documentation/dev-tools/ktap.rst; ksft_print_cnts in tools/testing/selftests/kselftest.h.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.views.lines import (
    lines_of,
    name_of,
    paragraph,
    plain,
    told,
    totals,
    verdict_of,
)
from xdpconform.outputs.words import in_a_line

if TYPE_CHECKING:
    from xdpconform.outputs.results import Result, Results

_COUNTED: Final = ("pass", "fail", "xfail", "xpass", "skip", "error")
"""In kselftest's order; no outcome of ours is an xpass."""
_REASON: Final = 400
"""So many characters stand behind a result."""
_SIGNALS: Final = re.compile(
    r"\[ ?(?:ok|OK|OKAY|pass|PASS|fail|FAIL|skip|SKIP) ?\]|PASSED all|FAIL:|SKIP:|Totals:|ok \d"
)
"""What NIPA takes for an outcome wherever it stands: guess_indicators, in the same file."""


def tap(results: Results) -> str:
    """The lines of all NICs as one TAP stream; those of several NICs bear their NIC's name.

    A line that is not claimed had nothing to test: it is a comment and not counted, since one
    skipped line makes NIPA call a whole file skipped.
    """
    body: list[str] = []
    counted: list[Result] = []
    for nic in results.nics:
        prefix = f"{nic.id} " if len(results.nics) > 1 else ""
        body.append(_comment(verdict_of(nic)))
        for line in lines_of(results, nic):
            name = _safe(plain(prefix) + name_of(line))
            if ELSEWHERE[line.outcome].tap:
                counted.append(line)
                body += _result(line, len(counted), name)
            else:
                body.append(_comment(f"{name} {line.outcome}: {plain(in_a_line(line), _REASON)}"))
    numbers = totals(counted)
    plan = f"1..{len(counted)}" + ("" if counted else " # SKIP nothing was tested")
    sums = " ".join(f"{word}:{numbers[word]}" for word in _COUNTED)
    return "\n".join(["TAP version 13", plan, *body, f"# Totals: {sums}", ""])


def _result(line: Result, number: int, name: str) -> list[str]:
    """One line's result; before it, as KTAP recommends, what led to it, unless it passed."""
    word = ELSEWHERE[line.outcome]
    result = f"{word.tap} {number} {name}"
    if line.outcome == "pass":
        return [result]
    led = [
        _comment(f"{what}: {text}")
        for what, value in told(line)
        for text in paragraph(value)
        if what != "reason" or line.outcome not in ("blocked", "waived")
    ]
    why = plain(in_a_line(line), _REASON)
    if not word.directive:
        return [*led, f"{result} # {_safe(f'{line.kind or line.outcome}: {why}')}"]
    return [*led, f"{result} # {word.directive} {_safe(why)}".rstrip()]


def _comment(text: str) -> str:
    return f"# {_safe(text)}"


def _safe(text: str) -> str:
    """Text that no parser takes for a directive or an outcome."""
    marked = text.replace("#", r"\x23")
    return _SIGNALS.sub(lambda found: f"\\x{ord(found[0][0]):02x}{found[0][1:]}", marked)
