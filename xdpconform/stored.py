# SPDX-License-Identifier: MIT
"""NICs that are not here: from recordings, and from the mock kernel.

What is wrong with one recording stays its own: the others are judged as if it were not there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from xdpconform.errors import InputError, RecordingError
from xdpconform.lab import Subject, take_stored, unjudged
from xdpconform.profiles import Shelf
from xdpconform.sources.recording import Recording, files_of, name_of, read
from xdpconform.sources.replay import Replay


def take_recording(path: Path, shelf: Shelf, taken: Collection[str] = ()) -> list[Subject]:
    """The NICs of one file; one that stands for all of them if nothing can be learned of it."""
    name = name_of(path)
    try:
        recording = read(path)
    except RecordingError as error:
        return [unjudged(name, "unknown", str(error), "recording", taken)]
    return take_read(path, recording, shelf, taken)


def take_read(
    path: Path, recording: Recording, shelf: Shelf, taken: Collection[str] = ()
) -> list[Subject]:
    """The NICs of a recording that was read from a file."""
    subjects = take_stored(Replay(recording, name_of(path)), "recording", shelf, taken)
    return [subject._replace(recording=recording) for subject in subjects]


def take_recordings(
    words: Iterable[str], shelf: Shelf, others: Iterable[Subject] = ()
) -> list[Subject]:
    """The NICs of all recordings that a user's words mean.

    Args:
        words: files, folders, globs.
        shelf: the profiles.
        others: NICs that the run has already.

    Raises:
        InputError: a word means no file, or no file is a recording.
    """
    taken = {subject.nic.id for subject in others}
    subjects = []
    for path in files_of(words):
        found = take_recording(path, shelf, taken)
        taken.update(subject.nic.id for subject in found)
        subjects += found
    reasons = [subject.nic.unknown for subject in subjects if subject.nic.identity.ifindex == 0]
    if subjects and len(reasons) == len(subjects):
        raise InputError("\n".join(reasons))
    return subjects


def take_mocks(words: Sequence[str], shelf: Shelf, others: Iterable[Subject]) -> list[Subject]:
    """The NICs that ``--mock`` names.

    Raises:
        InputError: there is no such driver, variant, kernel or fault.
    """
    if not words:
        return []
    from xdpconform.mock import parse  # imports scapy

    taken = {subject.nic.id for subject in others}
    subjects = []
    for source in parse(words):
        variant = source.name.partition("@")[0].partition(":")[2]
        found = take_stored(source, "mock", shelf, taken, variant=variant)
        taken.update(subject.nic.id for subject in found)
        subjects += found
    return subjects
