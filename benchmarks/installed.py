# SPDX-License-Identifier: MIT
"""xdpconform as its users have it: a wheel, installed into a virtual environment of its own."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.measure import Unmeasured

ROOT = Path(__file__).parent.parent
NAMES = ("xdpconform", "suites", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")


@cache
def folder() -> Path:
    """A folder for this run, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="xdpconform-bench-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def scripts() -> Path:
    """The bin folder of an environment with the wheel installed, made once a run."""
    source, environment = folder() / "source", folder() / "venv"
    source.mkdir()
    for name in NAMES:  # a build leaves files beside its sources
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    bin_folder = environment / "bin"
    pip = (bin_folder / "python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    _run(sys.executable, "-m", "venv", environment)
    _run(*pip, "wheel", "--no-deps", "--wheel-dir", folder(), source)
    _run(*pip, "install", next(folder().glob("*.whl")))
    return bin_folder


def _run(*command: str | Path) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Unmeasured(f"{' '.join(map(str, command))}: {ended.stderr.strip()[-500:]}")
