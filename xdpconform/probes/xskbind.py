# SPDX-License-Identifier: MIT
"""bind(2) of AF_XDP: what it refuses, in which order, and how long a queue stays busy.

Source: net/xdp/xsk.c, xsk_bind; net/xdp/xsk_buff_pool.c, xp_assign_dev and xp_put_pool, which frees
a queue from a work item, some time after the socket is gone.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from copy import copy
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import Blocked
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import BINDS, COPY, ZERO_COPY, Release
from xdpconform.probes.kit import claims
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.xsk import Sizes, Umem, XskError, XskMode, XskSocket
from xdpconform.probes.xsk.uapi import XDP_COPY, XDP_ZEROCOPY
from xdpconform.probes.zerocopy import MODES, Turned, bound_socket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.probes.testbed import Port, Testbed

UNKNOWN: Final = 1 << 15
"""A bit of sxdp_flags that no kernel knows."""
NOBODY: Final = 0x7FFFFFFF
"""An ifindex that no interface has."""
BEYOND: Final = 0x7FFFFFFE
"""A queue that no NIC has."""
SMALL: Final = Sizes(64, 64, 64, 64)
NO_RING: Final = SMALL._replace(rx=0, tx=0)
NO_FILL: Final = SMALL._replace(fill=0)
BOTH: Final = XDP_COPY | XDP_ZEROCOPY
PATIENCE: Final = 10.0
"""Seconds after which a queue that is still busy is given up."""
ROUNDS: Final = 3
"""The longest of them counts."""
HOLD: Final = "import os; os.write(1, b'.'); os.read(0, 1)"
"""Holds what it inherits until somebody ends it, or its parent is gone."""
START: Final = 10.0
"""Seconds for it to start."""


class Ask(NamedTuple):
    """One call of bind(2) that has to be refused."""

    flags: int = XDP_COPY
    sizes: Sizes = SMALL
    interface: bool = True
    """Whether there is such an interface."""
    queue: int = 0
    taken: bool = False
    """Whether another socket has the queue."""
    again: bool = False
    """Whether the socket is bound already."""
    shared: bool = False
    """Whether it shares the memory of another."""


ASKS: Final = {
    "unknown-flag": Ask(UNKNOWN),
    "unknown-flag-no-interface": Ask(UNKNOWN, interface=False),
    "bound-already": Ask(again=True),
    "bound-already-no-interface": Ask(again=True, interface=False),
    "no-interface": Ask(interface=False),
    "no-interface-no-ring": Ask(sizes=NO_RING, interface=False),
    "no-ring": Ask(sizes=NO_RING),
    "shared-with-a-mode": Ask(taken=True, shared=True),
    "no-fill-ring": Ask(sizes=NO_FILL),
    "both-modes": Ask(BOTH),
    "both-modes-queue-taken": Ask(BOTH, taken=True),
    "queue-taken": Ask(taken=True),
    "queue-taken-zero-copy": Ask(XDP_ZEROCOPY, taken=True),
    "no-queue": Ask(queue=BEYOND),
    "no-queue-zero-copy": Ask(XDP_ZEROCOPY, queue=BEYOND),
}
"""By a word of `BINDS`."""


def refusals(bed: Testbed) -> dict[str, Refusal | None]:
    """What bind(2) says to each of `BINDS`; None: it succeeded.

    Raises:
        Blocked: a queue cannot be had in copy mode, which any device can.
        XskError: sockets or their memory are refused, for want of privileges.
    """
    bed.progress("what bind(2) refuses")
    found = {}
    with Umem(128, 2048) as umem:
        for word in BINDS:
            ask = ASKS[word]
            bed.step(f"ask for a bind to queue {ask.queue} of {bed.nic.ifname}: {word}")
            with ExitStack() as stack:
                holder = None
                if ask.taken or ask.again:
                    holder = stack.enter_context(_plain(bed.nic, umem))
                found[word] = _ask(bed.nic, umem, ask, holder)
    return found


def _plain(port: Port, umem: Umem) -> XskSocket:
    """A socket in copy mode, whose queue may have been somebody's a moment ago."""
    try:
        return XskSocket(
            port,
            umem,
            queue=0,
            mode=XskMode.COPY,
            need_wakeup=False,
            sizes=SMALL,
            prime=False,
            patience=PATIENCE,
        )
    except XskError as error:
        if error.step != "bind":
            raise
        raise Blocked(f"a bind in copy mode is refused, which any device takes: {error}") from error


def _ask(port: Port, umem: Umem, ask: Ask, holder: XskSocket | None) -> Refusal | None:
    patience = 0.0 if ask.taken or ask.again else PATIENCE
    try:
        if ask.again and holder is not None:
            again = holder
            if not ask.interface:
                again = copy(holder)
                again.__dict__["ifindex"] = NOBODY
            again.bind(ask.flags, patience=patience)
            return None
        target = port
        if not ask.interface:
            target = copy(port)
            target.ifindex = NOBODY
        with XskSocket(
            target,
            umem,
            queue=ask.queue,
            mode=XskMode.AUTO,  # the flags say it
            need_wakeup=False,
            sizes=ask.sizes,
            flags=ask.flags,
            shared=holder if ask.shared else None,
            prime=False,
            patience=patience,
        ):
            return None
    except XskError as error:
        if error.step != "bind":
            raise
        return Refusal(error.name)


def released(bed: Testbed) -> Release:
    """How long the first queue stays busy after a socket is closed, or its process killed.

    Raises:
        XskError: a socket or its memory is refused, for want of privileges.
        Blocked: the link does not come up again, or no process can be started.
    """
    now = claims(bed.nic)
    closed: dict[str, float | None] = {}
    killed: dict[str, float | None] = {}
    refused: Refusal | None = None
    for mode in (ZERO_COPY, COPY):
        bed.progress(f"how long a queue stays busy, {mode}")
        try:
            closed[mode] = _longest(_closed(bed, mode) for _round in range(ROUNDS))
            killed[mode] = _longest(_killed(bed, mode) for _round in range(ROUNDS))
        except Turned as error:
            if mode == ZERO_COPY:
                refused = error.refusal
            elif error.refusal.errno != Refusal.named(errno.EBUSY):
                raise Blocked(f"a bind in copy mode is refused: {error}") from error
    why = lacking(bed, refused) if refused else ()
    return Release(now, closed, killed, refused, PATIENCE, why)


def _longest(times: Iterator[float | None]) -> float | None:
    """The longest of them; None as soon as one has no end."""
    longest = 0.0
    for one in times:
        if one is None:
            return None
        longest = max(longest, one)
    return longest


def _closed(bed: Testbed, mode: str) -> float | None:
    with bound_socket(bed, 0, mode) as xsk:
        xsk.close()
        return _free(bed, mode, time.monotonic())


def _killed(bed: Testbed, mode: str) -> float | None:
    """The queue's socket is held by another process alone, and that is killed."""
    with bound_socket(bed, 0, mode) as xsk:
        bed.step("start a process that holds the socket")
        held = xsk.fileno()
        try:
            child = subprocess.Popen(  # noqa: S603 - nothing of anybody's
                [sys.executable, "-I", "-S", "-c", HOLD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(held,),
            )
        except OSError as error:
            raise Blocked(f"no process can be started: {error.strerror}") from error
        with child:
            try:
                assert child.stdout is not None  # noqa: S101 - a pipe was asked for
                if not select.select([child.stdout], [], [], START)[0]:
                    raise Blocked(f"a process did not start in {START:g} s")
                os.read(child.stdout.fileno(), 1)
                xsk.close()
            finally:
                child.send_signal(signal.SIGKILL)
                start = time.monotonic()
        return _free(bed, mode, start)


def _free(bed: Testbed, mode: str, start: float) -> float | None:
    """Milliseconds until the queue can be bound again; None: it took too long."""
    with Umem(128, 2048) as umem:
        try:
            with XskSocket(
                bed.nic,
                umem,
                queue=0,
                mode=MODES[mode],
                need_wakeup=True,
                sizes=SMALL,
                patience=PATIENCE,
            ):
                return (time.monotonic() - start) * 1000
        except XskError as error:
            if error.errno != errno.EBUSY:
                raise
            return None
