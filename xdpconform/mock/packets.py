# SPDX-License-Identifier: MIT
"""Netlink messages as scapy packets: an encoder that shares nothing with the decoder it tests.

scapy's own rtnetlink classes know no generic netlink, and take nlctrl's messages for links.
Names are those of include/uapi/linux/netlink.h, genetlink.h and rtnetlink.h, byte order is the
machine's. Each class builds and dissects.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, ClassVar, Final

from scapy.fields import ConditionalField, Field, PacketField, PacketListField, StrLenField
from scapy.packet import Packet, Raw

from xdpconform.netlink.constants import (
    NLA_F_NESTED,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLMSG_DONE,
    NLMSG_ERROR,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NLMSG_HDRLEN: Final = 16
NLA_HDRLEN: Final = 4
_LENGTH_32: Final = Struct("=I")
_LENGTH_16: Final = Struct("=H")


def align(length: int) -> int:
    """NLMSG_ALIGN and NLA_ALIGN: up to the next multiple of 4."""
    return -(-length // 4) * 4


class NlAttr(Packet):
    """struct nlattr with its payload, ``value`` or ``nested``, and the padding behind it.

    Without ``nla_len`` and ``padding`` both are computed. The kernel marks only some of its nests
    with NLA_F_NESTED; those that it does not are dissected as a ``value``.
    """

    name = "nlattr"
    fields_desc: ClassVar = [
        Field("nla_len", None, "=H"),
        Field("nla_type", 0, "=H"),
        ConditionalField(
            StrLenField("value", b"", length_from=lambda p: max(p.nla_len - NLA_HDRLEN, 0)),
            lambda p: not p.nests(),
        ),
        ConditionalField(
            # The class is not there yet while its own body runs.
            PacketListField(
                "nested",
                [],
                next_cls_cb=lambda *_: NlAttr,
                length_from=lambda p: max(p.nla_len - NLA_HDRLEN, 0),
            ),
            lambda p: p.nests(),
        ),
        StrLenField("padding", b"", length_from=lambda p: -p.nla_len & 3),
    ]

    def nests(self) -> bool:
        """Whether its payload is more attributes."""
        return bool(self.nla_type & NLA_F_NESTED or self.fields.get("nested"))

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Fill in length and padding."""
        if self.nla_len is None:
            pkt = _LENGTH_16.pack(len(pkt) - len(self.padding or b"")) + pkt[2:]
        if self.fields.get("padding") is None:
            pkt += bytes(-len(pkt) & 3)
        return pkt + pay

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        """What follows is the next attribute."""
        return b"", s


def _attributes(name: str) -> PacketListField:
    return PacketListField(name, [], NlAttr)


class NlMsgHdr(Packet):
    """struct nlmsghdr; without ``nlmsg_len`` it is computed."""

    name = "nlmsghdr"
    fields_desc: ClassVar = [
        Field("nlmsg_len", None, "=I"),
        Field("nlmsg_type", 0, "=H"),
        Field("nlmsg_flags", 0, "=H"),
        Field("nlmsg_seq", 0, "=I"),
        Field("nlmsg_pid", 0, "=I"),
    ]
    body: ClassVar[type[Packet]] = Raw
    """What follows the header of a message that is no control message."""

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Fill in the length, and pad the payload."""
        if self.nlmsg_len is None:
            pkt = _LENGTH_32.pack(len(pkt) + len(pay)) + pkt[4:]
        return pkt + pay + bytes(-len(pay) & 3)

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Control messages have one payload in every protocol."""
        del payload
        return {NLMSG_ERROR: NlMsgErr, NLMSG_DONE: NlMsgDone}.get(self.nlmsg_type, self.body)


class RequestHeader(NlMsgHdr):
    """The header of a request, echoed in struct nlmsgerr."""

    name = "nlmsghdr of the request"

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        """What follows belongs to struct nlmsgerr."""
        return b"", s

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Nothing to fill in: it is a copy."""
        return pkt + pay


class NlMsgErr(Packet):
    """struct nlmsgerr: an acknowledgement or an error, the request, and what the kernel says.

    The request's payload is there without NLM_F_CAPPED, the extended acknowledgement with
    NLM_F_ACK_TLVS, both flags of the message's own header.
    """

    name = "nlmsgerr"
    fields_desc: ClassVar = [
        Field("error", 0, "=i"),
        PacketField("msg", RequestHeader(), RequestHeader),
        StrLenField("request", b"", length_from=lambda p: p.echoed()),
        ConditionalField(_attributes("tlvs"), lambda p: p.flagged(NLM_F_ACK_TLVS)),
    ]

    def flagged(self, flag: int) -> bool:
        """Whether the message's header has a flag."""
        header = self.underlayer
        return bool(header is not None and header.nlmsg_flags & flag)

    def echoed(self) -> int:
        """How many bytes of the request's payload follow its header."""
        return 0 if self.flagged(NLM_F_CAPPED) else align(self.msg.nlmsg_len - NLMSG_HDRLEN)


class NlMsgDone(Packet):
    """The payload of NLMSG_DONE: the dump's errno, and with NLM_F_ACK_TLVS what is said of it."""

    name = "NLMSG_DONE"
    fields_desc: ClassVar = [
        Field("error", 0, "=i"),
        ConditionalField(
            _attributes("tlvs"),
            lambda p: p.underlayer is not None and p.underlayer.nlmsg_flags & NLM_F_ACK_TLVS,
        ),
    ]


class GenlMsgHdr(Packet):
    """struct genlmsghdr and the attributes behind it."""

    name = "genlmsghdr"
    fields_desc: ClassVar = [
        Field("cmd", 0, "=B"),
        Field("version", 1, "=B"),
        Field("reserved", 0, "=H"),
        _attributes("attributes"),
    ]


class IfInfoMsg(Packet):
    """struct ifinfomsg and the attributes behind it."""

    name = "ifinfomsg"
    fields_desc: ClassVar = [
        Field("ifi_family", 0, "=B"),
        Field("__ifi_pad", 0, "=B"),
        Field("ifi_type", 1, "=H"),
        Field("ifi_index", 0, "=i"),
        Field("ifi_flags", 0, "=I"),
        Field("ifi_change", 0, "=I"),
        _attributes("attributes"),
    ]


class GenericMessage(NlMsgHdr):
    """A message of generic netlink."""

    body = GenlMsgHdr


class RouteMessage(NlMsgHdr):
    """A message of rtnetlink about a link."""

    body = IfInfoMsg


def dissect(datagram: bytes, message: type[NlMsgHdr] = GenericMessage) -> Iterator[NlMsgHdr]:
    """The messages of a well-formed datagram."""
    offset = 0
    while offset + NLMSG_HDRLEN <= len(datagram):
        (length,) = _LENGTH_32.unpack_from(datagram, offset)
        yield message(datagram[offset : offset + length])
        offset += max(align(length), NLMSG_HDRLEN)


def undissected(packet: Packet) -> Packet:
    """The same packet without any memory of the bytes that it was dissected from."""
    packet.clear_cache()
    return packet


__all__ = [
    "NLA_HDRLEN",
    "NLMSG_HDRLEN",
    "GenericMessage",
    "GenlMsgHdr",
    "IfInfoMsg",
    "NlAttr",
    "NlMsgDone",
    "NlMsgErr",
    "NlMsgHdr",
    "RequestHeader",
    "RouteMessage",
    "align",
    "dissect",
    "undissected",
]
