# SPDX-License-Identifier: MIT
"""Which requirements prove a claim: they exist, none is forgotten, and lies are told by them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xdpconform.judge import Level
from xdpconform.judge.lines import COMPARED
from xdpconform.judge.proofs import OTHERS, PROOFS, Proof, proven, proves
from xdpconform.lab import specification
from xdpconform.nic import FLAGS

LIES = (Path(__file__).parents[2] / "docs" / "lies.md").read_text(encoding="utf-8")


def test_every_claim() -> None:
    """Each flag, and the number of segments, is compared with the profile and has proofs."""
    claims = {name for names in FLAGS.values() for name in names} | {"xdp-zc-max-segs"}

    assert claims == set(PROOFS)
    assert claims == set(COMPARED)


def test_every_requirement() -> None:
    """Each requirement above level claims proves a claim or is listed as one that proves none."""
    above = {name for name, line in specification().items() if line.level is not Level.CLAIMS}
    proofs = {proof for found in PROOFS.values() for proof in found}

    assert above == {proof.requirement for proof in (*proofs, *OTHERS)}
    assert set() == proofs & {*OTHERS}


@pytest.mark.parametrize(
    ("claim", "requirement", "row", "expected"),
    [
        ("basic", "XDP-ACT-03", "gro", True),
        ("basic", "XDP-ACT-10", "XDP_PASS", False),
        ("hash", "XDP-HINT-01", "hash", True),
        ("hash", "XDP-HINT-01", "timestamp", False),
        ("xsk-zerocopy", "XDP-SOCK-01", "zero-copy", True),
        ("xsk-zerocopy", "XDP-SOCK-01", "copy", False),
        ("bit-9", "XDP-ACT-03", "", False),
    ],
)
def test_rows(claim: str, requirement: str, row: str, *, expected: bool) -> None:
    """A proof without a row is of all rows; one with a row is of that alone."""
    assert expected == proves(claim, requirement, row)
    assert expected == (claim in proven(requirement, row))


@pytest.mark.parametrize("claim", [name for name in PROOFS if name != "xdp-zc-max-segs"])
def test_lies(claim: str) -> None:
    """A NIC that lies about a claim fails its proofs: all that docs/lies.md saw, and no others.

    Without basic no program runs, and without ndo-xmit no frame of several buffers goes in either:
    what rests on other claims fails then too.
    """
    told = set()
    for cells in re.findall(rf"^\| `[+-]{claim}` \| (.*?) \|", LIES, re.MULTILINE):
        told |= {proof.requirement for proof in said(cells)}
    proofs = {proof.requirement for proof in PROOFS[claim]}

    if claim in ("basic", "ndo-xmit"):
        assert proofs <= told
    elif told:
        assert proofs == told
    else:
        assert claim.startswith("tx-")


def said(cells: str) -> list[Proof]:
    """The requirements that a cell of docs/lies.md lists, written short as it says."""
    found = []
    chapter = ""
    for word in re.findall(r"([A-Z]+)-(?=[0-9])|([0-9]{2})(?![0-9])", cells):
        chapter = word[0] or chapter
        if word[1]:
            found.append(Proof(f"XDP-{chapter}-{word[1]}"))
    return found
