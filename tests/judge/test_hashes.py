# SPDX-License-Identifier: MIT
"""Hashes against the NIC's key, its table, and what their types say."""

from __future__ import annotations

import json

import pytest

from tests.judge.hinted import (
    EINVAL,
    ENODATA,
    FINE,
    KEY,
    TABLE,
    hashed,
    of_kind,
    of_one,
    with_returned,
)
from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.judge.hashes import TRUE, queues, types, values
from xdpconform.judge.toeplitz import flow_input, toeplitz
from xdpconform.observed_hints import KINDS, Hints, Spread

PASS, FAIL, NOT_CLAIMED, BLOCKED = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.NOT_CLAIMED,
    Outcome.BLOCKED,
)
OVER, MISMATCH = Kind.OVER_CLAIM, Kind.MISMATCH
FIXED = "eth7 cannot switch rx-hashing on [fixed]"


def outcome(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """What a line says; its evidence must be JSON."""
    json.dumps(finding.evidence)
    return finding.outcome, finding.kind, finding.reason


def rehashed(*, ports: bool, rss_type: int, kind: str = "ipv4-tcp") -> Hints:
    """Hashes over ports or without, and types that say the one or the other."""
    return FINE._replace(
        told=tuple(
            one._replace(hash=hashed(one.sent, ports=ports), rss_type=rss_type)
            if one.sent.kind == kind
            else one
            for one in FINE.told
        )
    )


def symmetric(xfrm: str) -> Hints:
    """A NIC that makes both directions of a flow alike."""
    told = tuple(
        one._replace(
            hash=toeplitz(
                KEY,
                flow_input(one.sent.source, one.sent.destination, one.sent.ports, xfrm),  # type: ignore[arg-type]
            )
        )
        for one in FINE.of("ipv4-tcp")
    )
    return FINE._replace(told=told, spread=FINE.spread._replace(xfrm=xfrm))  # type: ignore[arg-type]


FIRST = FINE.of("ipv4-tcp")[0]
PLAIN, WHOLE = hashed(FIRST.sent, ports=False), hashed(FIRST.sent)
KEYLESS = FINE._replace(spread=Spread())
VALUES = {
    "by the key": (FINE, PASS, None, ""),
    "over addresses, and said to be": (rehashed(ports=False, rss_type=1), PASS, None, ""),
    "over addresses, and no type": (rehashed(ports=False, rss_type=0), PASS, None, ""),
    "over addresses, and said to be over ports": (
        rehashed(ports=False, rss_type=0x19),
        FAIL,
        MISMATCH,
        (
            f"frame 6, ipv4-tcp: {PLAIN:#010x}, and Toeplitz over addresses and ports is"
            f" {WHOLE:#010x}: the type says L4, and the hash does not cover ports"
        ),
    ),
    "over ports, and not said to be": (
        rehashed(ports=True, rss_type=1),
        FAIL,
        MISMATCH,
        (
            f"frame 6, ipv4-tcp: {WHOLE:#010x}, and Toeplitz over addresses is {PLAIN:#010x}: the"
            " type does not say L4, and the hash covers ports"
        ),
    ),
    "another hash": (
        of_kind(FINE, "ipv4-tcp", hash=0x12345678),
        FAIL,
        MISMATCH,
        f"frame 6, ipv4-tcp: 0x12345678, and Toeplitz over addresses and ports is {WHOLE:#010x}",
    ),
    "in the other byte order": (
        of_one(
            of_one(FINE, 6, hash=int.from_bytes(WHOLE.to_bytes(4, "little"), "big")),
            24,
            hash=int.from_bytes(WHOLE.to_bytes(4, "little"), "big"),
        ),
        FAIL,
        MISMATCH,
        (
            f"frame 6, ipv4-tcp: 0x{WHOLE.to_bytes(4, 'little').hex()}, and Toeplitz over addresses"
            f" and ports is {WHOLE:#010x}"
        ),
    ),
    "another of a second frame": (
        of_one(FINE, 24, hash=1),
        FAIL,
        MISMATCH,
        "frames of one flow have different hashes",
    ),
    "symmetric by XOR": (symmetric("symmetric-xor"), PASS, None, ""),
    "symmetric by OR and XOR": (symmetric("symmetric-or-xor"), PASS, None, ""),
    "no key": (
        KEYLESS,
        PASS,
        None,
        "the NIC tells no key: hashes are compared with each other",
    ),
    "another function": (
        FINE._replace(spread=Spread("crc32", KEY)),
        PASS,
        None,
        "the NIC's function is crc32: hashes are compared with each other",
    ),
    "a short key": (
        FINE._replace(spread=Spread("toeplitz", KEY[:15])),
        PASS,
        None,
        "the NIC's key of 15 bytes is too short to compute hashes",
    ),
    "no key, one hash for all": (
        of_kind(KEYLESS, "ipv4-tcp", hash=5),
        FAIL,
        MISMATCH,
        "2 flows have the same hash, 0x00000005",
    ),
    "no key, another of a second frame": (
        of_one(KEYLESS, 24, hash=1),
        FAIL,
        MISMATCH,
        "frames of one flow have different hashes",
    ),
    "none": (
        with_returned(FINE, 1, ENODATA, "ipv4-tcp"),
        FAIL,
        OVER,
        "hash is claimed, and frames of ipv4-tcp have none",
    ),
    "none, as hashing is off": (
        with_returned(FINE, 1, ENODATA)._replace(remedies={"rx-hashing": FIXED}),
        BLOCKED,
        None,
        FIXED,
    ),
    "an errno": (
        with_returned(FINE, 1, EINVAL, "ipv4-tcp"),
        FAIL,
        MISMATCH,
        "what is returned is neither 0 nor ENODATA",
    ),
    "none of one frame": (
        of_one(FINE, 7, returned=(0, ENODATA, ENODATA)),
        FAIL,
        MISMATCH,
        "1 of 4 frames of ipv4-tcp have no hash",
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    """A hash is computed again where the key is known, and else compared with others."""
    seen, *expected = VALUES[name]

    assert tuple(expected) == outcome(values(seen, "ipv4-tcp"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "-" in kind and "vlan" not in kind])
def test_values_of_each(kind: str) -> None:
    """IPv4 and IPv6, TCP and UDP: each by the key."""
    found = values(FINE, kind)

    assert (PASS, None, "") == outcome(found)
    assert "2 flows, 2 hashes, each Toeplitz by the NIC's key" == found.observed
    assert FAIL is values(of_kind(FINE, kind, hash=7), kind).outcome


def test_udp_without() -> None:
    """A NIC need not hash UDP."""
    seen = with_returned(FINE, 1, ENODATA, "ipv6-udp")

    expected = (NOT_CLAIMED, None, "no hash of ipv6-udp")
    assert expected == outcome(values(seen, "ipv6-udp")) == outcome(types(seen, "ipv6-udp"))


RIGHT = TABLE[WHOLE % len(TABLE)]
QUEUES = {
    "by the table": (FINE, PASS, None, ""),
    "another queue": (
        of_one(FINE, 6, queue=RIGHT + 1),
        FAIL,
        MISMATCH,
        f"frame 6, hash {WHOLE:#010x}: queue {RIGHT + 1}, and the table has queue {RIGHT}",
    ),
    "no table": (
        FINE._replace(spread=FINE.spread._replace(table=None)),
        NOT_CLAIMED,
        None,
        "the NIC tells of no indirection table",
    ),
    "another function": (
        FINE._replace(spread=Spread("xor", KEY, TABLE)),
        NOT_CLAIMED,
        None,
        "the NIC tells of no Toeplitz hash",
    ),
    "no hash": (
        with_returned(FINE, 1, ENODATA),
        FAIL,
        OVER,
        "hash is claimed, and frames of ipv4-tcp have none",
    ),
    "no hash, as hashing is off": (
        with_returned(FINE, 1, ENODATA)._replace(remedies={"rx-hashing": FIXED}),
        BLOCKED,
        None,
        FIXED,
    ),
    "UDP is not hashed": (
        of_kind(with_returned(FINE, 1, ENODATA, "ipv4-udp"), "ipv4-udp", queue=77),
        PASS,
        None,
        "",
    ),
    "frames without IP may come by any": (of_kind(FINE, "ethernet", queue=77), PASS, None, ""),
}


@pytest.mark.parametrize("name", QUEUES)
def test_queues(name: str) -> None:
    """A hash leads to the queue that the table has for it."""
    seen, *expected = QUEUES[name]

    assert tuple(expected) == outcome(queues(seen))


def test_queues_named() -> None:
    """Which queues frames came by."""
    used = sorted({one.queue for one in FINE.told if one.sent.ports})

    assert f"16 frames by queues {', '.join(map(str, used))}" == queues(FINE).observed


# kind, type, what is wrong of it
TYPES = [
    ("ethernet", 0, ""),
    ("ethernet", 1, "the type says IPv4 of ethernet"),
    ("ethernet", 8, "the type says L4 of ethernet"),
    ("ipv4", 0, ""),
    ("ipv4", 1, ""),
    ("ipv4", 9, "the type says L4 of ipv4"),
    ("ipv4", 2, "the type says IPv6 of ipv4"),
    ("ipv4", 5, "the type says dynamic header of ipv4"),
    ("ipv4-udp", 0x29, ""),
    ("ipv4-udp", 1, ""),
    ("ipv4-udp", 8, ""),
    ("ipv4-udp", 0x19, "the type says TCP of ipv4-udp"),
    ("ipv4-udp", 0x21, "the type says IPv4 UDP, and not L4"),
    ("ipv4-tcp", 0x19, ""),
    ("ipv4-tcp", 0x10, "the type says TCP, and not L4"),
    ("ipv4-tcp", 0x39, "the type says UDP of ipv4-tcp"),
    ("ipv4-tcp", 0x1A, "the type says IPv6 of ipv4-tcp"),
    ("ipv6", 2, ""),
    ("ipv6", 1, "the type says IPv4 of ipv6"),
    ("ipv6-udp", 0x2A, ""),
    ("ipv6-udp", 0x48, "the type says SCTP of ipv6-udp"),
    ("ipv6-tcp", 0x1A, ""),
    ("ipv6-tcp", 0x9A, "the type says IPsec of ipv6-tcp"),
    ("ipv6-tcp", 0x11A, "the type says ICMP of ipv6-tcp"),
    ("ipv6-tcp", 0x21A, "the type says bit-9 of ipv6-tcp"),
    ("vlan-8100", 0, ""),
    ("vlan-88a8", 2, "the type says IPv6 of vlan-88a8"),
]


@pytest.mark.parametrize(("kind", "rss_type", "problem"), TYPES)
def test_types(kind: str, rss_type: int, problem: str) -> None:
    """A type may say less than is true, and nothing that is not; a protocol comes with L4."""
    seen = of_kind(with_returned(FINE, 1, 0, kind), kind, rss_type=rss_type)

    expected = (FAIL, MISMATCH, problem) if problem else (PASS, None, "")
    assert expected == outcome(types(seen, kind))


def test_types_named() -> None:
    """Every type that was told is named, as is what may be said."""
    seen = of_one(FINE, 6, rss_type=8)

    found = types(seen, "ipv4-tcp")
    assert ("IPv4 L4 TCP, or less", "L4; IPv4 L4 TCP") == (found.expected, found.observed)
    assert "no type, or less" == types(FINE, "ethernet").expected
    assert set(KINDS) == set(TRUE)
