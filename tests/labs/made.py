# SPDX-License-Identifier: MIT
"""What guests tell, made up: runs, lines and files."""

from __future__ import annotations

import base64

import msgspec

from labs.virtual.guest.told import File, Line, Plan, Starts
from xdpconform.lab import requirements, unjudged
from xdpconform.outputs.results import Result, Results, build, encode

REASON = "nobody asked"


def results(*names: str, level: str = "claims") -> Results:
    """A run's results without a line."""
    subjects = [unjudged(name, "7.3.4", REASON, "kernel") for name in names]
    started = "2026-11-24T00:00:00+00:00"
    return build(subjects, {}, started=started, level=level, required=requirements(level))


def plan(*names: str, level: str = "claims") -> Plan:
    """A run begins."""
    return Plan(encode(results(*names, level=level)).decode())


def starts(nic: str, requirement: str) -> Starts:
    """A line begins."""
    return Starts(nic, requirement, f"{requirement} holds.", "", "claims")


def result(requirement: str, outcome: str = "pass") -> Result:
    """A line."""
    title = f"{requirement} holds."
    return msgspec.convert(
        {
            "requirement": requirement, "title": title, "param": "", "outcome": outcome,
            "kind": "mismatch" if outcome == "fail" else None, "level": "claims",
            "expected": "", "observed": "", "reason": "", "evidence": {},
        },
        Result,
    )  # fmt: skip


def line(nic: str, requirement: str, outcome: str = "pass") -> Line:
    """A line came out."""
    return Line(nic, msgspec.json.encode(result(requirement, outcome)).decode())


def file(nic: str, name: str, data: bytes) -> File:
    """A file."""
    return File(nic, name, base64.b64encode(data).decode())
