# SPDX-License-Identifier: MIT
"""The engineers' log: pytest-html with our columns, a verdict block and the environment.

pytest-html puts what it is given into the page as it is, so that every cell is escaped here.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from xdpconform.interfaces import shown

if TYPE_CHECKING:
    from xdpconform.outputs.results import NicResults
    from xdpconform.plugin import Run

_COLUMNS = ("NIC", "Requirement", "Expected", "Reported", "Level", "Outcome")


class HtmlReport:
    """Hooks of pytest-html.

    Args:
        run: whose lines are shown.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def pytest_html_report_title(self, report: Any) -> None:
        """The page's title."""
        names = ", ".join(subject.nic.id for subject in self.run.subjects)
        report.title = f"XDP conformance of {names}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_metadata(self, metadata: dict[str, Any]) -> None:
        """The environment table; pytest-html escapes it."""

    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """The verdict block."""
        prefix.extend(_verdict(nic) for nic in self.run.results().nics)

    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Our columns, after the result."""
        names = [
            f'<th class="sortable" data-column-type="xdp{name.lower()}">{name}</th>'
            for name in _COLUMNS
        ]
        cells[1:1] = names

    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """A line's cells."""
        data = getattr(report, "xdpconform", None)
        words: list[str] = [""] * len(_COLUMNS)
        if data is not None:
            line = data["line"]
            param = f" [{line['param']}]" if line["param"] else ""
            outcome = f"{line['outcome']}: {line['kind']}" if line["kind"] else line["outcome"]
            words = [
                data["nic"],
                f"{line['requirement']}{param} {line['title']}",
                line["expected"],
                line["observed"],
                line["level"],
                outcome,
            ]
        cells[1:1] = [
            f'<td class="col-xdp{name.lower()}">{escape(shown(word))}</td>'
            for name, word in zip(_COLUMNS, words, strict=True)
        ]


def css() -> str:
    """The path of our style sheet."""
    return str(files("xdpconform.outputs") / "report.css")


def _verdict(nic: NicResults) -> str:
    identity = nic.identity
    facts = {
        "NIC": identity.ifname,
        "driver": identity.driver,
        "firmware": identity.firmware,
        "bus": identity.bus_info,
        "PCI": identity.pci,
        "kernel": identity.kernel,
        "profile": nic.profile and f"{nic.profile.name} ({nic.profile.digest})",
        "states seen": ", ".join(nic.capabilities) or "none",
    }
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(shown(str(value)))}</dd>"
        for name, value in facts.items()
        if value
    )
    failed = [line for line in nic.results if line.outcome in ("fail", "error", "blocked")]
    lines = "".join(
        f"<li><b>{escape(line.requirement)}</b> {escape(line.kind or line.outcome)}:"
        f" {escape(shown(line.reason))}</li>"
        for line in failed
    )
    missing = f"<p>Not run: {escape(' '.join(nic.missing))}</p>" if nic.missing else ""
    return (
        f'<section class="xdp-verdict xdp-{nic.verdict.lower()}">'
        f"<h2>{escape(shown(nic.id))}: {nic.verdict}</h2><dl>{rows}</dl>"
        f"<ul>{lines}</ul>{missing}</section>"
    )
