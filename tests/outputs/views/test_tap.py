# SPDX-License-Identifier: MIT
"""TAP: what prove and the kernel's networking CI read in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.outputs.views.samples import EXAMPLE, HOSTILE, PAIRS, everywhere, line, nic, run
from xdpconform.outputs.views.tap import tap

if TYPE_CHECKING:
    from pathlib import Path

    from xdpconform.outputs.results import Results

NIPA = re.compile(r"(not )?ok (\d+)( \d+)?( -)? ([^#]*[^ ])( +# +)?([^ ].*)?$")
"""A result's line as the kernel's networking CI reads it: parse_nested_tests in
contest/remote/lib/results.py of linux-netdev/nipa."""


def nipa(text: str) -> list[tuple[str, str]]:
    """Name and result of each line, by the rules of that function, of a file as kselftest's
    runner passes it on: each line behind ``# ``.
    """
    found = []
    nested = False
    for passed_on in [f"# {one}" for one in text.splitlines()]:
        if not nested:
            nested = passed_on.startswith("# TAP version ")
            continue
        one = passed_on[2:]
        match = NIPA.match(one) if one.startswith(("ok ", "not ok ")) else None
        if match:
            skipped = match[6] and (match[7] or "").lower().startswith("skip")
            found.append((match[5], "skip" if skipped else "fail" if match[1] else "pass"))
    return found


def prove(path: Path) -> tuple[set[int], set[int], int]:
    """Which tests prove, of perl's Test::Harness, calls failed and skipped, and its count."""
    program = shutil.which("prove")
    if program is None:
        pytest.skip("no prove here: apt install perl")
    done = subprocess.run(
        [program, "--verbose", "--exec", "cat", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Parse errors" not in done.stdout
    failed = re.search(r"Failed tests?: +(.*(?:\n {4,}[\d, -]+)*)", done.stdout)
    ranges = re.findall(r"(\d+)(?:-(\d+))?", failed[1]) if failed else []
    numbers = {n for low, high in ranges for n in range(int(low), int(high or low) + 1)}
    skipped = set(map(int, re.findall(r"^ok (\d+) [^#]*# SKIP", done.stdout, re.MULTILINE)))
    tests = re.search(r"Tests=(\d+)", done.stdout)
    assert tests
    return numbers, skipped, int(tests[1])


def test_readers(tmp_path: Path) -> None:
    """prove and the networking CI see the same tests fail and be skipped as the totals say."""
    text = tap(EXAMPLE)
    path = tmp_path / "eth0.tap"
    path.write_text(text, encoding="utf-8")

    assert [
        ("XDP-ACT-01", "pass"),
        ("XDP-ACT-03[plain]", "fail"),
        ("XDP-ACT-04", "skip"),
        ("XDP-ACT-05", "pass"),
        ("XDP-ACT-07", "skip"),
    ] == nipa(text)
    assert ({2}, {3, 5}, 5) == prove(path)
    assert "# Totals: pass:1 fail:1 xfail:1 xpass:0 skip:2 error:0" == text.splitlines()[-1]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_readers(tmp_path: Path, text: str) -> None:
    """They do so whatever text the lines hold."""
    results = everywhere(text)
    path = tmp_path / "hostile.tap"
    path.write_text(tap(results), encoding="utf-8")
    found = nipa(tap(results))
    failed, skipped, count = prove(path)

    assert len(found) == count
    assert 2 * sum(outcome in ("fail", "error") for outcome, _kind in PAIRS) == len(failed)
    assert failed == {n for n, (_name, result) in enumerate(found, 1) if result == "fail"}
    assert skipped == {n for n, (_name, result) in enumerate(found, 1) if result == "skip"}


def test_no_skip_without_blocked() -> None:
    """What is not claimed makes no file skipped: the word stands nowhere."""
    text = tap(run(nic(line(1), line(2, "not-claimed"))))

    assert "skip" not in re.sub(r"^# Totals.*", "", text, flags=re.MULTILINE).lower()
    assert [("XDP-ACT-01", "pass")] == nipa(text)


@pytest.mark.parametrize("results", [run(), run(nic(line(1, "not-claimed")))])
def test_nothing_tested(results: Results, tmp_path: Path) -> None:
    """A run that tested nothing is neither passed nor broken TAP."""
    text = tap(results)
    path = tmp_path / "none.tap"
    path.write_text(text, encoding="utf-8")

    assert "1..0 # SKIP nothing was tested" == text.splitlines()[1]
    assert (set(), set(), 0) == prove(path)


def test_several_nics() -> None:
    """Lines of several NICs are counted on, and bear their NIC's name."""
    results = run(nic(line(1)), nic(line(1, "fail", "mismatch"), name="eth1"))

    assert [("eth0 XDP-ACT-01", "pass"), ("eth1 XDP-ACT-01", "fail")] == nipa(tap(results))
    assert "1..2" == tap(results).splitlines()[1]


def test_diagnostics() -> None:
    """What led to a result stands before it, as KTAP recommends, a comment a line."""
    failed = line(1, "fail", "mismatch", reason="one\n\ntwo", expected="all\nof them")

    assert [
        "# expected: all",
        "# expected: of them",
        "# observed: none",
        "# reason: mismatch: one",
        "# reason: two",
        "not ok 1 XDP-ACT-01 # mismatch: one",
    ] == tap(run(nic(failed))).splitlines()[3:-1]
