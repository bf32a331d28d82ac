# SPDX-License-Identifier: MIT
"""How frames may be shaped: adjusted at head and tail, and how large they may get."""

from __future__ import annotations

from typing import Final

from xdpconform.judge.finding import Finding, Kind, Outcome, blocked
from xdpconform.judge.flow import claimed
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import ALTERED, LOST, PARTLY, REFUSED, Largest, Matrix

HEADROOM: Final = 192
"""Bytes that any native driver leaves in front of a frame for a program to take.

XDP_PACKET_HEADROOM (include/uapi/linux/bpf.h) is 256; struct xdp_frame takes its place there.
"""
ETH_DATA_LEN: Final = 1500  # include/uapi/linux/if_ether.h


def adjusted(seen: Matrix) -> Finding:
    """Every adjustment that the helper grants arrives as it should, and none is refused wrongly.

    To cut is never refused, and at the head `HEADROOM` bytes can be added; to add at the tail may
    be refused, since a buffer has an end.
    """
    proof: dict[str, object] = {
        f"{size} bytes by {offset}": word for (size, offset), word in sorted(seen.cells.items())
    }
    expected = "every cell is adjusted, or refused where there is no room"
    tally = {word: list(seen.cells.values()).count(word) for word in sorted({*seen.cells.values()})}
    observed = ", ".join(f"{count} {word}" for word, count in tally.items())
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    if seen.claims is None:
        return blocked("what the NIC claims is not known", observed=observed, evidence=proof)
    known = claimed(seen.claims, XdpAct.BASIC)
    if seen.refused:
        if known and not seen.lacking:
            reason = f"basic is claimed, and no program can be attached: {seen.refused}"
            return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)
        if known:
            return blocked("; ".join(seen.lacking), expected=expected, evidence=proof)
        reason = "basic is not claimed, and no program can be attached"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)
    if not seen.cells:
        return blocked("nothing was tried", expected=expected)
    wrong = [
        f"{size} bytes by {offset}: {word}"
        for (size, offset), word in sorted(seen.cells.items())
        if word in (LOST, ALTERED) or (word in (REFUSED, PARTLY) and _owed(seen.where, offset))
    ]
    if wrong:
        kind = Kind.OVER_CLAIM if known else Kind.MISMATCH
        return base._replace(outcome=Outcome.FAIL, kind=kind, reason="; ".join(wrong[:8]))
    if not known:
        reason = "it works, and basic is not claimed"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.UNDER_CLAIM, reason=reason)
    return base


def _owed(where: str, offset: int) -> bool:
    if where == "head":
        return offset >= -HEADROOM
    return offset < 0


def largest(seen: Largest) -> Finding:
    """The largest MTU with a program, reported; an ordinary Ethernet MTU has to be possible."""
    kind = "with frags" if seen.frags else "without frags"
    proof: dict[str, object] = {f"MTU {mtu}": word for mtu, word in seen.tried.items()}
    expected = f"an MTU of {ETH_DATA_LEN} at least, {kind}; the largest is reported"
    flag = XdpAct.RX_SG if seen.frags else XdpAct.BASIC
    most = f"{seen.mtu}" + (" (the device's own limit)" if seen.mtu == seen.limit else "")
    observed = f"largest MTU {most}" if seen.mtu else "no MTU at all"
    if seen.above:
        observed += f"; above it {seen.above}"
    base = Finding(Outcome.PASS, expected=expected, observed=observed, evidence=proof)
    if seen.claims is None:
        return blocked("what the NIC claims is not known", observed=observed, evidence=proof)
    if not claimed(seen.claims, flag):
        return base._replace(
            outcome=Outcome.NOT_CLAIMED, reason="not claimed: nothing is promised, and so reported"
        )
    if seen.mtu is None or seen.mtu < min(ETH_DATA_LEN, seen.limit):
        if seen.lacking:
            why = "; ".join(seen.lacking)
            return blocked(why, expected=expected, observed=observed, evidence=proof)
        reason = "claimed, and not possible at an ordinary Ethernet MTU"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.OVER_CLAIM, reason=reason)
    return base
