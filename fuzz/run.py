# SPDX-License-Identifier: MIT
"""One target in a child process, and what is said of it at the end."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from fuzz.seeds import ROOT, seeds
from fuzz.targets import TARGETS

SHARES: Final = 1000
SLOW: Final = 10
"""Seconds for one input; a slower one is a finding."""
MEMORY: Final = 1024
"""MiB of the child; what takes more is a finding."""

_STATE: Final = re.compile(r"^#(\d+)\s+\S+\s+(?:cov: (\d+) ft: (\d+) corp: (\d+)/)?", re.MULTILINE)
_RUNS: Final = re.compile(r"^stat::number_of_executed_units: (\d+)", re.MULTILINE)


class Job(NamedTuple):
    """What a child has to do."""

    target: str
    inputs: int
    seed: int
    corpus: Path
    seeds: int


class Report(NamedTuple):
    """What came of it."""

    target: str
    inputs: int
    seconds: float
    seeds: int
    corpus: int
    """Inputs that are kept since each reaches something that no other does."""
    coverage: tuple[int, int]
    """Edges that the seeds reach, and all that were reached."""
    findings: tuple[str, ...]
    """Names below fuzz/findings, or why the child ended early."""


def plan(targets: Iterable[str], inputs: int, seed: int, folder: Path) -> list[Job]:
    """Divide the inputs by the targets' shares, and write their seeds.

    Args:
        targets: their names.
        inputs: for all of codec and recordings; a target asked for alone gets its share as well.
        seed: of chance.
        folder: for the seeds.
    """
    jobs = []
    for name in targets:
        corpus = folder / name
        corpus.mkdir()
        found = seeds(name)
        for number, data in enumerate(found):
            (corpus / f"{number:05}").write_bytes(data)
        share = max(1, inputs * TARGETS[name].share // SHARES)
        jobs.append(Job(name, share, seed, corpus, len(found)))
    return jobs


def run(job: Job, findings: Path) -> Report:
    """Fuzz in a child process.

    Args:
        job: what to do.
        findings: the folder that they are kept in.
    """
    target = TARGETS[job.target]
    flags = [
        f"-runs={job.inputs}",
        f"-seed={job.seed}",
        f"-max_len={target.max_len}",
        f"-timeout={SLOW}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={findings}/{job.target}-",
        "-print_final_stats=1",
    ]
    findings.mkdir(parents=True, exist_ok=True)
    before = _files(findings, job.target)
    start = monotonic()
    child = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "fuzz.child", job.target, str(findings), *flags, str(job.corpus)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    seconds = monotonic() - start
    new = [name for name, when in _files(findings, job.target).items() if before.get(name) != when]
    if child.returncode and not new:
        log = findings / f"{job.target}-log.txt"
        log.write_text(child.stderr, encoding="utf-8")
        new = [log.name]
    return report(job, child.stderr, seconds, new)


def _files(folder: Path, target: str) -> dict[str, int]:
    """Inputs by name, and when each was written: one that is found again is written again."""
    found = (file for file in sorted(folder.glob(f"{target}-*")) if file.suffix != ".txt")
    return {file.name: file.stat().st_mtime_ns for file in found}


def report(job: Job, log: str, seconds: float, findings: Sequence[str]) -> Report:
    """What libFuzzer's log says of a run."""
    states = _STATE.findall(log)
    covered = [(int(edges), int(kept)) for _run, edges, _features, kept in states if edges]
    done = _RUNS.search(log)
    inputs = int(done[1]) if done else max((int(state[0]) for state in states), default=0)
    first, last = (covered[0], covered[-1]) if covered else ((0, 0), (0, 0))
    return Report(
        job.target,
        inputs,
        round(seconds, 1),
        job.seeds,
        last[1],
        (first[0], last[0]),
        tuple(findings),
    )


def text(reports: Iterable[Report]) -> str:
    """A line for each target, and its findings below."""
    lines = []
    for one in reports:
        first, last = one.coverage
        found = f"{len(one.findings)} findings" if one.findings else "no finding"
        lines.append(
            f"{one.target:<10} {one.inputs:>9,} inputs in {one.seconds:>6,.1f} s;"
            f" {one.seeds} seeds reach {first:,} edges, {one.corpus} inputs {last:,}; {found}"
        )
        lines += [f"    fuzz/findings/{name}" for name in one.findings]
    return "\n".join([*lines, ""])
