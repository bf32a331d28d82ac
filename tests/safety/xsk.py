# SPDX-License-Identifier: MIT
"""An AF_XDP socket in copy mode that is bound to a queue, and nothing more."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import socket
import struct
from typing import TYPE_CHECKING

from xdpconform.sources import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

AF_XDP = 44  # include/linux/socket.h
SOL_XDP = 283
# include/uapi/linux/if_xdp.h
XDP_RX_RING = 2
XDP_UMEM_REG = 4
XDP_UMEM_FILL_RING = 5
XDP_UMEM_COMPLETION_RING = 6
XDP_COPY = 2
CHUNK = 4096


@contextlib.contextmanager
def bound(netns: str, ifindex: int, queue: int = 0) -> Iterator[None]:
    """As long as the block lasts, the queue of an interface in a namespace has a socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Kernel(netns) as kernel, mmap.mmap(-1, 16 * CHUNK) as memory:
        view = ctypes.c_char.from_buffer(memory)
        sock = kernel.within(lambda: socket.socket(AF_XDP, socket.SOCK_RAW))
        try:
            # struct xdp_umem_reg: addr, len, chunk_size, headroom, flags, tx_metadata_len
            umem = struct.pack("=QQIIII", ctypes.addressof(view), 16 * CHUNK, CHUNK, 0, 0, 0)
            sock.setsockopt(SOL_XDP, XDP_UMEM_REG, umem)
            for ring in (XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING):
                sock.setsockopt(SOL_XDP, ring, struct.pack("=i", 16))
            # struct sockaddr_xdp: family, flags, ifindex, queue_id, shared_umem_fd
            address = struct.pack("=HHIII", AF_XDP, XDP_COPY, ifindex, queue, 0)
            if libc.bind(sock.fileno(), address, len(address)):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            yield
        finally:
            sock.close()
            del view
