# SPDX-License-Identifier: MIT
"""A drafted profile is a good file, and certifies the NIC it was drafted from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.facts.nics import capabilities, make_nic
from tests.judge.suite import PROFILED, failing, judge, mutations, unsettled
from tests.profiles.rows import CASES, nic_of, situations
from xdpconform.errors import SourceError
from xdpconform.nic import ATTACHED, FLAGS, IDLE, Capabilities, XdpAct, XdpRxMetadata, XskFlags
from xdpconform.profiles import LoadedProfile, match
from xdpconform.profiles.draft import draft
from xdpconform.profiles.load import decode

if TYPE_CHECKING:
    from xdpconform.nic import Nic

ALL = [flag for names in FLAGS.values() for flag in names]


def drafted(nic: Nic) -> LoadedProfile:
    """The profile that is drafted from a NIC, read as any other file."""
    return LoadedProfile(decode(draft(nic).encode(), "draft"), "draft", "sha256:0")


@given(
    st.sets(st.sampled_from(ALL)),
    st.integers(1, 0xFFFFFFFF),
    st.sampled_from([IDLE, ATTACHED]),
    st.sampled_from(["6.3.0", "6.6.1", "6.12.107", "7.3.4-0-virt", "10.0"]),
)
def test_certifies(claims: set[str], segments: int, state: str, kernel: str) -> None:
    """Whatever a NIC claims, its draft is decoded and certifies every line about its claims."""
    some = segments if "xsk-zerocopy" in claims else None
    nic = make_nic(claims, some, state=state, kernel=kernel)
    found = match([drafted(nic)], nic)
    assert found is not None
    left = set(unsettled(judge(nic, found, PROFILED)))
    assert left <= {"XDP-ZC-01"}  # an invariant that no profile can mend


@pytest.mark.parametrize("situation", situations(CASES)[::7])
def test_certifies_nothing_else(situation: tuple[Any, str, str]) -> None:
    """A draft fails the NIC with any claim changed."""
    nic = nic_of(*situation)
    found = match([drafted(nic)], nic)
    assert found is not None
    assert {} == unsettled(judge(nic, found, PROFILED))
    for change, changed in mutations(nic).items():
        assert failing(judge(changed, found, PROFILED)), change


def test_text() -> None:
    """The draft of a NIC, whole."""
    claims = ["redirect", "basic", "xsk-zerocopy", "hash", "tx-checksum"]
    nic = make_nic(claims, 8, driver="mydrv", kernel="6.14.2", state=ATTACHED)
    assert """\
# Drafted from what a NIC claims; a claim is no proof. Check each rule with the driver's
# source, and give the line in `source`.
schema = 1
name = "mydrv"
driver = ["mydrv"]
note = "drafted on kernel 6.14.2 in state attached"

[[claim]]
flags = ["basic", "redirect", "xsk-zerocopy"]
added = "6.14"
states = ["attached"]
basis = "seen"

[[claim]]
flags = ["hash"]
added = "6.14"
states = ["attached"]
basis = "seen"

[[claim]]
flags = ["tx-checksum"]
added = "6.14"
states = ["attached"]
basis = "seen"

[[zc-max-segs]]
exactly = 8
basis = "seen"
""" == draft(nic)


@pytest.mark.parametrize(
    ("driver", "name"),
    [
        ('a"b', "a_b"),
        ("a\\", "a_"),
        ("a\nb\r\t\0", "a_b___"),
        ("\x1b[31m\x7f\x80", "__31m__"),
        ("nétwork-dräver", "n_twork-dr_ver"),
        ("drv\U0001f600", "drv_"),
        ("802.1Q VLAN Support", "802.1Q_VLAN_Support"),
        ("'''\"\"\"", "______"),
        ("a:b@c", "a_b_c"),
        ("--a", "a"),
        ("...", "_"),
        ("\u2028", "_"),
        ("[e]1000?*", "_e_1000__"),
        ("x" * 64, "x" * 40),
    ],
)
def test_hostile_driver(driver: str, name: str) -> None:
    """Whatever the driver is called, the draft is TOML and matches that name and no other."""
    nic = make_nic(["basic"], driver=driver)
    profile = drafted(nic)
    assert name == profile.profile.name
    assert match([profile], nic) is not None
    assert match([profile], make_nic(driver=f"{driver}x")) is None
    assert match([profile], make_nic(driver="e1000?*")) is None


@given(st.text(min_size=1, max_size=31))
@example("*")
@example("\x7f")
def test_any_driver(driver: str) -> None:
    """Whatever bytes a driver gives as its name, the draft matches the NIC."""
    text = driver.encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace")[:200]
    nic = make_nic(["basic"], driver=text)
    assert match([drafted(nic)], nic) is not None


@pytest.mark.parametrize(
    ("nic", "text"),
    [
        (
            make_nic()._replace(capabilities={}, unknown="dev-get of eth7 failed: EIO"),
            "eth7: dev-get of eth7 failed: EIO",
        ),
        (
            make_nic(Capabilities(XdpAct(0x81), XdpRxMetadata(0x10), XskFlags(0), None)),
            "eth7 claims bit-7 and bit-4, which has no name here: a newer xdpconform may know it",
        ),
        (make_nic(driver=None), "eth7 has no driver name that a profile could match"),
        (
            make_nic(driver=None, ifname="a\x1b[2J"),
            "a\\x1b[2J has no driver name that a profile could match",
        ),
    ],
)
def test_refused(nic: Nic, text: str) -> None:
    """Nothing is drafted where the claims are not known, have no name, or the driver has none."""
    with pytest.raises(SourceError) as caught:
        draft(nic)
    assert text == str(caught.value)


@pytest.mark.parametrize("segments", [0, 1, 7])
def test_segments_without_zero_copy(segments: int) -> None:
    """A number of segments without xsk-zerocopy is no rule; the invariants fail it."""
    nic = make_nic(capabilities(["basic"], segments))
    assert "zc-max-segs" not in draft(nic)
    found = match([drafted(nic)], nic)
    assert {"XDP-ZC-02": "over-claim"} == failing(judge(nic, found))


def test_segments_zero() -> None:
    """Zero copy with 0 segments stays a fail with its own draft."""
    nic = make_nic(capabilities(["basic", "redirect", "xsk-zerocopy"], 0))
    fails = failing(judge(nic, match([drafted(nic)], nic)))
    assert {"XDP-ZC-02": "malformed", "XDP-ZC-03": "under-claim"} == fails
