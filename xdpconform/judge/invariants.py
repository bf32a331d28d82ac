# SPDX-License-Identifier: MIT
"""What must hold between claims, whatever the driver."""

from __future__ import annotations

from xdpconform.judge.claims import SEGMENTS_SINCE, segments_text, unreported
from xdpconform.judge.finding import Finding, Kind, Outcome, evidence, unknown
from xdpconform.netlink.netdev import XdpAct, flag_name, flag_names
from xdpconform.nic import Nic
from xdpconform.profiles.kernel import KernelVersion


def implies(nic: Nic, claim: XdpAct, *needed: XdpAct) -> Finding:
    """A claim that is worth nothing without others comes with them."""
    state = nic.state
    capabilities = nic.now
    if capabilities is None:
        return unknown(nic, state)
    claimed = flag_names(capabilities.features or XdpAct(0))
    name = flag_name(claim)
    words = [flag_name(flag) for flag in needed]
    base = Finding(
        Outcome.PASS if name in claimed else Outcome.NOT_CLAIMED,
        expected=f"{' and '.join(words)} wherever {name} is claimed",
        observed=" ".join(claimed) or "no xdp-features",
        evidence=evidence(nic.answers.get("dev-get")),
        param=state,
    )
    missing = [word for word in words if word not in claimed]
    if name in claimed and missing:
        return base._replace(
            outcome=Outcome.FAIL,
            kind=Kind.OVER_CLAIM,
            reason=f"{name} is claimed without {' and '.join(missing)}, and the kernel"
            " lets nobody use it so",
        )
    return base


def segments_follow_zero_copy(nic: Nic) -> Finding:
    """xdp-zc-max-segs is there if and only if xsk-zerocopy is, and at least 1."""
    state = nic.state
    capabilities = nic.now
    if capabilities is None:
        return unknown(nic, state)
    value = capabilities.zc_max_segs
    zero_copy = capabilities.zero_copy.available
    base = Finding(
        Outcome.PASS,
        expected="at least 1" if zero_copy else "absent, since xsk-zerocopy is not claimed",
        observed=segments_text(capabilities),
        evidence=evidence(nic.answers.get("dev-get")),
        param=state,
    )
    if zero_copy and value is None:
        if KernelVersion.parse(nic.identity.kernel) < SEGMENTS_SINCE:
            return unreported(base)
        reason = "xsk-zerocopy is claimed, and xdp-zc-max-segs is absent"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MALFORMED, reason=reason)
    if zero_copy and value == 0:
        reason = "0 segments: not even a single-buffer frame could be sent"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MALFORMED, reason=reason)
    if not zero_copy and value is not None:
        reason = "xdp-zc-max-segs without xsk-zerocopy: a reader may take it for zero copy"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)
    return base


def bits_known(nic: Nic, attribute: str) -> Finding:
    """Every bit has a name in netdev.yaml, as far as this version knows it."""
    state = nic.state
    capabilities = nic.now
    if capabilities is None:
        return unknown(nic, state)
    value = capabilities.sets[attribute]
    base = Finding(
        Outcome.PASS,
        expected=f"only bits of {attribute} that netdev.yaml names",
        observed="absent" if value is None else f"{int(value):#x}",
        evidence=evidence(nic.answers.get("dev-get")),
        param=state,
    )
    strange = [name for name in flag_names(value or XdpAct(0)) if name.startswith("bit-")]
    if strange:
        reason = (
            f"{' and '.join(strange)} of {attribute} is not known here: a newer kernel's flag needs"
            " a newer xdpconform; on an older kernel the driver sets a bit that means nothing"
        )
        return base._replace(outcome=Outcome.BLOCKED, reason=reason)
    return base
