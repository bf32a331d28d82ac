# SPDX-License-Identifier: MIT
"""The Toeplitz hash: Microsoft's published vectors, and what may be asked of it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpconform.errors import InputError
from xdpconform.judge.toeplitz import flow_input, toeplitz

KEY = bytes.fromhex(
    "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"
)
"""The key of the published vectors."""

VECTORS = [
    ("66.9.149.187", 2794, "161.142.100.80", 1766, 0x323E8FC2, 0x51CCC178),
    ("199.92.111.2", 14230, "65.69.140.83", 4739, 0xD718262A, 0xC626B0EA),
    ("24.19.198.95", 12898, "12.22.207.184", 38024, 0xD2D0A5DE, 0x5C2B394A),
    ("38.27.205.30", 48228, "209.142.163.6", 2217, 0x82989176, 0xAFC7327F),
    ("153.39.163.191", 44251, "202.188.127.2", 1303, 0x5D1809C5, 0x10E828A2),
    (
        *("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766),
        *(0x2CC18CD5, 0x40207D3D),
    ),
    ("3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0F0C461C, 0xDDE51BBF),
    (
        *("3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024),
        *(0x4B61E985, 0x02D1FEEF),
    ),
]
"""learn.microsoft.com, "Verifying the RSS Hash Calculation": source, its port, destination, its
port, the hash over the addresses, and that over addresses and ports."""


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_published(vector: tuple[str, int, str, int, int, int]) -> None:
    """Every published vector, without ports and with."""
    source, source_port, destination, port, plain, whole = vector
    ends = ip_address(source).packed, ip_address(destination).packed

    assert plain == toeplitz(KEY, flow_input(*ends))
    assert whole == toeplitz(KEY, flow_input(*ends, (source_port, port)))


ONE, OTHER = b"\x0a\x01\x00\x05", b"\x0c\x02\x00\x06"
INPUTS = [
    ("", "0a0100050c020006" + "00010003"),
    ("symmetric-xor", "0603000306030003" + "00020002"),
    ("symmetric-or-xor", "0e03000706030003" + "00030002"),
]


@pytest.mark.parametrize(("xfrm", "expected"), INPUTS)
def test_input(xfrm: str, expected: str) -> None:
    """Addresses, then ports, as ethtool.h describes each transformation."""
    assert expected == flow_input(ONE, OTHER, (1, 3), xfrm).hex()  # type: ignore[arg-type]


REFUSED = {
    "addresses of 4 and 16 bytes: both have 4, or 16": (ONE, bytes(16), None, ""),
    "addresses of 6 and 6 bytes: both have 4, or 16": (bytes(6), bytes(6), None, ""),
    "no transformation 'xor' of RSS input; there are: ('symmetric-xor', 'symmetric-or-xor')": (
        ONE,
        OTHER,
        None,
        "xor",
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_no_input(text: str) -> None:
    """What is no flow is refused, in words."""
    with pytest.raises(InputError) as caught:
        flow_input(*REFUSED[text])  # type: ignore[arg-type]

    assert text == str(caught.value)


@pytest.mark.parametrize(
    ("key", "data", "text"),
    [
        (39, 36, "an RSS key of 39 bytes hashes 35 bytes at most, not 36"),
        (0, 1, "an RSS key of 0 bytes hashes 0 bytes at most, not 1"),
    ],
)
def test_short_key(key: int, data: int, text: str) -> None:
    """A key has to reach 32 bits beyond what is hashed."""
    with pytest.raises(InputError) as caught:
        toeplitz(bytes(key), bytes(data))

    assert text == str(caught.value)


@given(st.binary(min_size=40, max_size=52), st.binary(max_size=36), st.binary(max_size=36))
def test_linear(key: bytes, one: bytes, other: bytes) -> None:
    """The hash of two inputs XORed is the two hashes XORed, and nothing hashes to 0."""
    size = min(len(one), len(other))
    one, other = one[:size], other[:size]
    both = bytes(a ^ b for a, b in zip(one, other, strict=True))

    assert toeplitz(key, both) == toeplitz(key, one) ^ toeplitz(key, other)
    assert 0 == toeplitz(key, bytes(size))


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
def test_symmetric(one: bytes, other: bytes) -> None:
    """Transformed, both directions of a flow have one hash."""
    for xfrm in ("symmetric-xor", "symmetric-or-xor"):
        there = flow_input(one, other, (7, 9), xfrm)
        back = flow_input(other, one, (9, 7), xfrm)

        assert there == back
