# SPDX-License-Identifier: MIT
"""What kernels of different age answer differently: families, operations, attributes, releases.

From net/core/netdev-genl-gen.c and net/core/netdev-genl.c of each release. 6.12 and 7.3 are as
recorded (tests/data), 6.18 as it was seen to answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEV_GET, PAGE_POOL_GET, PAGE_POOL_STATS_GET, QUEUE_GET = 1, 5, 9, 10
NAPI_GET, QSTATS_GET, BIND_RX, NAPI_SET, BIND_TX, QUEUE_CREATE = 11, 12, 13, 14, 15, 16
"""NETDEV_CMD_*, include/uapi/linux/netdev.h"""

ADMIN, DO, DUMP, POLICY, UNS_ADMIN = 0x01, 0x02, 0x04, 0x08, 0x10
"""GENL_ADMIN_PERM, GENL_CMD_CAP_DO, _DUMP, _HASPOL, GENL_UNS_ADMIN_PERM"""
_READ: Final = DO | DUMP | POLICY

_OPERATIONS: Final = (
    # operation, since, flags
    (DEV_GET, (6, 3), _READ),
    (PAGE_POOL_GET, (6, 8), _READ),
    (PAGE_POOL_STATS_GET, (6, 8), _READ),
    (QUEUE_GET, (6, 8), _READ),
    (NAPI_GET, (6, 8), _READ),
    (QSTATS_GET, (6, 9), DUMP | POLICY),
    (BIND_RX, (6, 12), ADMIN | DO | POLICY),
    (NAPI_SET, (6, 13), ADMIN | DO | POLICY),
    (BIND_TX, (6, 16), DO | POLICY),
    (QUEUE_CREATE, (7, 3), ADMIN | DO | POLICY),
)
"""In ascending order, as nlctrl lists them."""


class Age(NamedTuple):
    """A kernel by its number, and what follows from it."""

    number: tuple[int, int]
    release: str
    """As uname -r prints it."""
    operations: Mapping[int, int]
    """Flags by operation of the family netdev; empty where there is no such family."""
    netdev: int
    """nlmsg_type of the family netdev, which the kernel gives out at boot."""
    ethtool: int
    groups: Mapping[str, int]
    """The multicast groups of the family netdev."""
    monitor: int
    """The multicast group of the family ethtool, which comes behind them."""
    strict_dump: bool
    """A dump without a policy refuses attributes, where others pass them over."""
    segments: bool
    """xdp-zc-max-segs is reported."""
    rx_metadata: bool
    """xdp-rx-metadata-features is reported, and is so with the value 0."""
    xsk_features: bool
    xsk_queues: bool
    """queue-get tells of AF_XDP pools."""

    @classmethod
    def of(cls, kernel: str) -> Age:
        """A kernel by the first two numbers of its release.

        Args:
            kernel: ``7.3`` or ``6.12``.

        Raises:
            InputError: no two numbers.
        """
        major, dot, minor = kernel.partition(".")
        if not (
            dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()
        ):
            raise InputError(f"kernel {kernel!r}: two numbers expected, such as 7.3 or 6.12")
        number = int(major), int(minor)
        operations = {
            operation: _flags(operation, flags, number)
            for operation, since, flags in _OPERATIONS
            if number >= since and (number, operation) not in _LEFT_OUT
        }
        netdev, ethtool, first = _IDS.get(number, (28, 21, 5))
        return cls(
            number=number,
            release=_RELEASES.get(number, f"{kernel}.0"),
            operations=operations,
            netdev=netdev,
            ethtool=ethtool,
            groups=(groups := _groups(number, first)),
            monitor=first + len(groups),
            strict_dump=number >= (7, 3),
            segments=number >= (6, 6),
            rx_metadata=number >= (6, 7),
            xsk_features=number >= (6, 8),
            xsk_queues=number >= (6, 15),
        )

    @property
    def name(self) -> str:
        """The number in words: ``7.3``."""
        return ".".join(map(str, self.number))

    @property
    def has_netdev(self) -> bool:
        """Whether there is a family netdev at all."""
        return bool(self.operations)


def _flags(operation: int, flags: int, number: tuple[int, int]) -> int:
    # bind-rx may be done by the owner of a user namespace from some kernel after 6.18 on.
    if operation == BIND_RX and number >= (7, 3):
        return flags & ~ADMIN | UNS_ADMIN
    # Dumps of page pools took no attributes at first, and their dos always did: one policy is
    # enough for GENL_CMD_CAP_HASPOL.
    return flags


_LEFT_OUT: Final = {((6, 12), PAGE_POOL_STATS_GET), ((6, 18), PAGE_POOL_STATS_GET)}
"""Built without CONFIG_PAGE_POOL_STATS."""
_IDS: Final = {(6, 12): (21, 20, 5), (6, 18): (20, 21, 4), (7, 3): (22, 21, 6)}
"""netdev, ethtool and the first group of netdev, where they were seen; ids are dynamic."""
_RELEASES: Final = {(6, 12): "6.12.107+deb13-amd64", (7, 3): "7.3.4+deb13-amd64"}


def _groups(number: tuple[int, int], first: int) -> dict[str, int]:
    if number < (6, 3):
        return {}
    return {"mgmt": first} if number < (6, 8) else {"mgmt": first, "page-pool": first + 1}


KERNELS: Final = ("6.12", "7.3")
"""Those whose drivers are known row by row (rows.json)."""
AGES: Final = ("6.1", "6.3", "6.6", "6.7", "6.8", "6.12", "6.18", "7.3")
"""Those at which something changed, as examples: any other number can be asked for too."""
