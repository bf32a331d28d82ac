# SPDX-License-Identifier: MIT
"""NIC facts from a kernel made of values: each as it should be, missing, and hostile."""

from __future__ import annotations

import errno
from struct import pack
from typing import Any

import pytest

from tests.facts.fake import Fake, FakeKernel, drvinfo, u32, u64
from tests.facts.nics import LINK, capabilities
from xdpconform.errors import KernelError, NoSuchInterface, SourceError, WireError
from xdpconform.nic import ATTACHED, IDLE, Identity, Link, Nic, Peer, QueueCounts
from xdpconform.snapshot import NO_FAMILY, Inspector


def link(ifindex: int, name: str, **facts: Any) -> Link:
    """A link."""
    return LINK._replace(ifindex=ifindex, name=name, raw_name=name.encode(), **facts)


ETH0 = link(7, "eth0")
CLAIMS = capabilities(["basic", "redirect"])


def inspected(*devices: Fake, index: int = 0, deep: bool = True, **kernel: Any) -> Nic:
    """What is known of one of the devices of a kernel."""
    with Inspector(FakeKernel(list(devices), **kernel)) as inspector:
        return inspector.nic(inspector.links()[index], deep=deep)


# identity

PCI = {
    "device/driver": "../../../bus/pci/drivers/mlx4_core",
    "device/subsystem": "../../../bus/pci",
    "device/vendor": "0x15b3",
    "device/device": "0x1003",
    "device/subsystem_vendor": "0x15b3",
    "device/subsystem_device": "0x0055",
}
VIRTIO = {
    "device/driver": "../../../../bus/virtio/drivers/virtio_net",
    "device/subsystem": "../../../../bus/virtio",
    "device/vendor": "0x1af4",
    "device/device": "0x0001",
    "device/../vendor": "0x1af4",
    "device/../device": "0x1041",
    "device/../subsystem_vendor": "0x1af4",
    "device/../subsystem_device": "0x1100",
}


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        (
            Fake(
                ETH0,
                drvinfo=drvinfo(b"mlx4_en", b"4.0-0", b"2.42.5000", b"0000:01:00.0"),
                sysfs=PCI,
            ),
            Identity(
                *("eth0", 7, "6.18.0", "mlx4_en", "4.0-0", "2.42.5000", "0000:01:00.0"),
                *("mlx4_core", "pci", None, "15b3:1003 subsystem 15b3:0055"),
            ),
        ),
        (
            Fake(
                ETH0, drvinfo=drvinfo(b"virtio_net", b"1.0.0", b"", b"0000:00:03.0"), sysfs=VIRTIO
            ),
            Identity(
                *("eth0", 7, "6.18.0", "virtio_net", "1.0.0", None, "0000:00:03.0"),
                *("virtio_net", "virtio", None, "1af4:1041 subsystem 1af4:1100"),
            ),
        ),
        (
            Fake(ETH0, drvinfo=drvinfo(b"drv\0garbage\xff", b"\0x", b"a b \0", b"  ")),
            Identity("eth0", 7, "6.18.0", "drv", None, "a b", None),
        ),
        (
            Fake(ETH0, drvinfo=drvinfo(b"d\xffr\n", b"\xc3\xa9", b"f" * 32)),
            Identity("eth0", 7, "6.18.0", "d\\xffr", "é", "f" * 32),
        ),
        (
            Fake(
                ETH0, sysfs={"device/driver": "../drivers/fec", "device/subsystem": "../platform"}
            ),
            Identity("eth0", 7, "6.18.0", "fec", sysfs_driver="fec", bus="platform"),
        ),
        (
            Fake(link(7, "v", kind="netkit")),
            Identity("v", 7, "6.18.0", "netkit", kind="netkit"),
        ),
        (
            Fake(link(1, "lo", link_type="loopback")),
            Identity("lo", 1, "6.18.0", "loopback"),
        ),
        (Fake(ETH0), Identity("eth0", 7, "6.18.0")),
        (Fake(ETH0, drvinfo=drvinfo()), Identity("eth0", 7, "6.18.0")),
    ],
)
def test_identity(device: Fake, wanted: Identity) -> None:
    """Driver, versions and bus from ETHTOOL_GDRVINFO; else the driver from sysfs, kind or lo."""
    assert wanted == inspected(device).identity


@pytest.mark.parametrize(
    ("sysfs", "wanted"),
    [
        ({k: v for k, v in PCI.items() if "subsystem_" not in k}, "15b3:1003"),
        ({k: v for k, v in PCI.items() if k != "device/vendor"}, None),
        ({k: v for k, v in PCI.items() if k != "device/device"}, "15b3:? subsystem 15b3:0055"),
        ({k: v for k, v in VIRTIO.items() if ".." not in k}, None),
        ({k: v for k, v in PCI.items() if k != "device/subsystem"}, None),
        ({**PCI, "device/subsystem": "../../bus/usb"}, None),
        ({**PCI, "device/subsystem": "../../bus/virtio"}, None),
    ],
)
def test_pci_ids(sysfs: dict[str, str], wanted: str | None) -> None:
    """PCI ids are a PCI device's own, and a virtio device's parent's."""
    assert wanted == inspected(Fake(ETH0, sysfs=sysfs)).identity.pci


# queues


@pytest.mark.parametrize(
    ("told", "wanted", "receive", "transmit"),
    [
        (None, QueueCounts(counted_rx=3, counted_tx=4), 3, 4),
        (
            QueueCounts(combined=2, combined_max=8),
            QueueCounts(combined=2, combined_max=8, counted_rx=3, counted_tx=4),
            2,
            2,
        ),
        (
            QueueCounts(rx=1, tx=2, rx_max=5, tx_max=6),
            QueueCounts(1, 2, None, 5, 6, None, 3, 4),
            1,
            2,
        ),
        (
            QueueCounts(rx=1, combined=2),
            QueueCounts(rx=1, combined=2, counted_rx=3, counted_tx=4),
            3,
            2,
        ),
        (QueueCounts(), QueueCounts(counted_rx=3, counted_tx=4), 3, 4),
    ],
)
def test_queues(told: QueueCounts | None, wanted: QueueCounts, receive: int, transmit: int) -> None:
    """Queues as ethtool tells them; counted in sysfs where the driver does not tell."""
    found = inspected(Fake(ETH0, queues=told, counted=(3, 4))).queues
    assert wanted == found
    assert (receive, transmit) == (found.receive, found.transmit)


@pytest.mark.parametrize(
    "answer", [errno.EOPNOTSUPP, errno.EPERM, [b"\x12\x01\0\0\x03"], [b"\x07\x01\0\0"], [], [b""]]
)
def test_queues_not_told(answer: Any) -> None:
    """A refused, malformed or empty answer to channels-get leaves the queues counted."""
    device = Fake(ETH0, queues=QueueCounts(combined=9), counted=(3, 4))
    found = inspected(device, answers={"channels": answer}).queues
    assert QueueCounts(counted_rx=3, counted_tx=4) == found


def test_no_ethtool_family() -> None:
    """Without the ethtool family queues are counted, and features not known."""
    nic = inspected(Fake(ETH0, queues=QueueCounts(combined=9)), families=("netdev",))
    assert QueueCounts(counted_rx=1, counted_tx=1) == nic.queues
    assert nic.features is None


@pytest.mark.parametrize(
    ("features", "answers", "wanted"),
    [
        (frozenset({"rx-gro", "tx-lockless"}), {}, frozenset({"rx-gro", "tx-lockless"})),
        (frozenset(), {}, frozenset()),
        (None, {}, None),
        (frozenset({"rx-gro"}), {"features": [b"\x0b\x01\0\0"]}, None),
        (frozenset({"rx-gro"}), {"features": errno.EIO}, None),
    ],
)
def test_features(features: Any, answers: dict[str, Any], wanted: Any) -> None:
    """The features that are on; None where they cannot be read, which is not none at all."""
    assert wanted == inspected(Fake(ETH0, features=features), answers=answers).features


# claims


@pytest.mark.parametrize(
    ("xdp", "state"), [("none", IDLE), ("native", ATTACHED), ("generic", IDLE), ("offloaded", IDLE)]
)
def test_state(xdp: str, state: str) -> None:
    """Only a native program makes the state attached."""
    nic = inspected(Fake(link(7, "eth0", xdp=xdp), CLAIMS))
    assert (state, {state: CLAIMS}, "") == (nic.state, nic.capabilities, nic.unknown)
    assert CLAIMS == nic.now


def test_no_netdev_family() -> None:
    """Without the netdev family what the NIC claims is unknown, and the text says what to do."""
    nic = inspected(Fake(ETH0, CLAIMS), families=("ethtool",), release="6.1.0")
    assert (NO_FAMILY, {}, {}) == (nic.unknown, nic.capabilities, nic.answers)
    assert nic.now is None
    assert (
        "this kernel has no netdev family (CONFIG_NET, Linux 6.3 or later): what the NIC claims is"
        " unknown; boot a newer kernel"
    ) == nic.unknown
    with Inspector(FakeKernel([Fake(ETH0)], families=())) as inspector:
        for question in (lambda: inspector.device(ETH0), inspector.devices):
            with pytest.raises(SourceError) as caught:
                question()
            assert NO_FAMILY == str(caught.value)


HEAD = b"\x01\x01\0\0"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ([HEAD + u32(1, 7) + b"\x03"], "nlattr"),
        ([HEAD + u32(1, 7) + u32(3, 1)], "attribute xdp-features: 4 bytes, a 64-bit number needed"),
        ([b"\x09\x01\0\0"], "netdev: command 9 in place of dev-get or its notifications"),
        ([b""], "genlmsghdr"),
        ([], "netdev dev-get: 0 replies in place of one"),
        (errno.EIO, "netdev dev-get: the kernel said EIO (Input/output error)"),
    ],
)
def test_claims_not_known(answer: Any, text: str) -> None:
    """A malformed or refused answer to dev-get leaves the claims unknown, with the answer kept."""
    nic = inspected(Fake(ETH0, CLAIMS), answers={"dev-get": answer})
    assert {} == nic.capabilities
    assert nic.unknown.startswith("dev-get of eth0 failed: ")
    assert text in nic.unknown
    kept = nic.answers["dev-get"]
    assert kept.value is None
    assert isinstance(kept.error, (KernelError, WireError))
    assert (kept.errno == errno.EIO) == isinstance(answer, int)
    assert kept.replies


def test_unknown_bits_are_kept() -> None:
    """Bits and attributes that nobody knows stay in the claims."""
    payload = HEAD + u32(1, 7) + u64(3, 0x81) + u32(9, 5)
    nic = inspected(Fake(ETH0), answers={"dev-get": [payload]})
    assert nic.now is not None
    assert ("basic", "bit-7") == nic.now.names()
    assert [9] == [attribute.type for attribute in nic.now.unknown]


# what vanishes


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (
            {"drvinfo": errno.ENODEV},
            "interface eth0 vanished while it was asked (ETHTOOL_GDRVINFO: No such device)",
        ),
        ({"channels": errno.ENODEV}, "interface eth0 vanished while it was asked"),
        ({"features": errno.ENODEV}, "interface eth0 vanished while it was asked"),
        ({"dev-get": errno.ENODEV}, "interface eth0 vanished while it was asked (ENODEV)"),
    ],
)
def test_vanished(answers: dict[str, Any], text: str) -> None:
    """A NIC that goes between two questions is said to have vanished, whichever notices it."""
    with pytest.raises(NoSuchInterface) as caught:
        inspected(Fake(ETH0), answers=answers)
    assert text == str(caught.value)


# a veth's peer, a bond's ports


def ends(**facts: Any) -> list[Fake]:
    """A veth pair, and one that claims to be a peer."""
    left = link(3, "a", kind="veth", lower=4)
    right = link(4, "b", kind="veth", lower=3, **facts)
    stray = link(5, "c", kind="veth", lower=3)
    on = frozenset({"rx-gro"})
    return [Fake(left), Fake(right, counted=(1, 5), features=on), Fake(stray)]


def test_peer() -> None:
    """A veth's peer: its program, GRO, queues and link."""
    assert Peer("none", gro=True, tx_queues=5, up=True) == inspected(*ends()).peer
    assert Peer("none", gro=False, tx_queues=1, up=True) == inspected(*ends(), index=1).peer
    down = inspected(*ends(xdp="native", up=False)).peer
    assert Peer("native", gro=True, tx_queues=5, up=False) == down


def test_peer_without_features() -> None:
    """Where the peer's features cannot be read, its GRO is not known."""
    devices = ends()
    devices[1] = devices[1]._replace(features=None)
    assert Peer("none", gro=None, tx_queues=5) == inspected(*devices).peer


def test_no_peer() -> None:
    """A peer in another namespace, one that names another, or none at all is not known."""
    elsewhere = Fake(link(3, "a", kind="veth", lower=4, lower_elsewhere=True))
    assert inspected(elsewhere, *ends()[1:]).peer is None
    assert inspected(*ends(), index=2).peer is None
    assert inspected(Fake(link(3, "a", kind="veth"))).peer is None
    assert inspected(Fake(link(3, "a", kind="macvlan", lower=4)), *ends()[1:]).peer is None


def bond(*ports: Fake) -> list[Fake]:
    """A bond and what is enslaved to it."""
    return [Fake(link(9, "bond0", kind="bond")), *ports]


ONE = Fake(link(3, "p0", master=9), capabilities(["basic"]))
TWO = Fake(link(4, "p1", master=9), capabilities(["basic", "redirect"]))
OTHER = Fake(link(5, "p2", master=8), capabilities(["hw-offload"]))


def test_ports() -> None:
    """A bond's ports are those whose master it is; nothing else has ports."""
    ports = inspected(*bond(ONE, OTHER, TWO)).ports
    assert (ONE.capabilities, TWO.capabilities) == ports
    assert () == inspected(*bond(OTHER)).ports
    assert inspected(Fake(link(9, "br0", kind="bridge")), ONE).ports is None
    assert inspected(*bond(ONE), families=()).ports is None


def test_ports_not_known() -> None:
    """Where one port cannot be asked, the ports are not known: the others do not stand for it."""
    nic = inspected(*bond(ONE, TWO), answers={"dev-get": errno.EIO})
    assert nic.ports is None


# how it asks


def test_each_question_once() -> None:
    """Links, families and the dump are asked once, however many NICs there are."""
    kernel = FakeKernel([*ends(), Fake(ETH0)])
    with Inspector(kernel) as inspector:
        taken: list[str] = []
        for one in inspector.links():
            taken.append(inspector.nic(one, taken).id)
            inspector.devices()
    assert ["a", "b", "c", "eth0"] == taken
    asked = {name: kernel.asked.count(name) for name in set(kernel.asked)}
    assert (1, 1, 1, 1, 4) == tuple(
        asked[name] for name in ("links", "family netdev", "family ethtool", "dump", "dev-get")
    )
    assert kernel.closed


def test_shallow() -> None:
    """For `show` what only profiles need is left out."""
    nic = inspected(*ends(), deep=False)
    assert (None, None, None) == (nic.features, nic.peer, nic.ports)
    assert {IDLE: capabilities()} == nic.capabilities


def test_dump() -> None:
    """The dump is given by ifindex, each with its message."""
    with Inspector(FakeKernel([ONE, TWO])) as inspector:
        value = inspector.devices().value
    assert isinstance(value, dict)
    assert {3: [ONE.capabilities], 4: [TWO.capabilities]} == {
        index: [device.capabilities for _message, device in found] for index, found in value.items()
    }


def test_family_refused() -> None:
    """A refusal that does not mean that there is no such family is an error."""
    inspector = Inspector(FakeKernel([], answers={"family netdev": errno.EPERM}))
    with pytest.raises(KernelError) as caught:
        inspector.family("netdev")
    text = "nlctrl getfamily netdev: the kernel said EPERM (Operation not permitted)"
    assert text == str(caught.value)


def test_hostile_name() -> None:
    """A NIC's id is safe whatever its name; what it is called stays as it is."""
    nic = inspected(Fake(link(7, "<b>\x1b[2J")))
    assert ("_b___2J", "<b>\x1b[2J") == (nic.id, nic.identity.ifname)


def test_drvinfo_is_the_kernels_struct() -> None:
    """The fake's struct is as long as the kernel's."""
    assert 196 == len(drvinfo()) == len(pack("=I32s32s32s32s32s12x5I", 0, *[b""] * 5, *[0] * 5))
