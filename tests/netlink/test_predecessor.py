# SPDX-License-Identifier: MIT

"""The defects of the system this one grew from, a reader with a fixed buffer of 2 KiB.

Each test is one defect; its docstring says what that reader did.
"""

from __future__ import annotations

from struct import pack

import pytest

from tests.strategies import encode_attributes, encode_messages
from xdpconform.errors import KernelError, ReplyTruncated, WireError
from xdpconform.netlink import netdev
from xdpconform.netlink.constants import (
    NLM_F_ACK_TLVS,
    NLM_F_MULTI,
    NLMSG_DONE,
    NLMSG_ERROR,
)
from xdpconform.netlink.extack import ExtAck, pull_status
from xdpconform.netlink.genl import Family
from xdpconform.netlink.netdev import Capabilities, XdpAct
from xdpconform.netlink.transaction import Transaction
from xdpconform.netlink.wire import Attribute, Message, pull_attributes
from xdpconform.sources.base import Client, Datagram

FAMILY = Family(20, "netdev", 1, {1: 0xE}, {})
OLD_BUFFER = 2048


def reply(ifindex: int, flags: int = 0) -> Message:
    """A device without claims, as the kernel sends it in a dump."""
    attributes = [Attribute(1, pack("=I", ifindex)), *(Attribute(n, bytes(8)) for n in (3, 5, 6))]
    return Message(20, flags, 1, 9, b"\1\1\0\0" + encode_attributes(attributes))


def done(error: int = 0) -> Message:
    """The end of a dump."""
    return Message(NLMSG_DONE, NLM_F_MULTI, 1, 9, pack("=i", error))


def dump() -> Transaction:
    """A dev-get dump under way."""
    return Transaction(netdev.dev_get_dump(FAMILY), 1, 9)


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_short_attribute(length: int) -> None:
    """It subtracted the header from a shorter length, and the payload's length underflowed."""
    with pytest.raises(WireError, match=f"length {length} is below the header's 4"):
        pull_attributes(pack("=HH", length, 3) + bytes(8))


def test_echoed_request() -> None:
    """It read the request that NLMSG_ERROR echoes as if it were ext-ack attributes."""
    echoed = pack("=IHHII", 40, 20, 1, 1, 0) + b"\1\1\0\0"
    echoed += encode_attributes([Attribute(1, b"hi\0\0"), Attribute(2, pack("=Q", 20))])
    words = encode_attributes([Attribute(1, b"no\0")])
    message = Message(NLMSG_ERROR, NLM_F_ACK_TLVS, 1, 9, pack("=i", -22) + echoed + words)

    assert (22, ExtAck("no")) == pull_status(message)
    assert (22, ExtAck()) == pull_status(message._replace(flags=0))


def test_dump_without_multi() -> None:
    """It took the first message without NLM_F_MULTI for the end of a dump, and lost the rest."""
    transaction = dump()

    assert [False, False, True] == [
        transaction.receive(encode_messages([message])) for message in (reply(1), reply(2), done())
    ]
    assert 2 == len(transaction.result())


def test_errno_of_done() -> None:
    """It ignored the errno in NLMSG_DONE, and a failed dump looked like a short one."""
    transaction = dump()
    transaction.receive(encode_messages([reply(1), done(-19)]))

    with pytest.raises(KernelError, match="ENODEV"):
        transaction.result()


def test_sender() -> None:
    """It never looked who had sent a reply, and believed any process."""
    transaction = dump()

    assert False is transaction.receive(encode_messages([reply(666), done()]), sender=4711)
    assert True is transaction.receive(encode_messages([reply(1), done()]), sender=0)
    assert [1] == [netdev.pull_device(message).ifindex for message in transaction.result()]


def test_zero_copy_from_segments() -> None:
    """It derived zero copy from xdp-zc-max-segs alone, whatever the flag xsk-zerocopy said."""
    without_flag = Capabilities(XdpAct.BASIC, None, None, zc_max_segs=17)
    without_segments = Capabilities(XdpAct.XSK_ZEROCOPY, None, None, zc_max_segs=None)

    assert (False, True) == (
        without_flag.zero_copy.available,
        without_segments.zero_copy.available,
    )


class SmallChannel:
    """A channel whose buffer is at first as small as the old reader's."""

    protocol = 16
    port_id = 9

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        self.room = OLD_BUFFER
        self.sequence = 0

    def send(self, data: bytes) -> None:
        """Remember the request's sequence number."""
        self.sequence = int.from_bytes(data[8:12], "little")

    def receive(self, deadline: float) -> Datagram:
        """All messages in one datagram, if it fits."""
        assert deadline
        data = encode_messages([one._replace(sequence=self.sequence) for one in self.messages])
        if len(data) > self.room:
            raise ReplyTruncated(f"a reply is larger than {self.room} bytes")
        return Datagram(data)

    def join(self, group: int) -> None:
        """Has no groups."""

    def reset(self, *, larger: bool = False) -> None:
        """Grow."""
        self.room *= 8 if larger else 1

    def close(self) -> None:
        """Holds nothing."""


def test_large_reply() -> None:
    """It lost what was larger than its fixed buffer of 2 KiB, about thirty devices."""
    messages = [*map(reply, range(1, 101)), done()]
    expected = list(range(1, 101))

    assert OLD_BUFFER < len(encode_messages(messages))
    found = Client(SmallChannel(messages)).ask(netdev.dev_get_dump(FAMILY))
    assert expected == [netdev.pull_device(message).ifindex for message in found]
