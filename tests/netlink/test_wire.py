# SPDX-License-Identifier: MIT

"""Messages and attributes as bytes; one table serves both directions."""

from __future__ import annotations

import re
from struct import Struct

import pytest

from xdpconform.errors import WireError
from xdpconform.netlink import wire
from xdpconform.netlink.wire import Attribute, Message

A = Attribute

# Little-endian, as every machine the kernel's XDP drivers are tested on.
MESSAGES = {
    "header-only": ([Message(1, 0, 7, 0, b"")], "10000000 0100 0000 07000000 00000000"),
    "payload-4": (
        [Message(20, 5, 1, 4242, b"\1\1\0\0")],
        "14000000 1400 0500 01000000 92100000 01010000",
    ),
    "padded-3": (
        [Message(20, 0, 1, 2, b"\1")],
        "11000000 1400 0000 01000000 02000000 01 000000",
    ),
    "padded-1": (
        [Message(0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, b"abc")],
        "13000000 ffff ffff ffffffff ffffffff 616263 00",
    ),
    "two": (
        [Message(20, 0, 1, 2, b"\1\2"), Message(3, 2, 1, 2, bytes(4))],
        (
            "12000000 1400 0000 01000000 02000000 0102 0000"
            "14000000 0300 0200 01000000 02000000 00000000"
        ),
    ),
}

ATTRIBUTES = {
    "empty": ([A(7, b"")], "0400 0700"),
    "u8": ([A(2, b"\1")], "0500 0200 01 000000"),
    "u16": ([A(1, b"\x14\0")], "0600 0100 1400 0000"),
    "u32": ([A(1, b"\2\0\0\0")], "0800 0100 02000000"),
    "u64": ([A(3, b"\x0b" + bytes(7))], "0c00 0300 0b00000000000000"),
    "string": ([A(2, b"netdev\0")], "0b00 0200 6e657464657600 00"),
    "nested": ([A(6, b"\4\0\7\0", nested=True)], "0800 0680 04000700"),
    "unknown": ([A(0x3FFF, b"\xff")], "0500 ff3f ff 000000"),
    "pad-then-u64": ([A(2, b""), A(3, bytes(8))], "0400 0200 0c00 0300 0000000000000000"),
    "repeated": ([A(1, b"\1\0\0\0"), A(1, b"\2\0\0\0")], "0800 0100 01000000 0800 0100 02000000"),
    "four": (
        [A(1, b"\2\0\0\0"), A(200, b"xyz"), A(0, b""), A(5, b"\0\0")],
        "0800 0100 02000000 0700 c800 78797a 00 0400 0000 0600 0500 0000 0000",
    ),
}

# number: value, the attribute's payload
NUMBERS = [
    (wire.U8, 0, "00"),
    (wire.U8, 255, "ff"),
    (wire.U16, 0x1234, "3412"),
    (wire.U32, 0x12345678, "78563412"),
    (wire.U32, 2**32 - 1, "ffffffff"),
    (wire.U64, 0x0102030405060708, "0807060504030201"),
    (wire.S32, -19, "edffffff"),
]

message_rows = pytest.mark.parametrize(("value", "data"), MESSAGES.values(), ids=MESSAGES)
attribute_rows = pytest.mark.parametrize(("value", "data"), ATTRIBUTES.values(), ids=ATTRIBUTES)


def message_ends(data: bytes) -> dict[int, int]:
    """Where a message may end (with and without its padding), and how many stand before it."""
    return _ends(data, 4, 0)


def attribute_ends(data: bytes) -> dict[int, int]:
    """Where an attribute may end (with and without its padding), and how many stand before it."""
    return _ends(data, 2, 0)


def _ends(data: bytes, width: int, start: int) -> dict[int, int]:
    found = {start: 0}
    count = 0
    while start < len(data):
        length = int.from_bytes(data[start : start + width], "little")
        count += 1
        for end in range(start + length, start + -(-length // 4) * 4 + 1):
            found[end] = count
        start += -(-length // 4) * 4
    return found


@message_rows
def test_push_message(value: list[Message], data: str) -> None:
    """A message is encoded into exactly its row's bytes."""
    assert bytes.fromhex(data) == b"".join(map(wire.push_message, value))


@message_rows
def test_pull_messages_whole(value: list[Message], data: str) -> None:
    """A row's bytes are decoded into exactly its messages."""
    assert value == wire.pull_messages(bytes.fromhex(data))


@message_rows
def test_pull_messages_cut(value: list[Message], data: str) -> None:
    """Cut at any byte, whole messages come out or the cut is named."""
    whole = bytes.fromhex(data)
    ends = message_ends(whole)
    for cut in range(len(whole)):
        if cut in ends:
            assert value[: ends[cut]] == wire.pull_messages(whole[:cut])
        else:
            with pytest.raises(WireError, match=r"^nlmsghdr at byte \d+: .* (left|needed)"):
                wire.pull_messages(whole[:cut])


@message_rows
@pytest.mark.parametrize("extra", [1, 4, 15])
def test_pull_messages_trailing(value: list[Message], data: str, extra: int) -> None:
    """Bytes after the last message are an error that says how many there are."""
    whole = bytes.fromhex(data)
    expected = f"nlmsghdr at byte {len(whole)}: {extra} bytes left, 16 needed"
    assert value == wire.pull_messages(whole)
    with pytest.raises(WireError, match=f"^{expected}$"):
        wire.pull_messages(whole + bytes(extra))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("00000000" + 12 * "00", "nlmsghdr at byte 0: length 0 is below the header's 16"),
        ("0f000000" + 12 * "00", "nlmsghdr at byte 0: length 15 is below the header's 16"),
        ("11000000" + 12 * "00", "nlmsghdr at byte 0: length 17 is beyond the 16 left"),
        ("ffffffff" + 12 * "00", "nlmsghdr at byte 0: length 4294967295 is beyond the 16 left"),
        (
            "10000000 01000000 00000000 00000000 00000000" + 12 * "00",
            "nlmsghdr at byte 16: length 0 is below the header's 16",
        ),
    ],
)
def test_pull_messages_length(data: str, expected: str) -> None:
    """A length below the header's, or beyond the end, is named with its place."""
    with pytest.raises(WireError, match=f"^{re.escape(expected)}$"):
        wire.pull_messages(bytes.fromhex(data))


def test_pull_messages_of_nothing() -> None:
    """An empty datagram holds no messages."""
    assert [] == wire.pull_messages(b"")


@attribute_rows
def test_push_attribute(value: list[Attribute], data: str) -> None:
    """An attribute is encoded into exactly its row's bytes."""
    encoded = b"".join(wire.push_attribute(a.type, a.payload, nested=a.nested) for a in value)

    assert bytes.fromhex(data) == encoded


@attribute_rows
@pytest.mark.parametrize("offset", [0, 4, 16])
def test_pull_attributes_whole(value: list[Attribute], data: str, offset: int) -> None:
    """A row's bytes are decoded into exactly its attributes, behind a header of any length."""
    assert value == wire.pull_attributes(bytes(offset) + bytes.fromhex(data), offset)


@attribute_rows
def test_pull_attributes_cut(value: list[Attribute], data: str) -> None:
    """Cut at any byte, whole attributes come out or the cut is named."""
    whole = bytes.fromhex(data)
    ends = attribute_ends(whole)
    for cut in range(len(whole)):
        if cut in ends:
            assert value[: ends[cut]] == wire.pull_attributes(whole[:cut])
        else:
            with pytest.raises(WireError, match=r"^nlattr at byte \d+: .* (left|needed)"):
                wire.pull_attributes(whole[:cut])


@attribute_rows
@pytest.mark.parametrize("extra", [1, 2, 3])
def test_pull_attributes_trailing(value: list[Attribute], data: str, extra: int) -> None:
    """Bytes after the last attribute are an error that says how many there are."""
    whole = bytes.fromhex(data)
    expected = f"nlattr at byte {len(whole)}: {extra} bytes left, 4 needed"
    assert value == wire.pull_attributes(whole)
    with pytest.raises(WireError, match=f"^{expected}$"):
        wire.pull_attributes(whole + bytes(extra))


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_attribute_shorter_than_its_header(length: int) -> None:
    """An attribute's length of 0 to 3 is an error, never a loop or an underflow."""
    data = bytes.fromhex("0800 0100 01000000") + bytes([length, 0, 3, 0]) + bytes(8)
    expected = f"nlattr at byte 8: length {length} is below the header's 4"

    with pytest.raises(WireError, match=f"^{expected}$"):
        wire.pull_attributes(data)


@pytest.mark.parametrize("length", [5, 8, 0xFFFF])
def test_attribute_beyond_the_end(length: int) -> None:
    """An attribute's length beyond the end is an error that says what is left."""
    data = length.to_bytes(2, "little") + b"\1\0"
    expected = f"nlattr at byte 0: length {length} is beyond the 4 left"

    with pytest.raises(WireError, match=f"^{expected}$"):
        wire.pull_attributes(data)


@pytest.mark.parametrize(
    ("kind", "nested", "net_byteorder"),
    [("0300", False, False), ("0380", True, False), ("0340", False, True), ("03c0", True, True)],
)
def test_flag_bits_masked(kind: str, nested: bool, net_byteorder: bool) -> None:
    """NLA_F_NESTED and NLA_F_NET_BYTEORDER do not change the type, and are kept beside it."""
    found = wire.pull_attributes(bytes.fromhex("0800" + kind + "01000000"))

    assert [Attribute(3, b"\1\0\0\0", nested, net_byteorder)] == found


def test_push_attribute_limit() -> None:
    """The largest attribute is encoded, and one byte more is refused by name."""
    assert 65536 == len(wire.push_attribute(1, bytes(65531)))
    with pytest.raises(WireError, match=r"^nlattr 1: 65532 bytes do not fit its 16-bit length$"):
        wire.push_attribute(1, bytes(65532))


@pytest.mark.parametrize(
    ("length", "expected"), [(0, 0), (1, 4), (2, 4), (3, 4), (4, 4), (5, 8), (65535, 65536)]
)
def test_align(length: int, expected: int) -> None:
    """Lengths are rounded up to four."""
    assert expected == wire.align(length)


@pytest.mark.parametrize(("shape", "value", "data"), NUMBERS)
def test_pull_number(shape: Struct, value: int, data: str) -> None:
    """A number of the right width is read; any other width is an error."""
    payload = bytes.fromhex(data)
    attribute = Attribute(1, payload)

    assert value == wire.pull_number(shape, attribute, "x")
    assert payload == shape.pack(value)
    for length in range(len(payload) + 3):
        if length != len(payload):
            text = f"attribute x: {length} bytes, a {8 * len(payload)}-bit number needed"
            with pytest.raises(WireError, match=f"^{text}$"):
                wire.pull_number(shape, Attribute(1, (payload + bytes(2))[:length]), "x")


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, "00000000"),
        (7, "07000000"),
        (7, "0700000000000000"),
        (2**32, "0000000001000000"),
        (2**64 - 1, "ffffffffffffffff"),
    ],
)
def test_pull_uint(value: int, data: str) -> None:
    """A uint is read in either width."""
    assert value == wire.pull_uint(Attribute(1, bytes.fromhex(data)), "x")


@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 6, 7, 9])
def test_pull_uint_of_another_width(length: int) -> None:
    """A uint of neither width is an error."""
    expected = f"attribute x: {length} bytes, a 32 or 64-bit number needed"

    with pytest.raises(WireError, match=f"^{expected}$"):
        wire.pull_uint(Attribute(1, bytes(length)), "x")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"eth0\0", "eth0"),
        (b"eth0", "eth0"),
        (b"", ""),
        (b"\0", ""),
        (b"a\0b\0", "a"),
        ("größe\0".encode(), "größe"),
        (b"\xff\xfe\0", "\\xff\\xfe"),
    ],
)
def test_pull_string(payload: bytes, expected: str) -> None:
    """A string ends at its NUL or at its end, and bytes that are not UTF-8 show as escapes."""
    assert expected == wire.pull_string(Attribute(1, payload), "x")


def test_pull_string_limit() -> None:
    """A string may be as long as the limit, its NUL aside, and no longer."""
    assert "abcd" == wire.pull_string(Attribute(1, b"abcd\0"), "x", 4)
    with pytest.raises(WireError, match=r"^attribute x: a string of 5 bytes, 4 at most$"):
        wire.pull_string(Attribute(1, b"abcde\0"), "x", 4)


def test_genlmsghdr() -> None:
    """Struct genlmsghdr goes both ways, and three bytes of it are an error."""
    data = bytes.fromhex("0a 01 0700")

    assert data == wire.push_genlmsghdr(10, 1, 7)
    assert (10, 1) == wire.pull_genlmsghdr(data)
    assert (10, 1) == wire.pull_genlmsghdr(data + b"\xff")
    with pytest.raises(WireError, match=r"^genlmsghdr: 3 bytes, 4 needed$"):
        wire.pull_genlmsghdr(data[:3])


def test_push_u32_and_string() -> None:
    """A 32-bit attribute and a string attribute have the bytes the kernel takes."""
    assert bytes.fromhex("0800 0100 02000000") == wire.push_u32(1, 2)
    assert bytes.fromhex("0b00 0200 6e6574646576 00 00") == wire.push_string(2, b"netdev")
