# SPDX-License-Identifier: MIT
"""The child of `xdpconform.probes.lifecycle`: prints what it sees. Starts quickly: few imports."""

from __future__ import annotations

import os
import sys
from time import monotonic

from xdpconform.errors import SourceError, Timeout, XdpConformError
from xdpconform.netlink import rtnl
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.netlink.genl import getfamily, pull_family
from xdpconform.netlink.netdev import FAMILY_NAME, MGMT_GROUP, Command, dev_get
from xdpconform.netlink.wire import pull_genlmsghdr, pull_messages
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

CLONE_NEWUSER: Final = 0x10000000  # include/uapi/linux/sched.h
CLONE_NEWNET: Final = 0x40000000
NAME: Final = b"xdpconform0"
PEER: Final = b"xdpconform1"
WAIT: Final = 5.0


def main() -> None:
    """Print the datagrams in hex, a line each: the child's work."""
    try:
        _enter_private_namespace()
        for datagram in _watch():
            sys.stdout.write(datagram.hex() + "\n")
    except (XdpConformError, OSError) as error:
        sys.exit(str(error))


def _enter_private_namespace() -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        code = ctypes.get_errno()
        raise SourceError(
            f"a private network namespace is refused ({os.strerror(code)}): run as root, or allow"
            " user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
        )


def _watch() -> list[bytes]:
    with Kernel() as kernel:
        generic, route = Client(kernel.open(NETLINK_GENERIC)), Client(kernel.open(NETLINK_ROUTE))
        family = pull_family(generic.ask(getfamily(FAMILY_NAME))[0])
        listener = kernel.open(NETLINK_GENERIC)
        listener.join(family.groups[MGMT_GROUP])
        route.ask(rtnl.veth_pair(NAME, PEER))
        link = rtnl.pull_link(route.ask(rtnl.getlink(NAME))[0])
        seen: list[bytes] = []
        deadline = monotonic() + WAIT
        wanted = {Command.DEV_ADD_NTF: 2, Command.DEV_CHANGE_NTF: 2}

        def collect() -> None:
            try:
                while any(wanted.values()):
                    datagram = listener.receive(deadline).data
                    seen.append(datagram)
                    for message in pull_messages(datagram):
                        command = Command(pull_genlmsghdr(message.payload)[0])
                        wanted[command] = max(0, wanted.get(command, 0) - 1)
            except Timeout:
                pass  # what is missing shows in what was seen

        collect()
        client = Client(kernel.open(NETLINK_GENERIC), [])
        client.ask(dev_get(family, link.ifindex))
        asked = client.trace[-1].replies if client.trace else ()
        route.ask(rtnl.dellink(link.ifindex))
        wanted[Command.DEV_DEL_NTF] = 2
        collect()
        return [*seen, *asked]
