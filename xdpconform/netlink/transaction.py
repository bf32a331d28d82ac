# SPDX-License-Identifier: MIT
"""One request and its replies, without I/O: bytes to send come out, datagrams go in.

    transaction = Transaction(request, sequence=1, port_id=4242)
    send(transaction.data)
    while not transaction.complete:
        transaction.receive(*receive())
    transaction.result()

Rules, and where the kernel sets them (net/netlink/af_netlink.c, net/netlink/genetlink.c):

- A do ends at its first reply, or at NLMSG_ERROR; with NLM_F_ACK only at NLMSG_ERROR.
- A dump ends at NLMSG_DONE, whose errno counts, or at NLMSG_ERROR. Its messages need not carry
  NLM_F_MULTI: those of the netdev family don't (genlmsg_iput sets no flags).
- A message with another sequence or port id is a late reply to something older: set aside.
- A datagram whose sender is not port 0 does not come from the kernel: refused, and counted.
"""

from __future__ import annotations

from xdpconform.errors import DumpInterrupted, KernelError, Overrun, WireError
from xdpconform.netlink.constants import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_MULTI,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_MIN_TYPE,
    NLMSG_NOOP,
    NLMSG_OVERRUN,
)
from xdpconform.netlink.extack import Status, attribute_at, pull_status
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import Message, Run, pull_runs, push_message


class Request(NamedTuple):
    """What to ask, before it has a sequence number."""

    what: str
    """In words, for errors: ``netdev dev-get``."""
    type: int
    """nlmsg_type: the family's id, or an RTM_* number."""
    payload: bytes
    """The family's header and the attributes."""
    flags: int = 0
    """NLM_F_* besides NLM_F_REQUEST."""
    header: int = 4
    """Length of the family's header at the start of the payload."""
    names: dict[int, str] = {}  # noqa: RUF012 - never written to
    """The request's attributes by type, for errors."""

    @property
    def dump(self) -> bool:
        """Whether the answer ends with NLMSG_DONE."""
        return self.flags & NLM_F_DUMP == NLM_F_DUMP


class Transaction:
    """The state of one exchange."""

    __slots__ = (
        "_interrupted",
        "_runs",
        "_status",
        "complete",
        "data",
        "port_id",
        "refused",
        "request",
        "sequence",
        "stale",
    )

    def __init__(self, request: Request, sequence: int, port_id: int) -> None:
        self.request = request
        self.sequence = sequence
        self.port_id = port_id
        flags = request.flags | NLM_F_REQUEST
        self.data = push_message((request.type, flags, sequence, port_id, request.payload))
        self.complete = False
        self.stale = 0
        self.refused = 0
        self._runs: list[Run] = []
        self._interrupted = False
        self._status: Status | None = None

    def receive(self, datagram: bytes, sender: int = 0) -> bool:
        """Take one datagram; true when the exchange is complete.

        Args:
            datagram: as recv() gave it.
            sender: nl_pid of its source address; only the kernel's is 0.

        Raises:
            WireError: the datagram breaks the format.
            Overrun: the kernel says that it lost data.
        """
        if sender != 0:
            self.refused += 1
            return self.complete
        for run in pull_runs(datagram):
            count = len(run.payloads)
            if not self.complete and self.sequence == run.sequence and self.port_id == run.port_id:
                count -= self._take(run)
            self.stale += count
        return self.complete

    def _take(self, run: Run) -> int:
        """Take messages, and say how many: those behind the end are stale."""
        kind = run.type
        dump = self.request.dump
        if run.flags & NLM_F_DUMP_INTR and dump:
            self._interrupted = True
        if kind in (NLMSG_ERROR, NLMSG_DONE):
            self._status = pull_status(run.messages()[0])
            self.complete = True
            return 1
        if kind >= NLMSG_MIN_TYPE:
            if not (dump or run.flags & NLM_F_MULTI or self.request.flags & NLM_F_ACK):
                self.complete = True
                del run.payloads[1:]
            self._runs.append(run)
        elif kind == NLMSG_OVERRUN:
            raise Overrun(f"{self.request.what}: the kernel lost data (NLMSG_OVERRUN)")
        elif kind != NLMSG_NOOP:
            raise WireError(f"{self.request.what}: control message type {kind} is not known")
        return len(run.payloads)

    @property
    def messages(self) -> list[Message]:
        """The replies so far."""
        messages = []
        for run in self._runs:
            messages += run.messages()
        return messages

    @property
    def payloads(self) -> list[bytes]:
        """The replies so far without their headers: all that a large dump needs to keep."""
        return [payload for run in self._runs for payload in run.payloads]

    def result(self) -> list[Message]:
        """The replies; raises as `check`."""
        self.check()
        return self.messages

    def check(self) -> None:
        """Whether the exchange came to a good end.

        Raises:
            KernelError: the kernel refused the request.
            DumpInterrupted: the dump is not consistent; ask again.
            WireError: called before the exchange was complete.
        """
        if not self.complete:
            raise WireError(f"{self.request.what}: the answer is not complete")
        if self._status is not None and self._status.errno:
            raise self._error(self._status)
        if self._interrupted:
            raise DumpInterrupted(f"{self.request.what}: it changed while it was dumped")

    def _error(self, status: Status) -> KernelError:
        names = self.request.names
        attribute = missing = None
        if status.extack.offset is not None:
            kind = attribute_at(self.data, status.extack.offset, self.request.header)
            if kind is not None:
                attribute = names.get(kind, f"attribute {kind}")
            else:
                attribute = f"byte {status.extack.offset}"
        if status.extack.missing_type is not None:
            kind = status.extack.missing_type
            place = status.extack.missing_nest
            if place is None:
                missing = names.get(kind, str(kind))
            else:  # `names` are the top level's, the number is the nest's
                nest = attribute_at(self.data, place, self.request.header)
                where = f"at byte {place}" if nest is None else names.get(nest, str(nest))
                missing = f"{kind} of the nest {where}"
        return KernelError(status.errno, status.extack, self.request.what, attribute, missing)
