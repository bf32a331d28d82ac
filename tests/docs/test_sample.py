# SPDX-License-Identifier: MIT
"""The sample certificates are what this version makes of their results, and hold when replayed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from xdpconform.outputs.attest.verify import verify_folder
from xdpconform.profiles import Shelf

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "reports/sample"


def test_current() -> None:
    """Each file of the sample is made anew from its results, byte for byte."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs/sample.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("nic", "level", "above"), [("eth0", "claims", False), ("veth0", "packets", True)]
)
def test_holds(nic: str, level: str, above: bool) -> None:
    """Its recordings judged again give its lines, and no address of a machine is in it."""
    found = verify_folder(SAMPLE / nic, shelf=Shelf())

    assert [] == found.problems
    assert found.checked.results is not None
    assert found.checked.recording is not None
    assert found.replayed is not None
    assert (level, True) == (found.checked.results.level, found.checked.recording.redacted)
    assert 43 == found.replayed.same
    assert above == bool(found.replayed.above)
