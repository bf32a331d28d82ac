# SPDX-License-Identifier: MIT
"""Fixtures of testbeds: a namespace that stands for the host, and a guardian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.namespaces import Namespace as Host
from tests.namespaces import private_namespace
from xdpconform.probes.safety import Guardian

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def host() -> Iterator[Host]:
    """A private namespace that stands for the host."""
    with private_namespace() as made:
        yield made


@pytest.fixture(autouse=True)
def _journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "journals"
    folder.mkdir(0o700)
    monkeypatch.setenv("XDPCONFORM_STATE", str(folder))


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    """A guardian, which must have undone everything."""
    with Guardian() as made:
        yield made
