# SPDX-License-Identifier: MIT
"""Print a command of README.md, so that CI runs what readers are told: ``docs/readme.py test``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
_COMMAND = re.compile(r"^<!-- command: (\w+) -->\n```sh\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> dict[str, str]:
    """The marked commands by name.

    Raises:
        ValueError: one is not a single line, or two have one name.
    """
    found: dict[str, str] = {}
    for name, command in _COMMAND.findall(text):
        if "\n" in command or name in found:
            raise ValueError(f"README.md: command {name}: one line, once, expected")
        found[name] = command
    return found


if __name__ == "__main__":
    print(commands(README.read_text(encoding="utf-8"))[sys.argv[1]])
