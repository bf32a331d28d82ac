# SPDX-License-Identifier: MIT
"""Test frames: numbered, recognisable, and filled so that any damage shows.

     0  destination, source     6 + 6 bytes; programs may swap them
    12  EtherType               0x88B5, IEEE 802 local experimental 1
    14  two bytes of 0          programs may write their mark here
    16  b"xdpconform"           what makes it ours
    26  run                     8 bytes, this run's and no other's
    34  sequence number         32 bits
    38  length                  16 bits, of the whole frame
    40  filling                 depends on run and number

Numbers are in network byte order.
"""

from __future__ import annotations

from hashlib import sha256, shake_128
from struct import Struct
from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

ETHERTYPE: Final = 0x88B5  # ETH_P_802_EX1, include/uapi/linux/if_ether.h
ETH_HLEN: Final = 14
ETH_ALEN: Final = 6
MARK: Final = 14
"""Where the two bytes begin that programs may write."""
CONTENT: Final = 16
"""Where begins what no program changes."""
MAGIC: Final = b"xdpconform"
RUN_SIZE: Final = 8
TAIL: Final = Struct("!10s8sIH")  # magic, run, sequence, length
FILLING: Final = CONTENT + TAIL.size

SMALLEST: Final = 64
"""Bytes: a shorter frame is padded on the wire, and would come back longer."""
LARGEST: Final = 65535
SHIFTS: Final = 251
"""So many sequence numbers in a row have fillings of their own; a prime."""


def ours(frame: bytes) -> bool:
    """Whether a frame is one of a run of this suite, be it another's."""
    return frame[12:14] == b"\x88\xb5" and frame[CONTENT : CONTENT + len(MAGIC)] == MAGIC


class Frames:
    """Makes the frames of one run, and recognises them.

    Args:
        source: the MAC address they come from.
        destination: the one they go to.
        run: 8 bytes by which this run is told from others on the same wire.

    Raises:
        InputError: an address has not 6 bytes, or the run not 8.
    """

    def __init__(self, source: bytes, destination: bytes, run: bytes) -> None:
        for what, value, size in (
            ("source", source, ETH_ALEN),
            ("destination", destination, ETH_ALEN),
            ("run", run, RUN_SIZE),
        ):
            if len(value) != size:
                raise InputError(f"{what} {value.hex()!r}: {len(value)} bytes, {size} needed")
        self.run = run
        self._head = destination + source + ETHERTYPE.to_bytes(2, "big") + bytes(2)
        self._noise = shake_128(run).digest(LARGEST + SHIFTS)
        self._next = 0

    def make(self, count: int, size: int = SMALLEST) -> list[bytes]:
        """The next `count` frames; numbers are never used again.

        Args:
            count: how many.
            size: bytes of each, the Ethernet header counted, the checksum behind it not.

        Raises:
            InputError: the size is below 64 or above 65535.
        """
        if not SMALLEST <= size <= LARGEST:
            raise InputError(f"frames of {size} bytes: {SMALLEST} to {LARGEST} can be made")
        first = self._next
        self._next += count
        return [
            self._head + TAIL.pack(MAGIC, self.run, number, size) + self._filling(number, size)
            for number in range(first, first + count)
        ]

    def _filling(self, number: int, size: int) -> bytes:
        shift = number % SHIFTS
        return self._noise[shift : shift + size - FILLING]

    def number(self, frame: bytes) -> int | None:
        """A frame's number, whatever became of what stands behind it; None if it is not ours."""
        if not ours(frame) or len(frame) < FILLING:
            return None
        _magic, run, number, _length = TAIL.unpack_from(frame, CONTENT)
        return number if run == self.run else None

    def read(self, frame: bytes) -> tuple[int, bool] | None:
        """A frame's number, and whether it is intact; None for a frame of another run.

        Addresses and the two bytes for marks may be anything. A frame that was cut behind its
        number is ours, and not intact.
        """
        number = self.number(frame)
        if number is None:
            return None
        _magic, _run, _number, length = TAIL.unpack_from(frame, CONTENT)
        intact = (
            length == len(frame)
            and length <= LARGEST
            and frame[FILLING:] == self._filling(number, length)
        )
        return number, intact

    def digest(self, frames: Iterable[bytes]) -> str:
        """SHA-256 in hex of what programs do not change, in the order of numbers.

        What was sent and what arrived have the same digest where every frame arrived once and
        intact, in whatever order. Frames of other runs do not count.
        """
        numbered = sorted(
            (number, frame[CONTENT:])
            for frame in frames
            if (number := self.number(frame)) is not None
        )
        return sha256(b"".join(content for _number, content in numbered)).hexdigest()
