# SPDX-License-Identifier: MIT
"""``xdpconform judge``: the verdicts of recordings without a pytest run, one file at a time.

A hundred thousand recordings go through as one does: nothing is kept of a file once its lines are
written.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import IO, Final, NamedTuple

import msgspec

from xdpconform.interfaces import shown
from xdpconform.judge import Finding
from xdpconform.judge.lines import Line
from xdpconform.lab import Subject, judge, requirements, rule, specification
from xdpconform.outputs.results import Result, nic_results, result
from xdpconform.outputs.words import (
    EXIT,
    TELLING,
    line_text,
    names_text,
    together,
    verdict_text,
    worst,
)
from xdpconform.profiles import Shelf
from xdpconform.sources.recording import files_of
from xdpconform.stored import take_recording

_CHUNK: Final = 32
"""Files that a process is handed at once."""


class Judged(NamedTuple):
    """A NIC of a recording: its verdict, and what is written about it."""

    verdict: str
    text: str


class _How(NamedTuple):
    shelf: Shelf
    today: date
    as_json: bool


def judge_recordings(
    words: Iterable[str],
    *,
    profiles: Sequence[str] = (),
    variants: Sequence[str] = (),
    as_json: bool = False,
    quiet: bool = False,
    jobs: int = 1,
) -> int:
    """Judge recordings, and write a line or more for each NIC.

    Args:
        words: files, folders, globs.
        profiles: files and folders that come before the shipped profiles.
        variants: ``PROFILE:VARIANT`` words.
        as_json: write JSON, one object a line.
        quiet: leave out NICs that conform.
        jobs: in how many processes.

    Returns:
        The exit status: 0, 1 with any FAILS, else 10 with any INCOMPLETE.

    Raises:
        XdpConformError: a word means no file, or a profile cannot be used.
    """
    files = files_of(words)
    how = _How(Shelf(map(Path, profiles), variants), datetime.now(UTC).date(), as_json)
    counts: Counter[str] = Counter()
    bar = _Bar(len(files), sys.stderr)
    with closing(_judged(files, how, jobs)) as judged:
        for found in judged:
            for one in found:
                counts[one.verdict] += 1
                if not (quiet and one.verdict == "CONFORMS"):
                    bar.clear()
                    sys.stdout.write(one.text)
            bar.step()
    bar.clear()
    if not as_json:
        total = ", ".join(f"{counts[verdict]} {verdict}" for verdict in EXIT if counts[verdict])
        sys.stdout.write(f"{counts.total()} NICs in {len(files)} recordings: {total}\n")
    return worst(counts)


def _judged(files: Sequence[Path], how: _How, jobs: int) -> Generator[list[Judged]]:
    if jobs <= 1:
        for path in files:
            yield _judge(path, how)
        return
    from multiprocessing import get_context

    with get_context("fork").Pool(jobs, _worker.update, ({"how": how},)) as pool:
        yield from pool.imap(_judge, files, _CHUNK)


_worker: dict[str, _How] = {}
"""In a process of its own: how to judge there. Its shelf keeps what profiles it has met."""


def _judge(path: Path, how: _How | None = None) -> list[Judged]:
    how = how or _worker["how"]
    return [_write(path, subject, how) for subject in take_recording(path, how.shelf)]


def _write(path: Path, subject: Subject, how: _How) -> Judged:
    found = judge(subject, how.today)
    ruled = rule([(line.requirement, one.outcome) for line, one in found], requirements())
    verdict = ruled.verdict.value
    return Judged(
        verdict, _json(path, subject, found) if how.as_json else _text(subject, verdict, found)
    )


def _json(path: Path, subject: Subject, found: Sequence[tuple[Line, Finding]]) -> str:
    # Without evidence: that is the recording.
    lines = [_result(line, finding._replace(evidence={})) for line, finding in found]
    nic = nic_results(subject, lines, requirements())
    fields = {name: getattr(nic, name) for name in nic.__struct_fields__}
    return msgspec.json.encode({"path": str(path), **fields}).decode() + "\n"


def _text(subject: Subject, verdict: str, found: Sequence[tuple[Line, Finding]]) -> str:
    identity = subject.nic.identity
    text = verdict_text(
        subject.nic.id,
        verdict,
        driver=identity.driver,
        kernel=identity.kernel,
        profile=subject.match.name if subject.match else None,
        source=subject.source,
        outcomes=(finding.outcome.value for _line, finding in found),
    )
    if identity.ifindex == 0:  # nothing could be learned: one reason for all lines
        return f"{text}\n    {shown(subject.nic.unknown)}\n"
    lines = [_result(*one) for one in found if one[1].outcome.value in TELLING]
    for same in together(lines):
        text += f"\n    {line_text(same)}"
        if len(same) > 1:
            text += f"\n        {names_text(same)}"
    return f"{text}\n"


def _result(line: Line, finding: Finding) -> Result:
    return Result(**result(line.requirement, specification()[line.requirement].title, finding))


class _Bar:
    """How far it is, on a terminal.

    Args:
        total: how many files.
        file: where it is shown, if that is a terminal.
    """

    def __init__(self, total: int, file: IO[str] | None) -> None:
        self._file = file if file is not None and file.isatty() else None
        self._total = total
        self._done = 0
        self._next = monotonic() + 0.2
        self._there = False

    def step(self) -> None:
        """One file more."""
        self._done += 1
        if self._file is not None and monotonic() >= self._next:
            self._next = monotonic() + 0.1
            share = self._done / self._total
            self._file.write(
                f"\r[{'#' * int(30 * share):30}] {self._done} of {self._total} ({share:.0%})"
            )
            self._file.flush()
            self._there = True

    def clear(self) -> None:
        """Make room for a line."""
        if self._there and self._file is not None:
            self._file.write("\r\x1b[K")
            self._file.flush()
            self._there = False
