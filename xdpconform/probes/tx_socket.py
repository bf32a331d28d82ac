# SPDX-License-Identifier: MIT
"""A socket whose frames carry requests, and what takes those frames at the other end."""

from __future__ import annotations

import errno
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from xdpconform.errors import Blocked, Timeout, errno_name
from xdpconform.netlink.netdev import Capabilities, XdpAct
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import COPIED
from xdpconform.probes.kit import CARRIER, carrier, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.trial import GRACE, Refused, passing
from xdpconform.probes.xsk import Sizes, Umem, XskError, XskMode, XskSocket
from xdpconform.probes.xsk.uapi import XDP_UMEM_TX_SW_CSUM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.probes.testbed import Testbed

CHUNKS: Final = 256
RINGS: Final = Sizes(64, 64, 64, 64)
METADATA: Final = 24
"""Bytes before each frame: struct xsk_tx_metadata with launch_time (6.15)."""
MODES: Final = {COPIED: XskMode.COPY}
"""By the word of a row; any other is zero copy."""


@contextmanager
def program(bed: Testbed) -> Iterator[None]:
    """A program that passes everything, where the NIC takes one.

    Some drivers have queues to send from in zero copy only with a program (i40e_xsk_wakeup,
    drivers/net/ethernet/intel/i40e/i40e_xsk.c); whether it can be attached is for other lines.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(passing(bed, bed.nic))
        except Refused as error:
            bed.progress(f"no program on {bed.nic.ifname}: {error}")
        yield


@contextmanager
def opened(bed: Testbed, mode: str) -> Iterator[XskSocket | Refusal]:
    """A socket on the first queue, or why the bind is refused; the link is up.

    In copy mode checksums are filled in by the kernel (XDP_UMEM_TX_SW_CSUM), which is refused in
    zero copy, and by Linux 7.3 on devices whose frames have no linear part (IFF_TX_SKB_NO_LINEAR,
    virtio_net): there the stack fills them in, or the device.

    Raises:
        Blocked: this kernel has no metadata for frames that are sent, or the queue is in use.
        XskError: a socket is refused for another reason than the NIC.
    """
    wanted = (XDP_UMEM_TX_SW_CSUM, 0) if mode == COPIED else (0,)
    with ExitStack() as stack:
        for flags in wanted:
            xsk = _socket(bed, mode, flags, stack)
            if not isinstance(xsk, Refusal) or xsk.errno != "EOPNOTSUPP":
                break
        if isinstance(xsk, Refusal):
            yield xsk
            return
        carrier(bed, bed.nic)
        yield xsk
        bed.step(f"close the AF_XDP socket on {bed.nic.ifname}")


def _socket(bed: Testbed, mode: str, flags: int, stack: ExitStack) -> XskSocket | Refusal:
    umem = stack.enter_context(Umem(CHUNKS, tx_metadata_len=METADATA, flags=flags))
    bed.step(f"bind an AF_XDP socket to queue 0 of {bed.nic.ifname} ({mode})")
    try:
        return stack.enter_context(
            XskSocket(
                bed.nic,
                umem,
                queue=0,
                mode=MODES.get(mode, XskMode.ZEROCOPY),
                need_wakeup=True,
                sizes=RINGS,
            )
        )
    except XskError as error:
        if error.step == "umem" and error.errno == errno.EINVAL:
            raise Blocked(
                "this kernel has no metadata for frames that AF_XDP sends"
                " (XDP_UMEM_TX_METADATA_LEN, since 6.11)"
            ) from error
        if error.step != "bind" or error.errno in (errno.EBUSY, errno.EPERM, errno.ENETDOWN):
            raise
        return Refusal(errno_name(error.errno))


def zero_copy_lacking(
    bed: Testbed, claims: Capabilities | None, refused: Refusal | None
) -> tuple[str, ...]:
    """What of the NIC's settings may be why zero copy is refused, where it is claimed."""
    if refused is None or claims is None or refused.errno == "EOPNOTSUPP":
        return ()  # the kernel or the driver says that it has none
    if not (claims.features or 0) & XdpAct.XSK_ZEROCOPY:
        return ()
    return lacking(bed, refused)


def get_through(bed: Testbed, xsk: XskSocket, frames: list[bytes]) -> int:
    """Send frames with nothing asked for, and count those that arrive.

    A link may be up before frames pass; hardware is given `CARRIER` seconds for the first.

    Raises:
        XskError: the kernel refuses to send.
        Timeout: it takes nothing.
    """
    wire = wire_of(bed)
    if bed.kind not in ("veth", "tap"):
        deadline = time.monotonic() + CARRIER
        while time.monotonic() < deadline:
            with suppress(Timeout):
                xsk.send(frames[:1], timeout=GRACE)
            if wire.receive(1, GRACE):
                break
        time.sleep(GRACE)
        xsk.completions()
        wire.drain()
    xsk.send(frames)
    xsk.completions(len(frames), 1.0)
    return len({*wire.receive(len(frames), 1.0)} & {*frames})


def said(error: XskError | Timeout) -> str:
    """What a socket that does not send says, in short."""
    return error.name if isinstance(error, XskError) else str(error)
