# SPDX-License-Identifier: MIT
"""Zero copy and segments against claims, both ways, as devices would show them that have it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.nics import capabilities
from xdpconform.judge import segments as parts
from xdpconform.judge import zerocopy as judge
from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.observed import Arrivals, Refusal
from xdpconform.observed_xsk import (
    AUTOMATIC,
    BINDS,
    COPY,
    TRIPS,
    ZERO_COPY,
    Bound,
    Neighbours,
    Release,
    Segments,
    Trip,
    ZeroCopy,
)

PASS, FAIL, NOT_CLAIMED, BLOCKED = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.NOT_CLAIMED,
    Outcome.BLOCKED,
)
OVER, UNDER, MISMATCH = Kind.OVER_CLAIM, Kind.UNDER_CLAIM, Kind.MISMATCH
NONE = capabilities(["basic", "redirect"])
CLAIMED = capabilities(["basic", "redirect", "xsk-zerocopy"], 3)
ONE = capabilities(["basic", "redirect", "xsk-zerocopy"], 1)
UNTOLD = capabilities(["basic", "redirect", "xsk-zerocopy"])
NUMBER = capabilities(["basic", "redirect"], 1)
UNSUPPORTED = Refusal("EOPNOTSUPP")
MTU = "its MTU is 9000: ip link set eth7 mtu 1500"
UNKNOWN = "what the NIC claims is not known"

GOOD = Trip(100, "", Arrivals(100, 100))
SENT = GOOD._replace(completed=100)
LOST = Trip(100, "", Arrivals(99, 99), completed=99)
ALTERED = GOOD._replace(came=Arrivals(100, 98))
TWICE = GOOD._replace(came=Arrivals(100, 100, 1))
ELSEWHERE = Trip(100, "", Arrivals(), passed_by=100)
STUCK = Trip(100, "", Arrivals(100, 100), completed=100, problem="no room to send for 1 s")
WHOLE = dict.fromkeys(TRIPS, GOOD) | {"bare": SENT, "sent": SENT}


def zero(queue: int = 0, **trips: Trip) -> Bound:
    """A queue in zero copy, of which some trips went another way."""
    changed = {word.replace("_", "-"): trip for word, trip in trips.items()}
    return Bound(queue, ZERO_COPY, None, True, {**WHOLE, **changed})


def refused(mode: str = ZERO_COPY, refusal: Refusal = UNSUPPORTED, queue: int = 0) -> Bound:
    """A queue whose bind is refused."""
    return Bound(queue, mode, refusal)


CONTROL = Bound(0, COPY, None, False, WHOLE)
FINE = ZeroCopy(
    CLAIMED,
    (zero(), zero(1)),
    (Bound(0, AUTOMATIC, None, True), Bound(1, AUTOMATIC, None, True)),
    (CONTROL,),
)
VETH = ZeroCopy(NONE, (refused(),), (Bound(0, AUTOMATIC, None, False),), (CONTROL,))


def outcome(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """What a line says; its evidence must be JSON."""
    json.dumps(finding.evidence)
    return finding.outcome, finding.kind, finding.reason


WORKS = "it works, and xsk-zerocopy is not claimed"
BARE = "xsk-zerocopy is not claimed, and queue 0: EOPNOTSUPP"
LIE = "xsk-zerocopy is claimed, and queue 0: EOPNOTSUPP"

BOUND = {
    "claimed, bound": (FINE, PASS, None, ""),
    "unclaimed, bound": (FINE._replace(claims=NONE), FAIL, UNDER, WORKS),
    "unclaimed, refused": (VETH, NOT_CLAIMED, None, BARE),
    "claimed, refused": (VETH._replace(claims=CLAIMED), FAIL, OVER, LIE),
    "claimed, segments untold, refused": (VETH._replace(claims=UNTOLD), FAIL, OVER, LIE),
    "claimed, one queue refused": (
        FINE._replace(binds=(zero(), refused(refusal=Refusal("EINVAL"), queue=1))),
        FAIL,
        OVER,
        "xsk-zerocopy is claimed, and queue 1: EINVAL",
    ),
    "unclaimed, one queue bound": (
        FINE._replace(claims=NONE, binds=(zero(), refused(queue=1))),
        FAIL,
        UNDER,
        "some queues are in zero copy, and xsk-zerocopy is not claimed",
    ),
    "claimed, refused for want of something": (
        VETH._replace(claims=CLAIMED, lacking=(MTU,)),
        BLOCKED,
        None,
        f"queue 0: EOPNOTSUPP; {MTU}",
    ),
    "claimed, bound in copy mode": (
        FINE._replace(binds=(zero()._replace(zerocopy=False),)),
        FAIL,
        OVER,
        "xsk-zerocopy is claimed, and queue 0: bound, XDP_OPTIONS says copy",
    ),
    "unclaimed, another errno": (
        VETH._replace(binds=(refused(refusal=Refusal("EINVAL")),)),
        FAIL,
        MISMATCH,
        "xsk-zerocopy is not claimed, and a bind says EINVAL in place of EOPNOTSUPP",
    ),
    "somebody's": (
        VETH._replace(claims=CLAIMED, binds=(refused(refusal=Refusal("EBUSY")),)),
        BLOCKED,
        None,
        "queue 0 is somebody else's: ss --xdp -ap shows whose",
    ),
    "unknown": (FINE._replace(claims=None), BLOCKED, None, UNKNOWN),
}


@pytest.mark.parametrize("name", BOUND)
def test_bind(name: str) -> None:
    """A forced bind is accepted and confirmed on every queue, if and only if that is claimed."""
    seen, *expected = BOUND[name]

    assert tuple(expected) == outcome(judge.bind(seen))


FELL_BACK = "xsk-zerocopy is claimed, and queue 0: bound, XDP_OPTIONS says copy"
AUTO = {
    "claimed, zero copy": (FINE, PASS, None, ""),
    "claimed, fell back": (VETH._replace(claims=CLAIMED), FAIL, OVER, FELL_BACK),
    "claimed, fell back by a setting": (
        VETH._replace(claims=CLAIMED, lacking=("rx-gro-hw is on",)),
        BLOCKED,
        None,
        "queue 0: bound, XDP_OPTIONS says copy; rx-gro-hw is on",
    ),
    "unclaimed, fell back": (
        VETH,
        NOT_CLAIMED,
        None,
        "xsk-zerocopy is not claimed, and queue 0: bound, XDP_OPTIONS says copy",
    ),
    "unclaimed, zero copy": (FINE._replace(claims=NONE), FAIL, UNDER, WORKS),
    "refused": (
        VETH._replace(automatic=(refused(AUTOMATIC),)),
        FAIL,
        MISMATCH,
        "it falls back to copy mode on any device, and queue 0: EOPNOTSUPP",
    ),
    "unknown": (VETH._replace(claims=None), BLOCKED, None, UNKNOWN),
}


@pytest.mark.parametrize("name", AUTO)
def test_automatic(name: str) -> None:
    """A silent fall-back to copy mode is found by XDP_OPTIONS."""
    seen, *expected = AUTO[name]

    assert tuple(expected) == outcome(judge.automatic(seen))


SET_UP = ", so the set-up is at fault: look at the cable, the peer, and what else uses the NIC"
# way, its trip in zero copy, the control's, the claims, and what is said
CARRIED = {
    "whole": ("received", GOOD, GOOD, CLAIMED, PASS, None, ""),
    "whole, unclaimed": ("received", GOOD, GOOD, NONE, FAIL, UNDER, WORKS),
    "lost": (
        "sent",
        LOST,
        SENT,
        CLAIMED,
        FAIL,
        OVER,
        (
            "xsk-zerocopy is claimed, and"
            " queue 0: 100 frames sent, 99 came, 99 completed; in copy mode"
            " every frame comes"
        ),
    ),
    "lost, unclaimed": (
        "sent",
        LOST,
        SENT,
        NONE,
        FAIL,
        MISMATCH,
        "queue 0: 100 frames sent, 99 came, 99 completed; in copy mode every frame comes",
    ),
    "altered": (
        "received",
        ALTERED,
        GOOD,
        CLAIMED,
        FAIL,
        OVER,
        (
            "xsk-zerocopy is claimed, and queue 0: 100 frames sent, 100 came, 2 of them altered; in"
            " copy mode every frame comes"
        ),
    ),
    "twice": (
        "host-received",
        TWICE,
        GOOD,
        CLAIMED,
        FAIL,
        OVER,
        (
            "xsk-zerocopy is claimed, and queue 0: 100 frames sent, 100 came, 1 came again; in copy"
            " mode every frame comes"
        ),
    ),
    "stuck": (
        "bare",
        STUCK,
        SENT,
        CLAIMED,
        FAIL,
        OVER,
        (
            "xsk-zerocopy is claimed, and"
            " queue 0: 100 frames sent, 100 came, no room to send for 1 s;"
            " in copy mode every frame comes"
        ),
    ),
    "lost in copy mode too": (
        "sent",
        LOST,
        LOST,
        CLAIMED,
        BLOCKED,
        None,
        (
            "queue 0: 100 frames sent, 99 came, 99 completed; in copy mode too (100 frames sent, 99"
            f" came, 99 completed){SET_UP}"
        ),
    ),
    "lost, and no control": (
        "sent",
        LOST,
        None,
        CLAIMED,
        BLOCKED,
        None,
        (
            "queue 0: 100 frames sent, 99 came, 99 completed; in copy mode too (it was not"
            f" tried){SET_UP}"
        ),
    ),
    "by another queue": (
        "received",
        ELSEWHERE,
        GOOD,
        CLAIMED,
        BLOCKED,
        None,
        "no frame came in through any queue that was bound: set where frames without IP go",
    ),
}


@pytest.mark.parametrize("name", CARRIED)
def test_carried(name: str) -> None:
    """What does not come whole in zero copy is the driver's fault only if it does in copy mode."""
    way, trip, control, claims, *expected = CARRIED[name]
    assert isinstance(trip, Trip)
    controls = () if control is None else (CONTROL._replace(trips={way: control}),)
    one = zero()._replace(trips={**WHOLE, way: trip})

    found = judge.carried(ZeroCopy(claims, (one,), (), controls), way)

    assert tuple(expected) == outcome(found)


@pytest.mark.parametrize("way", TRIPS)
def test_carried_queues(way: str) -> None:
    """Every queue counts; frames that come by one of them are enough."""
    bad = Bound(1, ZERO_COPY, None, True, {**WHOLE, way: LOST})
    fair = Bound(1, ZERO_COPY, None, True, {**WHOLE, way: ELSEWHERE})
    controls = (CONTROL, CONTROL._replace(queue=1))

    over = judge.carried(FINE._replace(binds=(zero(), bad), controls=controls), way)
    fine = judge.carried(FINE._replace(binds=(zero(), fair), controls=controls), way)

    assert (FAIL, OVER) == (over.outcome, over.kind)
    assert PASS is fine.outcome


@pytest.mark.parametrize("way", TRIPS)
def test_not_carried(way: str) -> None:
    """Where nothing was bound that is told, and where nothing was sent it is blocked."""
    bare = FINE._replace(binds=(zero()._replace(trips={}),))
    alone = FINE._replace(
        binds=(zero()._replace(trips={"bare": SENT}),), program=Refusal("EINVAL", "no queues")
    )

    assert (NOT_CLAIMED, None, BARE) == outcome(judge.carried(VETH, way))
    assert (FAIL, OVER, LIE) == outcome(judge.carried(VETH._replace(claims=CLAIMED), way))
    assert (
        BLOCKED,
        None,
        (
            "nothing sends frames to the NIC: name the port cabled to it with --peer, or use its"
            " loopback with --loopback"
        ),
    ) == outcome(judge.carried(bare, way))
    refusal = "no program can be attached (EINVAL (no queues)); see XDP-ATTACH-01"
    expected = (PASS, None, "") if way == "bare" else (BLOCKED, None, refusal)
    assert expected == outcome(judge.carried(alone, way))


MOMENTS = {f"{when} {way}": GOOD for when in ("before", "beside", "after") for way in TRIPS[1:3]}
PAIR = Neighbours(
    CLAIMED,
    2,
    zero()._replace(trips=MOMENTS),
    zero(1)._replace(trips={"sent": SENT}),
    CONTROL._replace(trips=MOMENTS),
)
BESIDE = PAIR.first._replace(trips={**MOMENTS, "beside received": LOST})
NEIGHBOURS = {
    "undisturbed": (PAIR, PASS, None, ""),
    "unclaimed": (PAIR._replace(claims=NONE), FAIL, UNDER, WORKS),
    "disturbed": (
        PAIR._replace(first=BESIDE),
        FAIL,
        OVER,
        (
            "xsk-zerocopy is claimed, and"
            " beside received: 100 frames sent, 99 came, 99 completed; in"
            " copy mode every frame comes"
        ),
    ),
    "the second sends nothing": (
        PAIR._replace(second=zero(1)._replace(trips={"sent": LOST})),
        FAIL,
        OVER,
        (
            "xsk-zerocopy is claimed, and"
            " second sent: 100 frames sent, 99 came, 99 completed; in copy"
            " mode every frame comes"
        ),
    ),
    "the second is refused": (
        PAIR._replace(second=refused(queue=1)),
        FAIL,
        OVER,
        "xsk-zerocopy is claimed, and queue 1: EOPNOTSUPP",
    ),
    "one queue": (
        PAIR._replace(queues=1, second=None),
        BLOCKED,
        None,
        "the NIC uses 1 queue: give it two (ethtool -L IFACE combined 2)",
    ),
    "refused": (Neighbours(NONE, 1, refused()), NOT_CLAIMED, None, BARE),
    "refused, claimed": (Neighbours(CLAIMED, 1, refused()), FAIL, OVER, LIE),
}


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_undisturbed(name: str) -> None:
    """A second socket leaves the first alone, at every moment."""
    seen, *expected = NEIGHBOURS[name]

    assert tuple(expected) == outcome(judge.undisturbed(seen))


@pytest.mark.parametrize("word", BINDS)
def test_refusal(word: str) -> None:
    """Another errno, or none, is not as the kernel's order has it."""
    other = "ENOMEM"

    fine = judge.refusal({word: Refusal(BINDS[word])}, word)
    wrong = judge.refusal({word: Refusal(other)}, word)
    none = judge.refusal({word: None}, word)

    told = f"a bind that should say {BINDS[word]} says"
    assert (PASS, None, "") == outcome(fine)
    assert (FAIL, MISMATCH, f"{told} {other}") == outcome(wrong)
    assert (FAIL, MISMATCH, f"{told} accepted") == outcome(none)


TIMES = {ZERO_COPY: 12.0, COPY: 15.0}
FREE = Release(CLAIMED, TIMES, TIMES, None, 10)
RELEASED = {
    "free": (FREE, PASS, None, ""),
    "unclaimed": (FREE._replace(claims=NONE), FAIL, UNDER, WORKS),
    "busy after a kill": (
        FREE._replace(killed_ms={ZERO_COPY: None}),
        FAIL,
        MISMATCH,
        "a queue stays busy whose socket is gone",
    ),
    "refused": (Release(NONE, refused=UNSUPPORTED, waited=10), NOT_CLAIMED, None, BARE),
    "refused, claimed": (Release(CLAIMED, refused=UNSUPPORTED, waited=10), FAIL, OVER, LIE),
}


@pytest.mark.parametrize("name", RELEASED)
def test_released(name: str) -> None:
    """How long a queue stays busy is told; that it does for ever is wrong."""
    seen, *expected = RELEASED[name]

    assert tuple(expected) == outcome(judge.released(seen))


def test_released_told() -> None:
    """Copy mode's times are told beside a bind that is refused."""
    copied = Release(NONE, {COPY: 18.0}, {COPY: 30.5}, UNSUPPORTED, 10)

    found = judge.released(copied)

    assert "queue 0: EOPNOTSUPP; closed, copy: 18.0 ms; killed, copy: 30.5 ms" == found.observed


MORE = Trip(1, "", Arrivals(), completed=1)
PARTS = {"most": Trip(10, "", Arrivals(10, 10), completed=10), "more": MORE, "next": SENT}
BUFFERED = Trip(10, "", Arrivals(10, 10))
SPLIT = Bound(0, ZERO_COPY, None, True, PARTS)
COPIED = Bound(0, COPY, None, False, {"most": PARTS["most"], "received": BUFFERED})
THREE = Segments(
    CLAIMED,
    SPLIT,
    SPLIT,
    COPIED,
    3,
    Bound(0, ZERO_COPY, None, True, {"received": BUFFERED}),
    4198,
    3,
    5351,
    Refusal("EINVAL"),
)
SINGLE = THREE._replace(claims=ONE, asked=refused(), most=1, received=None)
NOTHING = Segments(NONE, refused(), refused(), COPIED, 2, refused(), 2790)
FEW = Trip(10, "", Arrivals(9, 9), completed=10)


def split(**trips: Trip) -> Segments:
    """Three segments, of which some trips went another way."""
    return THREE._replace(bound=SPLIT._replace(trips={**PARTS, **trips}))


NUMBER_LIE = "xdp-zc-max-segs 1 is claimed, and queue 0: EOPNOTSUPP"
SEGMENTS_SENT = {
    "as claimed": (THREE, PASS, None, ""),
    "one": (SINGLE, PASS, None, ""),
    "unclaimed": (NOTHING, NOT_CLAIMED, None, BARE),
    "claimed, refused": (NOTHING._replace(claims=CLAIMED), FAIL, OVER, LIE),
    "a number alone": (NOTHING._replace(claims=NUMBER), FAIL, OVER, NUMBER_LIE),
    "not told": (
        THREE._replace(claims=UNTOLD),
        NOT_CLAIMED,
        None,
        "xdp-zc-max-segs is not reported, so nothing is promised",
    ),
    "zero": (
        THREE._replace(claims=CLAIMED._replace(zc_max_segs=0), most=1),
        FAIL,
        UNDER,
        "xdp-zc-max-segs is 0, and a frame in one segment is sent",
    ),
    "another number": (
        THREE._replace(claims=CLAIMED._replace(zc_max_segs=17)),
        BLOCKED,
        None,
        "17 segments are claimed, and 3 were tried",
    ),
    "fewer than claimed": (
        split(most=FEW),
        FAIL,
        OVER,
        (
            "xsk-zerocopy is claimed, and"
            " 3 segments: 10 frames sent, 9 came; in copy mode every frame"
            " comes"
        ),
    ),
    "more than claimed": (
        split(more=MORE._replace(came=Arrivals(1, 1))),
        FAIL,
        UNDER,
        "xdp-zc-max-segs is 3, and a frame of 4 segments arrives",
    ),
    "stuck after more": (
        split(next=LOST),
        FAIL,
        MISMATCH,
        "after a frame of 4 segments: 100 frames sent, 99 came, 99 completed",
    ),
    "one, and more can be bound": (
        SINGLE._replace(asked=SPLIT),
        FAIL,
        UNDER,
        "xdp-zc-max-segs is 1, and a bind with XDP_USE_SG is accepted",
    ),
    "three, and only one can be bound": (
        THREE._replace(asked=refused(), bound=refused()),
        FAIL,
        OVER,
        LIE,
    ),
    "unknown": (THREE._replace(claims=None), BLOCKED, None, UNKNOWN),
}


@pytest.mark.parametrize("name", SEGMENTS_SENT)
def test_segments_sent(name: str) -> None:
    """As many segments as claimed are sent, and not one more."""
    seen, *expected = SEGMENTS_SENT[name]

    assert tuple(expected) == outcome(parts.sent(seen))


def larger(refusal: Refusal | None) -> Segments:
    """Another answer at an MTU of more buffers than claimed."""
    return THREE._replace(too_large=refusal)


SEGMENTS_RECEIVED = {
    "as claimed": (THREE, PASS, None, ""),
    "no larger MTU": (THREE._replace(above=0, too_large=None), PASS, None, ""),
    "one": (
        SINGLE,
        NOT_CLAIMED,
        None,
        "xdp-zc-max-segs is 1: frames of several buffers are not promised",
    ),
    "unclaimed": (NOTHING, NOT_CLAIMED, None, BARE),
    "claimed, refused": (NOTHING._replace(claims=CLAIMED), FAIL, OVER, LIE),
    "a number alone": (NOTHING._replace(claims=NUMBER), FAIL, OVER, NUMBER_LIE),
    "lost": (
        THREE._replace(received=SPLIT._replace(trips={"received": FEW})),
        FAIL,
        OVER,
        (
            "xsk-zerocopy is claimed, and"
            " MTU 4198: 10 frames sent, 9 came; in copy mode every frame"
            " comes"
        ),
    ),
    "refused at that MTU": (THREE._replace(received=refused()), FAIL, OVER, LIE),
    "accepted above": (
        larger(None),
        FAIL,
        MISMATCH,
        "a bind at MTU 5351, which needs more than 3 buffers, says nothing",
    ),
    "another errno above": (
        larger(Refusal("ENOMEM")),
        FAIL,
        MISMATCH,
        "a bind at MTU 5351, which needs more than 3 buffers, says ENOMEM",
    ),
    "by another queue": (
        THREE._replace(
            received=SPLIT._replace(trips={"received": Trip(10, "", Arrivals(), passed_by=10)})
        ),
        BLOCKED,
        None,
        "no frame came in through queue 0: set where frames without IP go",
    ),
    "no such MTU": (THREE._replace(received=None), BLOCKED, None, "the NIC takes no MTU of 4198"),
    "no program": (
        THREE._replace(received=None, program=UNSUPPORTED),
        BLOCKED,
        None,
        "no program can be attached (EOPNOTSUPP); see XDP-ATTACH-01",
    ),
    "unknown": (THREE._replace(claims=None), BLOCKED, None, UNKNOWN),
}


@pytest.mark.parametrize("name", SEGMENTS_RECEIVED)
def test_segments_received(name: str) -> None:
    """Frames of several buffers come whole, and an MTU of more than claimed is refused."""
    seen, *expected = SEGMENTS_RECEIVED[name]

    assert tuple(expected) == outcome(parts.received(seen))


JUDGES: dict[str, Callable[[ZeroCopy], Finding]] = {
    "bind": judge.bind,
    "automatic": judge.automatic,
    **{way: (lambda seen, way=way: judge.carried(seen, way)) for way in TRIPS},  # type: ignore[misc]
}
counts = st.integers(0, 3)
trips = st.builds(
    Trip,
    counts,
    st.just(""),
    st.builds(Arrivals, counts, counts, counts),
    counts,
    st.none() | counts,
    st.sampled_from(["", "stuck"]),
)
sockets = st.builds(
    Bound,
    st.integers(0, 1),
    st.just(ZERO_COPY),
    st.none() | st.sampled_from([UNSUPPORTED, Refusal("EINVAL"), Refusal("EBUSY")]),
    st.booleans(),
    st.fixed_dictionaries(dict.fromkeys(TRIPS, trips)),
)


@pytest.mark.parametrize("name", JUDGES)
@given(
    seen=st.builds(
        ZeroCopy,
        st.none() | st.sampled_from([NONE, CLAIMED, ONE, UNTOLD]),
        st.lists(sockets, min_size=1, max_size=2).map(tuple),
        st.lists(sockets, min_size=1, max_size=2).map(tuple),
        st.lists(sockets, max_size=2).map(tuple),
        st.none() | st.just(UNSUPPORTED),
        st.sampled_from([(), (MTU,)]),
    )
)
def test_anything(name: str, seen: ZeroCopy) -> None:
    """Whatever was seen is judged; copy mode never passes, nor does a frame that is missing."""
    found = JUDGES[name](seen)

    assert outcome(found)[0] in (PASS, FAIL, NOT_CLAIMED, BLOCKED)
    assert (found.outcome is FAIL) == (found.kind is not None)
    if found.outcome is PASS:
        used = seen.automatic if name == "automatic" else seen.binds
        assert all(one.zerocopy and one.refused is None for one in used)
        if name in TRIPS:
            assert all(one.trips[name].whole for one in {one.queue: one for one in used}.values())
    if seen.claims is None:
        assert BLOCKED is found.outcome
