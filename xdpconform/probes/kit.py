# SPDX-License-Identifier: MIT
"""What probes need of a testbed: its wire, its link, what the NIC claims, what watches it."""

from __future__ import annotations

import errno
from functools import cached_property
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, ref

from xdpconform.errors import Blocked, KernelError, Timeout
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.netlink.netdev import FAMILY_NAME, Capabilities, dev_get, pull_device
from xdpconform.probes.bpf import Tracepoints
from xdpconform.probes.reader import Reader, reader

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Frames, Port, Testbed, Wire

CARRIER: Final = 10.0
"""Seconds to wait for a link after an attach."""


class Kit:
    """What is opened once for a testbed, each part when it is first asked for.

    Args:
        bed: the testbed, which closes them.
    """

    def __init__(self, bed: Testbed) -> None:
        self._bed = ref(bed)

    @property
    def _testbed(self) -> Testbed:
        bed = self._bed()
        assert bed is not None  # noqa: S101 - who asks has it
        return bed

    @cached_property
    def reader(self) -> Reader:
        """Who reads the NIC's settings and counters."""
        port = self._testbed.nic
        space = port.namespace
        return reader(
            space.client(NETLINK_ROUTE),
            space.client(NETLINK_GENERIC),
            port.ifindex,
            port.ifname.encode("utf-8", "surrogateescape"),
            space.call,
        )

    @cached_property
    def tracepoints(self) -> Tracepoints:
        """The kernel's tracepoints of XDP.

        Raises:
            BpfError: they are refused, mostly for want of CAP_PERFMON.
            SourceError: the kernel has no type information.
        """
        return self._testbed.keep(Tracepoints())

    @cached_property
    def frames(self) -> Frames:
        """Frames from the medium to the NIC."""
        return self._testbed.frames()


_kits: WeakKeyDictionary[Testbed, Kit] = WeakKeyDictionary()


def kit(bed: Testbed) -> Kit:
    """What is opened once for a testbed."""
    found = _kits.get(bed)
    if found is None:
        found = _kits[bed] = Kit(bed)
    return found


def wire_of(bed: Testbed) -> Wire:
    """The medium before the NIC.

    Raises:
        Blocked: there is none.
    """
    if bed.wire is None:
        name = bed.nic.ifname
        raise Blocked(
            f"nothing sends frames to {name}: name the port cabled to it with --peer, or use"
            f" its loopback with --loopback"
        )
    return bed.wire


def claims(port: Port) -> Capabilities | None:
    """What a port claims right now; None where the kernel has no netdev family."""
    try:
        family = port.namespace.family(FAMILY_NAME)
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    replies = port.namespace.client(NETLINK_GENERIC).ask(dev_get(family, port.ifindex))
    return pull_device(replies[0]).capabilities


def carrier(bed: Testbed, port: Port) -> None:
    """Wait for the link, where frames are to come over it.

    Raises:
        Blocked: it does not come up.
    """
    if bed.wire is None:
        return
    try:
        port.wait_carrier(CARRIER)
    except Timeout as error:
        raise Blocked(str(error)) from error
