# SPDX-License-Identifier: MIT
"""Bytes as a tree of fields: the kernel's names, every byte in one leaf, and never an error."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.describe import MOST, Field, describe, leaves
from xdpconform.netlink.wire import Message, push_attribute, push_message, push_u32

RECORDINGS = Path(__file__).parents[2] / "recordings"
NETDEV = 0x14
FAMILIES = {NETDEV: "netdev"}
GET = push_message(
    Message(NETDEV, 1, 3, 0, b"\x01\x01\x00\x00" + push_u32(1, 3))  # dev-get of ifindex 3
)
REPLY = bytes.fromhex(
    "48000000140000000400000097630000010100000800010003000000"
    "0c00030023000000000000000c00050007000000000000000c0006000000000000000000"
    "0800040011000000"
)
REFUSED = bytes.fromhex(
    "6c00000002000003070000000e480000deffffff1c00000014000100070000000e480000"
    "19000100696e7465676572206f7574206f662072616e67650000000008000200140000002400"
    "04800c00040001000000000000000c000500ffffffff000000000800010004000000"
)
FAMILY = bytes.fromhex(
    "5800000010000000030000000e480000"
    "010200000b0002006e6574646576000006000100140000001800060014000100080001000a000000"
    "080002000e0000001c000700180001000800020004000000090001006d676d7400000000"
)
FAMILY = len(FAMILY).to_bytes(4, "little") + FAMILY[4:]


def told(fields: tuple[Field, ...]) -> dict[str, str]:
    """What the leaves say, by name; of a name that comes again the first."""
    found: dict[str, str] = {}
    for leaf in leaves(fields):
        found.setdefault(leaf.name, leaf.problem or leaf.value)
    return found


def test_request() -> None:
    """A request is told by the kernel's names, each field with its offset and bytes."""
    fields = describe(GET, FAMILIES)

    assert [
        (0, "nlmsg_len", "28", GET[:4]),
        (4, "nlmsg_type", "0x14 netdev", GET[4:6]),
        (6, "nlmsg_flags", "0x1 NLM_F_REQUEST", GET[6:8]),
        (8, "nlmsg_seq", "3", GET[8:12]),
        (12, "nlmsg_pid", "0", GET[12:16]),
        (16, "cmd", "dev-get", GET[16:17]),
        (17, "version", "1", GET[17:18]),
        (18, "reserved", "0", GET[18:20]),
        (20, "ifindex", "3", GET[20:28]),
    ] == [(one.offset, one.name, one.value, one.data) for one in leaves(fields)]
    assert ["message"] == [one.name for one in fields]
    assert "netdev: dev-get" == fields[0].value


def test_reply() -> None:
    """Flags have netdev.yaml's names beside their number; a number stands as it is."""
    found = told(describe(REPLY, FAMILIES))

    assert "0x23 basic redirect rx-sg" == found["xdp-features"]
    assert "0x7 timestamp hash vlan-tag" == found["xdp-rx-metadata-features"]
    assert "0x0 none" == found["xsk-features"]
    assert "17" == found["xdp-zc-max-segs"]


def test_refusal() -> None:
    """A refusal has the errno's name, the request's header, the kernel's words and its policy."""
    fields = describe(REFUSED, FAMILIES)
    found = told(fields)

    assert "NLMSG_ERROR: -34 ERANGE" == fields[0].value
    assert "0x300 NLM_F_CAPPED NLM_F_ACK_TLVS" == found["nlmsg_flags"]
    assert "-34 ERANGE" == found["error"]
    assert "integer out of range" == found["NLMSGERR_ATTR_MSG"]
    assert "20" == found["NLMSGERR_ATTR_OFFS"]
    assert "nest NLA_F_NESTED" == found["nlattr"]
    assert "4294967295" == found["NL_POLICY_TYPE_ATTR_MAX_VALUE_U"]
    assert "msg" in [part.name for part in fields[0].parts]


def test_family() -> None:
    """nlctrl's reply: operations and groups by index, with what is in each."""
    fields = describe(FAMILY)
    found = told(fields)

    assert "nlctrl: CTRL_CMD_NEWFAMILY" == fields[0].value
    assert "netdev" == found["CTRL_ATTR_FAMILY_NAME"]
    assert (
        "0xe GENL_CMD_CAP_DO GENL_CMD_CAP_DUMP GENL_CMD_CAP_HASPOL" == found["CTRL_ATTR_OP_FLAGS"]
    )
    assert "mgmt" == found["CTRL_ATTR_MCAST_GRP_NAME"]
    names = [one.name for part in fields[0].parts for one in part.parts]
    assert "operation 1" in names
    assert "group 1" in names


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (GET[:10], "bytes", "10 bytes left, a header has 16"),
        (b"\x08" + GET[1:], "nlmsg_len", "below the header's 16 bytes"),
        (b"\xff" + GET[1:], "nlmsg_len", "beyond the 28 bytes there are"),
        (b"\x12" + GET[1:18], "bytes", "2 bytes left, genlmsghdr has 4"),
        (GET[:20] + b"\x03" + GET[21:], "ifindex", "nla_len 3 is below 4, 8 bytes left"),
        (GET[:20] + b"\x09" + GET[21:], "ifindex", "nla_len 9 is beyond the end, 8 bytes left"),
        (
            push_message(Message(NETDEV, 1, 3, 0, GET[16:20] + push_attribute(1, b"\x03\x00"))),
            "ifindex",
            "2 bytes, not a 32-bit number",
        ),
        (
            push_message(Message(NETDEV, 1, 3, 0, GET[16:28] + b"\x01\x02")),
            "bytes",
            "2 bytes left, an attribute's header has 4",
        ),
        (REFUSED[:19] + b"\x01" + REFUSED[20:], "error", "neither 0 nor a negative errno"),
        (b"\x12" + REFUSED[1:18], "bytes", "2 bytes left, an errno has 4"),
        (b"\x16" + REFUSED[1:22], "bytes", "2 bytes left, the request's header has 16"),
        (
            REFUSED[:7] + b"\x02" + REFUSED[8:20] + b"\xff" + REFUSED[21:],
            "nlmsg_len",
            "does not fit the 88 bytes there are",
        ),
        (FAMILY[:31] + b"\x01" + FAMILY[32:], "padding", "not zero"),
    ],
)
def test_malformed(data: bytes, name: str, says: str) -> None:
    """What is wrong is said of the field that is wrong."""
    fields = list(leaves(describe(data, FAMILIES)))

    assert (name, says) in [(one.name, one.problem) for one in fields]


@pytest.mark.parametrize("data", [GET, REPLY, REFUSED, FAMILY], ids=["get", "reply", "err", "ctrl"])
def test_whole_and_cut(data: bytes) -> None:
    """Whole it has no problem; cut anywhere it has one, and no byte is lost."""
    assert [] == [one for one in leaves(describe(data, FAMILIES)) if one.problem]

    for length in range(1, len(data)):
        fields = list(leaves(describe(data[:length], FAMILIES)))

        assert data[:length] == b"".join(one.data for one in fields)
        assert any(one.problem for one in fields), length


def test_behind() -> None:
    """Messages behind one another are each told; bytes behind them too."""
    fields = describe(GET + REPLY + b"\x01", FAMILIES)

    assert ["message", "message", "bytes"] == [one.name for one in fields]
    assert [0, len(GET), len(GET) + len(REPLY)] == [one.offset for one in fields]


def test_padding() -> None:
    """A message of odd length is padded, and the next one found behind it."""
    odd = push_message(Message(0x99, 0, 3, 0, b"abcde"))
    fields = list(leaves(describe(odd + GET, FAMILIES)))

    assert odd + GET == b"".join(one.data for one in fields)
    assert (21, "padding", bytes(3), "") in [
        (one.offset, one.name, one.data, one.problem) for one in fields
    ]
    assert "dev-get" in [one.value for one in fields]


def test_unknown() -> None:
    """A family that is not known is shown as bytes, an attribute by its number."""
    unknown = push_message(Message(NETDEV, 0, 3, 0, GET[16:20] + push_attribute(200, b"\x05")))

    assert "payload" in told(describe(REPLY))
    assert "type 0x14" in told(describe(REPLY))["nlmsg_type"]
    assert "attribute 200" in told(describe(unknown, FAMILIES))


def test_bounded() -> None:
    """Of very many fields only so many are told apart, and no byte is lost."""
    data = push_message(Message(NETDEV, 0, 3, 0, GET[16:20] + push_u32(1, 3) * 60_000))
    fields = list(leaves(describe(data * 2, FAMILIES)))

    assert data * 2 == b"".join(one.data for one in fields)
    assert MOST + 2 >= len(fields)
    assert "more than is told apart" == fields[-1].problem


def test_recorded() -> None:
    """What kernels answered, as tracked recordings have it, has nothing wrong with it."""
    seen = 0
    for path in sorted(RECORDINGS.rglob("*.rec.json")):
        for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
            if exchange["protocol"] != NETLINK_GENERIC:
                continue
            for text in exchange["replies"]:
                seen += 1
                data = base64.b64decode(text)
                fields = list(leaves(describe(data, FAMILIES)))

                assert data == b"".join(one.data for one in fields)
                assert [] == [one for one in fields if one.problem]
    assert seen > 100


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(st.sampled_from([GET, REPLY, REFUSED, FAMILY]), st.binary(max_size=40)).map(
            lambda pair: pair[0] + pair[1]
        ),
        st.tuples(
            st.sampled_from([GET, REPLY, REFUSED, FAMILY]),
            st.integers(0, 87),
            st.binary(min_size=1, max_size=4),
        ).map(lambda found: found[0][: found[1]] + found[2] + found[0][found[1] + len(found[2]) :]),
    )
)
def test_any_bytes(data: bytes) -> None:
    """Any bytes: no error, and each byte in one leaf, in order."""
    fields = list(leaves(describe(data, FAMILIES)))

    assert data == b"".join(one.data for one in fields)
    offsets = [one.offset for one in fields]
    assert offsets == sorted(offsets)
