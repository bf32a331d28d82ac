# SPDX-License-Identifier: MIT
"""Certificates' folders: finding them, and reading of each what a matrix needs.

They come from strangers. Every one is read once, within bounds, and what cannot be read is left
out with its reason: a bad folder never harms the others.
"""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from stat import S_ISDIR
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from xdpconform.errors import InputError
from xdpconform.files import read_file, why_unread
from xdpconform.interfaces import shown
from xdpconform.outputs.attest.names import LIMITS, PAGE, RESULTS, SSH_SIGNATURE, STATEMENTS
from xdpconform.outputs.results import SCHEMA

FOLDER_LIMIT: Final = 1_000_000
DEPTH_LIMIT: Final = 32

Name = Annotated[str, Meta(max_length=8192)]
"""A word of a driver or a firmware. The kernel's own are 64 characters at most."""
Requirement = Annotated[str, Meta(pattern=r"^XDP-[A-Z]{1,16}-[0-9]{1,4}$")]
Level = Literal["claims", "attach", "packets", "stress"]


class Line(Struct, frozen=True, gc=False):
    """Of a line all but its evidence."""

    requirement: Requirement
    title: str
    param: str
    outcome: Literal["pass", "fail", "not-claimed", "blocked", "waived", "error"]
    kind: Literal["over-claim", "under-claim", "mismatch", "malformed"] | None
    level: Level
    expected: str
    observed: str
    reason: str


class Identity(Struct, frozen=True, rename="kebab"):
    """Of a NIC's identity what tells it from another."""

    ifname: Name
    kernel: Name
    driver: Name | None = None
    firmware: Name | None = None
    bus_info: Name | None = None
    pci: Name | None = None
    kind: Name | None = None


class Claims(Struct, frozen=True, rename="kebab"):
    """The flags claimed."""

    xdp_features: list[Name] | None = None
    xdp_rx_metadata_features: list[Name] | None = None
    xsk_features: list[Name] | None = None

    def flags(self) -> list[str]:
        """The flags of all attributes, each once."""
        sets = (self.xdp_features, self.xdp_rx_metadata_features, self.xsk_features)
        return sorted({flag for flags in sets for flag in flags or ()})


class Profile(Struct, frozen=True):
    """The profile's name and digest."""

    name: Name
    digest: Name


class NicLines(Struct, frozen=True):
    """One NIC."""

    id: Name
    source: Literal["kernel", "recording", "mock"]
    identity: Identity
    capabilities: Mapping[Literal["idle", "attached"], Claims]
    profile: Profile | None
    verdict: Literal["CONFORMS", "FAILS", "INCOMPLETE"]
    missing: list[str]
    results: list[Line]


class _Tool(Struct, frozen=True):
    name: Name
    version: Name


class Run(Struct, frozen=True):
    """results.json without its evidence."""

    schema: Literal["xdpconform-results-1"]
    tool: _Tool
    started: Name
    level: Level
    nics: Annotated[list[NicLines], Meta(max_length=1024)]


class Certificate(NamedTuple):
    """A folder that was read."""

    folder: str
    page: str
    """The file to show: its page, or results.json where it has none."""
    digest: str
    """SHA-256 of results.json, in hex."""
    statement: bool
    """Whether it has one; the digest is then the statement's."""
    signed: bool
    """Whether there is a signature. Nobody checked it: ``xdpconform verify`` does."""
    started: str
    """RFC 3339, in UTC, to the second."""
    run: Run


class LeftOut(NamedTuple):
    """A folder that could not be read."""

    folder: str
    reason: str


class _Subject(Struct, frozen=True):
    name: str = ""
    digest: dict[str, str] = {}


class _Statement(Struct, frozen=True):
    subject: list[_Subject]


class _Envelope(Struct, frozen=True):
    payload: str
    signatures: list[msgspec.Raw] = []


class _Bad(Exception):  # noqa: N818 - a folder's reason, never raised to callers
    pass


_RUN: Final = msgspec.json.Decoder(Run)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_STATEMENT: Final = msgspec.json.Decoder(_Statement)


def certificates(words: Iterable[str]) -> Iterator[Certificate | LeftOut]:
    """Read every certificate that the words mean, in the order of their paths.

    Args:
        words: certificates' folders, or folders that hold them, however deep.

    Raises:
        InputError: a word is no folder, or there are too many folders below it.
    """
    seen: set[tuple[int, int]] = set()
    for word in words:
        try:
            if not S_ISDIR(os.stat(word).st_mode):
                raise InputError(f"{shown(word)}: not a folder; name a certificate's folder")
        except (OSError, ValueError) as error:  # ValueError: a null character
            why = getattr(error, "strerror", None) or error
            raise InputError(f"{shown(word)}: cannot be read: {why}") from error
        for found in _walk(word, seen):
            yield found if isinstance(found, LeftOut) else read(found)


def _walk(top: str, seen: set[tuple[int, int]]) -> Iterator[str | LeftOut]:
    """The folders that are certificates; each is entered once, whatever links lead to it."""
    waiting = [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            if len(seen) > FOLDER_LIMIT:
                raise InputError(
                    f"{shown(top)}: more than {FOLDER_LIMIT} folders; name those that hold"
                    " certificates"
                )
            with os.scandir(folder) as entries:
                below = sorted((entry.name, entry.is_dir()) for entry in entries)
        except OSError as error:
            yield LeftOut(folder, f"cannot be read: {error.strerror}")
            continue
        names = {name for name, is_folder in below if not is_folder}
        if RESULTS in names:
            yield folder
        elif STATEMENTS in names:
            yield LeftOut(folder, f"{STATEMENTS} without {RESULTS}")
        elif depth == DEPTH_LIMIT and len(names) < len(below):
            yield LeftOut(folder, f"folders more than {DEPTH_LIMIT} deep are not entered")
        else:
            inner = [os.path.join(folder, name) for name, is_folder in below if is_folder]
            waiting += [(path, depth + 1) for path in reversed(inner)]


def read(folder: str) -> Certificate | LeftOut:
    """Read one folder."""
    try:
        return _read(folder)
    except _Bad as problem:
        return LeftOut(folder, str(problem))


def _read(folder: str) -> Certificate:
    data = _bytes(folder, RESULTS)
    if data is None:
        raise _Bad(f"{RESULTS} is not there")
    digest = sha256(data).hexdigest()
    try:
        run = _RUN.decode(data)
        started = datetime.fromisoformat(run.started).astimezone(UTC).replace(microsecond=0)
    except msgspec.DecodeError as error:
        raise _Bad(f"{RESULTS} is none of {SCHEMA}: {error}") from error
    except (RecursionError, UnicodeDecodeError) as error:
        raise _Bad(f"{RESULTS} cannot be decoded: {error}") from error
    except (ValueError, OverflowError) as error:
        raise _Bad(f"{RESULTS}: started {run.started[:40]!r} is no time of RFC 3339") from error
    for nic in run.nics:
        # In words, not in pairs: those would keep the garbage collector busy.
        if len({f"{one.requirement} {one.param}" for one in nic.results}) < len(nic.results):
            raise _Bad(f"{RESULTS}: NIC {nic.id[:40]!r} has a line twice")
    statement = _bytes(folder, STATEMENTS)
    return Certificate(
        folder,
        PAGE if os.path.isfile(os.path.join(folder, PAGE)) else RESULTS,
        digest,
        statement is not None,
        statement is not None
        and (_attested(statement, digest) or os.path.isfile(os.path.join(folder, SSH_SIGNATURE))),
        started.isoformat().replace("+00:00", "Z"),
        run,
    )


def _attested(data: bytes, digest: str) -> bool:
    """Hold the digest of results.json against every statement; whether all are signed."""
    signed = True
    envelopes = data.splitlines()
    if not envelopes:
        raise _Bad(f"{STATEMENTS} is empty")
    for number, line in enumerate(envelopes, 1):
        where = f"{STATEMENTS}, line {number}"
        try:
            envelope = _ENVELOPE.decode(line)
            statement = _STATEMENT.decode(b64decode(envelope.payload, validate=True))
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            raise _Bad(f"{where}: no statement in an envelope: {error}") from error
        said = [one.digest.get("sha256") for one in statement.subject if one.name == RESULTS]
        if not said:
            raise _Bad(f"{where}: says nothing of {RESULTS}")
        if said != [digest]:
            raise _Bad(f"{RESULTS} is not the file that was attested: its digest is another")
        signed = signed and bool(envelope.signatures)
    return signed


def _bytes(folder: str, name: str) -> bytes | None:
    """A file, if it is there."""
    try:
        return read_file(os.path.join(folder, name), LIMITS[name])
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _Bad(f"{name} cannot be read: {why_unread(error)}") from error
