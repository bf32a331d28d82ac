# SPDX-License-Identifier: MIT
"""Hashes of received frames: by the NIC's key, onto the queue of its table, and of a true type.

Source: include/net/xdp.h, enum xdp_rss_hash_type, and `xdpconform.judge.toeplitz`.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.judge.hints import begun, hindered, wrong
from xdpconform.judge.toeplitz import HASH_BITS, flow_input, toeplitz
from xdpconform.observed_hints import Hints, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

# enum xdp_rss_hash_type, include/net/xdp.h
XDP_RSS_L3_IPV4: Final = 1 << 0
XDP_RSS_L3_IPV6: Final = 1 << 1
XDP_RSS_L3_DYNHDR: Final = 1 << 2
XDP_RSS_L4: Final = 1 << 3
XDP_RSS_L4_TCP: Final = 1 << 4
XDP_RSS_L4_UDP: Final = 1 << 5
XDP_RSS_L4_SCTP: Final = 1 << 6
XDP_RSS_L4_IPSEC: Final = 1 << 7
XDP_RSS_L4_ICMP: Final = 1 << 8
NAMES: Final = dict(
    enumerate(
        ("IPv4", "IPv6", "dynamic header", "L4", "TCP", "UDP", "SCTP", "IPsec", "ICMP"),
    )
)
"""What each bit says, by its number."""
PROTOCOLS: Final = (
    XDP_RSS_L4_TCP | XDP_RSS_L4_UDP | XDP_RSS_L4_SCTP | XDP_RSS_L4_IPSEC | XDP_RSS_L4_ICMP
)
TRUE: Final = {
    "ethernet": 0,
    "ipv4": XDP_RSS_L3_IPV4,
    "ipv4-udp": XDP_RSS_L3_IPV4 | XDP_RSS_L4 | XDP_RSS_L4_UDP,
    "ipv4-tcp": XDP_RSS_L3_IPV4 | XDP_RSS_L4 | XDP_RSS_L4_TCP,
    "ipv6": XDP_RSS_L3_IPV6,
    "ipv6-udp": XDP_RSS_L3_IPV6 | XDP_RSS_L4 | XDP_RSS_L4_UDP,
    "ipv6-tcp": XDP_RSS_L3_IPV6 | XDP_RSS_L4 | XDP_RSS_L4_TCP,
    "vlan-8100": 0,
    "vlan-88a8": 0,
}
"""What a type may say of a kind of frame; less may be said, nothing else."""
HASHED: Final = ("ipv4-udp", "ipv4-tcp", "ipv6-udp", "ipv6-tcp")
"""Kinds of frames by whose hash a NIC is judged."""


def values(seen: Hints, kind: str) -> Finding:
    """The hash is Toeplitz of the flow by the NIC's key, over ports where its type says L4.

    Where the NIC names no key, or another function, a flow has one hash and not all have the same.

    Args:
        seen: what was told.
        kind: of `HASHED`.
    """
    base, told, last = _hashed(seen, kind, "one hash a flow, by the NIC's key where it tells one")
    if last:
        return base
    flows: dict[tuple[object, ...], set[int]] = {}
    for one in told:
        sent = one.sent
        flows.setdefault((sent.source, sent.destination, sent.ports), set()).add(one.hash)
    hashes = set().union(*flows.values())
    base = base._replace(observed=f"{len(flows)} flows, {len(hashes)} hashes")
    if any(len(found) > 1 for found in flows.values()):
        return wrong(base, "frames of one flow have different hashes")
    spread = seen.spread
    longest = max(len(flow_input(one.sent.source, one.sent.destination, (0, 0))) for one in told)
    known = spread.function == "toeplitz" and spread.key is not None
    if known and spread.key and len(spread.key) * 8 >= longest * 8 + HASH_BITS:
        for one in told:
            problem = _toeplitz(seen, spread.key, one)
            if problem:
                return wrong(base, problem)
        return base._replace(observed=f"{base.observed}, each Toeplitz by the NIC's key")
    if len(flows) > 1 and len(hashes) == 1:
        return wrong(base, f"{len(flows)} flows have the same hash, {hashes.pop():#010x}")
    if known:
        reason = f"the NIC's key of {len(spread.key or b'')} bytes is too short to compute hashes"
    elif spread.function and spread.function != "toeplitz":
        reason = f"the NIC's function is {spread.function}: hashes are compared with each other"
    else:
        reason = "the NIC tells no key: hashes are compared with each other"
    return base._replace(reason=reason)


def _toeplitz(seen: Hints, key: bytes, one: Told) -> str:
    """What is wrong with a frame's hash; nothing where it is right."""
    sent, xfrm = one.sent, seen.spread.xfrm
    plain = toeplitz(key, flow_input(sent.source, sent.destination, xfrm=xfrm))
    whole = toeplitz(key, flow_input(sent.source, sent.destination, sent.ports, xfrm))
    l4 = bool(one.rss_type & XDP_RSS_L4)
    right, other = (whole, plain) if l4 else (plain, whole)
    if one.hash == right:
        return ""
    over = "addresses and ports" if l4 else "addresses"
    text = f"frame {sent.number}, {sent.kind}: {one.hash:#010x}, and Toeplitz over {over} is"
    text += f" {right:#010x}"
    if one.hash == other:
        says = "says L4, and the hash does not cover ports"
        text += f": the type {says if l4 else 'does not say L4, and the hash covers ports'}"
    return text


def queues(seen: Hints) -> Finding:
    """A frame comes by the queue that the NIC's indirection table has for its hash."""
    expected = "the queue that the indirection table has for each hash"
    base, told, last = begun(seen, "hash", HASHED, expected)
    if last:
        return base
    found = [one for one in told if one.answer("hash") == 0]
    table = seen.spread.table
    if not table or seen.spread.function != "toeplitz":
        why = "no indirection table" if not table else "no Toeplitz hash"
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=f"the NIC tells of {why}")
    if not found:
        return _no_hash(seen, base, "ipv4-tcp")
    used = sorted({one.queue for one in found})
    base = base._replace(observed=f"{len(found)} frames by queues {', '.join(map(str, used))}")
    for one in found:
        right = table[one.hash % len(table)]
        if one.queue != right:
            reason = (
                f"frame {one.sent.number}, hash {one.hash:#010x}: queue {one.queue}, and the table"
                f" has queue {right}"
            )
            return wrong(base, reason)
    return base


def types(seen: Hints, kind: str) -> Finding:
    """The hash's type says of a frame what is true of it: IP, TCP, UDP, or nothing.

    A type may say less. One that names the protocol above IP also says L4 ("drivers MUST set").

    Args:
        seen: what was told.
        kind: of `TRUE`.
    """
    base, told, last = _hashed(seen, kind, f"{_words(TRUE[kind])}, or less")
    if last:
        return base
    said = sorted({one.rss_type for one in told})
    base = base._replace(observed="; ".join(map(_words, said)))
    for one in said:
        false = one & ~TRUE[kind]
        if false:
            return wrong(base, f"the type says {_words(false)} of {kind}")
        if one & PROTOCOLS and not one & XDP_RSS_L4:
            return wrong(base, f"the type says {_words(one)}, and not L4")
    return base


def _words(rss_type: int) -> str:
    """A type in words: ``IPv4 L4 TCP``."""
    bits = (bit for bit in range(rss_type.bit_length()) if rss_type >> bit & 1)
    return " ".join(NAMES.get(bit, f"bit-{bit}") for bit in bits) or "no type"


def _hashed(seen: Hints, kind: str, expected: str) -> tuple[Finding, Sequence[Told], bool]:
    """`begun`, for frames of one kind that have a hash."""
    base, told, last = begun(seen, "hash", (kind,), expected)
    if last:
        return base, told, True
    found = [one for one in told if one.answer("hash") == 0]
    if len(found) < len(told):
        return _no_hash(seen, base, kind), told, True
    return base, found, False


def _no_hash(seen: Hints, base: Finding, kind: str) -> Finding:
    """Frames without a hash: TCP has one wherever frames are hashed at all."""
    codes = [one.answer("hash") for one in seen.of(kind)]
    if not {0, -errno.ENODATA}.issuperset(codes):
        return wrong(base, "what is returned is neither 0 nor ENODATA")
    if 0 in codes:
        missing = sum(code != 0 for code in codes)
        return wrong(base, f"{missing} of {len(codes)} frames of {kind} have no hash")
    if not kind.endswith("tcp"):
        return base._replace(outcome=Outcome.NOT_CLAIMED, reason=f"no hash of {kind}")
    if "rx-hashing" in seen.remedies:
        return hindered(base, seen.remedies["rx-hashing"])
    return wrong(base, f"hash is claimed, and frames of {kind} have none", Kind.OVER_CLAIM)
