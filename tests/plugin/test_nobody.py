# SPDX-License-Identifier: MIT
"""A run as nobody: the same verdicts, since reading needs no privilege."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import private_namespace
from tests.plugin.runs import ROOT
from tests.plugin.test_workers import comparable
from xdpconform.outputs.results import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]

NOBODY = 65534


class Nobody:
    """Starts commands as nobody, with this interpreter and tree mounted where nobody may read.

    Args:
        folder: of nobody's own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "python"
        self.tree = folder / "tree"
        self.base = folder / "base"
        self.base.mkdir()
        self.python.mkdir()
        self.tree.mkdir()
        self.out = folder / "out"
        self.out.mkdir()
        os.chown(self.out, NOBODY, NOBODY)
        folder.chmod(0o755)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Python as nobody."""
        mounts = [f"mount --bind {sys.prefix} {self.python}", f"mount --bind {ROOT} {self.tree}"]
        base = Path(sys.base_prefix)
        closed = [path for path in base.parents if not path.stat().st_mode & 0o001]
        if closed:  # the interpreter lives in root's home, say: open that, for this child only
            mounts += [
                f"mount --bind {base} {self.base}",
                f"mount -t tmpfs -o mode=755 tmpfs {closed[-1]}",
                f"mkdir -p {base}",
                f"mount --bind {self.base} {base}",
            ]
        script = (
            f"{' && '.join(mounts)} && cd {self.out} && exec"
            f" setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups"
            f' {self.python}/bin/python "$@"'
        )
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self.tree),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def pytest(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the suites as nobody."""
        config = f"{self.tree}/xdpconform/pytest.toml"
        plugins = ["-p", "xdpconform.plugin", "-p", "no:hypothesispytest", "-p", "no:html"]
        return self.run("-m", "pytest", "-c", config, *plugins, f"{self.tree}/suites", *words)


@pytest.fixture
def nobody() -> Iterator[Nobody]:
    """Commands as nobody; a test is skipped where one may not become nobody."""
    if os.geteuid() != 0:
        pytest.skip("to become nobody needs root")
    folder = Path(tempfile.mkdtemp(prefix="xdpconform-nobody-"))
    try:
        yield Nobody(folder)
    finally:
        shutil.rmtree(folder)


def hardware() -> str:
    """An interface to read: eth0 if there is one."""
    return "eth0" if Path("/sys/class/net/eth0").exists() else "lo"


def test_same_verdict(nobody: Nobody, tmp_path: Path) -> None:
    """Nobody gets the lines and the verdict that root gets."""
    mine = tmp_path / "root.json"
    words = ["-m", "pytest", "-q", "-c", str(ROOT / "xdpconform" / "pytest.toml")]
    plugins = ["-p", "xdpconform.plugin", "-p", "no:html", "-p", "no:hypothesispytest"]
    suites = str(ROOT / "suites")
    root = subprocess.run(
        [
            sys.executable,
            *words,
            *plugins,
            suites,
            f"--iface={hardware()}",
            f"--xdp-results={mine}",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )

    done = nobody.pytest(f"--iface={hardware()}", "--xdp-results=nobody.json")

    assert (0, 0) == (root.returncode, done.returncode), done.stdout + done.stderr
    theirs = (nobody.out / "nobody.json").read_bytes()
    assert decode(mine.read_bytes(), "").nics[0].verdict == "CONFORMS"
    first, second = (comparable(json.loads(t)) for t in (mine.read_bytes(), theirs))
    assert first == second


def test_no_report(nobody: Nobody) -> None:
    """Where nobody may not write, the run says so and ends with its verdict."""
    where = f"{nobody.folder}/no/results.json"

    done = nobody.pytest(f"--iface={hardware()}", f"--xdp-results={where}")

    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"{hardware()} CONFORMS (" in done.stdout
    said = f"{where}: cannot be written: Permission denied; no report is written there"
    assert said in done.stdout


def test_no_namespace(nobody: Nobody) -> None:
    """Nobody may not enter another's namespace: one sentence, and how to."""
    with private_namespace() as made:
        done = nobody.pytest("--netns", made.name, "--iface=lo")

    assert pytest.ExitCode.USAGE_ERROR == done.returncode
    assert (
        f"ERROR: cannot enter the network namespace {made.path}: setns: Operation not permitted;"
        " it needs root (CAP_SYS_ADMIN)"
    ) == done.stderr.strip()


def test_unreadable_profile(nobody: Nobody) -> None:
    """A profile that nobody may not read is refused in one sentence."""
    secret = nobody.out / "secret.toml"
    secret.write_text("")
    secret.chmod(0)

    done = nobody.pytest("--iface=lo", f"--profile={secret}")

    assert pytest.ExitCode.USAGE_ERROR == done.returncode
    assert f"ERROR: {secret}: cannot be read: Permission denied" == done.stderr.strip()


def test_show(nobody: Nobody) -> None:
    """Nobody may see what NICs claim."""
    done = nobody.run("-m", "xdpconform", "show", hardware())

    assert 0 == done.returncode, done.stderr
    assert done.stdout.splitlines()[1].startswith(hardware())
