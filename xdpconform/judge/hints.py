# SPDX-License-Identifier: MIT
"""Metadata of received frames against claims: what a driver says of a frame has to be so.

Source: Documentation/networking/xdp-rx-metadata.rst, and the kfuncs' descriptions in
net/core/xdp.c: 0 (it is as told), -ENODATA (not for this frame), -EOPNOTSUPP (not by this driver).
Judged by hash and RSS: `xdpconform.judge.hashes`.
"""

from __future__ import annotations

import errno
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from xdpconform.errors import errno_name
from xdpconform.judge.finding import Finding, Kind, Outcome, blocked
from xdpconform.judge.flow import claimed as claimed_flag
from xdpconform.netlink.netdev import XdpAct, XdpRxMetadata
from xdpconform.observed_hints import KINDS, TAGGED, Hints, Told, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FLAGS: Final = {
    "timestamp": XdpRxMetadata.TIMESTAMP,
    "hash": XdpRxMetadata.HASH,
    "vlan-tag": XdpRxMetadata.VLAN_TAG,
}
SLACK: Final = 1_000_000
"""Nanoseconds that a stamp may be outside its clock's window: clocks are read one after another,
and a NIC's is extrapolated between readings (timecounter, include/linux/timecounter.h)."""
TAI_OFFSET: Final = 37
"""Seconds that TAI is ahead of UTC since 2017 (BIPM, Bulletin C 52); many never tell the kernel."""
SECOND: Final = 1_000_000_000
_FILTERS: Final = ("rx-vlan-filter", "rx-vlan-stag-filter")
UNTAGGED: Final = tuple(kind for kind in KINDS if kind not in TAGGED)


def claimed(seen: Hints, hint: str) -> bool:
    """Whether one of xdp-rx-metadata-features is set."""
    flags = seen.claims.rx_metadata if seen.claims else None
    return bool((flags or XdpRxMetadata(0)) & FLAGS[hint])


def answered(seen: Hints, hint: str) -> Finding:
    """A driver that claims a hint answers for every kind of frame, and one that does not never.

    Args:
        seen: what was told.
        hint: of `HINTS`.
    """
    proof = evidence(seen)
    expected = "0 or ENODATA for every kind of frame" if claimed(seen, hint) else "EOPNOTSUPP"
    found = untried(seen, hint, proof)
    if found is not None:
        return found._replace(expected=expected)
    observed = returned(seen.told, hint)
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    found = undecided(seen, hint, seen.told)
    if found is not None:
        return found._replace(expected=expected, observed=observed, evidence=proof)
    missing = [kind for kind in UNTAGGED if not seen.of(kind)]
    if missing:  # devices filter tags; XDP-HINT-06 says so
        reason = f"no frame reached the program of these kinds: {', '.join(missing)}"
        return blocked(reason, expected=expected, observed=observed, evidence=proof)
    strange = {one.answer(hint) for one in seen.told} - {0, -errno.ENODATA}
    if strange:
        names = ", ".join(sorted(_answer(code) for code in strange))
        reason = f"{names} is neither 0 nor ENODATA"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    return base


def untried(seen: Hints, hint: str, proof: dict[str, object]) -> Finding | None:
    """What is found where no frame could be asked about; None where some were."""
    known = claimed(seen, hint)
    if seen.claims is None:
        return blocked("what the NIC claims is not known", evidence=proof)
    base = Finding(Outcome.NOT_CLAIMED, evidence=proof)
    if seen.load or seen.attach:
        refused, verb = (seen.load, "loaded") if seen.load else (seen.attach, "attached")
        base = base._replace(observed=f"refused: {refused}")
        what = f"a program that asks for metadata cannot be {verb}"
        if not known:
            return base._replace(reason=f"{hint} is not claimed, and {what}")
        if seen.attach and seen.lacking:
            return blocked("; ".join(seen.lacking), observed=base.observed, evidence=proof)
        if seen.attach and not claimed_flag(seen.claims, XdpAct.BASIC):
            reason = f"basic is not claimed at the moment, and {what}: {refused}"
            return blocked(reason, observed=base.observed, evidence=proof)
        reason = f"{hint} is claimed, and {what}: {refused}"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)
    if seen.mode != "native":
        return blocked(f"the program runs in mode {seen.mode}; see XDP-ATTACH-01", evidence=proof)
    if not seen.told:
        return blocked("no frame reached the program; see XDP-ACT-01", evidence=proof)
    return None


def undecided(seen: Hints, hint: str, told: Sequence[Told]) -> Finding | None:
    """What is found of a claim by EOPNOTSUPP alone; None where the values say more."""
    codes = {one.answer(hint) for one in told}
    known = claimed(seen, hint)
    if None in codes:
        kfunc = f"bpf_xdp_metadata_rx_{hint.replace('-', '_')}"
        return blocked(f"this kernel has no {kfunc}()")
    without = [one.sent.kind for one in told if one.answer(hint) == -errno.EOPNOTSUPP]
    if known and without:
        reason = f"{hint} is claimed, and the driver returns {returned(told, hint)}"
        return Finding(Outcome.FAIL, Kind.OVER_CLAIM, reason=reason)
    if known:
        return None
    if len(without) == len(told):
        reason = f"{hint} is not claimed, and the driver returns EOPNOTSUPP"
        return Finding(Outcome.NOT_CLAIMED, reason=reason)
    reason = f"{hint} is not claimed, and the driver answers: {returned(told, hint)}"
    return Finding(Outcome.FAIL, Kind.UNDER_CLAIM, reason=reason)


def begun(
    seen: Hints, hint: str, kinds: Sequence[str], expected: str
) -> tuple[Finding, Sequence[Told], bool]:
    """What every judgement of values begins with: a finding, frames, and whether it is the last."""
    proof = evidence(seen, kinds)
    base = Finding(Outcome.PASS, expected=expected, evidence=proof)
    found = untried(seen, hint, proof)
    if found is not None:
        return found._replace(expected=expected), (), True
    told = seen.of(*kinds)
    if not told:
        reason = f"no frame reached the program of these kinds: {', '.join(kinds)}"
        why = [seen.remedies[name] for name in _FILTERS if name in seen.remedies]
        if any(kind in TAGGED for kind in kinds):
            why.append("whatever is before the NIC has to pass tagged frames of every VLAN")
        return blocked("; ".join([reason, *why]), expected=expected, evidence=proof), (), True
    base = base._replace(observed=returned(told, hint))
    found = undecided(seen, hint, told)
    if found is not None:
        return (
            found._replace(expected=expected, observed=base.observed, evidence=proof),
            told,
            True,
        )
    return base, told, False


def wrong(base: Finding, reason: str, kind: Kind = Kind.MISMATCH) -> Finding:
    """The same as a fail."""
    return base._replace(outcome=Outcome.FAIL, kind=kind, reason=reason)


def hindered(base: Finding, reason: str) -> Finding:
    """The same as blocked."""
    return base._replace(outcome=Outcome.BLOCKED, reason=reason)


def timestamps(seen: Hints) -> Finding:
    """Time stamps are in the order of the frames, and within the window of a clock.

    A driver that answers with 0 for every frame, where the device stamps none, passes: what it
    says is reported.
    """
    expected = "time stamps in the order of the frames, within a clock's window"
    base, told, last = begun(seen, "timestamp", KINDS, expected)
    if last:
        return base
    stamping = seen.stamping
    values = [one.timestamp for one in told if one.answer("timestamp") == 0]
    without = len(told) - len(values)
    idle = stamping.every and not stamping.on
    if idle and (not values or not any(values)):
        return hindered(base, f"frames are not stamped ({stamping.problem}): {stamping.remedy}")
    if not values and stamping.hardware and not stamping.every:
        reason = "the device stamps only some kinds of frames, and none of these"
        return hindered(base, reason)
    if not values or (without and stamping.on):
        what = "every frame is to be stamped" if stamping.on else "the device stamps no frame"
        reason = f"timestamp is claimed, {what}, and {without} of {len(told)} have no time stamp"
        return wrong(base, reason, Kind.OVER_CLAIM)
    if not any(values):
        base = base._replace(observed=f"0 for each of {len(values)} frames")
        if stamping.on:
            return wrong(base, "every frame is to be stamped, and each time stamp is 0")
        reason = "the value is 0: the driver answers, and nothing stamps frames"
        return base._replace(reason=reason)
    if not all(values):
        return wrong(base, f"{values.count(0)} of {len(values)} time stamps are 0")
    span = f"{len(values)} time stamps over {max(values) - min(values)} ns"
    base = base._replace(observed=span)
    for number, (one, other) in enumerate(pairwise(values)):
        if other < one:
            reason = f"time stamp {number + 1} is {one - other} ns before the one before it"
            return wrong(base, reason)
    return _clocked(seen, base, values)


def _clocked(seen: Hints, base: Finding, values: Sequence[int]) -> Finding:
    for clock, window in _windows(seen):
        if window.before - SLACK <= values[0] and values[-1] <= window.after + SLACK:
            own = any(one.clock == "PHC" for one in seen.clocks)
            reason = ""
            if own and not clock.startswith("PHC"):
                reason = f"the time stamps are of {clock}, and not of the device's own clock"
            return base._replace(observed=f"{base.observed}, by {clock}", reason=reason)
    if seen.stamping.hardware and not any(one.clock == "PHC" for one in seen.clocks):
        return hindered(base, "the device's clock cannot be read: no /dev/ptp for it, or no access")
    clocks = "; ".join(f"{one.clock} {one.before} to {one.after}" for one in seen.clocks)
    reason = f"{values[0]} to {values[-1]} is within no clock's window: {clocks or 'none read'}"
    return wrong(base, reason)


def _windows(seen: Hints) -> Iterable[tuple[str, Window]]:
    """Every clock as it is, the device's own first; then each as if it were TAI, and were not."""
    clocks = sorted(seen.clocks, key=lambda one: one.clock != "PHC")
    yield from ((one.clock, one) for one in clocks)
    offset = (seen.tai_offset or TAI_OFFSET) * SECOND
    for one in clocks:
        if one.clock in ("PHC", "CLOCK_REALTIME"):
            for sign, word in ((1, "ahead"), (-1, "behind")):
                shift = sign * offset
                moved = one._replace(before=one.before + shift, after=one.after + shift)
                yield f"{one.clock} {offset // SECOND} s {word} (TAI's offset)", moved


def vlan_tags(seen: Hints, kind: str) -> Finding:
    """A tag that was taken out of a frame is told exactly, and there is none where none was.

    A tag that the device left in the frame is ENODATA (bpf_xdp_metadata_rx_vlan_tag,
    net/core/xdp.c).

    Args:
        seen: what was told.
        kind: ``untagged``, or of `TAGGED`.
    """
    if kind == "untagged":
        base, told, last = begun(seen, "vlan-tag", UNTAGGED, "ENODATA: there is no tag")
        tags = [one for one in told if one.answer("vlan-tag") == 0]
        if tags and not last:
            one = tags[0]
            return wrong(base, f"{_tag(one)} is told of {one.sent.kind}, which has no tag")
        return base
    proto = TAGGED[kind]
    base, told, last = begun(seen, "vlan-tag", (kind,), "the tag as sent, or ENODATA and left in")
    if last:
        return base
    for one in told:
        right = (proto, one.sent.tag)
        if one.answer("vlan-tag") == 0 and (one.vlan_proto, one.vlan_tci) != right:
            return wrong(
                base, f"{_tag(one)} is told, and {proto:#06x} {one.sent.tag:#06x} was sent"
            )
        if one.answer("vlan-tag") != 0 and one.h_proto != proto:
            reason = f"the tag of frame {one.sent.number} is neither in the frame nor told"
            return wrong(base, f"vlan-tag is claimed, and {reason}", Kind.OVER_CLAIM)
    exact = sum(one.answer("vlan-tag") == 0 for one in told)
    observed = f"{exact} of {len(told)} told exactly, {len(told) - exact} left in the frame"
    feature = "rx-vlan-hw-parse" if proto == TAGGED["vlan-8100"] else "rx-vlan-stag-hw-parse"
    reason = ""
    if exact < len(told):
        state = {True: "is on", False: "is off", None: "is not known"}[seen.features.get(feature)]
        reason = f"the tag was left in the frame; {feature} {state}"
    return base._replace(observed=observed, reason=reason)


def _tag(one: Told) -> str:
    return f"{one.vlan_proto:#06x} {one.vlan_tci:#06x}"


def _answer(code: int | None) -> str:
    if code is None:
        return "no kfunc"
    return "0" if code == 0 else errno_name(abs(code))


def returned(told: Sequence[Told], hint: str) -> str:
    """What the kfunc returned, by kind of frame: ``0 (ipv4 ipv6), ENODATA (ethernet)``."""
    kinds: dict[str, dict[str, None]] = {}
    for one in told:
        kinds.setdefault(_answer(one.answer(hint)), {})[one.sent.kind] = None
    if len(kinds) == 1:
        return f"{next(iter(kinds))} for each frame"
    return ", ".join(f"{code} ({' '.join(names)})" for code, names in kinds.items())


def evidence(seen: Hints, kinds: Sequence[str] = ()) -> dict[str, object]:
    """What was told, in JSON types; frame by frame of some kinds."""
    spread = seen.spread
    found: dict[str, object] = {
        "sent": len(seen.sent),
        "seen by the program": len(seen.told),
        "returned": {
            hint: {kind: returned(seen.of(kind), hint) for kind in KINDS if seen.of(kind)}
            for hint in FLAGS
        },
        "features": dict(seen.features),
        "time stamps": seen.stamping._asdict(),
    }
    if kinds:
        found |= {
            "frames": [_frame(one) for one in seen.of(*kinds)],
            "clocks": {one.clock: [one.before, one.after] for one in seen.clocks},
            "TAI offset": seen.tai_offset,
            "hash function": spread.function,
            "hkey": spread.key.hex() if spread.key else None,
            "indirection table": list(spread.table) if spread.table else None,
        }
    if seen.load or seen.attach:
        found["refused"] = str(seen.load or seen.attach)
    return found


def _frame(one: Told) -> str:
    values = {
        "timestamp": str(one.timestamp),
        "hash": f"{one.hash:#010x} type {one.rss_type:#x}",
        "vlan-tag": _tag(one),
    }
    parts = [f"{one.sent.number} {one.sent.kind}"]
    for hint, code in zip(FLAGS, one.returned, strict=True):
        parts.append(f"{hint} {values[hint] if code == 0 else _answer(code)}")
    return ", ".join([*parts, f"queue {one.queue}", f"EtherType {one.h_proto:#06x}"])
