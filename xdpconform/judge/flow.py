# SPDX-License-Identifier: MIT
"""Frames against claims: what was promised has to arrive, and be counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xdpconform.judge.finding import Finding, Kind, Outcome, blocked
from xdpconform.netlink.netdev import Capabilities, XdpAct, flag_name
from xdpconform.observed import ACTIONS, Arrivals, Event, Flow, Refusal

_NAMES: Final = {number: name for name, number in ACTIONS.items()}


def evidence(flow: Flow) -> dict[str, object]:
    """A flow in JSON types."""
    found: dict[str, object] = {
        "program": flow.what,
        "mode": flow.mode,
        "sent": flow.sent,
        "frame bytes": flow.size,
        "sha256 as it should arrive": flow.digest,
        "seen by the program": flow.seen,
        "bytes seen": flow.seen_bytes,
    }
    for name in ("delivered", "returned", "elsewhere"):
        arrivals: Arrivals = getattr(flow, name)
        if arrivals.frames:
            found[name] = arrivals._asdict()
    if flow.second:
        found["seen by the second program"] = flow.second
    if flow.refused:
        found["refused"] = str(flow.refused)
    found["tracepoints"] = [event_text(event) for event in flow.events]
    found["counters"] = dict(flow.counters)
    return found | dict(flow.notes)


def event_text(event: Event) -> str:
    """A tracepoint's count in words."""
    text = f"{event.tracepoint} {event.device} {event.hits}x"
    if event.tracepoint == "xdp_exception":
        text += f" action {_NAMES.get(event.code, str(event.code))}"
    elif event.code:
        text += f" {Refusal.named(event.code)}"
    if event.sent or event.drops:
        text += f" sent {event.sent} drops {event.drops}"
    return text


def told(flow: Flow) -> str:
    """A flow in a sentence."""
    if flow.refused:
        return f"refused: {flow.refused}"
    parts = [f"{flow.sent} frames of {flow.size} bytes sent", f"{flow.seen} seen by the program"]
    if flow.second:
        parts.append(f"{flow.second} by the second")
    for name, arrivals in (
        ("delivered", flow.delivered),
        ("returned", flow.returned),
        ("arrived at the target", flow.elsewhere),
    ):
        if arrivals.frames:
            broken = arrivals.frames - arrivals.intact
            parts.append(
                f"{arrivals.frames} {name}" + (f", {broken} of them altered" * bool(broken))
            )
    if not (flow.delivered.frames or flow.returned.frames or flow.elsewhere.frames):
        parts.append("none arrived anywhere")
    parts += [event_text(event) for event in flow.events]
    return ", ".join(parts)


def arrived(flow: Flow, place: str) -> bool:
    """Whether every frame came out there once and intact, and nowhere else.

    Args:
        flow: what was seen.
        place: ``delivered``, ``returned``, ``elsewhere``, or ``nowhere``.
    """
    if flow.refused or flow.mode not in ("native", "target"):
        return False
    for name in ("delivered", "returned", "elsewhere"):
        arrivals: Arrivals = getattr(flow, name)
        wanted = flow.sent if name == place else 0
        if (arrivals.frames, arrivals.intact, arrivals.repeated) != (wanted, wanted, 0):
            return False
    return flow.seen == flow.sent > 0


def acted(
    flow: Flow,
    place: str,
    *flags: XdpAct,
    exceptions: int | None = None,
    second: bool = False,
) -> Finding:
    """The program's verdict on each frame was carried out, if and only if that is claimed.

    Args:
        flow: what was seen.
        place: where the frames should come out, as `arrived` has it.
        flags: what promises it; all of them.
        exceptions: the action that xdp_exception should name, once a frame; None: there should be
            no exception.
        second: whether a second program should have counted every frame too.
    """
    expected = {
        "delivered": "every frame is delivered to the host, once and intact",
        "returned": "every frame comes back to the peer, once and intact",
        "elsewhere": "every frame arrives at the target, once and intact",
        "nowhere": "no frame arrives anywhere",
    }[place]
    works = arrived(flow, place)
    if exceptions is not None:
        expected += f", and xdp_exception tells each time of action {_NAMES[exceptions]}"
        works = works and flow.hits("xdp_exception", exceptions) == flow.sent
    elif works and flow.hits("xdp_exception"):
        works = False
    if second:
        expected += ", having run through the second program"
        works = works and flow.second == flow.sent
    return proven(flow, works, expected, *flags)


def acted_on_each(flows: Mapping[int, Flow], *flags: XdpAct) -> Finding:
    """The same on every CPU: the first that fails speaks for all.

    Args:
        flows: by the CPU's number.
        flags: what promises it.
    """
    if not flows:
        return blocked("no CPU may be used by this process")
    found = {cpu: acted(flow, "delivered", *flags, second=True) for cpu, flow in flows.items()}
    proof: dict[str, object] = {
        f"CPU {cpu}": f"{one.outcome.value}: {one.observed}" for cpu, one in found.items()
    }
    for cpu, one in found.items():
        if one.outcome is not Outcome.PASS:
            return one._replace(reason=f"CPU {cpu}: {one.reason}", evidence=proof)
    first = next(iter(found.values()))
    return first._replace(observed=f"on CPUs {', '.join(map(str, found))}", evidence=proof)


def target(flow: Flow, *flags: XdpAct) -> Finding:
    """Frames can be redirected into the NIC if and only if it claims so at that moment.

    The kernel itself asks for the claim (__xdp_enqueue), so what works without it cannot be seen.
    """
    if flow.refused and flow.claims is not None:
        # The moment cannot be had: that is not what the flags are about.
        if not claimed(flow.claims, XdpAct.BASIC):
            reason = "basic is not claimed, and no program can be attached"
            return Finding(
                Outcome.NOT_CLAIMED, observed=told(flow), reason=reason, evidence=evidence(flow)
            )
        why = f"the program was refused: {flow.refused}; see XDP-ATTACH-01"
        return blocked(why, observed=told(flow), evidence=evidence(flow))
    finding = acted(flow, "returned", *flags)
    unclaimed = flow.claims is not None and not all(claimed(flow.claims, flag) for flag in flags)
    reached = flow.hits("xdp_devmap_xmit") > 0
    if finding.outcome is Outcome.NOT_CLAIMED and unclaimed and reached:
        return finding._replace(
            outcome=Outcome.FAIL,
            kind=Kind.UNDER_CLAIM,
            reason="the kernel hands frames to the driver: it knows of a claim that is not told",
        )
    return finding


def whole(flow: Flow) -> Finding:
    """A program sees a frame of several buffers whole: its length and its last bytes."""
    notes = flow.notes
    right = (
        arrived(flow, "delivered")
        and notes.get("bpf_xdp_get_buff_len") == flow.size
        and notes.get("last 8 bytes", "none") == notes.get("last 8 bytes sent")
    )
    finding = proven(
        flow, right, f"length {flow.size}, and the last bytes as sent", XdpAct.BASIC, XdpAct.RX_SG
    )
    if not notes:
        return finding
    seen = (
        f"length {notes.get('bpf_xdp_get_buff_len')}, {notes.get('bytes in the first buffer')} of"
        f" it in the first buffer, last bytes {notes.get('last 8 bytes')}"
    )
    return finding._replace(observed=f"{seen}; {finding.observed}")


def counted(flow: Flow) -> Finding:
    """Every frame that came in is counted as received, whatever the program said of it.

    include/uapi/linux/if_link.h, struct rtnl_link_stats64: rx_packets counts also what the host
    dropped afterwards, even in the driver.
    """
    received = max(flow.counters.get("rx_packets", 0), flow.counters.get("rx-packets", 0))
    base = Finding(
        Outcome.PASS,
        expected=f"{flow.sent} sent, {flow.sent} seen by the program, {flow.sent} counted",
        observed=f"{flow.sent} sent, {flow.seen} seen by the program, {received} counted",
        evidence=evidence(flow),
    )
    if flow.refused:
        if flow.claims is not None and not claimed(flow.claims, XdpAct.BASIC):
            reason = "basic is not claimed, and no program can be attached"
            return base._replace(outcome=Outcome.NOT_CLAIMED, observed=told(flow), reason=reason)
        return blocked(f"the program was refused: {flow.refused}; see XDP-ATTACH-01")
    if flow.seen == flow.sent and flow.sent <= received < 2 * flow.sent:
        return base  # some of others' frames may be among them
    reason = "what was sent, what the program saw and what the NIC counted differ"
    return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)


def proven(flow: Flow, works: bool, expected: str, *flags: XdpAct) -> Finding:
    """What works has to be claimed, and what is claimed has to work.

    Args:
        flow: what was seen.
        works: whether it was as expected.
        expected: what, in words.
        flags: what promises it; all of them.
    """
    base = Finding(Outcome.PASS, expected=expected, observed=told(flow), evidence=evidence(flow))
    if flow.claims is None:
        return blocked(
            "what the NIC claims is not known", observed=told(flow), evidence=evidence(flow)
        )
    missing = [flag_name(flag) for flag in flags if not claimed(flow.claims, flag)]
    names = " and ".join(flag_name(flag) for flag in flags)
    if works and missing:
        reason = f"it works, and {' and '.join(missing)} is not claimed"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.UNDER_CLAIM, reason=reason)
    if works:
        return base
    if missing:
        reason = f"{' and '.join(missing)} is not claimed, and it does not work"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)
    if flow.refused and flow.lacking:
        return blocked(
            f"the driver refused the program: {flow.refused}; {'; '.join(flow.lacking)}",
            expected=expected,
            observed=told(flow),
            evidence=evidence(flow),
        )
    why = f": {flow.refused}" if flow.refused else ""
    reason = f"{names} is claimed, and it does not work{why}"
    return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)


def claimed(claims: Capabilities, flag: XdpAct) -> bool:
    """Whether a flag of xdp-features is set."""
    return bool((claims.features or XdpAct(0)) & flag)
