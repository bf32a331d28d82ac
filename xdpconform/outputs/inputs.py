# SPDX-License-Identifier: MIT
"""What a user names to be certified or exported: results.json, recordings, certificates' folders.

Every one may come from a stranger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from xdpconform.errors import InputError
from xdpconform.files import read_file, why_unread
from xdpconform.lab import Subject, judge, requirements, specification
from xdpconform.outputs.attest.names import RECORDING, RESULTS
from xdpconform.outputs.results import Result, Results, build, decode, result
from xdpconform.profiles import Shelf
from xdpconform.sources import recording
from xdpconform.sources.recording import Recording
from xdpconform.stored import take_read

SIZE_LIMIT: Final = 1 << 28
"""Bytes of results.json. A NIC has 40 kB at level claims and half a megabyte at level packets."""


class Given(NamedTuple):
    """A NIC that was judged."""

    results: Results
    """Of this NIC alone."""
    recording: Recording | None = None
    """What it answered."""


class _Head(msgspec.Struct):
    schema: str = ""


def take(words: Iterable[str], shelf: Shelf) -> list[Given]:
    """The NICs that a user's words mean; recordings are judged.

    A recording belongs to the results that name its digest; it is found by itself beside
    results.json. Others are judged for the day they were taken on.

    Args:
        words: results.json files, recordings, folders that hold them.
        shelf: the profiles that recordings are judged by.

    Raises:
        XdpConformError: a word means none of these, or a recording cannot be judged.
    """
    found: list[Results] = []
    recordings: dict[str, tuple[Path, Recording]] = {}
    for word in words:
        for path in _files(Path(word)):
            data = _read(path)
            if _schema(path, data) == recording.SCHEMA:
                one = recording.decode(data, str(path))
                recordings[one.digest] = path, one
                continue
            found.append(_results(path, data))
            beside = beside_results(path)
            if beside.is_file():
                one = recording.read(beside)
                recordings.setdefault(one.digest, (beside, one))
    named = {nic.recording for results in found for nic in results.nics}
    given = []
    for alone in (one for results in found for one in apart(results)):
        _path, held = recordings.get(alone.nics[0].recording or "", (None, None))
        given.append(Given(alone, held))
    for digest, (path, held) in recordings.items():
        if digest not in named:
            given += _judged(path, held, shelf)
    return given


def apart(results: Results) -> list[Results]:
    """Each NIC of a run by itself."""
    return [msgspec.structs.replace(results, nics=[nic]) for nic in results.nics]


def whole(given: Sequence[Given], name: str) -> Results:
    """The NICs of one run as the run had them.

    Raises:
        InputError: they are of several runs.
    """
    first = given[0].results
    nics = [nic for one in given for nic in one.results.nics]
    if any(msgspec.structs.replace(one.results, nics=first.nics) != first for one in given):
        raise InputError(f"{name}: holds NICs of several runs; name one of them")
    return msgspec.structs.replace(first, nics=nics)


def beside_results(path: Path) -> Path:
    """Where the recording of a results.json stands."""
    if path.name == RESULTS:
        return path.with_name(RECORDING)
    return path.with_name(path.name.removesuffix(".json") + recording.SUFFIX)


def _results(path: Path, data: bytes) -> Results:
    try:
        return decode(data, str(path))
    except (RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not results.json of this version: {error}") from error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if (path / RESULTS).is_file():
        return [path / RESULTS]
    found = sorted(one for one in path.iterdir() if (one / RESULTS).is_file())
    found = [folder / RESULTS for folder in found] or recording.files_below(path)
    if not found:
        raise InputError(
            f"{path}: neither results.json nor a recording in it; pytest --iface NIC makes the"
            " one, xdpconform record the other"
        )
    return found


def _schema(path: Path, data: bytes) -> str:
    try:
        return msgspec.json.decode(data, type=_Head).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: neither results.json nor a recording: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return read_file(path, SIZE_LIMIT)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {why_unread(error)}") from error


def _judged(path: Path, held: Recording, shelf: Shelf) -> list[Given]:
    subjects = _known(take_read(path, held, shelf))
    return [Given(judged(subject, moment(held, path)), held) for subject in subjects]


def _known(subjects: Sequence[Subject]) -> Sequence[Subject]:
    for subject in subjects:
        if subject.nic.identity.ifindex == 0:
            raise InputError(subject.nic.unknown)
    return subjects


def moment(taken: Recording, path: Path) -> datetime:
    """When a recording was taken, in UTC.

    Raises:
        InputError: it does not say.
    """
    try:
        return datetime.fromisoformat(taken.taken).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: taken {taken.taken!r}, which is no time of RFC 3339; record the NIC anew"
        ) from error


def judged(subject: Subject, started: datetime) -> Results:
    """The results of a stored NIC at level claims, waivers held against the day of `started`."""
    lines = [
        Result(**result(line.requirement, specification()[line.requirement].title, finding))
        for line, finding in judge(subject, started.date())
    ]
    return build(
        [subject],
        {subject.nic.id: lines},
        started=started.isoformat(timespec="seconds"),
        level="claims",
        required=requirements(),
    )
