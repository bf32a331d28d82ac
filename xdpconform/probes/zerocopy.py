# SPDX-License-Identifier: MIT
"""AF_XDP sockets on each queue of a NIC, in zero copy and as a control in copy mode.

Zero copy is what XDP_OPTIONS says after a bind with XDP_ZEROCOPY; nothing else is evidence of it.
Source: Documentation/networking/af_xdp.rst; net/xdp/xsk.c; net/xdp/xsk_buff_pool.c.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import KernelError, SourceError
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import AUTOMATIC, COPY, ZERO_COPY, Bound, Trip, ZeroCopy
from xdpconform.probes.bpf import XskMap, programs
from xdpconform.probes.kit import CARRIER, carrier, claims, kit, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.testbed.settings import channels
from xdpconform.probes.trial import (
    GRACE,
    PATIENCE,
    SIZE,
    Refused,
    Run,
    arrived,
    awaited,
    drain,
    running,
    settle,
)
from xdpconform.probes.xsk import Sizes, Umem, XskError, XskMode, XskSocket

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Port, Testbed

MODES: Final = {ZERO_COPY: XskMode.ZEROCOPY, AUTOMATIC: XskMode.AUTO, COPY: XskMode.COPY}
RINGS: Final = Sizes(512, 512, 512, 512)
CHUNKS: Final = 1024
"""Half of them for the fill ring, half for sending."""
FRAMES: Final = 50
"""Of each size, in one trip."""
LARGE: Final = 1514
"""Bytes of an Ethernet frame at the usual MTU."""
BATCH: Final = 10
"""Frames that the socket and the host send in turn."""
LOOK: Final = 0.01
"""Seconds between two looks at where frames come out."""
TRIAL: Final = 0.1
"""Seconds after which a first frame is sent again."""
PASS: Final = programs.XDP_PASS
"""What becomes of frames of a queue that has no socket in the map."""


class Turned(Exception):  # noqa: N818 - the kernel's word
    """A socket could not be bound: carries the `Refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(str(refusal))


@contextmanager
def bound_socket(
    bed: Testbed, queue: int, mode: str, *, chunk: int = 4096, use_sg: bool = False
) -> Iterator[XskSocket]:
    """A socket on a queue of the NIC, with memory of its own, and the link is there again.

    Raises:
        Turned: bind(2) is refused.
        XskError: another step is, for want of privileges or memory.
        Blocked: the link does not come up again.
    """
    bed.step(f"bind an AF_XDP socket to queue {queue} of {bed.nic.ifname}, {mode}")
    with ExitStack() as stack:
        umem = stack.enter_context(Umem(CHUNKS, chunk))
        try:
            xsk = stack.enter_context(
                XskSocket(
                    bed.nic,
                    umem,
                    queue=queue,
                    mode=MODES[mode],
                    need_wakeup=True,
                    use_sg=use_sg,
                    sizes=RINGS,
                )
            )
        except XskError as error:
            if error.step != "bind":
                raise
            raise Turned(Refusal(error.name)) from error
        carrier(bed, bed.nic)
        yield xsk
        bed.step(f"close the AF_XDP socket on queue {queue} of {bed.nic.ifname}")


def queues(port: Port) -> int:
    """How many queues both receive and send; 1 where the driver does not tell."""
    try:
        now = channels(port)
    except KernelError:
        return 1
    return max(1, (now.combined or 0) + min(now.rx or 0, now.tx or 0))


def each_queue(bed: Testbed) -> ZeroCopy:
    """A socket on each queue, one at a time, and frames through it both ways.

    Raises:
        XskError: a socket or its memory is refused, for want of privileges or of the kernel's.
        BpfError: a program cannot be loaded.
        Blocked: the link does not come up again.
    """
    now = claims(bed.nic)
    tried: dict[str, list[Bound]] = {mode: [] for mode in MODES}
    program: Refusal | None = None
    for queue in range(queues(bed.nic)):
        for mode in (ZERO_COPY, AUTOMATIC):
            found, refused = _one(bed, queue, mode, frames=mode == ZERO_COPY)
            tried[mode].append(found)
            program = program or refused
        if not queue or not all(trip.whole for trip in tried[ZERO_COPY][-1].trips.values()):
            found, _refused = _one(bed, queue, COPY)
            tried[COPY].append(found)
    first = next((one.refused for one in tried[ZERO_COPY] if one.refused), None)
    return ZeroCopy(
        now,
        tuple(tried[ZERO_COPY]),
        tuple(tried[AUTOMATIC]),
        tuple(tried[COPY]),
        program,
        lacking(bed, first) if first else (),
    )


def _one(
    bed: Testbed, queue: int, mode: str, *, frames: bool = True
) -> tuple[Bound, Refusal | None]:
    """A socket on one queue; and why no program could be attached, if so."""
    bed.progress(f"AF_XDP on queue {queue}, {mode}")
    try:
        with bound_socket(bed, queue, mode) as xsk:
            seen = Bound(queue, mode, None, xsk.zerocopy)
            if not frames or bed.wire is None:
                return seen, None
            trips = {"bare": first_out(bed, xsk)}
            try:
                with redirecting(bed) as (run, sockets):
                    settle(bed, run)
                    finish(xsk)
                    trips |= _ways(bed, xsk, sockets)
            except Refused as error:
                return seen._replace(trips=trips), error.refusal
            return seen._replace(trips=trips), None
    except Turned as error:
        return Bound(queue, mode, error.refusal), None


class Way(NamedTuple):
    """A program while it is attached, and the sockets that it knows."""

    run: Run
    sockets: XskMap


@contextmanager
def redirecting(bed: Testbed, *, frags: bool = False) -> Iterator[Way]:
    """A program that hands frames to the sockets of a map by their queue, and passes the rest.

    Raises:
        Refused: it is not accepted.
        BpfError: it cannot be loaded.
    """
    with XskMap(queues(bed.nic)) as sockets:
        make = partial(programs.redirect, sockets, None, flags=PASS)
        with running(bed, make, frags=frags) as run:
            yield Way(run, sockets)


def _ways(bed: Testbed, xsk: XskSocket, sockets: XskMap) -> dict[str, Trip]:
    """Every trip but the one without a program."""
    host = wait_in(bed, None)
    sent, beside = _beside(bed, xsk)
    sockets.set(xsk.queue, xsk.fileno())
    found = {"sent": sent, "received": wait_in(bed, xsk), "host-sent": beside}
    sockets.remove(xsk.queue)
    return found | {"host-received": host}


def sizes_of(bed: Testbed) -> list[bytes]:
    """Frames to the NIC, small ones and large ones."""
    frames = kit(bed).frames
    large = min(LARGE, (bed.nic.state().mtu or LARGE) + 14)
    return frames.make(FRAMES, SIZE) + frames.make(FRAMES, large)


def turned(frames: Sequence[bytes]) -> list[bytes]:
    """The same frames the other way."""
    return [frame[6:12] + frame[:6] + frame[12:] for frame in frames]


def first_out(bed: Testbed, xsk: XskSocket) -> Trip:
    """What a socket sends that has just been bound: queues may still be starting."""
    if bed.kind not in ("veth", "tap"):
        deadline = time.monotonic() + CARRIER
        while time.monotonic() < deadline:
            try:
                xsk.send(turned(kit(bed).frames.make(1, SIZE)))
            except SourceError:
                break  # the trip tells
            if wire_of(bed).receive(1, TRIAL):
                break
    return out(bed, xsk, turned(sizes_of(bed)))


def finish(xsk: XskSocket) -> None:
    """Have sent what an earlier trip left in the ring, where the NIC would not: drain it next."""
    if not xsk.flying:
        return
    with suppress(SourceError):  # the next trip tells
        xsk.flush()
    xsk.completions(len(xsk.flying), PATIENCE)
    time.sleep(GRACE)


def out(bed: Testbed, xsk: XskSocket, frames: Sequence[bytes]) -> Trip:
    """Frames from a socket to the medium."""
    drain(bed)
    xsk.completions()
    problem, done = "", 0
    try:
        xsk.send(frames)
        done = len(xsk.completions(len(frames), PATIENCE))
    except SourceError as error:
        problem = str(error)
    came = awaited(wire_of(bed), kit(bed).frames, frames)
    return trip(bed, frames, came)._replace(completed=done, problem=problem)


def _beside(bed: Testbed, xsk: XskSocket) -> tuple[Trip, Trip]:
    """The socket and the host send in turn."""
    frames, others = turned(sizes_of(bed)), turned(sizes_of(bed))
    drain(bed)
    xsk.completions()
    problem, done, host = "", 0, ""
    for start in range(0, len(frames), BATCH):
        try:
            xsk.send(frames[start : start + BATCH])
            done += len(xsk.completions())
        except SourceError as error:
            problem = str(error)
        try:
            bed.behind.send(others[start : start + BATCH])
        except SourceError as error:
            host = str(error)
    if not problem:
        done += len(xsk.completions(len(frames) - done, PATIENCE))
    came = awaited(wire_of(bed), kit(bed).frames, frames + others)
    return (
        trip(bed, frames, came)._replace(completed=done, problem=problem),
        trip(bed, others, came)._replace(problem=host),
    )


def wait_in(bed: Testbed, xsk: XskSocket | None, frames: Sequence[bytes] = ()) -> Trip:
    """Frames from the medium to a socket, or to the host where there is none in the map."""
    frames = frames or sizes_of(bed)
    drain(bed)
    came: list[bytes] = []
    passed: list[bytes] = []
    problem = ""
    deadline = time.monotonic() + PATIENCE
    try:
        if xsk is not None:
            xsk.receive(RINGS.rx, 0)
        wire_of(bed).send(frames)
        while len(came) + len(passed) < len(frames) and time.monotonic() < deadline:
            if xsk is not None:
                came += xsk.receive(len(frames), LOOK)
            passed += bed.behind.receive(len(frames), 0 if xsk else LOOK)
    except SourceError as error:
        problem = str(error)
    if xsk is None:
        return trip(bed, frames, passed)._replace(problem=problem)
    aside = arrived(bed, passed, frames).frames
    return trip(bed, frames, came)._replace(passed_by=aside, problem=problem)


def trip(bed: Testbed, sent: Sequence[bytes], came: Sequence[bytes]) -> Trip:
    """What was sent, and what of it came."""
    return Trip(len(sent), kit(bed).frames.digest(sent), arrived(bed, came, sent))
