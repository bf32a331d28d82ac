# SPDX-License-Identifier: MIT
"""What is known of a NIC: values only. `xdpconform.snapshot` asks for them.

NamedTuple rather than dataclass: importing dataclasses costs as much as starting the
interpreter, and ``xdpconform show`` is meant to feel immediate (benchmarks/).
"""

from __future__ import annotations

from xdpconform.errors import XdpConformError
from xdpconform.netlink.netdev import (
    Capabilities,
    Queue,
    XdpAct,
    XdpRxMetadata,
    XskFlags,
    ZeroCopy,
    flag_name,
)
from xdpconform.netlink.rtnl import Link
from xdpconform.netlink.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "ATTACHED",
    "FLAGS",
    "IDLE",
    "Answer",
    "Capabilities",
    "Identity",
    "Link",
    "Nic",
    "Peer",
    "Queue",
    "QueueCounts",
    "XdpAct",
    "XdpRxMetadata",
    "XskFlags",
    "ZeroCopy",
]

IDLE: Final = "idle"
"""State: no native XDP program attached."""
ATTACHED: Final = "attached"
"""State: a native XDP program attached."""

FLAGS: Final = {
    "xdp-features": tuple(flag_name(flag) for flag in XdpAct),
    "xdp-rx-metadata-features": tuple(flag_name(flag) for flag in XdpRxMetadata),
    "xsk-features": tuple(flag_name(flag) for flag in XskFlags),
}
"""netdev.yaml's flag names by attribute. No name stands in two of them."""


class Identity(NamedTuple):
    """Which device this is, and on which kernel. What is not known is None."""

    ifname: str
    ifindex: int
    kernel: str
    """uname -r"""
    driver: str | None = None
    """ETHTOOL_GDRVINFO's driver; else sysfs', the link's kind, or ``loopback``."""
    driver_version: str | None = None
    firmware: str | None = None
    bus_info: str | None = None
    sysfs_driver: str | None = None
    """Where /sys/class/net/IFNAME/device/driver leads; may differ from `driver` (mlx4_en)."""
    bus: str | None = None
    """The device's bus in sysfs: ``pci``, ``virtio``, ``platform``."""
    kind: str | None = None
    """rtnetlink's kind of a virtual link: ``veth``, ``tun``; None for hardware."""
    pci: str | None = None
    """PCI ids: ``vendor:device`` or ``vendor:device subsystem vendor:device``."""


class QueueCounts(NamedTuple):
    """How many queues there are, and may be. What is not known is None."""

    rx: int | None = None
    tx: int | None = None
    combined: int | None = None
    rx_max: int | None = None
    tx_max: int | None = None
    combined_max: int | None = None
    counted_rx: int = 0
    """Receive queues in sysfs."""
    counted_tx: int = 0

    @property
    def receive(self) -> int:
        """Receive queues in use: ethtool's if the driver tells, else counted."""
        if self.rx is None and self.combined is None:
            return self.counted_rx
        return (self.rx or 0) + (self.combined or 0)

    @property
    def transmit(self) -> int:
        """Transmit queues in use."""
        if self.tx is None and self.combined is None:
            return self.counted_tx
        return (self.tx or 0) + (self.combined or 0)


class Peer(NamedTuple):
    """The other end of a veth, as far as it can be seen from here."""

    xdp: str
    """Like `Link.xdp`."""
    gro: bool | None
    tx_queues: int
    up: bool = True


class Answer(NamedTuple):
    """What came of one question: the bytes, and what they were taken for."""

    what: str
    request: bytes
    replies: tuple[bytes, ...]
    value: object = None
    """The decoded reply; None if there was an error."""
    error: XdpConformError | None = None

    @property
    def errno(self) -> int:
        """The kernel's positive errno; 0 if it gave none."""
        return getattr(self.error, "errno", 0)


class Nic(NamedTuple):
    """A NIC at one moment.

    `capabilities` is by state and lacks a state in which the NIC was not seen; it is empty
    where the kernel cannot be asked, and `unknown` then says why and what to do.
    """

    id: str
    """Safe in test ids: letters, digits and ``_.:@+-`` only."""
    identity: Identity
    link: Link
    state: str
    capabilities: dict[str, Capabilities]
    queues: QueueCounts
    sysfs: dict[str, str]
    features: frozenset[str] | None = None
    """ethtool's features that are on, by name (``rx-gro``, ``rx-lro``)."""
    peer: Peer | None = None
    ports: tuple[Capabilities, ...] | None = None
    """Capabilities of what is enslaved to it; None if it is no master or was not asked."""
    unknown: str = ""
    answers: dict[str, Answer] = {}  # noqa: RUF012 - never written to

    @property
    def now(self) -> Capabilities | None:
        """The capabilities in the state it was found in."""
        return self.capabilities.get(self.state)
