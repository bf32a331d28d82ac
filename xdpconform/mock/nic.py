# SPDX-License-Identifier: MIT
"""A NIC of the mock: what the kernel and the driver know of it, by value."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

XDP_ACT: Final = (
    "basic", "redirect", "ndo-xmit", "xsk-zerocopy", "hw-offload", "rx-sg", "ndo-xmit-sg",
)  # fmt: skip
"""Bits of xdp-features, lowest first (enum netdev_xdp_act, include/uapi/linux/netdev.h)."""
XDP_RX_METADATA: Final = ("timestamp", "hash", "vlan-tag")
"""Bits of xdp-rx-metadata-features (enum netdev_xdp_rx_metadata)."""
XSK_FLAGS: Final = ("tx-timestamp", "tx-checksum", "tx-launch-time-fifo")
"""Bits of xsk-features (enum netdev_xsk_flags)."""

ARPHRD: Final = {"ether": 1, "loopback": 772, "none": 65534}
"""include/uapi/linux/if_arp.h"""
ATTACHED: Final = {"none": 0, "native": 1, "generic": 2, "offloaded": 3, "several": 4}
"""XDP_ATTACHED_*, include/uapi/linux/if_link.h"""


def bits(names: Iterable[str], known: tuple[str, ...]) -> int:
    """The bits of those names that are known."""
    chosen = set(names)
    return sum(1 << bit for bit, name in enumerate(known) if name in chosen)


class Claims(NamedTuple):
    """What the driver claims, bit by bit; what a kernel's age leaves out is not its business."""

    xdp: int = 0
    rx_metadata: int = 0
    xsk: int = 0
    zc_max_segs: int | None = None

    @classmethod
    def named(cls, names: Iterable[str], zc_max_segs: int | None = None) -> Claims:
        """By netdev.yaml's names."""
        chosen = frozenset(names)
        return cls(
            bits(chosen, XDP_ACT),
            bits(chosen, XDP_RX_METADATA),
            bits(chosen, XSK_FLAGS),
            zc_max_segs,
        )


class Channels(NamedTuple):
    """What channels-get tells; a kind of which there can be none (maximum 0) is left out."""

    rx_max: int = 0
    tx_max: int = 0
    other_max: int = 0
    combined_max: int = 0
    rx: int = 0
    tx: int = 0
    other: int = 0
    combined: int = 0


class Features(NamedTuple):
    """ethtool's features by name; a bit without one is ``bit-N``."""

    active: frozenset[str] = frozenset()
    hw: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    nochange: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    """By bit number, an empty name for a bit without one; the mock's own list if there is none."""


class DrvInfo(NamedTuple):
    """The texts of struct ethtool_drvinfo."""

    driver: str = ""
    version: str = ""
    firmware: str = ""
    bus_info: str = ""

    def encoded(self) -> bytes:
        """As ETHTOOL_GDRVINFO fills it in."""
        texts = (text.encode()[:31] for text in self)
        return pack("=I32s32s32s32s64x", 3, *texts)


class MockNic(NamedTuple):
    """A network interface."""

    ifindex: int
    name: str
    claims: Claims = Claims()
    kind: str = ""
    """rtnetlink's kind; empty for hardware."""
    link_type: str = "ether"
    up: bool = True
    mtu: int = 1500
    xdp: str = "none"
    """Which program is attached: a key of `ATTACHED`."""
    prog_id: int = 0
    """Its number; 0 leaves it out."""
    lower: int | None = None
    """IFLA_LINK: a veth's peer, a VLAN's parent."""
    lower_netnsid: int | None = None
    """IFLA_LINK_NETNSID: the lower device is elsewhere."""
    master: int | None = None
    alt_names: tuple[str, ...] = ()
    flags: int | None = None
    """ifi_flags; made from type and `up` if there are none."""
    rx_queues: int = 1
    tx_queues: int = 1
    napi: tuple[int, ...] = ()
    """NAPI ids of the receive queues, first to last; shorter where there are none."""
    tx_napi: tuple[int, ...] = ()
    xsk_queues: frozenset[int] = frozenset()
    """Queues with an AF_XDP pool."""
    channels: Channels | None = None
    """None: the driver has no such operation (EOPNOTSUPP)."""
    features: Features | None = Features()
    drvinfo: DrvInfo | None = DrvInfo()
    """None: EOPNOTSUPP."""
    sysfs: Mapping[str, str] = {}
    """Texts by path below /sys/class/net/NAME; the queues folder is made from the numbers."""

    def files(self) -> dict[str, str]:
        """Every file that there is."""
        names = [f"rx-{n}" for n in range(self.rx_queues)]
        names += [f"tx-{n}" for n in range(self.tx_queues)]
        return {"queues/": "\n".join(sorted(names)), **self.sysfs}

    def ifi_flags(self) -> int:
        """IFF_*, include/uapi/linux/if.h."""
        if self.flags is not None:
            return self.flags
        running = 0x10041 if self.up else 0  # LOWER_UP, RUNNING, UP
        shape = {"ether": 0x1002, "loopback": 0x8, "none": 0x1090}  # MULTICAST and BROADCAST, ...
        return shape[self.link_type] | running
