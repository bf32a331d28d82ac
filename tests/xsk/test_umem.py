# SPDX-License-Identifier: MIT
"""The umem: chunks taken and given back, addresses of both kinds, what cannot be."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import pytest

from xdpconform.errors import InputError
from xdpconform.probes.xsk import Umem
from xdpconform.probes.xsk.uapi import UMEM_REG
from xdpconform.probes.xsk.umem import huge_page

if TYPE_CHECKING:
    from pathlib import Path


def test_register() -> None:
    """What is registered is page aligned, whole chunks long, and has the flags it needs."""
    with Umem(3, 2048, 64, unaligned=True, tx_metadata_len=24, flags=2) as umem:
        address, *rest = UMEM_REG.unpack(umem.register())

    assert 0 == address % mmap.PAGESIZE
    assert [3 * 2048, 2048, 64, 1 | 2 | 4, 24] == rest


def test_chunks() -> None:
    """Chunks are taken from the first on, all or none, and come back by any address in them."""
    with Umem(4, 2048) as umem:
        assert [0, 2048, 4096] == umem.take(3)
        assert [] == umem.take(2)
        umem.give([2048 + 256, 4096 + 2047])
        assert 3 == umem.free
        assert {2048, 4096, 6144} == set(umem.take(3))


@pytest.mark.parametrize(
    ("unaligned", "address", "place", "base"),
    [
        (False, 4096 + 300, 4396, 4096),
        (True, 4096 + 300, 4396, 4096),
        (True, 4096 | 300 << 48, 4396, 4096),
    ],
)
def test_addresses(unaligned: bool, address: int, place: int, base: int) -> None:
    """An address leads to its place, also with an offset in its upper bits."""
    with Umem(4, 4096, unaligned=unaligned) as umem:
        umem.write(place, b"frame")

        assert b"frame" == umem.read(address, 5)
        assert place == umem.place(address)
        assert base == umem.base(address)


@pytest.mark.parametrize(("address", "length"), [(-1, 1), (8192, 1), (8191, 2), (0, 8193)])
def test_beyond(address: int, length: int) -> None:
    """Nothing is read or written beyond the umem."""
    expected = f"address {address:#x}, {length} bytes: the umem has 0x2000 bytes"
    with Umem(2, 4096) as umem:
        for touch in (
            lambda: umem.read(address, length),
            lambda: umem.write(address, bytes(length)),
        ):
            with pytest.raises(InputError) as caught:
                touch()

            assert expected == str(caught.value)


@pytest.mark.parametrize(("frames", "chunk"), [(0, 4096), (4, 0), (-1, 2048)])
def test_nothing(frames: int, chunk: int) -> None:
    """A umem without memory is refused."""
    with pytest.raises(InputError) as caught:
        Umem(frames, chunk)

    expected = f"a umem of {frames} chunks of {chunk} bytes: both must be above 0"
    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Hugepagesize:    1048576 kB\n", 1 << 30), ("MemTotal: 1 kB\n", 2 << 20)],
)
def test_huge_page(tmp_path: Path, text: str, expected: int) -> None:
    """The size of huge pages is the kernel's word, or the usual one."""
    path = tmp_path / "meminfo"
    path.write_text(text)

    assert expected == huge_page(str(path))
    assert 2 << 20 == huge_page(str(tmp_path / "none"))
