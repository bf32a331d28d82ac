# SPDX-License-Identifier: MIT

"""Any bytes give a value or one of our errors, and what is encoded comes back."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import strategies as own
from xdpconform.errors import XdpConformError
from xdpconform.netlink import ethtool, genl, netdev, rtnl, wire
from xdpconform.netlink.bitset import Bitset, pull_bitset
from xdpconform.netlink.constants import NLM_F_ACK, NLM_F_DUMP
from xdpconform.netlink.ethtool_tsconfig import pull_tsconfig
from xdpconform.netlink.extack import Status, attribute_at, pull_status
from xdpconform.netlink.netdev import (
    Capabilities,
    Device,
    Queue,
    XdpAct,
    XdpRxMetadata,
    XskFlags,
)
from xdpconform.netlink.redact import redact_links
from xdpconform.netlink.transaction import Request, Transaction
from xdpconform.netlink.wire import Attribute, Message

# The same examples each time, and no database beside the tests.
fixed = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
)

well_formed_or_not = st.one_of(
    st.binary(max_size=128), own.plausible_attributes, own.damaged(own.plausible_attributes)
)


def value_or_typed_error(function: Callable[[], object]) -> object:
    """The value; None for an error of ours that says something. Other errors go through."""
    try:
        return function()
    except XdpConformError as error:
        return None if str(error) else "an error without a text"


@fixed
@given(st.one_of(st.binary(max_size=128), own.datagrams(1, 2)))
def test_pull_messages(data: bytes) -> None:
    """Any datagram gives messages that fit into it, or a WireError."""
    messages = value_or_typed_error(lambda: wire.pull_messages(data))
    if isinstance(messages, list):
        assert len(data) >= sum(16 + len(message.payload) for message in messages)


@fixed
@given(well_formed_or_not, st.integers(0, 20))
def test_pull_attributes(data: bytes, offset: int) -> None:
    """Any payload gives attributes that fit into it, or a WireError."""
    attributes = value_or_typed_error(lambda: wire.pull_attributes(data, offset))
    if isinstance(attributes, list):
        assert max(0, len(data) - offset) >= sum(4 + len(one.payload) for one in attributes)


@fixed
@given(own.messages(own.status_payloads))
def test_pull_status(message: Message) -> None:
    """Any status gives a positive errno or 0, or a WireError."""
    status = value_or_typed_error(lambda: pull_status(message))
    if isinstance(status, Status):
        assert 0 <= status.errno <= 4095


@fixed
@given(well_formed_or_not, own.u32, st.integers(0, 20))
def test_attribute_at(data: bytes, offset: int, header: int) -> None:
    """Any request and offset give an attribute's type or None."""
    found = attribute_at(data, offset, header)

    assert found is None or 0 <= found <= 0x3FFF


@fixed
@given(
    st.sampled_from([0, NLM_F_ACK, NLM_F_DUMP]),
    st.lists(st.tuples(own.datagrams(7, 9), st.sampled_from([0, 0, 0, 5])), max_size=4),
    well_formed_or_not,
)
def test_transaction(flags: int, feed: list[tuple[bytes, int]], payload: bytes) -> None:
    """Any datagrams give replies of our own numbers, or an error of ours."""
    transaction = Transaction(Request("any", 20, payload, flags), 7, 9)

    def run() -> list[Message]:
        for data, sender in feed:
            transaction.receive(data, sender)
        return transaction.result()

    messages = value_or_typed_error(run)
    assert sum(1 for _, sender in feed if sender) >= transaction.refused
    for message in messages if isinstance(messages, list) else ():
        assert (7, 9) == (message.sequence, message.port_id)


DECODERS: dict[str, tuple[Callable[[Message], object], st.SearchStrategy[Message]]] = {
    "family": (
        genl.pull_family,
        st.builds(Message, st.just(16), own.u16, own.u32, own.u32,
                  own.bodies(own.genl_headers([1]))),
    ),
    "device": (
        netdev.pull_device,
        st.builds(Message, st.just(20), own.u16, own.u32, own.u32,
                  own.bodies(own.genl_headers([1, 2, 3, 4]))),
    ),
    "queue": (
        netdev.pull_queue,
        st.builds(Message, st.just(20), own.u16, own.u32, own.u32,
                  own.bodies(own.genl_headers([10]))),
    ),
    "link": (
        rtnl.pull_link,
        st.builds(Message, st.sampled_from([16, 16, 16, 17]), own.u16, own.u32, own.u32,
                  own.bodies(own.ifinfomsgs)),
    ),
    **{
        name: (
            decode,
            st.builds(Message, st.just(21), own.u16, own.u32, own.u32,
                      own.bodies(own.genl_headers([reply]))),
        )
        for name, decode, reply in (
            ("channels", ethtool.pull_channels, 18),
            ("rings", ethtool.pull_rings, 16),
            ("features", ethtool.pull_features, 11),
            ("rss", ethtool.pull_rss, 38),
            ("tsinfo", ethtool.pull_tsinfo, 26),
            ("tsconfig", pull_tsconfig, 47),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize(("decode", "messages"), DECODERS.values(), ids=DECODERS)
@fixed
@given(st.data())
def test_decoder(
    decode: Callable[[Message], object], messages: st.SearchStrategy[Message], data: st.DataObject
) -> None:
    """Any message gives a value or one of our errors, and the same again when asked twice."""
    message = data.draw(messages)

    value = value_or_typed_error(lambda: decode(message))

    assert not isinstance(value, str)
    assert value == value_or_typed_error(lambda: decode(message))


@fixed
@given(st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-1, 1)))
def test_link_can_be_asked(ifindex: int) -> None:
    """A link of any ifindex can be asked about by that number, or is refused."""
    header = rtnl.IFINFOMSG.pack(0, 1, ifindex, 0, 0)
    message = Message(16, 0, 1, 2, header + wire.push_string(3, b"eth0"))
    link = value_or_typed_error(lambda: rtnl.pull_link(message))

    assert (ifindex >= 1) == isinstance(link, rtnl.Link)
    if isinstance(link, rtnl.Link):
        family = genl.Family(20, "any", 1, {}, {})
        assert netdev.dev_get(family, link.ifindex).payload
        assert ethtool.channels_get(family, link.ifindex).payload


@fixed
@given(st.one_of(own.bitsets, own.damaged(own.bitsets), well_formed_or_not))
def test_pull_bitset(payload: bytes) -> None:
    """Any payload gives names, no more than its size says, or a WireError."""
    found = value_or_typed_error(lambda: pull_bitset(Attribute(1, payload), "any"))

    assert not isinstance(found, str)
    if isinstance(found, Bitset):
        assert found.size >= len(found.names)


@fixed
@given(
    st.one_of(
        st.binary(max_size=128),
        own.link_datagrams,
        own.damaged(own.link_datagrams),
    ),
    st.binary(max_size=200),
)
def test_redact_links(data: bytes, name: bytes) -> None:
    """What is left of any datagram is well formed, and has no attribute that is not read."""
    left = wire.pull_messages(redact_links(data, lambda _name: name))

    for message in left:
        if message.type == 16 and len(message.payload) >= 16:
            kinds = {one.type for one in wire.pull_attributes(message.payload, 16)}
            assert kinds <= {3, 4, 5, 10, 18, 37, 43, 52, 53}


@fixed
@given(own.attribute_lists, st.integers(0, 7))
def test_attributes_round_trip(attributes: list[Attribute], header: int) -> None:
    """Attributes written by an independent encoder come back as they were, in their order."""
    data = bytes(4 * header) + own.encode_attributes(attributes)

    assert attributes == wire.pull_attributes(data, 4 * header)


@fixed
@given(own.attribute_types, own.payloads, st.booleans())
def test_push_attribute(kind: int, payload: bytes, nested: bool) -> None:
    """The encoder writes what the independent one writes."""
    expected = own.encode_attributes([Attribute(kind, payload, nested)])

    assert expected == wire.push_attribute(kind, payload, nested=nested)


@fixed
@given(st.lists(own.messages(), max_size=6))
def test_messages_round_trip(messages: list[Message]) -> None:
    """Messages come back as they were, and both encoders write the same."""
    data = own.encode_messages(messages)

    assert data == b"".join(map(wire.push_message, messages))
    assert messages == wire.pull_messages(data)


optional_u64 = st.none() | own.u64


@fixed
@given(own.u32, st.tuples(*3 * [optional_u64]), st.none() | own.u32, st.randoms())
def test_device_round_trip(
    ifindex: int,
    sets: tuple[int | None, int | None, int | None],
    segments: int | None,
    random: Random,
) -> None:
    """A device comes back with every bit it had, in whatever order its attributes stand."""
    features, rx_metadata, xsk = sets
    values = [(1, ifindex, 4), (3, features, 8), (5, rx_metadata, 8), (6, xsk, 8), (4, segments, 4)]
    attributes = [
        Attribute(kind, value.to_bytes(width, "little"))
        for kind, value, width in values
        if value is not None
    ]
    expected = Device(
        ifindex,
        Capabilities(
            None if features is None else XdpAct(features),
            None if rx_metadata is None else XdpRxMetadata(rx_metadata),
            None if xsk is None else XskFlags(xsk),
            segments,
        ),
    )
    for _ in range(3):
        payload = b"\1\1\0\0" + own.encode_attributes(attributes)

        assert expected == netdev.pull_device(Message(20, 0, 1, 2, payload))
        random.shuffle(attributes)


@fixed
@given(own.u32, own.u32, own.u32, st.none() | own.u32, st.booleans())
def test_queue_round_trip(
    ifindex: int,
    kind: int,
    number: int,
    napi: int | None,
    xsk: bool,
) -> None:
    """A queue comes back with all its numbers."""
    payload = wire.push_genlmsghdr(10, 1) + wire.push_u32(1, number) + wire.push_u32(3, kind)
    payload += wire.push_u32(2, ifindex)
    if napi is not None:
        payload += wire.push_u32(4, napi)
    if xsk:
        payload += wire.push_attribute(7, b"", nested=True)

    assert Queue(ifindex, kind, number, napi, xsk) == netdev.pull_queue(
        Message(20, 0, 1, 2, payload)
    )


@fixed
@given(st.sampled_from([XdpAct, XdpRxMetadata, XskFlags]), own.u64)
def test_flags_round_trip(enum: type[XdpAct | XdpRxMetadata | XskFlags], value: int) -> None:
    """Flags keep every bit, and their names tell the same bits."""
    known = {netdev.flag_name(member): member.value for member in enum}
    bits = [
        known[name] if name in known else 1 << int(name.removeprefix("bit-"))
        for name in netdev.flag_names(enum(value))
    ]

    assert value == sum(bits)
