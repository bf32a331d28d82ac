# SPDX-License-Identifier: MIT
"""Which interface a request changes, and by which address a device is known again.

An undo that is kept on disk must not meet another device that got the same number meanwhile.
"""

from __future__ import annotations

from xdpconform.errors import WireError
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.rtnl import IFINFOMSG, RTM_DELLINK, RTM_NEWLINK
from xdpconform.netlink.wire import U32, Message, pull_attributes, pull_messages, pull_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# include/uapi/linux/rtnetlink.h
RTM_SETLINK: Final = 19
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
# include/uapi/linux/if_link.h
IFLA_ADDRESS: Final = 1
IFLA_PERM_ADDRESS: Final = 54
# include/uapi/linux/ethtool_netlink.h: first of every request (ETHTOOL_A_*_HEADER)
ETHTOOL_A_HEADER: Final = 1
ETHTOOL_A_HEADER_DEV_INDEX: Final = 1
GENL_HDRLEN: Final = 4

NUMBERED: Final = frozenset({RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_NEWADDR, RTM_DELADDR})
"""Whose header has the interface's number at byte 4: struct ifinfomsg, struct ifaddrmsg."""


def subject(protocol: int, request: bytes) -> int:
    """The ifindex that a request is about; 0 if it says none.

    Args:
        protocol: NETLINK_ROUTE, or NETLINK_GENERIC for the ethtool family.
        request: one whole message.

    Raises:
        WireError: it is no message, or more than one.
    """
    messages = pull_messages(request)
    if len(messages) != 1:
        raise WireError(f"a request of {len(messages)} messages in place of one")
    (message,) = messages
    if protocol == NETLINK_ROUTE:
        if message.type not in NUMBERED or len(message.payload) < 8:
            return 0
        return int(U32.unpack_from(message.payload, 4)[0])
    for header in pull_attributes(message.payload, GENL_HDRLEN):
        if header.type == ETHTOOL_A_HEADER:
            for attribute in pull_attributes(header.payload):
                if attribute.type == ETHTOOL_A_HEADER_DEV_INDEX:
                    return pull_number(U32, attribute, "dev-index")
    return 0


def pull_address(message: Message) -> bytes:
    """The hardware address of an RTM_NEWLINK: the permanent one, else that of now; empty if none.

    Raises:
        WireError: bytes out of format.
    """
    if message.type != RTM_NEWLINK or len(message.payload) < IFINFOMSG.size:
        raise WireError(f"rtnetlink: message type {message.type} is no whole RTM_NEWLINK")
    found: dict[int, bytes] = {}
    for attribute in pull_attributes(message.payload, IFINFOMSG.size):
        found.setdefault(attribute.type, attribute.payload)
    return found.get(IFLA_PERM_ADDRESS) or found.get(IFLA_ADDRESS) or b""
