# SPDX-License-Identifier: MIT
"""The shelf finds the shipped profiles of a driver by the globs in their first lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xdpconform.profiles import shelf
from xdpconform.profiles.shelf import Shelf

if TYPE_CHECKING:
    from pathlib import Path

# driver: the profiles that fit it, of those below
FOUND = {
    "one": ["plain"],
    "one2": [],
    "two": ["several"],
    "two-pf": ["several"],
    "two-vf": [],
    "sum1": ["star"],
    "suma": ["star"],
}
GLOBS = {"plain": ["one"], "several": ["two", "two-p?"], "star": ["sum*"]}

PROFILE = """\
format = 1
name = "{name}"
driver = [{globs}]
source = ["nowhere"]
"""


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with these profiles in place of the shipped ones."""
    for name, globs in GLOBS.items():
        text = PROFILE.format(name=name, globs=", ".join(f'"{glob}"' for glob in globs))
        (tmp_path / f"{name}.toml").write_text(text)
    monkeypatch.setattr(shelf, "SHIPPED", tmp_path)
    monkeypatch.setattr(shelf, "load", lambda path: path.stem)
    return tmp_path


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("driver", FOUND)
def test_of(driver: str) -> None:
    """A driver's profiles are those with its name, or a glob that fits it."""
    assert FOUND[driver] == Shelf().of(driver)
