# SPDX-License-Identifier: MIT
"""A site made of what a test stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xdpconform.outputs.matrix import matrix

Make = Callable[[], Path]


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Where a test stores certificates."""
    return tmp_path / "certificates"


@pytest.fixture
def make(tmp_path: Path, certificates: Path) -> Make:
    """Make the site, of which nothing may be left out; its folder."""
    site = tmp_path / "site"

    def made() -> Path:
        assert 0 == matrix([str(certificates)], str(site), as_json=False)
        return site

    return made
