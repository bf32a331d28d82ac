# SPDX-License-Identifier: MIT
"""AF_XDP from Python: umem, rings and sockets by system calls alone."""

from xdpconform.probes.xsk.error import XskError
from xdpconform.probes.xsk.exchange import XskSocket
from xdpconform.probes.xsk.rings import Consumer, Producer
from xdpconform.probes.xsk.sock import BusyPoll, Sizes, XskMode
from xdpconform.probes.xsk.uapi import Descriptor, Statistics, TxMetadata
from xdpconform.probes.xsk.umem import Umem

__all__ = [
    "BusyPoll",
    "Consumer",
    "Descriptor",
    "Producer",
    "Sizes",
    "Statistics",
    "TxMetadata",
    "Umem",
    "XskError",
    "XskMode",
    "XskSocket",
]
