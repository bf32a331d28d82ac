# SPDX-License-Identifier: MIT
"""A whole certification at level claims, against as many empty tests.

The difference is the questions to the kernel, the judgement, the notifications seen in a namespace,
results.json, and all the imports they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.dev_get import ifindex_of
from benchmarks.empty import compare
from benchmarks.installed import folder
from benchmarks.measure import Bar, Report, ratio

if TYPE_CHECKING:
    from benchmarks.measure import Settings

ROUNDS = 30


def measure(settings: Settings) -> Report:
    """Compare the two."""
    ifindex_of(settings.iface)
    place = folder() / "certify"
    place.mkdir()
    words = ["--iface", settings.iface]
    found = compare(place, f"{settings.iface} certified", words, settings.rounds(ROUNDS), 2)
    return Report(
        [found.empty, found.suites],
        [Bar("certified / empty", ratio(found.suites, found.empty), 1.5)],
        (f"{found.number} lines; verdict {found.nics[0]['verdict']}",),
    )
