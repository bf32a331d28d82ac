# SPDX-License-Identifier: MIT
"""Attaches against claims: every outcome in both directions, and everything as it was after."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.nics import capabilities, make_nic
from xdpconform.judge import attach
from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import Attach, Change, Cost, Jumbo, Offload, Refusal, Sight
from xdpconform.profiles import LoadedProfile, Match, match
from xdpconform.profiles.load import decode

PASS, FAIL, NOT_CLAIMED, BLOCKED = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.NOT_CLAIMED,
    Outcome.BLOCKED,
)
OVER, UNDER, MISMATCH = Kind.OVER_CLAIM, Kind.UNDER_CLAIM, Kind.MISMATCH
NONE = capabilities()
BASIC = capabilities(["basic"])
XMIT = capabilities(["basic", "ndo-xmit"])
SG = capabilities(["basic", "rx-sg"])
REFUSAL = Refusal("EOPNOTSUPP", "MTU too large")
LACKING = (
    "its MTU is 9000: ip link set eth7 mtu 1500",
    "rx-lro is on: ethtool -K eth7 lro off",
    "rx-gro-hw is on: ethtool -K eth7 rx-gro-hw off",
    "header split is on: ethtool -G eth7 tcp-data-split off",
    (
        "8 of 8 combined queues are in use, and XDP may need transmit queues of its own: ethtool"
        " -L eth7 combined 4"
    ),
)
UNKNOWN = "what the NIC claims is not known"
BARE = "basic is not claimed, and no program can be attached"

IDLE = Sight(BASIC, "none", None, up=True, mtu=1500, features=frozenset({"rx-gro"}))
RUNS = IDLE._replace(mode="native", program=7)
AROUND = Attach(IDLE, RUNS, RUNS._replace(program=8), IDLE)
UNATTACHED = Attach(IDLE, None, None, IDLE, refused=REFUSAL)


def outcome(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """What a line says; its evidence must be JSON."""
    json.dumps(finding.evidence)
    return finding.outcome, finding.kind, finding.reason


def claiming(seen: Attach, claims: object) -> Attach:
    """The same with other claims all along."""
    moments = {
        name: sight._replace(claims=claims)
        for name, sight in seen._asdict().items()
        if isinstance(sight, Sight)
    }
    return seen._replace(**moments)


def profile_of(text: str = "", *, flags: str = '"basic"') -> Match:
    """A profile of the NIC's driver."""
    source = f'schema = 1\nname = "x"\ndriver = ["e1000e"]\n{text}\n'
    source += f'[[claim]]\nflags = [{flags}]\nsource = "x.c:1"\n'
    loaded = LoadedProfile(decode(source.encode(), "x.toml"), "x.toml", "sha256:abc")
    found = match([loaded], make_nic())
    assert found is not None
    return found


# name: (observation, expected outcome, kind and reason)
NATIVE = {
    "claimed, works": (AROUND, PASS, None, ""),
    "unclaimed, works": (
        claiming(AROUND, NONE),
        FAIL,
        UNDER,
        "it works, and basic is not claimed",
    ),
    "claimed, refused": (UNATTACHED, FAIL, OVER, "basic is claimed, and it does not work"),
    "claimed, generic": (
        AROUND._replace(attached=RUNS._replace(mode="generic"), lacking=LACKING),
        FAIL,
        OVER,
        "basic is claimed, and it does not work",
    ),
    "unclaimed, refused": (
        claiming(UNATTACHED, NONE)._replace(lacking=LACKING),
        NOT_CLAIMED,
        None,
        "basic is not claimed, and it does not work",
    ),
    "unknown, works": (claiming(AROUND, None), BLOCKED, None, UNKNOWN),
    "unknown, refused": (claiming(UNATTACHED, None), BLOCKED, None, UNKNOWN),
}
NATIVE |= {
    f"claimed, refused since {why.partition(':')[0]}": (
        UNATTACHED._replace(lacking=(why,)),
        BLOCKED,
        None,
        why,
    )
    for why in LACKING
}
NATIVE["claimed, refused for several reasons"] = (
    UNATTACHED._replace(lacking=LACKING),
    BLOCKED,
    None,
    "; ".join(LACKING),
)


@pytest.mark.parametrize("name", NATIVE)
def test_native(name: str) -> None:
    """A program attaches if and only if basic is claimed; what keeps it away is named, with the
    command that mends it.
    """
    seen, *expected = NATIVE[name]

    assert tuple(expected) == outcome(attach.native(seen))


def test_native_told() -> None:
    """What the kernel said is told, or the mode."""
    assert "refused: EOPNOTSUPP (MTU too large)" == attach.native(UNATTACHED).observed
    assert "mode native" == attach.native(AROUND).observed
    assert "the program is attached in native mode" == attach.native(AROUND).expected


LAST = "the NIC does not run what was attached last"
REPLACED = {
    "replaced": (AROUND, PASS, None, ""),
    "the same program": (AROUND._replace(replaced=RUNS), FAIL, MISMATCH, LAST),
    "no program": (
        AROUND._replace(replaced=RUNS._replace(program=None)),
        FAIL,
        MISMATCH,
        LAST,
    ),
    "generic": (
        AROUND._replace(replaced=RUNS._replace(program=8, mode="generic")),
        FAIL,
        MISMATCH,
        LAST,
    ),
    "still there": (AROUND._replace(after=RUNS), FAIL, MISMATCH, LAST),
    "refused": (
        AROUND._replace(replaced=None, replace_refused=Refusal("EINVAL")),
        FAIL,
        MISMATCH,
        LAST,
    ),
    "not seen": (AROUND._replace(replaced=None), FAIL, MISMATCH, LAST),
    "unattached, unclaimed": (claiming(UNATTACHED, NONE), NOT_CLAIMED, None, BARE),
    "unattached, claimed": (
        UNATTACHED,
        BLOCKED,
        None,
        "no program could be attached (EOPNOTSUPP (MTU too large)): see XDP-ATTACH-01",
    ),
    "unattached, lacking": (
        UNATTACHED._replace(lacking=LACKING[1:3]),
        BLOCKED,
        None,
        (
            "no program could be attached (EOPNOTSUPP (MTU too large)): rx-lro is on: ethtool -K"
            " eth7 lro off; rx-gro-hw is on: ethtool -K eth7 rx-gro-hw off"
        ),
    ),
}


@pytest.mark.parametrize("name", REPLACED)
def test_replaced(name: str) -> None:
    """The second program runs in place of the first, and none is left."""
    seen, *expected = REPLACED[name]

    assert tuple(expected) == outcome(attach.replaced(seen))


def test_replaced_told() -> None:
    """Both programs are told, or why the second was refused."""
    refused = AROUND._replace(replaced=None, replace_refused=Refusal("EINVAL"))

    assert "program 7, then 8, then none" == attach.replaced(AROUND).observed
    assert "program 7, then EINVAL, then none" == attach.replaced(refused).observed


LEFT: dict[str, tuple[Sight, str]] = {
    "claims": (
        IDLE._replace(claims=XMIT),
        "claims was basic and is basic ndo-xmit",
    ),
    "no claims": (IDLE._replace(claims=NONE), "claims was basic and is none"),
    "no attribute": (
        IDLE._replace(claims=NONE._replace(features=None)),
        "claims was basic and is absent",
    ),
    "program": (
        IDLE._replace(mode="native", program=7),
        "mode was none and is native; program was None and is 7",
    ),
    "down": (IDLE._replace(up=False), "up was True and is False"),
    "mtu": (IDLE._replace(mtu=1400), "mtu was 1500 and is 1400"),
    "promiscuity": (IDLE._replace(promiscuity=1), "promiscuity was 0 and is 1"),
    "features": (
        IDLE._replace(features=frozenset()),
        "features was rx-gro and is none",
    ),
    "channels": (
        IDLE._replace(channels={"rx": 1}),
        "channels was {} and is {'rx': 1}",
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    """Whatever is otherwise after the detach fails, and is named."""
    after, observed = LEFT[name]

    found = attach.restored(AROUND._replace(after=after))

    assert (
        FAIL,
        MISMATCH,
        "a program that came and went left something behind",
    ) == outcome(found)
    assert observed == found.observed


def test_restored() -> None:
    """As it was before passes; without a program there is nothing to see."""
    assert (PASS, None, "") == outcome(attach.restored(AROUND))
    assert "everything as before" == attach.restored(AROUND).observed
    assert (NOT_CLAIMED, None, BARE) == outcome(attach.restored(claiming(UNATTACHED, NONE)))
    assert BLOCKED is attach.restored(UNATTACHED).outcome


WITH_XMIT = '[[claim]]\nflags = ["ndo-xmit"]\nstates = ["attached"]\nsource = "x.c:2"\n'
CLAIMS = {
    "claimed in this state": (
        AROUND._replace(attached=RUNS._replace(claims=XMIT)),
        "ndo-xmit",
        PASS,
        None,
    ),
    "not claimed in this state": (AROUND, "ndo-xmit", FAIL, UNDER),
    "another claim": (
        AROUND._replace(attached=RUNS._replace(claims=capabilities(["basic", "rx-sg"]))),
        "rx-sg",
        FAIL,
        OVER,
    ),
    "neither": (AROUND, "rx-sg", NOT_CLAIMED, None),
    "unknown": (
        AROUND._replace(attached=RUNS._replace(claims=None, problem="no answer came")),
        "basic",
        BLOCKED,
        None,
    ),
    "segments": (AROUND, None, NOT_CLAIMED, None),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_attached(name: str) -> None:
    """While a program is attached the claims are judged as the profile has them in this state."""
    seen, flag, *expected = CLAIMS[name]

    found = attach.claims_attached(make_nic(["basic"]), profile_of(WITH_XMIT), seen, flag)

    assert expected == [*outcome(found)[:2]]
    if name == "unknown":
        assert "no answer came" == found.reason
    assert "native" == found.evidence["attached"]["mode"]  # type: ignore[index]


def test_claims_unattached() -> None:
    """Without a program, or without a profile, nothing can be said of that state."""
    nic, profile = make_nic(["basic"]), profile_of()

    assert BLOCKED is attach.claims_attached(nic, profile, UNATTACHED, "basic").outcome
    assert (
        NOT_CLAIMED
        is attach.claims_attached(nic, profile, claiming(UNATTACHED, NONE), "basic").outcome
    )
    without = attach.claims_attached(nic, None, AROUND, "basic")
    assert BLOCKED is without.outcome
    assert without.reason.startswith("no profile for driver e1000e: ")


COMES = AROUND._replace(attached=RUNS._replace(claims=XMIT))
UNTOLD = "the notifications do not tell what changed"
TOLD = {
    "both": (COMES._replace(told=(XMIT, BASIC)), PASS, None, ""),
    "both, and one more": (COMES._replace(told=(XMIT, XMIT, BASIC)), PASS, None, ""),
    "none": (COMES._replace(told=()), FAIL, MISMATCH, UNTOLD),
    "the first only": (COMES._replace(told=(XMIT,)), FAIL, MISMATCH, UNTOLD),
    "the last only": (COMES._replace(told=(BASIC,)), FAIL, MISMATCH, UNTOLD),
    "the wrong way round": (COMES._replace(told=(BASIC, XMIT)), FAIL, MISMATCH, UNTOLD),
    "something else in the end": (
        COMES._replace(told=(XMIT, BASIC, SG)),
        FAIL,
        MISMATCH,
        UNTOLD,
    ),
    "nothing changed, nothing told": (
        AROUND,
        NOT_CLAIMED,
        None,
        "the claims do not change with a program",
    ),
    "nothing changed, and told so": (AROUND._replace(told=(BASIC,)), PASS, None, ""),
    "nothing changed, and told otherwise": (
        AROUND._replace(told=(XMIT,)),
        FAIL,
        MISMATCH,
        UNTOLD,
    ),
    "nobody listened": (
        AROUND._replace(told=None),
        BLOCKED,
        None,
        "nobody could listen to the group mgmt",
    ),
    "unknown": (claiming(AROUND, None), BLOCKED, None, UNKNOWN),
    "unknown, told": (
        claiming(AROUND, None)._replace(told=(BASIC,)),
        BLOCKED,
        None,
        UNKNOWN,
    ),
    "unknown in between": (
        AROUND._replace(attached=RUNS._replace(claims=None)),
        BLOCKED,
        None,
        UNKNOWN,
    ),
    "unattached": (claiming(UNATTACHED, NONE), NOT_CLAIMED, None, BARE),
}


@pytest.mark.parametrize("name", TOLD)
def test_change_told(name: str) -> None:
    """Each change of xdp-features is told, in order, and the last word is what holds."""
    seen, *expected = TOLD[name]

    assert tuple(expected) == outcome(attach.change_told(seen))


def test_change_told_words() -> None:
    """The changes and what was told of them are listed."""
    found = attach.change_told(COMES._replace(told=(NONE, NONE._replace(features=None))))

    assert "basic ndo-xmit; basic" == found.expected
    assert "none; absent" == found.observed


QUIET = Change("GRO on", IDLE, IDLE, IDLE)
UNCHANGED = {
    "the same": (QUIET, PASS, None, ""),
    "other claims meanwhile": (
        QUIET._replace(during=IDLE._replace(claims=XMIT)),
        FAIL,
        OVER,
        ("during GRO on: the driver claims ndo-xmit where the profile knows none"),
    ),
    "fewer claims afterwards": (
        QUIET._replace(after=IDLE._replace(claims=NONE)),
        FAIL,
        UNDER,
        "after GRO on: the driver should claim basic and does not (x.c:1)",
    ),
    "another MTU afterwards": (
        QUIET._replace(after=IDLE._replace(mtu=1400)),
        FAIL,
        MISMATCH,
        "GRO on left something behind",
    ),
    "another MTU meanwhile": (QUIET._replace(during=IDLE._replace(mtu=1400)), PASS, None, ""),
    "unknown meanwhile": (
        QUIET._replace(during=IDLE._replace(claims=None, problem="no answer came")),
        BLOCKED,
        None,
        "no answer came",
    ),
    "unknown meanwhile, wrong afterwards": (
        QUIET._replace(
            during=IDLE._replace(claims=None, problem="no answer came"),
            after=IDLE._replace(claims=NONE),
        ),
        FAIL,
        UNDER,
        "after GRO on: the driver should claim basic and does not (x.c:1)",
    ),
}


@pytest.mark.parametrize("name", UNCHANGED)
def test_unchanged(name: str) -> None:
    """The claims are right during and after the change, and everything is as before."""
    change, *expected = UNCHANGED[name]

    found = attach.unchanged(make_nic(["basic"]), profile_of(), change)

    assert tuple(expected) == outcome(found)
    assert "" == found.param


def test_unchanged_unprofiled() -> None:
    """Without a profile nobody knows what is right."""
    found = attach.unchanged(make_nic(["basic"]), None, QUIET)

    assert BLOCKED is found.outcome
    assert found.reason.startswith("no profile for driver e1000e: ")


JUMBO = Jumbo(9000, SG, REFUSAL, None)
SMALL = Jumbo(1500, BASIC, None, None)
ERRNO = 'jumbo-errno = "EOPNOTSUPP"'
FITS = "a frame at MTU 1500 fits one buffer, and more was not tried"
TAKEN = "at MTU 9000 a program that cannot read several buffers was attached"

PLAIN = {
    "refused as told": (JUMBO, ERRNO, PASS, None, "", "refused with EOPNOTSUPP"),
    "refused, none told": (JUMBO, "", PASS, None, "", "refused"),
    "refused otherwise": (
        JUMBO,
        'jumbo-errno = "EINVAL"',
        FAIL,
        MISMATCH,
        "another answer than the profile names",
        "refused with EINVAL",
    ),
    "refused otherwise, at any MTU": (
        JUMBO._replace(lacking=LACKING[1:2]),
        'jumbo-errno = "EINVAL"',
        BLOCKED,
        None,
        LACKING[1],
        "refused with EINVAL",
    ),
    "attached": (
        JUMBO._replace(plain=None),
        ERRNO,
        FAIL,
        MISMATCH,
        TAKEN,
        "refused with EOPNOTSUPP",
    ),
    "attached, none told": (
        JUMBO._replace(plain=None),
        "",
        FAIL,
        MISMATCH,
        TAKEN,
        "refused",
    ),
    "attached as told": (
        JUMBO._replace(plain=None),
        'jumbo-errno = "none"',
        PASS,
        None,
        "",
        "attached, as the profile says of this driver",
    ),
    "refused where none is": (
        JUMBO,
        'jumbo-errno = "none"',
        FAIL,
        MISMATCH,
        "another answer than the profile names",
        "attached, as the profile says of this driver",
    ),
    "attached at a small MTU": (
        SMALL,
        ERRNO,
        NOT_CLAIMED,
        None,
        FITS,
        "refused with EOPNOTSUPP",
    ),
    "unclaimed, attached": (
        JUMBO._replace(plain=None, claims=NONE),
        ERRNO,
        NOT_CLAIMED,
        None,
        "basic is not claimed",
        "refused with EOPNOTSUPP",
    ),
    "unclaimed, refused": (
        JUMBO._replace(claims=NONE),
        ERRNO,
        NOT_CLAIMED,
        None,
        "basic is not claimed",
        "refused with EOPNOTSUPP",
    ),
    "unknown": (JUMBO._replace(claims=None), ERRNO, BLOCKED, None, UNKNOWN, ""),
}


@pytest.mark.parametrize("name", PLAIN)
def test_jumbo_plain(name: str) -> None:
    """Without frags a program is refused as the profile says, where a frame needs more buffers."""
    seen, text, *expected, words = PLAIN[name]

    found = attach.jumbo_plain(seen, profile_of(text))

    assert tuple(expected) == outcome(found)
    assert words == found.expected


def test_jumbo_unprofiled() -> None:
    """Without a profile any refusal will do."""
    assert PASS is attach.jumbo_plain(JUMBO, None).outcome
    assert (FAIL, MISMATCH, TAKEN) == outcome(attach.jumbo_plain(JUMBO._replace(plain=None), None))


FRAGS = {
    "claimed, works": (JUMBO, PASS, None, ""),
    "unclaimed, works": (
        JUMBO._replace(claims=BASIC),
        FAIL,
        UNDER,
        "it works, and rx-sg is not claimed",
    ),
    "claimed, refused": (
        JUMBO._replace(frags=REFUSAL),
        FAIL,
        OVER,
        "rx-sg is claimed, and it does not work",
    ),
    "claimed, refused at any MTU": (
        JUMBO._replace(frags=REFUSAL, lacking=LACKING[1:2]),
        BLOCKED,
        None,
        LACKING[1],
    ),
    "unclaimed, refused": (
        JUMBO._replace(claims=BASIC, frags=REFUSAL),
        NOT_CLAIMED,
        None,
        "rx-sg is not claimed, and it does not work",
    ),
    "unclaimed, small": (SMALL, NOT_CLAIMED, None, f"rx-sg is not claimed, and {FITS}"),
    "unclaimed, a little less small": (
        SMALL._replace(mtu=3507),
        FAIL,
        UNDER,
        "it works, and rx-sg is not claimed",
    ),
    "claimed, small": (SMALL._replace(claims=SG), PASS, None, ""),
    "claimed, small, refused": (
        SMALL._replace(claims=SG, frags=REFUSAL),
        FAIL,
        OVER,
        "rx-sg is claimed, and it does not work",
    ),
    "unknown": (JUMBO._replace(claims=None), BLOCKED, None, UNKNOWN),
    "unknown, small": (SMALL._replace(claims=None), BLOCKED, None, UNKNOWN),
}


@pytest.mark.parametrize("name", FRAGS)
def test_jumbo_frags(name: str) -> None:
    """With frags a program is attached at a jumbo MTU if and only if rx-sg is claimed."""
    seen, *expected = FRAGS[name]

    assert tuple(expected) == outcome(attach.jumbo_frags(seen))


def test_jumbo_told() -> None:
    """Both programs' fates are kept."""
    found = attach.jumbo_frags(JUMBO)

    assert "attached at MTU 9000" == found.observed
    assert {
        "mtu": 9000,
        "without frags": "EOPNOTSUPP (MTU too large)",
        "with frags": "attached",
    } == found.evidence


HARDWARE = capabilities(["basic", "hw-offload"])
OFFLOADS = {
    "claimed, works": (Offload(HARDWARE, None, None), PASS, None, ""),
    "unclaimed, works": (
        Offload(BASIC, None, None),
        FAIL,
        UNDER,
        "it works, and hw-offload is not claimed",
    ),
    "claimed, not loaded": (
        Offload(HARDWARE, REFUSAL, REFUSAL),
        FAIL,
        OVER,
        "hw-offload is claimed, and it does not work",
    ),
    "claimed, not attached": (
        Offload(HARDWARE, None, REFUSAL),
        FAIL,
        OVER,
        "hw-offload is claimed, and it does not work",
    ),
    "unclaimed, refused": (
        Offload(BASIC, REFUSAL, REFUSAL),
        NOT_CLAIMED,
        None,
        "hw-offload is not claimed, and it does not work",
    ),
    "unclaimed, loaded only": (
        Offload(BASIC, None, REFUSAL),
        NOT_CLAIMED,
        None,
        "hw-offload is not claimed, and it does not work",
    ),
    "unknown": (Offload(None, None, None), BLOCKED, None, UNKNOWN),
}


@pytest.mark.parametrize("name", OFFLOADS)
def test_offload(name: str) -> None:
    """A program runs on the device if and only if hw-offload is claimed."""
    seen, *expected = OFFLOADS[name]

    assert tuple(expected) == outcome(attach.offload(seen))


def test_offload_told() -> None:
    """Load and attach are told apart."""
    found = attach.offload(Offload(BASIC, Refusal("EINVAL"), None))

    assert "load: EINVAL; attach: accepted" == found.observed


def test_cost() -> None:
    """What an attach costs is reported, and passes as long as frames reach the program."""
    found = attach.cost(Cost(2, 120, 3, 1, 12.34, 5.67, 20.04))

    assert (PASS, None, "") == outcome(found)
    assert (
        "attach 12.3 ms, first frame after 20.0 ms, 3 of 120 frames lost; detach 5.7 ms, 1 lost;"
        " carrier changed 2 times"
    ) == found.observed


def test_cost_deaf() -> None:
    """A program that no frame reaches fails."""
    found = attach.cost(Cost(0, 120, 120, 0, 1.0, 1.0, None))

    assert (FAIL, MISMATCH, "no frame reached the program") == outcome(found)
    assert "first frame after never" in found.observed


claims = st.none() | st.sampled_from(
    [NONE, BASIC, XMIT, SG, HARDWARE, NONE._replace(features=None)]
)
known = st.sampled_from([NONE, BASIC, XMIT, SG, NONE._replace(features=None)])
refusals = st.none() | st.just(REFUSAL)
sights = st.builds(
    Sight,
    claims,
    st.sampled_from(["none", "native", "generic"]),
    st.none() | st.integers(1, 3),
    st.booleans(),
    st.sampled_from([0, 1500]),
    problem=st.sampled_from(["", "no answer came"]),
)
around = st.builds(
    Attach,
    sights,
    st.none() | sights,
    st.none() | sights,
    sights,
    st.none() | st.lists(known, max_size=3).map(tuple),
    refusals,
    refusals,
    st.sampled_from([(), LACKING]),
)


@given(
    seen=around,
    jumbo=st.builds(Jumbo, st.sampled_from([1500, 9000]), claims, refusals, refusals),
    offload=st.builds(Offload, claims, refusals, refusals),
    change=st.builds(Change, st.just("MTU 1400"), sights, sights, sights),
    profiled=st.booleans(),
)
def test_anything(
    seen: Attach, jumbo: Jumbo, offload: Offload, change: Change, profiled: bool
) -> None:
    """Whatever was seen is judged, and no claim that is not known is called right or wrong."""
    nic = make_nic(["basic"])
    profile = profile_of() if profiled else None
    found = {
        "native": attach.native(seen),
        "replaced": attach.replaced(seen),
        "restored": attach.restored(seen),
        "told": attach.change_told(seen),
        "claims": attach.claims_attached(nic, profile, seen, "basic"),
        "segments": attach.claims_attached(nic, profile, seen),
        "unchanged": attach.unchanged(nic, profile, change),
        "plain": attach.jumbo_plain(jumbo, profile),
        "frags": attach.jumbo_frags(jumbo),
        "offload": attach.offload(offload),
    }
    for finding in found.values():
        assert outcome(finding)[0] in (PASS, FAIL, NOT_CLAIMED, BLOCKED)
        assert (finding.outcome is FAIL) == (finding.kind is not None)
        assert finding.text()
    if seen.before.claims is None:
        assert BLOCKED is found["native"].outcome
    if jumbo.claims is None:
        assert {BLOCKED} == {found["plain"].outcome, found["frags"].outcome}
    if found["native"].outcome is PASS:
        assert seen.attached is not None
        assert seen.before.claims is not None
        assert XdpAct.BASIC & (seen.before.claims.features or XdpAct(0))
