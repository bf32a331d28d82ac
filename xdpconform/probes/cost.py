# SPDX-License-Identifier: MIT
"""What an attach costs whoever uses the NIC: time, frames, the link."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from xdpconform.errors import Blocked
from xdpconform.observed import ACTIONS, Cost
from xdpconform.probes.bpf import BpfError, Link, Mode, PerCpuArray, Program, programs
from xdpconform.probes.kit import CARRIER, carrier, kit, wire_of
from xdpconform.probes.trial import GRACE, SIZE, SLOTS, drain, no_program, refusal

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Testbed

PACE: Final = 0.0005
"""Seconds between two frames."""
LEAD: Final = 0.02
"""Seconds of frames before and after what is measured."""


class Stream(threading.Thread):
    """Sends frames all the time, until it is stopped.

    Args:
        bed: over whose wire.
    """

    def __init__(self, bed: Testbed) -> None:
        super().__init__(name="frames to the NIC")
        self._bed = bed
        self._stopped = threading.Event()
        self.sent = 0
        self.problem: Exception | None = None
        self.start()

    def run(self) -> None:
        """Send, at `PACE`."""
        wire = wire_of(self._bed)
        try:
            while not self._stopped.wait(PACE):
                wire.send(kit(self._bed).frames.make(1, SIZE))
                self.sent += 1
        except Exception as problem:  # noqa: BLE001 - told by `stop`
            self.problem = problem

    def stop(self) -> int:
        """Stop; gives how many frames were sent.

        Raises:
            Blocked: sending failed meanwhile.
        """
        self._stopped.set()
        self.join()
        if self.problem is not None:
            raise Blocked(f"frames cannot be sent: {self.problem}")
        return self.sent


def cost(bed: Testbed) -> Cost:
    """Attach and detach a passing program while frames come in without a pause.

    Raises:
        Blocked: there is no peer, or the program is refused; Unclaimed where none was promised.
        BpfError: it cannot be loaded.
    """
    wire_of(bed)
    bed.progress("what an attach costs")
    port = bed.nic
    before = port.state().carrier_changes or 0
    code = partial(programs.verdict, ACTIONS["XDP_PASS"])
    with (
        PerCpuArray(8, SLOTS) as counts,
        Program.load(code(counts), name="xdpconform") as program,
    ):
        drain(bed)
        stream = Stream(bed)
        try:
            time.sleep(LEAD)
            bed.step(f"attach a program to {port.ifname}")
            start = time.monotonic()
            try:
                link = port.namespace.call(lambda: Link.create(program, port.ifindex, Mode.NATIVE))
            except BpfError as error:
                raise no_program(bed, refusal(error)) from error
            attached = time.monotonic()
            try:
                first = _first(counts, start)
                time.sleep(LEAD)
                sent = stream.stop()
                lost = sent - _arrived(bed, sent)
                stream = Stream(bed)
                time.sleep(LEAD)
            finally:
                bed.step(f"detach the program of {port.ifname}")
                detach = time.monotonic()
                link.close()
                detached = time.monotonic()
            carrier(bed, port)
            time.sleep(LEAD)
        finally:
            again = stream.stop()
    return Cost(
        (port.state().carrier_changes or 0) - before,
        sent + again,
        lost,
        again - _arrived(bed, again),
        1000 * (attached - start),
        1000 * (detached - detach),
        first,
    )


def _first(counts: PerCpuArray, start: float) -> float | None:
    while time.monotonic() < start + CARRIER:
        if counts.total(0):
            return 1000 * (time.monotonic() - start)
        time.sleep(PACE)
    return None


def _arrived(bed: Testbed, sent: int) -> int:
    return len(
        {
            number[0]
            for frame in bed.behind.receive(sent, GRACE)
            if (number := kit(bed).frames.read(frame))
        }
    )
