# SPDX-License-Identifier: MIT
"""Frames through AF_XDP sockets both ways, of several layouts, and what poll(2) says of them.

Names are those of tools/testing/selftests/bpf/xskxceiver.c and prog_tests/test_xsk.c.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

from xdpconform.observed_xsk import Trial
from xdpconform.probes.sockets_stand import RING, Stand
from xdpconform.probes.sockets_trials import (
    FRAMES,
    SIZE,
    Skipped,
    every,
    joined,
    put,
    received,
    sent,
    tally,
    until,
)
from xdpconform.probes.trial import GRACE, PATIENCE
from xdpconform.probes.xsk import Descriptor, Sizes

if TYPE_CHECKING:
    from xdpconform.probes.xsk import XskSocket

SMALL_CHUNK: Final = 2048
ODD: Final = 138
"""Where frames begin in unaligned chunks; even, see `limits.invalid`."""
JUMBO: Final = 9014
JUMBOS: Final = 5
FEW: Final = 8
"""Entries of a completion ring that is soon full."""


def both(stand: Stand, queue: int, name: str, *, count: int = FRAMES, chunk: int = 4096) -> Trial:
    """To a socket, then from it."""
    with stand.open(queue, chunk=chunk) as socket:
        there = received(stand, socket, name, count)
        stand.sockets.remove(queue)  # a NIC that hears itself would give it what it sends
        return joined(name, ("received", there), ("sent", sent(stand, socket, name, count)))


def send_receive(stand: Stand, queue: int) -> Trial:
    """Every frame arrives, intact and in order."""
    return both(stand, queue, "SEND_RECEIVE")


def small_chunks(stand: Stand, queue: int) -> Trial:
    """The same with chunks of 2048 bytes."""
    return both(stand, queue, "SEND_RECEIVE_2K_FRAME", chunk=SMALL_CHUNK)


def single(stand: Stand, queue: int) -> Trial:
    """A lone frame does not wait for others."""
    return both(stand, queue, "SEND_RECEIVE_SINGLE_PKT", count=1)


def unaligned(stand: Stand, queue: int) -> Trial:
    """Frames that begin anywhere."""
    name = "SEND_RECEIVE_UNALIGNED"
    with stand.open(queue, unaligned=True) as socket:
        there = received(stand, socket, name)
        stand.sockets.remove(queue)
        frames = stand.out.make(FRAMES, SIZE)
        chunks = socket.umem.take(FRAMES)
        for chunk, frame in zip(chunks, frames, strict=True):
            socket.umem.write(chunk + ODD, frame)
        stand.wire.drain()
        put(socket, [Descriptor(chunk + ODD, SIZE) for chunk in chunks])
        socket.flush()
        came = tally(stand.out, frames, stand.wire.receive(FRAMES, PATIENCE))
        came["completed"] = len(socket.completions(FRAMES, PATIENCE))
        back = Trial(name, queue, every(FRAMES) | {"completed": FRAMES}, came)
        return joined(name, ("received", there), ("sent", back))


def bidirectional(stand: Stand, queue: int) -> Trial:
    """Both ways at once.

    Raises:
        Skipped: the NIC hears itself.
    """
    name = "BIDIRECTIONAL"
    if stand.bed.kind == "loopback":
        raise Skipped("a NIC that hears itself has one direction")
    with stand.open(queue) as socket:
        there, back = stand.frames.make(FRAMES, SIZE), stand.out.make(FRAMES, SIZE)
        stand.wire.drain()
        for start in range(0, FRAMES, 4):
            stand.send(queue, there[start : start + 4])
            socket.send(back[start : start + 4])
        came = tally(stand.frames, there, socket.receive(FRAMES, PATIENCE))
        went = tally(stand.out, back, stand.wire.receive(FRAMES, PATIENCE))
        went["completed"] = len(socket.completions(FRAMES, PATIENCE))
        return joined(
            name,
            ("received", Trial(name, queue, every(FRAMES), came)),
            ("sent", Trial(name, queue, every(FRAMES) | {"completed": FRAMES}, went)),
        )


def jumbo(stand: Stand, queue: int, *, anywhere: bool = False) -> Trial:
    """Frames of several buffers; the MTU is large enough already."""
    name = "SEND_RECEIVE_UNALIGNED_9K_PACKETS" if anywhere else "SEND_RECEIVE_9K_PACKETS"
    with stand.open(queue, unaligned=anywhere, use_sg=True) as socket:
        there = received(stand, socket, name, JUMBOS, JUMBO)
        stand.sockets.remove(queue)
        back = sent(stand, socket, name, JUMBOS, JUMBO)
        return joined(name, ("received", there), ("sent", back))


def jumbo_unaligned(stand: Stand, queue: int) -> Trial:
    """The same where frames begin anywhere."""
    return jumbo(stand, queue, anywhere=True)


def _events(socket: XskSocket, wanted: int, seconds: float) -> int:
    """Whether poll(2) tells of it in time."""
    poll = select.poll()
    poll.register(socket.fileno(), wanted)
    return int(any(event & wanted for _fd, event in poll.poll(seconds * 1000)))


def poll_rx(stand: Stand, queue: int) -> Trial:
    """POLLIN where a frame has come."""
    with stand.open(queue) as socket:
        frames = stand.frames.make(1, SIZE)
        stand.send(queue, frames)
        seen = {"POLLIN with a frame": _events(socket, select.POLLIN, PATIENCE)}
        seen["arrived"] = tally(stand.frames, frames, socket.receive(1, 0))["arrived"]
        return Trial("POLL_RX", queue, {"POLLIN with a frame": 1, "arrived": 1}, seen)


def poll_rx_nothing(stand: Stand, queue: int) -> Trial:
    """The time runs out where none has come."""
    with stand.open(queue, receives=False) as socket:
        seen = {"POLLIN without a frame": _events(socket, select.POLLIN, GRACE)}
        return Trial("POLL_RXQ_FULL", queue, {"POLLIN without a frame": 0}, seen)


def poll_tx(stand: Stand, queue: int) -> Trial:
    """POLLOUT where there is room."""
    with stand.open(queue, receives=False) as socket:
        seen = {"POLLOUT with room": _events(socket, select.POLLOUT, PATIENCE)}
        return Trial("POLL_TX", queue, {"POLLOUT with room": 1}, seen)


def poll_tx_full(stand: Stand, queue: int) -> Trial:
    """The time runs out where the transmit ring is full, and not once it is emptied.

    It is full since nothing can be completed: the completion ring is left full.
    """
    sizes = Sizes(RING, RING, RING, FEW)
    with stand.open(queue, receives=False, sizes=sizes, prime=False) as socket:
        tx = socket.tx
        assert tx is not None  # noqa: S101 - it has a size
        frames = stand.out.make(RING + FEW, SIZE)
        chunks = socket.umem.take(len(frames))
        stand.wire.drain()
        for chunk, frame in zip(chunks, frames, strict=True):
            socket.umem.write(chunk, frame)
        put(socket, [Descriptor(chunk, SIZE) for chunk in chunks[:RING]])
        until(lambda: socket.kick_tx() and tx.pending() <= RING - FEW, GRACE)
        taken = RING - tx.pending()
        put(socket, [Descriptor(chunk, SIZE) for chunk in chunks[RING : RING + taken]])
        total = RING + min(taken, FEW)
        seen = {"POLLOUT while full": _events(socket, select.POLLOUT, GRACE)}
        socket.flush()
        seen["POLLOUT once empty"] = _events(socket, select.POLLOUT, PATIENCE)
        seen["completed"] = len(socket.completions(total, PATIENCE))
        wanted = {"POLLOUT while full": 0, "POLLOUT once empty": 1, "completed": total}
        seen |= {"arrived": len(stand.wire.receive(total, PATIENCE))}
        return Trial("POLL_TXQ_FULL", queue, wanted | {"arrived": total}, seen)
