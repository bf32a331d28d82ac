# SPDX-License-Identifier: MIT
"""What each outcome is called elsewhere: the one table that every other format is written from.

None of these formats knows all of our outcomes. What could not be tested is no pass in any of
them, and no fail either.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple


class Elsewhere(NamedTuple):
    """An outcome in the words of other formats."""

    tap: Literal["ok", "not ok", ""]
    """The result of a TAP line; empty: the line is a comment, since nothing was to be tested."""
    directive: Literal["", "SKIP", "XFAIL", "ERROR"]
    """What follows it, as kselftest writes it: Documentation/dev-tools/ktap.rst."""
    totals: Literal["pass", "fail", "xfail", "skip", "error", ""]
    """Where kselftest's line of totals counts it: ksft_print_cnts in kselftest.h."""
    junit: Literal["", "failure", "skipped", "error"]
    """The element inside a testcase; empty: none, it passed."""
    kcidb: Literal["PASS", "FAIL", "SKIP", "MISS", "ERROR"]
    """A test's status in KCIDB: MISS is a test that could not be run."""
    intoto: Literal["passed", "warned", "failed", ""]
    """Which list of in-toto's test-result names it: that predicate has none for skipped tests."""
    support: Literal["y", "a", "n", "u", "-"]
    """As tables of browser support have it: yes, almost, no, unknown; ``-`` is not claimed."""


ELSEWHERE: Final = {
    "pass": Elsewhere("ok", "", "pass", "", "PASS", "passed", "y"),
    "fail": Elsewhere("not ok", "", "fail", "failure", "FAIL", "failed", "n"),
    "error": Elsewhere("not ok", "ERROR", "error", "error", "ERROR", "", "u"),
    "blocked": Elsewhere("ok", "SKIP", "skip", "skipped", "MISS", "", "u"),
    "waived": Elsewhere("ok", "XFAIL", "xfail", "skipped", "FAIL", "warned", "a"),
    "not-claimed": Elsewhere("", "", "", "skipped", "SKIP", "", "-"),
}
"""By outcome, as results.json has it."""
