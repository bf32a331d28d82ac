# SPDX-License-Identifier: MIT
"""The guardian's own program: keeps undos, and runs them when it is told to, or its parent dies.

It runs by itself as ``python -I -S undo.py DESCRIPTOR PARENT``, so it imports nothing of this
package and little else: it must be there within milliseconds, and must not fail later. That is
also why it reads acknowledgements by itself. Each undo comes with a netlink socket that is already
in the right network namespace; the guardian never leaves its own.

Commands are packets on a socket, each answered by packets whose last is DONE or REFUSED.
"""

from __future__ import annotations

import _socket  # as socket has it, without the enums that take longer than everything else here
import contextlib
import os
import select
import signal
import sys
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = Struct("=cII")  # which, its own number, and the ticket's
REGISTER = Struct("=HI")  # how many errnos follow, and how long the journal's entry behind them is
JOURNAL = Struct("=H")  # how long the path is; the journal's head follows
# Which, the command's number, the ticket's, an errno; an acknowledgement may follow.
ANSWER = Struct("=cIIi")
ERRNO = Struct("=i")
NLMSGHDR = Struct("=IHHIIi")  # struct nlmsghdr, and the error of struct nlmsgerr

BEGIN, KEEP, UNDO, FORGET, CLOSE = b"B", b"R", b"U", b"F", b"C"
DONE, FAILED, REFUSED = b"K", b"F", b"E"

NLMSG_ERROR = 2  # include/uapi/linux/netlink.h
PACKET_LIMIT = 1 << 18
ACK_LIMIT = 1 << 16
ACK_WAIT = 5.0
"""Seconds; an acknowledgement is there when send() returns."""
IGNORED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTSTP")


class Failure(Exception):  # noqa: N818 - it is what the kernel said, too
    """An undo that did not succeed: the errno, and the acknowledgement if there was one."""

    def __init__(self, errno: int, acknowledgement: bytes = b"") -> None:
        self.errno = errno
        self.acknowledgement = acknowledgement
        super().__init__(errno)


class Kept:
    """An undo that was registered."""

    __slots__ = ("entry", "request", "settled", "socket")

    def __init__(
        self, sock: _socket.socket, request: bytes, settled: Sequence[int], entry: bytes
    ) -> None:
        self.socket = sock
        self.request = request
        self.settled = settled
        self.entry = entry


def perform(sock: _socket.socket, request: bytes, settled: Sequence[int] = ()) -> None:
    """Send a netlink request, and read until it is acknowledged.

    Args:
        sock: a netlink socket in the network namespace that is meant.
        request: a whole message with NLM_F_ACK.
        settled: errnos that say that there is nothing to undo.

    Raises:
        Failure: it was refused, or not acknowledged.
    """
    sequence = NLMSGHDR.unpack_from(request + bytes(4))[3]
    try:
        sock.settimeout(ACK_WAIT)
        sock.send(request)
        while True:
            data = sock.recv(ACK_LIMIT)
            offset = 0
            while offset + NLMSGHDR.size <= len(data):
                length, kind, _flags, number, _port, error = NLMSGHDR.unpack_from(data, offset)
                if kind == NLMSG_ERROR and number == sequence:
                    if error and -error not in settled:
                        raise Failure(-error, data[offset : offset + length])
                    return
                offset += max(length + 3 & ~3, 16)
    except OSError as error:  # a timeout is one without errno
        raise Failure(error.errno or 110) from error  # ETIMEDOUT


def write_file(path: str, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, whenever the machine stops."""
    folder, name = os.path.split(path)
    temporary = f"{folder}/.{name}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Have the folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Keeper:
    """What the guardian keeps, and the journal that says the same on disk."""

    def __init__(self) -> None:
        self.kept: dict[int, Kept] = {}
        self.path = ""
        self.head = b""

    def record(self) -> None:
        """Write the journal, or remove it if nothing is kept."""
        if not self.path:
            return
        if self.kept:
            entries = b",".join(kept.entry for kept in self.kept.values())
            write_file(self.path, self.head + entries + b"]}\n")
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            with contextlib.suppress(OSError):  # the folder went with its last journal
                sync_folder(os.path.dirname(self.path))

    def keep(self, number: int, body: bytes, descriptors: Sequence[int]) -> None:
        """Take an undo on; it is in the journal when this returns."""
        count, length = REGISTER.unpack_from(body)
        start = REGISTER.size + count * ERRNO.size
        settled = [error for (error,) in ERRNO.iter_unpack(body[REGISTER.size : start])]
        sock = _socket.socket(fileno=descriptors[0])
        entry = body[start : start + length]
        self.kept[number] = Kept(sock, body[start + length :], settled, entry)
        try:
            self.record()
        except OSError:
            self.drop(number)
            raise

    def drop(self, number: int) -> None:
        """Forget an undo."""
        kept = self.kept.pop(number, None)
        if kept is not None:
            kept.socket.close()

    def undo(self, number: int) -> None:
        """Run an undo that is kept; it stays kept if it fails.

        Raises:
            Failure: the kernel refused it.
        """
        kept = self.kept.get(number)
        if kept is not None:
            perform(kept.socket, kept.request, kept.settled)
            self.drop(number)
            with contextlib.suppress(OSError):  # to undo it once more does no harm
                self.record()

    def undo_all(self) -> list[tuple[int, Failure]]:
        """Run every undo, the last first; those that fail stay kept."""
        failures = []
        for number in sorted(self.kept, reverse=True):
            try:
                self.undo(number)
            except Failure as failure:
                kept = self.kept[number]
                kept.entry = b'%s,"errno":%d}' % (kept.entry.removesuffix(b"}"), failure.errno)
                failures.append((number, failure))
        return failures


def obey(keeper: Keeper, link: _socket.socket, data: bytes, descriptors: Sequence[int]) -> bool:
    """Do what one packet says, and answer; false after the last command."""
    command, serial, number = COMMAND.unpack_from(data)
    body = data[COMMAND.size :]
    failures: list[tuple[int, Failure]] = []
    last = ANSWER.pack(DONE, serial, number, 0)
    try:
        if command == BEGIN:
            (length,) = JOURNAL.unpack_from(body)
            keeper.path = os.fsdecode(body[JOURNAL.size : JOURNAL.size + length])
            keeper.head = body[JOURNAL.size + length :]
        elif command == KEEP:
            keeper.keep(number, body, descriptors)
        elif command == UNDO:
            keeper.undo(number)
        elif command == FORGET:
            keeper.drop(number)
            keeper.record()
        elif command == CLOSE:
            failures = keeper.undo_all()
            for failed, _failure in failures:  # the parent is told, and tells
                keeper.drop(failed)
            keeper.record()
    except Failure as failure:
        failures = [(number, failure)]
    except OSError as problem:
        last = ANSWER.pack(REFUSED, serial, number, problem.errno or 5)  # EIO
    with contextlib.suppress(OSError):  # the parent died meanwhile: the next receive tells
        for failed, error in failures:
            answer = ANSWER.pack(FAILED, serial, failed, error.errno)
            link.send(answer + error.acknowledgement)
        link.send(last)
    return bool(command != CLOSE)


def serve(keeper: Keeper, link: _socket.socket, parent: int) -> bool:
    """Obey until told to close (true), or until the parent is no more (false).

    Args:
        keeper: what is kept.
        link: the socket to the parent.
        parent: its pidfd. A child that it forked may hold its end of the socket open; -1: none.
    """
    poll = select.poll()
    poll.register(link, select.POLLIN)
    if parent >= 0:
        poll.register(parent, select.POLLIN)
    while True:
        poll.poll()
        try:
            data, ancillary, _flags, _address = link.recvmsg(
                PACKET_LIMIT, _socket.CMSG_SPACE(ERRNO.size), _socket.MSG_DONTWAIT
            )
        except BlockingIOError:  # so it is the parent's end, with nothing left unread
            return False
        except OSError:
            return False
        if not data:
            return False
        descriptors = [ERRNO.unpack_from(item)[0] for _level, _kind, item in ancillary]
        if not obey(keeper, link, data, descriptors):
            return True


def main() -> None:
    """Guard one parent, then end without ado."""
    for name in IGNORED:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    link = _socket.socket(fileno=int(sys.argv[1]))
    keeper = Keeper()
    try:
        parent = os.pidfd_open(int(sys.argv[2]))
    except OSError:  # it is gone already, which the socket tells as well
        parent = -1
    if not serve(keeper, link, parent):
        keeper.undo_all()
        with contextlib.suppress(OSError):
            keeper.record()  # what failed, with its errno
    os._exit(0)


if __name__ == "__main__":
    main()
