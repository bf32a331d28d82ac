# SPDX-License-Identifier: MIT
"""Counters: read from fakes and a live veth, subtracted, and fit to be shown."""

from __future__ import annotations

import errno
import socket
from struct import pack
from time import monotonic

import pytest

from tests.live.bpf import native_program
from tests.namespaces import private_namespace
from tests.probes.readers import IFINDEX, NETDEV, fake, generic, link, live, nla, u32
from xdpconform.errors import KernelError
from xdpconform.netlink.wire import Message
from xdpconform.probes.counters import Counters, xdp
from xdpconform.sources.kernel import Kernel

STATS = nla(23, pack("=8Q", 10, 20, 1000, 2000, 0, 0, 3, 4))
LINK = {"rx_packets": 10, "tx_packets": 20, "rx_bytes": 1000, "tx_bytes": 2000, "rx_errors": 0,
        "tx_errors": 0, "rx_dropped": 3, "tx_dropped": 4}  # fmt: skip
PACKETS = "rx_queue_0_xdp_packets"
PATIENCE = 10.0
"""Seconds for the peer's NAPI to run, which it does when it can."""
DRIVER = {"rx_queue_0_xdp_drops": 5, "rx_XDP_tx": 6, "rx_drops": 7}


def queue(kind: int, number: int, *counts: bytes) -> Message:
    """A reply to qstats-get of one queue."""
    return generic(12, u32(1, IFINDEX), u32(2, kind), u32(3, number), *counts)


def test_read() -> None:
    """Each answer is where it belongs."""
    answers = {
        "rtnetlink getlink": [link(IFINDEX, b"eth9", STATS)],
        "netdev qstats-get dump": [
            queue(0, 1, u32(8, 4)),
            queue(1, 0, u32(10, 5), u32(33, 1)),
            queue(9, 2, u32(8, 6)),
            generic(12, u32(1, IFINDEX), u32(8, 99)),
        ],
    }
    found = Counters.read(fake(answers, ioctl=lambda _function: DRIVER))

    assert LINK == found.link
    assert {"rx-packets": 4} == found.qstats
    assert {
        "rx-1 rx-packets": 4,
        "tx-0 tx-packets": 5,
        "tx-0 tx-stop": 1,
        "type 9-2 rx-packets": 6,
    } == found.queues
    assert DRIVER == found.driver


@pytest.mark.parametrize(
    "netdev", [None, NETDEV._replace(operations={}), NETDEV], ids=["no-family", "old", "refused"]
)
def test_without_qstats(netdev: object) -> None:
    """No family, no operation and a driver without it are all None, not 0."""
    answers = {"rtnetlink getlink": [link(IFINDEX, b"eth9", STATS)]}

    assert Counters(LINK) == Counters.read(fake(answers, netdev=netdev))  # type: ignore[arg-type]


def test_refused() -> None:
    """Any other refusal goes through: the NIC may be gone."""
    text = r"^rtnetlink getlink: the kernel said ENODEV \(No such device\)$"
    with pytest.raises(KernelError, match=text):
        Counters.read(fake({}, refusal=errno.ENODEV))


BEFORE = Counters({"a": 5, "gone": 1}, None, {"rx-0 rx-packets": 2}, {"x": 9})


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (BEFORE, Counters({"a": 0, "gone": 0}, None, {"rx-0 rx-packets": 0}, {"x": 0})),
        (
            Counters({"a": 7, "new": 3}, {"rx-packets": 4}, {"rx-0 rx-packets": 3}, {"x": 1}),
            Counters({"a": 2, "new": 3}, {"rx-packets": 4}, {"rx-0 rx-packets": 1}, {"x": -8}),
        ),
        (Counters({}), Counters({})),
    ],
    ids=["the-same", "more", "gone"],
)
def test_minus(now: Counters, expected: Counters) -> None:
    """New names count from 0, names that are gone are left out, and a fresh start is negative."""
    assert expected == now.minus(BEFORE)


def test_xdp() -> None:
    """The driver's counters of XDP are those with its name in theirs."""
    assert {"rx_queue_0_xdp_drops": 5, "rx_XDP_tx": 6} == xdp(
        Counters({"rx_xdp": 1}, driver=DRIVER)
    )
    assert {} == xdp(Counters({}))


def test_as_dict() -> None:
    """What is 0 is left out, and a driver's text reaches nobody's terminal as it is."""
    found = Counters({"a": 1, "b": 0}, None, {}, {"\x1b[2J": 2, "plain": -3})

    expected = {
        "link": {"a": 1},
        "qstats": None,
        "queues": {},
        "driver": {"\\x1b[2J": 2, "plain": -3},
    }
    assert expected == found.as_dict()


def test_live() -> None:
    """Frames sent into one end of a veth are counted by the other, and by its XDP counters."""
    frames, size = 23, 100
    frame = b"\xff" * 12 + b"\x88\xb5" + bytes(size - 14)
    with private_namespace() as namespace:
        namespace.pairs(1)
        for name in ("v0a", "v0b"):  # no frames but ours
            namespace.ip("link", "set", name, "addrgenmode", "none")
            namespace.ip("link", "set", name, "up")
        with live(namespace.name, "v0b") as reader, Kernel(namespace.name) as kernel:
            raw = kernel.within(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
            with native_program(namespace.name, reader.ifindex), raw:
                raw.bind(("v0a", 0))
                before = Counters.read(reader)
                for _ in range(frames):
                    raw.send(frame)
                seen = Counters.read(reader).minus(before)
                deadline = monotonic() + PATIENCE
                while xdp(seen)[PACKETS] < frames and monotonic() < deadline:
                    seen = Counters.read(reader).minus(before)

    # What NAPI hands to veth has lost its Ethernet header (eth_type_trans).
    bytes_seen = frames * (size - 14)
    assert {PACKETS: frames, "rx_queue_0_xdp_bytes": bytes_seen} == {
        name: count for name, count in xdp(seen).items() if count
    }
    assert (frames, bytes_seen) == (seen.link["rx_packets"], seen.link["rx_bytes"])
    assert seen.qstats is None
