# SPDX-License-Identifier: MIT
"""Which profile and variant a NIC falls under, and what that makes of each claim."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from typing import NamedTuple

from xdpconform.errors import InputError
from xdpconform.netlink.netdev import XdpAct, flag_names
from xdpconform.nic import FLAGS, Capabilities, Nic
from xdpconform.profiles.conditions import holds
from xdpconform.profiles.kernel import KernelVersion
from xdpconform.profiles.load import LoadedProfile
from xdpconform.profiles.model import ClaimRule, Flag, Need, Rule, SegmentsRule, Variant, Waiver

_FLAGS = {flag.value: flag for flag in Flag}


class Expect(Enum):
    """What is expected of a claim."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    FORBIDDEN = "forbidden"
    UNDECIDED = "undecided"


class Expectation(NamedTuple):
    """What the profile says of one flag, for one NIC in one state on one kernel."""

    expect: Expect
    reason: str = ""
    """Why, where the plain word leaves it open."""
    source: str = ""
    """The kernel's source line."""


class Segments(NamedTuple):
    """What the profile says of xdp-zc-max-segs."""

    least: int
    most: int
    source: str = ""

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


class Match(NamedTuple):
    """The profile of one NIC."""

    loaded: LoadedProfile
    variant: Variant | None
    assumed: str = ""
    """Not empty if no fact told the variant and its claims did: the assumption, in words."""

    @property
    def name(self) -> str:
        """The profile's name, and the variant's."""
        name = self.loaded.profile.name
        return f"{name}:{self.variant.name}" if self.variant else name

    @property
    def jumbo_errno(self) -> str | None:
        """With what a program without frags is refused at a jumbo MTU; None: not known."""
        own = self.variant.jumbo_errno if self.variant else None
        return own or self.loaded.profile.jumbo_errno

    @property
    def crashes(self) -> str | None:
        """Why frames must never be redirected into the device, if so."""
        own = self.variant.crashes if self.variant else None
        return own or self.loaded.profile.crashes

    def expectation(self, flag: str, nic: Nic, state: str) -> Expectation:
        """What is expected of a flag."""
        profile = self.loaded.profile
        variant = self.variant
        if variant is not None and variant.computed is not None and flag in FLAGS["xdp-features"]:
            return _computed(flag, variant, nic)
        wanted = _FLAGS[flag]
        rules = [rule for rule in profile.claim if wanted in rule.flags]
        if variant is not None:
            rules += [rule for rule in variant.claim if wanted in rule.flags]
        return _expectation(rules, nic, state)

    def segments(self, nic: Nic, state: str) -> Segments | Expectation:
        """What is expected of xdp-zc-max-segs while xsk-zerocopy is claimed."""
        rules = (self.variant.zc_max_segs if self.variant else []) or (
            self.loaded.profile.zc_max_segs
        )
        default = Segments(1, 1, "net/core/dev.c: alloc_netdev_mqs sets 1")
        for rule in rules:
            applies, reason = _applies(rule, nic, state)
            if applies:
                return _segments(rule)
            if applies is None and rule.undecided == "blocked":
                return Expectation(Expect.UNDECIDED, reason)
            if applies is None or reason.startswith("required from"):  # it may be so, or not
                return default._replace(most=_segments(rule).most)
        return default

    def waivers(self, requirement: str, param: str, nic: Nic) -> list[Waiver]:
        """Waivers written for this line and NIC, expired ones included."""
        return [
            waiver
            for waiver in self.loaded.profile.waiver
            if waiver.requirement == requirement
            and waiver.param in (None, param)
            and fnmatchcase(nic.identity.kernel, waiver.release or "*")
            and waiver.variant in (None, self.variant.name if self.variant else None)
        ]


def match(
    profiles: Sequence[LoadedProfile], nic: Nic, variants: Iterable[str] = ()
) -> Match | None:
    """The first profile whose driver and facts fit; None if there is none.

    Args:
        profiles: in order of preference.
        nic: the NIC.
        variants: ``PROFILE:VARIANT`` as the user named them.

    Raises:
        InputError: a variant was named that the profile does not have.
    """
    for loaded in profiles:
        profile = loaded.profile
        driver = nic.identity.driver
        if driver is None or not any(fnmatchcase(driver, glob) for glob in profile.driver):
            continue
        if holds(profile.when, nic)[0] is False:
            continue
        if not profile.variant:
            return Match(loaded, None)
        named = _named(loaded, variants)
        if named is not None:
            return Match(loaded, named)
        found = _variant(loaded, nic)
        if found is not None:
            return found
    return None


def _named(loaded: LoadedProfile, variants: Iterable[str]) -> Variant | None:
    for word in variants:
        name, _, wanted = word.partition(":")
        if name == loaded.profile.name:
            for variant in loaded.profile.variant:
                if variant.name == wanted:
                    return variant
            there = ", ".join(variant.name for variant in loaded.profile.variant)
            raise InputError(f"--variant {word}: profile {name} has the variants {there}")
    return None


def _variant(loaded: LoadedProfile, nic: Nic) -> Match | None:
    """By facts if they tell one; else the one whose claims fit best, the first among equals."""
    known = []
    possible = []
    for variant in loaded.profile.variant:
        told, reason = holds(variant.when, nic)
        if told and variant.assume is None:
            known.append(variant)
        elif told is not False:
            possible.append((variant, variant.assume or reason))
    if known:
        return Match(loaded, known[0])
    if not possible:
        return None
    candidates = [Match(loaded, variant, reason) for variant, reason in possible]
    best = candidates[0]
    if len(candidates) > 1:
        best = min(candidates, key=lambda candidate: _misfits(candidate, nic))
    # The first variant is the driver's usual one: to find it needs no confirmation.
    return best._replace(assumed="") if best.variant is loaded.profile.variant[0] else best


def _misfits(candidate: Match, nic: Nic) -> int:
    if nic.now is None:
        return 0
    claimed = nic.now.names()
    misfits = 0
    for flag in (name for names in FLAGS.values() for name in names):
        expect = candidate.expectation(flag, nic, nic.state).expect
        misfits += expect is Expect.REQUIRED and flag not in claimed
        misfits += expect is Expect.FORBIDDEN and flag in claimed
    return misfits


def _computed(flag: str, variant: Variant, nic: Nic) -> Expectation:
    computed = variant.computed
    assert computed is not None  # noqa: S101 - the caller looked
    if nic.ports is None:
        return Expectation(Expect.UNDECIDED, "its ports could not be asked")
    if flag in {taken.value for taken in computed.without} or not nic.ports:
        return Expectation(Expect.FORBIDDEN, "taken away whatever its ports claim")
    every = _all_of(nic.ports)
    if flag in every:
        return Expectation(Expect.REQUIRED, "every port claims it")
    return Expectation(Expect.FORBIDDEN, "not every port claims it")


def _all_of(ports: Sequence[Capabilities]) -> tuple[str, ...]:
    features = XdpAct(~0)
    for port in ports:
        features &= port.features or XdpAct(0)
    return flag_names(features & sum(XdpAct))


def _expectation(rules: Sequence[ClaimRule], nic: Nic, state: str) -> Expectation:
    # What wins: forbidden, required, optional, undecided, backported; without any it is forbidden.
    if not rules:
        return Expectation(Expect.FORBIDDEN)
    judged = [(rule, *_applies(rule, nic, state)) for rule in rules]

    def first(need: Need, wanted: bool | None) -> tuple[ClaimRule, str] | None:
        for rule, applies, reason in judged:
            if rule.need is need and applies is wanted:
                return rule, reason
        return None

    if found := first(Need.FORBIDDEN, True):
        return Expectation(Expect.FORBIDDEN, *_why(found[0]))
    doubtful = first(Need.FORBIDDEN, None)
    if found := first(Need.REQUIRED, True):
        if doubtful:
            return _undecided(*doubtful)
        return Expectation(Expect.REQUIRED, *_why(found[0]))
    if found := first(Need.OPTIONAL, True):
        return Expectation(Expect.OPTIONAL, *_why(found[0]))
    for need in (Need.REQUIRED, Need.OPTIONAL):
        if found := first(need, None):
            return _undecided(*found)
    for rule, _applies_not, reason in judged:
        if rule.need is not Need.FORBIDDEN and reason.startswith("required from"):
            return Expectation(Expect.OPTIONAL, f"{reason} on; backported", _source(rule))
    return Expectation(Expect.FORBIDDEN, judged[0][2])


def _undecided(rule: ClaimRule, reason: str) -> Expectation:
    expect = Expect.OPTIONAL if rule.undecided == "optional" else Expect.UNDECIDED
    return Expectation(expect, reason, _source(rule))


def _why(rule: ClaimRule) -> tuple[str, str]:
    return rule.note or "", _source(rule)


def _source(rule: Rule) -> str:
    return rule.source if isinstance(rule.source, str) else ", ".join(rule.source)


def _applies(rule: Rule, nic: Nic, state: str) -> tuple[bool | None, str]:
    """Whether a rule applies, and if not why."""
    if not any(state == known._value_ for known in rule.states):
        return False, f"only in state {' or '.join(known.value for known in rule.states)}"
    told, reason = holds(rule.when, nic)
    if told is False:
        return False, f"only when {reason}"
    release = nic.identity.kernel
    if not rule.releases or not any(fnmatchcase(release, glob) for glob in rule.releases):
        version = KernelVersion.parse(release)
        if rule.removed and version >= KernelVersion.parse(rule.removed):
            return False, f"removed in {rule.removed}"
        if rule.added and version < KernelVersion.parse(rule.added):
            return False, f"required from {rule.added}"
    return told, f"not known whether {reason}" if told is None else ""


def _segments(rule: SegmentsRule) -> Segments:
    if rule.exactly is not None:
        return Segments(rule.exactly, rule.exactly, _source(rule))
    return Segments(rule.at_least or 1, rule.at_most or 0xFFFFFFFF, _source(rule))


__all__ = ["Expect", "Expectation", "Match", "Segments", "match"]
