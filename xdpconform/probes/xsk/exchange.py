# SPDX-License-Identifier: MIT
"""Frames through an AF_XDP socket: sent, completed, received and put together."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError, Timeout
from xdpconform.probes.xsk.sock import Opened
from xdpconform.probes.xsk.uapi import (
    DESC,
    TX_TIMESTAMP,
    XDP_PKT_CONTD,
    XDP_TX_METADATA,
    TxMetadata,
)

if TYPE_CHECKING:
    from xdpconform.probes.xsk.rings import Consumer, Producer

WAIT: Final = 1.0
"""Seconds until something is given up."""
LOOK: Final = 0.0002
"""Seconds between two kicks that brought nothing."""
BATCH: Final = 32
"""Descriptors after which the kernel is told: what it sends at one kick in copy mode
(TX_BATCH_SIZE, net/xdp/xsk.c)."""


class XskSocket(Opened):
    """An AF_XDP socket that sends and receives; see `Opened` for its arguments.

    A frame longer than a chunk is several descriptors, each but the last with XDP_PKT_CONTD.
    """

    _partial = b""
    """Of a frame whose end has not come."""

    def _tx(self) -> tuple[Producer, Consumer]:
        if self.tx is None or self.completion is None:
            raise InputError(
                f"{self.ifname} queue {self.queue}: the socket has no transmit or completion ring"
            )
        return self.tx, self.completion

    def _rx(self) -> tuple[Consumer, Producer]:
        if self.rx is None or self.fill is None:
            raise InputError(
                f"{self.ifname} queue {self.queue}: the socket has no receive or fill ring"
            )
        return self.rx, self.fill

    def send(
        self,
        frames: Sequence[bytes],
        *,
        segments: int | None = None,
        metadata: TxMetadata | None = None,
        timeout: float = WAIT,
    ) -> list[int]:
        """Send frames; ends when the kernel has taken all their descriptors.

        Whether they were sent, `completions` says.

        Args:
            frames: whole, with their Ethernet headers.
            segments: descriptors of each frame; as few as chunks allow if not given.
            metadata: put before each frame, with XDP_TX_METADATA.
            timeout: seconds without any progress until it gives up.

        Returns:
            The address of each frame's first descriptor.

        Raises:
            InputError: a frame cannot be cut like that, or metadata has no place in the umem.
            XskError: the kernel refuses to send.
            Timeout: it takes nothing any more.
        """
        tx, _completion = self._tx()
        if metadata is not None and not self.umem.tx_metadata_len:
            raise InputError("metadata for a frame: the umem has no place (tx_metadata_len)")
        first: list[int] = []
        for frame in frames:
            pieces = self._cut(frame, segments)
            if len(pieces) > tx.size:
                raise InputError(f"{len(pieces)} descriptors: the transmit ring has {tx.size}")
            chunks = self._room(tx, len(pieces), timeout)
            first.append(self._write(tx, chunks, pieces, metadata))
            if tx.pending() >= BATCH:
                self.kick_tx()
        self.flush(timeout)
        return first

    def _cut(self, frame: bytes, segments: int | None) -> list[bytes]:
        most = self.umem.chunk - self.umem.tx_metadata_len
        count = segments or max(1, -(-len(frame) // most))
        size, longer = divmod(len(frame), count)  # so many of them have one byte more
        places = [n * size + min(n, longer) for n in range(count + 1)]
        pieces = [frame[begin:end] for begin, end in pairwise(places)]
        if not all(0 < len(piece) <= most for piece in pieces):
            raise InputError(
                f"a frame of {len(frame)} bytes in {count} descriptors: each takes 1 to {most}"
            )
        return pieces

    def _room(self, tx: Producer, count: int, timeout: float) -> list[int]:
        """Chunks for one frame; there is room for it in the transmit ring, too."""
        deadline = time.monotonic() + timeout
        while True:
            if tx.reserve(count) == count and (chunks := self.umem.take(count)):
                self.flying.update(chunks)
                return chunks
            if self._collect() or self._push(tx):
                deadline = time.monotonic() + timeout
            elif time.monotonic() > deadline:
                raise Timeout(
                    f"{self.ifname} queue {self.queue}: no room to send for {timeout:g} s:"
                    f" {len(self.flying)} chunks are not completed, {self.umem.free} are free"
                )
            else:
                time.sleep(LOOK)

    def _write(
        self,
        tx: Producer,
        chunks: list[int],
        pieces: list[bytes],
        metadata: TxMetadata | None,
    ) -> int:
        length = self.umem.tx_metadata_len
        words = bytearray()
        for number, (chunk, piece) in enumerate(zip(chunks, pieces, strict=True), 1):
            options = XDP_PKT_CONTD * (number < len(pieces))
            if metadata is not None and number == 1:
                self.umem.write(chunk, metadata.pack(length))
                options |= XDP_TX_METADATA
            self.umem.write(chunk + length, piece)
            words += DESC.pack(chunk + length, len(piece), options)
        tx.write(memoryview(words).cast("Q"))
        tx.submit()
        return chunks[0] + length

    def flush(self, timeout: float = WAIT) -> None:
        """Kick until the kernel has taken every descriptor.

        Raises:
            XskError: it refuses to send.
            Timeout: it takes none for so many seconds.
        """
        tx, _completion = self._tx()
        deadline = time.monotonic() + timeout
        while tx.pending():
            if self._push(tx) or self._collect():
                deadline = time.monotonic() + timeout
            elif time.monotonic() > deadline:
                raise Timeout(
                    f"{self.ifname} queue {self.queue}: {tx.pending()} descriptors are not taken"
                    f" for {timeout:g} s: the interface has no carrier, or its driver is stuck"
                )
            else:
                time.sleep(LOOK)

    def _push(self, tx: Producer) -> bool:
        """Kick; gives whether the kernel took some."""
        before = tx.pending()
        if before:
            self.kick_tx()
        return tx.pending() < before

    def _collect(self) -> int:
        """Take what is completed; its chunks are free again."""
        _tx, completion = self._tx()
        count = completion.peek(completion.size)
        if count:
            done = completion.addresses(count)
            completion.release(count)
            self._done += done
            chunks = [self.umem.base(address) for address in done]
            self.flying.difference_update(chunks)
            self.umem.give(chunks)
        return count

    def completions(self, count: int = 0, timeout: float = 0) -> list[int]:
        """Addresses that the kernel is done with, since the last call, in its order.

        Their memory stays as it is until the next `send`: `timestamp` reads it.

        Args:
            count: wait until there are so many.
            timeout: seconds to wait for them.
        """
        deadline = time.monotonic() + timeout
        while self._collect() or len(self._done) < count:
            if len(self._done) < count:
                if time.monotonic() >= deadline:
                    break
                time.sleep(LOOK)
        done, self._done = self._done, []
        return done

    def timestamp(self, address: int) -> int:
        """tx_timestamp of a frame that is completed; what was there before if nobody wrote it.

        It shares its place with csum_start and csum_offset.
        """
        place = address - self.umem.tx_metadata_len + TX_TIMESTAMP
        return int.from_bytes(self.umem.read(place, 8), sys.byteorder)

    def receive(self, count: int, timeout: float) -> list[bytes]:
        """Frames that came, each put together from its descriptors.

        Args:
            count: so many at most; it ends as soon as they are there.
            timeout: seconds until it ends with what has come.

        Raises:
            XskError: the interface went down or away.
        """
        rx, fill = self._rx()
        frames: list[bytes] = []
        deadline = time.monotonic() + timeout
        while len(frames) < count:
            found = rx.peek(count - len(frames))
            if not found:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self.wait(left)
                continue
            for address, length, options in rx.descriptors(found):
                self._partial += self.umem.read(address, length)
                if not options & XDP_PKT_CONTD:
                    frames.append(self._partial)
                    self._partial = b""
            self._refill(rx, fill, found)
        return frames

    def _refill(self, rx: Consumer, fill: Producer, count: int) -> None:
        moved = rx.recycle(fill, count)
        if moved < count:  # somebody primed the ring with more than it holds
            left = {self.umem.base(address) for address in rx.addresses(count)[moved:]}
            self._given -= left
            self.umem.give(left)
        fill.submit()
        rx.release(count)
        if fill.need_wakeup:
            self.kick_rx()
