# SPDX-License-Identifier: MIT

"""The shipped profiles carry what every driver claims: each row conforms, and no row that lies."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.facts.nics import QUEUES
from tests.judge.suite import CLAIMS, PROFILED, asked, failing, judge, mutations, unsettled
from tests.profiles.rows import (
    CASES,
    DAY,
    NAMED,
    PROFILES,
    ROWS,
    Case,
    nic_of,
    row_of,
    situations,
    waived_here,
)
from xdpconform.judge import Finding, Outcome, Verdict, verdict, waive
from xdpconform.nic import ATTACHED, IDLE, Nic
from xdpconform.profiles import Expect, Expectation, Match, match

REQUIREMENT = {
    **{
        flag: f"XDP-FEAT-{number:02}"
        for number, flag in enumerate(
            ("basic", "redirect", "ndo-xmit", "xsk-zerocopy", "hw-offload", "rx-sg", "ndo-xmit-sg"),
            2,
        )
    },
    **{flag: f"XDP-RXMD-0{n}" for n, flag in enumerate(("timestamp", "hash", "vlan-tag"), 1)},
    **{
        flag: f"XDP-TXMD-0{n}"
        for n, flag in enumerate(("tx-timestamp", "tx-checksum", "tx-launch-time-fifo"), 1)
    },
}
"""Which requirement speaks of a flag."""


def found(case: Case, kernel: str, state: str) -> Match:
    """The profile and variant, named by the user where nothing else can tell."""
    variants = [f"{case.driver}:{case.variant}"] if case.told == NAMED else []
    found = match(PROFILES, nic_of(case, kernel, state), variants)
    assert found is not None
    return found


def settled(
    nic: Nic, profile: Match, suites: tuple[str, ...] = (), day: dt.date = DAY
) -> dict[str, Finding]:
    """What each line finds, with the profile's waivers taken into account as a run does."""
    return {
        name: waive(finding, profile.waivers(name.partition("[")[0], finding.param, nic), day)
        for name, finding in judge(nic, profile, suites).items()
    }


def waived(lines: dict[str, Finding]) -> set[str]:
    """The lines that a waiver lets pass."""
    return {name for name, finding in lines.items() if finding.outcome is Outcome.WAIVED}


def named(case: Case, kernel: str, state: str) -> str:
    """An id."""
    return f"{case.name}-{kernel}-{state}"


everywhere = pytest.mark.parametrize(
    ("case", "kernel", "state"),
    [
        pytest.param(*situation, id=f"{number}-{named(*situation)}")
        for number, situation in enumerate(situations(CASES))
    ],
)


def test_every_row_has_a_case() -> None:
    """No row is left out."""
    rows = {(row["driver"], row["variant"]) for row in ROWS}

    assert 78 == len(ROWS) == len(rows)
    assert rows == {(row_of(case)["driver"], row_of(case)["variant"]) for case in CASES}


@everywhere
def test_row_conforms(case: Case, kernel: str, state: str) -> None:
    """A NIC with exactly the row's claims conforms, and what is waived is what the table names."""
    profile = found(case, kernel, state)
    lines = settled(asked(nic_of(case, kernel, state)), profile)
    let_pass = waived(lines)

    assert (case.variant, "") == (profile.variant.name if profile.variant else "", profile.assumed)
    assert waived_here(case, kernel, state) == let_pass
    assert set() == unsettled(lines).keys() - let_pass
    assert any(finding.outcome is Outcome.PASS for finding in lines.values())
    assert Verdict.CONFORMS is verdict(finding.outcome for finding in lines.values())


@everywhere
def test_waivers_end(case: Case, kernel: str, state: str) -> None:
    """The day after a waiver's last its line fails again; no other line does."""
    profile = found(case, kernel, state)
    nic = asked(nic_of(case, kernel, state))
    outcomes = [
        {
            name: finding.outcome
            for name, finding in settled(nic, profile, day=day).items()
            if finding.outcome in (Outcome.WAIVED, Outcome.FAIL)
        }
        for day in (dt.date(2027, 12, 31), dt.date(2028, 1, 1))
    ]

    lines = waived_here(case, kernel, state)
    assert dict.fromkeys(lines, Outcome.WAIVED) == outcomes[0]
    assert dict.fromkeys(lines, Outcome.FAIL) == outcomes[1]


@everywhere
def test_changed_claim_fails(case: Case, kernel: str, state: str) -> None:
    """A row with one claim changed fails at that claim's line, unless the profile leaves it open.

    What it leaves open is what `open_here` says, and nothing else.
    """
    nic = nic_of(case, kernel, state)
    profile = found(case, kernel, state)
    survivors = {}
    for change, changed in mutations(nic).items():
        lines = settled(changed, profile, CLAIMS)
        flag = change[1:]
        if flag not in REQUIREMENT:
            if not {"XDP-ZC-02", "XDP-ZC-03"} & failing(lines).keys():
                survivors[change] = "a device's own number"
            continue
        line = lines[REQUIREMENT[flag]]
        if line.outcome is Outcome.FAIL:
            kind = "over-claim" if change[0] == "+" else "under-claim"
            assert line.kind is not None
            assert kind == line.kind.value, change
        else:
            survivors[change] = why_it_passes(line, profile.expectation(flag, nic, state))

    assert open_here(case, kernel, state) == survivors


WAIVED, RIGHT, REPAIRED = "waived", "required and claimed", "forbidden and not claimed"


def why_it_passes(line: Finding, expectation: Expectation) -> str:
    """In a word why a changed claim does not fail."""
    if line.outcome is Outcome.WAIVED:
        return WAIVED
    return {
        Expect.OPTIONAL: expectation.reason,
        Expect.REQUIRED: RIGHT,
        Expect.FORBIDDEN: REPAIRED,
    }[expectation.expect]


def since(version: str, *flags: str) -> dict[str, str]:
    """Flags that a kernel before `version` may have by a backport."""
    return {f"+{flag}": f"required from {version} on; backported" for flag in flags}


BR, Z, XMIT = ("basic", "redirect"), "xsk-zerocopy", ("ndo-xmit", "ndo-xmit-sg")
EARLY: dict[tuple[str, str], dict[str, str]] = {
    ("netdevsim", "port"): since("7.3", "basic"),
    ("netdevsim", "VF-port"): since("6.13", "basic"),
    ("netkit", "single"): since("7.3", Z),
    ("rvu-nicpf", ""): since("7.3", Z),
    ("igb", ""): since("6.14", Z),
    ("igc", ""): since("6.15", "tx-launch-time-fifo"),
    ("st_gmac", ""): since("6.15", "tx-launch-time-fifo"),
    ("gve", "DQO-RDA"): since("7.3", *BR, Z, "timestamp"),
    ("gve", "DQO-QPL"): since("7.3", "timestamp"),
    ("bnxt_en", "NIC"): since("7.3", "hash"),
    ("fbnic", ""): since("7.3", "basic", "rx-sg"),
    ("fec", "plain"): since("7.3", Z),
    ("icssg-prueth", ""): since("7.3", *BR, "ndo-xmit", Z),
    ("idpf", "split"): since("7.3", *BR, Z, "rx-sg", "timestamp", "hash", "tx-checksum"),
    ("virtio_net", ""): since("6.13", Z),
}
"""On kernel 6.12: flags of a later kernel."""
ATTACHED_EARLY: dict[tuple[str, str], dict[str, str]] = {
    ("gve", "DQO-RDA"): since("7.3", "ndo-xmit"),
    ("idpf", "split"): since("7.3", *XMIT),
}


GRO_QUEUES = (
    "Switching GRO on sets them without a look at the queues; the next refresh clears them."
)
XDP_QUEUES = (
    "Attaching to the peer sets them without a look at the queues; the next refresh clears them."
)
GRO_DOWN = "GRO of a pair that is not all up counts from the next time that an end comes up."


DETACHED = "not known whether detached = false"
DEFECTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("netdevsim", "VF-port"): ("basic", "hw-offload"),
    ("netkit", "single"): BR,
    ("bnxt_en", "NIC"): ("ndo-xmit-sg",),
    ("qede", "VF-without"): (*BR, "ndo-xmit"),
    ("nfp", "NFD3"): ("redirect",),
    ("nfp", "NFD3-bpf"): ("redirect",),
}
"""Claims that are forbidden and made: a NIC that drops one is repaired, and passes."""


def open_here(case: Case, kernel: str, state: str) -> dict[str, str]:
    """What the profile leaves open for this row, and why."""
    key = (case.driver, case.variant)
    left: dict[str, str] = {}
    if waived_here(case, kernel, state):
        left |= {f"-{flag}": REPAIRED for flag in DEFECTS.get(key, ())}
    if kernel == "6.12":
        left |= EARLY.get(key, {})
        if state == ATTACHED:
            left |= ATTACHED_EARLY.get(key, {})
        if case.variant == "VF-port":
            left["-hw-offload"] = "The ports of VFs were read in 7.3 only."
    if case.driver == "vmxnet3" and (state == IDLE or case.facts):
        sign = "+" if "ndo-xmit" in case.minus else "-"
        left[f"{sign}ndo-xmit"] = DETACHED
    if case.driver == "rvu-nicpf" and state == IDLE:
        if kernel == "7.3":
            sign = "+" if "ndo-xmit" in case.minus else "-"
            left[f"{sign}ndo-xmit"] = DETACHED
        else:
            left |= since("7.3", "ndo-xmit")
    if key == ("ena", "enough-queues") and state == ATTACHED:
        left |= {"+ndo-xmit": RIGHT} if "ndo-xmit" in case.minus else {"-ndo-xmit": WAIVED}
    if case.driver == "veth":
        peer = case.facts["peer"]
        reason = ""
        if peer.tx_queues > QUEUES.receive:
            reason = GRO_QUEUES if peer.gro else XDP_QUEUES
        elif peer.gro and not (peer.up and case.facts["up"]):
            reason = GRO_DOWN
        left |= {f"+{flag}": reason for flag in XMIT if reason}
    if case.driver == "nfp" and case.variant == "NFDK":
        sign = "-" if "hw-offload" in case.plus else "+"
        left[f"{sign}hw-offload"] = "With the BPF app."
    if key == ("idpf", "split") and kernel == "7.3":
        sign = "+" if Z in case.minus else "-"
        left[f"{sign}xsk-zerocopy"] = "Dropped where the device takes no buffers."
        if Z not in case.minus:
            left["segments more"] = "a device's own number"
            if case.segments and case.segments > 1:
                left["segments fewer"] = "a device's own number"
    return left


def test_open_is_narrow() -> None:
    """Of all changes to all rows, fewer than one in twenty-five is left open."""
    left = total = 0
    for situation in situations(CASES):
        left += len(open_here(*situation))
        total += len(mutations(nic_of(*situation)))

    assert total > 4000
    assert left / total < 0.04


@pytest.mark.parametrize(
    ("driver", "variant", "kernel", "fits", "assumed"),
    [
        ("ice", "safe-mode", "7.3", "safe-mode", "no DDP package is loaded"),
        ("i40e", "VMDq", "7.3", "VMDq", "a VSI that is not the main one"),
        ("gve", "DQO-RDA", "7.3", "DQO-RDA", "the queue format is DQO-RDA"),
        ("gve", "DQO-QPL", "7.3", "DQO-QPL", "the queue format is DQO-QPL"),
        ("gve", "GQI-RDA", "7.3", "GQI-RDA", "the queue format is GQI-RDA"),
        ("gve", "GQI-RDA", "6.12", "DQO-RDA", "the queue format is DQO-RDA"),
        ("nfp", "NFD3-bpf", "6.12", "NFD3-bpf", "the data path is NFD3, the firmware has the BPF"),
        ("idpf", "single", "6.12", "split", ""),
        ("fec", "swap-frame", "7.3", "swap-frame", "FEC_QUIRK_SWAP_FRAME"),
        ("qede", "VF", "7.3", "VF", "a VF with xdp_supported"),
        ("qede", "VF-without", "7.3", "VF", "a VF with xdp_supported"),
    ],
)
def test_told_by_claims_alone(
    driver: str, variant: str, kernel: str, fits: str, assumed: str
) -> None:
    """A variant that nothing but the claims tells passes its lines, and only FEAT-01 is blocked."""
    case = next(c for c in CASES if (c.driver, c.variant) == (driver, variant))
    nic = asked(nic_of(case, kernel, IDLE))
    profile = match(PROFILES, nic)
    assert profile is not None
    assert profile.variant is not None
    lines = settled(nic, profile)
    left = {name: text for name, text in unsettled(lines).items() if name not in waived(lines)}

    assert fits == profile.variant.name
    assert profile.assumed.startswith(assumed)
    assert bool(assumed) == bool(profile.assumed)
    if not assumed:
        assert {} == left
        return
    assert ["XDP-FEAT-01"] == list(left)
    assert (
        f"blocked: the claims fit variant {fits}, but nothing but the claims tells"
        f" ({profile.assumed}): if it is one, say --variant {driver}:{fits}\n"
        f"  expected: a known variant of {driver}\n"
        f"  reported: {driver}:{fits}"
    ) == left["XDP-FEAT-01"]


@pytest.mark.parametrize(
    ("read", "release", "fails"),
    [
        ("6.12", "6.6.99", {}),
        ("7.3", "6.18.44", {"netkit-single": ["XDP-FEAT-02", "XDP-FEAT-03"]}),
        ("7.3", "7.0.1", {}),
        (
            "6.12",
            "7.0.1",
            {
                "igb-default": ["XDP-FEAT-05"],
                "igc-default": ["XDP-TXMD-03"],
                "st_gmac-default": ["XDP-TXMD-03"],
                "virtio_net-default": ["XDP-FEAT-05"],
                "virtio_net-default-hash": ["XDP-FEAT-05"],
            },
        ),
    ],
)
def test_kernels_between(read: str, release: str, fails: dict[str, list[str]]) -> None:
    """A kernel that was not read fails only where something tells that the claim had come by then.

    netkit's waiver is for kernels in which its claims are known.
    """
    found_failing = {}
    for case in CASES:
        for state in (IDLE, ATTACHED):
            if case.only not in (None, (read, state)):
                continue
            nic = nic_of(case, read, state)
            nic = nic._replace(identity=nic.identity._replace(kernel=release))
            lines = settled(nic, found(case, read, state), PROFILED)
            if wrong := sorted(failing(lines)):
                found_failing[case.name] = wrong

    assert fails == found_failing


def test_backported_passes_and_says_so() -> None:
    """A flag that is claimed earlier than its kernel passes, and the line calls it backported."""
    case = next(c for c in CASES if c.driver == "virtio_net")
    nic = mutations(nic_of(case, "6.12", IDLE))["+xsk-zerocopy"]
    line = judge(nic, found(case, "6.12", IDLE), PROFILED)["XDP-FEAT-05"]
    assert (Outcome.PASS, "required from 6.13 on; backported") == (line.outcome, line.reason)
