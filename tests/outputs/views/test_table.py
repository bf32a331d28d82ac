# SPDX-License-Identifier: MIT
"""CSV: columns, records, and no formula."""

from __future__ import annotations

import csv
import io

import pytest

from tests.outputs.views.samples import EXAMPLE, line, nic, run
from xdpconform.outputs.views.table import LINE, NIC, table


def test_columns() -> None:
    """A header names the columns; a record has the NIC, the kernel, the profile and the line."""
    text = table(EXAMPLE)
    records = list(csv.DictReader(io.StringIO(text, newline="")))

    assert ",".join(f'"{name}"' for name in (*NIC, *LINE)) == text.split("\r\n")[0]
    assert {
        "nic": "eth0",
        "verdict": "FAILS",
        "source": "kernel",
        "started": "2026-11-24T12:00:00+00:00",
        "interface": "eth0",
        "driver": "virtio_net",
        "driver-version": "1.0.0",
        "firmware": "",
        "bus-info": "0000:00:03.0",
        "pci": "1af4:1041",
        "kernel": "6.18.44",
        "kernel-build": "#1 SMP",
        "machine": "x86_64",
        "profile": "virtio_net",
        "profile-digest": "sha256:00",
        "requirement": "XDP-ACT-03",
        "row": "plain",
        "title": "XDP_TX sends every frame back.",
        "level": "packets",
        "outcome": "fail",
        "kind": "over-claim",
        "expected": "every frame comes back",
        "observed": "100 frames sent, none returned",
        "reason": "basic is claimed, and it does not work",
    } == records[1]
    assert 6 == len(records)


@pytest.mark.parametrize(
    ("said", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("\t=1", r"\t=1"),
        ("1-1", "1-1"),
        ('a "b", c', 'a "b", c'),
        ("one\r\ntwo", r"one\r\ntwo"),
    ],
)
def test_cell(said: str, cell: str) -> None:
    """A cell that a spreadsheet would run is marked as text; all others are what was said."""
    text = table(run(nic(line(1, observed=said))))
    [record] = csv.DictReader(io.StringIO(text, newline=""))

    assert cell == record["observed"]
    assert 2 == len(text.splitlines())
