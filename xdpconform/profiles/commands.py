# SPDX-License-Identifier: MIT
"""``xdpconform profile list|show|check|draft``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from xdpconform.errors import InputError, ProfileError, RecordingError
from xdpconform.interfaces import select, shown
from xdpconform.nic import Nic
from xdpconform.profiles.draft import chosen_link, draft
from xdpconform.profiles.load import (
    SHIPPED,
    LoadedProfile,
    decode,
    did_you_mean,
    files_of,
    load,
    load_all,
)
from xdpconform.snapshot import Inspector, stored_links
from xdpconform.sources import Kernel
from xdpconform.sources.recording import read as read_recording
from xdpconform.sources.replay import Replay


def list_profiles(*, as_json: bool) -> int:
    """Print the shipped profiles: name, drivers, variants, digest."""
    loaded = load_all()
    if as_json:
        _print_json([_brief(one) for one in loaded])
        return 0
    for one in loaded:
        profile = one.profile
        variants = " ".join(variant.name for variant in profile.variant)
        drivers = ", ".join(profile.driver)
        sys.stdout.write(f"{profile.name:14} {shown(drivers)}\n")
        if variants:
            sys.stdout.write(f"{'':14} variants: {variants}\n")
    return 0


def _brief(one: LoadedProfile) -> dict[str, object]:
    return {
        "name": one.profile.name,
        "title": one.profile.title,
        "driver": one.profile.driver,
        "variants": [variant.name for variant in one.profile.variant],
        "path": one.path,
        "digest": one.digest,
    }


def show_profile(name: str, *, as_json: bool) -> int:
    """Print a profile: the file as it is, or as JSON with everything it extends."""
    path = Path(name)
    if "/" not in name and not name.endswith(".toml"):
        path = SHIPPED / f"{name}.toml"
        shipped = sorted(file.stem for file in SHIPPED.glob("*.toml"))
        if name not in shipped:
            raise InputError(f"no shipped profile {shown(name)!r}{did_you_mean(name, shipped)}")
    loaded = load(path)
    if as_json:
        _print_json(msgspec.to_builtins(loaded.profile))
    else:
        sys.stdout.write(path.read_text(encoding="utf-8"))
    return 0


def check_profiles(paths: Sequence[str], *, as_json: bool) -> int:
    """Check files and folders; the exit status is 1 if any is wrong."""
    problems: list[str] = []
    good: list[LoadedProfile] = []
    for path in map(Path, paths):
        try:
            files = files_of(path)
        except ProfileError as error:
            problems.append(str(error))
            continue
        for file in files:
            try:
                good.append(load(file))
            except ProfileError as error:
                problems += str(error).split("\n")
    if as_json:
        _print_json({"good": [_brief(one) for one in good], "problems": problems})
    else:
        for one in good:
            sys.stdout.write(f"{shown(one.path)}: good\n")
        for problem in problems:
            sys.stdout.write(f"{shown(problem)}\n")
    return 1 if problems else 0


def draft_profile(
    nic: str | None, *, netns: str | None, recording: str | None = None, as_json: bool
) -> int:
    """Print a profile that certifies a NIC as it is.

    Args:
        nic: name, number or glob; may be left out where a recording holds one NIC.
        netns: where the NIC is.
        recording: a file to take the NIC from, in place of the kernel.
        as_json: print JSON.

    Returns:
        The exit status: 0.

    Raises:
        XdpConformError: not one NIC is meant, or its claims are not known or have no name.
    """
    text = draft(_live(nic, netns) if recording is None else _recorded(nic, netns, recording))
    profile = decode(text.encode(), "draft")  # what we print passes our own check
    if as_json:
        _print_json(msgspec.to_builtins(profile))
    else:
        sys.stdout.write(text)
    return 0


def _live(word: str | None, netns: str | None) -> Nic:
    if word is None:
        raise InputError("name a NIC, such as eth0, or a recording with --recording FILE")
    with Inspector(Kernel(netns)) as inspector:
        links = select([word], inspector.links())
        if len(links) != 1:
            raise InputError(f"{shown(word)} names {len(links)} interfaces: draft takes one")
        return inspector.nic(links[0])


def _recorded(word: str | None, netns: str | None, path: str) -> Nic:
    if netns is not None:
        raise InputError(
            "--netns says where a live NIC is, --recording that none is asked: leave one out"
        )
    try:
        recording = read_recording(Path(path))
    except RecordingError as error:  # told in the words of whoever wrote the file
        raise RecordingError(shown(str(error))) from error
    source = Replay(recording, path)
    with Inspector(source) as inspector:
        link = chosen_link(word, stored_links(source, inspector), path)
        return inspector.nic(link)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
