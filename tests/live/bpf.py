# SPDX-License-Identifier: MIT
"""An XDP program that lets everything pass, attached natively: gone with its descriptor."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from xdpconform.probes.bpf import Link, Mode, Program, programs
from xdpconform.sources import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def native_program(netns: str, ifindex: int) -> Iterator[None]:
    """An XDP_PASS program on an interface in a namespace, as long as the block lasts."""
    with Program.load(programs.passes(), name="passes") as program, Kernel(netns) as kernel:
        link = kernel.within(lambda: Link.create(program, ifindex, Mode.NATIVE))
    with link:
        yield
