# SPDX-License-Identifier: MIT
"""Routes, nexthop objects and addresses: where packets leave, as rtnetlink tells it.

Numbers from include/uapi/linux/rtnetlink.h, nexthop.h and if_addr.h. Dumps hold every table of a
family. What repeats counts once, the first time; unknown attributes are passed over.
"""

from __future__ import annotations

from struct import Struct

from xdpconform.errors import WireError
from xdpconform.netlink.constants import NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
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

AF_INET: Final = 2  # include/linux/socket.h
AF_INET6: Final = 10

RTM_NEWADDR: Final = 20
RTM_GETADDR: Final = 22
RTM_NEWROUTE: Final = 24
RTM_GETROUTE: Final = 26
RTM_NEWNEXTHOP: Final = 104
RTM_GETNEXTHOP: Final = 106

# rtm_family, rtm_dst_len, rtm_src_len, rtm_tos, rtm_table, rtm_protocol, rtm_scope, rtm_type,
# rtm_flags
RTMSG: Final = Struct("=BBBBBBBBI")
RTNEXTHOP: Final = Struct("=HBBi")  # rtnh_len, rtnh_flags, rtnh_hops, rtnh_ifindex
NHMSG: Final = Struct("=BBBBI")  # nh_family, nh_scope, nh_protocol, resvd, nh_flags
NEXTHOP_GRP: Final = Struct("=IBBH")  # id, weight, weight_high, resvd2
IFADDRMSG: Final = Struct("=BBBBI")  # ifa_family, ifa_prefixlen, ifa_flags, ifa_scope, ifa_index
IFA_CACHEINFO_SHAPE: Final = Struct("=IIII")  # ifa_prefered, ifa_valid, cstamp, tstamp

RTA_DST: Final = 1
RTA_OIF: Final = 4
RTA_GATEWAY: Final = 5
RTA_MULTIPATH: Final = 9
RTA_TABLE: Final = 15
RTA_VIA: Final = 18
RTA_NH_ID: Final = 30
RTN_UNICAST: Final = 1
RTN_LOCAL: Final = 2

NHA_ID: Final = 1
NHA_GROUP: Final = 2
NHA_OIF: Final = 5

IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
IFA_LABEL: Final = 3
IFA_BROADCAST: Final = 4
IFA_CACHEINFO: Final = 6
IFA_FLAGS: Final = 8
IFA_RT_PRIORITY: Final = 9

IFA_F_NODAD: Final = 0x02
IFA_F_ASKED: Final = IFA_F_NODAD | 0x10 | 0x100 | 0x200 | 0x400
"""What users set: HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN too. Others are state."""
NLM_F_REPLACE: Final = 0x100  # include/uapi/linux/netlink.h

FAMILIES: Final = {AF_INET: "IPv4", AF_INET6: "IPv6"}
SIZES: Final = {AF_INET: 4, AF_INET6: 16}
"""Bytes of an address."""


class Route(NamedTuple):
    """A route of IPv4 or IPv6."""

    family: int
    """AF_INET or AF_INET6."""
    destination: bytes
    """The address, zeros for a default route."""
    length: int
    """Of the prefix, in bits; 0 is a default route."""
    table: int
    type: int
    """RTN_UNICAST, RTN_LOCAL and so on."""
    outs: tuple[int, ...]
    """The ifindex of each way out: RTA_OIF, and those of RTA_MULTIPATH."""
    gateway: bool
    """Whether any way out has a gateway."""
    nexthop: int | None
    """RTA_NH_ID: the nexthop object that it uses."""


class Nexthop(NamedTuple):
    """A nexthop object."""

    id: int
    out: int | None
    """NHA_OIF"""
    group: tuple[int, ...]
    """The ids of a group's members."""


class Address(NamedTuple):
    """An address of an interface."""

    ifindex: int
    family: int
    local: bytes
    """The interface's own (IFA_LOCAL, else IFA_ADDRESS)."""
    length: int
    """Of the prefix, in bits."""
    scope: int
    flags: int
    """IFA_F_*"""
    peer: bytes | None = None
    """IFA_ADDRESS where it is not the local one: the other end of a point-to-point link."""
    broadcast: bytes | None = None
    label: str | None = None
    preferred: int = 0xFFFFFFFF
    """Seconds left; 0xffffffff is for ever."""
    valid: int = 0xFFFFFFFF
    priority: int | None = None
    """IFA_RT_PRIORITY: the metric of its prefix route."""


def getroute_dump(family: int) -> Request:
    """Ask for every route of a family, in all tables."""
    payload = RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
    return Request("rtnetlink getroute dump", RTM_GETROUTE, payload, NLM_F_DUMP, header=RTMSG.size)


def getnexthop_dump() -> Request:
    """Ask for every nexthop object; kernels before 5.3 answer EOPNOTSUPP."""
    payload = NHMSG.pack(0, 0, 0, 0, 0)
    return Request(
        "rtnetlink getnexthop dump", RTM_GETNEXTHOP, payload, NLM_F_DUMP, header=NHMSG.size
    )


def getaddr_dump() -> Request:
    """Ask for every address of every interface."""
    payload = IFADDRMSG.pack(0, 0, 0, 0, 0)
    return Request(
        "rtnetlink getaddr dump", RTM_GETADDR, payload, NLM_F_DUMP, header=IFADDRMSG.size
    )


def newaddr(address: Address, ifindex: int = 0) -> Request:
    """Give an interface an address, also one that it has.

    Args:
        address: as it was dumped; state that the kernel keeps by itself is left out. It comes
            back without duplicate address detection: it was in use a moment ago.
        ifindex: another interface than the address says.
    """
    flags = address.flags & IFA_F_ASKED
    if address.family == AF_INET6:
        flags |= IFA_F_NODAD
    payload = IFADDRMSG.pack(
        address.family, address.length, flags & 0xFF, address.scope, ifindex or address.ifindex
    )
    payload += push_attribute(IFA_LOCAL, address.local)
    payload += push_attribute(IFA_ADDRESS, address.peer or address.local)
    if address.broadcast is not None:
        payload += push_attribute(IFA_BROADCAST, address.broadcast)
    if address.label is not None:
        payload += push_string(IFA_LABEL, address.label.encode())
    if address.valid != 0xFFFFFFFF or address.preferred != 0xFFFFFFFF:
        times = IFA_CACHEINFO_SHAPE.pack(address.preferred, address.valid, 0, 0)
        payload += push_attribute(IFA_CACHEINFO, times)
    payload += push_u32(IFA_FLAGS, flags)
    if address.priority is not None:
        payload += push_u32(IFA_RT_PRIORITY, address.priority)
    return Request(
        "rtnetlink newaddr",
        RTM_NEWADDR,
        payload,
        NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
        header=IFADDRMSG.size,
        names=ADDRESS_NAMES,
    )


ADDRESS_NAMES: Final = {
    IFA_ADDRESS: "address",
    IFA_LOCAL: "local",
    IFA_LABEL: "label",
    IFA_BROADCAST: "broadcast",
    IFA_CACHEINFO: "cacheinfo",
    IFA_FLAGS: "flags",
    IFA_RT_PRIORITY: "rt-priority",
}


def pull_route(message: Message) -> Route | None:
    """Decode RTM_NEWROUTE; None for a family other than IPv4 and IPv6.

    Raises:
        WireError: bytes out of format, another message, or a prefix longer than an address.
    """
    header, found = _pull(message, RTM_NEWROUTE, "RTM_NEWROUTE", RTMSG, "rtmsg")
    family, length, _source, _tos, table, _protocol, _scope, kind, _flags = header
    if family not in SIZES:
        return None
    if length > 8 * SIZES[family]:
        raise WireError(f"rtmsg: a prefix of {length} bits in {FAMILIES[family]}")
    outs = []
    gateway = RTA_GATEWAY in found or RTA_VIA in found
    if RTA_OIF in found:
        outs.append(pull_number(U32, found[RTA_OIF], "RTA_OIF"))
    for out, behind in _hops(found[RTA_MULTIPATH].payload) if RTA_MULTIPATH in found else ():
        outs.append(out)
        gateway = gateway or behind
    if RTA_TABLE in found:
        table = pull_number(U32, found[RTA_TABLE], "RTA_TABLE")
    return Route(
        family,
        _address(found.get(RTA_DST), family, "RTA_DST") or bytes(SIZES[family]),
        length,
        table,
        kind,
        tuple(outs),
        gateway,
        pull_number(U32, found[RTA_NH_ID], "RTA_NH_ID") if RTA_NH_ID in found else None,
    )


def _hops(payload: bytes) -> list[tuple[int, bool]]:
    """The ways out of RTA_MULTIPATH: ifindex, and whether there is a gateway."""
    hops = []
    offset = 0
    while offset < len(payload):
        left = len(payload) - offset
        if left < RTNEXTHOP.size:
            raise WireError(f"rtnexthop at byte {offset}: {left} bytes left, 8 needed")
        length, _flags, _hops, ifindex = RTNEXTHOP.unpack_from(payload, offset)
        if not RTNEXTHOP.size <= length <= left:
            raise WireError(f"rtnexthop at byte {offset}: length {length} in {left} bytes")
        inside = pull_attributes(payload[offset : offset + length], RTNEXTHOP.size)
        gateway = any(attribute.type in (RTA_GATEWAY, RTA_VIA) for attribute in inside)
        hops.append((ifindex, gateway))
        offset += length + 3 & ~3
    return hops


def pull_nexthop(message: Message) -> Nexthop:
    """Decode RTM_NEWNEXTHOP.

    Raises:
        WireError: bytes out of format, another message, or no id.
    """
    _header, found = _pull(message, RTM_NEWNEXTHOP, "RTM_NEWNEXTHOP", NHMSG, "nhmsg")
    if NHA_ID not in found:
        raise WireError("rtnetlink: a nexthop without an id")
    group = found[NHA_GROUP].payload if NHA_GROUP in found else b""
    if len(group) % NEXTHOP_GRP.size:
        raise WireError(f"NHA_GROUP: {len(group)} bytes are not whole members of 8")
    return Nexthop(
        pull_number(U32, found[NHA_ID], "NHA_ID"),
        pull_number(U32, found[NHA_OIF], "NHA_OIF") if NHA_OIF in found else None,
        tuple(member[0] for member in NEXTHOP_GRP.iter_unpack(group)),
    )


def pull_addr(message: Message) -> Address | None:
    """Decode RTM_NEWADDR; None for a family other than IPv4 and IPv6.

    Raises:
        WireError: bytes out of format, another message, or no address.
    """
    header, found = _pull(message, RTM_NEWADDR, "RTM_NEWADDR", IFADDRMSG, "ifaddrmsg")
    family, length, flags, scope, ifindex = header
    if family not in SIZES:
        return None
    address = _address(found.get(IFA_ADDRESS), family, "IFA_ADDRESS")
    local = _address(found.get(IFA_LOCAL), family, "IFA_LOCAL") or address
    if local is None:
        raise WireError(f"rtnetlink: an address of link {ifindex} without the address")
    if IFA_FLAGS in found:
        flags = pull_number(U32, found[IFA_FLAGS], "IFA_FLAGS")
    preferred = valid = 0xFFFFFFFF
    if IFA_CACHEINFO in found:
        times = found[IFA_CACHEINFO].payload
        if len(times) < IFA_CACHEINFO_SHAPE.size:
            raise WireError(f"IFA_CACHEINFO: {len(times)} bytes, 16 needed")
        preferred, valid, _made, _changed = IFA_CACHEINFO_SHAPE.unpack_from(times)
    return Address(
        ifindex,
        family,
        local,
        length,
        scope,
        flags,
        address if address != local else None,
        _address(found.get(IFA_BROADCAST), family, "IFA_BROADCAST"),
        pull_string(found[IFA_LABEL], "IFA_LABEL", 64) if IFA_LABEL in found else None,
        preferred,
        valid,
        pull_number(U32, found[IFA_RT_PRIORITY], "IFA_RT_PRIORITY")
        if IFA_RT_PRIORITY in found
        else None,
    )


def _pull(
    message: Message, kind: int, name: str, shape: Struct, header: str
) -> tuple[tuple[int, ...], dict[int, Attribute]]:
    if message.type != kind:
        raise WireError(f"rtnetlink: message type {message.type} in place of {name}")
    if len(message.payload) < shape.size:
        raise WireError(f"{header}: {len(message.payload)} bytes, {shape.size} needed")
    found: dict[int, Attribute] = {}
    for attribute in pull_attributes(message.payload, shape.size):
        found.setdefault(attribute.type, attribute)
    return shape.unpack_from(message.payload), found


def _address(attribute: Attribute | None, family: int, name: str) -> bytes | None:
    if attribute is None:
        return None
    if len(attribute.payload) != SIZES[family]:
        raise WireError(
            f"attribute {name}: {len(attribute.payload)} bytes, an {FAMILIES[family]} address has"
            f" {SIZES[family]}"
        )
    return attribute.payload
