# SPDX-License-Identifier: MIT
"""Type information: read right, or refused in words."""

from __future__ import annotations

import contextlib
import sys
from functools import cache
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpconform.errors import SourceError
from xdpconform.probes.bpf import Btf, Kfuncs
from xdpconform.probes.bpf.btf import VMLINUX

STRINGS = b"\0outer\0inner\0flag\0deep\0run\0u32\0"


def at(name: str) -> int:
    """Where a string is."""
    return STRINGS.index(b"\0" + name.encode() + b"\0") + 1


def kind(name: str, number: int, vlen: int, size: int, *, flag: int = 0) -> bytes:
    """A struct btf_type."""
    return pack("=III", at(name) if name else 0, flag << 31 | number << 24 | vlen, size)


def member(name: str, of: int, bits: int) -> bytes:
    """A struct btf_member."""
    return pack("=III", at(name) if name else 0, of, bits)


TYPES = b"".join(
    (
        kind("u32", 1, 0, 4) + pack("=I", 32),  # 1: int
        kind("", 4, 1, 8) + member("deep", 1, 32),  # 2: anonymous struct
        kind("", 5, 2, 8) + member("inner", 1, 0) + member("", 2, 0),  # 3: anonymous union
        kind("outer", 4, 3, 24, flag=1)  # 4: struct outer
        + member("u32", 1, 0)
        + member("flag", 1, 3 << 24 | 37)
        + member("", 3, 64),
        kind("", 13, 0, 0),  # 5: func_proto
        kind("run", 12, 1, 5),  # 6: func
        kind("flag", 19, 1, 8) + pack("=III", at("deep"), 6, 0),  # 7: enum64
    )
)


def image(types: bytes = TYPES, strings: bytes = STRINGS) -> bytes:
    """A whole file."""
    head = pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    return head + types + strings


def test_numbers() -> None:
    """Functions by name; other kinds of the same name do not count."""
    btf = Btf(image())

    assert (6, None, None, None) == tuple(btf.func(x) for x in ("run", "outer", "ru", ""))


@pytest.mark.parametrize(("name", "offset"), [("u32", 0), ("inner", 8), ("deep", 12)])
def test_offsets(name: str, offset: int) -> None:
    """Members by name, also inside anonymous ones."""
    assert offset == Btf(image()).offset("outer", name)


ERRORS = {
    "no struct": ("none", "deep", "BTF: no struct none"),
    "function": ("run", "deep", "BTF: no struct run"),
    "no member": ("outer", "run", "BTF: struct outer has no member run"),
    "bit field": ("outer", "flag", "BTF: struct outer: flag is a bit field"),
}


@pytest.mark.parametrize(("struct", "name", "text"), ERRORS.values(), ids=list(ERRORS))
def test_no_offset(struct: str, name: str, text: str) -> None:
    """What is not there is refused by name."""
    with pytest.raises(SourceError) as caught:
        Btf(image()).offset(struct, name)

    assert text == str(caught.value)


OTHER_ORDER = (
    "BTF: magic 0x9feb in place of 0xeb9f: no BTF, or of another byte order than " + sys.byteorder
)

BROKEN = {
    "empty": (b"", "BTF: 0 bytes, 24 needed for a header"),
    "other order": (image()[1::-1] + image()[2:], OTHER_ORDER),
    "version": (image()[:2] + b"\2" + image()[3:], "BTF: BTF version 2; 1 is known"),
    "strings cut": (
        image()[:-1],
        f"BTF: strings end at byte {len(image())}, beyond the {len(image()) - 1} there are",
    ),
    "types cut": (
        image(TYPES[:-4]),
        f"BTF: type 7 ends at word {len(TYPES) // 4}, and the types at word {len(TYPES) // 4 - 1}",
    ),
    "odd": (
        image(TYPES[:-1]),
        f"BTF: types of {len(TYPES) - 1} bytes are no whole number of words",
    ),
    "kind": (image(kind("run", 20, 0, 0)), "BTF: type 1 is of the unknown kind 20"),
}


@pytest.mark.parametrize(("data", "text"), BROKEN.values(), ids=list(BROKEN))
def test_broken(data: bytes, text: str) -> None:
    """A file that breaks the format is refused, and says where."""
    with pytest.raises(SourceError) as caught:
        Btf(data)

    assert text == str(caught.value)


@pytest.mark.parametrize("size", range(len(image())))
def test_truncated(size: int) -> None:
    """A file cut anywhere is refused."""
    with pytest.raises(SourceError):
        Btf(image()[:size])


def ask(data: bytes) -> None:
    """Everything that can be asked."""
    btf = Btf(data)
    btf.func("run")
    for name in ("deep", "flag", "run"):
        with contextlib.suppress(SourceError):
            btf.offset("outer", name)


@given(st.binary(max_size=256))
def test_any_types(types: bytes) -> None:
    """Any bytes as types are refused or read."""
    with contextlib.suppress(SourceError):
        ask(image(types))


@given(st.data())
def test_flipped(data: st.DataObject) -> None:
    """A file with any byte changed is refused or read."""
    broken = bytearray(image())
    broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))

    with contextlib.suppress(SourceError):
        ask(bytes(broken))


def test_circle() -> None:
    """A struct that is its own anonymous member ends."""
    circle = kind("outer", 4, 1, 8) + member("", 1, 0)

    with pytest.raises(SourceError, match=r"^BTF: struct outer has no member deep$"):
        Btf(image(circle)).offset("outer", "deep")


def test_no_file(tmp_path: Path) -> None:
    """A kernel without type information: says what it needs."""
    path = str(tmp_path / "vmlinux")

    with pytest.raises(SourceError) as caught:
        Btf.load(path)

    assert str(caught.value) == (
        f"no type information of the kernel: {path}: No such file or directory; it needs a kernel"
        " built with CONFIG_DEBUG_INFO_BTF"
    )


@cache
def kernel() -> Btf:
    """The running kernel's."""
    if not Path(VMLINUX).exists():
        pytest.skip("the kernel has no type information")
    return Btf.load()


def test_kernel() -> None:
    """The running kernel's: read once, and what everybody knows of it is right."""
    btf = kernel()

    assert btf is Btf.load()
    assert 0 == btf.offset("list_head", "next")
    assert btf.offset("list_head", "prev") in (4, 8)
    assert 0 < btf.offset("net_device", "ifindex")
    assert btf.func("no_such_function") is None
    assert None not in Kfuncs.find()
    assert 3 == len(set(Kfuncs.find()))
