# SPDX-License-Identifier: MIT
"""``xdpconform diff``: what changed from one side to another, and whether it got worse.

What the sides say may be a stranger's words, and is written with escapes.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Literal, NamedTuple

from xdpconform.errors import InputError, XdpConformError
from xdpconform.interfaces import shown
from xdpconform.outputs import diff_nics, diff_profiles
from xdpconform.outputs.diff_change import WORDS, Change, as_text
from xdpconform.outputs.diff_effects import CHANGE, IMPROVEMENT, REGRESSION, of_levels
from xdpconform.outputs.diff_sides import Side, read
from xdpconform.outputs.words import several


class Diff(NamedTuple):
    """Two sides, and what they differ in."""

    kind: Literal["nics", "profiles"]
    old: Side
    new: Side
    changes: list[Change]

    @property
    def judged(self) -> bool:
        """Whether changes are regressions, improvements or neither."""
        return self.old.judged and self.new.judged

    @property
    def counts(self) -> Counter[str | None]:
        """How many changes there are of each effect."""
        return Counter(change.effect for change in self.changes)

    @property
    def titles(self) -> dict[str, str]:
        """What is written above a group of changes, where that is not its name."""
        if self.kind == "nics":
            return {"": "run"}
        return {change.group: f"variant {change.group}" for change in self.changes} | {
            "": "profile"
        }

    @property
    def status(self) -> int:
        """The exit status: 1 with a regression, or if sides that are not judged differ."""
        return int(self.counts[REGRESSION] > 0 if self.judged else bool(self.changes))


def diff(old: str, new: str, *, as_json: bool, html: str | None = None) -> int:
    """Print what changed from one side to another.

    Args:
        old: the path of a file or a folder.
        new: the path of a file or a folder.
        as_json: print JSON.
        html: where a page is written too.

    Returns:
        The exit status: of results and certificates 1 with a regression, of all others 1 if
        anything differs, else 0.

    Raises:
        InputError: a side cannot be read or is of no known kind, the two are no pair, or the page
            cannot be written.
    """
    try:
        found = compare(*(read(path) for path in (old, new)))
    except XdpConformError as error:  # what is wrong is told in a stranger's words
        raise InputError("\n".join(map(shown, str(error).split("\n")))) from error
    if html is not None:
        _write_page(html, found)
    text = json.dumps(to_dict(found), indent=2) + "\n" if as_json else to_text(found)
    sys.stdout.write(text)
    return found.status


def _write_page(path: str, found: Diff) -> None:
    from xdpconform.outputs.diff_page import page
    from xdpconform.outputs.results import write

    try:
        write(Path(path), page(found))
    except (OSError, ValueError) as error:  # ValueError: a null character
        problem = getattr(error, "strerror", error)
        raise InputError(f"{shown(path)}: cannot be written: {problem}") from error


def compare(old: Side, new: Side) -> Diff:
    """What two sides differ in.

    Raises:
        InputError: one is a profile, the other is about NICs.
    """
    if old.profile is not None and new.profile is not None:
        return Diff("profiles", old, new, [*diff_profiles.changes(old.profile, new.profile)])
    if old.profile is not None or new.profile is not None:
        raise InputError(
            f"{old.path} is a {old.name} and {new.path} a {new.name}: a profile is compared"
            " with a profile, a recording, results.json or a certificate with one of those"
        )
    judged = old.judged and new.judged
    changes = [*diff_nics.changes(old.nics, new.nics, judged=judged)]
    if old.level and new.level and old.level != new.level:
        effect = of_levels(old.level, new.level)
        changes[:0] = [Change("", "level", old.level, new.level, part="verdict", effect=effect)]
    return Diff("nics", old, new, changes)


def to_text(found: Diff) -> str:
    """Like a diff: a line a change, by NIC or variant; of judged sides the counts last."""
    if not found.changes:
        return "no difference\n"
    head = "".join(
        f"{sign} {side.name} {shown(side.path)}\n"
        for sign, side in (("---", found.old), ("+++", found.new))
    )
    text = head + as_text(found.changes, found.titles)
    return f"{text}{counts_text(found)}\n" if found.judged else text


def counts_text(found: Diff) -> str:
    """``1 regression, 2 improvements, 0 other changes``."""
    return ", ".join(
        several(found.counts[effect], word)
        for effect, word in (
            (REGRESSION, "regression"),
            (IMPROVEMENT, "improvement"),
            (CHANGE, "other change"),
        )
    )


def to_dict(found: Diff) -> dict[str, object]:
    """In JSON types."""
    sides = {
        name: {"path": side.path, "kind": side.kind}
        for name, side in (("a", found.old), ("b", found.new))
    }
    about = "nic" if found.kind == "nics" else "variant"
    return {
        "kind": found.kind,
        **sides,
        "regressions": found.counts[REGRESSION] if found.judged else None,
        "improvements": found.counts[IMPROVEMENT] if found.judged else None,
        "changes": [
            {
                "nic": None,
                "variant": None,
                about: change.group or None,
                "part": change.part,
                "what": change.what,
                "change": WORDS[change.sign],
                "class": change.effect,
                "old": change.old,
                "new": change.new,
                "why": change.why or None,
            }
            for change in found.changes
        ],
    }


__all__ = ["Diff", "compare", "counts_text", "diff", "several", "to_dict", "to_text"]
