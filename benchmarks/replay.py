# SPDX-License-Identifier: MIT
"""200 recordings through pytest and pytest-html, against as many empty parametrized tests.

What is more than an empty test is everything of ours: reading the recordings, replaying and judging
them, fixtures, the rows of the report, results.json. Then the tracked recordings, of real drivers
and kernels, as a process of their own: judged, and through pytest with its report.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.empty import ANY_VERDICT, compare
from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, interleave, process, ratio
from benchmarks.stored import make
from xdpconform.sources.recording import files_of

if TYPE_CHECKING:
    from benchmarks.measure import Settings

TRACKED = Path(__file__).parent.parent / "recordings"
RECORDINGS = 200
ROUNDS = 7


def measure(settings: Settings) -> Report:
    """Compare the two, and time the tracked ones."""
    place = folder() / "replay"
    make(place / "recordings", RECORDINGS)
    words = [f"--recording={place / 'recordings'}"]
    rounds = settings.rounds(ROUNDS)
    found = compare(place, f"{RECORDINGS} recordings", words, rounds, 0)
    command, number = scripts() / "xdpconform", len(files_of([str(TRACKED)]))
    judge = process([command, "judge", TRACKED], place, status=ANY_VERDICT)
    pytest = process(
        [command, "run", f"--recording={TRACKED}", "--html", place / "tracked.html"],
        place,
        {"XDPCONFORM_REPORTS": str(place)},
        ANY_VERDICT,
    )
    timers = {f"{number} tracked, judged": judge, f"{number} tracked, pytest": pytest}
    judged, replayed = interleave(timers, rounds, warmups=0).values()
    return Report(
        [found.empty, found.suites, judged, replayed],
        [
            Bar("replayed / empty", ratio(found.suites, found.empty), 1.3),
            Bar(judged.what, judged.median, 5, "s"),
        ],
    )
