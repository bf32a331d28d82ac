# SPDX-License-Identifier: MIT
"""The table of lines and the suites judge alike: what holds for one holds for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.judge.suite import asked, judge, mutations
from tests.profiles.rows import CASES, nic_of, situations
from xdpconform.judge.lines import LINES
from xdpconform.lab import requirements
from xdpconform.profiles import Shelf

if TYPE_CHECKING:
    from xdpconform.nic import Nic


def names() -> list[str]:
    """Each line as the report has it."""
    return [line.requirement + (f"[{line.row}]" if line.row else "") for line in LINES]


def test_every_requirement_once() -> None:
    """Each requirement of the suites has its line, each row one, in the order of their names."""
    assert requirements() == {line.requirement for line in LINES}
    assert len(set(names())) == len(LINES)
    assert sorted(line.requirement for line in LINES) == [line.requirement for line in LINES]


SITUATIONS = situations(CASES)


@pytest.mark.parametrize(
    "situation", SITUATIONS[::7], ids=lambda s: f"{s[0].name}-{s[1]}-{s[2]}".replace("/", "_")
)
def test_same_findings(situation: tuple[object, str, str]) -> None:
    """On a NIC, and on each lie about it, both find the same, to the last byte of evidence."""
    honest = nic_of(*situation)  # type: ignore[arg-type]
    shelf = Shelf()
    nics: list[Nic] = [asked(honest), honest, *mutations(honest).values()]
    for nic in nics:
        match = shelf.match(nic)
        suites = judge(nic, match)
        table = {name: line.judge(nic, match) for name, line in zip(names(), LINES, strict=True)}

        assert suites == table
