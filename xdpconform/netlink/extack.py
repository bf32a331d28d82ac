# SPDX-License-Identifier: MIT
"""NLMSG_ERROR and NLMSG_DONE: the errno, and what the kernel says about it.

Layouts (net/netlink/af_netlink.c, netlink_ack and netlink_dump_done):

    NLMSG_ERROR  int error; struct nlmsghdr of the request;
                 [the request's payload, aligned: absent with NLM_F_CAPPED]; [TLVs]
    NLMSG_DONE   int error; [TLVs]

TLVs are there only if NLM_F_ACK_TLVS is set, and even then the kernel leaves them out where
they found no room. NLM_F_CAPPED is set on every plain acknowledgement.
"""

from __future__ import annotations

from xdpconform.errors import WireError
from xdpconform.netlink.constants import (
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLMSG_ERROR,
    NLMSGERR_ATTR_COOKIE,
    NLMSGERR_ATTR_MISS_NEST,
    NLMSGERR_ATTR_MISS_TYPE,
    NLMSGERR_ATTR_MSG,
    NLMSGERR_ATTR_OFFS,
    NLMSGERR_ATTR_POLICY,
)
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    NLMSG_HDRLEN,
    NLMSGHDR,
    S32,
    U32,
    Attribute,
    Message,
    align,
    pull_attributes,
    pull_number,
    pull_string,
)


class ExtAck(NamedTuple):
    """The kernel's extended acknowledgement (enum nlmsgerr_attrs); a field is None if not sent."""

    message: str | None = None
    """NLMSGERR_ATTR_MSG: a sentence."""
    offset: int | None = None
    """NLMSGERR_ATTR_OFFS: of the offending attribute, in bytes from the request's nlmsghdr."""
    missing_type: int | None = None
    """NLMSGERR_ATTR_MISS_TYPE: the attribute that the request lacks."""
    missing_nest: int | None = None
    """NLMSGERR_ATTR_MISS_NEST: offset of the nest that lacks it; None is the top level."""
    policy: bytes | None = None
    """NLMSGERR_ATTR_POLICY: the policy that was broken, as the kernel's nested attributes."""
    cookie: bytes | None = None
    """NLMSGERR_ATTR_COOKIE."""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know."""


class Status(NamedTuple):
    """How a request ended: a positive errno or 0, and the kernel's words."""

    errno: int
    extack: ExtAck


_NONE = ExtAck()


def pull_status(message: Message) -> Status:
    """Read an NLMSG_ERROR or NLMSG_DONE message.

    Raises:
        WireError: the payload is cut, the error is not 0 or a negative errno, or the TLVs break
            the format.
    """
    payload = message.payload
    if len(payload) < S32.size:
        if message.type != NLMSG_ERROR and not payload:
            return Status(0, _NONE)  # a DONE without errno, as older kernels send
        raise WireError(f"nlmsgerr: {len(payload)} bytes, at least {S32.size} needed")
    error: int = S32.unpack_from(payload)[0]
    if not -4095 <= error <= 0:  # MAX_ERRNO, include/linux/err.h
        raise WireError(f"nlmsgerr: error {error} is neither 0 nor a negative errno")
    offset = S32.size
    if message.type == NLMSG_ERROR:
        if len(payload) < S32.size + NLMSG_HDRLEN:
            raise WireError(
                f"nlmsgerr: {len(payload)} bytes, {S32.size + NLMSG_HDRLEN} needed for the"
                " request's header"
            )
        echoed: int = NLMSGHDR.unpack_from(payload, S32.size)[0]
        if message.flags & NLM_F_CAPPED:
            echoed = NLMSG_HDRLEN
        elif not NLMSG_HDRLEN <= echoed <= len(payload) - S32.size:
            raise WireError(
                f"nlmsgerr: the echoed request's length {echoed} does not fit the"
                f" {len(payload) - S32.size} bytes there"
            )
        offset += align(echoed)
    if not message.flags & NLM_F_ACK_TLVS or offset >= len(payload):
        return Status(-error, _NONE)
    return Status(-error, _pull_extack(payload, offset))


def _pull_extack(payload: bytes, offset: int) -> ExtAck:
    fields: dict[str, str | int | bytes] = {}
    unknown = []
    for attribute in pull_attributes(payload, offset):
        kind = attribute.type
        if kind == NLMSGERR_ATTR_MSG:
            fields["message"] = pull_string(attribute, "NLMSGERR_ATTR_MSG")
        elif kind in _NUMBERS:
            fields[_NUMBERS[kind]] = pull_number(U32, attribute, f"NLMSGERR {_NUMBERS[kind]}")
        elif kind == NLMSGERR_ATTR_POLICY:
            fields["policy"] = attribute.payload
        elif kind == NLMSGERR_ATTR_COOKIE:
            fields["cookie"] = attribute.payload
        else:
            unknown.append(attribute)
    return ExtAck(**fields, unknown=tuple(unknown))  # type: ignore[arg-type]


_NUMBERS = {
    NLMSGERR_ATTR_OFFS: "offset",
    NLMSGERR_ATTR_MISS_TYPE: "missing_type",
    NLMSGERR_ATTR_MISS_NEST: "missing_nest",
}


def attribute_at(request: bytes, offset: int, header: int) -> int | None:
    """The type of the request's top-level attribute that holds byte `offset`.

    Args:
        request: the request as sent, from its nlmsghdr on.
        offset: from the start of the request, as in NLMSGERR_ATTR_OFFS.
        header: length of the family's own header after nlmsghdr, aligned: 4 for generic netlink.
    """
    position = NLMSG_HDRLEN + header
    try:
        attributes = pull_attributes(request, position)
    except WireError:
        return None
    for attribute in attributes:
        length = align(4 + len(attribute.payload))
        if position <= offset < position + length:
            return attribute.type
        position += length
    return None
