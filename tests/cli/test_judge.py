# SPDX-License-Identifier: MIT
"""`xdpconform judge`: verdicts of recordings, their exit status, and what it shows meanwhile."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_cli import ERROR, xdpconform
from tests.plugin.runs import ROOT
from tests.plugin.test_stored import BAD, GOOD
from xdpconform.outputs import judge

if TYPE_CHECKING:
    from pathlib import Path

FAILING = 'schema = 1\nname = "strict"\ndriver = ["virtio_net"]\n[[claim]]\nflags = ["basic"]\n'


@pytest.fixture
def some(tmp_path: Path) -> Path:
    """A folder with three good recordings and two that are none."""
    folder = tmp_path / "some"
    folder.mkdir()
    for name in "abc":
        shutil.copy(GOOD, folder / f"{name}.rec.json")
    for name in ("empty", "deep"):
        (folder / f"m-{name}.rec.json").write_bytes(BAD[name])
    return folder


def test_text(some: Path) -> None:
    """A line a NIC; what could not be read says why in one line; the total at the end."""
    done = xdpconform("judge", "some", cwd=some.parent)
    lines = done.stdout.splitlines()

    assert (10, "") == (done.returncode, done.stderr)
    assert ["a", "b", "c", "m-deep", "", "m-empty", "", "5"] == [
        line.split(" ")[0] for line in lines
    ]
    assert lines[0].startswith("a CONFORMS (virtio_net, 6.18.44")
    assert lines[5].startswith("m-empty INCOMPLETE (unknown driver, unknown, no profile): ")
    assert lines[6].startswith("    some/m-empty.rec.json: not a recording of format ")
    assert "5 NICs in 5 recordings: 3 CONFORMS, 2 INCOMPLETE" == lines[-1]


def test_good_alone(some: Path) -> None:
    """Exit status 0 where all conform; --quiet then prints the total only."""
    done = xdpconform("judge", "some/[abc].rec.json", "-q", cwd=some.parent)

    assert (0, "3 NICs in 3 recordings: 3 CONFORMS\n") == (done.returncode, done.stdout)


def test_fails(some: Path) -> None:
    """With any FAILS the exit status is 1; each line that fails says why."""
    (some / "strict.toml").write_text(FAILING, encoding="utf-8")
    done = xdpconform("judge", "some/a.rec.json", "--profile", "some/strict.toml", cwd=some.parent)

    assert 1 == done.returncode
    assert (
        "    XDP-FEAT-03[idle] over-claim: the driver claims redirect where the profile knows none"
    ) in done.stdout.splitlines()


def test_json(some: Path) -> None:
    """With --json each NIC is an object of its own line, as in results.json, without evidence."""
    done = xdpconform("judge", "some", "--json", cwd=some.parent)
    found = [json.loads(line) for line in done.stdout.splitlines()]

    assert ["a", "b", "c", "m-deep", "m-empty"] == [nic["id"] for nic in found]
    assert "some/a.rec.json" == found[0]["path"]
    assert {"recording"} == {nic["source"] for nic in found}
    assert all(line["title"] and not line["evidence"] for line in found[0]["results"])


def test_processes_agree(some: Path) -> None:
    """In several processes the output is the same, in the same order."""
    one = xdpconform("judge", "some", "--json", cwd=some.parent)
    two = xdpconform("judge", "some", "--json", "-j", "2", cwd=some.parent)

    assert (one.returncode, one.stdout) == (two.returncode, two.stdout)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("gone",), "recording gone: no such file; xdpconform record makes them"),
        (("some", "--variant", "ice:PFF"), "--variant ice:PFF: there are "),
        (("some", "--profile", "gone.toml"), "gone.toml: cannot be read: No such file"),
    ],
)
def test_refused(some: Path, words: tuple[str, ...], problem: str) -> None:
    """A mistake is one sentence and exit status 2."""
    done = xdpconform("judge", *words, cwd=some.parent)

    assert ERROR == done.returncode
    assert done.stderr.startswith(f"xdpconform: {problem}")


def test_neither_pytest_nor_scapy(some: Path) -> None:
    """Judging loads no test runner and no mock."""
    code = (
        "import sys\n"
        "from xdpconform.outputs.judge import judge_recordings\n"
        "judge_recordings(sys.argv[1:], as_json=True)\n"
        "assert not {'pytest', '_pytest', 'scapy', 'jinja2'} & sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, some],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        """As a terminal does."""
        return True


def test_bar() -> None:
    """The bar shows on a terminal only, and is gone when lines are written."""
    file = io.StringIO()
    quiet = judge._Bar(2, file)
    quiet.step()
    quiet.clear()
    assert "" == file.getvalue()
    terminal = Terminal()
    bar = judge._Bar(4, terminal)
    bar._next = 0.0
    bar.step()
    bar.clear()
    bar.clear()

    assert f"\r[{'#' * 7:30}] 1 of 4 (25%)\r\x1b[K" == terminal.getvalue()
