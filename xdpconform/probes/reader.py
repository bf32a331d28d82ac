# SPDX-License-Identifier: MIT
"""How one NIC is read: the clients, families and the way into its network namespace."""

from __future__ import annotations

import _socket
import errno
import fcntl
from array import array
from functools import partial
from struct import pack, unpack_from

from xdpconform.errors import KernelError
from xdpconform.netlink import ethtool, netdev
from xdpconform.netlink.ethtool_ioctl import COMMAND_NAMES
from xdpconform.netlink.extack import ExtAck
from xdpconform.netlink.genl import Family, getfamily, pull_family
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.sources.kernel import SIOCETHTOOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeVar

    from xdpconform.netlink.ethtool_ioctl import Ioctl
    from xdpconform.netlink.transaction import Request
    from xdpconform.netlink.wire import Message
    from xdpconform.sources.base import Client

    T = TypeVar("T")

    class Within(Protocol):
        """Calls a function inside the NIC's network namespace."""

        def __call__(self, function: Callable[[], T], /) -> T:
            """What the function gives; its errors go through."""


class Reader(NamedTuple):
    """One NIC, and everything needed to ask about it; made by `reader`."""

    ifindex: int
    ifname: bytes
    """Its kernel name, which the ioctls need."""
    route: Client
    """Of NETLINK_ROUTE in its namespace."""
    generic: Client
    """Of NETLINK_GENERIC in its namespace."""
    within: Within
    ethtool: Family | None
    """None on a kernel before 5.6."""
    netdev: Family | None
    """None on a kernel before 6.3."""

    def ask(self, request: Request) -> list[Message] | None:
        """Ask a family; None where the driver or the kernel cannot do it (EOPNOTSUPP).

        Raises:
            KernelError: it was refused in another way.
            SourceError: it could not be asked.
        """
        try:
            return self.generic.ask(request)
        except KernelError as error:
            if error.errno == errno.EOPNOTSUPP:
                return None
            raise

    def by_ioctl(self, function: Callable[[Ioctl], T]) -> T:
        """Call a function of `xdpconform.netlink.ethtool_ioctl` inside the namespace."""
        return self.within(lambda: function(partial(ethtool_ioctl, self.ifname)))


def reader(route: Client, generic: Client, ifindex: int, ifname: bytes, within: Within) -> Reader:
    """Look up the families, and have all together.

    Raises:
        KernelError: nlctrl refused in another way than ENOENT.
        SourceError: it could not be asked.
    """
    found = {name: _family(generic, name) for name in (ethtool.FAMILY_NAME, netdev.FAMILY_NAME)}
    return Reader(
        ifindex,
        ifname,
        route,
        generic,
        within,
        found[ethtool.FAMILY_NAME],
        found[netdev.FAMILY_NAME],
    )


def _family(generic: Client, name: str) -> Family | None:
    try:
        return pull_family(generic.ask(getfamily(name))[0])
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def ethtool_ioctl(ifname: bytes, data: bytearray) -> None:
    """SIOCETHTOOL in the namespace of the calling thread: the kernel answers into `data`.

    Raises:
        KernelError: it was refused.
    """
    buffer = array("B", data)
    address, _length = buffer.buffer_info()
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        fcntl.ioctl(sock, SIOCETHTOOL, pack("16sP", ifname, address))  # struct ifreq's head
    except OSError as error:
        command = unpack_from("@I", data)[0]
        what = COMMAND_NAMES.get(command, f"ethtool ioctl {command:#x}")
        raise KernelError(error.errno or 0, ExtAck(), what) from error
    finally:
        sock.close()
    data[:] = buffer.tobytes()
