# SPDX-License-Identifier: MIT
"""What a source is, and the client that asks one.

A source is where replies come from: the live kernel, a recording, a mock, or another host.
It gives channels (request bytes in, reply datagrams out) and the few facts that do not travel
over netlink. `Client` runs transactions over a channel and asks again where the protocol says so.
"""

from __future__ import annotations

from time import monotonic

from xdpconform.errors import (
    DumpInterrupted,
    Overrun,
    ReplyTruncated,
    SourceError,
    Timeout,
    WireError,
)
from xdpconform.netlink.transaction import Request, Transaction
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, Protocol
else:
    Protocol = object

TIMEOUT: Final = 5.0
"""Seconds for one exchange, retries not counted."""
TRIES: Final = 5
"""How often one request is sent before its answer is given up."""


class Datagram(NamedTuple):
    """One datagram as it was received."""

    data: bytes
    sender: int = 0
    """nl_pid of its source address; only the kernel's is 0."""


class Exchange(NamedTuple):
    """A request as it was sent, and the datagrams that answered it."""

    what: str
    protocol: int
    """NETLINK_ROUTE or NETLINK_GENERIC."""
    request: bytes
    replies: tuple[bytes, ...]
    lost: bool = False
    """A part of the answer never arrived (overrun, truncation): this cannot be replayed."""


class Channel(Protocol):
    """One netlink socket, or what stands for it."""

    protocol: int
    port_id: int

    def send(self, data: bytes) -> None:
        """Send a request."""

    def receive(self, deadline: float) -> Datagram:
        """The next datagram.

        Raises:
            Timeout: none came before `deadline` (seconds of time.monotonic).
            ReplyTruncated: it was larger than the buffer, and is lost.
            Overrun: the kernel dropped datagrams for want of room.
        """

    def join(self, group: int) -> None:
        """Receive a multicast group's notifications too."""

    def reset(self, *, larger: bool = False) -> None:
        """Start afresh with nothing pending, and with a larger buffer if asked."""

    def close(self) -> None:
        """Give back what it holds; may be called again."""


class Source(Protocol):
    """Where replies come from."""

    name: str
    """``kernel``, or what the user called it."""

    def open(self, protocol: int) -> Channel:
        """A new channel for NETLINK_ROUTE or NETLINK_GENERIC."""

    def release(self) -> str:
        """The kernel's release, as uname -r prints it."""

    def drvinfo(self, ifname: bytes) -> bytes:
        """struct ethtool_drvinfo as ETHTOOL_GDRVINFO fills it; empty where it is refused."""

    def sysfs(self, ifname: bytes, paths: tuple[str, ...]) -> dict[str, str]:
        """The text of files below /sys/class/net/IFNAME, and where its links lead.

        A path that ends with ``/`` gives the names in that folder, a line each. What cannot be
        read is left out.
        """

    def notifications(self) -> tuple[bytes, ...] | None:
        """What a listener on the group mgmt saw of a veth pair's life, then a reply to dev-get.

        In the order of `xdpconform.probes.watch`. None: nobody has watched, and the kernel that
        this process runs on is the one to watch.

        Raises:
            SourceError: it was tried, and could not be watched.
        """

    def close(self) -> None:
        """Give back what it holds; may be called again."""


class Stored(Source, Protocol):
    """A source that is about certain NICs, and is the same whenever it is asked."""

    @property
    def ifaces(self) -> Sequence[str]:
        """The names of the NICs that it is about; others only stand beside them."""


class Client:
    """Asks one channel, one exchange at a time."""

    def __init__(self, channel: Channel, trace: list[Exchange] | None = None) -> None:
        self.channel = channel
        self.trace = trace
        self._sequence = 0

    def ask(self, request: Request, timeout: float = TIMEOUT) -> list[Message]:
        """Send a request and collect its replies.

        Raises:
            KernelError: the kernel refused it.
            WireError: a reply breaks the format.
            Timeout: the answer was not complete in time.
            SourceError: it came truncated, overrun or interrupted, `TRIES` times in a row.
        """
        return self._complete(request, timeout).messages

    def payloads(self, request: Request, timeout: float = TIMEOUT) -> list[bytes]:
        """Like `ask`, the replies without their headers: quicker for large dumps."""
        return self._complete(request, timeout).payloads

    def _complete(self, request: Request, timeout: float) -> Transaction:
        for tries_left in reversed(range(TRIES)):
            try:
                transaction = self._run(request, timeout)
                transaction.check()
                return transaction
            except (DumpInterrupted, Overrun, ReplyTruncated) as error:
                if not tries_left:
                    raise SourceError(f"{error}; gave up after {TRIES} tries") from error
                if self.trace and not isinstance(error, DumpInterrupted):
                    self.trace[-1] = self.trace[-1]._replace(lost=True)
                self.channel.reset(larger=isinstance(error, ReplyTruncated))
            except (Timeout, WireError):
                self.channel.reset()  # a dump left half read keeps the socket busy (EBUSY)
                raise
        raise AssertionError  # the loop returns or raises

    def _run(self, request: Request, timeout: float) -> Transaction:
        channel = self.channel
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        transaction = Transaction(request, self._sequence, channel.port_id)
        replies: list[bytes] | None = [] if self.trace is not None else None
        deadline = monotonic() + timeout
        try:
            channel.send(transaction.data)
            while not transaction.complete:
                try:
                    data, sender = channel.receive(deadline)
                except Timeout as error:
                    raise _timeout(transaction, timeout) from error
                if replies is not None and sender == 0:
                    replies.append(data)
                if not transaction.receive(data, sender) and monotonic() > deadline:
                    raise _timeout(transaction, timeout)
        finally:
            if replies is not None and self.trace is not None:
                self.trace.append(
                    Exchange(request.what, channel.protocol, transaction.data, tuple(replies))
                )
        return transaction


def _timeout(transaction: Transaction, timeout: float) -> Timeout:
    text = f"{transaction.request.what}: no complete answer in {timeout:g} s"
    text += f" ({len(transaction.messages)} messages came"
    if transaction.stale:
        text += f", {transaction.stale} of another request"
    if transaction.refused:
        text += f", {transaction.refused} datagrams not from the kernel refused"
    return Timeout(text + ")")
