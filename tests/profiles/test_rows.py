# SPDX-License-Identifier: MIT

"""The model carries what every driver claims: each row conforms, and no row with a claim changed.

The profiles in data/ show how each kind of row is written; they are not the shipped ones.
"""

from __future__ import annotations

import pytest

from tests.facts.nics import QUEUES
from tests.judge.suite import CLAIMS, PROFILED, asked, failing, judge, mutations, unsettled
from tests.profiles.rows import (
    CASES,
    NAMED,
    PROFILES,
    ROWS,
    SHIPPED,
    SHIPPED_CASES,
    Case,
    nic_of,
    row_of,
    situations,
)
from xdpconform.judge import Outcome
from xdpconform.nic import ATTACHED, IDLE
from xdpconform.profiles import Expect, Match, match

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
    nic = nic_of(case, kernel, state)
    loaded = SHIPPED if case in SHIPPED_CASES else PROFILES
    variants = [f"{case.driver.removesuffix('-switch')}:{case.variant}"]
    found = match(loaded, nic, variants if case.told == NAMED else ())
    assert found is not None
    return found


def named(case: Case, kernel: str, state: str) -> str:
    """An id."""
    return f"{case.name}-{kernel}-{state}"


everywhere = pytest.mark.parametrize(
    ("case", "kernel", "state"),
    [
        pytest.param(*situation, id=f"{number}-{named(*situation)}")
        for number, situation in enumerate(situations(CASES + SHIPPED_CASES))
    ],
)


def test_every_row_has_a_case() -> None:
    """No row is left out."""
    assert 78 == len(ROWS)
    rows = [(row["driver"], row["variant"]) for row in ROWS]
    covered = [row_of(case) for case in CASES + SHIPPED_CASES]
    assert set(rows) == {(row["driver"], row["variant"]) for row in covered}


@everywhere
def test_row_conforms(case: Case, kernel: str, state: str) -> None:
    """A NIC with exactly the row's claims has every line of the suites pass or not-claimed."""
    profile = found(case, kernel, state)
    assert (case.variant, "") == (profile.variant.name if profile.variant else "", profile.assumed)
    lines = judge(asked(nic_of(case, kernel, state)), profile)
    assert {} == unsettled(lines)
    assert any(finding.outcome is Outcome.PASS for finding in lines.values())


@everywhere
def test_changed_claim_fails(case: Case, kernel: str, state: str) -> None:
    """A row with one claim changed fails at that claim's line, unless the profile leaves it open.

    What it leaves open is `OPEN`, and nothing else.
    """
    nic = nic_of(case, kernel, state)
    profile = found(case, kernel, state)
    survivors = {}
    for change, changed in mutations(nic).items():
        lines = judge(changed, profile, CLAIMS)
        fails = failing(lines)
        flag = change[1:]
        if flag in REQUIREMENT:
            expectation = profile.expectation(flag, nic, state)
            if expectation.expect is Expect.OPTIONAL:
                assert REQUIREMENT[flag] not in fails
                survivors[change] = expectation.reason
                continue
            kind = "over-claim" if change[0] == "+" else "under-claim"
            assert kind == fails[REQUIREMENT[flag]], change
        else:
            wrong = {"XDP-ZC-02", "XDP-ZC-03"} & fails.keys()
            if not wrong:
                survivors[change] = "a device's own number"
    assert open_here(case, kernel, state) == survivors


def since(version: str, *flags: str) -> dict[str, str]:
    """Flags that a kernel before `version` may have by a backport."""
    return {f"+{flag}": f"required from {version} on; backported" for flag in flags}


BR, Z, XMIT = ("basic", "redirect"), "xsk-zerocopy", ("ndo-xmit", "ndo-xmit-sg")
EARLY: dict[tuple[str, str], dict[str, str]] = {
    ("netdevsim", ""): since("7.3", "basic"),
    ("netkit", "single"): since("7.3", *BR, Z),
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


def open_here(case: Case, kernel: str, state: str) -> dict[str, str]:
    """What the profile leaves open for this row, and why."""
    key = (case.driver, case.variant)
    left: dict[str, str] = {}
    if kernel == "6.12":
        left |= EARLY.get(key, {})
        if state == ATTACHED:
            left |= ATTACHED_EARLY.get(key, {})
    if case.driver == "vmxnet3" and state == IDLE:
        sign = "+" if "ndo-xmit" in case.minus else "-"
        left[f"{sign}ndo-xmit"] = "not known whether detached = false"
    if case.driver == "rvu-nicpf":
        if kernel == "7.3":
            sign = "+" if "ndo-xmit" in case.minus else "-"
            left[f"{sign}ndo-xmit"] = "not known whether detached = false"
        elif state == IDLE:
            left |= since("7.3", "ndo-xmit")
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
    for situation in situations(CASES + SHIPPED_CASES):
        left += len(open_here(*situation))
        total += len(mutations(nic_of(*situation)))
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
    assert fits == profile.variant.name
    assert profile.assumed.startswith(assumed)
    assert bool(assumed) == bool(profile.assumed)
    left = unsettled(judge(nic, profile))
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


def test_shipped_table() -> None:
    """Every change to a claim of a shipped profile's row is killed by that claim's requirement.

    What survives, survives for a reason that the profile gives.
    """
    survivors: dict[str, set[tuple[str, str]]] = {}
    killed = 0
    for situation in situations(SHIPPED_CASES):
        case, _kernel, state = situation
        profile = found(*situation)
        nic = nic_of(*situation)
        for change, changed in mutations(nic).items():
            flag = change[1:]
            killers = failing(judge(changed, profile, PROFILED))
            expected = (
                {REQUIREMENT[flag]} if flag in REQUIREMENT else {"XDP-ZC-02", "XDP-ZC-03"}
            ) & killers.keys()
            if expected:
                killed += 1
            else:
                reason = profile.expectation(flag, nic, state).reason
                survivors.setdefault(reason, set()).add((case.driver, change))
    assert {
        "required from 6.13 on; backported": {("virtio_net", "+xsk-zerocopy")},
        GRO_QUEUES: {("veth", "+ndo-xmit"), ("veth", "+ndo-xmit-sg")},
        XDP_QUEUES: {("veth", "+ndo-xmit"), ("veth", "+ndo-xmit-sg")},
        GRO_DOWN: {("veth", "+ndo-xmit"), ("veth", "+ndo-xmit-sg")},
    } == survivors
    assert killed > 900


def test_backported_passes_and_says_so() -> None:
    """A flag that is claimed earlier than its kernel passes, and the line calls it backported."""
    case = next(c for c in SHIPPED_CASES if c.driver == "virtio_net")
    nic = mutations(nic_of(case, "6.12", IDLE))["+xsk-zerocopy"]
    line = judge(nic, found(case, "6.12", IDLE), PROFILED)["XDP-FEAT-05"]
    assert (Outcome.PASS, "required from 6.13 on; backported") == (line.outcome, line.reason)
