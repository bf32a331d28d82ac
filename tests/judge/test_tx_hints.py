# SPDX-License-Identifier: MIT
"""What a NIC does for frames it sends, against claims: every outcome, both ways.

No device here has zero copy: what one would do is made of values.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.nics import capabilities
from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.judge.tx_hints import EARLY, LATE, LATE_ARRIVAL, SLACK, kept, spread, unwedged
from xdpconform.netlink.netdev import XskFlags
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import (
    COPIED,
    LEAD,
    TX_HINTS,
    UNCOPIED,
    Asked,
    Invalid,
    Launches,
    Stamps,
    Sums,
    TxHints,
    Wedge,
)

PASS, FAIL, NOT_CLAIMED, BLOCKED = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.NOT_CLAIMED,
    Outcome.BLOCKED,
)
OVER, UNDER, MISMATCH = Kind.OVER_CLAIM, Kind.UNDER_CLAIM, Kind.MISMATCH
ZERO = capabilities(["basic", "redirect", "xsk-zerocopy"])
ALL = XskFlags.TX_TIMESTAMP | XskFlags.TX_CHECKSUM | XskFlags.TX_LAUNCH_TIME_FIFO
CLAIMS = ZERO._replace(xsk=ALL)
NONE = ZERO._replace(xsk=XskFlags(0))
NO_ZERO = capabilities(["basic", "redirect"])._replace(xsk=ALL)
NOTHING = NO_ZERO._replace(xsk=XskFlags(0))
EOPNOTSUPP = Refusal("EOPNOTSUPP")
NAMES = {
    "timestamp": "tx-timestamp",
    "checksum": "tx-checksum",
    "launch-time": "tx-launch-time-fifo",
}

T = 1_700_000_000_000_000_000
WINDOW = (("PHC", T, T + 1000), ("CLOCK_REALTIME", T * 2, T * 2 + 1000))
STAMPS = Stamps(4, 4, (T + 10, T + 20, T + 20, T + 30), WINDOW)
SUMS = {"ipv4-udp": Sums(4, 4), "ipv6-tcp": Sums(4, 4)}
AS_SENT = {kind: Sums(4, 0, 4) for kind in SUMS}
LAUNCHES = Launches(4, "PHC", (50_000,) * 4, (100, 200, 300, 400))
AT_ONCE = Launches(4, "PHC", (-LEAD,) * 4)
DONE = Asked(UNCOPIED, None, True, 16, 16, STAMPS, SUMS, LAUNCHES)
UNDONE = DONE._replace(stamps=STAMPS._replace(values=(None,) * 4), sums=AS_SENT, launches=AT_ONCE)
CONTROL = Asked(
    COPIED,
    None,
    False,
    16,
    16,
    STAMPS._replace(values=(T * 2,) * 4),
    SUMS,
    AT_ONCE,
)
FINE = TxHints(CLAIMS, CONTROL, DONE, True, True, True, "eth7")
IDLE = FINE._replace(zero=UNDONE)
REFUSED = FINE._replace(zero=Asked(UNCOPIED, EOPNOTSUPP))


def outcome(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """What a line says; its evidence must be JSON."""
    json.dumps(finding.evidence)
    return finding.outcome, finding.kind, finding.reason


def claiming(seen: TxHints, claims: object) -> TxHints:
    """The same with other claims."""
    return seen._replace(claims=claims)  # type: ignore[arg-type]


WHY = {
    "timestamp": "completions are left as they were",
    "checksum": "checksums arrive as they were sent",
    "launch-time": "frames leave at once",
}


@pytest.mark.parametrize("hint", TX_HINTS)
def test_two_way(hint: str) -> None:
    """What is claimed is done, and what is not claimed is not done: else a fail each way."""
    name, why = NAMES[hint], WHY[hint]

    assert (PASS, None, "") == outcome(kept(FINE, hint))
    assert (FAIL, OVER, f"{name} is claimed; {why}") == outcome(kept(IDLE, hint))
    assert (FAIL, UNDER, f"{name} is not claimed, and it works") == outcome(
        kept(claiming(FINE, NONE), hint)
    )
    assert (NOT_CLAIMED, None, f"{name} is not claimed; {why}") == outcome(
        kept(claiming(IDLE, NONE), hint)
    )


NO = "the bind is refused: EOPNOTSUPP"
UNTRIED = "and cannot be tried: only zero copy asks the driver, xsk-zerocopy is not claimed,"
COPY_BOUND = FINE._replace(zero=CONTROL._replace(mode=UNCOPIED))


@pytest.mark.parametrize("hint", TX_HINTS)
@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (claiming(REFUSED, None), (BLOCKED, None, "what the NIC claims is not known")),
        (REFUSED, (FAIL, OVER, f"{{}} and xsk-zerocopy are claimed, and {NO}")),
        (
            claiming(REFUSED, NOTHING),
            (
                NOT_CLAIMED,
                None,
                f"{{}} is not claimed, and there is no zero copy to try it in: {NO}",
            ),
        ),
        (
            claiming(REFUSED, NO_ZERO),
            (
                BLOCKED,
                None,
                f"{{}} is claimed, {UNTRIED} and {NO}",
            ),
        ),
        (
            REFUSED._replace(lacking=("its MTU is 9000: ip link set eth7 mtu 1500",)),
            (BLOCKED, None, f"{NO}; its MTU is 9000: ip link set eth7 mtu 1500"),
        ),
        (
            COPY_BOUND,
            (FAIL, OVER, "{} and xsk-zerocopy are claimed, and the bind gives copy mode"),
        ),
    ],
)
def test_no_zero_copy(seen: TxHints, expected: tuple[Outcome, Kind | None, str], hint: str) -> None:
    """Copy mode never stands in for zero copy, whatever the generic path does there."""
    word, kind, reason = expected

    assert (word, kind, reason.format(NAMES[hint])) == outcome(kept(seen, hint))


def zero(**changes: object) -> TxHints:
    """The fine NIC with something else seen in zero copy."""
    return FINE._replace(zero=DONE._replace(**changes))  # type: ignore[arg-type]


def stamped(*values: int | None, **changes: object) -> TxHints:
    """With these time stamps."""
    return zero(stamps=STAMPS._replace(values=values))._replace(**changes)  # type: ignore[arg-type]


def launched(stamps: tuple[int, ...] = (), arrivals: tuple[int, ...] = (0,) * 4) -> TxHints:
    """With frames late by so much."""
    return zero(launches=Launches(4, "PHC", arrivals, stamps))


ETF = (
    "frames leave at once: no queue has a qdisc that switches launch times on: tc qdisc replace dev"
    " eth7 handle 100 parent root etf clockid CLOCK_TAI delta 500000 offload, or below mqprio"
)
OFF = "each time stamp is 0: the device does not stamp what it sends: hwtstamp_ctl -i eth7 -t 1"
UNREAD = (
    "the time stamps are of an unknown clock: the device's clock cannot be read: no /dev/ptp for"
    " it, or no access"
)
PLAIN = "no frame leaves in zero copy, whatever is asked for it: it does not arrive"
SLOW = (
    f"too late to hold a frame back: the host needs {LEAD - LEAD // 2 + 1} ns to send, as long as"
    " the frames had time"
)
BROKEN_CONTROL = CONTROL._replace(sums={"ipv4-udp": Sums(4, 0, 4)})

# what was seen, of which hint, and outcome, kind and reason; "TS " stands for tx-timestamp claimed
CASES: dict[str, tuple[TxHints, str, Outcome, Kind | None, str]] = {
    "zeros": (stamped(0, 0, 0, 0), "timestamp", FAIL, OVER, "each time stamp is 0"),
    "zeros, off": (stamped(0, 0, 0, 0, stamping=False), "timestamp", BLOCKED, None, OFF),
    "one missing": (stamped(T, T, T, 0), "timestamp", FAIL, MISMATCH, "1 of 4 have no time stamp"),
    "one not completed": (
        stamped(T, T, T),
        "timestamp",
        FAIL,
        MISMATCH,
        "1 of 4 frames are not completed",
    ),
    "backwards": (
        stamped(T, T + 9, T + 4, T + 5),
        "timestamp",
        FAIL,
        MISMATCH,
        "time stamp 2 is 5 ns before its forerunner",
    ),
    "the host's": (
        stamped(*(T * 2,) * 4),
        "timestamp",
        FAIL,
        MISMATCH,
        "the time stamps are of CLOCK_REALTIME, and not of the device's own clock",
    ),
    "nobody's": (
        stamped(*(T + 1000 + SLACK + 1,) * 4),
        "timestamp",
        FAIL,
        MISMATCH,
        "the time stamps are within no clock's window, and not of the device's own clock",
    ),
    "just within": (stamped(*(T + 1000 + SLACK,) * 4), "timestamp", PASS, None, ""),
    "no clock": (stamped(*(T * 3,) * 4, phc=False), "timestamp", BLOCKED, None, UNREAD),
    "one kind": (
        zero(sums={**SUMS, "ipv6-tcp": Sums(4, 0, 4)}),
        "checksum",
        FAIL,
        MISMATCH,
        "ipv6-tcp: 0 of 4 right, 4 as sent, 0 altered, 0 lost",
    ),
    "altered": (
        zero(sums={**SUMS, "ipv4-udp": Sums(4, 2, 0, 1)}),
        "checksum",
        FAIL,
        MISMATCH,
        "ipv4-udp: 2 of 4 right, 0 as sent, 1 altered, 1 lost",
    ),
    "no etf": (IDLE._replace(etf=False), "launch-time", BLOCKED, None, ETF),
    "by stamps": (launched((LATE,) * 4), "launch-time", PASS, None, ""),
    "late": (
        launched((0, 0, 0, LATE + 1)),
        "launch-time",
        FAIL,
        MISMATCH,
        f"a frame leaves {LATE + 1} ns after its time",
    ),
    "by arrivals": (launched((), (LATE_ARRIVAL,) * 4), "launch-time", PASS, None, ""),
    "early": (
        launched((-EARLY - 1, 0, 0, 0)),
        "launch-time",
        FAIL,
        MISMATCH,
        f"a frame leaves {EARLY + 1} ns before its time",
    ),
    "a slow host": (
        zero(launches=Launches(4, "PHC", (0, 0, 0, 0), (), LEAD // 2 - 1)),
        "launch-time",
        BLOCKED,
        None,
        SLOW,
    ),
    "at once, on a slow host": (
        IDLE._replace(
            zero=DONE._replace(launches=Launches(4, "PHC", (-LEAD,) * 4, (), 2 * LEAD - 1))
        ),
        "launch-time",
        FAIL,
        OVER,
        "frames leave at once",
    ),
    "just not early": (launched((-EARLY, 0, 0, 0)), "launch-time", PASS, None, ""),
    "lost": (
        launched((), (0, 0, 0)),
        "launch-time",
        FAIL,
        MISMATCH,
        "1 of 4 frames did not arrive",
    ),
    "refused": (
        zero(problems={"launch-time": "EINVAL"}),
        "launch-time",
        FAIL,
        OVER,
        "the frames are not sent: EINVAL",
    ),
    "never asked": (zero(sums={}), "checksum", FAIL, OVER, "nothing was asked"),
    "nothing leaves": (zero(plain=0), "checksum", BLOCKED, None, PLAIN),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    """What a device does wrong in zero copy is said, and what keeps it from it."""
    seen, hint, word, kind, why = CASES[name]
    reason = f"{NAMES[hint]} is claimed; {why}" if word is FAIL else why

    assert (word, kind, reason) == outcome(kept(seen, hint))


CONTROLS = {
    "checksum": CONTROL._replace(sums=AS_SENT),
    "timestamp": CONTROL._replace(stamps=STAMPS._replace(values=(None,) * 4)),
    "launch-time": CONTROL._replace(launches=None, problems={"launch-time": "EINVAL"}),
}


@pytest.mark.parametrize("hint", TX_HINTS)
@pytest.mark.parametrize("control", [None, Asked(COPIED, EOPNOTSUPP)])
def test_control(hint: str, control: Asked | None) -> None:
    """Where copy mode does not work either, the set-up is at fault; zero copy alone can prove."""
    seen = IDLE._replace(copy=control or CONTROLS[hint])
    reason = f"{WHY[hint]}; it does not work in copy mode either: the set-up"

    assert (BLOCKED, None, reason) == outcome(kept(seen, hint))
    assert PASS is kept(seen._replace(zero=DONE), hint).outcome


def test_unclaimed_broken() -> None:
    """A device that touches what nobody asks it for by a claim is told of, too."""
    seen = claiming(zero(sums={**SUMS, "ipv4-udp": Sums(4, 0, 0, 4)}), NONE)
    reason = "tx-checksum is not claimed, and ipv4-udp: 0 of 4 right, 0 as sent, 4 altered, 0 lost"

    assert (FAIL, MISMATCH, reason) == outcome(kept(seen, "checksum"))


def test_told() -> None:
    """Each mode is told apart, and launch times as a distribution."""
    generic = "copy mode: the generic path works, whatever the driver"
    late = (
        "zero copy: kept; late by least 100 ns, quarter 200 ns, median 300 ns,"
        " three quarters 300 ns, most 400 ns"
    )

    assert f"zero copy: kept; {generic}" == kept(FINE, "timestamp").observed
    assert f"zero copy: refused: EOPNOTSUPP; {generic}" == kept(REFUSED, "checksum").observed
    assert late == kept(FINE, "launch-time").observed.partition("; copy mode")[0]


@given(st.lists(st.integers(), min_size=1))
def test_spread(errors: list[int]) -> None:
    """The five numbers are in order, from the least to the most."""
    found = list(spread(errors).values())

    assert (min(errors), max(errors)) == (found[0], found[-1])
    assert sorted(found) == found


RIGHT = Invalid("a flag", ("EINVAL", "", "", ""), 1, False, 1, True, 0)
SENT = Invalid("a flag", ("", "", "", ""), 1, True, 1, True, 0)
STUCK = Invalid("a flag", ("EINVAL",) * 4, 4, False, 0, False, 2)
COPY = Wedge(NOTHING, COPIED, None, False, True, (RIGHT,))
DIRECT = Wedge(ZERO, UNCOPIED, None, True, True, (SENT,))
TWICE = "a flag: one frame comes back 4 times"
UNSENT = "a flag: what is behind it is not sent"
ALONE = "xsk-zerocopy"

WEDGES: dict[str, tuple[Wedge, Outcome, Kind | None, str]] = {
    "left out": (COPY, PASS, None, ""),
    "sent without": (DIRECT, PASS, None, ""),
    "stuck": (COPY._replace(cases=(STUCK,)), FAIL, MISMATCH, f"{UNSENT}; {TWICE}"),
    "stuck in zero copy": (
        DIRECT._replace(cases=(STUCK._replace(completed=0),)),
        FAIL,
        MISMATCH,
        UNSENT,
    ),
    "twice": (COPY._replace(cases=(RIGHT._replace(completed=4),)), FAIL, MISMATCH, TWICE),
    "the second case": (COPY._replace(cases=(RIGHT, STUCK)), FAIL, MISMATCH, f"{UNSENT}; {TWICE}"),
    "not back": (
        COPY._replace(cases=(RIGHT._replace(next_completed=0),)),
        FAIL,
        MISMATCH,
        "a flag: what is behind it comes back 0 times",
    ),
    "nothing arrives": (
        COPY._replace(plain=False, cases=()),
        BLOCKED,
        None,
        "no frame of the socket arrives at the other end, valid or not",
    ),
    "copy refused": (
        Wedge(NOTHING, COPIED, EOPNOTSUPP),
        BLOCKED,
        None,
        "the bind in copy mode is refused: EOPNOTSUPP",
    ),
    "unclaimed": (
        Wedge(NOTHING, UNCOPIED, EOPNOTSUPP),
        NOT_CLAIMED,
        None,
        f"{ALONE} is not claimed, and there is no zero copy to try it in: {NO}",
    ),
    "claimed": (
        Wedge(ZERO, UNCOPIED, EOPNOTSUPP),
        FAIL,
        OVER,
        f"{ALONE} is claimed, and {NO}",
    ),
    "copy in its place": (
        DIRECT._replace(zerocopy=False),
        FAIL,
        OVER,
        f"{ALONE} is claimed, and the bind gives copy mode",
    ),
    "claims unknown": (
        Wedge(None, UNCOPIED, EOPNOTSUPP),
        BLOCKED,
        None,
        "what the NIC claims is not known",
    ),
}


@pytest.mark.parametrize("name", WEDGES)
def test_wedges(name: str) -> None:
    """A ring that stops at an invalid request fails, whoever is to blame."""
    seen, *expected = WEDGES[name]

    assert tuple(expected) == outcome(unwedged(seen))
