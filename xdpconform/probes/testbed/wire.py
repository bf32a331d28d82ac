# SPDX-License-Identifier: MIT
"""Where test frames are put on a medium and taken off it: a packet socket, or a tap's descriptor.

packet(7), and Documentation/networking/tuntap.rst. Only frames of this suite come out; they are
few, so one system call a frame is quick enough (half a million a second).
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from struct import pack
from typing import TYPE_CHECKING, Final

from xdpconform.errors import SourceError, errno_name
from xdpconform.probes.testbed.frames import ETH_HLEN, ETHERTYPE, LARGEST, ours

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from xdpconform.probes.testbed.port import Port

SOL_PACKET: Final = 263  # include/linux/socket.h
# include/uapi/linux/if_packet.h
PACKET_ADD_MEMBERSHIP: Final = 1
PACKET_IGNORE_OUTGOING: Final = 23
PACKET_MR_PROMISC: Final = 1
# include/uapi/asm-generic/socket.h: buffers beyond the system's limit, for CAP_NET_ADMIN
SO_SNDBUFFORCE: Final = 32
SO_RCVBUFFORCE: Final = 33

RECEIVE_BUFFER: Final = 64 << 20
"""Bytes, the kernel's overhead counted: some thousand frames of 9014 bytes."""
SEND_BUFFER: Final = 8 << 20
ROOM: Final = LARGEST + 1 + ETH_HLEN
"""More than any frame has, so that none is cut unseen."""
FULL: Final = 200
"""How often a frame is tried again where the port has no room for it, a millisecond apart."""


class Wire:
    """One side of a medium.

    Attributes:
        waited: seconds spent in `receive` waiting for frames.
    """

    def __init__(self, what: str) -> None:
        self.waited = 0.0
        self._what = what

    def fileno(self) -> int:
        """The descriptor, for poll; it is readable where a frame has come."""
        raise NotImplementedError

    def close(self) -> None:
        """Give it back; may be called again."""
        raise NotImplementedError

    def _put(self, frame: bytes) -> None:
        raise NotImplementedError

    def _take(self) -> bytes:
        """The next frame; BlockingIOError if there is none."""
        raise NotImplementedError

    def send(self, frames: Sequence[bytes]) -> None:
        """Put frames on the medium, as many as there are, one after another.

        Raises:
            SourceError: a frame was refused: the port is down, or the frame larger than its MTU.
        """
        for number, frame in enumerate(frames):
            for _try in range(FULL):
                try:
                    self._put(frame)
                    break
                except OSError as error:
                    if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                        raise self._refused(frame, number, error) from error
                    full = error
                time.sleep(0.001)
            else:
                raise self._refused(frame, number, full) from full

    def _refused(self, frame: bytes, number: int, error: OSError) -> SourceError:
        code = error.errno or 0
        hint = {
            errno.ENETDOWN: "; switch it on",
            errno.EIO: "; switch it on",  # tun_get_user, drivers/net/tun.c
            errno.EMSGSIZE: "; raise its MTU",
            errno.ENOBUFS: "; its queue stays full, or its other end is down",
            errno.EAGAIN: "; its queue stays full",
        }.get(code, "")
        return SourceError(
            f"{self._what}: frame {number} of {len(frame)} bytes is refused:"
            f" {errno_name(code)} ({os.strerror(code)}){hint}"
        )

    def receive(self, count: int, timeout: float, *, every: bool = False) -> list[bytes]:
        """Frames of this suite, in the order they came.

        Args:
            count: so many at most; it ends as soon as they are there.
            timeout: seconds until it ends with what has come, and what has come only.
            every: also frames that cannot be known as ours, since a program shifted them.

        Raises:
            SourceError: the medium cannot be read (the port went down or away).
        """
        frames: list[bytes] = []
        start = time.monotonic()
        deadline = start + timeout
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        while len(frames) < count:
            try:
                frame = self._take()
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                poll.poll(left * 1000)
                continue
            except OSError as error:
                if error.errno == errno.ENETDOWN:
                    continue  # said once where the port went down; it may be up again
                raise SourceError(f"{self._what}: cannot receive: {error.strerror}") from error
            if every or ours(frame):
                frames.append(frame)
            elif time.monotonic() >= deadline:
                break  # however much else there is
        self.waited += time.monotonic() - start
        return frames

    def drain(self) -> int:
        """Throw away what has come so far; gives how many frames of this suite it was."""
        count = 0
        while found := self.receive(1024, 0):
            count += len(found)
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class PacketWire(Wire):
    """A packet socket on a port: puts frames out of it, and takes those that came into it.

    On the peer this is the far side of the medium. On the NIC itself it stands behind the XDP
    hook: what it takes is what the program let through.

    Args:
        port: where.
        promiscuous: take frames for other addresses too; the kernel counts who wants that
            (IFLA_PROMISCUITY), and ends it with the socket.
        ethertype: of the frames that are taken; of others than ours `receive` needs `every`.

    Raises:
        SourceError: the socket is refused, mostly for want of CAP_NET_RAW.
    """

    def __init__(self, port: Port, *, promiscuous: bool = True, ethertype: int = ETHERTYPE) -> None:
        super().__init__(port.ifname)
        self._socket: socket.socket | None = None

        def make() -> socket.socket:
            return socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0
            )

        try:
            sock = self._socket = port.namespace.call(make)
            _enlarge(sock, SO_RCVBUFFORCE, socket.SO_RCVBUF, RECEIVE_BUFFER)
            _enlarge(sock, SO_SNDBUFFORCE, socket.SO_SNDBUF, SEND_BUFFER)
            sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            if promiscuous:  # struct packet_mreq
                request = pack("=iHH8s", port.ifindex, PACKET_MR_PROMISC, 0, b"")
                sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
            sock.bind((port.ifname, ethertype))  # last: from here on frames come in
        except OSError as error:
            self.close()
            hint = "; it needs root (CAP_NET_RAW)" if error.errno == errno.EPERM else ""
            raise SourceError(
                f"{port.ifname}: cannot open a packet socket: {error.strerror}{hint}"
            ) from error

    def _live(self) -> socket.socket:
        if self._socket is None:
            raise SourceError(f"{self._what}: the wire is closed")
        return self._socket

    def fileno(self) -> int:
        """See `Wire.fileno`."""
        return self._live().fileno()

    def send(self, frames: Sequence[bytes]) -> None:
        """See `Wire.send`."""
        self._live().getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # the port was down once
        super().send(frames)

    def _put(self, frame: bytes) -> None:
        self._live().send(frame)

    def _take(self) -> bytes:
        return self._live().recv(ROOM)

    def close(self) -> None:
        """Close the socket; may be called again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _enlarge(sock: socket.socket, force: int, ordinary: int, size: int) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, force, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, ordinary, size)


class TapWire(Wire):
    """A tap's descriptor: what is written comes into the device, what goes out of it is read.

    Args:
        fd: of /dev/net/tun, nonblocking, IFF_TAP and IFF_NO_PI set; the wire closes it.
        ifname: the device's name, for messages.
    """

    def __init__(self, fd: int, ifname: str) -> None:
        super().__init__(ifname)
        self._fd = fd

    def fileno(self) -> int:
        """See `Wire.fileno`."""
        if self._fd < 0:
            raise SourceError(f"{self._what}: the wire is closed")
        return self._fd

    def _put(self, frame: bytes) -> None:
        os.write(self.fileno(), frame)

    def _take(self) -> bytes:
        return os.read(self.fileno(), ROOM)

    def close(self) -> None:
        """Close the descriptor, and with it goes the device; may be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
