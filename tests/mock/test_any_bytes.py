# SPDX-License-Identifier: MIT
"""Whatever is sent to it, the mock answers as a kernel: with messages, or not at all."""

from __future__ import annotations

from contextlib import suppress
from struct import pack, unpack_from

from hypothesis import given
from hypothesis import strategies as st

from tests.mock.judged import received
from xdpconform.errors import Overrun, SourceError
from xdpconform.mock import FAULTS, Age, Channels, Claims, MockKernel, MockNic, parse
from xdpconform.mock.age import AGES
from xdpconform.mock.packets import dissect
from xdpconform.netlink.extack import ExtAck, pull_status
from xdpconform.netlink.wire import pull_messages

NICS = [
    MockNic(1, "lo", link_type="loopback"),
    MockNic(2, "eth0", Claims(0x2B, 7, 7, 3), channels=Channels(combined_max=2, combined=1)),
    MockNic(3, "veth0", kind="veth", up=False, features=None),
]
KERNELS = {age: MockKernel(NICS, Age.of(age)) for age in AGES}
FAULTY = [
    parse([f"virtio_net+{name[:-1] + '3' if fault.numbers else name}"])[0]
    for name, fault in FAULTS.items()
]

small = st.integers(0, 4) | st.integers(0, 0xFFFF)
values = st.sampled_from([b"", b"\2\0\0\0", b"eth0\0", b"netdev\0", b"ethtool\0"]) | st.binary(
    max_size=12
)


@st.composite
def attributes(draw: st.DrawFn, depth: int = 2) -> bytes:
    """Attributes, some of them nested, a few with a false length."""
    parts = b""
    for _n in range(draw(st.integers(0, 3))):
        nested = depth > 0 and draw(st.booleans())
        value = draw(attributes(depth - 1)) if nested else draw(values)
        kind = draw(small) | (0x8000 if nested and draw(st.booleans()) else 0)
        length = draw(st.just(4 + len(value)) | small)
        parts += pack("=HH", length & 0xFFFF, kind & 0xFFFF) + value + bytes(-len(value) & 3)
    return parts


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Something like a request, with a header that is true more often than not."""
    head = draw(
        st.builds(pack, st.just("=BBH"), st.integers(0, 255), st.integers(0, 3), st.integers(0, 1))
        | st.builds(
            pack, st.just("=BxHiII"), small.map(lambda n: n & 1), small, small, small, small
        )
        | st.binary(max_size=20)
    )
    body = head + draw(attributes()) + draw(st.binary(max_size=3))
    kind = draw(st.sampled_from([16, 18, 20, 21, 22, 28]) | small)
    flags = draw(st.sampled_from([0, 1, 5, 0x301, 0x305, 0x101]) | small)
    length = draw(st.just(16 + len(body)) | small)
    return pack("=IHHII", length, kind, flags, draw(small), draw(small)) + body


@given(
    st.sampled_from(AGES),
    st.sampled_from([0, 16]),
    st.lists(requests() | st.binary(max_size=64), max_size=3).map(b"".join),
    st.booleans(),
    st.booleans(),
)
def test_any_request(age: str, protocol: int, data: bytes, capped: bool, ext_ack: bool) -> None:
    """Any bytes are answered by whole messages to the socket's port, or by none."""
    channel = KERNELS[age].open(protocol, capped=capped, ext_ack=ext_ack)
    channel.send(data)
    for datagram in received(channel):
        messages = pull_messages(datagram)
        for message in messages:
            assert channel.port_id == message.port_id
            if message.type in (2, 3):
                words = pull_status(message).extack
                assert ext_ack or words == ExtAck()
        assert len(messages) == len(list(dissect(datagram)))


@given(st.sampled_from(FAULTY), st.sampled_from([0, 16]), requests())
def test_any_request_with_a_fault(mock: MockKernel, protocol: int, data: bytes) -> None:
    """A faulty mock raises nothing of its own either."""
    channel = mock.open(protocol)
    channel.send(data)
    with suppress(Overrun, SourceError):
        received(channel)


@given(st.sampled_from(sorted(KERNELS)), st.integers(0, 0xFFFFFFFF), st.integers(0, 255))
def test_any_command(age: str, ifindex: int, command: int) -> None:
    """A well-formed request for any command and device gets one answer with its sequence."""
    kernel = KERNELS[age]
    channel = kernel.open(16)
    payload = pack("=BBHHHI", command, 1, 0, 8, 1, ifindex)
    channel.send(pack("=IHHII", 28, kernel.age.netdev, 1, 77, 0) + payload)
    found = received(channel)

    assert 1 == len(found)
    assert 77 == unpack_from("=8xI", found[0])[0]
