# SPDX-License-Identifier: MIT
"""Claims against the profile, in both directions."""

from __future__ import annotations

from xdpconform.judge.finding import Finding, Kind, Outcome, blocked, evidence, unknown
from xdpconform.netlink.netdev import Capabilities, XdpAct, flag_names
from xdpconform.nic import FLAGS, Nic
from xdpconform.profiles.kernel import KernelVersion
from xdpconform.profiles.match import Expect, Expectation, Match

_ATTRIBUTE = {name: attribute for attribute, names in FLAGS.items() for name in names}
_EXPECTATIONS = frozenset(one.value for one in Expect)
SEGMENTS_SINCE = KernelVersion(6, 6)
"""From when on kernels report xdp-zc-max-segs."""


def no_profile(nic: Nic, param: str = "") -> Finding:
    """Blocked: nothing says what this driver should claim."""
    driver = nic.identity.driver or "without a name"
    return blocked(
        f"no profile for driver {driver}: write one with"
        f" 'xdpconform profile draft {nic.identity.ifname}' and give it with --profile=FILE",
        param=param,
    )


def profile_known(nic: Nic, match: Match | None) -> Finding:
    """A profile covers the driver, and facts or the user tell the variant."""
    driver = nic.identity.driver or "without a name"
    if match is None:
        return no_profile(nic)
    digest = {"profile": match.name, "digest": match.loaded.digest}
    if match.assumed:
        return blocked(
            f"the claims fit variant {match.variant and match.variant.name}, but nothing but the"
            f" claims tells ({match.assumed}): if it is one, say --variant {match.name}",
            expected=f"a known variant of {match.loaded.profile.name}",
            observed=match.name,
            evidence=digest,
        )
    return Finding(
        Outcome.PASS,
        expected=f"a profile for driver {driver}",
        observed=match.name,
        evidence=digest,
    )


def flag(nic: Nic, match: Match | None, name: str) -> Finding:
    """One flag: claimed if and only if the profile says so."""
    state = nic.state
    capabilities = nic.now
    if capabilities is None:
        return unknown(nic, state)
    attribute = _ATTRIBUTE[name]
    claimed = name in capabilities.names()
    observed = _reported(capabilities, attribute, name, claimed=claimed)
    proof = evidence(nic.answers.get("dev-get"))
    if match is None:
        return no_profile(nic, state)._replace(observed=observed, evidence=proof)
    expectation = match.expectation(name, nic, state)
    outcome, kind, reason = _against(expectation, name, claimed=claimed)
    return Finding(
        outcome,
        kind,
        expected=_expected(name, expectation.expect, match),
        observed=observed,
        reason=reason,
        evidence=proof,
        param=state,
    )


def _expected(name: str, expect: Expect, match: Match) -> str:
    return f"{name} {expect.value} (profile {match.name})"


def expected_word(name: str, expected: str) -> str:
    """The profile's word in what `flag` found to be expected; empty if it is none."""
    word = expected.removeprefix(f"{name} ").partition(" ")[0]
    return word if word in _EXPECTATIONS else ""


def _against(
    expectation: Expectation, name: str, *, claimed: bool
) -> tuple[Outcome, Kind | None, str]:
    expect, why, source = expectation
    place = f" ({source})" if source else ""
    note = f": {why}" if why else ""
    if expect is Expect.UNDECIDED:
        reason = (
            f"{why}: run where that can be seen, or name it in a profile of your own with"
            " --profile=FILE"
        )
        return Outcome.BLOCKED, None, reason
    if expect is Expect.REQUIRED and not claimed:
        reason = f"the driver should claim {name} and does not{place}{note}"
        return Outcome.FAIL, Kind.UNDER_CLAIM, reason
    if expect is Expect.FORBIDDEN and claimed:
        reason = f"the driver claims {name} where the profile knows none{place}{note}"
        return Outcome.FAIL, Kind.OVER_CLAIM, reason
    return Outcome.PASS if claimed else Outcome.NOT_CLAIMED, None, why


def _reported(capabilities: Capabilities, attribute: str, name: str, *, claimed: bool) -> str:
    value = capabilities.sets[attribute]
    if value is None:
        return f"no attribute {attribute}"
    names = " ".join(flag_names(value)) or "none"
    return (
        f"{name} {'claimed' if claimed else 'not claimed'} ({attribute} {int(value):#x}: {names})"
    )


def segments(nic: Nic, match: Match | None) -> Finding:
    """xdp-zc-max-segs is what the profile says."""
    state = nic.state
    capabilities = nic.now
    if capabilities is None:
        return unknown(nic, state)
    observed = segments_text(capabilities)
    proof = evidence(nic.answers.get("dev-get"))
    zero_copy = bool((capabilities.features or XdpAct(0)) & XdpAct.XSK_ZEROCOPY)
    if match is None:
        return no_profile(nic, state)._replace(observed=observed, evidence=proof)
    base = Finding(Outcome.PASS, observed=observed, evidence=proof, param=state)
    if not zero_copy:
        return base._replace(
            outcome=Outcome.NOT_CLAIMED, reason="without xsk-zerocopy there are no segments"
        )
    expected = match.segments(nic, state)
    if isinstance(expected, Expectation):
        return base._replace(outcome=Outcome.BLOCKED, reason=expected.reason)
    base = base._replace(expected=f"{expected} (profile {match.name})")
    value = capabilities.zc_max_segs
    if value is None:
        if KernelVersion.parse(nic.identity.kernel) < SEGMENTS_SINCE:
            return unreported(base)
        return base._replace(
            outcome=Outcome.FAIL,
            kind=Kind.UNDER_CLAIM,
            reason="xsk-zerocopy is claimed, and the number of segments is missing",
        )
    if value > expected.most:
        return base._replace(
            outcome=Outcome.FAIL,
            kind=Kind.OVER_CLAIM,
            reason=f"more segments than the driver can take ({expected.source})",
        )
    if value < expected.least:
        return base._replace(
            outcome=Outcome.FAIL,
            kind=Kind.UNDER_CLAIM,
            reason=f"fewer segments than the driver should take ({expected.source})",
        )
    return base


def unreported(base: Finding) -> Finding:
    """Not claimed, since the kernel is older than `SEGMENTS_SINCE`."""
    reason = f"kernels before {SEGMENTS_SINCE} do not report it"
    return base._replace(outcome=Outcome.NOT_CLAIMED, reason=reason)


def segments_text(capabilities: Capabilities) -> str:
    """What is reported about zero copy, in words."""
    value = capabilities.zc_max_segs
    return f"zero copy {capabilities.zero_copy}, xdp-zc-max-segs " + (
        "absent" if value is None else str(value)
    )
