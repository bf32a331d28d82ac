# SPDX-License-Identifier: MIT
"""The four rings of an AF_XDP socket: one side writes, the other reads, an index each.

Documentation/networking/af_xdp.rst; include/net/xdp/xsk_queue.h. Entries are moved by slices of
memoryviews, so that no Python runs per frame.

An index is one aligned 32-bit store or load, as memoryviews make them. What was written before it
must be seen before it: x86 and s390 keep that order by themselves, other CPUs need a barrier, and
Python has none. There `os.sched_yield` is called: schedule() begins with a full memory barrier
(smp_mb__after_spinlock in __schedule, kernel/sched/core.c, on which membarrier(2) relies), while
mere entry into the kernel is none (kernel/sched/membarrier.c says so), nor is a kick in time: in
zero copy another CPU may read the ring before it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import Final

from xdpconform.errors import InputError
from xdpconform.probes.xsk.uapi import DESC_WORDS, XDP_RING_NEED_WAKEUP, Descriptor, Offsets

ORDERED: Final = ("x86_64", "i386", "i586", "i686", "s390x")
"""CPUs by uname -m on which stores are seen in their order, and loads happen in theirs."""
WORD: Final = 8
"""Bytes."""
WRAP: Final = 0xFFFFFFFF
"""Indices are 32 bits wide, and begin anew."""

Barrier = Callable[[], object]
BARRIER: Final[Barrier | None] = None if platform.machine() in ORDERED else os.sched_yield


def check_size(what: str, size: int) -> int:
    """The entries of a ring, if the kernel would take them.

    Raises:
        InputError: no power of two (xsk_init_queue, net/xdp/xsk.c).
    """
    if size <= 0 or size & (size - 1) or size > 1 << 31:
        raise InputError(f"{what} ring of {size} entries: a power of two is needed")
    return size


class Ring:
    """What both sides have.

    Args:
        memory: the ring's mapping, in bytes; released with the ring.
        at: where its parts stand.
        size: entries, a power of two.
        width: 64-bit words of an entry: 1 for addresses, 2 for descriptors.
        barrier: called where the order of memory accesses counts; None where none is needed.
    """

    def __init__(
        self,
        memory: memoryview,
        at: Offsets,
        size: int,
        width: int,
        barrier: Barrier | None = BARRIER,
    ) -> None:
        self.size: Final = check_size("a", size)
        self.width: Final = width
        self._mask = size - 1
        self._barrier = barrier
        entries = memory[at.desc : at.desc + size * width * WORD]
        self._words = entries.cast("Q")
        self._addresses = self._words[::width]
        halves = entries.cast("I")
        # struct xdp_desc, in halves of a word: addr, addr, len, options
        self._lengths = halves[2 :: 2 * width]
        self._options = halves[3 :: 2 * width]
        self._producer = memory[at.producer : at.producer + 4].cast("I")
        self._consumer = memory[at.consumer : at.consumer + 4].cast("I")
        self._flags = None if at.flags is None else memory[at.flags : at.flags + 4].cast("I")
        self._views = [self._addresses, self._lengths, self._options, self._words, halves, entries]
        self._views += [self._producer, self._consumer]
        if self._flags is not None:
            self._views.append(self._flags)
        self._views.append(memory)

    def close(self) -> None:
        """Let go of the memory; may be called again."""
        for view in self._views:
            view.release()

    @property
    def need_wakeup(self) -> bool:
        """Whether the kernel waits for a kick; kernels before 5.4 do not tell, and may."""
        return self._flags is None or bool(self._flags[0] & XDP_RING_NEED_WAKEUP)


class Producer(Ring):
    """The fill ring or the transmit ring: we write, the kernel reads."""

    def __init__(
        self,
        memory: memoryview,
        at: Offsets,
        size: int,
        width: int,
        barrier: Barrier | None = BARRIER,
    ) -> None:
        super().__init__(memory, at, size, width, barrier)
        self._head: int = self._producer[0]
        self._shown: int = self._head
        self._tail: int = self._consumer[0]

    def reserve(self, count: int) -> int:
        """How many entries can be written now, `count` at most."""
        room = self.size - (self._head - self._tail & WRAP)
        if room < count:
            self._tail = self._consumer[0]
            room = self.size - (self._head - self._tail & WRAP)
        return min(count, room)

    def write(self, words: memoryview) -> int:
        """Write entries, as many as there is room for; the kernel sees them after `submit`.

        Args:
            words: of 64 bits (format ``Q``): addresses, or struct xdp_desc in two words each.

        Returns:
            How many entries it took.
        """
        width, head = self.width, self._head
        count = len(words) // width
        if self.size - (head - self._tail & WRAP) < count:
            count = self.reserve(count)
            words = words[: count * width]
        start = (head & self._mask) * width
        stop, end = start + count * width, self.size * width
        if stop <= end:
            self._words[start:stop] = words
        else:
            self._words[start:] = words[: end - start]
            self._words[: stop - end] = words[end - start :]
        self._head = head + count & WRAP
        return count

    def submit(self, count: int | None = None) -> None:
        """Show the kernel what was written.

        Args:
            count: only the next so many entries, which were written; all if not given.
        """
        if self._barrier is not None:
            self._barrier()
        self._shown = self._head if count is None else self._shown + count & WRAP
        self._producer[0] = self._shown

    def pending(self) -> int:
        """How many entries that were submitted the kernel has not taken."""
        self._tail = self._consumer[0]
        return self._shown - self._tail & WRAP


class Consumer(Ring):
    """The receive ring or the completion ring: the kernel writes, we read."""

    def __init__(
        self,
        memory: memoryview,
        at: Offsets,
        size: int,
        width: int,
        barrier: Barrier | None = BARRIER,
    ) -> None:
        super().__init__(memory, at, size, width, barrier)
        self._head: int = self._producer[0]
        self._tail: int = self._consumer[0]

    def peek(self, count: int) -> int:
        """How many entries can be read now, `count` at most."""
        found = self._head - self._tail & WRAP
        if found < count:
            self._head = self._producer[0]
            found = self._head - self._tail & WRAP
            if found and self._barrier is not None:
                self._barrier()
        return min(count, found)

    def _read(self, column: memoryview, count: int) -> list[int]:
        start = self._tail & self._mask
        stop = start + count
        if stop <= self.size:
            return column[start:stop].tolist()
        return column[start:].tolist() + column[: stop - self.size].tolist()

    def addresses(self, count: int) -> list[int]:
        """The addresses of the next `count` entries, which `peek` saw."""
        return self._read(self._addresses, count)

    def lengths(self, count: int) -> list[int]:
        """The lengths of the next `count` descriptors."""
        return self._read(self._lengths, count)

    def descriptors(self, count: int) -> list[Descriptor]:
        """The next `count` descriptors."""
        columns = (self._addresses, self._lengths, self._options)
        return list(map(Descriptor, *(self._read(column, count) for column in columns)))

    def recycle(self, into: Producer, count: int) -> int:
        """Write the addresses of the next `count` entries into the fill ring.

        Neither ring moves for the kernel: `Producer.submit` and `release` do that.

        Returns:
            How many it had room for.
        """
        count = left = into.reserve(count)
        tail = self._tail
        while left:
            start, place = tail & self._mask, into._head & into._mask  # noqa: SLF001 - its kin
            some = min(left, self.size - start, into.size - place)
            into._words[place : place + some] = self._addresses[start : start + some]  # noqa: SLF001
            into._head = into._head + some & WRAP  # noqa: SLF001
            tail += some
            left -= some
        return count

    def release(self, count: int) -> None:
        """Give `count` entries back to the kernel: they were read."""
        if self._barrier is not None:
            self._barrier()
        self._tail = self._tail + count & WRAP
        self._consumer[0] = self._tail


def producer(memory: memoryview, at: Offsets, size: int, *, descriptors: bool) -> Producer:
    """A ring that we write: of descriptors, or of addresses."""
    return Producer(memory, at, size, DESC_WORDS if descriptors else 1)


def consumer(memory: memoryview, at: Offsets, size: int, *, descriptors: bool) -> Consumer:
    """A ring that we read: of descriptors, or of addresses."""
    return Consumer(memory, at, size, DESC_WORDS if descriptors else 1)
