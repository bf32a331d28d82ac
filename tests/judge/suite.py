# SPDX-License-Identifier: MIT
"""The shipped suites without pytest: every line that they would write about a NIC."""

from __future__ import annotations

import importlib
import inspect
import itertools
from functools import cache, partial
from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from tests.facts.fake import FakeKernel, attribute, device_reply, fake_of, u32
from tests.facts.nics import capabilities
from xdpconform.judge import Finding, Outcome
from xdpconform.lab import suites_folder
from xdpconform.netlink.genl import Family
from xdpconform.nic import Answer
from xdpconform.probes.lifecycle import WHAT, decode
from xdpconform.probes.protocol import ask_all
from xdpconform.snapshot import Inspector

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdpconform.netlink.netdev import Capabilities
    from xdpconform.nic import Nic
    from xdpconform.profiles import Match

PROFILED = ("test_features", "test_zero_copy", "test_rx_metadata", "test_tx_metadata")
"""The suites that judge claims against a profile."""
CLAIMS = (*PROFILED, "test_invariants")
"""Those that judge claims at all."""


class Line(NamedTuple):
    """One line of the specification: a requirement, and its row in brackets if it has rows."""

    name: str
    suite: str
    function: Callable[..., None]
    wants_profile: bool


@cache
def all_lines() -> tuple[Line, ...]:
    """Every line of the shipped suites."""
    found = []
    for file in sorted(suites_folder().glob("test_*.py")):
        module = importlib.import_module(f"suites.{file.stem}")
        for name, function in vars(module).items():
            if not name.startswith("test_"):
                continue
            marks = {mark.name: mark for mark in function.pytestmark}
            if "level" in marks["requirement"].kwargs:
                continue  # they need a NIC to try, and are tried in tests/probes
            requirement = marks["requirement"].args[0]
            wants_profile = "profile" in inspect.signature(function).parameters
            rows = marks["parametrize"].args[1] if "parametrize" in marks else [None]
            for row in rows:
                bound = function
                word = requirement
                if row is not None:
                    bound = partial(function, **{marks["parametrize"].args[0]: row})
                    word += f"[{row}]"
                found.append(Line(word, file.stem, bound, wants_profile))
    return tuple(found)


def judge(nic: Nic, match: Match | None, suites: tuple[str, ...] = ()) -> dict[str, Finding]:
    """What each line finds; only those of some suites if they are named."""
    found: dict[str, Finding] = {}
    for line in all_lines():
        if suites and line.suite not in suites:
            continue
        findings: list[Finding] = []
        more = {"profile": match} if line.wants_profile else {}
        line.function(findings.append, nic, **more)
        (found[line.name],) = findings
    return found


def failing(found: dict[str, Finding]) -> dict[str, str]:
    """The lines that fail, and in which way."""
    return {
        name: finding.kind.value if finding.kind else ""
        for name, finding in found.items()
        if finding.outcome is Outcome.FAIL
    }


def unsettled(found: dict[str, Finding]) -> dict[str, str]:
    """The lines that are neither pass nor not-claimed, each with its text."""
    good = (Outcome.PASS, Outcome.NOT_CLAIMED)
    return {name: finding.text() for name, finding in found.items() if finding.outcome not in good}


FAMILY = Family(28, "netdev", 1, {1: 6, 10: 6}, {"mgmt": 5})


def notifications(
    *told: tuple[int, int, Capabilities], asked: tuple[int, Capabilities] | None
) -> Answer:
    """What a watcher of the group saw: (command, ifindex, claims), then the reply to dev-get."""
    found = [(command, device_reply(index, claims)) for command, index, claims in told]
    if asked is not None:
        found.append((1, device_reply(*asked)))
    replies = []
    for command, payload in found:
        body = pack("=B", command) + payload[1:]
        replies.append(pack("=IHHII", 16 + len(body), FAMILY.id, 0, 0, 0) + body)
    return Answer(WHAT, b"", tuple(replies), decode(tuple(replies)))


IDLE_PAIR = capabilities(["basic", "redirect", "rx-sg"])
WITH_GRO = capabilities(["basic", "redirect", "rx-sg", "ndo-xmit", "ndo-xmit-sg"])
ADD, DELETE, CHANGE = 2, 3, 4
LIFE = notifications(
    (ADD, 3, IDLE_PAIR),
    (ADD, 4, IDLE_PAIR),
    (CHANGE, 3, WITH_GRO),
    (CHANGE, 4, WITH_GRO),
    (DELETE, 3, WITH_GRO),
    (DELETE, 4, WITH_GRO),
    asked=(3, WITH_GRO),
)
"""A pair's life as a conforming kernel tells it."""


def asked(nic: Nic) -> Nic:
    """The NIC with everything asked of a conforming kernel that says of it what the value says."""
    with Inspector(FakeKernel([fake_of(nic)], nic.identity.kernel)) as inspector:
        answers = {"dev-get": inspector.device(nic.link), **ask_all(inspector, nic)}
    family = Answer("nlctrl getfamily netdev", b"", (), FAMILY)
    return nic._replace(answers={**answers, "family": family, "lifecycle": LIFE})


def mutations(nic: Nic) -> dict[str, Nic]:
    """The NIC with one claim changed, in every way there is.

    xsk-zerocopy brings its number of segments along and takes it away, as the kernel does.
    """
    from xdpconform.nic import FLAGS

    now = nic.now
    assert now is not None
    found = {}
    for flag in itertools.chain.from_iterable(FLAGS.values()):
        claims = set(now.names())
        segments = now.zc_max_segs
        sign = "-" if flag in claims else "+"
        claims ^= {flag}
        if flag == "xsk-zerocopy":
            segments = 1 if sign == "+" else None
        found[sign + flag] = _with(nic, claims, segments)
    if now.zc_max_segs is None:
        found["+segments"] = _with(nic, now.names(), 1)
    else:
        found["segments 0"] = _with(nic, now.names(), 0)
        found["segments more"] = _with(nic, now.names(), now.zc_max_segs + 1)
        found["-segments"] = _with(nic, now.names(), None)
        if now.zc_max_segs > 1:
            found["segments fewer"] = _with(nic, now.names(), now.zc_max_segs - 1)
    return found


def _with(nic: Nic, claims: object, segments: int | None) -> Nic:
    return nic._replace(
        capabilities={nic.state: capabilities(claims, segments)}  # type: ignore[arg-type]
    )


__all__ = ["ADD", "CHANGE", "DELETE", "asked", "attribute", "judge", "notifications", "u32"]
