# SPDX-License-Identifier: MIT
"""What all views share: which lines they have, how a line is called, and text that stays text.

A requirement that was not run has no line in results.json, and a format in which it did not stand
would look complete. So it gets a line here, which is blocked.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from xdpconform.interfaces import shown
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.results import Result
from xdpconform.outputs.words import line_name, nic_text

if TYPE_CHECKING:
    from xdpconform.outputs.results import NicResults, Results

NOT_RUN: Final = "not run: start a run without a selection of tests"
"""The reason of a line for a requirement that was not run."""
PLAIN: Final = 2000
"""So many characters of a text are shown; a driver's word is shorter, a stranger's file is not."""


def lines_of(results: Results, nic: NicResults) -> list[Result]:
    """A NIC's lines, and one for each requirement that was not run."""
    unrun = [
        Result(requirement, "", "", "blocked", None, results.level, "", "", NOT_RUN, {})
        for requirement in nic.missing
    ]
    return sorted([*nic.results, *unrun], key=lambda line: (line.requirement, line.param))


def name_of(line: Result) -> str:
    """What a line is called: ``XDP-ACT-03[gro]``, in printable characters."""
    return plain(line_name(line))


def plain(text: str, most: int = PLAIN) -> str:
    """Text in one line, printable, and not too long; what was cut is said."""
    clean = shown(text[: most + 1])
    if len(clean) > most:
        return f"{clean[:most]}... ({len(text)} characters)"
    return clean


def paragraph(text: str, most: int = PLAIN) -> list[str]:
    """Text line by line, each as `plain` has it; empty lines are left out."""
    cut = text[:most] + (f"... ({len(text)} characters)" if len(text) > most else "")
    return [shown(line) for line in cut.split("\n") if line.strip()]


def told(line: Result) -> list[tuple[str, str]]:
    """What a line says beside its outcome, by name; what it does not say is left out."""
    reason = line.reason if line.kind is None else f"{line.kind}: {line.reason}".rstrip(": ")
    words = [("expected", line.expected), ("observed", line.observed), ("reason", reason)]
    return [(name, text) for name, text in words if text]


def totals(lines: list[Result]) -> Counter[str]:
    """How many lines kselftest would count as what."""
    return Counter(ELSEWHERE[line.outcome].totals for line in lines)


def facts_of(results: Results, nic: NicResults) -> dict[str, str]:
    """What a reader needs to know of a NIC's lines, by name; what is unknown is left out."""
    identity, environment = nic.identity, nic.environment
    module = environment.module if environment else None
    found = {
        "nic": nic.id,
        "verdict": nic.verdict,
        "source": nic.source,
        "level": results.level,
        "started": results.started,
        "interface": identity.ifname,
        "driver": identity.driver,
        "driver-version": identity.driver_version,
        "firmware": identity.firmware,
        "bus": identity.bus,
        "bus-info": identity.bus_info,
        "pci": identity.pci,
        "kernel": identity.kernel,
        "kernel-build": environment.build if environment else None,
        "machine": environment.machine if environment else None,
        "module-source": module.source if module else None,
        "module-srcversion": module.srcversion if module else None,
        "profile": nic.profile.name if nic.profile else None,
        "profile-digest": nic.profile.digest if nic.profile else None,
        "recording": nic.recording,
        "tool": f"{results.tool.name} {results.tool.version}",
    }
    return {name: plain(value) for name, value in found.items() if value}


def verdict_of(nic: NicResults) -> str:
    """A NIC's verdict in one line, as the terminal says it."""
    return plain(nic_text(nic) + (f", {len(nic.missing)} not run" if nic.missing else ""))
