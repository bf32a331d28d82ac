# SPDX-License-Identifier: MIT
"""Rings over fake memory: entries, wrap-around, and the order in which memory is touched."""

from __future__ import annotations

from array import array
from collections import deque
from struct import pack_into, unpack_from

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xdpconform.errors import InputError
from xdpconform.probes.xsk.rings import Consumer, Producer, check_size
from xdpconform.probes.xsk.uapi import DESC, Descriptor, Offsets

LAST = 0xFFFFFFFF


class Kernel:
    """The other side of a ring of four words a row, or two: plain, and slow."""

    def __init__(self, size: int, width: int, begin: int = 0) -> None:
        self.at = Offsets(0, 64, 192, 128)
        self.size, self.width = size, width
        self.memory = bytearray(192 + size * width * 8)
        for place in (0, 64):
            pack_into("=I", self.memory, place, begin)

    def _index(self, place: int) -> int:
        found: int = unpack_from("=I", self.memory, place)[0]
        return found

    def take(self, count: int) -> list[tuple[int, ...]]:
        """Read so many entries that were produced, as the consumer."""
        tail, head = self._index(64), self._index(0)
        found = []
        for _ in range(min(count, (head - tail) & LAST)):
            place = 192 + tail % self.size * self.width * 8
            found.append(unpack_from(f"={self.width}Q", self.memory, place))
            tail = (tail + 1) & LAST
        pack_into("=I", self.memory, 64, tail)
        return found

    def put(self, *entries: bytes) -> None:
        """Write entries, as the producer."""
        head = self._index(0)
        for entry in entries:
            place = 192 + head % self.size * self.width * 8
            self.memory[place : place + len(entry)] = entry
            head = (head + 1) & LAST
        pack_into("=I", self.memory, 0, head)

    def room(self) -> int:
        """How many entries it may write."""
        return self.size - ((self._index(0) - self._index(64)) & LAST)

    def producer(self) -> Producer:
        """Our side of a ring that we write."""
        return Producer(memoryview(self.memory), self.at, self.size, self.width, None)

    def consumer(self) -> Consumer:
        """Our side of a ring that we read."""
        return Consumer(memoryview(self.memory), self.at, self.size, self.width, None)


def words(*values: int) -> memoryview:
    """Entries as `Producer.write` takes them."""
    return memoryview(array("Q", values))


@pytest.mark.parametrize("size", [0, -2, 3, 1000, 1 << 32])
def test_no_power_of_two(size: int) -> None:
    """A size that the kernel would refuse is refused in words."""
    with pytest.raises(InputError) as caught:
        check_size("tx", size)

    assert f"tx ring of {size} entries: a power of two is needed" == str(caught.value)


@pytest.mark.parametrize("begin", [0, 2, LAST, LAST - 2])
@pytest.mark.parametrize("width", [1, 2])
def test_full(begin: int, width: int) -> None:
    """A ring takes as many entries as it has, and more as soon as the kernel took some."""
    kernel = Kernel(4, width, begin)
    ring = kernel.producer()

    assert 4 == ring.write(words(*range(6 * width)))
    assert [] == kernel.take(4)
    ring.submit()
    assert 0 == ring.write(words(*range(width)))
    assert 4 == ring.pending()
    assert [tuple(range(n * width, (n + 1) * width)) for n in range(3)] == kernel.take(3)
    assert 3 == ring.reserve(4)
    assert 1 == ring.pending()


@pytest.mark.parametrize("begin", [0, LAST - 1])
def test_submitted_in_parts(begin: int) -> None:
    """What was written at once can be shown in parts."""
    kernel = Kernel(4, 1, begin)
    ring = kernel.producer()
    ring.write(words(1, 2, 3, 4))
    ring.submit(3)

    assert 3 == ring.pending()
    assert [(1,), (2,), (3,)] == kernel.take(4)
    assert 0 == ring.pending()
    assert 3 == ring.write(words(5, 6, 7, 8))
    ring.submit(1)
    assert [(4,)] == kernel.take(4)
    ring.submit()
    assert [(5,), (6,), (7,)] == kernel.take(4)


@pytest.mark.parametrize("begin", [0, 3, LAST - 1])
def test_descriptors(begin: int) -> None:
    """Descriptors are read in order, also over the end of the ring."""
    kernel = Kernel(4, 2, begin)
    ring = kernel.consumer()
    sent = [Descriptor(4096 * n, 60 + n, n % 2) for n in range(3)]
    kernel.put(*(DESC.pack(*one) for one in sent))

    assert 0 == Kernel(4, 2).consumer().peek(4)
    assert 2 == ring.peek(2)
    assert sent[:2] == ring.descriptors(2)
    assert 3 == ring.peek(4)
    assert [60, 61, 62] == ring.lengths(3)
    ring.release(2)
    assert 1 == ring.peek(4)
    assert [8192] == ring.addresses(1)
    assert 3 == kernel.room()


@pytest.mark.parametrize(("begin", "other"), [(0, 0), (3, 2), (LAST, 1), (2, LAST - 2)])
def test_recycle(begin: int, other: int) -> None:
    """Addresses go from the receive ring to the fill ring, as many as that has room for."""
    received, filled = Kernel(4, 2, begin), Kernel(4, 1, other)
    rx, fill = received.consumer(), filled.producer()
    received.put(*(DESC.pack(n, 60, 0) for n in range(1, 5)))
    fill.write(words(99))

    assert 4 == rx.peek(4)
    assert 3 == rx.recycle(fill, 4)
    fill.submit()
    assert [(99,), (1,), (2,), (3,)] == filled.take(9)


@pytest.mark.parametrize(("flags", "expected"), [(None, True), (0, False), (1, True), (2, False)])
def test_need_wakeup(flags: int | None, expected: bool) -> None:
    """The kernel's flag is read; a kernel that has none may want a kick."""
    kernel = Kernel(2, 1)
    at = kernel.at._replace(flags=None if flags is None else 128)
    pack_into("=I", kernel.memory, 128, flags or 0)

    assert expected is Producer(memoryview(kernel.memory), at, 2, 1, None).need_wakeup


def test_barriers() -> None:
    """On a weakly ordered CPU a barrier stands between entries and indices, both ways."""
    kernel = Kernel(4, 1)
    heads: list[int] = []
    ring = Producer(memoryview(kernel.memory), kernel.at, 4, 1, lambda: heads.append(kernel.room()))
    ring.write(words(1, 2))

    assert [] == heads
    ring.submit()
    assert [4] == heads  # the index had not moved when it came
    assert 2 == kernel.room()

    kernel = Kernel(4, 1)
    ours = Consumer(memoryview(kernel.memory), kernel.at, 4, 1, lambda: heads.append(kernel.room()))
    heads.clear()
    ours.peek(1)
    assert [] == heads  # nothing to read, nothing to order
    kernel.put(bytes(8))
    ours.peek(1)
    assert [3] == heads
    ours.release(1)
    assert [3, 3] == heads
    assert 4 == kernel.room()


def test_closed() -> None:
    """A closed ring holds no memory, and closing it again does nothing."""
    memory = bytearray(Kernel(4, 2).memory)
    ring = Producer(memoryview(memory), Kernel(4, 2).at, 4, 2, None)
    ring.close()
    ring.close()
    memory.extend(b"more")  # BufferError while a view of it is open

    with pytest.raises(ValueError, match="released"):
        ring.submit()


@settings(max_examples=50, deadline=None)
@given(
    begin=st.sampled_from([0, 1, LAST, LAST - 5]),
    size=st.sampled_from([1, 2, 8]),
    moves=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))),
)
def test_model(begin: int, size: int, moves: list[tuple[int, int]]) -> None:
    """Whatever each side does when, entries come out once, whole and in order."""
    sending, receiving = Kernel(size, 2, begin), Kernel(size, 2, begin)
    tx, rx = sending.producer(), receiving.consumer()
    there: deque[int] = deque()
    back: deque[int] = deque()
    number = 0
    for put, take in moves:
        took = tx.write(words(*(n for i in range(put) for n in (number + i, 7))))

        assert min(put, size - len(there)) == took
        tx.submit()
        there.extend(range(number, number + took))
        number += took
        for address, _rest in sending.take(take):
            assert there.popleft() == address
            if receiving.room():
                receiving.put(DESC.pack(address, 7, 0))
                back.append(address)
        found = rx.peek(take)
        assert min(take, len(back)) == found
        assert [back.popleft() for _ in range(found)] == rx.addresses(found)
        rx.release(found)
