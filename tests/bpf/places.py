# SPDX-License-Identifier: MIT
"""Where live tests run: inside a namespace, or in a child without privileges."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.namespaces import Namespace
from xdpconform.sources import Kernel

T = TypeVar("T")
ROOT = Path(__file__).parent.parent.parent


def inside(namespace: Namespace, function: Callable[[], T]) -> T:
    """Call a function in a thread that is in the namespace."""
    with Kernel(namespace.name) as kernel:
        return kernel.within(function)


def child(code: str, *before: str) -> subprocess.Popen[str]:
    """Python of ours in a process of its own; its output is read by the test."""
    return subprocess.Popen(
        [*before, sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def without(capability: str) -> tuple[str, ...]:
    """A command that runs another without a capability."""
    return ("setpriv", f"--bounding-set=-{capability}", f"--inh-caps=-{capability}")
