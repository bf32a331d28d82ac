# SPDX-License-Identifier: MIT
"""The sample certificates in ``reports/sample``: of a virtio NIC, and of a veth proven by frames.

``python docs/sample.py`` makes their pages anew from the results that stand there, ``--check`` only
compares. ``--run`` certifies again: eth0 as it is, and a veth made for it, as root.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from xdpconform.outputs.certificate.command import certify  # noqa: E402 - a bare checkout
from xdpconform.outputs.certificate.folder import write_certificates  # noqa: E402
from xdpconform.outputs.inputs import take  # noqa: E402
from xdpconform.profiles import Shelf  # noqa: E402

SAMPLE = ROOT / "reports/sample"
RUNS = {"eth0": ["--iface", "eth0"], "veth0": ["--testbed", "veth"]}
"""By the NIC's id, what pytest is told."""


def files(folder: Path) -> dict[str, bytes]:
    """Every file in a folder and below it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def remake(folder: Path) -> None:
    """The sample once more, from its results and recordings."""
    write_certificates(take([str(SAMPLE)], Shelf()), folder, force=True)


def run() -> None:
    """Certify the NICs of this machine."""
    with tempfile.TemporaryDirectory() as scratch:
        for nic, words in RUNS.items():
            where = f"--certificate={scratch}/{nic}"
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:html", *words, where]
            subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - pytest, by our interpreter
        folders = [f"{scratch}/{nic}" for nic in RUNS]
        certify(folders, str(SAMPLE), redacted=True, force=True)


def main() -> int:
    """Make, check or run; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--run", action="store_true", help="certify again")
    options = parser.parse_args()
    if options.run:
        run()
    elif not options.check:
        remake(SAMPLE)
    with tempfile.TemporaryDirectory() as scratch:
        remake(Path(scratch) / "sample")
        made, held = files(Path(scratch) / "sample"), files(SAMPLE)
    stale = sorted(name for name in {*made, *held} if made.get(name) != held.get(name))
    for name in stale:
        print(f"reports/sample/{name}: not what its results give; run python docs/sample.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
