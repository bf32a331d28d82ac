# SPDX-License-Identifier: MIT
"""The rooms of docs/design.md: who may import whom, how long a module may be, how a file begins."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
OURS = ("xdpconform", "suites", "tests", "benchmarks", "docs", "fuzz", "labs")

ROOMS = (
    ("xdpconform", "xdpconform.errors"),
    ("xdpconform.netlink",),
    ("xdpconform.files", "xdpconform.interfaces", "xdpconform.netconfig"),
    ("xdpconform.sources",),
    (
        "xdpconform.nic",
        "xdpconform.observed",
        "xdpconform.observed_hints",
        "xdpconform.observed_xsk",
    ),
    ("xdpconform.snapshot", "xdpconform.recorder", "xdpconform.environment"),
    ("xdpconform.profiles",),
    ("xdpconform.judge",),
    ("xdpconform.probes",),
    ("xdpconform.lab", "xdpconform.specification"),
    ("xdpconform.stored", "xdpconform.live"),
    ("xdpconform.outputs", "xdpconform.scheduling"),
    ("xdpconform.certify", "xdpconform.collector"),
    ("xdpconform.options",),
    ("xdpconform.plugin",),
    ("xdpconform.verbs",),
    ("xdpconform.cli",),
    ("xdpconform.__main__", "xdpconform.suites"),
)
"""From above to below; a room imports from itself and from those above it."""

ASIDE = {"xdpconform.mock": "xdpconform.sources"}
"""Rooms beside the house, and how far down they import."""
DOORS = {"xdpconform.mock": ("xdpconform.stored",)}
"""Who alone may import a room beside the house."""
STRANGERS = {"xdpconform.mock": ("xdpconform.netlink", "xdpconform.netlink.constants")}
"""What a room beside the house is independent of, and the one module it takes all the same."""

OUTSIDERS = {
    "socket": ("xdpconform.sources", "xdpconform.probes"),
    "pytest": (
        "xdpconform.certify",
        "xdpconform.collector",
        "xdpconform.plugin",
        "xdpconform.scheduling",
        "xdpconform.outputs.html",
        "xdpconform.suites",
    ),
    "xdist": ("xdpconform.scheduling",),
    "scapy": ("xdpconform.mock",),
    "pyroute2": (),
}
"""Packages, and the only modules or rooms that may import them."""

LINES = 400


def modules() -> list[tuple[str, Path]]:
    """Every module that is shipped: its name once installed, and its file."""
    found = []
    for folder, package in (("xdpconform", "xdpconform"), ("suites", "xdpconform.suites")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join([package, *parts])
            found.append((name.removesuffix(".__init__"), path))
    return found


MODULES = modules()
NAMES = {name for name, _path in MODULES}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """What a module imports when it runs, also inside functions, and on which line.

    What stands under ``if TYPE_CHECKING`` is never imported, and says nothing about the rooms.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in NAMES else str(node.module), node.lineno


def within(name: str, room: str) -> bool:
    """Whether a module belongs to a room."""
    return name == room or (room != "xdpconform" and name.startswith(f"{room}."))


def floor(name: str) -> int:
    """How far down a module lives."""
    return next(
        number for number, rooms in enumerate(ROOMS) if any(within(name, room) for room in rooms)
    )


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _path in MODULES])
def test_imports(name: str, path: Path) -> None:
    """A module imports rooms above its own, and outsiders only where they are let in."""
    aside = next((room for room in ASIDE if within(name, room)), None)
    own = floor(ASIDE[aside] if aside else name)
    wrong = []
    for imported, line in imports(path):
        top = imported.split(".")[0]
        allowed = OUTSIDERS.get(top)
        if allowed is not None and not any(within(name, room) for room in allowed):
            wrong.append(f"line {line}: {top} is for {', '.join(allowed) or 'tests'} only")
        elif top == "xdpconform" and not (aside and within(imported, aside)):
            door = next((room for room in ASIDE if within(imported, room)), None)
            if door is not None:
                if name not in DOORS[door]:
                    wrong.append(f"line {line}: {imported} is for {', '.join(DOORS[door])} only")
            elif (
                aside
                and imported not in STRANGERS[aside][1:]
                and within(imported, STRANGERS[aside][0])
            ):
                wrong.append(f"line {line}: {aside} is independent of {STRANGERS[aside][0]}")
            elif floor(imported) > own:
                wrong.append(f"line {line}: {imported} is below {name}")

    assert wrong == []


def test_every_module_has_a_room() -> None:
    """A new module is put into a room on purpose."""
    homeless = []
    for name in NAMES:
        try:
            floor(name)
        except StopIteration:
            if not any(within(name, room) for room in ASIDE):
                homeless.append(name)

    assert homeless == []


@pytest.mark.parametrize("folder", [name for name in OURS if name != "tests"])
def test_length(folder: str) -> None:
    """No module is longer than can be read in one go."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }

    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def test_licence_first() -> None:
    """Each file of ours begins with its licence; only what must be first stands before it."""
    files = [ROOT / "conftest.py", ROOT / "pyproject.toml", ROOT / "tox.ini", ROOT / ".ci/run"]
    for folder in OURS:
        for suffix in ("py", "toml", "sh", "css"):
            files += (ROOT / folder).rglob(f"*.{suffix}")
    bare = []
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        if lines[:1] and lines[0].startswith(("#!", "#:schema")):
            lines = lines[1:]
        if not lines or "SPDX-License-Identifier: MIT" not in lines[0]:
            bare.append(str(path.relative_to(ROOT)))

    assert bare == []
