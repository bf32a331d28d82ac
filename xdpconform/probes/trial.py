# SPDX-License-Identifier: MIT
"""What every probe of a NIC is made of: a program on it, frames towards it, and what became."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

from xdpconform.errors import Blocked, Unclaimed, errno_name
from xdpconform.netlink import rtnl
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import Arrivals, Event, Flow, Refusal
from xdpconform.probes.bpf import BpfError, Link, Mode, PerCpuArray, Program, programs
from xdpconform.probes.counters import Counters
from xdpconform.probes.kit import CARRIER, carrier, claims, kit, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.testbed import Frames, Port, Testbed, Wire

FRAMES: Final = 100
"""Frames of one trial."""
SIZE: Final = 128
"""Bytes of each, where the size is not what is tried."""
PATIENCE: Final = 1.0
"""Seconds to wait for frames that should arrive."""
GRACE: Final = 0.02
"""Seconds to wait for frames that should not."""
LOOK: Final = 0.0005
"""Seconds between two looks at a counter."""

MARK: Final = 14
"""Where `programs.bounce` marks a frame."""
SLOTS: Final = 8
"""Of the map in which programs count; see `xdpconform.probes.bpf.programs`."""

Make = Callable[[PerCpuArray], bytes]
"""Makes a program's code, given the map that it shall count in."""


class Refused(Exception):  # noqa: N818 - the kernel's word
    """A program could not be attached: carries the `Refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(str(refusal))


def refusal(error: BpfError) -> Refusal:
    """What the kernel refused; want of privileges says nothing of a NIC, and is raised again.

    Raises:
        BpfError: EPERM.
    """
    if error.errno in (errno.EPERM, errno.EACCES):
        raise error
    return Refusal(errno_name(error.errno), error.said)


@contextmanager
def attached(
    bed: Testbed, port: Port, program: Program, mode: Mode = Mode.NATIVE
) -> Iterator[Link]:
    """A program on a port, with carrier, as long as the block lasts.

    Raises:
        Refused: the kernel or the driver would not.
        BpfError: it needs privileges.
        Blocked: the link does not come up again.
    """
    bed.step(f"attach a program to {port.ifname}")
    try:
        link = port.namespace.call(lambda: Link.create(program, port.ifindex, mode))
    except BpfError as error:
        other = port.state()
        if error.errno in (errno.EBUSY, errno.EEXIST) and other.xdp != "none":
            raise Blocked(
                f"{port.ifname} has a program of somebody else (id {other.program_id},"
                f" {other.xdp}): end whoever attached it, or ip link set {port.ifname} xdp off"
            ) from error
        raise Refused(refusal(error)) from error
    with link:
        carrier(bed, port)
        yield link
        bed.step(f"detach the program of {port.ifname}")


def no_program(bed: Testbed, why: Refusal) -> Blocked:
    """What to raise where the NIC takes no program: nobody may have promised that it does."""
    now = claims(bed.nic)
    if now is not None and not (now.features or 0) & XdpAct.BASIC:
        return Unclaimed("basic is not claimed, and no program can be attached")
    return Blocked(f"no program can be attached ({why}); see XDP-ATTACH-01")


class Run(NamedTuple):
    """A program while it is attached to the NIC."""

    counts: PerCpuArray
    link: Link


@contextmanager
def running(
    bed: Testbed, make: Make, *, frags: bool = False, name: str = "xdpconform"
) -> Iterator[Run]:
    """A program of ours on the NIC, natively.

    Raises:
        Refused: the kernel or the driver would not.
        BpfError: it cannot be loaded.
    """
    with (
        PerCpuArray(8, SLOTS) as counts,
        Program.load(make(counts), name=name, frags=frags) as program,
        attached(bed, bed.nic, program) as link,
    ):
        yield Run(counts, link)


@contextmanager
def passing(bed: Testbed, port: Port) -> Iterator[Link]:
    """A native program on a port that lets everything pass, of any size.

    Raises:
        Refused: the kernel or the driver would not.
        BpfError: it cannot be loaded.
    """
    with (
        Program.load(programs.passes(), name="xdpconform", frags=True) as program,
        attached(bed, port, program) as link,
    ):
        yield link


@contextmanager
def helped(bed: Testbed, port: Port) -> Iterator[None]:
    """The same on a port that is not the NIC.

    Raises:
        Blocked: it takes no program, which says nothing of the NIC.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(passing(bed, port))
        except Refused as error:
            raise Blocked(f"{port.ifname} beside the NIC takes no program: {error}") from error
        yield


class Plan(NamedTuple):
    """How frames are sent, and where they are looked for."""

    place: str = "delivered"
    """Where they should come out: ``delivered``, ``returned``, ``elsewhere``, ``nowhere``."""
    frames: int = FRAMES
    size: int = SIZE
    elsewhere: Wire | None = None
    """What stands at the target of a redirect."""
    source: Wire | None = None
    """What sends; the medium before the NIC if not given."""
    frags: bool = False
    expected: Callable[[bytes], bytes] | None = None
    """What a frame should look like when it arrives, given what was sent."""


def flow(bed: Testbed, what: str, make: Make, plan: Plan) -> Flow:
    """Attach a program to the NIC, send frames to it, and see what becomes of them.

    Raises:
        Blocked: no peer, no carrier, or frames that cannot be sent.
        BpfError: the program cannot be loaded.
    """
    wire_of(bed)
    bed.progress(f"{what}: {plan.frames} frames of {plan.size} bytes")
    try:
        with running(bed, make, frags=plan.frags) as run:
            settle(bed, run)
            return measure(bed, what, plan, lambda: run.counts.total(0), run.counts)
    except Refused as error:
        return refused_flow(bed, what, error)


def refused_flow(bed: Testbed, what: str, error: Refused) -> Flow:
    """Nothing was sent, since the program was refused."""
    return Flow(
        what,
        claims(bed.nic),
        refused=error.refusal,
        lacking=lacking(bed, error.refusal),
    )


def settle(bed: Testbed, run: Run) -> None:
    """Wait until frames get through again: many drivers start anew with a program."""
    if bed.kind in ("veth", "tap"):
        return
    wire, frames = wire_of(bed), kit(bed).frames
    before, deadline = run.counts.total(0), time.monotonic() + CARRIER
    while run.counts.total(0) == before and time.monotonic() < deadline:
        wire.send(frames.make(1, SIZE))
        time.sleep(0.01)
    time.sleep(GRACE)
    drain(bed)


def drain(bed: Testbed, *wires: Wire | None) -> None:
    """Forget every frame that has come so far."""
    for wire in (bed.behind, bed.wire, *wires):
        if wire is not None:
            wire.drain()


def measure(
    bed: Testbed,
    what: str,
    plan: Plan,
    seen: Callable[[], int],
    counts: PerCpuArray,
    *,
    second: Callable[[], int] = int,
    mode: str | None = None,
) -> Flow:
    """Send frames, and see what becomes of them; the program is attached already.

    Args:
        bed: the testbed.
        what: the program, in words.
        plan: how many, how large, from where and to where.
        seen: how many frames the program has counted.
        counts: where it counts.
        second: how many frames a second program has counted.
        mode: what to say of the program's mode; as rtnetlink shows it, if not given.
    """
    tools = kit(bed)
    source = plan.source or wire_of(bed)
    frames = tools.frames.make(plan.frames, plan.size)
    wanted = [plan.expected(frame) for frame in frames] if plan.expected else frames
    drain(bed, plan.elsewhere)
    before, base, other, size = Counters.read(tools.reader), seen(), second(), counts.total(1)
    tools.tracepoints.clear()
    source.send(frames)
    places = {"delivered": bed.behind, "returned": bed.wire, "elsewhere": plan.elsewhere}
    came: dict[str, list[bytes]] = {}
    goal = places.get(plan.place)
    if goal is not None:
        came[plan.place] = awaited(goal, tools.frames, wanted)
    _wait(lambda: seen() - base >= plan.frames)
    for name, wire in places.items():
        if wire is not None:
            came.setdefault(name, []).extend(
                wire.receive(plan.frames, 0 if came.get(name) else GRACE)
            )
    if bed.kind == "loopback":
        _tell_apart(plan, came)
    after = Counters.read(tools.reader)

    def at(name: str) -> Arrivals:
        return arrived(bed, came.get(name, ()), wanted if name == plan.place else frames)

    return Flow(
        what,
        claims(bed.nic),
        bed.nic.state().xdp if mode is None else mode,
        sent=plan.frames,
        size=plan.size,
        digest=tools.frames.digest(wanted),
        seen=seen() - base,
        seen_bytes=counts.total(1) - size,
        delivered=at("delivered"),
        returned=at("returned"),
        elsewhere=at("elsewhere"),
        second=second() - other,
        events=events(bed),
        counters=flat(after.minus(before)),
    )


def _tell_apart(plan: Plan, came: dict[str, list[bytes]]) -> None:
    """A NIC that hears itself delivers what comes back: only marks tell one from the other."""
    if plan.place != "returned":
        came["returned"] = []
        return
    came["delivered"] = []
    if plan.source is None:
        came["returned"] = [f for f in came["returned"] if f[MARK] == programs.BOUNCED]


def _wait(done: Callable[[], bool]) -> None:
    start = time.monotonic()
    while not done() and time.monotonic() < start + PATIENCE:
        time.sleep(LOOK)


def awaited(wire: Wire, frames: Frames, wanted: Sequence[bytes]) -> list[bytes]:
    """What comes until all that is wanted has come; frames sent before it may come late.

    Args:
        wire: where.
        frames: knows them by their numbers, whatever a program made of them.
        wanted: what should come.
    """
    came: list[bytes] = []
    missing = {frames.number(frame) for frame in wanted}
    deadline = time.monotonic() + PATIENCE
    while missing:
        found = wire.receive(len(missing), max(0.0, deadline - time.monotonic()))
        if not found:
            break
        came += found
        missing.difference_update(map(frames.number, found))
    return came


def arrived(bed: Testbed, taken: Sequence[bytes], wanted: Sequence[bytes]) -> Arrivals:
    """What came, against what should have come."""
    frames = kit(bed).frames
    if not taken:
        return Arrivals(0, 0, 0, frames.digest(()))
    known = {frames.number(frame): frame for frame in wanted}
    found: dict[int, bytes] = {}
    repeated = 0
    for frame in taken:
        number = frames.number(frame)
        if number is None or number not in known:
            continue  # of an earlier trial
        repeated += number in found
        found.setdefault(number, frame)
    intact = sum(frame == known[number] for number, frame in found.items())
    return Arrivals(len(found), intact, repeated, frames.digest(found.values()))


def events(bed: Testbed) -> tuple[Event, ...]:
    """What the tracepoints counted of the testbed's ports."""
    names = {
        (ifindex, port.namespace.inode): port.ifname
        for port in bed.ports()
        for ifindex in (port.ifindex, *members(port))
    }
    return tuple(
        Event(
            event.tracepoint,
            names[event.ifindex, event.netns],
            (event.act if event.tracepoint == "xdp_exception" else event.err) or 0,
            event.count,
            event.sent,
            event.drops,
        )
        for event in kit(bed).tracepoints.events()
        if (event.ifindex, event.netns) in names
    )


def members(port: Port) -> tuple[int, ...]:
    """What a bond's program runs on: tracepoints name the member, and never the bond.

    Source: drivers/net/bonding/bond_main.c, bond_xdp_set.
    """
    if port.link.kind != "bond":
        return ()
    links = map(rtnl.pull_link, port.ask(rtnl.getlink_dump()))
    return tuple(one.ifindex for one in links if one.master == port.ifindex)


def flat(counters: Counters) -> Mapping[str, int]:
    """What grew, by name."""
    found: dict[str, int] = {}
    for group in counters.as_dict().values():
        for name, count in (group or {}).items():
            found.setdefault(name, count)
    return found
