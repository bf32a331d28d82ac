# SPDX-License-Identifier: MIT
"""The tracked recordings, judged as CI of a driver would: by the suites, and without them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.recordings import lab
from xdpconform.outputs.redact import redact
from xdpconform.profiles import Shelf
from xdpconform.sources.recording import files_of, name_of, read
from xdpconform.stored import take_recording

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "recordings"
FILES = files_of([str(FOLDER)])
HERE = [path for path in FILES if path.parent == FOLDER]

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
"""What each NIC claimed when it was recorded; of the virtual lab's see `lab.py`."""


def test_each_has_its_claims() -> None:
    """No recording is without its row here or in the lab's table, and no row without it."""
    assert set(CLAIMS) == {name_of(path) for path in HERE}
    assert {*HERE, *lab.FILES} == {*FILES}


@pytest.mark.parametrize("path", HERE, ids=name_of)
def test_claims(path: Path) -> None:
    """The replayed NIC claims what was claimed."""
    (subject,) = take_recording(path, Shelf())

    assert subject.nic.now is not None
    assert CLAIMS[name_of(path)] == set(subject.nic.now.names())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_redacted(path: Path) -> None:
    """A file is redacted: to do so again would change nothing."""
    recording = read(path)

    assert recording.redacted
    assert redact(recording, "") == recording


def outcomes(nic: dict[str, Any]) -> tuple[str, set[tuple[str, str]]]:
    """The verdict of a NIC, and its outcomes, those that are blocked with their reason."""
    lines = nic["results"]
    return nic["verdict"], {
        (line["outcome"], line["reason"] if line["outcome"] == "blocked" else "") for line in lines
    }


CONFORMS = "CONFORMS", {("pass", ""), ("not-claimed", "")}
OLD = "INCOMPLETE", {("pass", ""), ("blocked", lab.NO_FAMILY)}


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
    """`pytest --recording` and `xdpconform judge` find the same, line by line.

    All conform, but for those of a kernel without the netdev family: they are incomplete, and there
    is one reason.
    """
    results = tmp_path / "results.json"
    suites = run(
        *("pytest", "-p", "no:cacheprovider", "--recording=recordings/"),
        *("--xdp-results", str(results), "--html", str(tmp_path / "log.html")),
        folder=tmp_path,
    )
    judged = run("xdpconform", "judge", "recordings/", "--json", folder=tmp_path)

    assert (10, 10) == (suites.returncode, judged.returncode), suites.stdout + judged.stderr
    nics = json.loads(results.read_bytes())["nics"]
    for nic in nics:
        for line in nic["results"]:
            line["evidence"] = {}  # that is the recording, and left out of the other
    found = [json.loads(line) for line in judged.stdout.splitlines()]
    assert [str(path.relative_to(ROOT)) for path in FILES] == [one.pop("path") for one in found]
    for nic in (*nics, *found):
        nic["results"].sort(key=lambda line: (line["requirement"], line["param"]))
    assert nics == found
    for nic in nics:
        if nic["identity"]["kernel"] == lab.KERNELS[lab.OLD]:
            assert OLD == outcomes(nic)
        else:
            assert CONFORMS == outcomes(nic)
