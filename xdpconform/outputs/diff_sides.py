# SPDX-License-Identifier: MIT
"""What is compared: a recording, results.json, a certificate's folder or a profile, as values.

What a file is is told by what is in it. Files may come from strangers: they are read within
bounds, and of a folder only files of the names that certificates have.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from xdpconform.errors import InputError
from xdpconform.lab import Subject
from xdpconform.outputs import results
from xdpconform.outputs.attest.names import RESULTS
from xdpconform.outputs.diff_effects import LEVELS
from xdpconform.profiles.load import SIZE_LIMIT as PROFILE_LIMIT
from xdpconform.profiles.load import decode as decode_profile
from xdpconform.profiles.load import load as load_profile
from xdpconform.profiles.model import Profile
from xdpconform.snapshot import Inspector, stored_links
from xdpconform.sources import recording
from xdpconform.sources.replay import Replay

SIZE_LIMIT: Final = 1 << 28
"""Bytes of a file, or of all in a folder. results.json has 30 to 500 kB a NIC."""
EXPECTED: Final = (
    f"JSON with the schema {recording.SCHEMA} or {results.SCHEMA}, or the TOML of a profile"
)

Kind = Literal["recording", "results", "certificate", "profile"]


class Side(NamedTuple):
    """A file or a folder, as far as it is compared."""

    path: str
    kind: Kind
    nics: Sequence[results.NicResults]
    profile: Profile | None = None
    level: str | None = None
    """Of a run; of several certificates the weakest; None where nothing was judged."""

    @property
    def judged(self) -> bool:
        """Whether there are verdicts and outcomes."""
        return self.kind in ("results", "certificate")

    @property
    def name(self) -> str:
        """What the kind is called in sentences."""
        return RESULTS if self.kind == "results" else self.kind


def read(path: str) -> Side:
    """A file or folder of any kind.

    Raises:
        XdpConformError: it cannot be read, or is of no known kind.
    """
    if os.path.isdir(path):
        return _folder(path)
    data = _bytes(path, SIZE_LIMIT)
    if data.lstrip()[:1] != b"{":
        return Side(path, "profile", [], _profile(path, data))
    schema = _schema(path, data)
    if schema == recording.SCHEMA:
        return Side(path, "recording", _recorded(path, data))
    if schema == results.SCHEMA:
        found = _results(path, data)
        return Side(path, "results", found.nics, level=found.level)
    word = "no schema" if schema is None else f"the schema {schema!r}"[:80]
    raise _none_of(path, f"JSON with {word}")


def _bytes(path: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}") from error
    if len(data) > limit:
        raise InputError(f"{path}: larger than {limit} bytes; no recording or results.json is")
    return data


def _folder(path: str) -> Side:
    """One certificate, or a folder of them: all their NICs, by the names of the folders."""
    try:
        names = [os.path.join(path, RESULTS)]
        if not _is_file(names[0]):
            inner = (os.path.join(path, name, RESULTS) for name in sorted(os.listdir(path)))
            names = [name for name in inner if _is_file(name)]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not names:
        raise InputError(
            f"{path}: a folder without a certificate: expected {RESULTS} in it, or in a folder"
            " in it for each NIC; name a certificate's folder, or a file"
        )
    left, found = SIZE_LIMIT, []
    for name in names:
        data = _bytes(name, SIZE_LIMIT)
        left -= len(data)
        if left < 0:
            raise InputError(
                f"{path}: its certificates have more than {SIZE_LIMIT} bytes; name one of them"
            )
        found.append(_results(name, data))
    nics = [nic for one in found for nic in one.nics]
    return Side(path, "certificate", nics, level=min((r.level for r in found), key=LEVELS.index))


def _is_file(path: str) -> bool:
    """Not a pipe or a device, whose reading may never end."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _results(path: str, data: bytes) -> results.Results:
    try:
        return results.decode(data, path)
    except (RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not results.json of this version: {error}") from error


def _none_of(path: str, found: str) -> InputError:
    return InputError(
        f"{path}: neither a recording, results.json nor a profile: expected {EXPECTED};"
        f" found {found}"
    )


class _Head(msgspec.Struct):
    schema: Any = None


def _schema(path: str, data: bytes) -> object:
    try:
        return msgspec.json.decode(data, type=_Head).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _none_of(path, f"what is not JSON: {error}") from error


def _profile(path: str, data: bytes) -> Profile:
    if not data.strip():
        raise _none_of(path, "nothing: it is empty")
    if len(data) > PROFILE_LIMIT:
        raise _none_of(path, f"{len(data)} bytes that are not JSON, more than a profile has")
    try:
        table = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise _none_of(path, "bytes that are not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise _none_of(path, f"text that is neither JSON nor TOML: {error}") from error
    if "schema" not in table:
        raise _none_of(path, "TOML without a schema")
    profile = decode_profile(data, path)
    return profile if profile.extends is None else load_profile(Path(path)).profile


def _recorded(path: str, data: bytes) -> list[results.NicResults]:
    """The NICs of a recording, as results without a line."""
    source = Replay(recording.decode(data, path), path)
    with Inspector(source) as inspector:
        nics = [inspector.nic(link, deep=False) for link in stored_links(source, inspector)]
    return [results.nic_results(Subject(nic, None, "recording"), (), frozenset()) for nic in nics]


__all__ = ["EXPECTED", "SIZE_LIMIT", "Kind", "Side", "read"]
