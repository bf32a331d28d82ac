# SPDX-License-Identifier: MIT
"""CSV by RFC 4180: a header and one record a line, each record in one line of the file.

Spreadsheets run what begins as a formula, also when it came from a firmware. Such a cell gets an
apostrophe before it, by which they know it for text
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from xdpconform.outputs.views.lines import facts_of, lines_of, plain

if TYPE_CHECKING:
    from xdpconform.outputs.results import Results

NIC: Final = (
    "nic",
    "verdict",
    "source",
    "started",
    "interface",
    "driver",
    "driver-version",
    "firmware",
    "bus-info",
    "pci",
    "kernel",
    "kernel-build",
    "machine",
    "profile",
    "profile-digest",
)
"""Columns that say which NIC."""
LINE: Final = (
    "requirement",
    "row",
    "title",
    "level",
    "outcome",
    "kind",
    "expected",
    "observed",
    "reason",
)
"""Columns that say what was found."""
_CELL: Final = 8000
"""Characters of a cell; spreadsheets hold 32,767."""
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with, also in full width; tabs and line ends are escaped before."""


def table(results: Results) -> str:
    """The lines of all NICs as CSV, lines ending in CR LF; what is unknown is empty."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow([*NIC, *LINE])
    for nic in results.nics:
        facts = facts_of(results, nic)
        known = [_cell(facts.get(name, "")) for name in NIC]
        for line in lines_of(results, nic):
            words = (
                line.requirement,
                line.param,
                line.title,
                line.level,
                line.outcome,
                line.kind or "",
                line.expected,
                line.observed,
                line.reason,
            )
            writer.writerow([*known, *map(_cell, words)])
    return file.getvalue()


def _cell(text: str) -> str:
    safe = plain(text, _CELL)
    return f"'{safe}" if safe.lstrip().startswith(_FORMULA) else safe
