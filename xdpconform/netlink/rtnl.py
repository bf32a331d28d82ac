# SPDX-License-Identifier: MIT
"""The little of rtnetlink that NIC facts need: links by name or number, and a pair to watch.

Numbers from include/uapi/linux/rtnetlink.h, if_link.h and if_arp.h. Reading a link needs no
privilege. What changes links on a live host goes through pyroute2 instead; `veth_pair` is for
a private network namespace.
"""

from __future__ import annotations

from struct import Struct

from xdpconform.errors import WireError
from xdpconform.netlink.constants import NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    U8,
    U32,
    Attribute,
    Message,
    pull_attributes,
    pull_number,
    pull_string,
    push_attribute,
    push_string,
    push_u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18

IFINFOMSG: Final = Struct("=BxHiII")  # ifi_family, ifi_type, ifi_index, ifi_flags, ifi_change

IFLA_IFNAME: Final = 3
IFLA_MTU: Final = 4
IFLA_LINK: Final = 5
IFLA_MASTER: Final = 10
IFLA_LINKINFO: Final = 18
IFLA_EXT_MASK: Final = 29
IFLA_LINK_NETNSID: Final = 37
IFLA_XDP: Final = 43
IFLA_ALT_IFNAME: Final = 53
IFLA_PROP_LIST: Final = 52
IFLA_INFO_KIND: Final = 1
IFLA_INFO_DATA: Final = 2
IFLA_XDP_ATTACHED: Final = 2
VETH_INFO_PEER: Final = 1
RTEXT_FILTER_SKIP_STATS: Final = 8

IFF_UP: Final = 0x1
IFNAMSIZ: Final = 16

ARPHRD: Final = {1: "ether", 772: "loopback", 65534: "none"}
"""Link types that profiles name; any other is its number."""

XDP_ATTACHED: Final = {0: "none", 1: "native", 2: "generic", 3: "offloaded", 4: "several"}
"""IFLA_XDP_ATTACHED (XDP_ATTACHED_*)"""

LINK_NAMES: Final = {
    IFLA_IFNAME: "ifname",
    IFLA_EXT_MASK: "ext-mask",
    IFLA_ALT_IFNAME: "alt-ifname",
}


class Link(NamedTuple):
    """A network interface as rtnetlink shows it."""

    ifindex: int
    name: str
    """Bytes that are not UTF-8 as ``\\xff`` escapes."""
    link_type: str
    up: bool
    mtu: int | None
    kind: str | None
    """rtnl_link_ops kind: ``veth``, ``tun``, ``bridge``; None for hardware and lo."""
    xdp: str
    """none, native, generic, offloaded or several"""
    lower: int | None
    """IFLA_LINK: the peer of a veth, the parent of a VLAN"""
    lower_elsewhere: bool
    """IFLA_LINK_NETNSID is there: the lower device is in another network namespace."""
    master: int | None
    alt_names: tuple[str, ...] = ()
    raw_name: bytes = b""
    """The name as the kernel has it."""


def getlink(name: bytes = b"", ifindex: int = 0) -> Request:
    """Ask for one link, by name (alternative names count) or by number."""
    attribute = IFLA_IFNAME if len(name) < IFNAMSIZ else IFLA_ALT_IFNAME
    payload = IFINFOMSG.pack(0, 0, ifindex, 0, 0) + push_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    if name:
        payload += push_string(attribute, name)
    return Request(
        "rtnetlink getlink", RTM_GETLINK, payload, header=IFINFOMSG.size, names=LINK_NAMES
    )


def getlink_dump() -> Request:
    """Ask for every link of the network namespace."""
    payload = IFINFOMSG.pack(0, 0, 0, 0, 0) + push_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    return Request(
        "rtnetlink getlink dump",
        RTM_GETLINK,
        payload,
        NLM_F_DUMP,
        header=IFINFOMSG.size,
        names=LINK_NAMES,
    )


def pull_link(message: Message) -> Link:
    """Decode RTM_NEWLINK.

    Raises:
        WireError: bytes out of format, another message, no name, or an ifindex below 1.
    """
    if message.type != RTM_NEWLINK:
        raise WireError(f"rtnetlink: message type {message.type} in place of RTM_NEWLINK")
    if len(message.payload) < IFINFOMSG.size:
        raise WireError(f"ifinfomsg: {len(message.payload)} bytes, {IFINFOMSG.size} needed")
    _family, link_type, ifindex, flags, _change = IFINFOMSG.unpack_from(message.payload)
    found: dict[int, Attribute] = {}
    for attribute in pull_attributes(message.payload, IFINFOMSG.size):
        found.setdefault(attribute.type, attribute)
    if IFLA_IFNAME not in found:
        raise WireError(f"rtnetlink: link {ifindex} without a name")

    def number(kind: int) -> int | None:
        return pull_number(U32, found[kind], f"IFLA {kind}") if kind in found else None

    link = Link(
        ifindex,
        pull_string(found[IFLA_IFNAME], "ifname", IFNAMSIZ),
        ARPHRD.get(link_type, str(link_type)),
        bool(flags & IFF_UP),
        number(IFLA_MTU),
        _kind(found.get(IFLA_LINKINFO)),
        _xdp(found.get(IFLA_XDP)),
        number(IFLA_LINK),
        IFLA_LINK_NETNSID in found,
        number(IFLA_MASTER),
        _alt_names(found.get(IFLA_PROP_LIST)),
        found[IFLA_IFNAME].payload.split(b"\0", 1)[0],
    )
    if ifindex < 1:  # dev_new_index, net/core/dev.c
        raise WireError(f"rtnetlink: link {ifindex}, and they are numbered from 1")
    return link


def _kind(linkinfo: Attribute | None) -> str | None:
    for attribute in pull_attributes(linkinfo.payload) if linkinfo else ():
        if attribute.type == IFLA_INFO_KIND:
            return pull_string(attribute, "kind", 64)
    return None


def _xdp(xdp: Attribute | None) -> str:
    for attribute in pull_attributes(xdp.payload) if xdp else ():
        if attribute.type == IFLA_XDP_ATTACHED:
            attached = pull_number(U8, attribute, "xdp-attached")
            return XDP_ATTACHED.get(attached, f"mode {attached}")
    return "none"


def _alt_names(properties: Attribute | None) -> tuple[str, ...]:
    return tuple(
        pull_string(attribute, "alt-ifname", 128)
        for attribute in (pull_attributes(properties.payload) if properties else ())
        if attribute.type == IFLA_ALT_IFNAME
    )


def veth_pair(name: bytes, peer: bytes) -> Request:
    """Make a veth pair."""
    other = IFINFOMSG.pack(0, 0, 0, 0, 0) + push_string(IFLA_IFNAME, peer)
    info = push_string(IFLA_INFO_KIND, b"veth") + push_attribute(
        IFLA_INFO_DATA, push_attribute(VETH_INFO_PEER, other), nested=True
    )
    payload = (
        IFINFOMSG.pack(0, 0, 0, 0, 0)
        + push_string(IFLA_IFNAME, name)
        + push_attribute(IFLA_LINKINFO, info, nested=True)
    )
    flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
    return Request(
        "rtnetlink newlink veth",
        RTM_NEWLINK,
        payload,
        flags,
        header=IFINFOMSG.size,
        names=LINK_NAMES,
    )


def dellink(ifindex: int) -> Request:
    """Delete a link."""
    payload = IFINFOMSG.pack(0, 0, ifindex, 0, 0)
    return Request(
        "rtnetlink dellink",
        RTM_DELLINK,
        payload,
        NLM_F_ACK,
        header=IFINFOMSG.size,
        names=LINK_NAMES,
    )
