# SPDX-License-Identifier: MIT
"""A NIC that tells everything it should of received frames, made of values."""

from __future__ import annotations

from itertools import count

from xdpconform.judge.hashes import TRUE
from xdpconform.judge.toeplitz import flow_input, toeplitz
from xdpconform.netlink.netdev import Capabilities, XdpAct, XdpRxMetadata, XskFlags
from xdpconform.observed_hints import (
    KINDS,
    TAGGED,
    Hints,
    Sent,
    Spread,
    Stamping,
    Told,
    Window,
)

ENODATA, EOPNOTSUPP, EINVAL = -61, -95, -22
ALL = XdpRxMetadata.TIMESTAMP | XdpRxMetadata.HASH | XdpRxMetadata.VLAN_TAG
CLAIMS = Capabilities(XdpAct.BASIC, ALL, XskFlags(0), None)
NONE = CLAIMS._replace(rx_metadata=XdpRxMetadata(0))
KEY = bytes(range(7, 59))
TABLE = (0, 1, 2, 3) * 32
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
"""When the first frame is stamped, by the device's clock."""
WINDOW = Window("PHC", START - 100, START + 1_000_000)
FAR = 5_000 * SECOND
TCI = 0x2007


def _sent() -> tuple[Sent, ...]:
    numbers = count()
    found = []
    for _repeat in range(2):
        for kind in KINDS:
            for flow in range(2):
                ends: tuple[bytes, bytes] = (b"", b"")
                ports = None
                if kind.startswith("ip"):
                    size = 4 if kind.startswith("ipv4") else 16
                    ends = bytes([1 + flow] * size), bytes([128 + 2 * flow] * size)
                    ports = (7 + flow, 900 + 13 * flow) if "-" in kind else None
                tag = TCI if kind in TAGGED else None
                found.append(Sent(next(numbers), kind, *ends, ports, tag))
    return tuple(found)


def hashed(sent: Sent, *, ports: bool = True) -> int:
    """The hash that the NIC's key gives a flow."""
    over = sent.ports if ports else None
    return toeplitz(KEY, flow_input(sent.source, sent.destination, over)) if sent.source else 0


def _told(sent: Sent) -> Told:
    rx_hash = hashed(sent)
    return Told(
        sent,
        START + 10 * sent.number,
        rx_hash,
        TRUE[sent.kind],
        TAGGED.get(sent.kind, 0),
        sent.tag or 0,
        (0, 0 if sent.source else ENODATA, 0 if sent.tag else ENODATA),
        TABLE[rx_hash % len(TABLE)],
        0x0800,
    )


SENT = _sent()
FINE = Hints(
    CLAIMS,
    "native",
    sent=SENT,
    told=tuple(map(_told, SENT)),
    features={"rx-hashing": True, "rx-vlan-hw-parse": True},
    clocks=(
        Window("CLOCK_TAI", FAR, FAR + SECOND),
        Window("CLOCK_REALTIME", FAR, FAR + SECOND),
        WINDOW,
    ),
    spread=Spread("toeplitz", KEY, TABLE),
    stamping=Stamping(hardware=True, every=True, on=True),
)
"""Everything claimed, and everything true."""


def with_returned(seen: Hints, hint: int, code: int | None, *kinds: str) -> Hints:
    """The same where one kfunc returned something else, of all kinds of frames or of some."""

    def altered(one: Told) -> Told:
        if kinds and one.sent.kind not in kinds:
            return one
        codes = list(one.returned)
        codes[hint] = code
        return one._replace(returned=(codes[0], codes[1], codes[2]))

    return seen._replace(told=tuple(map(altered, seen.told)))


def nobody(seen: Hints) -> Hints:
    """The same with EOPNOTSUPP for everything."""
    for hint in range(3):
        seen = with_returned(seen, hint, EOPNOTSUPP)
    return seen


def of_one(seen: Hints, number: int, **fields: object) -> Hints:
    """The same with something else told of one frame."""
    return seen._replace(
        told=tuple(
            one._replace(**fields) if one.sent.number == number else one  # type: ignore[arg-type]
            for one in seen.told
        )
    )


def of_kind(seen: Hints, kind: str, **fields: object) -> Hints:
    """The same with something else told of one kind of frame."""
    return seen._replace(
        told=tuple(
            one._replace(**fields) if one.sent.kind == kind else one  # type: ignore[arg-type]
            for one in seen.told
        )
    )
