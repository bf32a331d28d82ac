# SPDX-License-Identifier: MIT
"""A testbed: a NIC, the medium before it, and a look behind its XDP hook.

docs/testbeds.md shows each kind, and says what it touches.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import InputError, SourceError
from xdpconform.probes.testbed.away import check_local, find_remote, move_away
from xdpconform.probes.testbed.frames import RUN_SIZE, Frames
from xdpconform.probes.testbed.namespace import Namespace
from xdpconform.probes.testbed.pair import make_pair, make_tap
from xdpconform.probes.testbed.port import Port
from xdpconform.probes.testbed.settings import Settings
from xdpconform.probes.testbed.wire import PacketWire, TapWire

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Self, TypeVar

    from xdpconform.netconfig import Remote
    from xdpconform.probes.safety.guardian import Guardian
    from xdpconform.probes.testbed.wire import Wire

    Say = Callable[[str], None]
    T = TypeVar("T")

CARRIER: Final = 15.0
"""Seconds to wait for a link; hardware negotiates for some of them."""
PASSING: Final = 10.0
"""Seconds to wait for a first frame; a switch in between may learn, or hold a new port back."""
TRIAL: Final = 0.2
"""Seconds after which a first frame is sent again."""
TAP_SOURCE: Final = bytes.fromhex("02 00 00 88 b5 01")
"""Where frames that are written to a tap come from: a local address."""

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

    Made by `veth`, `tap`, `cabled`, `remote`, `loopback` or `alone`. It takes over the guardian
    and the namespace that it is given: closing the testbed puts everything back and closes them,
    also where the testbed cannot be made.

    Attributes:
        kind: ``veth``, ``tap``, ``peer``, ``loopback`` or ``alone``.
        nic: the port under test.
        wire: the medium, from the peer's side; None where there is none.
        behind: the NIC's own packet socket: what passed its XDP hook.
        peer: the port at the other end; None where it is no port of this host.
        far_mac: the MAC address at the other end; the NIC's own for ``loopback`` and ``alone``.
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
        stack: ExitStack,
        *,
        progress: Say = silent,
        step: Say = silent,
    ) -> None:
        self.kind = kind
        self.nic = nic
        self.guardian = guardian
        self.wire: Wire | None = None
        self.peer: Port | None = None
        self.far_mac = nic.mac
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
            guardian: keeps what is changed of the pair.
            queues: how many receive and transmit queues both ends have.
            progress: told what is waited for.
            step: told what is changed, before it is.

        Raises:
            SourceError: namespaces are refused: it needs root.
            KernelError: the kernel has no veth.
        """
        with ExitStack() as stack:
            stack.enter_context(guardian)
            # One for both ends: a veth's claims follow its peer, so that has to be seen from here.
            space = stack.enter_context(Namespace.anonymous())
            nic, peer = make_pair(space, "veth0", space, "veth1", queues)
            bed = cls("veth", nic, guardian, stack, progress=progress, step=step)
            bed._face(peer)
            bed._stack = stack.pop_all()
        return bed

    @classmethod
    def tap(cls, guardian: Guardian, *, progress: Say = silent, step: Say = silent) -> Self:
        """A tap made for it: the NIC is ``tap0``, and its descriptor is the medium.

        Raises:
            SourceError: namespaces are refused (it needs root), or there is no tun driver.
        """
        with ExitStack() as stack:
            stack.enter_context(guardian)
            near = stack.enter_context(Namespace.anonymous())
            wire = stack.enter_context(TapWire(make_tap(near, "tap0"), "tap0"))
            bed = cls("tap", Port(near, "tap0"), guardian, stack, progress=progress, step=step)
            bed.wire = wire
            bed.far_mac = TAP_SOURCE
            bed._stack = stack.pop_all()
        return bed

    @classmethod
    def cabled(
        cls,
        namespace: Namespace,
        ifname: str,
        peer: str,
        guardian: Guardian,
        *,
        progress: Say = silent,
        step: Say = silent,
    ) -> Self:
        """A NIC and a second port of this host that its cable leads to.

        The second port is moved into a namespace of our own and comes back.

        Args:
            namespace: where both are.
            ifname: the NIC.
            peer: the second port.
            guardian: brings the peer back if we cannot.
            progress: told what is waited for.
            step: told what is changed, before it is.

        Raises:
            InputError: both are one port, or the peer's routes would be lost.
            KernelError: the kernel refuses to move it: it is needed where it is.
            SourceError: there is no link, or no frame arrives at the other end.
        """
        with ExitStack() as stack:
            nic = _take_over(stack, guardian, namespace, ifname)
            port = Port(namespace, peer)
            if port.ifindex == nic.ifindex:
                raise InputError(f"{peer} is the NIC itself: the peer is the port it is cabled to")
            bed = cls("peer", nic, guardian, stack, progress=progress, step=step)
            far = stack.enter_context(Namespace.anonymous())
            bed._face(move_away(port, far, guardian, step, stack))
            bed._connect()
            bed._stack = stack.pop_all()
        return bed

    @classmethod
    def remote(
        cls,
        namespace: Namespace,
        ifname: str,
        remote: Remote,
        guardian: Guardian,
        *,
        progress: Say = silent,
        step: Say = silent,
    ) -> Self:
        """A NIC and a port that is in another network namespace already; nothing is moved.

        Args:
            namespace: where the NIC is.
            ifname: the NIC.
            remote: where the peer is, by the kernel selftests' names.
            guardian: keeps what is changed.
            progress: told what is waited for.
            step: told what is changed, before it is.

        Raises:
            InputError: there is no such peer, or LOCAL_V4 or LOCAL_V6 is not the NIC's.
            SourceError: no such namespace, no link, or no frame arrives at the other end.
        """
        with ExitStack() as stack:
            nic = _take_over(stack, guardian, namespace, ifname)
            check_local(nic, remote)
            far = stack.enter_context(Namespace.at(remote.args))
            bed = cls("peer", nic, guardian, stack, progress=progress, step=step)
            bed._face(find_remote(far, remote))
            bed._connect()
            bed._stack = stack.pop_all()
        return bed

    @classmethod
    def loopback(
        cls,
        namespace: Namespace,
        ifname: str,
        guardian: Guardian,
        *,
        progress: Say = silent,
        step: Say = silent,
    ) -> Self:
        """A NIC that hears itself: ethtool's feature ``loopback`` is switched on.

        What it sends comes back to it, so a program that sends back what it gets (XDP_TX) would
        do so for ever: it must mark a frame the first time, and drop what is marked.

        Raises:
            SourceError: the NIC has no such feature, there is no link, or no frame comes back.
        """
        with ExitStack() as stack:
            nic = _take_over(stack, guardian, namespace, ifname)
            bed = cls("loopback", nic, guardian, stack, progress=progress, step=step)
            stack.enter_context(bed.settings.feature(nic, {"loopback": True}))
            bed.wire = stack.enter_context(PacketWire(nic, promiscuous=False))
            bed._connect()
            bed._stack = stack.pop_all()
        return bed

    @classmethod
    def alone(
        cls,
        namespace: Namespace,
        ifname: str,
        guardian: Guardian,
        *,
        progress: Say = silent,
        step: Say = silent,
    ) -> Self:
        """A NIC without a medium: what needs frames is blocked."""
        with ExitStack() as stack:
            nic = _take_over(stack, guardian, namespace, ifname)
            bed = cls("alone", nic, guardian, stack, progress=progress, step=step)
            bed._stack = stack.pop_all()
        return bed

    def _face(self, peer: Port) -> None:
        self.peer = peer
        self.far_mac = peer.mac
        self.wire = self._stack.enter_context(PacketWire(peer))

    def _connect(self) -> None:
        """Have both ends on, wait for the link, and see a frame arrive at each end."""
        for port in filter(None, (self.nic, self.peer)):
            self._stack.enter_context(self.settings.up(port))
        for port in filter(None, (self.nic, self.peer)):
            self.progress(f"wait for the link of {port.ifname}")
            port.wait_carrier(CARRIER)
        self.check()

    def check(self) -> None:
        """See a frame arrive at each end; does nothing without a medium.

        Raises:
            SourceError: none arrives: what is then seen would say nothing about the NIC.
        """
        if self.wire is None:
            return
        run = os.urandom(RUN_SIZE)
        there, here = self.far_mac, self.nic.mac
        other = self.peer.ifname if self.peer else "the other end"
        self.progress(f"wait for a frame from {other} to {self.nic.ifname} and back")
        _pass(self.wire, self.behind, Frames(there, here, run), f"{other} to {self.nic.ifname}")
        _pass(self.behind, self.wire, Frames(here, there, run), f"{self.nic.ifname} to {other}")
        for wire in (self.wire, self.behind):
            wire.drain()

    def frames(self) -> Frames:
        """What makes frames from the other end to the NIC, of a run of their own."""
        return Frames(self.far_mac, self.nic.mac, os.urandom(RUN_SIZE))

    def ports(self) -> tuple[Port, ...]:
        """Every port of the testbed."""
        aside = self._aside[:2] if self._aside else ()
        return tuple(port for port in (self.nic, self.peer, *aside) if port is not None)

    def keep(self, resource: AbstractContextManager[T]) -> T:
        """Enter what shall be left when the testbed is closed, before what was there earlier."""
        return self._stack.enter_context(resource)

    def aside(self) -> Aside:
        """A second pair beside the NIC, made when it is asked for; it goes with the testbed.

        Raises:
            SourceError: a namespace is refused: it needs root.
            KernelError: the kernel refuses the pair.
        """
        if self._aside is None:
            far = self._stack.enter_context(Namespace.anonymous())
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
        """Put everything back, the last thing first; may be called again.

        Raises:
            UndoFailed: something could not be put back; says what, and what the kernel said.
        """
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _take_over(stack: ExitStack, guardian: Guardian, namespace: Namespace, ifname: str) -> Port:
    stack.enter_context(namespace)
    stack.enter_context(guardian)
    return Port(namespace, ifname)


def _pass(source: Wire, target: Wire, frames: Frames, way: str) -> None:
    for _try in range(int(PASSING / TRIAL)):
        source.send(frames.make(1))
        if any(map(frames.read, target.receive(1, TRIAL))):
            return
    raise SourceError(
        f"no frame arrives from {way}, though both have a link: are they cabled to each other, and"
        " does a switch between them pass frames of EtherType 0x88B5?"
    )
