# SPDX-License-Identifier: MIT
"""Claims against a profile, and between themselves: a NIC that lies is found out either way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.facts.nics import make_nic
from tests.judge.suite import all_lines, asked, failing, judge
from xdpconform.judge import Finding, Kind, Outcome, claims, invariants
from xdpconform.netlink.netdev import ZeroCopy
from xdpconform.nic import FLAGS, Capabilities, XdpAct, XdpRxMetadata, XskFlags
from xdpconform.profiles import LoadedProfile, Match, match
from xdpconform.profiles.load import decode
from xdpconform.snapshot import NO_FAMILY

if TYPE_CHECKING:
    from xdpconform.nic import Nic

PASS, FAIL, NOT_CLAIMED, BLOCKED = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.NOT_CLAIMED,
    Outcome.BLOCKED,
)
PROFILE = """
schema = 1
name = "x"
driver = ["e1000e"]
[[claim]]
flags = ["basic", "redirect", "xsk-zerocopy", "hash"]
source = "x.c:1"
note = "always"
[[claim]]
flags = ["ndo-xmit"]
states = ["attached"]
[[claim]]
flags = ["rx-sg"]
need = "optional"
[[claim]]
flags = ["timestamp"]
when = { feature = "rx-lro" }
[[claim]]
flags = ["vlan-tag"]
added = "6.13"
source = "x.c:9"
[[claim]]
flags = ["hw-offload"]
removed = "6.9"
[[zc-max-segs]]
at-least = 2
at-most = 8
source = "x.c:2"
"""
FULL = ("basic", "redirect", "xsk-zerocopy", "hash")
LOST = make_nic()._replace(capabilities={}, unknown=NO_FAMILY)
"""A NIC whose kernel has no netdev family."""


def profiled(nic: Nic, text: str = PROFILE) -> Match | None:
    """The NIC's match in a profile of this text."""
    return match([LoadedProfile(decode(text.encode(), "x"), "x", "sha256:abc")], nic)


def short(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """Outcome, kind and reason."""
    return finding.outcome, finding.kind, finding.reason


# claims.flag


@pytest.mark.parametrize(
    ("flag", "claimed", "facts", "wanted"),
    [
        ("basic", FULL, {}, (PASS, None, "always")),
        (
            "basic",
            FULL[1:],
            {},
            (
                FAIL,
                Kind.UNDER_CLAIM,
                "the driver should claim basic and does not (x.c:1): always",
            ),
        ),
        ("hash", FULL, {}, (PASS, None, "always")),
        (
            "ndo-xmit",
            (*FULL, "ndo-xmit"),
            {},
            (
                FAIL,
                Kind.OVER_CLAIM,
                "the driver claims ndo-xmit where the profile knows none: only in state attached",
            ),
        ),
        ("ndo-xmit", FULL, {}, (NOT_CLAIMED, None, "only in state attached")),
        ("ndo-xmit", (*FULL, "ndo-xmit"), {"state": "attached"}, (PASS, None, "")),
        (
            "ndo-xmit",
            FULL,
            {"state": "attached"},
            (FAIL, Kind.UNDER_CLAIM, "the driver should claim ndo-xmit and does not"),
        ),
        ("rx-sg", FULL, {}, (NOT_CLAIMED, None, "")),
        ("rx-sg", (*FULL, "rx-sg"), {}, (PASS, None, "")),
        (
            "tx-checksum",
            (*FULL, "tx-checksum"),
            {},
            (
                FAIL,
                Kind.OVER_CLAIM,
                "the driver claims tx-checksum where the profile knows none",
            ),
        ),
        ("tx-checksum", FULL, {}, (NOT_CLAIMED, None, "")),
        (
            "timestamp",
            FULL,
            {},
            (
                BLOCKED,
                None,
                (
                    "not known whether feature = rx-lro: run where that can be seen, or name it in"
                    " a profile of your own with --profile=FILE"
                ),
            ),
        ),
        ("timestamp", FULL, {"features": frozenset({"rx-lro"})}, (FAIL, Kind.UNDER_CLAIM, None)),
        (
            "timestamp",
            FULL,
            {"features": frozenset()},
            (NOT_CLAIMED, None, "only when feature = rx-lro"),
        ),
        (
            "vlan-tag",
            (*FULL, "vlan-tag"),
            {},
            (PASS, None, "required from 6.13 on; backported"),
        ),
        ("vlan-tag", FULL, {}, (NOT_CLAIMED, None, "required from 6.13 on; backported")),
        (
            "vlan-tag",
            FULL,
            {"kernel": "7.3.4"},
            (FAIL, Kind.UNDER_CLAIM, "the driver should claim vlan-tag and does not (x.c:9)"),
        ),
        (
            "hw-offload",
            (*FULL, "hw-offload"),
            {},
            (
                FAIL,
                Kind.OVER_CLAIM,
                "the driver claims hw-offload where the profile knows none: removed in 6.9",
            ),
        ),
    ],
)
def test_flag(
    flag: str, claimed: tuple[str, ...], facts: dict[str, Any], wanted: tuple[Any, Any, str | None]
) -> None:
    """A flag passes, fails in its direction, is not claimed or is blocked, with the reason."""
    nic = make_nic(claimed, 2, **facts)
    finding = claims.flag(nic, profiled(nic), flag)
    if wanted[2] is None:
        wanted = (*wanted[:2], finding.reason)
    assert wanted == short(finding)
    assert nic.state == finding.param


def test_flag_words() -> None:
    """A line shows what the profile expects, and the whole attribute as it was reported."""
    nic = asked(make_nic(FULL, 2))
    finding = claims.flag(nic, profiled(nic), "xsk-zerocopy")
    assert "xsk-zerocopy required (profile x)" == finding.expected
    text = "xsk-zerocopy claimed (xdp-features 0xb: basic redirect xsk-zerocopy)"
    assert text == finding.observed
    assert "netdev dev-get" == finding.evidence["what"]
    finding = claims.flag(nic, profiled(nic), "tx-checksum")
    assert "tx-checksum forbidden (profile x)" == finding.expected
    assert "tx-checksum not claimed (xsk-features 0x0: none)" == finding.observed
    nic = make_nic(Capabilities(XdpAct(0x83), None, None, None))
    observed = [claims.flag(nic, profiled(nic), flag).observed for flag in ("basic", "hash")]
    assert [
        "basic claimed (xdp-features 0x83: basic redirect bit-7)",
        "no attribute xdp-rx-metadata-features",
    ] == observed


def test_missing_attribute_is_not_claimed() -> None:
    """A flag of an attribute that was not sent is not claimed: under-claim where it is required."""
    nic = make_nic(Capabilities(XdpAct(0xB), None, None, 2))
    finding = claims.flag(nic, profiled(nic), "hash")
    assert (FAIL, Kind.UNDER_CLAIM) == (finding.outcome, finding.kind)


# claims.profile_known


def test_profile_known() -> None:
    """With a profile the line passes, and carries its name and digest."""
    nic = make_nic(FULL, 2)
    finding = claims.profile_known(nic, profiled(nic))
    assert (PASS, None, "") == short(finding)
    assert ("a profile for driver e1000e", "x") == (finding.expected, finding.observed)
    assert {"profile": "x", "digest": "sha256:abc"} == finding.evidence


@pytest.mark.parametrize(("driver", "word"), [("mystery", "mystery"), (None, "without a name")])
def test_no_profile(driver: str | None, word: str) -> None:
    """Without a profile each of its lines is blocked, and says how to write one; none fails."""
    nic = asked(make_nic(FULL, 2, driver=driver))
    text = (
        f"no profile for driver {word}: write one with 'xdpconform profile draft eth7' and give it"
        " with --profile=FILE"
    )
    lines = judge(nic, None)
    profiled_lines = {line.name for line in all_lines() if line.wants_profile}
    assert 15 == len(profiled_lines)
    for name in profiled_lines:
        assert (BLOCKED, None, text) == short(lines[name])
    assert {PASS, NOT_CLAIMED} == {
        finding.outcome for name, finding in lines.items() if name not in profiled_lines
    }
    assert "hash claimed (xdp-rx-metadata-features 0x2: hash)" == lines["XDP-RXMD-02"].observed
    assert "zero copy multi-buffer(2), xdp-zc-max-segs 2" == lines["XDP-ZC-03"].observed


# claims.segments


@pytest.mark.parametrize(
    ("claimed", "value", "kernel", "wanted"),
    [
        (FULL, 2, "6.12.0", (PASS, None, "")),
        (FULL, 8, "6.12.0", (PASS, None, "")),
        (
            FULL,
            9,
            "6.12.0",
            (FAIL, Kind.OVER_CLAIM, "more segments than the driver can take (x.c:2)"),
        ),
        (
            FULL,
            1,
            "6.12.0",
            (FAIL, Kind.UNDER_CLAIM, "fewer segments than the driver should take (x.c:2)"),
        ),
        (
            FULL,
            0,
            "6.12.0",
            (FAIL, Kind.UNDER_CLAIM, "fewer segments than the driver should take (x.c:2)"),
        ),
        (
            FULL,
            None,
            "6.6.0",
            (
                FAIL,
                Kind.UNDER_CLAIM,
                "xsk-zerocopy is claimed, and the number of segments is missing",
            ),
        ),
        (FULL, None, "6.5.13", (NOT_CLAIMED, None, "kernels before 6.6 do not report it")),
        (
            ("basic",),
            None,
            "6.12.0",
            (NOT_CLAIMED, None, "without xsk-zerocopy there are no segments"),
        ),
        (
            ("basic",),
            4,
            "6.12.0",
            (NOT_CLAIMED, None, "without xsk-zerocopy there are no segments"),
        ),
    ],
)
def test_segments(
    claimed: tuple[str, ...], value: int | None, kernel: str, wanted: tuple[Any, Any, str]
) -> None:
    """The number of segments is within the profile's range, or fails in its direction."""
    nic = make_nic(claimed, value, kernel=kernel)
    finding = claims.segments(nic, profiled(nic))
    assert wanted == short(finding)
    if "xsk-zerocopy" in claimed:
        assert "2 to 8 (profile x)" == finding.expected


def test_segments_not_known() -> None:
    """Segments that hang on a fact not known are blocked."""
    text = PROFILE + "when = { detached = false }\n"
    nic = make_nic(FULL, 2)
    finding = claims.segments(nic, profiled(nic, text))
    assert (BLOCKED, None, "not known whether detached = false") == short(finding)


@pytest.mark.parametrize("kernel", ["6.3.0", "6.4.16", "6.5.13"])
def test_early_kernels(kernel: str) -> None:
    """On 6.3 to 6.5 zero copy is available without xdp-zc-max-segs: that is no failure."""
    features = XdpAct.BASIC | XdpAct.REDIRECT | XdpAct.XSK_ZEROCOPY
    nic = asked(make_nic(Capabilities(features, None, None, None), kernel=kernel))
    assert nic.now is not None
    assert ZeroCopy(available=True, segments=1) == nic.now.zero_copy
    text = 'schema = 1\nname = "x"\ndriver = ["e1000e"]\n[[claim]]\n'
    text += 'flags = ["basic", "redirect", "xsk-zerocopy"]\n'
    lines = judge(nic, profiled(nic, text))
    assert {} == failing(lines)
    assert PASS is lines["XDP-FEAT-05"].outcome
    early = "kernels before 6.6 do not report it"
    assert (NOT_CLAIMED, None, early) == short(lines["XDP-ZC-02"])
    assert (NOT_CLAIMED, None, early) == short(lines["XDP-ZC-03"])
    assert "zero copy available, xdp-zc-max-segs absent" == lines["XDP-ZC-03"].observed


# invariants


@pytest.mark.parametrize(
    ("claimed", "claim", "needed", "wanted"),
    [
        (("basic", "redirect"), XdpAct.REDIRECT, (XdpAct.BASIC,), (PASS, None, "")),
        (("basic",), XdpAct.REDIRECT, (XdpAct.BASIC,), (NOT_CLAIMED, None, "")),
        (("hash",), XdpAct.REDIRECT, (XdpAct.BASIC,), (NOT_CLAIMED, None, "")),
        (
            ("redirect",),
            XdpAct.REDIRECT,
            (XdpAct.BASIC,),
            (
                FAIL,
                Kind.OVER_CLAIM,
                "redirect is claimed without basic, and the kernel lets nobody use it so",
            ),
        ),
        (
            ("rx-sg", "redirect"),
            XdpAct.RX_SG,
            (XdpAct.BASIC,),
            (
                FAIL,
                Kind.OVER_CLAIM,
                "rx-sg is claimed without basic, and the kernel lets nobody use it so",
            ),
        ),
        (
            ("basic", "ndo-xmit-sg"),
            XdpAct.NDO_XMIT_SG,
            (XdpAct.NDO_XMIT,),
            (
                FAIL,
                Kind.OVER_CLAIM,
                "ndo-xmit-sg is claimed without ndo-xmit, and the kernel lets nobody use it so",
            ),
        ),
        (
            ("xsk-zerocopy",),
            XdpAct.XSK_ZEROCOPY,
            (XdpAct.BASIC, XdpAct.REDIRECT),
            (
                FAIL,
                Kind.OVER_CLAIM,
                (
                    "xsk-zerocopy is claimed without basic and redirect, and the kernel lets nobody"
                    " use it so"
                ),
            ),
        ),
        (
            ("xsk-zerocopy", "basic"),
            XdpAct.XSK_ZEROCOPY,
            (XdpAct.BASIC, XdpAct.REDIRECT),
            (
                FAIL,
                Kind.OVER_CLAIM,
                "xsk-zerocopy is claimed without redirect, and the kernel lets nobody use it so",
            ),
        ),
    ],
)
def test_implies(
    claimed: tuple[str, ...],
    claim: XdpAct,
    needed: tuple[XdpAct, ...],
    wanted: tuple[Any, Any, str],
) -> None:
    """A claim that needs others fails without them, and is not judged where it is not made."""
    assert wanted == short(invariants.implies(make_nic(claimed), claim, *needed))


def test_implies_without_the_attribute() -> None:
    """Without xdp-features nothing is claimed."""
    nic = make_nic(Capabilities(None, None, None, None))
    finding = invariants.implies(nic, XdpAct.REDIRECT, XdpAct.BASIC)
    assert (NOT_CLAIMED, None, "") == short(finding)
    assert ("basic wherever redirect is claimed", "no xdp-features") == (
        finding.expected,
        finding.observed,
    )


@pytest.mark.parametrize(
    ("claimed", "value", "kernel", "wanted"),
    [
        (FULL, 1, "6.12.0", (PASS, None, "")),
        (FULL, 0xFFFFFFFF, "6.12.0", (PASS, None, "")),
        ((), None, "6.12.0", (PASS, None, "")),
        (
            FULL,
            None,
            "6.6.0",
            (FAIL, Kind.MALFORMED, "xsk-zerocopy is claimed, and xdp-zc-max-segs is absent"),
        ),
        (FULL, None, "6.5.0", (NOT_CLAIMED, None, "kernels before 6.6 do not report it")),
        (
            FULL,
            0,
            "6.12.0",
            (FAIL, Kind.MALFORMED, "0 segments: not even a single-buffer frame could be sent"),
        ),
        (
            ("basic",),
            1,
            "6.12.0",
            (
                FAIL,
                Kind.OVER_CLAIM,
                "xdp-zc-max-segs without xsk-zerocopy: a reader may take it for zero copy",
            ),
        ),
        (
            (),
            0,
            "6.3.0",
            (
                FAIL,
                Kind.OVER_CLAIM,
                "xdp-zc-max-segs without xsk-zerocopy: a reader may take it for zero copy",
            ),
        ),
    ],
)
def test_segments_follow(
    claimed: tuple[str, ...], value: int | None, kernel: str, wanted: tuple[Any, Any, str]
) -> None:
    """xdp-zc-max-segs is there if and only if xsk-zerocopy is, and never 0."""
    nic = make_nic(claimed, value, kernel=kernel)
    assert wanted == short(invariants.segments_follow_zero_copy(nic))


@pytest.mark.parametrize(
    ("found", "attribute", "observed", "strange"),
    [
        (Capabilities(XdpAct(0x7F), None, None, None), "xdp-features", "0x7f", ""),
        (Capabilities(XdpAct(0x80), None, None, None), "xdp-features", "0x80", "bit-7"),
        (
            Capabilities(XdpAct(0x8000000000000101), None, None, None),
            "xdp-features",
            "0x8000000000000101",
            "bit-8 and bit-63",
        ),
        (
            Capabilities(None, XdpRxMetadata(0x7), None, None),
            "xdp-rx-metadata-features",
            "0x7",
            "",
        ),
        (
            Capabilities(None, XdpRxMetadata(0xF), None, None),
            "xdp-rx-metadata-features",
            "0xf",
            "bit-3",
        ),
        (Capabilities(None, None, XskFlags(0x7), None), "xsk-features", "0x7", ""),
        (Capabilities(None, None, XskFlags(0x8), None), "xsk-features", "0x8", "bit-3"),
        (Capabilities(None, None, None, None), "xsk-features", "absent", ""),
    ],
)
def test_bits_known(found: Capabilities, attribute: str, observed: str, strange: str) -> None:
    """A bit without a name is blocked, neither passed nor failed."""
    finding = invariants.bits_known(make_nic(found), attribute)
    assert observed == finding.observed
    assert f"only bits of {attribute} that netdev.yaml names" == finding.expected
    reason = (
        f"{strange} of {attribute} is not known here: a newer kernel's flag needs a newer"
        " xdpconform; on an older kernel the driver sets a bit that means nothing"
    )
    assert ((BLOCKED, None, reason) if strange else (PASS, None, "")) == short(finding)


# nothing known


def test_no_family() -> None:
    """Where the kernel has no netdev family every line is blocked with the same reason."""
    match_ = profiled(LOST)
    lines = judge(LOST, match_)
    assert {"XDP-FEAT-01": PASS} == {
        name: finding.outcome for name, finding in lines.items() if finding.outcome is not BLOCKED
    }
    del lines["XDP-FEAT-01"]
    assert {NO_FAMILY} == {finding.reason for finding in lines.values()}
    assert {BLOCKED} == {finding.outcome for finding in judge(LOST, None).values()}


def test_not_seen_in_the_state() -> None:
    """A NIC that was not seen in its state is blocked, though it was seen in another."""
    nic = make_nic(FULL, 2)._replace(state="attached")
    for name in (flag for names in FLAGS.values() for flag in names):
        finding = claims.flag(nic, profiled(nic), name)
        assert (BLOCKED, None, "not seen in state attached") == short(finding)
        assert "attached" == finding.param
    for finding in (
        claims.segments(nic, profiled(nic)),
        invariants.segments_follow_zero_copy(nic),
        invariants.bits_known(nic, "xdp-features"),
        invariants.implies(nic, XdpAct.REDIRECT, XdpAct.BASIC),
    ):
        assert (BLOCKED, None, "not seen in state attached") == short(finding)
