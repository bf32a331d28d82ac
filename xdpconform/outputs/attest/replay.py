# SPDX-License-Identifier: MIT
"""Whether the recording of a certificate gives its results: judged again, compared line by line.

What was seen of programs and frames cannot be replayed; lines above level claims are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from xdpconform import __version__
from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.judge import Level
from xdpconform.lab import Subject, judge, requirements, specification, take_stored
from xdpconform.netlink.wire import readdressed
from xdpconform.outputs.attest.check import Problem, moment
from xdpconform.outputs.attest.names import RECORDING, RESULTS
from xdpconform.outputs.results import NicResults, Result, Results, nic_results, result
from xdpconform.outputs.words import line_name
from xdpconform.profiles import LoadedProfile, Match, Shelf, match
from xdpconform.sources.recording import Recording
from xdpconform.sources.replay import Replay

_WORDED: Final = ("title", "expected", "observed", "reason")
"""Fields that another version of this package may word differently."""
# As outputs/redact.py leaves them, each as long as it was: a host's name, an address, a name by it.
_REDACTED: Final = re.compile(r"x{3,}|00([:-])(?:00\1){4}00|(?<=x)0{9}[0-9a-f]{3}")
_TOLD: Final = 300
_HEX: Final = 32
"""Digits of a netlink message's header: a shorter text is none."""


class Replayed(NamedTuple):
    """What a replay gave."""

    same: int
    """Lines that the recording gives as they stand."""
    above: int
    """Lines above level claims, which it cannot give."""
    notes: list[str]
    problems: list[Problem]


def replay(results: Results, recording: Recording | None, shelf: Shelf) -> Replayed:
    """Judge a certificate's recording again.

    Args:
        results: of one NIC.
        recording: what it answered.
        shelf: the profiles, of which the one that the results name is taken.
    """
    (nic,) = results.nics
    if recording is None:
        return _refused(RECORDING, "missing or broken: there is nothing to replay")
    if moment(results) is None:
        return _refused(RESULTS, "no time to hold waivers against: it cannot be replayed")
    try:
        subject = _subject(nic, recording, shelf)
        found = [
            _compare(results, recording, subject._replace(match=one))
            for one in _matches(nic, subject, shelf)
        ]
    except (InputError, LookupError) as error:
        return _refused(RESULTS, str(error))
    return min(found, key=lambda one: len(one.problems))


def _refused(file: str, text: str) -> Replayed:
    return Replayed(0, 0, [], [Problem(file, text)])


def _subject(nic: NicResults, recording: Recording, shelf: Shelf) -> Subject:
    """The NIC in the recording.

    Raises:
        LookupError: it is not there.
    """
    ifname, ifindex = nic.identity.ifname, nic.identity.ifindex
    name = nic.id.removesuffix(f":{ifname}")  # what its source was called, which some lines say
    subjects = take_stored(Replay(recording, name), "recording", shelf)
    for subject in subjects:
        identity = subject.nic.identity
        if identity.ifindex == ifindex and _same(ifname, identity.ifname, recording):
            return subject
    if len(subjects) == 1 and subjects[0].nic.identity.ifindex == 0:
        raise LookupError(f"{RECORDING} cannot be judged: {shown(subjects[0].nic.unknown)[:_TOLD]}")
    raise LookupError(f"{shown(ifname)[:40]} with number {ifindex} is not in {RECORDING}")


def _matches(nic: NicResults, subject: Subject, shelf: Shelf) -> list[Match | None]:
    """The profile that the results name, by its digest; with its variant as the facts tell it, and
    as a user may have named it.

    Raises:
        LookupError: no such profile is at hand, or the NIC does not fall under it.
        InputError: the profile has no such variant.
    """
    if nic.profile is None:
        return [None]
    driver = subject.nic.identity.driver or ""
    loaded = next((one for one in shelf.of(driver) if one.digest == nic.profile.digest), None)
    if loaded is None:
        raise LookupError(_no_profile(nic.profile.name, nic.profile.digest, shelf.of(driver)))
    told, named = match([loaded], subject.nic), match([loaded], subject.nic, [nic.profile.name])
    found = [one for one in (told, named) if one and one.name == nic.profile.name]
    if not found:
        raise LookupError(
            f"judged by profile {shown(nic.profile.name)[:80]}, under which the recorded NIC does"
            f" not fall; it falls under {told.name if told else 'none of that digest'}"
        )
    return [*found[:1], *(one for one in found[1:] if one != found[0])]


def _no_profile(name: str, digest: str, there: list[LoadedProfile]) -> str:
    words = ", ".join(f"{one.profile.name} {one.digest}" for one in there) or "none"
    return (
        f"judged by profile {shown(name)[:80]} of digest {shown(digest)[:80]}, which is not at"
        f" hand: give its file with --profile (for this driver there are: {words})"
    )


def _compare(results: Results, recording: Recording, subject: Subject) -> Replayed:
    (nic,) = results.nics
    again = _judged(results, subject)
    lines = {(line.requirement, line.param): line for line in nic.results}
    told = [*_facts(nic, again, recording), *_unanswered(results, nic)]
    if len(lines) < len(nic.results):
        told.append("a line stands there twice")
    same, redacted = 0, 0
    worded: dict[str, list[str]] = {}
    for line in again.results:
        name = line_name(line)
        seen = lines.get((line.requirement, line.param))
        if seen is None or seen.level != line.level:
            if line.requirement not in nic.missing:
                told.append(f"{name}: the recording gives {_outcome(line)}, and it is not there")
        elif seen.outcome == "error":
            continue  # the test broke, and says nothing of the NIC
        elif _outcome(seen) != _outcome(line):
            gives = f"{_outcome(line)}: {_short(line.reason)}"
            told.append(f"{name}: {_outcome(seen)}, the recording gives {gives}")
        elif words := [*_differing(seen, line, recording)]:
            worded[name] = words
        elif _plain(seen.evidence) == _plain(line.evidence):
            same += 1
        elif recording.redacted:
            redacted += 1
        else:
            worded[name] = ["evidence: not the bytes that the recording holds"]
    above = sum(line.level != Level.CLAIMS.value for line in nic.results)
    notes = []
    if redacted:
        notes.append(f"{_lines(redacted)} the same but for evidence: the recording is redacted")
    if results.tool.version == __version__:
        told += [f"{name}: {text}" for name, words in worded.items() for text in words]
    elif told or worded:
        versions = f"made by version {_short(results.tool.version)}, replayed by {__version__}"
        notes.append(f"{_lines(len(worded))} worded otherwise: {versions}")
    return Replayed(same, above, notes, [Problem(RESULTS, text) for text in told])


def _lines(number: int) -> str:
    return "1 line is" if number == 1 else f"{number} lines are"


def _judged(results: Results, subject: Subject) -> NicResults:
    day = moment(results)
    assert day is not None  # noqa: S101 - the caller looked
    lines = [
        Result(**result(line.requirement, specification()[line.requirement].title, finding))
        for line, finding in judge(subject, day.date())
    ]
    return nic_results(subject, lines, requirements())


def _facts(nic: NicResults, again: NicResults, recording: Recording) -> Iterator[str]:
    """What the recording tells otherwise of the device."""
    one, other = msgspec.to_builtins((nic.identity, again.identity))
    for field, value in one.items():
        if not _same(value, other[field], recording):
            found, told = _short(repr(value)), _short(repr(other[field]))
            yield f"identity: {field} is {found}, the recording gives {told}"
    if nic.capabilities != again.capabilities:
        yield "capabilities: not those that the recording gives"
    offloads = [one.environment and one.environment.offloads for one in (nic, again)]
    if nic.environment is not None and offloads[0] != offloads[1]:
        yield "environment: offloads are not those that the recording gives"


def _unanswered(results: Results, nic: NicResults) -> Iterator[str]:
    """Requirements of the run's level that are neither answered nor said to be missing."""
    if results.tool.version != __version__:
        return  # which had others
    answered = {line.requirement for line in nic.results}
    for name in sorted(requirements(results.level) - answered.union(nic.missing)):
        yield f"{name}: neither run nor said to be missing"


def _outcome(line: Result) -> str:
    return f"{line.outcome} ({line.kind})" if line.kind else line.outcome


def _differing(seen: Result, told: Result, recording: Recording) -> Iterator[str]:
    for field in _WORDED:
        one, other = getattr(seen, field), getattr(told, field)
        if not _same(one, other, recording):
            found = _short(repr(one))
            yield f"{field} is {found}, the recording gives {_short(repr(other))}"


def _same(seen: object, told: object, recording: Recording) -> bool:
    """Whether a value is the recording's; of a redacted one, but for what was taken out of it."""
    if seen == told:
        return True
    if not (recording.redacted and isinstance(seen, str) and isinstance(told, str)):
        return False
    pattern, end = "", 0
    for mark in _REDACTED.finditer(told):
        pattern += re.escape(told[end : mark.start()]) + f".{{{len(mark[0])}}}"
        end = mark.end()
    return re.fullmatch(pattern + re.escape(told[end:]), seen, re.DOTALL) is not None


def _plain(value: object) -> object:
    """Evidence without sequence numbers and ports: each asking has others."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str) and len(value) >= _HEX:
        try:
            data = bytes.fromhex(value)
        except ValueError:
            return value
        return readdressed([data], data, data[:8] + bytes(8) + data[16:])[0]
    return value


def _short(text: str) -> str:
    clean = shown(text[:_TOLD])
    return clean if len(text) <= _TOLD else f"{clean}..."
