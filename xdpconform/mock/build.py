# SPDX-License-Identifier: MIT
"""Messages and their payloads as bytes, built with scapy, each once.

The order of attributes is that in which the kernel's functions put them: they are named where
they are followed.
"""

from __future__ import annotations

from functools import lru_cache
from struct import pack
from sys import byteorder
from typing import TYPE_CHECKING, Final

from scapy.packet import Raw

from xdpconform.mock.nic import ARPHRD, ATTACHED
from xdpconform.mock.packets import (
    NLMSG_HDRLEN,
    GenlMsgHdr,
    IfInfoMsg,
    NlAttr,
    NlMsgDone,
    NlMsgErr,
    NlMsgHdr,
    RequestHeader,
    align,
)
from xdpconform.netlink.constants import (
    NLA_F_NESTED,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_MULTI,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MISS_TYPE,
    NLMSGERR_ATTR_MSG,
    NLMSGERR_ATTR_OFFS,
    NLMSGERR_ATTR_POLICY,
)

if TYPE_CHECKING:
    from typing import Literal

    from scapy.packet import Packet

    from xdpconform.mock.age import Age
    from xdpconform.mock.nic import Channels, Claims, Features, MockNic

BYTE_ORDER: Final[Literal["little", "big"]] = byteorder
CACHE: Final = 1 << 12
"""How many results each builder keeps."""

XSK_ZEROCOPY: Final = 1 << 3
"""NETDEV_XDP_ACT_XSK_ZEROCOPY"""
DEV_GET: Final = 1
QUEUE_GET: Final = 10

_NL_ATTR_TYPES: Final = {
    "u8": 2, "u16": 3, "u32": 4, "u64": 5, "string": 11, "nul-string": 12, "nest": 13, "uint": 17,
}  # fmt: skip
"""enum netlink_attribute_type"""
_MIN_VALUE_U, _MAX_VALUE_U, _MAX_LENGTH, _TYPE = 4, 5, 7, 1
"""enum netlink_policy_type_attr"""


def _bytes(packet: Packet) -> bytes:
    return bytes(packet)


@lru_cache(maxsize=CACHE)
def attribute(kind: int, value: bytes) -> bytes:
    """One attribute."""
    return _bytes(NlAttr(nla_type=kind, value=value))


@lru_cache(maxsize=CACHE)
def nest(kind: int, value: bytes, *, flagged: bool = True) -> bytes:
    """Attributes inside one; nests from before NLA_F_NESTED go without it."""
    if not flagged:
        return attribute(kind, value)
    raw = NlAttr(nla_type=kind, value=value)
    built = _bytes(raw)
    return built[:2] + pack("=H", kind | NLA_F_NESTED) + built[4:]


def u32(kind: int, value: int) -> bytes:
    """A 32-bit number, as nla_put_u32 puts it."""
    return attribute(kind, pack("=I", value & 0xFFFFFFFF))


def u64(kind: int, value: int) -> bytes:
    """A 64-bit number, as nla_put_u64_64bit puts it where unaligned access is cheap."""
    return attribute(kind, pack("=Q", value))


def string(kind: int, text: str | bytes) -> bytes:
    """A string with its NUL, as nla_put_string puts it."""
    return attribute(kind, (text if isinstance(text, bytes) else text.encode()) + b"\0")


@lru_cache(maxsize=CACHE)
def message(kind: int, flags: int, sequence: int, port_id: int, payload: bytes) -> bytes:
    """A message."""
    header = NlMsgHdr(nlmsg_type=kind, nlmsg_flags=flags, nlmsg_seq=sequence, nlmsg_pid=port_id)
    return _bytes(header / Raw(payload))


@lru_cache(maxsize=CACHE)
def error(
    code: int, request: bytes, sequence: int, port_id: int, tlvs: bytes, *, capped: bool
) -> bytes:
    """NLMSG_ERROR as netlink_ack writes it.

    Args:
        code: a positive errno, or 0.
        request: the whole request; without a payload in the reply if `capped` or `code` is 0.
        sequence: of the request.
        port_id: of the socket.
        tlvs: the extended acknowledgement, empty where the socket wants none.
        capped: NETLINK_CAP_ACK
    """
    flags = NLM_F_ACK_TLVS if tlvs else 0
    flags |= NLM_F_CAPPED if capped or not code else 0
    payload = request[NLMSG_HDRLEN:]
    payload += bytes(align(len(payload)) - len(payload))
    header = NlMsgHdr(
        nlmsg_type=NLMSG_ERROR, nlmsg_flags=flags, nlmsg_seq=sequence, nlmsg_pid=port_id
    )
    body = NlMsgErr(
        error=-code,
        msg=RequestHeader(request[:NLMSG_HDRLEN]),
        request=b"" if flags & NLM_F_CAPPED else payload,
    )
    return _bytes(header / body / Raw(tlvs))


@lru_cache(maxsize=CACHE)
def done(code: int, sequence: int, port_id: int, tlvs: bytes) -> bytes:
    """NLMSG_DONE as netlink_dump_done writes it."""
    flags = NLM_F_MULTI | (NLM_F_ACK_TLVS if tlvs else 0)
    header = NlMsgHdr(
        nlmsg_type=NLMSG_DONE, nlmsg_flags=flags, nlmsg_seq=sequence, nlmsg_pid=port_id
    )
    return _bytes(header / NlMsgDone(error=-code) / Raw(tlvs))


@lru_cache(maxsize=CACHE)
def extack(
    message_: str | None, offset: int | None, policy_: bytes | None, missing: int | None
) -> bytes:
    """The TLVs of an error in the order of netlink_ack_tlv_fill."""
    parts = []
    if message_ is not None:
        parts.append(string(NLMSGERR_ATTR_MSG, message_))
    if offset is not None:
        parts.append(u32(NLMSGERR_ATTR_OFFS, offset))
    if policy_ is not None:
        parts.append(nest(NLMSGERR_ATTR_POLICY, policy_))
    if missing is not None:
        parts.append(u32(NLMSGERR_ATTR_MISS_TYPE, missing))
    return b"".join(parts)


@lru_cache(maxsize=CACHE)
def policy(kind: str, least: int | None, most: int | None) -> bytes:
    """What __netlink_policy_dump_write_attr (net/netlink/policy.c) says of an attribute."""
    parts = []
    if kind in ("string", "nul-string"):
        parts += [u32(_MAX_LENGTH, most)] if most else []
    elif kind != "nest":
        greatest = (1 << int({"uint": "u64"}.get(kind, kind)[1:])) - 1
        parts.append(u64(_MIN_VALUE_U, least or 0))
        parts.append(u64(_MAX_VALUE_U, greatest if most is None else most))
    return b"".join([*parts, u32(_TYPE, _NL_ATTR_TYPES[kind])])


def _generic(command: int, version: int, *parts: bytes) -> bytes:
    return _bytes(GenlMsgHdr(cmd=command, version=version) / Raw(b"".join(parts)))


def device(age: Age, nic: MockNic, command: int = DEV_GET) -> bytes:
    """A reply to dev-get, or one of its notifications."""
    shown = (age.rx_metadata, age.xsk_features, age.segments)
    return _device(nic.ifindex, nic.claims, shown, command)


@lru_cache(maxsize=CACHE)
def _device(ifindex: int, claims: Claims, shown: tuple[bool, bool, bool], command: int) -> bytes:
    # netdev_nl_dev_fill, net/core/netdev-genl.c
    rx_metadata, xsk, segments = shown
    parts = [u32(1, ifindex), u64(3, claims.xdp)]
    if rx_metadata:
        parts.append(u64(5, claims.rx_metadata))
    if xsk:
        parts.append(u64(6, claims.xsk))
    if segments and claims.xdp & XSK_ZEROCOPY:
        # A driver that says nothing has the core's 1 (alloc_netdev_mqs).
        parts.append(u32(4, 1 if claims.zc_max_segs is None else claims.zc_max_segs))
    return _generic(command, 1, *parts)


@lru_cache(maxsize=CACHE)
def queue(ifindex: int, kind: int, number: int, napi: int | None, *, xsk: bool) -> bytes:
    """A reply to queue-get: netdev_nl_queue_fill_one, net/core/netdev-genl.c."""
    parts = [u32(1, number), u32(3, kind), u32(2, ifindex)]
    if napi is not None:
        parts.append(u32(4, napi))
    if xsk:
        parts.append(nest(7, b""))
    return _generic(QUEUE_GET, 1, *parts)


@lru_cache(maxsize=CACHE)
def family(
    name: str,
    *,
    number: int,
    version: int,
    operations: tuple[tuple[int, int], ...],
    groups: tuple[tuple[str, int], ...],
) -> bytes:
    """CTRL_CMD_NEWFAMILY as ctrl_fill_info (net/netlink/genetlink.c) writes it."""
    parts = [
        string(2, name),
        attribute(1, pack("=H", number)),
        u32(3, version),
        u32(4, 0),
        u32(5, 0),
    ]
    entries = [
        nest(place, u32(1, operation) + u32(2, flags), flagged=False)
        for place, (operation, flags) in enumerate(operations, 1)
    ]
    if entries:
        parts.append(nest(6, b"".join(entries), flagged=False))
    entries = [
        nest(place, u32(2, group) + string(1, word), flagged=False)
        for place, (word, group) in enumerate(groups, 1)
    ]
    if entries:
        parts.append(nest(7, b"".join(entries), flagged=False))
    return _generic(1, 2, *parts)


@lru_cache(maxsize=CACHE)
def channels(ifindex: int, name: str, found: Channels) -> bytes:
    """A reply to channels-get: channels_fill_reply, net/ethtool/channels.c."""
    parts = [_ethtool_header(ifindex, name)]
    for place, (most, now) in enumerate(zip(found[:4], found[4:], strict=True)):
        if most:
            parts += [u32(2 + place, most), u32(6 + place, now)]
    return _generic(18, 1, *parts)


def _ethtool_header(ifindex: int, name: str) -> bytes:
    # ethnl_fill_reply_header, net/ethtool/netlink.c
    return nest(1, u32(1, ifindex) + string(2, name))


@lru_cache(maxsize=CACHE)
def features(ifindex: int, name: str, found: Features) -> bytes:
    """A reply to features-get: features_fill_reply, net/ethtool/features.c."""
    header = _ethtool_header(ifindex, name)
    return _generic(11, 1, header, _feature_sets(found))


@lru_cache(maxsize=CACHE)
def _feature_sets(found: Features) -> bytes:
    names = found.names or FEATURE_NAMES
    sets = _bitset(2, names, found.hw, masked=True)
    for kind, chosen in ((3, found.wanted), (4, found.active), (5, found.nochange)):
        sets += _bitset(kind, names, chosen, masked=False)
    return sets


def _bitset(kind: int, names: tuple[str, ...], chosen: frozenset[str], *, masked: bool) -> bytes:
    # ethnl_put_bitset32, net/ethtool/bitset.c
    entries = b""
    for index, name in enumerate(names):
        here = (name or f"bit-{index}") in chosen
        if masked or here:
            value = attribute(3, b"") if masked and here else b""
            entries += nest(1, u32(1, index) + string(2, name) + value)
    head = b"" if masked else attribute(1, b"")
    return nest(kind, head + u32(2, len(names)) + nest(3, entries))


def link(nic: MockNic) -> bytes:
    """RTM_NEWLINK in the order of rtnl_fill_ifinfo (net/core/rtnetlink.c).

    Only with what says which link it is and what stands on it.
    """
    return _link(
        (ARPHRD[nic.link_type], nic.ifindex, nic.ifi_flags()),
        name=nic.name,
        mtu=nic.mtu,
        master=nic.master,
        xdp=(nic.xdp, nic.prog_id),
        kind=nic.kind,
        lower=(nic.lower_netnsid, nic.lower),
        alt_names=nic.alt_names,
    )


@lru_cache(maxsize=CACHE)
def _link(
    head: tuple[int, int, int],
    *,
    name: str,
    mtu: int,
    master: int | None,
    xdp: tuple[str, int],
    kind: str,
    lower: tuple[int | None, int | None],
    alt_names: tuple[str, ...],
) -> bytes:
    parts = [string(3, name), u32(4, mtu)]
    if master is not None:
        parts.append(u32(10, master))
    attached, program = xdp
    inner = attribute(2, pack("=B", ATTACHED[attached]))
    if program and attached in _PROGRAMS:
        inner = u32(_PROGRAMS[attached], program) + inner + u32(4, program)
    parts.append(nest(43, inner, flagged=False))
    if kind:
        parts.append(nest(18, string(1, kind), flagged=False))
    parts += [
        u32(number, value)
        for number, value in zip((37, 5), lower, strict=True)
        if value is not None
    ]
    if alt_names:
        parts.append(nest(52, b"".join(string(53, word) for word in alt_names)))
    link_type, ifindex, flags = head
    header = IfInfoMsg(ifi_type=link_type, ifi_index=ifindex, ifi_flags=flags)
    return _bytes(header / Raw(b"".join(parts)))


_PROGRAMS: Final = {"native": 5, "generic": 6, "offloaded": 7}
"""IFLA_XDP_DRV_PROG_ID, IFLA_XDP_SKB_PROG_ID, IFLA_XDP_HW_PROG_ID"""

FEATURE_NAMES: Final = (
    "tx-scatter-gather", "tx-checksum-ipv4", "", "tx-checksum-ip-generic", "tx-checksum-ipv6",
    "highdma", "tx-scatter-gather-fraglist", "tx-vlan-hw-insert", "rx-vlan-hw-parse",
    "rx-vlan-filter", "vlan-challenged", "tx-generic-segmentation", "", "", "rx-gro", "rx-lro",
    "tx-tcp-segmentation", "tx-gso-robust", "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation", "tx-fcoe-segmentation",
    "tx-gre-segmentation", "tx-gre-csum-segmentation", "tx-ipxip4-segmentation",
    "tx-ipxip6-segmentation", "tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation",
    "tx-gso-partial", "tx-tunnel-remcsum-segmentation", "tx-sctp-segmentation",
    "tx-esp-segmentation", "", "tx-udp-segmentation", "tx-gso-list", "tx-tcp-accecn-segmentation",
    "tx-checksum-fcoe-crc", "tx-checksum-sctp", "rx-ntuple-filter", "rx-hashing", "rx-checksum",
    "tx-nocache-copy", "loopback", "rx-fcs", "rx-all", "tx-vlan-stag-hw-insert",
    "rx-vlan-stag-hw-parse", "rx-vlan-stag-filter", "l2-fwd-offload", "hw-tc-offload",
    "esp-hw-offload", "esp-tx-csum-hw-offload", "rx-udp_tunnel-port-offload", "tls-hw-tx-offload",
    "tls-hw-rx-offload", "rx-gro-hw", "tls-hw-record", "rx-gro-list", "macsec-hw-offload",
    "rx-udp-gro-forwarding", "hsr-tag-ins-offload", "hsr-tag-rm-offload", "hsr-fwd-offload",
    "hsr-dup-offload",
)  # fmt: skip
"""netdev_features_strings (net/ethtool/common.c) of 6.18 by bit; empty for a bit without one."""
