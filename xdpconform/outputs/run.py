# SPDX-License-Identifier: MIT
"""A run while it goes: what it is about, and the lines that came in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.lab import Subject, requirements
from xdpconform.outputs.results import Result, Results, build

if TYPE_CHECKING:
    from xdpconform.outputs.attest import Signer

NO_NIC: Final = "no-nic"
"""In the ids of a run that names no NIC."""


class Certificate(NamedTuple):
    """Where certificates go, and who signs them; nobody if None."""

    output: Path
    signer: Signer | None


class Run:
    """What a run knows: its subjects, and the lines that come in.

    Args:
        subjects: the NICs and their profiles.
        level: what was asked for.
    """

    def __init__(self, subjects: Sequence[Subject], level: str) -> None:
        self.subjects = subjects
        self.level = level
        self.started = datetime.now(UTC)
        self.lines: dict[str, list[Result]] = {subject.nic.id: [] for subject in subjects}
        self.collected = False
        """Whether there is anything to certify in this run."""
        self.unrun: set[tuple[str, str]] = set()
        """NIC and requirement of every line that the user deselected."""
        self.above: dict[str, str] = {}
        """By requirement the level of those that were collected and need more than this run's."""
        self.errors = 0
        """Checks that broke."""
        self.path: Path | None = None
        """Where results.json goes."""
        self.recording_path: Path | None = None
        """Where the recording of live NICs goes."""
        self.summary: Path | None = None
        """Where the summary in Markdown goes."""
        self.certificate: Certificate | None = None
        self.problems: list[str] = []
        self.notes: list[str] = []
        """What was put back that runs before this one had left."""
        self._built: tuple[int, Results] | None = None

    def results(self) -> Results:
        """What is known so far, as results.json has it; built anew once more is known."""
        known = sum(map(len, self.lines.values())) + len(self.unrun)
        if self._built is None or self._built[0] != known:
            self._built = known, self._build()
        return self._built[1]

    def _build(self) -> Results:
        return build(
            self.subjects,
            self.lines,
            started=self.started.isoformat(timespec="seconds"),
            level=self.level,
            required=requirements(self.level),
            unrun=self.unrun,
        )
