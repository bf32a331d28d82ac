# SPDX-License-Identifier: MIT
"""``xdpconform judge`` on recordings made from the facts: time and memory, from 100 to 10,000.

One core, level claims, one file after another. What starting Python and importing the package costs
is in the figures. Memory is the peak of the whole process, as the kernel counts it.
"""

from __future__ import annotations

import os
import resource
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.empty import ANY_VERDICT
from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, Timing, Unmeasured
from benchmarks.stored import make

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Settings

SIZES = (100, 1000, 10_000)
ROUNDS = 5
MEGABYTE = 1 << 10  # of the kibibytes that ru_maxrss counts in


def measure(settings: Settings) -> Report:
    """Judge each number of recordings in turn."""
    place = folder() / "judge"
    sizes = SIZES[:2] if settings.quick else SIZES
    make(place, sizes[-1])
    names = sorted(os.listdir(place))
    times: dict[int, list[float]] = {size: [] for size in sizes}
    peaks: dict[int, int] = {}
    for _round in range(settings.rounds(ROUNDS)):
        for size in sizes:
            seconds, peak = _judge(place, names[:size])
            times[size].append(seconds)
            peaks[size] = max(peak, peaks.get(size, 0))
    found = {size: Timing(f"{size} recordings", seconds) for size, seconds in times.items()}
    few, most = sizes[-2], sizes[-1]
    each = {size: timing.median / size for size, timing in found.items()}
    bars = [
        Bar(f"{most} recordings", found[most].median, most / 1000, "s"),
        Bar(f"one of {most} / one of {few}", each[most] / each[few], 1.1),
        Bar("peak memory", peaks[most] / MEGABYTE, 200, "MB"),
        Bar(f"peak of {most} / of {sizes[0]}", peaks[most] / peaks[sizes[0]], 1.5),
    ]
    notes = [f"{size}: {1e3 * each[size]:.2f} ms each, peak {peaks[size] / MEGABYTE:.0f} MB"
             for size in sizes]  # fmt: skip
    return Report(list(found.values()), bars, tuple(notes))


def _judge(place: Path, names: list[str]) -> tuple[float, int]:
    """Seconds, and the peak in kibibytes."""
    command = [str(scripts() / "xdpconform"), "judge", "-q", *names]
    if len(names) == len(os.listdir(place)):
        command[3:] = ["."]
    files = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    before = os.getcwd()
    os.chdir(place)
    try:
        begin = perf_counter()
        child = os.posix_spawn(command[0], command, os.environ, file_actions=files)
        _pid, ended, usage = os.wait4(child, 0)
        seconds = perf_counter() - begin
    finally:
        os.chdir(before)
    assert isinstance(usage, resource.struct_rusage)
    code = os.waitstatus_to_exitcode(ended)
    if code not in ANY_VERDICT:
        raise Unmeasured(f"xdpconform judge ended with {code}")
    return seconds, usage.ru_maxrss
