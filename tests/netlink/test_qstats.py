# SPDX-License-Identifier: MIT
"""qstats-get: requests and replies byte for byte, cut, and any bytes."""

from __future__ import annotations

import re
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import strategies as own
from xdpconform.errors import WireError
from xdpconform.netlink.constants import NLM_F_DUMP
from xdpconform.netlink.genl import Family
from xdpconform.netlink.qstats import (
    COUNT_NAMES,
    HEAD_NAMES,
    QueueStats,
    pull_qstats,
    qstats_get,
)
from xdpconform.netlink.wire import Attribute, Message

FAMILY = Family(20, "netdev", 1, {12: 0xC}, {})
IFINDEX = "0800 0100 02000000"


def reply(data: str | bytes, command: int = 12) -> Message:
    """A reply with the attributes given."""
    body = bytes.fromhex(data) if isinstance(data, str) else data
    return Message(20, 0, 1, 0, pack("=BBH", command, 1, 0) + body)


def attempt(message: Message) -> tuple[QueueStats | None, str]:
    """The value, or the text of the WireError."""
    try:
        return pull_qstats(message), ""
    except WireError as error:
        return None, str(error)


REPLIES: dict[str, tuple[str, QueueStats]] = {
    "of-a-nic": (
        IFINDEX + "0800 0800 05000000 0c00 0900 0000000001000000 0800 0a00 00000000",
        QueueStats(
            2, counts={"rx-packets": 5, "rx-bytes": 1 << 32, "tx-packets": 0}
        ),
    ),
    "of-a-queue": (
        IFINDEX + "0800 0300 07000000 0800 0200 01000000 0800 2200 09000000",
        QueueStats(2, 1, 7, {"tx-wake": 9}),
    ),
    "of-nothing": (IFINDEX, QueueStats(2)),
}  # fmt: skip

rows = pytest.mark.parametrize(("data", "value"), REPLIES.values(), ids=REPLIES)


def test_names() -> None:
    """Each number has netdev.yaml's name, and none is missing."""
    expected = {
        8: "rx-packets",
        11: "tx-bytes",
        13: "rx-hw-drops",
        18: "rx-csum-bad",
        23: "rx-hw-drop-ratelimits",
        24: "tx-hw-drops",
        27: "tx-needs-csum",
        32: "tx-hw-drop-ratelimits",
        34: "tx-wake",
    }

    assert expected == {kind: COUNT_NAMES[kind] for kind in expected}
    assert [*range(1, 5), *range(8, 35)] == sorted(HEAD_NAMES | COUNT_NAMES)


@pytest.mark.parametrize(
    ("by_queue", "data"),
    [(False, "0c 01 0000" + IFINDEX), (True, "0c 01 0000" + IFINDEX + "0800 0400 01000000")],
    ids=["whole", "by-queue"],
)
def test_request(by_queue: bool, data: str) -> None:
    """A request is a dump of exactly its row's bytes."""
    request = qstats_get(FAMILY, 2, by_queue=by_queue)

    assert ("netdev qstats-get dump", 20, bytes.fromhex(data), NLM_F_DUMP) == request[:4]
    assert "ifindex" == request.names[1]


@rows
def test_pull_whole(data: str, value: QueueStats) -> None:
    """A row's bytes are decoded into exactly its value."""
    assert value == pull_qstats(reply(data))


@rows
def test_pull_cut(data: str, value: QueueStats) -> None:
    """Cut at any byte, what is left is right, or the cut is named."""
    whole = reply(data).payload
    for cut in range(len(whole)):
        found, text = attempt(Message(20, 0, 1, 0, whole[:cut]))
        if found is None:
            assert re.match(r"nlattr at byte|genlmsghdr: |netdev qstats-get: a rep", text)
        else:
            assert found.counts.items() <= value.counts.items()
            assert all(part in (None, full) for part, full in zip(found[:3], value, strict=False))


@rows
def test_pull_unknown(data: str, value: QueueStats) -> None:
    """Unknown, request-only and repeated attributes change nothing, and are kept."""
    found = pull_qstats(reply("0500 e703 01 000000 0800 0400 01000000" + data + IFINDEX))

    expected = (Attribute(999, b"\1"), Attribute(4, b"\1\0\0\0"), Attribute(1, b"\2\0\0\0"))
    assert value._replace(unknown=expected) == found


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", "netdev qstats-get: a reply without ifindex"),
        ("0600 0100 0200 0000", "attribute ifindex: 2 bytes, a 32-bit number needed"),
        (IFINDEX + "0c00 0300" + 8 * "00", "attribute queue-id: 8 bytes, a 32-bit number needed"),
        (
            IFINDEX + "0600 0b00 0200 0000",
            "attribute tx-bytes: 2 bytes, a 32 or 64-bit number needed",
        ),
        (IFINDEX + "000000", "nlattr at byte 12: 3 bytes left, 4 needed"),
    ],
    ids=["no-ifindex", "ifindex", "queue-id", "count", "trailing"],
)
def test_broken(data: str, text: str) -> None:
    """A reply out of format is refused by name."""
    with pytest.raises(WireError, match=f"^{text}$"):
        pull_qstats(reply(data))


@pytest.mark.parametrize("command", [0, 10, 13])
def test_another_command(command: int) -> None:
    """Another command's message is refused with its number."""
    with pytest.raises(WireError, match=f"^netdev: command {command} in place of qstats-get$"):
        pull_qstats(reply(IFINDEX, command))


@settings(
    max_examples=300, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    st.one_of(
        st.binary(max_size=120),
        own.plausible_attributes,
        own.damaged(st.sampled_from([bytes.fromhex(data) for data, _value in REPLIES.values()])),
    )
)
def test_any_bytes(data: bytes) -> None:
    """Any bytes give counts by known names, or a WireError."""
    found, text = attempt(reply(data))

    assert (found is None) == bool(text)
    if found is not None:
        assert set(found.counts) <= set(COUNT_NAMES.values())
        assert all(0 <= count < 1 << 64 for count in found.counts.values())
