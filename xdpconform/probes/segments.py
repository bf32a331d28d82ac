# SPDX-License-Identifier: MIT
"""Frames of several buffers in zero copy: as many as xdp-zc-max-segs says, and one more.

Source: Documentation/networking/af_xdp.rst, multi-buffer; include/net/xdp/xsk_queue.h,
xskq_cons_read_desc_batch; net/xdp/xsk_buff_pool.c, xp_assign_dev.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from xdpconform.errors import KernelError, SourceError
from xdpconform.observed_xsk import COPY, ZERO_COPY, Bound, Segments, Trip
from xdpconform.probes.attach import JUMBO_MTU, mtu_of
from xdpconform.probes.kit import claims, kit, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.trial import GRACE, PATIENCE, Refused, awaited, settle
from xdpconform.probes.zerocopy import (
    LARGE,
    RINGS,
    Turned,
    bound_socket,
    first_out,
    out,
    redirecting,
    sizes_of,
    trip,
    turned,
    wait_in,
)

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Testbed
    from xdpconform.probes.xsk import XskSocket

FRAMES: Final = 10
CHUNK: Final = 2048
"""The smallest there is, so that an MTU needs as many as can be."""
FRAGS: Final = "/proc/sys/net/core/max_skb_frags"
LEAST_FRAGS: Final = 17
"""MAX_SKB_FRAGS, unless the kernel is built with more (CONFIG_MAX_SKB_FRAGS, since 6.4)."""
MOST_ROOM: Final = 1792
"""Bytes of a frame that fit at most: less XDP_PACKET_HEADROOM (256), in units of 128."""
ETH_PAD_LEN: Final = 26
"""What xp_assign_dev adds to the MTU: ETH_HLEN + 2 * VLAN_HLEN + ETH_FCS_LEN."""
TX_RING: Final = RINGS.tx
ANY: Final = 2
"""Segments that are tried where nothing is claimed."""


def room(path: str = FRAGS) -> int:
    """Bytes of a frame that surely fit a chunk: less struct skb_shared_info too (320, or more)."""
    try:
        with open(path, encoding="ascii") as file:
            frags = max(int(file.read()), LEAST_FRAGS)
    except (OSError, ValueError):
        frags = LEAST_FRAGS
    shared = -(-(48 + 16 * frags) // 64) * 64  # SKB_DATA_ALIGN
    return (CHUNK - 256 - shared) // 128 * 128


def segments(bed: Testbed) -> Segments:
    """Frames of as many segments as claimed and of one more, both ways, and in copy mode.

    Raises:
        Blocked: nothing sends frames to the NIC, or the link does not come up again.
        XskError: a socket or its memory is refused, for want of privileges.
    """
    wire_of(bed)
    now = claims(bed.nic)
    claimed = now.zc_max_segs if now is not None else None
    most = max(1, min(claimed or ANY, TX_RING // 4))
    bed.progress(f"frames of {most} and {most + 1} segments")
    asked = bound = _send(bed, ZERO_COPY, most, use_sg=True)
    if most == 1 and asked.refused:
        bound = _send(bed, ZERO_COPY, most, use_sg=False)
    control = _send(bed, COPY, most, use_sg=True)
    first = bound.refused or (asked.refused if most > 1 else None)
    seen = Segments(now, asked, bound, control, most)
    if first:
        seen = seen._replace(lacking=lacking(bed, first))
    if most == 1:
        return seen
    return _large(bed, seen)


def _send(bed: Testbed, mode: str, most: int, *, use_sg: bool) -> Bound:
    """Frames from a socket, in segments; with a program, without which some NICs send nothing."""
    try:
        with bound_socket(bed, 0, mode, use_sg=use_sg) as xsk, ExitStack() as stack:
            with suppress(Refused):
                stack.enter_context(redirecting(bed))
            trips = {"first": first_out(bed, xsk), "most": _cut(bed, xsk, most, FRAMES)}
            if mode == ZERO_COPY:
                trips["more"] = _cut(bed, xsk, most + 1, 1)
                trips["next"] = out(bed, xsk, turned(sizes_of(bed)))
            return Bound(0, mode, None, xsk.zerocopy, trips)
    except Turned as error:
        return Bound(0, mode, error.refusal)


def _cut(bed: Testbed, xsk: XskSocket, count: int, number: int) -> Trip:
    """Frames in so many descriptors each."""
    frames = turned(kit(bed).frames.make(number, LARGE))
    xsk.completions()
    problem = ""
    first: list[int] = []
    done: list[int] = []
    try:
        first = xsk.send(frames, segments=count)
        done = xsk.completions(count * number, PATIENCE)
        if len(done) != count * number:
            problem = f"{len(done)} of {count * number} descriptors are completed"
    except SourceError as error:
        problem = str(error)
    came = awaited(wire_of(bed), kit(bed).frames, frames)
    completed = sum(address in done for address in first)
    return trip(bed, frames, came)._replace(completed=completed, problem=problem)


def _large(bed: Testbed, seen: Segments) -> Segments:
    """Frames to a socket, at an MTU of as many buffers as the device takes; then a larger one."""
    limit = bed.nic.state().max_mtu or JUMBO_MTU
    if bed.peer is not None:
        limit = min(limit, bed.peer.state().max_mtu or JUMBO_MTU)
    mtu = min(limit, seen.most * room() - ETH_PAD_LEN)
    try:
        with mtu_of(bed, mtu):
            received, buffers = _receive(bed, ZERO_COPY, mtu)
            control, _buffers = _receive(bed, COPY, mtu)
    except Refused as error:
        return seen._replace(mtu=mtu, program=error.refusal)
    except KernelError:
        return seen._replace(mtu=mtu)  # the device does not take it
    trips = {**seen.control.trips, **control.trips}
    seen = seen._replace(
        control=seen.control._replace(trips=trips), received=received, mtu=mtu, buffers=buffers
    )
    above = seen.most * MOST_ROOM - ETH_PAD_LEN + 1
    if above > limit or received.refused:
        return seen
    try:
        with mtu_of(bed, above), bound_socket(bed, 0, ZERO_COPY, chunk=CHUNK, use_sg=True):
            return seen._replace(above=above)
    except KernelError:
        return seen  # such an MTU cannot be had
    except Turned as error:
        return seen._replace(above=above, too_large=error.refusal)


def _receive(bed: Testbed, mode: str, mtu: int) -> tuple[Bound, int]:
    """Frames of this MTU to a socket, and how many buffers one of them came in."""
    try:
        with (
            bound_socket(bed, 0, mode, chunk=CHUNK, use_sg=True) as xsk,
            redirecting(bed, frags=True) as (run, sockets),
        ):
            settle(bed, run)
            sockets.set(0, xsk.fileno())
            frames = kit(bed).frames
            wire_of(bed).send(frames.make(1, mtu + 14))
            xsk.wait(PATIENCE)
            time.sleep(GRACE)
            buffers = xsk.rx.peek(RINGS.rx) if xsk.rx else 0
            trips = {"received": wait_in(bed, xsk, frames.make(FRAMES, mtu + 14))}
            return Bound(0, mode, None, xsk.zerocopy, trips), buffers
    except Turned as error:
        return Bound(0, mode, error.refusal), 0
