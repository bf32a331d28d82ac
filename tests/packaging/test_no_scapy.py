# SPDX-License-Identifier: MIT
"""scapy, slow to import and GPL, is loaded by --mock and by nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUARD = """\
import sys

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "scapy":
            raise SystemExit(f"scapy is imported: {name}")

sys.meta_path.insert(0, Guard())
"""
CLI = GUARD + "from xdpconform.cli import main\nmain(sys.argv[1:])\n"
PYTEST = GUARD + "import pytest\nsys.exit(pytest.main(sys.argv[1:]))\n"
EVERY = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
QUIET = (
    *("-p", "xdpconform.plugin", "-p", "no:cacheprovider", "-p", "no:html"),
    "--xdp-results=results.json",
)
RECORDING = ROOT / "recordings/virtio_net-6.18.44-idle.rec.json"


def run(code: str, *words: str, folder: Path) -> tuple[int, str]:
    """Run code in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "XDPCONFORM_REPORTS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


MODULES = tuple(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "xdpconform").rglob("*.py"))
    if "mock" not in path.parts and path.stem != "__main__"
)
SUITES = (str(ROOT / "suites"), "-c", str(ROOT / "xdpconform/pytest.toml"))
CASES = {
    "package": (GUARD + "import xdpconform", ()),
    "plugin": (GUARD + "import xdpconform.plugin", ()),
    "every-module": (GUARD + EVERY, MODULES),
    "show": (CLI, ("show",)),
    "show-json": (CLI, ("show", "lo", "--json")),
    "record": (CLI, ("record", "lo", "-o", "lo.rec.json")),
    "judge": (CLI, ("judge", str(RECORDING))),
    "profile-list": (CLI, ("profile", "list")),
    "profile-draft": (CLI, ("profile", "draft", "lo")),
    "iface": (PYTEST, (*SUITES, "--iface=lo", *QUIET)),
    "recording": (PYTEST, (*SUITES, f"--recording={RECORDING}", *QUIET)),
}


@pytest.mark.parametrize("case", CASES)
def test_not_imported(case: str, tmp_path: Path) -> None:
    """Neither an import of the package nor a command that mocks nothing loads scapy."""
    code, words = CASES[case]
    status, output = run(code, *words, folder=tmp_path)

    assert 0 == status, output


def test_guard(tmp_path: Path) -> None:
    """The guard that the other tests rest on does see scapy: a mock needs it."""
    status, output = run(PYTEST, *SUITES, "--mock=veth", *QUIET, folder=tmp_path)

    assert 0 != status
    assert "scapy is imported: scapy" in output
