# SPDX-License-Identifier: MIT
"""Write docs/mutations.md: every driver's row on the mock kernel, honest and with one lie.

The rows are what drivers claim as read in the kernels' sources (``xdpconform/mock/rows.json``); the
mock tells them byte by byte, and nothing here looks into a profile: a row must conform, and a claim
too many or too few must fail at its own requirement, in its own direction. What survives is listed,
with the words that the line itself gives for letting it pass.

``python docs/mutations.py`` writes, ``python docs/mutations.py --check`` only compares.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from xdpconform.judge import Finding, Outcome  # noqa: E402 - a bare checkout must find the package
from xdpconform.lab import Subject, judge, rule, take_stored  # noqa: E402
from xdpconform.mock import Claims, MockKernel, fault_named, parse  # noqa: E402
from xdpconform.mock.nic import XDP_ACT, XDP_RX_METADATA, XSK_FLAGS  # noqa: E402
from xdpconform.profiles import Shelf  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE: Final = ROOT / "docs/mutations.md"
TODAY: Final = date(2026, 12, 1)
"""The day that waivers are held against, so that the page does not age."""

REQUIREMENT: Final = {
    **{flag: f"XDP-FEAT-{number:02}" for number, flag in enumerate(XDP_ACT, 2)},
    **{flag: f"XDP-RXMD-{number:02}" for number, flag in enumerate(XDP_RX_METADATA, 1)},
    **{flag: f"XDP-TXMD-{number:02}" for number, flag in enumerate(XSK_FLAGS, 1)},
}
"""Which requirement speaks of a flag."""
ZERO_COPY: Final = 1 << XDP_ACT.index("xsk-zerocopy")
SEGMENTS: Final = {
    "segments there": {"XDP-ZC-02": "over-claim"},
    "segments 0": {"XDP-ZC-02": "malformed", "XDP-ZC-03": "under-claim"},
    "segments absent": {"XDP-ZC-02": "malformed", "XDP-ZC-03": "under-claim"},
    "segments + 1": {"XDP-ZC-03": "over-claim"},
    "segments - 1": {"XDP-ZC-03": "under-claim"},
}
"""What each lie about xdp-zc-max-segs must come to; one of them is enough."""


UNTRUE: Final = {"segments there": "segments-alone", "segments absent": "segments-missing"}
"""Lies that the kernel keeps a driver from: a fault of the mock tells them."""


INTRODUCTION: Final = (
    (
        "Every variant of every driver, as the sources of kernels 6.12 and 7.3 have it, idle and"
        " with a native program attached, told by the mock kernel:"
    ),
    (
        "each must conform, and each with a single claim changed must fail at that claim's own"
        " requirement, in its own direction."
    ),
)


class Mutant(NamedTuple):
    """A row with one claim changed, and what became of it."""

    row: str
    """The mock's name, ``ice:PF@7.3+attached``."""
    change: str
    killed: bool
    wrong: str = ""
    """Not empty if a line failed that must not, or in the wrong direction."""
    reason: str = ""
    """Of a survivor: why its line let it pass."""


class Matrix(NamedTuple):
    """All of it."""

    rows: dict[str, str]
    """Verdict by row, and what was waived."""
    mutants: list[Mutant]


def matrix() -> Matrix:
    """Run every row and every mutant of it."""
    shelf = Shelf()
    rows = {}
    mutants = []
    for mock in parse(["all"]):
        lines = _lines(mock, shelf)
        verdict = rule(((name, finding.outcome) for name, finding in lines.items()), ()).verdict
        waived = [name for name, finding in lines.items() if finding.outcome is Outcome.WAIVED]
        rows[mock.name] = " ".join([verdict.value, *waived])
        for change, claims in _changes(mock):
            changed = _lines(_with(mock, claims, UNTRUE.get(change)), shelf)
            mutants.append(_fate(mock.name, change, lines, changed))
    return Matrix(rows, mutants)


def _lines(mock: MockKernel, shelf: Shelf) -> dict[str, Finding]:
    variant = mock.name.partition("@")[0].partition(":")[2]
    (subject,) = take_stored(mock, "mock", shelf, variant=variant)
    return _judged(subject)


def _judged(subject: Subject) -> dict[str, Finding]:
    return {line.requirement + line.row: found for line, found in judge(subject, TODAY)}


def _with(mock: MockKernel, claims: Claims, fault: str | None) -> MockKernel:
    """The same kernel, its NIC claiming something else, or what no NIC can make it say."""
    nics = [
        nic._replace(claims=claims) if nic.name in mock.ifaces else nic
        for nic in mock.nics.values()
    ]
    wrong = fault_named(fault) if fault else None
    return MockKernel(nics, mock.age, name=mock.name, ifaces=mock.ifaces, fault=wrong)


def _changes(mock: MockKernel) -> Iterator[tuple[str, Claims]]:
    """Every way to change one claim; xsk-zerocopy brings its segments along, as the kernel does."""
    (claims,) = (nic.claims for nic in mock.nics.values() if nic.name in mock.ifaces)
    for field, flags in (("xdp", XDP_ACT), ("rx_metadata", XDP_RX_METADATA), ("xsk", XSK_FLAGS)):
        value: int = getattr(claims, field)
        for bit, flag in enumerate(flags):
            changed = claims._replace(**{field: value ^ 1 << bit})
            if flag == "xsk-zerocopy":
                changed = changed._replace(zc_max_segs=None if value >> bit & 1 else 1)
            yield ("-" if value >> bit & 1 else "+") + flag, changed
    if not claims.xdp & ZERO_COPY:
        # With xsk-zerocopy the number is there, and the fault takes the flag away again.
        yield "segments there", claims._replace(xdp=claims.xdp | ZERO_COPY, zc_max_segs=1)
        return
    yield "segments absent", claims
    yield "segments 0", claims._replace(zc_max_segs=0)
    segments = claims.zc_max_segs or 1
    yield "segments + 1", claims._replace(zc_max_segs=segments + 1)
    if segments > 1:
        yield "segments - 1", claims._replace(zc_max_segs=segments - 1)


def _fate(
    row: str, change: str, before: Mapping[str, Finding], after: Mapping[str, Finding]
) -> Mutant:
    fails = {name: one.kind.value if one.kind else "" for name, one in after.items()
             if one.outcome is Outcome.FAIL}  # fmt: skip
    if change in SEGMENTS:
        wanted = SEGMENTS[change]
    else:
        kind = "over-claim" if change[0] == "+" else "under-claim"
        wanted = {REQUIREMENT[change[1:]]: kind}
    hit = {name: kind for name, kind in fails.items() if wanted.get(name) == kind}
    # What a claim needs besides itself is judged too: those lines may fail with it, others not.
    others = {name for name in fails.keys() - wanted if not name.startswith(("XDP-INV", "XDP-ZC"))}
    wrong = ", ".join(sorted(others | {n for n in fails.keys() & wanted if n not in hit}))
    if hit:
        return Mutant(row, change, killed=True, wrong=wrong)
    reasons = [_told(after[name], before[name]) for name in wanted if after[name] != before[name]]
    return Mutant(row, change, killed=False, wrong=wrong, reason=next(filter(None, reasons), ""))


def _told(after: Finding, before: Finding) -> str:
    if Outcome.WAIVED in (after.outcome, before.outcome):
        return "a waiver: the driver's claim is a known defect"
    if after.reason:
        return after.reason
    return f"expected {after.expected.partition(' (')[0]}" if after.expected else ""


def page(found: Matrix) -> str:
    """docs/mutations.md."""
    killed = sum(one.killed for one in found.mutants)
    survivors = [one for one in found.mutants if not one.killed]
    verdicts = Counter(verdict.split()[0] for verdict in found.rows.values())
    drivers = {name.partition("@")[0] for name in found.rows}
    lines = [
        "<!-- SPDX-License-Identifier: MIT -->",
        "<!-- Made by docs/mutations.py from the mock kernel and the profiles. -->",
        "",
        "# Mutations",
        "",
        *INTRODUCTION,
        "A survivor passes for a reason that its profile gives.",
        "",
        "| | |",
        "|---|---|",
        f"| variants | {len(drivers)} |",
        f"| rows (variant, kernel, state) | {len(found.rows)} |",
        *(f"| of them {word} | {number} |" for word, number in sorted(verdicts.items())),
        f"| mutants | {len(found.mutants)} |",
        f"| killed | {killed} ({killed / len(found.mutants):.1%}) |",
        f"| survivors | {len(survivors)} |",
        "",
        "## Waived",
        "",
        "Claims that are known not to be true: the profile forbids them, a waiver lets them pass.",
        "",
        "| row | requirements |",
        "|---|---|",
    ]
    for name, verdict in found.rows.items():
        if " " in verdict:
            lines.append(f"| {name} | {', '.join(verdict.split()[1:])} |")
    lines += ["", "## Survivors", "", "| why | changes |", "|---|---|"]
    by_reason: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in survivors:
        by_reason[one.reason][one.change].append(one.row)
    for reason, changes in sorted(by_reason.items()):
        cells = [f"{change} of {', '.join(rows)}" for change, rows in sorted(changes.items())]
        lines.append(f"| {reason.replace('|', '/')} | {'<br>'.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or compare; exit status 1 if --check found a difference, or anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check: bool = parser.parse_args().check
    found = matrix()
    for one in found.mutants:
        if one.wrong or not (one.killed or one.reason):
            print(f"{one.row} {one.change}: {one.wrong or 'survives without a reason'}")
    text = page(found)
    if check:
        return int(PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
