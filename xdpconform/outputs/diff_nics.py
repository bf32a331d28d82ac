# SPDX-License-Identifier: MIT
"""What differs between NICs in what they are and claim: pure functions.

A recording is compared as results that nobody judged, so that only what both hold is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from xdpconform.nic import FLAGS
from xdpconform.outputs.diff_change import (
    ABSENT,
    ADDED,
    DROPPED,
    Change,
    Part,
    Value,
    members,
    numbered,
    values,
)
from xdpconform.outputs.diff_effects import CHANGE, of_verdicts
from xdpconform.outputs.diff_lines import claim_effects, judgement
from xdpconform.outputs.results import Claims, Environment, NicResults

SEGMENTS: Final = "xdp-zc-max-segs"
_NOT_COMPARED: Final = ("ifindex", "queues")
"""Of an identity: a number that each boot deals anew, and what is compared by itself."""
_AROUND: Final[Part] = "environment"
_CLAIMED: Final[Part] = "claims"


class Pair(NamedTuple):
    """A NIC on both sides, or on one."""

    label: str
    old: NicResults | None
    new: NicResults | None


def pairs(old: Sequence[NicResults], new: Sequence[NicResults]) -> list[Pair]:
    """NICs by interface name, or by id too where a name is there more than once on a side."""
    if len(old) == len(new) == 1:
        return [Pair(old[0].identity.ifname, old[0], new[0])]
    counts = [Counter(nic.identity.ifname for nic in side) for side in (old, new)]

    def key(nic: NicResults) -> str:
        name = nic.identity.ifname
        return name if all(count[name] < 2 for count in counts) else f"{name} ({nic.id})"

    before, after = (dict(zip(numbered(map(key, side)), side, strict=True)) for side in (old, new))
    return [
        Pair(label, before.get(label), after.get(label))
        for label in dict.fromkeys([*before, *after])
    ]


def changes(
    old: Sequence[NicResults], new: Sequence[NicResults], *, judged: bool
) -> Iterator[Change]:
    """What differs between the NICs of two sides.

    Args:
        old: the NICs of the first.
        new: the NICs of the second.
        judged: whether verdicts and outcomes are compared too, and each change is weighed.
    """
    for label, before, after in pairs(old, new):
        if not judged:
            yield from _seen(label, before, after)
        elif before and after:
            facts = claim_effects(_seen(label, before, after), before, after)
            for change in (*facts, *judgement(label, before, after)):
                yield change if change.effect else change._replace(effect=CHANGE)
        else:
            effect = of_verdicts(
                before.verdict if before else None, after.verdict if after else None
            )
            for change in _seen(label, before, after):
                yield change._replace(part="verdict", effect=effect)


def _seen(label: str, old: NicResults | None, new: NicResults | None) -> Iterator[Change]:
    if old and new:
        yield from values(label, _identity(old), _identity(new), part=_AROUND)
        yield from values(label, _states(old), _states(new), part=_AROUND)
        yield from _claims(label, old, new)
        yield from values(label, _queues(old), _queues(new), part=_AROUND)
        if old.environment and new.environment:
            yield from _environment(label, old.environment, new.environment)
    elif old:
        yield Change(label, "NIC", old.identity.ifname, None, DROPPED, part=_AROUND)
    elif new:
        yield Change(label, "NIC", None, new.identity.ifname, ADDED, part=_AROUND)


def _identity(nic: NicResults) -> dict[str, Value]:
    fields: dict[str, Any] = msgspec.to_builtins(nic.identity)
    return {name: value for name, value in fields.items() if name not in _NOT_COMPARED}


def _queues(nic: NicResults) -> dict[str, Value]:
    return {f"queues {name}": count for name, count in nic.identity.queues.items()}


def _states(nic: NicResults) -> dict[str, Value]:
    return {"state": ", ".join(sorted(nic.capabilities, reverse=True)) or None}


def _claims(label: str, old: NicResults, new: NicResults) -> Iterator[Change]:
    before, after = list(old.capabilities.items()), list(new.capabilities.items())
    if len(before) == len(after) == 1:  # also idle against attached
        yield from _claims_of(label, "", before[0][1], after[0][1])
        return
    for state, claims in before:
        if state in new.capabilities:
            yield from _claims_of(label, f" {state}", claims, new.capabilities[state])


def _claims_of(label: str, state: str, old: Claims, new: Claims) -> Iterator[Change]:
    before: dict[str, Any] = msgspec.to_builtins(old)
    after: dict[str, Any] = msgspec.to_builtins(new)
    for name in FLAGS:
        what = name + state
        there = [None if side[name] is None else "present" for side in (before, after)]
        yield from values(label, {what: there[0]}, {what: there[1]}, ABSENT, part=_CLAIMED)
        yield from members(label, what, before[name] or (), after[name] or (), part=_CLAIMED)
    what = SEGMENTS + state
    yield from values(
        label, {what: before[SEGMENTS]}, {what: after[SEGMENTS]}, ABSENT, part=_CLAIMED
    )
    unknown, more = (
        [f"{kind} = {data}" for kind, data in side.unknown.items()] for side in (old, new)
    )
    yield from members(label, f"unknown attribute{state}", unknown, more, part=_CLAIMED)


def _environment(label: str, old: Environment, new: Environment) -> Iterator[Change]:
    """Only what both sides could read is compared."""
    yield from values(label, _built(old), _built(new), part=_AROUND)
    if old.config is not None and new.config is not None:
        before, after = (
            {f"config {name}": value for name, value in side.items()}
            for side in (old.config, new.config)
        )
        yield from values(label, before, after, ABSENT, part=_AROUND)
    if old.offloads is not None and new.offloads is not None:
        yield from members(label, "offload", old.offloads, new.offloads, part=_AROUND)


def _built(environment: Environment) -> dict[str, Value]:
    module: dict[str, Value] = {}
    if environment.module is not None:
        fields: dict[str, Any] = msgspec.to_builtins(environment.module)
        module = {f"module {name}": value for name, value in fields.items()}
    return {"build": environment.build, "machine": environment.machine, **module}


__all__ = ["Pair", "changes", "pairs"]
