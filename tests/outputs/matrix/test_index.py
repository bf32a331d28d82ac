# SPDX-License-Identifier: MIT
"""index.sqlite: its rows are what the files say, and current is what is known today."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.outputs.matrix.folders import Said, results, store
from xdpconform.outputs.matrix.index import RANKS
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.results import Results, decode

if TYPE_CHECKING:
    from tests.outputs.matrix.conftest import Make

DOCS = Path(__file__).parents[3] / "docs" / "matrix.md"


def rows(site: Path, query: str) -> list[tuple[object, ...]]:
    """What a query gives."""
    with closing(sqlite3.connect(f"file:{site / 'index.sqlite'}?mode=ro", uri=True)) as index:
        return index.execute(query).fetchall()


def run_of(data: bytes) -> Results:
    """results.json."""
    return decode(data, "results.json")


def test_rows_equal_the_files(certificates: Path, make: Make) -> None:
    """Every run, NIC, claim and line of the files is a row, and there is none besides."""
    said = [
        Said("XDP-FEAT-02", param="idle", expected="basic required (profile veth)"),
        Said("XDP-FEAT-03", "fail", kind="under-claim", reason="a 'quote'\nand a line"),
        Said("XDP-ACT-01", "blocked", level="packets", reason="no peer"),
    ]
    store(certificates / "a", results(*said, flags=["basic", "redirect"], firmware="1.2\u202e"))
    store(certificates / "b", results(driver=None, profile=None, verdict="INCOMPLETE"))
    site = make()
    runs = {path: run_of((certificates / path / "results.json").read_bytes()) for path in "ab"}

    assert [
        (f"../certificates/{path}", run.level, "2026-11-24T10:00:00Z", 1, 0)
        for path, run in runs.items()
    ] == rows(site, "SELECT folder, level, started, statement, signed FROM run ORDER BY id")
    nics = [nic for run in runs.values() for nic in run.nics]
    assert [
        (
            nic.id, nic.identity.driver or "", nic.identity.kernel, nic.identity.firmware,
            nic.profile and nic.profile.name, nic.verdict, nic.source,
        )
        for nic in nics
    ] == rows(
        site, "SELECT name, driver, kernel, firmware, profile, verdict, source FROM nic ORDER BY id"
    )  # fmt: skip
    assert [
        (number, line.requirement, line.param, line.outcome, line.kind, line.level,
         line.expected, line.observed, line.reason)
        for number, nic in enumerate(nics, 1)
        for line in sorted(nic.results, key=lambda one: one.requirement)
    ] == rows(site, "SELECT * FROM result ORDER BY nic, requirement, param")  # fmt: skip
    assert [(1, "idle", "basic"), (1, "idle", "redirect")] == rows(site, "SELECT * FROM claim")


def test_format(certificates: Path, make: Make) -> None:
    """Every table is strict, the version is set, and the file is sound."""
    store(certificates / "a", results())
    site = make()
    tables = dict(rows(site, "SELECT name, strict FROM pragma_table_list WHERE schema = 'main'"))
    del tables["sqlite_schema"]

    assert {"run", "nic", "claim", "result", "current", "left_out"} < tables.keys()
    assert {1} == set(tables.values())
    assert [(1,)] == rows(site, "PRAGMA user_version")
    assert [("ok",)] == rows(site, "PRAGMA integrity_check")
    assert [] == rows(site, "PRAGMA foreign_key_check")


def current(site: Path) -> list[tuple[object, ...]]:
    """Requirement, folder and outcome of what is known today."""
    return rows(
        site,
        "SELECT requirement, replace(folder, '../certificates/', ''), param, outcome"
        " FROM current JOIN nic ON nic.id = current.nic JOIN run ON run.id = nic.run"
        " ORDER BY requirement, current.device",
    )


def test_newest_counts(certificates: Path, make: Make) -> None:
    """Of a device the newest run counts, for each requirement that it tried."""
    packets = Said("XDP-ACT-01", level="packets")
    store(certificates / "a", results(Said("XDP-FEAT-02"), packets, started="2026-11-23T23:00:00Z"))
    # Later, though its words sort before.
    late = "2026-11-23T22:30:00-02:00"
    store(certificates / "b", results(Said("XDP-FEAT-02", "fail"), started=late))
    store(certificates / "c", results(Said("XDP-FEAT-02"), started="2026-11-22T10:00:00Z"))

    assert [
        ("XDP-ACT-01", "a", "", "pass"),
        ("XDP-FEAT-02", "b", "", "fail"),
    ] == current(make())


def test_worst_row_counts(certificates: Path, make: Make) -> None:
    """Of a requirement's rows the worst counts."""
    words = ["not-claimed", "fail", "pass"]
    store(
        certificates / "a",
        results(*[Said("XDP-FEAT-02", word, str(place)) for place, word in enumerate(words)]),
    )

    assert [("XDP-FEAT-02", "a", "1", "fail")] == current(make())


def test_mock_is_older_than_any_nic(certificates: Path, make: Make) -> None:
    """A simulated NIC never takes the place of one that was asked."""
    old = "2020-01-01T00:00:00Z"
    store(certificates / "a", results(Said("XDP-FEAT-02", "fail"), started=old))
    store(certificates / "b", results(Said("XDP-FEAT-02"), source="mock"))

    assert [("XDP-FEAT-02", "a", "", "fail")] == current(make())


def test_devices_stay_apart(certificates: Path, make: Make) -> None:
    """Two NICs of one driver on one kernel are both there."""
    store(certificates / "a", results(ifname="eth0"))
    store(certificates / "b", results(Said("XDP-FEAT-02", "fail"), ifname="eth1"))

    assert [("XDP-FEAT-02", "a", "", "pass"), ("XDP-FEAT-02", "b", "", "fail")] == current(make())


def test_every_outcome_is_ranked() -> None:
    """Each outcome has a rank, and what is bad has a higher one."""
    assert ELSEWHERE.keys() == set(RANKS)
    assert len(ELSEWHERE) == len(RANKS)
    assert list("-yauun") == [ELSEWHERE[word].support for word in RANKS]


EXAMPLES = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def test_examples_in_the_docs() -> None:
    """There are some."""
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("query", EXAMPLES, ids=[str(n) for n in range(len(EXAMPLES))])
def test_example_in_the_docs(certificates: Path, make: Make, query: str) -> None:
    """Each query of the docs finds something where there is something to find."""
    said = [
        Said("XDP-FEAT-05", param="idle"),
        Said("XDP-ACT-01", "fail", level="packets", kind="mismatch", reason="lost"),
        Said("XDP-BIND-01", level="packets"),
    ]
    flags = ["basic", "xsk-zerocopy"]
    store(certificates / "a", results(*said, flags=flags, kernel="6.12.0", verdict="FAILS"))
    fixed = [one._replace(outcome="pass", kind=None) for one in said]
    store(certificates / "b", results(*fixed, flags=flags, kernel="6.18.0"))

    assert rows(make(), query)
