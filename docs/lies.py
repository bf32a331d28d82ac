# SPDX-License-Identifier: MIT
"""Write docs/lies.md: NICs that are really there, with one claim changed on the way.

A veth and a tap are tried once, with programs and frames. Then every line is judged again under
each lie: what was seen stays, what is claimed changes (``tests/probes/lying.py``). Lines that rest
on programs and frames are judged without a profile, so that only behaviour speaks; what the profile
says stands in a column of its own. Last, what was seen is broken, one way at a time.

``python docs/lies.py`` writes, ``python docs/lies.py --check`` only compares. Both need root.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.namespaces import unavailable  # noqa: E402 - a bare checkout must find them
from tests.probes.broken import BREAKS  # noqa: E402
from tests.probes.fates import REASONS, Fate, Matrix, matrix, words, wrongs  # noqa: E402
from tests.probes.tried import Tried, tried  # noqa: E402
from xdpconform.errors import XdpConformError  # noqa: E402
from xdpconform.judge import Outcome  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE: Final = ROOT / "docs/lies.md"
KINDS: Final = ("veth", "tap")


def page(found: Matrix) -> str:
    """docs/lies.md."""
    seen = [one for one in found.fates if one.behaviour]
    unseen = [one for one in found.fates if not one.behaviour]
    lines = [
        "<!-- SPDX-License-Identifier: MIT -->",
        "<!-- Made by docs/lies.py from NICs that are really there. -->",
        "",
        "# A NIC that lies",
        "",
        (
            "A veth and a tap are made, and tried with programs and frames, as"
            " `pytest --testbed veth` and `pytest --testbed tap` do."
        ),
        (
            "Then their claims are changed on the way from the kernel, one flag or value at a time,"
            " and all lines are judged again."
        ),
        (
            "What programs and frames show is judged without a profile: it must contradict the"
            " claim by itself, and in the right direction."
        ),
        "What the profile and the claims among themselves say stands beside it.",
        f"Seen on {series()}.",
        "",
        "| | veth | tap |",
        "|---|---|---|",
        _counted("lies", found.fates),
        _counted("found by programs and frames", seen),
        _counted("not found by them, for a reason below", unseen),
        _counted("found by profile and claims", [one for one in found.fates if one.profile]),
        _counted("in the wrong direction", [one for one in found.fates if one.wrong]),
        "",
        (
            "Lines are written short: `SG-01 03[x]` is XDP-SG-01, and row `x` of XDP-SG-03; without"
            " brackets every row is meant."
        ),
    ]
    for kind in KINDS:
        lines += [
            "",
            f"## {kind}",
            "",
            f"Honest and without waivers, these fail: {words(found.honest[kind])}.",
            "",
            "| claim | programs and frames say | profile and claims say | falls silent |",
            "|---|---|---|---|",
        ]
        for one in found.fates:
            if one.kind == kind:
                behaviour = f"{one.lie.direction}: {words(one.behaviour)}"
                cells = (
                    f"`{one.lie.name}`",
                    behaviour if one.behaviour else "not seen",
                    words(one.profile) or "nothing",
                    words(one.silenced),
                )
                lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    lines += _unseen(unseen) + _broken(found)
    return "\n".join(lines) + "\n"


def _counted(what: str, fates: list[Fate]) -> str:
    counts = (sum(one.kind == kind for one in fates) for kind in KINDS)
    return f"| {what} | {' | '.join(map(str, counts))} |"


def _unseen(fates: list[Fate]) -> list[str]:
    by_reason: dict[str, list[Fate]] = defaultdict(list)
    for one in fates:
        by_reason[REASONS.get(one.lie.flag, "")].append(one)
    lines = [
        "",
        "## What programs and frames do not see",
        "",
        "| why | claims | found all the same by |",
        "|---|---|---|",
    ]
    for reason, ones in by_reason.items():
        names: dict[str, list[str]] = defaultdict(list)
        for one in ones:
            names[one.lie.name].append(one.kind)
        claims = "; ".join(f"`{name}` ({', '.join(kinds)})" for name, kinds in names.items())
        rows = tuple(sorted({row for one in ones for row in one.profile}))
        lines.append(f"| {reason} | {claims} | {words(rows)} |")
    return lines


def _broken(found: Matrix) -> list[str]:
    lines = [
        "",
        "## What is wrong beside claims",
        "",
        (
            "What was seen of the honest NICs is broken, one way at a time; these lines fail then,"
            " and did not before."
        ),
        "",
        "| what is wrong | veth | tap |",
        "|---|---|---|",
    ]
    rows = {(one.kind, one.way.name): words(one.rows) for one in found.damages}
    for way in BREAKS:
        cells = [rows.get((kind, way.name), "") for kind in KINDS]
        lines.append(f"| {way.name} | {' | '.join(cells)} |".replace("|  |", "| |"))
    return lines


def series() -> str:
    """The running kernel, without what changes with every fix: ``Linux 6.18``."""
    found = re.match(r"\d+\.\d+", os.uname().release)
    return f"Linux {found[0] if found else os.uname().release}"


def wanting(nics: Iterable[Tried]) -> str:
    """Why something could not be tried; empty if all could."""
    for nic in nics:
        for (requirement, row), one in nic.honest.items():
            if one.outcome is Outcome.BLOCKED and "profile" not in one.reason:
                return f"{requirement}[{row}] of a {nic.kind} is blocked: {one.reason}"
    return ""


def main() -> int:
    """Write or compare; exit status 1 if --check found a difference, or anything is wrong.

    Where the NICs cannot be tried, or the kernel is another, --check says so and compares no text.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check: bool = parser.parse_args().check
    reason = unavailable()
    if not reason:
        try:
            with ExitStack() as stack:
                nics = [stack.enter_context(tried(kind)) for kind in KINDS]
                reason = wanting(nics)
                found = matrix(nics)
        except XdpConformError as error:
            reason = str(error)
    if reason:
        print(f"docs/lies.md is not checked: {reason}")
        return 0 if check else 1
    wrong = wrongs(found)
    for line in wrong:
        print(line)
    text = page(found)
    if not check:
        PAGE.write_text(text, encoding="utf-8")
        return int(bool(wrong))
    kept = PAGE.read_text(encoding="utf-8")
    if f"Seen on {series()}." not in kept:
        print(f"docs/lies.md was seen on another kernel than {series()}: its text is not compared")
        return int(bool(wrong))
    for line in difflib.unified_diff(kept.split("\n"), text.split("\n"), n=0, lineterm=""):
        print(line)
    return int(bool(wrong) or kept != text)


if __name__ == "__main__":
    sys.exit(main())
