# SPDX-License-Identifier: MIT
"""Wires: frames of ours arrive, whole and in order, and nothing else does."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from xdpconform.errors import SourceError
from xdpconform.netlink.links import set_mtu, set_up
from xdpconform.probes.testbed import PacketWire, Port, Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.namespaces import Namespace as Host
    from xdpconform.probes.safety import Guardian
    from xdpconform.probes.testbed import Wire

pytestmark = pytest.mark.usefixtures("host")
WAIT = 5.0


@pytest.fixture(params=["veth", "tap"])
def bed(request: pytest.FixtureRequest, host: Host, guardian: Guardian) -> Iterator[Testbed]:
    """A testbed of each kind that is made."""
    del host  # skips where no namespace can be made
    with {"veth": Testbed.veth, "tap": Testbed.tap}[request.param](guardian) as made:
        yield made


@pytest.fixture
def veth(host: Host, guardian: Guardian) -> Iterator[Testbed]:
    """A testbed whose medium is a pair."""
    del host
    with Testbed.veth(guardian) as made:
        yield made


def wires(bed: Testbed) -> tuple[tuple[Wire, Wire], ...]:
    """Both ways."""
    assert bed.wire is not None
    return (bed.wire, bed.behind), (bed.behind, bed.wire)


def set_mtus(bed: Testbed, mtu: int) -> None:
    """The MTU of both ends."""
    for port in filter(None, (bed.nic, bed.peer)):
        port.ask(set_mtu(port.ifindex, mtu))


@pytest.mark.parametrize("size", [64, 65, 1514, 9014, 65535])
def test_both_ways(bed: Testbed, size: int) -> None:
    """Frames of any size arrive in both directions, intact, once and in order."""
    frames = bed.frames()
    set_mtus(bed, max(1500, min(size - 14, 65521)))
    for source, target in wires(bed):
        sent = frames.make(20, size)
        source.send(sent)
        came = target.receive(20, WAIT)

        assert [frames.read(frame) for frame in sent] == [frames.read(frame) for frame in came]
        assert frames.digest(sent) == frames.digest(came)
        assert 0 == target.drain()


def test_count(veth: Testbed) -> None:
    """No more is taken than asked for; the rest waits, and is counted where it is thrown away."""
    frames = veth.frames()
    for source, target in wires(veth):
        source.send(frames.make(7))

        assert 3 == len(target.receive(3, WAIT))
        assert 4 == target.drain()
        assert [] == target.receive(1, 0)


def test_what_came(veth: Testbed) -> None:
    """Where fewer come than asked for, those are given, and the wait is counted."""
    frames = veth.frames()
    before = veth.waited
    for source, target in wires(veth):
        source.send(frames.make(2))

        assert 2 == len(target.receive(3, 0.05))
    assert veth.waited > before


def test_others_are_left_out(veth: Testbed) -> None:
    """Frames of other protocols and of other people's experiments do not come out."""
    frames = veth.frames()
    (ours,) = frames.make(1)
    others = [ours[:12] + b"\x08\x06" + ours[14:], ours[:16] + bytes(48)]
    for source, target in wires(veth):
        source.send([*others, ours, *others])

        assert [ours] == target.receive(2, 0.05)


def test_own_are_left_out(veth: Testbed) -> None:
    """What a port sends does not come back out of its own wire."""
    for source, target in wires(veth):
        source.send(veth.frames().make(3))

        assert [] == source.receive(1, 0.05)
        assert 3 == target.drain()


def test_too_large(veth: Testbed) -> None:
    """A frame above the MTU is refused by number, with what to do."""
    frames = veth.frames()
    for (source, _target), name in zip(wires(veth), ("veth1", "veth0"), strict=True):
        expected = (
            f"{name}: frame 1 of 1515 bytes is refused: EMSGSIZE (Message too long); raise its MTU"
        )
        with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
            source.send([*frames.make(1, 1514), *frames.make(1, 1515)])


def test_down(veth: Testbed) -> None:
    """A port that is down is said to be, and its wire works again as soon as it is up."""
    frames = veth.frames()
    expected = "veth0: frame 0 of 64 bytes is refused: ENETDOWN (Network is down); switch it on"
    veth.nic.ask(set_up(veth.nic.ifindex, False))
    with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
        veth.behind.send(frames.make(1))
    assert [] == veth.behind.receive(1, 0)
    veth.nic.ask(set_up(veth.nic.ifindex, True))
    veth.nic.wait_carrier(WAIT)
    veth.check()  # the kernel throws frames away until its link watch has been at both ends
    for source, target in wires(veth):
        source.send(frames.make(2))

        assert 2 == len(target.receive(2, WAIT))


def test_down_and_up_unseen(veth: Testbed) -> None:
    """A port that was down for a moment between two frames loses neither."""
    frames = veth.frames()
    for source, target in wires(veth):
        for up in (False, True):
            veth.nic.ask(set_up(veth.nic.ifindex, up))
        assert veth.peer is not None
        for port in (veth.nic, veth.peer):  # whose queues go again a moment later
            port.wait_carrier(WAIT)
        source.send(frames.make(1))

        assert 1 == len(target.receive(1, WAIT))


def test_tap_down(host: Host, guardian: Guardian) -> None:
    """A tap that is down refuses frames, with what to do."""
    del host
    with Testbed.tap(guardian) as bed:
        bed.nic.ask(set_up(bed.nic.ifindex, False))
        expected = "tap0: frame 0 of 64 bytes is refused: EIO (Input/output error); switch it on"
        assert bed.wire is not None
        with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
            bed.wire.send(bed.frames().make(1))


def test_promiscuous(veth: Testbed) -> None:
    """A wire is promiscuous by a count that ends with its socket, never by the port's flag."""
    assert veth.peer is not None
    counts = [veth.nic.state().promiscuity, veth.peer.state().promiscuity]
    with PacketWire(veth.peer):
        counts.append(veth.peer.state().promiscuity)
    counts.append(veth.peer.state().promiscuity)

    assert [0, 1, 2, 1] == counts


def test_closed(bed: Testbed) -> None:
    """A wire that was closed says so, and may be closed again."""
    for wire in (bed.wire, bed.behind):
        assert wire is not None
        wire.close()
        wire.close()
        with pytest.raises(SourceError, match=r"^(veth1|veth0|tap0): the wire is closed$"):
            wire.receive(1, 0)


def test_refused(veth: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packet socket that is refused says which privilege is missing."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    expected = (
        "veth0: cannot open a packet socket: Operation not permitted; it needs root (CAP_NET_RAW)"
    )
    with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
        PacketWire(Port(veth.nic.namespace, "veth0"))
