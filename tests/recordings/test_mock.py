# SPDX-License-Identifier: MIT
"""The mock answers about each NIC of the virtual lab as its kernel did, byte for byte.

All that was asked of the netdev family, the family itself, and what a listener was told. Claims of
the NIC itself are not the recording's but those of its row in the drivers' sources.
"""

from __future__ import annotations

from collections import Counter
from struct import unpack_from
from typing import TYPE_CHECKING

from tests.profiles.rows import claims_of
from tests.recordings.lab import KERNELS, OLD, RECORDED, Recorded, each
from xdpconform.errors import Timeout
from xdpconform.mock import Age, Claims, MockKernel, MockNic
from xdpconform.netlink.netdev import Device, QueueType, pull_devices
from xdpconform.netlink.wire import pull_messages
from xdpconform.profiles import Shelf
from xdpconform.sources.recording import Exchanged, read
from xdpconform.stored import take_recording

if TYPE_CHECKING:
    from xdpconform.netlink.netdev import Queue
    from xdpconform.nic import Nic

SHELF = Shelf()
DUMP = "netdev dev-get dump"
NLMSG_DONE = 3


def exchanges(one: Recorded) -> list[Exchanged]:
    """What was asked of the netdev family, and whether there is one."""
    return [told for told in read(one.path).exchanges if "netdev" in told.what.split()]


def answer(mock: MockKernel, told: Exchanged) -> list[bytes]:
    """What the mock answers on a socket with the port that the recorded one had."""
    channel = mock.open(told.protocol, port_id=unpack_from("=12xI", told.replies[0])[0])
    channel.send(told.request)
    found = []
    try:
        while True:
            found.append(channel.receive(0).data)
    except Timeout:
        return found


def age_of(one: Recorded, nic: Nic) -> Age:
    """The kernel; ids are given out at boot, to families as their modules come."""
    age = Age.of(one.series)
    if one.series == OLD:
        return age
    family = nic.answers["family"].value
    return age._replace(netdev=family.id, groups=family.groups)


def others(one: Recorded) -> list[MockNic]:
    """The devices beside the NIC, with what they claimed in the dump."""
    payloads = [
        message.payload
        for told in exchanges(one)
        if told.what == DUMP
        for reply in told.replies
        for message in pull_messages(reply)
        if message.type != NLMSG_DONE
    ]
    return [MockNic(device.ifindex, "other", claims(device)) for device in pull_devices(payloads)]


def claims(device: Device) -> Claims:
    """What a device claimed."""
    found = device.capabilities
    return Claims(found.features, found.rx_metadata, found.xsk, found.zc_max_segs)


def napi(queues: list[Queue], kind: QueueType) -> tuple[int, ...]:
    """The NAPI instances of one kind of queue, where the driver tells them."""
    return tuple(one.napi_id for one in queues if one.type == kind and one.napi_id is not None)


def mock_of(one: Recorded) -> MockKernel:
    """The kernel with the NIC: its row's claims, its queues, and what else was there."""
    (subject,) = take_recording(one.path, SHELF)
    nic = subject.nic
    if one.series == OLD:
        return MockKernel([], age_of(one, nic))
    queues = nic.answers["queues"].value
    counted = Counter(queue.type for queue in queues)
    own = MockNic(
        nic.identity.ifindex,
        nic.identity.ifname,
        Claims.named(*claims_of(one.case, one.series, one.state)),
        rx_queues=counted[QueueType.RX],
        tx_queues=counted[QueueType.TX],
        napi=napi(queues, QueueType.RX),
        tx_napi=napi(queues, QueueType.TX),
    )
    return MockKernel([*others(one), own], age_of(one, nic))


@each(*KERNELS)
def test_same_bytes(one: Recorded) -> None:
    """Every question to the family, the wrong ones too, is answered by the recorded datagrams."""
    mock = mock_of(one)
    asked = exchanges(one)

    assert (1 if one.series == OLD else 18) <= len(asked)
    for told in asked:
        assert (told.what, told.replies) == (told.what, answer(mock, told))


@each(*(series for series in KERNELS if series != OLD))
def test_same_notifications(one: Recorded) -> None:
    """A pair's life is told by the recorded datagrams in their order, then asked for."""
    told = read(one.path).notifications.datagrams
    first = min(unpack_from("=24xI", datagram)[0] for datagram in told)
    mock = MockKernel([MockNic(first - 1, "last")], mock_of(one).age)
    *life, last = told
    *found, asked = mock.notifications()

    assert life == found
    assert last[16:] == asked[16:]  # the header has the asker's port


def test_how_many() -> None:
    """So many answers are compared: fewer would be a comparison that has stopped comparing."""
    assert 1_300 <= sum(len(exchanges(one)) for one in RECORDED)
