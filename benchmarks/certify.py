# SPDX-License-Identifier: MIT
"""A whole certification at level claims, against as many empty tests.

Both are pytest runs that write a pytest-html report; the empty ones are what the same number of
lines costs anyway. The difference is the questions to the kernel, the judgement, the notifications
seen in a namespace, results.json, and all the imports they need.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.dev_get import ifindex_of
from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, interleave, process, ratio

if TYPE_CHECKING:
    from benchmarks.measure import Settings

ROUNDS = 30
ANY_VERDICT = (0, 1, 10)
"""Exit statuses of a run that came to a verdict."""

EMPTY = """\
import pytest


@pytest.mark.parametrize("number", range({number}))
def test_empty(number):
    pass
"""


def measure(settings: Settings) -> Report:
    """Certify once to count the lines, then compare."""
    ifindex_of(settings.iface)
    place = folder() / "certify"
    place.mkdir()
    pytest = scripts() / "pytest"
    package = next(scripts().parent.glob("lib/python3*/site-packages/xdpconform"))
    results = place / "results.json"
    certify = process(
        [
            *(pytest, "-c", package / "pytest.toml", "--rootdir", place),
            *("--pyargs", "xdpconform.suites", "--iface", settings.iface),
            *("--xdp-results", results, "--html", place / "certified.html"),
            "--self-contained-html",
        ],
        place,
        status=ANY_VERDICT,
    )
    certify()
    (nic,) = json.loads(results.read_text(encoding="utf-8"))["nics"]
    number = len(nic["results"])
    (place / "test_empty.py").write_text(EMPTY.format(number=number), encoding="utf-8")
    empty = process(
        [
            *(pytest, "-p", "no:xdpconform.plugin", "--rootdir", place),
            *("--html", place / "empty.html", "--self-contained-html", "test_empty.py"),
        ],
        place,
    )
    found = interleave(
        {f"{number} empty tests": empty, f"{settings.iface} certified": certify},
        settings.rounds(ROUNDS),
        warmups=2,
    )
    nothing, certified = found.values()
    return Report(
        list(found.values()),
        [Bar("certified / empty", ratio(certified, nothing), 1.5)],
        (f"{number} lines; verdict {nic['verdict']}",),
    )
