# SPDX-License-Identifier: MIT
"""Frames of several buffers in zero copy against xdp-zc-max-segs: as many, and not one more."""

from __future__ import annotations

from typing import Final

from xdpconform.judge.finding import Finding, Kind, Outcome, blocked
from xdpconform.judge.flow import claimed
from xdpconform.judge.zerocopy import broken, evidence, in_zero_copy, told, unbound, works
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed_xsk import Segments

NAME: Final = "xdp-zc-max-segs"


def _first(seen: Segments, expected: str) -> Finding | None:
    """What can be said without a look at frames; None: they have to speak."""
    value = seen.claims.zc_max_segs if seen.claims is not None else None
    both = seen.claims is not None and claimed(seen.claims, XdpAct.XSK_ZEROCOPY)
    # A number of segments promises zero copy by itself.
    claim = f"{NAME} {value}" if value is not None and not both else ""
    found = unbound(seen.claims, [seen.bound], seen.lacking, expected, claim)
    if found is not None:
        return found._replace(evidence=_evidence(seen))
    base = Finding(Outcome.PASS, expected=expected, evidence=_evidence(seen))
    if value is None:
        reason = f"{NAME} is not reported, so nothing is promised"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)
    if value != seen.most:
        reason = f"{value} segments are claimed, and {seen.most} were tried"
        if value == 0:
            reason = f"{NAME} is 0, and a frame in one segment is sent"
            return base._replace(outcome=Outcome.FAIL, kind=Kind.UNDER_CLAIM, reason=reason)
        return blocked(reason, expected=expected, evidence=_evidence(seen))
    return None


def _evidence(seen: Segments) -> dict[str, object]:
    asked = seen.asked.refused or "bound"
    return {
        "segments tried": seen.most,
        "with XDP_USE_SG": str(asked),
        **evidence(seen.bound, seen.control),
        "received": evidence(seen.received),
        "MTU": seen.mtu,
        "buffers of a received frame": seen.buffers,
        "larger MTU": seen.above,
        "bind at the larger MTU": str(seen.too_large or "accepted") if seen.above else "not tried",
    }


def sent(seen: Segments) -> Finding:
    """A frame of as many segments as claimed is sent whole, one of more is not sent at all."""
    expected = "a frame of as many segments as claimed arrives whole, one of one more does not"
    expected += " arrive, and what is sent next does"
    found = _first(seen, expected)
    if found is not None:
        return found
    trips = seen.bound.trips
    words = {"most": f"{seen.most} segments", "more": f"{seen.most + 1} segments", "next": "next"}
    if any(word not in trips for word in words):
        return blocked("nothing was sent", expected=expected, evidence=_evidence(seen))
    observed = "; ".join(f"{text}: {told(trips[word])}" for word, text in words.items())
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=_evidence(seen))
    if seen.most == 1 and in_zero_copy(seen.asked):
        reason = f"{NAME} is 1, and a bind with XDP_USE_SG is accepted"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.UNDER_CLAIM, reason=reason)
    if not trips["most"].whole:
        control = seen.control.trips.get("most")
        return broken(base, seen.claims, words["most"], trips["most"], control)
    if trips["more"].came.frames:
        reason = f"{NAME} is {seen.most}, and a frame of {seen.most + 1} segments arrives"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.UNDER_CLAIM, reason=reason)
    if not trips["next"].whole:
        reason = f"after a frame of {seen.most + 1} segments: {told(trips['next'])}"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    return works(seen.claims, base)


def received(seen: Segments) -> Finding:
    """A frame of as many buffers as can be comes in whole; a larger MTU is refused."""
    expected = "a frame of several buffers comes into the socket whole, and a bind at an MTU that"
    expected += " needs more than claimed is refused with EINVAL"
    found = _first(seen, expected)
    if found is not None:
        return found
    proof = _evidence(seen)
    if seen.most == 1:
        reason = f"{NAME} is 1: frames of several buffers are not promised"
        return Finding(Outcome.NOT_CLAIMED, expected=expected, reason=reason, evidence=proof)
    if seen.program:
        why = f"no program can be attached ({seen.program}); see XDP-ATTACH-01"
        return blocked(why, expected=expected, evidence=proof)
    if seen.received is None:
        return blocked(f"the NIC takes no MTU of {seen.mtu}", expected=expected, evidence=proof)
    found = unbound(seen.claims, [seen.received], seen.lacking, expected)
    if found is not None:
        return found._replace(evidence=proof)
    trip = seen.received.trips["received"]
    observed = f"at MTU {seen.mtu}, {seen.buffers} buffers a frame: {told(trip)}"
    if seen.above:
        observed += f"; a bind at MTU {seen.above}: {seen.too_large or 'accepted'}"
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    if not trip.whole:
        return broken(
            base, seen.claims, f"MTU {seen.mtu}", trip, seen.control.trips.get("received")
        )
    if not trip.came.frames:
        why = "no frame came in through queue 0: set where frames without IP go"
        return blocked(why, expected=expected, observed=observed, evidence=proof)
    if seen.above and (seen.too_large is None or seen.too_large.errno != "EINVAL"):
        reason = f"a bind at MTU {seen.above}, which needs more than {seen.most} buffers, says"
        reason += f" {seen.too_large or 'nothing'}"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    return works(seen.claims, base)
