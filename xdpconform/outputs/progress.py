# SPDX-License-Identifier: MIT
"""What is being done, beside the line of the test that does it, and gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdpconform.interfaces import shown

if TYPE_CHECKING:
    import pytest

SAVE, RESTORE, CLEAR = "\x1b7", "\x1b8", "\x1b[K"
"""Of the cursor, and of what stands right of it (ECMA-48, xterm)."""
ROOM: Final = 12
"""Columns below which nothing is shown."""


class Progress:
    """Told what is being done; shows it where the output is a terminal.

    Args:
        config: of the run.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        config.pluginmanager.register(self, "xdpconform-progress")

    def __call__(self, text: str) -> None:
        """Show `text` in place of what was shown before."""
        self._write(text)

    def pytest_runtest_logfinish(self) -> None:
        """The line is pytest's again."""
        self._write("")

    def _write(self, text: str) -> None:
        terminal = self._plugins.getplugin("terminalreporter")
        if terminal is None or not terminal.isatty:
            return
        left = terminal._screen_width - terminal._width_of_current_line - 1  # noqa: SLF001
        if left < ROOM:
            return
        capture = self._plugins.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            terminal.write(f"{SAVE}{CLEAR} {shown(text)[: left - 1]}{RESTORE}", flush=True)
