# SPDX-License-Identifier: MIT
"""Pictures: what they show is what the evidence says, and a table says it too."""

from __future__ import annotations

import re

import pytest

from tests.outputs.certificate.samples import Page, line, results
from xdpconform.outputs.certificate import pictures
from xdpconform.outputs.certificate.evidence import DEEPEST, Item, words
from xdpconform.outputs.certificate.page import certificate_page

ADJUST = line(
    "XDP-ACT-07",
    observed="1 adjusted",
    evidence={
        "128 bytes by -16": "adjusted",
        "128 bytes by 16": "refused",
        "512 bytes by -16": "refused for some",
        "512 bytes by 16": "lost",
        "some bytes by 4": "adjusted",
    },
)
FLOW = line(
    "XDP-ACT-03",
    param="plain",
    evidence={
        "sent": 100,
        "seen by the program": 90,
        "program": "XDP_TX",
        "returned": {"frames": 80, "intact": 80},
    },
)


def test_adjust() -> None:
    """Sizes by offsets, each cell with its word and its kind."""
    (found,) = pictures.adjusts([("a", ADJUST), ("b", FLOW)])

    assert ("a", "head", (-16, 16), "1 adjusted") == (
        found.anchor,
        found.side,
        found.offsets,
        found.summary,
    )
    assert [
        (128, [("adjusted", "good"), ("refused", "none")]),
        (512, [("refused for some", "some"), ("lost", "bad")]),
    ] == [(size, [(cell.word, cell.kind) for cell in cells]) for size, cells in found.rows]


def test_adjust_untried() -> None:
    """A cell that was not tried is none of the others."""
    evidence = {"128 bytes by 1": "adjusted", "512 bytes by 2": "adjusted"}
    (found,) = pictures.adjusts([("a", line("XDP-ACT-08", evidence=evidence))])

    assert "tail" == found.side
    assert ["", "good"] == [cell.kind for cell in found.rows[1][1]]


def test_flows() -> None:
    """Frames sent, seen and arrived, by place; where none arrived it is 0."""
    (found,) = pictures.flows([("a", FLOW), ("b", ADJUST), ("c", line("XDP-SG-01"))])

    assert ("XDP-ACT-03[plain]", "XDP_TX", 100) == (found.name, found.program, found.most)
    assert (
        ("sent", 100),
        ("seen", 90),
        ("delivered", 0),
        ("returned", 80),
        ("elsewhere", 0),
    ) == found.counts


def test_each_with_words() -> None:
    """A picture has a title and a description, and its table has every number and word."""
    made = Page(certificate_page(results(ADJUST, FLOW), None))
    pictured = [attributes for tag, attributes in made.elements if tag == "svg"]

    assert 3 == len(pictured)
    assert {"img"} == {one["role"] for one in pictured}
    assert 3 == made.tags.count("desc")
    for text in ("refused for some", "lost", " 90", " 80"):
        assert text in made.text[made.text.index("The same as a table") :]


def test_shape_beside_colour() -> None:
    """Each cell has a sign: nothing is told by colour alone."""
    made = certificate_page(results(ADJUST), None).decode()
    cells = re.findall(r'<rect [^>]*class="cell (\w+)"/><text [^>]*>(.)</text>', made)

    assert [("good", "✓"), ("none", "\u2013"), ("some", "±"), ("bad", "✗")] == cells


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "absent"),
        (True, "yes"),
        (False, "no"),
        (24.50394699917524, "24.5039"),
        ("text", "text"),
        ("", "none"),
        ([], "none"),
        ({}, "none"),
        (["a", "b"], "a, b"),
        (["a, b", "c"], "a, b; c"),
        ({"a": 1, "b": None}, "a 1, b absent"),
        ({"a": [1]}, (Item("a", "1"),)),
        ([{"a": 1}, {"a": [2]}], (Item("1", "a 1"), Item("2", (Item("a", "2"),)))),
    ],
)
def test_words(value: object, expected: object) -> None:
    """A value of evidence in words: flat ones in a line, others one below another."""
    assert expected == words(value)


def test_words_long() -> None:
    """A long table has a row for each of its names."""
    value = {f"counter {number}": number for number in range(30)}

    assert tuple(Item(name, str(number)) for name, number in value.items()) == words(value)


def test_words_deep() -> None:
    """Beyond a depth a value is shown as JSON."""
    value: object = "bottom"
    for _level in range(DEEPEST + 3):
        value = {"down": {"x": value, "y": []}}
    text = str(words(value))

    assert '"down":' in text
    assert "bottom" in text
