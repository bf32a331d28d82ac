# SPDX-License-Identifier: MIT
"""The journal: every undo that is owed, on disk, for the case that run and guardian both die.

One file a guardian, below /run, which a reboot empties as it empties the settings. The guardian
writes it (`xdpconform.probes.safety.undo`), from pieces that are made here; a later run reads it.
The structs are the format.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from xdpconform.errors import SourceError, WireError
from xdpconform.netlink.subject import subject

SCHEMA: Final = "xdpconform-journal-1"
FOLDER: Final = "/run/xdpconform"
VARIABLE: Final = "XDPCONFORM_STATE"
"""The environment variable that names another folder."""
PREFIX: Final = "journal-"
SUFFIX: Final = ".json"
SIZE_LIMIT: Final = 1 << 22
BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"

Text = Annotated[str, Meta(max_length=4096)]
Pid = Annotated[int, Meta(ge=1, le=1 << 22)]  # PID_MAX_LIMIT, include/linux/threads.h
Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*$", max_length=1 << 17)]
Errno = Annotated[int, Meta(ge=0, le=4095)]  # MAX_ERRNO, include/linux/err.h


class JournalError(SourceError):
    """A journal that cannot be used, or a folder that none can be kept in: says which and why."""


class Process(Struct, frozen=True, forbid_unknown_fields=True):
    """A process: its pid may be given to another, which then started later."""

    pid: Pid
    start: Annotated[int, Meta(ge=0)]
    """Field 22 of /proc/PID/stat: clock ticks after boot."""


class Entry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An undo that is owed."""

    what: Text
    protocol: Literal[0, 16]
    """NETLINK_ROUTE or NETLINK_GENERIC."""
    request: Hex
    """The whole message, nlmsghdr first."""
    settled: Annotated[list[Errno], Meta(max_length=64)]
    """Errnos that say that there is nothing to undo."""
    ifindex: Annotated[int, Meta(ge=0, le=0x7FFFFFFF)]
    """0: the request says none."""
    ifname: Text
    mac: Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*$", max_length=64)]
    """The permanent address, else the one there was; empty if there was none."""
    netns: Annotated[int, Meta(ge=0)]
    """The namespace's inode."""
    path: Text
    """The namespace's file below /run/netns; empty if it had no name."""
    errno: Errno = 0
    """Why the guardian could not run it."""


class Journal(Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    schema: Literal["xdpconform-journal-1"]
    boot: Annotated[str, Meta(max_length=64)]
    """/proc/sys/kernel/random/boot_id"""
    run: Process
    guardian: Process
    entries: Annotated[list[Entry], Meta(max_length=4096)]


def head(boot: str, run: Process, guardian: Process) -> bytes:
    """The file up to its first entry: entries, separated by commas, and ``]}`` make it whole."""
    whole = msgspec.json.encode(Journal(SCHEMA, boot, run, guardian, []))
    return whole.removesuffix(b"]}")


def boot_id() -> str:
    """What names this boot."""
    with open(BOOT_ID, encoding="ascii") as file:
        return file.read().strip()


def process(pid: int) -> Process | None:
    """A process that runs, or None; one that has ended and is not waited for does not run."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # the name before may hold anything
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return Process(pid, int(fields[19]))


def alive(one: Process) -> bool:
    """Whether this very process still runs."""
    return process(one.pid) == one


def state_folder() -> str:
    """The folder of journals, made if it is not there.

    Raises:
        JournalError: it cannot be made, or is not a folder that only this user can change.
    """
    path = os.path.abspath(os.environ.get(VARIABLE) or FOLDER)
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        seen = os.lstat(path)
    except OSError as error:
        raise JournalError(
            f"{path}: no folder for the journal: {error.strerror}; run as root, or name another"
            f" folder in {VARIABLE}"
        ) from error
    if not S_ISDIR(seen.st_mode):
        raise JournalError(f"{path}: the folder of journals is a link or a file: remove it")
    if seen.st_uid != os.geteuid():
        raise JournalError(
            f"{path}: the folder of journals belongs to user {seen.st_uid}, not to"
            f" {os.geteuid()}: remove it, or name another in {VARIABLE}"
        )
    if seen.st_mode & 0o077:
        raise JournalError(
            f"{path}: the folder of journals is open to others (mode {seen.st_mode & 0o777:o}):"
            f" chmod 700 {path}"
        )
    return path


def journals(folder: str) -> list[str]:
    """The journals in a folder, by name."""
    names = sorted(os.listdir(folder))
    return [f"{folder}/{name}" for name in names if name.startswith(PREFIX)]


def read(path: str) -> Journal:
    """Read one journal.

    Raises:
        JournalError: it is none, is not ours, or holds what cannot be meant; names the file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise JournalError(f"{path}: not read: {error.strerror}") from error
    seen = os.fstat(descriptor)
    if not S_ISREG(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o022:
        os.close(descriptor)
        raise JournalError(f"{path}: not a file that only this user can write")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise JournalError(f"{path}: more than {SIZE_LIMIT} bytes")
    try:
        found = msgspec.json.decode(data, type=Journal)
        for entry in found.entries:
            _check(path, entry)
    except (msgspec.DecodeError, WireError) as error:
        raise JournalError(f"{path}: no journal: {error}") from error
    return found


def _check(path: str, entry: Entry) -> None:
    about = subject(entry.protocol, bytes.fromhex(entry.request))
    if about and about != entry.ifindex:
        raise JournalError(
            f"{path}: no journal: the request {entry.what!r} is about ifindex {about}, its entry"
            f" about {entry.ifindex}"
        )
