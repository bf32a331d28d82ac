# SPDX-License-Identifier: MIT
"""A hundred runs in a row on a veth testbed leave nothing behind.

No BPF program, map or link, no network namespace or device, no changed setting, no process, no
journal, no descriptor: each is a bar at 0. Runs mostly wait, so that a few go side by side.
`tests.probes.remains` says what belongs to a run.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks import testbed
from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, Timing, Unmeasured
from tests.probes import remains

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Settings

ROUNDS = 100
TOGETHER = 4
"""Runs side by side."""
ROOM = 20
"""Namespaces by which the kernel's own count may grow: it is rounded, and others have some too."""


def measure(settings: Settings) -> Report:
    """Look, run, and look again."""
    if os.geteuid():
        raise Unmeasured("a testbed needs root")
    scripts()  # installed before anything is counted
    place, rounds = folder() / "leaks", settings.rounds(ROUNDS)
    state = place / "state"
    state.mkdir(0o700, parents=True)
    own = {"XDPCONFORM_STATE": str(state)}
    with ThreadPoolExecutor(TOGETHER) as pool:  # its threads and pipes are there before, too
        list(pool.map(abs, range(TOGETHER)))
        known = remains.namespaces()
        before = remains.look(str(state))
        runs = list(pool.map(lambda n: testbed.once(place / str(n), own), range(rounds)))
        left = remains.left(before, str(state))
        after = remains.look(str(state))
    bars = [Bar(f"{kind} left", len(left.get(kind, ())), 0, "") for kind in remains.KINDS]
    notes = [
        f"{kind}: {len(then)} before, {len(now)} after"
        for kind, then, now in zip(before._fields, before, after, strict=True)
    ]
    if known is not None:
        grown = (remains.namespaces() or 0) - known
        bars.append(Bar("namespaces more in the kernel", grown, max(ROOM, rounds // 2), ""))
    ended = Counter(run.status for run in runs)
    notes += [f"{number} runs ended with {status}" for status, number in sorted(ended.items())]
    notes += [f"{number} times {line}" for line, number in _missed(place).most_common()]
    notes += [f"left: {one}" for found in left.values() for one in found]
    return Report([Timing("a run", [run.wall for run in runs])], bars, tuple(notes))


def _missed(place: Path) -> Counter[str]:
    """The lines that kept runs from conforming: on a busy machine, evidence may come too late."""
    found: Counter[str] = Counter()
    for path in place.glob("*/results.json"):
        (nic,) = json.loads(path.read_bytes())["nics"]
        for line in nic["results"]:
            if line["outcome"] in ("fail", "blocked", "error"):
                what = f"{line['requirement']}[{line['param']}] {line['outcome']}"
                found[f"{what}: {line['reason'] or line['observed']}"[:200]] += 1
    return found
