# SPDX-License-Identifier: MIT
"""Devices that are made: veth pairs and taps, silent and switched on."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from struct import pack
from typing import TYPE_CHECKING, Final

from xdpconform.errors import KernelError, SourceError
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.links import new_veth, set_quiet, set_up
from xdpconform.probes.testbed.port import Port

if TYPE_CHECKING:
    from xdpconform.probes.testbed.namespace import Namespace

TUN: Final = "/dev/net/tun"
# include/uapi/linux/if_tun.h
TUNSETIFF: Final = 0x400454CA
TUNSETSNDBUF: Final = 0x400454D4
IFF_TAP: Final = 0x0002
IFF_NO_PI: Final = 0x1000
INT_MAX: Final = 0x7FFFFFFF

CARRIER: Final = 10.0
"""Seconds until a device that was made has a carrier."""


def make_pair(
    near: Namespace, name: str, far: Namespace, peer: str, queues: tuple[int, int] = (1, 1)
) -> tuple[Port, Port]:
    """A veth pair, both ends switched on and silent.

    Raises:
        KernelError: the kernel refuses it: a name is taken, or it has no veth.
    """
    near.client(NETLINK_ROUTE).ask(new_veth(name.encode(), peer.encode(), far.fd, queues))
    ports = Port(near, name), Port(far, peer)
    for port in ports:
        switch_on(port)
    for port in ports:
        port.wait_carrier(CARRIER)
    return ports


def make_tap(namespace: Namespace, name: str) -> int:
    """A tap, which lives as long as its descriptor; gives the descriptor.

    The tap runs native XDP on what is written to it only if the descriptor does not block and its
    send buffer has no limit (tun_can_build_skb, drivers/net/tun.c).

    Raises:
        SourceError: the kernel has no tun driver, or refuses the device.
    """
    try:
        descriptor = namespace.call(lambda: os.open(TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        raise SourceError(
            f"cannot open {TUN}: {error.strerror}; load the driver (modprobe tun)"
        ) from error
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        fcntl.ioctl(descriptor, TUNSETSNDBUF, pack("i", INT_MAX))
        port = Port(namespace, name)
        switch_on(port)
        port.wait_carrier(CARRIER)
    except OSError as error:
        os.close(descriptor)
        raise SourceError(f"cannot make the tap {name}: {error.strerror}") from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def switch_on(port: Port) -> None:
    """Switch a port of ours on, and keep IPv6 from speaking on it, where there is IPv6."""
    with suppress(KernelError):  # none here, or none on this port: what is not there is silent
        port.ask(set_quiet(port.ifindex))
    port.ask(set_up(port.ifindex, True))
