# SPDX-License-Identifier: MIT
"""Sockets on a live veth and a live tap, which have no zero copy: refusals, fall-back, control.

What zero copy would do is run in copy mode that pretends to be it, so that every step is taken.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import unavailable
from tests.probes.beds import made
from tests.probes.lying import ZERO_COPY as FLAG
from tests.probes.lying import Lie, segments
from tests.probes.tried import Altered, line, told
from xdpconform.judge import Kind, Outcome
from xdpconform.netlink.netdev import DevAttr
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import AUTOMATIC, BINDS, COPY, TRIPS, ZERO_COPY, Bound
from xdpconform.probes import neighbours, xskbind, zerocopy
from xdpconform.probes import segments as parts
from xdpconform.probes.bench import Bench
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Testbed
from xdpconform.probes.xsk import XskError, XskMode, XskSocket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNSUPPORTED = Refusal("EOPNOTSUPP")
MOMENTS = {
    f"{moment} {way}" for moment in ("before", "beside", "after") for way in ("sent", "received")
}
LINES = [
    ("XDP-BIND-01", ""),
    ("XDP-BIND-03", ""),
    *(("XDP-BIND-04", way) for way in TRIPS),
    *((f"XDP-BIND-0{number}", "") for number in (5, 6, 7, 8)),
]
"""Those that rest on zero copy."""
SEGMENTS = [("XDP-BIND-06", ""), ("XDP-BIND-07", "")]


@pytest.fixture(scope="module", params=["veth", "tap"])
def bed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Testbed]:
    """One NIC of each kind."""
    with made(request.param, str(tmp_path_factory.mktemp("state"))) as one:
        yield one


@pytest.fixture(scope="module")
def bench(bed: Testbed) -> Bench:
    """What was seen of it, once."""
    return Bench(lambda: bed, bed)


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Testbed]:
    """A veth of two queues."""
    reason = unavailable()
    if reason:
        pytest.skip(f"a testbed {reason}")
    monkeypatch.setenv("XDPCONFORM_STATE", str(tmp_path))
    with Testbed.veth(Guardian(), queues=(2, 2)) as bed:
        yield bed


@pytest.fixture
def _pretending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy mode where zero copy is asked for."""
    monkeypatch.setitem(zerocopy.MODES, ZERO_COPY, XskMode.COPY)


@pytest.fixture
def _only_with_a_program(two: Testbed, _pretending: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, and a kick is refused without a program on the NIC, as igb_xsk_wakeup does."""
    kick = XskSocket.kick_tx

    def refusing(xsk: XskSocket) -> bool:
        if two.nic.state().xdp == "none":
            raise XskError(errno.EINVAL, "send", xsk.ifname, xsk.queue)
        return kick(xsk)

    monkeypatch.setattr(XskSocket, "kick_tx", refusing)


def whole(one: Bound) -> dict[str, bool]:
    """Whether each trip came whole."""
    return {word: trip.whole for word, trip in one.trips.items()}


def test_each_queue(bench: Bench) -> None:
    """Zero copy is refused, automatic falls back, and copy mode carries every frame."""
    seen = bench.see(zerocopy.each_queue)

    assert (Bound(0, ZERO_COPY, UNSUPPORTED),) == seen.binds
    assert (Bound(0, AUTOMATIC, None, False),) == seen.automatic
    (control,) = seen.controls
    assert (0, COPY, None, False) == control[:4]
    assert dict.fromkeys(TRIPS, True) == whole(control)
    assert {100} == {trip.came.frames for trip in control.trips.values()}
    assert {trip.digest for trip in control.trips.values()} == {
        trip.came.digest for trip in control.trips.values()
    }
    assert (None, ()) == (seen.program, seen.lacking)


def test_refusals(bench: Bench) -> None:
    """Each bind is refused as the kernel's order of checks has it."""
    seen = bench.see(xskbind.refusals)

    assert {word: Refusal(name) for word, name in BINDS.items()} == seen


def test_released(bench: Bench) -> None:
    """A queue in copy mode is free again, after close and after SIGKILL."""
    seen = bench.see(xskbind.released)

    assert UNSUPPORTED == seen.refused
    assert {COPY} == seen.closed_ms.keys() == seen.killed_ms.keys()
    assert None not in (seen.closed_ms[COPY], seen.killed_ms[COPY])


def test_segments(bench: Bench) -> None:
    """Zero copy is refused with XDP_USE_SG too, and copy mode takes two buffers both ways."""
    seen = bench.see(parts.segments)

    assert (UNSUPPORTED, UNSUPPORTED) == (seen.asked.refused, seen.bound.refused)
    assert seen.received is not None
    assert UNSUPPORTED == seen.received.refused
    assert {"first": True, "most": True, "received": True} == whole(seen.control)
    assert (2, 2790, 0, 0) == (seen.most, seen.mtu, seen.buffers, seen.above)


@pytest.mark.parametrize("most", [1, 2])
def test_segments_lacking(bed: Testbed, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Where the bind is refused, what may be why is looked for, however many are claimed."""
    now = parts.claims(bed.nic)
    assert now is not None
    monkeypatch.setattr(parts, "claims", lambda _nic: now._replace(zc_max_segs=most))
    monkeypatch.setattr(parts, "lacking", lambda _bed, refused: (refused.errno,))
    seen = parts.segments(bed)

    assert (most, ("EOPNOTSUPP",)) == (seen.most, seen.lacking)


def test_honest(bench: Bench) -> None:
    """What is not claimed is not held against the NIC, and the errno is told."""
    found = {row: line(row, bench) for row in LINES}

    assert {Outcome.NOT_CLAIMED} == {one.outcome for one in found.values()}
    told_of = {row: one.reason for row, one in found.items() if row[0] != "XDP-BIND-03"}
    assert {"xsk-zerocopy is not claimed, and queue 0: EOPNOTSUPP"} == {*told_of.values()}


LIES = [
    Lie("+xsk-zerocopy", "over-claim", "xsk-zerocopy", add=(FLAG, segments(1))),
    Lie("no segments", "over-claim", "xdp-zc-max-segs", add=(FLAG,)),
    Lie("segments 0", "over-claim", "xdp-zc-max-segs", add=(FLAG, segments(0))),
    Lie("segments 17", "over-claim", "xdp-zc-max-segs", add=(FLAG, segments(17))),
    Lie("+segments", "over-claim", "xdp-zc-max-segs", add=((DevAttr.XDP_ZC_MAX_SEGS, 1),)),
]


@pytest.mark.parametrize("lie", LIES, ids=[lie.name for lie in LIES])
def test_lies(bench: Bench, lie: Lie) -> None:
    """A NIC that claims zero copy and refuses the bind over-claims, in every line that rests on it.

    A number of segments alone is a promise of the lines about segments.
    """
    altered = Altered(bench, lambda value: told(value, lie.told))

    found = {row: line(row, altered) for row in LINES}  # type: ignore[arg-type]

    over = {row for row, one in found.items() if one.kind is Kind.OVER_CLAIM}
    assert over == {*(LINES if FLAG in lie.add else SEGMENTS)}
    assert {Outcome.FAIL, Outcome.NOT_CLAIMED} >= {one.outcome for one in found.values()}


@pytest.mark.usefixtures("_pretending")
def test_each_queue_of_two(two: Testbed) -> None:
    """Each queue is bound in its turn, and frames go through it, or by the other one."""
    seen = zerocopy.each_queue(two)

    assert [0, 1] == [one.queue for one in seen.binds] == [one.queue for one in seen.automatic]
    assert [dict.fromkeys(TRIPS, True)] * 2 == [whole(one) for one in seen.binds]
    received = [one.trips["received"] for one in seen.binds]
    assert [100, 100] == [trip.came.frames + trip.passed_by for trip in received]
    assert [0] == [one.queue for one in seen.controls]


@pytest.mark.usefixtures("_only_with_a_program")
def test_left_in_the_ring(two: Testbed) -> None:
    """What could not be sent without a program is not counted among what is sent with one."""
    seen = zerocopy.each_queue(two)

    wanted = dict.fromkeys(TRIPS, True) | {"bare": False}
    assert [wanted] * 2 == [whole(one) for one in seen.binds]
    assert [100, 100] == [one.trips["sent"].completed for one in seen.binds]


@pytest.mark.usefixtures("_only_with_a_program")
def test_segments_with_a_program(two: Testbed) -> None:
    """Frames in segments are sent with a program, as the sockets' own trials are."""
    seen = parts.segments(two)

    assert dict.fromkeys(("first", "most", "more", "next"), True) == whole(seen.bound)


@pytest.mark.usefixtures("_pretending")
def test_neighbours(two: Testbed) -> None:
    """The first socket is tried before, beside and after the second."""
    seen = neighbours.neighbours(two)

    assert 2 == seen.queues
    assert seen.second is not None
    assert seen.control is not None
    assert dict.fromkeys(MOMENTS, True) == whole(seen.first) == whole(seen.control)
    assert {"sent": True} == whole(seen.second)


def test_neighbours_refused(two: Testbed) -> None:
    """Where the first is refused there is no second."""
    seen = neighbours.neighbours(two)

    assert (Bound(0, ZERO_COPY, UNSUPPORTED), None) == (seen.first, seen.second)


@pytest.mark.usefixtures("_pretending")
def test_segments_carried(two: Testbed) -> None:
    """Copy mode gives away that it is none: it sends one segment more, and takes any MTU."""
    seen = parts.segments(two)

    sent = {"first": True, "most": True, "more": True, "next": True}
    assert sent == whole(seen.asked) == whole(seen.bound)
    assert seen.received is not None
    assert {"received": True} == whole(seen.received)
    assert (2790, 3559, None) == (seen.mtu, seen.above, seen.too_large)


@pytest.mark.usefixtures("_pretending")
def test_buffers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many buffers a received frame took is counted."""
    monkeypatch.setenv("XDPCONFORM_STATE", str(tmp_path))
    with made("veth", str(tmp_path)) as one:
        seen = parts.segments(one)

    assert 2 == seen.buffers


@pytest.mark.usefixtures("_pretending")
def test_a_queue_that_stays_busy(two: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that is never free again has no time, whoever held it."""

    def busy(*_words: object, **_options: object) -> object:
        raise XskError(errno.EBUSY, "bind", two.nic.ifname, 0)

    monkeypatch.setattr(xskbind, "XskSocket", busy)

    seen = xskbind.released(two)

    forever = {ZERO_COPY: None, COPY: None}
    assert (forever, forever, None) == (seen.closed_ms, seen.killed_ms, seen.refused)


@pytest.mark.parametrize(
    ("text", "expected"), [("17\n", 1408), ("1\n", 1408), ("45\n", 1024), ("none", 1408)]
)
def test_room(tmp_path: Path, text: str, expected: int) -> None:
    """What a chunk has room for depends on how many fragments the kernel is built for."""
    path = tmp_path / "max_skb_frags"
    path.write_text(text, encoding="ascii")

    assert expected == parts.room(str(path))
    assert 1408 == parts.room(str(tmp_path / "absent"))
