# SPDX-License-Identifier: MIT
"""What fuzzing starts from goes through its targets, and what it finds is told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from fuzz import __main__ as command
from fuzz.child import Keeper
from fuzz.run import SHARES, Job, Report, plan, report, run, text
from fuzz.seeds import seeds
from fuzz.targets import KINDS, TARGETS, chunked, chunks


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    """Every seed of a target, and each cut in half, goes through it."""
    found = seeds(name)

    assert found
    for data in found:
        TARGETS[name].run(data)
        TARGETS[name].run(data[: len(data) // 2])


@pytest.mark.parametrize("name", TARGETS)
def test_nothing(name: str) -> None:
    """A target takes no bytes as well, and a few of any value."""
    for data in (b"", b"\0", b"\xff" * 3, bytes(64)):
        TARGETS[name].run(data)


def test_every_kind_has_seeds() -> None:
    """Each kind of request, and the notifications, is there among the seeds of replies."""
    assert {*range(len(KINDS) + 1)} == {data[0] for data in seeds("reply")}


def test_chunks() -> None:
    """Pieces come back as they were, and the last one takes what is left."""
    pieces = [b"", b"a", bytes(300)]

    assert pieces == list(chunks(chunked(pieces)))
    assert [b"ab"] == list(chunks(b"\xff\xffab"))
    assert [] == list(chunks(b"\1"))


def test_shares() -> None:
    """Codec and recordings have all of the inputs between them; profiles come on top."""
    shares = {name: target.share for name, target in TARGETS.items()}

    assert SHARES == sum(shares.values()) - shares["profile"]


def test_plan(tmp_path: Path) -> None:
    """Each target gets its share of the inputs and a folder with its seeds."""
    jobs = plan(TARGETS, 2000, 1, tmp_path)

    assert {"reply": 1640, "wire": 300, "replay": 20, "recording": 40, "profile": 20} == {
        job.target: job.inputs for job in jobs
    }
    for job in jobs:
        assert job.seeds == len(list(job.corpus.iterdir()))


def hostile(data: bytes) -> None:
    """A target that fails on some inputs, in two places."""
    if data.startswith(b"a"):
        raise KeyError(data)
    if data.startswith(b"b"):
        raise ValueError(data)


def fake(folder: Path) -> command.Runner:
    """In place of a child: every seed once, and three inputs of no seed."""

    def run(job: Job) -> Report:
        keeper = Keeper(hostile, folder, job.target)
        for data in (b"a1", b"a2", b"b", b"c"):
            keeper(data)
        found = sorted(file.name for file in folder.iterdir())
        return Report(job.target, 4, 0.1, job.seeds, 1, (1, 2), tuple(found))

    return run


def test_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a target raises is kept once a place, with its traceback, and the exit status is 1."""
    folder = tmp_path / "findings"
    status = command.main(["wire", "--inputs", "2000", "--json"], fake(folder))
    (told,) = json.loads(capsys.readouterr().out)

    assert status == command.EXIT_FOUND
    assert 4 == len(told["findings"])
    assert [b"a1", b"b"] == sorted(
        (folder / name).read_bytes() for name in told["findings"] if not name.endswith(".txt")
    )
    assert ["KeyError: b'a1'", "ValueError: b'b'"] == sorted(
        (folder / name).read_text().splitlines()[-1]
        for name in told["findings"]
        if name.endswith(".txt")
    )


@pytest.mark.parametrize("status", [0, 77])
def test_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """What an earlier run has found is found again, and the end of a child that wrote nothing."""
    folder = tmp_path / "findings"
    keeper = Keeper(hostile, folder, "wire")
    keeper(b"a")
    (name,) = (file.name for file in folder.iterdir() if not file.suffix)

    def child(*_args: object, **_more: object) -> subprocess.CompletedProcess[str]:
        if not status:
            os.utime(folder / name, ns=(1, 1))  # as if it were written at another time
        return subprocess.CompletedProcess([], status, "", LOG)

    monkeypatch.setattr(subprocess, "run", child)
    found = run(Job("wire", 5000, 1, tmp_path, 80), folder)

    assert (name if not status else "wire-log.txt",) == found.findings
    assert 4096 == found.inputs


def test_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a finding there is a line for each target, and the exit status is 0."""

    def run(job: Job) -> Report:
        return Report(job.target, job.inputs, 1.5, job.seeds, 9, (5, 7), ())

    status = command.main(["--inputs", "2000"], run)
    lines = capsys.readouterr().out.splitlines()

    assert 0 == status
    assert list(TARGETS) == [line.split()[0] for line in lines]
    assert all(line.endswith("reach 5 edges, 9 inputs 7; no finding") for line in lines)


LOG = """\
#2\tINITED cov: 143 ft: 372 corp: 80/16Kb exec/s: 0 rss: 100Mb
#2000\tNEW    cov: 150 ft: 380 corp: 85/18Kb lim: 100 exec/s: 0 rss: 100Mb L: 20/20 MS: 1 x-
#4096\tpulse  cov: 150 ft: 380 corp: 85/18Kb lim: 100 exec/s: 2048 rss: 100Mb
"""
LOG_END = """\
#5000\tDONE   cov: 151 ft: 381 corp: 86/18Kb lim: 100 exec/s: 2500 rss: 100Mb
stat::number_of_executed_units: 5000
"""


@pytest.mark.parametrize(
    ("end", "inputs"),
    [
        (LOG_END, 5000),
        ("==1== ERROR: libFuzzer: timeout after 10 seconds\n", 4096),
    ],
)
def test_log(tmp_path: Path, end: str, inputs: int) -> None:
    """Inputs and coverage are read from the log, also of a child that was ended."""
    found = report(Job("wire", 5000, 1, tmp_path, 80), LOG + end, 2.0, ["wire-timeout-1"])

    assert inputs == found.inputs
    assert 143 == found.coverage[0]
    assert "    fuzz/findings/wire-timeout-1" in text([found]).splitlines()


def test_unknown_target(capsys: pytest.CaptureFixture[str]) -> None:
    """A target that there is not is refused, with those that there are."""
    with pytest.raises(SystemExit) as ended:
        command.main(["wires"])

    assert 2 == ended.value.code
    assert "no target wires: there are reply, wire" in capsys.readouterr().err


def test_without_atheris(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without atheris the error says how to get it."""
    monkeypatch.setattr(command, "find_spec", lambda _name: None)
    with pytest.raises(SystemExit):
        command.main([])

    assert "tox run -e fuzz" in capsys.readouterr().err
