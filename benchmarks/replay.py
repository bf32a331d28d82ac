# SPDX-License-Identifier: MIT
"""200 recordings through pytest and pytest-html, against as many empty parametrized tests.

What is more than an empty test is everything of ours: reading the recordings, replaying and judging
them, fixtures, the rows of the report, results.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.empty import compare
from benchmarks.installed import folder
from benchmarks.measure import Bar, Report, ratio
from benchmarks.stored import make

if TYPE_CHECKING:
    from benchmarks.measure import Settings

RECORDINGS = 200
ROUNDS = 7


def measure(settings: Settings) -> Report:
    """Compare the two."""
    place = folder() / "replay"
    make(place / "recordings", RECORDINGS)
    words = [f"--recording={place / 'recordings'}"]
    found = compare(place, f"{RECORDINGS} recordings", words, settings.rounds(ROUNDS), 0)
    return Report(
        [found.empty, found.suites],
        [Bar("replayed / empty", ratio(found.suites, found.empty), 1.3)],
    )
