# SPDX-License-Identifier: MIT
"""What attaching a program has to do, and must not."""

from __future__ import annotations

from itertools import pairwise
from mmap import PAGESIZE
from typing import Final

from xdpconform.judge.claims import flag as claimed_flag
from xdpconform.judge.claims import segments
from xdpconform.judge.finding import Finding, Kind, Outcome, blocked
from xdpconform.judge.flow import claimed
from xdpconform.netlink.netdev import Capabilities, XdpAct, flag_name, flag_names
from xdpconform.nic import ATTACHED, IDLE, Nic
from xdpconform.observed import Attach, Change, Cost, Jumbo, Offload, Sight
from xdpconform.profiles.match import Match

ONE_BUFFER: Final = PAGESIZE - 256 - 320 - 14
"""The largest MTU whose frames surely fit one buffer: a page, less
XDP_PACKET_HEADROOM (256), struct skb_shared_info (320) and the Ethernet header."""


def native(seen: Attach) -> Finding:
    """A program can be attached natively if and only if basic is claimed."""
    expected = "the program is attached in native mode"
    attached = seen.attached
    observed = f"refused: {seen.refused}" if seen.refused else f"mode {attached and attached.mode}"
    works = attached is not None and attached.mode == "native"
    return _two_way(
        seen.before.claims,
        XdpAct.BASIC,
        works,
        expected,
        observed,
        proof=evidence(seen),
        lacking=seen.lacking if seen.refused else (),
    )


def replaced(seen: Attach) -> Finding:
    """Another program takes the place of the first, and both are gone after the detach."""
    proof = evidence(seen)
    if seen.attached is None:
        return _unattached(seen, proof)
    first, second, after = seen.attached, seen.replaced, seen.after
    observed = (
        f"program {first.program}, then"
        f" {seen.replace_refused or (second and second.program)}, then {after.mode}"
    )
    expected = "the second program in native mode, then none"
    fine = (
        second is not None
        and second.mode == "native"
        and second.program not in (None, first.program)
        and (after.mode, after.program) == ("none", None)
    )
    return _plain(fine, expected, observed, proof, "the NIC does not run what was attached last")


def restored(seen: Attach) -> Finding:
    """After the detach everything is as it was before."""
    proof = evidence(seen)
    if seen.attached is None:
        return _unattached(seen, proof)
    differing = _differing(seen.before, seen.after)
    return _plain(
        not differing,
        "everything as before the attach",
        "; ".join(differing) or "everything as before",
        proof,
        "a program that came and went left something behind",
    )


def claims_attached(
    nic: Nic, match: Match | None, seen: Attach, flag: str | None = None
) -> Finding:
    """What is claimed while a program is attached is what the profile says.

    Args:
        nic: as it was found.
        match: its profile.
        seen: the NIC with a program and without.
        flag: one flag; None: xdp-zc-max-segs.
    """
    if seen.attached is None:
        return _unattached(seen, evidence(seen))
    return _as_in_state(nic, match, seen.attached, ATTACHED, flag)._replace(evidence=evidence(seen))


def _as_in_state(
    nic: Nic, match: Match | None, sight: Sight, state: str, flag: str | None
) -> Finding:
    seen = nic._replace(
        state=state,
        capabilities={state: sight.claims} if sight.claims else {},
        unknown=sight.problem or nic.unknown,
        link=nic.link._replace(xdp=sight.mode, up=sight.up, mtu=sight.mtu),
        features=sight.features or nic.features,
    )
    return segments(seen, match) if flag is None else claimed_flag(seen, match, flag)


def change_told(seen: Attach) -> Finding:
    """Who listens is told of every change of xdp-features."""
    proof = evidence(seen)
    if seen.told is None:
        return blocked("nobody could listen to the group mgmt", evidence=proof)
    if seen.attached is None:
        return _unattached(seen, proof)
    moments = [seen.before, seen.attached, seen.after]
    if seen.by_peer is not None:
        moments += [seen.by_peer, seen.after]
    features = [sight.claims.features for sight in moments if sight.claims]
    if len(features) < len(moments):
        return blocked("what the NIC claims is not known", evidence=proof)
    changes = [now for before, now in pairwise(features) if before != now]
    told = [claims.features for claims in seen.told]
    expected = "; ".join(_features(now) for now in changes) or "nothing to tell"
    observed = "; ".join(_features(now) for now in told) or "nothing told"
    if not changes and not told:
        return Finding(
            Outcome.NOT_CLAIMED,
            expected=expected,
            observed=observed,
            reason="the claims do not change with a program",
            evidence=proof,
        )
    left = iter(told)
    fine = all(now in left for now in changes) and (not told or told[-1] == features[-1])
    return _plain(fine, expected, observed, proof, "the notifications do not tell what changed")


def unchanged(nic: Nic, match: Match | None, change: Change) -> Finding:
    """The claims are right before, during and after a change of something else."""
    proof: dict[str, object] = {
        name: _sight(sight)
        for name, sight in (
            ("before", change.before),
            ("during", change.during),
            ("after", change.after),
        )
    }
    worst: Finding | None = None
    for name, sight in (("during", change.during), ("after", change.after)):
        for flag in ("basic", "redirect", "rx-sg", "ndo-xmit", "ndo-xmit-sg", "xsk-zerocopy"):
            finding = _as_in_state(nic, match, sight, IDLE, flag)
            if finding.outcome is Outcome.FAIL:
                reason = f"{name} {change.what}: {finding.reason}"
                return finding._replace(reason=reason, evidence=proof, param="")
            if finding.outcome is Outcome.BLOCKED:
                worst = worst or finding._replace(evidence=proof, param="")
    if worst is not None:
        return worst
    differing = _differing(change.before, change.after)
    return _plain(
        not differing,
        f"everything as before {change.what}",
        "; ".join(differing) or "everything as before",
        proof,
        f"{change.what} left something behind",
    )


def jumbo_plain(seen: Jumbo, match: Match | None) -> Finding:
    """A program without frags is refused where a frame does not fit one buffer."""
    proof = _jumbo(seen)
    wanted = match.jumbo_errno if match else None
    expected = f"refused with {wanted}" if wanted else "refused"
    if wanted == "none":
        expected = "attached, as the profile says of this driver"
    observed = f"refused: {seen.plain}" if seen.plain else f"attached at MTU {seen.mtu}"
    if seen.claims is None:
        return blocked("what the NIC claims is not known", observed=observed, evidence=proof)
    why = _no_jumbo(seen) if seen.plain is None else ""
    if not claimed(seen.claims, XdpAct.BASIC):
        why = "basic is not claimed"
    if why:
        return Finding(
            Outcome.NOT_CLAIMED, expected=expected, observed=observed, reason=why, evidence=proof
        )
    if seen.plain is None:
        reason = f"at MTU {seen.mtu} a program that cannot read several buffers was attached"
        return _plain(wanted == "none", expected, observed, proof, reason)
    fine = wanted is None or seen.plain.errno == wanted
    if not fine and seen.lacking:
        why = "; ".join(seen.lacking)
        return blocked(why, expected=expected, observed=observed, evidence=proof)
    reason = "another answer than the profile names"
    return _plain(fine, expected, observed, proof, reason)


def _no_jumbo(seen: Jumbo) -> str:
    """Why a program may be attached whatever it can read, if so."""
    if seen.mtu > ONE_BUFFER:
        return ""
    return f"a frame at MTU {seen.mtu} fits one buffer, and more was not tried"


def jumbo_frags(seen: Jumbo) -> Finding:
    """A program with frags is attached at a jumbo MTU if and only if rx-sg is claimed."""
    observed = f"refused: {seen.frags}" if seen.frags else f"attached at MTU {seen.mtu}"
    expected = f"a program with frags is attached at MTU {seen.mtu}"
    small = _no_jumbo(seen)
    if small and seen.frags is None and seen.claims and not claimed(seen.claims, XdpAct.RX_SG):
        reason = f"rx-sg is not claimed, and {small}"
        return Finding(
            Outcome.NOT_CLAIMED,
            expected=expected,
            observed=observed,
            reason=reason,
            evidence=_jumbo(seen),
        )
    return _two_way(
        seen.claims,
        XdpAct.RX_SG,
        seen.frags is None,
        expected,
        observed,
        proof=_jumbo(seen),
        lacking=seen.lacking,
    )


def offload(seen: Offload) -> Finding:
    """A program can be loaded onto the device if and only if hw-offload is claimed."""
    load, attached = str(seen.load or "accepted"), str(seen.attach or "accepted")
    return _two_way(
        seen.claims,
        XdpAct.HW_OFFLOAD,
        seen.load is None and seen.attach is None,
        "the program is loaded for the device and attached in hardware mode",
        f"load: {load}; attach: {attached}",
        proof={"load": load, "attach": attached},
    )


def cost(seen: Cost) -> Finding:
    """What an attach costs: reported."""
    first = f"{seen.first_frame_ms:.1f} ms" if seen.first_frame_ms is not None else "never"
    observed = (
        f"attach {seen.attach_ms:.1f} ms, first frame after {first}, {seen.lost_attach} of"
        f" {seen.sent} frames lost; detach {seen.detach_ms:.1f} ms, {seen.lost_detach} lost;"
        f" carrier changed {seen.flaps} times"
    )
    fine = seen.first_frame_ms is not None
    expected = "frames reach the program; what it costs is reported"
    return _plain(fine, expected, observed, seen._asdict(), "no frame reached the program")


def _two_way(
    claims: Capabilities | None,
    flag: XdpAct,
    works: bool,
    expected: str,
    observed: str,
    *,
    proof: dict[str, object],
    lacking: tuple[str, ...] = (),
) -> Finding:
    name = flag_name(flag)
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    if claims is None:
        return blocked("what the NIC claims is not known", observed=observed, evidence=proof)
    if claimed(claims, flag) == works:
        reason = "" if works else f"{name} is not claimed, and it does not work"
        return base._replace(outcome=Outcome.PASS if works else Outcome.NOT_CLAIMED, reason=reason)
    if works:
        reason = f"it works, and {name} is not claimed"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.UNDER_CLAIM, reason=reason)
    if lacking:
        return blocked("; ".join(lacking), expected=expected, observed=observed, evidence=proof)
    reason = f"{name} is claimed, and it does not work"
    return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)


def _plain(
    fine: bool, expected: str, observed: str, proof: dict[str, object], reason: str
) -> Finding:
    if fine:
        return Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    return Finding(Outcome.FAIL, Kind.MISMATCH, expected, observed, reason, proof)


def _unattached(seen: Attach, proof: dict[str, object]) -> Finding:
    claims = seen.before.claims
    if claims is not None and not claimed(claims, XdpAct.BASIC):
        return Finding(
            Outcome.NOT_CLAIMED,
            observed=f"refused: {seen.refused}",
            reason="basic is not claimed, and no program can be attached",
            evidence=proof,
        )
    why = "; ".join(seen.lacking) or "see XDP-ATTACH-01"
    return blocked(f"no program could be attached ({seen.refused}): {why}", evidence=proof)


def _differing(before: Sight, after: Sight) -> list[str]:
    return [
        f"{name} was {_word(one)} and is {_word(other)}"
        for (name, one), other in zip(before._asdict().items(), after, strict=True)
        if one != other
    ]


def _word(value: object) -> str:
    if isinstance(value, Capabilities):
        return _features(value.features)
    if isinstance(value, frozenset):
        return " ".join(sorted(value)) or "none"
    return str(value)


def _features(features: XdpAct | None) -> str:
    return "absent" if features is None else " ".join(flag_names(features)) or "none"


def _sight(sight: Sight | None) -> dict[str, object] | None:
    if sight is None:
        return None
    found = sight._asdict()
    found["claims"] = sight.claims.as_dict() if sight.claims else sight.problem
    found["features"] = sorted(sight.features)
    found["channels"] = dict(sight.channels)
    return found


def _jumbo(seen: Jumbo) -> dict[str, object]:
    return {
        "mtu": seen.mtu,
        "without frags": str(seen.plain or "attached"),
        "with frags": str(seen.frags or "attached"),
    }


def evidence(seen: Attach) -> dict[str, object]:
    """An attach in JSON types."""
    return {
        "before": _sight(seen.before),
        "attached": _sight(seen.attached),
        "replaced": _sight(seen.replaced),
        "after": _sight(seen.after),
        "with a program on its peer": _sight(seen.by_peer),
        "dev-change-ntf": [claims.as_dict() for claims in seen.told or ()],
        "refused": str(seen.refused or ""),
    }
