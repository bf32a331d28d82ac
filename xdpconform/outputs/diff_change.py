# SPDX-License-Identifier: MIT
"""One thing that two sides differ in, as a value; and how changes are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final, Literal, NamedTuple

from xdpconform.interfaces import shown
from xdpconform.outputs.diff_effects import CHANGE, Effect

Value = str | int | None
Part = Literal["environment", "claims", "verdict", "outcomes", "rules"]
"""What a change is about: the NIC and what it runs on, what it claims, how it was judged as a
whole, line by line; or what a profile expects."""

ADDED: Final = "+"
DROPPED: Final = "-"
CHANGED: Final = " "
WORDS: Final = {ADDED: "added", DROPPED: "dropped", CHANGED: "changed"}
"""What JSON calls each sign."""
ABSENT: Final = "absent"
UNKNOWN: Final = "unknown"


class Change(NamedTuple):
    """What differs. Of something added there is no old value, of something dropped no new one."""

    group: str
    """The NIC or the variant; empty for a profile itself, or a run."""
    what: str
    old: Value
    new: Value
    sign: str = CHANGED
    none: str = ABSENT
    """The word for a value that is not there, old or new."""
    part: Part = "rules"
    effect: Effect | None = None
    """None where a side was not judged."""
    why: str = ""
    """What the new side says of it; empty if it says nothing."""

    def text(self) -> str:
        """One line."""
        if self.sign == CHANGED:
            value = f"{self.words(self.old)} -> {self.words(self.new)}"
        else:
            value = str(self.new if self.sign == ADDED else self.old)
        mark = f" [{self.effect}]" if self.effect not in (None, CHANGE) else ""
        why = f": {shown(self.why)}" if self.why else ""
        return f"{self.sign} {shown(self.what)}: {shown(value)}{mark}{why}"

    def words(self, value: Value) -> str:
        """The old or the new value, also one that is not there."""
        return self.none if value is None else str(value)


def values(
    group: str,
    old: Mapping[str, Value],
    new: Mapping[str, Value],
    none: str = UNKNOWN,
    *,
    part: Part = "rules",
) -> Iterator[Change]:
    """What differs between values by name; a name that one side lacks is none of its values."""
    for what in dict.fromkeys([*old, *new]):
        if old.get(what) != new.get(what):
            yield Change(group, what, old.get(what), new.get(what), none=none, part=part)


def members(
    group: str, what: str, old: Iterable[str], new: Iterable[str], *, part: Part = "rules"
) -> Iterator[Change]:
    """What only one of two sets has: first what was dropped, then what was added."""
    before, after = dict.fromkeys(old), dict.fromkeys(new)
    for one in before:
        if one not in after:
            yield Change(group, what, one, None, DROPPED, part=part)
    for one in after:
        if one not in before:
            yield Change(group, what, None, one, ADDED, part=part)


def one_for_one(changes: Iterable[Change]) -> list[Change]:
    """What was dropped and added under one name is one change where it is one for one."""
    found = list(changes)
    if [change.sign for change in found] == [DROPPED, ADDED]:
        dropped, added = found
        return [Change(dropped.group, dropped.what, dropped.old, added.new, part=dropped.part)]
    return found


def numbered(names: Iterable[str]) -> Iterator[str]:
    """Names that are there once each: the second ``x`` is ``x #2``, so that none hides another."""
    counts: Counter[str] = Counter()
    for name in names:
        counts[name] += 1
        yield name if counts[name] == 1 else f"{name} #{counts[name]}"


def as_text(changes: Iterable[Change], titles: Mapping[str, str]) -> str:
    """A line a change, below the name of what it is about.

    Args:
        changes: those of a group one after the other.
        titles: what is written above a group, where that is not its name.
    """
    lines = []
    for group, some in groupby(changes, key=lambda change: change.group):
        lines.append(shown(titles.get(group, group)))
        lines += [change.text() for change in some]
    return "".join(f"{line}\n" for line in lines)
