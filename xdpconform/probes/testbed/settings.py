# SPDX-License-Identifier: MIT
"""Settings of a port for the length of a block: what was there before comes back, whatever happens.

The guardian keeps each undo before the change is made (`xdpconform.probes.safety`). Leaving the
block puts the setting back and looks whether it is.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from socket import AF_INET6
from typing import TYPE_CHECKING, NamedTuple

from xdpconform.errors import InputError, KernelError, NoSuchInterface, SourceError
from xdpconform.netlink import ethtool
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.netlink.ethtool_set import channels_set, features_set
from xdpconform.netlink.ethtool_tsconfig import pull_tsconfig, tsconfig_get, tsconfig_set
from xdpconform.netlink.links import set_mtu, set_up
from xdpconform.netlink.routes import newaddr
from xdpconform.probes.safety.guardian import Undo
from xdpconform.probes.testbed.away import (
    GONE,
    IFA_F_TEMPORARY,
    addresses,
    routes_at_stake,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from xdpconform.netlink.ethtool import Channels, Features
    from xdpconform.netlink.transaction import Request
    from xdpconform.probes.safety.guardian import Guardian
    from xdpconform.probes.testbed.port import Port


class _Change(NamedTuple):
    """One change of one port."""

    port: Port
    setting: str
    """In words: ``mtu``."""
    before: object
    after: object
    protocol: int
    do: Request
    back: Request
    look: Callable[[], object]
    """What the setting is now, to be compared with `before` and `after`."""


class Settings:
    """Changes ports' settings, and puts them back.

    Args:
        guardian: who puts them back if we cannot.
        step: called with a sentence before each change; what it raises stops the change.
    """

    def __init__(self, guardian: Guardian, step: Callable[[str], None]) -> None:
        self._guardian = guardian
        self._step = step

    @contextmanager
    def mtu(self, port: Port, value: int) -> Iterator[None]:
        """Another MTU, in bytes without the Ethernet header.

        Raises:
            KernelError: the driver refuses it, as many do while a program is attached.
            SourceError: it is not in force, or did not come back.
        """
        before = port.state().mtu
        if before is None:
            raise SourceError(f"{port.ifname}: the kernel does not say its MTU")
        change = _Change(
            port,
            "mtu",
            before,
            value,
            NETLINK_ROUTE,
            set_mtu(port.ifindex, value),
            set_mtu(port.ifindex, before),
            lambda: port.state().mtu,
        )
        with self._changed(change):
            yield

    @contextmanager
    def up(self, port: Port) -> Iterator[None]:
        """Switched on; there may be no carrier yet, see `Port.wait_carrier`.

        Raises:
            KernelError: the driver refuses it.
            SourceError: it did not come back.
        """
        with self._switched(port, up=True):
            yield

    @contextmanager
    def down(self, port: Port) -> Iterator[None]:
        """Switched off. The kernel drops its IPv6 addresses meanwhile; they come back.

        Raises:
            KernelError: the driver refuses it, or to be switched on again.
            SourceError: routes would be lost (says which), or it did not come back.
        """
        with ExitStack() as stack:
            if port.state().up:
                self._keep_addresses(port, stack)
            stack.enter_context(self._switched(port, up=False))
            yield

    def _keep_addresses(self, port: Port, stack: ExitStack) -> None:
        """Have what goes with the link put back, once it is on again."""
        lost = routes_at_stake(port)
        if lost:
            raise SourceError(
                f"{port.ifname} cannot be switched off: {', '.join(lost)} would be lost. Take it"
                " away (ip route), or name a port that nothing uses"
            )
        for address in reversed(addresses(port)):
            if address.family == AF_INET6 and not address.flags & IFA_F_TEMPORARY:
                what = f"address {ip_address(address.local)} of {port.ifname}"
                undo = Undo.of(what, NETLINK_ROUTE, newaddr(address), GONE)
                self._step(f"keep: {what}")
                stack.callback(self._guardian.register(undo, port.namespace.fd).undo)

    @contextmanager
    def _switched(self, port: Port, *, up: bool) -> Iterator[None]:
        change = _Change(
            port,
            "up",
            port.state().up,
            up,
            NETLINK_ROUTE,
            set_up(port.ifindex, up),
            set_up(port.ifindex, not up),
            lambda: port.state().up,
        )
        with self._changed(change):
            yield

    @contextmanager
    def feature(self, port: Port, wanted: Mapping[str, bool]) -> Iterator[None]:
        """Features on or off: ``{"rx-gro": True}``, by ethtool's long names.

        Raises:
            InputError: the kernel has no feature of a name.
            KernelError: the driver refuses it.
            SourceError: the device cannot change it, did not, or it did not come back.
        """
        family = port.namespace.family(ethtool.FAMILY_NAME)
        found = features(port)
        for name in wanted:
            if name not in found.known:
                raise InputError(
                    f"no feature {name!r} in this kernel; `ethtool -k {port.ifname}` lists them"
                )
        fixed = sorted(
            n for n, on in wanted.items() if n in found.fixed and on != (n in found.active)
        )
        if fixed:
            raise SourceError(
                f"{port.ifname} cannot switch {', '.join(fixed)}: the driver has it"
                f" {'off' if wanted[fixed[0]] else 'on'} [fixed] (`ethtool -k {port.ifname}`)"
            )
        change = _Change(
            port,
            "features",
            {name: name in found.active for name in wanted},
            dict(wanted),
            NETLINK_GENERIC,
            features_set(family, port.ifindex, wanted),
            features_set(family, port.ifindex, {name: name in found.wanted for name in wanted}),
            lambda: {name: name in features(port).active for name in wanted},
        )
        with self._changed(change):
            yield

    @contextmanager
    def channels(
        self,
        port: Port,
        *,
        rx: int | None = None,
        tx: int | None = None,
        combined: int | None = None,
    ) -> Iterator[None]:
        """Other numbers of queues; None leaves a kind as it is.

        Raises:
            InputError: no number is given.
            KernelError: the driver refuses them.
            SourceError: they are not in force, or did not come back.
        """
        family = port.namespace.family(ethtool.FAMILY_NAME)
        wanted = {"rx": rx, "tx": tx, "combined": combined}
        given = {kind: count for kind, count in wanted.items() if count is not None}
        before = {kind: getattr(channels(port), kind) or 0 for kind in given}
        change = _Change(
            port,
            "channels",
            before,
            given,
            NETLINK_GENERIC,
            channels_set(family, port.ifindex, **given),
            channels_set(family, port.ifindex, **before),
            lambda: {kind: getattr(channels(port), kind) or 0 for kind in given},
        )
        with self._changed(change):
            yield

    @contextmanager
    def stamps(self, port: Port, rx_filter: str = "all") -> Iterator[None]:
        """Received frames stamped by the device's clock, which itself is never touched.

        Args:
            port: where.
            rx_filter: which frames, as `stamped` has it.

        Raises:
            KernelError: the driver or the kernel cannot do it this way (EOPNOTSUPP), or refuses.
            SourceError: it is not in force, or did not come back.
        """
        family = port.namespace.family(ethtool.FAMILY_NAME)
        before = stamped(port)
        change = _Change(
            port,
            "hwtstamp rx-filter",
            before,
            rx_filter,
            NETLINK_GENERIC,
            tsconfig_set(family, port.ifindex, rx_filter),
            tsconfig_set(family, port.ifindex, before),
            lambda: stamped(port),
        )
        with self._changed(change):
            yield

    @contextmanager
    def _changed(self, change: _Change) -> Iterator[None]:
        if change.before == change.after:
            yield
            return
        name, setting = change.port.ifname, change.setting
        what = f"{setting} of {name} back to {_shown(change.before)}"
        namespace = change.port.namespace
        undo = Undo.of(what, change.protocol, change.back, GONE)
        self._step(f"keep: {what}")
        ticket = self._guardian.register(undo, namespace.fd)
        try:
            self._step(f"{setting} of {name} to {_shown(change.after)}")
            namespace.client(change.protocol).ask(change.do)
            found = change.look()
            if found != change.after:
                raise SourceError(
                    f"{setting} of {name}: asked for {_shown(change.after)}, and the driver made it"
                    f" {_shown(found)}"
                )
            yield
        finally:
            ticket.undo()
            _verify(change)


def _verify(change: _Change) -> None:
    try:
        found = change.look()
    except NoSuchInterface:
        return  # and its settings with it
    except KernelError as error:
        if error.errno in GONE:
            return
        raise
    if found != change.before:
        raise SourceError(
            f"{change.setting} of {change.port.ifname} is {_shown(found)} after it was put back,"
            f" and was {_shown(change.before)} before: look at it before you go on"
        )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def features(port: Port) -> Features:
    """The port's features as they are.

    Raises:
        KernelError: it is gone, or the kernel's ``ethtool`` family does not know the question.
    """
    request = ethtool.features_get(port.namespace.family(ethtool.FAMILY_NAME), port.ifindex)
    return ethtool.pull_features(port.namespace.client(NETLINK_GENERIC).ask(request)[0])


def channels(port: Port) -> Channels:
    """The port's numbers of queues as they are.

    Raises:
        KernelError: the driver has none to set (EOPNOTSUPP), or the port is gone.
    """
    request = ethtool.channels_get(port.namespace.family(ethtool.FAMILY_NAME), port.ifindex)
    return ethtool.pull_channels(port.namespace.client(NETLINK_GENERIC).ask(request)[0])


def stamped(port: Port) -> str:
    """Which received frames the device stamps: ``none``, ``all``.

    Raises:
        KernelError: the kernel (before 6.14) or the driver does not say (EOPNOTSUPP).
    """
    request = tsconfig_get(port.namespace.family(ethtool.FAMILY_NAME), port.ifindex)
    found = pull_tsconfig(port.namespace.client(NETLINK_GENERIC).ask(request)[0])
    return next(iter(found.rx_filters or ()), "none")
