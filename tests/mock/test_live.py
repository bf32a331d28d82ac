# SPDX-License-Identifier: MIT
"""The mock beside the kernel that the tests run on: the same bytes to the same questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.mock.judged import received
from tests.namespaces import Namespace, private_namespace
from xdpconform.errors import Timeout
from xdpconform.mock import Age, Channels, Claims, Features, MockKernel, MockNic
from xdpconform.netlink import ethtool, genl, netdev, rtnl
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE, NLM_F_ACK, NLM_F_DUMP
from xdpconform.netlink.transaction import Request, Transaction
from xdpconform.netlink.wire import (
    Message,
    pull_attributes,
    pull_messages,
    push_attribute,
    push_genlmsghdr,
    push_message,
    push_string,
    push_u32,
)
from xdpconform.probes.protocol import wrong_questions
from xdpconform.profiles.kernel import KernelVersion
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel, KernelChannel

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = (
    rtnl.IFLA_IFNAME, rtnl.IFLA_MTU, rtnl.IFLA_LINK, rtnl.IFLA_MASTER, rtnl.IFLA_LINKINFO,
    rtnl.IFLA_XDP, rtnl.IFLA_LINK_NETNSID, rtnl.IFLA_PROP_LIST,
)  # fmt: skip
"""What of a link is read, and so what the mock's links have."""
LINKS = {"ether": "ether", "loopback": "loopback", "none": "none"}


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """A namespace with a pair in a bridge, a pair that is up, a tap, a tun and a bond."""
    with private_namespace() as space:
        space.batch(
            "link add va type veth peer name vb",
            "link add upa type veth peer name upb",
            "link set upa up",
            "link set upb up",
            "link add name bridge type bridge",
            "link set va master bridge",
            "link property add dev va altname va-in-other-words",
            "tuntap add tap mode tap",
            "tuntap add tun mode tun",
        )
        yield space


def exchange(
    channel: KernelChannel, request: Request, number: int = 7
) -> tuple[bytes, list[bytes]]:
    """A request as it was sent, and the datagrams that answered it."""
    transaction = Transaction(request, number, channel.port_id)
    channel.send(transaction.data)
    found = []
    try:
        while True:
            found.append(channel.receive(0).data)
    except Timeout:
        return transaction.data, found


def trimmed(message: Message) -> bytes:
    """A link with only what the mock's links have."""
    kept = b""
    for one in pull_attributes(message.payload, rtnl.IFINFOMSG.size):
        payload = one.payload
        if one.type == rtnl.IFLA_LINKINFO:
            (kind,) = (a for a in pull_attributes(payload) if a.type == rtnl.IFLA_INFO_KIND)
            payload = push_attribute(kind.type, kind.payload)
        if one.type in KEPT:
            kept += push_attribute(one.type, payload, nested=one.nested)
    return push_message(message._replace(payload=message.payload[: rtnl.IFINFOMSG.size] + kept))


def test_links(namespace: Namespace) -> None:
    """Links of every kind are told with the kernel's header, order, nests and padding."""
    with Kernel(namespace.name) as kernel:
        channel = kernel.open(NETLINK_ROUTE)
        _request, dump = exchange(channel, rtnl.getlink_dump())
        messages = [m for one in dump for m in pull_messages(one) if m.type == rtnl.RTM_NEWLINK]
        nics = []
        for message in messages:
            link = rtnl.pull_link(message)
            nic = MockNic(
                link.ifindex,
                link.name,
                kind=link.kind or "",
                link_type=LINKS[link.link_type],
                up=link.up,
                mtu=link.mtu or 0,
                xdp=link.xdp,
                lower=link.lower,
                master=link.master,
                alt_names=link.alt_names,
            )
            nics.append(nic)
        mock = MockKernel(nics)
        for message in messages:
            link = rtnl.pull_link(message)
            request, live = exchange(channel, rtnl.getlink(ifindex=link.ifindex))
            ours = mock.open(NETLINK_ROUTE, port_id=channel.port_id)
            ours.send(request)
            expected = [trimmed(m).hex() for one in live for m in pull_messages(one)]

            assert (link.name, expected) == (link.name, [one.hex() for one in received(ours)])


def test_link_dump(namespace: Namespace) -> None:
    """A dump of links has NLM_F_MULTI on each, and NLMSG_DONE in a datagram of its own."""
    with Kernel(namespace.name) as kernel:
        _request, live = exchange(kernel.open(NETLINK_ROUTE), rtnl.getlink_dump())
    ours = MockKernel([MockNic(1, "lo"), MockNic(2, "eth0")]).open(NETLINK_ROUTE)
    ours.send(_request)
    found = received(ours)
    shapes = [
        {(m.type, m.flags) for one in all_ for m in pull_messages(one)} for all_ in (live, found)
    ]

    assert shapes[0] == shapes[1]
    assert [20, 20] == [len(live[-1]), len(found[-1])]


def names_by_bit(message: Message) -> tuple[str, ...]:
    """The names of features by their bits, from the set that names all."""
    (hw,) = (a for a in pull_attributes(message.payload, 4) if a.type == 2)
    inner = {a.type: a.payload for a in pull_attributes(hw.payload)}
    names = [""] * int.from_bytes(inner[2], "little")
    for bit in pull_attributes(inner[3]):
        parts = {a.type: a.payload for a in pull_attributes(bit.payload)}
        names[int.from_bytes(parts[1], "little")] = parts[2].rstrip(b"\0").decode()
    return tuple(names)


@pytest.mark.parametrize("name", ["va", "upa", "bridge", "tap", "lo"])
def test_ethtool(namespace: Namespace, name: str) -> None:
    """channels-get and features-get of a device are answered as the kernel answers them."""
    with Kernel(namespace.name) as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        client = Client(channel)
        family = genl.pull_family(client.ask(genl.getfamily("ethtool"))[0])
        index = namespace.index(name)
        asked_channels, live_channels = exchange(channel, ethtool.channels_get(family, index))
        asked_features, live_features = exchange(channel, ethtool.features_get(family, index))
    (message,) = pull_messages(live_features[0])
    found = ethtool.pull_features(message)
    channels = None
    (told,) = pull_messages(live_channels[0])
    if told.type == family.id:
        now = ethtool.pull_channels(told)
        channels = Channels(*(value or 0 for value in now[1:9]))
    nic = MockNic(
        index,
        name,
        channels=channels,
        features=Features(
            found.active, found.hw, found.wanted, found.nochange, names_by_bit(message)
        ),
    )
    mock = MockKernel([nic], Age.of("7.3")._replace(ethtool=family.id))
    ours = mock.open(NETLINK_GENERIC, port_id=channel.port_id)
    ours.send(asked_channels)
    ours.send(asked_features)

    expected = [one.hex() for one in live_channels + live_features]
    assert expected == [one.hex() for one in received(ours)]


def odd_questions(family: genl.Family, index: int) -> dict[str, Request]:
    """More of what can be wrong with a request."""

    def request(command: int, *parts: bytes, flags: int = 0) -> Request:
        return Request("odd", family.id, push_genlmsghdr(command, 1) + b"".join(parts), flags)

    own = push_u32(1, index)
    return {
        "device": netdev.dev_get(family, index),
        "acknowledged": netdev.dev_get(family, index)._replace(flags=NLM_F_ACK),
        "refused and acknowledged": request(1, flags=NLM_F_ACK),
        "nested ifindex": request(1, push_attribute(1, index.to_bytes(4, "little"), nested=True)),
        "ifindex twice": request(1, push_u32(1, 99), own),
        "attribute 0": request(1, own, push_u32(0, 1)),
        "cut attribute": request(1, own, b"\x08\0\1\0\1"),
        "attribute of 3 bytes": request(1, own, b"\3\0\1\0\1\0\0\0"),
        "trailing byte": request(1, own, b"\0"),
        "without header": Request("odd", family.id, b"\1\1"),
        "queue": netdev.queue_get(family, index, netdev.QueueType.RX, 0),
        "queue beyond": netdev.queue_get(family, index, netdev.QueueType.TX, 99),
        "queue of none": netdev.queue_get(family, 99999, netdev.QueueType.RX, 0),
        "queue of type 2": request(10, push_u32(1, 0), push_u32(3, 2), push_u32(2, index)),
        "queue without type": request(10, push_u32(1, 0), push_u32(2, index)),
        "queue without device": request(10, push_u32(1, 0), push_u32(3, 0)),
        "queue as 64 bits": request(10, push_attribute(1, bytes(8))),
        "queues": netdev.queue_get_dump(family, index),
        "queues of none": netdev.queue_get_dump(family, 99999),
        "queues of 0": netdev.queue_get_dump(family, 0),
        "queues by id": request(10, push_u32(1, 0), flags=NLM_F_DUMP),
        "queues by type": request(10, push_u32(3, 0), flags=NLM_F_DUMP),
        "queues acknowledged": netdev.queue_get_dump(family, index)._replace(
            flags=NLM_F_DUMP | NLM_F_ACK
        ),
        "notification dumped": request(2, flags=NLM_F_DUMP),
        "half of a dump": request(1, flags=0x200),
    }


@pytest.mark.parametrize("capped", [True, False])
@pytest.mark.parametrize("name", ["upa", "va"])
def test_netdev(namespace: Namespace, name: str, *, capped: bool) -> None:
    """Right and wrong questions to the netdev family get the kernel's bytes."""
    index = namespace.index(name)
    with Kernel(namespace.name) as kernel:
        family = genl.pull_family(Client(kernel.open(16)).ask(genl.getfamily("netdev"))[0])
        if not family.can(10):
            pytest.skip("needs queue-get: Linux 6.8")
        channel = KernelChannel(NETLINK_GENERIC, kernel.within, capped=capped)
        questions = wrong_questions(family, index) | odd_questions(family, index)
        _request, live = exchange(channel, netdev.dev_get(family, index))
        (message,) = pull_messages(live[0])
        device = netdev.pull_device(message).capabilities
        claims = Claims(
            int(device.features or 0),
            int(device.rx_metadata or 0),
            int(device.xsk or 0),
            device.zc_max_segs,
        )
        age = Age.of(str(KernelVersion.parse(kernel.release())))
        mock = MockKernel(
            [MockNic(index, name, claims, up=name == "upa")],
            age._replace(netdev=family.id),
        )
        ours = mock.open(NETLINK_GENERIC, port_id=channel.port_id, capped=capped)
        for what, question in questions.items():
            request, live = exchange(channel, question)
            ours.send(request)
            found = [one.hex() for one in received(ours)]

            assert (what, [one.hex() for one in live]) == (what, found)
        channel.close()


def route_questions() -> dict[str, Request]:
    """Wrong questions to rtnetlink."""

    def request(payload: bytes, kind: int = rtnl.RTM_GETLINK) -> Request:
        return Request("odd", kind, payload, header=rtnl.IFINFOMSG.size)

    none = rtnl.IFINFOMSG.pack(0, 0, 0, 0, 0)
    return {
        "no such name": rtnl.getlink(b"nosuch"),
        "no such number": rtnl.getlink(ifindex=99999),
        "no such alternative name": rtnl.getlink(b"a-name-that-is-not-there"),
        "nothing": rtnl.getlink(),
        "negative": request(rtnl.IFINFOMSG.pack(0, 0, -1, 0, 0)),
        "short header": request(bytes(8)),
        "no payload": request(b""),
        "long name": request(none + push_string(rtnl.IFLA_IFNAME, b"n" * 21)),
        "short mask": request(none + push_attribute(rtnl.IFLA_EXT_MASK, b"\0")),
        "unknown type": request(bytes(16), 255),
        "control type": request(bytes(16), 3),
    }


@pytest.mark.parametrize("capped", [True, False])
def test_route(namespace: Namespace, *, capped: bool) -> None:
    """Wrong questions to rtnetlink get the kernel's bytes."""
    with Kernel(namespace.name) as kernel:
        channel = KernelChannel(NETLINK_ROUTE, kernel.within, capped=capped)
        ours = MockKernel([MockNic(1, "lo")]).open(
            NETLINK_ROUTE, port_id=channel.port_id, capped=capped
        )
        for what, question in route_questions().items():
            request, live = exchange(channel, question)
            ours.send(request)
            found = [one.hex() for one in received(ours)]

            assert (what, [one.hex() for one in live]) == (what, found)
        channel.close()


def control_questions(ethtool_id: int) -> dict[str, Request]:
    """Questions to nlctrl, and wrong ones to ethtool."""

    def request(kind: int, command: int, *parts: bytes) -> Request:
        return Request("odd", kind, push_genlmsghdr(command, 1) + b"".join(parts))

    header = push_attribute(1, push_u32(1, 99999), nested=True)
    by_name = push_attribute(1, push_string(2, b"nosuch"), nested=True)
    return {
        "nlctrl": genl.getfamily("nlctrl"),
        "none": genl.getfamily("nosuch"),
        "no name": request(16, 3),
        "long name": genl.getfamily("n" * 20),
        "name without end": request(16, 3, push_attribute(2, b"netdev")),
        "no such id": request(16, 3, push_attribute(1, b"\xff\0")),
        "short id": request(16, 3, push_attribute(1, b"\xff")),
        "unknown attribute": request(16, 3, push_u32(60, 1)),
        "no such command": request(16, 99),
        "no family": request(1000, 1),
        "ethtool: no device": request(ethtool_id, 17, header),
        "ethtool: no such name": request(ethtool_id, 17, by_name),
        "ethtool: no header": request(ethtool_id, 17),
        "ethtool: empty header": request(ethtool_id, 11, push_attribute(1, b"", nested=True)),
        "ethtool: header not nested": request(ethtool_id, 11, push_attribute(1, push_u32(1, 1))),
        "ethtool: short number": request(
            ethtool_id, 11, push_attribute(1, push_attribute(1, b"\1"), nested=True)
        ),
        "ethtool: unknown attribute": request(ethtool_id, 17, header, push_u32(20, 1)),
        "ethtool: unknown in header": request(
            ethtool_id, 17, push_attribute(1, push_u32(9, 1), nested=True)
        ),
        "ethtool: no such command": request(ethtool_id, 200),
    }


@pytest.mark.parametrize("capped", [True, False])
def test_control(namespace: Namespace, *, capped: bool) -> None:
    """Questions to nlctrl and wrong ones to ethtool get the kernel's bytes."""
    with Kernel(namespace.name) as kernel:
        family = genl.pull_family(Client(kernel.open(16)).ask(genl.getfamily("ethtool"))[0])
        channel = KernelChannel(NETLINK_GENERIC, kernel.within, capped=capped)
        age = Age.of("7.3")._replace(ethtool=family.id)
        ours = MockKernel([MockNic(1, "lo")], age).open(
            NETLINK_GENERIC, port_id=channel.port_id, capped=capped
        )
        questions = control_questions(family.id)
        if KernelVersion.parse(kernel.release()) < KernelVersion(6, 18):
            del questions["ethtool: no header"]  # was said in words once
        for what, question in questions.items():
            request, live = exchange(channel, question)
            ours.send(request)
            found = [one.hex() for one in received(ours)]

            assert (what, [one.hex() for one in live]) == (what, found)
        channel.close()
