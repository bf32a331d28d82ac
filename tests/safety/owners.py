# SPDX-License-Identifier: MIT
"""Processes that own a guardian, to be killed; and undos for them to register."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.rtnl import IFINFOMSG
from xdpconform.netlink.subject import RTM_SETLINK
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import push_u32
from xdpconform.probes.safety import Undo

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tests.namespaces import Namespace

ROOT = Path(__file__).parents[2]
WAIT = 30_000  # milliseconds, for what happens at once
IFLA_MTU = 4

PRELUDE = """
import json, os, signal, sys
for number in (signal.SIGTERM, signal.SIGHUP):  # nohup and shells leave them ignored
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.namespaces import Namespace
from tests.safety.owners import mtu
from xdpconform.probes.safety import Guardian
space = Namespace(sys.argv[1])
netns = os.open(space.path, os.O_RDONLY)
index = space.index("v0a")
def ready():
    told = {"guardian": guardian.pid, "journal": guardian.journal}
    print(json.dumps(told), flush=True)
"""
KEEP_AND_CHANGE = """
guardian = Guardian()
guardian.register(mtu(index, 1500), netns)
space.ip("link", "set", "v0a", "mtu", "1400")
"""
WAIT_FOR_DEATH = """
ready()
sys.stdin.read()
signal.pause()
"""


def mtu(ifindex: int, value: int) -> Undo:
    """An undo that sets the MTU of a link."""
    payload = IFINFOMSG.pack(0, 0, ifindex, 0, 0) + push_u32(IFLA_MTU, value)
    request = Request("rtnetlink setlink", RTM_SETLINK, payload)
    return Undo.of(f"mtu of link {ifindex} back to {value}", NETLINK_ROUTE, request)


def mtu_of(namespace: Namespace, name: str = "v0a") -> int:
    """The MTU that a link has."""
    return int(json.loads(namespace.ip("-j", "link", "show", "dev", name))[0]["mtu"])


def ended(pidfd: int) -> bool:
    """Wait until a process is no more."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(WAIT))


class Owner:
    """A process with a guardian.

    Args:
        namespace: where the links are.
        code: what it does, after PRELUDE.
        within: whether it is started inside the namespace.
    """

    def __init__(self, namespace: Namespace, code: str, *, within: bool = False) -> None:
        words = [sys.executable, "-c", PRELUDE + code, namespace.name]
        self.process = subprocess.Popen(
            [*(("ip", "netns", "exec", namespace.name) if within else ()), *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.guardian: int = told["guardian"]
        self.journal = Path(told["journal"])
        self._pidfd = os.pidfd_open(self.guardian)

    def kill(self, signals: int = signal.SIGKILL) -> None:
        """End the process."""
        self.process.send_signal(signals)
        self.process.wait()

    def kill_guardian(self) -> None:
        """End the guardian as nothing that it ignores can."""
        os.kill(self.guardian, signal.SIGKILL)
        assert ended(self._pidfd)

    def wait_for_guardian(self) -> None:
        """Wait until the guardian has done its work."""
        assert ended(self._pidfd), "the guardian did not end"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        self.wait_for_guardian()
        os.close(self._pidfd)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
