# SPDX-License-Identifier: MIT
"""The mock as a source: channels, ages, errors, notifications."""

from __future__ import annotations

import errno
from struct import pack
from time import monotonic

import pytest

from tests.mock.judged import judged, received, snapshot
from xdpconform.errors import InputError, KernelError, ReplyTruncated, SourceError, Timeout
from xdpconform.mock import Age, Channels, Claims, MockKernel, MockNic, parse
from xdpconform.netlink import ethtool, genl, netdev, rtnl
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE, NLM_F_DUMP
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import push_attribute, push_genlmsghdr, push_string, push_u32
from xdpconform.probes.lifecycle import decode
from xdpconform.sources.base import Client

NICS = [
    MockNic(3, "eth3", Claims(0x2B, 3, 7, 4), channels=Channels(combined_max=4, combined=2)),
    MockNic(1, "lo", link_type="loopback", features=None),
    MockNic(7, "veth7", Claims(0x23, 7), kind="veth", up=False, alt_names=("second-name",)),
]


def generic(age: str = "7.3", **more: bool) -> Client:
    """A client of a mock."""
    return Client(MockKernel(NICS, Age.of(age)).open(NETLINK_GENERIC, **more))


def family(client: Client, name: str = "netdev") -> genl.Family:
    """A family as it describes itself."""
    return genl.pull_family(client.ask(genl.getfamily(name))[0])


@pytest.mark.parametrize(
    ("age", "attributes"),
    [
        ("6.3", [1, 3]),
        ("6.5", [1, 3]),
        ("6.6", [1, 3, 4]),
        ("6.7", [1, 3, 5, 4]),
        ("6.8", [1, 3, 5, 6, 4]),
        ("7.3", [1, 3, 5, 6, 4]),
    ],
)
def test_attributes_by_age(age: str, attributes: list[int]) -> None:
    """A kernel reports what was there in its time, in the kernel's order."""
    client = generic(age)
    (reply,) = client.ask(netdev.dev_get(family(client), 3))
    found, rest = [], reply.payload[4:]
    while rest:
        length = int.from_bytes(rest[:2], "little")
        found.append(int.from_bytes(rest[2:4], "little"))
        rest = rest[-(-length // 4) * 4 :]

    assert attributes == found


@pytest.mark.parametrize(
    ("age", "operations", "groups"),
    [
        ("6.3", {1: 14}, {"mgmt": 5}),
        ("6.8", {1: 14, 5: 14, 9: 14, 10: 14, 11: 14}, {"mgmt": 5, "page-pool": 6}),
        ("6.9", {1: 14, 5: 14, 9: 14, 10: 14, 11: 14, 12: 12}, {"mgmt": 5, "page-pool": 6}),
        (
            "6.18",
            {1: 14, 5: 14, 10: 14, 11: 14, 12: 12, 13: 11, 14: 11, 15: 10},
            {"mgmt": 4, "page-pool": 5},
        ),
    ],
)
def test_family_by_age(age: str, operations: dict[int, int], groups: dict[str, int]) -> None:
    """The family lists the operations and groups of its time."""
    found = family(generic(age))

    assert (operations, groups) == (found.operations, found.groups)


def test_no_family() -> None:
    """A kernel before 6.3 has no family netdev: every line about claims is blocked."""
    (mock,) = parse(["virtio_net@6.1"])
    found = judged(mock)

    assert "INCOMPLETE" == found.verdict.value
    assert "blocked" == found.word("XDP-FEAT-02")
    assert found.nic.unknown.startswith("this kernel has no netdev family")
    with pytest.raises(SourceError) as caught:
        mock.notifications()
    text = "virtio_net:mrg-rxbuf@6.1: kernel 6.1 has no family netdev, and notifies nobody"
    assert text == str(caught.value)


@pytest.mark.parametrize("age", ["6.3", "6.6", "6.7", "6.8", "6.12", "6.18", "7.3", "8.0"])
def test_conforms_at_any_age(age: str) -> None:
    """A mock of any age does nothing wrong, and is asked nothing that it does not know."""
    mock = MockKernel([MockNic(2, "eth0")], Age.of(age), name="one")
    found = judged(mock)

    assert age == ".".join(mock.release().split(".")[:2])
    assert {} == {
        line: text
        for line, text in found.unsettled().items()
        if not line.startswith(("XDP-FEAT", "XDP-RXMD", "XDP-TXMD", "XDP-ZC", "XDP-QUEUE"))
    }


@pytest.mark.parametrize("text", ["", "7", "7.", ".3", "seven.three", "7.x", "-1.2", "7.3-rc1"])
def test_age_refused(text: str) -> None:
    """A kernel is two numbers."""
    with pytest.raises(InputError) as caught:
        Age.of(text)

    expected = f"kernel {text!r}: two numbers expected, such as 7.3 or 6.12"
    assert expected == str(caught.value)


def test_dump_with_attributes() -> None:
    """7.3 refuses attributes in a dump of devices, 6.12 passes them over."""
    asked = []
    for age in ("7.3", "6.12"):
        client = generic(age)
        found = family(client)
        request = netdev.dev_get(found, 3)._replace(flags=NLM_F_DUMP)
        try:
            asked.append(len(client.ask(request)))
        except KernelError as error:
            asked.append(error.errno)

    assert [errno.EINVAL, 3] == asked


def test_order() -> None:
    """Dumps are by number, whatever order the NICs were given in."""
    client = generic()
    devices = client.ask(netdev.dev_get_dump(family(client)))

    assert [1, 3, 7] == [netdev.pull_device(one).ifindex for one in devices]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (rtnl.getlink(b"nosuch"), errno.ENODEV),
        (rtnl.getlink(ifindex=99), errno.ENODEV),
        (rtnl.getlink(), errno.EINVAL),
        (rtnl.veth_pair(b"a", b"b"), errno.EPERM),
        (rtnl.dellink(3), errno.EPERM),
        (Request("address", 22, bytes(8)), errno.EOPNOTSUPP),
        (Request("beyond", 200, bytes(8)), errno.EOPNOTSUPP),
    ],
)
def test_route_refusals(request_: Request, code: int) -> None:
    """rtnetlink refuses what is not there, and every change."""
    client = Client(MockKernel(NICS).open(NETLINK_ROUTE))
    with pytest.raises(KernelError) as caught:
        client.ask(request_)

    assert code == caught.value.errno


def test_links() -> None:
    """A link is found by number, by name and by alternative name."""
    client = Client(MockKernel(NICS).open(NETLINK_ROUTE))
    asked = [rtnl.getlink(ifindex=7), rtnl.getlink(b"veth7"), rtnl.getlink(b"second-name")]
    found = [rtnl.pull_link(client.ask(one)[0]) for one in asked]

    assert [7, 7, 7] == [link.ifindex for link in found]
    assert ("veth", False, ("second-name",)) == (found[0].kind, found[0].up, found[0].alt_names)


def test_unsupported_ethtool() -> None:
    """What a driver does not have is refused with EOPNOTSUPP."""
    client = generic()
    found = family(client, "ethtool")
    codes = []
    for request in (ethtool.channels_get(found, 7), ethtool.features_get(found, 1)):
        with pytest.raises(KernelError) as caught:
            client.ask(request)
        codes.append(caught.value.errno)

    assert [errno.EOPNOTSUPP, errno.EOPNOTSUPP] == codes
    assert 2 == ethtool.pull_channels(client.ask(ethtool.channels_get(found, 3))[0]).combined


def test_no_waiting() -> None:
    """Where a kernel's answer would be waited for, there is a Timeout at once."""
    channel = MockKernel(NICS).open(NETLINK_GENERIC)
    with pytest.raises(Timeout) as caught:
        channel.receive(monotonic() + 1000)

    assert "netlink: no answer before the deadline" == str(caught.value)


def test_closed() -> None:
    """A closed channel says so, until it is reset."""
    channel = MockKernel(NICS).open(NETLINK_GENERIC)
    channel.join(5)
    channel.close()
    channel.close()
    for use in (lambda: channel.send(b""), lambda: channel.receive(0), lambda: channel.join(5)):
        with pytest.raises(SourceError) as caught:
            use()
        assert "the netlink channel is closed" == str(caught.value)
    channel.reset()

    assert [5] == channel.groups
    assert [] == received(channel)


def test_unknown_protocol() -> None:
    """There is no other protocol."""
    with pytest.raises(SourceError) as caught:
        MockKernel(NICS, name="it").open(9)

    assert "it: no netlink protocol 9 here" == str(caught.value)


def dump(number: int, kind: int = 22) -> bytes:
    """A request for a dump of devices."""
    return pack("=IHHII", 20, kind, 0x301, number, 0) + push_genlmsghdr(1, 1)


def test_busy() -> None:
    """A second dump on a socket is refused while the first is not read to its last datagram."""
    channel = MockKernel(NICS, first_room=80, room=80).open(NETLINK_GENERIC)
    channel.send(dump(1))
    channel.send(dump(2))
    codes = [one[16:20].hex() for one in received(channel) if one[4:6] == b"\2\0"]
    channel.send(dump(3))

    assert ["f0ffffff"] == codes
    assert {3} == {one[8] for one in received(channel)}


def test_rooms() -> None:
    """A dump fills its datagrams as far as they go; NLMSG_DONE needs room like any message."""
    sizes = {}
    for room in (64, 148, 199, 200, 219, 220):
        channel = MockKernel(NICS, first_room=room, room=room).open(NETLINK_GENERIC)
        channel.send(dump(1))
        sizes[room] = [len(one) for one in received(channel)]

    expected = {
        64: [64, 72, 64, 20],
        148: [136, 84],
        199: [136, 84],
        200: [200, 20],
        219: [200, 20],
        220: [220],
    }
    assert expected == sizes


def test_first_dump_is_smaller() -> None:
    """Like the kernel's, a socket's first dump comes in a page, later ones in 32 KiB."""
    nics = [MockNic(number, f"eth{number}") for number in range(1, 601)]
    channel = MockKernel(nics).open(NETLINK_GENERIC)
    sizes = []
    for number in (1, 2):
        channel.send(dump(number))
        sizes.append([len(one) for one in received(channel)])

    assert [[3776, 32448, 2196], [32448, 5972]] == sizes


def test_larger_than_the_buffer() -> None:
    """A datagram larger than the buffer is lost; a reset makes the buffer larger, to a limit."""
    (mock,) = parse(["veth+garbage-beyond-limit"])
    channel = mock.open(NETLINK_GENERIC)
    texts = []
    for _try in range(3):
        channel.send(
            pack("=IHHII", 28, 22, 1, 1, 0) + bytes.fromhex("0101000008000100") + b"\2\0\0\0"
        )
        with pytest.raises(ReplyTruncated) as caught:
            channel.receive(0)
        texts.append(str(caught.value))
        if len(texts) < 3:
            channel.reset(larger=True)
    with pytest.raises(SourceError) as refused:
        channel.reset(larger=True)

    assert ["65536", "524288", "4194304"] == [text.split()[-2] for text in texts]
    assert "netlink: a reply is larger than 4194304 bytes: refused" == str(refused.value)


def test_ports() -> None:
    """Each channel has a port of its own, which its replies carry, whatever the request says."""
    mock = MockKernel(NICS)
    first, second = mock.open(NETLINK_GENERIC), mock.open(NETLINK_GENERIC)
    second.send(dump(1)[:12] + pack("=I", 99) + dump(1)[16:])

    assert first.port_id != second.port_id
    assert second.port_id == int.from_bytes(received(second)[0][12:16], "little")
    assert [] == received(first)


@pytest.mark.parametrize("age", ["6.3", "6.12", "7.3"])
def test_notifications(age: str) -> None:
    """A pair is born without features, gets them, is taken away; dev-get says what the last did."""
    mock = MockKernel(NICS, Age.of(age))
    found = decode(mock.notifications())

    assert [2, 2, 4, 4, 3, 3, 1] == [command for command, _device in found]
    assert [8, 9, 9, 8, 9, 8, 9] == [device.ifindex for _command, device in found]
    assert found[2][1] == found[-1][1]


def test_drvinfo_and_sysfs() -> None:
    """Strings of the driver, files and the queues folder are the NIC's; of no other."""
    (mock,) = parse(["ena:too-few"])

    assert b"ena" == mock.drvinfo(b"eth0")[4:7]
    assert 196 == len(mock.drvinfo(b"eth0"))
    assert b"" == mock.drvinfo(b"lo")
    with pytest.raises(SourceError) as caught:
        mock.drvinfo(b"eth9")
    assert "ETHTOOL_GDRVINFO: No such device" == str(caught.value)
    files = mock.sysfs(b"eth0", ("queues/", "device/driver", "nothing"))
    assert ["queues/", "device/driver"] == list(files)
    assert 10 == len(files["queues/"].split())
    assert {} == mock.sysfs(b"eth9", ("queues/",))
    mock.close()


def test_questions_are_counted() -> None:
    """A mock remembers what it was asked."""
    (mock,) = parse(["veth"])
    snapshot(mock)

    assert 1 == mock.asked["dev-get ack"]
    assert 11 == mock.asked["refusal"]


def test_families_are_dumped() -> None:
    """A dump of nlctrl lists every family there is."""
    names = {}
    for age in ("6.1", "7.3"):
        request = Request("families", 16, push_genlmsghdr(3, 2), NLM_F_DUMP)
        names[age] = [genl.pull_family(one).name for one in generic(age).ask(request)]

    assert {"6.1": ["nlctrl", "ethtool"], "7.3": ["nlctrl", "ethtool", "netdev"]} == names


def by_name(family_: genl.Family, name: bytes) -> Request:
    """channels-get of a device by its name."""
    header = push_attribute(1, push_string(2, name), nested=True)
    return Request("ethtool", family_.id, push_genlmsghdr(17, 1) + header)


def test_ethtool_by_name() -> None:
    """ethtool finds a device by its name too, and dumps those that have an answer."""
    client = generic()
    found = family(client, "ethtool")
    channels = ethtool.pull_channels(client.ask(by_name(found, b"eth3"))[0])
    dumped = client.ask(Request("ethtool", found.id, push_genlmsghdr(17, 1), NLM_F_DUMP))
    with pytest.raises(KernelError) as caught:
        client.ask(by_name(found, b"eth4"))

    assert 3 == channels.ifindex
    assert [3] == [ethtool.pull_channels(one).ifindex for one in dumped]
    assert "no device matches name" == caught.value.extack.message


@pytest.mark.parametrize(
    ("command", "flags", "payload", "code"),
    [
        (11, 0, push_u32(2, 5), errno.ENOENT),
        (12, NLM_F_DUMP, push_u32(1, 3), errno.EOPNOTSUPP),
        (12, NLM_F_DUMP, push_u32(1, 99), errno.ENODEV),
        (12, NLM_F_DUMP, push_attribute(4, bytes(3)), errno.EINVAL),
        (12, NLM_F_DUMP, push_attribute(4, b"\2" + bytes(7)), errno.ERANGE),
        (13, 0, b"", errno.EINVAL),
        (13, 0, push_u32(1, 3), errno.EOPNOTSUPP),
        (16, 0, b"", errno.EINVAL),
        (200, 0, b"", errno.EOPNOTSUPP),
    ],
)
def test_other_operations(command: int, flags: int, payload: bytes, code: int) -> None:
    """Operations that nobody asks for here are refused as where there is no such object."""
    client = generic()
    found = family(client)
    with pytest.raises(KernelError) as caught:
        client.ask(Request("other", found.id, push_genlmsghdr(command, 1) + payload, flags))

    assert code == caught.value.errno


@pytest.mark.parametrize("command", [5, 9, 11, 12])
def test_nothing_of_others(command: int) -> None:
    """A dump of what the mock does not keep is empty."""
    client = generic()
    request = Request("other", family(client).id, push_genlmsghdr(command, 1), NLM_F_DUMP)

    assert [] == client.ask(request)


def test_programs() -> None:
    """A link tells the program's mode, and its number where there is one."""
    modes = ("none", "native", "generic", "offloaded", "several")
    nics = [MockNic(n, f"eth{n}", xdp=mode, prog_id=9) for n, mode in enumerate(modes, 1)]
    client = Client(MockKernel(nics).open(NETLINK_ROUTE))
    links = [rtnl.pull_link(one) for one in client.ask(rtnl.getlink_dump())]

    assert list(modes) == [link.xdp for link in links]


def test_elsewhere() -> None:
    """A lower device in another namespace is told with that namespace's number."""
    nics = [MockNic(2, "veth0", kind="veth", lower=2, lower_netnsid=0)]
    client = Client(MockKernel(nics).open(NETLINK_ROUTE))
    link = rtnl.pull_link(client.ask(rtnl.getlink(ifindex=2))[0])

    assert (2, True) == (link.lower, link.lower_elsewhere)
