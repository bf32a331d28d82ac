# SPDX-License-Identifier: MIT
"""From a finding to a test's outcome, and from there to a line of the run.

Registered in runs that certify, in pytest's controller and in its workers alike.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest

from xdpconform.judge import Finding, Outcome
from xdpconform.lab import Subject, waived
from xdpconform.outputs.results import result

if TYPE_CHECKING:
    from xdpconform.plugin import Certify

FORM: Final = "a test that certifies needs @pytest.mark.requirement('XDP-AREA-01')"

_FINDING = pytest.StashKey[Finding]()
_REQUIREMENT = pytest.StashKey[tuple[str, str]]()


class Case:
    """A NIC of the run, as tests are parametrized with it.

    Equal to itself alone: by equality pytest keeps the tests of one NIC together.

    Attributes:
        subject: the NIC, and its profile.
        certify: what the fixture of this name gives.
    """

    def __init__(self, subject: Subject, certify: Certify) -> None:
        self.subject = subject
        self.certify = certify


class Lines:
    """Makes findings outcomes, and outcomes the lines that reports carry.

    Args:
        certifies: tells a line by its item and the names of its fixtures.
        subjects: the NICs of the run.
    """

    def __init__(
        self,
        certifies: Callable[[pytest.Item, Sequence[str]], bool],
        subjects: Iterable[Subject],
    ) -> None:
        self.cases = [Case(subject, self._certify(subject)) for subject in subjects]
        self._certifies = certifies
        self._item: pytest.Item | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """This is the test that runs."""
        self._item = item

    def _certify(self, subject: Subject) -> Certify:
        # Made once a NIC, so that it has to be told which test runs.
        def take(finding: Finding) -> None:
            __tracebackhide__ = True
            item = self._item
            assert item is not None  # noqa: S101 - fixtures are used by tests that run
            requirement, _title = requirement_of(item)
            row = _row(item)
            if row:
                finding = finding._replace(param=row)
            if finding.outcome is Outcome.FAIL and not item.config.option.runxfail:
                today = date.today()  # noqa: DTZ011 - a waiver's day is local
                finding = waived(subject, requirement, finding, today)
            item.stash[_FINDING] = finding
            if finding.outcome is Outcome.FAIL:
                pytest.fail(f"{requirement} {finding.text()}", pytrace=False)
            if finding.outcome is Outcome.WAIVED:
                pytest.xfail(finding.reason)
            if finding.outcome is not Outcome.PASS:
                pytest.skip(finding.text())

        return take

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the line into the report, in JSON types so that it passes xdist."""
        report = yield
        if call.when == "teardown" or (call.when == "setup" and report.passed):
            return report
        if _FINDING in item.stash or self._certifies(item, getattr(item, "fixturenames", ())):
            requirement, title = requirement_of(item)
            finding = item.stash.get(_FINDING, None)
            if finding is None or (report.failed and finding.outcome is not Outcome.FAIL):
                reason = report.longreprtext[-2000:] or "the check ended without a finding"
                finding = Finding(Outcome.ERROR, reason=reason, param=_row(item))
            line = result(requirement, title, finding)
            report.xdpconform = {  # type: ignore[attr-defined]
                "nic": subject_of(item).nic.id,
                "line": line,
            }
            item.user_properties += [("requirement", requirement), ("outcome", line["outcome"])]
            report.user_properties = list(item.user_properties)
        return report


def requirement_of(item: pytest.Item) -> tuple[str, str]:
    """The requirement that a test is, and its title; looked up once.

    Raises:
        UsageError: it is marked in another way than ours.
    """
    found = item.stash.get(_REQUIREMENT, None)
    if found is None:
        found = item.stash[_REQUIREMENT] = _marked(item)
    return found


def _marked(item: pytest.Item) -> tuple[str, str]:
    marker = item.get_closest_marker("requirement")
    if (
        marker is None
        or marker.kwargs
        or len(marker.args) != 1
        or not isinstance(marker.args[0], str)
    ):
        raise pytest.UsageError(f"{item.nodeid}: {FORM}")
    doc = getattr(getattr(item, "obj", None), "__doc__", None) or item.name
    return marker.args[0], _first_sentence(doc)


@cache
def _first_sentence(doc: str) -> str:
    return " ".join(doc.split("\n\n", maxsplit=1)[0].split())


def subject_of(item: pytest.Item) -> Subject:
    """The NIC that a test is about, with its profile."""
    case: Case = _params(item)["_case"]
    return case.subject


def _params(item: pytest.Item) -> dict[str, Any]:
    params: dict[str, Any] = item.callspec.params  # type: ignore[attr-defined]
    return params


def _row(item: pytest.Item) -> str:
    params = _params(item)
    if len(params) == 1:
        return ""
    return "-".join(str(value) for name, value in params.items() if name != "_case")
