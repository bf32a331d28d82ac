# SPDX-License-Identifier: MIT
"""The mutation matrix: every row of every driver conforms, and every lie about it is found."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mutations() -> Any:
    """docs/mutations.py as a module."""
    spec = importlib.util.spec_from_file_location("mutations", ROOT / "docs/mutations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def matrix(mutations: Any) -> Any:
    """Every row and every mutant, judged once for all tests here."""
    return mutations.matrix()


def test_every_row_conforms(matrix: Any) -> None:
    """The mock NIC of every variant, kernel and state is CONFORMS."""
    assert 78 * 2 * 2 == len(matrix.rows)
    assert {"CONFORMS"} == {verdict.split()[0] for verdict in matrix.rows.values()}


def test_every_lie_is_found(matrix: Any) -> None:
    """A lie fails at its own requirement and in its own direction, or the profile says why not."""
    assert [] == [one for one in matrix.mutants if one.wrong]
    assert [] == [one for one in matrix.mutants if not one.killed and not one.reason]
    assert len({(one.row, one.change) for one in matrix.mutants}) == len(matrix.mutants)
    survivors = sum(not one.killed for one in matrix.mutants)
    assert survivors / len(matrix.mutants) < 0.025


def test_page_is_current(mutations: Any, matrix: Any) -> None:
    """docs/mutations.md is what the mock and the profiles make of it."""
    page = mutations.PAGE.read_text(encoding="utf-8")

    assert mutations.page(matrix) == page, "run: python docs/mutations.py"
