# SPDX-License-Identifier: MIT
"""Where a run writes: ``reports/``, each run under a name of its own, so that nothing is lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

_NAMED = 3


def default_stem(root: Path, nics: Sequence[str], started: datetime) -> Path:
    """``reports/eth0-20261123T221500Z`` without a suffix."""
    names = "+".join(nics[:_NAMED]) + (f"+{len(nics) - _NAMED}" if len(nics) > _NAMED else "")
    folder = Path(os.environ.get("XDPCONFORM_REPORTS") or root / "reports")
    stem = folder / f"{names}-{started:%Y%m%dT%H%M%SZ}"
    number = 2
    while any(Path(f"{stem}{suffix}").exists() for suffix in (".json", ".html", ".rec.json")):
        stem = folder / f"{names}-{started:%Y%m%dT%H%M%SZ}-{number}"
        number += 1
    return stem


def writable(path: Path) -> str:
    """Empty if a file can be made there, else the problem in words."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            return f"{path}: is a folder; no report is written there"
        if path.exists():
            with path.open("ab"):
                return ""
        with tempfile.TemporaryFile(dir=path.parent):
            return ""
    except OSError as error:
        return f"{path}: cannot be written: {error.strerror}; no report is written there"
