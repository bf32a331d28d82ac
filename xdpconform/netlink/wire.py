# SPDX-License-Identifier: MIT
"""Messages and attributes as bytes: struct nlmsghdr and struct nlattr of linux/netlink.h.

Both are native-endian and padded to four bytes. Whatever the bytes, a function here returns a
value or raises `WireError`; it never reads past the end and never loops without moving on.
"""

from __future__ import annotations

from struct import Struct, iter_unpack

from xdpconform.errors import WireError
from xdpconform.netlink.constants import NLA_F_NESTED, NLA_F_NET_BYTEORDER, NLA_TYPE_MASK
from xdpconform.netlink.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NLMSGHDR = Struct("=IHHII")  # nlmsg_len, nlmsg_type, nlmsg_flags, nlmsg_seq, nlmsg_pid
NLATTR = Struct("=HH")  # nla_len, nla_type
GENLMSGHDR = Struct("=BBH")  # cmd, version, reserved

NLMSG_HDRLEN = NLMSGHDR.size
NLA_HDRLEN = NLATTR.size
NLA_MAX_LEN = 0xFFFF

_new = tuple.__new__  # what Attribute(...) does in the end, without its arguments' names
_unpack_message = NLMSGHDR.unpack_from
_unpack_attribute = NLATTR.unpack_from


class Message(NamedTuple):
    """One netlink message: struct nlmsghdr without its length, and what follows it."""

    type: int
    flags: int
    sequence: int
    port_id: int
    payload: bytes


class Run(NamedTuple):
    """Messages one after another whose headers are equal: most of a dump is one run."""

    type: int
    flags: int
    sequence: int
    port_id: int
    payloads: list[bytes]

    def messages(self) -> list[Message]:
        """They one by one."""
        kind, flags, sequence, port_id, payloads = self
        return [_new(Message, (kind, flags, sequence, port_id, one)) for one in payloads]


class Attribute(NamedTuple):
    """One attribute, its two flag bits (NLA_F_NESTED, NLA_F_NET_BYTEORDER) masked off the type."""

    type: int
    payload: bytes
    nested: bool = False
    net_byteorder: bool = False


def align(length: int) -> int:
    """Round up to the alignment of messages and attributes (NLMSG_ALIGNTO, NLA_ALIGNTO: 4)."""
    return (length + 3) & ~3


def pull_messages(datagram: bytes) -> list[Message]:
    """Split a datagram into its messages.

    Raises:
        WireError: a header is cut, a length is below 16 or beyond the end, or bytes are left over.
    """
    return [message for run in pull_runs(datagram) for message in run.messages()]


def pull_runs(datagram: bytes) -> list[Run]:
    """Split a datagram into runs of messages with the same header; see `pull_messages`."""
    runs = []
    offset = 0
    end = len(datagram)
    while offset < end:
        if end - offset < NLMSG_HDRLEN:
            raise WireError(
                f"nlmsghdr at byte {offset}: {end - offset} bytes left, {NLMSG_HDRLEN} needed"
            )
        length, kind, flags, sequence, port_id = _unpack_message(datagram, offset)
        if length < NLMSG_HDRLEN:
            raise WireError(
                f"nlmsghdr at byte {offset}: length {length} is below the header's {NLMSG_HDRLEN}"
            )
        if length > end - offset:
            raise WireError(
                f"nlmsghdr at byte {offset}: length {length} is beyond the {end - offset} left"
            )
        header = datagram[offset : offset + NLMSG_HDRLEN]
        size = (length + 3) & ~3
        payloads = [datagram[offset + NLMSG_HDRLEN : offset + length]]
        offset += size
        if datagram.startswith(header, offset):
            rest = memoryview(datagram)[offset : offset + (end - offset) // size * size]
            shape = f"{NLMSG_HDRLEN}s{length - NLMSG_HDRLEN}s{size - length}x"
            for other, payload in iter_unpack(shape, rest):
                if other != header:
                    break
                payloads.append(payload)
            offset += size * (len(payloads) - 1)
        runs.append(_new(Run, (kind, flags, sequence, port_id, payloads)))
    return runs


def push_message(message: Message | tuple[int, int, int, int, bytes]) -> bytes:
    """Encode a message, padded to four bytes."""
    kind, flags, sequence, port_id, payload = message
    length = NLMSG_HDRLEN + len(payload)
    header = NLMSGHDR.pack(length, kind, flags, sequence, port_id)
    return header + payload + bytes(-length & 3)


def readdressed(datagrams: Iterable[bytes], asked: bytes, asks: bytes) -> tuple[bytes, ...]:
    """Datagrams that answered one request as if they answered another.

    Messages with the sequence number and port of the request `asked` get those of `asks`; all
    others, and whatever is no message, stay as they are.
    """
    old, new = asked[8:NLMSG_HDRLEN], asks[8:NLMSG_HDRLEN]
    if old == new:
        return tuple(datagrams)
    return tuple(_readdressed(datagram, old, new) for datagram in datagrams)


def _readdressed(datagram: bytes, old: bytes, new: bytes) -> bytes:
    changed = bytearray(datagram)
    offset = 0
    while offset + NLMSG_HDRLEN <= len(datagram):
        if datagram[offset + 8 : offset + NLMSG_HDRLEN] == old:
            changed[offset + 8 : offset + NLMSG_HDRLEN] = new
        length = _unpack_message(datagram, offset)[0]
        offset += max(align(length), NLMSG_HDRLEN)
    return bytes(changed)


def pull_attributes(payload: bytes, offset: int = 0) -> list[Attribute]:
    """Split what stands from `offset` on into attributes, unknown ones and duplicates included.

    Raises:
        WireError: an attribute is cut, its length is below 4 or beyond the end, or bytes are left.
    """
    attributes = []
    end = len(payload)
    while offset < end:
        if end - offset < NLA_HDRLEN:
            raise WireError(
                f"nlattr at byte {offset}: {end - offset} bytes left, {NLA_HDRLEN} needed"
            )
        length, kind = _unpack_attribute(payload, offset)
        if length < NLA_HDRLEN:
            raise WireError(
                f"nlattr at byte {offset}: length {length} is below the header's {NLA_HDRLEN}"
            )
        if length > end - offset:
            raise WireError(
                f"nlattr at byte {offset}: length {length} is beyond the {end - offset} left"
            )
        body = payload[offset + NLA_HDRLEN : offset + length]
        if kind <= NLA_TYPE_MASK:
            attributes.append(_new(Attribute, (kind, body, False, False)))
        else:
            nested, net_byteorder = bool(kind & NLA_F_NESTED), bool(kind & NLA_F_NET_BYTEORDER)
            attributes.append(Attribute(kind & NLA_TYPE_MASK, body, nested, net_byteorder))
        offset += (length + 3) & ~3
    return attributes


def push_attribute(kind: int, payload: bytes, *, nested: bool = False) -> bytes:
    """Encode an attribute, padded to four bytes.

    Raises:
        WireError: the payload does not fit the 16-bit length.
    """
    length = NLA_HDRLEN + len(payload)
    if length > NLA_MAX_LEN:
        raise WireError(f"nlattr {kind}: {len(payload)} bytes do not fit its 16-bit length")
    header = NLATTR.pack(length, kind | NLA_F_NESTED if nested else kind)
    return header + payload + bytes(align(length) - length)


def pull_genlmsghdr(payload: bytes) -> tuple[int, int]:
    """The command and version of a generic netlink message (struct genlmsghdr)."""
    if len(payload) < GENLMSGHDR.size:
        raise WireError(f"genlmsghdr: {len(payload)} bytes, {GENLMSGHDR.size} needed")
    command, version, _reserved = GENLMSGHDR.unpack_from(payload)
    return command, version


def push_genlmsghdr(command: int, version: int, reserved: int = 0) -> bytes:
    """Encode struct genlmsghdr; `reserved` must be 0 unless the kernel's refusal is wanted."""
    return GENLMSGHDR.pack(command, version, reserved)


def _number(code: str) -> Struct:
    return Struct("=" + code)


U8, U16, U32, U64, S32 = map(_number, "BHIQi")


def pull_number(shape: Struct, attribute: Attribute, name: str) -> int:
    """A fixed-width integer attribute.

    Raises:
        WireError: the payload has another width.
    """
    if len(attribute.payload) != shape.size:
        bits = 8 * shape.size
        raise WireError(
            f"attribute {name}: {len(attribute.payload)} bytes, a {bits}-bit number needed"
        )
    value: int = shape.unpack(attribute.payload)[0]
    return value


def pull_uint(attribute: Attribute, name: str) -> int:
    """A ``uint`` attribute: 32 or 64 bits as the value needs (nla_put_uint)."""
    if len(attribute.payload) == U64.size:
        return pull_number(U64, attribute, name)
    if len(attribute.payload) == U32.size:
        return pull_number(U32, attribute, name)
    raise WireError(
        f"attribute {name}: {len(attribute.payload)} bytes, a 32 or 64-bit number needed"
    )


def pull_string(attribute: Attribute, name: str, limit: int = 4096) -> str:
    """A NUL-terminated string; bytes that are not UTF-8 come out as escapes.

    Raises:
        WireError: it is longer than `limit` bytes.
    """
    text = attribute.payload.split(b"\0", 1)[0]
    if len(text) > limit:
        raise WireError(f"attribute {name}: a string of {len(text)} bytes, {limit} at most")
    return text.decode("utf-8", "backslashreplace")


def push_u32(kind: int, value: int) -> bytes:
    """Encode a 32-bit attribute."""
    return push_attribute(kind, U32.pack(value))


def push_string(kind: int, text: bytes) -> bytes:
    """Encode a string attribute with its NUL."""
    return push_attribute(kind, text + b"\0")
