# SPDX-License-Identifier: MIT
"""The guard's rules without a kernel: each alone, and what looks like it and is harmless."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from xdpconform.netlink.routes import Address, Nexthop, Route
from xdpconform.netlink.rtnl import Link
from xdpconform.probes.safety.rules import Facts, Peer, Reason, reasons

UNICAST, LOCAL, UNREACHABLE = 1, 2, 7


def link(
    ifindex: int,
    name: str,
    kind: str | None = None,
    lower: int | None = None,
    master: int | None = None,
    *,
    elsewhere: bool = False,
    xdp: str = "none",
) -> Link:
    """A link, as far as the rules look."""
    return Link(ifindex, name, "ether", True, 1500, kind, xdp, lower, elsewhere, master)


def route(
    prefix: str, *outs: int, table: int = 254, kind: int = UNICAST, nexthop: int | None = None
) -> Route:
    """A route to a prefix."""
    network = ip_network(prefix)
    return Route(
        2 if network.version == 4 else 10,
        network.network_address.packed,
        network.prefixlen,
        table,
        kind,
        outs,
        False,
        nexthop,
    )


def peer(text: str, local: str = "", zone: str = "", *, ssh: bool = False) -> Peer:
    """The other end of a connection."""
    ours = ip_address(local).packed if local else b""
    return Peer(ip_address(text).packed, ours, zone, ssh)


def address(ifindex: int, text: str) -> Address:
    """An address of an interface."""
    one = ip_address(text)
    return Address(ifindex, 2 if one.version == 4 else 10, one.packed, 24, 0, 0)


ETH0 = link(2, "eth0")
ETH1 = link(3, "eth1")
BOTH = (ETH0, ETH1)
DEFAULT = "eth0 carries the default route (IPv4, table 254)"

ROWS: dict[str, tuple[Link, Facts, tuple[str, ...]]] = {
    "nothing": (ETH0, Facts(BOTH), ()),
    "default-v4": (ETH0, Facts(BOTH, [route("0.0.0.0/0", 2)]), (DEFAULT,)),
    "default-v6": (
        ETH0,
        Facts(BOTH, [route("::/0", 2)]),
        ("eth0 carries the default route (IPv6, table 254)",),
    ),
    "default-in-table-300": (
        ETH0,
        Facts(BOTH, [route("::/0", 2, table=300)]),
        ("eth0 carries the default route (IPv6, table 300)",),
    ),
    "default-in-two-tables": (
        ETH0,
        Facts(BOTH, [route("0.0.0.0/0", 2), route("0.0.0.0/0", 2, table=77)]),
        (DEFAULT, "eth0 carries the default route (IPv4, table 77)"),
    ),
    "default-twice-by-metric": (
        ETH0,
        Facts(BOTH, [route("0.0.0.0/0", 2), route("0.0.0.0/0", 2)]),
        (DEFAULT,),
    ),
    "default-multipath": (ETH0, Facts(BOTH, [route("0.0.0.0/0", 3, 2)]), (DEFAULT,)),
    "default-nexthop": (
        ETH0,
        Facts(BOTH, [route("0.0.0.0/0", nexthop=9)], [Nexthop(9, 2, ())]),
        (DEFAULT,),
    ),
    "default-nexthop-group": (
        ETH0,
        Facts(
            BOTH,
            [route("0.0.0.0/0", nexthop=9)],
            [Nexthop(9, None, (7, 8)), Nexthop(7, 3, ()), Nexthop(8, 2, ())],
        ),
        (DEFAULT,),
    ),
    "nexthop-groups-in-a-circle": (
        ETH0,
        Facts(
            BOTH,
            [route("0.0.0.0/0", nexthop=9)],
            [Nexthop(9, None, (8,)), Nexthop(8, None, (9,))],
        ),
        (),
    ),
    "nexthop-unused": (ETH0, Facts(BOTH, [], [Nexthop(9, 2, ())]), ()),
    "default-by-halves": (
        ETH0,
        Facts(BOTH, [route("0.0.0.0/1", 2), route("2000::/3", 2)]),
        (
            "eth0 carries a route as wide as the default (0.0.0.0/1, table 254)",
            "eth0 carries a route as wide as the default (2000::/3, table 254)",
        ),
    ),
    "default-elsewhere": (ETH0, Facts(BOTH, [route("0.0.0.0/0", 3)]), ()),
    "default-unreachable": (
        ETH0,
        Facts(BOTH, [route("0.0.0.0/0", 2, kind=UNREACHABLE)]),
        (),
    ),
    "narrow-routes": (
        ETH0,
        Facts(BOTH, [route("10.0.0.0/8", 2), route("2001:db8::/32", 2)]),
        (),
    ),
    "ssh": (
        ETH0,
        Facts(BOTH, [route("10.0.0.0/24", 2)], peers=[peer("10.0.0.9", ssh=True)]),
        ("eth0 leads to 10.0.0.9, the client of this SSH session",),
    ),
    "ssh-zone": (
        ETH0,
        Facts(BOTH, [route("fe80::/64", 2, 3)], peers=[peer("fe80::9", "", "eth0", ssh=True)]),
        ("eth0 leads to fe80::9, the client of this SSH session",),
    ),
    "ssh-other-zone": (
        ETH0,
        Facts(BOTH, [route("fe80::/64", 2, 3)], peers=[peer("fe80::9", "", "eth1", ssh=True)]),
        (),
    ),
    "tcp": (
        ETH0,
        Facts(BOTH, [route("10.0.0.0/24", 2)], peers=[peer("10.0.0.9")]),
        ("eth0 leads to 10.0.0.9, the peer of a TCP connection",),
    ),
    "tcp-several": (
        ETH0,
        Facts(
            BOTH,
            [route("10.0.0.0/24", 2)],
            peers=[peer("10.0.0.9"), peer("10.0.0.8"), peer("10.0.0.9", "10.0.0.1")],
        ),
        ("eth0 leads to 10.0.0.9, the peer of a TCP connection, and to 1 more such peers",),
    ),
    "tcp-v6": (
        ETH0,
        Facts(BOTH, [route("2001:db8::/64", 2)], peers=[peer("2001:db8::9")]),
        ("eth0 leads to 2001:db8::9, the peer of a TCP connection",),
    ),
    "tcp-mapped": (
        ETH0,
        Facts(BOTH, [route("10.0.0.0/24", 2)], peers=[peer("::ffff:10.0.0.9")]),
        ("eth0 leads to 10.0.0.9, the peer of a TCP connection",),
    ),
    "tcp-longest-prefix": (
        ETH0,
        Facts(
            BOTH,
            [route("10.0.0.0/8", 2), route("10.0.0.0/24", 3)],
            peers=[peer("10.0.0.9")],
        ),
        (),
    ),
    "tcp-each-table": (
        ETH0,
        Facts(
            BOTH,
            [route("10.0.0.0/8", 2, table=77), route("10.0.0.0/24", 3)],
            peers=[peer("10.0.0.9")],
        ),
        ("eth0 leads to 10.0.0.9, the peer of a TCP connection",),
    ),
    "tcp-nexthop": (
        ETH0,
        Facts(
            BOTH,
            [route("10.0.0.0/8", nexthop=9)],
            [Nexthop(9, 2, ())],
            peers=[peer("10.0.0.9")],
        ),
        ("eth0 leads to 10.0.0.9, the peer of a TCP connection",),
    ),
    "tcp-no-route": (ETH0, Facts(BOTH, [route("10.0.0.0/8", 2)], peers=[peer("11.0.0.9")]), ()),
    "tcp-to-ourselves": (
        ETH0,
        Facts(
            BOTH,
            [route("10.0.0.0/24", 2), route("10.0.0.1/32", 2, table=255, kind=LOCAL)],
            addresses=[address(2, "10.0.0.1")],
            peers=[peer("10.0.0.1", "10.0.0.1")],
        ),
        (),
    ),
    "tcp-our-end": (
        ETH0,
        Facts(
            BOTH,
            [route("10.0.0.0/8", 3)],
            addresses=[address(2, "10.9.0.1")],
            peers=[peer("10.0.0.9", "10.9.0.1")],
        ),
        ("eth0 leads to 10.0.0.9, the peer of a TCP connection",),
    ),
    "tcp-link-local": (
        ETH0,
        Facts(
            BOTH,
            [route("fe80::/64", 2), route("fe80::/64", 3)],
            addresses=[address(3, "fe80::1")],
            peers=[peer("fe80::9", "fe80::1")],
        ),
        (),
    ),
    "tcp-link-local-ours": (
        ETH1,
        Facts(
            BOTH,
            [route("fe80::/64", 2), route("fe80::/64", 3)],
            addresses=[address(3, "fe80::1")],
            peers=[peer("fe80::9", "fe80::1")],
        ),
        ("eth1 leads to fe80::9, the peer of a TCP connection",),
    ),
    "bond-member": (
        link(2, "eth0", master=4),
        Facts((link(2, "eth0", master=4), link(4, "bond0", "bond"))),
        ("eth0 is a member of bond0 (bond)",),
    ),
    "member-of-what-is-not-seen": (
        link(2, "eth0", master=4),
        Facts((link(2, "eth0", master=4),)),
        ("eth0 is a member of link 4",),
    ),
    "below-a-bond-with-the-default": (
        link(2, "eth0", master=4),
        Facts(
            (link(2, "eth0", master=4), link(4, "bond0", "bond")),
            [route("0.0.0.0/0", 4)],
        ),
        (
            "eth0 is below bond0, which carries the default route (IPv4, table 254)",
            "eth0 is a member of bond0 (bond)",
        ),
    ),
    "below-a-vlan-in-a-bridge-with-a-peer": (
        ETH0,
        Facts(
            (ETH0, link(5, "eth0.5", "vlan", lower=2, master=6), link(6, "br0", "bridge")),
            [route("10.0.0.0/24", 6)],
            peers=[peer("10.0.0.9", ssh=True)],
        ),
        (
            (
                "eth0 is below eth0.5, which is below br0, which leads to 10.0.0.9, the"
                " client of this SSH session"
            ),
            "eth0.5 (vlan) stands on eth0",
        ),
    ),
    "on-top": (
        ETH0,
        Facts((ETH0, link(5, "mv0", "macvlan", lower=2), link(6, "user0", lower=2))),
        ("mv0 (macvlan) stands on eth0", "user0 (a device) stands on eth0"),
    ),
    "veth-peer-is-not-below": (
        link(2, "va", "veth", lower=3),
        Facts(
            (link(2, "va", "veth", lower=3), link(3, "vb", "veth", lower=2)),
            [route("0.0.0.0/0", 3)],
        ),
        (),
    ),
    "lower-elsewhere": (
        ETH0,
        Facts((ETH0, link(5, "mv0", "macvlan", lower=2, elsewhere=True))),
        (),
    ),
    "its-own-lower": (
        link(2, "tunl0", "ipip", lower=2),
        Facts((link(2, "tunl0", "ipip", lower=2),)),
        (),
    ),
    "upper-of-the-default-is-free": (
        link(5, "eth0.5", "vlan", lower=2),
        Facts((ETH0, link(5, "eth0.5", "vlan", lower=2)), [route("0.0.0.0/0", 2)]),
        (),
    ),
    "escaped-name": (
        link(2, "e\x1b0"),
        Facts((link(2, "e\x1b0"),), [route("0.0.0.0/0", 2)]),
        ("e\\x1b0 carries the default route (IPv4, table 254)",),
    ),
}


@pytest.mark.parametrize(("port", "facts", "expected"), ROWS.values(), ids=ROWS)
def test_reasons(port: Link, facts: Facts, expected: tuple[str, ...]) -> None:
    """Each rule gives its reason, and none gives one without cause; none of these is firm."""
    assert tuple(Reason(text) for text in expected) == reasons(port, facts)


def test_firm() -> None:
    """What others do with XDP on the port holds for owners, too."""
    port = link(2, "eth0", xdp="native")

    found = reasons(port, Facts((port,), sockets=[("rx", 3), ("tx", 3)]))

    expected = (
        Reason("eth0 has an XDP program already (native)", firm=True),
        Reason("eth0 has an AF_XDP socket bound to its rx queue 3", firm=True),
        Reason("eth0 has an AF_XDP socket bound to its tx queue 3", firm=True),
    )
    assert expected == found


def test_masters_in_a_circle() -> None:
    """Links that stand on each other end the walk."""
    one, other = link(2, "a", lower=3), link(3, "b", lower=2)

    found = reasons(one, Facts((one, other), [route("0.0.0.0/0", 3)]))

    expected = (
        "a is below b, which carries the default route (IPv4, table 254)",
        "b (a device) stands on a",
    )
    assert expected == tuple(reason.text for reason in found)
