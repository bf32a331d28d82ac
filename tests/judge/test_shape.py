# SPDX-License-Identifier: MIT
"""Adjusted frames and largest MTUs against claims: what is owed, and what may be refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.nics import capabilities
from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.judge.shape import HEADROOM, adjusted, largest
from xdpconform.observed import (
    ADJUSTED,
    ALTERED,
    LOST,
    PARTLY,
    REFUSED,
    Largest,
    Matrix,
    Refusal,
)

PASS, FAIL, NOT_CLAIMED, BLOCKED = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.NOT_CLAIMED,
    Outcome.BLOCKED,
)
OVER, UNDER, MISMATCH = Kind.OVER_CLAIM, Kind.UNDER_CLAIM, Kind.MISMATCH
NONE = capabilities()
BASIC = capabilities(["basic"])
SG = capabilities(["basic", "rx-sg"])
REFUSAL = Refusal("EOPNOTSUPP", "LRO is on")
LRO = "rx-lro is on: ethtool -K eth7 lro off"
UNKNOWN = "what the NIC claims is not known"
WORKS = "it works, and basic is not claimed"


def outcome(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """What a line says; its evidence must be JSON."""
    json.dumps(finding.evidence)
    return finding.outcome, finding.kind, finding.reason


# where, offset, what became of the frames, and whether that is right
CELLS = [
    ("head", -HEADROOM, ADJUSTED, True),
    ("head", -HEADROOM, REFUSED, False),
    ("head", -HEADROOM, PARTLY, False),
    ("head", -HEADROOM - 1, REFUSED, True),
    ("head", -HEADROOM - 1, PARTLY, True),
    ("head", -256, ADJUSTED, True),
    ("head", -256, LOST, False),
    ("head", 64, REFUSED, False),
    ("head", 64, ALTERED, False),
    ("tail", -64, ADJUSTED, True),
    ("tail", -64, REFUSED, False),
    ("tail", -64, PARTLY, False),
    ("tail", 64, REFUSED, True),
    ("tail", 64, PARTLY, True),
    ("tail", 64, LOST, False),
    ("tail", 64, ALTERED, False),
]


@pytest.mark.parametrize(("where", "offset", "word", "right"), CELLS)
def test_cell(where: str, offset: int, word: str, right: bool) -> None:
    """To cut is owed everywhere, to add at the head as far as the headroom; never is a frame lost
    or altered.
    """
    cells = {(128, 16): ADJUSTED, (512, offset): word}

    found = adjusted(Matrix(where, BASIC, cells))

    told = f"512 bytes by {offset}: {word}"
    expected = (PASS, None, "") if right else (FAIL, OVER, told)
    assert expected == outcome(found)
    assert {"128 bytes by 16": ADJUSTED, f"512 bytes by {offset}": word} == found.evidence


def test_cells_told() -> None:
    """Every cell is counted, and of the wrong ones the first eight are named."""
    cells = {(size, 16): LOST for size in range(100, 112)} | {(128, -16): ADJUSTED}

    found = adjusted(Matrix("head", BASIC, cells))

    assert "1 adjusted, 12 lost" == found.observed
    assert "every cell is adjusted, or refused where there is no room" == found.expected
    assert [f"{size} bytes by 16: lost" for size in range(100, 108)] == found.reason.split("; ")
    assert 13 == len(found.evidence)


FINE = Matrix("head", BASIC, {(128, 16): ADJUSTED})
BARE = Matrix("head", BASIC, {}, REFUSAL)
MATRICES = {
    "unclaimed, works": (FINE._replace(claims=NONE), FAIL, UNDER, WORKS),
    "unclaimed, lost": (
        Matrix("head", NONE, {(128, 16): LOST}),
        FAIL,
        MISMATCH,
        "128 bytes by 16: lost",
    ),
    "unknown, works": (FINE._replace(claims=None), BLOCKED, None, UNKNOWN),
    "unknown, refused": (BARE._replace(claims=None), BLOCKED, None, UNKNOWN),
    "claimed, refused": (
        BARE,
        FAIL,
        OVER,
        "basic is claimed, and no program can be attached: EOPNOTSUPP (LRO is on)",
    ),
    "claimed, refused for want of something": (
        BARE._replace(lacking=(LRO, "its MTU is 9000: ip link set eth7 mtu 1500")),
        BLOCKED,
        None,
        f"{LRO}; its MTU is 9000: ip link set eth7 mtu 1500",
    ),
    "unclaimed, refused": (
        BARE._replace(claims=NONE, lacking=(LRO,)),
        NOT_CLAIMED,
        None,
        "basic is not claimed, and no program can be attached",
    ),
    "nothing tried": (BARE._replace(refused=None), BLOCKED, None, "nothing was tried"),
}


@pytest.mark.parametrize("name", MATRICES)
def test_adjusted(name: str) -> None:
    """Adjusting works if and only if basic is claimed; what was not tried is not judged."""
    seen, *expected = MATRICES[name]

    assert tuple(expected) == outcome(adjusted(seen))


TRIED = {3506: "accepted", 3507: "ERANGE"}
LARGE = Largest(False, BASIC, 3506, TRIED, Refusal("ERANGE", "veth: too large"), 65535)
FRAGS = Largest(True, SG, 9000, {9000: "accepted"}, None, 9000)
ZERO = Largest(False, BASIC, None, {576: "EINVAL"}, Refusal("EINVAL"), 9000)
IMPOSSIBLE = "claimed, and not possible at an ordinary Ethernet MTU"
NOTHING = "not claimed: nothing is promised, and so reported"

LARGEST = {
    "plain": (LARGE, PASS, None, "", "largest MTU 3506; above it ERANGE (veth: too large)"),
    "frags": (FRAGS, PASS, None, "", "largest MTU 9000 (the device's own limit)"),
    "just enough": (
        LARGE._replace(mtu=1500, above=None),
        PASS,
        None,
        "",
        "largest MTU 1500",
    ),
    "one too few": (
        LARGE._replace(mtu=1499, above=None),
        FAIL,
        OVER,
        IMPOSSIBLE,
        "largest MTU 1499",
    ),
    "a small device": (
        LARGE._replace(mtu=1280, above=None, limit=1280),
        PASS,
        None,
        "",
        "largest MTU 1280 (the device's own limit)",
    ),
    "none": (ZERO, FAIL, OVER, IMPOSSIBLE, "no MTU at all; above it EINVAL"),
    "none for want of something": (
        ZERO._replace(lacking=(LRO,)),
        BLOCKED,
        None,
        LRO,
        "no MTU at all; above it EINVAL",
    ),
    "unclaimed, none": (
        ZERO._replace(claims=NONE, lacking=(LRO,)),
        NOT_CLAIMED,
        None,
        NOTHING,
        "no MTU at all; above it EINVAL",
    ),
    "unclaimed, frags": (
        FRAGS._replace(claims=BASIC),
        NOT_CLAIMED,
        None,
        NOTHING,
        "largest MTU 9000 (the device's own limit)",
    ),
    "unknown": (
        FRAGS._replace(claims=None),
        BLOCKED,
        None,
        UNKNOWN,
        "largest MTU 9000 (the device's own limit)",
    ),
}


@pytest.mark.parametrize("name", LARGEST)
def test_largest(name: str) -> None:
    """An ordinary Ethernet MTU is owed where the claim is made; the largest is reported."""
    seen, *expected, observed = LARGEST[name]

    found = largest(seen)

    assert tuple(expected) == outcome(found)
    assert observed == found.observed


def test_largest_told() -> None:
    """Both kinds of program are told apart, and every MTU that was tried is kept."""
    assert "an MTU of 1500 at least, without frags; the largest is reported" == (
        largest(LARGE).expected
    )
    assert "an MTU of 1500 at least, with frags; the largest is reported" == largest(FRAGS).expected
    assert {"MTU 3506": "accepted", "MTU 3507": "ERANGE"} == largest(LARGE).evidence


claims = st.none() | st.sampled_from([NONE, BASIC, SG, NONE._replace(features=None)])
lacking = st.sampled_from([(), (LRO,)])
refusals = st.none() | st.just(REFUSAL)
mtus = st.integers(576, 9000)


@given(
    matrix=st.builds(
        Matrix,
        st.sampled_from(["head", "tail"]),
        claims,
        st.dictionaries(
            st.tuples(st.sampled_from([128, 512]), st.integers(-256, 256)),
            st.sampled_from([ADJUSTED, REFUSED, PARTLY, LOST, ALTERED]),
            max_size=6,
        ),
        refusals,
        lacking,
    ),
    seen=st.builds(
        Largest,
        st.booleans(),
        claims,
        st.none() | mtus,
        st.dictionaries(mtus, st.just("accepted"), max_size=2),
        refusals,
        mtus,
        lacking,
    ),
)
def test_anything(matrix: Matrix, seen: Largest) -> None:
    """Whatever was seen is judged; nothing passes of which a frame is lost or altered."""
    found = adjusted(matrix)
    for finding in (found, largest(seen)):
        assert outcome(finding)[0] in (PASS, FAIL, NOT_CLAIMED, BLOCKED)
        assert (finding.outcome is FAIL) == (finding.kind is not None)
        assert finding.text()
    if found.outcome is PASS:
        assert {LOST, ALTERED}.isdisjoint(matrix.cells.values())
        assert matrix.cells
        assert matrix.refused is None
    if matrix.claims is None:
        assert BLOCKED is found.outcome
    if seen.claims is None:
        assert BLOCKED is largest(seen).outcome
