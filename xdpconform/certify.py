# SPDX-License-Identifier: MIT
"""From a finding to a test's outcome, and from there to a line of the run.

Registered in runs that certify, in pytest's controller and in its workers alike.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest

from xdpconform.errors import Blocked, Unclaimed
from xdpconform.judge import Finding, Level, Outcome
from xdpconform.lab import Requirement, Subject, waived
from xdpconform.outputs.results import result

if TYPE_CHECKING:
    from xdpconform.plugin import Certify
    from xdpconform.probes.bench import Bench

FORM: Final = "a test that certifies needs @pytest.mark.requirement('XDP-AREA-01')"

PROPERTIES: Final = ("requirement", "outcome", "kind", "level", "expected", "observed")
"""Of a line, what pytest's own reports are told."""

_FINDING = pytest.StashKey[Finding]()
_REQUIREMENT = pytest.StashKey[tuple[str, Requirement]]()


class Case:
    """A NIC of the run, as tests are parametrized with it.

    Equal to itself alone: by equality pytest keeps the tests of one NIC together.

    Attributes:
        subject: the NIC, and its profile.
        certify: what the fixture of this name gives.
        bench: what tries the NIC, and keeps what was seen; None in a run that only reads.
    """

    def __init__(self, subject: Subject, certify: Certify, bench: Bench | None) -> None:
        self.subject = subject
        self.certify = certify
        self.bench = bench


class Lines:
    """Makes findings outcomes, and outcomes the lines that reports carry.

    Args:
        certifies: tells a line by its item and the names of its fixtures.
        subjects: the NICs of the run.
        benches: what tries them, by their ids.
    """

    def __init__(
        self,
        certifies: Callable[[pytest.Item, Sequence[str]], bool],
        subjects: Iterable[Subject],
        benches: Mapping[str, Bench],
    ) -> None:
        self.cases = [
            Case(subject, self._certify(subject), benches.get(subject.nic.id))
            for subject in subjects
        ]
        self._certifies = certifies
        self._item: pytest.Item | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """This is the test that runs."""
        self._item = item

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """What could not be tried is a finding too."""
        __tracebackhide__ = True
        try:
            return (yield)
        except Blocked as error:
            if not self._certifies(pyfuncitem, pyfuncitem.fixturenames):
                raise
            unclaimed = isinstance(error, Unclaimed)
            outcome = Outcome.NOT_CLAIMED if unclaimed else Outcome.BLOCKED
            found = Finding(outcome, reason=str(error))
        _params(pyfuncitem)["_case"].certify(found)
        return True

    def _certify(self, subject: Subject) -> Certify:
        # Made once a NIC, so that it has to be told which test runs.
        def take(finding: Finding) -> None:
            __tracebackhide__ = True
            item = self._item
            assert item is not None  # noqa: S101 - fixtures are used by tests that run
            requirement, line = requirement_of(item)
            finding = finding._replace(level=line.level, param=_row(item) or finding.param)
            if finding.outcome is Outcome.FAIL and not item.config.option.runxfail:
                today = datetime.now(UTC).date()
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
            requirement, told = requirement_of(item)
            finding = item.stash.get(_FINDING, None)
            if finding is None or (report.failed and finding.outcome is not Outcome.FAIL):
                reason = report.longreprtext[-2000:] or "the check ended without a finding"
                finding = Finding(Outcome.ERROR, reason=reason, param=_row(item), level=told.level)
            line = result(requirement, told.title, finding)
            nic = subject_of(item).nic.id
            report.xdpconform = {"nic": nic, "line": line}  # type: ignore[attr-defined]
            item.user_properties.append(("nic", nic))
            # pytest's --junitxml writes them, as every reader of its reports sees them.
            item.user_properties += [(name, line[name]) for name in PROPERTIES if line[name]]
            report.user_properties = list(item.user_properties)
        return report


def requirement_of(item: pytest.Item) -> tuple[str, Requirement]:
    """The requirement that a test is, and what it says; looked up once.

    Raises:
        UsageError: it is marked in another way than ours.
    """
    found = item.stash.get(_REQUIREMENT, None)
    if found is None:
        found = item.stash[_REQUIREMENT] = _marked(item)
    return found


def above(level: str, marker: pytest.Mark | None) -> bool:
    """Whether a test so marked rests on stronger evidence than a run of this level gathers."""
    needed = marker.kwargs.get("level") if marker else None
    known = [one.value for one in Level]
    return needed in known and known.index(needed) > known.index(level)


def _marked(item: pytest.Item) -> tuple[str, Requirement]:
    marker = item.get_closest_marker("requirement")
    if (
        marker is None
        or not {*marker.kwargs} <= {"level"}
        or len(marker.args) != 1
        or not isinstance(marker.args[0], str)
    ):
        raise pytest.UsageError(f"{item.nodeid}: {FORM}")
    level = marker.kwargs.get("level", Level.CLAIMS.value)
    known = [one.value for one in Level]
    if level not in known:
        raise pytest.UsageError(f"{item.nodeid}: level {level!r} is none of {', '.join(known)}")
    doc = getattr(getattr(item, "obj", None), "__doc__", None) or item.name
    return marker.args[0], Requirement(_first_sentence(doc), Level(level))


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
