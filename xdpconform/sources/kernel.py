# SPDX-License-Identifier: MIT
"""The live kernel: netlink sockets, one ioctl, and sysfs. Everything here only reads."""

from __future__ import annotations

import _socket  # as socket has it, without the enums that cost a third of ``xdpconform show``
import errno
import fcntl
import os
import select
from array import array
from struct import pack, pack_into
from time import monotonic

from xdpconform.errors import Overrun, ReplyTruncated, SourceError, Timeout
from xdpconform.netlink.constants import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    SOL_NETLINK,
)
from xdpconform.sources.base import Datagram
from xdpconform.sources.netns import namespace_path, run_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Self, TypeVar

    T = TypeVar("T")

BUFFER: Final = 1 << 16
"""Bytes of the receive buffer at first; the kernel builds dumps in pieces of 32 KiB at most."""
BUFFER_LIMIT: Final = 1 << 22
SOCKET_BUFFER: Final = 1 << 20
"""SO_RCVBUF, so that bursts of notifications fit."""

SIOCETHTOOL: Final = 0x8946  # include/uapi/linux/sockios.h
ETHTOOL_GDRVINFO: Final = 0x3  # include/uapi/linux/ethtool.h
IFNAMSIZ: Final = 16  # include/uapi/linux/if.h
DRVINFO_SIZE: Final = 196  # sizeof(struct ethtool_drvinfo)
SYSFS_FILE_LIMIT: Final = 4096


class KernelChannel:
    """A netlink socket.

    Args:
        protocol: NETLINK_ROUTE or NETLINK_GENERIC.
        within: calls a function inside the namespace where the socket shall be.
        buffer: bytes of the receive buffer at first.
        capped: whether errors come without the request (NETLINK_CAP_ACK).
    """

    def __init__(
        self,
        protocol: int,
        within: Callable[[Callable[[], _socket.socket]], _socket.socket] | None = None,
        *,
        buffer: int = BUFFER,
        capped: bool = True,
    ) -> None:
        self.protocol = protocol
        self.port_id = 0
        self._within = within
        self._buffer = buffer
        self._capped = capped
        self._groups: list[int] = []
        self._socket: _socket.socket | None = None
        self._connect()

    def _connect(self) -> None:
        sock = self._within(self._open) if self._within else self._open()
        try:
            sock.bind((0, 0))
            sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
            if self._capped:
                sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, SOCKET_BUFFER)
            for group in self._groups:
                sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
            self.port_id = sock.getsockname()[0]
        except OSError as error:
            sock.close()
            raise SourceError(f"netlink: {error.strerror}") from error
        self._socket = sock

    def _open(self) -> _socket.socket:
        try:
            return _socket.socket(
                _socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, self.protocol
            )
        except OSError as error:
            raise SourceError(f"cannot open a netlink socket: {error.strerror}") from error

    def _live(self) -> _socket.socket:
        if self._socket is None:
            raise SourceError("the netlink channel is closed")
        return self._socket

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self._live().fileno()

    def send(self, data: bytes) -> None:
        """Send a request."""
        try:
            self._live().send(data)
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise Overrun("netlink: no buffer space for the request") from error
            raise SourceError(f"netlink: cannot send: {error.strerror}") from error

    def receive(self, deadline: float) -> Datagram:
        """The next datagram; see `Channel.receive`. A do's answer is there when send returns."""
        sock = self._live()
        while True:
            try:
                data, _ancillary, flags, address = sock.recvmsg(
                    self._buffer, 0, _socket.MSG_DONTWAIT
                )
            except BlockingIOError:
                self._wait(sock, deadline)
                continue
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise Overrun("netlink: the kernel dropped messages (ENOBUFS)") from error
                raise SourceError(f"netlink: cannot receive: {error.strerror}") from error
            if flags & _socket.MSG_TRUNC:
                raise ReplyTruncated(f"netlink: a reply is larger than {self._buffer} bytes")
            return Datagram(data, address[0])

    @staticmethod
    def _wait(sock: _socket.socket, deadline: float) -> None:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        left = deadline - monotonic()
        if left <= 0 or not poll.poll(left * 1000):  # goes on after EINTR with what is left
            raise Timeout("netlink: no answer before the deadline")

    def join(self, group: int) -> None:
        """Receive a multicast group's notifications too."""
        try:
            self._live().setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        except OSError as error:
            raise SourceError(f"netlink: cannot join group {group}: {error.strerror}") from error
        self._groups.append(group)

    def reset(self, *, larger: bool = False) -> None:
        """A new socket, since a dump that was left half read keeps the old one busy (EBUSY)."""
        if larger:
            if self._buffer >= BUFFER_LIMIT:
                raise SourceError(f"netlink: a reply is larger than {BUFFER_LIMIT} bytes: refused")
            self._buffer = min(8 * self._buffer, BUFFER_LIMIT)
        self.close()
        self._connect()

    def close(self) -> None:
        """Close the socket; may be called again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Kernel:
    """The running kernel, in our network namespace or in a named one.

    Args:
        netns: a name that ``ip netns`` knows, or the path of a namespace file.

    Raises:
        SourceError: there is no such namespace, or it cannot be entered.
    """

    name = "kernel"

    def __init__(self, netns: str | None = None) -> None:
        self.netns = netns
        self._path = namespace_path(netns) if netns is not None else None
        self._channels: list[KernelChannel] = []
        if self._path is not None:
            run_in(self._path, int)  # says at once whether it can be entered

    def within(self, function: Callable[[], T]) -> T:
        """Call a function inside the network namespace."""
        return run_in(self._path, function) if self._path is not None else function()

    def open(self, protocol: int) -> KernelChannel:
        """A new channel; closed with the source."""
        within = self.within if self._path is not None else None
        channel = KernelChannel(protocol, within)
        self._channels.append(channel)
        return channel

    def release(self) -> str:
        """As uname -r prints it."""
        return os.uname().release

    def drvinfo(self, ifname: bytes) -> bytes:
        """ETHTOOL_GDRVINFO; empty for a device that has none (EOPNOTSUPP).

        Raises:
            SourceError: the ioctl failed in another way (ENODEV: the device is gone).
        """
        return self.within(lambda: _drvinfo(ifname))

    def sysfs(self, ifname: bytes, paths: tuple[str, ...]) -> dict[str, str]:
        """Files, links and folders below /sys/class/net/IFNAME; see `Source.sysfs`."""
        folder = "/sys/class/net/" + os.fsdecode(ifname) + "/"
        return self.within(lambda: _read_all(folder, paths))

    def notifications(self) -> None:
        """None: to watch them needs a child with a namespace of its own, and nobody has."""

    def close(self) -> None:
        """Close every channel; may be called again."""
        while self._channels:
            self._channels.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _drvinfo(ifname: bytes) -> bytes:
    if len(ifname) >= IFNAMSIZ:
        raise SourceError(f"ETHTOOL_GDRVINFO: a name of {len(ifname)} bytes is no kernel name")
    info = array("B", bytes(DRVINFO_SIZE))
    pack_into("=I", info, 0, ETHTOOL_GDRVINFO)
    address, _length = info.buffer_info()
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        fcntl.ioctl(sock, SIOCETHTOOL, pack("16sP", ifname, address))  # struct ifreq's head
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EPERM):
            return b""
        raise SourceError(f"ETHTOOL_GDRVINFO: {error.strerror}") from error
    finally:
        sock.close()
    return info.tobytes()


def _read_all(folder: str, paths: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for path in paths:
        try:
            found[path] = _read(folder + path)
        except OSError:
            continue  # drivers refuse what they do not have, in many ways
    return found


def _read(path: str) -> str:
    if path.endswith("/"):
        return "\n".join(sorted(os.listdir(path)))
    if os.path.islink(path):
        return os.readlink(path)
    with open(path, "rb") as file:
        return file.read(SYSFS_FILE_LIMIT).decode("utf-8", "backslashreplace").strip()
