# SPDX-License-Identifier: MIT

"""Routes, nexthop objects, addresses and subjects: byte for byte, and beside pyroute2."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.namespaces import Namespace, private_namespace
from xdpconform.errors import WireError
from xdpconform.netlink import routes, rtnl
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.netlink.routes import Address, Nexthop, Route
from xdpconform.netlink.subject import pull_address, subject
from xdpconform.netlink.transaction import Request, Transaction
from xdpconform.netlink.wire import NLMSGHDR, Message
from xdpconform.sources import Client, Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

V4 = "0a000001"
V6 = "20010db8 00000000 00000000 00000001"

REQUESTS: dict[str, tuple[Request, int, int, str]] = {
    "routes-v4": (routes.getroute_dump(2), 26, 0x300, "02000000 00000000 00000000"),
    "routes-v6": (routes.getroute_dump(10), 26, 0x300, "0a000000 00000000 00000000"),
    "nexthops": (routes.getnexthop_dump(), 106, 0x300, "00000000 00000000"),
    "addresses": (routes.getaddr_dump(), 22, 0x300, "00000000 00000000"),
    "address-v4": (
        routes.newaddr(
            Address(
                *(7, 2, bytes.fromhex(V4), 24, 0, 0x80),
                broadcast=bytes.fromhex("0a0000ff"),
                label="eth0",
            )
        ),
        20,
        0x504,
        (
            f"02180000 07000000 08000200 {V4} 08000100 {V4} 08000400 0a0000ff"
            "09000300 6574683000 000000 08000800 00000000"
        ),
    ),
    "address-v6-elsewhere": (
        routes.newaddr(
            Address(
                *(7, 10, bytes.fromhex(V6), 64, 0, 0x2C1),
                preferred=60,
                valid=120,
                priority=9,
            ),
            8,
        ),
        20,
        0x504,
        (
            f"0a400200 08000000 14000200 {V6} 14000100 {V6} 14000600 3c000000 78000000"
            "00000000 00000000 08000800 02020000 08000900 09000000"
        ),
    ),
    "address-point-to-point": (
        routes.newaddr(Address(7, 2, bytes.fromhex(V4), 32, 0, 0, peer=bytes.fromhex("0a000002"))),
        20,
        0x504,
        f"02200000 07000000 08000200 {V4} 08000100 0a000002 08000800 00000000",
    ),
}


@pytest.mark.parametrize(("request_", "kind", "flags", "data"), REQUESTS.values(), ids=REQUESTS)
def test_request(request_: Request, kind: int, flags: int, data: str) -> None:
    """A request has the type, flags and bytes that rtnetlink asks for."""
    assert (kind, flags) == (request_.type, request_.flags)
    assert bytes.fromhex(data) == request_.payload


def route(data: str) -> Route | None:
    """Decode a route in hex."""
    return routes.pull_route(Message(24, 0, 1, 2, bytes.fromhex(data)))


def nexthop(data: str) -> Nexthop:
    """Decode a nexthop object in hex."""
    return routes.pull_nexthop(Message(104, 0, 1, 2, bytes.fromhex(data)))


def address(data: str) -> Address | None:
    """Decode an address in hex."""
    return routes.pull_addr(Message(20, 0, 1, 2, bytes.fromhex(data)))


ZERO4 = bytes(4)
NET = bytes.fromhex("0a000000")
VALUES: dict[str, tuple[str, Route | Nexthop | Address | None]] = {
    "route-default": (
        "02000000 fe030001 00000000 08000f00 fe000000 08000500 0a0000fe 08000400 04000000",
        Route(2, ZERO4, 0, 254, 1, (4,), True, None),
    ),
    "route-large-table": (
        "02180000 fc03fd01 00000000 08000f00 2c010000 08000100 0a000000 08000400 04000000",
        Route(2, NET, 24, 300, 1, (4,), False, None),
    ),
    "route-table-of-the-header": (
        "02180000 4d03fd01 00000000 08000100 0a000000 08000400 04000000",
        Route(2, NET, 24, 77, 1, (4,), False, None),
    ),
    "route-multipath": (
        (
            "02000000 fe030001 00000000 20000900 10000000 04000000 08000500 0a0000fe"
            "0c000000 05000000 04001200"
        ),
        Route(2, ZERO4, 0, 254, 1, (4, 5), True, None),
    ),
    "route-nexthop-object": (
        "02000000 fe030001 00000000 08001e00 09000000",
        Route(2, ZERO4, 0, 254, 1, (), False, 9),
    ),
    "route-via-other-family": (
        "02000000 fe030001 00000000 0a001200 0a00 fe800000 0000 08000400 04000000",
        Route(2, ZERO4, 0, 254, 1, (4,), True, None),
    ),
    "route-v6": (
        f"0a800000 ff020002 00000000 14000100 {V6} 08000400 01000000",
        Route(10, bytes.fromhex(V6), 128, 255, 2, (1,), False, None),
    ),
    "route-mpls": ("1c140000 fe030001 00000000", None),
    "nexthop": (
        "02000000 00000000 08000100 09000000 08000500 04000000",
        Nexthop(9, 4, ()),
    ),
    "nexthop-group": (
        "00000000 00000000 08000100 0a000000 14000200 09000000 00000000 0b000000 05000000",
        Nexthop(10, None, (9, 11)),
    ),
    "address": (
        (
            f"02188000 04000000 08000100 {V4} 08000200 {V4} 08000400 0a0000ff 09000300 65746830 00"
            "000000 08000800 80000000 14000600 ffffffff ffffffff 01000000 01000000"
        ),
        Address(
            4, 2, bytes.fromhex(V4), 24, 0, 0x80, broadcast=bytes.fromhex("0a0000ff"), label="eth0"
        ),
    ),
    "address-point-to-point": (
        f"02200000 04000000 08000100 0a000002 08000200 {V4}",
        Address(4, 2, bytes.fromhex(V4), 32, 0, 0, bytes.fromhex("0a000002")),
    ),
    "address-v6": (
        (
            f"0a400000 04000000 14000100 {V6} 14000600 3c000000 78000000 01000000 01000000"
            "08000800 00030000 08000900 00040000"
        ),
        Address(
            *(4, 10, bytes.fromhex(V6), 64, 0, 0x300),
            preferred=60,
            valid=120,
            priority=1024,
        ),
    ),
    "address-of-another-family": ("11000000 04000000", None),
}
PULL = {"route": route, "nexthop": nexthop, "address": address}
value_rows = pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [(name.partition("-")[0], *row) for name, row in VALUES.items()],
    ids=VALUES,
)


@value_rows
def test_pull(kind: str, data: str, expected: object) -> None:
    """A message is read with what is there; what is not there is None."""
    assert expected == PULL[kind](data)


@value_rows
def test_pull_cut_and_trailing(kind: str, data: str, expected: object) -> None:
    """Cut at any byte a message is a value or refused; with bytes behind it is refused."""
    whole = bytes.fromhex(data)
    for cut in range(len(whole)):
        try:
            value = PULL[kind](whole[:cut].hex())
        except WireError:
            continue
        assert value is None or type(value) is type(expected)
    if expected is not None:
        for extra in (1, 2, 3):
            with pytest.raises(WireError, match=f": {extra} bytes left, 4 needed$"):
                PULL[kind]((whole + bytes(extra)).hex())


@pytest.mark.parametrize("kind", PULL)
@given(head=st.sampled_from([bytes([2]), bytes([10]), b""]), tail=st.binary(max_size=96))
def test_any_bytes(kind: str, head: bytes, tail: bytes) -> None:
    """Whatever the bytes, there comes a value or an error that is ours."""
    try:
        value = PULL[kind]((head + tail).hex())
    except WireError:
        return

    assert value is None or isinstance(value, tuple)


@given(data=st.binary(max_size=96), kind=st.sampled_from([16, 19, 20, 22, 99]))
def test_subject_of_any_bytes(data: bytes, kind: int) -> None:
    """So it is with the interface that a request is about."""
    sent = NLMSGHDR.pack(NLMSGHDR.size + len(data), kind, 5, 1, 0) + data
    for protocol in (NETLINK_ROUTE, NETLINK_GENERIC):
        try:
            found = subject(protocol, sent)
        except WireError:
            continue

        assert 0 <= found <= 0xFFFFFFFF


HEAD = "02000000 fe030001 00000000"


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("route", "02000000", "rtmsg: 4 bytes, 12 needed"),
        ("route", "02210000 fe030001 00000000", "rtmsg: a prefix of 33 bits in IPv4"),
        (
            "route",
            HEAD + "06000100 0a000000",
            "attribute RTA_DST: 2 bytes, an IPv4 address has 4",
        ),
        ("route", HEAD + "08000900 08000000", "rtnexthop at byte 0: 4 bytes left, 8 needed"),
        (
            "route",
            HEAD + "0c000900 07000000 04000000",
            "rtnexthop at byte 0: length 7 in 8 bytes",
        ),
        (
            "route",
            HEAD + "0c000900 10000000 04000000",
            "rtnexthop at byte 0: length 16 in 8 bytes",
        ),
        ("nexthop", "00000000 00000000", "rtnetlink: a nexthop without an id"),
        (
            "nexthop",
            "00000000 00000000 08000100 09000000 08000200 09000000",
            "NHA_GROUP: 4 bytes are not whole members of 8",
        ),
        ("address", "02180000 04000000", "rtnetlink: an address of link 4 without the address"),
        (
            "address",
            f"02180000 04000000 08000100 {V4} 08000600 00000000",
            "IFA_CACHEINFO: 4 bytes, 16 needed",
        ),
    ],
)
def test_pull_refuses(kind: str, data: str, expected: str) -> None:
    """What is cut or cannot be meant is refused by name."""
    with pytest.raises(WireError, match=f"^{re.escape(expected)}$"):
        PULL[kind](data)


@pytest.mark.parametrize(
    ("pull", "name"),
    [
        (routes.pull_route, "RTM_NEWROUTE"),
        (routes.pull_nexthop, "RTM_NEWNEXTHOP"),
        (routes.pull_addr, "RTM_NEWADDR"),
    ],
)
def test_pull_another_message(pull: object, name: str) -> None:
    """Another message is refused."""
    assert callable(pull)
    with pytest.raises(WireError, match=f"^rtnetlink: message type 16 in place of {name}$"):
        pull(Message(16, 0, 1, 2, bytes(16)))


def whole(request: Request) -> bytes:
    """The bytes that are sent."""
    return Transaction(request, 1, 0).data


SUBJECTS: dict[str, tuple[int, bytes, int]] = {
    "link": (NETLINK_ROUTE, whole(rtnl.dellink(7)), 7),
    "address": (NETLINK_ROUTE, whole(routes.newaddr(Address(9, 2, NET, 24, 0, 0))), 9),
    "route": (NETLINK_ROUTE, whole(routes.getroute_dump(2)), 0),
    "ethtool": (
        NETLINK_GENERIC,
        whole(Request("", 20, bytes.fromhex("0c010000 0c000180 08000100 05000000"))),
        5,
    ),
    "ethtool-by-name": (
        NETLINK_GENERIC,
        whole(Request("", 20, bytes.fromhex("0c010000 0c000180 07000200 76306100"))),
        0,
    ),
    "no-header": (NETLINK_GENERIC, whole(Request("", 20, bytes.fromhex("0c010000"))), 0),
}


@pytest.mark.parametrize(("protocol", "request_", "expected"), SUBJECTS.values(), ids=SUBJECTS)
def test_subject(protocol: int, request_: bytes, expected: int) -> None:
    """A request's interface is the one in its header; 0 where it has none by number."""
    assert expected == subject(protocol, request_)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"", "a request of 0 messages in place of one"),
        (2 * whole(rtnl.dellink(7)), "a request of 2 messages in place of one"),
        (bytes(15), "nlmsghdr at byte 0: 15 bytes left, 16 needed"),
    ],
)
def test_subject_refuses(request_: bytes, expected: str) -> None:
    """What is no single message is refused."""
    with pytest.raises(WireError, match=f"^{re.escape(expected)}$"):
        subject(NETLINK_ROUTE, request_)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", ""),
        ("0a000100 0200000000 01 0000", "020000000001"),
        ("0a000100 0200000000 01 0000 0a003600 0200000000 02 0000", "020000000002"),
    ],
    ids=["none", "of-now", "permanent"],
)
def test_pull_address(data: str, expected: str) -> None:
    """The permanent address counts before the one of now."""
    message = Message(16, 0, 1, 2, bytes(16) + bytes.fromhex(data))

    assert expected == pull_address(message).hex()


@pytest.fixture
def made() -> Iterator[Namespace]:
    """A namespace with routes of every kind."""
    with private_namespace() as namespace:
        namespace.pairs(2)
        namespace.batch(
            "link set v0a up",
            "link set v0b up",
            "link set v1a up",
            "link set v1b up",
            "addr add 10.0.0.1/24 brd + dev v0a",
            "addr add 10.0.9.1 peer 10.0.9.2/32 dev v0a",
            "addr add 2001:db8::1/64 dev v0a nodad",
            "addr add 10.1.0.1/24 dev v1a",
            "route add default via 10.0.0.254",
            "route add default table 300 nexthop via 10.0.0.253 nexthop via 10.1.0.254 weight 3",
            "route add 2001:db8:1::/48 via 2001:db8::2 table 77",
            "nexthop add id 5 via 10.0.0.252 dev v0a",
            "nexthop add id 6 via 10.1.0.254 dev v1a",
            "nexthop add id 7 group 5/6,9",
            "route add 10.7.0.0/16 nhid 7",
        )
        yield namespace


def asked(namespace: Namespace, *requests: Request) -> list[Message]:
    """Ask the kernel."""
    with Kernel(namespace.name) as kernel:
        client = Client(kernel.open(NETLINK_ROUTE))
        return [message for request in requests for message in client.ask(request)]


def test_routes_beside_pyroute2(made: Namespace) -> None:
    """Every route of every table, as pyroute2 reads it; it does not know RTA_NH_ID."""
    netns = pytest.importorskip("pyroute2").NetNS(made.name, flags=0)
    theirs = set()
    with netns:
        for family in (socket.AF_INET, socket.AF_INET6):
            for one in netns.get_routes(family=family):
                if one["family"] != family:
                    continue
                hops = one.get_attr("RTA_MULTIPATH") or ()
                outs = [one.get_attr("RTA_OIF"), *(hop["oif"] for hop in hops)]
                text = one.get_attr("RTA_DST") or ("::" if family == 10 else "0.0.0.0")
                theirs.add(
                    (
                        family,
                        socket.inet_pton(family, text),
                        one["dst_len"],
                        one.get_attr("RTA_TABLE"),
                        one["type"],
                        tuple(out for out in outs if out),
                    )
                )
    requests = [routes.getroute_dump(family) for family in routes.FAMILIES]

    ours = {routes.pull_route(message) for message in asked(made, *requests)}

    assert theirs == {one[:6] for one in ours if one}
    assert {254, 255, 300, 77} <= {one.table for one in ours if one}
    assert {7, None} == {one.nexthop for one in ours if one}


def test_nexthops_live(made: Namespace) -> None:
    """Nexthop objects and a group, as they were made."""
    found = [routes.pull_nexthop(one) for one in asked(made, routes.getnexthop_dump())]

    expected = [
        Nexthop(5, made.index("v0a"), ()),
        Nexthop(6, made.index("v1a"), ()),
        Nexthop(7, None, (5, 6)),
    ]
    assert expected == found


def test_addresses_beside_pyroute2(made: Namespace) -> None:
    """Every address, as pyroute2 reads it."""
    netns = pytest.importorskip("pyroute2").NetNS(made.name, flags=0)
    with netns:
        theirs = {
            (
                one["index"],
                one["family"],
                one.get_attr("IFA_LOCAL") or one.get_attr("IFA_ADDRESS"),
                one["prefixlen"],
                one["scope"],
                one.get_attr("IFA_FLAGS"),
            )
            for one in netns.get_addr()
        }

    ours = [routes.pull_addr(message) for message in asked(made, routes.getaddr_dump())]

    assert theirs == {
        (*one[:2], socket.inet_ntop(one.family, one.local), *one[3:6]) for one in ours if one
    }


def shown(namespace: Namespace) -> str:
    """The addresses of v0a, without what the kernel makes by itself."""
    return namespace.ip("-o", "addr", "show", "dev", "v0a", "scope", "global")


def test_address_comes_back(made: Namespace) -> None:
    """An address that was dumped and deleted comes back the same, and once more does no harm."""
    before = shown(made)
    index = made.index("v0a")
    kept = [routes.pull_addr(message) for message in asked(made, routes.getaddr_dump())]
    mine = [one for one in kept if one and one.ifindex == index and one.scope == 0]
    made.ip("addr", "flush", "dev", "v0a", "scope", "global")
    assert "" == shown(made)

    for _twice in range(2):
        asked(made, *(routes.newaddr(one) for one in mine))

        assert before.replace(" nodad", "") == shown(made).replace(" nodad", "")
