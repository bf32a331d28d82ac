# SPDX-License-Identifier: MIT
"""What kernels in the virtual lab answered, against their sources and against the profiles."""

from __future__ import annotations

from collections import Counter

from tests.judge.suite import judge
from tests.profiles.rows import claims_of
from tests.recordings.lab import FILES, KERNELS, NO_FAMILY, OLD, RECORDED, Recorded, each
from xdpconform.judge import Outcome, Verdict, verdict
from xdpconform.lab import Subject
from xdpconform.nic import ATTACHED, IDLE
from xdpconform.profiles import Shelf
from xdpconform.stored import take_recording

SHELF = Shelf()


def replayed(one: Recorded) -> Subject:
    """The NIC of a recording."""
    (subject,) = take_recording(one.path, SHELF)
    return subject


def asked(one: Recorded) -> tuple[set[str], int | None]:
    """What a NIC claimed, and its number of segments."""
    now = replayed(one).nic.now
    assert now is not None
    return {*now.names()}, now.zc_max_segs


def test_each_is_expected() -> None:
    """Every NIC is there, on each kernel, in each state that it has, and nothing else is."""
    assert sorted(one.path for one in RECORDED) == sorted(FILES)
    assert 40 <= len(RECORDED)


def test_drivers() -> None:
    """They are NICs of twenty-seven drivers, on three kernels."""
    found = {(nic.driver, nic.kernel) for nic in (replayed(one).nic.identity for one in RECORDED)}
    drivers = Counter(kernel for _driver, kernel in found)

    assert {KERNELS["6.1"]: 26, KERNELS["6.12"]: 27, KERNELS["7.3"]: 27} == drivers


@each(*KERNELS)
def test_state(one: Recorded) -> None:
    """A recording is of the kernel and the state that its name says, by what rtnetlink told."""
    nic = replayed(one).nic

    assert (KERNELS[one.series], one.state) == (nic.identity.kernel, nic.state)
    assert ("native" if one.state == ATTACHED else "none") == nic.link.xdp


@each(*KERNELS)
def test_profile(one: Recorded) -> None:
    """A NIC has the profile and the variant of its row, and facts alone told which."""
    match = replayed(one).match
    assert match is not None
    driver = one.case.driver.replace("*", "no-xdp")
    variant = match.variant.name if match.variant else ""

    assert (driver, one.case.variant, "") == (match.loaded.profile.name, variant, match.assumed)


@each("6.12", "7.3")
def test_claims(one: Recorded) -> None:
    """A driver claimed what is written in its source: all three sets, and the segments."""
    assert claims_of(one.case, one.series, one.state) == asked(one)


def test_program() -> None:
    """Who claims basic took a native program, but for one that lies; one took it unclaimed."""
    claim = {
        (one.nic, one.series)
        for one in RECORDED
        if one.state == IDLE and one.series != OLD and "basic" in asked(one)[0]
    }
    took = {(one.nic, one.series) for one in RECORDED if one.state == ATTACHED}
    took_again = {("vmxnet3-detached", series) for series in KERNELS if series != OLD}
    lies = {("virtio_nogst", series) for series in KERNELS if series != OLD}
    silent = {(nic, series) for nic, series in took - claim if series != OLD}

    assert lies == claim - took - took_again
    assert {("netdevsim", "6.12")} == silent


@each("6.12", "7.3")
def test_conforms(one: Recorded) -> None:
    """It conforms to its profile, and no waiver is needed for it."""
    subject = replayed(one)
    findings = judge(subject.nic, subject.match)
    outcomes = {finding.outcome for finding in findings.values()}

    assert Verdict.CONFORMS is verdict(finding.outcome for finding in findings.values())
    assert {Outcome.PASS, Outcome.NOT_CLAIMED} == outcomes


@each(OLD)
def test_without_family(one: Recorded) -> None:
    """On a kernel without the family all is blocked for that reason, but for what asks nothing."""
    subject = replayed(one)
    findings = judge(subject.nic, subject.match)
    blocked = {n: f.reason for n, f in findings.items() if f.outcome is Outcome.BLOCKED}
    others = {n: f.outcome for n, f in findings.items() if f.outcome is not Outcome.BLOCKED}

    assert subject.nic.now is None
    assert Verdict.INCOMPLETE is verdict(finding.outcome for finding in findings.values())
    assert dict.fromkeys(blocked, NO_FAMILY) == blocked
    assert {"XDP-FEAT-01": Outcome.PASS} == others
