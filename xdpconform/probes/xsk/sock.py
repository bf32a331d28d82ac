# SPDX-License-Identifier: MIT
"""An AF_XDP socket: opened, bound to one queue, asked, kicked and closed.

Documentation/networking/af_xdp.rst; net/xdp/xsk.c. bind(2) is called by ctypes, since Python's
own refuses AF_XDP. The mmap module keeps a descriptor of its own for each ring, so the kernel
frees the queue only when all rings are unmapped: `close` does it in that order.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import time
from enum import Enum
from functools import cache
from struct import pack
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import InputError
from xdpconform.probes.xsk import uapi
from xdpconform.probes.xsk.error import XskError
from xdpconform.probes.xsk.handle import Handle
from xdpconform.probes.xsk.rings import Consumer, Producer, check_size, consumer, producer
from xdpconform.probes.xsk.uapi import Offsets, RingOffsets

if TYPE_CHECKING:
    from typing import Self

    from xdpconform.probes.testbed import Port
    from xdpconform.probes.xsk.umem import Umem

PATIENCE: Final = 1.0
"""Seconds to try again where a queue is busy: a closed socket's is freed by a work item."""
LOOK: Final = 0.002
"""Seconds between two tries."""
RING: Final = 1024
"""Entries of a ring, unless said otherwise."""


class XskMode(Enum):
    """How frames get from the driver into the umem and back."""

    COPY = uapi.XDP_COPY
    """The kernel copies: any device can."""
    ZEROCOPY = uapi.XDP_ZEROCOPY
    """The driver uses the umem itself, or bind(2) fails."""
    AUTO = 0
    """Zero copy, or a copy where the driver refuses; `XskSocket.zerocopy` says which."""


class Sizes(NamedTuple):
    """Entries of the rings, each a power of two; 0: none."""

    rx: int = RING
    tx: int = RING
    fill: int = RING
    completion: int = RING


DEFAULT: Final = Sizes()


class BusyPoll(NamedTuple):
    """SO_PREFER_BUSY_POLL, with the driver polled by our own system calls."""

    microseconds: int = 20
    """SO_BUSY_POLL"""
    budget: int = 64
    """SO_BUSY_POLL_BUDGET: frames at a time"""


@cache
def _libc() -> ctypes.CDLL:
    """Once: each keeps some memory for ever."""
    return ctypes.CDLL(None, use_errno=True)


def _bind(fd: int, address: bytes) -> int:
    """bind(2); gives the errno."""
    return ctypes.get_errno() if _libc().bind(fd, address, len(address)) else 0


class Opened(Handle):
    """A socket with its rings, bound to a queue; `XskSocket` adds sending and receiving.

    Args:
        port: the interface.
        umem: its memory.
        queue: the interface's queue.
        mode: copy, zero copy, or whatever the driver can.
        need_wakeup: have the kernel say when it wants to be kicked (XDP_USE_NEED_WAKEUP).
        use_sg: take frames in several buffers (XDP_USE_SG, since 6.6).
        sizes: of the rings.
        flags: more of sxdp_flags, to see the kernel refuse them.
        shared: a bound socket with the same umem. On the same queue its fill and completion rings
            are used; on another, rings of our own. XskMode and flags are then its.
        busy_poll: poll the driver by our own system calls.
        tx_budget: frames that one kick sends in copy mode (XDP_MAX_TX_SKB_BUDGET, since 6.17).
        prime: put as many chunks as the fill ring holds into it.
        patience: seconds to try again where the queue is busy.

    Raises:
        XskError: the kernel refused a step.
        InputError: a ring's size is no power of two, the umem has too few free chunks, or is not
            that of the socket shared with.

    Attributes:
        rx: the receive ring; None without one.
        tx: the transmit ring; None without one.
        fill: the fill ring, of the socket shared with on the same queue.
        completion: the completion ring, likewise.
        busy_ms: milliseconds until the queue was free.
        flying: chunks being sent; sockets on one queue have this in common, too, and complete
            each other's.
    """

    def __init__(
        self,
        port: Port,
        umem: Umem,
        *,
        queue: int,
        mode: XskMode,
        need_wakeup: bool,
        use_sg: bool = False,
        sizes: Sizes = DEFAULT,
        flags: int = 0,
        shared: Opened | None = None,
        busy_poll: BusyPoll | None = None,
        tx_budget: int | None = None,
        prime: bool = True,
        patience: float = PATIENCE,
    ) -> None:
        if shared is not None and shared.umem is not umem:
            raise InputError("a socket that shares has the umem of the one it shares with")
        own = shared is None or (shared.ifindex, shared.queue) != (port.ifindex, queue)
        for name, size in zip(Sizes._fields, sizes, strict=True):
            if size and (own or name in ("rx", "tx")):
                check_size(name, size)
        self.umem: Final[Umem] = umem
        self.busy_ms = 0.0
        self.rx: Consumer | None = None
        self.tx: Producer | None = None
        self._maps: list[tuple[memoryview, mmap.mmap]] = []
        self._rings: list[Producer | Consumer] = []
        self._given: set[int] = set()
        self.flying: set[int] = set() if own or shared is None else shared.flying
        self._done: list[int] = []
        self._own: Final = own
        super().__init__(port, queue)
        try:
            if shared is None:
                self._set("umem", uapi.XDP_UMEM_REG, umem.register())
            self._make_rings(sizes, shared, own=own)
            if tx_budget is not None:
                budget = pack("=i", tx_budget)
                self._set("XDP_MAX_TX_SKB_BUDGET", uapi.XDP_MAX_TX_SKB_BUDGET, budget)
            if busy_poll is not None:
                self._busy_poll(busy_poll)
            if prime and own and sizes.fill:
                self.prime(sizes.fill)
            wakeup, buffers = uapi.XDP_USE_NEED_WAKEUP, uapi.XDP_USE_SG
            bits = flags | mode.value | wakeup * need_wakeup | buffers * use_sg
            fd = 0
            if shared is not None:
                bits, fd = flags | uapi.XDP_SHARED_UMEM, shared.fileno()
            self.bind(bits, fd, patience)
        except BaseException:
            self.close()
            raise

    def _make_rings(self, sizes: Sizes, shared: Opened | None, *, own: bool) -> None:
        """Have the kernel make the rings, and map them."""
        wanted = [
            (uapi.XDP_RX_RING, sizes.rx),
            (uapi.XDP_TX_RING, sizes.tx),
        ]
        if own:
            wanted.append((uapi.XDP_UMEM_FILL_RING, sizes.fill))
            wanted.append((uapi.XDP_UMEM_COMPLETION_RING, sizes.completion))
        for option, size in wanted:
            if size:
                self._set("ring", option, pack("=i", size))
        at = RingOffsets.pull(self._get("ring", uapi.XDP_MMAP_OFFSETS, uapi.MMAP_OFFSETS))
        if sizes.rx:
            memory = self._map(at.rx, sizes.rx, 16, uapi.XDP_PGOFF_RX_RING)
            self.rx = consumer(memory, at.rx, sizes.rx, descriptors=True)
            self._rings.append(self.rx)
        if sizes.tx:
            memory = self._map(at.tx, sizes.tx, 16, uapi.XDP_PGOFF_TX_RING)
            self.tx = producer(memory, at.tx, sizes.tx, descriptors=True)
            self._rings.append(self.tx)
        self.fill: Producer | None = None if own or shared is None else shared.fill
        self.completion: Consumer | None = None if own or shared is None else shared.completion
        if own and sizes.fill:
            memory = self._map(at.fill, sizes.fill, 8, uapi.XDP_UMEM_PGOFF_FILL_RING)
            self.fill = producer(memory, at.fill, sizes.fill, descriptors=False)
            self._rings.append(self.fill)
        if own and sizes.completion:
            place = uapi.XDP_UMEM_PGOFF_COMPLETION_RING
            memory = self._map(at.completion, sizes.completion, 8, place)
            self.completion = consumer(memory, at.completion, sizes.completion, descriptors=False)
            self._rings.append(self.completion)

    def _map(self, at: Offsets, size: int, entry: int, place: int) -> memoryview:
        try:
            ring = mmap.mmap(
                self._live().fileno(),
                at.desc + size * entry,
                flags=mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0),
                offset=place,
            )
        except OSError as error:
            raise self._error("ring", error) from error
        view = memoryview(ring)
        self._maps.append((view, ring))
        return view

    def _busy_poll(self, wanted: BusyPoll) -> None:
        for step, value in (
            ("SO_PREFER_BUSY_POLL", 1),
            ("SO_BUSY_POLL", wanted.microseconds),
            ("SO_BUSY_POLL_BUDGET", wanted.budget),
        ):
            option: int = getattr(uapi, step)
            self._set(step, option, pack("=i", value), socket.SOL_SOCKET)

    def prime(self, count: int) -> None:
        """Take chunks of the umem and put them into the fill ring, for frames to come.

        Raises:
            InputError: the umem has not so many free, or the ring no room for them.
        """
        if self.fill is None:
            raise InputError(f"{self.ifname} queue {self.queue}: no fill ring to put chunks into")
        if self.fill.reserve(count) < count:
            raise InputError(f"{count} chunks do not fit the fill ring of {self.fill.size}")
        taken = self.umem.take(count)
        if not taken:
            raise InputError(
                f"the umem has {self.umem.free} free chunks of {self.umem.frames}, the fill ring"
                f" takes {count}: make a larger umem or a smaller ring"
            )
        self._given.update(taken)
        self.fill.write(memoryview(pack(f"={count}Q", *taken)).cast("Q"))
        self.fill.submit()

    def bind(self, flags: int, shared_fd: int = 0, patience: float = PATIENCE) -> None:
        """Bind, again and again while the queue is busy; the constructor has called it.

        Args:
            flags: sxdp_flags.
            shared_fd: sxdp_shared_umem_fd.
            patience: seconds.

        Raises:
            XskError: refused; of EBUSY it says how long it was.
        """
        address = uapi.SOCKADDR_XDP.pack(uapi.AF_XDP, flags, self.ifindex, self.queue, shared_fd)
        start = time.monotonic()
        while code := _bind(self._live().fileno(), address):
            waited = time.monotonic() - start
            if code != errno.EBUSY or waited >= patience:
                busy = waited if code == errno.EBUSY else 0
                raise XskError(code, "bind", self.ifname, self.queue, waited=busy)
            time.sleep(LOOK)
            self.busy_ms = (time.monotonic() - start) * 1000

    def close(self) -> None:
        """Unmap the rings, then close the socket: the queue is free a moment later.

        May be called again. Chunks that the socket had go back to the umem. A socket that shares
        another's queue is closed before it.
        """
        for each in self._rings:
            each.close()
        self._rings.clear()
        self.rx = self.tx = self.fill = self.completion = None
        while self._maps:
            view, ring = self._maps.pop()
            view.release()  # or it could not be unmapped
            ring.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self.umem.give(self._given)
            self._given.clear()
            if self._own:
                self.umem.give(self.flying)
                self.flying.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
