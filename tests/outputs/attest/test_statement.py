# SPDX-License-Identifier: MIT
"""The statements: what in-toto's predicates want, and no more than the results say."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from tests.outputs.attest.folders import STARTED, VIRTIO, changed, files, judged
from xdpconform import __version__
from xdpconform.outputs.attest.names import PAGE, RECORDING, RESULTS
from xdpconform.outputs.attest.statement import statements
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.results import ProfileName, Result, Results

FILES = {RESULTS: b"results", RECORDING: b"recording", PAGE: b"page"}


def line(requirement: str, outcome: str, param: str = "") -> Result:
    """A line of this outcome."""
    kind = "over-claim" if outcome in ("fail", "waived") else None
    return msgspec.convert(
        {
            "requirement": requirement,
            "title": "A title.",
            "param": param,
            "outcome": outcome,
            "kind": kind,
            "level": "claims",
            "expected": "",
            "observed": "",
            "reason": "",
            "evidence": {},
        },
        Result,
    )


def made(*lines: Result, verdict: str = "CONFORMS", **fields: object) -> Results:
    """Results with these lines."""
    return changed(judged(VIRTIO), results=list(lines), verdict=verdict, **fields)


def stated(results: Results) -> tuple[Any, Any]:
    """Both statements."""
    one, other = statements(results, FILES)
    return json.loads(one), json.loads(other)


def test_statement() -> None:
    """Both are of in-toto's Statement v1 about the files, each by its name and digest."""
    subjects = [
        {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}}
        for name, data in FILES.items()
    ]
    for one in stated(judged(VIRTIO)):
        assert {"_type", "subject", "predicateType", "predicate"} == set(one)
        assert "https://in-toto.io/Statement/v1" == one["_type"]
        assert subjects == one["subject"]


def test_test_result() -> None:
    """test-result v0.1: lines that passed, were waived or failed, and what they were judged by."""
    nic = judged(VIRTIO).nics[0]
    assert nic.profile is not None
    digest = nic.profile.digest.removeprefix("sha256:")

    one, _other = stated(
        made(
            line("XDP-A-01", "pass", "idle"),
            line("XDP-A-02", "fail"),
            line("XDP-A-03", "waived", "gro"),
            line("XDP-A-04", "blocked"),
            line("XDP-A-05", "error"),
            line("XDP-A-06", "not-claimed"),
            verdict="FAILS",
        )
    )

    assert "https://in-toto.io/attestation/test-result/v0.1" == one["predicateType"]
    assert {
        "result": "FAILED",
        "configuration": [
            {"name": "xdpconform", "uri": f"pkg:pypi/xdpconform@{__version__}"},
            {"name": nic.profile.name, "digest": {"sha256": digest}},
        ],
        "passedTests": ["XDP-A-01[idle]"],
        "warnedTests": ["XDP-A-03[gro]"],
        "failedTests": ["XDP-A-02"],
    } == one["predicate"]


@pytest.mark.parametrize(
    ("results", "word"),
    [
        (made(line("XDP-A-01", "pass")), "PASSED"),
        (made(line("XDP-A-01", "pass"), line("XDP-A-02", "not-claimed")), "PASSED"),
        (made(line("XDP-A-01", "pass"), line("XDP-A-02", "waived")), "WARNED"),
        (made(line("XDP-A-01", "blocked"), verdict="INCOMPLETE"), "WARNED"),
        (made(line("XDP-A-01", "error"), verdict="INCOMPLETE"), "WARNED"),
        (made(line("XDP-A-01", "pass"), verdict="INCOMPLETE", missing=["XDP-A-02"]), "WARNED"),
        (made(line("XDP-A-01", "fail"), verdict="FAILS"), "FAILED"),
        (made(line("XDP-A-01", "pass"), source="mock"), "WARNED"),
    ],
    ids=["passed", "not-claimed", "waived", "blocked", "error", "missing", "fail", "mock"],
)
def test_word(results: Results, word: str) -> None:
    """PASSED is a NIC that conforms with nothing waived; what could not be tested is no failure."""
    one, _other = stated(results)

    assert word == one["predicate"]["result"]


def test_every_outcome() -> None:
    """Each outcome stands in the list that the table of outcomes names, or in none."""
    for outcome, elsewhere in ELSEWHERE.items():
        predicate = stated(made(line("XDP-A-01", outcome)))[0]["predicate"]
        lists = {name: predicate[f"{name}Tests"] for name in ("passed", "warned", "failed")}

        assert {
            name: ["XDP-A-01"] if name == elsewhere.intoto else [] for name in lists
        } == lists, outcome


def test_verification() -> None:
    """svr v0.2: who verified, by which profile, when (in UTC, as in-toto has it), what holds."""
    results = made(
        line("XDP-A-01", "pass", "idle"),
        line("XDP-A-01", "not-claimed", "attached"),
        line("XDP-A-02", "pass", "a"),
        line("XDP-A-02", "waived", "b"),
        line("XDP-A-03", "not-claimed"),
    )
    nic = results.nics[0]
    assert nic.profile is not None

    _one, other = stated(results)

    assert "https://in-toto.io/attestation/svr/v0.2" == other["predicateType"]
    assert {
        "verifier": {
            "id": f"pkg:pypi/xdpconform@{__version__}",
            "policies": [
                {
                    "name": nic.profile.name,
                    "digest": {"sha256": nic.profile.digest.removeprefix("sha256:")},
                }
            ],
        },
        "timeCreated": STARTED.replace("+00:00", "Z"),
        "properties": ["XDPCONFORM_CONFORMS_CLAIMS_WITH_WAIVERS", "XDPCONFORM_XDP-A-01"],
    } == other["predicate"]


@pytest.mark.parametrize(
    ("results", "properties"),
    [
        (
            made(line("XDP-A-01", "pass")),
            ["XDPCONFORM_CONFORMS_CLAIMS", "XDPCONFORM_XDP-A-01"],
        ),
        (made(line("XDP-A-01", "pass"), verdict="FAILS"), ["XDPCONFORM_XDP-A-01"]),
        (made(line("XDP-A-01", "pass"), verdict="INCOMPLETE", missing=["XDP-A-01"]), []),
        (made(line("XDP-A-01", "pass"), source="mock"), []),
    ],
    ids=["conforms", "fails", "a-row-missing", "mock"],
)
def test_properties(results: Results, properties: list[str]) -> None:
    """A property is what holds in every row of a real NIC."""
    _one, other = stated(results)

    assert properties == other["predicate"]["properties"]


def test_no_profile() -> None:
    """Without a profile the policies are there and empty, as svr v0.2 wants them."""
    one, other = stated(made(line("XDP-A-01", "pass"), profile=None))

    assert [] == other["predicate"]["verifier"]["policies"]
    assert ["xdpconform"] == [item["name"] for item in one["predicate"]["configuration"]]


def test_hostile_words() -> None:
    """A name or version from a file cannot leave its place in a URI or in the JSON."""
    results = msgspec.structs.replace(
        made(line("XDP-A-01", "pass", '"]}\n'), profile=ProfileName('"\n', "sha256:x")),
        tool=msgspec.structs.replace(judged(VIRTIO).tool, version="1 @/?#\u202e"),
    )

    one, other = stated(results)

    assert "pkg:pypi/xdpconform@1%20%40%2F%3F%23%E2%80%AE" == other["predicate"]["verifier"]["id"]
    assert ['XDP-A-01["]}\n]'] == one["predicate"]["passedTests"]
    assert '"\n' == other["predicate"]["verifier"]["policies"][0]["name"]


def test_same_bytes() -> None:
    """The same files give the same statements to the byte, in canonical JSON of one line."""
    one = files(judged(VIRTIO), None)
    again = files(judged(VIRTIO), None)

    assert one == again
    for payload in statements(judged(VIRTIO), FILES):
        canonical = json.dumps(
            json.loads(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )

        assert canonical.encode() == payload
