# SPDX-License-Identifier: MIT
"""A veth pair for AF_XDP: what comes into the NIC goes to the sockets of a map."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from xdpconform.probes import bpf
from xdpconform.probes.bpf import Link, PerCpuArray, Program, XskMap, programs
from xdpconform.probes.xsk import Sizes, XskMode, XskSocket

if TYPE_CHECKING:
    from typing import Self

    from xdpconform.probes.testbed import Testbed, Wire
    from xdpconform.probes.xsk import Umem

WAIT = 5.0
SMALL = Sizes(64, 64, 64, 64)


class Pair:
    """A testbed, and a program on its NIC that redirects to `sockets`, by queue."""

    def __init__(self, bed: Testbed) -> None:
        self.bed = bed
        self._stack = ExitStack()
        self.sockets = self._stack.enter_context(XskMap(8))
        counts = self._stack.enter_context(PerCpuArray(8, 8))
        code = programs.redirect(self.sockets, None, counts)
        self.program = self._stack.enter_context(Program.load(code, name="xsk", frags=True))
        self.counts = counts

    @property
    def wire(self) -> Wire:
        """At the other end."""
        assert self.bed.wire is not None
        return self.bed.wire

    def attach(self) -> None:
        """Have the program run on what comes in."""
        port = self.bed.nic
        link = port.namespace.call(lambda: Link.create(self.program, port.ifindex, bpf.Mode.NATIVE))
        self._stack.enter_context(link)

    def open(self, umem: Umem, **options: object) -> XskSocket:
        """A socket on the NIC in copy mode, with small rings unless said otherwise."""
        given = {
            "queue": 0,
            "mode": XskMode.COPY,
            "need_wakeup": True,
            "sizes": SMALL,
            **options,
        }
        return XskSocket(self.bed.nic, umem, **given)  # type: ignore[arg-type]

    def receives(self, xsk: XskSocket) -> None:
        """Have frames of the socket's queue go to it."""
        self.sockets.set(xsk.queue, xsk.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()
