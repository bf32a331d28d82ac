# SPDX-License-Identifier: MIT
"""Numbers of the netlink protocol itself, each under its name in the kernel's headers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


# include/uapi/linux/netlink.h: protocols
NETLINK_ROUTE: Final = 0
NETLINK_GENERIC: Final = 16

# include/uapi/linux/netlink.h: socket options (level SOL_NETLINK, include/linux/socket.h)
SOL_NETLINK: Final = 270
NETLINK_ADD_MEMBERSHIP: Final = 1
NETLINK_CAP_ACK: Final = 10
NETLINK_EXT_ACK: Final = 11

# include/uapi/linux/netlink.h: message types below NLMSG_MIN_TYPE (0x10) are control messages
NLMSG_NOOP: Final = 0x1
NLMSG_ERROR: Final = 0x2
NLMSG_DONE: Final = 0x3
NLMSG_OVERRUN: Final = 0x4
NLMSG_MIN_TYPE: Final = 0x10

# include/uapi/linux/netlink.h: nlmsg_flags of any message
NLM_F_REQUEST: Final = 0x01
NLM_F_MULTI: Final = 0x02
NLM_F_ACK: Final = 0x04
NLM_F_DUMP_INTR: Final = 0x10
# of a GET request
NLM_F_ROOT: Final = 0x100
NLM_F_MATCH: Final = 0x200
NLM_F_DUMP: Final = NLM_F_ROOT | NLM_F_MATCH
# of a NEW request
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
# of NLMSG_ERROR and NLMSG_DONE
NLM_F_CAPPED: Final = 0x100
NLM_F_ACK_TLVS: Final = 0x200

# include/uapi/linux/netlink.h: nla_type's two upper bits
NLA_F_NESTED: Final = 0x8000
NLA_F_NET_BYTEORDER: Final = 0x4000
NLA_TYPE_MASK: Final = 0x3FFF

# include/uapi/linux/netlink.h: enum nlmsgerr_attrs
NLMSGERR_ATTR_MSG: Final = 1
NLMSGERR_ATTR_OFFS: Final = 2
NLMSGERR_ATTR_COOKIE: Final = 3
NLMSGERR_ATTR_POLICY: Final = 4
NLMSGERR_ATTR_MISS_TYPE: Final = 5
NLMSGERR_ATTR_MISS_NEST: Final = 6
