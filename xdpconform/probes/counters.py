# SPDX-License-Identifier: MIT
"""What a NIC counts: the statistics of its link, of its queues, and the driver's own."""

from __future__ import annotations

from xdpconform.interfaces import shown
from xdpconform.netlink import ethtool_ioctl, link_config
from xdpconform.netlink.genl import GENL_CMD_CAP_DUMP
from xdpconform.netlink.netdev import QueueType
from xdpconform.netlink.qstats import (
    NETDEV_CMD_QSTATS_GET,
    QueueStats,
    pull_qstats,
    qstats_get,
)
from xdpconform.netlink.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdpconform.probes.reader import Reader


class Counters(NamedTuple):
    """Everything that a NIC counted, or between two readings: frames, bytes or events by name."""

    link: Mapping[str, int]
    """IFLA_STATS64: ``rx_packets``, ``rx_dropped``"""
    qstats: Mapping[str, int] | None = None
    """netdev qstats of the NIC as a whole: ``rx-packets``; None where the driver has none."""
    queues: Mapping[str, int] | None = None
    """netdev qstats queue by queue: ``rx-0 rx-packets``"""
    driver: Mapping[str, int] | None = None
    """``ethtool -S``: the driver's own names verbatim, ``rx_queue_0_xdp_drops``; None where it has
    none. They are text from outside: `as_dict` escapes them."""

    @classmethod
    def read(cls, reader: Reader) -> Counters:
        """Read them all, the driver's last. They are not of one moment.

        Raises:
            KernelError: a question was refused in another way than EOPNOTSUPP.
            WireError: an answer breaks the format.
            SourceError: it could not be asked.
        """
        link = link_config.pull_stats64(
            reader.route.ask(link_config.getlink_stats(reader.ifindex))[0]
        )
        whole = _qstats(reader, by_queue=False)
        queues = _qstats(reader, by_queue=True)
        return cls(
            link,
            dict(whole[0].counts) if whole else None,
            None if queues is None else _by_queue(queues),
            reader.by_ioctl(ethtool_ioctl.string_stats),
        )

    def minus(self, other: Counters) -> Counters:
        """What was counted since `other`.

        A name that `other` has not counts from 0; one that only `other` has is left out. A number
        below 0 says that the driver began anew.
        """
        return Counters(
            _difference(self.link, other.link) or {},
            _difference(self.qstats, other.qstats),
            _difference(self.queues, other.queues),
            _difference(self.driver, other.driver),
        )

    def as_dict(self) -> dict[str, dict[str, int] | None]:
        """In JSON types, names fit to be shown, without what is 0."""
        return {
            group: None
            if counts is None
            else {shown(name): count for name, count in counts.items() if count}
            for group, counts in self._asdict().items()
        }


def xdp(counters: Counters) -> dict[str, int]:
    """Those of the driver's own whose name has ``xdp``, in whatever case."""
    driver = counters.driver or {}
    return {name: count for name, count in driver.items() if "xdp" in name.lower()}


def _qstats(reader: Reader, *, by_queue: bool) -> list[QueueStats] | None:
    family = reader.netdev
    if family is None or not family.can(NETDEV_CMD_QSTATS_GET, GENL_CMD_CAP_DUMP):
        return None
    replies = reader.ask(qstats_get(family, reader.ifindex, by_queue=by_queue))
    return None if replies is None else list(map(pull_qstats, replies))


def _by_queue(replies: list[QueueStats]) -> dict[str, int]:
    kinds = {kind.value: kind.name.lower() for kind in QueueType}
    found: dict[str, int] = {}
    for reply in replies:
        if reply.queue_type is None or reply.queue_id is None:
            continue
        queue = f"{kinds.get(reply.queue_type, f'type {reply.queue_type}')}-{reply.queue_id}"
        found |= {f"{queue} {name}": count for name, count in reply.counts.items()}
    return found


def _difference(
    now: Mapping[str, int] | None, before: Mapping[str, int] | None
) -> dict[str, int] | None:
    if now is None:
        return None
    return {name: count - (before or {}).get(name, 0) for name, count in now.items()}
