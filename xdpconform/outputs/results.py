# SPDX-License-Identifier: MIT
"""results.json: the record of a run, from which every other output can be made.

The structs are the format; the JSON Schema in ``xdpconform/schema`` is made from them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from xdpconform import __version__
from xdpconform.errors import InputError
from xdpconform.judge import Finding, Outcome
from xdpconform.lab import Subject, rule

SCHEMA = "xdpconform-results-1"


class Tool(Struct, frozen=True, forbid_unknown_fields=True):
    """What wrote the file."""

    name: str
    version: str


class Identity(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Which device, on which kernel."""

    ifname: str
    ifindex: int
    driver: str | None
    driver_version: str | None
    firmware: str | None
    bus_info: str | None
    sysfs_driver: str | None
    bus: str | None
    kind: str | None
    pci: str | None
    kernel: str
    mtu: int | None
    queues: dict[str, int | None]


class Claims(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """What the kernel reports, by netdev.yaml's names; null is an attribute that was absent."""

    xdp_features: list[str] | None
    xdp_zc_max_segs: int | None
    xdp_rx_metadata_features: list[str] | None
    xsk_features: list[str] | None
    zero_copy: str
    unknown: dict[str, str] = {}
    """Attributes that are not known, type to bytes in hex."""


class Module(Struct, frozen=True, forbid_unknown_fields=True):
    """The kernel's module of the driver, from ``/sys/module``."""

    name: str
    source: Literal["in-tree", "out-of-tree", "built-in", "unknown"]
    version: str | None
    """``MODULE_VERSION``; few drivers have one."""
    srcversion: str | None
    """The checksum of its sources."""


class Environment(Struct, frozen=True, forbid_unknown_fields=True):
    """What else the results may hang on; what is not known is null."""

    build: str | None
    """uname -v"""
    machine: str | None
    """uname -m"""
    config: dict[str, str] | None
    """Of the kernel's configuration what matters here: ``y``, ``m``, ``n`` or a value by name."""
    module: Module | None
    offloads: list[str] | None
    """ethtool's features that are on, by name."""


class ProfileName(Struct, frozen=True, forbid_unknown_fields=True):
    """Which profile was used."""

    name: str
    digest: str


class Result(Struct, frozen=True, forbid_unknown_fields=True):
    """One line: a requirement on a NIC."""

    requirement: str
    title: str
    param: str
    outcome: Literal["pass", "fail", "not-claimed", "blocked", "waived", "error"]
    kind: Literal["over-claim", "under-claim", "mismatch", "malformed"] | None
    level: Literal["claims", "attach", "packets", "stress"]
    expected: str
    observed: str
    reason: str
    evidence: dict[str, Any]


class NicResults(Struct, frozen=True, forbid_unknown_fields=True):
    """One NIC."""

    id: str
    source: Literal["kernel", "recording", "mock"]
    """Where its replies came from; a mock certifies no NIC."""
    identity: Identity
    capabilities: dict[Literal["idle", "attached"], Claims]
    """By state; a state that was not seen is not there."""
    profile: ProfileName | None
    verdict: Literal["CONFORMS", "FAILS", "INCOMPLETE"]
    missing: list[str]
    """Requirements that were not run."""
    results: list[Result]
    environment: Environment | None = None
    """None where nobody looked."""
    recording: str | None = None
    """The digest of the recording of what the NIC answered, as that file has it; null without."""


class Results(Struct, frozen=True, forbid_unknown_fields=True):
    """A run."""

    schema: Literal["xdpconform-results-1"]
    tool: Tool
    started: str
    """RFC 3339, in UTC."""
    level: Literal["claims", "attach", "packets", "stress"]
    nics: list[NicResults]


def build(
    subjects: Sequence[Subject],
    lines: Mapping[str, Sequence[Result]],
    *,
    started: str,
    level: str,
    required: frozenset[str],
    unrun: Collection[tuple[str, str]] = (),
) -> Results:
    """Put a run together.

    Args:
        subjects: the NICs and their profiles.
        lines: what was found, by NIC id.
        started: when, RFC 3339.
        level: what was asked for.
        required: the ids of all requirements.
        unrun: NIC id and requirement where a row was left out.
    """
    return msgspec.convert(
        {
            "schema": SCHEMA,
            "tool": {"name": "xdpconform", "version": __version__},
            "started": started,
            "level": level,
            "nics": [
                nic_results(subject, lines.get(subject.nic.id, ()), required, unrun)
                for subject in subjects
            ],
        },
        Results,  # what is a struct already is taken as it is
    )


def nic_results(
    subject: Subject,
    lines: Sequence[Result],
    required: frozenset[str],
    unrun: Collection[tuple[str, str]] = (),
) -> NicResults:
    """One NIC; arguments are those of `build`."""
    nic = subject.nic
    ruled = rule(
        [(line.requirement, Outcome(line.outcome)) for line in lines],
        required,
        [requirement for name, requirement in unrun if name == nic.id],
    )
    identity = {key.replace("_", "-"): value for key, value in nic.identity._asdict().items()}
    queues = {key.replace("_", "-"): value for key, value in nic.queues._asdict().items()}
    found = {
        "id": nic.id,
        "source": subject.source,
        "identity": identity | {"mtu": nic.link.mtu, "queues": queues},
        "capabilities": {
            state: seen.as_dict() | {"unknown": seen.unknown_as_dict()}
            for state, seen in nic.capabilities.items()
        },
        "profile": subject.match
        and {"name": subject.match.name, "digest": subject.match.loaded.digest},
        "verdict": ruled.verdict.value,
        "missing": list(ruled.missing),
        "results": sorted(lines, key=_order),
        "environment": _environment(subject),
        "recording": subject.recording and subject.recording.digest,
    }
    return msgspec.convert(found, NicResults)


def _environment(subject: Subject) -> dict[str, object] | None:
    seen, features = subject.environment, subject.nic.features
    if seen is None and features is None:
        return None
    module = seen.module if seen else None
    return {
        "build": seen and seen.build,
        "machine": seen and seen.machine,
        "config": seen and seen.config,
        "module": module and module._asdict(),
        "offloads": None if features is None else sorted(features),
    }


def _order(line: Result) -> tuple[str, str]:
    return line.requirement, line.param


def result(requirement: str, title: str, finding: Finding) -> dict[str, Any]:
    """A finding under its requirement, in JSON types: the fields of `Result`."""
    return {
        "requirement": requirement,
        "title": title,
        "param": finding.param,
        "outcome": finding.outcome.value,
        "kind": finding.kind.value if finding.kind else None,
        "level": finding.level.value,
        "expected": finding.expected,
        "observed": finding.observed,
        "reason": finding.reason,
        "evidence": dict(finding.evidence),
    }


def encode(results: Results) -> bytes:
    """As JSON, keys sorted, two spaces deep, so that two files can be compared."""
    return msgspec.json.format(msgspec.json.encode(results, order="sorted"), indent=2) + b"\n"


def decode(data: bytes, name: str) -> Results:
    """Read results.json.

    Raises:
        InputError: it is not one; says where.
    """
    try:
        return msgspec.json.decode(data, type=Results)
    except msgspec.DecodeError as error:
        raise InputError(f"{name}: not results.json of this version: {error}") from error


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a temporary file, fsync, rename.

    What a link leads to is replaced, not the link; a device or pipe is written to as it is.

    Raises:
        OSError: it cannot be written.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:200]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
