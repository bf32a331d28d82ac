# SPDX-License-Identifier: MIT
"""The ethtool family: bytes and values, and both against what the ethtool ioctl says."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import socket
import subprocess
import time
from array import array
from struct import pack, pack_into, unpack_from
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroute2 import Ethtool

from xdpconform.errors import KernelError, WireError
from xdpconform.netlink import ethtool, genl
from xdpconform.netlink.bitset import Bitset, pull_bitset
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.ethtool import Channels, Features, Rings, Rss, TimeStamping
from xdpconform.netlink.wire import Attribute, Message
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdpconform.netlink.transaction import Request

FAMILY = genl.Family(21, "ethtool", 1, {}, {})
NESTED = 0x8000
NONE: frozenset[str] = frozenset()
HEADER = "0c00 0180 0800 0100 04000000"  # ifindex 4
NAMED_HEADER = "1800 0180 0800 0100 04000000 0900 0200 65746830 00 000000"  # and eth0

PULLS: dict[str, Callable[[Message], NamedTuple]] = {
    "channels": ethtool.pull_channels,
    "rings": ethtool.pull_rings,
    "features": ethtool.pull_features,
    "rss": ethtool.pull_rss,
    "tsinfo": ethtool.pull_tsinfo,
}
COMMANDS = {"channels": 18, "rings": 16, "features": 11, "rss": 38, "tsinfo": 26}
NAMES = {
    "channels": ethtool.CHANNELS_NAMES,
    "rings": ethtool.RINGS_NAMES,
    "features": ethtool.FEATURES_NAMES,
    "rss": ethtool.RSS_NAMES,
    "tsinfo": ethtool.TSINFO_NAMES,
}


def nla(kind: int, *parts: str | bytes) -> str:
    """An attribute in hex, of parts in hex or bytes; written without the package's encoder."""
    body = b"".join(bytes.fromhex(part) if isinstance(part, str) else part for part in parts)
    return (pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)).hex()


def bit(index: int, name: str, *, value: bool = False) -> str:
    """A bit of a bit set in hex."""
    flag = nla(3) if value else ""
    return nla(NESTED | 1, nla(1, pack("=I", index)), nla(2, name.encode() + b"\0"), flag)


def bitset(kind: int, *entries: str, mask: bool = False) -> str:
    """A bit set of six bits in hex, the attribute `kind`."""
    nomask = "" if mask else nla(1)
    return nla(NESTED | kind, nomask, nla(2, pack("=I", 6)), nla(NESTED | 3, *entries))


def reply(what: str, data: str | bytes) -> Message:
    """A reply to `what`-get with the attributes given."""
    body = bytes.fromhex(data) if isinstance(data, str) else data
    return Message(21, 0, 1, 0, pack("=BBH", COMMANDS[what], 1, 0) + body)


def attempt(what: str, received: Message) -> tuple[NamedTuple | None, str]:
    """The value of a reply, or the text of the WireError."""
    try:
        return PULLS[what](received), ""
    except WireError as error:
        return None, str(error)


CUT = re.compile(r"(nlattr at byte \d+|genlmsghdr): .* (left|needed)$|ethtool .* a reply without")

SETS = (
    bitset(
        2,
        bit(0, "tx-scatter-gather", value=True),
        bit(1, "rx-gro", value=True),
        bit(2, ""),
        bit(3, "highdma"),
        bit(4, "vlan-challenged", value=True),
        mask=True,
    ),
    bitset(3, bit(1, "rx-gro")),
    bitset(4, bit(1, "rx-gro"), bit(3, "highdma"), bit(5, "")),
    bitset(5, bit(4, "vlan-challenged")),
)

REPLIES: dict[str, tuple[str, str, NamedTuple]] = {
    "channels-of-virtio": (
        "channels",
        NAMED_HEADER + "0800 0500 01000000 0800 0900 01000000",
        Channels(4, combined_max=1, combined=1),
    ),
    "channels-all": (
        "channels",
        HEADER + "0800 0200 01000000 0800 0300 02000000 0800 0400 03000000 0800 0500 04000000"
        "0800 0600 05000000 0800 0700 06000000 0800 0800 07000000 0800 0900 08000000",
        Channels(4, 1, 2, 3, 4, 5, 6, 7, 8),
    ),
    "channels-none": ("channels", HEADER, Channels(4)),
    "channels-zero-is-not-absent": (
        "channels",
        HEADER + "0800 0600 00000000",
        Channels(4, rx=0),
    ),
    "channels-without-header": (
        "channels",
        "0800 0200 ffffffff",
        Channels(rx_max=0xFFFFFFFF),
    ),
    "rings-of-virtio": (
        "rings",
        NAMED_HEADER + "0800 0200 00010000 0800 0600 00010000 0800 0500 00010000"
        "0800 0900 00010000 0500 0d00 00 000000 0500 0e00 00 000000",
        Rings(4, rx_max=256, tx_max=256, rx=256, tx=256, tx_push=False, rx_push=False),
    ),
    "rings-all": (
        "rings",
        HEADER + "0800 0200 01000000 0800 0300 02000000 0800 0400 03000000 0800 0500 04000000"
        "0800 0600 05000000 0800 0700 06000000 0800 0800 07000000 0800 0900 08000000"
        "0800 0a00 00100000 0500 0b00 02 000000 0800 0c00 40000000 0500 0d00 01 000000"
        "0500 0e00 00 000000 0800 0f00 60000000 0800 1000 80000000 0800 1100 00000000"
        "0800 1200 ff030000",
        Rings(
            ifindex=4,
            rx_max=1,
            rx_mini_max=2,
            rx_jumbo_max=3,
            tx_max=4,
            rx=5,
            rx_mini=6,
            rx_jumbo=7,
            tx=8,
            rx_buf_len=4096,
            tcp_data_split=2,
            cqe_size=64,
            tx_push=True,
            rx_push=False,
            tx_push_buf_len=96,
            tx_push_buf_len_max=128,
            hds_thresh=0,
            hds_thresh_max=1023,
        ),
    ),
    "features": (
        "features",
        HEADER + "".join(SETS),
        Features(
            ifindex=4,
            hw=frozenset({"tx-scatter-gather", "rx-gro", "vlan-challenged"}),
            wanted=frozenset({"rx-gro"}),
            active=frozenset({"rx-gro", "highdma", "bit-5"}),
            nochange=frozenset({"vlan-challenged"}),
            known=frozenset({"tx-scatter-gather", "rx-gro", "highdma", "vlan-challenged"}),
        ),
    ),
    "features-none": (
        "features",
        HEADER + bitset(2, mask=True) + bitset(3) + bitset(4) + bitset(5),
        Features(4, NONE, NONE, NONE, NONE, NONE),
    ),
    "rss-of-virtio": (  # with flow-hash, which is not read
        "rss",
        HEADER + "0800 0300 01000000 0c00 0880 0800 0100 00000000",
        Rss(4, hash_function=1),
    ),
    "rss-all": (
        "rss",
        HEADER + "0800 0200 07000000 1400 0400 00000000 01000000 02000000 ffffffff"
        "0800 0300 04000000 0800 0600 02000000 0700 0500 6d5a56 00",
        Rss(4, 7, 4, (0, 1, 2, 0xFFFFFFFF), b"\x6d\x5a\x56", 2),
    ),
    "rss-empty-table-and-key": (
        "rss",
        HEADER + "0400 0400 0400 0500",
        Rss(4, indirection=(), key=b""),
    ),
    "tsinfo-of-virtio": (
        "tsinfo",
        NAMED_HEADER + "8400 0280 0400 0100 0800 0200 13000000 7400 0380"
        "2400 0180 0800 0100 01000000 1600 0200 736f6674776172652d7472616e736d6974 00 0000"
        "2400 0180 0800 0100 03000000 1500 0200 736f6674776172652d72656365697665 00 000000"
        "2800 0180 0800 0100 04000000 1a00 0200"
        "736f6674776172652d73797374656d2d636c6f636b 00 0000",
        TimeStamping(
            4, frozenset({"software-transmit", "software-receive", "software-system-clock"})
        ),
    ),
    "tsinfo-all": (
        "tsinfo",
        HEADER
        + bitset(2, bit(0, "hardware-transmit"), bit(2, "hardware-receive"))
        + bitset(3, bit(0, "off"), bit(1, "on"))
        + bitset(4, bit(0, "none"), bit(1, "all"))
        + "0800 0500 00000000 0400 0680 0400 0780 0800 0800 01000000 0800 0900 00000000",
        TimeStamping(
            4,
            frozenset({"hardware-transmit", "hardware-receive"}),
            frozenset({"off", "on"}),
            frozenset({"none", "all"}),
            0,
        ),
    ),
}

rows = pytest.mark.parametrize(("what", "data", "value"), REPLIES.values(), ids=REPLIES)

REQUESTS: dict[str, tuple[Callable[[], Request], str]] = {
    "ethtool channels-get": (lambda: ethtool.channels_get(FAMILY, 4), "11 01 0000" + HEADER),
    "ethtool rings-get": (lambda: ethtool.rings_get(FAMILY, 4), "0f 01 0000" + HEADER),
    "ethtool features-get": (lambda: ethtool.features_get(FAMILY, 4), "0b 01 0000" + HEADER),
    "ethtool rss-get": (lambda: ethtool.rss_get(FAMILY, 4), "26 01 0000" + HEADER),
    "ethtool tsinfo-get": (lambda: ethtool.tsinfo_get(FAMILY, 4), "19 01 0000" + HEADER),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_request(what: str) -> None:
    """A request has exactly its row's bytes, a name, and a name for its attribute."""
    build, data = REQUESTS[what]
    request = build()

    assert (what, 21, bytes.fromhex(data), 0) == request[:4]
    assert "header" == request.names[1]


def test_rss_get_of_a_context() -> None:
    """A context but the default one is asked for by number."""
    data = "26 01 0000" + HEADER + "0800 0200 07000000"

    assert bytes.fromhex(data) == ethtool.rss_get(FAMILY, 4, 7).payload
    assert "context" == ethtool.rss_get(FAMILY, 4, 7).names[2]


@rows
def test_pull_whole(what: str, data: str, value: NamedTuple) -> None:
    """A row's bytes are decoded into exactly its value, with nothing unknown."""
    assert value == PULLS[what](reply(what, data))
    assert () == value[-1]


@rows
def test_pull_cut(what: str, data: str, value: NamedTuple) -> None:
    """Cut at any byte, the fields that are left are right, or the cut is named."""
    whole = reply(what, data).payload
    for cut in range(len(whole)):
        found, text = attempt(what, Message(21, 0, 1, 0, whole[:cut]))
        if found is None:
            assert CUT.match(text)
        else:
            assert all(part in (full, None) for part, full in zip(found, value, strict=True))


@rows
@pytest.mark.parametrize("extra", [1, 2, 3])
def test_pull_trailing(what: str, data: str, value: NamedTuple, extra: int) -> None:
    """Bytes after the last attribute are an error that says how many there are."""
    whole = reply(what, data)
    text = f"nlattr at byte {len(whole.payload)}: {extra} bytes left, 4 needed"

    assert value == PULLS[what](whole)
    with pytest.raises(WireError, match=f"^{text}$"):
        PULLS[what](whole._replace(payload=whole.payload + bytes(extra)))


@rows
def test_pull_unknown(what: str, data: str, value: NamedTuple) -> None:
    """Unknown attributes, here and inside nests, change no field; the outer ones are kept."""
    strange = Attribute(999, b"\1\2\3"), Attribute(0x3FFF, b"", nested=True)
    extra = "0700 e703 010203 00 0400 ffbf"
    inner = data.replace(HEADER, "1400 0180 0800 0100 04000000 0800 6300 00000000")
    *fields, unknown = PULLS[what](reply(what, extra + inner))

    assert list(value[:-1]) == fields
    assert strange == unknown


@pytest.mark.parametrize("what", PULLS)
def test_pull_repeated(what: str) -> None:
    """The first of an attribute counts; what repeats it is kept as unknown."""
    sets = "".join(SETS) if what == "features" else ""
    again = "0c00 0180 0800 0100 05000000"
    found = PULLS[what](reply(what, HEADER + sets + again))

    assert 4 == found[0]
    assert (Attribute(1, bytes.fromhex(again[10:]), nested=True),) == found[-1]


@pytest.mark.parametrize("what", PULLS)
@pytest.mark.parametrize("command", [0, 1, 12, 17, 19, 25, 39, 255])
def test_pull_of_another_command(what: str, command: int) -> None:
    """A message that does not answer the request is refused with its number."""
    text = f"ethtool: command {command} in place of the reply to {what}-get"

    with pytest.raises(WireError, match=f"^{text}$"):
        PULLS[what](Message(21, 0, 1, 0, pack("=BBH", command, 1, 0)))


# each number's width in bits; a bit set or bytes have none
WIDTHS = {
    "channels": dict.fromkeys(range(2, 10), 32),
    "rings": dict.fromkeys(range(2, 19), 32) | {11: 8, 13: 8, 14: 8},
    "rss": {2: 32, 3: 32, 6: 32},
    "tsinfo": {5: 32},
}


@pytest.mark.parametrize(
    ("what", "kind", "width"),
    [(what, kind, width) for what, kinds in WIDTHS.items() for kind, width in kinds.items()],
)
def test_width(what: str, kind: int, width: int) -> None:
    """A number of any other width than its own is refused by name."""
    for length in {0, 1, 2, 3, 4, 5, 8} - {width // 8}:
        name = NAMES[what][kind]
        text = f"attribute {name}: {length} bytes, a {width}-bit number needed"
        with pytest.raises(WireError, match=f"^{text}$"):
            PULLS[what](reply(what, HEADER + nla(kind, bytes(length))))
    PULLS[what](reply(what, HEADER + nla(kind, bytes(width // 8))))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 127])
def test_indirection_of_broken_numbers(length: int) -> None:
    """An indirection table that is not whole 32-bit numbers is refused."""
    text = f"attribute indir: {length} bytes, 32-bit numbers needed"

    with pytest.raises(WireError, match=f"^{text}$"):
        ethtool.pull_rss(reply("rss", HEADER + nla(4, bytes(length))))


@pytest.mark.parametrize("missing", range(4))
def test_features_without_a_set(missing: int) -> None:
    """Features are refused when one of their four sets is not there."""
    sets = "".join(SETS[:missing] + SETS[missing + 1 :])
    name = ("hw", "wanted", "active", "nochange")[missing]

    with pytest.raises(WireError, match=f"^ethtool features-get: a reply without {name}$"):
        ethtool.pull_features(reply("features", HEADER + sets))


def test_features_without_a_mask() -> None:
    """Features whose first set is a list are refused, since what is known would be lost."""
    sets = bitset(2, bit(0, "x")) + "".join(SETS[1:])

    text = "ethtool features-get: hw is a list, a set with a mask needed"
    with pytest.raises(WireError, match=f"^{text}$"):
        ethtool.pull_features(reply("features", sets))


def test_features_fixed() -> None:
    """Fixed are the features that hardware does not let change, and those nothing lets change."""
    found = ethtool.pull_features(reply("features", HEADER + "".join(SETS)))

    assert {"highdma", "vlan-challenged"} == found.fixed


@pytest.mark.parametrize("length", [0, 3, 5])
def test_ifindex_width(length: int) -> None:
    """The header's ifindex has 32 bits."""
    header = nla(NESTED | 1, nla(1, bytes(length)))

    text = f"attribute dev-index: {length} bytes, a 32-bit number needed"
    with pytest.raises(WireError, match=f"^{text}$"):
        ethtool.pull_channels(reply("channels", header))


SIZE = nla(2, pack("=I", 6))
INDEX = nla(1, pack("=I", 2))

# name: what stands inside the bit set, and the value
BITSETS: dict[str, tuple[str, Bitset]] = {
    "empty-list": (nla(1) + SIZE + nla(NESTED | 3), Bitset(6, frozenset())),
    "empty-mask": (SIZE + nla(NESTED | 3), Bitset(6, frozenset(), frozenset())),
    "size-0": (nla(1) + nla(2, bytes(4)) + nla(3), Bitset(0, frozenset())),
    "largest": (
        nla(1) + nla(2, pack("=I", 32767)) + nla(3, bit(32766, "last")),
        Bitset(32767, frozenset({"last"})),
    ),
    "list-ignores-values": (
        nla(1) + SIZE + nla(3, bit(0, "a"), bit(1, "b", value=True)),
        Bitset(6, frozenset({"a", "b"})),
    ),
    "mask": (
        SIZE + nla(3, bit(0, "a"), bit(5, "b", value=True)),
        Bitset(6, frozenset({"b"}), frozenset({"a", "b"})),
    ),
    "no-names-in-a-list": (
        nla(1) + SIZE + nla(3, nla(1, INDEX), bit(4, "")),
        Bitset(6, frozenset({"bit-2", "bit-4"})),
    ),
    "no-names-in-a-mask": (
        SIZE + nla(3, nla(1, INDEX), bit(4, "", value=True)),
        Bitset(6, frozenset({"bit-4"}), frozenset({"bit-4"})),
    ),
    "longest-name": (
        nla(1) + SIZE + nla(3, nla(1, INDEX, nla(2, b"n" * 32))),
        Bitset(6, frozenset({"n" * 32})),
    ),
    "name-not-utf-8": (
        nla(1) + SIZE + nla(3, nla(1, INDEX, nla(2, b"\xff\0"))),
        Bitset(6, frozenset({"\\xff"})),
    ),
    "unknown": (
        nla(77, b"x") + nla(1) + SIZE + nla(3, nla(9), nla(1, nla(8, b"y"), bit(1, "a")[8:])),
        Bitset(6, frozenset({"a"})),
    ),
    "repeated": (nla(1) + SIZE + nla(2, b"x") + nla(3) + nla(3, b"x"), Bitset(6, frozenset())),
}

BROKEN_BITSETS = {
    "nothing": ("", "bitset x: no size"),
    "no-size": (nla(1) + nla(3), "bitset x: no size"),
    "no-bits": (nla(1) + SIZE, "bitset x: no bits"),
    "compact": (
        nla(1) + SIZE + nla(4, bytes(4)),
        "bitset x: compact, so that its bits have no names",
    ),
    "compact-mask": (
        SIZE + nla(3) + nla(5, bytes(4)),
        "bitset x: compact, so that its bits have no names",
    ),
    "size-width": (nla(2, b"\6") + nla(3), "attribute x size: 1 bytes, a 32-bit number needed"),
    "too-large": (nla(2, pack("=I", 32768)) + nla(3), "bitset x: 32768 bits, 32767 at most"),
    "nomask-width": (
        nla(1, b"\1") + SIZE + nla(3),
        "attribute x nomask: 1 bytes, a flag has none",
    ),
    "value-width": (
        SIZE + nla(3, nla(1, INDEX, nla(3, bytes(4)))),
        "attribute x bit value: 4 bytes, a flag has none",
    ),
    "index-width": (
        SIZE + nla(3, nla(1, nla(1, bytes(2)))),
        "attribute x bit index: 2 bytes, a 32-bit number needed",
    ),
    "no-index": (SIZE + nla(3, nla(1, nla(2, b"a\0"))), "bitset x: a bit without an index"),
    "beyond": (SIZE + nla(3, bit(6, "a")), "bitset x: bit 6 is beyond its 6 bits"),
    "far-beyond": (
        SIZE + nla(3, bit(0xFFFFFFFF, "a")),
        "bitset x: bit 4294967295 is beyond its 6 bits",
    ),
    "twice": (SIZE + nla(3, bit(2, "a"), bit(2, "b")), "bitset x: bit 2 is there twice"),
    "long-name": (
        SIZE + nla(3, nla(1, INDEX, nla(2, b"n" * 33))),
        "attribute x bit name: a string of 33 bytes, 32 at most",
    ),
    "cut-bit": (SIZE + nla(3, nla(1, b"\x08\0")), "nlattr at byte 0: 2 bytes left, 4 needed"),
    "long-bit": (
        SIZE + nla(3, "0900 0180 0000 0000"),
        "nlattr at byte 0: length 9 is beyond the 8 left",
    ),
    "trailing": (SIZE + nla(3) + "000000", "nlattr at byte 12: 3 bytes left, 4 needed"),
    "zero-length": (SIZE + "0000 0300", "nlattr at byte 8: length 0 is below the header's 4"),
}


@pytest.mark.parametrize(("data", "value"), BITSETS.values(), ids=BITSETS)
def test_bitset(data: str, value: Bitset) -> None:
    """A bit set's bytes are decoded into exactly its row's names."""
    assert value == pull_bitset(Attribute(2, bytes.fromhex(data)), "x")


@pytest.mark.parametrize(("data", "text"), BROKEN_BITSETS.values(), ids=BROKEN_BITSETS)
def test_bitset_broken(data: str, text: str) -> None:
    """A bit set out of format is refused with its name and what is wrong."""
    with pytest.raises(WireError, match=f"^{re.escape(text)}$"):
        pull_bitset(Attribute(2, bytes.fromhex(data)), "x")


def _damage(data: bytes, changes: list[tuple[int, int]], cut: int, tail: bytes) -> bytes:
    damaged = bytearray(data)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    return bytes(damaged[: cut % len(damaged)] if cut else damaged) + tail


damaged_replies = st.sampled_from(sorted(REPLIES)).flatmap(
    lambda row: st.tuples(
        st.just(REPLIES[row][0]),
        st.builds(
            _damage,
            st.just(bytes.fromhex(REPLIES[row][1])),
            st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=3),
            st.one_of(st.just(0), st.integers(0, 2000)),
            st.binary(max_size=5),
        ),
    )
)
any_replies = st.tuples(st.sampled_from(sorted(PULLS)), st.binary(max_size=120))


@settings(
    max_examples=600, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.one_of(damaged_replies, any_replies))
def test_any_bytes(row: tuple[str, bytes]) -> None:
    """Any bytes behind the right command give a value or WireError, and nothing else."""
    what, data = row
    found, text = attempt(what, reply(what, data))

    assert text or isinstance(found, (Channels, Rings, Features, Rss, TimeStamping))
    assert (found, text) == attempt(what, reply(what, data))


@settings(max_examples=200, deadline=None, database=None)
@given(st.binary(max_size=40))
def test_any_payload(data: bytes) -> None:
    """Any payload at all gives a value or WireError, whatever was asked."""
    for what in PULLS:
        found, text = attempt(what, Message(21, 0, 1, 0, data))
        assert (found is None) == bool(text)


# The live kernel. The ioctl (include/uapi/linux/ethtool.h) is an independent way to the same facts.

ETHTOOL_GRINGPARAM = 0x10
ETHTOOL_GSTRINGS = 0x1B
ETHTOOL_GGRO = 0x2B
ETHTOOL_SGRO = 0x2C
ETHTOOL_GFEATURES = 0x3A
ETHTOOL_GCHANNELS = 0x3C
ETHTOOL_GET_TS_INFO = 0x41
ETHTOOL_GRSSH = 0x46
ETH_SS_FEATURES = 4
SIOCETHTOOL = 0x8946

SOF_TIMESTAMPING = (
    "hardware-transmit",
    "software-transmit",
    "hardware-receive",
    "software-receive",
    "software-system-clock",
    "hardware-legacy-clock",
    "hardware-raw-clock",
)


class Live:
    """One network interface, asked over netlink and by ioctl."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.name = name
        self.kernel = kernel
        self.client = Client(kernel.open(NETLINK_GENERIC))
        self.ifindex = kernel.within(lambda: socket.if_nametoindex(name))
        try:
            messages = self.client.ask(genl.getfamily(ethtool.FAMILY_NAME))
        except KernelError as error:
            if error.errno == errno.ENOENT:
                pytest.skip("this kernel has no ethtool family")
            raise
        self.family = genl.pull_family(messages[0])

    def ask(self, request: Request, pull: Callable[[Message], NamedTuple]) -> NamedTuple | int:
        """The kernel's answer as a value, or the errno of its refusal."""
        try:
            messages = self.client.ask(request)
        except KernelError as error:
            return error.errno
        assert 1 == len(messages)
        found = pull(messages[0])
        assert self.ifindex == found[0]
        return found

    def ioctl(self, command: int, size: int, *words: int) -> bytes | int:
        """The structure as the ethtool ioctl fills it, or the errno of its refusal."""
        data = array("B", bytes(size))
        pack_into(f"={1 + len(words)}I", data, 0, command, *words)
        address, _length = data.buffer_info()
        opened = self.kernel.within(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with opened as sock:
            try:
                fcntl.ioctl(sock, SIOCETHTOOL, pack("16sP", self.name.encode(), address))
            except OSError as error:
                return error.errno or 0
        return data.tobytes()

    def features(self) -> Features:
        """Over netlink; every device has features."""
        found = self.ask(ethtool.features_get(self.family, self.ifindex), ethtool.pull_features)
        assert isinstance(found, Features)
        return found


def ip(*arguments: str) -> str:
    """What ``ip`` prints."""
    return subprocess.run(("ip", *arguments), capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def veth() -> Iterator[Live]:
    """A veth of three receive and two transmit queues, in a namespace that is always removed."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and iproute2")
    name = f"xdpc-{os.getpid()}-{time.monotonic_ns()}"
    ip("netns", "add", name)
    try:
        queues = ("numrxqueues", "3", "numtxqueues", "2")
        ip("-n", name, "link", "add", "v0", *queues, "type", "veth", "peer", "name", "v1")
        with Kernel(name) as kernel:
            yield Live(kernel, "v0")
    finally:
        ip("netns", "delete", name)


@pytest.fixture(scope="module")
def host() -> Iterator[Live]:
    """The host's NIC, only ever read: eth0, else the first interface that is not the loopback."""
    names = [name for _index, name in socket.if_nameindex()]
    others = [name for name in names if name != "lo"] or names
    with Kernel() as kernel:
        yield Live(kernel, "eth0" if "eth0" in names else others[0])


@pytest.fixture(params=["host", "loopback", "veth"])
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """Each interface in turn."""
    if request.param == "loopback":
        with Kernel() as kernel:
            yield Live(kernel, "lo")
    else:
        yield request.getfixturevalue(request.param)


def test_live_family(host: Live) -> None:
    """The kernel's family is the one written for, and can do what is asked of it."""
    assert ethtool.VERSION == host.family.version
    for command in set(ethtool.Command) - {ethtool.Command.RSS_GET}:  # younger than the others
        assert host.family.can(command)


def test_live_channels(live: Live) -> None:
    """Channels are those of ETHTOOL_GCHANNELS, or refused with the same errno."""
    found = live.ask(ethtool.channels_get(live.family, live.ifindex), ethtool.pull_channels)
    truth = live.ioctl(ETHTOOL_GCHANNELS, 36)
    if isinstance(truth, bytes):
        assert isinstance(found, Channels)
        assert unpack_from("=8I", truth, 4) == tuple(number or 0 for number in found[1:9])
        assert () == found.unknown
    else:
        assert truth == found


def test_live_channels_of_veth(veth: Live) -> None:
    """A veth has the numbers of queues that it was made with."""
    found = veth.ask(ethtool.channels_get(veth.family, veth.ifindex), ethtool.pull_channels)

    assert isinstance(found, Channels)
    assert (3, 2, None, None) == found[1:5]


def test_live_channels_in_sysfs(host: Live) -> None:
    """The host's NIC has as many queues in sysfs as it has channels."""
    found = host.ask(ethtool.channels_get(host.family, host.ifindex), ethtool.pull_channels)
    queues = os.listdir(f"/sys/class/net/{host.name}/queues")
    if isinstance(found, Channels):
        receive = (found.rx or 0) + (found.combined or 0)
        assert receive == sum(queue.startswith("rx-") for queue in queues)
    else:
        assert errno.EOPNOTSUPP == found


def test_live_rings(live: Live) -> None:
    """Rings are those of ETHTOOL_GRINGPARAM, or refused with the same errno."""
    found = live.ask(ethtool.rings_get(live.family, live.ifindex), ethtool.pull_rings)
    truth = live.ioctl(ETHTOOL_GRINGPARAM, 36)
    if isinstance(truth, bytes):
        assert isinstance(found, Rings)
        assert unpack_from("=8I", truth, 4) == tuple(number or 0 for number in found[1:9])
    else:
        assert truth == found


def test_live_features(live: Live) -> None:
    """Features are those of ETHTOOL_GFEATURES, by the names of ETHTOOL_GSTRINGS."""
    found = live.features()
    truth = live.ioctl(ETHTOOL_GFEATURES, 8 + 16 * 8, 8)
    strings = live.ioctl(ETHTOOL_GSTRINGS, 12 + 32 * 256, ETH_SS_FEATURES)
    assert isinstance(truth, bytes)
    assert isinstance(strings, bytes)
    (count,) = unpack_from("=I", strings, 8)
    names = [strings[12 + 32 * n :][:32].split(b"\0")[0].decode() for n in range(count)]
    columns: list[set[str]] = [set(), set(), set(), set()]
    for number, name in enumerate(names):
        block = unpack_from("=4I", truth, 8 + 16 * (number // 32))
        for column, word in zip(columns, block, strict=True):
            if word >> number % 32 & 1:
                column.add(name or f"bit-{number}")

    assert columns == [found.hw, found.wanted, found.active, found.nochange]
    assert {name for name in names if name} == found.known
    assert () == found.unknown


def test_live_feature_changed(veth: Live) -> None:
    """A feature that is switched shows as wanted and active, or as neither."""
    value = veth.ioctl(ETHTOOL_GGRO, 8)
    assert isinstance(value, bytes)
    before = unpack_from("=I", value, 4)[0]
    for wanted in (1 - before, before):
        assert isinstance(veth.ioctl(ETHTOOL_SGRO, 8, wanted), bytes)
        found = veth.features()
        assert bool(wanted) == ("rx-gro" in found.wanted) == ("rx-gro" in found.active)
        assert "rx-gro" in found.hw - found.fixed


def test_live_rss(live: Live) -> None:
    """The hash is that of ETHTOOL_GRSSH, or refused with the same errno."""
    if not live.family.can(ethtool.Command.RSS_GET):
        assert errno.EOPNOTSUPP == live.ask(ethtool.rss_get(live.family, live.ifindex), _never)
        return
    found = live.ask(ethtool.rss_get(live.family, live.ifindex), ethtool.pull_rss)
    sizes = live.ioctl(ETHTOOL_GRSSH, 24)
    if not isinstance(sizes, bytes):
        assert sizes == found
        return
    assert isinstance(found, Rss)
    table, key = unpack_from("=2I", sizes, 8)
    truth = live.ioctl(ETHTOOL_GRSSH, 24 + 4 * table + key, 0, table, key)
    assert isinstance(truth, bytes)
    assert truth[16] == (found.hash_function or 0)
    assert unpack_from(f"={table}I", truth, 24) == (found.indirection or ())
    assert truth[24 + 4 * table :] == (found.key or b"")


def _never(message: Message) -> NamedTuple:
    raise AssertionError(message)


def test_live_tsinfo(live: Live) -> None:
    """Time stamping is that of ETHTOOL_GET_TS_INFO."""
    found = live.ask(ethtool.tsinfo_get(live.family, live.ifindex), ethtool.pull_tsinfo)
    truth = live.ioctl(ETHTOOL_GET_TS_INFO, 44)
    assert isinstance(found, TimeStamping)
    assert isinstance(truth, bytes)
    flags, phc = unpack_from("=Ii", truth, 4)
    tx_types = unpack_from("=I", truth, 12)[0]
    rx_filters = unpack_from("=I", truth, 28)[0]
    names = {name for n, name in enumerate(SOF_TIMESTAMPING) if flags >> n & 1}

    assert names == (found.timestamping or frozenset()) & {*SOF_TIMESTAMPING}
    assert flags.bit_count() == len(found.timestamping or ())
    assert tx_types.bit_count() == len(found.tx_types or ())
    assert rx_filters.bit_count() == len(found.rx_filters or ())
    assert phc == (-1 if found.phc_index is None else found.phc_index)


@pytest.mark.parametrize("what", PULLS)
def test_live_no_such_device(host: Live, what: str) -> None:
    """An ifindex that does not exist is refused, and the error names request and attribute."""
    if what == "rss" and not host.family.can(ethtool.Command.RSS_GET):
        pytest.skip("this kernel's ethtool family has no rss-get")
    request = getattr(ethtool, f"{what}_get")(host.family, 0x7FFFFFFF)

    with pytest.raises(KernelError) as caught:
        host.client.ask(request)
    assert (
        f"ethtool {what}-get: the kernel said ENODEV (No such device): no device matches ifindex;"
        " it points at the request's header"
    ) == str(caught.value)


def test_live_against_pyroute2(host: Live) -> None:
    """Another reader sees the same rings, channels and features of the host's NIC."""
    rings = host.ask(ethtool.rings_get(host.family, host.ifindex), ethtool.pull_rings)
    channels = host.ask(ethtool.channels_get(host.family, host.ifindex), ethtool.pull_channels)
    features = host.features()

    with Ethtool() as other:
        if isinstance(rings, Rings):
            assert other.get_rings(host.name) == rings[1:16]
        if isinstance(channels, Channels):
            assert other.get_channels(host.name) == tuple(n or 0 for n in channels[1:9])
        named = {name: f for name, f in other.get_features(host.name).features.items() if name}
    assert {name for name, f in named.items() if f.enable} == features.active & features.known
    assert {name for name, f in named.items() if f.available} == features.hw & features.known
