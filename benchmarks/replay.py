# SPDX-License-Identifier: MIT
"""200 recordings through pytest and pytest-html, against as many empty parametrized tests.

What is more than an empty test is everything of ours: reading the recordings, replaying and judging
them, fixtures, the rows of the report, results.json.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.certify import ANY_VERDICT, EMPTY
from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, interleave, process, ratio
from benchmarks.stored import make

if TYPE_CHECKING:
    from benchmarks.measure import Settings

RECORDINGS = 200
ROUNDS = 7


def measure(settings: Settings) -> Report:
    """Replay once to count the lines, then compare."""
    place = folder() / "replay"
    make(place / "recordings", RECORDINGS)
    pytest = scripts() / "pytest"
    package = next(scripts().parent.glob("lib/python3*/site-packages/xdpconform"))
    results = place / "results.json"
    replay = process(
        [
            *(pytest, "-c", package / "pytest.toml", "--rootdir", place),
            *("--pyargs", "xdpconform.suites", f"--recording={place / 'recordings'}"),
            *("--xdp-results", results, "--html", place / "replayed.html"),
            "--self-contained-html",
        ],
        place,
        status=ANY_VERDICT,
    )
    replay()
    number = sum(len(nic["results"]) for nic in json.loads(results.read_bytes())["nics"])
    (place / "test_empty.py").write_text(EMPTY.format(number=number), encoding="utf-8")
    empty = process(
        [
            *(pytest, "-p", "no:xdpconform.plugin", "--rootdir", place),
            *("--html", place / "empty.html", "--self-contained-html", "test_empty.py"),
        ],
        place,
    )
    found = interleave(
        {f"{number} empty tests": empty, f"{RECORDINGS} recordings": replay},
        settings.rounds(ROUNDS),
        warmups=0,
    )
    nothing, replayed = found.values()
    return Report(
        list(found.values()), [Bar("replayed / empty", ratio(replayed, nothing), 1.3)], ()
    )
