# SPDX-License-Identifier: MIT
"""What a driver tells of the frames it receives: time stamp, hash and VLAN tag, frame by frame.

Source: Documentation/networking/xdp-rx-metadata.rst. What the device needs for that is switched on
for as long as it takes: hashing, taking VLAN tags out of frames, stamping all frames. Its clock is
read, and never set.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, cast

from xdpconform.errors import Blocked, KernelError, SourceError
from xdpconform.netlink import ethtool
from xdpconform.netlink.netdev import Capabilities, XdpRxMetadata
from xdpconform.observed_hints import KINDS, Hints, Sent, Spread, Stamping, Told, Window
from xdpconform.probes.bpf import Array, BpfError, Kfuncs, Metadata, Program, metadata
from xdpconform.probes.bpf.metadata import METADATA
from xdpconform.probes.kinds import frame, plan
from xdpconform.probes.kit import claims, kit, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.testbed.settings import features
from xdpconform.probes.testbed.wire import PacketWire
from xdpconform.probes.trial import LOOK, PATIENCE, Refused, attached, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal, TypeVar

    from xdpconform.netlink.genl import Family
    from xdpconform.netlink.transaction import Request
    from xdpconform.netlink.wire import Message
    from xdpconform.probes.testbed import Testbed

    T = TypeVar("T")

FLOWS: Final = 4
"""Of each kind of frame with IP in it."""
REPEATS: Final = 2
"""Frames of each flow, so that one can be compared with another."""
ROUNDS: Final = 4
"""How often all frames are sent until all are seen: many drivers start anew with a program."""
RUN_SIZE: Final = 8

WANTED: Final = {
    XdpRxMetadata.HASH: {"rx-hashing": True},
    XdpRxMetadata.VLAN_TAG: {
        "rx-vlan-hw-parse": True,
        "rx-vlan-stag-hw-parse": True,
        "rx-vlan-filter": False,
        "rx-vlan-stag-filter": False,
    },
}
"""Features that a claim needs on, or off, by netdev_features_strings (net/ethtool/common.c)."""
ALL_FRAMES: Final = 1
"""HWTSTAMP_FILTER_ALL, include/uapi/linux/net_tstamp.h"""
CLOCKFD: Final = 3
"""include/linux/posix-timers_types.h: the clock of a descriptor"""
CLOCK_TAI: Final = 11
"""include/uapi/linux/time.h; Python 3.11 has no name for it where libc has none"""
CLOCKS: Final = {
    "CLOCK_TAI": CLOCK_TAI,
    "CLOCK_REALTIME": time.CLOCK_REALTIME,
    "CLOCK_MONOTONIC": time.CLOCK_MONOTONIC,
}
SECOND: Final = 1_000_000_000


def hints(bed: Testbed) -> Hints:
    """Frames of every kind to a program that asks the driver what it knows of each.

    Raises:
        Blocked: there is no peer, no carrier, or nothing in this kernel to ask with.
        BpfError: the program needs privileges.
        SourceError: the kernel has no type information, or something did not come back.
    """
    wire_of(bed)
    bed.progress("metadata of received frames")
    kfuncs, now = Kfuncs.find(), claims(bed.nic)
    if kfuncs == (None, None, None):
        raise Blocked("this kernel has none of the kfuncs that ask a driver for metadata")
    sent, run = tuple(plan(KINDS, FLOWS, REPEATS)), os.urandom(RUN_SIZE)
    with ExitStack() as stack:
        # Most drivers cannot switch their filter of VLANs off, and open it to who wants all.
        stack.enter_context(PacketWire(bed.nic))
        active, remedies = _features(bed, now, stack)
        stamping = _stamping(bed, now, stack)
        results = stack.enter_context(Array(METADATA.size, len(sent)))
        code = metadata(results, kfuncs, run)
        try:
            program = stack.enter_context(_load(bed, code))
        except BpfError as error:
            return Hints(now, load=refusal(error), lacking=lacking(bed))
        try:
            stack.enter_context(attached(bed, bed.nic, program))
        except Refused as error:
            return Hints(now, attach=error.refusal, lacking=lacking(bed))
        clocks, told = _measure(bed, sent, run, results)
        return Hints(
            claims(bed.nic),
            bed.nic.state().xdp,
            sent=sent,
            told=told,
            features=active,
            remedies=remedies,
            clocks=clocks,
            tai_offset=_tai_offset(),
            spread=_spread(bed),
            stamping=stamping,
        )


def _load(bed: Testbed, code: bytes) -> Program:
    port = bed.nic
    return port.namespace.call(
        lambda: Program.load(code, name="xdpconform", ifindex=port.ifindex, dev_bound=True)
    )


def _measure(
    bed: Testbed, sent: tuple[Sent, ...], run: bytes, results: Array
) -> tuple[tuple[Window, ...], tuple[Told, ...]]:
    wire = wire_of(bed)
    frames = [frame(one, (bed.far_mac, bed.nic.mac), run) for one in sent]
    phc = tsinfo(bed).phc_index
    for _round in range(ROUNDS):
        results.clear()
        before = read_clocks(phc)
        wire.send(frames)
        deadline = time.monotonic() + PATIENCE
        while not (all_seen := all(_seen(results, one) for one in sent)):
            if time.monotonic() >= deadline:
                break
            time.sleep(LOOK)
        after = read_clocks(phc)
        if all_seen:
            break
    windows = tuple(Window(name, before[name], after[name]) for name in before if name in after)
    return windows, tuple(_told(results, one) for one in sent if _seen(results, one))


def _seen(results: Array, sent: Sent) -> int:
    return Metadata.pull(results.get(sent.number)).frames


def _told(results: Array, sent: Sent) -> Told:
    found = Metadata.pull(results.get(sent.number))
    return Told(
        sent,
        found.timestamp,
        found.hash,
        found.rss_type,
        found.vlan_proto,
        found.vlan_tci,
        (found.timestamp_err, found.hash_err, found.vlan_err),
        found.queue,
        found.h_proto,
        found.frames,
    )


def read_clocks(phc: int | None) -> dict[str, int]:
    """What each clock says, in nanoseconds; without the device's own, where that is not read."""
    found = {name: time.clock_gettime_ns(clock) for name, clock in CLOCKS.items()}
    if phc is not None:
        try:
            descriptor = os.open(f"/dev/ptp{phc}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return found
        try:
            found["PHC"] = time.clock_gettime_ns(~descriptor << CLOCKFD | CLOCKFD)
        except OSError:
            pass  # a clock that cannot be read is none to compare with
        finally:
            os.close(descriptor)
    return found


def _tai_offset() -> int:
    ahead = time.clock_gettime_ns(CLOCK_TAI) - time.clock_gettime_ns(time.CLOCK_REALTIME)
    return round(ahead / SECOND)


def _features(
    bed: Testbed, now: Capabilities | None, stack: ExitStack
) -> tuple[Mapping[str, bool], Mapping[str, str]]:
    """Have on what the claims need; what is on then, and why something is not."""
    port = bed.nic
    claimed = now.rx_metadata if now and now.rx_metadata else XdpRxMetadata(0)
    wanted = {
        name: on for flag, names in WANTED.items() if flag in claimed for name, on in names.items()
    }
    remedies = {}
    try:
        found = features(port)
    except KernelError:
        return {}, {}  # nothing is known of them
    for name, on in wanted.items():
        if name not in found.known or (name in found.active) == on:
            continue
        word = "on" if on else "off"
        if name in found.fixed:
            remedies[name] = f"{port.ifname} cannot switch {name} {word} [fixed]"
            continue
        try:
            stack.enter_context(bed.settings.feature(port, {name: on}))
        except (KernelError, SourceError) as error:
            remedies[name] = f"{error}: ethtool -K {port.ifname} {name} {word}"
    active = features(port).active
    return {name: name in active for name in wanted if name in found.known}, remedies


def _stamping(bed: Testbed, now: Capabilities | None, stack: ExitStack) -> Stamping:
    """Have every frame stamped, where timestamp is claimed and the device can do that."""
    found = tsinfo(bed)
    hardware = "hardware-receive" in (found.timestamping or ())
    every = hardware and "all" in (found.rx_filters or ())
    claimed = now is not None and bool((now.rx_metadata or 0) & XdpRxMetadata.TIMESTAMP)
    if not (every and claimed):
        return Stamping(hardware, every)
    try:
        stack.enter_context(bed.settings.stamps(bed.nic))
    except (KernelError, SourceError) as error:
        remedy = f"hwtstamp_ctl -i {bed.nic.ifname} -r {ALL_FRAMES}"
        return Stamping(hardware, every, problem=str(error), remedy=remedy)
    return Stamping(hardware, every, on=True)


def tsinfo(bed: Testbed) -> ethtool.TimeStamping:
    """What the NIC can stamp, and which clock is its own; empty where it does not say."""
    found = _ask(bed, ethtool.tsinfo_get, ethtool.pull_tsinfo)
    return found or ethtool.TimeStamping()


def _spread(bed: Testbed) -> Spread:
    found = _ask(bed, ethtool.rss_get, ethtool.pull_rss)
    if found is None:
        return Spread()
    xfrm = ethtool.RSS_INPUT_XFRM.get(found.input_xfrm or 0, "")
    return Spread(
        ethtool.RSS_HASH.get(found.hash_function or 0),
        found.key,
        found.indirection,
        cast("Literal['', 'symmetric-xor', 'symmetric-or-xor']", xfrm),
    )


def _ask(
    bed: Testbed, request: Callable[[Family, int], Request], pull: Callable[[Message], T]
) -> T | None:
    """What the ethtool family tells; None where the driver or the kernel has no such thing."""
    who = kit(bed).reader
    if who.ethtool is None:
        return None
    replies = who.ask(request(who.ethtool, who.ifindex))
    return pull(replies[0]) if replies else None
