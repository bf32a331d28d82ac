# SPDX-License-Identifier: MIT
"""The site on disk: pages are made one by one, written whole, and those of a former run go."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from markupsafe import Markup

from xdpconform.outputs.matrix.grid import Cell
from xdpconform.outputs.matrix.pages import Page, Site
from xdpconform.outputs.pages import ours, policy, stylesheet, templates
from xdpconform.outputs.results import write
from xdpconform.outputs.words import several

PACKAGE: Final = "xdpconform.outputs.matrix"
FOLDERS: Final = ("driver", "kernel", "requirement", "flag")
MARK: Final = b'<meta name="generator" content="xdpconform matrix">'
"""Which pages are ours: only these are ever deleted."""
_MARK_WITHIN: Final = 1024
_KEPT: Final = 20_000
"""Cells that are kept as HTML."""


def write_site(index: sqlite3.Connection, folder: str) -> int:
    """Write every page; how many there are.

    Raises:
        OSError: one cannot be written.
    """
    render = _Renderer()
    written: set[str] = set()
    for page in Site(index).pages():
        write(Path(folder, page.path), render(page))
        written.add(page.path)
    _sweep(folder, written)
    return len(written)


class _Renderer:
    """Makes HTML of pages. A cell is made once, however many rows and pages have it."""

    def __init__(self) -> None:
        style, script = stylesheet(PACKAGE, "matrix.css"), _text("sort.js")
        environment = templates(PACKAGE)
        environment.globals.update(
            mark=ours(MARK.decode()),
            style=ours(style),
            script=ours(script),
            policy=policy(style, script),
            cells=self._cells,
            several=several,
        )
        self._page = environment.get_template("page.html.j2")
        self._cell = environment.get_template("cell.html.j2")
        self._made: dict[Cell | None, str] = {None: "<td></td>"}

    def __call__(self, page: Page) -> bytes:
        up = "../" * page.path.count("/")
        return self._page.render(page=page, up=up).encode()

    def _cells(self, cells: Sequence[Cell | None]) -> Markup:
        made = self._made
        if len(made) > _KEPT:
            made = self._made = {None: "<td></td>"}
        for cell in cells:
            if cell not in made:
                made[cell] = self._cell.render(cell=cell)
        return Markup("".join([made[cell] for cell in cells]))  # noqa: S704 - made by a template


def _text(name: str) -> str:
    return (files(PACKAGE) / name).read_text(encoding="utf-8")


def _sweep(folder: str, written: set[str]) -> None:
    """Delete pages that a former run made and this one did not."""
    for below in FOLDERS:
        place = os.path.join(folder, below)
        if os.path.islink(place) or not os.path.isdir(place):
            continue
        for name in sorted(os.listdir(place)):
            path = os.path.join(place, name)
            if f"{below}/{name}" not in written and name.endswith(".html") and _is_ours(path):
                os.unlink(path)


def _is_ours(path: str) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return MARK in file.read(_MARK_WITHIN)
