# SPDX-License-Identifier: MIT
"""What was seen of the metadata that a driver gives of received frames: values only.

The kernel's selftests call them hints. A probe makes them, see `xdpconform.probes.hints`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from xdpconform.netlink.netdev import Capabilities
from xdpconform.observed import Refusal

HINTS: Final = ("timestamp", "hash", "vlan-tag")
"""enum xdp_rx_metadata, Documentation/netlink/specs/netdev.yaml"""
KINDS: Final = (
    "ethernet",
    "ipv4",
    "ipv4-udp",
    "ipv4-tcp",
    "ipv6",
    "ipv6-udp",
    "ipv6-tcp",
    "vlan-8100",
    "vlan-88a8",
)
"""Frames: without IP; IP with neither TCP nor UDP, with UDP, with TCP; without IP, but tagged."""
TAGGED: Final = {"vlan-8100": 0x8100, "vlan-88a8": 0x88A8}
"""ETH_P_8021Q and ETH_P_8021AD, include/uapi/linux/if_ether.h"""


class Sent(NamedTuple):
    """A frame that was sent."""

    number: int
    kind: str
    """Of `KINDS`."""
    source: bytes = b""
    """Its IP addresses, 4 or 16 bytes; empty without IP."""
    destination: bytes = b""
    ports: tuple[int, int] | None = None
    """Source and destination, with TCP and UDP."""
    tag: int | None = None
    """The tag's TCI, where it has one."""


class Told(NamedTuple):
    """What the driver said of a frame when the program asked."""

    sent: Sent
    timestamp: int
    """Nanoseconds."""
    hash: int
    rss_type: int
    """enum xdp_rss_hash_type, include/net/xdp.h"""
    vlan_proto: int
    vlan_tci: int
    returned: tuple[int | None, int | None, int | None]
    """What the kfunc of each of `HINTS` returned: 0 or a negative errno; None: this kernel has no
    such kfunc. Only with 0 the value means something."""
    queue: int
    """Which receive queue it came by."""
    h_proto: int
    """Its EtherType when the program saw it: that of the tag, where the tag was left in it."""
    times: int = 1
    """How often it was seen."""

    def answer(self, hint: str) -> int | None:
        """What the kfunc of one of `HINTS` returned."""
        return self.returned[HINTS.index(hint)]


class Window(NamedTuple):
    """A clock, read before the first frame was sent and after the last had come."""

    clock: str
    """``PHC``, ``CLOCK_TAI``, ``CLOCK_REALTIME``, ``CLOCK_MONOTONIC``"""
    before: int
    """Nanoseconds."""
    after: int


class Spread(NamedTuple):
    """How the NIC says that it spreads frames over its queues (ethtool rss-get)."""

    function: str | None = None
    """``toeplitz``, ``xor``, ``crc32``; None: it does not say."""
    key: bytes | None = None
    table: tuple[int, ...] | None = None
    xfrm: Literal["", "symmetric-xor", "symmetric-or-xor"] = ""


class Stamping(NamedTuple):
    """Time stamps that the device takes of received frames (ethtool tsinfo-get)."""

    hardware: bool = False
    """Whether it takes any (SOF_TIMESTAMPING_RX_HARDWARE)."""
    every: bool = False
    """Whether it can stamp every frame (HWTSTAMP_FILTER_ALL)."""
    on: bool = False
    """Whether that was on while frames came."""
    problem: str = ""
    """Why it was not."""
    remedy: str = ""
    """The command that switches it on."""


class Hints(NamedTuple):
    """Metadata of frames of every kind, as the driver told them."""

    claims: Capabilities | None
    """While the program was attached."""
    mode: str = "none"
    """As rtnetlink shows it."""
    load: Refusal | None = None
    """Where a program for this device (BPF_F_XDP_DEV_BOUND_ONLY) could not be loaded."""
    attach: Refusal | None = None
    """Where it could not be attached."""
    lacking: tuple[str, ...] = ()
    """What of the NIC's settings may be why, each with the command that changes it."""
    sent: tuple[Sent, ...] = ()
    told: tuple[Told, ...] = ()
    """Of frames that the program saw, in the order they were sent."""
    features: Mapping[str, bool] = {}
    """``rx-hashing``, ``rx-vlan-hw-parse``, ...: whether it was on meanwhile; without those that
    are not known."""
    remedies: Mapping[str, str] = {}
    """Of features that are off and could not be switched on: why, and the command if there is
    one."""
    clocks: tuple[Window, ...] = ()
    tai_offset: int = 0
    """Seconds that CLOCK_TAI is ahead of CLOCK_REALTIME; 0: nobody told the kernel."""
    spread: Spread = Spread()
    stamping: Stamping = Stamping()

    def of(self, *kinds: str) -> tuple[Told, ...]:
        """What was told of frames of some kinds."""
        return tuple(one for one in self.told if one.sent.kind in kinds)
