# SPDX-License-Identifier: MIT
"""What a run and its guardian left undone when both were killed: put back at the next start."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator

import msgspec

from xdpconform.errors import KernelError, SourceError
from xdpconform.interfaces import shown
from xdpconform.netlink.extack import ExtAck
from xdpconform.probes.safety import undo as program
from xdpconform.probes.safety.guardian import identity
from xdpconform.probes.safety.journal import (
    PREFIX,
    SUFFIX,
    Entry,
    Journal,
    JournalError,
    alive,
    boot_id,
    journals,
    process,
    read,
    state_folder,
)
from xdpconform.probes.safety.spaces import inode, netlink_socket, path_of


def recover(folder: str | None = None) -> tuple[str, ...]:
    """Put back what dead runs left, and say what was done, a sentence each.

    A journal whose run or guardian lives is left alone. One of another boot is removed: settings
    do not outlive a boot. An undo runs only where the namespace, the number and the address of
    the device are still those of then; what the kernel refuses stays for the next start.

    Args:
        folder: where journals are, if not in the usual folder.

    Raises:
        JournalError: the folder cannot be trusted, or a journal in it; names it. The others have
            been dealt with by then, which the notes of the error say.
    """
    folder = state_folder() if folder is None else folder
    notes: list[str] = []
    bad: list[JournalError] = []
    with _alone(folder):
        for path in journals(folder):
            try:
                notes += _recover(path, read(path))
            except JournalError as error:
                if os.path.lexists(path):  # else its guardian has removed it meanwhile
                    bad.append(error)
        _sweep(folder)
    if bad:
        refusal = JournalError("\n".join(f"{one}; look at it, then remove it" for one in bad))
        for note in notes:
            refusal.add_note(note)
        raise refusal
    return tuple(notes)


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """One at a time: two runs may start together."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(folder: str) -> None:
    """Remove what guardians that are no more had begun to write."""
    for name in os.listdir(folder):
        match = re.fullmatch(rf"\.{PREFIX}\d+-\d+-(\d+){re.escape(SUFFIX)}\.new", name)
        if match and process(int(match[1])) is None:
            os.unlink(f"{folder}/{name}")


def _recover(path: str, journal: Journal) -> Iterator[str]:
    if journal.boot != boot_id():
        os.unlink(path)
        yield f"{path}: removed: it is of another boot, which its settings did not outlive"
        return
    if alive(journal.run):
        return
    if alive(journal.guardian):
        yield f"{path}: left to its guardian (pid {journal.guardian.pid}), which still runs"
        return
    if not os.path.lexists(path):  # its guardian was done just now
        return
    left: list[Entry] = []
    for entry in reversed(journal.entries):
        try:
            yield _replay(entry)
        except KernelError as error:
            left.insert(0, entry)
            yield f"not put back: {shown(str(error))}; it is tried again at the next start"
        except SourceError as error:
            left.insert(0, entry)
            yield f"not put back: {shown(entry.what)}: {error}; it is tried again at the next start"
    if left:
        kept = msgspec.structs.replace(journal, entries=left)
        program.write_file(path, msgspec.json.encode(kept))
    else:
        os.unlink(path)


def _replay(entry: Entry) -> str:
    """Run one undo if it still means the device that it meant.

    Raises:
        KernelError: the kernel refused it.
        SourceError: the namespace cannot be entered.
    """
    what = shown(entry.what)
    if not entry.ifindex:
        return f"dropped: {what}: its request names no interface by number"
    netns = "/proc/thread-self/ns/net" if entry.netns == inode(None) else path_of(entry.netns)
    if not netns:
        return f"dropped: {what}: its network namespace is gone, and the settings with it"
    descriptor = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if inode(descriptor) != entry.netns:
            return f"dropped: {what}: its network namespace is gone, and the settings with it"
        name, mac = identity(descriptor, entry.ifindex)
        if not name:
            return f"dropped: {what}: {shown(entry.ifname)} (ifindex {entry.ifindex}) is gone"
        if mac.hex() != entry.mac:
            return (
                f"dropped: {what}: ifindex {entry.ifindex} is now {shown(name)} with the address"
                f" {mac.hex(':')}, and was {shown(entry.ifname)} with"
                f" {bytes.fromhex(entry.mac).hex(':')}"
            )
        with netlink_socket(descriptor, entry.protocol) as sock:
            try:
                program.perform(sock, bytes.fromhex(entry.request), entry.settled)
            except program.Failure as failure:
                raise KernelError(failure.errno, ExtAck(), entry.what) from failure
    finally:
        os.close(descriptor)
    return f"put back: {what}"
