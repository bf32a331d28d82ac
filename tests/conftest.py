# SPDX-License-Identifier: MIT
"""The project's own tests: clone tests on request, and no skip in CI that is not expected."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

EXPECTED = Path(__file__).parent / "expected-skips.txt"
CLONE = "--clone"


class Expected(NamedTuple):
    """A skip that CI lets pass: globs of ``*`` and ``?``; brackets mean themselves."""

    nodeid: str
    reason: str

    def fits(self, nodeid: str, reason: str) -> bool:
        """Whether this is the skip that was meant."""
        return _fits(self.nodeid, nodeid) and _fits(self.reason, reason)


def _fits(glob: str, text: str) -> bool:
    pattern = re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def pytest_pycollect_makemodule() -> None:
    """Before a test module is imported: no example of hypothesis has a deadline."""
    _untimed()


@cache
def _untimed() -> None:
    # Not above: pytest loads this file for `pytest --iface` in a checkout as well.
    from hypothesis import settings

    # What a machine does besides decides how long an example takes.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


def expected_skips(text: str) -> list[Expected]:
    """Read a list of skips.

    Raises:
        UsageError: a line without its two parts.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        nodeid, bar, reason = (part.strip() for part in line.partition(" | "))
        if not (nodeid and bar.strip() and reason):
            raise pytest.UsageError(
                f"{EXPECTED.name}, line {number}: 'NODE ID GLOB | REASON GLOB' expected"
            )
        found.append(Expected(nodeid, reason))
    return found


class NoUnexpectedSkips:
    """Fails a run for each skip that the list does not hold.

    Args:
        expected: the list.
    """

    def __init__(self, expected: list[Expected]) -> None:
        self.expected = expected
        self.unexpected: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See a test's skip."""
        self._see(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """See the skip of a whole module."""
        self._see(report)

    def _see(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else str(where)
        reason = reason.removeprefix("Skipped: ")
        if not any(one.fits(report.nodeid, reason) for one in self.expected):
            self.unexpected.append(f"{report.nodeid} | {reason}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let the exit status say it."""
        if self.unexpected and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List them."""
        if not self.unexpected:
            return
        terminalreporter.section("unexpected skips", red=True)
        for line in self.unexpected:
            terminalreporter.write_line(line)
        terminalreporter.write_line(
            f"{len(self.unexpected)} skipped although CI is set: give the machine what is missing,"
            f" or add the line to tests/{EXPECTED.name}"
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for the clone tests."""
    parser.getgroup("xdpconform's own tests").addoption(
        CLONE,
        action="store_true",
        help="run the tests that clone the repository and install it, and no others",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, in CI, the watch over skips."""
    config.addinivalue_line(
        "markers", f"clone: clones the repository and installs it; runs with {CLONE} only"
    )
    if os.environ.get("CI", "").lower() in ("1", "true") and not hasattr(config, "workerinput"):
        expected = expected_skips(EXPECTED.read_text(encoding="utf-8"))
        config.pluginmanager.register(NoUnexpectedSkips(expected), "no-unexpected-skips")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Clone tests run alone and on request: the README's test command must not meet itself."""
    wanted: bool = config.getoption(CLONE)
    kept = [item for item in items if (item.get_closest_marker("clone") is not None) == wanted]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
