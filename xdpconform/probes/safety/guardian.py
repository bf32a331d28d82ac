# SPDX-License-Identifier: MIT
"""The guardian: a child process that puts everything back, whatever becomes of its parent.

    with Guardian() as guardian:
        ticket = guardian.register(Undo.of("mtu of eth0 back to 1500", NETLINK_ROUTE, request))
        ...  # only now change it
        ticket.undo()

It is in a session of its own and ignores the signals that end a run. When its parent ends in any
way, it runs every undo that is left, the last registered first, and one that fails stops no
other. Its program is `xdpconform.probes.safety.undo`; what it keeps is in a journal as well
(`xdpconform.probes.safety.journal`), should it be killed too.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

from xdpconform.errors import KernelError, SourceError, WireError, XdpConformError
from xdpconform.netlink.constants import (
    NETLINK_ROUTE,
    NLM_F_ACK,
    NLM_F_REQUEST,
)
from xdpconform.netlink.extack import ExtAck, pull_status
from xdpconform.netlink.rtnl import getlink, pull_link
from xdpconform.netlink.subject import pull_address, subject
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import pull_messages, push_message
from xdpconform.probes.safety import undo as program
from xdpconform.probes.safety.spaces import inode, netlink_socket, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, Self

    from xdpconform.netlink.transaction import Request
    from xdpconform.probes.safety.journal import Process

WAIT: Final = 60.0
"""Seconds for one answer: a change of a link may reset its hardware."""
END: Final = 10.0
"""Seconds for the guardian to end, once it has answered the last command."""


class UndoFailed(SourceError):  # noqa: N818 - it says it all
    """Something could not be put back: says what, and what the kernel said."""


class Undo(NamedTuple):
    """How to take one change back: a netlink request, made before the change."""

    what: str
    """In words, for people: ``mtu of eth0 back to 1500``."""
    protocol: int
    """NETLINK_ROUTE or NETLINK_GENERIC."""
    request: bytes
    """A whole message, struct nlmsghdr first, with NLM_F_ACK."""
    settled: tuple[int, ...] = ()
    """Errnos that say that there is nothing to undo: ENODEV, where the device may be gone."""

    @classmethod
    def of(cls, what: str, protocol: int, request: Request, settled: tuple[int, ...] = ()) -> Undo:
        """From a request as `xdpconform.netlink` makes them."""
        flags = request.flags | NLM_F_REQUEST | NLM_F_ACK
        return cls(
            what, protocol, push_message((request.type, flags, 1, 0, request.payload)), settled
        )


class Ticket:
    """One undo that the guardian keeps."""

    def __init__(self, guardian: Guardian, number: int, undo: Undo, sock: socket.socket) -> None:
        self._guardian = guardian
        self._number = number
        self._undo = undo
        self._socket = sock
        self.kept = True
        """Whether it is still owed."""

    @property
    def what(self) -> str:
        """In words."""
        return self._undo.what

    def undo(self) -> None:
        """Take the change back now; nothing happens if it is no longer owed.

        Raises:
            KernelError: the kernel refused it. It stays owed, and is tried again at the end.
            SourceError: it was not answered.
        """
        if self.kept:
            self._guardian._run(self)  # noqa: SLF001 - they belong together

    def forget(self) -> None:
        """Drop it: nothing was changed, or it came back in another way."""
        if self.kept:
            self._guardian._forget(self)  # noqa: SLF001


class Guardian:
    """Starts the guardian; `close`, or leaving the block, undoes what is left and ends it.

    Args:
        command: what starts the guardian, for tests.

    Raises:
        SourceError: it cannot be started, or there is no folder for its journal.
    """

    def __init__(self, command: Sequence[str] = ()) -> None:
        from xdpconform.probes.safety.journal import PREFIX, SUFFIX, boot_id, head, state_folder

        folder = state_folder()
        self._lock = threading.RLock()
        self._tickets: dict[int, Ticket] = {}
        self._last = 0
        self._serial = 0
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.failures: tuple[str, ...] = ()
        """What could not be put back; filled by `close`."""
        try:
            self._start(command)
            run, own = _process(os.getpid()), _process(self.pid)
            self.journal = f"{folder}/{PREFIX}{run.pid}-{run.start}-{own.pid}{SUFFIX}"
            """Where the journal is while anything is owed."""
            path = os.fsencode(self.journal)
            begin = program.JOURNAL.pack(len(path)) + path + head(boot_id(), run, own)
            self._ask(program.BEGIN, 0, begin)
        except BaseException:
            self._end()
            raise

    def _start(self, command: Sequence[str]) -> None:
        import subprocess

        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own.settimeout(WAIT)
        self._link = own
        with other:
            words = [*(command or (sys.executable, "-I", "-S", program.__file__))]
            try:
                self._child = subprocess.Popen(  # noqa: S603 - it is our own program
                    [*words, str(other.fileno()), str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    pass_fds=(other.fileno(),),
                    start_new_session=True,
                )
            except OSError as error:
                raise SourceError(f"the guardian cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """Its process: a link moved to its network namespace (IFLA_NET_NS_PID) comes home."""
        return self._child.pid

    @property
    def owed(self) -> tuple[str, ...]:
        """What is to be undone, in the order in which it was registered."""
        return tuple(ticket.what for ticket in self._tickets.values())

    def register(self, undo: Undo, netns_fd: int | None = None) -> Ticket:
        """Have an undo kept. Once this returns, it will be run, whatever happens.

        Args:
            undo: what to run.
            netns_fd: the network namespace to run it in; None is the one in which the guardian
                was started. The descriptor may be closed afterwards; the guardian's socket keeps
                the namespace.

        Raises:
            SourceError: it is not kept, so nothing may be changed.
            WireError: the request is no message.
        """
        fd = self._home if netns_fd is None else netns_fd
        entry = _entry(undo, fd)
        sock = netlink_socket(fd, undo.protocol)
        settled = b"".join(program.ERRNO.pack(code) for code in undo.settled)
        body = program.REGISTER.pack(len(undo.settled), len(entry)) + settled + entry + undo.request
        with self._lock:
            self._last += 1
            ticket = self._tickets[self._last] = Ticket(self, self._last, undo, sock)
            try:
                self._ask(program.KEEP, self._last, body, sock.fileno())
            except SourceError:  # interrupted in another way it is kept, and undone at the end
                self._drop(ticket)
                raise
        return ticket

    def _run(self, ticket: Ticket) -> None:
        with self._lock:
            failures = self._ask(program.UNDO, ticket._number)  # noqa: SLF001
            if failures:
                raise _refusal(ticket.what, *failures[0][1:])
            self._drop(ticket)

    def _forget(self, ticket: Ticket) -> None:
        with self._lock:
            self._ask(program.FORGET, ticket._number)  # noqa: SLF001
            self._drop(ticket)

    def _drop(self, ticket: Ticket) -> None:
        ticket.kept = False
        ticket._socket.close()  # noqa: SLF001
        self._tickets.pop(ticket._number, None)  # noqa: SLF001

    def _ask(
        self, command: bytes, number: int, body: bytes = b"", *descriptors: int
    ) -> list[tuple[int, int, bytes]]:
        """One command and its answers: the failures, as ticket, errno, acknowledgement."""
        failures = []
        self._serial += 1
        try:
            packet = program.COMMAND.pack(command, self._serial, number) + body
            socket.send_fds(self._link, [packet], descriptors)
            while True:
                answer = self._link.recv(program.PACKET_LIMIT)
                if not answer:
                    raise SourceError(
                        f"the guardian (pid {self.pid}) has ended; what is owed is put back at the"
                        " end of the run"
                    )
                kind, serial, about, code = program.ANSWER.unpack_from(answer)
                if serial != self._serial:
                    continue  # to a command whose caller was interrupted
                if kind == program.FAILED:
                    failures.append((about, code, answer[program.ANSWER.size :]))
                elif kind == program.DONE:
                    return failures
                else:
                    raise SourceError(
                        f"the guardian cannot write {self.journal}: {os.strerror(code)}; nothing"
                        " was changed"
                    )
        except OSError as error:
            with contextlib.suppress(OSError):  # if it lives, it now takes us for dead
                self._link.shutdown(socket.SHUT_RDWR)
            raise SourceError(
                f"the guardian (pid {self.pid}) does not answer: {error.strerror or error}"
            ) from error

    def close(self) -> tuple[str, ...]:
        """Undo what is left, the last registered first, and end; may be called again.

        A guardian that was killed is stood in for.

        Returns:
            What could not be put back, a sentence each; `failures` keeps it.
        """
        with self._lock:
            if self._link.fileno() < 0:
                return self.failures
            try:
                failures = self._ask(program.CLOSE, 0)
            except SourceError:
                failures = self._stand_in()
            self.failures = tuple(
                str(_refusal(self._tickets[number].what, code, ack))
                for number, code, ack in failures
                if number in self._tickets
            )
            for ticket in list(self._tickets.values()):
                self._drop(ticket)
            self._end()
        return self.failures

    def _stand_in(self) -> list[tuple[int, int, bytes]]:
        failures = []
        for number, ticket in reversed(self._tickets.items()):
            undo = ticket._undo  # noqa: SLF001
            try:
                program.perform(ticket._socket, undo.request, undo.settled)  # noqa: SLF001
            except program.Failure as failure:
                failures.append((number, failure.errno, failure.acknowledgement))
        with contextlib.suppress(OSError):  # it was not written, or went with its folder
            os.unlink(self.journal)
        return failures

    def _end(self) -> None:
        import subprocess

        if hasattr(self, "_link"):
            self._link.close()
        if hasattr(self, "_child"):
            try:
                self._child.wait(END)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        os.close(self._home)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        failures = self.close()
        if failures and error is None:
            raise UndoFailed("\n".join(failures))
        if failures and error is not None:
            error.add_note("\n".join(failures))


def _process(pid: int) -> Process:
    from xdpconform.probes.safety.journal import process

    found = process(pid)
    if found is None:
        raise SourceError(f"the guardian (pid {pid}) ended as soon as it was started")
    return found


def _entry(undo: Undo, netns_fd: int) -> bytes:
    """What the journal says of an undo: enough to know the device again."""
    import msgspec

    from xdpconform.probes.safety.journal import Entry

    number = inode(netns_fd)
    ifindex = subject(undo.protocol, undo.request)
    name, mac = identity(netns_fd, ifindex) if ifindex else ("", b"")
    return msgspec.json.encode(
        Entry(
            undo.what,
            undo.protocol,  # type: ignore[arg-type]
            undo.request.hex(),
            list(undo.settled),
            ifindex,
            name,
            mac.hex(),
            number,
            path_of(number),
        )
    )


def identity(netns_fd: int | None, ifindex: int) -> tuple[str, bytes]:
    """The name and hardware address of a link; empty if there is none (now)."""
    from xdpconform.netlink.transaction import Transaction

    transaction = Transaction(getlink(ifindex=ifindex), 1, 0)
    with netlink_socket(netns_fd, NETLINK_ROUTE) as sock:
        transaction.port_id = sock.getsockname()[0]
        sock.settimeout(WAIT)
        sock.send(transaction.data)
        while not transaction.complete:
            transaction.receive(sock.recv(1 << 16))
    try:
        (message,) = transaction.result()
    except (KernelError, ValueError):
        return "", b""
    return pull_link(message).name, pull_address(message)


def _refusal(what: str, errno: int, acknowledgement: bytes) -> XdpConformError:
    try:
        status = pull_status(pull_messages(acknowledgement)[0])
    except (WireError, IndexError):
        return KernelError(errno, ExtAck(), what)
    return KernelError(errno, status.extack, what)
