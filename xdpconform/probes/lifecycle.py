# SPDX-License-Identifier: MIT
"""Watch the notifications of a device's life and change, in a namespace made for it.

A child process makes a network namespace of its own (as nobody, through a user namespace), a
veth pair in it, and takes the pair away again. Nothing outside that namespace can notice.
"""

from __future__ import annotations

import os
import subprocess
import sys
from time import monotonic
from typing import TYPE_CHECKING, Final

from xdpconform.errors import SourceError, Timeout, WireError, XdpConformError
from xdpconform.netlink import rtnl
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.netlink.genl import getfamily, pull_family
from xdpconform.netlink.netdev import (
    FAMILY_NAME,
    MGMT_GROUP,
    Command,
    Device,
    dev_get,
    pull_device,
)
from xdpconform.netlink.wire import pull_genlmsghdr, pull_messages
from xdpconform.nic import Answer
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel

if TYPE_CHECKING:
    from typing import Self

CLONE_NEWUSER: Final = 0x10000000  # include/uapi/linux/sched.h
CLONE_NEWNET: Final = 0x40000000
NAME: Final = b"xdpconform0"
PEER: Final = b"xdpconform1"
WAIT: Final = 5.0
WHAT: Final = "notifications of the netdev group mgmt"


class Lifecycle:
    """The child, started early and read late, so that nobody waits for it."""

    def __init__(self) -> None:
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        code = "import sys; sys.path.insert(0, sys.argv[1])\n"
        code += "from xdpconform.probes.lifecycle import main; main()"
        self._child: subprocess.Popen[bytes] | None = None
        self._problem = ""
        try:
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-I", "-S", "-c", code, package],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            self._problem = f"{sys.executable} cannot be started: {error.strerror}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()

    def answer(self) -> Answer:
        """What was seen; the value: (command, `Device`) pairs, then the device as asked for."""
        if self._child is None:
            return Answer(WHAT, b"", (), error=SourceError(self._problem))
        try:
            out, err = self._child.communicate(timeout=2 * WAIT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            return Answer(WHAT, b"", (), error=SourceError("no end of it in time"))
        if self._child.returncode:
            text = err.decode("utf-8", "backslashreplace").strip().split("\n")[-1]
            return Answer(WHAT, b"", (), error=SourceError(text or "the child died"))
        replies = tuple(bytes.fromhex(line) for line in out.decode().split())
        try:
            return Answer(WHAT, b"", replies, decode(replies))
        except WireError as error:
            return Answer(WHAT, b"", replies, error=error)


def decode(replies: tuple[bytes, ...]) -> list[tuple[int, Device]]:
    """Notifications and the closing reply, in order."""
    return [
        (pull_genlmsghdr(message.payload)[0], pull_device(message))
        for reply in replies
        for message in pull_messages(reply)
    ]


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
