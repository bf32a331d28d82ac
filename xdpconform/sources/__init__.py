# SPDX-License-Identifier: MIT
"""Sources: where replies come from."""

from xdpconform.sources.base import Channel, Client, Datagram, Exchange, Source, Stored
from xdpconform.sources.kernel import Kernel, KernelChannel

__all__ = [
    "Channel",
    "Client",
    "Datagram",
    "Exchange",
    "Kernel",
    "KernelChannel",
    "Source",
    "Stored",
]
