# SPDX-License-Identifier: MIT
"""``python -m fuzz [TARGET...]``: hostile bytes for what reads bytes; exit status 1 on a finding.

Each target runs in a process of its own, guided by coverage (atheris), from seeds of real bytes.
A finding is anything but a value or an error of ours, an input that takes 10 seconds, or one that
takes a gigabyte. It is kept below fuzz/findings.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from fuzz.run import Report, plan, run, text
from fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fuzz.run import Job

    Runner = Callable[[Job], Report]

INPUTS: Final = 5_000_000
FINDINGS: Final = Path(__file__).parent / "findings"
EXIT_FOUND: Final = 1


def main(words: Sequence[str] | None = None, runner: Runner | None = None) -> int:
    """Fuzz what was asked for, and say what it found.

    Args:
        words: the command line; that of the process if not given.
        runner: runs one target; a child process with atheris if not given.
    """
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument(
        "--inputs",
        type=_number,
        default=INPUTS,
        metavar="N",
        help="for codec and recordings together, profiles on top (default: %(default)s)",
    )
    parser.add_argument("--seed", type=_number, default=1, metavar="N", help="of chance")
    parser.add_argument(
        "--jobs", type=_number, default=2, metavar="N", help="targets at a time (default: 2)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(words)
    unknown = [word for word in options.target if word not in TARGETS]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}: there are {', '.join(TARGETS)}")
    if runner is None and find_spec("atheris") is None:
        parser.error("atheris is not installed here: pip install atheris, or tox run -e fuzz")
    with TemporaryDirectory(prefix="xdpconform-fuzz-") as folder:
        jobs = plan(options.target or TARGETS, options.inputs, options.seed, Path(folder))
        if runner is None:
            runner = partial(run, findings=FINDINGS)
        with ThreadPoolExecutor(options.jobs) as pool:
            reports = list(pool.map(runner, jobs))
    if options.json:
        sys.stdout.write(json.dumps([report._asdict() for report in reports], indent=2) + "\n")
    else:
        sys.stdout.write(text(reports))
    return EXIT_FOUND if any(report.findings for report in reports) else 0


def _number(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


if __name__ == "__main__":
    sys.exit(main())
