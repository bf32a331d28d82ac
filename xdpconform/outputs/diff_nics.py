# SPDX-License-Identifier: MIT
"""What differs between NICs of recordings and of results: pure functions.

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
    Value,
    members,
    values,
)
from xdpconform.outputs.results import Claims, NicResults, Result

SEGMENTS: Final = "xdp-zc-max-segs"
_NOT_COMPARED: Final = ("ifindex", "queues")
"""Of an identity: a number that each boot deals anew, and what is compared by itself."""


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

    before, after = ({key(nic): nic for nic in reversed(side)} for side in (old, new))
    labels = dict.fromkeys(map(key, [*old, *new]))
    return [Pair(label, before.get(label), after.get(label)) for label in labels]


def changes(
    old: Sequence[NicResults], new: Sequence[NicResults], *, judged: bool
) -> Iterator[Change]:
    """What differs between the NICs of two files.

    Args:
        old: the NICs of the first.
        new: the NICs of the second.
        judged: whether verdicts and outcomes are compared too.
    """
    for label, before, after in pairs(old, new):
        if before and after:
            yield from _facts(label, before, after)
            if judged:
                yield from _judgement(label, before, after)
        elif before:
            yield Change(label, "NIC", before.identity.ifname, None, DROPPED)
        elif after:
            yield Change(label, "NIC", None, after.identity.ifname, ADDED)


def _facts(label: str, old: NicResults, new: NicResults) -> Iterator[Change]:
    yield from values(label, _identity(old), _identity(new))
    yield from values(label, {"state": _states(old)}, {"state": _states(new)})
    yield from _claims(label, old, new)
    yield from values(label, _queues(old), _queues(new))


def _identity(nic: NicResults) -> dict[str, Value]:
    fields: dict[str, Any] = msgspec.to_builtins(nic.identity)
    return {name: value for name, value in fields.items() if name not in _NOT_COMPARED}


def _queues(nic: NicResults) -> dict[str, Value]:
    return {f"queues {name}": count for name, count in nic.identity.queues.items()}


def _states(nic: NicResults) -> str | None:
    return ", ".join(sorted(nic.capabilities, reverse=True)) or None


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
        yield from values(label, {what: there[0]}, {what: there[1]}, ABSENT)
        yield from members(label, what, before[name] or (), after[name] or ())
    what = SEGMENTS + state
    yield from values(label, {what: before[SEGMENTS]}, {what: after[SEGMENTS]}, ABSENT)
    yield from members(
        label,
        f"unknown attribute{state}",
        *([f"{kind} = {data}" for kind, data in side.unknown.items()] for side in (old, new)),
    )


def _judgement(label: str, old: NicResults, new: NicResults) -> Iterator[Change]:
    yield from values(label, _profile(old), _profile(new), "none")
    yield from values(label, {"verdict": old.verdict}, {"verdict": new.verdict})
    before, after = (
        {_row(line): _outcome(line) for line in reversed(nic.results)} for nic in (old, new)
    )
    for row in sorted({*before, *after}):
        if row not in after:
            yield Change(label, row, before[row], None, DROPPED)
        elif row not in before:
            yield Change(label, row, None, after[row], ADDED)
        elif before[row] != after[row]:
            yield Change(label, row, before[row], after[row])


def _profile(nic: NicResults) -> dict[str, Value]:
    return {"profile": f"{nic.profile.name} {nic.profile.digest}" if nic.profile else None}


def _row(line: Result) -> str:
    return f"{line.requirement}[{line.param}]" if line.param else line.requirement


def _outcome(line: Result) -> str:
    return f"{line.outcome} ({line.kind})" if line.kind else line.outcome


__all__ = ["Pair", "changes", "pairs"]
