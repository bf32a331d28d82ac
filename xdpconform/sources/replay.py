# SPDX-License-Identifier: MIT
"""A source that answers from a recording: the same bytes, whenever and wherever they are asked.

A question is known by all of its bytes but its sequence number and port. Asked as often as when
it was recorded, it is answered in the same order; asked more often, by its last answer.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from xdpconform.errors import NotRecorded, RecordingError, SourceError, Timeout
from xdpconform.netlink.wire import readdressed
from xdpconform.sources.base import Datagram
from xdpconform.sources.recording import SIZE_LIMIT, Exchanged, Recording

ASKED_LIMIT: Final = 1 << 17
"""Questions to one recording: twice as many as a file can hold."""
ANSWERED_LIMIT: Final = 2 * SIZE_LIMIT
"""Bytes of its answers together: twice as many as a file can hold, as each is asked once."""

_PORT_ID: Final = Struct("=12xI")  # struct nlmsghdr, nlmsg_pid


class Replay:
    """A recording as a source.

    Args:
        recording: what was recorded.
        name: what to call it.
    """

    def __init__(self, recording: Recording, name: str) -> None:
        self.name = name
        self.recording = recording
        self.ifaces = [nic.ifname for nic in recording.nics]
        self._answers: dict[tuple[int, bytes], list[Exchanged]] = {}
        self._ports: dict[int, int] = {}
        self._asked = 0
        self._answered = 0
        for one in recording.exchanges:
            self._answers.setdefault((one.protocol, _key(one.request)), []).append(one)
            self._ports.setdefault(one.protocol, _PORT_ID.unpack_from(one.request)[0])
        for answers in self._answers.values():
            answers.reverse()  # the next is popped off the end

    def open(self, protocol: int) -> ReplayChannel:
        """A channel for NETLINK_ROUTE or NETLINK_GENERIC, with the port of the recorded one."""
        return ReplayChannel(self, protocol, self._ports.get(protocol, 0))

    def answer(self, protocol: int, request: bytes) -> tuple[bytes, ...]:
        """The datagrams that answered a request.

        Raises:
            NotRecorded: nobody asked this.
            RecordingError: it is made so that it is asked without end.
        """
        self._asked += 1
        answers = self._answers.get((protocol, _key(request)))
        recorded = None
        if answers is not None:
            recorded = answers.pop() if len(answers) > 1 else answers[0]
            for reply in recorded.replies:
                self._answered += len(reply)
        if self._asked > ASKED_LIMIT or self._answered > ANSWERED_LIMIT:
            raise RecordingError(f"{self.name}: to judge it takes too long; no recording needs it")
        if recorded is None:
            raise NotRecorded(f"{self.name} holds no answer to this question: record the NIC anew")
        return readdressed(recorded.replies, recorded.request, request)

    def release(self) -> str:
        """The recorded kernel's release."""
        return self.recording.kernel

    def drvinfo(self, ifname: bytes) -> bytes:
        """struct ethtool_drvinfo; empty where the driver has none or nobody asked.

        Raises:
            SourceError: the interface is not in the recording.
        """
        device = self.recording.devices.get(spelled(ifname))
        if device is None:
            raise SourceError(f"{self.name} says nothing of {spelled(ifname)}")
        return device.drvinfo or b""

    def sysfs(self, ifname: bytes, paths: tuple[str, ...]) -> dict[str, str]:
        """What was read of the paths; see `Source.sysfs`."""
        device = self.recording.devices.get(spelled(ifname))
        found = device.sysfs if device is not None else {}
        return {path: found[path] for path in paths if path in found}

    def notifications(self) -> tuple[bytes, ...]:
        """What was seen; see `Source.notifications`."""
        watched = self.recording.notifications
        if watched.problem:
            raise SourceError(watched.problem)
        return tuple(watched.datagrams)

    def close(self) -> None:
        """Nothing to give back."""


class ReplayChannel:
    """What stands for a netlink socket."""

    def __init__(self, replay: Replay, protocol: int, port_id: int) -> None:
        self.protocol = protocol
        self.port_id = port_id
        self._replay = replay
        self._pending: list[Datagram] = []

    def send(self, data: bytes) -> None:
        """Look the answer up."""
        self._pending = [
            Datagram(one) for one in reversed(self._replay.answer(self.protocol, data))
        ]

    def receive(self, deadline: float) -> Datagram:
        """The next datagram; where a live kernel would be waited for, there is none."""
        del deadline
        if not self._pending:
            raise Timeout("no more was recorded")
        return self._pending.pop()

    def join(self, group: int) -> None:
        """Notifications are recorded apart: see `Replay.notifications`."""

    def reset(self, *, larger: bool = False) -> None:
        """Forget what is pending."""
        del larger
        self._pending = []

    def close(self) -> None:
        """Nothing to give back."""


def _key(request: bytes) -> bytes:
    return request[:8] + request[16:]  # without nlmsg_seq and nlmsg_pid


def spelled(ifname: bytes) -> str:
    """An interface's name as recordings have it: bytes that are not UTF-8 as escapes."""
    return ifname.decode("utf-8", "backslashreplace")
