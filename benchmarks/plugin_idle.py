# SPDX-License-Identifier: MIT
"""What having xdpconform installed costs a pytest run that has nothing to do with it.

pytest loads every plugin that is installed. Nobody shall wait for one he does not use: the same
run of one empty test, with the plugin and with ``-p no:xdpconform.plugin``, which keeps pytest
from importing it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, interleave, process

if TYPE_CHECKING:
    from benchmarks.measure import Settings

ROUNDS = 60


def measure(settings: Settings) -> Report:
    """Compare the two."""
    place = folder() / "idle"
    place.mkdir()
    (place / "test_empty.py").write_text("def test_empty():\n    pass\n", encoding="utf-8")
    pytest = scripts() / "pytest"
    found = interleave(
        {
            "pytest": process([pytest, "-p", "no:xdpconform.plugin"], place),
            "pytest with the plugin": process([pytest], place),
        },
        settings.rounds(ROUNDS),
        warmups=2,
    )
    without, plugin = found["pytest"], found["pytest with the plugin"]
    return Report(
        list(found.values()),
        [Bar("the plugin adds", 1e3 * (plugin.median - without.median), 10, "ms")],
        (f"by the quicker half it adds {1e3 * (plugin.lower - without.lower):.2f} ms",),
    )
