# SPDX-License-Identifier: MIT
"""Bit sets of the ``ethtool`` family, in the verbose format that gives each bit's name.

Numbers from include/uapi/linux/ethtool_netlink.h, layout from net/ethtool/bitset.c:

    list   nomask; size; bits { bit { index; name } }           the bits set
    mask   size; bits { bit { index; name; value if set } }     every bit of the mask

The kernel sends names unless the request's header asks for compact bit sets.
"""

from __future__ import annotations

from functools import lru_cache

from xdpconform.errors import WireError
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    U32,
    Attribute,
    pull_attributes,
    pull_number,
    pull_string,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ETHTOOL_A_BITSET_NOMASK: Final = 1
ETHTOOL_A_BITSET_SIZE: Final = 2
ETHTOOL_A_BITSET_BITS: Final = 3
ETHTOOL_A_BITSET_VALUE: Final = 4
ETHTOOL_A_BITSET_MASK: Final = 5

ETHTOOL_A_BITSET_BITS_BIT: Final = 1

ETHTOOL_A_BITSET_BIT_INDEX: Final = 1
ETHTOOL_A_BITSET_BIT_NAME: Final = 2
ETHTOOL_A_BITSET_BIT_VALUE: Final = 3

ETHNL_MAX_BITSET_SIZE: Final = 0x7FFF  # net/ethtool/bitset.h
ETH_GSTRING_LEN: Final = 32  # include/uapi/linux/ethtool.h


class Bitset(NamedTuple):
    """A bit set by names; a bit without a name is ``bit-N``, and is left out where it is 0."""

    size: int
    """How many bits the kernel knows."""
    names: frozenset[str]
    """The bits set."""
    mask: frozenset[str] | None = None
    """The bits that the set speaks of; None for a list."""


def pull_bitset(attribute: Attribute, name: str) -> Bitset:
    """Decode a verbose bit set.

    Raises:
        WireError: bytes out of format, no size or bits, a size beyond the kernel's limit, a
            compact bit set, or a bit without an index, beyond the size or given twice.
    """
    return _pull_bitset(attribute.payload, name)


@lru_cache(maxsize=256)  # devices of one kernel have most sets in common
def _pull_bitset(payload: bytes, name: str) -> Bitset:
    found: dict[int, Attribute] = {}
    for inner in pull_attributes(payload):
        found.setdefault(inner.type, inner)
    if ETHTOOL_A_BITSET_VALUE in found or ETHTOOL_A_BITSET_MASK in found:
        raise WireError(f"bitset {name}: compact, so that its bits have no names")
    if ETHTOOL_A_BITSET_SIZE not in found:
        raise WireError(f"bitset {name}: no size")
    if ETHTOOL_A_BITSET_BITS not in found:
        raise WireError(f"bitset {name}: no bits")
    size = pull_number(U32, found[ETHTOOL_A_BITSET_SIZE], f"{name} size")
    if size > ETHNL_MAX_BITSET_SIZE:
        raise WireError(f"bitset {name}: {size} bits, {ETHNL_MAX_BITSET_SIZE} at most")
    bits = _pull_bits(found[ETHTOOL_A_BITSET_BITS], name, size)
    if ETHTOOL_A_BITSET_NOMASK in found:
        _check_flag(found[ETHTOOL_A_BITSET_NOMASK], f"{name} nomask")
        return Bitset(size, frozenset(label or f"bit-{n}" for n, (label, _) in bits.items()))
    names = frozenset(label or f"bit-{n}" for n, (label, value) in bits.items() if value)
    return Bitset(size, names, names.union(label for label, _ in bits.values() if label))


def _pull_bits(attribute: Attribute, name: str, size: int) -> dict[int, tuple[str, bool]]:
    bits: dict[int, tuple[str, bool]] = {}
    for entry in pull_attributes(attribute.payload):
        if entry.type == ETHTOOL_A_BITSET_BITS_BIT:
            index, label, value = _pull_bit(entry, name)
            if index >= size:
                raise WireError(f"bitset {name}: bit {index} is beyond its {size} bits")
            if index in bits:
                raise WireError(f"bitset {name}: bit {index} is there twice")
            bits[index] = label, value
    return bits


def _pull_bit(entry: Attribute, name: str) -> tuple[int, str, bool]:
    index = None
    label = ""
    value = False
    for attribute in pull_attributes(entry.payload):
        kind = attribute.type
        if kind == ETHTOOL_A_BITSET_BIT_INDEX:
            index = pull_number(U32, attribute, f"{name} bit index")
        elif kind == ETHTOOL_A_BITSET_BIT_NAME:
            label = pull_string(attribute, f"{name} bit name", ETH_GSTRING_LEN)
        elif kind == ETHTOOL_A_BITSET_BIT_VALUE:
            _check_flag(attribute, f"{name} bit value")
            value = True
    if index is None:
        raise WireError(f"bitset {name}: a bit without an index")
    return index, label, value


def _check_flag(attribute: Attribute, name: str) -> None:
    if attribute.payload:
        raise WireError(f"attribute {name}: {len(attribute.payload)} bytes, a flag has none")
