# SPDX-License-Identifier: MIT
"""Two more things that rtnetlink says of links: what they counted, and the VLANs on top of them.

Numbers from include/uapi/linux/if_link.h.
"""

from __future__ import annotations

from struct import unpack_from

from xdpconform.errors import WireError
from xdpconform.netlink.rtnl import (
    IFINFOMSG,
    IFLA_INFO_DATA,
    IFLA_LINKINFO,
    LINK_NAMES,
    RTM_GETLINK,
    RTM_NEWLINK,
    pull_link,
)
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    U16,
    U64,
    Attribute,
    Message,
    pull_attributes,
    pull_number,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

IFLA_STATS64: Final = 23
IFLA_VLAN_ID: Final = 1
IFLA_VLAN_PROTOCOL: Final = 5
ETH_P_8021Q: Final = 0x8100  # include/uapi/linux/if_ether.h

# fmt: off
STATS64: Final = (  # struct rtnl_link_stats64, in its order
    "rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped",
    "tx_dropped", "multicast", "collisions", "rx_length_errors", "rx_over_errors", "rx_crc_errors",
    "rx_frame_errors", "rx_fifo_errors", "rx_missed_errors", "tx_aborted_errors",
    "tx_carrier_errors", "tx_fifo_errors", "tx_heartbeat_errors", "tx_window_errors",
    "rx_compressed", "tx_compressed", "rx_nohandler", "rx_otherhost_dropped",
)
# fmt: on


class Vlan(NamedTuple):
    """A VLAN link on top of a NIC."""

    ifindex: int
    name: str
    lower: int
    """The ifindex of what it stands on."""
    id: int
    protocol: int
    """EtherType of the tag, 0x8100 or 0x88a8."""


def getlink_stats(ifindex: int) -> Request:
    """Ask for a link with what it counted, which `rtnl.getlink` leaves out."""
    payload = IFINFOMSG.pack(0, 0, ifindex, 0, 0)
    return Request(
        "rtnetlink getlink", RTM_GETLINK, payload, header=IFINFOMSG.size, names=LINK_NAMES
    )


def pull_stats64(message: Message) -> dict[str, int]:
    """What a link counted since it was made: frames and bytes, by the fields' names.

    Kernels append fields: those that are not sent are not there, those not known are left out.

    Raises:
        WireError: bytes out of format, another message, no IFLA_STATS64, or half a number in it.
    """
    if message.type != RTM_NEWLINK:
        raise WireError(f"rtnetlink: message type {message.type} in place of RTM_NEWLINK")
    for attribute in pull_attributes(message.payload, IFINFOMSG.size):
        if attribute.type == IFLA_STATS64:
            size = len(attribute.payload)
            if size % U64.size:
                raise WireError(f"attribute stats64: {size} bytes, 64-bit numbers needed")
            numbers = unpack_from(f"={size // U64.size}Q", attribute.payload)
            return dict(zip(STATS64, numbers, strict=False))
    raise WireError("rtnetlink: a link without stats64")


def pull_vlan(message: Message) -> Vlan | None:
    """The VLAN that a link is; None for any other link, and for one on a NIC of another namespace.

    Raises:
        WireError: as `rtnl.pull_link`, and for a VLAN without its id.
    """
    link = pull_link(message)
    if link.kind != "vlan" or link.lower is None or link.lower_elsewhere:
        return None
    number = None
    protocol = ETH_P_8021Q
    for attribute in _info_data(message):
        if attribute.type == IFLA_VLAN_ID:
            number = pull_number(U16, attribute, "vlan-id")
        elif attribute.type == IFLA_VLAN_PROTOCOL:  # big endian, vlan_fill_info
            pull_number(U16, attribute, "vlan-protocol")
            protocol = int.from_bytes(attribute.payload, "big")
    if number is None:
        raise WireError(f"rtnetlink: VLAN {link.ifindex} without its id")
    return Vlan(link.ifindex, link.name, link.lower, number, protocol)


def _info_data(message: Message) -> list[Attribute]:
    for outer in pull_attributes(message.payload, IFINFOMSG.size):
        if outer.type == IFLA_LINKINFO:
            for inner in pull_attributes(outer.payload):
                if inner.type == IFLA_INFO_DATA:
                    return pull_attributes(inner.payload)
    return []
