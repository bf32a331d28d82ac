# SPDX-License-Identifier: MIT
"""How the log and the terminal word a line; imports nothing that costs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xdpconform.outputs.results import Result


def in_a_line(line: Result) -> str:
    """Why a line came out so: of a traceback the last line, else the first."""
    lines = [text for text in line.reason.split("\n") if text.strip()] or [line.title]
    return lines[-1 if line.outcome == "error" else 0].strip()


def outcome(line: Result) -> str:
    """The word for an outcome: of a fail its kind."""
    return line.kind if line.kind and line.outcome == "fail" else line.outcome
