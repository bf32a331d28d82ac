# SPDX-License-Identifier: MIT
"""A run of the suites against as many empty tests: what the same number of lines costs anyway.

Both are pytest runs that write a pytest-html report.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.installed import scripts
from benchmarks.measure import Timing, interleave, process

if TYPE_CHECKING:
    from pathlib import Path

ANY_VERDICT = (0, 1, 10)
"""Exit statuses of a run that came to a verdict."""

EMPTY = """\
import pytest


@pytest.mark.parametrize("number", range({number}))
def test_empty(number):
    pass
"""


class Compared(NamedTuple):
    """What was measured."""

    empty: Timing
    suites: Timing
    nics: list[dict[str, object]]
    """As results.json has them."""

    @property
    def number(self) -> int:
        """How many lines there were."""
        return _count(self.nics)


def compare(place: Path, what: str, words: list[str], rounds: int, warmups: int) -> Compared:
    """Run the suites once to count the lines, then in turns with as many empty tests.

    Args:
        place: a folder for both.
        what: what to call the suites' run.
        words: which NICs, as pytest takes them.
        rounds: how often.
        warmups: turns that do not count.
    """
    pytest = scripts() / "pytest"
    package = next(scripts().parent.glob("lib/python3*/site-packages/xdpconform"))
    results = place / "results.json"
    suites = process(
        [
            *(pytest, "-c", package / "pytest.toml"),  # as xdpconform run does
            *("--pyargs", "xdpconform.suites", *words, "--xdp-results", results),
            *("--html", place / "suites.html", "--self-contained-html"),
        ],
        place,
        status=ANY_VERDICT,
    )
    suites()
    nics: list[dict[str, object]] = json.loads(results.read_bytes())["nics"]
    number = _count(nics)
    (place / "test_empty.py").write_text(EMPTY.format(number=number), encoding="utf-8")
    empty = process(
        [
            *(pytest, "-p", "no:xdpconform.plugin", "--rootdir", place),
            *("--html", place / "empty.html", "--self-contained-html", "test_empty.py"),
        ],
        place,
    )
    found = interleave({f"{number} empty tests": empty, what: suites}, rounds, warmups=warmups)
    return Compared(*found.values(), nics)


def _count(nics: list[dict[str, object]]) -> int:
    return sum(len(nic["results"]) for nic in nics)  # type: ignore[arg-type]
