# SPDX-License-Identifier: MIT
"""Time things in turns and compare their medians.

A shared machine is slow for a second and quick for the next. What is compared is therefore run
in turns, in one process, and judged by the ratio of medians: a slow second then hits all alike.
"""

from __future__ import annotations

import gc
import os
from statistics import fmean, median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    Timer = Callable[[], float]
    """Does the thing once and gives the seconds it took."""


class Unmeasured(Exception):  # noqa: N818 - no error: something is missing here
    """What a benchmark needs is not here: says what."""


class Settings(NamedTuple):
    """What was asked for."""

    iface: str
    """Only ever read."""
    quick: bool
    """A tenth of the rounds: to see that it works, too few to judge by."""

    def rounds(self, number: int) -> int:
        """How many rounds, of so many in full."""
        return max(3, number // 10) if self.quick else number


class Timing(NamedTuple):
    """One thing, timed many times; in seconds."""

    what: str
    seconds: list[float]

    @property
    def median(self) -> float:
        """What the bars are about."""
        return median(self.seconds)

    @property
    def lower(self) -> float:
        """The mean of the quicker half: what is left when the noise is taken away."""
        return fmean(sorted(self.seconds)[: (len(self.seconds) + 1) // 2])


class Bar(NamedTuple):
    """A promise, and what was measured."""

    what: str
    value: float
    limit: float
    unit: str = "x"
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


class Report(NamedTuple):
    """What a benchmark found."""

    timings: list[Timing]
    bars: list[Bar]
    notes: tuple[str, ...] = ()
    """Figures without a bar, in words."""


def interleave(timers: Mapping[str, Timer], rounds: int, warmups: int = 1) -> dict[str, Timing]:
    """Run every timer once a round, each round beginning with another one.

    The garbage collector stays on, but what stood there before is kept out of its way: a
    benchmark gives the same alone and after others.
    """
    gc.collect()
    gc.freeze()
    names = list(timers)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warmups, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds = timers[name]()
            if number >= 0:
                found[name].append(seconds)
    return {name: Timing(name, seconds) for name, seconds in found.items()}


def ratio(one: Timing, other: Timing) -> float:
    """Of their medians."""
    return one.median / other.median


def calls(function: Callable[[], object], times: int = 1) -> Timer:
    """Time a function: the mean of so many calls one after another."""
    turns = range(times)

    def timer() -> float:
        begin = perf_counter()
        for _ in turns:
            function()
        return (perf_counter() - begin) / times

    return timer


def process(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    status: Collection[int] = (0,),
) -> Timer:
    """Time a command from its start to its end, its output thrown away.

    By posix_spawn, since subprocess would add its own time to both sides of a ratio. What is
    compiled once is kept, as it is for everybody; so is what pytest rewrites.
    """
    words = [str(word) for word in command]
    variables = {**os.environ, **(environment or {})}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    files = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]

    def timer() -> float:
        before = os.getcwd()
        os.chdir(folder)
        try:
            begin = perf_counter()
            child = os.posix_spawn(words[0], words, variables, file_actions=files)
            _pid, ended = os.waitpid(child, 0)
            seconds = perf_counter() - begin
        finally:
            os.chdir(before)
        code = os.waitstatus_to_exitcode(ended)
        if code not in status:
            raise Unmeasured(f"{' '.join(words)} ended with {code}")
        return seconds

    return timer


def duration(seconds: float) -> str:
    """In the unit that suits it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.1f} ms"


def text(name: str, report: Report) -> str:
    """A report as a table."""
    rows = [("", "median", "lower half")]
    rows += [(t.what, duration(t.median), duration(t.lower)) for t in report.timings]
    width = max(len(row[0]) for row in rows)
    lines = [name]
    lines += [f"  {what:{width}}  {mid:>10}  {low:>10}" for what, mid, low in rows]
    for bar in report.bars:
        word = "at least" if bar.at_least else "at most"
        unit = "" if bar.unit == "x" else " "
        lines.append(
            f"  {'met   ' if bar.met else 'MISSED'}  {bar.what}: {bar.value:.2f}{unit}{bar.unit}"
            f" ({word} {bar.limit:g}{unit}{bar.unit})"
        )
    lines += [f"  note    {note}" for note in report.notes]
    return "\n".join(lines)


def as_dict(report: Report) -> dict[str, object]:
    """A report in JSON types; seconds."""
    return {
        "timings": {
            t.what: {"median": t.median, "lower-half": t.lower, "rounds": len(t.seconds)}
            for t in report.timings
        },
        "bars": [{**bar._asdict(), "met": bar.met} for bar in report.bars],
        "notes": list(report.notes),
    }
