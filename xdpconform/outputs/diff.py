# SPDX-License-Identifier: MIT
"""``xdpconform diff``: what changed between two recordings, results.json or profiles.

What a file is is told by what is in it. Files may come from strangers: they are read within
bounds, and what they say is written with escapes.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from xdpconform.errors import InputError, XdpConformError
from xdpconform.interfaces import shown
from xdpconform.lab import Subject
from xdpconform.outputs import diff_nics, diff_profiles, results
from xdpconform.outputs.diff_change import WORDS, Change, as_text
from xdpconform.profiles.load import SIZE_LIMIT as PROFILE_LIMIT
from xdpconform.profiles.load import decode as decode_profile
from xdpconform.profiles.load import load as load_profile
from xdpconform.profiles.model import Profile
from xdpconform.snapshot import Inspector, stored_links
from xdpconform.sources import recording
from xdpconform.sources.replay import Replay

SIZE_LIMIT: Final = 1 << 28
"""Bytes of a file. results.json has 30 to 40 kB a NIC."""
EXPECTED: Final = (
    f"JSON with the schema {recording.SCHEMA} or {results.SCHEMA}, or the TOML of a profile"
)

Kind = Literal["recording", "results", "profile"]


class Side(NamedTuple):
    """A file, as far as it is compared."""

    path: str
    kind: Kind
    nics: list[results.NicResults]
    profile: Profile | None = None


class Diff(NamedTuple):
    """Two files, and what they differ in."""

    kind: Literal["nics", "profiles"]
    old: Side
    new: Side
    changes: list[Change]


def diff(old: str, new: str, *, as_json: bool) -> int:
    """Print what changed from one file to another.

    Args:
        old: a path.
        new: a path.
        as_json: print JSON.

    Returns:
        The exit status: 0 if nothing differs, else 1.

    Raises:
        InputError: a file cannot be read or is of no known kind, or the two are no pair.
    """
    try:
        found = compare(*(read(path) for path in (old, new)))
    except XdpConformError as error:  # what is wrong is told in a stranger's words
        raise InputError("\n".join(map(shown, str(error).split("\n")))) from error
    text = json.dumps(to_dict(found), indent=2) + "\n" if as_json else to_text(found)
    sys.stdout.write(text)
    return 1 if found.changes else 0


def compare(old: Side, new: Side) -> Diff:
    """What two files differ in.

    Raises:
        InputError: one is a profile, the other is about NICs.
    """
    if old.profile is not None and new.profile is not None:
        return Diff("profiles", old, new, [*diff_profiles.changes(old.profile, new.profile)])
    if old.profile is not None or new.profile is not None:
        raise InputError(
            f"{old.path} is a {_named(old)} and {new.path} a {_named(new)}: a profile is compared"
            " with a profile, a recording or results.json with one of those"
        )
    judged = old.kind == new.kind == "results"
    return Diff("nics", old, new, [*diff_nics.changes(old.nics, new.nics, judged=judged)])


def _named(side: Side) -> str:
    return "results.json" if side.kind == "results" else side.kind


def to_text(found: Diff) -> str:
    """Like a diff: a line a change, by NIC or variant."""
    if not found.changes:
        return "no difference\n"
    titles = {}
    if found.kind == "profiles":
        titles = {change.group: f"variant {change.group}" for change in found.changes}
        titles[""] = "profile"
    head = "".join(
        f"{sign} {_named(side)} {shown(side.path)}\n"
        for sign, side in (("---", found.old), ("+++", found.new))
    )
    return head + as_text(found.changes, titles)


def to_dict(found: Diff) -> dict[str, object]:
    """In JSON types."""
    sides = {
        name: {"path": side.path, "kind": side.kind}
        for name, side in (("a", found.old), ("b", found.new))
    }
    about = "nic" if found.kind == "nics" else "variant"
    return {
        "kind": found.kind,
        **sides,
        "changes": [
            {
                "nic": None,
                "variant": None,
                about: change.group or None,
                "what": change.what,
                "change": WORDS[change.sign],
                "old": change.old,
                "new": change.new,
            }
            for change in found.changes
        ],
    }


def read(path: str) -> Side:
    """A file of any kind.

    Raises:
        XdpConformError: it cannot be read, or is of no known kind.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}") from error
    if len(data) > SIZE_LIMIT:
        raise InputError(f"{path}: larger than {SIZE_LIMIT} bytes; no recording or results.json is")
    if data.lstrip()[:1] != b"{":
        return Side(path, "profile", [], _profile(path, data))
    schema = _schema(path, data)
    if schema == recording.SCHEMA:
        return Side(path, "recording", _recorded(path, data))
    if schema == results.SCHEMA:
        try:
            return Side(path, "results", results.decode(data, path).nics)
        except (RecursionError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not results.json of this version: {error}") from error
    word = "no schema" if schema is None else f"the schema {schema!r}"[:80]
    raise _none_of(path, f"JSON with {word}")


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
