# SPDX-License-Identifier: MIT
"""Statistics and VLANs over rtnetlink: bytes to values, cut, any bytes, and against ``ip -j``."""

from __future__ import annotations

import json
import re
from struct import pack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from tests import strategies as own
from tests.namespaces import private_namespace
from xdpconform.errors import WireError
from xdpconform.netlink import rtnl
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.link_config import (
    STATS64,
    Vlan,
    getlink_stats,
    pull_stats64,
    pull_vlan,
)
from xdpconform.netlink.wire import Message
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable


def nla(kind: int, *parts: bytes) -> bytes:
    """An attribute; written without the package's encoder."""
    body = b"".join(parts)
    return pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)


def link(*attributes: bytes, kind: int = 16) -> Message:
    """RTM_NEWLINK of interface 7."""
    return Message(kind, 0, 1, 2, pack("=BxHiII", 0, 1, 7, 1, 0) + b"".join(attributes))


def attempt(pull: Callable[[Message], object], message: Message) -> tuple[object, str]:
    """The value, or the text of the WireError."""
    try:
        return pull(message), ""
    except WireError as error:
        return None, str(error)


def stats(*numbers: int) -> bytes:
    """IFLA_STATS64 of these numbers."""
    return nla(23, pack(f"={len(numbers)}Q", *numbers))


NAME = nla(3, b"v0.5\0")
INFO_KIND = nla(1, b"vlan\0")
ID = nla(1, pack("=H", 5))
QINQ = nla(5, b"\x88\xa8")
VLAN = (NAME, nla(5, pack("=I", 3)), nla(18, INFO_KIND, nla(2, ID, QINQ)))


def test_stats64() -> None:
    """Each number has the name of its place in struct rtnl_link_stats64."""
    found = pull_stats64(link(NAME, stats(*range(100, 125))))

    assert dict(zip(STATS64, range(100, 125), strict=True)) == found
    assert [100, 105, 106, 124] == [
        found[name] for name in ("rx_packets", "tx_errors", "rx_dropped", "rx_otherhost_dropped")
    ]


@pytest.mark.parametrize("count", [0, 1, 23, 24, 26, 40])
def test_stats64_of_another_kernel(count: int) -> None:
    """Fields that an older kernel lacks are not there; those that a later one adds are left out."""
    found = pull_stats64(link(stats(*range(count))))

    assert list(STATS64[:count]) == list(found)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (link(NAME), "rtnetlink: a link without stats64"),
        (link(nla(23, bytes(9))), "attribute stats64: 9 bytes, 64-bit numbers needed"),
        (link(stats(1), kind=17), "rtnetlink: message type 17 in place of RTM_NEWLINK"),
    ],
    ids=["none", "half-a-number", "another-message"],
)
def test_stats64_broken(message: Message, text: str) -> None:
    """A link without whole statistics is refused, and told why."""
    with pytest.raises(WireError, match=f"^{text}$"):
        pull_stats64(message)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (VLAN, Vlan(7, "v0.5", 3, 5, 0x88A8)),
        ((*VLAN[:2], nla(18, INFO_KIND, nla(2, ID))), Vlan(7, "v0.5", 3, 5, 0x8100)),
        ((*VLAN, nla(37, pack("=i", 0))), None),
        ((NAME, VLAN[2]), None),
        ((*VLAN[:2], nla(18, nla(1, b"veth\0"), nla(2, ID))), None),
    ],
    ids=["802.1ad", "802.1Q", "on-a-nic-elsewhere", "on-nothing", "another-kind"],
)
def test_vlan(attributes: tuple[bytes, ...], expected: Vlan | None) -> None:
    """A VLAN link on a NIC of its own namespace is read, and none other."""
    assert expected == pull_vlan(link(*attributes))


def test_vlan_without_id() -> None:
    """A VLAN link that does not say which is refused."""
    with pytest.raises(WireError, match=r"^rtnetlink: VLAN 7 without its id$"):
        pull_vlan(link(*VLAN[:2], nla(18, INFO_KIND, nla(2, QINQ))))


@pytest.mark.parametrize(
    ("pull", "whole"), [(pull_stats64, link(stats(1, 2, 3))), (pull_vlan, link(*VLAN))]
)
def test_cut(pull: Callable[[Message], object], whole: Message) -> None:
    """Cut at any byte, a message gives the value, nothing, or an error that says what is wrong."""
    value = pull(whole)
    for cut in range(len(whole.payload)):
        found, text = attempt(pull, whole._replace(payload=whole.payload[:cut]))

        assert not text or re.match(r"nlattr at byte|ifinfomsg: |rtnetlink: ", text)
        assert found in (None, value)


@settings(
    max_examples=300, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    st.one_of(
        st.binary(max_size=80),
        own.plausible_attributes,
        own.damaged(st.sampled_from([b"".join(VLAN), stats(1, 2)])),
    )
)
def test_any_bytes(data: bytes) -> None:
    """Any bytes give a value or a WireError."""
    for pull in (pull_stats64, pull_vlan):
        found, text = attempt(pull, link(data))

        assert found is None or (isinstance(found, (dict, Vlan)) and not text)


def test_vlan_of_pyroute2() -> None:
    """A link as another implementation writes it is read as it was meant."""
    written = ifinfmsg()
    written["index"] = 7
    data = {"attrs": [("IFLA_VLAN_ID", 4094), ("IFLA_VLAN_PROTOCOL", 0x88A8)]}
    info = {"attrs": [("IFLA_INFO_KIND", "vlan"), ("IFLA_INFO_DATA", data)]}
    written["attrs"] = [("IFLA_IFNAME", "outer"), ("IFLA_LINK", 3), ("IFLA_LINKINFO", info)]
    written.encode()

    message = Message(16, 0, 1, 2, bytes(written.data)[16:])
    assert Vlan(7, "outer", 3, 4094, 0x88A8) == pull_vlan(message)


def test_live() -> None:
    """What is read of a veth is what iproute2 shows, and it is no VLAN."""
    ways = [(way, what) for way in ("rx", "tx") for what in ("packets", "bytes", "dropped")]
    with private_namespace() as namespace:
        namespace.pairs(1)
        namespace.ip("link", "set", "v0a", "up")
        namespace.ip("link", "set", "v0b", "up")
        namespace.ip("link", "set", "v0a", "down")  # its numbers stand still
        index = namespace.index("v0a")
        with Kernel(namespace.name) as kernel:
            client = Client(kernel.open(NETLINK_ROUTE))
            found = pull_stats64(client.ask(getlink_stats(index))[0])
            vlans = list(map(pull_vlan, client.ask(rtnl.getlink_dump())))
        shown = json.loads(namespace.ip("-j", "-s", "link", "show", "v0a"))[0]["stats64"]

    assert [None] * 3 == vlans
    assert [shown[way][what] for way, what in ways] == [
        found[f"{way}_{what}"] for way, what in ways
    ]
