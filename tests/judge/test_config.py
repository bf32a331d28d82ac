# SPDX-License-Identifier: MIT
"""Whether a NIC's configuration survived a program: every kind, kept, lost, moved and absent."""

from __future__ import annotations

import json

import pytest

from xdpconform.judge.config import KINDS, Config, VlanFilter, settings, survived
from xdpconform.judge.finding import Kind, Level, Outcome
from xdpconform.netlink.ethtool import Channels, Rings, Rss
from xdpconform.netlink.ethtool_config import Coalesce
from xdpconform.netlink.ethtool_ioctl import Rule
from xdpconform.netlink.link_config import Vlan

FIELDS = {
    "ntuple": "rules",
    "rss": "rss",
    "coalesce": "coalesce",
    "rings": "rings",
    "vlan-filter": "vlan_filter",
    "channels": "channels",
}
RULE = Rule(5, 1, 3, None, b"\xaa" * 144)
FULL = Config(
    (RULE,),
    Rss(4, None, 1, (0, 1, 2, 3), b"\x6d\x5a", 0),
    Coalesce(4, {"rx-usecs": 8, "rx-max-frames": 64, "tx-usecs": 16, "use-adaptive-rx": 0}),
    Rings(4, rx_max=4096, tx_max=4096, rx=512, tx=256, tcp_data_split=1),
    VlanFilter(active=True, vlans=(Vlan(9, "eth0.5", 4, 5, 0x8100),)),
    Channels(4, combined_max=8, combined=4),
)

# kind: another configuration, and how the change is told
CHANGES: dict[str, tuple[Config, str]] = {
    "ntuple": (
        FULL._replace(rules=()),
        f"rule 5 tcp4 to queue 3 by {144 * 'aa'} -> none -> none",
    ),
    "rss": (
        FULL._replace(rss=Rss(4, None, 2, (0, 1, 0, 1), b"\x6d\x5b", 0)),
        (
            "hfunc toeplitz -> xor -> xor; hkey 6d5a -> 6d5b -> 6d5b; indir[2] 2 -> 0 -> 0;"
            " indir[3] 3 -> 1 -> 1"
        ),
    ),
    "coalesce": (
        FULL._replace(coalesce=Coalesce(4, {"rx-usecs": 0, "rx-max-frames": 64, "tx-usecs": 16})),
        "rx-usecs 8 -> 0 -> 0; use-adaptive-rx 0 -> none -> none",
    ),
    "rings": (
        FULL._replace(rings=Rings(4, rx=1024, tx=256, tcp_data_split=2)),
        "rx 512 -> 1024 -> 1024; tcp-data-split 1 -> 2 -> 2",
    ),
    "vlan-filter": (
        FULL._replace(vlan_filter=VlanFilter(active=False, vlans=())),
        "rx-vlan-filter on -> off -> off; VLAN 5 (0x8100) eth0.5 -> none -> none",
    ),
    "channels": (
        FULL._replace(channels=Channels(4, combined_max=8, combined=2, rx=1)),
        "combined 4 -> 2 -> 2; rx none -> 1 -> 1",
    ),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def test_kinds() -> None:
    """Each field of a configuration is a kind."""
    assert tuple(FIELDS) == KINDS
    assert sorted(FIELDS.values()) == sorted(Config._fields)


@kinds
def test_kept(kind: str) -> None:
    """What is the same three times passes, and says how much that was."""
    found = survived(kind, FULL, FULL, FULL)
    count = len(settings(kind, FULL) or {})

    assert (Outcome.PASS, None, Level.ATTACH, kind) == (
        *(found.outcome, found.kind, found.level),
        found.param,
    )
    assert f"{count} settings, the same" == found.observed
    assert count > 0


@kinds
def test_lost(kind: str) -> None:
    """What changes and stays changed fails, and each change is named."""
    other, told = CHANGES[kind]
    found = survived(kind, FULL, other, other)

    assert (Outcome.FAIL, Kind.MISMATCH) == (found.outcome, found.kind)
    assert told == found.observed
    assert "shown: before -> attached -> after" in found.reason


@kinds
@pytest.mark.parametrize("moment", [0, 1, 2])
def test_changed_at_one_moment(kind: str, moment: int) -> None:
    """A change at any one moment fails, also one that is taken back afterwards."""
    other, _told = CHANGES[kind]
    moments = [FULL] * 3
    moments[moment] = other

    assert Outcome.FAIL is survived(kind, *moments).outcome


@kinds
def test_only_its_own_kind(kind: str) -> None:
    """A change of one kind fails no other."""
    other, _told = CHANGES[kind]

    failed = [one for one in KINDS if survived(one, FULL, other, FULL).outcome is Outcome.FAIL]
    assert [kind] == failed


@kinds
def test_gone_altogether(kind: str) -> None:
    """A driver that no longer tells what it told before fails."""
    found = survived(kind, FULL, Config(), FULL)

    assert Outcome.FAIL is found.outcome
    assert " -> none -> " in found.observed


@kinds
def test_none(kind: str) -> None:
    """A NIC that has none claims nothing, whatever it tells later."""
    found = survived(kind, FULL._replace(**{FIELDS[kind]: None}), FULL, FULL)

    assert Outcome.NOT_CLAIMED is found.outcome
    assert found.reason.startswith("the NIC has none: its driver tells of no ")


def test_no_rules_set() -> None:
    """Where no rule is set none can survive, but one may appear."""
    nothing = FULL._replace(rules=())
    found = survived("ntuple", nothing, nothing, nothing)

    assert Outcome.NOT_CLAIMED is found.outcome
    assert "the NIC has none: no ntuple rules set" == found.reason
    assert Outcome.FAIL is survived("ntuple", nothing, FULL, nothing).outcome


@pytest.mark.parametrize("switch", [0, 1])
@pytest.mark.parametrize("way", ["rx", "tx"])
def test_adaptive_coalescing(way: str, switch: int) -> None:
    """What adaptive coalescing sets by itself is no change of the configuration."""
    before, after = (
        FULL._replace(coalesce=Coalesce(4, {f"use-adaptive-{way}": switch, f"{way}-usecs": usecs}))
        for usecs in (8, 64)
    )
    found = survived("coalesce", before, before, after)

    assert (Outcome.PASS if switch else Outcome.FAIL) is found.outcome


def test_adaptive_switched() -> None:
    """Switching adaptive coalescing on is a change."""
    before, after = (
        FULL._replace(coalesce=Coalesce(4, {"use-adaptive-rx": on, "rx-usecs": 8})) for on in (0, 1)
    )
    found = survived("coalesce", before, after, before)

    assert "use-adaptive-rx 0 -> 1 -> 0" == found.observed


@pytest.mark.parametrize(
    "other",
    [
        FULL._replace(rings=FULL.rings and FULL.rings._replace(rx_max=8192)),
        FULL._replace(channels=FULL.channels and FULL.channels._replace(combined_max=4)),
    ],
    ids=["rings", "channels"],
)
def test_limits_may_move(other: Config) -> None:
    """A limit is not what somebody set."""
    assert all(survived(kind, FULL, other, FULL).outcome is Outcome.PASS for kind in KINDS)


def test_vlans_of_one_id() -> None:
    """VLANs of the same id under both kinds of tags stay apart."""
    vlans = tuple(
        Vlan(9 + n, f"v{n}", 4, 5, protocol) for n, protocol in enumerate((0x8100, 0x88A8))
    )
    before = FULL._replace(vlan_filter=VlanFilter(active=True, vlans=vlans))
    after = FULL._replace(vlan_filter=VlanFilter(active=True, vlans=vlans[1:]))

    found = survived("vlan-filter", before, after, after)
    assert "VLAN 5 (0x8100) v0 -> none -> none" == found.observed


def test_a_flood_of_changes_is_bounded() -> None:
    """A table that is lost as a whole does not fill the report: some, and how many more."""
    entries = 4096
    rss = Rss(4, indirection=tuple(range(entries)))
    before = FULL._replace(rss=rss)
    after = FULL._replace(rss=rss._replace(indirection=(0,) * entries))
    found = survived("rss", before, after, after)

    assert found.observed.endswith("indir[8] 8 -> 0 -> 0; and 4087 more")
    for moment in ("before", "attached", "after"):
        values = found.evidence[moment]
        assert isinstance(values, dict)
        assert 3073 == values["left out"]
        assert 1025 == len(values)


@kinds
def test_evidence(kind: str) -> None:
    """Evidence holds the values of the three moments in JSON types."""
    other, _told = CHANGES[kind]
    found = survived(kind, FULL, other, Config())

    expected = {
        "before": settings(kind, FULL),
        "attached": settings(kind, other),
        "after": None,
    }
    assert expected == json.loads(json.dumps(found.evidence))
