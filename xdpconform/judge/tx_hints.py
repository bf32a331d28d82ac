# SPDX-License-Identifier: MIT
"""What a NIC does for frames it sends, against claims: in zero copy, or it is not the driver.

Source: Documentation/networking/xsk-tx-metadata.rst. Copy mode is the control: what works there
is the kernel's generic path, which answers for any device, and no proof of a driver.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.judge.finding import Finding, Kind, Outcome, blocked
from xdpconform.judge.flow import claimed as claimed_flag
from xdpconform.netlink.netdev import Capabilities, XdpAct, XskFlags, flag_name
from xdpconform.observed_xsk import COPIED, LEAD, Asked, Invalid, Launches, Stamps, TxHints, Wedge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from xdpconform.observed import Refusal
    from xdpconform.observed_xsk import Sums

FLAGS: Final = {
    "timestamp": XskFlags.TX_TIMESTAMP,
    "checksum": XskFlags.TX_CHECKSUM,
    "launch-time": XskFlags.TX_LAUNCH_TIME_FIFO,
}
"""enum netdev_xsk_flags, by what is asked for."""
EXPECTED: Final = {
    "timestamp": "in zero copy each completion has the time of the NIC's clock, in order",
    "checksum": "in zero copy layer 4 checksums are filled in, and right at the peer",
    "launch-time": "in zero copy frames leave at the time asked for",
}
SLACK: Final = 1_000_000
"""Nanoseconds that a stamp may be outside its clock's window, as of received frames."""
EARLY: Final = 100_000
"""Nanoseconds that a frame may leave before its time: a clock's reading is not exact."""
LATE: Final = 1_000_000
"""Nanoseconds that it may leave after it, by the NIC's own time stamps."""
LATE_ARRIVAL: Final = 10_000_000
"""The same by its arrival: the host that takes it is woken, and reads a clock."""


class Did(NamedTuple):
    """What became of a request."""

    word: str
    """`KEPT`, `IGNORED` or `BROKEN`."""
    reason: str = ""
    hindrance: str = ""
    """Why a driver may rightly do nothing, with the command that changes it."""


KEPT, IGNORED, BROKEN = "kept", "ignored", "broken"


def kept(seen: TxHints, hint: str) -> Finding:
    """What is asked for is done in zero copy, if and only if it is claimed.

    Args:
        seen: what was asked, and what came of it.
        hint: of `TX_HINTS`.
    """
    name = flag_name(FLAGS[hint])
    control = _did(seen, seen.copy, hint)
    base = Finding(Outcome.PASS, expected=EXPECTED[hint], evidence=evidence(seen, hint))
    base = base._replace(observed=f"copy mode: {_control(seen.copy, control, hint)}")
    if seen.claims is None:
        return _blocked(base, "what the NIC claims is not known")
    known = bool((seen.claims.xsk or XskFlags(0)) & FLAGS[hint])
    if seen.zero.refused or not seen.zero.zerocopy:
        base = base._replace(observed=f"zero copy: {_bound(seen.zero)}; {base.observed}")
        return _not_bound(base, seen.claims, seen.zero.refused, seen.lacking, name, known=known)
    did = _did(seen, seen.zero, hint)
    base = base._replace(observed=f"zero copy: {_told(seen.zero, did, hint)}; {base.observed}")
    if not seen.zero.plain:
        why = seen.zero.problems.get(hint) or "it does not arrive"
        return _blocked(base, f"no frame leaves in zero copy, whatever is asked for it: {why}")
    if not known:
        return _unclaimed(base, did, name)
    if did.word == KEPT:
        return base._replace(reason=did.reason)
    if did.hindrance:
        return _blocked(base, f"{did.reason}: {did.hindrance}")
    if not _generic_works(seen.copy, control, hint):
        return _blocked(base, f"{did.reason}; it does not work in copy mode either: the set-up")
    over = did.word == IGNORED
    kind = Kind.OVER_CLAIM if over else Kind.MISMATCH
    return base._replace(outcome=Outcome.FAIL, kind=kind, reason=f"{name} is claimed; {did.reason}")


def _unclaimed(base: Finding, did: Did, name: str) -> Finding:
    if did.word == IGNORED:
        reason = f"{name} is not claimed; {did.reason}"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)
    works = did.word == KEPT
    reason = f"{name} is not claimed, and {'it works' if works else did.reason}"
    kind = Kind.UNDER_CLAIM if works else Kind.MISMATCH
    return base._replace(outcome=Outcome.FAIL, kind=kind, reason=reason)


def _not_bound(
    base: Finding,
    claims: Capabilities,
    refused: Refusal | None,
    lacking: tuple[str, ...],
    name: str,
    *,
    known: bool,
) -> Finding:
    """What is found where there is no socket in zero copy."""
    why = f"the bind is refused: {refused}" if refused else "the bind gives copy mode"
    zero_copy = claimed_flag(claims, XdpAct.XSK_ZEROCOPY)
    if not known:
        reason = f"{name} is not claimed, and there is no zero copy to try it in: {why}"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)
    if zero_copy and lacking:
        return _blocked(base, f"{why}; {'; '.join(lacking)}")
    if zero_copy:
        both = " and ".join(dict.fromkeys((name, flag_name(XdpAct.XSK_ZEROCOPY))))
        reason = f"{both} {'is' if both == name else 'are'} claimed, and {why}"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)
    reason = (
        f"{name} is claimed, and cannot be tried: only zero copy asks the driver, xsk-zerocopy is"
        f" not claimed, and {why}"
    )
    return _blocked(base, reason)


def _did(seen: TxHints, asked: Asked, hint: str) -> Did:
    if hint in asked.problems:
        return Did(IGNORED, f"the frames are not sent: {asked.problems[hint]}")
    if hint == "timestamp" and asked.stamps is not None:
        return _stamped(seen, asked.stamps)
    if hint == "checksum" and asked.sums:
        return _summed(asked.sums)
    if hint == "launch-time" and asked.launches is not None:
        return _launched(seen, asked.launches)
    return Did(IGNORED, "nothing was asked")


def _stamped(seen: TxHints, stamps: Stamps) -> Did:
    values = [one for one in stamps.values if one]
    if len(stamps.values) < stamps.sent:
        missing = stamps.sent - len(stamps.values)
        return Did(BROKEN, f"{missing} of {stamps.sent} frames are not completed")
    if not values:
        zero = any(one == 0 for one in stamps.values)
        off = "" if seen.stamping is not False else f"hwtstamp_ctl -i {seen.ifname} -t 1"
        what = "each time stamp is 0" if zero else "completions are left as they were"
        return Did(IGNORED, what, off and f"the device does not stamp what it sends: {off}")
    if len(values) < stamps.sent:
        return Did(BROKEN, f"{stamps.sent - len(values)} of {stamps.sent} have no time stamp")
    for number, (one, other) in enumerate(pairwise(values)):
        if other < one:
            return Did(BROKEN, f"time stamp {number + 1} is {one - other} ns before its forerunner")
    within = [
        clock
        for clock, before, after in stamps.clocks
        if before - SLACK <= values[0] and values[-1] <= after + SLACK
    ]
    if "PHC" in within:
        return Did(KEPT)
    if not seen.phc:
        why = "the device's clock cannot be read: no /dev/ptp for it, or no access"
        return Did(BROKEN, "the time stamps are of an unknown clock", why)
    of = f"of {within[0]}" if within else "within no clock's window"
    return Did(BROKEN, f"the time stamps are {of}, and not of the device's own clock")


def _summed(sums: Mapping[str, Sums]) -> Did:
    lost = {kind: one.sent - one.right - one.untouched - one.altered for kind, one in sums.items()}
    if all(one.right == one.sent for one in sums.values()):
        return Did(KEPT)
    if all(one.untouched == one.sent for one in sums.values()):
        return Did(IGNORED, "checksums arrive as they were sent")
    wrong = [
        f"{kind}: {one.right} of {one.sent} right, {one.untouched} as sent, {one.altered} altered,"
        f" {lost[kind]} lost"
        for kind, one in sums.items()
        if one.right != one.sent
    ]
    return Did(BROKEN, "; ".join(wrong))


def _launched(seen: TxHints, launches: Launches) -> Did:
    if len(launches.arrivals) < launches.sent:
        missing = launches.sent - len(launches.arrivals)
        return Did(BROKEN, f"{missing} of {launches.sent} frames did not arrive")
    errors = launches.stamps or launches.arrivals
    if launches.lead < LEAD / 2:
        slow = f"the host needs {LEAD - launches.lead} ns to send, as long as the frames had time"
        return Did(BROKEN, "too late to hold a frame back", slow)
    if median(errors) < -launches.lead / 2:
        etf = (
            "no queue has a qdisc that switches launch times on: tc qdisc replace dev"
            f" {seen.ifname} handle 100 parent root etf clockid CLOCK_TAI delta 500000 offload, or"
            " below mqprio"
        )
        return Did(IGNORED, "frames leave at once", "" if seen.etf else etf)
    late = LATE if launches.stamps else LATE_ARRIVAL
    if min(errors) < -EARLY:
        return Did(BROKEN, f"a frame leaves {-min(errors)} ns before its time")
    if max(errors) > late:
        return Did(BROKEN, f"a frame leaves {max(errors)} ns after its time")
    return Did(KEPT)


def spread(errors: Sequence[int]) -> dict[str, int]:
    """A distribution in five numbers, in nanoseconds."""
    ordered = sorted(errors)
    places = {"least": 0.0, "quarter": 0.25, "median": 0.5, "three quarters": 0.75, "most": 1.0}
    return {name: ordered[round(at * (len(ordered) - 1))] for name, at in places.items()}


def _told(asked: Asked, did: Did, hint: str) -> str:
    word = did.word if not did.reason else f"{did.word} ({did.reason})"
    if hint == "launch-time" and asked.launches and asked.launches.arrivals:
        numbers = spread(asked.launches.stamps or asked.launches.arrivals)
        word += f"; late by {', '.join(f'{name} {one} ns' for name, one in numbers.items())}"
    return word


def _generic_works(asked: Asked, did: Did, hint: str) -> bool:
    if asked.refused or hint in asked.problems or not asked.plain:
        return False
    if hint == "timestamp":
        return asked.stamps is not None and all(asked.stamps.values)
    if hint == "checksum":
        return did.word == KEPT
    return asked.launches is not None and len(asked.launches.arrivals) == asked.launches.sent


def _control(asked: Asked, did: Did, hint: str) -> str:
    """Copy mode in words."""
    if asked.refused:
        return f"refused: {asked.refused}"
    if not _generic_works(asked, did, hint):
        return f"the generic path does not work: {did.reason}"
    if hint == "launch-time":
        return "the generic path sends, and holds nothing back"
    return "the generic path works, whatever the driver"


def _bound(asked: Asked) -> str:
    return f"refused: {asked.refused}" if asked.refused else "bound, and XDP_OPTIONS says copy"


def _blocked(base: Finding, reason: str) -> Finding:
    return base._replace(outcome=Outcome.BLOCKED, kind=None, reason=reason)


def evidence(seen: TxHints, hint: str) -> dict[str, object]:
    """What was asked for and what came of it, in JSON types."""
    return {
        "claims": seen.claims.as_dict() if seen.claims else None,
        "etf with offload": seen.etf,
        "stamping of sent frames": seen.stamping,
        "copy mode (the kernel's generic path)": _mode(seen.copy, hint),
        "zero copy": _mode(seen.zero, hint),
    }


_PARTS: Final[dict[str, Callable[[Asked], object]]] = {
    "timestamp": lambda one: one.stamps and one.stamps._asdict(),
    "checksum": lambda one: {kind: sums._asdict() for kind, sums in one.sums.items()},
    "launch-time": lambda one: (
        one.launches
        and one.launches._asdict()
        | {"late": spread(one.launches.stamps or one.launches.arrivals or (0,))}
    ),
}


def _mode(asked: Asked, hint: str) -> dict[str, object]:
    if asked.refused:
        return {"refused": str(asked.refused)}
    return {
        "XDP_OPTIONS zero copy": asked.zerocopy,
        "frames with nothing asked": f"{asked.plain} of {asked.plain_sent} arrived",
        hint: _PARTS[hint](asked),
        "problem": asked.problems.get(hint, ""),
    }


def unwedged(seen: Wedge) -> Finding:
    """What is behind a frame with invalid metadata is sent, and no frame comes back twice."""
    base = Finding(
        Outcome.PASS,
        expected="the frame behind it arrives, and each frame comes back once at most",
        observed="; ".join(map(_case, seen.cases)),
        evidence={
            "mode": seen.mode,
            "XDP_OPTIONS zero copy": seen.zerocopy,
            "refused": str(seen.refused or ""),
            "cases": [case._asdict() | {"kicks": list(case.kicks)} for case in seen.cases],
        },
    )
    if seen.mode != COPIED:
        if seen.claims is None:
            return _blocked(base, "what the NIC claims is not known")
        if seen.refused or not seen.zerocopy:
            known = claimed_flag(seen.claims, XdpAct.XSK_ZEROCOPY)
            name = flag_name(XdpAct.XSK_ZEROCOPY)
            base = base._replace(observed=f"refused: {seen.refused}" if seen.refused else "copy")
            return _not_bound(base, seen.claims, seen.refused, seen.lacking, name, known=known)
    elif seen.refused:
        return blocked(f"the bind in copy mode is refused: {seen.refused}", evidence=base.evidence)
    if not seen.plain or not seen.cases:
        return _blocked(base, "no frame of the socket arrives at the other end, valid or not")
    wrong = [why for case in seen.cases for why in _wrong(case)]
    if not wrong:
        return base
    return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason="; ".join(wrong))


def _case(case: Invalid) -> str:
    refused = [one for one in case.kicks if one]
    return (
        f"{case.what}: {len(refused)} of {len(case.kicks)} kicks refused"
        + (f" ({refused[0]})" if refused else "")
        + f", {case.completed} completions of it and {case.next_completed} of the next, which"
        f" {'arrives' if case.next_arrived else 'does not arrive'}"
    )


def _wrong(case: Invalid) -> list[str]:
    found = []
    if not case.next_arrived:
        found.append(f"{case.what}: what is behind it is not sent")
    elif case.next_completed != 1:
        found.append(f"{case.what}: what is behind it comes back {case.next_completed} times")
    if case.completed > 1:
        found.append(f"{case.what}: one frame comes back {case.completed} times")
    return found
