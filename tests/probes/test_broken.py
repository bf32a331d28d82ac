# SPDX-License-Identifier: MIT
"""What is really wrong is found: a real veth, and something between it and us that does harm.

What cannot be done to a real one is done to what was seen of it: `tests.probes.broken`.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.namespaces import unavailable
from tests.probes.tried import line
from xdpconform.judge import Kind, Outcome
from xdpconform.observed import ACTIONS
from xdpconform.probes import adjust
from xdpconform.probes.bench import Bench
from xdpconform.probes.bpf import DevMap, Link, Mode, programs
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Testbed, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdpconform.judge import Finding
    from xdpconform.probes.bpf import PerCpuArray, Program

    Frames = list[bytes]

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=f"a testbed {unavailable()}")

OVER, MISMATCH = Kind.OVER_CLAIM, Kind.MISMATCH


@pytest.fixture
def bed() -> Iterator[Testbed]:
    """A veth with nothing wrong."""
    with Testbed.veth(Guardian()) as made:
        yield made


def judged(bed: Testbed, requirement: str, row: str = "") -> Finding:
    """What one line of the suites finds, no profile given; everything is tried anew."""
    return line((requirement, row), Bench(lambda: bed, bed))


class Spoilt(Wire):
    """A wire that does something to what it receives.

    Args:
        wire: the real one.
        spoil: what it does to the first frames that come, once.
    """

    def __init__(self, wire: Wire, spoil: Callable[[Frames], Frames]) -> None:
        super().__init__("a spoilt wire")
        self._wire = wire
        self._spoil = spoil
        self.harm = 0

    def fileno(self) -> int:
        """See `Wire.fileno`."""
        return self._wire.fileno()

    def close(self) -> None:
        """See `Wire.close`."""
        self._wire.close()

    def send(self, frames: Any) -> None:
        """See `Wire.send`."""
        self._wire.send(frames)

    def drain(self) -> int:
        """See `Wire.drain`."""
        return self._wire.drain()

    def receive(self, count: int, timeout: float, *, every: bool = False) -> Frames:
        """See `Wire.receive`."""
        frames = self._wire.receive(count, timeout, every=every)
        if not frames or self.harm:
            return frames
        self.harm += 1
        return self._spoil(frames)


def flipped(frames: Frames) -> Frames:
    """One bit of one frame."""
    return [*frames[:-1], frames[-1][:-1] + bytes([frames[-1][-1] ^ 1])]


def lost(frames: Frames) -> Frames:
    """One frame less."""
    return frames[1:]


def twice(frames: Frames) -> Frames:
    """One frame more."""
    return [*frames, frames[0]]


class Harm(NamedTuple):
    """What a wire does to frames, and what comes of it."""

    place: str
    spoil: Callable[[Frames], Frames]
    requirement: str
    row: str
    told: str
    """What is seen of it."""


WIRES = [
    Harm("behind", flipped, "XDP-ACT-01", "", "100 delivered, 1 of them altered"),
    Harm("behind", lost, "XDP-ACT-01", "", "99 delivered"),
    Harm("behind", twice, "XDP-ACT-01", "", "100 delivered"),
    Harm("behind", flipped, "XDP-ACT-06", "", "100 delivered, 1 of them altered"),
    Harm("behind", lost, "XDP-SG-01", "", "99 delivered"),
    Harm("behind", flipped, "XDP-SG-05", "", "10 delivered, 1 of them altered"),
    Harm("wire", flipped, "XDP-ACT-03", "program", "100 returned, 1 of them altered"),
    Harm("wire", lost, "XDP-ACT-03", "program", "99 returned"),
    Harm("wire", flipped, "XDP-XMIT-01", "before-program", "100 returned, 1 of them altered"),
    Harm("wire", lost, "XDP-XMIT-02", "before-program", "99 returned"),
    Harm("aside", flipped, "XDP-REDIR-01", "", "100 arrived at the target, 1 of them altered"),
    Harm("aside", lost, "XDP-REDIR-02", "", "99 arrived at the target"),
    Harm("aside", twice, "XDP-REDIR-03", "", "100 arrived at the target"),
    Harm("aside", flipped, "XDP-SG-04", "", "100 arrived at the target, 1 of them altered"),
]


@pytest.mark.parametrize(
    "harm", WIRES, ids=[f"{harm.spoil.__name__}-{harm.requirement[4:]}" for harm in WIRES]
)
def test_wire(bed: Testbed, harm: Harm) -> None:
    """One bit flipped, one frame lost, one frame too many: each is an over-claim."""
    aside = bed.aside()
    wire = Spoilt(aside.wire if harm.place == "aside" else getattr(bed, harm.place), harm.spoil)
    if harm.place == "aside":
        bed._aside = aside._replace(wire=wire)
    else:
        setattr(bed, harm.place, wire)

    found = judged(bed, harm.requirement, harm.row)

    assert (Outcome.FAIL, OVER) == (found.outcome, found.kind)
    assert harm.told in found.observed
    assert wire.harm == 1


class Verdict(NamedTuple):
    """What a program should say, what it says, and what comes of it."""

    asked: str
    said: str
    requirement: str
    told: str


VERDICTS = [
    Verdict("XDP_PASS", "XDP_DROP", "XDP-ACT-01", "none arrived anywhere"),
    Verdict("XDP_PASS", "XDP_ABORTED", "XDP-ACT-01", "veth0 100x action XDP_ABORTED"),
    Verdict("XDP_DROP", "XDP_PASS", "XDP-ACT-02", "100 delivered"),
    Verdict("XDP_DROP", "XDP_ABORTED", "XDP-ACT-02", "veth0 100x action XDP_ABORTED"),
    Verdict("XDP_ABORTED", "XDP_DROP", "XDP-ACT-04", "none arrived anywhere"),
    Verdict("XDP_ABORTED", "invalid", "XDP-ACT-04", "veth0 100x action invalid"),
    Verdict("invalid", "XDP_DROP", "XDP-ACT-05", "none arrived anywhere"),
    Verdict("invalid", "XDP_PASS", "XDP-ACT-05", "100 delivered"),
]


@pytest.mark.parametrize("verdict", VERDICTS, ids=["-".join(v[:2]) for v in VERDICTS])
def test_other_verdict(bed: Testbed, monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> None:
    """A driver that does something else than the program says: here the program says so itself."""
    real = programs.verdict
    asked, said = ACTIONS[verdict.asked], ACTIONS[verdict.said]

    def other(action: int, counts: PerCpuArray) -> bytes:
        return real(said if action == asked else action, counts)

    monkeypatch.setattr(programs, "verdict", other)

    found = judged(bed, verdict.requirement)

    assert (Outcome.FAIL, OVER) == (found.outcome, found.kind)
    assert verdict.told in found.observed


def test_second_program(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of a devmap's entry does not run: frames arrive without its mark."""
    real = DevMap.set

    def without(self: DevMap, key: int, ifindex: int, _program: object = None) -> None:
        real(self, key, ifindex)

    monkeypatch.setattr(DevMap, "set", without)

    found = judged(bed, "XDP-REDIR-02")

    assert (Outcome.FAIL, OVER) == (found.outcome, found.kind)
    assert "100 seen by the program" in found.observed
    assert "by the second" not in found.observed


@pytest.mark.parametrize(
    ("requirement", "told"),
    [("XDP-ATTACH-01", "mode generic"), ("XDP-ACT-01", "100 delivered")],
)
def test_generic(
    bed: Testbed, monkeypatch: pytest.MonkeyPatch, requirement: str, told: str
) -> None:
    """A program that runs in generic mode proves nothing, though every frame arrives."""
    real = Link.create

    def generic(program: Program, ifindex: int, _mode: Mode) -> Link:
        return real(program, ifindex, Mode.GENERIC)

    monkeypatch.setattr(Link, "create", generic)

    found = judged(bed, requirement)

    assert (Outcome.FAIL, OVER) == (found.outcome, found.kind)
    assert told in found.observed


def test_not_replaced(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replacement that does nothing leaves the first program where it was."""
    monkeypatch.setattr(Link, "update", lambda *_words: None)

    found = judged(bed, "XDP-ATTACH-02")

    assert (Outcome.FAIL, MISMATCH) == (found.outcome, found.kind)
    assert "the NIC does not run what was attached last" == found.reason


def test_setting_left(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is another after the program has gone is seen."""
    real = Link.update
    with ExitStack() as later:

        def update(self: Link, program: Program) -> None:
            real(self, program)
            later.enter_context(bed.settings.mtu(bed.nic, 1400))

        monkeypatch.setattr(Link, "update", update)

        found = judged(bed, "XDP-STATE-05")

    assert (Outcome.FAIL, MISMATCH) == (found.outcome, found.kind)
    assert "mtu was 1500 and is 1400" == found.observed


def test_cut_wrongly(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tail that is cut by a byte too many is seen in each cell that cuts."""
    real = programs.adjust_tail

    def more(offset: int, counts: PerCpuArray) -> bytes:
        return real(offset - (offset < 0), counts)

    monkeypatch.setattr(programs, "adjust_tail", more)

    found = judged(bed, "XDP-ACT-08")

    assert (Outcome.FAIL, OVER) == (found.outcome, found.kind)
    assert all(f" by {-step}: altered" in found.reason for step in adjust.STEPS[:2])


def test_honest(bed: Testbed) -> None:
    """With nothing in between, all these lines pass: the harm above is all that fails them."""
    rows = {(harm.requirement, harm.row) for harm in WIRES}
    rows |= {(verdict.requirement, "") for verdict in VERDICTS}
    rows |= {("XDP-ATTACH-01", ""), ("XDP-ATTACH-02", ""), ("XDP-ACT-08", ""), ("XDP-STATE-05", "")}
    bench = Bench(lambda: bed, bed)
    finding = partial(line, bench=bench)

    assert dict.fromkeys(rows, Outcome.PASS) == {row: finding(row).outcome for row in rows}
