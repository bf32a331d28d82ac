# SPDX-License-Identifier: MIT
"""What is read by the ethtool ioctl, since netlink does not tell it: ntuple rules and statistics.

Structures of include/uapi/linux/ethtool.h, in the machine's own layout; behaviour of
net/ethtool/ioctl.c. Nothing here opens a socket: whoever asks gives an `Ioctl`. None of these
requests needs a privilege.
"""

from __future__ import annotations

import errno
from struct import Struct, pack_into, unpack_from

from xdpconform.errors import KernelError, WireError
from xdpconform.netlink.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    Ioctl = Callable[[bytearray], None]
    """Runs SIOCETHTOOL for one NIC: the kernel reads the buffer and writes its answer there.

    Raises KernelError where it refuses."""

ETHTOOL_GSTRINGS: Final = 0x1B
ETHTOOL_GSTATS: Final = 0x1D
ETHTOOL_GRXCLSRLCNT: Final = 0x2E
ETHTOOL_GRXCLSRULE: Final = 0x2F
ETHTOOL_GRXCLSRLALL: Final = 0x30
ETHTOOL_GSSET_INFO: Final = 0x37
COMMAND_NAMES: Final = {
    ETHTOOL_GSTRINGS: "ETHTOOL_GSTRINGS",
    ETHTOOL_GSTATS: "ETHTOOL_GSTATS",
    ETHTOOL_GRXCLSRLCNT: "ETHTOOL_GRXCLSRLCNT",
    ETHTOOL_GRXCLSRULE: "ETHTOOL_GRXCLSRULE",
    ETHTOOL_GRXCLSRLALL: "ETHTOOL_GRXCLSRLALL",
    ETHTOOL_GSSET_INFO: "ETHTOOL_GSSET_INFO",
}

ETH_SS_STATS: Final = 1
ETH_GSTRING_LEN: Final = 32

SSET_INFO: Final = Struct("@IIQI")  # struct ethtool_sset_info: cmd, reserved, sset_mask, data[]
STRINGS: Final = Struct("@III")  # struct ethtool_gstrings: cmd, string_set, len, data[]
STATS: Final = Struct("@II")  # struct ethtool_stats: cmd, n_stats, data[]
# struct ethtool_rxnfc: cmd, flow_type, data; struct ethtool_rx_flow_spec fs: flow_type, h_u,
# h_ext, m_u, m_ext, ring_cookie, location; rule_cnt or rss_context, rule_locs[]
RXNFC: Final = Struct("@IIQ I52s20s52s20sQI0Q I")
_SLACK: Final = 8  # of the padding at a structure's end, which the kernel writes too

STATS_LIMIT: Final = 1 << 16
"""Statistics of a NIC at most; those with 128 queues have some thousands."""
RULES_LIMIT: Final = 1 << 16
"""Rules of a NIC at most."""
TRIES: Final = 3
"""How often a list that changes while it is read is read again."""

FLOW_EXT: Final = 0x80000000
FLOW_MAC_EXT: Final = 0x40000000
FLOW_RSS: Final = 0x20000000
RX_CLS_FLOW_DISC: Final = 0xFFFFFFFFFFFFFFFF
RX_CLS_FLOW_WAKE: Final = 0xFFFFFFFFFFFFFFFE
# fmt: off
FLOW_NAMES: Final = {  # TCP_V4_FLOW and so on, as ethtool(8) spells them
    0x1: "tcp4", 0x2: "udp4", 0x3: "sctp4", 0x4: "ah-esp4", 0x5: "tcp6", 0x6: "udp6", 0x7: "sctp6",
    0x8: "ah-esp6", 0x9: "ah4", 0xA: "esp4", 0xB: "ah6", 0xC: "esp6", 0xD: "ip4", 0xE: "ip6",
    0x12: "ether",
}
# fmt: on


class Rule(NamedTuple):
    """An ntuple rule: which received frames go to which queue."""

    location: int
    flow_type: int
    """TCP_V4_FLOW and so on, with FLOW_EXT, FLOW_MAC_EXT and FLOW_RSS."""
    ring_cookie: int
    """The queue in the lowest 32 bits, or RX_CLS_FLOW_DISC, or RX_CLS_FLOW_WAKE."""
    rss_context: int | None
    """For a rule with FLOW_RSS."""
    match: bytes
    """h_u, h_ext, m_u and m_ext: what is compared, and the bits of it that count."""

    def __str__(self) -> str:
        plain = self.flow_type & ~(FLOW_EXT | FLOW_MAC_EXT | FLOW_RSS)
        target = {RX_CLS_FLOW_DISC: "drop", RX_CLS_FLOW_WAKE: "wake"}.get(
            self.ring_cookie, f"queue {self.ring_cookie & 0xFFFFFFFF}"
        )
        if self.ring_cookie < RX_CLS_FLOW_WAKE and self.ring_cookie >> 32:
            target = f"VF {self.ring_cookie >> 32} {target}"
        if self.rss_context is not None:
            target += f" of RSS context {self.rss_context}"
        name = FLOW_NAMES.get(plain, f"flow type {plain:#x}")
        return f"{name} to {target} by {self.match.hex()}"


def rules(ioctl: Ioctl) -> tuple[Rule, ...] | None:
    """The ntuple rules of a NIC by their location; None where the driver keeps none.

    Raises:
        KernelError: refused in another way than EOPNOTSUPP or EINVAL at the first question.
        WireError: the kernel counts more than `RULES_LIMIT`, or the list never stands still.
    """
    for _try in range(TRIES):
        try:
            count = _rule_count(ioctl)
        except KernelError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):  # drivers' default cases
                return None
            raise
        try:
            return tuple(_rule(ioctl, one) for one in sorted(_locations(ioctl, count)))
        except KernelError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOENT, errno.EINVAL):
                raise
    raise WireError(f"ETHTOOL_GRXCLSRLALL: the rules changed while they were read, {TRIES} times")


def _rxnfc(command: int, *, count: int = 0, location: int = 0) -> bytearray:
    data = bytearray(RXNFC.size + _SLACK + 4 * count)
    nothing = (0, bytes(52), bytes(20), bytes(52), bytes(20), 0, location, count)
    RXNFC.pack_into(data, 0, command, 0, 0, *nothing)
    return data


def _rule_count(ioctl: Ioctl) -> int:
    data = _rxnfc(ETHTOOL_GRXCLSRLCNT)
    ioctl(data)
    count: int = RXNFC.unpack_from(data)[-1]
    if count > RULES_LIMIT:
        raise WireError(f"ETHTOOL_GRXCLSRLCNT: {count} rules, {RULES_LIMIT} at most")
    return count


def _locations(ioctl: Ioctl, count: int) -> tuple[int, ...]:
    if not count:
        return ()
    data = _rxnfc(ETHTOOL_GRXCLSRLALL, count=count)
    ioctl(data)
    found = min(RXNFC.unpack_from(data)[-1], count)
    return unpack_from(f"@{found}I", data, RXNFC.size)


def _rule(ioctl: Ioctl, location: int) -> Rule:
    data = _rxnfc(ETHTOOL_GRXCLSRULE, location=location)
    ioctl(data)
    _command, _flow, _data, flow_type, *match, cookie, found, context = RXNFC.unpack_from(data)
    return Rule(
        found, flow_type, cookie, context if flow_type & FLOW_RSS else None, b"".join(match)
    )


def string_stats(ioctl: Ioctl) -> dict[str, int] | None:
    """What ``ethtool -S`` shows, by the driver's own names; None where it counts nothing.

    The names are of the driver, and nothing that may be shown as they are. One that is given
    twice gets a number: ``rx``, ``rx #2``.

    Raises:
        KernelError: refused in another way than EOPNOTSUPP.
        WireError: more than `STATS_LIMIT`, or their number never stands still.
    """
    for _try in range(TRIES):
        try:
            count = _stats_count(ioctl)
            if not count:
                return None
            names = _names(ioctl, count)
            numbers = _numbers(ioctl, count)
        except KernelError as error:
            if error.errno == errno.EOPNOTSUPP:
                return None
            raise
        if len(names) == len(numbers) == count:
            return _named(names, numbers)
    raise WireError(f"ETHTOOL_GSTATS: their number changed while they were read, {TRIES} times")


def _stats_count(ioctl: Ioctl) -> int:
    data = bytearray(SSET_INFO.size + _SLACK)
    SSET_INFO.pack_into(data, 0, ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_STATS, 0)
    ioctl(data)
    _command, _reserved, mask, count = SSET_INFO.unpack_from(data)
    if count > STATS_LIMIT:
        raise WireError(f"ETHTOOL_GSSET_INFO: {count} statistics, {STATS_LIMIT} at most")
    return count if mask else 0


# Kernels before 6.19 write as many as there are by then, whatever room was given: hence room for
# twice as many. Later ones write none where the number is another than was asked for.


def _room(count: int) -> int:
    return 2 * count + 1024


def _names(ioctl: Ioctl, count: int) -> list[bytes]:
    data = bytearray(STRINGS.size + ETH_GSTRING_LEN * _room(count))
    STRINGS.pack_into(data, 0, ETHTOOL_GSTRINGS, ETH_SS_STATS, count)
    ioctl(data)
    found = min(STRINGS.unpack_from(data)[2], _room(count))
    begin = STRINGS.size
    return [
        bytes(data[at : at + ETH_GSTRING_LEN]).split(b"\0", 1)[0]
        for at in range(begin, begin + ETH_GSTRING_LEN * found, ETH_GSTRING_LEN)
    ]


def _numbers(ioctl: Ioctl, count: int) -> tuple[int, ...]:
    data = bytearray(STATS.size + 8 * _room(count))
    pack_into("@II", data, 0, ETHTOOL_GSTATS, count)
    ioctl(data)
    found = min(STATS.unpack_from(data)[1], _room(count))
    return unpack_from(f"={found}Q", data, STATS.size)


def _named(names: list[bytes], numbers: tuple[int, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for raw, number in zip(names, numbers, strict=True):
        name = raw.decode("utf-8", "backslashreplace")
        unique, again = name, 1
        while unique in found:
            again += 1
            unique = f"{name} #{again}"
        found[unique] = number
    return found
