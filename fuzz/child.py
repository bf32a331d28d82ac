# SPDX-License-Identifier: MIT
"""Fuzz one target in this process: what ``python -m fuzz`` starts for each.

A finding does not end the run: it is written down, once for each place that raises, and the run
goes on to its last input. What is too slow or too large ends the process; libFuzzer writes it.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

LIMIT: Final = 100
"""Findings that are written; more are more of the same."""


class Keeper:
    """Runs inputs, and writes down those that end in a foreign exception.

    Args:
        run: the target.
        folder: where findings are written.
        name: the target's name.
    """

    def __init__(self, run: Callable[[bytes], None], folder: Path, name: str) -> None:
        self._run = run
        self._folder = folder
        self._name = name
        self._places: set[tuple[str, str, int | None]] = set()

    def __call__(self, data: bytes) -> None:
        """Run one input."""
        try:
            self._run(data)
        except Exception as error:  # noqa: BLE001 - whatever a target raises is a finding
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = type(error).__name__, last.filename, last.lineno
        if place in self._places or len(self._places) >= LIMIT:
            return
        self._places.add(place)
        digest = hashlib.sha256(data).hexdigest()[:16]
        path = self._folder / f"{self._name}-{digest}"
        self._folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        text = "".join(traceback.format_exception(error))
        path.with_suffix(".txt").write_text(text, encoding="utf-8", errors="backslashreplace")


def main(name: str, findings: str, flags: list[str]) -> None:
    """Fuzz a target; ends the process.

    Args:
        name: of the target.
        findings: the folder for findings.
        flags: libFuzzer's, and the folder of seeds.
    """
    import atheris  # type: ignore[import-untyped] # it has no types

    with atheris.instrument_imports(include=["xdpconform", "tomllib"], exclude=["xdpconform.mock"]):
        from fuzz.targets import TARGETS
    keeper = Keeper(TARGETS[name].run, Path(findings), name)
    atheris.Setup([sys.argv[0], *flags], keeper)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
