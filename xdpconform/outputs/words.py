# SPDX-License-Identifier: MIT
"""How the outputs word a line and a verdict; imports nothing that costs."""

from __future__ import annotations

from collections import Counter

from xdpconform.interfaces import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    from xdpconform.outputs.results import NicResults, Result

ORDER: Final = ("pass", "fail", "error", "blocked", "waived", "not-claimed")
"""Outcomes, as they are counted."""
EXIT: Final = {"CONFORMS": 0, "FAILS": 1, "INCOMPLETE": 10}
"""Exit status by verdict; of several the worst counts. pytest itself uses 0 to 6."""
TELLING: Final = ("fail", "error", "blocked", "waived")
"""Outcomes that are listed by line."""
FEW: Final = 8
"""So many lines with one reason are listed each by itself."""


def worst(verdicts: Iterable[str]) -> int:
    """The exit status of several verdicts."""
    found = set(verdicts)
    return next((EXIT[word] for word in ("FAILS", "INCOMPLETE") if word in found), 0)


def in_a_line(line: Result) -> str:
    """Why a line came out so: of a traceback the last line, else the first."""
    lines = [text for text in line.reason.split("\n") if text.strip()] or [line.title]
    return lines[-1 if line.outcome == "error" else 0].strip()


def outcome(line: Result) -> str:
    """The word for an outcome: of a fail its kind."""
    return line.kind if line.kind and line.outcome == "fail" else line.outcome


def together(lines: Iterable[Result]) -> list[list[Result]]:
    """The lines that are listed; those that are blocked for one reason stand together.

    Where a port must not be touched, a hundred lines say so.
    """
    found: dict[object, list[Result]] = {}
    for number, line in enumerate(lines):
        if line.outcome in TELLING:
            key = line.reason if line.outcome == "blocked" else number
            found.setdefault(key, []).append(line)
    groups = []
    for same in found.values():
        groups += [same] if len(same) > FEW else [[line] for line in same]
    return groups


def line_name(line: Result) -> str:
    """A line's name: its requirement, and its row in brackets, as ``XDP-ACT-03[gro]``."""
    return f"{line.requirement}[{line.param}]" if line.param else line.requirement


def several(number: int, noun: str) -> str:
    """So many of a thing: ``1 regression``, ``2 regressions``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def line_text(same: Sequence[Result]) -> str:
    """Lines that are listed together: requirement and row, outcome and why."""
    names = list(map(line_name, same))
    name = names[0] if len(names) == 1 else f"{len(names)} lines"
    return f"{name} {outcome(same[0])}: {shown(in_a_line(same[0]))}"


def names_text(same: Sequence[Result]) -> str:
    """The requirements of lines that are listed together; empty for one alone."""
    return " ".join(dict.fromkeys(line.requirement for line in same)) if len(same) > 1 else ""


def verdict_text(
    nic: str,
    verdict: str,
    *,
    driver: str | None,
    kernel: str,
    profile: str | None,
    source: str,
    outcomes: Iterable[str],
) -> str:
    """A NIC's verdict, what was judged by what, and how many lines came out how."""
    counts = Counter(outcomes)
    numbers = ", ".join(f"{counts[word]} {word}" for word in ORDER if counts[word])
    facts = [
        shown(driver or "unknown driver"),
        shown(kernel),
        f"profile {profile}" if profile else "no profile",
    ]
    if source == "mock":
        facts.append("simulated: no NIC was asked")
    return f"{nic} {verdict} ({', '.join(facts)}): {numbers or 'nothing run'}"


def nic_text(nic: NicResults, name: str = "") -> str:
    """`verdict_text` of a NIC's results.

    Args:
        nic: the results.
        name: what to call it, if not by its id.
    """
    return verdict_text(
        name or nic.id,
        nic.verdict,
        driver=nic.identity.driver,
        kernel=nic.identity.kernel,
        profile=nic.profile.name if nic.profile else None,
        source=nic.source,
        outcomes=(line.outcome for line in nic.results),
    )
