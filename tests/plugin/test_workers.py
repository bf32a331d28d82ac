# SPDX-License-Identifier: MIT
"""pytest-xdist: each NIC is asked once and owned by one worker; the results are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.namespaces import private_namespace
from xdpconform.collector import EXIT_INCOMPLETE
from xdpconform.lab import requirements

if TYPE_CHECKING:
    from tests.plugin.runs import Runs

pytest_plugins = ["pytester"]

WATCH = """
import json
import os

import xdpconform.lab

really = xdpconform.lab.take


def note(**fields):
    with open(os.environ["WATCH"], "a") as file:
        file.write(json.dumps(fields) + "\\n")


def take(*words):
    subjects = really(*words)
    note(asked=[s.nic.id for s in subjects], worker=os.environ.get("PYTEST_XDIST_WORKER", ""))
    return subjects


xdpconform.lab.take = take


def pytest_runtest_logreport(report):
    data = getattr(report, "xdpconform", None)
    if data and hasattr(report, "node"):
        note(line=report.nodeid, nic=data["nic"], worker=report.worker_id)
"""


@pytest.fixture
def watch(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Words that let a run write down who asked and who ran what."""
    (runs.pytester.path / "watch.py").write_text(WATCH)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # these tests may be run by one
    monkeypatch.setenv("WATCH", str(runs.pytester.path / "watch.jsonl"))
    return ["-p", "watch", "-p", "no:hypothesispytest", "-p", "no:html"]


def noted(runs: Runs) -> list[dict[str, Any]]:
    """What was written down."""
    text = (runs.pytester.path / "watch.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """results.json without what differs from run to run: time, and port ids in the evidence."""
    document.pop("started")
    for nic in document["nics"]:
        assert nic.pop("recording").startswith("sha256:")  # the sockets' ports are in it
        for line in nic["results"]:
            line.pop("evidence")
    return document


def test_two_nics(runs: Runs, watch: list[str]) -> None:
    """Under -n 2 the controller asks once, one worker has one NIC, and nothing is lost."""
    with private_namespace() as made:
        made.pairs(1)
        words = ["--netns", made.name, "--iface=v*", f"--xdp-results={runs.path}", *watch]
        plain = runs.pytester.runpytest_subprocess(*runs.words(*words))
        expected = comparable(runs.json())
        (runs.pytester.path / "watch.jsonl").unlink()

        result = runs.pytester.runpytest_subprocess(*runs.words(*words, "-n2"))

    notes = noted(runs)
    lines = [note for note in notes if "line" in note]
    assert (0, 0) == (plain.ret, result.ret)
    assert [{"asked": ["v0b", "v0a"], "worker": ""}] == [n for n in notes if "asked" in n]
    assert {"v0a": 1, "v0b": 1} == {
        nic: len({line["worker"] for line in lines if line["nic"] == nic}) for nic in ("v0a", "v0b")
    }
    assert 2 == len({line["worker"] for line in lines})
    assert expected == comparable(runs.json())
    assert [43, 43] == [len(nic["results"]) for nic in expected["nics"]]
    result.stdout.fnmatch_lines(["v0? CONFORMS *", "v0? CONFORMS *", "results: *"])


def test_left_out(runs: Runs, watch: list[str]) -> None:
    """What workers deselect is known in the controller, rows included."""
    with private_namespace() as made:
        made.pairs(1)
        words = ["--netns", made.name, "--iface=v0a", f"--xdp-results={runs.path}", *watch]

        result = runs.pytester.runpytest_subprocess(
            *runs.words(*words, "-n1", "-k", "not reserved-flag and not test_queues")
        )

    queues = [f"XDP-QUEUE-{number:02}" for number in (1, 2, 3)]
    assert EXIT_INCOMPLETE == result.ret
    assert ["XDP-PROTO-11", *queues] == runs.results().nics[0].missing
    assert requirements() >= set(runs.results().nics[0].missing)


def test_no_nic(runs: Runs) -> None:
    """Without a NIC it says what to type, as without workers."""
    result = runs.pytester.runpytest_subprocess(*runs.words("-n1", "-p", "no:hypothesispytest"))

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert "INTERNALERROR" not in result.stdout.str()
    assert "ERROR: no NIC is named: type pytest --iface NAME; " in result.stderr.str()


def test_other_project(runs: Runs) -> None:
    """A project that does not use us is spread as xdist likes."""
    runs.pytester.makepyfile("def test_one():\n    pass\n\ndef test_two():\n    pass\n")

    result = runs.pytester.runpytest_subprocess(
        "-p", "xdpconform.plugin", "-p", "no:hypothesispytest", "-n1"
    )

    result.assert_outcomes(passed=2)


def test_longest_name() -> None:
    """An id that begins another's takes none of its lines."""
    from xdpconform.scheduling import NicScheduling

    scheduling = object.__new__(NicScheduling)
    scheduling._nics = sorted(["v", "v-0", "v-0-x"], key=len, reverse=True)

    assert ["v", "v-0", "v-0-x", "v", "v-0-x"] == [
        scheduling._split_scope(f"test_a.py::test_b[{params}]")
        for params in ("v", "v-0", "v-0-x", "v-1", "v-0-x-reserved-flag")
    ]
    assert "test_a.py" == scheduling._split_scope("test_a.py::test_b[w]")
