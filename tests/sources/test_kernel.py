# SPDX-License-Identifier: MIT

"""The live kernel. Interfaces of the machine are only read; all else is in private namespaces."""

from __future__ import annotations

import _socket
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from tests.namespaces import Namespace
from tests.strategies import encode_attributes, encode_messages
from xdpconform.errors import KernelError, Overrun, ReplyTruncated, SourceError, Timeout, WireError
from xdpconform.netlink import genl, netdev, rtnl
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.netlink.genl import Family
from xdpconform.netlink.netdev import Device, QueueType, XdpAct, XdpRxMetadata, XskFlags
from xdpconform.netlink.transaction import Transaction
from xdpconform.netlink.wire import Attribute, Message, pull_messages
from xdpconform.sources import kernel as module
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel, KernelChannel
from xdpconform.sources.netns import run_in

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux"),
    pytest.mark.usefixtures("no_descriptor_left"),
]

VETH = XdpAct.BASIC | XdpAct.REDIRECT | XdpAct.RX_SG


def family(client: Client) -> Family:
    """The netdev family; the test is skipped on a kernel that has none."""
    try:
        (message,) = client.ask(genl.getfamily("netdev"))
    except KernelError as error:
        pytest.skip(str(error))
    return genl.pull_family(message)


def dump(client: Client) -> list[Device]:
    """Every device."""
    return [netdev.pull_device(one) for one in client.ask(netdev.dev_get_dump(family(client)))]


# The netdev family through pyroute2, an independent reader.


def pyroute2_devices() -> dict[int, dict[str, int]]:
    """What pyroute2 reads, by ifindex; it takes one datagram of a dump."""
    from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST, genlmsg
    from pyroute2.netlink.generic import GenericNetlinkSocket

    class Message(genlmsg):  # type: ignore[misc]
        nla_map = (
            ("UNSPEC", "none"), ("ifindex", "uint32"), ("pad", "none"), ("features", "uint64"),
            ("zc_max_segs", "uint32"), ("rx_metadata", "uint64"), ("xsk", "uint64"),
        )  # fmt: skip

    with GenericNetlinkSocket() as reader:
        reader.bind("netdev", Message)
        request = Message()
        request["cmd"], request["version"] = 1, 1
        flags = NLM_F_REQUEST | NLM_F_DUMP
        replies = reader.nlm_request(request, msg_type=reader.prid, msg_flags=flags)
        found = [dict(reply["attrs"]) for reply in replies]
    return {attributes.pop("ifindex"): attributes for attributes in found}


def as_pyroute2(device: Device) -> dict[str, int]:
    """A device's attributes as `pyroute2_devices` gives them."""
    values = device.capabilities._asdict()
    assert () == values.pop("unknown")
    return {name: int(value) for name, value in values.items() if value is not None}


def test_dump_equals_a_second_reader(crowd: Namespace) -> None:
    """A dump of 300 veth devices is what an independent reader reads."""
    with Kernel(crowd.name) as kernel:
        found = dump(Client(kernel.open(NETLINK_GENERIC)))

    assert 301 == len(found)
    assert run_in(crowd.path, pyroute2_devices) == {
        device.ifindex: as_pyroute2(device) for device in found
    }


def test_dump_over_several_datagrams(namespace: Namespace) -> None:
    """A dump that needs several datagrams holds every device, in ascending order."""
    namespace.pairs(600)
    trace: list[Any] = []
    with Kernel(namespace.name) as kernel:
        found = dump(Client(kernel.open(NETLINK_GENERIC), trace))
    indices = [device.ifindex or 0 for device in found]

    assert 1 < len(trace[-1].replies)
    assert 1201 == len(indices)
    assert sorted(indices) == indices
    assert run_in(namespace.path, lambda: len(os.listdir("/sys/class/net"))) == len(found)


def test_veth(namespace: Namespace) -> None:
    """Asking for one veth gives its claims, and the dump gives the same."""
    namespace.pairs(1)
    index = namespace.index("v0a")
    with Kernel(namespace.name) as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        (message,) = client.ask(netdev.dev_get(family(client), index))
        found = netdev.pull_device(message)
        everything = dump(client)

    assert (index, VETH, XskFlags(0), None) == (
        found.ifindex,
        found.capabilities.features,
        found.capabilities.xsk,
        found.capabilities.zc_max_segs,
    )
    assert found.capabilities.rx_metadata is not None
    assert found.capabilities.rx_metadata & XdpRxMetadata.TIMESTAMP
    assert found in everything


def test_eth0() -> None:
    """An interface of the machine is read as an independent reader reads it."""
    number = Path("/sys/class/net/eth0/ifindex")
    if not number.exists():
        pytest.skip("no eth0 here")
    index = int(number.read_text())
    with Kernel() as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        (message,) = client.ask(netdev.dev_get(family(client), index))
    found = netdev.pull_device(message)

    assert index == found.ifindex
    assert pyroute2_devices()[index] == as_pyroute2(found)


def test_no_such_device(namespace: Namespace) -> None:
    """A device of another namespace is not there for this one."""
    with Kernel(namespace.name) as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        request = netdev.dev_get(family(client), 999999)
        with pytest.raises(KernelError) as caught:
            client.ask(request)

    assert "netdev dev-get: the kernel said ENODEV (No such device)" == str(caught.value)


@pytest.mark.parametrize("capped", [True, False])
def test_refusal_text(capped: bool) -> None:
    """The kernel's words are told the same with and without NETLINK_CAP_ACK."""
    channel = KernelChannel(NETLINK_GENERIC, capped=capped)
    try:
        client = Client(channel)
        request = netdev.dev_get(family(client), 0)
        with pytest.raises(KernelError) as caught:
            client.ask(request)
    finally:
        channel.close()

    assert (
        "netdev dev-get: the kernel said ERANGE (Numerical result out of range): integer out of"
        " range; it points at the request's ifindex"
    ) == str(caught.value)


def test_missing_attribute_text() -> None:
    """The attribute that the kernel misses is named."""
    with Kernel() as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        request = netdev.dev_get(family(client), 1)
        with pytest.raises(KernelError) as caught:
            client.ask(request._replace(payload=request.payload[:4]))

    assert (
        "netdev dev-get: the kernel said EINVAL (Invalid argument); it misses the attribute ifindex"
    ) == str(caught.value)


def test_no_such_family() -> None:
    """A family that the kernel does not have is refused with ENOENT."""
    with Kernel() as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        with pytest.raises(KernelError) as caught:
            client.ask(genl.getfamily("xdpc-none"))

    assert 2 == caught.value.errno
    assert str(caught.value).startswith("nlctrl getfamily xdpc-none: the kernel said ENOENT (")


def test_queues(namespace: Namespace) -> None:
    """The queues of a device that is up are listed, and those of one that is down are not."""
    namespace.pairs(1)
    namespace.ip("link", "set", "v0a", "up")
    namespace.ip("link", "set", "v0b", "up")
    namespace.ip("link", "add", "down0", "type", "veth", "peer", "name", "down1")
    up, down = namespace.index("v0a"), namespace.index("down0")
    with Kernel(namespace.name) as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        netdev_ = family(client)
        if not netdev_.can(netdev.Command.QUEUE_GET):
            pytest.skip("this kernel has no queue-get")
        queues = [netdev.pull_queue(one) for one in client.ask(netdev.queue_get_dump(netdev_, up))]
        (message,) = client.ask(netdev.queue_get(netdev_, up, QueueType.RX, 0))
        none = client.ask(netdev.queue_get_dump(netdev_, down))
        with pytest.raises(KernelError) as caught:
            client.ask(netdev.queue_get_dump(netdev_, 999999))

    assert {(up, QueueType.RX, 0), (up, QueueType.TX, 0)} <= {queue[:3] for queue in queues}
    assert netdev.pull_queue(message) in queues
    assert [] == none
    assert 19 == caught.value.errno


def test_links(namespace: Namespace) -> None:
    """Links are made, read by name and by number, listed, and deleted over one channel."""
    with Kernel(namespace.name) as kernel:
        client = Client(kernel.open(NETLINK_ROUTE))
        made = client.ask(rtnl.veth_pair(b"one", b"two"))
        (message,) = client.ask(rtnl.getlink(b"one"))
        one = rtnl.pull_link(message)
        namespace.ip("link", "property", "add", "dev", "two", "altname", "a-name-of-23-characters")
        (message,) = client.ask(rtnl.getlink(b"a-name-of-23-characters"))
        two = rtnl.pull_link(message)
        (message,) = client.ask(rtnl.getlink(ifindex=two.ifindex))
        links = [rtnl.pull_link(each) for each in client.ask(rtnl.getlink_dump())]
        client.ask(rtnl.dellink(one.ifindex))
        with pytest.raises(KernelError) as caught:
            client.ask(rtnl.getlink(b"one"))

    assert [] == made
    assert ("one", "ether", False, 1500, "veth", "none", two.ifindex, False, None) == one[1:10]
    assert ("two", ("a-name-of-23-characters",)) == (two.name, two.alt_names)
    assert rtnl.pull_link(message) == two
    assert {"lo", "one", "two"} == {link.name for link in links}
    assert 19 == caught.value.errno


def test_link_as_iproute2_shows_it(namespace: Namespace) -> None:
    """What is read about the links is what iproute2 shows."""
    namespace.ip("link", "add", "br0", "type", "bridge")
    namespace.ip("link", "add", "p0", "mtu", "9000", "type", "veth", "peer", "name", "p1")
    namespace.ip("link", "set", "p0", "master", "br0", "up")
    with Kernel(namespace.name) as kernel:
        client = Client(kernel.open(NETLINK_ROUTE))
        links = {one.name: one for one in map(rtnl.pull_link, client.ask(rtnl.getlink_dump()))}
    br0, p0, p1 = (namespace.index(name) for name in ("br0", "p0", "p1"))

    assert (p0, "ether", True, 9000, "veth", p1, br0) == (
        links["p0"].ifindex,
        links["p0"].link_type,
        links["p0"].up,
        links["p0"].mtu,
        links["p0"].kind,
        links["p0"].lower,
        links["p0"].master,
    )
    assert ("loopback", None, True) == (links["lo"].link_type, links["lo"].kind, links["lo"].up)
    assert "bridge" == links["br0"].kind


def test_tiny_buffer_grows(crowd: Namespace) -> None:
    """A dump larger than the buffer is answered, since the buffer grows."""
    with Kernel(crowd.name) as kernel:
        channel = KernelChannel(NETLINK_GENERIC, kernel.within, buffer=64)
        try:
            found = dump(Client(channel))
        finally:
            channel.close()

    assert 301 == len(found)
    assert 64 < channel._buffer


def test_truncated_reply_said() -> None:
    """A datagram larger than the buffer is never taken for a whole one."""
    channel = KernelChannel(NETLINK_GENERIC, buffer=64)
    try:
        channel.send(Transaction(genl.getfamily("netdev"), 1, channel.port_id).data)
        with pytest.raises(ReplyTruncated, match=r"^netlink: a reply is larger than 64 bytes$"):
            channel.receive(monotonic() + 5)
    finally:
        channel.close()


def test_buffer_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply beyond the limit is refused, and the error says the limit."""
    monkeypatch.setattr(module, "BUFFER_LIMIT", 128)
    channel = KernelChannel(NETLINK_GENERIC, buffer=64)
    try:
        with pytest.raises(SourceError) as caught:
            Client(channel).ask(genl.getfamily("netdev"))
    finally:
        channel.close()

    assert SourceError is type(caught.value)
    assert "netlink: a reply is larger than 128 bytes: refused" == str(caught.value)


@pytest.mark.parametrize("wait", [-1.0, 0.0, 0.02])
def test_deadline(wait: float) -> None:
    """Where nothing comes, receive ends with a Timeout and not before the deadline."""
    channel = KernelChannel(NETLINK_GENERIC)
    try:
        deadline = monotonic() + wait
        with pytest.raises(Timeout, match=r"^netlink: no answer before the deadline$"):
            channel.receive(deadline)
    finally:
        channel.close()

    assert deadline <= monotonic()


def test_deadline_with_signals() -> None:
    """Signals that are handled meanwhile neither end the wait early nor make it endless."""
    fired: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: fired.append(number))
    channel = KernelChannel(NETLINK_GENERIC)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        deadline = monotonic() + 0.15
        with pytest.raises(Timeout):
            channel.receive(deadline)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        channel.close()

    assert deadline <= monotonic()
    assert fired


def test_answer_at_the_deadline() -> None:
    """An answer that is there already is given, however late it is asked for."""
    channel = KernelChannel(NETLINK_GENERIC)
    try:
        channel.send(Transaction(genl.getfamily("netdev"), 5, channel.port_id).data)
        data, sender = channel.receive(monotonic() - 1)
    finally:
        channel.close()

    assert (0, 5) == (sender, pull_messages(data)[0].sequence)


def test_client_timeout(namespace: Namespace) -> None:
    """A request that gets no complete answer ends with a Timeout that says what was asked."""
    with Kernel(namespace.name) as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        request = netdev.dev_get(family(client), namespace.index("lo"))
        # NLMSG_NOOP is answered by nothing
        with pytest.raises(Timeout) as caught:
            client.ask(request._replace(type=1), timeout=0.02)

    assert "netdev dev-get: no complete answer in 0.02 s (0 messages came)" == str(caught.value)


def flood(namespace: Namespace, channel: KernelChannel, client: Client) -> None:
    """Fill the smallest receive buffer with notifications of the group mgmt."""
    channel.join(family(client).groups["mgmt"])
    channel._live().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    namespace.pairs(40)


def read_on(channel: KernelChannel) -> None:
    """Read until an error comes, or far too much."""
    for _ in range(1000):
        channel.receive(monotonic() + 5)


def test_overrun_said(namespace: Namespace) -> None:
    """Dropped notifications are told as an Overrun."""
    with Kernel(namespace.name) as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        flood(namespace, channel, Client(channel))

        with pytest.raises(Overrun, match=r"^netlink: the kernel dropped messages \(ENOBUFS\)$"):
            read_on(channel)


def test_overrun_resynchronised(namespace: Namespace) -> None:
    """After an overrun the same question is answered, and the group is joined again."""
    trace: list[Any] = []
    with Kernel(namespace.name) as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        client = Client(channel, trace)
        flood(namespace, channel, client)
        request = netdev.dev_get_dump(family(Client(kernel.open(NETLINK_GENERIC))))
        asked = len(trace)
        found = [netdev.pull_device(one) for one in client.ask(request)]
        namespace.ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
        data, _sender = channel.receive(monotonic() + 5)

    assert 81 == len(found)
    assert 2 <= len(trace) - asked
    (message,) = pull_messages(data)
    assert netdev.Command.DEV_ADD_NTF == message.payload[0]
    assert netdev.pull_device(message).ifindex not in {device.ifindex for device in found}


def test_notifications(namespace: Namespace) -> None:
    """A channel that joined mgmt sees devices come, change and go, and still gets its answers."""
    with Kernel(namespace.name) as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        client = Client(channel)
        channel.join(family(client).groups["mgmt"])
        namespace.pairs(1)
        indices = {namespace.index("v0a"), namespace.index("v0b")}
        seen: list[Message] = []
        while len(seen) < 4:
            seen += pull_messages(channel.receive(monotonic() + 5).data)
        namespace.ip("link", "delete", "v0a")
        answer = client.ask(netdev.dev_get(family(client), 1))

    assert [2, 2, 4, 4] == [message.payload[0] for message in seen]
    assert {(0, 0)} == {(message.sequence, message.port_id) for message in seen}
    assert indices == {netdev.pull_device(message).ifindex for message in seen}
    assert [1] == [netdev.pull_device(message).ifindex for message in answer]


def test_join_refused() -> None:
    """A group that does not exist cannot be joined, and the error says which."""
    with Kernel() as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        with pytest.raises(SourceError) as caught:
            channel.join(1 << 30)

    assert str(caught.value).startswith("netlink: cannot join group 1073741824: ")
    assert [] == channel._groups


def test_forged_reply(namespace: Namespace) -> None:
    """A right-looking reply that another socket sent to our port is refused."""
    namespace.pairs(1)
    index = namespace.index("v0a")
    with Kernel(namespace.name) as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        client = Client(channel)
        netdev_ = family(client)
        forger = kernel.within(
            lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        )
        with forger:
            attributes = [Attribute(1, index.to_bytes(4, "little")), Attribute(3, b"\xff" * 8)]
            payload = b"\1\1\0\0" + encode_attributes(attributes)
            lie = Message(netdev_.id, 0, client._sequence + 1, channel.port_id, payload)
            forger.sendto(encode_messages([lie]), (channel.port_id, 0))
            (message,) = client.ask(netdev.dev_get(netdev_, index))

            forger.sendto(encode_messages([lie]), (channel.port_id, 0))
            data, sender = channel.receive(monotonic() + 5)
            liar = forger.getsockname()[0]

    assert VETH == netdev.pull_device(message).capabilities.features
    assert encode_messages([lie]) == data
    assert 0 != liar
    assert liar == sender


def test_forged_reply_counted(namespace: Namespace) -> None:
    """A Timeout tells of datagrams that were not from the kernel."""
    with Kernel(namespace.name) as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        client = Client(channel)
        request = netdev.dev_get(family(client), 1)._replace(type=1)  # no answer will come
        forger = kernel.within(
            lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        )
        with forger:
            lie = Message(20, 0, client._sequence + 1, channel.port_id, b"\1\1\0\0")
            forger.sendto(encode_messages([lie]), (channel.port_id, 0))
            with pytest.raises(Timeout) as caught:
                client.ask(request, timeout=0.02)

    assert (
        "netdev dev-get: no complete answer in 0.02 s (0 messages came, 1 datagrams not from the"
        " kernel refused)"
    ) == str(caught.value)


def test_dump_after_a_broken_one(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump that ended halfway does not keep the next one from being answered."""
    namespace.pairs(1000)
    with Kernel(namespace.name) as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        request = netdev.dev_get_dump(family(client))

        def broken(_self: Transaction, _datagram: bytes, _sender: int = 0) -> bool:
            raise WireError("broken")

        with monkeypatch.context() as patched:
            patched.setattr(Transaction, "receive", broken)
            with pytest.raises(WireError, match=r"^broken$"):
                client.ask(request)

        assert 2001 == len(client.ask(request))


def test_by_name_by_path_and_here(namespace: Namespace) -> None:
    """A namespace is found by its name and by its path, and without one it is our own."""
    namespace.pairs(1, "named")
    index = namespace.index("named0a")
    names = []
    for netns in (namespace.name, namespace.path, None):
        with Kernel(netns) as kernel:
            client = Client(kernel.open(NETLINK_ROUTE))
            links = map(rtnl.pull_link, client.ask(rtnl.getlink_dump()))
            names.append(sorted(link.name for link in links if "named" in link.name))

    assert index
    assert [["named0a", "named0b"], ["named0a", "named0b"], []] == names


def test_sysfs_and_drvinfo(namespace: Namespace) -> None:
    """Files, links, folders and the driver are the namespace's; what is not there is left out."""
    namespace.pairs(1)
    with Kernel(namespace.name) as kernel:
        found = kernel.sysfs(b"v0a", ("ifindex", "queues/", "subsystem", "device/vendor", "none"))
        driver = kernel.drvinfo(b"v0a")
        with pytest.raises(SourceError, match=r"^ETHTOOL_GDRVINFO: No such device$"):
            kernel.drvinfo(b"none")

    assert {"ifindex", "queues/", "subsystem"} == set(found)
    assert str(namespace.index("v0a")) == found["ifindex"]
    assert ["rx-0", "tx-0"] == found["queues/"].splitlines()
    assert found["subsystem"].endswith("class/net")
    assert b"veth" == driver[4:36].rstrip(b"\0")
    assert 196 == len(driver)


def test_drvinfo_refused(namespace: Namespace) -> None:
    """A device without a driver's answer gives no bytes, and no error."""
    with Kernel(namespace.name) as kernel:
        assert b"" == kernel.drvinfo(b"lo")


def test_release() -> None:
    """The release is that of the running kernel."""
    assert Path("/proc/sys/kernel/osrelease").read_text().strip() == Kernel().release()


def test_missing_namespace() -> None:
    """A source for a namespace that does not exist fails at once."""
    with pytest.raises(SourceError, match=r"^no network namespace 'xdpc-none': "):
        Kernel("xdpc-none")


def test_closed() -> None:
    """A closed source closed its channels, closes again without error, and says so when asked."""
    kernel = Kernel()
    channel = kernel.open(NETLINK_GENERIC)
    kernel.close()
    kernel.close()
    channel.close()
    text = r"^the netlink channel is closed$"
    calls: list[Callable[[], object]] = [
        channel.fileno,
        lambda: channel.send(b""),
        lambda: channel.receive(0),
        lambda: channel.join(1),
    ]

    for call in calls:
        with pytest.raises(SourceError, match=text):
            call()


def test_reset_is_a_new_socket() -> None:
    """A reset channel has nothing pending and answers on."""
    with Kernel() as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        channel.send(Transaction(genl.getfamily("netdev"), 1, channel.port_id).data)
        channel.reset()
        with pytest.raises(Timeout):
            channel.receive(0)
        (message,) = Client(channel).ask(genl.getfamily("nlctrl"))

    assert "nlctrl" == genl.pull_family(message).name


FAILURES = {
    "bind": "netlink: Cannot allocate memory",
    "setsockopt": "netlink: Cannot allocate memory",
    "getsockname": "netlink: Cannot allocate memory",
    "__init__": "cannot open a netlink socket: Cannot allocate memory",
}


@pytest.mark.parametrize(("method", "expected"), FAILURES.items(), ids=FAILURES)
@pytest.mark.parametrize("inside", [False, True], ids=["here", "in-a-namespace"])
def test_descriptors_closed_when_opening_fails(
    method: str,
    expected: str,
    inside: bool,
    namespace: Namespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever call fails while a channel is opened, the error says why and nothing stays open."""

    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    kept: list[_socket.socket] = []  # so that only close() closes them

    class Broken(_socket.socket):
        def __init__(self, *arguments: int) -> None:
            super().__init__(*arguments)
            kept.append(self)

    class NotOpened(_socket.socket):
        __init__ = fail

    kernel = Kernel(namespace.name if inside else None)
    if method == "__init__":
        monkeypatch.setattr(_socket, "socket", NotOpened)
    else:
        monkeypatch.setattr(Broken, method, fail)
        monkeypatch.setattr(_socket, "socket", Broken)

    with pytest.raises(SourceError) as caught:
        kernel.open(NETLINK_GENERIC)
    assert expected == str(caught.value)
    assert [-1] * len(kept) == [sock.fileno() for sock in kept]
    assert [] == kernel._channels


def test_descriptors_closed_when_reset_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that cannot be opened anew is closed, and says so from then on."""
    channel = KernelChannel(NETLINK_GENERIC)

    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    with monkeypatch.context() as patched:
        patched.setattr(_socket, "socket", fail)
        with pytest.raises(SourceError, match=r"^cannot open a netlink socket: Too many open"):
            channel.reset()
    with pytest.raises(SourceError, match=r"^the netlink channel is closed$"):
        channel.fileno()


@pytest.mark.parametrize(
    ("method", "code", "kind", "expected"),
    [
        ("send", errno.ENOBUFS, Overrun, "netlink: no buffer space for the request"),
        ("send", errno.EPERM, SourceError, "netlink: cannot send: Operation not permitted"),
        ("recvmsg", errno.ENOBUFS, Overrun, "netlink: the kernel dropped messages (ENOBUFS)"),
        ("recvmsg", errno.ENOMEM, SourceError, "netlink: cannot receive: Cannot allocate memory"),
    ],
)
def test_errors_of_the_socket(
    method: str, code: int, kind: type[SourceError], expected: str
) -> None:
    """What the socket refuses is told with the call and the reason."""

    def fail(*_arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    channel = KernelChannel(NETLINK_GENERIC)
    real = channel._live()
    channel._socket = SimpleNamespace(**{method: fail})  # type: ignore[assignment]
    try:
        with pytest.raises(SourceError) as caught:
            channel.send(b"") if method == "send" else channel.receive(0)
    finally:
        channel._socket = real
        channel.close()

    assert (kind, expected) == (type(caught.value), str(caught.value))
