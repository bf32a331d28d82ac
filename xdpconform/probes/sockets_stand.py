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
        queues: how many queues can have a socket. A program may bring more, which receive and do
            not send (virtnet_xdp_set, drivers/net/virtio_net.c).
        sockets: the program's map.
        counts: how many frames came by each queue.
        frames: makes frames to the NIC.
        out: makes frames from it.
        claims: what the NIC claims with the program.
        home: the queue by which frames came that nobody steers, when that was last looked at.
    """

    def __init__(self, bed: Testbed, mode: XskMode, stack: ExitStack) -> None:
        self.bed: Final = bed
        self.mode: Final = mode
        self.wire: Final = wire_of(bed)
        self.queues, self._most = queues_of(bed)
        self.frames: Final = kit(bed).frames
        self.out: Final = Frames(bed.nic.mac, bed.far_mac, os.urandom(RUN_SIZE))
        self.sockets: Final = stack.enter_context(XskMap(max(2, self._most)))
        self.counts: Final = stack.enter_context(PerCpuArray(8, max(2, self._most)))
        self.claims: Capabilities | None = None
        self.home = 0
        self._xdp = Mode.NATIVE
        self._stack = stack
        self._aimed: dict[int, XskSocket] = {}
        self._deaf = False

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
        if self.aims or not receives:
            return number % self.queues
        if self.find_home() >= self.queues:
            with self.open(0, receives=False, prime=False) as socket:
                self.draw(socket)
            self.find_home()
        return self.home

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
            self.find_home()

    def find_home(self) -> int:
        """Wait until frames get through, and see by which queue.

        That may change: a tap gives a virtio NIC a flow's frames by the queue that sent of it
        last, and forgets that after 3 s (tun_flow_update, drivers/net/tun.c; in the words of the
        virtio specification, automatic receive steering in multiqueue mode).
        """
        before = self.by_queue()
        deadline = time.monotonic() + CARRIER
        while before == (now := self.by_queue()) and time.monotonic() < deadline:
            self.wire.send(self.frames.make(1, SIZE))
            time.sleep(0.01)
        came = [after - first for first, after in zip(before, now, strict=True)]
        self.home = came.index(max(came)) if any(came) else self.home
        return self.home

    def draw(self, socket: XskSocket) -> None:
        """Send a frame, so that frames may come by the socket's queue, see `find_home`."""
        socket.send(self.out.make(1, SIZE))
        socket.completions(1, PATIENCE)

    def strayed(self, queue: int, before: list[int]) -> bool:
        """Whether frames have come by other queues than this one since `by_queue` gave that."""
        return any(
            first != now
            for number, (first, now) in enumerate(zip(before, self.by_queue(), strict=True))
            if number != queue
        )

    def by_queue(self) -> list[int]:
        """How many frames came by each queue so far."""
        return [self.counts.total(queue) for queue in range(self._most)]

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

        A queue that no frame can be sent to gives none, nor does one that they come by no more.
        Where one has not given any in all that time, the next is waited for no longer than frames.
        """
        if self.bed.kind in MADE_UP or not (self.aims or queue == self.home):
            return
        before = self.by_queue()
        deadline = time.monotonic() + (PATIENCE if self._deaf else CARRIER)
        came = False
        while not came and time.monotonic() < deadline and not self.strayed(queue, before):
            self.send(queue, self.frames.make(1, SIZE))
            came = bool(socket.receive(1, 0.05))
        self._deaf = not came and time.monotonic() >= deadline
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


def queues_of(bed: Testbed) -> tuple[int, int]:
    """Queues of the NIC that both receive and send, and how many there can be at most."""
    try:
        now = channels(bed.nic)
    except KernelError:
        return 1, 1  # it has no numbers to tell
    count = (now.combined or 0) + min(now.rx or 0, now.tx or 0)
    most = (now.combined_max or 0) + min(now.rx_max or 0, now.tx_max or 0)
    return max(1, count), max(1, count, most)
