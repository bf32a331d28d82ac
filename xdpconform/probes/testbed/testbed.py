# SPDX-License-Identifier: MIT
"""A testbed: a NIC, the medium before it, and a look behind its XDP hook.

    veth      NIC ======== peer              both made here, in two namespaces of our own
    alone     NIC                            no medium

docs/testbeds.md says what each touches.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from xdpconform.errors import KernelError
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.links import new_veth, set_quiet, set_up
from xdpconform.probes.testbed.namespace import Namespace
from xdpconform.probes.testbed.port import Port
from xdpconform.probes.testbed.settings import Settings
from xdpconform.probes.testbed.wire import PacketWire

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Self

    from xdpconform.probes.safety.guardian import Guardian
    from xdpconform.probes.testbed.wire import Wire

    Say = Callable[[str], None]

CARRIER: Final = 10.0
"""Seconds to wait for a link at first; hardware negotiates for some of them."""


_number = count()


def silent(_sentence: str) -> None:
    """Say nothing."""


class Aside(NamedTuple):
    """A second pair beside the NIC: a target for redirects, and a source of them."""

    out: Port
    """The end beside the NIC, in its namespace."""
    far: Port
    """The other end, in a namespace of our own."""
    wire: Wire
    """At the other end."""


class Testbed:
    """A NIC with what is needed to send it frames and see what becomes of them.

    Made by `veth` or `alone`. It takes the guardian over: closing the testbed puts everything back
    and ends the guardian, also where the testbed cannot be made.

    Attributes:
        kind: ``veth`` or ``alone``.
        nic: the port under test.
        wire: the medium, from the peer's side; None where there is none.
        behind: the NIC's own packet socket: what passed its XDP hook.
        peer: the port at the other end; None where it is no port of this host.
        guardian: who puts things back if we cannot.
        settings: what changes ports for a while.
        progress: told what is waited for.
        step: told what is changed, before it is.
    """

    __test__ = False  # its name is not pytest's business

    def __init__(
        self,
        kind: str,
        nic: Port,
        guardian: Guardian,
        *,
        wire: Wire | None = None,
        peer: Port | None = None,
        progress: Say = silent,
        step: Say = silent,
        stack: ExitStack,
    ) -> None:
        self.kind = kind
        self.nic = nic
        self.guardian = guardian
        self.wire = wire
        self.peer = peer
        self.progress = progress
        self.step = step
        self.settings = Settings(guardian, step)
        self._stack = stack
        self._aside: Aside | None = None
        self.behind: Wire = stack.enter_context(PacketWire(nic, promiscuous=False))

    @classmethod
    def veth(
        cls,
        guardian: Guardian,
        *,
        queues: tuple[int, int] = (1, 1),
        progress: Say = silent,
        step: Say = silent,
    ) -> Self:
        """A pair made for it: the NIC is ``veth0``, and everything is gone when this process is.

        Args:
            guardian: keeps what tests change of the pair.
            queues: how many receive and transmit queues both ends have.
            progress: told what is waited for.
            step: told what is changed, before it is.

        Raises:
            SourceError: namespaces are refused: it needs root.
            KernelError: the kernel has no veth.
        """
        with ExitStack() as stack:
            stack.enter_context(guardian)
            near = stack.enter_context(Namespace.anonymous())
            far = stack.enter_context(Namespace.anonymous())
            nic, peer = make_pair(near, "veth0", far, "veth1", queues)
            wire = stack.enter_context(PacketWire(peer))
            bed = cls(
                "veth",
                nic,
                guardian,
                wire=wire,
                peer=peer,
                progress=progress,
                step=step,
                stack=stack,
            )
            bed._stack = stack.pop_all()
        return bed

    @classmethod
    def alone(
        cls, nic: Port, guardian: Guardian, *, progress: Say = silent, step: Say = silent
    ) -> Self:
        """A NIC without a medium: what needs frames is blocked."""
        with ExitStack() as stack:
            stack.enter_context(guardian)
            bed = cls("alone", nic, guardian, progress=progress, step=step, stack=stack)
            bed._stack = stack.pop_all()
        return bed

    def aside(self) -> Aside:
        """A second pair beside the NIC, made when it is asked for; it goes with the testbed.

        Raises:
            SourceError: a namespace is refused: it needs root.
            KernelError: the kernel refuses the pair.
        """
        if self._aside is None:
            far = Namespace.anonymous()
            self._stack.push(far)
            name = f"xdpc{os.getpid()}n{next(_number)}"  # nobody else's, in whatever namespace
            self.step(f"make the pair {name} beside {self.nic.ifname}")
            pair = make_pair(self.nic.namespace, name, far, name)
            wire = self._stack.enter_context(PacketWire(pair[1]))
            self._aside = Aside(*pair, wire)
        return self._aside

    @property
    def waited(self) -> float:
        """Seconds spent waiting for frames, on all wires together."""
        wires = [self.behind, self.wire, self._aside.wire if self._aside else None]
        return sum(wire.waited for wire in wires if wire is not None)

    def close(self) -> None:
        """Put everything back, the last thing first; may be called again."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def make_pair(
    near: Namespace, name: str, far: Namespace, peer: str, queues: tuple[int, int] = (1, 1)
) -> tuple[Port, Port]:
    """A veth pair, both ends switched on and silent.

    Raises:
        KernelError: the kernel refuses it: a name is taken, or it has no veth.
    """
    near.client(NETLINK_ROUTE).ask(new_veth(name.encode(), peer.encode(), far.fd, queues))
    ports = Port(near, name), Port(far, peer)
    for port in ports:
        quiet(port)
        port.ask(set_up(port.ifindex, True))
    for port in ports:
        port.wait_carrier(CARRIER)
    return ports


def quiet(port: Port) -> None:
    """Keep IPv6 from speaking on a port, where there is IPv6."""
    with suppress(KernelError):  # none here, or none on this port: what is not there is silent
        port.ask(set_quiet(port.ifindex))
