# SPDX-License-Identifier: MIT
"""The Toeplitz hash by which NICs spread received frames over their queues.

Microsoft, "RSS Hashing Types" and "Verifying the RSS Hash Calculation": source address,
destination address, source port, destination port, in network byte order, against a secret key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError

if TYPE_CHECKING:
    from typing import Literal

HASH_BITS: Final = 32
XFRM: Final = ("", "symmetric-xor", "symmetric-or-xor")
"""RXH_XFRM_*, include/uapi/linux/ethtool.h: what is done to addresses and ports before."""


def toeplitz(key: bytes, data: bytes) -> int:
    """For each bit that is set in `data`, the 32 bits of `key` that begin there, XORed.

    Args:
        key: at least 4 bytes longer than `data`; NICs have 40 or 52.
        data: what is hashed.

    Returns:
        32 bits.

    Raises:
        InputError: the key is too short.
    """
    if len(key) * 8 < len(data) * 8 + HASH_BITS:
        raise InputError(
            f"an RSS key of {len(key)} bytes hashes {max(0, len(key) - 4)} bytes at most, not"
            f" {len(data)}"
        )
    secret, bits = int.from_bytes(key, "big"), int.from_bytes(data, "big")
    top, width = len(key) * 8 - HASH_BITS, len(data) * 8
    found = 0
    for at in range(width):
        if bits >> (width - 1 - at) & 1:
            found ^= secret >> (top - at) & 0xFFFFFFFF
    return found


def flow_input(
    source: bytes,
    destination: bytes,
    ports: tuple[int, int] | None = None,
    xfrm: Literal["", "symmetric-xor", "symmetric-or-xor"] = "",
) -> bytes:
    """What of a flow is hashed.

    Args:
        source: the IP address it comes from, 4 or 16 bytes.
        destination: the one it goes to.
        ports: source and destination, where the hash covers them.
        xfrm: of `XFRM`: so that both directions of a flow have one hash.

    Raises:
        InputError: addresses of two lengths, or an `xfrm` that is none.
    """
    if len(source) != len(destination) or len(source) not in (4, 16):
        raise InputError(
            f"addresses of {len(source)} and {len(destination)} bytes: both have 4, or 16"
        )
    if xfrm not in XFRM:
        raise InputError(f"no transformation {xfrm!r} of RSS input; there are: {XFRM[1:]}")
    pairs = [(source, destination)]
    if ports is not None:
        pairs.append((ports[0].to_bytes(2, "big"), ports[1].to_bytes(2, "big")))
    if not xfrm:
        return b"".join(one + other for one, other in pairs)
    if xfrm == "symmetric-xor":
        return b"".join(_xor(one, other) * 2 for one, other in pairs)
    return b"".join(_or(one, other) + _xor(one, other) for one, other in pairs)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _or(one: bytes, other: bytes) -> bytes:
    return bytes(a | b for a, b in zip(one, other, strict=True))
