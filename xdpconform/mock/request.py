# SPDX-License-Identifier: MIT
"""Requests as the kernel reads them, and the many ways in which it finds them wrong.

After netlink_rcv_skb (net/netlink/af_netlink.c) and __nla_validate_parse (lib/nlattr.c), in
their order: which mistake is reported first is a part of the answer.
"""

from __future__ import annotations

import errno
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.mock import build
from xdpconform.mock.packets import NLA_HDRLEN, NLMSG_HDRLEN, align
from xdpconform.netlink.constants import NLA_F_NESTED, NLA_TYPE_MASK, NLM_F_ACK, NLM_F_DUMP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NLMSGHDR: Final = Struct("=IHHII")
_NLATTR: Final = Struct("=HH")


class Refused(Exception):  # noqa: N818 - it is how a handler says no
    """The kernel says no.

    Args:
        code: the positive errno.
        message: NLMSGERR_ATTR_MSG.
        offset: NLMSGERR_ATTR_OFFS.
        policy: the payload of NLMSGERR_ATTR_POLICY.
        missing: NLMSGERR_ATTR_MISS_TYPE.
    """

    def __init__(
        self,
        code: int,
        message: str | None = None,
        *,
        offset: int | None = None,
        policy: bytes | None = None,
        missing: int | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.tlvs = build.extack(message, offset, policy, missing)


class Request(NamedTuple):
    """One message that was sent."""

    data: bytes
    """From its header to its length's end, without padding."""
    type: int
    flags: int
    sequence: int

    @property
    def dump(self) -> bool:
        """Whether both bits of NLM_F_DUMP are set."""
        return self.flags & NLM_F_DUMP == NLM_F_DUMP

    @property
    def wants_ack(self) -> bool:
        """NLM_F_ACK: an acknowledgement is wanted."""
        return bool(self.flags & NLM_F_ACK)


def pull_requests(data: bytes) -> Iterator[Request]:
    """The messages of what was sent; the kernel stops at the first that does not fit."""
    offset = 0
    while len(data) - offset >= NLMSG_HDRLEN:
        length, kind, flags, sequence, _port = _NLMSGHDR.unpack_from(data, offset)
        if not NLMSG_HDRLEN <= length <= len(data) - offset:
            return
        yield Request(data[offset : offset + length], kind, flags, sequence)
        offset += align(length)


class Attr(NamedTuple):
    """An attribute of a request."""

    kind: int
    nested: bool
    value: bytes
    offset: int
    """From the request's nlmsghdr, as NLMSGERR_ATTR_OFFS counts."""

    def number(self) -> int:
        """A number of whatever width."""
        return int.from_bytes(self.value[:8], build.BYTE_ORDER)

    def text(self) -> bytes:
        """A string, up to its NUL."""
        return self.value.split(b"\0", 1)[0]


class Policy(NamedTuple):
    """What an attribute must be: struct nla_policy."""

    type: str
    """A key of `WIDTHS`, ``string``, ``nul-string`` or ``nest``."""
    least: int | None = None
    most: int | None = None
    """The greatest number, or the greatest length of a string."""
    inner: Mapping[int, Policy] | None = None


WIDTHS: Final = {"u8": (1,), "u16": (2,), "u32": (4,), "u64": (8,), "uint": (4, 8)}


def attributes(data: bytes, start: int, end: int) -> tuple[list[Attr], int]:
    """Split into attributes as far as they fit; with the number of bytes left over."""
    found = []
    while end - start >= NLA_HDRLEN:
        length, kind = _NLATTR.unpack_from(data, start)
        if not NLA_HDRLEN <= length <= end - start:
            break
        value = data[start + NLA_HDRLEN : start + length]
        found.append(Attr(kind & NLA_TYPE_MASK, bool(kind & NLA_F_NESTED), value, start))
        start = min(start + align(length), end)
    return found, end - start


def parse(
    request: Request, header: int, policies: Mapping[int, Policy], *, strict: bool = True
) -> dict[int, Attr]:
    """The attributes behind a header, the last of each kind, all of them checked.

    Args:
        request: the request.
        header: length of the family's header.
        policies: what each attribute must be; one that is not named is unsupported.
        strict: as generic netlink checks today (NL_VALIDATE_STRICT); else as of old.

    Raises:
        Refused: the first mistake.
    """
    start = NLMSG_HDRLEN + header
    return _parse(request.data, start, len(request.data), policies, strict=strict)


def _parse(
    data: bytes, start: int, end: int, policies: Mapping[int, Policy], *, strict: bool
) -> dict[int, Attr]:
    found, left = attributes(data, start, end)
    most = max(policies, default=0)
    table = {}
    for attr in found:
        if not 0 < attr.kind <= most:
            if strict:
                raise Refused(errno.EINVAL, "Unknown attribute type", offset=attr.offset)
            continue
        _check(data, attr, policies.get(attr.kind), strict=strict)
        table[attr.kind] = attr
    if left and strict:
        raise Refused(errno.EINVAL, "bytes leftover after parsing attributes")
    return table


def _check(data: bytes, attr: Attr, policy: Policy | None, *, strict: bool) -> None:
    if policy is None:
        if strict:
            raise Refused(errno.EINVAL, "Unsupported attribute", offset=attr.offset)
        return
    written = build.policy(policy.type, policy.least, policy.most)

    def refuse(code: int, message: str) -> Refused:
        return Refused(code, message, offset=attr.offset, policy=written)

    widths = WIDTHS.get(policy.type, ())
    size = len(attr.value)
    if strict and widths and size not in widths:
        raise refuse(errno.EINVAL, "invalid attribute length")
    if strict and policy.type == "nest" and not attr.nested:
        raise refuse(errno.EINVAL, "NLA_F_NESTED is missing")
    if strict and policy.type != "nest" and attr.nested:
        raise refuse(errno.EINVAL, "NLA_F_NESTED not expected")
    failed = "Attribute failed policy validation"
    if widths:
        if size < widths[0]:
            raise refuse(errno.ERANGE, failed)
        value = int.from_bytes(attr.value[: max(w for w in widths if w <= size)], build.BYTE_ORDER)
        if not (policy.least or 0) <= value <= (1 << 64 if policy.most is None else policy.most):
            raise refuse(errno.ERANGE, "integer out of range")
    elif policy.type == "nest":
        if 0 < size < NLA_HDRLEN:
            raise refuse(errno.ERANGE, failed)
        if policy.inner is not None:
            start = attr.offset + NLA_HDRLEN
            _parse(data, start, start + size, policy.inner, strict=strict)
    else:
        _check_string(attr, policy, refuse(errno.EINVAL, failed), refuse(errno.ERANGE, failed))


def _check_string(attr: Attr, policy: Policy, unended: Refused, too_long: Refused) -> None:
    most = policy.most or len(attr.value)
    if policy.type == "nul-string" and b"\0" not in attr.value[: most + 1]:
        raise unended
    if not attr.value or len(attr.value) - attr.value.endswith(b"\0") > most:
        raise too_long
