# SPDX-License-Identifier: MIT
"""Programs come and go: what the NIC shows and claims before, while and after.

Source: net/core/dev.c, dev_xdp_attach and dev_xdp_install.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from xdpconform.errors import Blocked, KernelError, SourceError, Timeout, Unclaimed, XdpConformError
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.netdev import (
    FAMILY_NAME,
    MGMT_GROUP,
    Capabilities,
    Command,
    XdpAct,
    flag_name,
    pull_device,
)
from xdpconform.netlink.wire import pull_genlmsghdr, pull_messages
from xdpconform.observed import Attach, Change, Jumbo, Refusal, Sight
from xdpconform.probes.bpf import BpfError, Program, programs
from xdpconform.probes.config import Config, read
from xdpconform.probes.kit import carrier, claims, kit
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.testbed.settings import channels, features
from xdpconform.probes.trial import Refused, attached, no_program, passing, refusal

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Port, Testbed
    from xdpconform.sources import Channel

LISTEN: Final = 0.05
"""Seconds that notifications may be late."""
QUEUES: Final = tuple(
    kind + most for most in ("_max", "") for kind in ("rx", "tx", "other", "combined")
)
"""Of `Channels`."""
ETH_HLEN: Final = 14  # include/uapi/linux/if_ether.h
JUMBO_MTU: Final = 9000
IPV6_MIN_MTU: Final = 1280
"""Below it the kernel takes IPv6 away from a port, addresses and all (addrconf_notify,
net/ipv6/addrconf.c)."""
OTHER_MTU: Final = 100
"""Bytes by which the MTU is made smaller to change it, so that peers and buffers still fit."""


def sight(port: Port) -> Sight:
    """A port as it is right now."""
    state = port.state()
    problem = ""
    seen: Capabilities | None = None
    try:
        seen = claims(port)
    except XdpConformError as error:
        problem = str(error)
    active: frozenset[str] = frozenset()
    counts: dict[str, int | None] = {}
    try:
        active = features(port).active
        found = channels(port)
        counts = {kind: getattr(found, kind) for kind in QUEUES}
    except KernelError:
        pass  # the driver tells nothing of them
    return Sight(
        seen,
        state.xdp,
        state.program_id or None,
        state.up,
        state.mtu or 0,
        state.promiscuity or 0,
        active,
        counts,
        problem,
    )


def around(bed: Testbed) -> Attach:
    """A native program is attached, replaced by another, and detached.

    Raises:
        BpfError: it cannot be loaded, for want of privileges.
    """
    bed.progress("attach, replace, detach")
    port = bed.nic
    listener = _listen(port)
    before = sight(port)
    attached_, replaced, refused, second = None, None, None, None
    with (
        Program.load(programs.passes(), name="xdpconform_a", frags=True) as program,
        Program.load(programs.passes(), name="xdpconform_b", frags=True) as other,
    ):
        try:
            with attached(bed, port, program) as link:
                attached_ = sight(port)
                bed.step(f"replace the program of {port.ifname}")
                try:
                    link.update(other)
                    replaced = sight(port)
                except BpfError as error:
                    second = refusal(error)
        except Refused as error:
            refused = error.refusal
    after = sight(port)
    by_peer = _by_peer(bed)
    told = _told(listener, port.ifindex)
    return Attach(
        before,
        attached_,
        replaced,
        after,
        told,
        refused,
        second,
        lacking(bed, refused) if refused else (),
        by_peer,
    )


def _by_peer(bed: Testbed) -> Sight | None:
    if bed.peer is None or bed.peer.link.kind != "veth":
        return None
    try:
        with passing(bed, bed.peer):
            return sight(bed.nic)
    except Refused:
        return None


def configured(bed: Testbed) -> tuple[Config, Config, Config]:
    """What the NIC is configured with before a program is attached, while it is, and after.

    Raises:
        Blocked: no program can be attached; Unclaimed where none was promised.
        BpfError: it cannot be loaded, for want of privileges.
    """
    bed.progress("the configuration around an attach")
    who = kit(bed).reader
    before = read(who)
    with Program.load(programs.passes(), name="xdpconform", frags=True) as program:
        try:
            with attached(bed, bed.nic, program):
                during = read(who)
        except Refused as error:
            raise no_program(bed, error.refusal) from error
    return before, during, read(who)


def _listen(port: Port) -> Channel | None:
    try:
        family = port.namespace.family(FAMILY_NAME)
        channel = port.namespace.source().open(NETLINK_GENERIC)
        channel.join(family.groups[MGMT_GROUP])
    except (KernelError, SourceError, KeyError):
        return None
    return channel


def _told(channel: Channel | None, ifindex: int) -> tuple[Capabilities, ...] | None:
    if channel is None:
        return None
    found = []
    try:
        while True:
            for message in pull_messages(channel.receive(time.monotonic() + LISTEN).data):
                device = pull_device(message)
                command = pull_genlmsghdr(message.payload)[0]
                if command == Command.DEV_CHANGE_NTF and device.ifindex == ifindex:
                    found.append(device.capabilities)
    except Timeout:
        return tuple(found)
    finally:
        channel.close()


def jumbo(bed: Testbed) -> Jumbo:
    """A native attach at an MTU that needs several buffers, without frags and with.

    Raises:
        KernelError: the NIC or its peer does not take such an MTU.
    """
    port = bed.nic
    limit = port.state().max_mtu or JUMBO_MTU
    mtu = min(JUMBO_MTU, limit)
    bed.progress(f"attach at MTU {mtu}")
    with mtu_of(bed, mtu):
        now = claims(port)
        plain, frags = (try_attach(bed, port, frags=one) for one in (False, True))
    # What is refused at any MTU is refused for another reason.
    other = frags is not None and try_attach(bed, port, frags=True) is not None
    return Jumbo(mtu, now, plain, frags, lacking(bed, frags, mtu_too=False) if other else ())


@contextmanager
def mtu_of(bed: Testbed, mtu: int) -> Iterator[None]:
    """Another MTU on the NIC, and on its peer where that is a port of this host.

    Raises:
        KernelError: one of them does not take it.
        Blocked: a veth's frames are as large as its peer's MTU (veth_xdp_set), and it is unknown.
    """
    if bed.peer is None and bed.nic.link.kind == "veth":
        raise Blocked(
            f"what a veth takes is decided by its peer's MTU: name the peer of {bed.nic.ifname}"
            " with --peer"
        )
    with ExitStack() as stack:
        for port in (bed.nic, bed.peer):
            if port is not None:
                stack.enter_context(bed.settings.mtu(port, mtu))
        for port in (bed.nic, bed.peer):
            if port is not None:
                carrier(bed, port)
        yield


def large_enough(bed: Testbed, size: int, flag: XdpAct) -> None:
    """Whether the NIC can carry frames of this size at all.

    Args:
        bed: the testbed.
        size: bytes of a frame, Ethernet header included.
        flag: what promises something about such frames.

    Raises:
        Blocked: it takes no such MTU (dev_validate_mtu, net/core/dev.c); Unclaimed where nothing
            is promised.
    """
    most = bed.nic.state().max_mtu
    if not most or most >= size - ETH_HLEN:
        return
    why = f"{bed.nic.ifname} takes no MTU above {most}"
    now = claims(bed.nic)
    if now is not None and not (now.features or 0) & flag:
        raise Unclaimed(f"{flag_name(flag)} is not claimed, and {why}")
    raise Blocked(f"{why}: frames of {size} bytes cannot be tried")


@contextmanager
def room_for(bed: Testbed, mtu: int) -> Iterator[None]:
    """An MTU of at least so much on the NIC, and on its peer where that is a port of this host.

    Raises:
        KernelError: one of them does not take it.
    """
    with ExitStack() as stack:
        for port in (bed.nic, bed.peer):
            if port is not None and (port.state().mtu or mtu) < mtu:
                stack.enter_context(bed.settings.mtu(port, mtu))
                carrier(bed, port)
        yield


def change(bed: Testbed, what: str) -> Change:
    """Something of the NIC is changed and changed back, with no program on it.

    Args:
        bed: the testbed.
        what: ``link``, ``gro`` or ``mtu``.

    Raises:
        KernelError: the driver does not take the change.
        SourceError: routes would be lost with the link; says which.
    """
    port = bed.nic
    before = sight(port)
    if what == "link":
        block, words = bed.settings.down(port), "link down and up"
    elif what == "mtu":
        other = before.mtu - OTHER_MTU
        if other < IPV6_MIN_MTU:
            other = before.mtu + OTHER_MTU
        block, words = bed.settings.mtu(port, other), f"MTU {other}"
    else:
        on = "rx-gro" in before.features
        block = bed.settings.feature(port, {"rx-gro": not on})
        words = f"GRO {'off' if on else 'on'}"
    bed.progress(f"the claims around {words}")
    with block:
        during = sight(port)
    if before.up:
        carrier(bed, port)
    return Change(words, before, during, sight(port))


def try_attach(bed: Testbed, port: Port, *, frags: bool) -> Refusal | None:
    """Attach a program natively and take it away again; None if that went well."""
    with Program.load(programs.passes(), name="xdpconform", frags=frags) as program:
        try:
            with attached(bed, port, program):
                return None
        except Refused as error:
            return error.refusal
