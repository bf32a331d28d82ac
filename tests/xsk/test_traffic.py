# SPDX-License-Identifier: MIT
"""Frames through AF_XDP sockets in copy mode: content, several buffers, several queues, counts."""

from __future__ import annotations

import errno
import time
from array import array
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.testbed import child
from tests.xsk.pair import SMALL, WAIT, Pair
from xdpconform.errors import InputError, Timeout
from xdpconform.probes.xsk import Sizes, Statistics, TxMetadata, Umem, XskError, XskMode, XskSocket
from xdpconform.probes.xsk.uapi import DESC, XDP_TXMD_FLAGS_TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable

JUMBO = 9014
CHUNKS = {"aligned": {}, "small": {"chunk": 2048}, "headroom": {"headroom": 256}}
CHUNKS["unaligned"] = {"unaligned": True, "chunk": 3000}
CHUNKS["metadata"] = {"tx_metadata_len": 24}


@pytest.mark.parametrize("options", CHUNKS.values(), ids=list(CHUNKS))
def test_both_ways(pair: Pair, options: dict[str, int]) -> None:
    """Frames come and go whole and in order, more of them than the rings and the umem hold."""
    pair.attach()
    with Umem(100, **options) as umem, pair.open(umem) as xsk:  # type: ignore[arg-type]
        pair.receives(xsk)
        for size in (64, 1514):
            for _round in range(4):
                frames = pair.bed.frames().make(60, size)
                pair.wire.send(frames)

                assert frames == xsk.receive(60, WAIT)
            frames = pair.bed.frames().make(300, size)
            sent = xsk.send(frames)
            assert frames == pair.wire.receive(300, WAIT)
            assert sent == xsk.completions(300, WAIT)
        assert [] == xsk.receive(1, 0)
        assert [] == xsk.completions()
        assert 100 - 64 == umem.free
        assert Statistics(0, 0, 0, 0, 0) == xsk.statistics()._replace(tx_ring_empty_descs=None)
    assert pair.counts.total(0) == 480


@pytest.fixture
def jumbo(pair: Pair) -> Pair:
    """A pair that takes frames of 9,014 bytes."""
    assert pair.bed.peer is not None
    for port in (pair.bed.nic, pair.bed.peer):
        pair.bed.keep(pair.bed.settings.mtu(port, JUMBO - 14))
    pair.attach()
    return pair


@pytest.mark.parametrize("chunk", [2048, 4096])
def test_several_buffers(jumbo: Pair, chunk: int) -> None:
    """A long frame comes in several descriptors, is put together, and goes out in several."""
    with Umem(256, chunk) as umem, jumbo.open(umem, use_sg=True) as xsk:
        jumbo.receives(xsk)
        for _round in range(4):  # the rings wrap within a frame
            frames = jumbo.bed.frames().make(5, JUMBO)
            jumbo.wire.send(frames)

            assert frames == xsk.receive(5, WAIT)
            for segments, count in ((None, -(-JUMBO // chunk)), (7, 7), (16, 16)):
                first = xsk.send(frames, segments=segments)
                done = xsk.completions(5 * count, WAIT)
                assert frames == jumbo.wire.receive(5, WAIT)
                assert 5 * count == len(set(done))
                assert set(first) <= set(done)


def test_one_buffer(jumbo: Pair) -> None:
    """Without XDP_USE_SG a long frame is dropped, and the next is whole."""
    with Umem(256) as umem, jumbo.open(umem) as xsk:
        jumbo.receives(xsk)
        long, short = jumbo.bed.frames().make(2, JUMBO), jumbo.bed.frames().make(2)
        jumbo.wire.send(long + short)

        assert short == xsk.receive(2, WAIT)


@pytest.mark.parametrize(
    ("size", "segments", "expected"),
    [
        (100, 101, "a frame of 100 bytes in 101 descriptors: each takes 1 to 4096"),
        (9000, 2, "a frame of 9000 bytes in 2 descriptors: each takes 1 to 4096"),
        (0, None, "a frame of 0 bytes in 1 descriptors: each takes 1 to 4096"),
        (100, 65, "65 descriptors: the transmit ring has 64"),
    ],
)
def test_cannot_be_cut(pair: Pair, size: int, segments: int | None, expected: str) -> None:
    """A frame that fits no such number of descriptors is refused before it is sent."""
    with Umem(256) as umem, pair.open(umem) as xsk:
        with pytest.raises(InputError) as caught:
            xsk.send([bytes(size)], segments=segments)

        assert expected == str(caught.value)
        assert 192 == umem.free


def test_queues_share(make: Callable[..., Pair]) -> None:
    """Two queues share a umem at each end, and each socket gets the frames of its own queue."""
    pair = make(2)
    pair.attach()
    bed = pair.bed
    with ExitStack() as stack:
        umem, far = stack.enter_context(Umem(256)), stack.enter_context(Umem(256))
        here = [stack.enter_context(pair.open(umem))]
        here.append(stack.enter_context(pair.open(umem, queue=1, shared=here[0])))
        assert bed.peer is not None
        there: list[XskSocket] = []
        for queue in (0, 1):
            xsk = XskSocket(
                bed.peer,
                far,
                queue=queue,
                mode=XskMode.COPY,
                need_wakeup=True,
                sizes=SMALL,
                shared=there[0] if there else None,
            )
            there.append(stack.enter_context(xsk))
        for xsk in here:
            pair.receives(xsk)
        frames = bed.frames()
        bursts = [frames.make(40), frames.make(40)]
        for xsk, burst in zip(there, bursts, strict=True):
            xsk.send(burst)

        assert bursts == [xsk.receive(40, WAIT) for xsk in here]
        assert [40, 40] == [len(xsk.completions(40, WAIT)) for xsk in there]
        assert [[], []] == [xsk.receive(1, 0) for xsk in here]


def test_queue_shared(pair: Pair) -> None:
    """Two sockets on one queue have its fill and completion rings in common."""
    pair.attach()
    with Umem(256) as umem, pair.open(umem) as first, pair.open(umem, shared=first) as second:
        assert (first.fill, first.completion) == (second.fill, second.completion)
        for number, xsk in enumerate((second, first)):
            pair.sockets.set(0, xsk.fileno())
            frames = pair.bed.frames().make(50)
            pair.wire.send(frames)

            assert frames == xsk.receive(50, WAIT)
            sent = xsk.send(frames)
            assert frames == pair.wire.receive(50, WAIT)
            other = (first, second)[number]
            assert sent == other.completions(50, WAIT)
        assert 192 == umem.free


def counted(xsk: XskSocket, name: str, least: int) -> int:
    """A counter of the socket, as soon as it has reached so much."""
    deadline = time.monotonic() + WAIT
    found: int = getattr(xsk.statistics(), name)
    while found < least and time.monotonic() < deadline:
        time.sleep(0.005)
        found = getattr(xsk.statistics(), name)
    return found


def test_counts_full(pair: Pair) -> None:
    """Frames for which a ring has no room, or no chunk, are counted where they are dropped."""
    pair.attach()
    frames = pair.bed.frames().make(20)
    with Umem(256) as umem, pair.open(umem, sizes=Sizes(16, 16, 64, 16)) as xsk:
        pair.receives(xsk)
        pair.wire.send(frames)

        assert 4 == counted(xsk, "rx_ring_full", 4)
        assert frames[:16] == xsk.receive(20, 0.1)
    with Umem(256) as umem, pair.open(umem, prime=False) as xsk:
        pair.receives(xsk)
        xsk.prime(5)
        pair.wire.send(frames)

        assert 15 <= counted(xsk, "rx_fill_ring_empty_descs", 15)
        assert frames[:5] == xsk.receive(20, 0.1)


def test_counts_invalid(pair: Pair) -> None:
    """Addresses beyond the umem are passed over in both directions, and counted in one."""
    pair.attach()
    with Umem(256) as umem, pair.open(umem, prime=False) as xsk:
        pair.receives(xsk)
        assert xsk.fill is not None
        assert xsk.tx is not None
        xsk.fill.write(memoryview(array("Q", [1 << 40, 1 << 41])))
        xsk.prime(60)
        xsk.tx.write(memoryview(DESC.pack(1 << 40, 64, 0)).cast("Q"))
        xsk.tx.submit()
        xsk.flush(WAIT)
        frames = pair.bed.frames().make(10)
        pair.wire.send(frames)

        assert frames == xsk.receive(10, WAIT)
        assert 1 == xsk.statistics().tx_invalid_descs


def test_timestamp(pair: Pair) -> None:
    """A frame that asks for it has the time of its completion, in copy mode the system's."""
    frame = pair.bed.frames().make(1)
    with Umem(128, tx_metadata_len=24) as umem:
        try:
            xsk = pair.open(umem)
        except XskError as error:
            if (error.step, error.errno) != ("umem", errno.EINVAL):
                raise
            pytest.skip("the kernel knows no metadata for what is sent")
        with xsk:
            before = time.time_ns()
            sent = xsk.send(frame, metadata=TxMetadata(XDP_TXMD_FLAGS_TIMESTAMP))
            done = xsk.completions(1, WAIT)
            stamps = list(map(xsk.timestamp, done))

            assert frame == pair.wire.receive(1, WAIT)
            assert sent == done
            assert all(before <= stamp <= time.time_ns() for stamp in stamps)
            assert 1 == len(stamps)


def test_metadata_refused(pair: Pair) -> None:
    """Metadata that the kernel does not take is an error at the kick; without a place, at once."""
    frame = pair.bed.frames().make(1)
    with Umem(128, tx_metadata_len=24) as umem, pair.open(umem) as xsk:
        with pytest.raises(XskError) as caught:
            xsk.send(frame, metadata=TxMetadata(1 << 20))

        assert (errno.EINVAL, "send") == (caught.value.errno, caught.value.step)
    with Umem(128) as umem, pair.open(umem) as xsk:
        with pytest.raises(InputError) as refused:
            xsk.send(frame, metadata=TxMetadata(0))

        expected = "metadata for a frame: the umem has no place (tx_metadata_len)"
        assert expected == str(refused.value)


def test_down(pair: Pair) -> None:
    """An interface that is off is said to be, on both sides."""
    with Umem(128) as umem, pair.open(umem) as xsk, pair.bed.settings.down(pair.bed.nic):
        for step, call in (
            ("send", lambda: xsk.send(pair.bed.frames().make(1))),
            ("receive", xsk.kick_rx),
        ):
            with pytest.raises(XskError) as caught:
                call()

            assert (
                f"veth0 queue 0: AF_XDP {step}: the kernel said ENETDOWN (Network is down);"
                " switch the interface on (ip link set up)"
            ) == str(caught.value)


def test_no_room(pair: Pair) -> None:
    """Chunks that never come back end in a timeout that says how many are missing."""
    with Umem(66) as umem, pair.open(umem) as xsk:
        umem.take(2)
        with pytest.raises(Timeout) as caught:
            xsk.send([bytes(64)], timeout=0.02)

        assert (
            "veth0 queue 0: no room to send for 0.02 s: 0 chunks are not completed, 0 are free"
        ) == str(caught.value)


def test_foreign_frames_stay(pair: Pair) -> None:
    """Frames that are not of this suite do not reach the socket."""
    pair.attach()
    with Umem(128) as umem, pair.open(umem) as xsk:
        pair.receives(xsk)
        ours = pair.bed.frames().make(3)
        foreign = [frame[:12] + b"\x88\xb6" + frame[14:] for frame in ours]
        pair.wire.send([*foreign, *ours])

        assert ours == xsk.receive(6, 0.1)


def test_more_than_the_ring(pair: Pair) -> None:
    """Chunks for which the fill ring has no room go back to the umem."""
    pair.attach()
    with Umem(128) as umem, pair.open(umem) as xsk:
        pair.receives(xsk)
        frames = pair.bed.frames().make(40)
        pair.wire.send(frames[:20])
        assert xsk.rx is not None
        assert 20 == child.until(lambda: xsk.rx.peek(20), 20)
        xsk.prime(10)  # in the room of what is received, and not yet read

        assert 54 == umem.free
        assert frames[:20] == xsk.receive(20, WAIT)
        assert 64 == umem.free
        pair.wire.send(frames[20:])
        assert frames[20:] == xsk.receive(20, WAIT)
    assert 128 == umem.free
