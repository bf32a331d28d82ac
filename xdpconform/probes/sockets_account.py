# SPDX-License-Identifier: MIT
"""Beyond xskxceiver: each descriptor that was sent comes back once, and each queue has its frames.

Drivers send and complete by groups of eight (PKTS_PER_BATCH and its like), so bursts around eight
show what they lose at a group's edge.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from xdpconform.observed_xsk import Trial
from xdpconform.probes.sockets_stand import CHUNKS, RING, Stand
from xdpconform.probes.sockets_trials import FRAMES, SIZE, every, joined, put, tally
from xdpconform.probes.trial import GRACE, PATIENCE
from xdpconform.probes.xsk import Descriptor, Umem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.probes.xsk import XskSocket

BURSTS: Final = (1, 7, 8, 9)
ROUNDS: Final = 4
"""So that the rings wrap: 4 x 25 descriptors in rings of 64."""
STOP: Final = 5
"""How many of a burst of 9 are shown at first."""


def write(stand: Stand, socket: XskSocket, count: int) -> tuple[list[bytes], list[Descriptor]]:
    """Frames in chunks of a socket, each with its descriptor, which nobody has been shown."""
    frames = stand.out.make(count, SIZE)
    chunks = socket.umem.take(count)
    for chunk, frame in zip(chunks, frames, strict=True):
        socket.umem.write(chunk, frame)
    return frames, [Descriptor(chunk, SIZE) for chunk in chunks]


def account(stand: Stand, socket: XskSocket, frames: list[bytes], sent: list[Descriptor]) -> Trial:
    """What comes back of descriptors that the kernel was shown, and what arrives."""
    count = len(sent)
    socket.flush()
    done = Counter(socket.completions(count, PATIENCE))
    mine = {one.addr for one in sent}
    seen = tally(stand.out, frames, stand.wire.receive(count, PATIENCE))
    seen |= {
        "back once": sum(done[address] == 1 for address in mine),
        "back again": sum(done[address] > 1 for address in mine),
        "never sent": sum(address not in mine for address in done),
    }
    wanted = every(count) | {"back once": count, "back again": 0, "never sent": 0}
    return Trial("", socket.queue, wanted, seen)


def bursts(stand: Stand, queue: int) -> Trial:
    """Bursts of 1, 7, 8 and 9, again and again; then nothing more comes back."""

    def parts(socket: XskSocket) -> Iterator[tuple[str, Trial]]:
        for number in range(ROUNDS):
            for count in BURSTS:
                frames, descriptors = write(stand, socket, count)
                put(socket, descriptors)
                yield f"{count} in round {number}", account(stand, socket, frames, descriptors)
        late = len(socket.completions(1, GRACE))
        yield "in the end", Trial("", queue, {"back again": 0}, {"back again": late})

    with stand.open(queue, receives=False, prime=False) as socket:
        stand.wire.drain()
        return joined("completions of bursts", *parts(socket))


def stopped(stand: Stand, queue: int) -> Trial:
    """A burst of which some are shown at first: exactly those come back, and then the others."""
    with stand.open(queue, receives=False, prime=False) as socket:
        stand.wire.drain()
        frames, descriptors = write(stand, socket, BURSTS[-1])
        put(socket, descriptors, STOP)
        first = account(stand, socket, frames[:STOP], descriptors[:STOP])
        early = len(socket.completions(1, GRACE))
        assert socket.tx is not None  # noqa: S101 - it has a size
        socket.tx.submit()
        rest = account(stand, socket, frames[STOP:], descriptors[STOP:])
        return joined(
            "completions of a burst that stops",
            ("first", first),
            ("before the rest", Trial("", queue, {"back": 0}, {"back": early})),
            ("rest", rest),
        )


def closed(stand: Stand, queue: int) -> Trial:
    """A socket closed in mid-burst leaves nothing behind for the next one on its umem."""
    with Umem(CHUNKS) as umem:
        with stand.open(queue, receives=False, prime=False, umem=umem) as socket:
            _frames, descriptors = write(stand, socket, RING)
            put(socket, descriptors)
            socket.kick_tx()
        with stand.open(queue, receives=False, prime=False, umem=umem) as socket:
            stale = len(socket.completions(1, GRACE))
            stand.wire.drain()
            frames, descriptors = write(stand, socket, BURSTS[-1])
            put(socket, descriptors)
            after = account(stand, socket, frames, descriptors)
    return joined(
        "completions after a close in mid-burst",
        ("left of the first", Trial("", queue, {"back": 0}, {"back": stale})),
        ("then", after),
    )


def steered(stand: Stand) -> tuple[Trial, ...]:
    """A socket on every queue at once: frames come out of that of the queue they came by."""
    name = "steering"
    with ExitStack() as stack:
        home = stand.turn(stand.home)
        sockets = [stack.enter_context(stand.open(queue)) for queue in range(stand.queues)]
        # The last bind may have taken the link down under the first socket.
        stand.settle(home, sockets[home])
        return tuple(_steer(stand, sockets, queue, name) for queue in range(stand.queues))


def _reached(stand: Stand, sockets: list[XskSocket], queue: int) -> bool:
    if stand.aims:
        return True
    stand.draw(sockets[queue])
    _drain(sockets)
    return stand.find_home() == queue


def _drain(sockets: list[XskSocket]) -> None:
    for socket in sockets:
        while socket.receive(RING, GRACE):
            pass


def _steer(stand: Stand, sockets: list[XskSocket], queue: int, name: str) -> Trial:
    if not _reached(stand, sockets, queue):
        port = stand.bed.nic.ifname
        why = (
            f"frames come to {port} by queue {stand.home} and cannot be aimed: ethtool -N {port}"
            f" flow-type ether proto 0x88b5 action {queue}"
        )
        return Trial(name, queue, skipped=why)
    _drain(sockets)
    before = stand.by_queue()
    frames = stand.frames.make(FRAMES, SIZE)
    stand.send(queue, frames)
    seen = tally(stand.frames, frames, sockets[queue].receive(FRAMES, PATIENCE))
    seen["by this queue"] = stand.counts.total(queue) - before[queue]
    other = [frame for n, one in enumerate(sockets) if n != queue for frame in one.receive(1, 0)]
    seen["to other sockets"] = tally(stand.frames, frames, other)["arrived"]
    return Trial(
        name, queue, every(FRAMES) | {"by this queue": FRAMES, "to other sockets": 0}, seen
    )
