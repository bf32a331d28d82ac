# SPDX-License-Identifier: MIT
"""``xdpconform export``: whatever holds results becomes the format that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from xdpconform.outputs.views import NAMES
from xdpconform.verbs import SUBMISSION

if TYPE_CHECKING:
    from tests.cli.conftest import Run

RECORDINGS = Path(__file__).parents[2] / "recordings"
VETH = RECORDINGS / "veth-6.18.44-idle.rec.json"
COMMIT = "7d0a66e4bb9081d75c82ec4957c50034cb0ea449"


@pytest.mark.parametrize("name", NAMES)
def test_same(run: Run, tmp_path: Path, name: str) -> None:
    """A recording, its certificate and that one's results.json give the same text."""
    assert 0 == run("certify", VETH, "-o", tmp_path / "cert")[0]

    found = [
        run("export", name, path)
        for path in (VETH, tmp_path / "cert", tmp_path / "cert/results.json")
    ]

    assert found[0][1]
    assert {(0, found[0][1], "")} == set(found)


def test_file(run: Run, tmp_path: Path) -> None:
    """-o writes to a file, and says nothing."""
    status, out, err = run("export", "tap", VETH, "-o", tmp_path / "a/b.tap")

    assert (0, "", "") == (status, out, err)
    assert (tmp_path / "a/b.tap").read_text().startswith("TAP version 13\n1..33\n")


def test_kcidb(run: Run) -> None:
    """What KCIDB is told beside the results comes from options."""
    words = ["--kcidb-origin", "mylab", "--kcidb-commit", COMMIT, "--kcidb-tree", "mainline"]

    status, out, err = run("export", "kcidb", VETH, *words)

    (checkout,) = json.loads(out)["checkouts"]
    assert (0, "") == (status, err)
    assert ("mylab", COMMIT, "mainline") == (
        checkout["origin"],
        checkout["git_commit_hash"],
        checkout["tree_name"],
    )


@pytest.mark.parametrize("name", SUBMISSION)
def test_every_option(run: Run, name: str) -> None:
    """Each option is for kcidb alone, and is refused elsewhere."""
    status, out, err = run("export", "tap", VETH, f"--kcidb-{name}", "x")

    expected = "xdpconform: only kcidb says who submits, and what was built: not tap\n"
    assert (2, "", expected) == (status, out, err)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("yaml", VETH), "no format 'yaml'; there are: junit, tap, kcidb, markdown, csv"),
        (("tap", "gone"), "gone: cannot be read: No such file or directory"),
        (("tap", RECORDINGS), "holds NICs of several runs; name one of them"),
        (("kcidb", VETH, "--kcidb-commit", "main"), "commit"),
    ],
)
def test_refused(run: Run, words: tuple[object, ...], problem: str) -> None:
    """A mistake is one sentence and exit status 2."""
    status, out, err = run("export", *words)

    assert (2, "") == (status, out)
    assert problem in err
    assert 1 == err.count("\n")
