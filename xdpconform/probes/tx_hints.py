# SPDX-License-Identifier: MIT
"""What a NIC does for the frames it sends: time stamps, checksums, launch times.

Source: Documentation/networking/xsk-tx-metadata.rst. Only in zero copy the driver is asked: in
copy mode the kernel's generic path answers for any device (xsk_build_skb and xsk_destruct_skb,
net/xdp/xsk.c), which is the control. The clock of the device is read, and never set.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from struct import pack
from typing import TYPE_CHECKING, Final

from xdpconform.errors import Blocked, KernelError, Timeout
from xdpconform.netlink import ethtool
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.ethtool_tsconfig import pull_tsconfig, tsconfig_get
from xdpconform.netlink.qdisc import getqdisc_dump, pull_qdisc
from xdpconform.observed import Refusal
from xdpconform.observed_hints import Sent
from xdpconform.observed_xsk import (
    COPIED,
    LEAD,
    UNCOPIED,
    Asked,
    Launches,
    Stamps,
    Sums,
    TxHints,
)
from xdpconform.probes.bpf.metadata import MAGIC, MARKER, MARKER_AT
from xdpconform.probes.hints import read_clocks, tsinfo
from xdpconform.probes.kinds import (
    ETH_P_IP,
    ETH_P_IPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    checksum,
    frame,
    plan,
)
from xdpconform.probes.kit import claims, wire_of
from xdpconform.probes.testbed import Frames
from xdpconform.probes.testbed.frames import ETH_HLEN, RUN_SIZE
from xdpconform.probes.testbed.wire import PacketWire, TapWire
from xdpconform.probes.tx_socket import get_through, opened, program, said, zero_copy_lacking
from xdpconform.probes.xsk import TxMetadata, XskError, XskSocket
from xdpconform.probes.xsk.uapi import (
    XDP_TXMD_FLAGS_CHECKSUM,
    XDP_TXMD_FLAGS_LAUNCH_TIME,
    XDP_TXMD_FLAGS_TIMESTAMP,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdpconform.probes.testbed import Testbed, Wire

FRAMES: Final = 16
"""Of each trial."""
SIZE: Final = 128
PATIENCE: Final = 1.0
"""Seconds to wait for frames and completions."""
UNTOUCHED: Final = (0x5A5A, 0xA5A5)
"""csum_start and csum_offset of a frame without a checksum: tx_timestamp takes their place."""
BEFORE: Final = int.from_bytes(pack("=HHxxxx", *UNTOUCHED), sys.byteorder)
STEP: Final = 1_000_000
"""Nanoseconds between two launch times."""
LEADS: Final = (5, 25)
"""`LEAD` so many times, where the host is too slow: emulated ones are."""
SUMMED: Final = {
    "ipv4-udp": (ETH_HLEN + 20, 6, ETH_P_IP),
    "ipv4-tcp": (ETH_HLEN + 20, 16, ETH_P_IP),
    "ipv6-udp": (ETH_HLEN + 40, 6, ETH_P_IPV6),
    "ipv6-tcp": (ETH_HLEN + 40, 16, ETH_P_IPV6),
}
"""Kinds of frames with a checksum: where the layer begins, where in it the sum is, EtherType."""
FLOWS: Final = 4
"""Frames of each kind."""


def tx_hints(bed: Testbed) -> TxHints:
    """Ask for everything, in copy mode and in zero copy.

    Raises:
        Blocked: there is no peer, no carrier, or no metadata in this kernel.
        XskError: a socket is refused for another reason than the NIC, as want of privileges.
    """
    wire_of(bed)
    bed.progress("metadata of frames that are sent")
    with program(bed):
        now = claims(bed.nic)
        control = _asked(bed, COPIED)
        if control.refused is None and not control.plain:
            raise Blocked(
                f"no frame that an AF_XDP socket in copy mode sends from {bed.nic.ifname} arrives"
                f" at the other end ({control.problems.get('timestamp') or 'nothing said'});"
                " see the lines of the sockets"
            )
        zero = _asked(bed, UNCOPIED)
        return TxHints(
            now,
            control,
            zero,
            stamping=_stamping(bed),
            phc="PHC" in read_clocks(tsinfo(bed).phc_index),
            etf=_etf(bed),
            ifname=bed.nic.ifname,
            lacking=zero_copy_lacking(bed, now, zero.refused),
        )


def _asked(bed: Testbed, mode: str) -> Asked:
    with opened(bed, mode) as xsk:
        if isinstance(xsk, Refusal):
            return Asked(mode, xsk)
        frames = Frames(bed.nic.mac, bed.far_mac, os.urandom(RUN_SIZE))
        found = Asked(mode, zerocopy=xsk.zerocopy, plain_sent=FRAMES)
        wire_of(bed).drain()
        trials: dict[str, Callable[[], Asked]] = {
            "timestamp": lambda: found._replace(stamps=_stamps(bed, xsk, frames)),
            "checksum": lambda: found._replace(sums=_sums(bed, xsk)),
            "launch-time": lambda: found._replace(launches=_launches(bed, xsk, frames)),
        }
        try:
            found = found._replace(plain=get_through(bed, xsk, frames.make(FRAMES, SIZE)))
        except (XskError, Timeout) as error:
            return found._replace(problems=dict.fromkeys(trials, said(error)))
        for hint, trial in trials.items():
            try:
                found = trial()
            except (XskError, Timeout) as error:
                # The ring may be stuck from here on, so that nothing more can be asked.
                rest = list(trials)[list(trials).index(hint) :]
                return found._replace(problems=dict.fromkeys(rest, said(error)))
        return found


def _stamps(bed: Testbed, xsk: XskSocket, frames: Frames) -> Stamps:
    wire, phc = wire_of(bed), tsinfo(bed).phc_index
    wanted = frames.make(FRAMES, SIZE)
    before = read_clocks(phc)
    asked = TxMetadata(XDP_TXMD_FLAGS_TIMESTAMP, *UNTOUCHED)
    sent = xsk.send(wanted, metadata=asked)
    done = {*xsk.completions(FRAMES, PATIENCE)}
    after = read_clocks(phc)
    found = tuple(_stamp(xsk, address) for address in sent if address in done)
    came = {*wire.receive(FRAMES, PATIENCE)} & {*wanted}
    clocks = tuple((name, before[name], after[name]) for name in before if name in after)
    return Stamps(FRAMES, len(came), found, clocks)


def _stamp(xsk: XskSocket, address: int) -> int | None:
    value = xsk.timestamp(address)
    return None if value == BEFORE else value


def _sums(bed: Testbed, xsk: XskSocket) -> dict[str, Sums]:
    return {kind: _summed(bed, xsk, kind) for kind in SUMMED}


def _summed(bed: Testbed, xsk: XskSocket, kind: str) -> Sums:
    start, offset, ethertype = SUMMED[kind]
    run = os.urandom(RUN_SIZE)
    right = [frame(one, (bed.nic.mac, bed.far_mac), run) for one in plan([kind], FLOWS, 1)]
    bare = [
        unsummed(one, sent, start, offset)
        for one, sent in zip(right, plan([kind], FLOWS, 1), strict=True)
    ]
    asked = TxMetadata(XDP_TXMD_FLAGS_CHECKSUM, start, offset)
    wire: Wire = wire_of(bed)
    port = bed.peer or bed.nic
    with ExitStack() as stack:
        if not isinstance(wire, TapWire):  # which takes frames of every kind
            wire = stack.enter_context(PacketWire(port, ethertype=ethertype))
        xsk.send(bare, metadata=asked)
        ours = _ours(wire, MARKER.pack(MAGIC, run, 0)[:-4])
    xsk.completions(FLOWS, PATIENCE)
    full, same = sum(one in right for one in ours), sum(one in bare for one in ours)
    return Sums(FLOWS, full, same, len(ours) - full - same)


def _ours(wire: Wire, marker: bytes) -> list[bytes]:
    """Frames with a marker, among whatever else comes in."""
    found: list[bytes] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < FLOWS and (left := deadline - time.monotonic()) > 0:
        came = wire.receive(1, left, every=True)
        found += [one for one in came if one[MARKER_AT : MARKER_AT + len(marker)] == marker]
    return found


def unsummed(whole: bytes, sent: Sent, start: int, offset: int) -> bytes:
    """The frame with the sum of its pseudo header in place of its checksum, as stacks leave it.

    Args:
        whole: with its checksum.
        sent: what it is.
        start: where the layer begins that the checksum is of.
        offset: where in it the checksum is.
    """
    protocol = IPPROTO_UDP if sent.kind.endswith("udp") else IPPROTO_TCP
    pseudo = sent.source + sent.destination + pack("!II", len(whole) - start, protocol)
    at = start + offset
    return whole[:at] + pack("!H", ~checksum(pseudo) & 0xFFFF) + whole[at + 2 :]


def _launches(bed: Testbed, xsk: XskSocket, frames: Frames) -> Launches:
    """With more time where the host was too slow, so that a frame held back is told from others.

    A host that takes a tenth of it to send needs still longer to see what came.
    """
    lead = LEAD
    found = _launched(bed, xsk, frames, lead)
    for factor in LEADS:
        if found.lead >= 0.9 * lead:
            break
        lead = factor * LEAD
        found = _launched(bed, xsk, frames, lead)
    return found


def _launched(bed: Testbed, xsk: XskSocket, frames: Frames, lead: int) -> Launches:
    wire, phc = wire_of(bed), tsinfo(bed).phc_index
    wanted = frames.make(FRAMES, SIZE)
    clocks = read_clocks(phc)
    clock = "PHC" if "PHC" in clocks else "CLOCK_TAI"
    times = [clocks[clock] + lead + number * STEP for number in range(FRAMES)]
    flags = XDP_TXMD_FLAGS_LAUNCH_TIME | XDP_TXMD_FLAGS_TIMESTAMP
    sent, left = [], []
    for one, at in zip(wanted, times, strict=True):
        sent += xsk.send([one], metadata=TxMetadata(flags, *UNTOUCHED, at))
        left.append(at - read_clocks(phc).get(clock, at))
    late: dict[int, int] = {}
    deadline = time.monotonic() + PATIENCE
    while len(late) < FRAMES and (rest := deadline - time.monotonic()) > 0:
        for came in wire.receive(1, rest):
            if came in wanted:
                number = wanted.index(came)
                late.setdefault(number, read_clocks(phc).get(clock, 0) - times[number])
    done = {*xsk.completions(FRAMES, PATIENCE)}
    stamps = [_stamp(xsk, address) if address in done else None for address in sent]
    exact = tuple(one - at for one, at in zip(stamps, times, strict=True) if one)
    arrivals = tuple(late[number] for number in sorted(late))
    return Launches(FRAMES, clock, arrivals, exact if len(exact) == FRAMES else (), min(left))


def _stamping(bed: Testbed) -> bool | None:
    """Whether the device stamps what it sends; None where nobody says."""
    port = bed.nic
    try:
        request = tsconfig_get(port.namespace.family(ethtool.FAMILY_NAME), port.ifindex)
        found = pull_tsconfig(port.namespace.client(NETLINK_GENERIC).ask(request)[0])
    except KernelError:
        return None
    return None if found.tx_types is None else "off" not in found.tx_types


def _etf(bed: Testbed) -> bool:
    """Whether any queue of the NIC holds frames until their time."""
    found = [pull_qdisc(one) for one in bed.nic.ask(getqdisc_dump())]
    return any(one.offload for one in found if one.ifindex == bed.nic.ifindex)
