# SPDX-License-Identifier: MIT
"""What is written in the shipped profiles: sources, what is inferred, and waivers."""

from __future__ import annotations

import datetime as dt
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.facts.nics import KERNELS
from tests.profiles.rows import PROFILES, ROWS
from xdpconform.lab import requirements
from xdpconform.profiles.kernel import KernelVersion
from xdpconform.profiles.model import (
    ClaimRule,
    Computed,
    Flag,
    Need,
    Profile,
    SegmentsRule,
    Variant,
    Waiver,
)

if TYPE_CHECKING:
    from xdpconform.profiles import LoadedProfile

SOURCE = re.compile(
    r"(?P<file>(?:drivers|net)/[\w./-]+\.[ch]):(?P<first>\d+)(?:-(?P<last>\d+))?"
    r" \((?P<kernel>6\.12|7\.3)\)(?:, (?P<function>\w+))?"
)
TREE = "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/"
ADDED = {
    "6.3": "the netdev family",
    "6.7": "xdp-rx-metadata-features",
    "6.8": "xsk-features, and the flag vlan-tag",
}
"""Kernels that brought an attribute: what `added` says without a word of why."""
DEFECTS = {"netdevsim": 2, "netkit": 2, "vif": 0, "ena": 1, "bnxt_en": 1, "qede": 3, "nfp": 2}
"""Drivers with a claim that their code does not keep, and how many waivers that takes.

vif's holds with the usual backends, so that it is required, and told in the note alone.
"""


class Place(NamedTuple):
    """A rule, and where it stands."""

    profile: LoadedProfile
    variant: str
    number: int
    rule: ClaimRule | SegmentsRule | Computed

    @property
    def name(self) -> str:
        """An id."""
        kind = type(self.rule).__name__.removesuffix("Rule").lower()
        parts = (self.profile.profile.name, self.variant, kind, str(self.number))
        return "-".join(filter(None, parts))

    @property
    def sources(self) -> list[str]:
        """The lines that the rule names."""
        source = self.rule.source
        return [source] if isinstance(source, str) else source


def places() -> list[Place]:
    """Every rule of every shipped profile."""
    found = []
    for loaded in PROFILES:
        parts: list[Profile | Variant] = [loaded.profile, *loaded.profile.variant]
        for part in parts:
            name = part.name if isinstance(part, Variant) else ""
            rules: list[ClaimRule | SegmentsRule | Computed] = [*part.claim, *part.zc_max_segs]
            if isinstance(part, Variant) and part.computed:
                rules.append(part.computed)
            found += [Place(loaded, name, number, rule) for number, rule in enumerate(rules)]
    return found


def version(text: str) -> KernelVersion:
    """A version to compare."""
    return KernelVersion.parse(text)


def rows_of(loaded: LoadedProfile) -> list[dict[str, Any]]:
    """The rows of a profile's drivers."""
    return [
        row
        for row in ROWS
        if any(fnmatchcase(row["driver"], glob) for glob in loaded.profile.driver)
    ]


PLACES = places()
everywhere = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
each = pytest.mark.parametrize("loaded", PROFILES, ids=lambda loaded: loaded.profile.name)
CLAIMS = requirements("claims")
"""Waivers of other requirements are about what was seen, and tests/probes sees it."""
waivers = pytest.mark.parametrize(
    ("loaded", "waiver"),
    [
        pytest.param(one, waiver, id=f"{one.profile.name}-{waiver.requirement}-{waiver.variant}")
        for one in PROFILES
        for waiver in one.profile.waiver
        if waiver.requirement in CLAIMS
    ],
)


def test_one_profile_a_driver() -> None:
    """Each driver of the rows is in one shipped profile, and each profile in the rows."""
    drivers = {row["driver"] for row in ROWS} - {"*"}
    homes = {
        driver: [
            loaded.profile.name
            for loaded in PROFILES
            if any(fnmatchcase(driver, glob) for glob in loaded.profile.driver)
        ]
        for driver in drivers
    }
    names = {loaded.profile.name for loaded in PROFILES}

    assert 51 == len(drivers)
    assert dict.fromkeys(drivers, 1) == {driver: len(home) for driver, home in homes.items()}
    assert names - {"no-xdp"} == {home for (home,) in homes.values()}


@each
def test_file(loaded: LoadedProfile) -> None:
    """A file is named as its profile, and says what it is about and where that is in the kernel."""
    profile = loaded.profile

    assert f"{profile.name}.toml" == Path(loaded.path).name
    assert profile.title
    assert profile.source or profile.name == "no-xdp"


@everywhere
def test_source(place: Place) -> None:
    """Each rule names files below drivers/ or net/, with a line and the kernel it was read in."""
    wrong = [source for source in place.sources if not SOURCE.fullmatch(source)]

    assert place.sources
    assert [] == wrong


@everywhere
def test_source_was_read(place: Place) -> None:
    """Each line of a rule's source is one that was read for this driver, on this kernel."""
    read = {
        (kernel, line)
        for row in rows_of(place.profile)
        for kernel, lines in row["source"].items()
        for line in lines
    }
    named = set()
    for source in place.sources:
        found = SOURCE.fullmatch(source)
        assert found is not None
        first, last = int(found["first"]), int(found["last"] or found["first"])
        named |= {(found["kernel"], f"{found['file']}:{line}") for line in range(first, last + 1)}

    assert set() == named - read


@everywhere
def test_source_of_each_kernel(place: Place) -> None:
    """A rule that counts on a kernel that was read names a line of it, and of no other."""
    rule = place.rule
    named = {match["kernel"] for source in place.sources if (match := SOURCE.fullmatch(source))}
    if isinstance(rule, Computed):
        counts = set(KERNELS)
    elif isinstance(rule, SegmentsRule):
        counts = segmented(place)
    elif rule.need is Need.FORBIDDEN:
        counts = named  # what is not claimed has no line
    else:
        counts = {kernel for kernel in KERNELS if in_force(rule, kernel)} or named

    assert counts == named


def in_force(rule: ClaimRule, kernel: str) -> bool:
    """Whether a rule counts on a kernel."""
    return (not rule.added or version(rule.added) <= version(kernel)) and (
        not rule.removed or version(kernel) < version(rule.removed)
    )


def segmented(place: Place) -> set[str]:
    """The kernels on which a part of a profile lets xsk-zerocopy be claimed."""
    profile = place.profile.profile
    claims = [*profile.claim]
    for variant in profile.variant:
        claims += variant.claim if variant.name == place.variant else []
    return {
        kernel
        for kernel in KERNELS
        for rule in claims
        if Flag.XSK_ZEROCOPY in rule.flags and in_force(rule, kernel)
    }


@everywhere
def test_inferred_first_kernel(place: Place) -> None:
    """Which kernel was the first is marked as inferred, unless it brought the attribute itself."""
    rule = place.rule
    if not isinstance(rule, ClaimRule) or rule.added is None or rule.added in ADDED:
        return

    assert "inferred" == rule.basis


@everywhere
def test_attribute_is_older(place: Place) -> None:
    """No flag is required of a kernel that could not report it."""
    since = {"6.7": {"timestamp", "hash"}}
    since["6.8"] = {"vlan-tag", "tx-timestamp", "tx-checksum", "tx-launch-time-fifo"}
    if not isinstance(place.rule, ClaimRule) or place.rule.need is Need.FORBIDDEN:
        return
    flags = {flag.value for flag in place.rule.flags}
    first = max([kernel for kernel, late in since.items() if late & flags], default="6.3")

    assert place.rule.added is not None
    assert version(first) <= version(place.rule.added)


@each
def test_inferred_names(loaded: LoadedProfile) -> None:
    """Where a driver's name is inferred, the profile says so."""
    bases = [row.get("driver_name_basis", "") for row in rows_of(loaded)]
    if not any("inferred" in basis for basis in bases):
        return

    assert loaded.profile.note
    assert "name is inferred" in loaded.profile.note


def test_which_names_are_inferred() -> None:
    """These are the names that are inferred, so that the test above is about something."""
    names = {row["driver"] for row in ROWS if "inferred" in row.get("driver_name_basis", "")}

    assert {
        *("vif", "rvu-nicvf", "fsl_dpa", "fsl_enetc", "nxp_enetc4", "fsl_enetc_vf"),
        "lan966x-switch",
    } == names


def test_defects() -> None:
    """The claims that are known not to hold are these drivers', and no other has a waiver."""
    told = {row["driver"] for row in ROWS if row.get("advertised_but_not_found")}
    claims = [
        one.profile.name
        for one in PROFILES
        for waiver in one.profile.waiver
        if waiver.requirement in CLAIMS
    ]
    count = {name: claims.count(name) for name in claims}

    assert DEFECTS.keys() == told
    assert {name: number for name, number in DEFECTS.items() if number} == count


def test_xen_is_told() -> None:
    """What only a note can say, the note says."""
    (vif,) = (one.profile for one in PROFILES if one.profile.name == "vif")

    assert vif.note
    assert "without installing the program" in vif.note
    assert "an attach proves nothing" in vif.note


@waivers
def test_waiver(loaded: LoadedProfile, waiver: Waiver) -> None:
    """A waiver is for one variant, has a link to the file, a reason and a date.

    The reason tells what was read from what is inferred.
    """
    (told,) = {text for row in rows_of(loaded) for text in row.get("advertised_but_not_found", [])}
    file = waiver.link.removeprefix(TREE)

    assert waiver.link.startswith(TREE)
    assert file.startswith(str(loaded.profile.source))
    assert dt.date(2027, 12, 31) == waiver.until
    assert waiver.variant in {variant.name for variant in loaded.profile.variant}
    assert "Read" in waiver.reason
    assert ("inferred" in told) == (" is inferred" in waiver.reason)


@pytest.mark.parametrize("loaded", [p for p in PROFILES if p.profile.name in DEFECTS])
def test_inferred_effect(loaded: LoadedProfile) -> None:
    """A rule that forbids what a driver claims, for an effect that is inferred, is marked so."""
    effects = [row.get("advertised_but_not_found", []) for row in rows_of(loaded)]
    inferred = any("inferred" in text for texts in effects for text in texts)
    forbidden = [
        place.rule.basis
        for place in PLACES
        if place.profile is loaded
        and isinstance(place.rule, ClaimRule)
        and place.rule.need is Need.FORBIDDEN
    ]

    assert ["inferred" if inferred else "read"] * len(forbidden) == forbidden
