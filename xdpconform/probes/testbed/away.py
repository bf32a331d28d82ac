# SPDX-License-Identifier: MIT
"""The peer on the same host: a second port, moved out of the kernel's sight, or already elsewhere.

Two ports of one host must be in two namespaces: the kernel would answer itself within the host,
and never use the cable. A port that is moved loses its addresses and is switched off
(dev_change_net_namespace, net/core/dev.c); all that is put back, and what cannot be is refused.
"""

from __future__ import annotations

import errno
from ipaddress import ip_address, ip_network
from socket import AF_INET6
from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError, KernelError
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.links import (
    get_port,
    move,
    new_nsid,
    pull_quiet,
    set_mtu,
    set_quiet,
    set_up,
)
from xdpconform.netlink.routes import (
    FAMILIES,
    RTN_UNICAST,
    getaddr_dump,
    getnexthop_dump,
    getroute_dump,
    newaddr,
    pull_addr,
    pull_nexthop,
    pull_route,
)
from xdpconform.netlink.rtnl import getlink_dump, pull_link
from xdpconform.probes.safety.guardian import Undo
from xdpconform.probes.testbed.pair import switch_on
from xdpconform.probes.testbed.port import Port

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from xdpconform.netconfig import Remote
    from xdpconform.netlink.routes import Address
    from xdpconform.probes.safety.guardian import Guardian
    from xdpconform.probes.testbed.namespace import Namespace

GONE: Final = (errno.ENODEV,)
"""The port is no more, or not where it would have to be taken from: nothing to put back."""
UNKEPT: Final = (errno.ENODEV, errno.EINVAL, errno.EAFNOSUPPORT)
"""Also: a mode that rests on a secret which went with the move, or IPv6 switched off."""
HOME: Final = 1
"""The number that the namespace where the port belongs has in ours."""
IFA_F_TEMPORARY: Final = 0x01  # include/uapi/linux/if_addr.h
BY_ITSELF: Final = tuple(map(ip_network, ("fe80::/64", "ff00::/8")))
"""Routes that the kernel makes for every port with IPv6."""


def addresses(port: Port) -> list[Address]:
    """The port's addresses, in the kernel's order."""
    replies = port.ask(getaddr_dump())
    found = (pull_addr(message) for message in replies)
    return [address for address in found if address and address.ifindex == port.ifindex]


def routes_at_stake(port: Port) -> list[str]:
    """Routes through a port that do not come back with its addresses, in words."""
    own = {
        ip_network((address.peer or address.local, address.length), strict=False)
        for address in addresses(port)
    }
    try:
        hops = [pull_nexthop(message) for message in port.ask(getnexthop_dump())]
    except KernelError:  # EOPNOTSUPP before 5.3
        hops = []
    lost = [f"nexthop object {hop.id}" for hop in hops if hop.out == port.ifindex]
    for family in FAMILIES:
        for message in port.ask(getroute_dump(family)):
            route = pull_route(message)
            if route is None or port.ifindex not in route.outs or route.type != RTN_UNICAST:
                continue
            network = ip_network((route.destination, route.length), strict=False)
            known = not route.gateway and (network in own or network in BY_ITSELF)
            if not known:
                lost.append(f"the route to {network}{' by a gateway' if route.gateway else ''}")
    return lost


def move_away(
    port: Port, into: Namespace, guardian: Guardian, step: Callable[[str], None], stack: ExitStack
) -> Port:
    """Move a port into a namespace of our own, and switch it on there.

    Args:
        port: the port, where it belongs.
        into: the namespace.
        guardian: brings it back if we cannot, with its addresses, MTU and state.
        step: called with a sentence before each change.
        stack: what brings it back when it is closed.

    Raises:
        InputError: the port has routes that would be lost.
        KernelError: the kernel refuses to move it.
    """
    lost = routes_at_stake(port)
    if lost:
        raise InputError(
            f"{port.ifname} cannot be the peer: {', '.join(lost)} would be lost. Take it away"
            f" (ip route), or name a port that nothing uses"
        )
    state = port.state()
    index, name = port.ifindex, port.ifname
    # Undone in reverse: the port comes home, is as large and as quiet as before, switched on, and
    # has its addresses, the first one first.
    owed = [
        Undo.of(f"address {ip_address(one.local)} of {name}", NETLINK_ROUTE, newaddr(one), GONE)
        for one in reversed(addresses(port))
        if not (one.family == AF_INET6 and one.flags & IFA_F_TEMPORARY)
    ]
    if state.up:
        owed.append(Undo.of(f"{name} up", NETLINK_ROUTE, set_up(index, True), GONE))
    mode = pull_quiet(port.ask(get_port(index))[0])
    if mode is not None:  # a namespace gives every port that comes its own default
        back = Undo.of(f"addr-gen-mode of {name}", NETLINK_ROUTE, set_quiet(index, mode), UNKEPT)
        owed.append(back)
    if state.mtu is not None:
        owed.append(
            Undo.of(
                f"mtu of {name} back to {state.mtu}", NETLINK_ROUTE, set_mtu(index, state.mtu), GONE
            )
        )
    for undo in owed:
        step(f"keep: {undo.what}")
        stack.callback(guardian.register(undo, port.namespace.fd).undo)
    into.client(NETLINK_ROUTE).ask(new_nsid(HOME, port.namespace.fd))
    home = move(name=port.link.raw_name, nsid=HOME, new_ifindex=index)
    back = Undo.of(f"{name} back home", NETLINK_ROUTE, home, GONE)
    step(f"keep: {back.what}")
    stack.callback(guardian.register(back, into.fd).undo)
    step(f"move {name} to {into.name}")
    port.ask(move(index, netns_fd=into.fd))
    moved = Port(into, name)
    step(f"switch {name} on")
    switch_on(moved)
    return moved


def find_remote(namespace: Namespace, remote: Remote) -> Port:
    """The interface that REMOTE_V4 or REMOTE_V6 is at, else the only one besides lo.

    Raises:
        InputError: there is none, or several that it could be; lists them.
    """
    links = [
        link
        for link in map(pull_link, namespace.client(NETLINK_ROUTE).ask(getlink_dump()))
        if link.link_type != "loopback"
    ]
    names = ", ".join(link.name for link in links) or "none"
    wanted = {
        f"REMOTE_V{version}={text}": ip_address(text)
        for version, text in ((4, remote.v4), (6, remote.v6))
        if text
    }
    if not wanted:
        if len(links) == 1:
            return Port(namespace, links[0].name)
        raise InputError(
            f"REMOTE_ARGS={remote.args}: the peer there could be any of: {names}; say which by its"
            " address, REMOTE_V4 or REMOTE_V6"
        )
    ports = [Port(namespace, link.name) for link in links]
    having = {port.ifname: {ip_address(one.local) for one in addresses(port)} for port in ports}
    for said, address in wanted.items():
        if not any(address in own for own in having.values()):
            raise InputError(
                f"{said}: no interface in the network namespace {remote.args} has it; there are:"
                f" {names}"
            )
    for port in ports:
        if having[port.ifname].issuperset(wanted.values()):
            return port
    raise InputError(f"{' and '.join(wanted)} are addresses of two interfaces: name one peer")


def check_local(nic: Port, remote: Remote) -> None:
    """Whether LOCAL_V4 and LOCAL_V6 are the NIC's, where they are given.

    Raises:
        InputError: one is not; lists those that are.
    """
    own = [ip_address(one.local) for one in addresses(nic)]
    for version, text in ((4, remote.local_v4), (6, remote.local_v6)):
        if text and ip_address(text) not in own:
            there = ", ".join(map(str, own)) or "none"
            raise InputError(
                f"LOCAL_V{version}={text} is no address of {nic.ifname}, whose are: {there}"
            )
