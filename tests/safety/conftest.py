# SPDX-License-Identifier: MIT
"""A folder of journals and a namespace, for each test its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import Namespace, private_namespace
from tests.sources.conftest import no_descriptor_left

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["no_descriptor_left"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where journals are in this test."""
    path = tmp_path / "state"
    monkeypatch.setenv("XDPCONFORM_STATE", str(path))
    return path


@pytest.fixture
def space() -> Iterator[Namespace]:
    """A private namespace with the pairs v0a, v0b and v1a, v1b."""
    with private_namespace() as made:
        made.pairs(2)
        yield made


@pytest.fixture
def netns(space: Namespace) -> Iterator[int]:
    """A descriptor of the namespace."""
    descriptor = os.open(space.path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)
