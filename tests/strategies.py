# SPDX-License-Identifier: MIT
"""Hypothesis strategies for netlink: values, their bytes, and bytes that are nearly right."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from xdpconform.netlink.wire import Attribute, Message

if TYPE_CHECKING:
    from collections.abc import Sequence

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
u64 = st.integers(0, 0xFFFFFFFFFFFFFFFF)

payloads = st.binary(max_size=64)
attribute_types = st.one_of(st.integers(0, 12), st.integers(0, 0x3FFF))


def encode_attributes(attributes: Sequence[Attribute]) -> bytes:
    """The bytes of attributes, written without the encoder of the package."""
    data = b""
    for kind, payload, nested, net_byteorder in attributes:
        data += pack("=HH", 4 + len(payload), kind | nested << 15 | net_byteorder << 14)
        data += payload + bytes(-len(payload) % 4)
    return data


def encode_messages(messages: Sequence[Message]) -> bytes:
    """The bytes of messages, written without the encoder of the package."""
    data = b""
    for kind, flags, sequence, port_id, payload in messages:
        data += pack("=IHHII", 16 + len(payload), kind, flags, sequence, port_id)
        data += payload + bytes(-len(payload) % 4)
    return data


def attributes(payload: st.SearchStrategy[bytes] = payloads) -> st.SearchStrategy[Attribute]:
    """Any attribute."""
    return st.builds(Attribute, attribute_types, payload, st.booleans(), st.booleans())


attribute_lists = st.lists(attributes(), max_size=8)

nests = st.recursive(
    payloads,
    lambda inner: st.lists(attributes(inner), max_size=4).map(encode_attributes),
    max_leaves=12,
)
"""Payloads that may be attributes within attributes."""

numbers = st.one_of(
    u8.map(lambda value: pack("=B", value)),
    u16.map(lambda value: pack("=H", value)),
    u32.map(lambda value: pack("=I", value)),
    u64.map(lambda value: pack("=Q", value)),
)

plausible_attributes = st.lists(attributes(st.one_of(numbers, nests)), max_size=10).map(
    encode_attributes
)
"""Well-formed attributes with payloads of any of the widths there are."""


@st.composite
def damaged(draw: st.DrawFn, base: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of `base` with at most one byte changed, then cut or lengthened."""
    data = bytearray(draw(base))
    if data and draw(st.booleans()):
        data[draw(st.integers(0, len(data) - 1))] = draw(u8)
    cut = draw(st.integers(0, len(data)))
    if draw(st.booleans()):
        del data[cut:]
    return bytes(data) + draw(st.binary(max_size=5))


def bodies(header: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Payloads behind a family's header: any bytes, well-formed ones, and nearly right ones."""
    whole = st.tuples(header, plausible_attributes).map(b"".join)
    return st.one_of(st.binary(max_size=96), whole, damaged(whole))


def genl_headers(commands: Sequence[int]) -> st.SearchStrategy[bytes]:
    """Struct genlmsghdr with one of the commands, or any."""
    command = st.one_of(st.sampled_from(list(commands)), u8)
    return st.builds(lambda number, version: pack("=BBH", number, version, 0), command, u8)


ifinfomsgs = st.builds(
    lambda kind, ifindex, flags: pack("=BxHiII", 0, kind, ifindex, flags, 0),
    u16,
    st.integers(-(2**31), 2**31 - 1),
    u32,
)

message_types = st.one_of(st.sampled_from([1, 2, 3, 4, 16, 20]), u16)
message_flags = st.one_of(st.sampled_from([0, 2, 0x10, 0x100, 0x200, 0x202, 0x300]), u16)


def messages(
    payload: st.SearchStrategy[bytes] = payloads,
    sequence: st.SearchStrategy[int] = u32,
    port_id: st.SearchStrategy[int] = u32,
) -> st.SearchStrategy[Message]:
    """Any message; control messages are as likely as others."""
    return st.builds(Message, message_types, message_flags, sequence, port_id, payload)


status_payloads = st.one_of(
    payloads,
    st.builds(
        lambda error, length, tail: (
            pack("=i", error) + pack("=IHHII", length, 20, 5, 1, 0) + bytes(length - 16) + tail
        ),
        st.integers(-4096, 1),
        st.integers(16, 48),
        plausible_attributes,
    ),
)


def datagrams(sequence: int, port_id: int) -> st.SearchStrategy[bytes]:
    """Datagrams for a transaction: mostly its own numbers, in any order, whole or damaged."""
    whole = st.lists(
        messages(
            st.one_of(payloads, status_payloads),
            st.one_of(st.just(sequence), u32),
            st.one_of(st.just(port_id), u32),
        ),
        max_size=5,
    ).map(encode_messages)
    return st.one_of(st.binary(max_size=64), whole, damaged(whole))


def _nest(kind: int, parts: Sequence[bytes]) -> bytes:
    return encode_attributes([Attribute(kind, b"".join(parts), nested=True)])


bits = st.builds(
    lambda index, name, on: _nest(
        1,
        [
            encode_attributes([Attribute(1, pack("=I", index)), Attribute(2, name)]),
            encode_attributes([Attribute(3, b"")]) if on else b"",
        ],
    ),
    st.one_of(st.integers(0, 40), u32),
    st.binary(max_size=40),
    st.booleans(),
)
bitsets = st.builds(
    lambda listed, size, members: (
        (encode_attributes([Attribute(1, b"")]) if listed else b"")
        + encode_attributes([Attribute(2, pack("=I", size))])
        + _nest(3, members)
    ),
    st.booleans(),
    st.one_of(st.integers(0, 64), u32),
    st.lists(bits, max_size=6),
)
"""Verbose bit sets of the ethtool family, lists and masks."""

_link_attributes = st.lists(
    st.builds(
        Attribute,
        st.one_of(st.sampled_from([1, 3, 4, 5, 10, 18, 37, 43, 52, 53]), attribute_types),
        st.one_of(payloads, nests),
        st.booleans(),
    ),
    max_size=8,
).map(encode_attributes)
link_datagrams = st.lists(
    st.builds(
        Message,
        st.sampled_from([16, 16, 16, 3]),
        u16,
        u32,
        u32,
        st.builds(lambda header, rest: header + rest, ifinfomsgs, _link_attributes),
    ),
    max_size=3,
).map(encode_messages)
"""Datagrams of RTM_NEWLINK, with attributes that are read and others."""
