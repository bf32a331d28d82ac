# SPDX-License-Identifier: MIT
"""What differs between two judgements of a NIC, and what that is worth: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from xdpconform.outputs.diff_change import (
    ADDED,
    CHANGED,
    DROPPED,
    Change,
    Part,
    Value,
    members,
    numbered,
    values,
)
from xdpconform.outputs.diff_effects import (
    CHANGE,
    IMPROVEMENT,
    REGRESSION,
    Effect,
    of_levels,
    of_numbers,
    of_outcomes,
    of_verdicts,
)
from xdpconform.outputs.results import NicResults, Result
from xdpconform.outputs.words import in_a_line, line_name

_WHOLE: Final[Part] = "verdict"
_WAIVER_END: Final = "; without it "
"""What ends the waiver's own words in a waived line's reason (`judge.finding.waive`)."""


def judgement(label: str, old: NicResults, new: NicResults) -> Iterator[Change]:
    """Profile and verdict, what was not run, then line by line.

    Args:
        label: the NIC's name.
        old: how it was judged first.
        new: and then.
    """
    yield from values(label, {"source": old.source}, {"source": new.source}, part=_WHOLE)
    yield from values(label, _profile(old), _profile(new), "none", part=_WHOLE)
    for change in values(label, {"verdict": old.verdict}, {"verdict": new.verdict}, part=_WHOLE):
        yield change._replace(effect=of_verdicts(old.verdict, new.verdict))
    for change in members(label, "not run", old.missing, new.missing, part=_WHOLE):
        yield change._replace(effect=REGRESSION if change.sign == ADDED else IMPROVEMENT)
    before, after = (
        dict(zip(numbered(map(line_name, nic.results)), nic.results, strict=True))
        for nic in (old, new)
    )
    for row in sorted({*before, *after}):
        yield from _line(label, row, before.get(row), after.get(row))


def _profile(nic: NicResults) -> dict[str, Value]:
    return {"profile": f"{nic.profile.name} {nic.profile.digest}" if nic.profile else None}


def _line(label: str, row: str, old: Result | None, new: Result | None) -> Iterator[Change]:
    if old and new and _outcome(old) == _outcome(new):
        yield from _same(label, row, old, new)
        return
    yield Change(
        label,
        row,
        _outcome(old) if old else None,
        _outcome(new) if new else None,
        DROPPED if new is None else ADDED if old is None else CHANGED,
        part="outcomes",
        effect=of_outcomes(old.outcome if old else None, new.outcome if new else None),
        why=_why(new) if new else "",
    )


def _same(label: str, row: str, old: Result, new: Result) -> Iterator[Change]:
    """What differs in a line that came out as before."""
    if old.level != new.level:
        yield Change(
            label,
            row,
            f"{_outcome(old)} at {old.level}",
            f"{_outcome(new)} at {new.level}",
            part="outcomes",
            # What nobody could prove is no better for having been tried harder.
            effect=of_levels(old.level, new.level) if new.outcome == "pass" else CHANGE,
            why=_why(new),
        )
    elif new.outcome == "waived" and _waiver(old) != _waiver(new):
        yield Change(
            label, f"waiver of {row}", _waiver(old), _waiver(new), part="outcomes", effect=CHANGE
        )


def _why(line: Result) -> str:
    return in_a_line(line) if line.reason.strip() else ""


def _outcome(line: Result) -> str:
    return f"{line.outcome} ({line.kind})" if line.kind else line.outcome


def _waiver(line: Result) -> str:
    return line.reason.partition(_WAIVER_END)[0]


def claim_effects(changes: Iterable[Change], old: NicResults, new: NicResults) -> Iterator[Change]:
    """The changes; those of claims weighed.

    Less that is claimed is a regression, more is an improvement: unless a false claim was
    withdrawn or made meanwhile, and of different states, in which a NIC rightly differs.

    Args:
        changes: of what the NIC is and claims.
        old: how it was judged first.
        new: and then.
    """
    comparable = not {*old.capabilities}.isdisjoint(new.capabilities)
    before, after = _false_claims(old), _false_claims(new)
    excused: dict[Effect, bool] = {
        REGRESSION: bool(before - after),
        IMPROVEMENT: bool(after - before),
    }
    for change in changes:
        effect = _claim_effect(change) if comparable and change.part == "claims" else CHANGE
        yield change._replace(effect=CHANGE if excused.get(effect) else effect)


def _claim_effect(change: Change) -> Effect:
    if change.what.startswith("unknown attribute"):
        return CHANGE
    if change.sign != CHANGED:
        return REGRESSION if change.sign == DROPPED else IMPROVEMENT
    counts = [value if isinstance(value, int) else 0 for value in (change.old, change.new)]
    return of_numbers(*counts)


def _false_claims(nic: NicResults) -> frozenset[str]:
    """Lines that failed since something is claimed that is not so, also if waived."""
    return frozenset(
        line_name(line)
        for line in nic.results
        if line.kind == "over-claim" and line.outcome in ("fail", "waived")
    )


__all__ = ["claim_effects", "judgement"]
