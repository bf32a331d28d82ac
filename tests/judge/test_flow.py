# SPDX-License-Identifier: MIT
"""Frames against claims: every outcome in both directions, and nothing lost that passes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.nics import capabilities
from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.judge.flow import (
    acted,
    acted_on_each,
    arrived,
    counted,
    event_text,
    evidence,
    target,
    told,
    whole,
)
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import ACTIONS, Arrivals, Event, Flow, Refusal

BASIC = capabilities(["basic"])
NONE = capabilities()
REFUSAL = Refusal("EOPNOTSUPP", "LRO is on")
LRO = "rx-lro is on: ethtool -K eth7 lro off"
ALL = Arrivals(100, 100, 0, "ab" * 32)
FEWER = Arrivals(99, 99, 0, "cd" * 32)
ALTERED = Arrivals(100, 98, 0, "ef" * 32)
TWICE = Arrivals(100, 100, 1, "ab" * 32)
SENT = {"mode": "native", "sent": 100, "size": 128, "seen": 100, "seen_bytes": 12800}
PASSED = Flow("XDP_PASS", BASIC, **SENT, delivered=ALL)  # type: ignore[arg-type]
DROPPED = PASSED._replace(what="XDP_DROP", delivered=Arrivals())
EXCEPTION = Event("xdp_exception", "eth7", ACTIONS["XDP_ABORTED"], 100)
ABORTED = DROPPED._replace(what="XDP_ABORTED", events=(EXCEPTION,))
REDIRECTED = DROPPED._replace(what="XDP_REDIRECT", elsewhere=ALL)
REFUSED = Flow("XDP_PASS", BASIC, refused=REFUSAL)
PLACES = ("delivered", "returned", "elsewhere", "nowhere")

UNKNOWN = "what the NIC claims is not known"
WORKS = "it works, and basic is not claimed"
BROKEN = "basic is claimed, and it does not work"
NEITHER = "basic is not claimed, and it does not work"


def outcome(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """What a line says; its evidence must be JSON."""
    json.dumps(finding.evidence)
    return finding.outcome, finding.kind, finding.reason


# name: (flow, where it should come out, expected outcome, kind and reason)
ACTED = {
    "claimed, works": (PASSED, "delivered", Outcome.PASS, None, ""),
    "claimed, dropped": (DROPPED, "nowhere", Outcome.PASS, None, ""),
    "claimed, elsewhere": (REDIRECTED, "elsewhere", Outcome.PASS, None, ""),
    "claimed, returned": (
        DROPPED._replace(returned=ALL),
        "returned",
        Outcome.PASS,
        None,
        "",
    ),
    "unclaimed, works": (
        PASSED._replace(claims=NONE),
        "delivered",
        Outcome.FAIL,
        Kind.UNDER_CLAIM,
        WORKS,
    ),
    "claimed, one lost": (
        PASSED._replace(delivered=FEWER),
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, two altered": (
        PASSED._replace(delivered=ALTERED),
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, one repeated": (
        PASSED._replace(delivered=TWICE),
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, one unseen": (
        PASSED._replace(seen=99),
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, one came back too": (
        PASSED._replace(returned=Arrivals(1, 1)),
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, one let through": (
        DROPPED._replace(delivered=Arrivals(1, 1)),
        "nowhere",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, nothing sent": (
        DROPPED._replace(sent=0, seen=0),
        "nowhere",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, in generic mode": (
        PASSED._replace(mode="generic"),
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, an exception too": (
        PASSED._replace(events=(EXCEPTION,)),
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "claimed, refused": (
        REFUSED,
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        f"{BROKEN}: EOPNOTSUPP (LRO is on)",
    ),
    "claimed, refused for want of something": (
        REFUSED._replace(lacking=(LRO, "its MTU is 9000: ip link set eth7 mtu 1500")),
        "delivered",
        Outcome.BLOCKED,
        None,
        (
            f"the driver refused the program: EOPNOTSUPP (LRO is on); {LRO}; its MTU is 9000: ip"
            " link set eth7 mtu 1500"
        ),
    ),
    "claimed, lacking but not refused": (
        PASSED._replace(delivered=FEWER, lacking=(LRO,)),
        "delivered",
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        BROKEN,
    ),
    "unclaimed, refused": (
        REFUSED._replace(claims=NONE, lacking=(LRO,)),
        "delivered",
        Outcome.NOT_CLAIMED,
        None,
        NEITHER,
    ),
    "unclaimed, lost": (
        PASSED._replace(claims=NONE, delivered=Arrivals()),
        "delivered",
        Outcome.NOT_CLAIMED,
        None,
        NEITHER,
    ),
    "no attribute at all": (
        REFUSED._replace(claims=capabilities()._replace(features=None)),
        "delivered",
        Outcome.NOT_CLAIMED,
        None,
        NEITHER,
    ),
    "unknown, works": (
        PASSED._replace(claims=None),
        "delivered",
        Outcome.BLOCKED,
        None,
        UNKNOWN,
    ),
    "unknown, refused": (
        REFUSED._replace(claims=None),
        "delivered",
        Outcome.BLOCKED,
        None,
        UNKNOWN,
    ),
}


@pytest.mark.parametrize("name", ACTED)
def test_acted(name: str) -> None:
    """What works is claimed, and what is claimed works; else the line says which way it fails."""
    flow, place, *expected = ACTED[name]

    assert tuple(expected) == outcome(acted(flow, place, XdpAct.BASIC))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((EXCEPTION,), Outcome.PASS),
        ((EXCEPTION._replace(hits=60), EXCEPTION._replace(hits=40)), Outcome.PASS),
        ((EXCEPTION._replace(hits=99),), Outcome.FAIL),
        ((), Outcome.FAIL),
        ((EXCEPTION._replace(code=ACTIONS["invalid"]),), Outcome.FAIL),
        ((Event("xdp_redirect_err", "eth7", 0, 100),), Outcome.FAIL),
    ],
    ids=["told", "in two", "not each", "untold", "another action", "another tracepoint"],
)
def test_exceptions(events: tuple[Event, ...], expected: Outcome) -> None:
    """An aborted frame has to be told by xdp_exception, with its action."""
    found = acted(
        ABORTED._replace(events=events), "nowhere", XdpAct.BASIC, exceptions=ACTIONS["XDP_ABORTED"]
    )

    assert expected is found.outcome
    assert "no frame arrives anywhere, and xdp_exception tells each time of action XDP_ABORTED" == (
        found.expected
    )


@pytest.mark.parametrize(
    ("second", "expected"), [(100, Outcome.PASS), (99, Outcome.FAIL), (101, Outcome.FAIL)]
)
def test_second(second: int, expected: Outcome) -> None:
    """A second program has to see each frame once."""
    found = acted(REDIRECTED._replace(second=second), "elsewhere", XdpAct.BASIC, second=True)

    assert expected is found.outcome
    assert (
        "every frame arrives at the target, once and intact, having run through the second program"
    ) == found.expected


def test_several_flags() -> None:
    """Each flag that is missing is named, and all that are needed."""
    flags = (XdpAct.BASIC, XdpAct.RX_SG, XdpAct.REDIRECT)
    works = acted(PASSED, "delivered", *flags)
    broken = acted(
        REFUSED._replace(claims=capabilities(["basic", "rx-sg", "redirect"])), "nowhere", *flags
    )

    assert "it works, and rx-sg and redirect is not claimed" == works.reason
    assert (
        "basic and rx-sg and redirect is claimed, and it does not work: EOPNOTSUPP (LRO is on)"
    ) == broken.reason


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        (PASSED, "100 frames of 128 bytes sent, 100 seen by the program, 100 delivered"),
        (
            PASSED._replace(delivered=ALTERED, returned=Arrivals(3, 3), elsewhere=Arrivals(2, 2)),
            (
                "100 frames of 128 bytes sent, 100 seen by the program, 100 delivered, 2 of them"
                " altered, 3 returned, 2 arrived at the target"
            ),
        ),
        (
            ABORTED,
            (
                "100 frames of 128 bytes sent, 100 seen by the program, none arrived anywhere,"
                " xdp_exception eth7 100x action XDP_ABORTED"
            ),
        ),
        (
            REDIRECTED._replace(second=100),
            (
                "100 frames of 128 bytes sent, 100 seen by the program, 100 by the second, 100"
                " arrived at the target"
            ),
        ),
        (REFUSED, "refused: EOPNOTSUPP (LRO is on)"),
        (REFUSED._replace(refused=Refusal("EINVAL")), "refused: EINVAL"),
    ],
    ids=["all", "everywhere", "nowhere", "second", "refused", "refused without a word"],
)
def test_told(flow: Flow, text: str) -> None:
    """A flow in a sentence: what was sent, seen, and came out where."""
    assert text == told(flow)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (EXCEPTION, "xdp_exception eth7 100x action XDP_ABORTED"),
        (EXCEPTION._replace(code=7), "xdp_exception eth7 100x action 7"),
        (EXCEPTION._replace(code=42), "xdp_exception eth7 100x action invalid"),
        (Event("xdp_redirect_err", "eth7", -95, 3), "xdp_redirect_err eth7 3x EOPNOTSUPP"),
        (Event("xdp_redirect_err", "eth7", -4000, 3), "xdp_redirect_err eth7 3x errno 4000"),
        (Event("xdp_bulk_tx", "eth7", 0, 2, 16, 0), "xdp_bulk_tx eth7 2x sent 16 drops 0"),
        (
            Event("xdp_devmap_xmit", "eth7", -6, 1, 0, 16),
            "xdp_devmap_xmit eth7 1x ENXIO sent 0 drops 16",
        ),
    ],
)
def test_event_text(event: Event, text: str) -> None:
    """A tracepoint's count: actions and errnos by name, frames where it counts them."""
    assert text == event_text(event)


def test_evidence() -> None:
    """Counters, tracepoints, digests and places are kept, and what did not happen is left out."""
    flow = ABORTED._replace(
        digest="12" * 32,
        counters={"rx_packets": 100},
        notes={"replaced": 10},
        second=7,
        returned=FEWER,
    )

    assert {
        "program": "XDP_ABORTED",
        "mode": "native",
        "sent": 100,
        "frame bytes": 128,
        "sha256 as it should arrive": "12" * 32,
        "seen by the program": 100,
        "bytes seen": 12800,
        "returned": {"frames": 99, "intact": 99, "repeated": 0, "digest": "cd" * 32},
        "seen by the second program": 7,
        "tracepoints": ["xdp_exception eth7 100x action XDP_ABORTED"],
        "counters": {"rx_packets": 100},
        "replaced": 10,
    } == json.loads(json.dumps(evidence(flow)))
    assert "EOPNOTSUPP (LRO is on)" == evidence(REFUSED)["refused"]


ON_CPU = PASSED._replace(second=100)


def test_on_each() -> None:
    """All CPUs pass together, and are named."""
    found = acted_on_each({0: ON_CPU, 3: ON_CPU}, XdpAct.BASIC)

    assert (Outcome.PASS, None, "") == outcome(found)
    assert "on CPUs 0, 3" == found.observed
    assert ["CPU 0", "CPU 3"] == list(found.evidence)


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (
            ON_CPU._replace(second=99),
            (Outcome.FAIL, Kind.OVER_CLAIM, f"CPU 3: {BROKEN}"),
        ),
        (ON_CPU._replace(claims=NONE), (Outcome.FAIL, Kind.UNDER_CLAIM, f"CPU 3: {WORKS}")),
        (ON_CPU._replace(claims=None), (Outcome.BLOCKED, None, f"CPU 3: {UNKNOWN}")),
        (REFUSED._replace(claims=NONE), (Outcome.NOT_CLAIMED, None, f"CPU 3: {NEITHER}")),
    ],
    ids=["lost", "unclaimed", "unknown", "refused"],
)
def test_on_one(flow: Flow, expected: tuple[Outcome, Kind | None, str]) -> None:
    """One CPU that does not pass speaks for all, whichever it is; a fail before all else."""
    found = acted_on_each({0: ON_CPU, 3: flow, 5: ON_CPU}, XdpAct.BASIC)

    assert expected == outcome(found)
    assert 3 == len(found.evidence)


def test_on_none() -> None:
    """Where no CPU could be tried, that is blocked."""
    assert (Outcome.BLOCKED, None, "no CPU may be used by this process") == outcome(
        acted_on_each({}, XdpAct.BASIC)
    )


XMIT = capabilities(["basic", "redirect", "ndo-xmit"])
INTO = Flow("XDP_REDIRECT into", XMIT, "target", sent=100, size=128, seen=100, returned=ALL)
LOST = INTO._replace(returned=Arrivals())
NO_XMIT = (Event("xdp_redirect_err", "eth7", -95, 100),)
HANDED = (Event("xdp_devmap_xmit", "eth7", -6, 7, 0, 100),)

TARGETS = {
    "claimed, works": (INTO, Outcome.PASS, None, ""),
    "claimed, lost": (
        LOST._replace(events=HANDED),
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        "ndo-xmit is claimed, and it does not work",
    ),
    "claimed, refused by the kernel": (
        LOST._replace(events=NO_XMIT),
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        "ndo-xmit is claimed, and it does not work",
    ),
    "unclaimed, works": (
        INTO._replace(claims=BASIC),
        Outcome.FAIL,
        Kind.UNDER_CLAIM,
        "it works, and ndo-xmit is not claimed",
    ),
    "unclaimed, refused by the kernel": (
        LOST._replace(claims=BASIC, events=NO_XMIT),
        Outcome.NOT_CLAIMED,
        None,
        "ndo-xmit is not claimed, and it does not work",
    ),
    "unclaimed, handed to the driver": (
        LOST._replace(claims=BASIC, events=HANDED),
        Outcome.FAIL,
        Kind.UNDER_CLAIM,
        "the kernel hands frames to the driver: it knows of a claim that is not told",
    ),
    "unknown": (INTO._replace(claims=None), Outcome.BLOCKED, None, UNKNOWN),
    "no program on it, none promised": (
        Flow("XDP_REDIRECT into", capabilities(["ndo-xmit"]), refused=REFUSAL),
        Outcome.NOT_CLAIMED,
        None,
        "basic is not claimed, and no program can be attached",
    ),
    "no program on it": (
        Flow("XDP_REDIRECT into", XMIT, refused=REFUSAL),
        Outcome.BLOCKED,
        None,
        "the program was refused: EOPNOTSUPP (LRO is on); see XDP-ATTACH-01",
    ),
    "no program on it, unknown": (
        Flow("XDP_REDIRECT into", None, refused=REFUSAL),
        Outcome.BLOCKED,
        None,
        UNKNOWN,
    ),
}


@pytest.mark.parametrize("name", TARGETS)
def test_target(name: str) -> None:
    """Frames get into the NIC if and only if it claims so; the kernel's own hands are seen too."""
    flow, *expected = TARGETS[name]

    assert tuple(expected) == outcome(target(flow, XdpAct.NDO_XMIT))


SG = capabilities(["basic", "rx-sg"])
NOTES = {
    "bpf_xdp_get_buff_len": 9014,
    "bytes in the first buffer": 3520,
    "last 8 bytes": "aa" * 8,
    "last 8 bytes sent": "aa" * 8,
}
WHOLE = PASSED._replace(claims=SG, size=9014, notes=NOTES)
FALSE = "basic and rx-sg is claimed, and it does not work"

WHOLES = {
    "whole": (WHOLE, Outcome.PASS, None, ""),
    "too short": (
        WHOLE._replace(notes={**NOTES, "bpf_xdp_get_buff_len": 3520}),
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        FALSE,
    ),
    "another end": (
        WHOLE._replace(notes={**NOTES, "last 8 bytes": "00" * 8}),
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        FALSE,
    ),
    "lost": (WHOLE._replace(delivered=FEWER), Outcome.FAIL, Kind.OVER_CLAIM, FALSE),
    "nothing measured": (WHOLE._replace(notes={}), Outcome.FAIL, Kind.OVER_CLAIM, FALSE),
    "only its length measured": (
        WHOLE._replace(notes={"bpf_xdp_get_buff_len": 9014}),
        Outcome.FAIL,
        Kind.OVER_CLAIM,
        FALSE,
    ),
    "unclaimed": (
        WHOLE._replace(claims=BASIC),
        Outcome.FAIL,
        Kind.UNDER_CLAIM,
        "it works, and rx-sg is not claimed",
    ),
    "refused": (
        REFUSED,
        Outcome.NOT_CLAIMED,
        None,
        "rx-sg is not claimed, and it does not work",
    ),
    "unknown": (WHOLE._replace(claims=None), Outcome.BLOCKED, None, UNKNOWN),
}


@pytest.mark.parametrize("name", WHOLES)
def test_whole(name: str) -> None:
    """A frame of several buffers is seen with its whole length and its last bytes."""
    flow, *expected = WHOLES[name]

    assert tuple(expected) == outcome(whole(flow))


def test_whole_told() -> None:
    """What the program measured is told before what became of the frames."""
    found = whole(WHOLE)

    assert "length 9014, and the last bytes as sent" == found.expected
    assert (
        "length 9014, 3520 of it in the first buffer, last bytes aaaaaaaaaaaaaaaa; 100 frames of"
        " 9014 bytes sent, 100 seen by the program, 100 delivered"
    ) == found.observed


RECEIVED = DROPPED._replace(counters={"rx_packets": 100})
DIFFER = "what was sent, what the program saw and what the NIC counted differ"

COUNTS = {
    "all": (RECEIVED, Outcome.PASS, None, ""),
    "by qstats": (
        RECEIVED._replace(counters={"rx_packets": 0, "rx-packets": 100}),
        Outcome.PASS,
        None,
        "",
    ),
    "some of others": (
        RECEIVED._replace(counters={"rx_packets": 103}),
        Outcome.PASS,
        None,
        "",
    ),
    "unclaimed, yet counted": (RECEIVED._replace(claims=NONE), Outcome.PASS, None, ""),
    "one uncounted": (
        RECEIVED._replace(counters={"rx_packets": 99}),
        Outcome.FAIL,
        Kind.MISMATCH,
        DIFFER,
    ),
    "counted twice": (
        RECEIVED._replace(counters={"rx_packets": 200}),
        Outcome.FAIL,
        Kind.MISMATCH,
        DIFFER,
    ),
    "not counted at all": (DROPPED, Outcome.FAIL, Kind.MISMATCH, DIFFER),
    "one unseen": (RECEIVED._replace(seen=99), Outcome.FAIL, Kind.MISMATCH, DIFFER),
    "nothing sent": (
        DROPPED._replace(sent=0, seen=0),
        Outcome.FAIL,
        Kind.MISMATCH,
        DIFFER,
    ),
    "refused, unclaimed": (
        REFUSED._replace(claims=NONE),
        Outcome.NOT_CLAIMED,
        None,
        "basic is not claimed, and no program can be attached",
    ),
    "refused, claimed": (
        REFUSED,
        Outcome.BLOCKED,
        None,
        "the program was refused: EOPNOTSUPP (LRO is on); see XDP-ATTACH-01",
    ),
    "refused, unknown": (
        REFUSED._replace(claims=None),
        Outcome.BLOCKED,
        None,
        "the program was refused: EOPNOTSUPP (LRO is on); see XDP-ATTACH-01",
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counted(name: str) -> None:
    """Sent, seen and counted are one number, but for a few frames of others."""
    flow, *expected = COUNTS[name]

    assert tuple(expected) == outcome(counted(flow))


def test_counted_told() -> None:
    """All three numbers are told."""
    found = counted(RECEIVED._replace(counters={"rx_packets": 98}, seen=99))

    assert "100 sent, 100 seen by the program, 100 counted" == found.expected
    assert "100 sent, 99 seen by the program, 98 counted" == found.observed


numbers = st.integers(0, 3)
arrivals = st.builds(Arrivals, numbers, numbers, numbers)
flows = st.builds(
    Flow,
    what=st.text(max_size=4),
    claims=st.none() | st.sampled_from([NONE, BASIC, SG, XMIT, NONE._replace(features=None)]),
    mode=st.sampled_from(["none", "native", "generic", "target"]),
    refused=st.none() | st.just(REFUSAL),
    lacking=st.sampled_from([(), (LRO,)]),
    sent=numbers,
    size=numbers,
    seen=numbers,
    seen_bytes=numbers,
    delivered=arrivals,
    returned=arrivals,
    elsewhere=arrivals,
    second=numbers,
    events=st.lists(
        st.builds(
            Event,
            st.sampled_from(["xdp_exception", "xdp_redirect_err", "xdp_devmap_xmit"]),
            st.just("eth7"),
            st.sampled_from([*ACTIONS.values(), 7, -95, -6, -4000]),
            numbers,
            numbers,
            numbers,
        ),
        max_size=2,
    ).map(tuple),
    counters=st.dictionaries(st.sampled_from(["rx_packets", "rx-packets"]), numbers),
    notes=st.dictionaries(st.sampled_from(list(NOTES)), numbers),
)


@given(flow=flows, place=st.sampled_from(PLACES), second=st.booleans())
def test_any_flow(flow: Flow, place: str, second: bool) -> None:
    """Whatever was seen is judged; nothing passes of which a frame is lost, altered or repeated."""
    found = {
        place: acted(flow, place, XdpAct.BASIC, second=second),
        "returned": target(flow, XdpAct.NDO_XMIT),
        "delivered": whole(flow),
    }
    for where, finding in found.items():
        json.dumps(finding.evidence)
        if finding.outcome is Outcome.PASS:
            wanted = [flow.sent if name == where else 0 for name in PLACES[:3]]
            came = (flow.delivered, flow.returned, flow.elsewhere)

            assert wanted == [one.frames for one in came]
            assert wanted == [one.intact for one in came]
            assert [0, 0, 0] == [one.repeated for one in came]
            assert flow.seen == flow.sent > 0
        assert finding.text()
    assert counted(flow).outcome is not Outcome.PASS or flow.seen == flow.sent > 0
    each = acted_on_each({0: flow, 1: flow}, XdpAct.BASIC)
    assert each.outcome is not Outcome.PASS or arrived(flow, "delivered")


@given(flow=flows)
def test_unknown_flow(flow: Flow) -> None:
    """Where the claims are not known nothing passes and nothing fails."""
    flow = flow._replace(claims=None)

    assert {Outcome.BLOCKED} == {
        acted(flow, "delivered", XdpAct.BASIC).outcome,
        target(flow, XdpAct.NDO_XMIT).outcome,
        whole(flow).outcome,
    }
