# SPDX-License-Identifier: MIT
"""Read profile files: every problem is reported, with its place and the nearest valid word."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from xdpconform.errors import InputError, ProfileError
from xdpconform.profiles import conditions
from xdpconform.profiles.kernel import KernelVersion
from xdpconform.profiles.model import (
    FORMAT,
    ClaimRule,
    Computed,
    Flag,
    Need,
    Profile,
    Rule,
    SegmentsRule,
    State,
    Variant,
    Waiver,
)

SHIPPED: Final = Path(__file__).parent
"""Where the profiles of this package are."""
SIZE_LIMIT: Final = 1 << 18
"""Bytes of a profile file; one of every driver's is below 20,000."""
_DOTS_LIMIT: Final = 64
"""Dots of a line: tomllib takes time by the cube of the parts of a key."""
_RULES_LIMIT: Final = 1000
"""Rules of a profile: each is held against each."""
_PROBLEMS_LIMIT: Final = 50
"""Problems that are told of one file."""
_TEXT_LIMIT: Final = 2000
"""Characters of one of them."""

_ARRAYS: Final[dict[str, type[msgspec.Struct]]] = {
    "claim": ClaimRule,
    "zc-max-segs": SegmentsRule,
    "variant": Variant,
    "waiver": Waiver,
}
_WORDS: Final[dict[str, Sequence[str]]] = {
    **{key: [flag.value for flag in Flag] for key in ("flags", "without")},
    "need": [need.value for need in Need],
    "states": [state.value for state in State],
    "undecided": ["blocked", "optional"],
    "basis": ["read", "seen", "inferred"],
    "all-of": ["ports"],
}


class LoadedProfile(NamedTuple):
    """A profile, where it came from, and the digest that certificates name."""

    profile: Profile
    path: str
    digest: str
    """``sha256:`` and the hex digest of the file, and of the file it extends."""


def load(path: Path) -> LoadedProfile:
    """Read one profile file.

    Raises:
        ProfileError: all that is wrong with it, a line each.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ProfileError(name, [f"cannot be read: {error.strerror}"]) from error
    if len(data) > SIZE_LIMIT:
        raise ProfileError(name, [f"larger than {SIZE_LIMIT} bytes"])
    profile = decode(data, name)
    digest = hashlib.sha256(data)
    if profile.extends is not None:
        base = _base(profile.extends, name, data)
        profile = _extended(base.profile, profile)
        digest.update(base.digest.encode())
        problems = list(_contradictions(profile, whole=True))
        if problems:
            raise ProfileError(name, problems)
    return LoadedProfile(profile, name, f"sha256:{digest.hexdigest()}")


def files_of(path: Path) -> list[Path]:
    """The profile files that a path means: itself, or those in a folder.

    Raises:
        ProfileError: a folder without any.
    """
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.toml"))
    if not found:
        raise ProfileError(str(path), ["no *.toml file in this folder"])
    return found


def load_all(paths: Iterable[Path] = ()) -> list[LoadedProfile]:
    """The profiles of files and folders, then the shipped ones; raises as `load_files`."""
    return load_files([*paths, SHIPPED])


def load_files(paths: Iterable[Path]) -> list[LoadedProfile]:
    """The profiles of files and folders.

    Raises:
        ProfileError: all that is wrong with one of them.
        InputError: all that is wrong with several.
    """
    files = [file for path in paths for file in files_of(path)]
    loaded = []
    errors = []
    for path in files:
        try:
            loaded.append(load(path))
        except ProfileError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else InputError("\n".join(map(str, errors)))
    return loaded


def decode(data: bytes, name: str) -> Profile:
    """Decode the bytes of a profile file.

    Args:
        data: TOML in UTF-8.
        name: what to call the file in errors.

    Raises:
        ProfileError: all that is wrong with it.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ProfileError(name, [f"line {line}: not UTF-8 text"]) from error
    _check_lines(text, name)
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of 5,000 digits
        raise ProfileError(name, [f"not TOML: {error}"]) from error
    try:
        profile = msgspec.convert(table, Profile)
    except ValueError as error:  # msgspec.ValidationError, or a number of 5,000 digits
        raise ProfileError(name, _some(_problems(table, text))) from error
    parts: list[Profile | Variant] = [profile, *profile.variant]
    rules = sum(len(part.claim) + len(part.zc_max_segs) for part in parts)
    if rules > _RULES_LIMIT:
        raise ProfileError(name, [f"{rules} rules; a profile has at most {_RULES_LIMIT}"])
    problems = _some(_contradictions(profile, whole=profile.extends is None))
    if problems:
        raise ProfileError(name, problems)
    return profile


def _check_lines(text: str, name: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        dots = line.count(".")
        if dots > _DOTS_LIMIT:
            raise ProfileError(name, [f"line {number}: {dots} dots; at most {_DOTS_LIMIT}"])


def _some(problems: Iterable[str]) -> list[str]:
    """The first problems; of a text from the file, the first part."""
    found = list(islice(problems, _PROBLEMS_LIMIT + 1))
    if len(found) > _PROBLEMS_LIMIT:
        found[-1] = "and more"
    return [one if len(one) <= _TEXT_LIMIT else one[:_TEXT_LIMIT] + "..." for one in found]


def _problems(table: dict[str, Any], text: str) -> Iterator[str]:
    found = table.get("schema", "none")
    if found != FORMAT:
        known = isinstance(found, str) or found in range(1000)
        word = repr(found)[:40] if known else type(found).__name__
        yield f"schema: {FORMAT} expected, found {word}; this version reads no other"
        return
    shallow: dict[str, Any] = dict(table)
    for key, struct in _ARRAYS.items():
        value = table.get(key)
        if not isinstance(value, list):
            continue
        shallow[key] = []
        for index, item in enumerate(value):
            problem = _convert(item, struct, text, f"{key}[{index}]")
            if problem:
                yield problem
    problem = _convert(shallow, Profile, text, "")
    if problem:
        yield problem


def _convert(value: Any, struct: type[msgspec.Struct], text: str, place: str) -> str | None:
    try:
        msgspec.convert(value, struct)
    except msgspec.ValidationError as error:
        message, _, path = str(error).rpartition(" - at `$")  # before it may stand anything
        message, path = (message, path) if message else (path, "")
        place = (place + path.rstrip("`")).lstrip(".") or place
        return f"{_line(text, place)}{place or 'top level'}: {message}{_nearest(message, place)}"
    return None


def _nearest(message: str, place: str) -> str:
    keys = re.findall(r"[A-Za-z-]+", place)
    unknown = re.search(r"unknown field `([^`]{1,80})`", message)
    if unknown:
        structs: dict[str, type[msgspec.Struct]] = {**_ARRAYS, "computed": Computed}
        struct = structs.get(keys[-1], Profile) if keys else Profile
        return did_you_mean(
            unknown[1], sorted(field.encode_name for field in msgspec.structs.fields(struct))
        )
    invalid = re.search(r"enum value '([^']{1,80})'", message)
    words = _WORDS.get(keys[-1]) if keys else None  # a key of the file may say anything
    return did_you_mean(invalid[1], words) if invalid and words else ""


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """The end of an error: the nearest valid word, or all of them."""
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; valid are: {', '.join(words)}"


def _line(text: str, place: str) -> str:
    """``line N: `` of the table or key that a place such as ``variant[1].claim[0]`` names."""
    position = 0
    table = ""
    for key, index in re.findall(r"([A-Za-z-]+)(?:\[(\d+)\])?", place):
        if index == "" or key not in _ARRAYS:
            match = re.compile(rf"^[ \t]*{re.escape(key)}[ \t]*=", re.MULTILINE).search(
                text, position
            )
        else:
            table = f"{table}.{key}".lstrip(".")
            header = re.compile(rf"^[ \t]*\[\[[ \t]*{re.escape(table)}[ \t]*\]\]", re.MULTILINE)
            matches = list(header.finditer(text, position))
            match = matches[int(index)] if int(index) < len(matches) else None
        if match is None:
            break
        position = match.end()
    return f"line {text.count(chr(10), 0, position) + 1}: " if position else ""


def _contradictions(profile: Profile, *, whole: bool) -> Iterator[str]:
    """What is wrong between the parts; some of it cannot be told before `extends` is followed."""
    yield from _when_problems(profile.when, "when")
    yield from _rule_problems("", profile.claim, profile.zc_max_segs)
    names = [variant.name for variant in profile.variant]
    for number, variant in enumerate(profile.variant):
        place = f"variant {variant.name}: "
        if variant.name in names[:number]:
            yield f"{place}there are two of this name"
        if variant.computed and variant.claim:
            yield f"{place}computed leaves no room for claim"
        yield from _when_problems(variant.when, place + "when")
        yield from _rule_problems(place, variant.claim, variant.zc_max_segs, profile.claim)
    if not whole:
        return
    parts: list[Profile | Variant] = [profile, *profile.variant]
    flags = {flag for part in parts for rule in part.claim for flag in rule.flags}
    if any(part.zc_max_segs for part in parts) and Flag.XSK_ZEROCOPY not in flags:
        yield "zc-max-segs: no claim names xsk-zerocopy, without which it is never reported"
    for waiver in profile.waiver:
        if waiver.variant is not None and waiver.variant not in names:
            yield f"waiver of {waiver.requirement}: no variant is called {waiver.variant!r}" + (
                did_you_mean(waiver.variant, names) if names else ""
            )


def _when_problems(when: dict[str, Any], place: str) -> Iterator[str]:
    for word, problem in conditions.check(when):
        base = word.removeprefix("not-")
        near = did_you_mean(base, list(conditions.FACTS)) if "no fact" in problem else ""
        yield f"{place}: {word}: {problem}{near}"


def _rule_problems(
    place: str,
    claims: Sequence[ClaimRule],
    segments: Sequence[SegmentsRule],
    common: Sequence[ClaimRule] = (),
) -> Iterator[str]:
    rules: list[ClaimRule | SegmentsRule] = [*claims, *segments]
    for number, rule in enumerate(rules, 1):
        if isinstance(rule, ClaimRule):
            where = f"{place}claim of {', '.join(flag.value for flag in rule.flags)}"
            if len(set(rule.flags)) < len(rule.flags):
                yield f"{where}: a flag stands there twice"
        else:
            where = f"{place}zc-max-segs {number - len(claims)}"
            bounds = (rule.at_least, rule.at_most)
            if (rule.exactly is not None) == (bounds != (None, None)):
                yield f"{where}: give exactly, or at-least and at-most"
            if rule.at_least and rule.at_most and rule.at_least > rule.at_most:
                yield f"{where}: at-least {rule.at_least} is above at-most {rule.at_most}"
        yield from _when_problems(rule.when, f"{where}: when")
        if not rule.states:
            yield f"{where}: states is empty"
        if rule.added and rule.removed and _version(rule.added) >= _version(rule.removed):
            yield f"{where}: added {rule.added} is not before removed {rule.removed}"
    for number, other in enumerate(claims):
        for one in [*common, *claims[:number]]:
            both = [flag.value for flag in one.flags if flag in other.flags]
            if both and one.need != other.need and one.when == other.when and _meet(one, other):
                yield (
                    f"{place}claim of {', '.join(both)}: both {one.need.value} and"
                    f" {other.need.value} for the same kernels, states and facts"
                )


def _meet(one: Rule, other: Rule) -> bool:
    """Whether both rules can apply to the same kernel and state."""
    if not set(one.states) & set(other.states) or one.releases != other.releases:
        return False
    start = max(_version(rule.added) for rule in (one, other))
    ends = [_version(rule.removed) for rule in (one, other) if rule.removed]
    return not ends or start < min(ends)


def _version(text: str | None) -> KernelVersion:
    return KernelVersion.parse(text) if text else KernelVersion(0, 0)


def _base(extends: str, name: str, data: bytes) -> LoadedProfile:
    path = SHIPPED / f"{extends}.toml"
    shipped = sorted(file.stem for file in SHIPPED.glob("*.toml"))
    if extends not in shipped:
        place = _line(data.decode(), "extends")
        raise ProfileError(
            name,
            [f"{place}extends: no shipped profile {extends!r}{did_you_mean(extends, shipped)}"],
        )
    base = load(path)
    if base.profile.extends is not None:
        raise InputError(f"{path}: a shipped profile extends another")
    return base


def _extended(base: Profile, own: Profile) -> Profile:
    merged = {
        "claim": [*base.claim, *own.claim],
        "zc_max_segs": own.zc_max_segs or base.zc_max_segs,
        "variant": [*base.variant, *own.variant],
        "waiver": [*base.waiver, *own.waiver],
        "when": {**base.when, **own.when},
        "crashes": own.crashes or base.crashes,
        "jumbo_errno": own.jumbo_errno or base.jumbo_errno,
    }
    return msgspec.structs.replace(own, **merged)
