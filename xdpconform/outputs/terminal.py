# SPDX-License-Identifier: MIT
"""What a run says on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdpconform import __version__
from xdpconform.interfaces import shown
from xdpconform.judge import Level
from xdpconform.outputs.words import line_text, names_text, nic_text, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from xdpconform.outputs.results import NicResults, Result
    from xdpconform.outputs.run import Run

STATUS: Final = {
    "not-claimed": ("not-claimed", "n", "NOT CLAIMED"),
    "blocked": ("blocked", "b", "BLOCKED"),
    "waived": ("waived", "w", "WAIVED"),
    "error": ("error", "E", "ERROR"),
}
"""By outcome: pytest's category, letter and word."""

_COLOR: Final = {"CONFORMS": "green", "FAILS": "red", "INCOMPLETE": "yellow"}


def header(run: Run) -> list[str]:
    """The run's header: version, level, each NIC with its driver and profile."""
    lines = [f"xdpconform {__version__}: level {run.level}"]
    for subject in run.subjects:
        nic, match = subject.nic, subject.match
        name = f"profile {match.name}" if match else "no profile"
        lines.append(
            f"  {nic.id}: driver {shown(nic.identity.driver or 'unknown')}, kernel"
            f" {shown(nic.identity.kernel)}, state {nic.state}, {name}"
        )
    return lines


def what_to_type() -> str:
    """The message for a run that names no NIC."""
    from xdpconform.errors import XdpConformError
    from xdpconform.interfaces import listing
    from xdpconform.snapshot import Inspector
    from xdpconform.sources import Kernel

    text = "no NIC is named: type pytest --iface NAME"
    try:
        with Inspector(Kernel()) as inspector:
            return f"{text}; the interfaces here are: {listing(inspector.links())}"
    except XdpConformError:
        return text


def what_level(run: Run) -> str:
    """The message for a run in which lines were named that need more than its level."""
    level = max(run.above.values(), key=[one.value for one in Level].index)
    return (
        f"not run at level {run.level}: {' '.join(sorted(run.above))}; type pytest --level {level}"
    )


def summary(terminal: pytest.TerminalReporter, run: Run) -> None:
    """The verdicts, then the lines that made them."""
    results = run.results()
    terminal.section("xdpconform")
    for nic in results.nics:
        _verdict(terminal, nic)
    for nic in results.nics:
        for same in together(nic.results):
            _lines(terminal, nic, same)
        if nic.missing:
            terminal.write_line(f"{nic.id} not run: {' '.join(nic.missing)}", yellow=True)
    for note in run.notes:
        terminal.write_line(f"left by an earlier run: {shown(note)}", yellow=True)
    for problem in run.problems:
        terminal.write_line(shown(problem), red=True)
    if run.path is not None:
        terminal.write_line(f"results: {run.path}")
    if run.certificate is not None:
        terminal.write_line(f"certificate: {run.certificate.output}")


def _verdict(terminal: pytest.TerminalReporter, nic: NicResults) -> None:
    terminal.write_line(
        nic_text(nic),
        bold=True,
        **{_COLOR[nic.verdict]: True},
    )


def _lines(terminal: pytest.TerminalReporter, nic: NicResults, same: Sequence[Result]) -> None:
    line = same[0]
    color = {"fail": "red", "error": "red"}.get(line.outcome, "yellow")
    terminal.write_line(f"{nic.id} {line_text(same)}", **{color: True})
    if len(same) > 1:
        terminal.write_line(f"    {names_text(same)}")
    if line.outcome == "fail":
        terminal.write_line(f"    expected: {shown(line.expected)}")
        terminal.write_line(f"    reported: {shown(line.observed)}")
