# SPDX-License-Identifier: MIT
"""The ``ethtool`` family's tsconfig: which received frames the device stamps with its clock.

Kernels from 6.14, for drivers with ndo_hwtstamp_get and _set; others are refused with EOPNOTSUPP.
Names are those of Documentation/netlink/specs/ethtool.yaml, numbers those of
include/uapi/linux/ethtool_netlink_generated.h, behaviour that of net/ethtool/tsconfig.c.
"""

from __future__ import annotations

from xdpconform.errors import WireError
from xdpconform.netlink.bitset import (
    ETHTOOL_A_BITSET_BIT_NAME,
    ETHTOOL_A_BITSET_BITS,
    ETHTOOL_A_BITSET_BITS_BIT,
    ETHTOOL_A_BITSET_NOMASK,
    pull_bitset,
)
from xdpconform.netlink.constants import NLM_F_ACK
from xdpconform.netlink.ethtool import ETHTOOL_A_HEADER_DEV_INDEX, HEADER, VERSION
from xdpconform.netlink.genl import GENL_HDRLEN, Family
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    U32,
    Attribute,
    Message,
    pull_attributes,
    pull_genlmsghdr,
    pull_number,
    push_attribute,
    push_genlmsghdr,
    push_string,
    push_u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ETHTOOL_MSG_TSCONFIG_GET: Final = 46
ETHTOOL_MSG_TSCONFIG_SET: Final = 47
ETHTOOL_MSG_TSCONFIG_GET_REPLY: Final = 47

TSCONFIG_NAMES: Final = {
    1: "header",
    2: "hwtstamp-provider",
    3: "tx-types",
    4: "rx-filters",
    5: "hwtstamp-flags",
}
"""ETHTOOL_A_TSCONFIG_*"""
ETHTOOL_A_TSCONFIG_RX_FILTERS: Final = 4


class StampConfig(NamedTuple):
    """A reply to tsconfig-get; names as in net/ethtool/common.c."""

    ifindex: int | None = None
    tx_types: frozenset[str] | None = None
    """HWTSTAMP_TX_*, one of them: ``off``, ``on``"""
    rx_filters: frozenset[str] | None = None
    """HWTSTAMP_FILTER_*, one of them: ``none``, ``all``"""
    unknown: tuple[Attribute, ...] = ()
    """Attributes that are not read here, and repeated ones."""


def _push_header(ifindex: int) -> bytes:
    return push_attribute(HEADER, push_u32(ETHTOOL_A_HEADER_DEV_INDEX, ifindex), nested=True)


def tsconfig_get(family: Family, ifindex: int) -> Request:
    """Ask which frames are stamped."""
    payload = push_genlmsghdr(ETHTOOL_MSG_TSCONFIG_GET, VERSION) + _push_header(ifindex)
    return Request("ethtool tsconfig-get", family.id, payload, names=TSCONFIG_NAMES)


def tsconfig_set(family: Family, ifindex: int, rx_filter: str) -> Request:
    """Say which received frames shall be stamped; what else is set stays.

    A driver may stamp more than it is asked for: look at tsconfig-get afterwards. The kernel
    answers with what is set now, and acknowledges.

    Args:
        family: the ``ethtool`` family.
        ifindex: the device.
        rx_filter: ``none``, ``all``, or another of `StampConfig.rx_filters`.
    """
    bit = push_string(ETHTOOL_A_BITSET_BIT_NAME, rx_filter.encode())
    bits = push_attribute(ETHTOOL_A_BITSET_BITS_BIT, bit, nested=True)
    bitset = push_attribute(ETHTOOL_A_BITSET_NOMASK, b"")
    bitset += push_attribute(ETHTOOL_A_BITSET_BITS, bits, nested=True)
    payload = push_genlmsghdr(ETHTOOL_MSG_TSCONFIG_SET, VERSION) + _push_header(ifindex)
    payload += push_attribute(ETHTOOL_A_TSCONFIG_RX_FILTERS, bitset, nested=True)
    what = f"ethtool tsconfig-set rx-filters {rx_filter}"
    return Request(what, family.id, payload, NLM_F_ACK, names=TSCONFIG_NAMES)


def pull_tsconfig(message: Message) -> StampConfig:
    """Decode a reply to tsconfig-get.

    Raises:
        WireError: bytes out of format, another command, or an attribute of the wrong width.
    """
    command, _version = pull_genlmsghdr(message.payload)
    if command != ETHTOOL_MSG_TSCONFIG_GET_REPLY:
        raise WireError(f"ethtool: command {command} in place of the reply to tsconfig-get")
    ifindex = None
    sets: dict[str, frozenset[str]] = {}
    unknown = []
    seen = set()
    for attribute in pull_attributes(message.payload, GENL_HDRLEN):
        name = TSCONFIG_NAMES.get(attribute.type, "")
        if name in seen or name not in ("header", "tx-types", "rx-filters"):
            unknown.append(attribute)
            continue
        seen.add(name)
        if name == "header":
            for inner in pull_attributes(attribute.payload):
                if inner.type == ETHTOOL_A_HEADER_DEV_INDEX:
                    ifindex = pull_number(U32, inner, "dev-index")
        else:
            sets[name] = pull_bitset(attribute, name).names
    return StampConfig(ifindex, sets.get("tx-types"), sets.get("rx-filters"), tuple(unknown))
