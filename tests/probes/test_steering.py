# SPDX-License-Identifier: MIT
"""Sockets of a NIC that has frames come by the queue that sent last, as a virtio NIC on a tap."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.namespaces import unavailable
from xdpconform.probes import sockets_stand
from xdpconform.probes.kit import wire_of
from xdpconform.probes.safety import Guardian
from xdpconform.probes.sockets import COPY, _native
from xdpconform.probes.sockets_stand import RINGS, Stand
from xdpconform.probes.testbed import Testbed
from xdpconform.probes.trial import PATIENCE
from xdpconform.probes.xsk import Umem, XskMode, XskSocket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

QUEUES = 3


class Following:
    """A wire whose frames come by the queue that the NIC sent from last.

    A frame comes to a veth by the queue of the number that it left its peer by.
    """

    def __init__(self, bed: Testbed, stack: ExitStack) -> None:
        self.queue = 1
        self._wire = wire_of(bed)
        assert bed.peer is not None
        self._senders = []
        for queue in range(QUEUES):
            umem = stack.enter_context(Umem(256))
            sender = XskSocket(
                bed.peer, umem, queue=queue, mode=XskMode.COPY, need_wakeup=True, sizes=RINGS,
                prime=False,
            )  # fmt: skip
            self._senders.append(stack.enter_context(sender))

    def send(self, frames: Sequence[bytes]) -> None:
        """Frames to the NIC."""
        sender = self._senders[self.queue]
        sender.send(frames)
        sender.completions(len(frames), PATIENCE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Testbed]:
    """A veth with three queues."""
    reason = unavailable()
    if reason:
        pytest.skip(f"a testbed {reason}")
    monkeypatch.setenv("XDPCONFORM_STATE", str(tmp_path))
    with Testbed.veth(Guardian(), queues=(QUEUES, QUEUES)) as one:
        yield one


@pytest.fixture
def wire(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    """Its wire."""
    kick = XskSocket.kick_tx
    with ExitStack() as stack:
        wire = Following(bed, stack)

        def kicked(socket: XskSocket) -> bool:
            if socket.ifindex == bed.nic.ifindex:
                wire.queue = socket.queue
            return kick(socket)

        monkeypatch.setattr(XskSocket, "kick_tx", kicked)
        monkeypatch.setattr(sockets_stand, "wire_of", lambda _bed: wire)
        monkeypatch.setattr(Stand, "aims", property(lambda _self: False))
        monkeypatch.setattr(sockets_stand, "MADE_UP", ())
        yield wire


def test_drawn(bed: Testbed, wire: Following) -> None:
    """Each queue has its frames, since it sent one before."""
    seen = _native(bed, "steering", COPY)

    assert [(queue, "", True) for queue in range(QUEUES)] == [
        (one.queue, one.skipped, one.right) for one in seen.trials
    ]
    assert QUEUES - 1 == wire.queue


@pytest.mark.parametrize("group", ["traffic", "statistics", "life"])
def test_where_they_come_now(bed: Testbed, wire: Following, group: str) -> None:
    """A trial that receives is made on the queue by which frames come by then."""
    seen = _native(bed, group, COPY)

    assert [] == [one for one in seen.trials if not one.right]
    assert wire.queue in {one.queue for one in seen.trials}


def test_forgotten(bed: Testbed, wire: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial is made again if frames came by another queue meanwhile."""
    turn = Stand.turn

    def moves(stand: Stand, number: int, *, receives: bool = True) -> int:
        found = turn(stand, number, receives=receives)
        if receives and not moved:
            moved.append(found)
            wire.queue = (found + 1) % QUEUES
        return found

    moved: list[int] = []
    monkeypatch.setattr(Stand, "turn", moves)
    seen = _native(bed, "programs", COPY)

    assert [] == [one for one in seen.trials if not one.right]
    assert [1] == moved


def test_more_with_a_program(
    bed: Testbed, wire: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that came with the program has no socket: frames are drawn to one that has."""
    monkeypatch.setattr(sockets_stand, "queues_of", lambda _bed: (QUEUES - 1, QUEUES))
    wire.queue = QUEUES - 1
    seen = _native(bed, "programs", COPY)

    assert {(0, True)} == {(one.queue, one.right) for one in seen.trials}


class Queue:
    """A queue of a NIC that starts for so long whenever it gets a socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bed = SimpleNamespace(kind="ports")
        self.frames = self
        self.aims, self._deaf = True, False
        self.starts, self.clock, self.left = 0.0, 0.0, 0.0
        monkeypatch.setattr(sockets_stand, "time", SimpleNamespace(monotonic=lambda: self.clock))

    def make(self, _count: int, _size: int) -> list[bytes]:
        """A frame."""
        return [b""]

    def by_queue(self) -> list[int]:
        """How many frames came."""
        return [0]

    def strayed(self, _queue: int, _before: list[int]) -> bool:
        """Whether they came by another queue."""
        return False

    def send(self, _queue: int, _frames: Sequence[bytes]) -> None:
        """Towards the NIC."""
        self.left = float(self.clock >= self.starts)

    def receive(self, _count: int, seconds: float) -> list[bytes]:
        """What came."""
        self.clock += seconds
        came, self.left = self.left, 0.0
        return [b""] * int(came)

    def waited(self, starts: float) -> int:
        """Seconds until its next socket is taken as ready."""
        begin, self.starts = self.clock, self.clock + starts
        Stand.settle(self, 0, self)  # type: ignore[arg-type]
        return round(self.clock - begin)


def test_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A NIC whose sockets receive nothing costs its patience once, and not for every socket."""
    queue = Queue(monkeypatch)

    assert [8, 8, 10, 1, 1] == [queue.waited(each) for each in (8, 8, 999, 999, 8)]
    assert [0, 8] == [queue.waited(each) for each in (0, 8)]
