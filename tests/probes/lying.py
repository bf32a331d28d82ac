# SPDX-License-Identifier: MIT
"""A NIC that lies: its claims are changed in the kernel's own replies while they travel.

Everything else that the kernel says of it, and everything about other devices, stays as it is.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.genl import GENL_HDRLEN, getfamily, pull_family
from xdpconform.netlink.netdev import (
    FAMILY_NAME,
    Capabilities,
    Command,
    DevAttr,
    XdpAct,
    XdpRxMetadata,
    XskFlags,
    flag_name,
)
from xdpconform.netlink.wire import (
    U32,
    U64,
    Attribute,
    Message,
    pull_attributes,
    pull_genlmsghdr,
    pull_messages,
    push_attribute,
    push_message,
)
from xdpconform.sources import Client, KernelChannel
from xdpconform.sources.base import Datagram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from enum import IntFlag

FLAGS: dict[DevAttr, type[IntFlag]] = {
    DevAttr.XDP_FEATURES: XdpAct,
    DevAttr.XDP_RX_METADATA_FEATURES: XdpRxMetadata,
    DevAttr.XSK_FEATURES: XskFlags,
}
"""Attributes that are sets of flags."""
FIELDS = {
    DevAttr.XDP_FEATURES: "features",
    DevAttr.XDP_RX_METADATA_FEATURES: "rx_metadata",
    DevAttr.XSK_FEATURES: "xsk",
}
"""What `Capabilities` calls them."""
TOLD = (*FLAGS, DevAttr.XDP_ZC_MAX_SEGS)
ABOUT_DEVICES = frozenset(
    {Command.DEV_GET, Command.DEV_ADD_NTF, Command.DEV_DEL_NTF, Command.DEV_CHANGE_NTF}
)


class Lie(NamedTuple):
    """What is untrue about a NIC's claims."""

    name: str
    """``+hw-offload``, ``-basic``: what is added, what is taken away."""
    direction: str
    """``over-claim`` or ``under-claim``: what has to be said of it."""
    flag: str
    """Of which flag or value."""
    add: tuple[tuple[DevAttr, int], ...] = ()
    """Flags that are told in whatever state; for xdp-zc-max-segs the value that is told."""
    lack: tuple[tuple[DevAttr, int], ...] = ()
    """Flags that are never told."""

    def value(self, attribute: int, true: int | None) -> int | None:
        """What is told in place of the truth; None: the attribute is absent."""
        for kind, value in self.add:
            if kind == attribute:
                return value if kind not in FLAGS else (true or 0) | value
        for kind, value in self.lack:
            if kind == attribute and true is not None:
                return true & ~value
        return true

    def told(self, claims: Capabilities) -> Capabilities:
        """What is told in place of these claims."""
        sets: dict[str, IntFlag | None] = {}
        for attribute, kind in FLAGS.items():
            value = self.value(attribute, getattr(claims, FIELDS[attribute]))
            sets[FIELDS[attribute]] = None if value is None else kind(value)
        most = self.value(DevAttr.XDP_ZC_MAX_SEGS, claims.zc_max_segs)
        return claims._replace(zc_max_segs=most, **sets)  # type: ignore[arg-type]

    def retold(self, attributes: Iterable[Attribute]) -> bytes:
        """The same in a reply's bytes."""
        found = {attribute.type for attribute in attributes}
        data = b""
        for attribute in attributes:
            shape = {U32.size: U32, U64.size: U64}.get(len(attribute.payload))
            payload = attribute.payload
            if attribute.type in TOLD and shape is not None:
                payload = shape.pack(self.value(attribute.type, shape.unpack(payload)[0]))
            data += push_attribute(attribute.type, payload)
        value = self.value(DevAttr.XDP_ZC_MAX_SEGS, None)
        if value is not None and DevAttr.XDP_ZC_MAX_SEGS not in found:
            data += push_attribute(DevAttr.XDP_ZC_MAX_SEGS, U32.pack(value))
        return data


ZERO_COPY = (DevAttr.XDP_FEATURES, int(XdpAct.XSK_ZEROCOPY))


def segments(value: int) -> tuple[DevAttr, int]:
    """xdp-zc-max-segs with this value."""
    return (DevAttr.XDP_ZC_MAX_SEGS, value)


def lies(seen: Iterable[Capabilities]) -> list[Lie]:
    """Every lie about a NIC that claimed this at one moment or another.

    A flag that it claims at some moments and not at others is told always, and never.
    """
    moments = list(seen)
    found = []
    for attribute, kind in FLAGS.items():
        told = [getattr(claims, FIELDS[attribute]) or kind(0) for claims in moments]
        for flag in kind:
            name, bit = flag_name(flag), (attribute, int(flag))
            if not all(flag in one for one in told):
                # The kernel sends xdp-zc-max-segs along with xsk-zerocopy.
                more = (bit, segments(1)) if bit == ZERO_COPY else (bit,)
                found.append(Lie(f"+{name}", "over-claim", name, add=more))
            if any(flag in one for one in told):
                found.append(Lie(f"-{name}", "under-claim", name, lack=(bit,)))
    if not all(
        XdpAct.NDO_XMIT | XdpAct.NDO_XMIT_SG in (one.features or XdpAct(0)) for one in moments
    ):
        pair = (DevAttr.XDP_FEATURES, int(XdpAct.NDO_XMIT | XdpAct.NDO_XMIT_SG))
        found.append(Lie("+ndo-xmit +ndo-xmit-sg", "over-claim", "ndo-xmit-sg", add=(pair,)))
    name = "xdp-zc-max-segs"
    return [
        *found,
        Lie(f"+{name} 1", "over-claim", name, add=(segments(1),)),
        Lie("+xsk-zerocopy, no xdp-zc-max-segs", "over-claim", name, add=(ZERO_COPY,)),
        Lie("+xsk-zerocopy, xdp-zc-max-segs 0", "over-claim", name, add=(ZERO_COPY, segments(0))),
        Lie("+xsk-zerocopy, xdp-zc-max-segs 17", "over-claim", name, add=(ZERO_COPY, segments(17))),
    ]


class Liar:
    """Tells a lie about one device, in datagrams of the netdev family.

    Args:
        lie: what is told.
        ifindex: of which device; 0 until it is known, and nothing is changed.
    """

    def __init__(self, lie: Lie, ifindex: int = 0) -> None:
        self.lie = lie
        self.ifindex = ifindex
        self.told = 0
        channel = KernelChannel(NETLINK_GENERIC)
        try:
            self._family = pull_family(Client(channel).ask(getfamily(FAMILY_NAME))[0]).id
        finally:
            channel.close()

    def retold(self, data: bytes) -> bytes:
        """A datagram as it is told."""
        return b"".join(push_message(self._message(message)) for message in pull_messages(data))

    def _message(self, message: Message) -> Message:
        if message.type != self._family:
            return message
        if pull_genlmsghdr(message.payload)[0] not in ABOUT_DEVICES:
            return message
        attributes = pull_attributes(message.payload, GENL_HDRLEN)
        if Attribute(DevAttr.IFINDEX, U32.pack(self.ifindex)) not in attributes:
            return message
        self.told += 1
        head = message.payload[:GENL_HDRLEN]
        return message._replace(payload=head + self.lie.retold(attributes))

    def channel(
        self, protocol: int, within: Callable[..., object] | None = None, **words: int
    ) -> KernelChannel:
        """What stands in place of a `KernelChannel`."""
        return _Channel(self, protocol, within, **words)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Whoever opens a channel meanwhile is lied to, in every network namespace."""
        with (
            patch("xdpconform.sources.kernel.KernelChannel", self.channel),
            patch("xdpconform.probes.testbed.namespace.KernelChannel", self.channel),
        ):
            yield


class _Channel(KernelChannel):
    """A netlink socket whose datagrams a liar tells."""

    def __init__(
        self, liar: Liar, protocol: int, within: Callable[..., object] | None, **words: int
    ) -> None:
        super().__init__(protocol, within, **words)  # type: ignore[arg-type]
        self._liar = liar

    def receive(self, deadline: float) -> Datagram:
        """See `KernelChannel.receive`."""
        datagram = super().receive(deadline)
        if self.protocol != NETLINK_GENERIC:
            return datagram
        return datagram._replace(data=self._liar.retold(datagram.data))
