# SPDX-License-Identifier: MIT
"""What may keep a program away: each setting alone, all together, and none that is known."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.probes.readers import ETHTOOL, generic, nla, u32
from tests.probes.test_config import features
from xdpconform.errors import KernelError
from xdpconform.netlink.extack import ExtAck
from xdpconform.netlink.links import PortState
from xdpconform.probes import trial
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdpconform.netlink.genl import Family
    from xdpconform.netlink.transaction import Request
    from xdpconform.netlink.wire import Message

HEADER = nla(0x8001, u32(1, 4))
# ETHTOOL_A_CHANNELS_*, include/uapi/linux/ethtool_netlink_generated.h
RX_MAX, TX_MAX, COMBINED_MAX, RX, TX, COMBINED = 2, 3, 5, 6, 7, 9
SPLIT = 11  # ETHTOOL_A_RINGS_TCP_DATA_SPLIT


def channels(**counts: int) -> Message:
    """A reply to channels-get."""
    kinds = {
        "rx_max": RX_MAX,
        "tx_max": TX_MAX,
        "combined_max": COMBINED_MAX,
        "rx": RX,
        "tx": TX,
        "combined": COMBINED,
    }
    return generic(18, HEADER, *(u32(kinds[name], count) for name, count in counts.items()))


def rings(split: int | None) -> Message:
    """A reply to rings-get."""
    return generic(16, HEADER, *([] if split is None else [nla(SPLIT, bytes([split]))]))


class FakeNamespace:
    """Answers ethtool's questions; what has no answer is refused."""

    def __init__(self, answers: Mapping[str, Message], *, family: bool) -> None:
        self._answers = answers
        self._family = family

    def family(self, name: str) -> Family:
        """See `Namespace.family`."""
        if not self._family:
            raise KernelError(errno.ENOENT, ExtAck(), f"nlctrl getfamily {name}")
        return ETHTOOL

    def client(self, _protocol: int) -> FakeNamespace:
        """See `Namespace.client`."""
        return self

    def ask(self, request: Request) -> list[Message]:
        """See `Client.ask`."""
        if request.what not in self._answers:
            raise KernelError(errno.EOPNOTSUPP, ExtAck(), request.what)
        return [self._answers[request.what]]


def bed(
    mtu: int | None = 1500, *, family: bool = True, program: int | None = None, **answers: Message
) -> Testbed:
    """A testbed whose NIC is set so; answers by the question's first word."""
    named = {f"ethtool {name}-get": answer for name, answer in answers.items()}
    nic: Any = SimpleNamespace(
        ifname="eth7",
        ifindex=4,
        namespace=FakeNamespace(named, family=family),
        state=lambda: PortState(4, "eth7", True, mtu, native_program_id=program),
    )
    return cast("Testbed", SimpleNamespace(nic=nic))


MTU = "its MTU is 9000: ip link set eth7 mtu 1500"
LRO = "rx-lro is on: ethtool -K eth7 lro off"
GRO = "rx-gro-hw is on: ethtool -K eth7 rx-gro-hw off"
FIXED = (
    "rx-gro-hw is on, and the driver lets nobody switch it off"
    " (a virtio NIC needs ctrl_guest_offloads=on of its host, as QEMU)"
)
HEADERS = "header split is on: ethtool -G eth7 tcp-data-split off"
QUEUES = (
    "{} of {} {} queues are in use, and XDP may need transmit queues of its own: ethtool -L eth7"
    " {} {}"
)


def queues(count: int, most: int, kind: str, less: int) -> str:
    """What is said of too many queues."""
    return QUEUES.format(count, most, kind, kind, less)


CASES: dict[str, tuple[Testbed, tuple[str, ...]]] = {
    "nothing": (
        bed(
            features=features("rx-gro"),
            rings=rings(1),
            channels=channels(combined_max=8, combined=4),
        ),
        (),
    ),
    "nothing is known": (bed(None), ()),
    "no ethtool": (bed(family=False), ()),
    "mtu": (bed(9000), (MTU,)),
    "mtu, one too many": (bed(1501), ("its MTU is 1501: ip link set eth7 mtu 1500",)),
    "lro": (bed(features=features("rx-lro", "rx-gro")), (LRO,)),
    "lro may be on": (bed(features=features("rx-lro", active=False)), ()),
    "gro-hw": (bed(features=features("rx-gro-hw")), (GRO,)),
    "gro-hw, fixed": (bed(features=features("rx-gro-hw", fixed=True)), (FIXED,)),
    "lro, fixed": (
        bed(features=features("rx-lro", fixed=True)),
        ("rx-lro is on, and the driver lets nobody switch it off",),
    ),
    "header split": (bed(rings=rings(2)), (HEADERS,)),
    "header split unknown": (bed(rings=rings(0)), ()),
    "no header split": (bed(rings=rings(None)), ()),
    "all combined queues": (
        bed(channels=channels(combined_max=8, combined=8)),
        (queues(8, 8, "combined", 4),),
    ),
    "one more than half": (
        bed(channels=channels(combined_max=8, combined=5)),
        (queues(5, 8, "combined", 4),),
    ),
    "all combined queues, with a program": (
        bed(program=7, channels=channels(combined_max=8, combined=8)),
        (),
    ),
    "one queue of one": (bed(channels=channels(combined_max=1, combined=1)), ()),
    "all transmit queues": (
        bed(channels=channels(rx_max=2, tx_max=4, rx=2, tx=4)),
        (queues(4, 4, "tx", 2),),
    ),
    "all receive queues": (bed(channels=channels(rx_max=4, tx_max=4, rx=4, tx=1)), ()),
    "no queues": (bed(channels=channels()), ()),
    "everything": (
        bed(
            9000,
            features=features("rx-lro", "rx-gro-hw"),
            rings=rings(2),
            channels=channels(combined_max=8, combined=8),
        ),
        (MTU, LRO, GRO, HEADERS, queues(8, 8, "combined", 4)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_lacking(name: str) -> None:
    """Each setting that keeps programs away is named, with the command that mends it."""
    testbed, expected = CASES[name]

    assert expected == lacking(testbed)


def port(kind: str | None) -> Any:
    """A port of a kind, among links of which two have it as their master, and one another."""
    return SimpleNamespace(
        ifname="eth7",
        ifindex=4,
        link=SimpleNamespace(kind=kind),
        namespace=SimpleNamespace(inode=9),
        ask=lambda _request: [(5, 4), (6, 4), (7, 8), (8, None)],
    )


@pytest.mark.parametrize(
    ("kind", "counted"),
    [("bond", ["eth7", "eth7"]), ("bridge", ["eth7"]), (None, ["eth7"])],
)
def test_events_of_members(
    kind: str | None, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a tracepoint tells of a bond's member is the bond's; of nobody else's it is not."""
    told = [
        SimpleNamespace(
            tracepoint="xdp_exception", ifindex=ifindex, netns=9, act=0, err=0, count=1, sent=0,
            drops=0,
        )
        for ifindex in (4, 6, 7, 8)
    ]  # fmt: skip
    monkeypatch.setattr("xdpconform.netlink.rtnl.pull_link", lambda one: SimpleNamespace(
        ifindex=one[0], master=one[1]
    ))  # fmt: skip
    tracepoints = SimpleNamespace(events=lambda: told)
    monkeypatch.setattr(trial, "kit", lambda _bed: SimpleNamespace(tracepoints=tracepoints))
    testbed: Any = SimpleNamespace(ports=lambda: [port(kind)])

    assert counted == [event.device for event in trial.events(testbed)]


def test_mtu_is_tried() -> None:
    """Where the MTU itself is tried, it is not named."""
    assert (LRO,) == lacking(bed(9000, features=features("rx-lro")), mtu_too=False)
