# SPDX-License-Identifier: MIT
"""Rings of AF_XDP sockets, smallest and largest, and what their indices say.

Names are those of tools/testing/selftests/bpf/xskxceiver.c and prog_tests/test_xsk.c. The NIC's own
rings are left as they are.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from xdpconform.observed_xsk import Trial
from xdpconform.probes.sockets_trials import (
    FRAMES,
    SIZE,
    Skipped,
    every,
    joined,
    put,
    sent,
    tally,
)
from xdpconform.probes.testbed.frames import SMALLEST
from xdpconform.probes.trial import PATIENCE
from xdpconform.probes.xsk import Descriptor, Sizes, Umem

if TYPE_CHECKING:
    from xdpconform.probes.sockets_stand import Stand
    from xdpconform.probes.xsk import XskSocket

BUDGET: Final = 32
"""TX_BATCH_SIZE, net/xdp/xsk.c: what one kick sends in copy mode"""
LARGE: Final = 2048
"""Entries of a large ring."""
SMALL_CHUNK: Final = 2048


def consumer(stand: Stand, queue: int) -> Trial:
    """The consumer index of the transmit ring says what one kick has taken, and no more.

    Raises:
        Skipped: in zero copy the driver takes what it likes.
    """
    if stand.zero_copy:
        raise Skipped("in zero copy a kick has no budget of the kernel's")
    with stand.open(queue, receives=False, prime=False) as socket:
        tx = socket.tx
        assert tx is not None  # noqa: S101 - it has a size
        chunks = socket.umem.take(BUDGET + 1)
        frames = stand.out.make(BUDGET + 1, SIZE)
        for chunk, frame in zip(chunks, frames, strict=True):
            socket.umem.write(chunk, frame)
        stand.wire.drain()
        put(socket, [Descriptor(chunk, SIZE) for chunk in chunks])
        socket.kick_tx()
        left = tx.pending()
        socket.flush()
        came = stand.wire.receive(BUDGET + 1, PATIENCE)
        seen = tally(stand.out, frames, came) | {"left after one kick": left}
        seen["completed"] = len(socket.completions(BUDGET + 1, PATIENCE))
        wanted = {"left after one kick": 1, "completed": BUDGET + 1}
        return Trial("TX_QUEUE_CONSUMER", queue, every(BUDGET + 1) | wanted, seen)


def smallest_rings(stand: Stand, queue: int) -> Trial:
    """Rings of two entries carry frames one by one."""
    with stand.open(queue, sizes=Sizes(2, 2, 2, 2)) as socket:
        frames = stand.frames.make(FRAMES, SIZE)
        came = []
        for frame in frames:
            stand.send(queue, [frame])
            came += socket.receive(1, PATIENCE)
        there = Trial("", queue, every(FRAMES), tally(stand.frames, frames, came))
        stand.sockets.remove(queue)
        back = sent(stand, socket, "")
        return joined("HW_SW_MIN_RING_SIZE", ("received", there), ("sent", back))


def largest_rings(stand: Stand, queue: int) -> Trial:
    """Large rings hold as many frames as they have entries but one."""
    count = LARGE - 1
    sizes = Sizes(LARGE, LARGE, LARGE, LARGE)
    with (
        Umem(2 * LARGE, SMALL_CHUNK) as umem,
        stand.open(queue, umem=umem, sizes=sizes) as socket,
    ):
        frames = stand.frames.make(count)
        before = stand.counts.total(queue)
        for start in range(0, count, BUDGET):
            stand.send(queue, frames[start : start + BUDGET])
            if stand.seen(queue, min(start + BUDGET, count), before) < start:
                break  # they do not come at all
        came = tally(stand.frames, frames, socket.receive(count, PATIENCE))
        there = Trial("", queue, every(count), came)
        stand.sockets.remove(queue)
        return joined(
            "HW_SW_MAX_RING_SIZE", ("received", there), ("sent", _full_ring(stand, socket, count))
        )


def _full_ring(stand: Stand, socket: XskSocket, count: int) -> Trial:
    """So many frames stand in the ring at once; the medium is emptied meanwhile."""
    tx = socket.tx
    assert tx is not None  # noqa: S101 - it has a size
    frames = stand.out.make(count)
    chunks = socket.umem.take(count)
    for chunk, frame in zip(chunks, frames, strict=True):
        socket.umem.write(chunk, frame)
    stand.wire.drain()
    put(socket, [Descriptor(chunk, SMALLEST) for chunk in chunks])
    came: list[bytes] = []
    left, deadline = count, time.monotonic() + PATIENCE
    while left and time.monotonic() < deadline:
        socket.kick_tx()
        came.extend(stand.wire.receive(count, 0))
        if tx.pending() < left:  # a slow host is given time as long as it gets on
            left, deadline = tx.pending(), time.monotonic() + PATIENCE
    came += stand.wire.receive(count - len(came), PATIENCE)
    seen = tally(stand.out, frames, came)
    seen["completed"] = len(socket.completions(count, PATIENCE))
    return Trial("", socket.queue, every(count) | {"completed": count}, seen)
