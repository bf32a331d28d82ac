# SPDX-License-Identifier: MIT
"""What changed, as one static page without a script: the worst first.

Whatever a NIC or a stranger's file says reaches the page as text: the template escapes it, and
what does not print is shown as an escape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from xdpconform import __version__
from xdpconform.outputs.diff import Diff
from xdpconform.outputs.diff_change import ADDED, DROPPED, Change, Part
from xdpconform.outputs.diff_effects import CHANGE, IMPROVEMENT, REGRESSION, Effect
from xdpconform.outputs.diff_nics import pairs
from xdpconform.outputs.pages import ours, policy, stylesheet, templates
from xdpconform.outputs.words import several

_WEIGHED: Final[tuple[tuple[Effect, str], ...]] = (
    (REGRESSION, "Regressions"),
    (IMPROVEMENT, "Improvements"),
)
_PARTS: Final[dict[Part, str]] = {
    "verdict": "Verdict, level and profile",
    "environment": "The NIC and its environment",
    "claims": "Claims",
    "outcomes": "Outcomes",
    "rules": "Rules",
}
"""What is neither, in this order."""


class _Row(NamedTuple):
    """A change in words."""

    what: str
    title: str
    """Of the requirement; empty if it is about none."""
    old: str
    """Empty if it was added."""
    new: str
    """Empty if it was dropped."""
    why: str


class _Section(NamedTuple):
    title: str
    css: str
    rows: list[_Row]


class _Group(NamedTuple):
    """A NIC, a variant, or what is said of all."""

    anchor: str
    title: str
    old: str
    """The verdict; empty where nothing was judged."""
    new: str
    counts: dict[str, int]
    sections: list[_Section]


def page(found: Diff) -> bytes:
    """The page, UTF-8: the same bytes for the same difference."""
    style = stylesheet("xdpconform.outputs", "diff.css")
    return (
        templates("xdpconform.outputs")
        .get_template("diff.html.j2")
        .render(
            style=ours(style),
            policy=policy(style),
            found=found,
            headline=_headline(found),
            state=_state(found),
            rest=_rest(found),
            groups=list(_groups(found)),
            version=__version__,
        )
        .encode()
    )


def _headline(found: Diff) -> str:
    if not found.changes:
        return "No difference"
    if not found.judged:
        return several(len(found.changes), "difference")
    count = found.counts[REGRESSION]
    return several(count, "regression") if count else "No regression"


def _rest(found: Diff) -> str:
    """What else changed, where the headline counts regressions alone."""
    if not found.judged or not found.changes:
        return ""
    improved = several(found.counts[IMPROVEMENT], "improvement")
    return f"{improved}, {several(found.counts[CHANGE], 'other change')}"


def _state(found: Diff) -> str:
    """The class of the page."""
    if not found.judged:
        return "plain"
    return "worse" if found.counts[REGRESSION] else "well"


def _groups(found: Diff) -> Iterator[_Group]:
    titles = _titles(found)
    changes: dict[str, list[Change]] = {}
    for change in found.changes:
        changes.setdefault(change.group, []).append(change)
    verdicts = {}
    if found.judged:
        verdicts = {
            label: (old.verdict if old else "absent", new.verdict if new else "absent")
            for label, old, new in pairs(found.old.nics, found.new.nics)
        }
    for number, label in enumerate(dict.fromkeys([*changes, *verdicts])):
        some = changes.get(label, [])
        yield _Group(
            f"part-{number}",
            found.titles.get(label, label),
            *verdicts.get(label, ("", "")),
            {effect: sum(one.effect == effect for one in some)
             for effect in (REGRESSION, IMPROVEMENT, CHANGE)},
            list(_sections(some, titles)),
        )  # fmt: skip


def _sections(changes: Sequence[Change], titles: dict[str, str]) -> Iterator[_Section]:
    for effect, title in _WEIGHED:
        yield from _section(title, effect, (c for c in changes if c.effect == effect), titles)
    for part, title in _PARTS.items():
        rest = (c for c in changes if c.part == part and c.effect in (None, CHANGE))
        yield from _section(title, CHANGE, rest, titles)


def _section(
    title: str, css: str, changes: Iterator[Change], titles: dict[str, str]
) -> Iterator[_Section]:
    rows = [_row(change, titles) for change in changes]
    if rows:
        yield _Section(title, css, rows)


def _row(change: Change, titles: dict[str, str]) -> _Row:
    return _Row(
        change.what,
        titles.get(change.what.partition("[")[0], "") if change.part == "outcomes" else "",
        "" if change.sign == ADDED else change.words(change.old),
        "" if change.sign == DROPPED else change.words(change.new),
        change.why,
    )


def _titles(found: Diff) -> dict[str, str]:
    """What each requirement says, in the newer words."""
    return {
        line.requirement: line.title
        for side in (found.old, found.new)
        for nic in side.nics
        for line in nic.results
    }


__all__ = ["page"]
