# SPDX-License-Identifier: MIT
"""`diff` of judged sides: what is compared, and what each change is worth."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpconform.outputs.diff import compare, to_dict, to_text
from xdpconform.outputs.diff_effects import GONE, OUTCOMES, REGRESSION
from xdpconform.outputs.diff_sides import Side
from xdpconform.outputs.results import (
    Claims,
    Environment,
    Identity,
    Module,
    NicResults,
    ProfileName,
    Result,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

CLAIMS = Claims(["basic", "redirect"], 1, [], ["tx-checksum"], "available")
LINE = Result("XDP-A-01", "It holds.", "", "pass", None, "claims", "so", "so", "", {})
NIC = NicResults(
    "eth0",
    "kernel",
    Identity(
        "eth0", 2, "drv", None, "fw 1", None, None, "pci", None, "8086:1592", "7.0", 1500,
        {"rx": 2, "combined": None},
    ),
    {"idle": CLAIMS},
    ProfileName("drv", "sha256:1"),
    "CONFORMS",
    [],
    [LINE],
    Environment(
        "#1 SMP", "x86_64", {"CONFIG_BPF": "y", "CONFIG_XDP_SOCKETS": "y"},
        Module("drv", "in-tree", None, "ABC"), ["gro", "lro"],
    ),
)  # fmt: skip


def replaced(**fields: object) -> NicResults:
    """The NIC otherwise."""
    return msgspec.structs.replace(NIC, **fields)


def line(**fields: object) -> Result:
    """The line otherwise."""
    return msgspec.structs.replace(LINE, **fields)


def claiming(**fields: object) -> dict[str, Claims]:
    """Other claims, idle."""
    return {"idle": msgspec.structs.replace(CLAIMS, **fields)}


def side(*nics: NicResults, level: str = "claims", path: str = "x") -> Side:
    """The NICs as one side of a comparison."""
    return Side(path, "results", nics, level=level)


def lines_of(old: Side, new: Side) -> list[str]:
    """The text without what stands first and last."""
    return to_text(compare(old, new)).splitlines()[3:-1]


@pytest.mark.parametrize(
    ("old", "new"),
    [pair for pair in OUTCOMES if pair[0] != pair[1]],
    ids=[f"{old}-{new}" for old, new in OUTCOMES if old != new],
)
def test_outcome(old: str, new: str) -> None:
    """Each change of a line is classed by the table, with why; counts and status follow."""
    reasons = {word: f"why {word}\nand more" for word, _new in OUTCOMES}
    reasons["error"] = "Traceback\nwhy error"
    sides = [
        side(replaced(results=[line(outcome=word, reason=reasons[word])] if word != GONE else []))
        for word in (old, new)
    ]

    found = compare(*sides)
    (change,) = found.changes

    assert (OUTCOMES[old, new], "outcomes") == (change.effect, change.part)
    assert ("" if new == GONE else f"why {new}") == change.why
    assert int(OUTCOMES[old, new] == REGRESSION) == found.status
    assert int(OUTCOMES[old, new] == REGRESSION) == to_dict(found)["regressions"]


FALSE = line(outcome="fail", kind="over-claim", reason="rx-sg is claimed, and frames are lost")
WAIVED = line(
    outcome="waived", kind="mismatch", reason="waived until 2027: a (b); without it fail: c"
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (NIC, replaced(id="other", recording="sha256:9"), []),
        (NIC, replaced(source="recording"), ["  source: kernel -> recording"]),
        (
            NIC,
            replaced(profile=ProfileName("drv", "sha256:2")),
            ["  profile: drv sha256:1 -> drv sha256:2"],
        ),
        (NIC, replaced(verdict="INCOMPLETE"), ["  verdict: CONFORMS -> INCOMPLETE [regression]"]),
        (replaced(verdict="FAILS"), NIC, ["  verdict: FAILS -> CONFORMS [improvement]"]),
        (
            replaced(missing=["XDP-B-01", "XDP-C-01"]),
            replaced(missing=["XDP-C-01", "XDP-D-01"]),
            ["- not run: XDP-B-01 [improvement]", "+ not run: XDP-D-01 [regression]"],
        ),
        (NIC, replaced(capabilities=claiming(xdp_features=["basic"])), [
            "- xdp-features: redirect [regression]",
        ]),
        (NIC, replaced(capabilities=claiming(xdp_features=None)), [
            "  xdp-features: present -> absent",
            "- xdp-features: basic [regression]",
            "- xdp-features: redirect [regression]",
        ]),
        (NIC, replaced(capabilities=claiming(xsk_features=["tx-checksum", "tx-launch-time"])), [
            "+ xsk-features: tx-launch-time [improvement]",
        ]),
        (NIC, replaced(capabilities=claiming(xdp_zc_max_segs=8)), [
            "  xdp-zc-max-segs: 1 -> 8 [improvement]",
        ]),
        (NIC, replaced(capabilities=claiming(xdp_zc_max_segs=None)), [
            "  xdp-zc-max-segs: 1 -> absent [regression]",
        ]),
        (NIC, replaced(capabilities=claiming(unknown={"9": "00"})), [
            "+ unknown attribute: 9 = 00",
        ]),
        (
            replaced(capabilities=claiming(xdp_features=["basic", "redirect", "rx-sg"]),
                     results=[FALSE]),
            NIC,
            ["- xdp-features: rx-sg", "  XDP-A-01: fail (over-claim) -> pass [improvement]"],
        ),
        (
            replaced(capabilities=claiming(xdp_features=["basic", "redirect", "rx-sg"]),
                     results=[msgspec.structs.replace(FALSE, outcome="waived")]),
            replaced(results=[line(outcome="not-claimed")]),
            ["- xdp-features: rx-sg",
             "  XDP-A-01: waived (over-claim) -> not-claimed [improvement]"],
        ),
        (
            NIC,
            replaced(capabilities=claiming(xdp_features=["basic", "redirect", "rx-sg"]),
                     results=[FALSE]),
            ["+ xdp-features: rx-sg",
             ("  XDP-A-01: pass -> fail (over-claim) [regression]:"
             " rx-sg is claimed, and frames are lost")],
        ),
        (NIC, replaced(capabilities={"attached": claiming(xdp_features=[])["idle"]}), [
            "  state: idle -> attached", "- xdp-features: basic", "- xdp-features: redirect",
        ]),
        (NIC, replaced(results=[line(level="packets")]), [
            "  XDP-A-01: pass at claims -> pass at packets [improvement]",
        ]),
        (replaced(results=[line(level="packets")]), NIC, [
            "  XDP-A-01: pass at packets -> pass at claims [regression]",
        ]),
        (replaced(results=[line(level="packets", outcome="blocked")]),
         replaced(results=[line(level="claims", outcome="blocked", reason="no root")]), [
            "  XDP-A-01: blocked at packets -> blocked at claims: no root",
        ]),
        (replaced(results=[FALSE]), replaced(results=[line(outcome="fail", kind="mismatch")]), [
            "  XDP-A-01: fail (over-claim) -> fail (mismatch)",
        ]),
        (replaced(results=[WAIVED]),
         replaced(results=[line(**{**msgspec.structs.asdict(WAIVED),
                                   "reason": WAIVED.reason.replace("fail: c", "fail: d")})]), []),
        (replaced(results=[WAIVED]),
         replaced(results=[line(**{**msgspec.structs.asdict(WAIVED),
                                   "reason": WAIVED.reason.replace("2027", "2028")})]), [
            "  waiver of XDP-A-01: waived until 2027: a (b) -> waived until 2028: a (b)",
        ]),
        (NIC, replaced(results=[LINE, line(outcome="fail")]), [
            "+ XDP-A-01 #2: fail [regression]",
        ]),
        (replaced(environment=None), NIC, []),
    ],
)  # fmt: skip
def test_judged(old: NicResults, new: NicResults, expected: list[str]) -> None:
    """Each thing that differs is a line, classed; nothing else is."""
    assert expected == lines_of(side(old), side(new))


def around(**fields: object) -> NicResults:
    """The NIC elsewhere."""
    return replaced(environment=msgspec.structs.replace(NIC.environment, **fields))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (around(build="#2 SMP"), ["  build: #1 SMP -> #2 SMP"]),
        (around(machine="aarch64"), ["  machine: x86_64 -> aarch64"]),
        (around(config=None), []),
        (around(config={"CONFIG_BPF": "n", "CONFIG_VETH": "m"}), [
            "  config CONFIG_BPF: y -> n",
            "  config CONFIG_XDP_SOCKETS: y -> absent",
            "  config CONFIG_VETH: absent -> m",
        ]),
        (around(module=Module("drv", "out-of-tree", "2.1", "ABD")), [
            "  module source: in-tree -> out-of-tree",
            "  module version: unknown -> 2.1",
            "  module srcversion: ABC -> ABD",
        ]),
        (around(offloads=None), []),
        (around(offloads=["gro", "hw-tc-offload"]), [
            "- offload: lro", "+ offload: hw-tc-offload",
        ]),
        (replaced(identity=msgspec.structs.replace(
            NIC.identity, firmware=None, mtu=9000, queues={"rx": 4, "combined": 1})), [
            "  firmware: fw 1 -> unknown",
            "  mtu: 1500 -> 9000",
            "  queues rx: 2 -> 4",
            "  queues combined: unknown -> 1",
        ]),
    ],
)  # fmt: skip
def test_environment(new: NicResults, expected: list[str]) -> None:
    """What a NIC runs on is compared as far as both sides know it, and is never a regression."""
    found = compare(side(NIC), side(new))

    assert expected == lines_of(side(NIC), side(new))
    assert {("environment", "change")} >= {(c.part, c.effect) for c in found.changes}
    assert 0 == found.status


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [("packets", "claims", " [regression]"), ("claims", "packets", " [improvement]")],
)
def test_level(old: str, new: str, expected: str) -> None:
    """A run that asked for weaker evidence is a regression."""
    text = to_text(compare(side(NIC, level=old), side(NIC, level=new)))

    assert ["run", f"  level: {old} -> {new}{expected}"] == text.splitlines()[2:4]


@pytest.mark.parametrize(
    ("verdict", "mark"),
    [("CONFORMS", " [improvement]"), ("INCOMPLETE", ""), ("FAILS", " [regression]")],
)
def test_nics(verdict: str, mark: str) -> None:
    """A NIC that vanished is a regression, a new one is what its verdict is."""
    other = replaced(
        id="eth1", verdict=verdict, identity=msgspec.structs.replace(NIC.identity, ifname="eth1")
    )

    assert ["- NIC: eth1 [regression]"] == lines_of(side(NIC, other), side(NIC))
    assert [f"+ NIC: eth1{mark}"] == lines_of(side(NIC), side(NIC, other))


def test_none_hidden() -> None:
    """NICs of one name and id, of several certificates, are compared each with its own."""
    old, new = side(NIC, NIC), side(NIC, replaced(verdict="FAILS"))

    assert [
        "eth0 (eth0) #2",
        "  verdict: CONFORMS -> FAILS [regression]",
        "1 regression, 0 improvements, 0 other changes",
    ] == to_text(compare(old, new)).splitlines()[2:]


def test_hostile() -> None:
    """A reason reaches the terminal with escapes."""
    new = replaced(results=[line(outcome="fail", reason="\x1b[2J\u202e")])

    assert ["  XDP-A-01: pass -> fail [regression]: \\x1b[2J\\u202e"] == lines_of(
        side(NIC), side(new)
    )


words = st.sampled_from(["pass", "fail", "not-claimed", "blocked", "waived", "error"])
flags = st.lists(st.sampled_from(["basic", "redirect", "rx-sg", "bit-9"]), unique=True)
lines = st.lists(
    st.builds(
        line,
        requirement=st.sampled_from([f"XDP-A-0{number}" for number in range(4)]),
        param=st.sampled_from(["", "idle"]),
        outcome=words,
        kind=st.sampled_from([None, "over-claim", "mismatch"]),
        level=st.sampled_from(["claims", "packets"]),
    ),
    max_size=6,
)
nics = st.builds(
    replaced,
    capabilities=st.dictionaries(
        st.sampled_from(["idle", "attached"]),
        st.builds(
            lambda found, count: msgspec.structs.replace(
                CLAIMS, xdp_features=found, xdp_zc_max_segs=count
            ),
            st.none() | flags,
            st.none() | st.integers(0, 4),
        ),
    ),
    verdict=st.sampled_from(["CONFORMS", "FAILS", "INCOMPLETE"]),
    missing=st.lists(st.sampled_from(["XDP-B-01", "XDP-B-02"]), unique=True),
    results=lines,
    environment=st.sampled_from([None, NIC.environment]),
)
sides = st.builds(
    lambda found, level: side(*found, level=level),
    st.lists(nics, max_size=3),
    st.sampled_from(["claims", "packets"]),
)


@given(sides)
def test_itself(one: Side) -> None:
    """Whatever was judged, nothing of it differs from itself."""
    found = compare(one, one)

    assert ([], 0) == (found.changes, found.status)
    assert "no difference\n" == to_text(found)


@given(sides, sides)
def test_reversed(old: Side, new: Side) -> None:
    """Back, each change is there the other way round, and worth what the tables say of it."""
    there, back = compare(old, new).changes, compare(new, old).changes

    assert sorted(map(key, there)) == sorted(key(swapped(change)) for change in back)
    for one, other in zip(
        sorted(there, key=key), sorted(back, key=lambda c: key(swapped(c))), strict=True
    ):
        pair = (one.effect, other.effect)
        if one.part == "claims" or one.what in ("level", "not run"):
            assert pair in {("change", "change"), *WAYS}
        else:
            assert pair != ("improvement", "improvement")


WAYS = {("regression", "improvement"), ("improvement", "regression")}


def key(change: Any) -> tuple[str, ...]:
    """What a change is of, its effect aside."""
    return (change.group, change.what, str(change.old), str(change.new), change.sign)


def swapped(change: Any) -> Any:
    """A change the other way round."""
    sign = {"+": "-", "-": "+"}.get(change.sign, change.sign)
    return change._replace(old=change.new, new=change.old, sign=sign)


def test_effects_are_whole() -> None:
    """Of judged sides each change has an effect; of others none has."""
    old, new = replaced(results=[]), replaced(identity=msgspec.structs.replace(NIC.identity, mtu=1))
    seen: Sequence[Side] = [Side("x", kind, [old]) for kind in ("results", "recording")]
    then: Sequence[Side] = [Side("y", kind, [new]) for kind in ("certificate", "recording")]

    found = {
        (a.kind, b.kind): {bool(change.effect) for change in compare(a, b).changes}
        for a, b in product(seen, then)
    }

    assert {
        ("results", "certificate"): {True},
        ("results", "recording"): {False},
        ("recording", "certificate"): {False},
        ("recording", "recording"): {False},
    } == found
