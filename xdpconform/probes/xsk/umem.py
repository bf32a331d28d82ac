# SPDX-License-Identifier: MIT
"""The umem: memory in chunks of one size, into which frames are received and from which sent."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError, SourceError
from xdpconform.probes.xsk.uapi import (
    UMEM_REG,
    XDP_UMEM_TX_METADATA_LEN,
    XDP_UMEM_UNALIGNED_CHUNK_FLAG,
    XSK_UNALIGNED_BUF_ADDR_MASK,
    XSK_UNALIGNED_BUF_OFFSET_SHIFT,
)

if TYPE_CHECKING:
    from typing import Self

MAP_HUGETLB: Final = 0x40000  # include/uapi/asm-generic/mman.h
MADV_DONTFORK: Final = 10  # include/uapi/asm-generic/mman-common.h
MEMINFO: Final = "/proc/meminfo"


def huge_page(path: str = MEMINFO) -> int:
    """Bytes of a huge page here; 2 MiB where the kernel does not say."""
    try:
        with open(path, encoding="ascii") as file:
            sizes = [line.split()[1] for line in file if line.startswith("Hugepagesize:")]
    except OSError:
        sizes = []
    return int(sizes[0]) << 10 if sizes else 2 << 20


class Umem:
    """Memory for frames; sockets register it, one or several of them.

    An address is a number of bytes from its begin. Chunks are taken for the fill ring and for
    sending, and given back.

    Args:
        frames: how many chunks.
        chunk: bytes of each; the kernel takes 2048 to a page.
        headroom: bytes that the kernel leaves free before a frame it receives, in addition to its
            own 256 (XDP_PACKET_HEADROOM).
        unaligned: frames may begin anywhere (XDP_UMEM_UNALIGNED_CHUNK_FLAG, since 5.4).
        tx_metadata_len: bytes kept before each frame that is sent (since 6.8).
        flags: more of struct xdp_umem_reg's flags, as XDP_UMEM_TX_SW_CSUM; what the kernel does
            not know it refuses when a socket is opened.
        hugepages: take huge pages, which have to be there (vm.nr_hugepages).

    Raises:
        InputError: no chunks, or a size of 0.
        SourceError: there is no memory.
    """

    def __init__(
        self,
        frames: int,
        chunk: int = 4096,
        headroom: int = 0,
        *,
        unaligned: bool = False,
        tx_metadata_len: int = 0,
        flags: int = 0,
        hugepages: bool = False,
    ) -> None:
        if frames <= 0 or chunk <= 0:
            raise InputError(f"a umem of {frames} chunks of {chunk} bytes: both must be above 0")
        self.frames: Final = frames
        self.chunk: Final = chunk
        self.headroom: Final = headroom
        self.unaligned: Final = unaligned
        self.tx_metadata_len: Final = tx_metadata_len
        self.flags: Final = (
            flags
            | XDP_UMEM_UNALIGNED_CHUNK_FLAG * unaligned
            | XDP_UMEM_TX_METADATA_LEN * bool(tx_metadata_len)
        )
        page = huge_page() if hugepages else mmap.PAGESIZE
        self.length: Final = -(-frames * chunk // page) * page
        how = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | (MAP_HUGETLB if hugepages else 0)
        try:
            self._memory = mmap.mmap(-1, self.length, flags=how)
        except OSError as error:
            hint = "; reserve huge pages (sysctl vm.nr_hugepages)" if hugepages else ""
            raise SourceError(
                f"no memory for a umem of {self.length} bytes: {error.strerror}{hint}"
            ) from error
        # Pages that the kernel writes to stay ours, whoever is forked.
        self._memory.madvise(MADV_DONTFORK)
        self._view = memoryview(self._memory)
        self._free = list(range((frames - 1) * chunk, -1, -chunk))

    def register(self) -> bytes:
        """A struct xdp_umem_reg, for XDP_UMEM_REG."""
        begin = ctypes.c_char.from_buffer(self._memory)
        address = ctypes.addressof(begin)
        del begin  # or the memory could not be closed
        return UMEM_REG.pack(
            address,
            self.frames * self.chunk,
            self.chunk,
            self.headroom,
            self.flags,
            self.tx_metadata_len,
        )

    def take(self, count: int) -> list[int]:
        """Addresses of `count` free chunks; empty if there are not that many."""
        if count > len(self._free):
            return []
        taken = self._free[len(self._free) - count :]
        del self._free[len(self._free) - count :]
        return taken[::-1]

    def give(self, addresses: Iterable[int]) -> None:
        """Give chunks back, by addresses anywhere in them."""
        self._free.extend(self.base(address) for address in addresses)

    @property
    def free(self) -> int:
        """How many chunks are free."""
        return len(self._free)

    def base(self, address: int) -> int:
        """Where the chunk of an address begins."""
        place = self.place(address)
        return place - place % self.chunk

    def place(self, address: int) -> int:
        """Where an address of a ring points to; unaligned ones carry an offset in their top."""
        if self.unaligned:
            offset = address >> XSK_UNALIGNED_BUF_OFFSET_SHIFT
            return (address & XSK_UNALIGNED_BUF_ADDR_MASK) + offset
        return address

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address.

        Raises:
            InputError: they reach beyond the umem.
        """
        place = self._within(address, len(data))
        self._view[place : place + len(data)] = data

    def read(self, address: int, length: int) -> bytes:
        """The bytes at an address.

        Raises:
            InputError: they reach beyond the umem.
        """
        place = self._within(address, length)
        return self._memory[place : place + length]

    def _within(self, address: int, length: int) -> int:
        place = self.place(address)
        if place < 0 or place + length > self.length:
            raise InputError(
                f"address {address:#x}, {length} bytes: the umem has {self.length:#x} bytes"
            )
        return place

    def close(self) -> None:
        """Give the memory back; may be called again. The kernel keeps what sockets still use."""
        self._view.release()
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
