# SPDX-License-Identifier: MIT
"""tsconfig of the ethtool family: requests byte for byte, replies, and what is no reply."""

from __future__ import annotations

import errno
from struct import pack

import pytest

from tests.namespaces import private_namespace
from tests.probes.readers import nla, u32
from xdpconform.errors import KernelError, WireError
from xdpconform.netlink.ethtool_tsconfig import (
    StampConfig,
    pull_tsconfig,
    tsconfig_get,
    tsconfig_set,
)
from xdpconform.netlink.genl import Family
from xdpconform.netlink.wire import Attribute, Message
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Namespace, Port, Settings

ETHTOOL = Family(21, "ethtool", 1, {}, {})
HEADER = "0c00 0180 0800 0100 07000000"  # ifindex 7


def test_get() -> None:
    """The question names the device and nothing else."""
    request = tsconfig_get(ETHTOOL, 7)

    assert ("ethtool tsconfig-get", 21, 0) == (request.what, request.type, request.flags)
    assert bytes.fromhex("2e010000" + HEADER) == request.payload


def test_set() -> None:
    """One filter is asked for, by name and without a mask, and an acknowledgement."""
    request = tsconfig_set(ETHTOOL, 7, "all")

    assert "ethtool tsconfig-set rx-filters all" == request.what
    assert (21, 4) == (request.type, request.flags)
    bits = "1800 0480 0400 0100 1000 0380 0c00 0180 0800 0200 616c6c00"
    assert bytes.fromhex("2f010000" + HEADER + bits) == request.payload


def reply(*attributes: bytes, command: int = 47) -> Message:
    """A message of the family."""
    return Message(21, 0, 1, 0, pack("=BBH", command, 1, 0) + b"".join(attributes))


def bits(kind: int, name: bytes) -> bytes:
    """A set of one bit, as ethnl_put_bitset32 writes a list."""
    bit = nla(0x8001, u32(1, 1), nla(2, name + b"\0"))
    return nla(0x8000 | kind, nla(1), u32(2, 4), nla(0x8003, bit))


DEV = nla(0x8001, u32(1, 7))
PROVIDER = nla(0x8002, u32(1, 0))
REPLIES = {
    "everything": (
        reply(DEV, bits(3, b"on"), bits(4, b"all")),
        StampConfig(7, frozenset({"on"}), frozenset({"all"})),
    ),
    "no filter": (reply(DEV, bits(4, b"none")), StampConfig(7, None, frozenset({"none"}))),
    "nothing": (reply(), StampConfig()),
    "a provider, and a filter twice": (
        reply(DEV, PROVIDER, bits(4, b"all"), bits(4, b"none")),
        StampConfig(
            7,
            None,
            frozenset({"all"}),
            (
                Attribute(2, PROVIDER[4:], nested=True),
                Attribute(4, bits(4, b"none")[4:], nested=True),
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", REPLIES)
def test_reply(name: str) -> None:
    """What a reply says; what is absent is None."""
    message, expected = REPLIES[name]

    assert expected == pull_tsconfig(message)


BAD = {
    "ethtool: command 46 in place of the reply to tsconfig-get": reply(DEV, command=46),
    "bitset rx-filters: no size": reply(nla(0x8004, nla(1))),
    "attribute dev-index: 2 bytes, a 32-bit number needed": reply(nla(0x8001, nla(1, b"ab"))),
}


@pytest.mark.parametrize("text", BAD)
def test_bad(text: str) -> None:
    """What is no such reply is told in words."""
    with pytest.raises(WireError) as caught:
        pull_tsconfig(BAD[text])

    assert text == str(caught.value)


def test_live(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver without hardware time stamps cannot do it, and nothing is owed then."""
    monkeypatch.setenv("XDPCONFORM_STATE", str(tmp_path_factory.mktemp("state")))
    with private_namespace() as made, Guardian() as guardian:
        made.pairs(1)
        with Namespace.at(made.name) as space:
            port = Port(space, "v0a")
            said: list[str] = []
            with (
                pytest.raises(KernelError) as caught,
                Settings(guardian, said.append).stamps(port),
            ):
                raise AssertionError("never entered")

    assert errno.EOPNOTSUPP == caught.value.errno
    assert [] == said
