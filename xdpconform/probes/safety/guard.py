# SPDX-License-Identifier: MIT
"""The guard: whether a port may be touched. It only reads.

`xdpconform.probes.safety.rules` decides; here it is asked. docs/safety.md has the rules in words.
"""

from __future__ import annotations

import re
from errno import EOPNOTSUPP

from xdpconform.errors import InputError, KernelError, NoSuchInterface
from xdpconform.interfaces import check_name, listing, shown
from xdpconform.netlink import routes as wire
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.netlink.genl import GENL_CMD_CAP_DUMP, getfamily, pull_family
from xdpconform.netlink.netdev import (
    FAMILY_NAME,
    Command,
    QueueType,
    pull_queue,
    queue_get_dump,
)
from xdpconform.netlink.rtnl import getlink_dump, pull_link
from xdpconform.probes.safety import rules
from xdpconform.probes.safety.connections import ssh_peers, tcp_peers
from xdpconform.sources.base import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from xdpconform.netlink.rtnl import Link
    from xdpconform.netlink.transaction import Request
    from xdpconform.netlink.wire import Message
    from xdpconform.sources.kernel import Kernel

    T = TypeVar("T")


def check_port(source: Kernel, ifname: str, owned: Iterable[str] = ()) -> tuple[str, ...]:
    """Why a port must not be touched, by its name; see `check`.

    Raises:
        NoSuchInterface: there is none of this name.
    """
    route = Client(source.open(NETLINK_ROUTE))
    links = _links(route)
    route.channel.close()
    for link in links:
        if ifname == link.name or ifname in link.alt_names:
            return check(source, link, owned)
    raise NoSuchInterface(f"no interface {shown(ifname)!r} here; there are: {listing(links)}")


def check(source: Kernel, link: Link, owned: Iterable[str] = ()) -> tuple[str, ...]:
    """Why a port must not be touched; empty if it may be.

    Args:
        source: the kernel, in the port's network namespace.
        link: the port.
        owned: the ports that the user says are free to be tested, by name. For them only what
            others do with XDP on the port counts.

    Returns:
        A sentence a reason; the last says what to type, where that would help.

    Raises:
        InputError: a word of `owned` is no single name.
    """
    names = check_owned(owned)
    mine = not {link.name, *link.alt_names}.isdisjoint(names)
    found = [one for one in _reasons(source, link) if one.firm or not mine]
    texts = [one.text for one in found]
    if any(not one.firm for one in found):
        name = shown(link.name)
        texts.append(f"if this port is yours to test, say --i-own-this-port {name}")
    return tuple(texts)


def reasons(source: Kernel, link: Link) -> tuple[str, ...]:
    """Every reason not to touch a port, whoever owns it.

    Raises:
        XdpConformError: what has to be known could not be asked.
    """
    return tuple(one.text for one in _reasons(source, link))


def check_owned(names: Iterable[str]) -> tuple[str, ...]:
    """The names that the user gave, each of one port.

    Raises:
        InputError: ``all``, a glob, a number, or what cannot be a name.
    """
    checked = tuple(names)
    for name in checked:
        if name == "all" or re.search(r"[*?\[]", name) or name.isdecimal():
            raise InputError(
                f"--i-own-this-port {shown(name)}: it takes the name of one port, such as"
                " --i-own-this-port eth0; say it again for each"
            )
        check_name(name)
    return checked


def _reasons(source: Kernel, link: Link) -> tuple[rules.Reason, ...]:
    return rules.reasons(link, ask(source, link))


def ask(source: Kernel, link: Link) -> rules.Facts:
    """Everything that the rules need to know of a namespace and of one port in it."""
    route = Client(source.open(NETLINK_ROUTE))
    try:
        return rules.Facts(
            _links(route),
            [
                found
                for family in wire.FAMILIES
                for found in _dump(route, wire.getroute_dump(family), wire.pull_route)
                if found is not None
            ],
            _dump(route, wire.getnexthop_dump(), wire.pull_nexthop),
            [
                found
                for found in _dump(route, wire.getaddr_dump(), wire.pull_addr)
                if found is not None
            ],
            (*ssh_peers(), *source.within(tcp_peers)),
            _sockets(source, link),
        )
    finally:
        route.channel.close()


def _links(route: Client) -> list[Link]:
    return [pull_link(message) for message in route.ask(getlink_dump())]


def _dump(client: Client, request: Request, pull: Callable[[Message], T]) -> list[T]:
    """A dump's values; none where the kernel does not know the question (EOPNOTSUPP)."""
    try:
        return [pull(message) for message in client.ask(request)]
    except KernelError as error:
        if error.errno == EOPNOTSUPP:
            return []
        raise


def _sockets(source: Kernel, link: Link) -> Sequence[tuple[str, int]]:
    """The port's queues with an AF_XDP socket; kernels before 6.13 do not tell."""
    client = Client(source.open(NETLINK_GENERIC))
    try:
        family = pull_family(client.ask(getfamily(FAMILY_NAME))[0])
        if not family.can(Command.QUEUE_GET, GENL_CMD_CAP_DUMP):
            return ()
        queues = [pull_queue(one) for one in client.ask(queue_get_dump(family, link.ifindex))]
    except KernelError:
        return ()  # no family, or a device without queues
    finally:
        client.channel.close()
    return [(QueueType(one.type).name.lower(), one.id) for one in queues if one.xsk]
