# SPDX-License-Identifier: MIT
"""Runs that are killed: Python code in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 20.0
"""Seconds until a test gives up."""


def start(code: str, *words: str) -> subprocess.Popen[str]:
    """A process that runs the code, with `words` as sys.argv[1:]."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints; what it said on stderr if it ended before."""
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.readline().strip() or process.stderr.read()


def kill(process: subprocess.Popen[str]) -> None:
    """End it as the kernel's OOM killer would."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def until(look: Callable[[], object], expected: object) -> object:
    """What `look` gives as soon as that is expected, or at last."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.01)
    return found
