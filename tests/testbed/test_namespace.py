# SPDX-License-Identifier: MIT
"""Namespaces held by a descriptor, and the ports in them."""

from __future__ import annotations

import json
import os
import re
import threading
from typing import TYPE_CHECKING

import pytest

from tests.testbed import child
from xdpconform.errors import NoSuchInterface, SourceError, Timeout
from xdpconform.netlink import rtnl
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.links import new_veth
from xdpconform.probes.testbed import Namespace, Port
from xdpconform.sources.netns import RUN_NETNS

if TYPE_CHECKING:
    from tests.namespaces import Namespace as Host


def own_inode() -> int:
    """The number of the calling thread's namespace."""
    return os.stat("/proc/thread-self/ns/net").st_ino


def links(namespace: Namespace) -> list[str]:
    """The interfaces, as rtnetlink lists them."""
    replies = namespace.client(NETLINK_ROUTE).ask(rtnl.getlink_dump())
    return sorted(rtnl.pull_link(message).name for message in replies)


@pytest.mark.usefixtures("host")
def test_anonymous() -> None:
    """A namespace of our own is another one, is new, and what is called runs inside."""
    with Namespace.anonymous() as one, Namespace.anonymous() as other:
        inodes = {own_inode(), one.inode, other.inode}

        assert 3 == len(inodes)
        assert one.inode == one.call(own_inode)
        assert links(one) == one.call(lambda: sorted(os.listdir("/sys/class/net")))


def test_at(host: Host) -> None:
    """A namespace is found by its name and by its path, and both are the same."""
    with Namespace.at(host.name) as named, Namespace.at(host.path) as path:
        expected = os.stat(host.path).st_ino

        assert [expected] * 4 == [
            named.inode,
            path.inode,
            named.call(own_inode),
            path.call(own_inode),
        ]


def test_current() -> None:
    """The calling thread's own namespace needs no privilege to be held."""
    with Namespace.current() as current:
        assert [own_inode()] * 2 == [current.inode, current.call(own_inode)]


def test_missing() -> None:
    """A name that there is not is refused with those that there are."""
    expected = rf"^no network namespace 'xdpc-none': names below {RUN_NETNS} are: "
    with pytest.raises(SourceError, match=expected):
        Namespace.at("xdpc-none")


def test_call() -> None:
    """What a function raises is raised to its caller, and the next one runs all the same."""
    with Namespace.current() as namespace:
        with pytest.raises(ZeroDivisionError):
            namespace.call(lambda: 1 // 0)

        assert 3 == namespace.call(lambda: namespace.call(lambda: 3))


def test_closed() -> None:
    """A namespace that was closed says so, and leaves no thread and no descriptor."""
    namespace = Namespace.current()
    namespace.client(NETLINK_ROUTE)
    descriptor = namespace.fd
    namespace.close()
    namespace.close()

    assert namespace.name not in " ".join(thread.name for thread in threading.enumerate())
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    with pytest.raises(SourceError, match=r"^this namespace is closed$"):
        namespace.call(own_inode)


def test_source(host: Host) -> None:
    """The source of a namespace tells of what is in it: over netlink, by ioctl and in /sys."""
    host.pairs(1)
    with Namespace.at(host.name) as namespace:
        source = namespace.source()

        assert ["lo", "v0a", "v0b"] == links(namespace)
        assert b"veth" == source.drvinfo(b"v0a")[4:36].rstrip(b"\0")
        assert {"ifindex": str(host.index("v0a"))} == source.sysfs(b"v0a", ("ifindex",))


def test_dies_with_us(host: Host) -> None:
    """A killed run leaves nothing: a pair goes with the namespace that held one end."""
    code = (
        "import sys, time\n"
        "from xdpconform.netlink.links import new_veth\n"
        "from xdpconform.probes.testbed import Namespace\n"
        "host, own = Namespace.at(sys.argv[1]), Namespace.anonymous()\n"
        "host.client(0).ask(new_veth(b'out', b'in', own.fd))\n"
        "print('made', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = child.start(code, host.name)
    try:
        assert "made" == child.line(process)
        assert ["lo", "out"] == names(host)
    finally:
        child.kill(process)

    assert ["lo"] == child.until(lambda: names(host), ["lo"])


def names(host: Host) -> list[str]:
    """The interfaces, as iproute2 lists them."""
    return sorted(link["ifname"] for link in json.loads(host.ip("-j", "link")))


def test_port_state(host: Host) -> None:
    """A port's state is what iproute2 says, an independent reader."""
    with Namespace.at(host.name) as namespace:
        namespace.client(NETLINK_ROUTE).ask(new_veth(b"v0a", b"v0b", queues=(3, 2)))
        host.batch("link set v0a mtu 9000 up", "link set v0b up")
        port = Port(namespace, "v0a")
        (link,) = json.loads(host.ip("-j", "-d", "-s", "link", "show", "dev", "v0a"))
        state = port.state()

        assert (link["ifindex"], link["ifname"]) == (port.ifindex, port.ifname)
        assert link["address"] == port.mac.hex(":")
        assert (
            (True, link["mtu"], link["min_mtu"], link["max_mtu"], True, link["promiscuity"])
        ) == (
            state.up,
            state.mtu,
            state.min_mtu,
            state.max_mtu,
            state.carrier,
            state.promiscuity,
        )
        assert (link["num_rx_queues"], link["num_tx_queues"], 3, 2) == (
            state.rx_queues,
            state.tx_queues,
            state.rx_queues,
            state.tx_queues,
        )
        assert (link["operstate"] in ("UP", "UNKNOWN")) == state.operational


def test_port_missing(host: Host) -> None:
    """A port that is not there, or no longer, is named together with its namespace."""
    host.pairs(1)
    with Namespace.at(host.name) as namespace:
        port = Port(namespace, "v0a")
        host.ip("link", "delete", "v0a")

        expected = f"^v0a \\(ifindex {port.ifindex}\\) is gone from {re.escape(host.path)}$"
        with pytest.raises(NoSuchInterface, match=expected):
            port.state()
        with pytest.raises(NoSuchInterface, match=f"^no interface 'v0a' in {host.path}$"):
            Port(namespace, "v0a")


def test_carrier(host: Host) -> None:
    """Waiting for a carrier ends when there is one, and else says what keeps it away."""
    host.pairs(1)
    with Namespace.at(host.name) as namespace:
        port = Port(namespace, "v0a")
        for command, found in (("down", "is down"), ("up", "has no carrier")):
            host.ip("link", "set", "v0a", command)
            expected = (
                f"v0a {found} after 0 s: check the cable and what is at its other end, or switch it"
                " on (ip link set v0a up)"
            )
            with pytest.raises(Timeout, match=f"^{re.escape(expected)}$"):
                port.wait_carrier(0)
        timer = threading.Timer(0.05, host.ip, ("link", "set", "v0b", "up"))
        timer.start()
        port.wait_carrier(child.PATIENCE)
        timer.join()

        assert port.state().carrier
