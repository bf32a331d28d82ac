# SPDX-License-Identifier: MIT
"""CI lets no skip pass that is not expected, and .ci/run is a script that runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPS = """\
import pytest

@pytest.mark.parametrize("word", ["one", "two"])
def test_skips(word):
    pytest.skip(f"no {word} here")

def test_passes():
    pass

@pytest.mark.clone
def test_clones():
    assert False
"""
MODULE = 'import pytest\npytest.skip("no module here", allow_module_level=True)\n'
ONE = "test_it.py::test_skips[one] | no * here\n"


def run(folder: Path, expected: str, *words: str, ci: str = "true") -> tuple[int, str]:
    """Run the tests above under the project's tests/conftest.py."""
    shutil.copy(ROOT / "tests/conftest.py", folder)
    (folder / "expected-skips.txt").write_text(expected, encoding="utf-8")
    (folder / "pytest.toml").write_text("[pytest]\nstrict = true\n", encoding="utf-8")
    (folder / "test_it.py").write_text(SKIPS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_unexpected(tmp_path: Path) -> None:
    """An unexpected skip fails the run and is named; an expected one does not."""
    status, output = run(tmp_path, ONE)

    assert status == 1
    assert "test_it.py::test_skips[two] | no two here\n" in output
    assert "test_skips[one]" not in output


def test_expected(tmp_path: Path) -> None:
    """With all skips expected the run passes; brackets in a line mean themselves."""
    status, output = run(tmp_path, "# a reason\n\ntest_it.py::test_skips[*] | no * here\n")

    assert status == 0, output


def test_other_reason(tmp_path: Path) -> None:
    """A test that is skipped for another reason than the expected one fails the run."""
    status, _output = run(tmp_path, "test_it.py::* | needs root\n")

    assert status == 1


def test_module(tmp_path: Path) -> None:
    """A module that is skipped whole counts as well."""
    (tmp_path / "test_module.py").write_text(MODULE, encoding="utf-8")
    status, output = run(tmp_path, "test_it.py::* | *\n")

    assert status == 1
    assert "test_module.py | no module here\n" in output


def test_workers(tmp_path: Path) -> None:
    """Skips in xdist's workers count as well."""
    status, output = run(tmp_path, "", "-p", "xdist.plugin", "-n", "2")

    assert status == 1
    assert "2 skipped although CI is set" in output


def test_elsewhere(tmp_path: Path) -> None:
    """Without CI a skip is a skip."""
    status, output = run(tmp_path, "", ci="")

    assert status == 0, output


def test_bad_list(tmp_path: Path) -> None:
    """A line without its two parts is refused."""
    status, output = run(tmp_path, "test_it.py::*\n")

    assert status == pytest.ExitCode.USAGE_ERROR
    assert "expected-skips.txt, line 1: 'NODE ID GLOB | REASON GLOB' expected" in output


def test_clone_tests_on_request(tmp_path: Path) -> None:
    """Clone tests run with --clone, and then alone."""
    status, output = run(tmp_path, "", "--clone")

    assert status == 1
    assert "1 failed, 3 deselected" in output


def test_script() -> None:
    """.ci/run is executable, and bash can read it."""
    script = ROOT / ".ci/run"
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert os.access(script, os.X_OK)
