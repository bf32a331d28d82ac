# SPDX-License-Identifier: MIT
"""Runs that die: a server that imports once, and forks a run of one probe for each order.

``python -m tests.probes.victims`` reads an `Order` a line as JSON and answers with a `Death`. The
server opens nothing itself, and adopts what its runs leave behind (PR_SET_CHILD_SUBREAPER), so it
knows when the last guardian has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from xdpconform.errors import SourceError
from xdpconform.netconfig import Remote
from xdpconform.observed import ACTIONS
from xdpconform.observed_xsk import COPIED, UNCOPIED
from xdpconform.probes import (
    actions,
    adjust,
    attach,
    buffers,
    cost,
    hints,
    neighbours,
    offload,
    redirect,
    segments,
    trial,
    tx_hints,
    tx_wedge,
    xskbind,
    zerocopy,
)
from xdpconform.probes.bpf import Btf
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Namespace, Testbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

PR_SET_CHILD_SUBREAPER: Final = 36  # include/uapi/linux/prctl.h
LONGEST: Final = 60.0
"""Seconds until a run is given up."""
PATIENCE: Final = 15.0
"""Seconds until a guardian is taken for stuck."""

THERE: Final = b'["there"'
"""What a run says as soon as its testbed is there."""
INTERRUPTED: Final = 130
"""How a run ends that handled SIGINT."""
NIC, PEER = "veth0", "veth1"


def nothing(_bed: Testbed) -> None:
    """Only the testbed itself, and the pair beside it."""
    _bed.aside()


PROBES: Final[dict[str, Callable[[Testbed], object]]] = {
    "nothing": nothing,
    "around": attach.around,
    "configured": attach.configured,
    "jumbo": attach.jumbo,
    **{f"change-{what}": partial(attach.change, what=what) for what in ("link", "gro", "mtu")},
    "largest_mtu-plain": partial(buffers.largest_mtu, frags=False),
    "largest_mtu-frags": partial(buffers.largest_mtu, frags=True),
    "offload": offload.offload,
    **{
        f"act-{action}-{peer}": partial(actions.act, action=action, peer=peer)
        for action in ACTIONS
        if action in actions.PLACES
        for peer in actions.PEERS
    },
    **{
        f"act-{action}-{peer}-jumbo": partial(
            actions.act, action=action, peer=peer, size=actions.JUMBO, frags=True
        )
        for action, peer in (("XDP_PASS", "plain"), ("XDP_DROP", "gro"), ("XDP_TX", "program"))
    },
    "replaced_under_load": actions.replaced_under_load,
    "matrix-head": partial(adjust.matrix, where="head"),
    "matrix-tail": partial(adjust.matrix, where="tail"),
    "cost": cost.cost,
    "to_device": redirect.to_device,
    "to_device-egress": partial(redirect.to_device, egress=True),
    "to_device-broadcast": partial(redirect.to_device, broadcast=True),
    "to_device-jumbo": partial(redirect.to_device, size=actions.JUMBO),
    "to_cpus": redirect.to_cpus,
    **{
        f"into-{moment}-{peer}": partial(redirect.into, moment=moment, peer=peer)
        for moment in redirect.MOMENTS
        for peer in actions.PEERS
    },
    **{
        f"into-{moment}-program-jumbo": partial(
            redirect.into, moment=moment, peer="program", size=actions.JUMBO
        )
        for moment in redirect.MOMENTS
    },
    "length": buffers.length,
    "hints": hints.hints,
    "each_queue": zerocopy.each_queue,
    "neighbours": neighbours.neighbours,
    "segments": segments.segments,
    "refusals": xskbind.refusals,
    "released": xskbind.released,
    "tx_hints": tx_hints.tx_hints,
    "wedge-copy": lambda bed: tx_wedge.wedge(bed, COPIED),
    "wedge-zero-copy": lambda bed: tx_wedge.wedge(bed, UNCOPIED),
}
"""What a run may try, by name."""


class Order(msgspec.Struct, frozen=True):
    """A run, and how it ends."""

    probe: str
    """Of `PROBES`."""
    host: str
    """The namespace of the NIC, veth0."""
    far: str = ""
    """The namespace of the peer, veth1; it is cabled to the NIC in `host` if not given."""
    at: int | None = None
    """It kills itself before this step, from 0; at the number of all steps when all is done."""
    guardian: bool = False
    """It kills its guardian first."""
    after: float | None = None
    """Seconds after the testbed is there until it gets a signal."""
    signal: int = signal.SIGKILL


class Death(msgspec.Struct, frozen=True):
    """What became of a run."""

    steps: list[str]
    """What it was about to change, sentence by sentence."""
    ended: int
    """Its exit status, negative for a signal."""
    left: int
    """Processes of it that were still there at last."""
    seconds: float
    """From the moment when the testbed was there to the end."""
    problem: str = ""
    """The traceback, if the probe failed."""


def run(order: Order, tell: Callable[[str, str], None]) -> None:
    """Try one probe, and die as ordered."""
    guardian = Guardian()
    passed = 0

    def die_at(number: int) -> None:
        if order.at == number:
            if order.guardian:
                os.kill(guardian.pid, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    def step(sentence: str) -> None:
        nonlocal passed
        die_at(passed)
        passed += 1
        tell("step", sentence)

    silent = order.probe != "nothing"
    space = Namespace.at(order.host)
    hook = {} if silent else {"step": step}
    if order.far:
        bed = Testbed.remote(space, NIC, Remote("netns", order.far), guardian, **hook)
    else:
        bed = Testbed.cabled(space, NIC, PEER, guardian, **hook)
    with bed:
        bed.step = bed.settings._step = step
        tell("there", "")
        PROBES[order.probe](bed)
        die_at(passed)


def child(order: Order, end: int) -> None:
    """The forked process: never returns."""
    status = 1
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):  # nohup leaves them ignored
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

        def tell(kind: str, text: str) -> None:
            os.write(end, msgspec.json.encode([kind, text]) + b"\n")

        try:
            run(order, tell)
            status = 0
        except KeyboardInterrupt:
            status = INTERRUPTED
        except BaseException:  # noqa: BLE001 - told by the server
            tell("problem", traceback.format_exc())
    finally:
        os._exit(status)


def serve(order: Order) -> Death:
    """Fork a run, see it die, and wait until all that it left has ended."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(read)
        child(order, write)
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as end:
        seconds, said = follow(end, pid, order)
    _pid, status = os.waitpid(pid, 0)
    lines: list[tuple[str, str]] = [msgspec.json.decode(line, type=tuple) for line in said]
    steps = [text for kind, text in lines if kind == "step"]
    problem = "".join(text for kind, text in lines if kind == "problem")
    return Death(steps, os.waitstatus_to_exitcode(status), adopted(), seconds, problem)


def follow(end: FileIO, pid: int, order: Order) -> tuple[float, list[bytes]]:
    """Read what a run says until it ends, and send it its signal; gives seconds and lines."""
    poll = select.poll()
    poll.register(end, select.POLLIN | select.POLLHUP)
    said, there, due = b"", 0.0, time.monotonic() + LONGEST
    last: int = signal.SIGKILL
    while True:
        left = due - time.monotonic()
        if left <= 0:
            os.kill(pid, last)
            last, due = signal.SIGKILL, time.monotonic() + LONGEST
        elif poll.poll(1000 * left):
            found = end.read(1 << 16)
            if not found:
                return time.monotonic() - there, said.splitlines()
            said += found
            if not there and THERE in said:
                there = time.monotonic()
                if order.after is not None:
                    last, due = order.signal, there + order.after


def adopted() -> int:
    """Wait for the processes that a dead run left to us; gives how many are left at last."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.002)
        except ChildProcessError:
            return 0
    left = 0
    with contextlib.suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as file:
        left = len(file.read().split())
    return left


def main() -> None:
    """Serve orders until there are no more."""
    trial.PATIENCE = 0.1  # type: ignore[misc]  # nobody here waits for what the frames did
    hints.PATIENCE = 0.1  # type: ignore[misc]
    buffers.MOST = 4096  # type: ignore[misc]  # a shorter search has the same steps
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with contextlib.suppress(SourceError):  # the longest thing that a run does once
        Btf.load()
    for line in sys.stdin.buffer:
        answer = serve(msgspec.json.decode(line, type=Order))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
