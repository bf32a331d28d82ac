# SPDX-License-Identifier: MIT
"""What drivers ask for before they take a program, and the command that gives it to them.

From the drivers' own words (extended acknowledgements) and sources: an MTU that fits a buffer, no
LRO, no hardware GRO, no header split, queues enough for transmit queues of XDP's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xdpconform.errors import KernelError
from xdpconform.netlink import ethtool
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.probes.testbed.settings import channels, features

if TYPE_CHECKING:
    from xdpconform.observed import Refusal
    from xdpconform.probes.testbed import Port, Testbed

ETH_DATA_LEN: Final = 1500  # include/uapi/linux/if_ether.h
SPLIT_ON: Final = 2
"""ETHTOOL_TCP_DATA_SPLIT_ENABLED, include/linux/ethtool.h"""
UNWANTED: Final = {"rx-lro": "lro", "rx-gro-hw": "rx-gro-hw"}
"""Features that keep native XDP away, and what ``ethtool -K`` calls them."""
FIXED: Final = {"rx-gro-hw": " (a virtio NIC needs ctrl_guest_offloads=on of its host, as QEMU)"}
"""What helps where a feature cannot be changed: virtnet_probe, drivers/net/virtio_net.c."""
QUEUES: Final = re.compile("queue|channel|ring", re.IGNORECASE)
SCARCE: Final = ("EBUSY", "EINVAL", "ENOMEM", "ENOSPC", "ERANGE")
"""How drivers say that there are too few queues or rings for a program."""


def lacking(
    bed: Testbed, refused: Refusal | None = None, *, mtu_too: bool = True
) -> tuple[str, ...]:
    """What of the NIC's settings may be why a program is refused, each with a command.

    Args:
        bed: the testbed.
        refused: what was said; of queues only what speaks of them, or of no room.
        mtu_too: whether the MTU is the NIC's own; not where it is what is tried.
    """
    port = bed.nic
    found = []
    mtu = port.state().mtu
    if mtu_too and mtu is not None and mtu > ETH_DATA_LEN:
        found.append(f"its MTU is {mtu}: ip link set {port.ifname} mtu {ETH_DATA_LEN}")
    try:
        now = features(port)
        found += [
            f"{name} is on: ethtool -K {port.ifname} {word} off"
            if name in now.hw
            else f"{name} is on, and the driver lets nobody switch it off{FIXED.get(name, '')}"
            for name, word in UNWANTED.items()
            if name in now.active
        ]
    except KernelError:
        pass  # nothing is known of them
    if _split(port):
        found.append(f"header split is on: ethtool -G {port.ifname} tcp-data-split off")
    if refused is None or refused.errno in SCARCE or QUEUES.search(refused.text):
        found += _queues(port)
    return tuple(found)


def _split(port: Port) -> bool:
    try:
        family = port.namespace.family(ethtool.FAMILY_NAME)
        request = ethtool.rings_get(family, port.ifindex)
        replies = port.namespace.client(NETLINK_GENERIC).ask(request)
        return ethtool.pull_rings(replies[0]).tcp_data_split == SPLIT_ON
    except KernelError:
        return False  # the driver has no rings to tell of


def _queues(port: Port) -> list[str]:
    if port.state().native_program_id:
        return []  # a program has been taken: the driver has all the queues it needs
    try:
        now = channels(port)
    except KernelError:
        return []
    kinds = (("combined", now.combined, now.combined_max), ("tx", now.tx, now.tx_max))
    return [
        f"{count} of {most} {kind} queues are in use, and XDP may need transmit queues of its own:"
        f" ethtool -L {port.ifname} {kind} {most // 2}"
        for kind, count, most in kinds
        if count and most and most > 1 and 2 * count > most
    ]
