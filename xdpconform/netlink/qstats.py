# SPDX-License-Identifier: MIT
"""``qstats-get`` of the netdev family: what a NIC counted, as a whole or queue by queue.

Names are those of Documentation/netlink/specs/netdev.yaml, numbers those of
include/uapi/linux/netdev.h, behaviour that of net/core/netdev-genl.c. Only a dump is answered. A
driver without it is refused with EOPNOTSUPP, and kernels before 6.9 do not list the operation.
"""

from __future__ import annotations

from xdpconform.errors import WireError
from xdpconform.netlink.constants import NLM_F_DUMP
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
    pull_uint,
    push_genlmsghdr,
    push_u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

NETDEV_CMD_QSTATS_GET: Final = 12
NETDEV_QSTATS_SCOPE_QUEUE: Final = 1

NETDEV_A_QSTATS_IFINDEX: Final = 1
NETDEV_A_QSTATS_QUEUE_TYPE: Final = 2
NETDEV_A_QSTATS_QUEUE_ID: Final = 3
NETDEV_A_QSTATS_SCOPE: Final = 4
NETDEV_A_QSTATS_RX_PACKETS: Final = 8

HEAD_NAMES: Final = {1: "ifindex", 2: "queue-type", 3: "queue-id", 4: "scope"}
# fmt: off
COUNT_NAMES: Final = dict(enumerate((  # NETDEV_A_QSTATS_*
    "rx-packets", "rx-bytes", "tx-packets", "tx-bytes", "rx-alloc-fail", "rx-hw-drops",
    "rx-hw-drop-overruns", "rx-csum-complete", "rx-csum-unnecessary", "rx-csum-none",
    "rx-csum-bad", "rx-hw-gro-packets", "rx-hw-gro-bytes", "rx-hw-gro-wire-packets",
    "rx-hw-gro-wire-bytes", "rx-hw-drop-ratelimits", "tx-hw-drops", "tx-hw-drop-errors",
    "tx-csum-none", "tx-needs-csum", "tx-hw-gso-packets", "tx-hw-gso-bytes",
    "tx-hw-gso-wire-packets", "tx-hw-gso-wire-bytes", "tx-hw-drop-ratelimits", "tx-stop",
    "tx-wake",
), NETDEV_A_QSTATS_RX_PACKETS))
# fmt: on


class QueueStats(NamedTuple):
    """A reply to qstats-get."""

    ifindex: int
    queue_type: int | None = None
    """As in `xdpconform.netlink.netdev.QueueType`; None for the NIC as a whole."""
    queue_id: int | None = None
    counts: Mapping[str, int] = {}
    """By name: frames, bytes or events since the interface came up. What the driver does not
    count is not there."""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""


def qstats_get(family: Family, ifindex: int, *, by_queue: bool = False) -> Request:
    """Ask what a NIC counted.

    Args:
        family: the netdev family.
        ifindex: of the NIC.
        by_queue: a reply for each queue in place of one for all.
    """
    payload = push_genlmsghdr(NETDEV_CMD_QSTATS_GET, 1) + push_u32(NETDEV_A_QSTATS_IFINDEX, ifindex)
    if by_queue:
        payload += push_u32(NETDEV_A_QSTATS_SCOPE, NETDEV_QSTATS_SCOPE_QUEUE)
    return Request("netdev qstats-get dump", family.id, payload, NLM_F_DUMP, names=HEAD_NAMES)


def pull_qstats(message: Message) -> QueueStats:
    """Decode a reply to qstats-get.

    Raises:
        WireError: bytes out of format, another command, no ifindex, or an attribute of the wrong
            width.
    """
    command, _version = pull_genlmsghdr(message.payload)
    if command != NETDEV_CMD_QSTATS_GET:
        raise WireError(f"netdev: command {command} in place of qstats-get")
    head: dict[int, int] = {}
    counts: dict[str, int] = {}
    unknown = []
    for attribute in pull_attributes(message.payload, GENL_HDRLEN):
        kind = attribute.type
        name = COUNT_NAMES.get(kind)
        if name is not None and name not in counts:
            counts[name] = pull_uint(attribute, name)
        elif kind in HEAD_NAMES and kind not in head and kind != NETDEV_A_QSTATS_SCOPE:
            head[kind] = pull_number(U32, attribute, HEAD_NAMES[kind])
        else:
            unknown.append(attribute)
    if NETDEV_A_QSTATS_IFINDEX not in head:
        raise WireError("netdev qstats-get: a reply without ifindex")
    return QueueStats(
        head[NETDEV_A_QSTATS_IFINDEX],
        head.get(NETDEV_A_QSTATS_QUEUE_TYPE),
        head.get(NETDEV_A_QSTATS_QUEUE_ID),
        counts,
        tuple(unknown),
    )
