# SPDX-License-Identifier: MIT
"""How an AF_XDP socket's refusals are told."""

from __future__ import annotations

import errno as _errno
import os
from typing import Final

from xdpconform.errors import SourceError, errno_name

HINTS: Final = {
    ("socket", _errno.EPERM): "needs root (CAP_NET_RAW)",
    ("socket", _errno.EAFNOSUPPORT): "needs a kernel with CONFIG_XDP_SOCKETS",
    ("umem", _errno.EINVAL): "chunks have 2048 bytes to a page and are a power of two unless"
    " unaligned, the headroom leaves room in them, tx_metadata_len is a multiple of 8 from 16 to"
    " 248, and a kernel knows the flags of its time only",
    ("umem", _errno.ENOBUFS): "raise the limit of locked memory (ulimit -l), or run with"
    " CAP_IPC_LOCK",
    ("umem", _errno.ENOMEM): "use fewer chunks",
    ("ring", _errno.ENOMEM): "use smaller rings",
    ("XDP_MAX_TX_SKB_BUDGET", _errno.EACCES): "from 32 to the size of the transmit ring",
    ("XDP_MAX_TX_SKB_BUDGET", _errno.ENOPROTOOPT): "needs a kernel since 6.17",
    ("SO_PREFER_BUSY_POLL", _errno.ENOPROTOOPT): "needs a kernel since 5.11",
    ("SO_PREFER_BUSY_POLL", _errno.EPERM): "needs CAP_NET_ADMIN",
    ("SO_BUSY_POLL", _errno.EPERM): "needs CAP_NET_ADMIN",
    ("SO_BUSY_POLL_BUDGET", _errno.EPERM): "needs CAP_NET_ADMIN",
    # The order in which xsk_bind (net/xdp/xsk.c) and xp_assign_dev (net/xdp/xsk_buff_pool.c) look.
    ("bind", _errno.ENODEV): "the interface is gone",
    ("bind", _errno.EBUSY): "another socket has this queue, or its memory is somebody's: close it"
    " (ss --xdp -ap shows who)",
    ("bind", _errno.EOPNOTSUPP): "the driver has no zero copy, or not of frames in several"
    " buffers: claims xsk-zerocopy and xdp-zc-max-segs say so",
    ("bind", _errno.EINVAL): "the queue must exist (ethtool -l), a fill and a completion ring"
    " belong to each queue once, and for zero copy a chunk holds a frame of the MTU",
    ("bind", _errno.ENETDOWN): "switch the interface on (ip link set up)",
    ("bind", _errno.EBADF): "the socket that it shares with is not bound",
    ("send", _errno.ENETDOWN): "switch the interface on (ip link set up)",
    ("send", _errno.ENXIO): "the interface is gone",
    ("send", _errno.EINVAL): "a descriptor's metadata is wrong, or in zero copy the driver sends"
    " only with a program on the NIC; the ring is stuck: close the socket",
    ("send", _errno.EMSGSIZE): "raise the MTU",
    ("send", _errno.EOVERFLOW): "a frame has more buffers than the kernel takes (MAX_SKB_FRAGS);"
    " use fewer",
    ("receive", _errno.ENETDOWN): "switch the interface on (ip link set up)",
    ("receive", _errno.ENXIO): "the interface is gone",
    ("XDP_OPTIONS", _errno.ENOPROTOOPT): "needs a kernel since 5.3",
}
"""What to do, by step and errno."""


class XskError(SourceError):
    """The kernel refused something of an AF_XDP socket.

    Attributes:
        errno: the positive error number.
        step: ``socket``, ``umem``, ``ring``, ``bind``, ``send``, ``receive``, or the name of the
            socket option.
        ifname: the interface.
        queue: its queue.
        waited: seconds spent trying again, since EBUSY may be over in a moment.
    """

    def __init__(
        self, errno: int, step: str, ifname: str, queue: int, *, waited: float = 0
    ) -> None:
        self.errno = errno
        self.step = step
        self.ifname = ifname
        self.queue = queue
        self.waited = waited
        super().__init__(errno, step)

    @property
    def name(self) -> str:
        """The errno's name, as in errno.h: ``EBUSY``."""
        return errno_name(self.errno)

    def __str__(self) -> str:
        text = (
            f"{self.ifname} queue {self.queue}: AF_XDP {self.step}: the kernel said {self.name}"
            f" ({os.strerror(self.errno)})"
        )
        if self.waited:
            text += f" for {self.waited:.1f} s"
        hint = HINTS.get((self.step, self.errno))
        return f"{text}; {hint}" if hint else text
