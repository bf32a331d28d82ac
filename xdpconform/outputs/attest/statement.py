# SPDX-License-Identifier: MIT
"""What a certificate states: two in-toto Statements, made of the folder's files alone.

The same files give the same bytes, so that whoever verifies makes them again and compares: nothing
stands in a statement that the results do not say.

https://github.com/in-toto/attestation: spec/v1/statement.md, spec/predicates/test-result.md (v0.1),
spec/predicates/svr.md (v0.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from xdpconform.outputs.attest.names import SUBJECTS
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.results import NicResults, Results
from xdpconform.outputs.words import line_name

TYPE: Final = "https://in-toto.io/Statement/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
SVR: Final = "https://in-toto.io/attestation/svr/v0.2"
PREFIX: Final = "XDPCONFORM_"
"""Of properties, as SVR wants them scoped by framework."""

Json = dict[str, object]


def statements(results: Results, files: Mapping[str, bytes]) -> tuple[bytes, bytes]:
    """The payloads: test-result, then the simple verification result.

    Args:
        results: of one NIC.
        files: what is attested, by name: results.json, the recording if there is one, the page.
    """
    (nic,) = results.nics
    subjects: list[Json] = [
        {"name": name, "digest": {"sha256": sha256(files[name])}}
        for name in SUBJECTS
        if name in files
    ]
    return (
        _statement(subjects, TEST_RESULT, _test_result(results, nic)),
        _statement(subjects, SVR, _verification(results, nic)),
    )


def sha256(data: bytes) -> str:
    """In hex."""
    return hashlib.sha256(data).hexdigest()


def _statement(subjects: list[Json], kind: str, predicate: Json) -> bytes:
    return msgspec.json.encode(
        {"_type": TYPE, "subject": subjects, "predicateType": kind, "predicate": predicate},
        order="sorted",
    )


def _test_result(results: Results, nic: NicResults) -> Json:
    named: dict[str, list[str]] = {"passed": [], "warned": [], "failed": []}
    for line in nic.results:
        word = ELSEWHERE[line.outcome].intoto
        if word:
            named[word].append(line_name(line))
    tool: Json = {"name": results.tool.name, "uri": _purl(results)}
    return {
        "result": _word(nic),
        "configuration": [tool, *_policies(nic)],
        **{f"{word}Tests": names for word, names in named.items()},
    }


def _word(nic: NicResults) -> str:
    """PASSED only where nothing is left to be said; a mock is no NIC."""
    if nic.verdict == "FAILS":
        return "FAILED"
    clean = nic.verdict == "CONFORMS" and nic.source != "mock" and not _waived(nic)
    return "PASSED" if clean else "WARNED"


def _waived(nic: NicResults) -> bool:
    return any(line.outcome == "waived" for line in nic.results)


def _verification(results: Results, nic: NicResults) -> Json:
    return {
        "verifier": {"id": _purl(results), "policies": _policies(nic)},
        "timeCreated": results.started.replace("+00:00", "Z"),  # field_types.md: in UTC ("Z")
        "properties": [] if nic.source == "mock" else _properties(results, nic),
    }


def _properties(results: Results, nic: NicResults) -> list[str]:
    """Requirements that passed in every row, and the verdict if it is CONFORMS."""
    outcomes: dict[str, set[str]] = {}
    for line in nic.results:
        outcomes.setdefault(line.requirement, set()).add(line.outcome)
    passed = [
        f"{PREFIX}{name}"
        for name, found in sorted(outcomes.items())
        if "pass" in found and found <= {"pass", "not-claimed"} and name not in nic.missing
    ]
    if nic.verdict != "CONFORMS":
        return passed
    waived = "_WITH_WAIVERS" if _waived(nic) else ""
    return [f"{PREFIX}CONFORMS_{results.level.upper()}{waived}", *passed]


def _policies(nic: NicResults) -> list[Json]:
    if nic.profile is None:
        return []
    digest = nic.profile.digest.removeprefix("sha256:")
    return [{"name": nic.profile.name, "digest": {"sha256": digest}}]


def _purl(results: Results) -> str:
    """The package with its version, which is what decides: a package URL is a URI."""
    return f"pkg:pypi/{quote(results.tool.name, safe='')}@{quote(results.tool.version, safe='')}"
