# SPDX-License-Identifier: MIT
"""``python -m benchmarks [NAME...] [--json] [--quick]``: exit status 1 if a bar is missed."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from benchmarks import (
    certificate,
    certify,
    dev_get,
    dump,
    judge,
    leaks,
    live_frames,
    matrix,
    plugin_idle,
    replay,
    show,
    testbed,
    verify,
    xsk,
    xsk_cycles,
)
from benchmarks.measure import Settings, Unmeasured, as_dict, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Report

BENCHMARKS: dict[str, Callable[[Settings], Report]] = {
    "dev_get": dev_get.measure,
    "dump": dump.measure,
    "show": show.measure,
    "plugin_idle": plugin_idle.measure,
    "certificate": certificate.measure,
    "certify": certify.measure,
    "judge": judge.measure,
    "replay": replay.measure,
    "live_frames": live_frames.measure,
    "matrix": matrix.measure,
    "testbed": testbed.measure,
    "verify": verify.measure,
    "leaks": leaks.measure,
    "xsk": xsk.measure,
    "xsk_cycles": xsk_cycles.measure,
}

EXIT_MISSED = 1
EXIT_UNMEASURED = 2
"""Something could not be measured here, and no bar was missed."""


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds")
    parser.add_argument("--iface", default="eth0", metavar="NAME", help="the NIC; only read")
    options = parser.parse_args()
    unknown = set(options.name) - set(BENCHMARKS)
    if unknown:
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}"
        )
    settings = Settings(options.iface, options.quick)
    status = 0
    found: dict[str, object] = {}
    for name in options.name or BENCHMARKS:
        try:
            report = BENCHMARKS[name](settings)
        except Unmeasured as problem:
            status = status or EXIT_UNMEASURED
            found[name] = {"unmeasured": str(problem)}
            output = f"{name}\n  not measured: {problem}"
        else:
            if not all(bar.met for bar in report.bars):
                status = EXIT_MISSED
            found[name] = as_dict(report)
            output = text(name, report)
        if not options.json:
            print(output, end="\n\n", flush=True)
    if options.json:
        print(json.dumps(found, indent=2))
    return status


if __name__ == "__main__":
    sys.exit(main())
