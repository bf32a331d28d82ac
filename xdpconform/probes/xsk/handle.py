# SPDX-License-Identifier: MIT
"""What is asked of an AF_XDP socket beside its rings: options, statistics, kicks, waiting."""

from __future__ import annotations

import errno
import select
import socket
from struct import unpack
from typing import TYPE_CHECKING, Final

from xdpconform.errors import SourceError
from xdpconform.probes.xsk import uapi
from xdpconform.probes.xsk.error import XskError
from xdpconform.probes.xsk.uapi import Statistics

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Port

LATER: Final = (errno.EAGAIN, errno.EBUSY, errno.ENOBUFS)
"""A kick that has to be given again."""


class Handle:
    """An AF_XDP socket of a port's namespace, not yet bound.

    Args:
        port: the interface.
        queue: its queue, for messages.

    Raises:
        XskError: the kernel refuses a socket: it needs CAP_NET_RAW.
    """

    def __init__(self, port: Port, queue: int) -> None:
        self.ifname: Final = port.ifname
        self.ifindex: Final[int] = port.ifindex
        self.queue: Final = queue
        self._socket: socket.socket | None = None
        try:
            self._socket = port.namespace.call(_make)
        except OSError as error:
            raise self._error("socket", error) from error

    def _live(self) -> socket.socket:
        if self._socket is None:
            raise SourceError(f"{self.ifname} queue {self.queue}: the AF_XDP socket is closed")
        return self._socket

    def _error(self, step: str, error: OSError) -> XskError:
        return XskError(error.errno or 0, step, self.ifname, self.queue)

    def fileno(self) -> int:
        """The descriptor, for XSKMAPs and poll."""
        return self._live().fileno()

    def _get(self, step: str, option: int, size: int) -> bytes:
        try:
            return self._live().getsockopt(uapi.SOL_XDP, option, size)
        except OSError as error:
            raise self._error(step, error) from error

    def options(self) -> int:
        """XDP_OPTIONS, as the kernel has it.

        Raises:
            XskError: before 5.3 (ENOPROTOOPT).
        """
        found: int = unpack("=I", self._get("XDP_OPTIONS", uapi.XDP_OPTIONS, 4))[0]
        return found

    @property
    def zerocopy(self) -> bool:
        """Whether the queue is in zero copy, as XDP_OPTIONS says."""
        return bool(self.options() & uapi.XDP_OPTIONS_ZEROCOPY)

    def statistics(self) -> Statistics:
        """What the kernel counted of this socket."""
        size = uapi.STATISTICS.size
        return Statistics.pull(self._get("XDP_STATISTICS", uapi.XDP_STATISTICS, size))

    def kick_tx(self) -> bool:
        """Have the kernel look at the transmit ring; False: it was busy, kick again.

        Raises:
            XskError: it cannot send: the interface is down, or a descriptor wrong.
        """
        try:
            self._live().send(b"", socket.MSG_DONTWAIT)
        except OSError as error:
            if error.errno in LATER:
                return False
            raise self._error("send", error) from error
        return True

    def kick_rx(self) -> None:
        """Have the kernel look at the fill ring; needs 5.11, before that poll does it.

        Raises:
            XskError: it cannot receive: the interface is down.
        """
        try:
            self._live().recv(1, socket.MSG_DONTWAIT)  # of 0 bytes Python makes no system call
        except OSError as error:
            if error.errno in LATER:
                return
            if error.errno == errno.EOPNOTSUPP:
                self.wait(0)
                return
            raise self._error("receive", error) from error

    def wait(self, timeout: float) -> bool:
        """Wait until a frame has come; gives whether one has.

        Raises:
            XskError: the interface went down or away.
        """
        poll = select.poll()
        poll.register(self._live().fileno(), select.POLLIN)
        events = poll.poll(max(0.0, timeout) * 1000)
        if any(event & select.POLLERR for _fd, event in events):
            code = self._live().getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise XskError(code, "receive", self.ifname, self.queue)
        return any(event & select.POLLIN for _fd, event in events)

    def _set(self, step: str, option: int, value: bytes, level: int = uapi.SOL_XDP) -> None:
        try:
            self._live().setsockopt(level, option, value)
        except OSError as error:
            raise self._error(step, error) from error


def _make() -> socket.socket:
    return socket.socket(uapi.AF_XDP, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
