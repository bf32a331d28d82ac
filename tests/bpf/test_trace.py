# SPDX-License-Identifier: MIT
"""What the tracepoints tell of a veth pair's frames."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.bpf.places import inside
from tests.namespaces import Namespace, private_namespace, unavailable
from xdpconform.probes.bpf import (
    BpfError,
    CpuMap,
    DevMap,
    Event,
    Link,
    Mode,
    PerCpuArray,
    Program,
    Tracepoints,
    programs,
    trace,
)

COUNT = 10
FRAME = b"\xff" * 6 + bytes(6) + programs.ETHERTYPE.to_bytes(2, "big") + bytes(50)
PATIENCE = 10.0


class Place(NamedTuple):
    """Two veth pairs: frames come from v0a to v0b, and may go on by v1a to v1b."""

    made: Namespace
    netns: int
    ports: dict[str, int]
    tracepoints: Tracepoints

    def own(self, map_id: int = 0) -> list[Event]:
        """Events of this namespace, or of a map of ours: the system's others are not ours."""
        return sorted(
            x
            for x in self.tracepoints.events()
            if x.netns == self.netns or (map_id and x.map_id == map_id)
        )

    def after(self, code: bytes, tracepoint: str, map_id: int = 0) -> list[Event]:
        """Run a program on frames, and wait until a tracepoint was hit for all of them."""

        def send() -> list[Event]:
            with (
                Program.load(code, name="traced") as program,
                Link.create(program, self.ports["v0b"], Mode.NATIVE),
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock,
            ):
                self.tracepoints.clear()
                sock.bind(("v0a", 0))
                for _number in range(COUNT):
                    sock.send(FRAME)
                deadline = time.monotonic() + PATIENCE
                while time.monotonic() < deadline:
                    hits = [
                        max(x.count, x.sent + x.drops)
                        for x in self.own(map_id)
                        if x[0] == tracepoint
                    ]
                    if sum(hits) >= COUNT:
                        break
                return self.own(map_id)

        return inside(self.made, send)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """The pairs and the tracepoints."""
    if unavailable():
        pytest.skip(f"a network namespace {unavailable()}")
    with private_namespace() as made, Tracepoints() as tracepoints:
        made.pairs(2)
        names = ("v0a", "v0b", "v1a", "v1b")
        made.batch(*(f"link set {name} up" for name in names))
        yield Place(
            made,
            os.stat(made.path).st_ino,
            {name: made.index(name) for name in names},
            tracepoints,
        )


@pytest.fixture
def counts() -> Iterator[PerCpuArray]:
    """Where programs count."""
    with PerCpuArray() as table:
        yield table


@pytest.mark.parametrize("action", [0, 42])
def test_exception(place: Place, counts: PerCpuArray, action: int) -> None:
    """XDP_ABORTED and unknown actions are exceptions."""
    events = place.after(programs.verdict(action, counts), "xdp_exception")

    assert [
        Event("xdp_exception", place.ports["v0b"], place.netns, action, 0, 0, 0, COUNT, 0, 0)
    ] == events


def test_nothing(place: Place, counts: PerCpuArray) -> None:
    """XDP_DROP and frames of others raise nothing."""
    place.after(programs.verdict(0, counts), "xdp_exception")

    def drop() -> list[Event]:
        with (
            Program.load(programs.verdict(1, counts), name="drop") as program,
            Link.create(program, place.ports["v0b"], Mode.NATIVE),
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock,
        ):
            place.tracepoints.clear()
            counts.clear()
            sock.bind(("v0a", 0))
            for _number in range(COUNT):
                sock.send(FRAME)
            deadline = time.monotonic() + PATIENCE
            while counts.total(0) < COUNT and time.monotonic() < deadline:
                pass
            return place.own()

    events = inside(place.made, drop)

    assert ([], COUNT) == (events, counts.total(0))


def test_tx(place: Place, counts: PerCpuArray) -> None:
    """XDP_TX towards a bare veth: sent in vain."""
    events = place.after(programs.bounce(counts), "xdp_bulk_tx")

    assert {("xdp_bulk_tx", place.ports["v0b"], place.netns, None, -errno.ENXIO)} == {
        event[:5] for event in events
    }
    assert (0, COUNT) == (sum(x.sent for x in events), sum(x.drops for x in events))


def test_redirect_refused(place: Place, counts: PerCpuArray) -> None:
    """A device that takes no frames: the helper said XDP_REDIRECT, the kernel EOPNOTSUPP."""
    with DevMap(1) as devices:
        inside(place.made, lambda: devices.set(0, place.ports["v1a"]))
        events = place.after(programs.redirect(devices, 0, counts), "xdp_redirect_err")

        assert [
            Event(
                "xdp_redirect_err",
                place.ports["v0b"],
                place.netns,
                programs.XDP_REDIRECT,
                -errno.EOPNOTSUPP,
                devices.id,
                place.ports["v1a"],
                COUNT,
                0,
                0,
                place.netns,
            )
        ] == events


def test_redirect_without_map(place: Place) -> None:
    """bpf_redirect has no map, and its target is told."""
    events = place.after(programs.redirect_to(place.ports["v1a"]), "xdp_redirect_err")

    assert [(-errno.EOPNOTSUPP, 0, place.ports["v1a"], place.netns)] == [
        (event.err, event.map_id, event.to_ifindex, event.to_netns) for event in events
    ]


def test_redirected(place: Place, counts: PerCpuArray) -> None:
    """Frames that a device takes: redirected, then sent, with both devices."""
    with (
        DevMap(1) as devices,
        Program.load(programs.passes(), name="passes") as passes,
        inside(
            place.made, lambda: Link.create(passes, place.ports["v1b"], Mode.NATIVE)
        ),  # its peer takes frames now
    ):
        inside(place.made, lambda: devices.set(0, place.ports["v1a"]))
        events = place.after(programs.redirect(devices, 0, counts), "xdp_devmap_xmit")

        redirected = [event for event in events if event.tracepoint == "xdp_redirect"]
        sent = [event for event in events if event.tracepoint == "xdp_devmap_xmit"]
        to = (place.ports["v1a"], place.netns)
        assert [(COUNT, 0, devices.id, to)] == [
            (x.count, x.err, x.map_id, (x.to_ifindex, x.to_netns)) for x in redirected
        ]
        assert [(place.ports["v0b"], 0, COUNT, 0, to)] == [
            (x.ifindex, x.err, x.sent, x.drops, (x.to_ifindex, x.to_netns)) for x in sent
        ]
        assert len(events) == len(redirected) + len(sent)


def test_cpu(place: Place, counts: PerCpuArray) -> None:
    """Frames for another CPU are counted by CPU."""
    with CpuMap(1) as cpus:
        cpus.set(0)
        events = place.after(programs.redirect(cpus, 0, counts), "xdp_cpumap_enqueue", cpus.id)

        (found,) = (x for x in events if x[0] == "xdp_cpumap_enqueue" and x.map_id == cpus.id)
        assert (0, 0, None, 0, 0, COUNT, 0) == (
            *found[1:5],
            found.to_ifindex,
            found.sent,
            found.drops,
        )


def test_since(place: Place, counts: PerCpuArray) -> None:
    """What was told before can be left out."""
    first = place.after(programs.verdict(0, counts), "xdp_exception")

    assert [] == [x for x in place.tracepoints.events(first) if x.netns == place.netns]
    half = [event._replace(count=4) for event in first]
    assert [COUNT - 4] == [
        x.count for x in place.tracepoints.events(half) if x.netns == place.netns
    ]


def test_failure_text(place: Place) -> None:
    """Why a link was refused is told here, too."""

    def refused() -> str:
        with (
            Program.load(programs.passes(), name="passes") as passes,
            Link.create(passes, place.ports["v0b"], Mode.NATIVE),
            pytest.raises(BpfError),
        ):
            Link.create(passes, place.ports["v0b"], Mode.NATIVE)
        return place.tracepoints.failure_text()

    assert "Can't replace active BPF XDP link" == inside(place.made, refused)


def test_too_many(place: Place, counts: PerCpuArray, monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds no room is counted as lost: two kinds of events where there is room for one."""
    monkeypatch.setattr(trace, "ENTRIES", 1)
    with Tracepoints() as small:

        def send(action: int) -> None:
            counts.clear()
            with (
                Program.load(programs.verdict(action, counts), name="traced") as program,
                Link.create(program, place.ports["v0b"], Mode.NATIVE),
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock,
            ):
                sock.bind(("v0a", 0))
                for _number in range(COUNT):
                    sock.send(FRAME)
                deadline = time.monotonic() + PATIENCE
                while counts.total(0) < COUNT and time.monotonic() < deadline:
                    pass

        for action in (0, 42):
            inside(place.made, lambda action=action: send(action))
        deadline = time.monotonic() + PATIENCE
        while small.lost < COUNT and time.monotonic() < deadline:
            pass

        assert COUNT <= small.lost
        assert len(small.events()) <= 1


def test_attached(place: Place) -> None:
    """Tracepoints that this kernel lacks are left out; those that all have are there."""
    known: Callable[[str], bool] = trace.TRACEPOINTS.__contains__

    assert all(map(known, place.tracepoints.attached))
    assert {"xdp_exception", "xdp_redirect", "xdp_redirect_err", "xdp_devmap_xmit"} <= set(
        place.tracepoints.attached
    )
