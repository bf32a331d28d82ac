# SPDX-License-Identifier: MIT
"""Reading a NIC's configuration: everything there, nothing there, refused, and a live veth."""

from __future__ import annotations

import errno
from struct import pack
from typing import TYPE_CHECKING

import pytest

from tests.live.bpf import native_program
from tests.namespaces import private_namespace
from tests.probes.readers import IFINDEX, fake, generic, link, live, nla, u32
from xdpconform.errors import KernelError
from xdpconform.judge.config import KINDS, VlanFilter, survived
from xdpconform.judge.finding import Outcome
from xdpconform.netlink.ethtool import Channels, Rings, Rss
from xdpconform.netlink.ethtool_config import Coalesce
from xdpconform.netlink.link_config import Vlan
from xdpconform.probes import config
from xdpconform.probes.config import Config
from xdpconform.probes.reader import ethtool_ioctl

if TYPE_CHECKING:
    from xdpconform.netlink.wire import Message


def features(*names: str, active: bool = True, fixed: bool = False) -> Message:
    """A reply to features-get: these may be changed or not, and are on or not."""

    def bits(kind: int, *, mask: bool, value: bool) -> bytes:
        entries = b"".join(
            nla(
                0x8001,
                u32(1, number),
                nla(2, name.encode() + b"\0"),
                *([nla(3)] if value else []),
            )
            for number, name in enumerate(names)
            if mask or value
        )
        return nla(0x8000 | kind, *([] if mask else [nla(1)]), u32(2, 64), nla(0x8003, entries))

    return generic(
        11,
        bits(2, mask=True, value=not fixed),
        bits(3, mask=False, value=active),
        bits(4, mask=False, value=active),
        bits(5, mask=False, value=False),
    )


def vlan(ifindex: int, name: bytes, number: int, lower: int = IFINDEX) -> Message:
    """A VLAN link."""
    info = nla(18, nla(1, b"vlan\0"), nla(2, nla(1, pack("=H", number))))
    return link(ifindex, name, u32(5, lower), info)


HEADER = nla(0x8001, u32(1, IFINDEX))
ANSWERS = {
    "ethtool rss-get": [
        generic(38, HEADER, u32(3, 1), nla(4, pack("=2I", 0, 1)), nla(5, b"\x6d\x5a"))
    ],
    "ethtool coalesce-get": [generic(20, HEADER, u32(2, 8))],
    "ethtool rings-get": [generic(16, HEADER, u32(6, 512), u32(9, 256))],
    "ethtool channels-get": [generic(18, HEADER, u32(9, 2))],
    "ethtool features-get": [features("rx-vlan-filter")],
    "rtnetlink getlink dump": [
        link(IFINDEX, b"eth9"),
        vlan(8, b"eth9.7", 7),
        vlan(7, b"eth9.5", 5),
        vlan(9, b"eth1.5", 5, lower=3),
    ],
}
FULL = Config(
    None,
    Rss(IFINDEX, hash_function=1, indirection=(0, 1), key=b"\x6d\x5a"),
    Coalesce(IFINDEX, {"rx-usecs": 8}),
    Rings(IFINDEX, rx=512, tx=256),
    VlanFilter(
        active=True,
        vlans=(Vlan(7, "eth9.5", IFINDEX, 5, 0x8100), Vlan(8, "eth9.7", IFINDEX, 7, 0x8100)),
    ),
    Channels(IFINDEX, combined=2),
)


def test_everything() -> None:
    """Each answer is where it belongs; VLANs of other NICs are left out."""
    assert FULL == config.read(fake(ANSWERS))


def test_rules() -> None:
    """Rules are read by ioctl, in the NIC's namespace."""
    rules = object()

    assert rules is config.read(fake(ANSWERS, ioctl=lambda _function: rules)).rules


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ("rss-get", "rss"),
        ("coalesce-get", "coalesce"),
        ("rings-get", "rings"),
        ("features-get", "vlan_filter"),
        ("channels-get", "channels"),
    ],
)
def test_what_the_driver_lacks(question: str, field: str) -> None:
    """What is refused with EOPNOTSUPP is None, and all else is still read."""
    answers = {what: one for what, one in ANSWERS.items() if what != f"ethtool {question}"}

    assert FULL._replace(**{field: None}) == config.read(fake(answers))


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"ethtool rss-get": [generic(38, HEADER, u32(3, 1))]}, "rss"),
        ({"ethtool coalesce-get": [generic(20, HEADER)]}, "coalesce"),
        ({"ethtool features-get": [features("rx-gro")]}, "vlan_filter"),
    ],
    ids=["hash-function-only", "no-coalescing-value", "no-vlan-filter"],
)
def test_answers_that_say_nothing(answer: dict[str, list[Message]], field: str) -> None:
    """An answer in which there is nothing of the kind is None too."""
    assert FULL._replace(**{field: None}) == config.read(fake({**ANSWERS, **answer}))


def test_vlan_filter_switched_off() -> None:
    """A filter that is off but could be on is a filter."""
    answers = {**ANSWERS, "ethtool features-get": [features("rx-vlan-filter", active=False)]}
    found = config.read(fake(answers)).vlan_filter

    assert found is not None
    assert not found.active


def test_without_the_family() -> None:
    """A kernel without the ethtool family tells nothing over it."""
    assert Config() == config.read(fake({}, ethtool=None))


def test_refused() -> None:
    """Any other refusal goes through: the NIC may be gone."""
    text = r"^ethtool rss-get: the kernel said ENODEV \(No such device\)$"
    with pytest.raises(KernelError, match=text):
        config.read(fake({}, refusal=errno.ENODEV))


@pytest.mark.parametrize(
    ("command", "name"), [(0x1D, "ETHTOOL_GSTATS"), (0x7FFFFFFF, "ethtool ioctl 0x7fffffff")]
)
def test_ioctl_of_no_interface(command: int, name: str) -> None:
    """An ioctl that fails says which it was, and why."""
    with pytest.raises(KernelError, match=rf"^{name}: the kernel said ENODEV \(No such device\)$"):
        ethtool_ioctl(b"no-such-iface", bytearray(pack("=I", command) + bytes(60)))


def test_live() -> None:
    """A veth's channels are what it was made with, and a program changes nothing of it."""
    with private_namespace() as namespace:
        queues = "numrxqueues 3 numtxqueues 2"
        namespace.batch(f"link add v0a {queues} type veth peer name v0b", "link set v0a up")
        with live(namespace.name, "v0a") as reader:
            before = config.read(reader)
            with native_program(namespace.name, reader.ifindex):
                attached = config.read(reader)
            after = config.read(reader)

    channels = before.channels
    assert channels is not None
    assert (3, 2) == (channels.rx, channels.tx)
    assert (None, None, None, None) == (before.rules, before.coalesce, before.rings, before.rss)
    outcomes = {kind: survived(kind, before, attached, after).outcome for kind in KINDS}
    assert Outcome.PASS is outcomes.pop("channels")
    assert {Outcome.NOT_CLAIMED} == set(outcomes.values())
