# SPDX-License-Identifier: MIT
"""NICs that are here, and what is needed to try them: levels attach and packets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from xdpconform.errors import Blocked, InputError
from xdpconform.interfaces import shown
from xdpconform.lab import Subject, take
from xdpconform.netconfig import Remote, remote
from xdpconform.nic import Nic
from xdpconform.probes.bench import PRIVILEGES, Bench, no_bench
from xdpconform.probes.bpf import BpfError, Link, Mode, Program, programs
from xdpconform.probes.lifecycle import Lifecycle
from xdpconform.probes.safety import Guardian, check_owned, check_port, recover
from xdpconform.probes.testbed import Namespace, Port, Testbed
from xdpconform.profiles import Shelf
from xdpconform.sources import Kernel

CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 12, 13, 21, 38, 39
CAPABILITIES: Final = {
    "CAP_NET_ADMIN": CAP_NET_ADMIN,
    "CAP_NET_RAW": CAP_NET_RAW,
    "CAP_PERFMON": CAP_PERFMON,
    "CAP_BPF": CAP_BPF,
}
"""What programs, frames and tracepoints need; CAP_SYS_ADMIN stands for the last two."""


class Setup(NamedTuple):
    """What a run above level claims was asked for."""

    level: str
    testbed: str | None = None
    """``veth`` or ``tap``: a NIC is made for the run."""
    peer: str | None = None
    """The port that is cabled to the NIC."""
    loopback: bool = False
    owned: tuple[str, ...] = ()
    """Interfaces that the user says are free to be tested."""
    netns: str | None = None
    """Where the NICs are."""
    folder: Path = Path()
    """Where net.config may be."""
    workers: bool = False
    """Whether pytest-xdist was asked for."""


class Live(NamedTuple):
    """NICs that are here."""

    subjects: list[Subject]
    benches: dict[str, Bench]
    """What tries them, by their ids."""
    notes: tuple[str, ...] = ()
    """What runs that were killed had left, and what was done about it."""


def check(setup: Setup, ifaces: Sequence[str]) -> None:
    """Refuse what cannot go together, before anything is touched.

    Raises:
        InputError: says what, and what to type instead.
    """
    wires = [
        name
        for name, given in (
            ("--testbed", setup.testbed),
            ("--peer", setup.peer),
            ("--loopback", setup.loopback),
        )
        if given
    ]
    if len(wires) > 1:
        raise InputError(f"{' and '.join(wires)} do not go together: choose one of them")
    if setup.testbed and ifaces:
        raise InputError("--testbed brings its own NIC: leave --iface out")
    if setup.testbed and setup.netns:
        raise InputError("--testbed makes its own namespace: leave --netns out")
    if wires and not setup.testbed and len(ifaces) != 1:
        raise InputError(f"{wires[0]} belongs to one NIC: name it with --iface")
    if setup.workers:
        raise InputError(
            f"--level {setup.level} has a NIC to itself: run without pytest-xdist (-n 0)"
        )
    check_owned(setup.owned)


def take_live(
    setup: Setup,
    ifaces: Sequence[str],
    shelf: Shelf,
    lifecycle: Lifecycle,
    progress: Callable[[str], None],
) -> Live:
    """The NICs, as `xdpconform.lab.take` has them, and for each what tries it.

    Args:
        setup: what was asked for.
        ifaces: names, numbers, globs, ``all``; empty for a testbed that brings its NIC.
        shelf: the profiles.
        lifecycle: the child that watches a device's life.
        progress: is told what is being done, again and again.

    Raises:
        XdpConformError: no such interface, a source that cannot be asked, or no testbed.
    """
    needs = unprivileged()
    if needs and setup.testbed:
        raise InputError(f"--testbed {setup.testbed}: {needs}")
    # Who may change nothing has left nothing.
    notes = () if needs else recover()
    if setup.testbed:
        testbed = _made(setup.testbed, progress)
        try:
            ifaces = [testbed.nic.ifname]
            # A source of its own, since whoever asks closes it.
            source = Kernel(f"/proc/self/fd/{testbed.nic.namespace.fd}")
            subjects = take(source, ifaces, shelf, lifecycle)
        except BaseException:
            testbed.close()
            raise
        return Live(subjects, {subjects[0].nic.id: Bench(lambda: testbed, testbed)}, notes)
    peer = _remote(setup)
    subjects = take(Kernel(setup.netns), ifaces, shelf, lifecycle)
    wire = "--peer" if setup.peer else "--loopback" if setup.loopback else ""
    if wire and len(subjects) != 1:
        found = ", ".join(shown(subject.nic.identity.ifname) for subject in subjects)
        raise InputError(f"{wire} belongs to one NIC, and --iface names {found}")
    benches = {
        subject.nic.id: Bench(partial(_around, setup, subject.nic, peer, progress))
        for subject in subjects
    }
    return Live(subjects, benches, notes)


@contextmanager
def with_program(netns: str | None, ifname: str, owned: Sequence[str] = ()) -> Iterator[None]:
    """A native program that lets everything pass, on a NIC, as long as the block lasts.

    Args:
        netns: where the NIC is.
        ifname: its name.
        owned: interfaces that the user says are free to be tested.

    Raises:
        InputError: the guard says that it must not be touched, or the driver takes no program.
        SourceError: privileges are missing; says which.
    """
    with Kernel(netns) as source:
        reasons = check_port(source, ifname, owned)
    if reasons:
        raise InputError("; ".join(reasons))
    with Namespace.at(netns) if netns else Namespace.current() as space:
        port = Port(space, ifname)
        with Program.load(programs.passes(), name="xdpconform", frags=True) as program:
            try:
                link = space.call(lambda: Link.create(program, port.ifindex, Mode.NATIVE))
            except BpfError as error:
                raise InputError(f"{ifname} cannot be recorded attached: {error}") from error
            with link:
                yield


def unprivileged() -> str:
    """What this process may not do, and how it could; empty if it may do all that is needed.

    Source: include/uapi/linux/capability.h.
    """
    with open("/proc/thread-self/status", encoding="ascii", errors="replace") as status:
        effective = next(
            (int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), 0
        )
    if effective >> CAP_SYS_ADMIN & 1:
        effective |= 1 << CAP_PERFMON | 1 << CAP_BPF
    missing = [name for name, bit in CAPABILITIES.items() if not effective >> bit & 1]
    if not missing:
        return ""
    return f"it needs {' and '.join(missing)}: {PRIVILEGES}"


def bench_of(bench: Bench | None, source: str) -> Bench:
    """What tries a NIC; one that blocks everything for a NIC that is not here."""
    if bench is not None:
        return bench
    if source == "kernel":
        return no_bench("a run of level claims only reads: say --level attach or --level packets")
    return no_bench(f"a {source} runs no programs: run pytest --iface on the NIC itself")


def _remote(setup: Setup) -> Remote | None:
    """Who the peer is, by the kernel selftests' names, where nothing else was said."""
    if setup.peer or setup.loopback:
        return None
    return remote(os.environ, setup.folder / "net.config")


def _made(kind: str, progress: Callable[[str], None]) -> Testbed:
    if kind == "tap":
        return Testbed.tap(Guardian(), progress=progress)
    return Testbed.veth(Guardian(), progress=progress)


def _around(
    setup: Setup, nic: Nic, peer: Remote | None, progress: Callable[[str], None]
) -> Testbed:
    """The testbed of a NIC that is here, if the guard lets it be touched."""
    needs = unprivileged()
    if needs:
        raise Blocked(f"nothing may be changed: {needs}")
    ifname = nic.identity.ifname
    with Kernel(setup.netns) as source:
        for name in filter(None, (ifname, setup.peer)):
            reasons = check_port(source, name, setup.owned)
            if reasons:
                raise Blocked("; ".join(reasons))
    space = Namespace.at(setup.netns) if setup.netns else Namespace.current()
    guardian = Guardian()
    if setup.peer:
        return Testbed.cabled(space, ifname, setup.peer, guardian, progress=progress)
    if setup.loopback:
        return Testbed.loopback(space, ifname, guardian, progress=progress)
    if peer:
        return Testbed.remote(space, ifname, peer, guardian, progress=progress)
    return Testbed.alone(space, ifname, guardian, progress=progress)
