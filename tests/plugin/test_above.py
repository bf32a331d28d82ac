# SPDX-License-Identifier: MIT
"""Suites above a run's level: known without an import, left alone, and named where one asks."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.plugin.runs import CONFIG, QUICK, SUITES
from xdpconform.collector import EXIT_INCOMPLETE
from xdpconform.options import LEVELS
from xdpconform.specification import requirements, specification, suites_above

if TYPE_CHECKING:
    from tests.plugin.runs import Runs

pytest_plugins = ["pytester"]

NAMES = sorted(path.stem for path in SUITES.glob("test_*.py"))
CLAIMS = [
    "test_features",
    "test_invariants",
    "test_protocol",
    "test_queues",
    "test_rx_metadata",
    "test_tx_metadata",
    "test_zero_copy",
]
ATTACH = ["test_attach", "test_config", "test_state"]


def marked(name: str) -> dict[str, tuple[str, str]]:
    """Title and level of each requirement of a suite, as Python has them."""
    found = {}
    for _name, function in inspect.getmembers(importlib.import_module(f"suites.{name}")):
        for mark in getattr(function, "pytestmark", ()):
            if mark.name == "requirement":
                title = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
                found[mark.args[0]] = title, mark.kwargs.get("level", "claims")
    return found


def test_specification() -> None:
    """The text of the suites is read as Python reads it: every id, its title and its level."""
    expected: dict[str, tuple[str, str]] = {}
    for name in NAMES:
        expected |= marked(name)

    assert expected == {
        name: (line.title, line.level.value) for name, line in specification().items()
    }


@pytest.mark.parametrize("level", LEVELS)
def test_requirements(level: str) -> None:
    """A level has the requirements up to it."""
    upto = LEVELS[: LEVELS.index(level) + 1]

    assert requirements(level) == {
        name for name, line in specification().items() if line.level.value in upto
    }


@pytest.mark.parametrize(
    ("level", "below"),
    [("claims", CLAIMS), ("attach", [*ATTACH, *CLAIMS]), ("packets", NAMES)],
)
def test_suites_above(level: str, below: list[str]) -> None:
    """A suite is above a level if all of its lines are."""
    assert {*NAMES}.difference(below) == {path.stem for path in suites_above(level)}


LOADED = """\
import json
import sys

import pytest

status = pytest.main(sys.argv[1:])
found = [name for name in sys.modules if ".probes" in name or "suites" in name]
print(json.dumps([status, *found]))
"""


@pytest.mark.parametrize("level", ["claims", "attach"])
def test_imports(runs: Runs, level: str) -> None:
    """A run imports the suites up to its level; at level claims no probe but those of claims."""
    words = runs.words("--iface=lo", f"--level={level}", "--collect-only", "-q", "-p", "no:html")
    done = runs.pytester.run(*(sys.executable, "-c", LOADED), *words)

    status, *loaded = json.loads(done.outlines[-1])
    suites = {name.rpartition(".")[2] for name in loaded if "suites" in name}
    probes = {name for name in loaded if ".probes" in name}
    assert 0 == status
    assert {*CLAIMS, *(ATTACH if level == "attach" else ())} == suites & {*NAMES}
    assert ("xdpconform.probes.attach" in probes) == (level == "attach")
    if level == "claims":
        assert {"", ".lifecycle", ".protocol"} == {
            name.removeprefix("xdpconform.probes") for name in probes
        }


# what is named: words, requirements that are told, the level that is told, exit status
NAMED = {
    "a file": (
        [f"{SUITES}/test_config.py"],
        ["XDP-CONFIG-01"],
        "attach",
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ),
    "a test": (
        [f"{SUITES}/test_attach.py::test_native"],
        ["XDP-ATTACH-01"],
        "attach",
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ),
    "two levels": (
        [f"{SUITES}/test_attach.py::test_native", f"{SUITES}/test_actions.py::test_pass"],
        ["XDP-ACT-01", "XDP-ATTACH-01"],
        "packets",
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ),
    "beside others": (
        [f"{SUITES}/test_config.py", f"{SUITES}/test_queues.py"],
        ["XDP-CONFIG-01"],
        "attach",
        EXIT_INCOMPLETE,
    ),
}


def words_of(runs: Runs, words: list[str]) -> list[str]:
    """pytest's words for a run on lo, without those that name all suites."""
    base = runs.words("--iface=lo", "-p", "no:html", f"--xdp-results={runs.path}")
    return [*(word for word in base if word != str(SUITES)), *words]


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "worker"])
@pytest.mark.parametrize("name", NAMED)
def test_named(runs: Runs, name: str, workers: tuple[str, ...]) -> None:
    """Who names what is above the level is told which to type; the verdict is of the rest."""
    words, told, level, status = NAMED[name]

    result = runs.pytester.runpytest_subprocess(
        "-p", "no:hypothesispytest", *words_of(runs, words), *workers
    )

    assert status == result.ret
    assert (
        f"not run at level claims: {' '.join(told)}; type pytest --level {level}" in result.outlines
    )
    if status == EXIT_INCOMPLETE:
        (nic,) = runs.results().nics
        assert not {*told}.intersection(nic.missing)
        assert {"XDP-QUEUE-01", "XDP-QUEUE-02", "XDP-QUEUE-03"} == {
            line.requirement for line in nic.results
        }


def test_named_collected(runs: Runs) -> None:
    """--collect-only says so as well."""
    result = runs.pytester.runpytest_inprocess(
        *QUICK, *words_of(runs, [f"{SUITES}/test_config.py", "--collect-only", "-q"])
    )

    assert "not run at level claims: XDP-CONFIG-01; type pytest --level attach" in result.outlines


def test_named_without_nic(runs: Runs) -> None:
    """Who names no NIC is told that first, whatever the level of what is named."""
    result = runs.pytester.runpytest_inprocess(
        *QUICK, "-c", str(CONFIG), "-p", "xdpconform.plugin", f"{SUITES}/test_attach.py"
    )

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert "no NIC is named: type pytest --iface NAME" in result.stderr.str()


def test_silent(runs: Runs) -> None:
    """Who names the suites' folder hears nothing of those above the level, and none is counted."""
    result = runs.certify()

    assert "not run" not in result.stdout.str()
    assert "deselected" not in result.stdout.str()
