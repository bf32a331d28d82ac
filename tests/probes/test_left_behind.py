# SPDX-License-Identifier: MIT
"""Whole runs on testbeds of their own leave nothing behind; `benchmarks.leaks` has a hundred."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.namespaces import unavailable
from tests.probes import remains
from xdpconform.observed import ACTIONS
from xdpconform.probes.actions import act
from xdpconform.probes.bpf import programs
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Testbed
from xdpconform.probes.trial import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=f"a testbed {unavailable()}")

ROOT: Final = Path(__file__).parents[2]
RUNS: Final = 3
VERDICTS: Final = {0, 1, 10}
"""Exit statuses of a run that came to one."""
COMMAND: Final = (
    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("suites", "--testbed", "veth", "--level", "packets"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where journals are, for this test and what it starts."""
    path = tmp_path / "state"
    path.mkdir(0o700)
    monkeypatch.setenv("XDPCONFORM_STATE", str(path))
    return str(path)


def test_runs(folder: str, tmp_path: Path) -> None:
    """Runs side by side leave no program, map, link, namespace, device, process or journal."""
    before = remains.look(folder)
    runs = []
    for number in range(RUNS):
        place = tmp_path / str(number)
        results = ("--xdp-results", place / "results.json", "--html", place / "report.html")
        runs.append(
            subprocess.Popen(
                [*COMMAND, *results],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    said = [run.communicate()[0] for run in runs]

    assert {} == remains.left(before, folder)
    # Whether a veth conforms on a busy machine is another test's business.
    assert {run.returncode for run in runs} <= VERDICTS, said


@pytest.mark.parametrize("make", [Testbed.veth, Testbed.tap])
def test_testbeds(folder: str, make: Callable[[Guardian], Testbed]) -> None:
    """A process that opens and closes testbeds keeps no descriptor and no thread of them."""
    around_once(make)  # what is opened once for all is open now
    threads = threading.active_count()
    before = remains.look(folder)
    for _ in range(RUNS):
        around_once(make)

    assert {} == remains.left(before, folder)
    assert threads == threading.active_count()


def around_once(make: Callable[[Guardian], Testbed]) -> None:
    """One testbed, one probe."""
    with make(Guardian()) as bed:
        act(bed, "XDP_PASS")


def test_seen(folder: str) -> None:
    """What is left is found: a testbed that is still open, by everything it is made of."""
    before = remains.look(folder)
    with (
        Testbed.veth(Guardian()) as bed,
        bed.settings.mtu(bed.nic, 2000),
        running(bed, partial(programs.verdict, ACTIONS["XDP_PASS"])),
    ):
        found = remains.left(before, folder, patience=0)
    kinds = {"programs", "maps", "links", "processes", "journals", "descriptors"}

    assert kinds == set(found)
    assert {} == remains.left(before, folder)


def test_seen_of_another_process(folder: str) -> None:
    """So is a namespace that a process of the run is in, but not what others have."""
    before = remains.look(folder)
    with namespace_of(folder), namespace_of("/elsewhere"):
        found = remains.left(before, folder, patience=0)
        del found["descriptors"]  # the pipes to both

    assert {"namespaces": 1, "processes": 1} == {kind: len(ones) for kind, ones in found.items()}
    assert {} == remains.left(before, folder)


@contextmanager
def namespace_of(folder: str) -> Iterator[None]:
    """A process with such a folder of journals, in a namespace of its own."""
    sleeping = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo; exec sleep 60"],
        env={**os.environ, "XDPCONFORM_STATE": folder},
        stdout=subprocess.PIPE,
    )
    assert sleeping.stdout is not None
    sleeping.stdout.readline()
    try:
        yield
    finally:
        sleeping.kill()
        sleeping.communicate()
