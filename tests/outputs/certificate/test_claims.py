# SPDX-License-Identifier: MIT
"""The claims matrix: expected, claimed, and proven how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.outputs.certificate.samples import line, nic
from xdpconform.outputs.certificate import claims
from xdpconform.outputs.certificate.view import anchors
from xdpconform.outputs.results import Claims

if TYPE_CHECKING:
    from xdpconform.outputs.results import NicResults, Result

FORBIDDEN = "redirect forbidden (profile p)"


def made(*features: str, segments: int | None = None) -> Claims:
    """What is claimed."""
    return Claims(list(features), segments, [], [], "unavailable")


def rows(found: NicResults) -> dict[str, claims.Row]:
    """The matrix, by claim."""
    anchored = list(zip(anchors(found.results), found.results, strict=True))
    return {row.name: row for row in claims.rows(found, anchored)}


def compared(outcome: str, expected: str, state: str = "idle") -> Result:
    """A line that compares redirect with the profile."""
    return line("XDP-FEAT-03", outcome, param=state, expected=expected, level="claims")


@pytest.mark.parametrize(
    ("features", "outcome", "expected", "cell"),
    [
        (["redirect"], "pass", "redirect required (profile p)", ("required", "claimed", "agrees")),
        ([], "fail", "redirect required (profile p)", ("required", "not claimed", "differs")),
        (["redirect"], "fail", FORBIDDEN, ("forbidden", "claimed", "differs")),
        (["redirect"], "waived", FORBIDDEN, ("forbidden", "claimed", "waived")),
        ([], "not-claimed", FORBIDDEN, ("forbidden", "not claimed", "agrees")),
        (["redirect"], "blocked", "", ("", "claimed", "open")),
        (["redirect"], "pass", "redirect whatever (profile p)", ("", "claimed", "agrees")),
    ],
)
def test_idle(features: list[str], outcome: str, expected: str, cell: tuple[str, str, str]) -> None:
    """What the profile expects stands beside what is claimed, with the line that compares them."""
    found = nic(compared(outcome, expected), capabilities={"idle": made(*features)})
    idle, attached = rows(found)["redirect"].cells

    assert cell == (idle.expected, idle.claimed, idle.mark)
    assert "XDP-FEAT-03" == idle.anchor
    assert ("", "", "") == (attached.expected, attached.claimed, attached.anchor)


def test_attached_by_the_run() -> None:
    """What is claimed while attached is taken from the suites' own program where none was there."""
    evidence = {"attached": {"claims": {"xdp-features": ["redirect"]}}}
    found = nic(
        line("XDP-STATE-01", param="basic", expected="basic forbidden (profile p)",
             outcome="not-claimed", evidence=evidence),
        line("XDP-STATE-01", param="redirect", expected="redirect required (profile p)",
             evidence=evidence),
        capabilities={"idle": made()},
    )  # fmt: skip
    found_rows = rows(found)

    assert ("required", "claimed") == found_rows["redirect"].cells[1][1:3]
    assert "XDP-STATE-01.2" == found_rows["redirect"].cells[1].anchor
    assert ("forbidden", "not claimed") == found_rows["basic"].cells[1][1:3]


def test_attached_by_others() -> None:
    """A NIC that had a program when it was asked has its claims in that state."""
    found = nic(
        compared("pass", "redirect required (profile p)", "attached"),
        capabilities={"attached": made("redirect")},
    )

    assert ("required", "claimed") == rows(found)["redirect"].cells[1][1:3]
    assert "" == rows(found)["redirect"].cells[0].claimed


def test_segments() -> None:
    """The number of segments stands as a number; absent is absent; no zero copy expects none."""
    of = line("XDP-ZC-03", param="idle", expected="17 (profile p)", level="claims")
    none = line("XDP-ZC-03", "not-claimed", param="idle", expected="", level="claims")
    known = rows(nic(of, capabilities={"idle": made("xsk-zerocopy", segments=17)}))
    absent = rows(nic(none, capabilities={"idle": made()}))

    assert ("17", "17") == known["xdp-zc-max-segs"].cells[0][1:3]
    assert ("none", "absent") == absent["xdp-zc-max-segs"].cells[0][1:3]


def test_unknown_flag() -> None:
    """A flag without a name is shown with all others."""
    found = rows(nic(capabilities={"idle": made("basic", "bit-9")}))

    assert "claimed" == found["bit-9"].cells[0].claimed
    assert "not tried" == found["bit-9"].proof


@pytest.mark.parametrize(
    ("outcomes", "proof", "strength"),
    [
        ([], "not tried", "untried"),
        (["blocked"], "could not be tried", "untried"),
        (["pass"], "packets: 1 of 1 line holds", "holds"),
        (["pass", "pass"], "packets: 2 of 2 lines hold", "holds"),
        (["pass", "fail"], "packets: 1 of 2 lines hold, 1 failed", "fails"),
        (["pass", "waived"], "packets: 1 of 2 lines hold, 1 waived", "waived"),
        (["pass", "blocked", "error"], "packets: 1 of 1 line holds, 1 blocked, 1 broke", "holds"),
        (["not-claimed"], "packets: not claimed, in 1 line", "none"),
        (["pass", "not-claimed"], "packets: 1 of 2 lines hold, 1 not claimed", "holds"),
    ],
)
def test_proof(outcomes: list[str], proof: str, strength: str) -> None:
    """How a claim is proven is counted from the lines that rest on it."""
    lines = [line("XDP-REDIR-01", outcome) for outcome in outcomes]
    other = line("XDP-XMIT-01", "fail")
    row = rows(nic(other, *lines))["redirect"]

    assert (proof, strength) == (row.proof, row.strength)
    assert len(outcomes) == len(row.lines)


def test_proof_level() -> None:
    """The strongest level of a line that was decided is named."""
    attach = line("XDP-ATTACH-01", level="attach")

    assert rows(nic(attach))["basic"].proof.startswith("attach: ")
    assert rows(nic(attach, line("XDP-ACT-01")))["basic"].proof.startswith("packets: ")
    blocked = line("XDP-ACT-01", "blocked")
    assert rows(nic(attach, blocked))["basic"].proof.startswith("attach: ")
