# SPDX-License-Identifier: MIT
"""Ways in which AF_XDP sockets and what is asked for their frames can be wrong beside claims.

No zero copy is to be had of a veth or a tap: what it would show of a NIC that has it stands in
place of what was seen, with one thing wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tests.facts.nics import capabilities
from xdpconform.netlink.netdev import XskFlags
from xdpconform.observed import Arrivals, Refusal
from xdpconform.observed_xsk import (
    AUTOMATIC,
    COPIED,
    COPY,
    TRIPS,
    UNCOPIED,
    ZERO_COPY,
    Asked,
    Bound,
    Launches,
    Neighbours,
    Release,
    Segments,
    Sockets,
    Stamps,
    Sums,
    Trial,
    Trip,
    TxHints,
    Wedge,
    ZeroCopy,
)

T = TypeVar("T")

CLAIMS = capabilities(["basic", "redirect", "rx-sg", "xsk-zerocopy"], 3)
TX_CLAIMS = CLAIMS._replace(
    xsk=XskFlags.TX_TIMESTAMP | XskFlags.TX_CHECKSUM | XskFlags.TX_LAUNCH_TIME_FIFO
)
WHOLE = Trip(100, "", Arrivals(100, 100), completed=100)
CUT = Trip(100, "", Arrivals(99, 99), completed=99)
MOMENTS = ("before sent", "before received", "beside sent", "beside received", "after sent")


def socket(mode: str, trip: Trip, *words: str) -> Bound:
    """A socket in this mode, each of whose trips went so."""
    return Bound(0, mode, None, mode == ZERO_COPY, dict.fromkeys(words, trip))


def of(kind: type[T], seen: Callable[[T], object]) -> Callable[[object], object]:
    """What is seen in place of values of a kind."""
    return lambda value: seen(value) if isinstance(value, kind) else value


LOSING = ZeroCopy(
    CLAIMS,
    (socket(ZERO_COPY, CUT, *TRIPS),),
    (Bound(0, AUTOMATIC, None, False),),
    (socket(COPY, WHOLE, *TRIPS),),
)
DISTURBED = Neighbours(
    CLAIMS,
    2,
    socket(ZERO_COPY, CUT, *MOMENTS),
    Bound(1, ZERO_COPY, None, True),
    socket(COPY, WHOLE, *MOMENTS),
)
PARTS = Segments(
    CLAIMS,
    Bound(0, ZERO_COPY, None, True),
    socket(ZERO_COPY, CUT, "most", "more", "next"),
    socket(COPY, WHOLE, "most", "received"),
    3,
    received=socket(ZERO_COPY, CUT, "received"),
    mtu=9000,
    buffers=3,
)
NEVER = {COPY: None, ZERO_COPY: None}
CLOCK = 1_700_000_000_000_000_000
SILENT = Asked(
    UNCOPIED,
    None,
    True,
    16,
    16,
    Stamps(4, 4, (None,) * 4, (("PHC", CLOCK, CLOCK + 1000),)),
    {"ipv4-udp": Sums(4, 0, 4)},
    Launches(4, "PHC", (-20_000_000,) * 4),
)
WORKING = SILENT._replace(
    mode=COPIED,
    zerocopy=False,
    stamps=Stamps(4, 4, (CLOCK + 5,) * 4, (("PHC", CLOCK, CLOCK + 1000),)),
    sums={"ipv4-udp": Sums(4, 4)},
)


def _refusals(value: object) -> object:
    """Every bind is accepted, whatever is wrong with it."""
    if isinstance(value, dict) and "no-queue" in value:
        return dict.fromkeys(value)
    return value


def _short(seen: Sockets) -> Sockets:
    """In each trial something else is counted than should be; zero copy as if it were there."""
    trials = seen.trials or (Trial("SEND_RECEIVE", 0, {"frames": 8}, {"frames": 8}),)
    wrong = tuple(
        one._replace(seen={what: count + 1 for what, count in one.wanted.items()}, skipped="")
        for one in trials
        if one.wanted
    )
    return seen._replace(
        claims=CLAIMS,
        trials=wrong,
        control=tuple(one._replace(seen=dict(one.wanted), problem="") for one in wrong),
        confirmed=seen.zero_copy,
        bind=None,
        program=None,
    )


BREAKS: list[tuple[str, Callable[[object], object]]] = [
    (
        "one frame of each way is lost in zero copy, and automatic mode copies",
        of(ZeroCopy, lambda _: LOSING),
    ),
    (
        "one frame of the first socket is lost beside the second",
        of(Neighbours, lambda _: DISTURBED),
    ),
    ("one frame in several segments is lost in zero copy", of(Segments, lambda _: PARTS)),
    (
        "the queue of a socket that is gone stays busy",
        of(Release, lambda _: Release(CLAIMS, NEVER, NEVER, None, 10)),
    ),
    ("no bind is refused", _refusals),
    ("sockets count something else", of(Sockets, _short)),
    (
        "nothing that is asked for sent frames is done",
        of(TxHints, lambda _: TxHints(TX_CLAIMS, WORKING, SILENT, True, True, True)),
    ),
    (
        "no zero copy, though it is claimed",
        of(
            Wedge,
            lambda seen: (
                seen._replace(claims=CLAIMS, refused=Refusal("EOPNOTSUPP"))
                if seen.mode == UNCOPIED
                else seen
            ),
        ),
    ),
]
