# SPDX-License-Identifier: MIT
"""Metadata against claims: answers, time stamps and VLAN tags, both ways."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.hinted import (
    CLAIMS,
    EINVAL,
    ENODATA,
    EOPNOTSUPP,
    FAR,
    FINE,
    NONE,
    SECOND,
    START,
    WINDOW,
    nobody,
    of_kind,
    of_one,
    with_returned,
)
from xdpconform.judge import hashes
from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.judge.hints import SLACK, answered, timestamps, vlan_tags
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import Refusal
from xdpconform.observed_hints import HINTS, KINDS, TAGGED, Hints, Stamping

PASS, FAIL, NOT_CLAIMED, BLOCKED = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.NOT_CLAIMED,
    Outcome.BLOCKED,
)
OVER, UNDER, MISMATCH = Kind.OVER_CLAIM, Kind.UNDER_CLAIM, Kind.MISMATCH
UNKNOWN = "what the NIC claims is not known"
REFUSAL = Refusal("EINVAL", "not for this device")
LRO = "rx-lro is on: ethtool -K eth7 lro off"
SILENT = nobody(FINE)

EVERY: dict[str, Callable[[Hints], Finding]] = {
    "answered": lambda seen: answered(seen, "hash"),
    "timestamps": timestamps,
    "values": lambda seen: hashes.values(seen, "ipv4-tcp"),
    "queues": hashes.queues,
    "types": lambda seen: hashes.types(seen, "ipv6"),
    "untagged": lambda seen: vlan_tags(seen, "untagged"),
    "tagged": lambda seen: vlan_tags(seen, "vlan-8100"),
}
"""Every judgement of what was told."""
HINT = {"timestamps": "timestamp", "untagged": "vlan-tag", "tagged": "vlan-tag"}
"""Which claim it is about, where not hash."""


def outcome(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """What a line says; its evidence must be JSON."""
    json.dumps(finding.evidence)
    return finding.outcome, finding.kind, finding.reason


def claiming(seen: Hints, claims: object) -> Hints:
    """The same with other claims."""
    return seen._replace(claims=claims)  # type: ignore[arg-type]


BARE = Hints(CLAIMS)
COMMON = {
    "fine": (FINE, PASS, None, ""),
    "claims unknown": (claiming(FINE, None), BLOCKED, None, UNKNOWN),
    "claimed, not there": (
        SILENT,
        FAIL,
        OVER,
        "{hint} is claimed, and the driver returns EOPNOTSUPP for each frame",
    ),
    "unclaimed, not there": (
        claiming(SILENT, NONE),
        NOT_CLAIMED,
        None,
        "{hint} is not claimed, and the driver returns EOPNOTSUPP",
    ),
    "claimed, cannot be loaded": (
        BARE._replace(load=REFUSAL, lacking=(LRO,)),
        FAIL,
        OVER,
        (
            "{hint} is claimed, and a program that asks for metadata cannot be loaded: EINVAL (not"
            " for this device)"
        ),
    ),
    "unclaimed, cannot be loaded": (
        Hints(NONE, load=REFUSAL),
        NOT_CLAIMED,
        None,
        "{hint} is not claimed, and a program that asks for metadata cannot be loaded",
    ),
    "claimed, cannot be attached": (
        BARE._replace(attach=REFUSAL),
        FAIL,
        OVER,
        (
            "{hint} is claimed, and a program that asks for metadata cannot be attached: EINVAL"
            " (not for this device)"
        ),
    ),
    "claimed, cannot be attached for want of something": (
        BARE._replace(attach=REFUSAL, lacking=(LRO,)),
        BLOCKED,
        None,
        LRO,
    ),
    "claimed without basic, cannot be attached": (
        Hints(CLAIMS._replace(features=XdpAct(0)), attach=REFUSAL),
        BLOCKED,
        None,
        (
            "basic is not claimed at the moment, and a program that asks for metadata cannot be"
            " attached: EINVAL (not for this device)"
        ),
    ),
    "unclaimed, cannot be attached": (
        Hints(NONE, attach=REFUSAL, lacking=(LRO,)),
        NOT_CLAIMED,
        None,
        "{hint} is not claimed, and a program that asks for metadata cannot be attached",
    ),
    "generic": (
        FINE._replace(mode="generic"),
        BLOCKED,
        None,
        "the program runs in mode generic; see XDP-ATTACH-01",
    ),
    "no frame": (
        FINE._replace(told=()),
        BLOCKED,
        None,
        "no frame reached the program; see XDP-ACT-01",
    ),
}


@pytest.mark.parametrize("judgement", EVERY)
@pytest.mark.parametrize("name", COMMON)
def test_common(judgement: str, name: str) -> None:
    """What holds of every judgement: claims, refusals, EOPNOTSUPP, and frames that are not seen."""
    seen, expected, kind, reason = COMMON[name]
    hint = HINT.get(judgement, "hash")

    found = EVERY[judgement](seen)

    assert (expected, kind, reason.format(hint=hint)) == outcome(found)
    assert found.expected


@pytest.mark.parametrize("judgement", EVERY)
def test_unclaimed(judgement: str) -> None:
    """What is told without a claim is an under-claim, wherever it is looked at."""
    found = EVERY[judgement](claiming(FINE, NONE))
    hint = HINT.get(judgement, "hash")

    assert (FAIL, UNDER) == (found.outcome, found.kind)
    assert found.reason.startswith(f"{hint} is not claimed, and the driver answers: ")


@pytest.mark.parametrize("judgement", EVERY)
def test_no_kfunc(judgement: str) -> None:
    """A kernel without the kfunc can ask for nothing."""
    hint = HINT.get(judgement, "hash")
    seen = with_returned(FINE, HINTS.index(hint), None)

    expected = f"this kernel has no bpf_xdp_metadata_rx_{hint.replace('-', '_')}()"
    assert (BLOCKED, None, expected) == outcome(EVERY[judgement](seen))


ANSWERS = {
    "all are ENODATA": (with_returned(FINE, 1, ENODATA), PASS, None, ""),
    "one kind is EOPNOTSUPP": (
        with_returned(FINE, 1, EOPNOTSUPP, "vlan-8100"),
        FAIL,
        OVER,
        (
            "hash is claimed, and the driver returns ENODATA (ethernet vlan-88a8), 0 (ipv4 ipv4-udp"
            " ipv4-tcp ipv6 ipv6-udp ipv6-tcp), EOPNOTSUPP (vlan-8100)"
        ),
    ),
    "one kind is EINVAL": (
        with_returned(FINE, 1, EINVAL, "ipv6"),
        FAIL,
        MISMATCH,
        "EINVAL is neither 0 nor ENODATA",
    ),
    "unclaimed, one kind is answered": (
        claiming(with_returned(SILENT, 1, ENODATA, "ipv6"), NONE),
        FAIL,
        UNDER,
        (
            "hash is not claimed, and the driver answers: EOPNOTSUPP (ethernet ipv4 ipv4-udp"
            " ipv4-tcp ipv6-udp ipv6-tcp vlan-8100 vlan-88a8), ENODATA (ipv6)"
        ),
    ),
    "tagged frames are not seen": (
        FINE._replace(told=tuple(one for one in FINE.told if one.sent.tag is None)),
        PASS,
        None,
        "",
    ),
    "TCP is not seen": (
        FINE._replace(told=tuple(one for one in FINE.told if "tcp" not in one.sent.kind)),
        BLOCKED,
        None,
        "no frame reached the program of these kinds: ipv4-tcp, ipv6-tcp",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answered(name: str) -> None:
    """A claim is an answer for every kind of frame, 0 or ENODATA."""
    seen, *expected = ANSWERS[name]

    assert tuple(expected) == outcome(answered(seen, "hash"))


@pytest.mark.parametrize("hint", HINTS)
def test_each_claim_its_own(hint: str) -> None:
    """Each claim is judged by its own kfunc."""
    seen = with_returned(FINE, HINTS.index(hint), EOPNOTSUPP)

    assert [OVER if one == hint else None for one in HINTS] == [
        answered(seen, one).kind for one in HINTS
    ]


IDLE = Stamping(True, True, False, "EOPNOTSUPP", "hwtstamp_ctl -i eth7 -r 1")
STAMPS_NONE = Stamping()
STAMPS_SOME = Stamping(hardware=True)


def stamped(start: int = START, step: int = 10, **fields: object) -> Hints:
    """Frames stamped from a time on, so many nanoseconds apart."""
    told = tuple(one._replace(timestamp=start + step * one.sent.number) for one in FINE.told)
    return FINE._replace(told=told, **fields)  # type: ignore[arg-type]


UNSTAMPED = with_returned(FINE, 0, ENODATA)
LAST = 10 * (len(FINE.told) - 1)
OFFSET = 37 * SECOND
OUTSIDE = (
    f"is within no clock's window: CLOCK_TAI {FAR} to {FAR + SECOND}; CLOCK_REALTIME {FAR} to"
    f" {FAR + SECOND}; PHC {WINDOW.before} to {WINDOW.after}"
)
STAMPS = {
    "fine": (FINE, PASS, None, ""),
    "at the same time": (stamped(step=0), PASS, None, ""),
    "just before the window": (stamped(WINDOW.before - SLACK), PASS, None, ""),
    "before the window": (
        stamped(WINDOW.before - SLACK - 1),
        FAIL,
        MISMATCH,
        (f"{WINDOW.before - SLACK - 1} to {WINDOW.before - SLACK - 1 + LAST} {OUTSIDE}"),
    ),
    "just in the window": (stamped(WINDOW.after + SLACK - LAST), PASS, None, ""),
    "behind the window": (
        stamped(WINDOW.after + SLACK - LAST + 1),
        FAIL,
        MISMATCH,
        (f"{WINDOW.after + SLACK - LAST + 1} to {WINDOW.after + SLACK + 1} {OUTSIDE}"),
    ),
    "TAI for a clock in UTC": (stamped(START + OFFSET), PASS, None, ""),
    "UTC for a clock in TAI": (stamped(START - OFFSET), PASS, None, ""),
    "another offset, which the kernel was told": (
        stamped(START + 38 * SECOND, tai_offset=38),
        PASS,
        None,
        "",
    ),
    "a clock of the host": (
        stamped(FAR),
        PASS,
        None,
        "the time stamps are of CLOCK_TAI, and not of the device's own clock",
    ),
    "a clock of the host, and no other": (
        stamped(FAR, clocks=FINE.clocks[:2], stamping=STAMPS_NONE),
        PASS,
        None,
        "",
    ),
    "a clock that cannot be read": (
        stamped(clocks=FINE.clocks[:2]),
        BLOCKED,
        None,
        "the device's clock cannot be read: no /dev/ptp for it, or no access",
    ),
    "no clock at all": (
        stamped(clocks=(), stamping=STAMPS_NONE),
        FAIL,
        MISMATCH,
        f"{START} to {START + LAST} is within no clock's window: none read",
    ),
    "backwards": (
        stamped(START + 1000, step=-1),
        FAIL,
        MISMATCH,
        "time stamp 1 is 1 ns before the one before it",
    ),
    "one backwards": (
        of_one(FINE, 5, timestamp=START + 39),
        FAIL,
        MISMATCH,
        "time stamp 5 is 1 ns before the one before it",
    ),
    "one is 0": (
        of_one(FINE, 5, timestamp=0),
        FAIL,
        MISMATCH,
        "1 of 36 time stamps are 0",
    ),
    "all are 0": (
        stamped(0, 0),
        FAIL,
        MISMATCH,
        "every frame is to be stamped, and each time stamp is 0",
    ),
    "all are 0, and nothing stamps": (
        stamped(0, 0, stamping=STAMPS_NONE),
        PASS,
        None,
        "the value is 0: the driver answers, and nothing stamps frames",
    ),
    "all are 0, and stamping is off": (
        stamped(0, 0, stamping=IDLE),
        BLOCKED,
        None,
        "frames are not stamped (EOPNOTSUPP): hwtstamp_ctl -i eth7 -r 1",
    ),
    "none": (
        UNSTAMPED,
        FAIL,
        OVER,
        "timestamp is claimed, every frame is to be stamped, and 36 of 36 have no time stamp",
    ),
    "none for one kind": (
        with_returned(FINE, 0, ENODATA, "ipv6"),
        FAIL,
        OVER,
        "timestamp is claimed, every frame is to be stamped, and 4 of 36 have no time stamp",
    ),
    "none for one kind, and that may be": (
        with_returned(FINE, 0, ENODATA, "ipv6")._replace(stamping=STAMPS_SOME),
        PASS,
        None,
        "",
    ),
    "none, and stamping is off": (
        UNSTAMPED._replace(stamping=IDLE),
        BLOCKED,
        None,
        "frames are not stamped (EOPNOTSUPP): hwtstamp_ctl -i eth7 -r 1",
    ),
    "none, and the device stamps few": (
        UNSTAMPED._replace(stamping=STAMPS_SOME),
        BLOCKED,
        None,
        "the device stamps only some kinds of frames, and none of these",
    ),
    "none, and the device stamps none": (
        UNSTAMPED._replace(stamping=STAMPS_NONE),
        FAIL,
        OVER,
        "timestamp is claimed, the device stamps no frame, and 36 of 36 have no time stamp",
    ),
    "stamped, though it seemed off": (FINE._replace(stamping=IDLE), PASS, None, ""),
}


@pytest.mark.parametrize("name", STAMPS)
def test_timestamps(name: str) -> None:
    """Time stamps are in order and within a clock's window; what is 0 is said to be."""
    seen, *expected = STAMPS[name]

    assert tuple(expected) == outcome(timestamps(seen))


@pytest.mark.parametrize(
    ("seen", "observed"),
    [
        (FINE, "36 time stamps over 350 ns, by PHC"),
        (
            stamped(START + OFFSET),
            "36 time stamps over 350 ns, by PHC 37 s ahead (TAI's offset)",
        ),
        (
            stamped(START - OFFSET),
            "36 time stamps over 350 ns, by PHC 37 s behind (TAI's offset)",
        ),
        (
            stamped(FAR - OFFSET),
            "36 time stamps over 350 ns, by CLOCK_REALTIME 37 s behind (TAI's offset)",
        ),
        (stamped(0, 0), "0 for each of 36 frames"),
    ],
    ids=["phc", "ahead", "behind", "host", "zero"],
)
def test_clock_named(seen: Hints, observed: str) -> None:
    """The clock is named, and by how much it is off if that is TAI's offset."""
    assert observed == timestamps(seen).observed


IN_FRAME = with_returned(of_kind(FINE, "vlan-8100", h_proto=0x8100), 2, ENODATA, "vlan-8100")
TAGS = {
    "told": ("vlan-8100", FINE, PASS, None, ""),
    "told of the other": ("vlan-88a8", FINE, PASS, None, ""),
    "left in, which may be": (
        "vlan-8100",
        IN_FRAME,
        PASS,
        None,
        "the tag was left in the frame; rx-vlan-hw-parse is on",
    ),
    "left in, by a feature that is off": (
        "vlan-8100",
        IN_FRAME._replace(features={"rx-vlan-hw-parse": False}),
        PASS,
        None,
        "the tag was left in the frame; rx-vlan-hw-parse is off",
    ),
    "left in and told": ("vlan-8100", of_kind(FINE, "vlan-8100", h_proto=0x8100), PASS, None, ""),
    "taken out and not told": (
        "vlan-8100",
        with_returned(FINE, 2, ENODATA, "vlan-8100"),
        FAIL,
        OVER,
        "vlan-tag is claimed, and the tag of frame 14 is neither in the frame nor told",
    ),
    "another VLAN": (
        "vlan-8100",
        of_one(FINE, 15, vlan_tci=0x2008),
        FAIL,
        MISMATCH,
        "0x8100 0x2008 is told, and 0x8100 0x2007 was sent",
    ),
    "another priority": (
        "vlan-88a8",
        of_one(FINE, 16, vlan_tci=0x0007),
        FAIL,
        MISMATCH,
        "0x88a8 0x0007 is told, and 0x88a8 0x2007 was sent",
    ),
    "another protocol": (
        "vlan-88a8",
        of_one(FINE, 16, vlan_proto=0x8100),
        FAIL,
        MISMATCH,
        "0x8100 0x2007 is told, and 0x88a8 0x2007 was sent",
    ),
    "in the other byte order": (
        "vlan-8100",
        of_one(FINE, 15, vlan_proto=0x0081),
        FAIL,
        MISMATCH,
        "0x0081 0x2007 is told, and 0x8100 0x2007 was sent",
    ),
    "told of a frame that has none": (
        "untagged",
        with_returned(FINE, 2, 0, "ipv6"),
        FAIL,
        MISMATCH,
        "0x0000 0x0000 is told of ipv6, which has no tag",
    ),
    "none where there is none": ("untagged", FINE, PASS, None, ""),
    "tagged frames are filtered": (
        "vlan-8100",
        FINE._replace(
            told=tuple(one for one in FINE.told if one.sent.tag is None),
            remedies={"rx-vlan-filter": "eth7 cannot switch rx-vlan-filter off [fixed]"},
        ),
        BLOCKED,
        None,
        (
            "no frame reached the program of these kinds: vlan-8100; eth7 cannot switch"
            " rx-vlan-filter off [fixed]; whatever is before the NIC has to pass tagged frames of"
            " every VLAN"
        ),
    ),
}


@pytest.mark.parametrize("name", TAGS)
def test_vlan_tags(name: str) -> None:
    """A tag is told exactly or left in the frame; where there is none, none is told."""
    kind, seen, *expected = TAGS[name]

    assert tuple(expected) == outcome(vlan_tags(seen, kind))


def test_tags_counted() -> None:
    """How many tags were told, and how many left in."""
    seen = with_returned(of_one(FINE, 14, h_proto=0x8100), 2, ENODATA, "vlan-8100")
    told = tuple(
        one._replace(returned=(*one.returned[:2], 0)) if one.sent.number != 14 else one
        for one in seen.of("vlan-8100")
    )

    found = vlan_tags(seen._replace(told=told), "vlan-8100")

    assert "3 of 4 told exactly, 1 left in the frame" == found.observed


def test_evidence() -> None:
    """Frame by frame of the kinds that count, and with what it takes to compute it again."""
    proof = hashes.values(FINE, "ipv4-tcp").evidence

    frames = proof["frames"]
    assert isinstance(frames, list)
    assert 4 == len(frames)
    rx_hash = FINE.told[6].hash
    assert (
        f"6 ipv4-tcp, timestamp {START + 60}, hash {rx_hash:#010x} type 0x19, vlan-tag ENODATA,"
        f" queue {rx_hash % 4}, EtherType 0x0800"
    ) == frames[0]
    assert FINE.spread.key is not None
    assert FINE.spread.key.hex() == proof["hkey"]
    assert [WINDOW.before, WINDOW.after] == proof["clocks"]["PHC"]  # type: ignore[index]
    returned = answered(FINE, "hash").evidence["returned"]
    assert {"hash", "timestamp", "vlan-tag"} == set(returned)  # type: ignore[call-overload]
    assert (
        "EINVAL (not for this device)"
        == (answered(BARE._replace(load=REFUSAL), "hash").evidence["refused"])
    )


codes = st.sampled_from([0, ENODATA, EOPNOTSUPP, EINVAL, None])
refusals = st.none() | st.just(REFUSAL)


@given(
    claims=st.sampled_from([CLAIMS, NONE, None, CLAIMS._replace(features=None)]),
    returned=st.tuples(codes, codes, codes),
    kinds=st.lists(st.sampled_from(KINDS), unique=True),
    load=refusals,
    attach=refusals,
    stamping=st.sampled_from([IDLE, STAMPS_NONE, STAMPS_SOME, FINE.stamping]),
    mode=st.sampled_from(["native", "generic"]),
    number=st.integers(0, (1 << 32) - 1),
)
def test_anything(
    *,
    claims: object,
    returned: tuple[int | None, int | None, int | None],
    kinds: list[str],
    load: Refusal | None,
    attach: Refusal | None,
    stamping: Stamping,
    mode: str,
    number: int,
) -> None:
    """Whatever was told is judged; nothing passes of an unknown claim or after a refusal."""
    told = tuple(
        one._replace(
            returned=returned, hash=number, rss_type=number, timestamp=number, vlan_tci=number
        )
        for one in FINE.of(*kinds)
    )
    seen = claiming(FINE, claims)._replace(
        told=told, load=load, attach=attach, stamping=stamping, mode=mode
    )
    lines = [*(answered(seen, hint) for hint in HINTS), *(one(seen) for one in EVERY.values())]
    lines += [hashes.types(seen, kind) for kind in KINDS]
    lines += [hashes.values(seen, kind) for kind in hashes.HASHED]
    lines += [vlan_tags(seen, kind) for kind in TAGGED]

    for finding in lines:
        assert outcome(finding)[0] in (PASS, FAIL, NOT_CLAIMED, BLOCKED)
        assert (finding.outcome is FAIL) == (finding.kind is not None)
        assert finding.text()
        if claims is None or load or attach or mode != "native":
            assert PASS is not finding.outcome
