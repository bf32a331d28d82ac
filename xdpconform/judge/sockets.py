# SPDX-License-Identifier: MIT
"""AF_XDP sockets against claims: what sockets must do, in copy mode and in zero copy.

Copy mode with a native program rests on the driver's XDP_REDIRECT, all else of it on the kernel.
The control in generic XDP tells a broken set-up from a broken driver, and proves nothing of either.
"""

from __future__ import annotations

from typing import Final

from xdpconform.judge.finding import Finding, Kind, Outcome, blocked
from xdpconform.judge.flow import claimed
from xdpconform.netlink.netdev import XdpAct, flag_name
from xdpconform.observed_xsk import Sockets, Trial

SCARCE: Final = ("EBUSY", "ENOMEM", "ENOBUFS")
"""Refusals of a bind that say nothing of the driver."""
MOST: Final = 8
"""Wrong trials that a reason names."""


def held(seen: Sockets, *flags: XdpAct) -> Finding:
    """Every trial of the group counts what it should.

    Args:
        seen: the trials.
        flags: what promises it in copy mode; nothing where only the kernel does. Zero copy is
            promised by basic, redirect and xsk-zerocopy, whatever is tried.
    """
    if seen.zero_copy:
        flags = (XdpAct.BASIC, XdpAct.REDIRECT, XdpAct.XSK_ZEROCOPY)
    proof = evidence(seen)
    expected = "every trial counts what it should"
    observed = _told(seen)
    if seen.claims is None:
        return blocked("what the NIC claims is not known", observed=observed, evidence=proof)
    # The program itself is promised by basic, whatever it is for.
    promises = flags or ((XdpAct.BASIC,) if seen.program else ())
    missing = [flag_name(flag) for flag in promises if not claimed(seen.claims, flag)]
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    if seen.program or seen.bind:
        return _refused(seen, base, missing)
    skipped = [one.skipped for one in seen.trials if one.skipped]
    if len(skipped) == len(seen.trials):
        return _untried(base, skipped)
    if seen.confirmed is not seen.zero_copy:
        word = "zero copy" if seen.confirmed else "copy mode"
        kind = Kind.OVER_CLAIM if seen.zero_copy else Kind.MISMATCH
        reason = f"the bind asked for the other mode, and XDP_OPTIONS says {word}"
        return base._replace(outcome=Outcome.FAIL, kind=kind, reason=reason)
    wrong = [one for one in seen.trials if not one.skipped and not one.right]
    if wrong:
        return _wrong(seen, base, wrong, missing, promised=bool(flags))
    if skipped and seen.group == "steering":
        why = "; ".join(skipped[:MOST])
        return blocked(why, expected=expected, observed=observed, evidence=proof)
    if missing and seen.zero_copy:
        reason = f"it works, and {' and '.join(missing)} is not claimed"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.UNDER_CLAIM, reason=reason)
    if missing:
        reason = f"{' and '.join(missing)} is not claimed; see XDP-REDIR-01 for what works"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)
    return base


def _refused(seen: Sockets, base: Finding, missing: list[str]) -> Finding:
    """No program, or no socket."""
    if seen.program:
        what = f"the program was refused: {seen.program}"
    else:
        what = f"the bind was refused: {seen.bind}"
    if missing:
        reason = f"{' and '.join(missing)} is not claimed, and {what}"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)
    why = "; ".join((what, *seen.lacking))
    scarce = seen.bind is not None and seen.bind.errno in SCARCE
    if seen.lacking or scarce or not seen.zero_copy or seen.program:
        if seen.program and not seen.lacking:
            why += "; see XDP-ATTACH-01"
        return blocked(why, expected=base.expected, observed=base.observed, evidence=base.evidence)
    reason = f"xsk-zerocopy is claimed, and {what}"
    return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)


def _untried(base: Finding, skipped: list[str]) -> Finding:
    """No trial says anything."""
    if not skipped:
        return blocked("nothing was tried", expected=base.expected, evidence=base.evidence)
    reason = f"nothing of it is promised: {skipped[0]}"
    return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)


def _wrong(
    seen: Sockets, base: Finding, wrong: list[Trial], missing: list[str], *, promised: bool
) -> Finding:
    """Something was not as it should be: the driver's fault, if it is right in the control."""
    broken = {one.name for one in seen.control if not one.skipped and not one.right}
    own = [one for one in wrong if one.name not in broken]
    reason = "; ".join(
        f"{one.name}, queue {one.queue}: {fault(one)}" for one in (own or wrong)[:MOST]
    )
    if missing:
        reason = f"{' and '.join(missing)} is not claimed, and it does not work: {reason}"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)
    if not own:
        return blocked(
            f"it fails in generic XDP too, so it is not the driver: {reason}",
            expected=base.expected,
            observed=base.observed,
            evidence=base.evidence,
        )
    kind = Kind.OVER_CLAIM if promised else Kind.MISMATCH
    return base._replace(outcome=Outcome.FAIL, kind=kind, reason=reason)


def fault(one: Trial) -> str:
    """What was not as wanted, in words."""
    if one.problem:
        return one.problem
    return ", ".join(
        f"{what} {one.seen.get(what, 'not seen')} instead of {count}"
        for what, count in one.wanted.items()
        if one.seen.get(what) != count
    )


def evidence(seen: Sockets) -> dict[str, object]:
    """The trials in JSON types."""
    found: dict[str, object] = {
        "mode": "zero copy" if seen.zero_copy else "copy",
        "zero copy by XDP_OPTIONS": seen.confirmed,
    }
    if seen.bind:
        found["bind"] = str(seen.bind)
    if seen.program:
        found["program"] = str(seen.program)
    for word, trials in (("", seen.trials), ("generic XDP: ", seen.control)):
        for one in trials:
            found[f"{word}{one.name}, queue {one.queue}"] = _word(one)
    return found


def _word(one: Trial) -> str:
    if one.skipped:
        return f"not tried: {one.skipped}"
    if not one.right:
        return f"wrong: {fault(one)}"
    return ", ".join(f"{what} {count}" for what, count in one.seen.items())


def _told(seen: Sockets) -> str:
    if seen.program:
        return f"program refused: {seen.program}"
    if seen.bind:
        return f"bind refused: {seen.bind}"
    skipped = sum(bool(one.skipped) for one in seen.trials)
    wrong = sum(not one.skipped and not one.right for one in seen.trials)
    text = f"{len(seen.trials) - skipped - wrong} right, {wrong} wrong"
    return text + (f", {skipped} not tried" if skipped else "")
