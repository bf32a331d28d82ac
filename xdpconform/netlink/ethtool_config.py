# SPDX-License-Identifier: MIT
"""The ``ethtool`` family's coalescing: how long a NIC may hold frames back before it interrupts.

Names are those of Documentation/netlink/specs/ethtool.yaml, numbers those of
include/uapi/linux/ethtool_netlink.h, behaviour that of net/ethtool/coalesce.c. The kernel leaves
out what a driver does not say it supports, if it is zero. What else a NIC is configured with over
this family (rings, channels, features, RSS) is read by `xdpconform.netlink.ethtool`.
"""

from __future__ import annotations

from xdpconform.errors import WireError
from xdpconform.netlink.ethtool import ETHTOOL_A_HEADER_DEV_INDEX, HEADER, VERSION
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
    from collections.abc import Mapping
    from typing import Final

ETHTOOL_MSG_COALESCE_GET: Final = 19
ETHTOOL_MSG_COALESCE_GET_REPLY: Final = 20

# fmt: off
COALESCE_NAMES: Final = dict(enumerate((  # ETHTOOL_A_COALESCE_*
    "header", "rx-usecs", "rx-max-frames", "rx-usecs-irq", "rx-max-frames-irq",
    "tx-usecs", "tx-max-frames", "tx-usecs-irq", "tx-max-frames-irq", "stats-block-usecs",
    "use-adaptive-rx", "use-adaptive-tx", "pkt-rate-low", "rx-usecs-low", "rx-max-frames-low",
    "tx-usecs-low", "tx-max-frames-low", "pkt-rate-high", "rx-usecs-high", "rx-max-frames-high",
    "tx-usecs-high", "tx-max-frames-high", "rate-sample-interval", "use-cqe-mode-tx",
    "use-cqe-mode-rx", "tx-aggr-max-bytes", "tx-aggr-max-frames", "tx-aggr-time-usecs",
    "rx-profile", "tx-profile", "rx-cqe-frames", "rx-cqe-nsecs",
), 1))
# fmt: on
_SWITCHES: Final = frozenset(
    {"use-adaptive-rx", "use-adaptive-tx", "use-cqe-mode-tx", "use-cqe-mode-rx"}
)
_PROFILES: Final = frozenset({"rx-profile", "tx-profile"})

ETHTOOL_A_PROFILE_IRQ_MODERATION: Final = 1
MODERATION_NAMES: Final = {1: "usec", 2: "pkts", 3: "comps"}
"""ETHTOOL_A_IRQ_MODERATION_*"""
MODERATIONS: Final = 64
"""Steps of a profile at most; the kernel has five (NET_DIM_PARAMS_NUM_PROFILES)."""


class Coalesce(NamedTuple):
    """A reply to coalesce-get."""

    ifindex: int | None = None
    values: Mapping[str, int] = {}
    """By name: ``rx-usecs`` in microseconds, ``rx-max-frames`` in frames, ``use-adaptive-rx`` 0
    or 1; a step of a profile as ``rx-profile[0]-usec``. What was not sent is not there."""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""


def coalesce_get(family: Family, ifindex: int) -> Request:
    """Ask how interrupts are held back; refused with EOPNOTSUPP by a driver that cannot."""
    header = push_attribute(HEADER, push_u32(ETHTOOL_A_HEADER_DEV_INDEX, ifindex), nested=True)
    payload = push_genlmsghdr(ETHTOOL_MSG_COALESCE_GET, VERSION) + header
    return Request("ethtool coalesce-get", family.id, payload, names=COALESCE_NAMES)


def pull_coalesce(message: Message) -> Coalesce:
    """Decode a reply to coalesce-get.

    Raises:
        WireError: bytes out of format, another command, an attribute of the wrong width, or a
            profile of more than `MODERATIONS` steps.
    """
    command, _version = pull_genlmsghdr(message.payload)
    if command != ETHTOOL_MSG_COALESCE_GET_REPLY:
        raise WireError(f"ethtool: command {command} in place of the reply to coalesce-get")
    ifindex = None
    values: dict[str, int] = {}
    unknown = []
    seen = set()
    for attribute in pull_attributes(message.payload, GENL_HDRLEN):
        name = COALESCE_NAMES.get(attribute.type)
        if name is None or name in seen:
            unknown.append(attribute)
            continue
        seen.add(name)
        if name == "header":
            ifindex = _dev_index(attribute)
        elif name in _PROFILES:
            values |= _profile(name, attribute)
        else:
            values[name] = pull_number(U8 if name in _SWITCHES else U32, attribute, name)
    return Coalesce(ifindex, values, tuple(unknown))


def _dev_index(header: Attribute) -> int | None:
    found = None
    for attribute in pull_attributes(header.payload):
        if attribute.type == ETHTOOL_A_HEADER_DEV_INDEX:
            found = pull_number(U32, attribute, "dev-index")
    return found


def _profile(name: str, profile: Attribute) -> dict[str, int]:
    """coalesce_put_profile, net/ethtool/coalesce.c: a nest for each step, slowest first."""
    values: dict[str, int] = {}
    number = 0
    for moderation in pull_attributes(profile.payload):
        if moderation.type != ETHTOOL_A_PROFILE_IRQ_MODERATION:
            continue
        if number == MODERATIONS:
            raise WireError(f"attribute {name}: more than {MODERATIONS} steps")
        for attribute in pull_attributes(moderation.payload):
            if attribute.type in MODERATION_NAMES:
                step = f"{name}[{number}]-{MODERATION_NAMES[attribute.type]}"
                values.setdefault(step, pull_number(U32, attribute, step))
        number += 1
    return values
