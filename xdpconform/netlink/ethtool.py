# SPDX-License-Identifier: MIT
"""The ``ethtool`` family, read only: channels, rings, features, RSS and time stamping.

Names are those of Documentation/netlink/specs/ethtool.yaml, numbers those of
include/uapi/linux/ethtool_netlink.h, behaviour that of net/ethtool/*.c. The kernel leaves out
what a driver does not have, zeros mostly: such a field is None. A driver that lacks the whole
operation is refused with EOPNOTSUPP.
"""

from __future__ import annotations

from enum import IntEnum
from struct import unpack

from xdpconform.errors import WireError
from xdpconform.netlink.bitset import Bitset, pull_bitset
from xdpconform.netlink.genl import GENL_HDRLEN, Family
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    U8,
    U32,
    Attribute,
    Message,
    pull_attributes,
    pull_genlmsghdr,
    pull_number,
    push_attribute,
    push_genlmsghdr,
    push_u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

FAMILY_NAME: Final = "ethtool"  # ETHTOOL_GENL_NAME
VERSION: Final = 1  # ETHTOOL_GENL_VERSION

# The request's and the reply's header; without flags there, bit sets come with names.
ETHTOOL_A_HEADER_DEV_INDEX: Final = 1
HEADER: Final = 1
"""ETHTOOL_A_*_HEADER: the same number in every operation here."""
ETHTOOL_A_RSS_CONTEXT: Final = 2


class Command(IntEnum):
    """Requests (ETHTOOL_MSG_*, user to kernel)."""

    FEATURES_GET = 11
    RINGS_GET = 15
    CHANNELS_GET = 17
    TSINFO_GET = 25
    RSS_GET = 38


class Reply(IntEnum):
    """Their replies (ETHTOOL_MSG_*_REPLY, kernel to user): an id space of its own."""

    FEATURES_GET = 11
    RINGS_GET = 16
    CHANNELS_GET = 18
    TSINFO_GET = 26
    RSS_GET = 38


def _numbered(*names: str) -> dict[int, str]:
    return dict(enumerate(names, 1))


# Attributes by number; each of the kernel's enums starts with _UNSPEC, 0, and has no gaps.
# fmt: off
CHANNELS_NAMES: Final = _numbered(  # ETHTOOL_A_CHANNELS_*
    "header", "rx-max", "tx-max", "other-max", "combined-max",
    "rx-count", "tx-count", "other-count", "combined-count",
)
RINGS_NAMES: Final = _numbered(  # ETHTOOL_A_RINGS_*
    "header", "rx-max", "rx-mini-max", "rx-jumbo-max", "tx-max", "rx", "rx-mini", "rx-jumbo", "tx",
    "rx-buf-len", "tcp-data-split", "cqe-size", "tx-push", "rx-push", "tx-push-buf-len",
    "tx-push-buf-len-max", "hds-thresh", "hds-thresh-max",
)
FEATURES_NAMES: Final = _numbered(  # ETHTOOL_A_FEATURES_*
    "header", "hw", "wanted", "active", "nochange",
)
RSS_NAMES: Final = _numbered(  # ETHTOOL_A_RSS_*
    "header", "context", "hfunc", "indir", "hkey", "input-xfrm", "start-context", "flow-hash",
)
TSINFO_NAMES: Final = _numbered(  # ETHTOOL_A_TSINFO_*
    "header", "timestamping", "tx-types", "rx-filters", "phc-index", "stats",
    "hwtstamp-provider", "hwtstamp-source", "hwtstamp-phyindex",
)
# fmt: on

RSS_HASH: Final = {1: "toeplitz", 2: "xor", 4: "crc32"}
"""ETHTOOL_A_RSS_HFUNC (ETH_RSS_HASH_*, include/linux/ethtool.h): one bit"""
RSS_INPUT_XFRM: Final = {1: "symmetric-xor", 2: "symmetric-or-xor"}
"""ETHTOOL_A_RSS_INPUT_XFRM (RXH_XFRM_*, include/uapi/linux/ethtool.h): one bit"""
TCP_DATA_SPLIT: Final = {0: "unknown", 1: "disabled", 2: "enabled"}
"""ETHTOOL_A_RINGS_TCP_DATA_SPLIT (ETHTOOL_TCP_DATA_SPLIT_*)"""


class Channels(NamedTuple):
    """A reply to channels-get. The kernel leaves out a kind of which there can be none."""

    ifindex: int | None = None
    rx_max: int | None = None
    tx_max: int | None = None
    other_max: int | None = None
    combined_max: int | None = None
    rx: int | None = None
    """``rx-count``"""
    tx: int | None = None
    """``tx-count``"""
    other: int | None = None
    """``other-count``"""
    combined: int | None = None
    """``combined-count``"""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""


class Rings(NamedTuple):
    """A reply to rings-get: entries in each kind of ring, and how buffers are laid out."""

    ifindex: int | None = None
    rx_max: int | None = None
    rx_mini_max: int | None = None
    rx_jumbo_max: int | None = None
    tx_max: int | None = None
    rx: int | None = None
    rx_mini: int | None = None
    rx_jumbo: int | None = None
    tx: int | None = None
    rx_buf_len: int | None = None
    """Bytes of a receive buffer."""
    tcp_data_split: int | None = None
    """As in `TCP_DATA_SPLIT`: whether headers and payload go to buffers of their own."""
    cqe_size: int | None = None
    tx_push: bool | None = None
    rx_push: bool | None = None
    tx_push_buf_len: int | None = None
    tx_push_buf_len_max: int | None = None
    hds_thresh: int | None = None
    """Frames longer than this are split (kernels from 6.14)."""
    hds_thresh_max: int | None = None
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""


class Features(NamedTuple):
    """A reply to features-get, by the names of netdev_features_strings (net/ethtool/common.c)."""

    ifindex: int | None
    hw: frozenset[str]
    """Those a user may change (dev->hw_features)."""
    wanted: frozenset[str]
    """Those asked for (dev->wanted_features)."""
    active: frozenset[str]
    """Those in force (dev->features)."""
    nochange: frozenset[str]
    """Those that no driver lets change (NETIF_F_NEVER_CHANGE)."""
    known: frozenset[str]
    """All that this kernel has a name for."""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""

    @property
    def fixed(self) -> frozenset[str]:
        """Those that stay as they are on this device: what ethtool(8) shows as ``[fixed]``."""
        return (self.known - self.hw) | self.nochange


class Rss(NamedTuple):
    """A reply to rss-get."""

    ifindex: int | None = None
    context: int | None = None
    """None is the default context: the kernel never sends its number, 0."""
    hash_function: int | None = None
    """``hfunc``, as in `RSS_HASH`; None also for a context that shares the default's key."""
    indirection: tuple[int, ...] | None = None
    """``indir``: a receive queue for each value of the hash's lowest bits."""
    key: bytes | None = None
    """``hkey``"""
    input_xfrm: int | None = None
    """As in `RSS_INPUT_XFRM`; kernels before 6.8 never send it."""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""


class TimeStamping(NamedTuple):
    """A reply to tsinfo-get; names as in net/ethtool/common.c, None for a set that is empty."""

    ifindex: int | None = None
    timestamping: frozenset[str] | None = None
    """SOF_TIMESTAMPING_*: ``hardware-receive``, ``software-transmit``"""
    tx_types: frozenset[str] | None = None
    """HWTSTAMP_TX_*: ``off``, ``on``"""
    rx_filters: frozenset[str] | None = None
    """HWTSTAMP_FILTER_*: ``none``, ``all``"""
    phc_index: int | None = None
    """N of /dev/ptpN, the device's clock."""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""


def _get(
    family: Family, command: Command, ifindex: int, names: dict[int, str], rest: bytes = b""
) -> Request:
    header = push_attribute(HEADER, push_u32(ETHTOOL_A_HEADER_DEV_INDEX, ifindex), nested=True)
    what = f"ethtool {_spoken(command)}"
    return Request(what, family.id, push_genlmsghdr(command, VERSION) + header + rest, names=names)


def _spoken(command: Command | Reply) -> str:
    return command.name.lower().replace("_", "-")


def channels_get(family: Family, ifindex: int) -> Request:
    """Ask for the numbers of queues."""
    return _get(family, Command.CHANNELS_GET, ifindex, CHANNELS_NAMES)


def rings_get(family: Family, ifindex: int) -> Request:
    """Ask for the sizes of the rings."""
    return _get(family, Command.RINGS_GET, ifindex, RINGS_NAMES)


def features_get(family: Family, ifindex: int) -> Request:
    """Ask for the features."""
    return _get(family, Command.FEATURES_GET, ifindex, FEATURES_NAMES)


def rss_get(family: Family, ifindex: int, context: int = 0) -> Request:
    """Ask how received frames are spread over the queues."""
    rest = push_u32(ETHTOOL_A_RSS_CONTEXT, context) if context else b""
    return _get(family, Command.RSS_GET, ifindex, RSS_NAMES, rest)


def tsinfo_get(family: Family, ifindex: int) -> Request:
    """Ask for the time stamps that the device can take."""
    return _get(family, Command.TSINFO_GET, ifindex, TSINFO_NAMES)


def pull_channels(message: Message) -> Channels:
    """Decode a reply to channels-get.

    Raises:
        WireError: bytes out of format, another command, or an attribute of the wrong width.
    """
    found = _Found(message, Reply.CHANNELS_GET, CHANNELS_NAMES)
    u32 = found.u32
    return Channels(
        found.ifindex,
        *(u32("rx-max"), u32("tx-max"), u32("other-max"), u32("combined-max")),
        *(u32("rx-count"), u32("tx-count"), u32("other-count"), u32("combined-count")),
        found.unknown,
    )


def pull_rings(message: Message) -> Rings:
    """Decode a reply to rings-get; raises as `pull_channels`."""
    found = _Found(message, Reply.RINGS_GET, RINGS_NAMES)
    u32 = found.u32
    return Rings(
        found.ifindex,
        *(u32("rx-max"), u32("rx-mini-max"), u32("rx-jumbo-max"), u32("tx-max")),
        *(u32("rx"), u32("rx-mini"), u32("rx-jumbo"), u32("tx"), u32("rx-buf-len")),
        *(found.u8("tcp-data-split"), u32("cqe-size")),
        *(found.switch("tx-push"), found.switch("rx-push")),
        *(u32("tx-push-buf-len"), u32("tx-push-buf-len-max")),
        *(u32("hds-thresh"), u32("hds-thresh-max")),
        found.unknown,
    )


def pull_features(message: Message) -> Features:
    """Decode a reply to features-get; raises as `pull_channels`, and where a set is missing."""
    found = _Found(message, Reply.FEATURES_GET, FEATURES_NAMES)
    hw, wanted, active, nochange = map(found.set_of, ("hw", "wanted", "active", "nochange"))
    if hw.mask is None:
        raise WireError("ethtool features-get: hw is a list, a set with a mask needed")
    return Features(
        found.ifindex,
        hw.names,
        wanted.names,
        active.names,
        nochange.names,
        hw.mask,
        found.unknown,
    )


def pull_rss(message: Message) -> Rss:
    """Decode a reply to rss-get; raises as `pull_channels`."""
    found = _Found(message, Reply.RSS_GET, RSS_NAMES)
    table = found.payload("indir")
    if table is not None and len(table) % U32.size:
        raise WireError(f"attribute indir: {len(table)} bytes, 32-bit numbers needed")
    return Rss(
        found.ifindex,
        found.u32("context"),
        found.u32("hfunc"),
        None if table is None else unpack(f"={len(table) // U32.size}I", table),
        found.payload("hkey"),
        found.u32("input-xfrm"),
        found.unknown,
    )


def pull_tsinfo(message: Message) -> TimeStamping:
    """Decode a reply to tsinfo-get; raises as `pull_channels`."""
    found = _Found(message, Reply.TSINFO_GET, TSINFO_NAMES)
    return TimeStamping(
        found.ifindex,
        found.names("timestamping"),
        found.names("tx-types"),
        found.names("rx-filters"),
        found.u32("phc-index"),
        found.unknown,
    )


class _Found:
    """The attributes of a reply by name, the first of each."""

    __slots__ = ("_attributes", "_what", "ifindex", "unknown")

    def __init__(self, message: Message, reply: Reply, names: dict[int, str]) -> None:
        self._what = _spoken(reply)
        command, _version = pull_genlmsghdr(message.payload)
        if command != reply:
            raise WireError(f"ethtool: command {command} in place of the reply to {self._what}")
        self._attributes: dict[str, Attribute] = {}
        unknown = []
        for attribute in pull_attributes(message.payload, GENL_HDRLEN):
            name = names.get(attribute.type)
            if name is None or name in self._attributes:
                unknown.append(attribute)
            else:
                self._attributes[name] = attribute
        self.unknown = tuple(unknown)
        self.ifindex: int | None = None
        for attribute in pull_attributes(self.payload("header") or b""):
            if attribute.type == ETHTOOL_A_HEADER_DEV_INDEX:
                self.ifindex = pull_number(U32, attribute, "dev-index")

    def payload(self, name: str) -> bytes | None:
        return self._attributes[name].payload if name in self._attributes else None

    def u32(self, name: str) -> int | None:
        return pull_number(U32, self._attributes[name], name) if name in self._attributes else None

    def u8(self, name: str) -> int | None:
        return pull_number(U8, self._attributes[name], name) if name in self._attributes else None

    def switch(self, name: str) -> bool | None:
        value = self.u8(name)
        return None if value is None else bool(value)

    def names(self, name: str) -> frozenset[str] | None:
        return self.set_of(name).names if name in self._attributes else None

    def set_of(self, name: str) -> Bitset:
        if name not in self._attributes:
            raise WireError(f"ethtool {self._what}: a reply without {name}")
        return pull_bitset(self._attributes[name], name)
