# SPDX-License-Identifier: MIT
"""Ports over rtnetlink: requests that change them, and their state, byte for byte."""

from __future__ import annotations

import re

import pytest

from xdpconform.errors import InputError, WireError
from xdpconform.netlink import links, rtnl
from xdpconform.netlink.links import PortState
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import Message

ZERO = "00000000 00000000 00000000 00000000 "
SEVEN = "00000000 07000000 00000000 00000000 "
REQUESTS: dict[str, tuple[Request, int, int, int, str]] = {
    "ask": (links.get_port(7), 18, 0, 16, SEVEN),
    "mtu": (links.set_mtu(7, 9000), 19, 4, 16, SEVEN + "0800 0400 28230000"),
    "up": (links.set_up(7, True), 19, 4, 16, "00000000 07000000 01000000 01000000"),
    "down": (links.set_up(7, False), 19, 4, 16, "00000000 07000000 00000000 01000000"),
    "quiet": (links.set_quiet(7), 19, 4, 16, SEVEN + "1000 1a80 0c00 0a80 0500 0800 01 000000"),
    "loud": (links.set_quiet(7, 0), 19, 4, 16, SEVEN + "1000 1a80 0c00 0a80 0500 0800 00 000000"),
    "move-to-descriptor": (links.move(7, netns_fd=5), 19, 4, 16, SEVEN + "0800 1c00 05000000"),
    "move-to-process-with-name": (
        links.move(7, name=b"x", netns_pid=9),
        19,
        4,
        16,
        SEVEN + "0600 0300 7800 0000 0800 1300 09000000",
    ),
    "move-by-name": (
        links.move(name=b"eth1", nsid=1, new_ifindex=7),
        19,
        4,
        16,
        ZERO + "0900 0300 65746831 00 000000 0800 2e00 01000000 0800 3100 07000000",
    ),
    "nsid": (links.new_nsid(1, 6), 88, 4, 4, "00000000 0800 0100 01000000 0800 0300 06000000"),
    "veth-here": (
        links.new_veth(b"a0", b"b0"),
        16,
        0x604,
        16,
        ZERO + "0700 0300 613000 00 0800 1f00 01000000 0800 2000 01000000"
        "4000 1280 0900 0100 7665746800 000000 3000 0280 2c00 0100"
        + ZERO
        + "0700 0300 623000 00 0800 1f00 01000000 0800 2000 01000000",
    ),
    "veth-with-peer-elsewhere": (
        links.new_veth(b"a0", b"b0", 5, (2, 3)),
        16,
        0x604,
        16,
        ZERO + "0700 0300 613000 00 0800 1f00 03000000 0800 2000 02000000"
        "4800 1280 0900 0100 7665746800 000000 3800 0280 3400 0100"
        + ZERO
        + "0700 0300 623000 00 0800 1f00 03000000 0800 2000 02000000 0800 1c00 05000000",
    ),
}


@pytest.mark.parametrize(
    ("request_", "kind", "flags", "header", "data"), REQUESTS.values(), ids=REQUESTS
)
def test_request(request_: Request, kind: int, flags: int, header: int, data: str) -> None:
    """A request has the type, flags and bytes that rtnetlink asks for."""
    assert (kind, flags, header) == (request_.type, request_.flags, request_.header)
    assert bytes.fromhex(data) == request_.payload


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, "to move a port give one of netns_fd, netns_pid and nsid"),
        (
            {"ifindex": 7, "netns_fd": 3, "nsid": 0},
            "to move a port give one of netns_fd, netns_pid and nsid",
        ),
        ({"netns_fd": 3}, "to move a port give its ifindex or its name"),
    ],
)
def test_move_refuses(where: dict[str, int], expected: str) -> None:
    """A move without a port, or without exactly one namespace, is refused before it is sent."""
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        links.move(**where)  # type: ignore[arg-type]


STATES: dict[str, tuple[str, PortState]] = {
    "smallest": (
        "00000100 02000000 00000000 00000000 0700 0300 763000 00",
        PortState(2, "v0", False),
    ),
    "everything": (
        (
            "00000100 07000000 43100100 00000000 0900 0300 65746830 00 000000"
            "0800 0400 28230000 0800 3200 44000000 0800 3300 ffff0000"
            "0500 2100 01 000000 0800 2300 05000000 0a00 0100 02aabbccddee 0000"
            "0a00 3600 02aabbccddef 0000 0800 1e00 02000000 0800 2000 04000000 0800 1f00 08000000"
            "2400 2b80 0500 0200 04 000000 0800 0400 09000000 0800 0500 09000000 0800 0600 0a000000"
            "0500 1000 06 000000"
        ),
        PortState(
            7,
            "eth0",
            True,
            9000,
            68,
            65535,
            True,
            5,
            bytes.fromhex("02aabbccddee"),
            bytes.fromhex("02aabbccddef"),
            2,
            4,
            8,
            "several",
            9,
            9,
            10,
            True,
        ),
    ),
    "not-operational": (
        "00000100 02000000 00000000 00000000 0700 0300 763000 00 0500 1000 02 000000",
        PortState(2, "v0", False, operational=False),
    ),
    "operational-by-silence": (
        "00000100 02000000 00000000 00000000 0700 0300 763000 00 0500 1000 00 000000",
        PortState(2, "v0", False, operational=True),
    ),
    "no-carrier-unknown-mode": (
        (
            "00000100 02000000 01000000 00000000 0700 0300 763000 00 0500 2100 00 000000"
            "0c00 2b80 0500 0200 09 000000"
        ),
        PortState(2, "v0", True, carrier=False, xdp="mode 9"),
    ),
    "first-of-repeated": (
        (
            "00000100 02000000 00000000 00000000 0700 0300 763000 00 0800 0400 dc050000"
            "0800 0400 28230000"
        ),
        PortState(2, "v0", False, 1500),
    ),
}
state_rows = pytest.mark.parametrize(("data", "expected"), STATES.values(), ids=STATES)


def message(data: bytes, kind: int = rtnl.RTM_NEWLINK) -> Message:
    """An rtnetlink message."""
    return Message(kind, 0, 1, 2, data)


@state_rows
def test_pull_port(data: str, expected: PortState) -> None:
    """A port is read with what is there; what is not there is None."""
    assert expected == links.pull_port(message(bytes.fromhex(data)))


@state_rows
def test_pull_port_cut_and_trailing(data: str, expected: PortState) -> None:
    """Cut at any byte, a port has nothing that the whole has not, or it is refused."""
    whole = bytes.fromhex(data)
    for cut in range(len(whole)):
        try:
            state = links.pull_port(message(whole[:cut]))
        except WireError:
            continue
        assert expected[:3] == state[:3]
        assert all(
            found in (None, "none", full) for found, full in zip(state, expected, strict=True)
        )
    for extra in (1, 2, 3):
        with pytest.raises(WireError, match=f": {extra} bytes left, 4 needed$"):
            links.pull_port(message(whole + bytes(extra)))


NAMED = ZERO + "0700 0300 763000 00"


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (17, NAMED, "rtnetlink: message type 17 in place of RTM_NEWLINK"),
        (16, ZERO[:-3], "ifinfomsg: 15 bytes, 16 needed"),
        (16, SEVEN, "rtnetlink: link 7 without a name"),
        (16, NAMED + "0600 0400 dc05 0000", "attribute mtu: 2 bytes, a 32-bit number needed"),
        (16, NAMED + "0800 2100 01000000", "attribute carrier: 4 bytes, a 8-bit number needed"),
        (16, NAMED + "2500 0100" + 33 * "02" + "000000", "attribute address: 33 bytes, 32 at most"),
        (16, NAMED + "0800 1000 06000000", "attribute operstate: 4 bytes, a 8-bit number needed"),
        (
            16,
            NAMED + "0a00 2b80 0600 0400 0900 0000",
            "attribute IFLA_XDP 4: 2 bytes, a 32-bit number needed",
        ),
    ],
)
def test_pull_port_refuses(kind: int, data: str, expected: str) -> None:
    """Another message, a cut header, no name or a wrong width is refused by name."""
    with pytest.raises(WireError, match=f"^{re.escape(expected)}$"):
        links.pull_port(message(bytes.fromhex(data), kind))
