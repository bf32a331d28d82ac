# SPDX-License-Identifier: MIT
"""AF_XDP sockets opened and closed, beside each other, and what programs do to their frames.

Names are those of tools/testing/selftests/bpf/xskxceiver.c and prog_tests/test_xsk.c.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from xdpconform.observed_xsk import Trial
from xdpconform.probes.sockets_programs import META, META_SIZE
from xdpconform.probes.sockets_stand import Stand
from xdpconform.probes.sockets_traffic import JUMBO, JUMBOS, both
from xdpconform.probes.sockets_trials import (
    FRAMES,
    SIZE,
    Skipped,
    every,
    joined,
    received,
    sent,
    tally,
    until,
)
from xdpconform.probes.trial import GRACE, PATIENCE
from xdpconform.probes.xsk.uapi import XDP_PKT_CONTD

if TYPE_CHECKING:
    from xdpconform.probes.xsk import XskSocket

TIMES: Final = 10
HEADROOM: Final = 128
XDP_PACKET_HEADROOM: Final = 256  # include/uapi/linux/bpf.h
CUT: Final = 16
"""Bytes that a program cuts at the end, or adds there."""


def teardown(stand: Stand, queue: int) -> Trial:
    """Set up, used and closed, ten times over."""
    rounds = [(f"round {n}", both(stand, queue, "TEARDOWN", count=4)) for n in range(TIMES)]
    return joined("TEARDOWN", *rounds)


def program_stays(stand: Stand, queue: int) -> Trial:
    """The program outlives a socket: the next one is served by the same."""
    before = stand.bed.nic.state().program_id
    with stand.open(queue) as socket:
        first = received(stand, socket, "")
    with stand.open(queue) as socket:
        second = received(stand, socket, "")
    same = Trial(
        "", queue, {"stays": 1}, {"stays": int(stand.bed.nic.state().program_id == before)}
    )
    return joined("XDP_PROG_CLEANUP", ("first", first), ("second", second), ("program", same))


def drop_half(stand: Stand, queue: int) -> Trial:
    """What the program drops does not reach the socket."""
    with stand.program(drop_odd=True), stand.open(queue) as socket:
        frames = stand.frames.make(FRAMES, SIZE)
        even, odd = _halves(stand, frames)
        stand.send(queue, frames)
        came = socket.receive(len(even), PATIENCE) + socket.receive(1, GRACE)
        seen = tally(stand.frames, even, came)
        seen["of the others"] = tally(stand.frames, odd, came)["arrived"]
        wanted = every(len(even)) | {"of the others": 0}
        return Trial("XDP_DROP_HALF", queue, wanted, seen)


def shared(stand: Stand, queue: int) -> Trial:
    """Two sockets with one umem on one queue each get what the program gives them."""
    with ExitStack() as stack:
        first = stack.enter_context(stand.open(queue))
        second = stack.enter_context(
            stand.open(queue, receives=False, umem=first.umem, shared=first)
        )
        stack.enter_context(stand.program(by_number=True))
        for key, socket in enumerate((first, second)):
            stand.sockets.set(key, socket.fileno())
            stack.callback(stand.sockets.remove, key)
        frames = stand.frames.make(FRAMES, SIZE)
        even, odd = _halves(stand, frames)
        stand.send(queue, frames)
        parts = [
            (word, Trial("", queue, every(len(half)), tally(stand.frames, half, came)))
            for word, half, came in (
                ("first", even, first.receive(len(even), PATIENCE)),
                ("second", odd, second.receive(len(odd), PATIENCE)),
            )
        ]
        for key in (0, 1):
            stand.sockets.remove(key)
        parts += [
            ("first sends", sent(stand, first, "")),
            ("second sends", sent(stand, second, "")),
        ]
        return joined("XDP_SHARED_UMEM", *parts)


def _halves(stand: Stand, frames: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    even = [frame for frame in frames if not (stand.frames.number(frame) or 0) % 2]
    return even, [frame for frame in frames if frame not in even]


def _raw(socket: XskSocket, count: int, before: int) -> list[tuple[bytes, int, bytes]]:
    """Frames with the place in its chunk where each begins, and the bytes before that."""
    rx = socket.rx
    assert rx is not None  # noqa: S101 - it has a size
    found: list[tuple[bytes, int, bytes]] = []
    going = False
    while len(found) <= count:
        wanting = going or len(found) < count
        if not until(lambda: rx.peek(1) > 0, PATIENCE if wanting else 0):
            break
        ((address, length, options),) = rx.descriptors(1)
        data = socket.umem.read(address, length)
        if going:
            frame, at, meta = found.pop()
            found.append((frame + data, at, meta))
        else:
            place = socket.umem.place(address)
            meta = socket.umem.read(place - before, before) if place >= before else b""
            found.append((data, place - socket.umem.base(address), meta))
        going = bool(options & XDP_PKT_CONTD)
        rx.release(1)
    return found


def headroom(stand: Stand, queue: int) -> Trial:
    """Frames leave the headroom that was asked for before them, in addition to the kernel's."""
    with stand.open(queue, headroom=HEADROOM) as socket:
        frames = stand.frames.make(FRAMES, SIZE)
        stand.send(queue, frames)
        came = _raw(socket, FRAMES, 0)
        seen = tally(stand.frames, frames, [frame for frame, _at, _meta in came])
        room = [at for _frame, at, _meta in came]
        seen["with room"] = sum(at >= HEADROOM + XDP_PACKET_HEADROOM for at in room)
        seen["least room"] = min(room, default=0)
        return Trial("UMEM_HEADROOM", queue, every(FRAMES) | {"with room": FRAMES}, seen)


def metadata(stand: Stand, queue: int, *, jumbo: bool = False) -> Trial:
    """What a program writes before a frame is there in the socket, too.

    Raises:
        Skipped: the driver leaves no room for metadata.
    """
    name = "XDP_METADATA_COPY_MULTI_BUFF" if jumbo else "XDP_METADATA_COPY"
    count, size = (JUMBOS, JUMBO) if jumbo else (FRAMES, SIZE)
    with stand.program(metadata=True), stand.open(queue, use_sg=jumbo) as socket:
        frames = stand.frames.make(count, size)
        frames = _granted(stand, socket, frames, "bpf_xdp_adjust_meta")
        came = _raw(socket, len(frames), META_SIZE)
        seen = tally(stand.frames, frames, [frame for frame, _at, _meta in came])
        seen["with metadata"] = sum(_is_meta(meta) for _frame, _at, meta in came)
        wanted = every(len(frames)) | {"with metadata": len(frames)}
        return Trial(name, queue, wanted, seen | {"refused": count - len(frames)})


def _is_meta(data: bytes) -> bool:
    return META in (int.from_bytes(data, "little"), int.from_bytes(data, "big"))


def tail(stand: Stand, queue: int, name: str, by: int, *, jumbo: bool = False) -> Trial:
    """A frame that a program cut or made longer is so in the socket.

    Raises:
        Skipped: the helper refuses it, as it may where a buffer has no room.
    """
    count, size = (JUMBOS, JUMBO) if jumbo else (FRAMES, SIZE)
    with stand.program(tail=by), stand.open(queue, use_sg=jumbo) as socket:
        frames = stand.frames.make(count, size)
        frames = _granted(stand, socket, frames, "bpf_xdp_adjust_tail")
        expected = [frame[:by] if by < 0 else frame + bytes(by) for frame in frames]
        came = socket.receive(len(frames), PATIENCE) + socket.receive(1, 0)
        seen = tally(stand.frames, expected, came) | {"refused": count - len(frames)}
        return Trial(name, queue, every(len(frames)), seen)


def _granted(stand: Stand, socket: XskSocket, frames: list[bytes], helper: str) -> list[bytes]:
    """Send them; gives those that the helper changed, since the others passed to the host.

    Raises:
        Skipped: it was refused on each.
    """
    rx, count = socket.rx, len(frames)
    assert rx is not None  # noqa: S101 - it has a size
    pieces = -(-len(frames[0]) // (socket.umem.chunk - XDP_PACKET_HEADROOM))
    stand.bed.behind.drain()
    host: set[bytes] = set()

    def all_there() -> bool:
        host.update(stand.bed.behind.receive(count, 0))
        return len(host) + rx.peek(count * pieces) // pieces >= count

    stand.send(socket.queue, frames)
    until(all_there)
    granted = [frame for frame in frames if frame not in host]
    if not granted:
        raise Skipped(f"{helper} is refused")
    return granted


metadata_jumbo = partial(metadata, jumbo=True)
shrink = partial(tail, name="XDP_ADJUST_TAIL_SHRINK", by=-CUT)
grow = partial(tail, name="XDP_ADJUST_TAIL_GROW", by=CUT)
shrink_jumbo = partial(tail, name="XDP_ADJUST_TAIL_SHRINK_MULTI_BUFF", by=-CUT, jumbo=True)
grow_jumbo = partial(tail, name="XDP_ADJUST_TAIL_GROW_MULTI_BUFF", by=CUT, jumbo=True)
