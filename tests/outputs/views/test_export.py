# SPDX-License-Identifier: MIT
"""``export``: formats by name, to a file or the standard output."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.outputs.views.samples import EXAMPLE, everywhere, line, nic, run
from xdpconform.errors import InputError
from xdpconform.outputs.views import NAMES
from xdpconform.outputs.views.export import FORMATS, export, export_to

if TYPE_CHECKING:
    from pathlib import Path


def test_names() -> None:
    """The names that the command line has are those of the formats, in one order."""
    assert tuple(FORMATS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_same_again(name: str) -> None:
    """The same results are the same text."""
    assert export(name, EXAMPLE) == export(name, EXAMPLE)


@pytest.mark.parametrize("name", NAMES)
def test_file(name: str, tmp_path: Path) -> None:
    """A file holds the text as UTF-8, with the line ends of its format."""
    path = tmp_path / "new" / "out"
    results = run(nic(line(1, observed="é日本")))

    assert 0 == export_to(name, results, str(path))
    assert export(name, results).encode() == path.read_bytes()


@pytest.mark.parametrize("output", [None, "-"])
def test_standard_output(output: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does the standard output, whatever encoding it has for other text."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    results = run(nic(line(1, observed="é日本")))

    assert 0 == export_to("csv", results, output)
    assert export("csv", results).encode() == raw.getvalue()


def test_no_such_format() -> None:
    """A format that is none is refused with those there are."""
    with pytest.raises(InputError) as caught:
        export("yaml\n", EXAMPLE)

    assert r"no format 'yaml\n'; there are: junit, tap, kcidb, markdown, csv" == str(caught.value)


def test_not_writable(tmp_path: Path) -> None:
    """A file that cannot be written is said with why."""
    with pytest.raises(InputError) as caught:
        export_to("tap", EXAMPLE, str(tmp_path))

    assert f"{tmp_path}: cannot be written: Is a directory" == str(caught.value)


def test_names_cost_nothing() -> None:
    """The names of the formats are had without what writes them."""
    code = "import sys, xdpconform.outputs.views; print('msgspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False\n" == done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_size(name: str) -> None:
    """Texts are cut where they are absurdly long: fields ten times as long make no more."""
    long, longer = (len(export(name, everywhere("x" * size))) for size in (9_000, 90_000))

    assert longer < long * 1.1
