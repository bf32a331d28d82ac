# SPDX-License-Identifier: MIT
"""What trials of AF_XDP sockets stand on: a program, a map of sockets, frames both ways."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from xdpconform.errors import KernelError
from xdpconform.probes.bpf import Mode, PerCpuArray, Program, XskMap
from xdpconform.probes.kit import CARRIER, carrier, claims, kit, wire_of
from xdpconform.probes.sockets_programs import to_sockets
from xdpconform.probes.sockets_trials import SIZE, until
from xdpconform.probes.testbed import Frames
from xdpconform.probes.testbed.frames import RUN_SIZE
from xdpconform.probes.testbed.settings import channels
from xdpconform.probes.trial import PATIENCE, attached
from xdpconform.probes.xsk import Sizes, Umem, XskMode, XskSocket

if TYPE_CHECKING:
    from xdpconform.netlink.netdev import Capabilities
    from xdpconform.probes.testbed import Testbed

RING: Final = 64
RINGS: Final = Sizes(RING, RING, RING, RING)
CHUNKS: Final = 256
CHUNK: Final = 4096
MADE_UP: Final = ("veth", "tap")
"""Kinds of testbed whose NIC is ready at once, and loses nothing."""


class Stand:
    """A program on the NIC that redirects to sockets, see `standing`.

    Attributes:
        bed: the testbed.
        mode: how sockets are bound.
        queues: how many queues can have a socket.
        sockets: the program's map.
        counts: how many frames came by each queue.
        frames: makes frames to the NIC.
        out: makes frames from it.
        claims: what the NIC claims with the program.
        home: the queue by which frames come that nobody steers.
    """

    def __init__(self, bed: Testbed, mode: XskMode, stack: ExitStack) -> None:
        self.bed: Final = bed
        self.mode: Final = mode
        self.wire: Final = wire_of(bed)
        self.queues: Final = queues_of(bed)
        self.frames: Final = kit(bed).frames
        self.out: Final = Frames(bed.nic.mac, bed.far_mac, os.urandom(RUN_SIZE))
        self.sockets: Final = stack.enter_context(XskMap(max(2, self.queues)))
        self.counts: Final = stack.enter_context(PerCpuArray(8, max(2, self.queues)))
        self.claims: Capabilities | None = None
        self.home = 0
        self._xdp = Mode.NATIVE
        self._stack = stack
        self._aimed: dict[int, XskSocket] = {}

    @property
    def zero_copy(self) -> bool:
        """Whether sockets are bound in zero copy."""
        return self.mode is XskMode.ZEROCOPY

    @property
    def aims(self) -> bool:
        """Whether frames can be sent to any queue: a veth's come by the number they left by."""
        peer = self.bed.peer
        veth = peer is not None and peer.link.kind == "veth"
        return self.queues == 1 or (veth and self._xdp is Mode.NATIVE)

    def turn(self, number: int, *, receives: bool = True) -> int:
        """A queue for the trial of this number: each in turn, or that by which frames come."""
        return number % self.queues if self.aims or not receives else self.home

    @contextmanager
    def program(self, **variant: object) -> Iterator[None]:
        """Another program as long as the block lasts; see `to_sockets` for its variants."""
        code = to_sockets(self.sockets, self.counts, **variant)  # type: ignore[arg-type]
        with Program.load(code, name="xdpconform", frags=True) as other:
            self.bed.step(f"replace the program of {self.bed.nic.ifname}")
            self.link.update(other)
            try:
                yield
            finally:
                self.link.update(self._first)

    def attach(self, mode: Mode) -> None:
        """Attach the program.

        Raises:
            Refused: the kernel or the driver would not.
        """
        code = to_sockets(self.sockets, self.counts)
        self._xdp = mode
        first = Program.load(code, name="xdpconform", frags=True)
        self._first = self._stack.enter_context(first)
        self.link = self._stack.enter_context(attached(self.bed, self.bed.nic, first, mode))
        self.claims = claims(self.bed.nic)
        if not self.aims or self.bed.kind not in MADE_UP:
            self._find_home()

    def _find_home(self) -> None:
        """Wait until frames get through, and see by which queue."""
        deadline = time.monotonic() + CARRIER
        while not any(self.by_queue()) and time.monotonic() < deadline:
            self.wire.send(self.frames.make(1, SIZE))
            time.sleep(0.01)
        found = self.by_queue()
        self.home = found.index(max(found))

    def by_queue(self) -> list[int]:
        """How many frames came by each queue so far."""
        return [self.counts.total(queue) for queue in range(self.queues)]

    @contextmanager
    def open(
        self,
        queue: int,
        *,
        receives: bool = True,
        chunk: int = CHUNK,
        headroom: int = 0,
        unaligned: bool = False,
        umem: Umem | None = None,
        sizes: Sizes = RINGS,
        use_sg: bool = False,
        prime: bool = True,
        shared: XskSocket | None = None,
    ) -> Iterator[XskSocket]:
        """A socket on a queue of the NIC, in the map if it shall receive.

        Raises:
            XskError: a step was refused.
        """
        with ExitStack() as stack:
            if umem is None:
                made = Umem(CHUNKS, chunk, headroom, unaligned=unaligned)
                umem = stack.enter_context(made)
            self.bed.step(f"bind an AF_XDP socket to {self.bed.nic.ifname} queue {queue}")
            socket = stack.enter_context(
                XskSocket(
                    self.bed.nic,
                    umem,
                    queue=queue,
                    mode=self.mode,
                    need_wakeup=True,
                    use_sg=use_sg,
                    sizes=sizes,
                    prime=prime,
                    shared=shared,
                )
            )
            carrier(self.bed, self.bed.nic)
            if receives:
                self.sockets.set(queue, socket.fileno())
                stack.callback(self.sockets.remove, queue)
            if receives and prime:
                self.settle(queue, socket)
            yield socket

    def settle(self, queue: int, socket: XskSocket) -> None:
        """Drivers start a queue anew with a socket: wait until it gives one frame.

        A queue that no frame can be sent to gives none.
        """
        if self.bed.kind in MADE_UP or not (self.aims or queue == self.home):
            return
        deadline = time.monotonic() + CARRIER
        while time.monotonic() < deadline:
            self.send(queue, self.frames.make(1, SIZE))
            if socket.receive(1, 0.05):
                break
        while socket.receive(RING, 0.05):
            pass

    def send(self, queue: int, frames: Sequence[bytes]) -> None:
        """Frames towards a queue of the NIC, where it can be chosen."""
        peer = self.bed.peer
        if self.queues == 1 or not self.aims or peer is None:
            self.wire.send(frames)
            return
        if queue not in self._aimed:
            umem = self._stack.enter_context(Umem(CHUNKS))
            self._aimed[queue] = self._stack.enter_context(
                XskSocket(
                    peer,
                    umem,
                    queue=queue,
                    mode=XskMode.COPY,
                    need_wakeup=True,
                    use_sg=True,
                    sizes=Sizes(0, RING, RING, RING),
                    prime=False,
                )
            )
        self._aimed[queue].send(frames)
        self._aimed[queue].completions(len(frames), PATIENCE)

    def seen(self, queue: int, count: int, before: int = 0) -> int:
        """Wait until the program has seen so many frames of a queue; gives how many it has."""
        until(lambda: self.counts.total(queue) - before >= count)
        return self.counts.total(queue) - before


@contextmanager
def standing(bed: Testbed, mode: XskMode, xdp: Mode) -> Iterator[Stand]:
    """The program on the NIC, as long as the block lasts.

    Raises:
        Refused: the kernel or the driver would not.
        Blocked: nothing sends frames to the NIC.
    """
    with ExitStack() as stack:
        stand = Stand(bed, mode, stack)
        stand.attach(xdp)
        yield stand


def queues_of(bed: Testbed) -> int:
    """Queues of the NIC that both receive and send."""
    try:
        now = channels(bed.nic)
    except KernelError:
        return 1  # it has no numbers to tell
    return max(1, (now.combined or 0) + min(now.rx or 0, now.tx or 0))
