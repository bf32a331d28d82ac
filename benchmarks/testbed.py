# SPDX-License-Identifier: MIT
"""All requirements on a veth testbed: how long one waits, and how much of that is work.

A run is a process of its own, as a user starts it. Most of its time it waits: for frames, for
frames that must not come, and for the kernel, which detaches a program only when no CPU can be
running it any more. What is not waiting is the processor time of the run and of the processes
that it started and waited for.
"""

from __future__ import annotations

import json
import os
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.empty import ANY_VERDICT
from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, Timing, Unmeasured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.measure import Settings

ROUNDS = 7
WALL = 45.0
"""Seconds on two cores."""
WORK = 2.0
"""Seconds of processor time."""
CORES = 2
SOCKETS = "test_hints or test_sockets or test_tx_hints or test_zero_copy_bind"
"""The suites of AF_XDP and metadata, as pytest's -k has them."""


class Ran(NamedTuple):
    """One run; seconds."""

    status: int
    wall: float
    work: float
    """Of the processor, for the run and all that it waited for."""


def measure(settings: Settings) -> Report:
    """Run, again and again."""
    if os.geteuid():
        raise Unmeasured("a testbed needs root")
    place = folder() / "testbed"
    rounds = settings.rounds(ROUNDS)
    programs = [once(place / f"p{n}", only=f"not ({SOCKETS})") for n in range(rounds + 1)][1:]
    runs = [once(place / str(number)) for number in range(rounds)]
    wall = Timing("programs and frames", [run.wall for run in programs])
    work = Timing("of it processor", [run.work for run in programs])
    whole = Timing("everything", [run.wall for run in runs])
    used = Timing("of it processor ", [run.work for run in runs])
    (nic,) = json.loads((place / "1" / "results.json").read_bytes())["nics"]
    return Report(
        [wall, work, whole, used],
        [
            Bar("programs and frames", wall.median, WALL, "s"),
            Bar("of which is not waiting", work.median, WORK, "s"),
            Bar("everything, sockets and metadata too", whole.median, WALL, "s"),
        ],
        (
            f"{len(nic['results'])} lines; verdict {nic['verdict']}",
            f"{os.cpu_count()} cores here; the bar is for {CORES}",
        ),
    )


def once(place: Path, environment: Mapping[str, str] | None = None, only: str = "") -> Ran:
    """One run with a folder of its own, and a state folder in it unless one is given.

    Args:
        place: the folder.
        environment: what else the run gets.
        only: of the suites, as pytest's -k has them.

    Raises:
        Unmeasured: it came to no verdict.
    """
    place.mkdir(parents=True)
    state = place / "state"
    state.mkdir(0o700)
    package = next(scripts().parent.glob("lib/python3*/site-packages/xdpconform"))
    words = [
        *(scripts() / "pytest", "-c", package / "pytest.toml"),  # as xdpconform run does
        *("--pyargs", "xdpconform.suites", "--testbed", "veth", "--level", "packets"),
        *("--rootdir", place, "--xdp-results", place / "results.json"),
        *("--html", place / "report.html", "--self-contained-html"),
        *(("-k", only) if only else ()),
    ]
    variables = {**os.environ, "XDPCONFORM_STATE": str(state), **(environment or {})}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    output = (os.POSIX_SPAWN_OPEN, 1, str(place / "output"), os.O_WRONLY | os.O_CREAT, 0o600)
    begin = perf_counter()
    child = os.posix_spawn(words[0], list(map(str, words)), variables, file_actions=[output])
    _pid, ended, used = os.wait4(child, 0)
    wall = perf_counter() - begin
    status = os.waitstatus_to_exitcode(ended)
    if status not in ANY_VERDICT:
        tail = (place / "output").read_text(encoding="utf-8", errors="replace")[-500:]
        raise Unmeasured(f"a run on the veth testbed ended with {status}: {tail}")
    return Ran(status, wall, used.ru_utime + used.ru_stime)
