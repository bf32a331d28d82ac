# SPDX-License-Identifier: MIT
"""What of the ``ethtool`` family changes a device: features and numbers of channels.

Numbers from include/uapi/linux/ethtool_netlink_generated.h, behaviour from net/ethtool/features.c
and channels.c. The kernel is told to leave out the reply, so that there is an acknowledgement only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError
from xdpconform.netlink.bitset import (
    ETHTOOL_A_BITSET_BIT_NAME,
    ETHTOOL_A_BITSET_BIT_VALUE,
    ETHTOOL_A_BITSET_BITS,
    ETHTOOL_A_BITSET_BITS_BIT,
)
from xdpconform.netlink.constants import NLM_F_ACK
from xdpconform.netlink.ethtool import (
    CHANNELS_NAMES,
    ETHTOOL_A_HEADER_DEV_INDEX,
    FEATURES_NAMES,
    HEADER,
    VERSION,
)
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import push_attribute, push_genlmsghdr, push_string, push_u32

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdpconform.netlink.genl import Family

ETHTOOL_MSG_FEATURES_SET: Final = 12
ETHTOOL_MSG_CHANNELS_SET: Final = 18

ETHTOOL_A_HEADER_FLAGS: Final = 3
ETHTOOL_FLAG_OMIT_REPLY: Final = 1 << 1

ETHTOOL_A_FEATURES_WANTED: Final = 3
ETHTOOL_A_CHANNELS_RX_COUNT: Final = 6
ETHTOOL_A_CHANNELS_TX_COUNT: Final = 7
ETHTOOL_A_CHANNELS_OTHER_COUNT: Final = 8
ETHTOOL_A_CHANNELS_COMBINED_COUNT: Final = 9


def _request(
    what: str, family: Family, command: int, ifindex: int, *, rest: bytes, names: dict[int, str]
) -> Request:
    header = push_u32(ETHTOOL_A_HEADER_DEV_INDEX, ifindex)
    header += push_u32(ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_OMIT_REPLY)
    payload = push_genlmsghdr(command, VERSION) + push_attribute(HEADER, header, nested=True)
    return Request(f"ethtool {what}", family.id, payload + rest, NLM_F_ACK, names=names)


def features_set(family: Family, ifindex: int, wanted: Mapping[str, bool]) -> Request:
    """Ask for features to be on or off; others stay as they are.

    The kernel refuses a name that it does not know (EOPNOTSUPP) and, without a word, leaves as it
    is what the device cannot change: look at features-get afterwards.

    Args:
        family: the ``ethtool`` family.
        ifindex: the device.
        wanted: by the names of netdev_features_strings, as `Features` has them.

    Raises:
        InputError: nothing is wanted.
    """
    if not wanted:
        raise InputError("ethtool features-set: name at least one feature")
    bits = b""
    for name, on in sorted(wanted.items()):
        bit = push_string(ETHTOOL_A_BITSET_BIT_NAME, name.encode())
        if on:
            bit += push_attribute(ETHTOOL_A_BITSET_BIT_VALUE, b"")
        bits += push_attribute(ETHTOOL_A_BITSET_BITS_BIT, bit, nested=True)
    bitset = push_attribute(ETHTOOL_A_BITSET_BITS, bits, nested=True)
    rest = push_attribute(ETHTOOL_A_FEATURES_WANTED, bitset, nested=True)
    what = ", ".join(f"{name} {'on' if on else 'off'}" for name, on in sorted(wanted.items()))
    return _request(
        f"features-set {what}",
        family,
        ETHTOOL_MSG_FEATURES_SET,
        ifindex,
        rest=rest,
        names=FEATURES_NAMES,
    )


def channels_set(
    family: Family,
    ifindex: int,
    *,
    rx: int | None = None,
    tx: int | None = None,
    other: int | None = None,
    combined: int | None = None,
) -> Request:
    """Set how many queues of each kind are in use; None leaves a kind as it is.

    Raises:
        InputError: no number is given.
    """
    counts = {
        ETHTOOL_A_CHANNELS_RX_COUNT: rx,
        ETHTOOL_A_CHANNELS_TX_COUNT: tx,
        ETHTOOL_A_CHANNELS_OTHER_COUNT: other,
        ETHTOOL_A_CHANNELS_COMBINED_COUNT: combined,
    }
    given = {kind: count for kind, count in counts.items() if count is not None}
    if not given:
        raise InputError("ethtool channels-set: give a number of rx, tx, other or combined queues")
    rest = b"".join(push_u32(kind, count) for kind, count in given.items())
    what = ", ".join(f"{CHANNELS_NAMES[kind]} {count}" for kind, count in given.items())
    return _request(
        f"channels-set {what}",
        family,
        ETHTOOL_MSG_CHANNELS_SET,
        ifindex,
        rest=rest,
        names=CHANNELS_NAMES,
    )
