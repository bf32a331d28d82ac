# SPDX-License-Identifier: MIT
"""Watch the notifications of a device's life and change, in a namespace made for it.

A child process makes a network namespace of its own (as nobody, through a user namespace), a
veth pair in it, and takes the pair away again. Nothing outside that namespace can notice.
"""

from __future__ import annotations

import os
import subprocess
import sys

from xdpconform.errors import SourceError, WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Self

    from xdpconform.netlink.netdev import Device
    from xdpconform.nic import Answer

WAIT: Final = 10.0
WHAT: Final = "notifications of the netdev group mgmt"


class Lifecycle:
    """The child, started early and read late, so that nobody waits for it.

    It sleeps most of its time while the kernel takes a device away; importing this module is
    quick, so that all other imports go on meanwhile.
    """

    def __init__(self) -> None:
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        code = "import sys; sys.path.insert(0, sys.argv[1])\n"
        code += "from xdpconform.probes.watch import main; main()"
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
        from xdpconform.nic import Answer

        if self._child is None:
            return Answer(WHAT, b"", (), error=SourceError(self._problem))
        try:
            out, err = self._child.communicate(timeout=WAIT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            return Answer(WHAT, b"", (), error=SourceError("no end of it in time"))
        if self._child.returncode:
            text = err.decode("utf-8", "backslashreplace").strip().split("\n")[-1]
            return Answer(WHAT, b"", (), error=SourceError(text or "the child died"))
        return read_answer(tuple(bytes.fromhex(line) for line in out.decode().split()))


def read_answer(replies: tuple[bytes, ...]) -> Answer:
    """What was seen, decoded or found to break the format."""
    from xdpconform.nic import Answer

    try:
        return Answer(WHAT, b"", replies, decode(replies))
    except WireError as error:
        return Answer(WHAT, b"", replies, error=error)


def decode(replies: tuple[bytes, ...]) -> list[tuple[int, Device]]:
    """Notifications and the closing reply, in order."""
    from xdpconform.netlink.netdev import pull_device
    from xdpconform.netlink.wire import pull_genlmsghdr, pull_messages

    return [
        (pull_genlmsghdr(message.payload)[0], pull_device(message))
        for reply in replies
        for message in pull_messages(reply)
    ]
