# SPDX-License-Identifier: MIT
"""A port: one network interface in one namespace, and what it is set to right now."""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING, Final

from xdpconform.errors import KernelError, NoSuchInterface, Timeout
from xdpconform.netlink import rtnl
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.links import PortState, get_port, pull_port

if TYPE_CHECKING:
    from xdpconform.netlink.rtnl import Link
    from xdpconform.netlink.transaction import Request
    from xdpconform.netlink.wire import Message
    from xdpconform.probes.testbed.namespace import Namespace

LOOK: Final = 0.01
"""Seconds between two looks at the carrier, at first; later a tenth of what was waited."""


class Port:
    """A network interface.

    Args:
        namespace: where it is.
        ifname: its name there; alternative names count.

    Raises:
        NoSuchInterface: there is none of this name.

    Attributes:
        ifname: its name, as the kernel has it.
        ifindex: its number in its namespace.
        mac: its MAC address, 6 bytes; empty for a device that has none.
    """

    def __init__(self, namespace: Namespace, ifname: str) -> None:
        self.namespace = namespace
        try:
            replies = self.ask(rtnl.getlink(ifname.encode("utf-8", "surrogateescape")))
        except KernelError as error:
            if error.errno != errno.ENODEV:
                raise
            raise NoSuchInterface(f"no interface {ifname!r} in {namespace.name}") from error
        state = pull_port(replies[0])
        self.link: Link = rtnl.pull_link(replies[0])
        self.ifname = state.name
        self.ifindex = state.ifindex
        self.mac = state.mac or b""

    def __repr__(self) -> str:
        return f"Port({self.ifname!r}, {self.namespace.name})"

    def ask(self, request: Request) -> list[Message]:
        """Put an rtnetlink request to the port's namespace.

        Raises:
            KernelError: the kernel refused it.
        """
        return self.namespace.client(NETLINK_ROUTE).ask(request)

    def state(self) -> PortState:
        """What it is set to, and its counters.

        Raises:
            NoSuchInterface: it is gone.
        """
        try:
            return pull_port(self.ask(get_port(self.ifindex))[0])
        except KernelError as error:
            if error.errno != errno.ENODEV:
                raise
            raise NoSuchInterface(
                f"{self.ifname} (ifindex {self.ifindex}) is gone from {self.namespace.name}"
            ) from error

    def wait_carrier(self, timeout: float) -> float:
        """Wait until there is a link that frames go through; gives the seconds it took.

        Many drivers take the link away for seconds where a program is attached, or the MTU set.

        Raises:
            Timeout: there was none in `timeout` seconds; says whether the port is switched on.
        """
        start = time.monotonic()
        while True:
            state = self.state()
            took = time.monotonic() - start
            # Until it is operational its queues swallow what is sent (linkwatch_do_dev()).
            if state.up and state.carrier and state.operational is not False:
                return took
            if took >= timeout:
                found = "has no carrier" if state.up else "is down"
                raise Timeout(
                    f"{self.ifname} {found} after {timeout:g} s: check the cable and what is at"
                    f" its other end, or switch it on (ip link set {self.ifname} up)"
                )
            time.sleep(max(LOOK, took / 10))
