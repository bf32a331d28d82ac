# SPDX-License-Identifier: MIT
"""Private network namespaces for live tests: made, used, and always removed.

Each is named ``xdpc-PID-N`` after the process that made it, so that a later run can remove what a
killed one left behind.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_NETNS = "/run/netns"
NAME = re.compile(r"xdpc-(\d+)-\d+")

_number = itertools.count()


class Namespace:
    """A named network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = f"{RUN_NETNS}/{name}"

    def ip(self, *arguments: str) -> str:
        """Run ``ip`` in it, and give what it printed."""
        return _run("ip", "-n", self.name, *arguments)

    def batch(self, *lines: str) -> None:
        """Run many ``ip`` commands in it at once."""
        _run("ip", "-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def pairs(self, count: int, prefix: str = "v") -> None:
        """Make `count` veth pairs: v0a with v0b, v1a with v1b and so on."""
        self.batch(
            *(f"link add {prefix}{n}a type veth peer name {prefix}{n}b" for n in range(count))
        )

    def index(self, name: str) -> int:
        """An interface's number, as iproute2 prints it."""
        return int(self.ip("-o", "link", "show", "dev", name).split(":", 1)[0])


def _run(*command: str, text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def unavailable() -> str:
    """Why no namespace can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("ip") is None:
        return "needs iproute2"
    return ""


def names() -> list[str]:
    """The namespaces there are."""
    try:
        return sorted(os.listdir(RUN_NETNS))
    except FileNotFoundError:
        return []


def sweep() -> list[str]:
    """Remove what runs that are no more left behind; gives the names removed."""
    removed = []
    for name in names():
        match = NAME.fullmatch(name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            with contextlib.suppress(AssertionError):  # another run may sweep too
                _run("ip", "netns", "delete", name)
                removed.append(name)
    return removed


_sweep_once = cache(sweep)


@contextlib.contextmanager
def private_namespace() -> Iterator[Namespace]:
    """A namespace of this process, with its loopback up; removed whatever happens.

    A test is skipped where none can be made.
    """
    reason = unavailable()
    if reason:
        pytest.skip(f"a network namespace {reason}")
    _sweep_once()
    name = f"xdpc-{os.getpid()}-{next(_number)}"
    try:
        _run("ip", "netns", "add", name)
        namespace = Namespace(name)
        namespace.ip("link", "set", "lo", "up")
        yield namespace
    finally:
        if name in names():
            _run("ip", "netns", "delete", name)
