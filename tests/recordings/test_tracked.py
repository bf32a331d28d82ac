# SPDX-License-Identifier: MIT
"""The tracked recordings, judged as CI of a driver would: by the suites, and without them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xdpconform.profiles import Shelf
from xdpconform.sources.recording import files_of, name_of, read
from xdpconform.stored import take_recording

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "recordings"
FILES = files_of([str(FOLDER)])

VETH = {"basic", "redirect", "rx-sg"}
XMIT = {"ndo-xmit", "ndo-xmit-sg"}
METADATA = {"timestamp", "hash", "vlan-tag"}
CLAIMS = {
    "bridge-6.18.44-idle": set(),
    "ifb-6.18.44-idle": set(),
    "loopback-6.18.44-idle": set(),
    "tap-6.18.44-attached": {"basic", "redirect", "ndo-xmit"},
    "tap-6.18.44-idle": {"basic", "redirect", "ndo-xmit"},
    "tun-6.18.44-idle": set(),
    "veth-6.18.44-attached": VETH | METADATA,
    "veth-6.18.44-idle": VETH | METADATA,
    "veth-down-6.18.44-idle": VETH | METADATA,
    "veth-fewer-queues-6.18.44-idle": METADATA,
    "veth-peer-attached-6.18.44-idle": VETH | XMIT | METADATA,
    "veth-peer-gro-6.18.44-idle": VETH | XMIT | METADATA,
    "virtio_net-6.18.44-idle": {"basic", "redirect", "xsk-zerocopy", "rx-sg"},
    "vxlan-6.18.44-idle": set(),
}
"""What each NIC claimed when it was recorded."""


def test_each_has_its_claims() -> None:
    """No recording is without its row here, and no row without its recording."""
    assert set(CLAIMS) == {name_of(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_claims(path: Path) -> None:
    """The replayed NIC claims what was claimed, and its file is redacted."""
    (subject,) = take_recording(path, Shelf())

    assert subject.nic.now is not None
    assert CLAIMS[name_of(path)] == set(subject.nic.now.names())
    assert read(path).redacted


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, its reports elsewhere."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "XDPCONFORM_REPORTS": str(folder), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_by_the_suites_and_without(tmp_path: Path) -> None:
    """`pytest --recording` and `xdpconform judge` find the same, line by line: all conform."""
    results = tmp_path / "results.json"
    suites = run(
        *("pytest", "-p", "no:cacheprovider", "--recording=recordings/"),
        *("--xdp-results", str(results), "--html", str(tmp_path / "log.html")),
        folder=tmp_path,
    )
    judged = run("xdpconform", "judge", "recordings/", "--json", folder=tmp_path)

    assert (0, 0) == (suites.returncode, judged.returncode), suites.stdout + judged.stderr
    nics = json.loads(results.read_bytes())["nics"]
    for nic in nics:
        for line in nic["results"]:
            line["evidence"] = {}  # that is the recording, and left out of the other
    found = [json.loads(line) for line in judged.stdout.splitlines()]
    assert [str(path.relative_to(ROOT)) for path in FILES] == [one.pop("path") for one in found]
    for nic in (*nics, *found):
        nic["results"].sort(key=lambda line: (line["requirement"], line["param"]))
    assert nics == found
    assert {"CONFORMS"} == {nic["verdict"] for nic in nics}
