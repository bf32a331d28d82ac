# SPDX-License-Identifier: MIT
"""The pytest plugin: options, fixtures, parametrization, collecting outcomes. Thin on purpose.

Nothing of ours is imported before it is needed: a pytest run that names no NIC pays nothing.
"""

from __future__ import annotations

import os
import pickle
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from xdpconform.options import (
    ALLOW_INCOMPLETE,
    CERTIFICATE,
    IFACE,
    KEY,
    LEVEL,
    LOOPBACK,
    MOCK,
    NETNS,
    OWNED,
    PEER,
    PROFILE,
    RECORDING,
    RESULTS,
    SUMMARY,
    TESTBED,
    VARIANT,
    add_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xdpconform.certify import Case, Lines
    from xdpconform.judge import Finding
    from xdpconform.lab import Subject
    from xdpconform.live import Setup
    from xdpconform.nic import Nic
    from xdpconform.outputs.run import Certificate, Run
    from xdpconform.probes.bench import Bench
    from xdpconform.probes.lifecycle import Lifecycle
    from xdpconform.profiles import Match, Shelf

_PATHS = (PROFILE, NETNS, RECORDING, CERTIFICATE, KEY, SUMMARY)

RUN = pytest.StashKey["Run"]()
LINES: pytest.StashKey[Lines] = pytest.StashKey()


class Certify(Protocol):
    """What the fixture `certify` gives."""

    def __call__(self, finding: Finding) -> None:
        """Record a finding as the outcome of the requirement."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini values."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take the snapshot of every NIC named, once, before anything is collected."""
    config.addinivalue_line(
        "markers",
        "requirement(id, level='claims'): the line of the specification that a test function is,"
        " and the evidence that it rests on",
    )
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        if "xdpconform" in worker:
            subjects = pickle.loads(worker["xdpconform"])  # noqa: S301 - from our own controller
            _begin(config, subjects, {})
        return
    if config.option.help or config.option.version:
        return
    from xdpconform.errors import XdpConformError

    try:
        run = _start(config)
    except XdpConformError as error:
        raise pytest.UsageError(str(error)) from error
    if getattr(config.option, "dist", "no") != "no":
        from xdpconform.scheduling import Workers

        config.pluginmanager.register(Workers(config, run), "xdpconform-workers")


def _start(config: pytest.Config) -> Run | None:
    recordings, mocks = config.getoption(RECORDING), config.getoption(MOCK)
    made = config.getoption(TESTBED)
    ifaces = _ifaces(config, stored=bool(recordings or mocks or made))
    if not (ifaces or recordings or mocks or made):
        return None
    _check_paths(config)
    certificate = _certificate(config)
    if config.option.level is None:
        around = any(map(config.getoption, (TESTBED, PEER, LOOPBACK)))
        config.option.level = "packets" if around else "claims"
    from xdpconform.probes.lifecycle import Lifecycle

    # First: it takes as long as all these imports.
    lifecycle = Lifecycle() if ifaces or made else None
    subjects: list[Subject] = []
    benches: dict[str, Bench] = {}
    notes: tuple[str, ...] = ()
    with lifecycle or nullcontext():
        from xdpconform.collector import Collector
        from xdpconform.profiles import Shelf

        shelf = Shelf(map(Path, config.getoption(PROFILE)), config.getoption(VARIANT))
        if lifecycle:
            subjects, benches, notes = _live(config, ifaces, shelf, lifecycle)
    if recordings or mocks:
        from xdpconform.stored import take_mocks, take_recordings

        subjects += take_recordings(recordings, shelf, subjects)
        subjects += take_mocks(mocks, shelf, subjects)
    run = _begin(config, subjects, benches)
    run.notes += notes
    allow_incomplete: bool = config.getoption(ALLOW_INCOMPLETE)
    config.pluginmanager.register(
        Collector(run, benches.values(), allow_incomplete=allow_incomplete),
        "xdpconform-collector",
    )
    if config.option.collectonly:
        return run
    run.certificate = certificate
    stem = _plan_results(config, run)
    if config.pluginmanager.hasplugin("html"):
        from xdpconform.outputs.html import HtmlReport, plan

        plan(config, stem, run.problems)
        config.pluginmanager.register(HtmlReport(config, run), "xdpconform-html")
    return run


def _setup(config: pytest.Config, ifaces: Sequence[str]) -> Setup | None:
    """What is asked for beyond reading; None for a run of level claims."""
    if config.option.level == "claims":
        return None
    from xdpconform.live import Setup, check

    setup = Setup(
        level=config.getoption(LEVEL),
        testbed=config.getoption(TESTBED),
        peer=config.getoption(PEER),
        loopback=config.getoption(LOOPBACK),
        owned=tuple(config.getoption(OWNED)),
        netns=config.getoption(NETNS),
        folder=config.invocation_params.dir,
        workers=getattr(config.option, "dist", "no") != "no",
    )
    check(setup, ifaces)
    return setup


def _live(
    config: pytest.Config, ifaces: Sequence[str], shelf: Shelf, lifecycle: Lifecycle
) -> tuple[list[Subject], dict[str, Bench], tuple[str, ...]]:
    setup = _setup(config, ifaces)
    if setup is None:
        from xdpconform.lab import take
        from xdpconform.sources import Kernel

        return take(Kernel(config.getoption(NETNS)), ifaces, shelf, lifecycle), {}, ()
    from xdpconform.live import take_live
    from xdpconform.outputs.progress import Progress

    live = take_live(setup, ifaces, shelf, lifecycle, Progress(config))
    for bench in live.benches.values():
        config.add_cleanup(bench.close)
    return live


def _begin(config: pytest.Config, subjects: Sequence[Subject], benches: Mapping[str, Bench]) -> Run:
    from xdpconform.certify import Lines
    from xdpconform.outputs.run import Run

    lines = config.stash[LINES] = Lines(_certifies, subjects, benches)
    config.pluginmanager.register(lines, "xdpconform-lines")
    run = config.stash[RUN] = Run(subjects, _level(config))
    return run


def _certificate(config: pytest.Config) -> Certificate | None:
    """Where certificates go, and who signs: seen to before a run that may take long."""
    output, key = config.getoption(CERTIFICATE), config.getoption(KEY)
    if not output:
        if key:
            raise pytest.UsageError(
                f"{KEY} signs a certificate: name its folder with {CERTIFICATE}"
            )
        return None
    from xdpconform.outputs.attest import load_signer
    from xdpconform.outputs.certificate.folder import check_output
    from xdpconform.outputs.run import Certificate

    check_output(Path(output))
    return Certificate(Path(output), load_signer(Path(key)) if key else None)


def _check_paths(config: pytest.Config) -> None:
    # pytest takes a path that stands alone for a test's, and looks for its settings there.
    for option, value in pairwise(map(str, config.invocation_params.args)):
        if option in _PATHS and "/" in value and config.inipath is None:
            raise pytest.UsageError(
                f"write {option}={value} in one word: as two, pytest looks for its settings there"
            )


def _ifaces(config: pytest.Config, *, stored: bool) -> list[str]:
    named: list[str] = config.getoption(IFACE)
    if named or stored:
        return named
    named = config.getini("xdp_ifaces")
    if named:
        return named
    from xdpconform.netconfig import about_suites, netif

    folder = config.invocation_params.dir
    return netif(os.environ, folder / "net.config") if about_suites(config.args, folder) else []


def _plan_results(config: pytest.Config, run: Run) -> Path:
    from xdpconform.outputs.paths import default_stem
    from xdpconform.sources.recording import SUFFIX

    root = config.rootpath if config.inipath else config.invocation_params.dir
    stem = default_stem(root, [subject.nic.id for subject in run.subjects], run.started)
    named, summary = config.getoption(RESULTS), config.getoption(SUMMARY)
    run.path = _planned(run, Path(named or f"{stem}.json"))
    if run.path is not None and not named:
        # Elsewhere a recording of this name may be one that the user keeps.
        run.recording_path = Path(f"{stem}{SUFFIX}")
    if summary:
        run.summary = _planned(run, Path(summary))
    return stem


def _planned(run: Run, path: Path) -> Path | None:
    from xdpconform.outputs.paths import writable

    problem = writable(path)
    if problem:
        run.problems.append(problem)
        return None
    return path


def pytest_report_header(config: pytest.Config) -> list[str] | None:
    """What is certified, and against what."""
    if RUN not in config.stash or hasattr(config, "workerinput"):
        return None
    from xdpconform.outputs.terminal import header

    return header(config.stash[RUN])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no shipped suite that is above the run's level.

    pytest does not ask about a file that is named; of that the lines above are left out later.
    """
    if RUN not in config.stash:
        return None
    from xdpconform.specification import suites_above

    return collection_path in suites_above(_level(config)) or None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each requirement runs on each NIC."""
    if not _certifies(metafunc.definition, metafunc.fixturenames):
        return
    from xdpconform.outputs.run import NO_NIC

    lines = metafunc.config.stash.get(LINES, None)
    cases: Sequence[Case | None] = lines.cases if lines else [None]
    ids = [case.subject.nic.id if case else NO_NIC for case in cases]
    metafunc.parametrize("_case", cases, ids=ids, scope="session")


# None of these asks for `request`: pytest would make one anew for each of ten thousand lines.
@pytest.fixture(scope="session")
def _case() -> Case:
    from xdpconform.certify import FORM

    raise pytest.UsageError(FORM)


@pytest.fixture(scope="session")
def nic(_case: Case) -> Nic:
    """The NIC under test."""
    return _case.subject.nic


@pytest.fixture(scope="session")
def profile(_case: Case) -> Match | None:
    """The profile that the NIC falls under; None if there is none."""
    return _case.subject.match


@pytest.fixture(scope="session")
def certify(_case: Case) -> Certify:
    """Takes a finding and makes it the outcome of the test that runs."""
    return _case.certify


@pytest.fixture(scope="session")
def bench(_case: Case) -> Bench:
    """What tries the NIC: programs on it, frames to it."""
    from xdpconform.live import bench_of

    return bench_of(_case.bench, _case.subject.source)


def _certifies(node: pytest.Item, fixturenames: Sequence[str]) -> bool:
    # Other projects have fixtures called nic and markers called requirement as well.
    return "_case" in fixturenames and node.get_closest_marker("requirement") is not None


def _lines(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if _certifies(item, getattr(item, "fixturenames", ()))]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the lines of the run's level; say what to type where no NIC was named."""
    lines = [item for item in items if "_case" in getattr(item, "fixturenames", ())]
    if not lines:
        return
    from xdpconform.certify import above, requirement_of

    if not hasattr(config, "workerinput"):  # an error there would only say that the worker broke
        for item in lines:
            requirement_of(item)
        if RUN not in config.stash and not config.option.collectonly:
            from xdpconform.outputs.terminal import what_to_type

            raise pytest.UsageError(what_to_type())
    level = _level(config)
    left_out = [item for item in lines if above(level, item.get_closest_marker("requirement"))]
    if left_out:
        kept = {*items}.difference(left_out)
        items[:] = [item for item in items if item in kept]
        config.hook.pytest_deselected(items=left_out)
    if RUN in config.stash:
        some = len(left_out) < len(lines)
        config.stash[RUN].collected = some and not config.option.collectonly


def _level(config: pytest.Config) -> str:
    return config.option.level or "claims"


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """A requirement is run whole or counts as not run; one above the level is none of this run."""
    for item in _lines(items):
        run = item.config.stash.get(RUN, None)
        if run is not None:
            from xdpconform.certify import above, requirement_of, subject_of

            name, line = requirement_of(item)
            if above(_level(item.config), item.get_closest_marker("requirement")):
                run.above[name] = line.level.value
            else:
                run.unrun.add((subject_of(item).nic.id, name))
            if hasattr(item.config, "workeroutput"):
                item.config.workeroutput["xdpconform"] = (sorted(run.unrun), run.above)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """The words of our outcomes where pytest would say skipped or xfailed."""
    data = getattr(report, "xdpconform", None)
    if data is None:
        return None
    from xdpconform.outputs.terminal import STATUS

    return STATUS.get(data["line"]["outcome"])
