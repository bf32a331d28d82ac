# SPDX-License-Identifier: MIT
"""Generic netlink's controller, nlctrl: which families there are, and what each can do.

Numbers from include/uapi/linux/genetlink.h. A kernel is judged by the operations it lists here,
never by its release: distributions backport.
"""

from __future__ import annotations

from functools import lru_cache

from xdpconform.errors import WireError
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    U16,
    U32,
    Attribute,
    Message,
    pull_attributes,
    pull_genlmsghdr,
    pull_number,
    pull_string,
    push_genlmsghdr,
    push_string,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

GENL_ID_CTRL: Final = 0x10
GENL_HDRLEN: Final = 4
CTRL_VERSION: Final = 2
CTRL_CMD_NEWFAMILY: Final = 1
CTRL_CMD_GETFAMILY: Final = 3

CTRL_ATTR_FAMILY_ID: Final = 1
CTRL_ATTR_FAMILY_NAME: Final = 2
CTRL_ATTR_VERSION: Final = 3
CTRL_ATTR_HDRSIZE: Final = 4
CTRL_ATTR_MAXATTR: Final = 5
CTRL_ATTR_OPS: Final = 6
CTRL_ATTR_MCAST_GROUPS: Final = 7

CTRL_ATTR_OP_ID: Final = 1
CTRL_ATTR_OP_FLAGS: Final = 2
CTRL_ATTR_MCAST_GRP_NAME: Final = 1
CTRL_ATTR_MCAST_GRP_ID: Final = 2

# CTRL_ATTR_OP_FLAGS
GENL_ADMIN_PERM: Final = 0x01
GENL_CMD_CAP_DO: Final = 0x02
GENL_CMD_CAP_DUMP: Final = 0x04
GENL_CMD_CAP_HASPOL: Final = 0x08
GENL_UNS_ADMIN_PERM: Final = 0x10


class Family(NamedTuple):
    """A generic netlink family as the running kernel describes it."""

    id: int
    """nlmsg_type of its messages; given out at boot."""
    name: str
    version: int
    operations: dict[int, int]
    """GENL_* flags by command."""
    groups: dict[str, int]
    """Multicast group ids by name."""

    def can(self, command: int, flag: int = GENL_CMD_CAP_DO) -> bool:
        """Whether the kernel lists `command` with GENL_CMD_CAP_DO or GENL_CMD_CAP_DUMP."""
        return bool(self.operations.get(command, 0) & flag)


def getfamily(name: str) -> Request:
    """Ask nlctrl for a family; the kernel answers ENOENT where it has none of this name."""
    return Request(
        f"nlctrl getfamily {name}",
        GENL_ID_CTRL,
        push_genlmsghdr(CTRL_CMD_GETFAMILY, CTRL_VERSION)
        + push_string(CTRL_ATTR_FAMILY_NAME, name.encode()),
        names={CTRL_ATTR_FAMILY_NAME: "family-name"},
    )


def pull_family(message: Message) -> Family:
    """Decode CTRL_CMD_NEWFAMILY.

    Raises:
        WireError: bytes out of format, or no id, name or version.
    """
    payload = message.payload
    return (_pull_family if len(payload) <= _KEPT else _decode)(payload)


def _decode(payload: bytes) -> Family:
    command, _version = pull_genlmsghdr(payload)
    if command != CTRL_CMD_NEWFAMILY:
        raise WireError(f"nlctrl: command {command} in place of newfamily")
    number: dict[int, int] = {}
    name = ""
    operations: dict[int, int] = {}
    groups: dict[str, int] = {}
    for attribute in pull_attributes(payload, GENL_HDRLEN):
        kind = attribute.type
        if kind == CTRL_ATTR_FAMILY_ID:
            number[kind] = pull_number(U16, attribute, "family-id")
        elif kind == CTRL_ATTR_VERSION:
            number[kind] = pull_number(U32, attribute, "version")
        elif kind == CTRL_ATTR_FAMILY_NAME:
            name = pull_string(attribute, "family-name", 16)  # GENL_NAMSIZ
        elif kind == CTRL_ATTR_OPS:
            for entry in pull_attributes(attribute.payload):
                operation = _numbers(entry, {CTRL_ATTR_OP_ID, CTRL_ATTR_OP_FLAGS})
                operations[operation.get(CTRL_ATTR_OP_ID, 0)] = operation.get(CTRL_ATTR_OP_FLAGS, 0)
        elif kind == CTRL_ATTR_MCAST_GROUPS:
            for entry in pull_attributes(attribute.payload):
                group = _numbers(entry, {CTRL_ATTR_MCAST_GRP_ID})
                groups[_group_name(entry)] = group.get(CTRL_ATTR_MCAST_GRP_ID, 0)
    if CTRL_ATTR_FAMILY_ID not in number or CTRL_ATTR_VERSION not in number or not name:
        raise WireError("nlctrl: a family without id, name or version")
    return Family(number[CTRL_ATTR_FAMILY_ID], name, number[CTRL_ATTR_VERSION], operations, groups)


_KEPT: Final = 1 << 13
"""Bytes of what is kept at most: the largest families need 4 KiB, a hostile reply has any size."""
_pull_family: Final = lru_cache(maxsize=64)(_decode)  # a kernel says the same each time


def _numbers(entry: Attribute, wanted: set[int]) -> dict[int, int]:
    return {
        attribute.type: pull_number(U32, attribute, f"nlctrl {attribute.type}")
        for attribute in pull_attributes(entry.payload)
        if attribute.type in wanted
    }


def _group_name(entry: Attribute) -> str:
    for attribute in pull_attributes(entry.payload):
        if attribute.type == CTRL_ATTR_MCAST_GRP_NAME:
            return pull_string(attribute, "mcast-grp-name", 16)
    return ""
