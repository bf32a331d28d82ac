# SPDX-License-Identifier: MIT
"""What is being done, beside the line of the test that does it, and gone with it."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

from xdpconform.interfaces import shown

if TYPE_CHECKING:
    import pytest

SAVE, RESTORE, CLEAR = "\x1b7", "\x1b8", "\x1b[K"
"""Of the cursor, and of what stands right of it (ECMA-48, xterm)."""
ROOM: Final = 12
"""Columns below which nothing is shown."""


class Progress:
    """Told what is being done; shows it where the output is a terminal that can take it back.

    Args:
        config: of the run.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        self._showing = False
        config.pluginmanager.register(self, "xdpconform-progress")

    def __call__(self, text: str) -> None:
        """Show `text` in place of what was shown before."""
        self._write(text)

    def pytest_runtest_logfinish(self) -> None:
        """The line is pytest's again."""
        self._write("")

    def _write(self, text: str) -> None:
        terminal = self._plugins.getplugin("terminalreporter")
        if terminal is None or not terminal.isatty or os.environ.get("TERM") == "dumb":
            return
        left = terminal._screen_width - terminal._width_of_current_line - 1  # noqa: SLF001
        # Past pytest's writer, which counts columns to know where its own words go.
        file = terminal._tw._file  # noqa: SLF001
        encoding = getattr(file, "encoding", None) or "utf-8"
        text = shown(text).encode(encoding, "backslashreplace").decode(encoding)
        text = cut(text, left - 1) if left >= ROOM else ""
        if not text and not self._showing:
            return
        self._showing = bool(text)
        capture = self._plugins.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            file.write(f"{SAVE}{CLEAR}{' ' * bool(text)}{text}{RESTORE}")
            file.flush()


def cut(text: str, columns: int) -> str:
    """As much of a text as fits; East Asian wide characters take two columns."""
    for end, character in enumerate(text):
        columns -= 2 if east_asian_width(character) in "WF" else 1
        if columns < 0:
            return text[:end]
    return text
