# SPDX-License-Identifier: MIT
"""What AF_XDP sockets must refuse, count and hold: descriptors, statistics, buffers, rings.

Names are those of tools/testing/selftests/bpf/xskxceiver.c and prog_tests/test_xsk.c. What the
kernel refuses of a descriptor: include/net/xdp/xsk_queue.h (net/xdp/xsk_queue.h),
xp_aligned_validate_desc and xp_unaligned_validate_desc.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from xdpconform.observed_xsk import Trial
from xdpconform.probes.sockets_stand import CHUNK, CHUNKS, RING, Stand
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
from xdpconform.probes.testbed.frames import FILLING, SMALLEST
from xdpconform.probes.trial import GRACE, PATIENCE
from xdpconform.probes.xsk import Descriptor, Sizes, XskError
from xdpconform.probes.xsk.uapi import XDP_PKT_CONTD

if TYPE_CHECKING:
    pass

SMALL_CHUNK: Final = 2048
ODD_CHUNK: Final = 4001
"""No power of two, as unaligned umems may have."""
BEFORE: Final = 2**64 - 2
"""An address that would begin before the umem."""
UNKNOWN: Final = 1 << 7
"""No option of a descriptor."""
MAX_SKB_FRAGS: Final = "/proc/sys/net/core/max_skb_frags"
XDP_PACKET_HEADROOM: Final = 256  # include/uapi/linux/bpf.h
ROOM: Final = 512
"""Bytes left of a chunk whose headroom takes the rest; struct skb_shared_info must fit."""
FULL: Final = 8
"""Entries of a receive ring that is soon full."""
ETH_DATA_LEN: Final = 1500  # include/uapi/linux/if_ether.h


def invalid(
    stand: Stand, queue: int, name: str, chunk: int = CHUNK, *, anywhere: bool = False
) -> Trial:
    """Descriptors outside the umem, too long or with unknown options are skipped, and counted."""
    with stand.open(queue, receives=False, prime=False, chunk=chunk, unaligned=anywhere) as socket:
        end = CHUNKS * chunk
        places = [0, 4 * chunk - SIZE, end - SIZE]  # the begin, a chunk's end, the umem's end
        if anywhere:
            places[1] = (
                CHUNK + 2
            )  # even: of an odd one Linux 6.18 loses the lowest bit in copy mode
        wrong = [
            Descriptor(BEFORE, SIZE),
            Descriptor(end, SIZE),
            Descriptor(end - SIZE // 2, SIZE),
            Descriptor(5 * chunk, chunk + 1),
            Descriptor(6 * chunk, SIZE, UNKNOWN),
        ]
        if not anywhere:
            wrong.append(Descriptor(8 * chunk - SIZE // 2, SIZE))  # across two chunks
        frames = stand.out.make(len(places), SIZE)
        for place, frame in zip(places, frames, strict=True):
            socket.umem.write(place, frame)
        good = [Descriptor(place, SIZE) for place in places]
        stand.wire.drain()
        put(socket, [good[0], *wrong[:2], good[1], *wrong[2:], good[2]])
        socket.flush()
        seen = tally(stand.out, frames, stand.wire.receive(len(frames), PATIENCE))
        done = socket.completions(len(frames), PATIENCE) + socket.completions(len(wrong), GRACE)
        seen |= {
            "back once": sum(done.count(place) == 1 for place in places),
            "wrong ones back": sum(address not in places for address in done),
            "tx_invalid_descs": socket.statistics().tx_invalid_descs,
        }
        # Whether a descriptor that was refused comes back depends on the kernel.
        wanted = {"back once": len(frames), "tx_invalid_descs": len(wrong)}
        return Trial(name, queue, every(len(frames)) | wanted, seen)


def invalid_in_chain(stand: Stand, queue: int, name: str, *, anywhere: bool = False) -> Trial:
    """A frame of which one descriptor is wrong is not sent, and those around it are.

    Raises:
        Skipped: the driver sends no frames of several buffers.
    """
    needs_segments(stand, 2)
    half = SIZE // 2
    with stand.open(queue, receives=False, prime=False, unaligned=anywhere, use_sg=True) as socket:
        frames = stand.out.make(3, SIZE)
        for number, frame in enumerate(frames):
            socket.umem.write(2 * number * CHUNK, frame[:half])
            socket.umem.write((2 * number + 1) * CHUNK, frame[half:])
        whole = [
            (Descriptor(at, half, XDP_PKT_CONTD), Descriptor(at + CHUNK, half))
            for at in range(0, 6 * CHUNK, 2 * CHUNK)
        ]
        stand.wire.drain()
        put(socket, [*whole[0], whole[1][0], Descriptor(CHUNKS * CHUNK, half), *whole[2]])
        socket.flush()
        came = stand.wire.receive(3, GRACE) or stand.wire.receive(3, PATIENCE)
        seen = tally(stand.out, [frames[0], frames[2]], came)
        count = socket.statistics().tx_invalid_descs
        seen |= {
            "of the wrong one": tally(stand.out, [frames[1]], came)["arrived"],
            "tx_invalid_descs told": int(count > 0),
            "tx_invalid_descs": count,
        }
        wanted = every(2) | {"of the wrong one": 0, "tx_invalid_descs told": 1}
        return Trial(name, queue, wanted, seen)


aligned_invalid = partial(invalid, name="ALIGNED_INV_DESC")
aligned_invalid_2k = partial(invalid, name="ALIGNED_INV_DESC_2K_FRAME_SIZE", chunk=SMALL_CHUNK)
unaligned_invalid = partial(invalid, name="UNALIGNED_INV_DESC", anywhere=True)
unaligned_invalid_4001 = partial(
    invalid, name="UNALIGNED_INV_DESC_4001_FRAME_SIZE", chunk=ODD_CHUNK, anywhere=True
)
aligned_chain = partial(invalid_in_chain, name="ALIGNED_INV_DESC_MULTI_BUFF")
unaligned_chain = partial(invalid_in_chain, name="UNALIGNED_INV_DESC_MULTI_BUFF", anywhere=True)


def needs_segments(stand: Stand, count: int) -> None:
    """In zero copy the driver says how many buffers a frame may have; in copy mode the kernel.

    Raises:
        Skipped: fewer.
    """
    if stand.zero_copy:
        most = (stand.claims.zc_max_segs if stand.claims else None) or 1
        if most < count:
            raise Skipped(f"xdp-zc-max-segs is {most}, and {count} buffers are needed")


def rx_dropped(stand: Stand, queue: int) -> Trial:
    """Frames too large for a chunk are dropped and counted; others arrive.

    Raises:
        Skipped: in zero copy, where such a chunk cannot be bound.
    """
    if stand.zero_copy:
        raise Skipped("in zero copy a chunk holds a frame of the MTU, or bind(2) refuses")
    headroom = CHUNK - XDP_PACKET_HEADROOM - ROOM
    with stand.open(queue, headroom=headroom) as socket:
        fits, too_large = stand.frames.make(FULL, SIZE), stand.frames.make(FULL, 2 * ROOM)
        before = stand.counts.total(queue)
        for small, large in zip(fits, too_large, strict=True):
            stand.send(queue, [large, small])
        came = socket.receive(FULL, PATIENCE)
        stand.seen(queue, 2 * FULL, before)
        seen = tally(stand.frames, fits, came) | {"rx_dropped": socket.statistics().rx_dropped}
        return Trial("STAT_RX_DROPPED", queue, every(FULL) | {"rx_dropped": FULL}, seen)


def tx_invalid(stand: Stand, queue: int) -> Trial:
    """Each wrong descriptor is counted, and none is sent."""
    with stand.open(queue, receives=False, prime=False) as socket:
        put(socket, [Descriptor(number * CHUNK, CHUNK + 1) for number in range(FRAMES)])
        socket.flush()
        seen = {
            "tx_invalid_descs": socket.statistics().tx_invalid_descs,
            "completed": len(socket.completions()),
        }
        return Trial("STAT_TX_INVALID", queue, {"tx_invalid_descs": FRAMES}, seen)


def _overrun(
    stand: Stand, queue: int, name: str, field: str, sizes: Sizes, *, prime: bool
) -> Trial:
    with stand.open(queue, sizes=sizes, prime=prime) as socket:
        before = stand.counts.total(queue)
        if getattr(socket.statistics(), field) is None:
            raise Skipped(f"{field} is not counted before Linux 5.9")
        stand.send(queue, stand.frames.make(FRAMES, SIZE))
        stand.seen(queue, FRAMES, before)
        count = getattr(socket.statistics(), field)
        return Trial(
            name, queue, {f"{field} told": 1}, {f"{field} told": int(count > 0), field: count}
        )


def rx_full(stand: Stand, queue: int) -> Trial:
    """Frames that the receive ring has no room for are counted; by some drivers kept back."""
    sizes = Sizes(FULL, RING, RING, RING)
    return _overrun(stand, queue, "STAT_RX_FULL", "rx_ring_full", sizes, prime=True)


def fill_empty(stand: Stand, queue: int) -> Trial:
    """That the fill ring was empty when the driver looked for a buffer is counted.

    In zero copy that is when the socket is bound: a driver without buffers takes no frame, and
    looks again when it is told to.
    """
    sizes = Sizes(RING, RING, RING, RING)
    field = "rx_fill_ring_empty_descs"
    return _overrun(stand, queue, "STAT_FILL_EMPTY", field, sizes, prime=False)


def too_many(stand: Stand, queue: int, path: str = MAX_SKB_FRAGS) -> Trial:
    """A frame of as many buffers as may be arrives, one of one more does not; then all is well.

    Raises:
        Skipped: the driver sends no frames of several buffers, or too many to make a frame of.
    """
    needs_segments(stand, 2)
    if stand.zero_copy:
        most = (stand.claims.zc_max_segs if stand.claims else None) or 1
    else:
        with open(path, encoding="ascii") as file:
            most = int(file.read()) + 1  # the first buffer is the frame's linear part
    piece = min(SMALLEST, ETH_DATA_LEN // (most + 1))
    if piece < FILLING or most + 1 > RING:
        raise Skipped(f"{most + 1} buffers need a larger MTU than {ETH_DATA_LEN}")
    with stand.open(queue, receives=False, use_sg=True) as socket:
        good = sent(stand, socket, "", 1, most * piece, segments=most)
        (frame,) = stand.out.make(1, most * piece)
        rest = stand.out.make(1, SMALLEST)[0][:piece]  # if it is sent by itself it is a frame too
        stand.wire.drain()
        with suppress(XskError):
            socket.send([frame + rest], segments=most + 1)
        wrong = stand.wire.receive(2, GRACE)
        for _kick in range(FULL):
            with suppress(XskError):
                socket.kick_tx()
        socket.completions(most + 1, GRACE)
        after = sent(stand, socket, "", 1)
        one = Trial("", queue, {"arrived": 0}, {"arrived": sum(len(it) > piece for it in wrong)})
        return joined(
            "TOO_MANY_FRAGS", ("most", good), ("one more", one), ("afterwards", after)
        )._replace(queue=queue)
