# SPDX-License-Identifier: MIT
"""AF_XDP's numbers and structs: include/uapi/linux/if_xdp.h, quoted; xsk in words of 7.3."""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

AF_XDP: Final = 44  # include/linux/socket.h
SOL_XDP: Final = 283

# sxdp_flags of bind(2)
XDP_SHARED_UMEM: Final = 1 << 0
XDP_COPY: Final = 1 << 1
XDP_ZEROCOPY: Final = 1 << 2
XDP_USE_NEED_WAKEUP: Final = 1 << 3  # 5.4
XDP_USE_SG: Final = 1 << 4  # 6.6

# struct xdp_umem_reg, flags
XDP_UMEM_UNALIGNED_CHUNK_FLAG: Final = 1 << 0  # 5.4
XDP_UMEM_TX_SW_CSUM: Final = 1 << 1  # 6.8
XDP_UMEM_TX_METADATA_LEN: Final = 1 << 2  # 6.11, required since

# socket options
XDP_MMAP_OFFSETS: Final = 1
XDP_RX_RING: Final = 2
XDP_TX_RING: Final = 3
XDP_UMEM_REG: Final = 4
XDP_UMEM_FILL_RING: Final = 5
XDP_UMEM_COMPLETION_RING: Final = 6
XDP_STATISTICS: Final = 7
XDP_OPTIONS: Final = 8  # 5.3
XDP_MAX_TX_SKB_BUDGET: Final = 9  # 6.17
XDP_OPTIONS_ZEROCOPY: Final = 1 << 0

# include/uapi/asm-generic/socket.h
SO_BUSY_POLL: Final = 46
SO_PREFER_BUSY_POLL: Final = 69  # 5.11
SO_BUSY_POLL_BUDGET: Final = 70  # 5.11

# offsets for mmap(2)
XDP_PGOFF_RX_RING: Final = 0
XDP_PGOFF_TX_RING: Final = 0x80000000
XDP_UMEM_PGOFF_FILL_RING: Final = 0x100000000
XDP_UMEM_PGOFF_COMPLETION_RING: Final = 0x180000000

XDP_RING_NEED_WAKEUP: Final = 1 << 0
XDP_PKT_CONTD: Final = 1 << 0
XDP_TX_METADATA: Final = 1 << 1  # 6.8

XSK_UNALIGNED_BUF_OFFSET_SHIFT: Final = 48
XSK_UNALIGNED_BUF_ADDR_MASK: Final = (1 << XSK_UNALIGNED_BUF_OFFSET_SHIFT) - 1

# struct xsk_tx_metadata, flags
XDP_TXMD_FLAGS_TIMESTAMP: Final = 1 << 0  # 6.8
XDP_TXMD_FLAGS_CHECKSUM: Final = 1 << 1  # 6.8
XDP_TXMD_FLAGS_LAUNCH_TIME: Final = 1 << 2  # 6.15

SOCKADDR_XDP: Final = Struct("=HHIII")
"""struct sockaddr_xdp { __u16 sxdp_family, sxdp_flags; __u32 sxdp_ifindex, sxdp_queue_id,
sxdp_shared_umem_fd; }"""
UMEM_REG: Final = Struct("=QQIIII")
"""struct xdp_umem_reg { __u64 addr, len; __u32 chunk_size, headroom; __u32 flags (5.4);
__u32 tx_metadata_len (6.8); }: a kernel takes the shorter forms too, and of a longer one it looks
at what it knows (xsk_setsockopt, net/xdp/xsk.c)"""
DESC: Final = Struct("=QII")
"""struct xdp_desc { __u64 addr; __u32 len, options; }"""
DESC_WORDS: Final = 2
"""Of 64 bits."""
RING_OFFSET: Final = Struct("=4Q")
"""struct xdp_ring_offset { __u64 producer, consumer, desc; __u64 flags (5.4); }"""
RING_OFFSET_V1: Final = Struct("=3Q")
MMAP_OFFSETS: Final = 4 * RING_OFFSET.size
"""struct xdp_mmap_offsets { struct xdp_ring_offset rx, tx, fr, cr; }"""
STATISTICS: Final = Struct("=6Q")
STATISTICS_V1: Final = Struct("=3Q")
TX_METADATA: Final = Struct("=QHHxxxxQ")
"""struct xsk_tx_metadata { __u64 flags; union { struct { __u16 csum_start, csum_offset;
__u64 launch_time (6.15); } request; struct { __u64 tx_timestamp; } completion; }; }"""
TX_TIMESTAMP: Final = 8
"""Where tx_timestamp stands in it."""


class Offsets(NamedTuple):
    """Where the parts of a ring stand in its mapping, in bytes: struct xdp_ring_offset."""

    producer: int
    consumer: int
    desc: int
    flags: int | None
    """None before 5.4: the kernel says nothing of wake-ups."""


class RingOffsets(NamedTuple):
    """What XDP_MMAP_OFFSETS gives."""

    rx: Offsets
    tx: Offsets
    fill: Offsets
    completion: Offsets

    @classmethod
    def pull(cls, data: bytes) -> RingOffsets:
        """Read the answer of a kernel since 5.4, or of one before."""
        if len(data) >= MMAP_OFFSETS:
            return cls(*map(Offsets._make, RING_OFFSET.iter_unpack(data[:MMAP_OFFSETS])))
        return cls(*(Offsets._make((*one, None)) for one in RING_OFFSET_V1.iter_unpack(data)))


class Statistics(NamedTuple):
    """What a socket's queues counted since it was opened: struct xdp_statistics.

    The last three are None before 5.9.
    """

    rx_dropped: int
    """Frames dropped, mostly since they do not fit a chunk."""
    rx_invalid_descs: int
    """0, as seen on 6.18: what is wrong in the fill ring is counted at that ring, and this is of
    the receive ring."""
    tx_invalid_descs: int
    rx_ring_full: int | None = None
    """Frames dropped since the receive ring was full."""
    rx_fill_ring_empty_descs: int | None = None
    """How often an address was wanted, and the fill ring was empty."""
    tx_ring_empty_descs: int | None = None
    """How often a descriptor was wanted, and the transmit ring was empty."""

    @classmethod
    def pull(cls, data: bytes) -> Statistics:
        """Read the answer of a kernel since 5.9, or of one before."""
        form = STATISTICS if len(data) >= STATISTICS.size else STATISTICS_V1
        return cls(*form.unpack_from(data))


class Descriptor(NamedTuple):
    """One buffer of a frame: struct xdp_desc."""

    addr: int
    len: int
    options: int = 0
    """XDP_PKT_CONTD: the frame goes on in the next; XDP_TX_METADATA: metadata stands before it."""


class TxMetadata(NamedTuple):
    """What is asked for one frame that is sent: struct xsk_tx_metadata.

    Flags say what of it counts: XDP_TXMD_FLAGS_TIMESTAMP, _CHECKSUM, _LAUNCH_TIME.
    """

    flags: int
    csum_start: int = 0
    """Bytes from the frame's begin to where checksumming starts."""
    csum_offset: int = 0
    """Bytes from there to where the sum is stored."""
    launch_time: int = 0
    """Nanoseconds of the NIC's clock."""

    def pack(self, length: int) -> bytes:
        """As it stands before a frame, in the `length` bytes that the umem has for it."""
        return TX_METADATA.pack(*self)[:length].ljust(length, b"\0")
