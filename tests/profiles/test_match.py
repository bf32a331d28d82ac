# SPDX-License-Identifier: MIT
"""Matching: which profile and variant a NIC falls under, and what that makes of each claim."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.facts.nics import make_nic
from tests.profiles.rows import virtio
from xdpconform.errors import InputError
from xdpconform.nic import ATTACHED, FLAGS, IDLE, Peer, QueueCounts
from xdpconform.profiles import Expect, Expectation, LoadedProfile, Match, Segments, match
from xdpconform.profiles.conditions import FACTS, holds
from xdpconform.profiles.kernel import KernelVersion
from xdpconform.profiles.load import decode

if TYPE_CHECKING:
    from xdpconform.nic import Nic

HEAD = 'schema = 1\nname = "x"\ndriver = ["e1000e"]\n'
REQUIRED, OPTIONAL, FORBIDDEN, UNDECIDED = (
    Expect.REQUIRED,
    Expect.OPTIONAL,
    Expect.FORBIDDEN,
    Expect.UNDECIDED,
)
UP = "when = { up = true }"
GONE = "when = { detached = false }"
"""A fact that is never known."""


def loaded(text: str, head: str = HEAD) -> LoadedProfile:
    """A profile from its text."""
    return LoadedProfile(decode((head + text).encode(), "x.toml"), "x.toml", "sha256:0")


def rules(*parts: str) -> str:
    """Claims of basic, each with more lines."""
    return "".join(
        '[[claim]]\nflags = ["basic"]\n' + part.replace("; ", "\n") + "\n" for part in parts
    )


def expected(text: str, nic: Nic, flag: str = "basic") -> Expectation:
    """What a profile expects of a flag in the state the NIC is in."""
    found = match([loaded(text)], nic)
    assert found is not None
    return found.expectation(flag, nic, nic.state)


TABLE: list[tuple[str, str, dict[str, Any], Expectation]] = [
    # nothing said, and plainly said
    ("", "6.12.0", {}, Expectation(FORBIDDEN)),
    (rules(""), "6.12.0", {}, Expectation(REQUIRED)),
    (rules('source = "a.c:1"'), "6.12.0", {}, Expectation(REQUIRED, "", "a.c:1")),
    (rules('source = ["a.c:1", "b.c:2"]'), "6.12.0", {}, Expectation(REQUIRED, "", "a.c:1, b.c:2")),
    (rules('note = "so"'), "6.12.0", {}, Expectation(REQUIRED, "so")),
    (rules('need = "optional"'), "6.12.0", {}, Expectation(OPTIONAL)),
    (rules('need = "forbidden"'), "6.12.0", {}, Expectation(FORBIDDEN)),
    # added and removed
    (rules('added = "6.12"'), "6.12.0-rc1", {}, Expectation(REQUIRED)),
    (rules('added = "6.9"'), "6.12.0", {}, Expectation(REQUIRED)),
    (
        rules('added = "6.13"; source = "a.c:1"'),
        "6.12.99",
        {},
        Expectation(OPTIONAL, "required from 6.13 on; backported", "a.c:1"),
    ),
    (
        rules('need = "optional"; added = "6.13"'),
        "6.12.0",
        {},
        Expectation(OPTIONAL, "required from 6.13 on; backported"),
    ),
    (
        rules('need = "forbidden"; added = "6.13"'),
        "6.12.0",
        {},
        Expectation(FORBIDDEN, "required from 6.13"),
    ),
    (rules('removed = "6.13"'), "6.12.0", {}, Expectation(REQUIRED)),
    (rules('removed = "6.12"'), "6.12.0", {}, Expectation(FORBIDDEN, "removed in 6.12")),
    (rules('removed = "6.9"'), "6.12.0", {}, Expectation(FORBIDDEN, "removed in 6.9")),
    (rules('added = "6.3"; removed = "6.13"'), "6.12.0", {}, Expectation(REQUIRED)),
    # an interval in which it may be so or not
    (
        rules('removed = "6.9"', 'need = "optional"; added = "6.9"; removed = "7.0"'),
        "6.12.0",
        {},
        Expectation(OPTIONAL),
    ),
    (
        rules('removed = "6.9"', 'need = "optional"; added = "6.9"; removed = "7.0"'),
        "7.0.1",
        {},
        Expectation(FORBIDDEN, "removed in 6.9"),
    ),
    # releases, whatever their number
    (rules('added = "6.9"; releases = ["*.el9*"]'), "5.14.0-427.el9", {}, Expectation(REQUIRED)),
    (
        rules('added = "6.9"; releases = ["*.el9*"]'),
        "5.14.0-1.el8",
        {},
        Expectation(OPTIONAL, "required from 6.9 on; backported"),
    ),
    (rules('removed = "6.9"; releases = ["6.12*"]'), "6.12.1", {}, Expectation(REQUIRED)),
    (
        rules("", 'need = "forbidden"; added = "9.0"; releases = ["6.1?.*"]'),
        "6.12.1",
        {},
        Expectation(FORBIDDEN),
    ),
    # states
    (rules('states = ["idle"]'), "6.12.0", {}, Expectation(REQUIRED)),
    (
        rules('states = ["idle"]'),
        "6.12.0",
        {"state": ATTACHED},
        Expectation(FORBIDDEN, "only in state idle"),
    ),
    (
        rules('states = ["attached"]'),
        "6.12.0",
        {},
        Expectation(FORBIDDEN, "only in state attached"),
    ),
    (rules('states = ["attached"]'), "6.12.0", {"state": ATTACHED}, Expectation(REQUIRED)),
    # facts: true, false, not known
    (rules(UP), "6.12.0", {}, Expectation(REQUIRED)),
    (rules(UP), "6.12.0", {"up": False}, Expectation(FORBIDDEN, "only when up = true")),
    (
        rules("when = { not-up = true }"),
        "6.12.0",
        {},
        Expectation(FORBIDDEN, "only when not-up = true"),
    ),
    (rules(GONE), "6.12.0", {}, Expectation(UNDECIDED, "not known whether detached = false")),
    (
        rules(GONE + '; undecided = "optional"; source = "a.c:1"'),
        "6.12.0",
        {},
        Expectation(OPTIONAL, "not known whether detached = false", "a.c:1"),
    ),
    (
        rules(GONE + '; added = "6.13"'),
        "6.12.0",
        {},
        Expectation(OPTIONAL, "required from 6.13 on; backported"),
    ),
    (
        rules(GONE + '; removed = "6.9"'),
        "6.12.0",
        {},
        Expectation(FORBIDDEN, "removed in 6.9"),
    ),
    (
        rules("when = { detached = false, up = false }"),
        "6.12.0",
        {},
        Expectation(FORBIDDEN, "only when up = false"),
    ),
    # which rule wins: forbidden, required, optional, undecided, backported
    (rules("", 'need = "forbidden"; ' + UP), "6.12.0", {}, Expectation(FORBIDDEN)),
    (rules("", 'need = "forbidden"; ' + UP), "6.12.0", {"up": False}, Expectation(REQUIRED)),
    (
        rules("", 'need = "forbidden"; ' + GONE),
        "6.12.0",
        {},
        Expectation(UNDECIDED, "not known whether detached = false"),
    ),
    (
        rules("", 'need = "forbidden"; undecided = "optional"; ' + GONE),
        "6.12.0",
        {},
        Expectation(OPTIONAL, "not known whether detached = false"),
    ),
    (
        rules('need = "forbidden"; ' + GONE),
        "6.12.0",
        {},
        Expectation(FORBIDDEN, "not known whether detached = false"),
    ),
    (rules("", 'need = "optional"; ' + UP), "6.12.0", {}, Expectation(REQUIRED)),
    (rules(GONE, 'need = "optional"; ' + UP), "6.12.0", {}, Expectation(OPTIONAL)),
    (
        rules('added = "7.0"', GONE),
        "6.12.0",
        {},
        Expectation(UNDECIDED, "not known whether detached = false"),
    ),
    (rules(GONE, UP), "6.12.0", {}, Expectation(REQUIRED)),
]


@pytest.mark.parametrize(
    ("text", "kernel", "facts", "wanted"), TABLE, ids=[str(n) for n in range(len(TABLE))]
)
def test_expectation(text: str, kernel: str, facts: dict[str, Any], wanted: Expectation) -> None:
    """Each rule, or several together, gives the expectation that the model promises."""
    assert wanted == expected(text, make_nic(kernel=kernel, **facts))


def test_flags_of_a_rule_only() -> None:
    """A rule speaks of its own flags; every other flag of the three sets is forbidden."""
    text = '[[claim]]\nflags = ["basic", "hash", "tx-checksum"]\n'
    nic = make_nic()
    required = {
        flag
        for names in FLAGS.values()
        for flag in names
        if expected(text, nic, flag).expect is REQUIRED
    }
    assert {"basic", "hash", "tx-checksum"} == required


PORTS = [
    make_nic(["basic", "redirect", "xsk-zerocopy", "rx-sg"], 1).capabilities[IDLE],
    make_nic(["basic", "redirect", "xsk-zerocopy", "hash"], 1).capabilities[IDLE],
]
COMPUTED = (
    '[[variant]]\nname = "all"\n[variant.computed]\nall-of = "ports"\nwithout = ["xsk-zerocopy"]\n'
)
TAKEN = "taken away whatever its ports claim"


@pytest.mark.parametrize(
    ("flag", "ports", "wanted"),
    [
        ("basic", PORTS, Expectation(REQUIRED, "every port claims it")),
        ("rx-sg", PORTS, Expectation(FORBIDDEN, "not every port claims it")),
        ("rx-sg", PORTS[:1], Expectation(REQUIRED, "every port claims it")),
        ("xsk-zerocopy", PORTS, Expectation(FORBIDDEN, TAKEN)),
        ("hash", PORTS[1:], Expectation(FORBIDDEN)),
        ("basic", [], Expectation(FORBIDDEN, TAKEN)),
        ("basic", None, Expectation(UNDECIDED, "its ports could not be asked")),
        ("xsk-zerocopy", None, Expectation(UNDECIDED, "its ports could not be asked")),
        (
            "basic",
            [PORTS[0], PORTS[1]._replace(features=None)],
            Expectation(FORBIDDEN, "not every port claims it"),
        ),
    ],
)
def test_computed(flag: str, ports: list[Any] | None, wanted: Expectation) -> None:
    """A bond's flags are those of all its ports but for those taken away; metadata is its own."""
    nic = make_nic(ports=None if ports is None else tuple(ports))
    assert wanted == expected(COMPUTED, nic, flag)


ZC = '[[claim]]\nflags = ["xsk-zerocopy"]\n'
DEFAULT = "net/core/dev.c: alloc_netdev_mqs sets 1"


@pytest.mark.parametrize(
    ("text", "facts", "wanted", "words"),
    [
        ("", {}, Segments(1, 1, DEFAULT), "1"),
        ('exactly = 8\nsource = "a.c:1"', {}, Segments(8, 8, "a.c:1"), "8"),
        ("at-least = 2", {}, Segments(2, 0xFFFFFFFF), "2 to 4294967295"),
        ("at-most = 9", {}, Segments(1, 9), "1 to 9"),
        ("at-least = 2\nat-most = 9", {}, Segments(2, 9), "2 to 9"),
        ('exactly = 8\nremoved = "6.12"', {}, Segments(1, 1, DEFAULT), "1"),
        ('exactly = 8\nadded = "6.13"', {}, Segments(1, 8, DEFAULT), "1 to 8"),
        ('exactly = 8\nstates = ["attached"]', {}, Segments(1, 1, DEFAULT), "1"),
        ('exactly = 8\nstates = ["attached"]', {"state": ATTACHED}, Segments(8, 8), "8"),
        ("exactly = 8\n" + UP, {"up": False}, Segments(1, 1, DEFAULT), "1"),
        (f"exactly = 8\n{UP}\n[[zc-max-segs]]\nexactly = 4", {"up": False}, Segments(4, 4), "4"),
        (f"exactly = 8\n{GONE}\nundecided = 'optional'", {}, Segments(1, 8, DEFAULT), "1 to 8"),
    ],
)
def test_segments(text: str, facts: dict[str, Any], wanted: Segments, words: str) -> None:
    """The segments are exact, a range, or the core's 1; a backport may have more."""
    nic = make_nic(**facts)
    found = match([loaded(ZC + (f"[[zc-max-segs]]\n{text}\n" if text else ""))], nic)
    assert found is not None
    assert wanted == found.segments(nic, nic.state)
    assert words == str(wanted)


def test_segments_not_known() -> None:
    """Segments that hang on a fact not known are undecided."""
    nic = make_nic()
    found = match([loaded(ZC + f"[[zc-max-segs]]\nexactly = 8\n{GONE}\n")], nic)
    assert found is not None
    wanted = Expectation(UNDECIDED, "not known whether detached = false")
    assert wanted == found.segments(nic, IDLE)


def test_segments_of_a_variant() -> None:
    """A variant's segments stand in place of the profile's."""
    text = ZC + "[[zc-max-segs]]\nexactly = 4\n[[variant]]\nname = 'A'\n"
    text += "[[variant.zc-max-segs]]\nexactly = 8\n[[variant]]\nname = 'B'\n"
    nic = make_nic()
    numbers = [
        found.segments(nic, IDLE)
        for name in "AB"
        if (found := match([loaded(text)], nic, [f"x:{name}"]))
    ]
    assert [Segments(8, 8), Segments(4, 4)] == numbers


# Which profile, which variant


def test_driver() -> None:
    """A profile is for drivers by name or glob, case included; without a name there is none."""
    for driver, glob, fits in (
        ("e1000e", "e1000e", True),
        ("e1000e", "e1000", False),
        ("e1000e", "e1000*", True),
        ("E1000E", "e1000e", False),
        (None, "*", False),
    ):
        one = loaded("", f'schema = 1\nname = "x"\ndriver = ["y", "{glob}"]\n')
        assert fits == (match([one], make_nic(driver=driver)) is not None)


def test_first_profile_wins() -> None:
    """The first profile whose driver and facts fit is taken; a fact not known does not hinder."""
    first = loaded("", HEAD.replace('"x"', '"first"') + "when = { up = false }\n")
    second = loaded("", HEAD.replace('"x"', '"second"') + GONE + "\n")
    third = loaded("", HEAD.replace('"x"', '"third"'))
    order = [first, second, third]
    for nic, wanted in ((make_nic(up=False), "first"), (make_nic(), "second")):
        found = match(order, nic)
        assert found is not None
        assert (wanted, "") == (found.name, found.assumed)
    assert match([], make_nic()) is None


VARIANTS = """
[[variant]]
name = "usual"
assume = "it is usual"
[[variant.claim]]
flags = ["basic", "redirect"]
[[variant]]
name = "rare"
assume = "it is rare"
[[variant.claim]]
flags = ["basic"]
[[variant]]
name = "down"
when = { up = false }
[[variant]]
name = "bus"
when = { bus = "platform", up = false }
"""


@pytest.mark.parametrize(
    ("claims", "facts", "variant", "assumed"),
    [
        (["basic", "redirect"], {}, "usual", ""),
        (["basic"], {}, "rare", "it is rare"),
        (["basic", "redirect", "hash"], {}, "usual", ""),
        ([], {}, "rare", "it is rare"),
        (["hw-offload"], {}, "rare", "it is rare"),
        (["redirect"], {}, "usual", ""),
        ([], {"up": False}, "down", ""),
        (["basic", "redirect"], {"up": False, "bus": "platform"}, "down", ""),
    ],
)
def test_variant(claims: list[str], facts: dict[str, Any], variant: str, assumed: str) -> None:
    """Facts tell a variant; else the one that the claims fit best, the first among equals.

    Only the first may be taken without a word: it is the usual one.
    """
    found = match([loaded(VARIANTS)], make_nic(claims, **facts))
    assert found is not None
    assert found.variant is not None
    assert (variant, assumed, f"x:{variant}") == (found.variant.name, found.assumed, found.name)


def test_variant_by_unknown_facts() -> None:
    """A variant whose fact is not known may fit by its claims, and the fact is then assumed."""
    text = """
[[variant]]
name = "no-rss"
when = { not-virtio-feature = "rss" }
[[variant]]
name = "rss"
when = { virtio-feature = "rss" }
[[variant.claim]]
flags = ["hash"]
"""
    for claims, facts, name, assumed in (
        ([], {}, "no-rss", ""),
        (["hash"], {}, "rss", "virtio-feature = rss"),
        (["hash"], virtio(60), "rss", ""),
        ([], virtio(60), "rss", ""),
        (["hash"], virtio(), "no-rss", ""),
    ):
        found = match([loaded(text)], make_nic(claims, **facts))
        assert found is not None
        assert (f"x:{name}", assumed) == (found.name, found.assumed)


def test_variant_not_seen() -> None:
    """Without claims to go by the first possible variant is taken."""
    found = match([loaded(VARIANTS)], make_nic()._replace(capabilities={}))
    assert found is not None
    assert "x:usual" == found.name


def test_variant_named() -> None:
    """A variant that the user names is taken, whatever facts and claims say."""
    nic = make_nic(["basic", "redirect"])
    found = match([loaded(VARIANTS)], nic, ["other:bus", "x:bus"])
    assert found is not None
    assert ("x:bus", "") == (found.name, found.assumed)
    with pytest.raises(InputError) as caught:
        match([loaded(VARIANTS)], nic, ["x:biss"])
    text = "--variant x:biss: profile x has the variants usual, rare, down, bus"
    assert text == str(caught.value)


def test_no_variant_fits() -> None:
    """A profile none of whose variants can be meant leaves the NIC to the next one."""
    first = loaded('[[variant]]\nname = "A"\nwhen = { up = false }\n')
    second = loaded("", HEAD.replace('"x"', '"next"'))
    found = match([first, second], make_nic())
    assert found is not None
    assert "next" == found.name
    assert match([first], make_nic()) is None


# Facts

PEER = Peer("native", gro=True, tx_queues=2)
FACT_TABLE: list[tuple[str, dict[str, Any], Any]] = [
    ("bond-mode", {"sysfs": {"bonding/mode": "802.3ad 4"}}, "802.3ad"),
    ("bond-mode", {}, None),
    ("bond-hash-policy", {"sysfs": {"bonding/xmit_hash_policy": "vlan+srcmac 5"}}, "vlan+srcmac"),
    ("bond-hash-policy", {}, None),
    ("bus", {"bus": "pci"}, "pci"),
    ("bus", {}, "none"),
    ("channels-at-most-half", {"queues": QueueCounts(combined=4, combined_max=8)}, True),
    ("channels-at-most-half", {"queues": QueueCounts(combined=5, combined_max=8)}, False),
    ("channels-at-most-half", {"queues": QueueCounts(combined=4)}, None),
    ("channels-at-most-half", {}, None),
    ("detached", {}, None),
    ("feature", {"features": frozenset({"rx-lro", "rx-gro"})}, ("rx-gro", "rx-lro")),
    ("feature", {"features": frozenset()}, ()),
    ("feature", {}, None),
    ("has-peer", {"lower": 3}, True),
    ("has-peer", {}, False),
    ("has-ports", {"ports": (PORTS[0],)}, True),
    ("has-ports", {"ports": ()}, False),
    ("has-ports", {}, None),
    ("kind", {"kind": "veth"}, "veth"),
    ("kind", {}, "none"),
    ("link-type", {"link_type": "none"}, "none"),
    ("link-type", {}, "ether"),
    ("peer-gro", {"peer": PEER}, True),
    ("peer-gro", {"peer": PEER._replace(gro=None)}, None),
    ("peer-gro", {}, None),
    ("peer-queues-fit", {"peer": PEER}, True),
    ("peer-queues-fit", {"peer": PEER._replace(tx_queues=3)}, False),
    ("peer-queues-fit", {"peer": PEER._replace(tx_queues=0)}, None),
    ("peer-queues-fit", {"peer": PEER, "queues": QueueCounts()}, None),
    ("peer-queues-fit", {"peer": PEER, "queues": QueueCounts(counted_rx=2)}, True),
    ("peer-queues-fit", {}, None),
    ("peer-up", {"peer": PEER}, True),
    ("peer-up", {"peer": PEER._replace(up=False)}, False),
    ("peer-up", {}, None),
    ("peer-xdp", {"peer": PEER}, "native"),
    ("peer-xdp", {}, None),
    ("phys-port-name", {"sysfs": {"phys_port_name": "pf0vf1"}}, "pf0vf1"),
    ("phys-port-name", {}, "none"),
    ("sysfs-driver", {"sysfs_driver": "mlx4_core"}, "mlx4_core"),
    ("sysfs-driver", {}, "none"),
    ("up", {}, True),
    ("up", {"up": False}, False),
    ("vf", {"sysfs": {"device/physfn": "../0000:01:00.0"}}, True),
    ("vf", {}, False),
    ("virtio-feature", virtio(), ()),
    (
        "virtio-feature",
        virtio(2, 15, 22, 57, 60),
        ("ctrl-guest-offloads", "mrg-rxbuf", "mq", "hash-report", "rss"),
    ),
    ("virtio-feature", virtio(14, 16, 21, 61), ()),
    ("virtio-feature", {"bus": "virtio"}, None),
    ("virtio-feature", {"bus": "virtio", "sysfs": {"device/features": "01x"}}, None),
    ("virtio-feature", {"bus": "virtio", "sysfs": {"device/features": "0001"}}, ()),
    ("virtio-feature", {"bus": "pci", "sysfs": {"device/features": "1" * 64}}, None),
]


@pytest.mark.parametrize(
    ("word", "facts", "wanted"),
    FACT_TABLE,
    ids=[f"{n}-{row[0]}" for n, row in enumerate(FACT_TABLE)],
)
def test_fact(word: str, facts: dict[str, Any], wanted: object) -> None:
    """Each word of a `when` is read from the NIC, or is not known."""
    assert wanted == FACTS[word][1](make_nic(**facts))


def test_every_fact_is_in_the_table() -> None:
    """No word is left untested."""
    assert set(FACTS) == {row[0] for row in FACT_TABLE}


@pytest.mark.parametrize(
    ("when", "facts", "wanted"),
    [
        ({}, {}, (True, "")),
        ({"bus": "pc*"}, {"bus": "pci"}, (True, "")),
        ({"bus": ["usb", "pci"]}, {"bus": "pci"}, (True, "")),
        ({"bus": ["usb", "platform"]}, {"bus": "pci"}, (False, "bus = usb or platform")),
        ({"not-bus": ["usb", "pci"]}, {"bus": "pci"}, (False, "not-bus = usb or pci")),
        ({"not-bus": "usb"}, {"bus": "pci"}, (True, "")),
        ({"bus": "PCI"}, {"bus": "pci"}, (False, "bus = PCI")),
        ({"feature": "rx-*"}, {"features": frozenset({"tx-x", "rx-y"})}, (True, "")),
        ({"not-feature": ["rx-lro"]}, {"features": frozenset()}, (True, "")),
        ({"feature": "rx-lro"}, {}, (None, "feature = rx-lro")),
        ({"not-feature": "rx-lro"}, {}, (None, "not-feature = rx-lro")),
        ({"up": False}, {}, (False, "up = false")),
        ({"not-up": False}, {}, (True, "")),
        ({"feature": "x", "up": False}, {}, (False, "up = false")),
        ({"feature": "x", "detached": True, "up": True}, {}, (None, "feature = x")),
    ],
)
def test_holds(when: dict[str, Any], facts: dict[str, Any], wanted: tuple[Any, str]) -> None:
    """All conditions must hold; one false decides, else one not known leaves it undecided."""
    assert wanted == holds(when, make_nic(**facts))


# Waivers

WAIVER = """
[[waiver]]
requirement = "XDP-FEAT-02"
reason = "known"
link = "https://example.org/1"
until = 2030-01-01
"""


@pytest.mark.parametrize(
    ("more", "requirement", "param", "facts", "count"),
    [
        ("", "XDP-FEAT-02", "idle", {}, 1),
        ("", "XDP-FEAT-03", "idle", {}, 0),
        ('param = "idle"', "XDP-FEAT-02", "idle", {}, 1),
        ('param = "attached"', "XDP-FEAT-02", "idle", {}, 0),
        ('release = "6.12.*"', "XDP-FEAT-02", "idle", {}, 1),
        ('release = "6.13*"', "XDP-FEAT-02", "idle", {}, 0),
        ('variant = "up"', "XDP-FEAT-02", "idle", {}, 1),
        ('variant = "down"', "XDP-FEAT-02", "idle", {}, 0),
        ('variant = "down"', "XDP-FEAT-02", "idle", {"up": False}, 1),
    ],
)
def test_waivers(
    more: str, requirement: str, param: str, facts: dict[str, Any], count: int
) -> None:
    """A waiver is for its requirement, and its row, release and variant if it names them."""
    text = "[[variant]]\nname = 'up'\nwhen = { up = true }\n[[variant]]\nname = 'down'\n"
    text += "when = { up = false }\n" + WAIVER + more + "\n"
    nic = make_nic(**facts)
    found = match([loaded(text)], nic)
    assert found is not None
    assert count == len(found.waivers(requirement, param, nic))


def test_waivers_without_a_variant() -> None:
    """A waiver of a variant is not for a match that has none; expired ones are given too."""
    one = loaded(WAIVER.replace("2030", "2001"))
    nic = make_nic()
    (waiver,) = Match(one, None).waivers("XDP-FEAT-02", "idle", nic)
    assert dt.date(2001, 1, 1) == waiver.until
    two = loaded(VARIANTS + WAIVER + 'variant = "usual"\n')
    assert [] == Match(two, None).waivers("XDP-FEAT-02", "idle", nic)


@pytest.mark.parametrize(
    ("release", "wanted"),
    [
        ("6.12", (6, 12)),
        ("6.12.107", (6, 12)),
        ("7.3.4-0-virt", (7, 3)),
        ("6.12.0-55.9.1.el10_0.x86_64", (6, 12)),
        ("6.18.44-fc-v669", (6, 18)),
        ("6.3.0-rc1+", (6, 3)),
        ("10.0", (10, 0)),
    ],
)
def test_kernel_version(release: str, wanted: tuple[int, int]) -> None:
    """A release's first two numbers count, compared as numbers."""
    assert KernelVersion(*wanted) == KernelVersion.parse(release)
    assert KernelVersion.parse("6.9") < KernelVersion.parse("6.10") < KernelVersion.parse("10.0")
    assert "6.12" == str(KernelVersion(6, 12))


@pytest.mark.parametrize("release", ["", "linux", "6", "v6.12", ".6.1", "12345.1"])
def test_no_kernel_version(release: str) -> None:
    """What does not begin with two numbers is refused."""
    with pytest.raises(InputError) as caught:
        KernelVersion.parse(release)
    text = f"kernel release {release!r} does not begin with two numbers: 6.12"
    assert text == str(caught.value)
