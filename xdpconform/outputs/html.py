# SPDX-License-Identifier: MIT
"""The engineers' log: pytest-html with our columns, a verdict block and the environment.

pytest-html puts what it is given into the page as it is: cells, logs and the environment table.
Everything is escaped here.
"""

from __future__ import annotations

import os
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdpconform.interfaces import shown
from xdpconform.outputs.paths import writable
from xdpconform.outputs.words import in_a_line, names_text, outcome, together

if TYPE_CHECKING:
    import pytest

    from xdpconform.outputs.results import NicResults
    from xdpconform.outputs.run import Run

SOURCES = {
    "kernel": "the live kernel",
    "recording": "a recording",
    "mock": "a simulated kernel: this certifies no NIC",
}
_COLUMNS = ("Outcome", "NIC", "Requirement", "Expected", "Reported", "Level")


def plan(config: pytest.Config, stem: Path, problems: list[str]) -> None:
    """Say where pytest-html writes, before it is configured; nowhere if that cannot be.

    Args:
        config: of the run; ``--html`` is kept if given.
        stem: the default, without suffix.
        problems: what cannot be written is added here.
    """
    options = config.option
    if not options.htmlpath:
        options.htmlpath = f"{stem}.html"
        options.self_contained_html = True
    options.css = [css(), *options.css]
    # As pytest-html does it.
    problem = writable(Path(os.path.expandvars(options.htmlpath)).expanduser())
    if problem:
        options.htmlpath = None
        problems.append(problem)


class HtmlReport:
    """Hooks of pytest-html.

    Args:
        config: of the run.
        run: whose lines are shown.
    """

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self.config = config
        self.run = run

    def pytest_sessionstart(self) -> None:
        """The environment table."""
        from pytest_metadata.plugin import metadata_key  # pytest-html needs it as well

        table: dict[str, object] = self.config.stash[metadata_key]
        for nic in self.run.results().nics:
            table[f"NIC {nic.id}"] = {
                name: _safe(value) for name, value in _facts(nic).items() if value
            }

    def pytest_html_report_title(self, report: Any) -> None:
        """The page's title; and only what needs attention is shown in full."""
        names = ", ".join(subject.nic.id for subject in self.run.subjects)
        report.title = f"XDP conformance of {names}"
        report.set_data("renderCollapsed", ["passed", "skipped", "xfailed"])

    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """The verdict block."""
        prefix.extend(_verdict(nic) for nic in self.run.results().nics)

    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Our columns; the style sheet hides pytest's result, which the page's filters need."""
        cells[1:1] = [
            f'<th class="sortable" data-column-type="xdp{name.lower()}">{name}</th>'
            for name in _COLUMNS
        ]

    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """A line's cells; none for what pytest-html would make a row of and then not show."""
        if report.when != "call" and report.passed and not report.sections:
            cells.clear()
            return
        data = getattr(report, "xdpconform", None)
        words: list[str] = [report.outcome] + [""] * (len(_COLUMNS) - 1)
        if data is not None:
            line = data["line"]
            param = f" [{line['param']}]" if line["param"] else ""
            words = [
                f"{line['outcome']}: {line['kind']}" if line["kind"] else line["outcome"],
                data["nic"],
                f"{line['requirement']}{param} {line['title']}",
                line["expected"],
                line["observed"],
                line["level"],
            ]
        cells[1:1] = [
            f'<td class="col-xdp{name.lower()} xdp-{words[0].partition(":")[0]}">{_safe(word)}</td>'
            for name, word in zip(_COLUMNS, words, strict=True)
        ]

    def pytest_html_results_table_html(self, report: Any, data: list[str]) -> None:
        """What stands below a line: why, and the bytes behind it."""
        found = getattr(report, "xdpconform", None)
        if found is None:
            return
        line = found["line"]
        logs = [] if line["outcome"] != "error" else list(data)
        if line["reason"] and line["outcome"] != "error":
            logs += map(_safe, line["reason"].split("\n"))
        for name, value in line["evidence"].items():
            values = value if isinstance(value, list) else [value]
            logs += [f"{_safe(name)}: {_safe(_worded(one))}" for one in values]
        data[:] = logs or ["Nothing more is known."]


def _worded(value: object) -> object:
    """A value of evidence, which has JSON types, as a reader would write it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_worded(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return " ".join(str(_worded(one)) for one in value) or "none"
    return "absent" if value is None else value


def css() -> str:
    """The path of our style sheet."""
    return str(files("xdpconform.outputs") / "report.css")


def _safe(value: object) -> str:
    text = str(value)
    return text if text.isalnum() and text.isascii() else _escaped(text)


@lru_cache(maxsize=1024)  # titles and expectations come again with each NIC
def _escaped(text: str) -> str:
    return escape(shown(text))


def _facts(nic: NicResults) -> dict[str, str | None]:
    identity = nic.identity
    return {
        "interface": identity.ifname,
        "driver": identity.driver,
        "driver version": identity.driver_version,
        "firmware": identity.firmware,
        "bus": identity.bus_info,
        "PCI": identity.pci,
        "kernel": identity.kernel,
        "asked": SOURCES[nic.source],
        "profile": nic.profile.name if nic.profile else None,
        "profile digest": nic.profile.digest if nic.profile else None,
        "states seen": ", ".join(nic.capabilities) or "none",
    }


def _verdict(nic: NicResults) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{_safe(value)}</dd>"
        for name, value in _facts(nic).items()
        if value
    )
    lines = "".join(
        f"<li><b>{escape(names_text(same) or same[0].requirement)}</b>"
        f" {escape(outcome(same[0]))}: {_safe(in_a_line(same[0]))}</li>"
        for same in together(nic.results)
    )
    missing = f"<p>Not run: {escape(' '.join(nic.missing))}</p>" if nic.missing else ""
    return (
        f'<section class="xdp-verdict xdp-{nic.verdict.lower()}"'
        f' aria-label="The verdict on {_safe(nic.id)}">'
        f"<h2>{_safe(nic.id)}: {nic.verdict}</h2><dl>{rows}</dl>"
        f"<ul>{lines}</ul>{missing}</section>"
    )
