# SPDX-License-Identifier: MIT
"""The pytest plugin: options, fixtures, parametrization, collecting outcomes. Thin on purpose.

Nothing of ours is imported before it is needed: a pytest run that names no NIC pays nothing.
"""

from __future__ import annotations

import os
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from xdpconform.judge import Finding
    from xdpconform.lab import Subject
    from xdpconform.nic import Nic
    from xdpconform.outputs.results import Result, Results
    from xdpconform.profiles import Match

IFACE = "--iface"
NETNS = "--netns"
PROFILE = "--profile"
VARIANT = "--variant"
LEVEL = "--level"
RESULTS = "--xdp-results"
ALLOW_INCOMPLETE = "--allow-incomplete"

LEVELS = ("claims",)
EXIT_INCOMPLETE = 6
"""Exit status where no NIC fails but one is INCOMPLETE; pytest itself uses 0 to 5."""


class Run:
    """What a run knows: its subjects, and the lines that come in."""

    def __init__(self, subjects: Sequence[Subject], level: str) -> None:
        self.subjects = subjects
        self.level = level
        self.started = datetime.now(UTC)
        self.lines: dict[str, list[Result]] = {subject.nic.id: [] for subject in subjects}
        self.collected = False
        self.path: Path | None = None
        self.problems: list[str] = []

    def results(self) -> Results:
        """What is known so far, as results.json has it."""
        from xdpconform.lab import requirements
        from xdpconform.outputs.results import build

        return build(
            self.subjects,
            self.lines,
            started=self.started.isoformat(timespec="seconds"),
            level=self.level,
            required=requirements(),
        )


RUN = pytest.StashKey[Run]()
FINDING = pytest.StashKey["Finding"]()


class Certify(Protocol):
    """What the fixture `certify` gives."""

    def __call__(self, finding: Finding) -> None:
        """Record a finding as the outcome of the requirement."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini values."""
    group = parser.getgroup("xdpconform", "XDP conformance of NICs")
    group.addoption(
        IFACE,
        action="append",
        default=[],
        metavar="NAME",
        help="certify this NIC: a name, number, glob, or 'all'; may be repeated; NETIF in the"
        " environment or in net.config is the default",
    )
    group.addoption(NETNS, metavar="NAME|PATH", help="network namespace that the NICs are in")
    group.addoption(
        PROFILE,
        action="append",
        default=[],
        metavar="FILE|DIR",
        help="profiles that come before the shipped ones; may be repeated",
    )
    group.addoption(
        VARIANT,
        action="append",
        default=[],
        metavar="PROFILE:VARIANT",
        help="say which variant a NIC is where no fact tells; may be repeated",
    )
    group.addoption(
        LEVEL,
        choices=LEVELS,
        default="claims",
        help="how strong the evidence shall be (default: %(default)s)",
    )
    group.addoption(
        RESULTS,
        metavar="PATH",
        help="write results.json here (default: reports/, named by NIC and time)",
    )
    group.addoption(
        ALLOW_INCOMPLETE,
        action="store_true",
        help="exit with 0 also where a NIC is INCOMPLETE",
    )
    parser.addini("xdp_ifaces", "NICs to certify where --iface is not given", type="args")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take the snapshot of every NIC named, once, before anything is collected."""
    config.addinivalue_line(
        "markers", "requirement(id): the line of the specification that a test function is"
    )
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        if "xdpconform" in worker:
            config.stash[RUN] = Run(pickle.loads(worker["xdpconform"]), config.getoption(LEVEL))  # noqa: S301 - from our own controller
        return
    ifaces = _ifaces(config)
    if not ifaces or config.option.help or config.option.version:
        return
    from xdpconform.errors import XdpConformError
    from xdpconform.lab import take
    from xdpconform.sources import Kernel

    try:
        subjects = take(
            Kernel(config.getoption(NETNS)),
            ifaces,
            [Path(path) for path in config.getoption(PROFILE)],
            config.getoption(VARIANT),
        )
    except XdpConformError as error:
        raise pytest.UsageError(str(error)) from error
    run = config.stash[RUN] = Run(subjects, config.getoption(LEVEL))
    _plan_reports(config, run)
    config.pluginmanager.register(Collector(config, run), "xdpconform-collector")
    if config.pluginmanager.hasplugin("html"):
        from xdpconform.outputs.html import HtmlReport

        config.pluginmanager.register(HtmlReport(run), "xdpconform-html")


def _ifaces(config: pytest.Config) -> list[str]:
    typed: list[str] = config.getoption(IFACE)
    if typed:
        return typed
    named: list[str] = config.getini("xdp_ifaces")
    if named:
        return named
    from xdpconform.netconfig import netif

    return netif(os.environ, config.rootpath / "net.config")


def _plan_reports(config: pytest.Config, run: Run) -> None:
    from xdpconform.outputs.paths import default_stem, writable

    if config.option.collectonly:
        return
    stem = default_stem(config.rootpath, [subject.nic.id for subject in run.subjects], run.started)
    chosen = config.getoption(RESULTS)
    run.path = Path(chosen) if chosen else stem.with_suffix(".json")
    if not getattr(config.option, "htmlpath", None):
        config.option.htmlpath = str(stem.with_suffix(".html"))
        config.option.self_contained_html = True
    for path in (run.path, Path(config.option.htmlpath)):
        problem = writable(path)
        if problem and problem not in run.problems:
            run.problems.append(problem)
    if writable(Path(config.option.htmlpath)):
        config.option.htmlpath = None
    if writable(run.path):
        run.path = None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Give each xdist worker the snapshot, so that a NIC is asked once."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    if RUN in config.stash:
        node.workerinput["xdpconform"] = pickle.dumps(config.stash[RUN].subjects)  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """One worker owns one NIC."""
    if RUN not in config.stash:
        return None
    from xdpconform.scheduling import NicScheduling

    return NicScheduling(config, log, [subject.nic.id for subject in config.stash[RUN].subjects])


def pytest_report_header(config: pytest.Config) -> list[str] | None:
    """What is certified, and against what."""
    if RUN not in config.stash or hasattr(config, "workerinput"):
        return None
    from xdpconform.outputs.terminal import header

    return header(config.stash[RUN])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each requirement runs on each NIC."""
    if "nic" not in metafunc.fixturenames:
        return
    if metafunc.definition.get_closest_marker("requirement") is None:
        return
    run = metafunc.config.stash.get(RUN, None)
    subjects: list[Subject | None] = list(run.subjects) if run else [None]
    ids = [subject.nic.id if subject else "no-nic" for subject in subjects]
    metafunc.parametrize("_subject", subjects, ids=ids, scope="session", indirect=True)


@pytest.fixture(scope="session")
def _subject(request: pytest.FixtureRequest) -> Subject:
    subject: Subject = request.param
    return subject


@pytest.fixture(scope="session")
def nic(_subject: Subject) -> Nic:
    """The NIC under test."""
    return _subject.nic


@pytest.fixture(scope="session")
def profile(_subject: Subject) -> Match | None:
    """The profile that the NIC falls under; None if there is none."""
    return _subject.match


@pytest.fixture
def certify(request: pytest.FixtureRequest, nic: Nic, profile: Match | None) -> Certify:
    """Takes a finding and makes it the test's outcome."""
    from datetime import date

    from xdpconform.judge import Outcome, waive

    item = request.node
    requirement, _title = _requirement(item)

    def take(finding: Finding) -> None:
        __tracebackhide__ = True
        if profile is not None:
            waivers = profile.waivers(requirement, finding.param, nic)
            finding = waive(finding, waivers, date.today())  # noqa: DTZ011 - a waiver's day is local
        item.stash[FINDING] = finding
        if finding.outcome is Outcome.FAIL:
            pytest.fail(f"{requirement} {finding.text()}", pytrace=False)
        if finding.outcome is Outcome.WAIVED:
            pytest.xfail(finding.reason)
            pytest.fail(f"{requirement} {finding.text()}", pytrace=False)  # with --runxfail
        if finding.outcome is not Outcome.PASS:
            pytest.skip(finding.text())

    return take


def _requirement(item: pytest.Item) -> tuple[str, str]:
    marker = item.get_closest_marker("requirement")
    if marker is None or len(marker.args) != 1 or not isinstance(marker.args[0], str):
        raise pytest.UsageError(
            f"{item.nodeid}: a test that certifies needs @pytest.mark.requirement('XDP-AREA-01')"
        )
    doc = getattr(getattr(item, "obj", None), "__doc__", None) or item.name
    return marker.args[0], " ".join(doc.split("\n\n")[0].split())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say what to type where no NIC was named."""
    run = config.stash.get(RUN, None)
    certifying = any(item.get_closest_marker("requirement") for item in items)
    if run is not None:
        run.collected = certifying
    elif certifying and not config.option.collectonly:
        from xdpconform.outputs.terminal import what_to_type

        raise pytest.UsageError(what_to_type())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the line into the report, in JSON types so that it passes xdist."""
    report = yield
    run = item.config.stash.get(RUN, None)
    if run is None or item.get_closest_marker("requirement") is None:
        return report
    finding = item.stash.get(FINDING, None)
    if call.when == "call" or (call.when == "setup" and not report.passed):
        from xdpconform.judge import Finding, Outcome
        from xdpconform.outputs.results import result

        requirement, title = _requirement(item)
        params = dict(getattr(item, "callspec").params)  # noqa: B009
        subject = params.pop("_subject")
        if finding is None:
            finding = Finding(Outcome.ERROR, reason=report.longreprtext[-2000:])
        if params:
            finding = finding._replace(param="-".join(map(str, params.values())))
        line = result(requirement, title, finding)
        report.xdpconform = {"nic": subject.nic.id, "line": line}  # type: ignore[attr-defined]
        report.user_properties += [("requirement", requirement), ("outcome", line["outcome"])]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """The words of our outcomes where pytest would say skipped or xfailed."""
    data = getattr(report, "xdpconform", None)
    if data is None:
        return None
    from xdpconform.outputs.terminal import STATUS

    return STATUS.get(data["line"]["outcome"])


class Collector:
    """In the controller: collects the lines, writes results.json, speaks the verdict.

    Args:
        config: of the run.
        run: what to fill.
    """

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self.config = config
        self.run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the line that a report carries."""
        data = getattr(report, "xdpconform", None)
        if data is not None:
            import msgspec

            from xdpconform.outputs.results import Result

            self.run.lines[data["nic"]].append(msgspec.convert(data["line"], Result))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write results.json, and let the exit status say INCOMPLETE."""
        run = self.run
        if not run.collected:
            return
        from xdpconform.outputs.results import encode, write

        results = run.results()
        if run.path is not None:
            try:
                write(run.path, encode(results))
            except OSError as error:
                run.problems.append(f"{run.path}: cannot be written: {error.strerror}")
                run.path = None
        complete = all(nic.verdict == "CONFORMS" for nic in results.nics)
        if session.exitstatus == 0 and not complete and not self.config.getoption(ALLOW_INCOMPLETE):
            session.exitstatus = EXIT_INCOMPLETE

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line a NIC, then what failed and what could not be tested."""
        if self.run.collected:
            from xdpconform.outputs.terminal import summary

            summary(terminalreporter, self.run)
