# SPDX-License-Identifier: MIT
"""Maps hold what is put in, and refuse the rest in words."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bpf.places import inside
from tests.namespaces import private_namespace, unavailable
from xdpconform.errors import InputError, SourceError
from xdpconform.probes.bpf import (
    BPF_XDP_CPUMAP,
    BPF_XDP_DEVMAP,
    Array,
    BpfError,
    CpuMap,
    DevMap,
    DevMapHash,
    Hash,
    Map,
    PerCpuArray,
    Program,
    XskMap,
    programs,
)
from xdpconform.probes.bpf.maps import possible_cpus

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=f"BPF {unavailable()}")


def test_hash() -> None:
    """Entries come, change and go."""
    with Hash(4, 8, 4) as table:
        assert table.lookup(b"aaaa") is None
        table.update(b"aaaa", b"11111111")
        table.update(b"aaaa", b"22222222")
        table.update(b"bbbb", b"33333333")

        assert {b"aaaa": b"22222222", b"bbbb": b"33333333"} == dict(table.items())
        assert (True, False) == (table.delete(b"aaaa"), table.delete(b"aaaa"))
        table.clear()
        assert [] == list(table.items())


def test_array() -> None:
    """Values are zero at first and once cleared."""
    with Array(6, 2) as table:
        table.set(1, b"abcdef")

        assert (bytes(6), b"abcdef") == (table.get(0), table.get(1))
        table.clear()
        assert bytes(6) == table.get(1)


def test_per_cpu() -> None:
    """A slot has a value for each possible CPU; the total is their sum, of 64 bits."""
    cpus = len(possible_cpus())
    with PerCpuArray(8, 2) as table:
        values = [(1 << 64) - 1, *range(cpus - 1)]
        table.update(struct.pack("=I", 1), struct.pack(f"={cpus}Q", *values))

        assert tuple(values) == table.per_cpu(1)
        assert (0, sum(values) & (1 << 64) - 1) == table.totals()
        table.clear()
        assert (0, 0) == table.totals()


@pytest.mark.parametrize(
    ("text", "cpus"), [("0", (0,)), ("0-3", (0, 1, 2, 3)), ("0,2-3,8\n", (0, 2, 3, 8))]
)
def test_possible(tmp_path: Path, text: str, cpus: tuple[int, ...]) -> None:
    """Lists of CPUs as sysfs has them."""
    file = tmp_path / "possible"
    file.write_text(text)

    assert cpus == possible_cpus(str(file))


@pytest.mark.parametrize("text", ["", "a", "0-", "-1"])
def test_no_cpus(tmp_path: Path, text: str) -> None:
    """What is no list of CPUs is refused by name."""
    file = tmp_path / "possible"
    file.write_text(text)

    with pytest.raises(SourceError, match=r"possible: no list of CPUs: invalid literal"):
        possible_cpus(str(file))


def test_targets() -> None:
    """Interfaces are looked up where the caller is; programs in entries must be of their kind."""
    with private_namespace() as made:
        made.pairs(1)
        ifindex = made.index("v0b")
        with (
            DevMap(2) as devices,
            DevMapHash(2) as hashed,
            Program.load(
                programs.passes(), name="egress", expected_attach_type=BPF_XDP_DEVMAP
            ) as egress,
        ):
            inside(made, lambda: devices.set(1, ifindex, egress))
            inside(made, lambda: hashed.set(0xFFFFFFFF, ifindex))

            assert (ifindex, egress.id) == struct.unpack("=II", devices.lookup(b"\1\0\0\0") or b"")
            assert (ifindex, 0) == struct.unpack("=II", hashed.lookup(b"\xff" * 4) or b"")
            assert hashed.remove(0xFFFFFFFF)
            assert not hashed.remove(0xFFFFFFFF)


def test_cpus() -> None:
    """A CPU can have a queue and a program of its own."""
    with (
        CpuMap(1) as cpus,
        Program.load(
            programs.passes(), name="second", expected_attach_type=BPF_XDP_CPUMAP
        ) as second,
    ):
        cpus.set(0, 192, second)

        assert (192, second.id) == struct.unpack("=II", cpus.lookup(bytes(4)) or b"")


def test_ids() -> None:
    """Each map has a number of its own."""
    with Array(4) as one, Array(4) as other:
        assert 0 < one.id != other.id > 0


REFUSALS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "key": (
        lambda: Hash(4, 4, 1).lookup(b"abc"),
        InputError,
        "map 'xdpconform': a key of 3 bytes, 4 needed",
    ),
    "value": (
        lambda: Hash(4, 4, 1, name="h").update(b"abcd", b"abc"),
        InputError,
        "map 'h': a value of 3 bytes, 4 needed",
    ),
    "index": (
        lambda: Array(4, 2).get(2),
        InputError,
        "map 'xdpconform': no index 2; there are 0 to 1",
    ),
    "slot": (
        lambda: PerCpuArray(4, 2),
        InputError,
        "map 'xdpconform': slots of 4 bytes; they have 8, an u64",
    ),
    "negative": (
        lambda: DevMap(1).set(-1, 1),
        InputError,
        "map 'xdpconform': key -1 does not fit 32 bits",
    ),
    "name": (
        lambda: Array(4, name="a name too long"),
        InputError,
        "the BPF name 'a name too long' is none: up to 15 letters, digits, underscores and dots",
    ),
    "no device": (
        lambda: DevMap(1).set(0, 0x7FFFFFFF),
        BpfError,
        "map 'xdpconform': update 00000000: the kernel said EINVAL (Invalid argument)",
    ),
    "no entries": (
        lambda: Array(4, 0),
        BpfError,
        "map 'xdpconform': the kernel said EINVAL (Invalid argument)",
    ),
}


@pytest.mark.parametrize(("do", "kind", "text"), REFUSALS.values(), ids=list(REFUSALS))
def test_refusals(do: Callable[[], object], kind: type[Exception], text: str) -> None:
    """What cannot be done is refused in words."""
    with pytest.raises(kind) as caught:
        do()

    assert text == str(caught.value)


def test_full() -> None:
    """A table that is full says so by errno."""
    with Hash(4, 4, 1) as table:
        table.update(b"aaaa", bytes(4))
        with pytest.raises(BpfError) as caught:
            table.update(b"bbbb", bytes(4))

    assert (errno.E2BIG, "E2BIG") == (caught.value.errno, caught.value.name)


def test_no_socket() -> None:
    """An XSKMAP takes AF_XDP sockets only."""
    with XskMap(1) as table, open(os.devnull, "rb") as file, pytest.raises(BpfError) as caught:
        table.set(0, file.fileno())

    assert errno.ENOTSOCK == caught.value.errno


def test_closed() -> None:
    """A closed map has no descriptor; it may be closed again."""
    table: Map = Array(4)
    table.close()
    table.close()

    with pytest.raises(SourceError, match=r"^map 'xdpconform' is closed$"):
        _ = table.fd


def test_close_on_exec() -> None:
    """No descriptor goes to other programs."""
    with (
        Array(4) as table,
        Program.load(programs.passes(), name="passes") as program,
    ):
        assert [False, False] == [os.get_inheritable(one.fd) for one in (table, program)]
