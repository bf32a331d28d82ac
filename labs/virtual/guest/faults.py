# SPDX-License-Identifier: MIT
"""Ways for a guest to break in the middle of a line, by which the lab itself is tried."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Final

LINE: Final = 5
"""The line in which it breaks, counted over all NICs."""


def panic() -> None:
    """The kernel panics (Documentation/admin-guide/sysrq.rst)."""
    Path("/proc/sysrq-trigger").write_text("c", encoding="ascii")


def hang() -> None:
    """Nothing happens any more."""
    while True:
        sleep(60)


def oom() -> None:
    """More memory is taken than there is."""
    taken = []
    while True:
        taken.append(b"x" * (1 << 24))


def close() -> None:
    """The port for results goes, and the guest hears nothing of it."""
    driver = Path("/sys/bus/virtio/drivers/virtio_console")
    for device in driver.glob("virtio*"):
        (driver / "unbind").write_text(device.name, encoding="ascii")
    hang()


def leave() -> None:
    """The run ends without a word."""
    os._exit(3)


FAULTS: Final[dict[str, Callable[[], None]]] = {
    "panic": panic,
    "hang": hang,
    "oom": oom,
    "close": close,
    "leave": leave,
}
