# SPDX-License-Identifier: MIT
"""Coalescing over the ethtool family: requests and replies byte for byte, cut, and any bytes."""

from __future__ import annotations

import re
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import strategies as own
from xdpconform.errors import WireError
from xdpconform.netlink import genl
from xdpconform.netlink.ethtool_config import (
    COALESCE_NAMES,
    MODERATIONS,
    Coalesce,
    coalesce_get,
    pull_coalesce,
)
from xdpconform.netlink.wire import Attribute, Message

FAMILY = genl.Family(21, "ethtool", 1, {}, {})
HEADER = "0c00 0180 0800 0100 04000000"  # ifindex 4
SWITCHES = {11, 12, 24, 25}
PROFILES = {29, 30}
NUMBERS = [kind for kind in COALESCE_NAMES if kind != 1 and kind not in PROFILES]


def nla(kind: int, *parts: bytes) -> bytes:
    """An attribute; written without the package's encoder."""
    body = b"".join(parts)
    return pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)


def reply(data: str | bytes, command: int = 20) -> Message:
    """A reply with the attributes given."""
    body = bytes.fromhex(data) if isinstance(data, str) else data
    return Message(21, 0, 1, 0, pack("=BBH", command, 1, 0) + body)


def attempt(message: Message) -> tuple[Coalesce | None, str]:
    """The value, or the text of the WireError."""
    try:
        return pull_coalesce(message), ""
    except WireError as error:
        return None, str(error)


def number(kind: int, value: int) -> bytes:
    """A setting in its own width."""
    return nla(kind, pack("=B" if kind in SWITCHES else "=I", value))


def profile(kind: int, *steps: dict[int, int]) -> bytes:
    """A profile of steps: IRQ_MODERATION attribute to value."""
    nests = [
        nla(0x8001, *(nla(name, pack("=I", value)) for name, value in step.items()))
        for step in steps
    ]
    return nla(0x8000 | kind, *nests)


REPLIES: dict[str, tuple[bytes, Coalesce]] = {
    "of-virtio": (
        bytes.fromhex(
            HEADER + "0800 0200 00000000 0800 0300 01000000 0800 0600 00000000 0800 0700 01000000"
            "0500 0b00 00 000000"
        ),
        Coalesce(
            4,
            {
                "rx-usecs": 0,
                "rx-max-frames": 1,
                "tx-usecs": 0,
                "tx-max-frames": 1,
                "use-adaptive-rx": 0,
            },
        ),
    ),
    "all": (
        bytes.fromhex(HEADER) + b"".join(number(kind, kind) for kind in NUMBERS),
        Coalesce(4, {COALESCE_NAMES[kind]: kind for kind in NUMBERS}),
    ),
    "profiles": (
        profile(29, {1: 1, 2: 256, 3: 0}, {1: 8, 2: 128}) + profile(30, {3: 7}),
        Coalesce(
            None,
            {
                "rx-profile[0]-usec": 1,
                "rx-profile[0]-pkts": 256,
                "rx-profile[0]-comps": 0,
                "rx-profile[1]-usec": 8,
                "rx-profile[1]-pkts": 128,
                "tx-profile[0]-comps": 7,
            },
        ),
    ),
    "nothing": (bytes.fromhex(HEADER), Coalesce(4)),
    "strange-inside-nests": (
        nla(0x8001, nla(99), nla(1, pack("=I", 4))) + nla(0x801D, nla(7), nla(0x8001, nla(9))),
        Coalesce(4),
    ),
}

rows = pytest.mark.parametrize(("data", "value"), REPLIES.values(), ids=REPLIES)


def test_names() -> None:
    """Each number has the name that ethtool_netlink.h gives it."""
    expected = {
        1: "header",
        2: "rx-usecs",
        9: "tx-max-frames-irq",
        11: "use-adaptive-rx",
        13: "pkt-rate-low",
        18: "pkt-rate-high",
        23: "rate-sample-interval",
        24: "use-cqe-mode-tx",
        25: "use-cqe-mode-rx",
        28: "tx-aggr-time-usecs",
        30: "tx-profile",
        32: "rx-cqe-nsecs",
    }

    assert expected == {kind: COALESCE_NAMES[kind] for kind in expected}
    assert list(range(1, 33)) == sorted(COALESCE_NAMES)


def test_request() -> None:
    """The request has exactly these bytes."""
    request = coalesce_get(FAMILY, 4)

    expected = ("ethtool coalesce-get", 21, bytes.fromhex("13 01 0000" + HEADER), 0)
    assert expected == request[:4]
    assert "header" == request.names[1]


@rows
def test_pull_whole(data: bytes, value: Coalesce) -> None:
    """A row's bytes are decoded into exactly its value."""
    assert value == pull_coalesce(reply(data))


@rows
def test_pull_cut(data: bytes, value: Coalesce) -> None:
    """Cut at any byte, what is left is right, or the cut is named."""
    whole = reply(data).payload
    for cut in range(len(whole)):
        found, text = attempt(Message(21, 0, 1, 0, whole[:cut]))
        if found is None:
            assert re.match(r"(nlattr at byte \d+|genlmsghdr): ", text)
        else:
            assert found.values.items() <= value.values.items()
            assert found.ifindex in (None, value.ifindex)


@rows
def test_pull_unknown(data: bytes, value: Coalesce) -> None:
    """Unknown and repeated attributes change nothing, and are kept."""
    strange = nla(999, b"abc")
    again = number(2, 5) + number(2, 6)

    found = pull_coalesce(reply(strange + data + again))

    assert Attribute(999, b"abc") == found.unknown[0]
    assert Attribute(2, pack("=I", 6)) == found.unknown[-1]
    assert {"rx-usecs": 5, **value.values} == found.values


@pytest.mark.parametrize("kind", NUMBERS)
def test_width(kind: int) -> None:
    """A number of any other width than its own is refused by name."""
    width = 8 if kind in SWITCHES else 32
    for length in {0, 1, 2, 3, 4, 5, 8} - {width // 8}:
        text = f"attribute {COALESCE_NAMES[kind]}: {length} bytes, a {width}-bit number needed"
        with pytest.raises(WireError, match=f"^{text}$"):
            pull_coalesce(reply(nla(kind, bytes(length))))


def test_width_in_a_profile() -> None:
    """A step's number of another width is refused with its place."""
    data = nla(0x801D, nla(0x8001), nla(0x8001, nla(2, bytes(8))))

    text = r"attribute rx-profile\[1\]-pkts: 8 bytes, a 32-bit number needed"
    with pytest.raises(WireError, match=f"^{text}$"):
        pull_coalesce(reply(data))


def test_steps_are_bounded() -> None:
    """A profile of more steps than there can be is refused."""
    most = pull_coalesce(reply(profile(30, *[{1: 1}] * MODERATIONS)))

    assert MODERATIONS == len(most.values)
    with pytest.raises(WireError, match=r"^attribute tx-profile: more than 64 steps$"):
        pull_coalesce(reply(profile(30, *[{1: 1}] * (MODERATIONS + 1))))


@pytest.mark.parametrize("command", [0, 19, 21, 255])
def test_another_command(command: int) -> None:
    """A message that does not answer the request is refused with its number."""
    text = f"ethtool: command {command} in place of the reply to coalesce-get"

    with pytest.raises(WireError, match=f"^{text}$"):
        pull_coalesce(reply(b"", command))


@settings(
    max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    st.one_of(
        st.binary(max_size=120),
        own.plausible_attributes,
        own.damaged(st.sampled_from([data for data, _value in REPLIES.values()])),
    )
)
def test_any_bytes(data: bytes) -> None:
    """Any bytes give numbers by known names, or a WireError."""
    found, text = attempt(reply(data))

    assert (found is None) == bool(text)
    if found is not None:
        assert all(0 <= value <= 0xFFFFFFFF for value in found.values.values())
        assert {name.split("[")[0] for name in found.values} <= set(COALESCE_NAMES.values())
