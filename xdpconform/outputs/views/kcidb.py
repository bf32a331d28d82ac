# SPDX-License-Identifier: MIT
"""KCIDB v5.3, the format of the kernel's common report database.

A test belongs to a build, and a build to a checkout of sources. A run knows the kernel that it
met, and seldom its sources: unless they are named, the checkout says no more than the release.

Source: kcidb_io/schema/v05_03.py of kernelci/kcidb-io; statuses as its ``status`` defines them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from xdpconform.errors import InputError
from xdpconform.interfaces import safe_id, shown
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.results import encode
from xdpconform.outputs.views.lines import facts_of, lines_of, paragraph, plain, told

if TYPE_CHECKING:
    from xdpconform.outputs.results import NicResults, Result, Results

VERSION: Final = {"major": 5, "minor": 3}
_DIGITS: Final = 16
"""Hexadecimal digits of a digest in an id."""
_STEP: Final = 100
"""Characters of a step of an id or path."""
_EXCERPT: Final = 4000
"""Characters of each of a line's texts; log_excerpt holds 16,384."""
_NUMBERS: Final = {"attach_ms": "ms"}
"""Evidence that is a measurement, and its unit: of a line only the first is passed on."""
_FORMS: Final = {
    "origin": (r"[a-z0-9_]+", "lower-case letters, digits and _"),
    "build": (r"[a-z0-9_]+:[^\0]+", "ORIGIN:ID, as the CI that built the kernel submitted it"),
    "commit": (r"[0-9a-f]{40}", "the 40 hexadecimal digits of the commit"),
    "url": (r"https://[^\0]+", "an https:// address"),
    "branch": (r"[^\0]+", "a name"),
    "tree": (r"[^\0]+", "a name, such as net-next"),
}


class Submission(NamedTuple):
    """Who submits, and what was tested; what is None is not known, and not said.

    Attributes:
        origin: the CI system's name.
        build: the id of a build that was submitted already; then no checkout and no build are
            written, and the tests point there.
        commit: the kernel's commit, in full.
        url: the repository that holds it.
        branch: where in the repository.
        tree: the name by which the tree is known.
    """

    origin: str = "xdpconform"
    build: str | None = None
    commit: str | None = None
    url: str | None = None
    branch: str | None = None
    tree: str | None = None


def kcidb(results: Results, submission: Submission = Submission()) -> str:  # noqa: B008 - a value
    """The results as JSON of KCIDB v5.3.

    Args:
        results: of a run.
        submission: who submits, and what was tested.

    Raises:
        InputError: a word of `submission` is of another form than the schema's, or names one
            source for several kernels.
    """
    _check(results, submission)
    run = _digest(encode(results))
    checkouts: dict[str, dict[str, Any]] = {}
    builds: dict[str, dict[str, Any]] = {}
    tests: list[dict[str, Any]] = []
    for number, nic in enumerate(results.nics):
        build = submission.build
        if build is None:
            build = _kernel(nic, run, submission.origin)
            checkouts[build] = _checkout(build, nic, submission)
            builds[build] = _build(build, nic, submission)
        tests += _tests(results, nic, submission.origin, build, f"{run}.{number}")
    document: dict[str, object] = {"version": VERSION, "tests": tests}
    if builds:
        document |= {"checkouts": list(checkouts.values()), "builds": list(builds.values())}
    encoded = msgspec.json.encode(document, order="sorted")
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def _check(results: Results, submission: Submission) -> None:
    for name, value in submission._asdict().items():
        form, words = _FORMS[name]
        if value is not None and not re.fullmatch(form, value):
            raise InputError(f"KCIDB: {name} '{shown(value)}': expected {words}")
    kernels = {nic.identity.kernel for nic in results.nics}
    if len(kernels) > 1 and (submission.commit or submission.build):
        named = ", ".join(sorted(map(plain, kernels)))
        raise InputError(
            f"KCIDB: one {'build' if submission.build else 'commit'} for {len(kernels)} kernels"
            f" ({named}): export the NICs of each kernel by themselves"
        )


def _kernel(nic: NicResults, run: str, origin: str) -> str:
    """The id of a kernel's checkout and build: the same wherever the same build was met.

    A release alone is no identity; without the build's own words an id is this run's.
    """
    environment = nic.environment
    known = environment.build if environment and environment.build else f"run {run}"
    machine = environment.machine if environment else None
    words = "\0".join([nic.source, nic.identity.kernel, known, machine or ""])
    return f"{origin}:kernel-{_digest(words.encode())}"


def _checkout(name: str, nic: NicResults, submission: Submission) -> dict[str, Any]:
    known = {
        "git_commit_hash": submission.commit,
        "git_repository_url": submission.url,
        "git_repository_branch": submission.branch,
        "tree_name": submission.tree,
    }
    said = {key: value for key, value in known.items() if value is not None}
    unsaid = "" if submission.commit else "; which sources it was built from is not known"
    kernel = plain(nic.identity.kernel)
    return {
        "id": name,
        "origin": submission.origin,
        "comment": f"the kernel {kernel}, as it was found{unsaid}",
        "valid": True,  # it was built, and runs
        "misc": {"kernel": kernel, "source": nic.source},
        **said,
    }


def _build(name: str, nic: NicResults, submission: Submission) -> dict[str, Any]:
    environment = nic.environment
    found: dict[str, Any] = {
        "id": name,
        "checkout_id": name,
        "origin": submission.origin,
        "status": "PASS",
        "misc": {"kernel": plain(nic.identity.kernel), "source": nic.source},
    }
    if environment and environment.build:
        found["comment"] = plain(environment.build)
    if (
        environment
        and environment.machine
        and re.fullmatch(r"[a-z0-9_]{1,64}", environment.machine)
    ):
        found["architecture"] = environment.machine
    if environment and environment.config:
        found["misc"]["config"] = {
            plain(key): plain(value) for key, value in environment.config.items()
        }
    return found


def _tests(
    results: Results, nic: NicResults, origin: str, build: str, run: str
) -> list[dict[str, Any]]:
    environment = {"comment": _where(nic), "misc": facts_of(results, nic)}
    started = {"start_time": results.started} if _is_time(results.started) else {}
    taken: set[str] = set()
    found = []
    for number, line in enumerate(lines_of(results, nic)):
        steps = [safe_id(part[:_STEP]) for part in (nic.id, line.requirement, line.param) if part]
        name = f"{origin}:{'/'.join([run, *steps])}"
        if name in taken:
            name = f"{name}/{number}"  # a step has no slash
        taken.add(name)
        found.append(
            {
                "id": name,
                "build_id": build,
                "origin": origin,
                "path": _path(line),
                "status": ELSEWHERE[line.outcome].kcidb,
                "environment": environment,
                "misc": _misc(line),
                **started,
                **_words(line),
                **_number(line),
            }
        )
    return found


def _where(nic: NicResults) -> str:
    if nic.source == "mock":
        return "a simulated kernel: no NIC was asked"
    text = plain(f"{nic.identity.driver or 'unknown driver'} on {nic.identity.kernel}")
    return f"{text}, from a recording" if nic.source == "recording" else text


def _path(line: Result) -> str:
    steps = ["xdpconform", line.requirement, *([line.param] if line.param else [])]
    return ".".join(re.sub(r"[^a-zA-Z0-9_-]", "_", step[:_STEP]) or "_" for step in steps)


def _misc(line: Result) -> dict[str, str]:
    known = {
        "requirement": line.requirement,
        "row": line.param,
        "outcome": line.outcome,
        "kind": line.kind or "",
        "level": line.level,
    }
    return {key: plain(value) for key, value in known.items() if value}


def _words(line: Result) -> dict[str, str]:
    excerpt = "\n".join(
        f"{name}: {text}" for name, value in told(line) for text in paragraph(value, _EXCERPT)
    )
    # An escape is up to ten characters long.
    found = {"comment": plain(line.title), "log_excerpt": excerpt[:16384]}
    return {key: value for key, value in found.items() if value}


def _number(line: Result) -> dict[str, Any]:
    """What was measured; of a line that was not tried nothing was."""
    if ELSEWHERE[line.outcome].kcidb in ("SKIP", "MISS"):
        return {}
    for key, unit in _NUMBERS.items():
        value = line.evidence.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"number": {"value": value, "unit": unit}}
    return {}


def _is_time(text: str) -> bool:
    """Whether this is a time by RFC 3339, as date-time of JSON Schema."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text):
        return False
    try:
        dt.datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGITS]
