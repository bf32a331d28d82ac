# SPDX-License-Identifier: MIT
"""Zero copy against xsk-zerocopy and xdp-zc-max-segs: bound, confirmed, and frames through it.

Copy mode tells a broken set-up from a broken driver, and is evidence of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from xdpconform.judge.finding import Finding, Kind, Outcome, blocked
from xdpconform.judge.flow import claimed
from xdpconform.netlink.netdev import Capabilities, XdpAct
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import BINDS, TRIPS, Bound, Neighbours, Release, Trip, ZeroCopy

UNKNOWN: Final = "what the NIC claims is not known"
CLAIM: Final = "xsk-zerocopy"
WORDS: Final = dict(
    zip(
        TRIPS,
        (
            "every frame that the socket sends arrives, with no program on the NIC",
            "every frame that the socket sends arrives, with a program on the NIC",
            "every frame that comes in through the queue is in the socket",
            "every frame that the host sends beside the socket arrives",
            "every frame that the program passes is delivered to the host",
        ),
        strict=True,
    )
)


def told(trip: Trip) -> str:
    """A trip in a few words."""
    parts = [f"{trip.sent} frames sent", f"{trip.came.frames} came"]
    if trip.came.intact != trip.came.frames:
        parts.append(f"{trip.came.frames - trip.came.intact} of them altered")
    if trip.came.repeated:
        parts.append(f"{trip.came.repeated} came again")
    if trip.passed_by:
        parts.append(f"{trip.passed_by} by another queue")
    if trip.completed is not None and trip.completed != trip.sent:
        parts.append(f"{trip.completed} completed")
    if trip.problem:
        parts.append(trip.problem)
    return ", ".join(parts)


def evidence(*sockets: Bound | None) -> dict[str, object]:
    """Sockets and what went through them, in JSON types."""
    found: dict[str, object] = {}
    for one in sockets:
        if one is None:
            continue
        answer = str(one.refused) if one.refused else "bound"
        options = {None: "not asked", True: "zero copy", False: "copy"}[one.zerocopy]
        trips = {word: _trip(trip) for word, trip in one.trips.items()}
        found[f"queue {one.queue}, {one.mode}"] = {
            "bind": answer,
            "XDP_OPTIONS": options,
            **trips,
        }
    return found


def _trip(trip: Trip) -> dict[str, object]:
    return {**trip._asdict(), "came": trip.came._asdict()}


def in_zero_copy(one: Bound) -> bool:
    """Whether a socket was bound, and XDP_OPTIONS says zero copy."""
    return one.refused is None and one.zerocopy is True


def answer(one: Bound) -> str:
    """What bind(2) and XDP_OPTIONS said."""
    if one.refused:
        return f"queue {one.queue}: {one.refused}"
    return f"queue {one.queue}: bound, XDP_OPTIONS says {'zero copy' if one.zerocopy else 'copy'}"


def unbound(
    claims: Capabilities | None,
    sockets: Iterable[Bound],
    lacking: tuple[str, ...],
    expected: str,
    claim: str = "",
) -> Finding | None:
    """What to say where a socket is not in zero copy; None where all are.

    Args:
        claims: what the NIC claims.
        sockets: what was bound with XDP_ZEROCOPY.
        lacking: what of its settings may be why.
        expected: in words.
        claim: what promises it, where it is not xsk-zerocopy.
    """
    every = tuple(sockets)
    observed, proof = "; ".join(map(answer, every)), evidence(*every)
    if claims is None:
        return blocked(UNKNOWN, expected=expected, observed=observed, evidence=proof)
    wrong = [one for one in every if not in_zero_copy(one)]
    if not wrong:
        return None
    base = Finding(Outcome.FAIL, expected=expected, observed=observed, evidence=proof)
    first = wrong[0]
    if first.refused and first.refused.errno == "EBUSY":
        why = f"queue {first.queue} is somebody else's: ss --xdp -ap shows whose"
        return blocked(why, expected=expected, observed=observed, evidence=proof)
    if claim or claimed(claims, XdpAct.XSK_ZEROCOPY):
        if first.refused and lacking:
            why = f"{answer(first)}; {'; '.join(lacking)}"
            return blocked(why, expected=expected, observed=observed, evidence=proof)
        reason = f"{claim or CLAIM} is claimed, and {answer(first)}"
        return base._replace(kind=Kind.OVER_CLAIM, reason=reason)
    if len(wrong) < len(every):
        reason = f"some queues are in zero copy, and {CLAIM} is not claimed"
        return base._replace(kind=Kind.UNDER_CLAIM, reason=reason)
    if first.refused and first.refused.errno != "EOPNOTSUPP":
        reason = f"{CLAIM} is not claimed, and a bind says {first.refused} in place of EOPNOTSUPP"
        return base._replace(kind=Kind.MISMATCH, reason=reason)
    reason = f"{CLAIM} is not claimed, and {answer(first)}"
    return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)


def works(claims: Capabilities | None, base: Finding) -> Finding:
    """A pass, or an under-claim: it works."""
    if claims is None or claimed(claims, XdpAct.XSK_ZEROCOPY):
        return base
    reason = f"it works, and {CLAIM} is not claimed"
    return base._replace(outcome=Outcome.FAIL, kind=Kind.UNDER_CLAIM, reason=reason)


def bind(seen: ZeroCopy) -> Finding:
    """A bind with XDP_ZEROCOPY is accepted on every queue if and only if that is claimed."""
    expected = "every queue can be bound with XDP_ZEROCOPY, and XDP_OPTIONS says zero copy"
    found = unbound(seen.claims, seen.binds, seen.lacking, expected)
    observed = "; ".join(map(answer, seen.binds))
    proof = evidence(*seen.binds)
    return found or works(
        seen.claims, Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    )


def automatic(seen: ZeroCopy) -> Finding:
    """Without a word of the mode the bind succeeds, and is in zero copy where that is claimed."""
    expected = "every queue can be bound with neither flag, and XDP_OPTIONS says zero copy"
    observed, proof = "; ".join(map(answer, seen.automatic)), evidence(*seen.automatic)
    for one in seen.automatic:
        if one.refused and one.refused.errno != "EBUSY" and seen.claims is not None:
            reason = f"it falls back to copy mode on any device, and {answer(one)}"
            return Finding(Outcome.FAIL, Kind.MISMATCH, expected, observed, reason, proof)
    found = unbound(seen.claims, seen.automatic, seen.lacking, expected)
    if found is not None and found.kind is Kind.OVER_CLAIM and seen.lacking:
        # With XDP_ZEROCOPY the bind is refused for the same reason, and says so.
        why = f"{observed}; {'; '.join(seen.lacking)}"
        return blocked(why, expected=expected, observed=observed, evidence=proof)
    return found or works(
        seen.claims, Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    )


def carried(seen: ZeroCopy, word: str) -> Finding:
    """Frames go one way through every queue in zero copy, whole, if and only if it is claimed.

    Args:
        seen: what was seen.
        word: of `TRIPS`.
    """
    expected = f"on each queue in zero copy {WORDS[word]}, once and intact"
    found = unbound(seen.claims, seen.binds, seen.lacking, expected)
    if found is not None:
        return found
    proof = evidence(*seen.binds, *seen.controls)
    if any(word not in one.trips for one in seen.binds):
        if seen.program and word != TRIPS[0]:
            why = f"no program can be attached ({seen.program}); see XDP-ATTACH-01"
        else:
            why = "nothing sends frames to the NIC: name the port cabled to it with --peer, or use"
            why += " its loopback with --loopback"
        return blocked(why, expected=expected, evidence=proof)
    trips = {one.queue: one.trips[word] for one in seen.binds}
    observed = "; ".join(f"queue {queue}: {told(trip)}" for queue, trip in trips.items())
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    controls = {one.queue: one.trips.get(word) for one in seen.controls}
    for queue, trip in trips.items():
        if not trip.whole:
            return broken(base, seen.claims, f"queue {queue}", trip, controls.get(queue))
    if not any(trip.came.frames for trip in trips.values()):
        why = "no frame came in through any queue that was bound: set where frames without IP go"
        return blocked(why, expected=expected, observed=observed, evidence=proof)
    return works(seen.claims, base)


def broken(
    base: Finding, claims: Capabilities | None, where: str, trip: Trip, control: Trip | None
) -> Finding:
    """What to say of frames that did not come whole: the control says whose fault it is."""
    if control is None or not control.whole:
        how = told(control) if control is not None else "it was not tried"
        return blocked(
            f"{where}: {told(trip)}; in copy mode too ({how}), so the set-up is at fault:"
            " look at the cable, the peer, and what else uses the NIC",
            expected=base.expected,
            observed=base.observed,
            evidence=base.evidence,
        )
    reason = f"{where}: {told(trip)}; in copy mode every frame comes"
    if claims is not None and claimed(claims, XdpAct.XSK_ZEROCOPY):
        reason = f"{CLAIM} is claimed, and {reason}"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)
    return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)


def undisturbed(seen: Neighbours) -> Finding:
    """A second socket comes and goes, and the first goes on."""
    expected = "the first socket's frames come whole before, beside and after the second"
    tried = [seen.first] + ([seen.second] if seen.second is not None else [])
    found = unbound(seen.claims, tried, seen.lacking, expected)
    if found is not None:
        return found
    proof = evidence(seen.first, seen.second, seen.control)
    if seen.second is None:
        why = f"the NIC uses {seen.queues} queue: give it two (ethtool -L IFACE combined 2)"
        return blocked(why, expected=expected, evidence=proof)
    trips = {**seen.first.trips, **{f"second {w}": t for w, t in seen.second.trips.items()}}
    observed = "; ".join(f"{word}: {told(trip)}" for word, trip in trips.items())
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    control = seen.control.trips if seen.control is not None else {}
    for word, trip in trips.items():
        if not trip.whole:
            same = control.get(word) or control.get(word.replace("second", "before"))
            return broken(base, seen.claims, word, trip, same)
    return works(seen.claims, base)


def refusal(seen: Mapping[str, Refusal | None], word: str) -> Finding:
    """A bind is refused with the errno that the kernel's order of checks gives.

    Args:
        seen: what was said to each of `BINDS`.
        word: of them.
    """
    said = seen.get(word)
    observed = str(said or "accepted")
    base = Finding(
        Outcome.PASS,
        expected=f"refused with {BINDS[word]}",
        observed=observed,
        evidence={word: observed},
    )
    if said is not None and said.errno == BINDS[word]:
        return base
    reason = f"a bind that should say {BINDS[word]} says {observed}"
    return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)


def released(seen: Release) -> Finding:
    """How long a queue stays busy: reported, and it has an end."""
    expected = f"the queue is free again in {seen.waited:g} s; how soon is reported"
    proof: dict[str, object] = {
        f"{what}, {mode}": "busy still" if ms is None else f"{ms:.1f} ms"
        for what, times in (("closed", seen.closed_ms), ("killed", seen.killed_ms))
        for mode, ms in times.items()
    }
    observed = "; ".join(f"{word}: {text}" for word, text in proof.items())
    one = Bound(0, "zero copy", seen.refused, None if seen.refused else True)
    found = unbound(seen.claims, [one], seen.lacking, expected)
    if found is not None:
        parts = f"{found.observed}; {observed}" if observed else found.observed
        return found._replace(observed=parts, evidence={**found.evidence, **proof})
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    if None in (*seen.closed_ms.values(), *seen.killed_ms.values()):
        reason = "a queue stays busy whose socket is gone"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    return works(seen.claims, base)
