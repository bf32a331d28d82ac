# SPDX-License-Identifier: MIT
"""Structs of AF_XDP: as the compiler lays them out, and as kernels of each age answer."""

from __future__ import annotations

import ctypes
from struct import Struct, pack

import pytest

from xdpconform.probes.xsk import uapi
from xdpconform.probes.xsk.uapi import Offsets, RingOffsets, Statistics, TxMetadata

U16, U32, U64 = ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64


def struct(**fields: type) -> type[ctypes.Structure]:
    """A C struct."""
    return type("C", (ctypes.Structure,), {"_fields_": list(fields.items())})


LAYOUTS = {
    "sockaddr_xdp": (
        uapi.SOCKADDR_XDP,
        struct(family=U16, flags=U16, ifindex=U32, queue_id=U32, shared_umem_fd=U32),
    ),
    "xdp_umem_reg": (
        uapi.UMEM_REG,
        struct(addr=U64, len=U64, chunk_size=U32, headroom=U32, flags=U32, tx_metadata_len=U32),
    ),
    "xdp_desc": (uapi.DESC, struct(addr=U64, len=U32, options=U32)),
    "xdp_ring_offset": (
        uapi.RING_OFFSET,
        struct(producer=U64, consumer=U64, desc=U64, flags=U64),
    ),
    "xdp_statistics": (uapi.STATISTICS, struct(a=U64, b=U64, c=U64, d=U64, e=U64, f=U64)),
    "xsk_tx_metadata": (
        uapi.TX_METADATA,
        struct(flags=U64, csum_start=U16, csum_offset=U16, launch_time=U64),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), LAYOUTS.values(), ids=list(LAYOUTS))
def test_layout(ours: Struct, theirs: type[ctypes.Structure]) -> None:
    """A struct is packed as a C compiler does it, whatever the values are."""
    fields = theirs._fields_
    values = [n * 0x0101 + 1 for n in range(len(fields))]

    assert bytes(theirs(*values)) == ours.pack(*values)


def test_offsets() -> None:
    """Ring offsets are read of a kernel with flags, and of one before 5.4 without."""
    new = RingOffsets.pull(pack("=16Q", *range(16)))
    old = RingOffsets.pull(pack("=12Q", *range(12)))

    assert RingOffsets(*(Offsets(n, n + 1, n + 2, n + 3) for n in (0, 4, 8, 12))) == new
    assert RingOffsets(*(Offsets(n, n + 1, n + 2, None) for n in (0, 3, 6, 9))) == old


def test_statistics() -> None:
    """Statistics are read of a kernel with six of them, and of one before 5.9 with three."""
    assert Statistics(1, 2, 3, 4, 5, 6) == Statistics.pull(pack("=6Q", 1, 2, 3, 4, 5, 6))
    assert Statistics(1, 2, 3) == Statistics.pull(pack("=3Q", 1, 2, 3))


@pytest.mark.parametrize("length", [8, 16, 24, 248])
def test_metadata(length: int) -> None:
    """Metadata takes exactly the bytes that the umem has for it."""
    whole = pack("=QHHIQ", 7, 14, 6, 0, 99).ljust(length, b"\0")

    assert whole[:length] == TxMetadata(7, 14, 6, 99).pack(length)
