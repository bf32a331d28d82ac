# SPDX-License-Identifier: MIT
"""A transmit ring with an invalid request in it: whether what is behind it is sent.

In copy mode Linux 6.18 stops there: sendmsg gives EINVAL each time, and takes nothing
(__xsk_generic_xmit, net/xdp/xsk.c). In zero copy invalid metadata are left out, and the frame is
sent without (include/net/xdp_sock_drv.h).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from xdpconform.errors import Timeout
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import COPIED, Invalid, Wedge
from xdpconform.probes.kit import claims, wire_of
from xdpconform.probes.testbed import Frames
from xdpconform.probes.testbed.frames import RUN_SIZE
from xdpconform.probes.tx_socket import get_through, opened, program, zero_copy_lacking
from xdpconform.probes.xsk import TxMetadata, XskError, XskSocket
from xdpconform.probes.xsk.uapi import XDP_TXMD_FLAGS_CHECKSUM

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Testbed

UNKNOWN: Final = "a flag that nobody knows"
BEYOND: Final = "a checksum beyond the frame"
INVALID: Final = {
    UNKNOWN: TxMetadata(1 << 20),
    BEYOND: TxMetadata(XDP_TXMD_FLAGS_CHECKSUM, 0xFFF0, 6),
}
"""By what is wrong. In zero copy nobody looks at where the checksum is before the device does, so
that only the first is tried there."""
SIZE: Final = 128
KICKS: Final = 4
PATIENCE: Final = 0.3
"""Seconds to wait for frames and completions."""


def wedge(bed: Testbed, mode: str) -> Wedge:
    """Send a frame with invalid metadata, then a valid one, each time by a socket of its own.

    Args:
        bed: the testbed.
        mode: `COPIED` or `UNCOPIED`.

    Raises:
        Blocked: there is no peer, no carrier, or no metadata in this kernel.
        XskError: a socket is refused for another reason than the NIC, as want of privileges.
    """
    wire_of(bed)
    bed.progress(f"invalid metadata of frames that are sent ({mode})")
    cases = []
    with program(bed):
        now = claims(bed.nic)
        seen = Wedge(now, mode)
        for what in INVALID if mode == COPIED else (UNKNOWN,):
            with opened(bed, mode) as xsk:
                if isinstance(xsk, Refusal):
                    return Wedge(now, mode, xsk, lacking=zero_copy_lacking(bed, now, xsk))
                frames = Frames(bed.nic.mac, bed.far_mac, os.urandom(RUN_SIZE))
                seen = seen._replace(zerocopy=xsk.zerocopy)
                wire_of(bed).drain()
                try:
                    plain = get_through(bed, xsk, frames.make(1, SIZE)) == 1
                except (XskError, Timeout):
                    plain = False
                if not plain:
                    return seen._replace(plain=False)
                cases.append(_tried(bed, xsk, frames, what))
        return seen._replace(plain=True, cases=tuple(cases))


def _tried(bed: Testbed, xsk: XskSocket, frames: Frames, what: str) -> Invalid:
    wire = wire_of(bed)
    bad, good = frames.make(2, SIZE)
    # Both are in the ring before a completion is taken: a chunk that comes back twice would be
    # given to two frames.
    kicks = [_sent(xsk, bad, INVALID[what]), _sent(xsk, good, None)]
    for _again in range(KICKS - len(kicks)):
        try:
            xsk.kick_tx()
            kicks.append("")
        except XskError as error:
            kicks.append(error.name)
    came = wire.receive(2, PATIENCE)
    done = xsk.completions(2, 0 if good in came else PATIENCE)
    done += xsk.completions(1, PATIENCE) if len(done) < 2 else []
    bases = [xsk.umem.base(address) for address in done]
    chunks = _chunks(xsk, bad, good, bases)
    return Invalid(
        what,
        tuple(kicks),
        chunks[0],
        bad in came,
        chunks[1],
        good in came,
        xsk.tx.pending() if xsk.tx else 0,
    )


def _sent(xsk: XskSocket, frame: bytes, metadata: TxMetadata | None) -> str:
    try:
        xsk.send([frame], metadata=metadata, timeout=PATIENCE)
    except XskError as error:
        return error.name
    except Timeout:
        return "ETIMEDOUT"
    return ""


def _chunks(xsk: XskSocket, bad: bytes, good: bytes, bases: list[int]) -> tuple[int, int]:
    """How often each frame's chunk came back: the frames still stand in them."""
    place = xsk.umem.tx_metadata_len
    held = [xsk.umem.read(base + place, len(bad)) for base in bases]
    return held.count(bad), held.count(good)
