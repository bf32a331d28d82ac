# SPDX-License-Identifier: MIT
"""What is said of a flag, from the lines about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.outputs.matrix.folders import Said, cells, results, store

if TYPE_CHECKING:
    from tests.outputs.matrix.conftest import Make

CLAIM = "XDP-FEAT-05"
REQUIRED = "xsk-zerocopy required (profile veth)"
FORBIDDEN = "xsk-zerocopy forbidden (profile veth)"
BIND = "XDP-BIND-01"


def claim(outcome: str, expected: str = REQUIRED, param: str = "idle") -> Said:
    """The line that compares the claim with the profile."""
    return Said(CLAIM, outcome, param, expected=expected)


def bind(outcome: str, requirement: str = BIND, param: str = "") -> Said:
    """A line of sockets."""
    return Said(requirement, outcome, param, level="packets")


CASES = {
    "claimed as it should be": ([claim("pass")], True, "y required, claimed claims"),
    "and proven": (
        [claim("pass"), bind("blocked"), bind("pass", "XDP-BIND-03")],
        True,
        "y required, claimed packets",
    ),
    "and could not be proven": (
        [claim("pass"), bind("blocked"), bind("error", "XDP-BIND-03")],
        True,
        "y required, claimed claims",
    ),
    "and contradicted by frames": (
        [claim("pass"), bind("pass"), bind("fail", "XDP-BIND-03")],
        True,
        "n required, claimed packets #1",
    ),
    "in copy mode, which says nothing of it": (
        [claim("pass"), bind("fail", "XDP-SOCK-01", "copy")],
        True,
        "y required, claimed claims",
    ),
    "not claimed and not expected": (
        [claim("not-claimed", FORBIDDEN)],
        False,
        "- forbidden, not claimed claims",
    ),
    "nor there": (
        [claim("not-claimed", FORBIDDEN), bind("pass")],
        False,
        "- forbidden, not claimed packets",
    ),
    "not claimed though it works": (
        [claim("not-claimed", FORBIDDEN), bind("fail")],
        False,
        "n forbidden, not claimed packets #1",
    ),
    "no profile": ([claim("blocked", "")], True, "u no profile, claimed claims #1"),
    "a waiver": ([claim("waived")], False, "a required, not claimed claims #1"),
    "another state": (
        [
            claim("not-claimed", FORBIDDEN),
            Said("XDP-STATE-01", "pass", "xsk-zerocopy", "attach", expected=REQUIRED),
            Said("XDP-STATE-01", "fail", "basic", "attach"),
        ],
        True,
        "y forbidden or required, claimed attach",
    ),
}
"""Lines, whether the flag is in the capabilities, and the cell."""


@pytest.mark.parametrize("case", CASES)
def test_cell(certificates: Path, make: Make, case: str) -> None:
    """Contradictions come first; what holds is as strong as its best evidence."""
    lines, claimed, cell = CASES[case]
    store(certificates / "a", results(*lines, flags=["xsk-zerocopy"] if claimed else []))

    assert {"veth": [cell]} == cells(make() / "flag" / "xsk-zerocopy.html")


def test_proof_of_an_older_certificate(certificates: Path, make: Make) -> None:
    """A newer run of level claims does not take away what frames have proven; both are linked."""
    proven = results(claim("pass"), bind("pass"), started="2026-01-01T00:00:00Z")
    store(certificates / "old", proven)
    store(certificates / "new", results(claim("pass"), flags=["xsk-zerocopy"]))
    page = make() / "flag" / "xsk-zerocopy.html"
    text = page.read_text()

    assert {"veth": ["y required, claimed packets"]} == cells(page)
    assert text.index("new/certificate.html") < text.index("old/certificate.html")


def test_no_line(certificates: Path, make: Make) -> None:
    """Where no line is about the flag there is no row."""
    store(certificates / "a", results(Said("XDP-FEAT-02")))

    assert {} == cells(make() / "flag" / "xsk-zerocopy.html")
