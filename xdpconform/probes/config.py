# SPDX-License-Identifier: MIT
"""What a NIC is configured with, read anew each time: it must survive a program's attach."""

from __future__ import annotations

from xdpconform.judge.config import Config as Config  # noqa: PLC0414 - what `read` gives
from xdpconform.judge.config import VlanFilter
from xdpconform.netlink import ethtool, ethtool_ioctl, link_config, rtnl
from xdpconform.netlink.ethtool_config import Coalesce, coalesce_get, pull_coalesce

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, TypeVar

    from xdpconform.netlink.genl import Family
    from xdpconform.netlink.transaction import Request
    from xdpconform.netlink.wire import Message
    from xdpconform.probes.reader import Reader

    T = TypeVar("T")

VLAN_FILTER: Final = "rx-vlan-filter"
"""NETIF_F_HW_VLAN_CTAG_FILTER_BIT in netdev_features_strings (net/ethtool/common.c)"""


def read(reader: Reader) -> Config:
    """Everything at once, changing nothing; needs no privilege but the way into the namespace.

    What the driver has not (EOPNOTSUPP), and what it has nothing of, is None.

    Raises:
        KernelError: a question was refused in another way (ENODEV: the NIC is gone).
        WireError: an answer breaks the format.
        SourceError: it could not be asked.
    """
    return Config(
        reader.by_ioctl(ethtool_ioctl.rules),
        _rss(reader),
        _coalesce(reader),
        _ask(reader, ethtool.rings_get, ethtool.pull_rings),
        _vlan_filter(reader),
        _ask(reader, ethtool.channels_get, ethtool.pull_channels),
    )


def _ask(
    reader: Reader,
    request: Callable[[Family, int], Request],
    pull: Callable[[Message], T],
) -> T | None:
    if reader.ethtool is None:
        return None
    replies = reader.ask(request(reader.ethtool, reader.ifindex))
    return pull(replies[0]) if replies else None


def _rss(reader: Reader) -> ethtool.Rss | None:
    rss = _ask(reader, ethtool.rss_get, ethtool.pull_rss)
    # virtio_net without RSS still names a hash function.
    return rss if rss and (rss.indirection or rss.key) else None


def _coalesce(reader: Reader) -> Coalesce | None:
    coalesce = _ask(reader, coalesce_get, pull_coalesce)
    return coalesce if coalesce and coalesce.values else None


def _vlan_filter(reader: Reader) -> VlanFilter | None:
    features = _ask(reader, ethtool.features_get, ethtool.pull_features)
    if features is None or VLAN_FILTER not in features.active | features.hw:
        return None
    links = map(link_config.pull_vlan, reader.route.ask(rtnl.getlink_dump()))
    vlans = [vlan for vlan in links if vlan and vlan.lower == reader.ifindex]
    return VlanFilter(VLAN_FILTER in features.active, tuple(sorted(vlans)))
