# SPDX-License-Identifier: MIT
"""What having xdpconform installed costs a pytest run that has nothing to do with it.

pytest loads every plugin that is installed. Nobody shall wait for one he does not use: the same
run of one empty test, with the plugin and with ``-p no:xdpconform.plugin``, which keeps pytest
from importing it.

A few milliseconds drown in the noise of starting Python and importing pytest, which are the same
on both sides. Both are therefore done once, and each run is a fork of that process: whatever the
plugin imports and does is new to it.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, Timing, Unmeasured

if TYPE_CHECKING:
    from benchmarks.measure import Settings

ROUNDS = 200

DRIVER = """\
import gc, json, os, sys
from time import perf_counter
import pytest

WAYS = {"pytest": ["-p", "no:xdpconform.plugin"], "pytest with the plugin": []}

def run(words):
    begin = perf_counter()
    child = os.fork()
    if not child:
        os._exit(pytest.main(words))
    _pid, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"pytest {words} ended with {status}")
    return perf_counter() - begin

output = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
pytest.main(WAYS["pytest"])
if "xdpconform" in sys.modules:
    sys.exit("the plugin was loaded all the same")
gc.collect()
gc.freeze()
found = {name: [] for name in WAYS}
for number in range(-2, int(sys.argv[1])):
    for name in sorted(WAYS, reverse=number % 2):
        seconds = run(WAYS[name])
        if number >= 0:
            found[name].append(seconds)
os.write(output, json.dumps(found).encode())
"""


def measure(settings: Settings) -> Report:
    """Compare the two."""
    place = folder() / "idle"
    place.mkdir()
    (place / "test_empty.py").write_text("def test_empty():\n    pass\n", encoding="utf-8")
    variables = {key: os.environ[key] for key in os.environ if key != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run(
        [scripts() / "python3", "-c", DRIVER, str(settings.rounds(ROUNDS))],
        cwd=place,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise Unmeasured(f"pytest could not be forked: {ended.stderr.strip()[-500:]}")
    without, plugin = (Timing(*item) for item in sorted(json.loads(ended.stdout).items()))
    return Report(
        [without, plugin],
        [Bar("the plugin adds", 1e3 * (plugin.median - without.median), 10, "ms")],
        (f"by the quicker half it adds {1e3 * (plugin.lower - without.lower):.2f} ms",),
    )
