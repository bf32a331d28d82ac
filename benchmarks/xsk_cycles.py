# SPDX-License-Identifier: MIT
"""A thousand AF_XDP sockets, one after another, on one queue: opened, used and closed.

Each receives frames from a veth pair's other end and sends as many back. At the end nothing is
lost: no frame, no completion, no descriptor, no chunk, no mapping, and no queue that stays busy.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from benchmarks.measure import Bar, Report, Timing, Unmeasured
from xdpconform.errors import XdpConformError
from xdpconform.probes import bpf
from xdpconform.probes.bpf import Link, PerCpuArray, Program, XskMap, programs
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Testbed
from xdpconform.probes.xsk import Sizes, Umem, XskMode, XskSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Settings

ROUNDS = 1000
FRAMES = 20
WAIT = 2.0
RING = 64
WARMUPS = 10
"""Cycles before anything is counted: what is made once is made by then."""
ARENAS = 8
"""Mappings by which it may grow: allocators make some for our figures."""
GROWTH = 256
"""KiB by which the process may grow: allocators keep some."""


class Lost:
    """What was lost in all cycles."""

    def __init__(self) -> None:
        self.received = self.sent = self.completions = self.chunks = 0
        self.busy: list[float] = []
        self.seconds: list[float] = []


def cycle(bed: Testbed, sockets: XskMap, umem: Umem, lost: Lost) -> None:
    """One socket's life."""
    assert bed.wire is not None
    frames, free = bed.frames().make(2 * FRAMES), umem.free
    there, back = frames[:FRAMES], frames[FRAMES:]
    begin = time.perf_counter()
    with XskSocket(
        bed.nic, umem, queue=0, mode=XskMode.COPY, need_wakeup=True, sizes=Sizes(*[RING] * 4)
    ) as xsk:
        sockets.set(0, xsk.fileno())
        bed.wire.send(there)
        lost.received += xsk.receive(FRAMES, WAIT) != there
        sent = xsk.send(back)
        lost.sent += bed.wire.receive(FRAMES, WAIT) != back
        lost.completions += len(set(sent) - set(xsk.completions(FRAMES, WAIT)))
        lost.busy.append(xsk.busy_ms)
    lost.seconds.append(time.perf_counter() - begin)
    lost.chunks += free - umem.free


def held() -> dict[str, int]:
    """Descriptors and mappings of this process."""
    with open("/proc/self/maps", encoding="ascii") as file:
        maps = file.read()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "ring mappings": maps.count("socket:["),
        "mappings": maps.count("\n"),
    }


def resident() -> int:
    """KiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def _in_turns(rounds: int, once: Callable[[], None]) -> None:
    for _ in range(rounds):
        once()


def measure(settings: Settings) -> Report:
    """Look, run, and look again."""
    if os.geteuid():
        raise Unmeasured("AF_XDP on a veth pair needs root")
    try:
        return _measure(settings.rounds(ROUNDS))
    except XdpConformError as error:
        raise Unmeasured(str(error)) from error


def _measure(rounds: int) -> Report:
    with (
        Testbed.veth(Guardian()) as bed,
        Umem(256) as umem,
        XskMap(1) as sockets,
        PerCpuArray(8, 8) as counts,
        Program.load(programs.redirect(sockets, None, counts), name="xsk") as program,
        bed.nic.namespace.call(lambda: Link.create(program, bed.nic.ifindex, bpf.Mode.NATIVE)),
    ):
        _in_turns(WARMUPS, lambda: cycle(bed, sockets, umem, Lost()))
        before, kib, lost = held(), resident(), Lost()
        _in_turns(rounds, lambda: cycle(bed, sockets, umem, lost))
        grown = resident() - kib
        left = {what: count - before[what] for what, count in held().items()}
    bars = [
        Bar("bursts not received whole", lost.received, 0, ""),
        Bar("bursts not sent whole", lost.sent, 0, ""),
        Bar("completions lost", lost.completions, 0, ""),
        Bar("chunks lost", lost.chunks, 0, ""),
        *(
            Bar(f"{what} left", count, ARENAS if what == "mappings" else 0, "")
            for what, count in left.items()
        ),
        Bar("memory grown", grown, GROWTH, "KiB"),
        Bar("longest wait for the queue", max(lost.busy), 1000, "ms"),
    ]
    notes = (
        f"{rounds} sockets, {2 * FRAMES} frames each",
        f"the queue was waited for {sum(lost.busy) / rounds:.1f} ms on average",
    )
    return Report([Timing("a socket's life", lost.seconds)], bars, notes)
