# SPDX-License-Identifier: MIT
"""``xdpconform show`` from the shell to the prompt, against an interpreter that does nothing.

What one types first shall answer at once. Most of the time is imports, so that the wheel's
console script is measured, compiled, in an environment of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.dev_get import ifindex_of
from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, interleave, process, ratio

if TYPE_CHECKING:
    from benchmarks.measure import Settings

ROUNDS = 60


def measure(settings: Settings) -> Report:
    """Compare the two, and the same as JSON."""
    ifindex_of(settings.iface)
    python, command = scripts() / "python3", scripts() / "xdpconform"
    found = interleave(
        {
            "python3 -c pass": process([python, "-c", "pass"], folder()),
            "xdpconform show": process([command, "show", settings.iface], folder()),
            "xdpconform show --json": process(
                [command, "show", settings.iface, "--json"], folder()
            ),
        },
        settings.rounds(ROUNDS),
        warmups=2,
    )
    nothing = found["python3 -c pass"]
    return Report(
        list(found.values()),
        [Bar("show / pass", ratio(found["xdpconform show"], nothing), 3)],
        (f"show --json / pass: {ratio(found['xdpconform show --json'], nothing):.2f}x",),
    )
