# SPDX-License-Identifier: MIT

"""The little of rtnetlink: requests and links byte for byte."""

from __future__ import annotations

import re

import pytest

from xdpconform.errors import WireError
from xdpconform.netlink import rtnl
from xdpconform.netlink.rtnl import Link
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import Message

ZERO = "00000000 00000000 00000000 00000000"
NO_STATS = "0800 1d00 08000000"
REQUESTS: dict[str, tuple[Request, int, int, str]] = {
    "by-name": (
        rtnl.getlink(b"eth0"),
        18,
        0,
        ZERO + NO_STATS + "0900 0300 6574683000 000000",
    ),
    "by-longest-name": (
        rtnl.getlink(b"a" * 15),
        18,
        0,
        ZERO + NO_STATS + "1400 0300" + 15 * "61" + "00",
    ),
    "by-alternative-name": (
        rtnl.getlink(b"a" * 16),
        18,
        0,
        ZERO + NO_STATS + "1500 3500" + 16 * "61" + "00 000000",
    ),
    "by-number": (
        rtnl.getlink(ifindex=7),
        18,
        0,
        "00000000 07000000 00000000 00000000" + NO_STATS,
    ),
    "dump": (rtnl.getlink_dump(), 18, 0x300, ZERO + NO_STATS),
    "veth-pair": (
        rtnl.veth_pair(b"a0", b"b0"),
        16,
        0x604,
        ZERO + "0700 0300 613000 00"
        "3000 1280 0900 0100 7665746800 000000 2000 0280 1c00 0100" + ZERO + "0700 0300 623000 00",
    ),
    "delete": (rtnl.dellink(7), 17, 4, "00000000 07000000 00000000 00000000"),
}


@pytest.mark.parametrize(("request_", "kind", "flags", "data"), REQUESTS.values(), ids=REQUESTS)
def test_request(request_: Request, kind: int, flags: int, data: str) -> None:
    """A request has the type, flags and bytes that rtnetlink asks for."""
    assert (kind, flags, 16) == (request_.type, request_.flags, request_.header)
    assert bytes.fromhex(data) == request_.payload


def message(data: str, kind: int = rtnl.RTM_NEWLINK) -> Message:
    """An rtnetlink message with the payload given in hex."""
    return Message(kind, 0, 1, 2, bytes.fromhex(data))


ETH0 = "0900 0300 6574683000 000000"
LINKS: dict[str, tuple[str, Link]] = {
    "smallest": (
        "00000100 02000000 00000000 00000000" + ETH0,
        Link(2, "eth0", "ether", False, None, None, "none", None, False, None, (), b"eth0"),
    ),
    "hardware": (
        "00000100 02000000 43100100 00000000" + ETH0 + "0800 0400 dc050000"
        "0c00 2b80 0500 0200 01 000000"
        "2000 3480 0b00 3500 656e733162 3000 00 1000 3500 656e703073326630 0000 0000",
        Link(
            2,
            "eth0",
            "ether",
            True,
            1500,
            None,
            "native",
            None,
            False,
            None,
            ("ens1b0", "enp0s2f0"),
            b"eth0",
        ),
    ),
    "veth-elsewhere-in-a-bridge": (
        (
            "00000100 03000000 02100000 00000000 0700 0300 763000 00 0800 0500 02000000"
            "0800 2500 00000000 0800 0a00 09000000 1000 1280 0900 0100 7665746800 000000"
        ),
        Link(3, "v0", "ether", False, None, "veth", "none", 2, True, 9, (), b"v0"),
    ),
    "loopback": (
        "00000403 01000000 49000100 00000000 0700 0300 6c6f00 00 0800 0400 00000100",
        Link(1, "lo", "loopback", True, 65536, None, "none", None, False, None, (), b"lo"),
    ),
    "unknown-type-and-mode": (
        "00000902 05000000 00000000 00000000 0800 0300 ff7800 00 0c00 2b80 0500 0200 09 000000",
        Link(5, "\\xffx", "521", False, None, None, "mode 9", None, False, None, (), b"\xffx"),
    ),
    "first-of-repeated": (
        "00000100 02000000 00000000 00000000" + ETH0 + "0700 0300 763000 00",
        Link(2, "eth0", "ether", False, None, None, "none", None, False, None, (), b"eth0"),
    ),
}
link_rows = pytest.mark.parametrize(("data", "expected"), LINKS.values(), ids=LINKS)


@link_rows
def test_pull_link(data: str, expected: Link) -> None:
    """A link is read with what is there; what is not there is None."""
    assert expected == rtnl.pull_link(message(data))


@link_rows
def test_pull_link_cut_and_trailing(data: str, expected: Link) -> None:
    """Cut at any byte or followed by others, a link keeps its name and number or is refused."""
    whole = bytes.fromhex(data)
    for cut in range(len(whole)):
        try:
            link = rtnl.pull_link(Message(rtnl.RTM_NEWLINK, 0, 1, 2, whole[:cut]))
        except WireError:
            continue
        assert expected[:4] == link[:4]
        assert link.mtu in (None, expected.mtu)
    for extra in (1, 2, 3):
        with pytest.raises(WireError, match=f": {extra} bytes left, 4 needed$"):
            rtnl.pull_link(Message(rtnl.RTM_NEWLINK, 0, 1, 2, whole + bytes(extra)))


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (17, ZERO + ETH0, "rtnetlink: message type 17 in place of RTM_NEWLINK"),
        (16, ZERO[:-2], "ifinfomsg: 15 bytes, 16 needed"),
        (16, ZERO, "rtnetlink: link 0 without a name"),
        (
            16,
            ZERO + "1500 0300" + 17 * "61" + "000000",
            "attribute ifname: a string of 17 bytes, 16 at most",
        ),
        (
            16,
            ZERO + ETH0 + "0600 0400 dc05 0000",
            "attribute IFLA 4: 2 bytes, a 32-bit number needed",
        ),
        (
            16,
            ZERO + ETH0 + "0c00 2b80 0800 0200 01000000",
            "attribute xdp-attached: 4 bytes, a 8-bit number needed",
        ),
        (
            16,
            ZERO + ETH0 + "0800 1280 03000100",
            "nlattr at byte 0: length 3 is below the header's 4",
        ),
    ],
)
def test_pull_link_refuses(kind: int, data: str, expected: str) -> None:
    """Another message, a cut header, no name or a wrong width is refused by name."""
    with pytest.raises(WireError, match=f"^{re.escape(expected)}$"):
        rtnl.pull_link(message(data, kind))
