# SPDX-License-Identifier: MIT

"""The netdev family and nlctrl: requests and replies byte for byte, and the numbers' names."""

from __future__ import annotations

import json
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

import pytest

from xdpconform.errors import WireError
from xdpconform.netlink import genl, netdev
from xdpconform.netlink.genl import Family
from xdpconform.netlink.netdev import (
    Capabilities,
    Device,
    Queue,
    QueueType,
    XdpAct,
    XdpRxMetadata,
    XskFlags,
    ZeroCopy,
)
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import Attribute, Message

FACTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "netdev_family.json").read_text()
)
FAMILY = Family(20, "netdev", 1, {1: 0xE, 10: 0xE, 14: 0xB}, {"mgmt": 5, "page-pool": 6})

REQUESTS: dict[str, tuple[Request, int, int, str]] = {
    "getfamily": (
        genl.getfamily("netdev"),
        16,
        0,
        "03020000 0b00 0200 6e657464657600 00",
    ),
    "dev-get": (netdev.dev_get(FAMILY, 2), 20, 0, "01010000 0800 0100 02000000"),
    "dev-get-dump": (netdev.dev_get_dump(FAMILY), 20, 0x300, "01010000"),
    "queue-get": (
        netdev.queue_get(FAMILY, 2, QueueType.TX, 3),
        20,
        0,
        "0a010000 0800 0200 02000000 0800 0300 01000000 0800 0100 03000000",
    ),
    "queue-get-dump": (
        netdev.queue_get_dump(FAMILY, 2),
        20,
        0x300,
        "0a010000 0800 0200 02000000",
    ),
}


@pytest.mark.parametrize(("request_", "kind", "flags", "data"), REQUESTS.values(), ids=REQUESTS)
def test_request(request_: Request, kind: int, flags: int, data: str) -> None:
    """A request has the type, flags and bytes that the kernel's specification asks for."""
    assert (kind, flags, 4) == (request_.type, request_.flags, request_.header)
    assert bytes.fromhex(data) == request_.payload


def message(data: str) -> Message:
    """A message of the family with the payload given in hex."""
    return Message(20, 0, 1, 2, bytes.fromhex(data))


def none() -> Capabilities:
    """Of a message that has no capabilities."""
    return Capabilities(None, None, None, None)


VIRTIO = Capabilities(XdpAct(0x2B), XdpRxMetadata(2), XskFlags(0), 17)
IFINDEX = "0800 0100 02000000"
FEATURES = "0c00 0300 2b00000000000000"
RX_METADATA = "0c00 0500 0200000000000000"
XSK = "0c00 0600 0000000000000000"
SEGMENTS = "0800 0400 11000000"
PAD = "0400 0200"

# name: genlmsghdr and attributes, the device
DEVICES: dict[str, tuple[str, Device]] = {
    "as-the-kernel-sends": (
        "01010000" + IFINDEX + FEATURES + RX_METADATA + XSK + SEGMENTS,
        Device(2, VIRTIO),
    ),
    "padded-for-alignment": (
        "01010000" + IFINDEX + PAD + FEATURES + PAD + RX_METADATA + PAD + XSK + SEGMENTS,
        Device(2, VIRTIO),
    ),
    "pad-first": (
        "01010000" + PAD + IFINDEX + FEATURES,
        Device(2, none()._replace(features=XdpAct(43))),
    ),
    "another-order": (
        "01010000" + SEGMENTS + XSK + RX_METADATA + FEATURES + IFINDEX,
        Device(2, VIRTIO),
    ),
    "added": ("02010000" + IFINDEX + FEATURES, Device(2, none()._replace(features=XdpAct(43)))),
    "deleted": ("03010000" + IFINDEX, Device(2, none())),
    "changed": ("04010000" + IFINDEX + XSK, Device(2, none()._replace(xsk=XskFlags(0)))),
    "empty": ("01010000", Device(None, none())),
    "another-version": ("01ff0000" + IFINDEX, Device(2, none())),
    "flag-bits": (
        "01010000 0800 0140 02000000 0c00 0380 2b00000000000000",
        Device(2, none()._replace(features=XdpAct(43))),
    ),
    "unknown-attribute": (
        "01010000" + IFINDEX + "0500 0900 07 000000" + FEATURES,
        Device(2, none()._replace(features=XdpAct(43), unknown=(Attribute(9, b"\7"),))),
    ),
    "repeated": (
        "01010000" + IFINDEX + FEATURES + "0c00 0300 0000000000000000 0800 0100 03000000",
        Device(
            2,
            none()._replace(
                features=XdpAct(43), unknown=(Attribute(3, bytes(8)), Attribute(1, b"\3\0\0\0"))
            ),
        ),
    ),
    "repeated-not-first": (
        "01010000" + PAD + IFINDEX + "0800 0100 03000000",
        Device(2, none()._replace(unknown=(Attribute(1, b"\3\0\0\0"),))),
    ),
    "unknown-bits": (
        "01010000" + IFINDEX + "0c00 0300 0100000000000080",
        Device(2, none()._replace(features=XdpAct(0x8000000000000001))),
    ),
}
device_rows = pytest.mark.parametrize(("data", "expected"), DEVICES.values(), ids=DEVICES)


@device_rows
def test_pull_device(data: str, expected: Device) -> None:
    """A device is read in any order, and what is absent, unknown or repeated stays visible."""
    found = netdev.pull_device(message(data))

    assert expected == found
    for value, kind in zip(found.capabilities, (XdpAct, XdpRxMetadata, XskFlags), strict=False):
        assert value is None or kind is type(value)


@device_rows
def test_pull_device_cut(data: str, expected: Device) -> None:
    """Cut at any byte, a device loses whole attributes or is refused; no value is half read."""
    whole = bytes.fromhex(data)
    for cut in range(len(whole)):
        try:
            device = netdev.pull_device(Message(20, 0, 1, 2, whole[:cut]))
        except WireError:
            continue
        assert device.ifindex in (None, expected.ifindex)
        for found, whole_value in zip(
            device.capabilities[:4], expected.capabilities[:4], strict=True
        ):
            assert found in (None, whole_value)


@device_rows
@pytest.mark.parametrize("extra", [1, 2, 3])
def test_pull_device_trailing(data: str, expected: Device, extra: int) -> None:
    """Bytes after the last attribute of a device are an error."""
    whole = bytes.fromhex(data)

    assert expected == netdev.pull_device(Message(20, 0, 1, 2, whole))
    with pytest.raises(WireError, match=rf"^nlattr at byte \d+: {extra} bytes left, 4 needed$"):
        netdev.pull_device(Message(20, 0, 1, 2, whole + bytes(extra)))


@pytest.mark.parametrize("first", [IFINDEX, SEGMENTS])
def test_pull_device_says_where(first: str) -> None:
    """The place that an error names counts from the payload's start, in whatever order it came."""
    expected = r"^nlattr at byte 12: length 3 is below the header's 4$"

    with pytest.raises(WireError, match=expected):
        netdev.pull_device(message("01010000" + first + "0300 0300 00000000"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("010100", "genlmsghdr: 3 bytes, 4 needed"),
        ("05010000", "netdev: command 5 in place of dev-get or its notifications"),
        ("0a010000" + IFINDEX, "netdev: command 10 in place of dev-get or its notifications"),
        ("01010000 0600 0100 0100 0000", "attribute ifindex: 2 bytes, a 32-bit number needed"),
        (
            "01010000" + IFINDEX + "0800 0300 2b000000",
            "attribute xdp-features: 4 bytes, a 64-bit number needed",
        ),
        (
            "01010000" + IFINDEX + "0400 0500",
            "attribute xdp-rx-metadata-features: 0 bytes, a 64-bit number needed",
        ),
        (
            "01010000" + IFINDEX + "0500 0600 01 000000",
            "attribute xsk-features: 1 bytes, a 64-bit number needed",
        ),
        (
            "01010000" + IFINDEX + "0c00 0400 1100000000000000",
            "attribute xdp-zc-max-segs: 8 bytes, a 32-bit number needed",
        ),
    ],
)
def test_pull_device_refuses(data: str, expected: str) -> None:
    """Another command or a number of the wrong width is refused by name."""
    with pytest.raises(WireError, match=f"^{expected}$"):
        netdev.pull_device(message(data))


QUEUES: dict[str, tuple[str, Queue]] = {
    "down": (
        "0a010000 0800 0100 01000000 0800 0300 00000000 0800 0200 02000000",
        Queue(2, 0, 1),
    ),
    "napi": (
        "0a010000 0800 0100 00000000 0800 0300 01000000 0800 0200 02000000 0800 0400 01200000",
        Queue(2, 1, 0, 8193),
    ),
    "xsk": (
        "0a010000 0800 0100 00000000 0800 0300 00000000 0800 0200 02000000 0400 0780",
        Queue(2, 0, 0, None, xsk=True),
    ),
    "unknown-type-and-attributes": (
        (
            "0a010000 0800 0100 00000000 0800 0300 07000000 0800 0200 02000000 0800 0880 04000100"
            "0800 6300 00000000"
        ),
        Queue(2, 7, 0, unknown=(Attribute(99, bytes(4)),)),
    ),
}


@pytest.mark.parametrize(("data", "expected"), QUEUES.values(), ids=QUEUES)
def test_pull_queue(data: str, expected: Queue) -> None:
    """A queue is read with what is there, and an empty xsk nest counts."""
    assert expected == netdev.pull_queue(message(data))


@pytest.mark.parametrize(("data", "expected"), QUEUES.values(), ids=QUEUES)
def test_pull_queue_cut_and_trailing(data: str, expected: Queue) -> None:
    """Cut at any byte or followed by others, a queue keeps its numbers or is refused."""
    whole = bytes.fromhex(data)
    for cut in range(len(whole)):
        try:
            queue = netdev.pull_queue(Message(20, 0, 1, 2, whole[:cut]))
        except WireError:
            continue
        assert expected[:3] == queue[:3]
    for extra in (1, 2, 3):
        with pytest.raises(WireError, match=f": {extra} bytes left, 4 needed$"):
            netdev.pull_queue(Message(20, 0, 1, 2, whole + bytes(extra)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("01010000" + IFINDEX, "netdev: command 1 in place of queue-get"),
        ("0a010000", "netdev queue-get: a reply without ifindex"),
        ("0a010000 0800 0200 02000000", "netdev queue-get: a reply without type"),
        (
            "0a010000 0800 0200 02000000 0800 0300 00000000",
            "netdev queue-get: a reply without id",
        ),
        (
            "0a010000 0c00 0400 0120000000000000",
            "attribute napi-id: 8 bytes, a 32-bit number needed",
        ),
    ],
)
def test_pull_queue_refuses(data: str, expected: str) -> None:
    """Another command, a missing number or one of the wrong width is refused by name."""
    with pytest.raises(WireError, match=f"^{expected}$"):
        netdev.pull_queue(message(data))


# CTRL_CMD_NEWFAMILY
FAMILY_HEX = (
    "01020000 0b00 0200 6e657464657600 00 0600 0100 1400 0000 0800 0300 01000000"
    "0800 0400 00000000 0800 0500 00000000"
    "4000 0680"
    " 1400 0100 0800 0100 01000000 0800 0200 0e000000"
    " 1400 0280 0800 0100 0a000000 0800 0200 0e000000"
    " 1400 0380 0800 0100 0e000000 0800 0200 0b000000"
    "3800 0780"
    " 1800 0180 0800 0200 05000000 0900 0100 6d676d7400 000000"
    " 1c00 0200 0800 0200 06000000 0e00 0100 706167652d706f6f6c00 0000"
)


def test_pull_family() -> None:
    """A family is read with its operations and groups, nested flag or not."""
    assert FAMILY == genl.pull_family(message(FAMILY_HEX))


def test_pull_family_cut() -> None:
    """Cut at any byte, a family is refused or lacks whole operations and groups."""
    whole = bytes.fromhex(FAMILY_HEX)
    complete = 0
    for cut in range(len(whole)):
        try:
            family = genl.pull_family(Message(16, 0, 1, 2, whole[:cut]))
        except WireError:
            continue
        complete += 1
        assert FAMILY[:3] == family[:3]
        assert family.operations in ({}, FAMILY.operations)
        assert {} == family.groups

    assert 4 == complete  # behind version, hdrsize, maxattr and ops
    for extra in (1, 2, 3):
        with pytest.raises(WireError, match=f": {extra} bytes left, 4 needed$"):
            genl.pull_family(Message(16, 0, 1, 2, whole + bytes(extra)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0102", "genlmsghdr: 2 bytes, 4 needed"),
        ("02020000", "nlctrl: command 2 in place of newfamily"),
        ("01020000", "nlctrl: a family without id, name or version"),
        (
            "01020000 0b00 0200 6e657464657600 00 0600 0100 1400 0000",
            "nlctrl: a family without id, name or version",
        ),
        ("01020000 0800 0100 14000000", "attribute family-id: 4 bytes, a 16-bit number needed"),
        (
            "01020000 1500 0200" + 17 * "61" + "000000",
            "attribute family-name: a string of 17 bytes, 16 at most",
        ),
        ("01020000 0800 0680 03000100", "nlattr at byte 0: length 3 is below the header's 4"),
    ],
)
def test_pull_family_refuses(data: str, expected: str) -> None:
    """A family out of format, or without what every family has, is refused."""
    with pytest.raises(WireError, match=f"^{expected}$"):
        genl.pull_family(message(data))


def test_family_can() -> None:
    """What a kernel can do is in the operation's flags, and is nothing if it is not listed."""
    answers = [
        FAMILY.can(1),
        FAMILY.can(1, genl.GENL_CMD_CAP_DUMP),
        FAMILY.can(14),
        FAMILY.can(14, genl.GENL_CMD_CAP_DUMP),
        FAMILY.can(16),
    ]

    assert [True, True, True, False, False] == answers


@pytest.mark.parametrize(
    ("enum", "facts"),
    [
        (XdpAct, FACTS["enums"]["xdp-act"]),
        (XdpRxMetadata, FACTS["enums"]["xdp-rx-metadata"]),
        (XskFlags, FACTS["enums"]["xsk-flags"]),
        (QueueType, FACTS["enums"]["queue-type"]),
        (netdev.DevAttr, FACTS["attributes"]["dev"]),
        (netdev.QueueAttr, FACTS["attributes"]["queue"]),
    ],
)
def test_numbers(enum: type[IntFlag | IntEnum], facts: dict[str, int]) -> None:
    """Names and numbers are those of the kernel's specification, with none missing."""
    assert facts == {netdev.flag_name(member): member.value for member in enum}  # type: ignore[arg-type]


def test_commands() -> None:
    """Each operation that is used has the specification's number."""
    found = {netdev.flag_name(command): command.value for command in netdev.Command}  # type: ignore[arg-type]

    assert {name: FACTS["operations"][name] for name in found} == found


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (XdpAct(0), ()),
        (XdpAct(0x7F), tuple(FACTS["enums"]["xdp-act"])),
        (XdpAct(0x81), ("basic", "bit-7")),
        (XdpAct(1 << 63), ("bit-63",)),
        (XdpRxMetadata(0xF), ("timestamp", "hash", "vlan-tag", "bit-3")),
        (
            XskFlags(0x1F),
            ("tx-timestamp", "tx-checksum", "tx-launch-time-fifo", "bit-3", "bit-4"),
        ),
    ],
)
def test_flag_names(flags: IntFlag, expected: tuple[str, ...]) -> None:
    """Flags are named as in the specification, lowest first, and an unknown bit as bit-N."""
    assert expected == netdev.flag_names(flags)


@pytest.mark.parametrize("flags", [XdpAct, XdpRxMetadata, XskFlags])
@pytest.mark.parametrize("value", [0x80, 0xFFFFFFFFFFFFFFFF, 1 << 63 | 1])
def test_unknown_bits_survive(flags: type[IntFlag], value: int) -> None:
    """Bits that have no name are kept."""
    assert value == int(flags(value))
    assert value.bit_count() == len(netdev.flag_names(flags(value)))


ZERO_COPY: dict[str, tuple[dict[str, Any], ZeroCopy, str]] = {
    "absent": ({}, ZeroCopy(available=False, segments=0), "unavailable"),
    "no-flag": ({"features": XdpAct(0x77)}, ZeroCopy(available=False, segments=0), "unavailable"),
    "segments-alone": (
        {"features": XdpAct(0x77), "zc_max_segs": 17},
        ZeroCopy(available=False, segments=0),
        "unavailable",
    ),
    "flag-alone": (  # kernels 6.3 to 6.5
        {"features": XdpAct(8)},
        ZeroCopy(available=True, segments=1),
        "available",
    ),
    "single": (
        {"features": XdpAct(8), "zc_max_segs": 1},
        ZeroCopy(available=True, segments=1),
        "available",
    ),
    "several": (
        {"features": XdpAct(8), "zc_max_segs": 17},
        ZeroCopy(available=True, segments=17),
        "multi-buffer(17)",
    ),
}


@pytest.mark.parametrize(("fields", "expected", "text"), ZERO_COPY.values(), ids=ZERO_COPY)
def test_zero_copy(fields: dict[str, Any], expected: ZeroCopy, text: str) -> None:
    """Zero copy is decided by its flag; the segments only say how many."""
    found = none()._replace(**fields).zero_copy

    assert expected == found
    assert text == str(found)


def test_names_of_all_sets() -> None:
    """The names of a device are those of all three sets, and none of a set that was not sent."""
    device = Capabilities(XdpAct(9), XdpRxMetadata(2), None, 1)

    assert ("basic", "xsk-zerocopy", "hash") == device.names()
