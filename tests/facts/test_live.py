# SPDX-License-Identifier: MIT
"""NIC facts from the running kernel: the machine's own NICs only read, others made for it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import Namespace, private_namespace
from xdpconform.errors import NoSuchInterface
from xdpconform.interfaces import select
from xdpconform.judge import Outcome, claims
from xdpconform.nic import FLAGS, IDLE, Nic, Peer
from xdpconform.profiles import load_all, match
from xdpconform.snapshot import Inspector
from xdpconform.sources import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

ETH0 = Path("/sys/class/net/eth0")


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A private network namespace; removed at the end."""
    with private_namespace() as made:
        yield made


def look(name: str, netns: str | None = None) -> Nic:
    """What is known of one NIC."""
    with Inspector(Kernel(netns)) as inspector:
        (link,) = select([name], inspector.links())
        return inspector.nic(link)


def claimed(nic: Nic) -> set[str]:
    """What it claims."""
    assert nic.now is not None, nic.unknown
    return set(nic.now.names())


def certified(nic: Nic) -> dict[str, Outcome]:
    """The lines about its flags that neither pass nor are not claimed."""
    profile = match(load_all(), nic)
    found = {
        flag: claims.flag(nic, profile, flag).outcome for names in FLAGS.values() for flag in names
    }
    good = (Outcome.PASS, Outcome.NOT_CLAIMED)
    return {flag: outcome for flag, outcome in found.items() if outcome not in good}


@pytest.mark.skipif(not ETH0.exists(), reason="/sys shows no eth0 here")
def test_eth0() -> None:
    """A virtio NIC: driver, PCI vendor, and as many queues as sysfs shows."""
    nic = look("eth0")
    if nic.identity.driver != "virtio_net":
        pytest.skip("eth0 is no virtio NIC here")
    identity = nic.identity
    assert ("eth0", os.uname().release) == (identity.ifname, identity.kernel)
    assert int((ETH0 / "ifindex").read_text()) == identity.ifindex
    assert ("virtio_net", "virtio", None) == (identity.sysfs_driver, identity.bus, identity.kind)
    if identity.bus_info and ":" in identity.bus_info:
        assert identity.pci is not None
        assert identity.pci.startswith("1af4:")
    names = os.listdir(ETH0 / "queues")
    rx = sum(name.startswith("rx-") for name in names)
    tx = sum(name.startswith("tx-") for name in names)
    queues = nic.queues
    assert (rx, tx) == (queues.counted_rx, queues.counted_tx)
    assert queues.receive == rx
    assert int((ETH0 / "mtu").read_text()) == nic.link.mtu
    assert {"basic", "redirect"} <= claimed(nic)
    assert {} == certified(nic)
    assert nic == look(str(identity.ifindex))


def test_lo() -> None:
    """The loopback device: no driver information, no program, no claims."""
    nic = look("lo")
    identity = nic.identity
    assert ("lo", 1, "loopback", None) == (
        identity.ifname,
        identity.ifindex,
        identity.driver,
        identity.bus,
    )
    assert ("loopback", IDLE, set()) == (nic.link.link_type, nic.state, claimed(nic))
    assert nic.peer is None
    assert nic.ports is None
    assert {} == certified(nic)


def test_as_nobody() -> None:
    """Reading facts needs no privilege."""
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    before = look("lo")
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            code = int(look("lo").capabilities != before.capabilities)
        finally:
            os._exit(code)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_veth_pair(namespace: Namespace) -> None:
    """A veth knows its peer: queues, GRO, link, and what that makes of its claims."""
    namespace.ip(
        *("link", "add", "v0", "numrxqueues", "2", "numtxqueues", "3", "type", "veth"),
        *("peer", "name", "v1", "numrxqueues", "3", "numtxqueues", "2"),
    )
    namespace.ip("link", "set", "v0", "up")
    left, right = look("v0", namespace.path), look("v1", namespace.path)
    assert ("veth", "veth", None, None) == (
        left.identity.driver,
        left.identity.kind,
        left.identity.pci,
        left.identity.sysfs_driver,
    )
    assert (2, 3) == (left.queues.receive, left.queues.transmit)
    assert (2, 3) == (left.queues.counted_rx, left.queues.counted_tx)
    assert (left.link.ifindex, right.link.ifindex) == (right.link.lower, left.link.lower)
    assert left.peer is not None
    assert Peer("none", gro=left.peer.gro, tx_queues=2, up=False) == left.peer
    assert right.peer is not None
    assert Peer("none", gro=right.peer.gro, tx_queues=3, up=True) == right.peer
    assert isinstance(left.peer.gro, bool)
    assert {"basic", "redirect", "rx-sg"} <= claimed(left)
    assert ({}, {}) == (certified(left), certified(right))


def test_veth_with_too_many_queues(namespace: Namespace) -> None:
    """While its peer has more transmit queues than it can receive on, a veth claims nothing."""
    namespace.ip(
        *("link", "add", "v0", "numrxqueues", "1", "numtxqueues", "1", "type", "veth"),
        *("peer", "name", "v1", "numrxqueues", "1", "numtxqueues", "4"),
    )
    nic = look("v0", namespace.path)
    assert nic.peer is not None
    assert (1, 4) == (nic.queues.receive, nic.peer.tx_queues)
    assert {"basic", "redirect", "rx-sg"}.isdisjoint(claimed(nic))
    assert {} == certified(nic)


def test_peer_elsewhere(namespace: Namespace) -> None:
    """Of a peer in another namespace nothing is known, and what hangs on it is blocked."""
    with private_namespace() as other:
        namespace.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", other.name)
        nic = look("v0", namespace.path)
    assert nic.link.lower_elsewhere
    assert nic.peer is None
    blocked = {"ndo-xmit": Outcome.BLOCKED, "ndo-xmit-sg": Outcome.BLOCKED}
    assert blocked == certified(nic)


@pytest.mark.parametrize(
    ("mode", "link_type", "variant", "wanted"),
    [
        ("tap", "ether", "tun:TAP", {"basic", "redirect", "ndo-xmit"}),
        ("tun", "none", "tun:TUN", set()),
    ],
)
def test_tun(
    namespace: Namespace, mode: str, link_type: str, variant: str, wanted: set[str]
) -> None:
    """A TAP and a TUN have the same driver and kind, and differ by link type and claims."""
    namespace.ip("tuntap", "add", "dev", "t0", "mode", mode)
    nic = look("t0", namespace.path)
    assert ("tun", "tun", link_type) == (nic.identity.driver, nic.identity.kind, nic.link.link_type)
    profile = match(load_all(), nic)
    assert profile is not None
    assert (variant, "") == (profile.name, profile.assumed)
    assert wanted == claimed(nic)
    assert {} == certified(nic)


def test_bridge(namespace: Namespace) -> None:
    """A bridge with a port: no claims, and no ports that its profile could ask for."""
    namespace.ip("link", "add", "br0", "type", "bridge")
    namespace.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    namespace.ip("link", "set", "v0", "master", "br0")
    nic = look("br0", namespace.path)
    assert ("bridge", "bridge", set(), None) == (
        nic.identity.driver,
        nic.identity.kind,
        claimed(nic),
        nic.ports,
    )
    assert {} == certified(nic)
    assert nic.link.ifindex == look("v0", namespace.path).link.master


def test_names(namespace: Namespace) -> None:
    """A strange name, an alternative name and a number find the same NIC."""
    strange = "é[0]*$"
    namespace.ip("link", "add", strange, "type", "veth", "peer", "name", "v1")
    namespace.ip("link", "property", "add", "dev", strange, "altname", "the-uplink-of-the-rack")
    found = [look(word, namespace.path) for word in (strange, "the-uplink-of-the-rack")]
    assert found[0] == found[1]
    assert strange == found[0].identity.ifname
    assert re.fullmatch(r"[A-Za-z0-9_.:@+-]+", found[0].id)
    assert found[0] == look(str(found[0].link.ifindex), namespace.path)


def test_vanished(namespace: Namespace) -> None:
    """A NIC that is deleted between two questions is said to have vanished."""
    namespace.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    with Inspector(Kernel(namespace.path)) as inspector:
        (link,) = select(["v0"], inspector.links())
        namespace.ip("link", "delete", "v0")
        with pytest.raises(NoSuchInterface) as caught:
            inspector.nic(link)
        text = "interface v0 vanished while it was asked (ETHTOOL_GDRVINFO: No such device)"
        assert text == str(caught.value)
        with pytest.raises(NoSuchInterface) as caught:
            inspector.device(link)
        assert "interface v0 vanished while it was asked (ENODEV)" == str(caught.value)
        with pytest.raises(NoSuchInterface) as caught:
            inspector.features(link)
        assert "interface v0 vanished while it was asked" == str(caught.value)
