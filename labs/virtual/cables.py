# SPDX-License-Identifier: MIT
"""Wires between two NICs of one guest, which lose nothing and keep frames in their order.

QEMU's hub does not keep it: where a port was full, what waits before the hub is delivered ahead of
what waits behind it (qemu_flush_or_purge_queued_packets, net/net.c:685 of QEMU 10.0.2).
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from labs.virtual.nics import Nic


class Cables:
    """A pair of connected sockets for each NIC; a `labs.virtual.nics.Wire`."""

    def __init__(self) -> None:
        self._pairs: dict[int, tuple[socket.socket, socket.socket]] = {}

    def __call__(self, _nic: Nic, number: int, peer: bool) -> tuple[str, str]:
        """One end of a NIC's cable."""
        if number not in self._pairs:
            self._pairs[number] = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        end = self._pairs[number][peer].fileno()
        return "stream", f"server=off,addr.type=fd,addr.str={end}"

    @property
    def ends(self) -> tuple[int, ...]:
        """Descriptors that QEMU has to inherit."""
        return tuple(end.fileno() for pair in self._pairs.values() for end in pair)

    def close(self) -> None:
        """Close our own copies of the ends; may be called again."""
        for pair in self._pairs.values():
            for end in pair:
                end.close()
        self._pairs.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
