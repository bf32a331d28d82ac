# SPDX-License-Identifier: MIT
"""The bench: each probe runs once, what cannot be tried says why, and it ends once."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import cast

import pytest

from xdpconform.errors import (
    Blocked,
    InputError,
    KernelError,
    SourceError,
    Unclaimed,
    XdpConformError,
)
from xdpconform.netlink.extack import ExtAck
from xdpconform.probes.bench import Bench, no_bench
from xdpconform.probes.bpf import BpfError
from xdpconform.probes.safety.guardian import UndoFailed
from xdpconform.probes.testbed import Testbed

PRIVILEGES = "run as root, or with CAP_NET_ADMIN, CAP_BPF, CAP_NET_RAW and CAP_PERFMON"


class FakeTestbed:
    """Counts how often it is closed.

    Args:
        error: what closing it ends with.
        failures: what its guardian could not put back.
    """

    def __init__(self, error: XdpConformError | None = None, *failures: str) -> None:
        self.closed = 0
        self.error = error
        self.guardian = SimpleNamespace(failures=failures)

    def close(self) -> None:
        """Close it."""
        self.closed += 1
        if self.error is not None:
            raise self.error


class Opener:
    """Makes a testbed, or fails; counts how often it is asked."""

    def __init__(self, error: XdpConformError | None = None) -> None:
        self.made = FakeTestbed()
        self.error = error
        self.asked = 0

    def __call__(self) -> Testbed:
        """Open it."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        return cast("Testbed", self.made)


class Probe:
    """Sees something, or fails; counts how often it runs."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.ran: list[tuple[object, ...]] = []

    def __call__(self, bed: Testbed, word: str = "", *, number: int = 0) -> str:
        """Look."""
        self.ran.append((bed, word, number))
        if self.error is not None:
            raise self.error
        return f"{word}{number}"


def refusal(code: int) -> KernelError:
    """The kernel refuses a request."""
    return KernelError(code, ExtAck("no room"), "set the MTU")


def test_once() -> None:
    """A probe runs once for the same arguments, however they are written down."""
    opener, probe = Opener(), Probe()
    bench = Bench(opener)

    first = bench.see(probe, "x", number=1)
    again = bench.see(probe, "x", number=1)
    other = bench.see(probe, "x", number=2)

    assert ("x1", "x1", "x2") == (first, again, other)
    assert [(opener.made, "x", 1), (opener.made, "x", 2)] == probe.ran
    assert 1 == opener.asked


def test_two_probes() -> None:
    """Two probes with the same arguments are two."""
    bench, one, other = Bench(Opener()), Probe(), Probe()

    bench.see(one)
    bench.see(other)

    assert [1, 1] == [len(one.ran), len(other.ran)]


def test_given() -> None:
    """A testbed that is there already is used, and none is made."""
    opener, made = Opener(), cast("Testbed", FakeTestbed())
    bench, probe = Bench(opener, made), Probe()

    bench.see(probe)

    assert [(made, "", 0)] == probe.ran
    assert 0 == opener.asked


def test_unasked() -> None:
    """Nothing is opened before something is looked at."""
    opener = Opener()

    Bench(opener).close()

    assert 0 == opener.asked


ERRORS = {
    "blocked": (Blocked("no carrier"), "no carrier"),
    "refused": (
        refusal(errno.EINVAL),
        "set the MTU: the kernel said EINVAL (Invalid argument): no room",
    ),
    "not permitted": (
        refusal(errno.EPERM),
        f"set the MTU: the kernel said EPERM (Operation not permitted): no room: {PRIVILEGES}",
    ),
    "access denied": (
        refusal(errno.EACCES),
        f"set the MTU: the kernel said EACCES (Permission denied): no room: {PRIVILEGES}",
    ),
    "no program": (
        BpfError(errno.ENOMEM, "load program 'x'"),
        "load program 'x': the kernel said ENOMEM (Cannot allocate memory)",
    ),
    "no program permitted": (
        BpfError(errno.EPERM, "load program 'x'", needs="CAP_BPF"),
        (
            "load program 'x': the kernel said EPERM (Operation not permitted); needs CAP_BPF:"
            f" {PRIVILEGES}"
        ),
    ),
    "gone": (SourceError("eth7 is gone"), "eth7 is gone"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_blocked(name: str) -> None:
    """What keeps a probe from seeing blocks it, the same each time, and it is not tried again."""
    error, text = ERRORS[name]
    bench, probe, other = Bench(Opener()), Probe(error), Probe()

    for _time in range(2):
        with pytest.raises(Blocked) as raised:
            bench.see(probe)

        assert text == str(raised.value)
    assert 1 == len(probe.ran)
    assert "0" == bench.see(other)


@pytest.mark.parametrize("name", ERRORS)
def test_no_testbed(name: str) -> None:
    """Without a testbed every probe is blocked by the same reason, and none is asked for again."""
    error, text = ERRORS[name]
    opener = Opener(error)
    bench, probe = Bench(opener), Probe()

    for word in ("a", "a", "b"):
        with pytest.raises(Blocked) as raised:
            bench.see(probe, word)

        assert text == str(raised.value)
    assert (1, []) == (opener.asked, probe.ran)


def test_unclaimed() -> None:
    """What nobody promised stays apart from what is missing."""
    bench, probe = Bench(Opener()), Probe(Unclaimed("no program was promised"))

    for _time in range(2):
        with pytest.raises(Unclaimed) as raised:
            bench.see(probe)

        assert "no program was promised" == str(raised.value)
    assert 1 == len(probe.ran)


def test_wrong_words() -> None:
    """A testbed that the user's words do not fit is blocked as well."""
    bench = Bench(Opener(InputError("eth1 is the NIC itself")))

    with pytest.raises(Blocked) as raised:
        bench.see(Probe())

    assert "eth1 is the NIC itself" == str(raised.value)


def test_bug() -> None:
    """A mistake of ours is no reason to call a line blocked."""
    bench, probe = Bench(Opener()), Probe(ZeroDivisionError("ours"))

    for _time in range(2):
        with pytest.raises(ZeroDivisionError, match="ours"):
            bench.see(probe)

    assert 2 == len(probe.ran)


def test_closed_once() -> None:
    """Closing again does nothing."""
    opener = Opener()
    bench = Bench(opener)
    bench.see(Probe())

    bench.close()
    bench.close()

    assert 1 == opener.made.closed


# what closing the testbed ends with, what the guardian could not put back, and what is said
CLOSED: dict[str, tuple[XdpConformError | None, tuple[str, ...], str]] = {
    "put back": (None, (), ""),
    "put back in the end": (refusal(errno.EBUSY), (), ""),
    "not put back": (
        refusal(errno.EBUSY),
        ("va up: EPERM", "set the MTU: EBUSY"),
        "va up: EPERM\nset the MTU: EBUSY",
    ),
    "told by the guardian": (UndoFailed("va up: EPERM"), ("va up: EPERM",), "va up: EPERM"),
    "not as it was": (SourceError("mtu of va is 1300"), (), "mtu of va is 1300"),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed(name: str) -> None:
    """What the guardian could not put back either is told, all of it, and nothing else."""
    error, failures, text = CLOSED[name]
    bench = Bench(Opener(), cast("Testbed", FakeTestbed(error, *failures)))

    said = ""
    try:
        bench.close()
    except SourceError as raised:
        said = str(raised)
    bench.close()

    assert text == said


def test_no_bench() -> None:
    """A bench of no NIC blocks everything, and may be closed."""
    bench = no_bench("a recording runs no programs")

    with pytest.raises(Blocked) as raised:
        bench.see(Probe())
    bench.close()

    assert "a recording runs no programs" == str(raised.value)
