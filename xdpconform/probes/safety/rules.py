# SPDX-License-Identifier: MIT
"""The rules of the guard: from links, routes and connections to why a port must not be touched.

Pure functions. Where they cannot know, they refuse: of several tables, each counts, whatever the
routing policy (ip-rule(8)) says.
"""

from __future__ import annotations

from ipaddress import ip_address

from xdpconform.interfaces import shown
from xdpconform.netlink.routes import FAMILIES, RTN_LOCAL, RTN_UNICAST, SIZES
from xdpconform.netlink.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Final

    from xdpconform.netlink.routes import Address, Nexthop, Route
    from xdpconform.netlink.rtnl import Link

WIDE: Final = {4: 1, 16: 3}
"""Prefixes as wide as a default route: the halves of IPv4 that VPNs use, and 2000::/3."""


class Peer(NamedTuple):
    """The other end of something that must not break."""

    address: bytes
    """4 or 16 bytes; an IPv4 address inside an IPv6 one is taken for what it is."""
    local: bytes = b""
    """Our address; empty where it is not known."""
    zone: str = ""
    """The interface that a link-local address belongs to."""
    ssh: bool = False
    """The client of the SSH session that we run in."""


class Facts(NamedTuple):
    """What is known of a network namespace."""

    links: Sequence[Link]
    routes: Sequence[Route] = ()
    nexthops: Sequence[Nexthop] = ()
    addresses: Sequence[Address] = ()
    peers: Sequence[Peer] = ()
    sockets: Sequence[tuple[str, int]] = ()
    """Queues of the port (rx or tx, and the number) that AF_XDP sockets are bound to."""


class Reason(NamedTuple):
    """Why a port must not be touched."""

    text: str
    firm: bool = False
    """It holds for a port that the user owns, too: somebody else is using XDP on it."""


def reasons(link: Link, facts: Facts) -> tuple[Reason, ...]:
    """Every reason not to touch a port; none if it may be."""
    name = shown(link.name)
    carried = _carried(facts)
    found = [Reason(f"{name} {what}") for what in carried.get(link.ifindex, ())]
    for above, names in _above(link, facts.links):
        for what in carried.get(above.ifindex, ()):
            chain = "".join(f" below {shown(one)}, which is" for one in names)
            where = chain.removesuffix(", which is")
            found.append(Reason(f"{name} is{where}, which {what}"))
    known = {one.ifindex: one for one in facts.links}
    if link.master is not None:
        master = known.get(link.master)
        kind = f" ({master.kind})" if master and master.kind else ""
        of = shown(master.name) if master else f"link {link.master}"
        found.append(Reason(f"{name} is a member of {of}{kind}"))
    found += [
        Reason(f"{shown(one.name)} ({one.kind or 'a device'}) stands on {name}")
        for one in facts.links
        if _stands_on(one, link)
    ]
    if link.xdp != "none":
        found.append(Reason(f"{name} has an XDP program already ({link.xdp})", firm=True))
    found += [
        Reason(f"{name} has an AF_XDP socket bound to its {kind} queue {number}", firm=True)
        for kind, number in facts.sockets
    ]
    return tuple(dict.fromkeys(found))


def _stands_on(upper: Link, lower: Link) -> bool:
    """Whether IFLA_LINK of one is the other, and means a device below it."""
    return (
        upper.lower == lower.ifindex
        and not upper.lower_elsewhere
        and upper.ifindex != lower.ifindex
        and upper.kind != "veth"  # there it is the peer
    )


def _above(link: Link, links: Sequence[Link]) -> Iterator[tuple[Link, tuple[str, ...]]]:
    """Every device that this one carries, with the names on the way, nearest first."""
    seen = {link.ifindex}
    edge: list[tuple[Link, tuple[str, ...]]] = [(link, ())]
    while edge:
        below, names = edge.pop(0)
        for one in links:
            if one.ifindex not in seen and (below.master == one.ifindex or _stands_on(one, below)):
                seen.add(one.ifindex)
                edge.append((one, (*names, one.name)))
                yield edge[-1]


def _carried(facts: Facts) -> dict[int, list[str]]:
    """What each interface carries that must not break, in words, by ifindex."""
    carried: dict[int, list[str]] = {}
    outs = _Outs(facts.nexthops)
    for route in facts.routes:
        if route.type == RTN_UNICAST and route.length <= WIDE[SIZES[route.family]]:
            for out in outs.of(route):
                carried.setdefault(out, []).append(_default(route))
    towards: dict[tuple[int, bool], list[str]] = {}
    table = _Tables(facts.routes, outs)
    for peer in dict.fromkeys(facts.peers):
        address = unmapped(peer.address)
        for out in _towards(address, peer, table, facts):
            places = towards.setdefault((out, peer.ssh), [])
            if (text := str(ip_address(address))) not in places:
                places.append(text)
    for (out, ssh), places in towards.items():
        what = "the client of this SSH session" if ssh else "the peer of a TCP connection"
        more = f", and to {len(places) - 1} more such peers" if len(places) > 1 else ""
        carried.setdefault(out, []).append(f"leads to {places[0]}, {what}{more}")
    return carried


def _default(route: Route) -> str:
    family = FAMILIES[route.family]
    if route.length == 0:
        return f"carries the default route ({family}, table {route.table})"
    prefix = f"{ip_address(route.destination)}/{route.length}"
    return f"carries a route as wide as the default ({prefix}, table {route.table})"


def _towards(address: bytes, peer: Peer, table: _Tables, facts: Facts) -> Iterable[int]:
    """The interfaces that a peer is reached through, or that have our end's address."""
    if peer.zone:
        return [link.ifindex for link in facts.links if peer.zone in (link.name, *link.alt_names)]
    if table.is_local(address):
        return ()
    ours = unmapped(peer.local)
    holders = [one.ifindex for one in facts.addresses if ours and one.local == ours]
    # A link-local address is on every link: only our end says on which.
    link_local = len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80
    ways = [] if link_local and holders else table.ways(address)
    return dict.fromkeys([*ways, *holders])


class _Outs:
    """The ways out of routes, nexthop objects and their groups followed."""

    def __init__(self, nexthops: Iterable[Nexthop]) -> None:
        self._nexthops = {one.id: one for one in nexthops}

    def of(self, route: Route) -> tuple[int, ...]:
        found = list(route.outs)
        waiting = [] if route.nexthop is None else [route.nexthop]
        seen = set()
        while waiting:
            nexthop = self._nexthops.get(waiting.pop())
            if nexthop is None or nexthop.id in seen:
                continue
            seen.add(nexthop.id)
            waiting += nexthop.group
            if nexthop.out is not None:
                found.append(nexthop.out)
        return tuple(dict.fromkeys(found))


class _Tables:
    """Routes by table and prefix: the longest that fits leads on, in each table by itself."""

    def __init__(self, routes: Iterable[Route], outs: _Outs) -> None:
        self._tables: dict[tuple[int, int], dict[int, dict[int, list[Route]]]] = {}
        self._outs = outs
        for route in routes:
            size = SIZES[route.family]
            lengths = self._tables.setdefault((size, route.table), {})
            prefix = int.from_bytes(route.destination) >> (8 * size - route.length)
            lengths.setdefault(route.length, {}).setdefault(prefix, []).append(route)

    def _fitting(self, address: bytes) -> Iterator[Route]:
        size = len(address)
        number = int.from_bytes(address)
        for (of_size, _table), lengths in self._tables.items():
            if of_size != size:
                continue
            for length in sorted(lengths, reverse=True):
                if found := lengths[length].get(number >> (8 * size - length)):
                    yield from found
                    break

    def is_local(self, address: bytes) -> bool:
        """Whether this machine itself has the address: then nothing leaves."""
        return any(route.type == RTN_LOCAL for route in self._fitting(address))

    def ways(self, address: bytes) -> list[int]:
        """The interfaces that lead to an address."""
        found: list[int] = []
        for route in self._fitting(address):
            if route.type == RTN_UNICAST:
                found += self._outs.of(route)
        return found


def unmapped(address: bytes) -> bytes:
    """The IPv4 address inside ``::ffff:192.0.2.1``; any other as it is."""
    return address[12:] if address.startswith(bytes(10) + b"\xff\xff") else address
