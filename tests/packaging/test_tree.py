# SPDX-License-Identifier: MIT
"""pyproject.toml names what the tree holds: packages by name, and each file that is not Python."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "setuptools"
]


def packages() -> dict[str, Path]:
    """Each package that is shipped, and its folder."""
    found = {"xdpconform.suites": ROOT / "suites"}
    for init in (ROOT / "xdpconform").rglob("__init__.py"):
        found[".".join(init.parent.relative_to(ROOT).parts)] = init.parent
    return found


def test_packages() -> None:
    """The list of packages is the tree's."""
    assert sorted(packages()) == SETUPTOOLS["packages"]


def test_every_folder_is_a_package() -> None:
    """Python files stand in packages, or they would be left out."""
    folders = {path.parent for path in (ROOT / "xdpconform").rglob("*.py")}

    assert folders <= set(packages().values())


def test_data() -> None:
    """Each file that is not Python is package data."""
    globs = [
        (packages()[package], glob)
        for package, patterns in SETUPTOOLS["package-data"].items()
        for glob in patterns
    ]
    left_out = [
        str(path.relative_to(ROOT))
        for folder in ("xdpconform", "suites")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc")
        and not any(
            path.is_relative_to(base) and fnmatch(str(path.relative_to(base)), glob)
            for base, glob in globs
        )
    ]

    assert left_out == []
