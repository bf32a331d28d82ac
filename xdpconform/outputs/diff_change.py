# SPDX-License-Identifier: MIT
"""One thing that two files differ in, as a value; and how changes are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final, NamedTuple

from xdpconform.interfaces import shown

Value = str | int | None

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
    """The NIC or the variant; empty for a profile itself."""
    what: str
    old: Value
    new: Value
    sign: str = CHANGED
    none: str = ABSENT
    """The word for a value that is not there, old or new."""

    def text(self) -> str:
        """One line."""
        if self.sign == CHANGED:
            value = f"{self._word(self.old)} -> {self._word(self.new)}"
        else:
            value = str(self.new if self.sign == ADDED else self.old)
        return f"{self.sign} {shown(self.what)}: {shown(value)}"

    def _word(self, value: Value) -> str:
        return self.none if value is None else str(value)


def values(
    group: str, old: Mapping[str, Value], new: Mapping[str, Value], none: str = UNKNOWN
) -> Iterator[Change]:
    """What differs between values by name; a name that one side lacks is none of its values."""
    for what in dict.fromkeys([*old, *new]):
        if old.get(what) != new.get(what):
            yield Change(group, what, old.get(what), new.get(what), none=none)


def members(group: str, what: str, old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    """What only one of two sets has: first what was dropped, then what was added."""
    before, after = dict.fromkeys(old), dict.fromkeys(new)
    yield from (Change(group, what, one, None, DROPPED) for one in before if one not in after)
    yield from (Change(group, what, None, one, ADDED) for one in after if one not in before)


def one_for_one(changes: Iterable[Change]) -> list[Change]:
    """What was dropped and added under one name is one change where it is one for one."""
    found = list(changes)
    if [change.sign for change in found] == [DROPPED, ADDED]:
        dropped, added = found
        return [Change(dropped.group, dropped.what, dropped.old, added.new)]
    return found


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
