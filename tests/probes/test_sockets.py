# SPDX-License-Identifier: MIT
"""Trials of AF_XDP sockets on a live veth with three queues, and on a tap."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import unavailable
from tests.probes.beds import made
from xdpconform.errors import Unclaimed
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import Trial
from xdpconform.probes import sockets_limits as limits
from xdpconform.probes import sockets_rings, sockets_stand
from xdpconform.probes.attach import sight
from xdpconform.probes.bpf import Mode
from xdpconform.probes.safety import Guardian
from xdpconform.probes.sockets import COPY, GROUPS, ZERO_COPY, sockets
from xdpconform.probes.sockets_account import account, write
from xdpconform.probes.sockets_stand import Stand, standing
from xdpconform.probes.sockets_trials import every, joined, put, received, tally
from xdpconform.probes.testbed import Frames, Testbed
from xdpconform.probes.xsk import XskMode, XskSocket
from xdpconform.probes.xsk.uapi import Statistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.observed_xsk import Sockets

QUEUES = 3
OURS = {"traffic": 2 * QUEUES + 3, "completions": QUEUES + 2, "steering": QUEUES}
"""Trials of groups where some are made on each queue."""
XSKXCEIVER = 36


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """A veth with three queues."""
    reason = unavailable()
    if reason:
        pytest.skip(f"a testbed {reason}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDPCONFORM_STATE", str(tmp_path_factory.mktemp("state")))
        with Testbed.veth(Guardian(), queues=(QUEUES, QUEUES)) as one:
            yield one


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """A tap."""
    with made("tap", str(tmp_path_factory.mktemp("state"))) as one:
        yield one


def wrong(seen: Sockets) -> list[Trial]:
    """Trials that went wrong, the control's too."""
    return [one for one in seen.trials + seen.control if not one.right]


def test_every_test_of_the_kernel() -> None:
    """Each name is one trial's, and there are as many of the kernel's as it has."""
    names = [case.name for cases in GROUPS.values() for case in cases]

    assert len(names) == len({*names})
    assert len([name for name in names if name.isupper()]) == XSKXCEIVER


@pytest.mark.parametrize("group", GROUPS)
def test_copy(bed: Testbed, group: str) -> None:
    """All that can be tried on a veth is right on whichever queue, and the NIC is as before."""
    before = sight(bed.nic)
    seen = sockets(bed, group, COPY)

    assert wrong(seen) == []
    assert (seen.bind, seen.program, seen.confirmed) == (None, None, False)
    assert len(seen.trials) == OURS.get(group, len(GROUPS[group]))
    assert before == sight(bed.nic)


def test_each_in_turn(bed: Testbed) -> None:
    """Queues take turns, and each has its own frames, though all have a socket."""
    seen = sockets(bed, "steering", COPY)

    assert [one.queue for one in seen.trials] == [*range(QUEUES)]
    assert [one.seen["by this queue"] for one in seen.trials] == [20] * QUEUES
    assert [one.queue for one in sockets(bed, "statistics", COPY).trials] == [0, 1, 2, 0]


def test_nobody_aims_in_generic_mode(bed: Testbed) -> None:
    """A veth whose program is in the stack has all frames by one queue: the others are skipped."""
    control = sockets(bed, "steering", COPY).control

    assert [bool(one.skipped) for one in control] == [False, True, True]


def test_frames_that_cannot_be_aimed(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket on a queue that nobody can send to leaves nothing in that of the queue before it.

    So are the NICs on a cable: all frames come by one queue, and are waited for after a bind.
    """
    monkeypatch.setattr(sockets_stand, "MADE_UP", ())
    monkeypatch.setattr(sockets_stand, "CARRIER", 1.0)
    monkeypatch.setattr(Stand, "aims", property(lambda _self: False))
    seen = sockets(bed, "steering", COPY)

    assert wrong(seen) == []
    assert len([one for one in seen.trials if not one.skipped]) == 1


def test_a_slow_host_sends_a_large_ring(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring is waited for as long as it gets shorter, however long that takes."""
    kick = XskSocket.kick_tx

    def slowly(socket: XskSocket) -> None:
        time.sleep(0.02)
        kick(socket)

    monkeypatch.setattr(XskSocket, "kick_tx", slowly)
    monkeypatch.setattr(sockets_rings, "PATIENCE", 0.5)
    with standing(bed, XskMode.COPY, Mode.NATIVE) as stand:
        trial = sockets_rings.largest_rings(stand, 0)

    assert trial.right


def test_an_empty_fill_ring_is_counted_at_the_bind(
    bed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drivers with zero copy look for buffers when they are bound, and not again for a frame."""
    counted = iter([1, 1, 1])
    monkeypatch.setattr(
        XskSocket,
        "statistics",
        lambda _self: Statistics(0, 0, 0, rx_fill_ring_empty_descs=next(counted)),
    )
    with standing(bed, XskMode.COPY, Mode.NATIVE) as stand:
        trial = limits.fill_empty(stand, 0)

    assert trial.right


@pytest.mark.parametrize("group", ["traffic", "jumbo", "completions"])
def test_zero_copy_is_refused(bed: Testbed, group: str) -> None:
    """Without zero copy the bind's errno is all that is seen."""
    seen = sockets(bed, group, ZERO_COPY)

    assert (seen.bind, seen.confirmed, seen.trials) == (Refusal("EOPNOTSUPP"), None, ())


@pytest.mark.parametrize("group", [group for group in GROUPS if group != "jumbo"])
def test_tap(tap: Testbed, group: str) -> None:
    """The same on a tap."""
    seen = sockets(tap, group, COPY)

    assert wrong(seen) == []
    assert {one.queue for one in seen.trials} == {0}


def test_jumbo_unclaimed(tap: Testbed) -> None:
    """Where frames of several buffers are not promised, none is sent."""
    with pytest.raises(Unclaimed) as raised:
        sockets(tap, "jumbo", COPY)

    assert str(raised.value) == ("rx-sg is not claimed: frames of several buffers are not received")


def _frames() -> Frames:
    return Frames(bytes(6), bytes(6), bytes(8))


def test_tally() -> None:
    """What is lost, damaged, repeated, out of order or somebody else's shows."""
    maker = _frames()
    a, b, c = maker.make(3)
    (other,) = Frames(bytes(6), bytes(6), b"others' ").make(1)
    nothing = {"arrived": 0, "intact": 0, "repeated": 0, "in order": 1}

    assert tally(maker, [a, b, c], [a, b, c, other]) == every(3)
    assert tally(maker, [a, b, c], [a, c]) == every(3) | {"arrived": 2, "intact": 2}
    assert tally(maker, [a, b, c], [b, a, c])["in order"] == 0
    assert tally(maker, [a, b], [a, a, b]) == every(2) | {"repeated": 1}
    assert tally(maker, [a, b], [a, b[:-1] + b"?"]) == every(2) | {"intact": 1}
    assert tally(maker, [a, b], [other]) == nothing


def test_joined() -> None:
    """Parts keep apart what they count."""
    one = joined(
        "X", ("to", Trial("", 2, {"n": 1}, {"n": 1})), ("from", Trial("", 2, {"n": 3}, {}))
    )

    assert one == Trial("X", 2, {"to: n": 1, "from: n": 3}, {"to: n": 1})
    assert not one.right


def test_losses_show(bed: Testbed) -> None:
    """A program that drops every other frame makes the trial of plain traffic wrong."""
    with (
        standing(bed, XskMode.COPY, Mode.NATIVE) as stand,
        stand.program(drop_odd=True),
        stand.open(1) as socket,
    ):
        one = received(stand, socket, "SEND_RECEIVE")

    assert not one.right
    assert one.seen == every(20) | {"arrived": 10, "intact": 10}


def test_repeated_completions_show(bed: Testbed) -> None:
    """A chunk that is sent twice comes back twice, and is not taken for two."""
    with (
        standing(bed, XskMode.COPY, Mode.NATIVE) as stand,
        stand.open(2, receives=False, prime=False) as socket,
    ):
        frames, descriptors = write(stand, socket, 2)
        put(socket, [*descriptors, descriptors[0]])
        one = account(stand, socket, frames, [*descriptors, descriptors[0]])

    assert not one.right
    assert (one.seen["back once"], one.seen["back again"], one.seen["repeated"]) == (1, 1, 1)
