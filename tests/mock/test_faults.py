# SPDX-License-Identifier: MIT
"""Each fault of the mock comes out as its table promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mock.judged import judged, snapshot
from xdpconform.errors import XdpConformError
from xdpconform.mock import FAULTS, Fault, fault_named, parse

DOCUMENT = Path(__file__).parents[2] / "docs" / "mock.md"
NIC = "virtio_net"
"""A row that conforms and claims zero copy."""


def each(fault: Fault) -> list[Fault]:
    """The fault itself, or members of its family on both sides of its turning point."""
    if not fault.numbers:
        return [fault]
    numbers = {*fault.numbers}
    if fault.beyond is not None:
        numbers |= {fault.beyond[0], fault.beyond[0] + 3}
    return [fault.numbered(number) for number in sorted(numbers)]


@pytest.mark.parametrize("name", FAULTS)
def test_outcome(name: str) -> None:
    """A NIC with a fault is judged, or cannot be, just as the table says."""
    for fault in each(FAULTS[name]):
        check(fault)


def check(fault: Fault) -> None:
    """Hold a fault against what it promises."""
    (mock,) = parse([f"{NIC}+{fault.name}"])
    outcome = fault.outcome
    if outcome.error:
        with pytest.raises(XdpConformError) as caught:
            snapshot(mock)
        assert (fault.name, outcome.error) == (fault.name, type(caught.value).__name__)
        assert outcome.place in mock.asked
        return
    found = judged(mock)
    expected = (fault.name, outcome.verdict, dict(outcome.lines))

    assert expected == (
        fault.name,
        found.verdict.value,
        {line: found.word(line) for line in outcome.lines},
    )


def test_each_line_named() -> None:
    """A fault that is not harmless names a line or an error that shows it."""
    silent = [
        fault.name
        for fault in FAULTS.values()
        if fault.outcome.verdict != "CONFORMS" and not (fault.outcome.lines or fault.outcome.error)
    ]

    assert [] == silent


def test_names() -> None:
    """A fault is found by its name, one of a family by its name with a number."""
    assert FAULTS["silence"] is fault_named("silence")
    member = fault_named("truncated-17")
    assert member is not None
    assert ("truncated-17", 17) == (member.name, member.number)
    assert None is fault_named("truncated-N")
    assert None is fault_named("truncated-0")
    assert None is fault_named("truncated-")
    assert None is fault_named("silence-1")


def test_document() -> None:
    """docs/mock.md lists every fault with its title and what comes of it, in the table's order."""
    rows = [
        line.removeprefix("| `").removesuffix(" |")
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and line.count("|") == 4
    ]
    expected = [f"{f.name}` | {f.title} | {f.comes()}" for f in FAULTS.values()]

    assert expected == [row for row in rows if row.split("`", 1)[0] in FAULTS]
