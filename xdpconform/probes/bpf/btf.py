# SPDX-License-Identifier: MIT
"""The kernel's own type information: numbers of kfuncs, offsets of struct members.

Format: Documentation/bpf/btf.rst and include/uapi/linux/btf.h. A kernel has some 100 000 types;
only where each begins is found out, then names are searched for as bytes.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Final

from xdpconform.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

VMLINUX: Final = "/sys/kernel/btf/vmlinux"
LIMIT: Final = 1 << 28
"""Bytes; vmlinux has 5 to 10 million."""

BTF_HEADER: Final = Struct("=HBBIIIII")
"""struct btf_header: magic, version, flags, hdr_len, type_off, type_len, str_off, str_len"""
BTF_MAGIC: Final = 0xEB9F
BTF_VERSION: Final = 1

BTF_KIND_STRUCT: Final = 4
BTF_KIND_UNION: Final = 5
BTF_KIND_FUNC: Final = 12

_TYPE_WORDS: Final = 3
"""struct btf_type: name_off, info, size or type"""
_KINDS: Final = {
    1: (1, 0),  # INT: a word
    2: (0, 0),  # PTR
    3: (3, 0),  # ARRAY: struct btf_array
    4: (0, 3),  # STRUCT: a struct btf_member each
    5: (0, 3),  # UNION
    6: (0, 2),  # ENUM: a struct btf_enum each
    7: (0, 0),  # FWD
    8: (0, 0),  # TYPEDEF
    9: (0, 0),  # VOLATILE
    10: (0, 0),  # CONST
    11: (0, 0),  # RESTRICT
    12: (0, 0),  # FUNC: vlen is its linkage
    13: (0, 2),  # FUNC_PROTO: a struct btf_param each
    14: (1, 0),  # VAR: struct btf_var
    15: (0, 3),  # DATASEC: a struct btf_var_secinfo each
    16: (0, 0),  # FLOAT
    17: (1, 0),  # DECL_TAG: struct btf_decl_tag
    18: (0, 0),  # TYPE_TAG
    19: (0, 3),  # ENUM64: a struct btf_enum64 each
}
"""Words after a btf_type, by kind: always, and for each of vlen."""
_UNKNOWN: Final = 1 << 40
"""More words than there are: the walk ends at a kind it does not know."""
_FIXED: Final = tuple(_TYPE_WORDS + _KINDS.get(kind, (_UNKNOWN, 0))[0] for kind in range(32))
_EACH: Final = tuple(_KINDS.get(kind, (0, 0))[1] for kind in range(32))
_DEPTH: Final = 32
"""Anonymous members inside each other; the kernel has 4."""


class Btf:
    """Type information.

    Args:
        data: a file as /sys/kernel/btf has them.
        path: its name, for errors.

    Raises:
        SourceError: it breaks the format.
    """

    def __init__(self, data: bytes, path: str = "BTF") -> None:
        self._path = path
        if len(data) < BTF_HEADER.size:
            raise SourceError(f"{path}: {len(data)} bytes, {BTF_HEADER.size} needed for a header")
        magic, version, _flags, hdr_len, type_off, type_len, str_off, str_len = (
            BTF_HEADER.unpack_from(data)
        )
        if magic != BTF_MAGIC:
            raise SourceError(
                f"{path}: magic {magic:#06x} in place of {BTF_MAGIC:#06x}: no BTF, or of another"
                f" byte order than {sys.byteorder}"
            )
        if version != BTF_VERSION:
            raise SourceError(f"{path}: BTF version {version}; {BTF_VERSION} is known")
        for what, start, size in (("types", type_off, type_len), ("strings", str_off, str_len)):
            if hdr_len + start + size > len(data):
                raise SourceError(
                    f"{path}: {what} end at byte {hdr_len + start + size}, beyond the"
                    f" {len(data)} there are"
                )
        if type_len % 4:
            raise SourceError(f"{path}: types of {type_len} bytes are no whole number of words")
        self._types = data[hdr_len + type_off : hdr_len + type_off + type_len]
        self._strings = data[hdr_len + str_off : hdr_len + str_off + str_len]
        self._words = memoryview(self._types).cast("I")
        self._starts = self._walk()

    @staticmethod
    def load(path: str = VMLINUX) -> Btf:
        """The running kernel's, read once a process.

        Raises:
            SourceError: the kernel has none, or it breaks the format.
        """
        return _load(path)

    def _walk(self) -> array[int]:
        """The word at which each type begins; the first has number 1."""
        words, end, fixed, each = self._words, len(self._words), _FIXED, _EACH
        starts = array("I")
        append, at = starts.append, 0
        while at < end - 2:
            append(at)
            info = words[at + 1]  # vlen in bits 0-15, kind in 24-28
            kind = info >> 24 & 0x1F
            at += fixed[kind] + (info & 0xFFFF) * each[kind]
        if at > _UNKNOWN:
            kind = words[starts[-1] + 1] >> 24 & 0x1F
            raise SourceError(f"{self._path}: type {len(starts)} is of the unknown kind {kind}")
        if at != end:
            raise SourceError(
                f"{self._path}: type {len(starts)} ends at word {at}, and the types at word {end}"
            )
        return starts

    def _named(self, name: str, kinds: tuple[int, ...]) -> Iterator[int]:
        """The numbers of the types of a name and kind."""
        wanted = name.encode()
        if not wanted or b"\0" in wanted:
            return
        offset = self._strings.find(b"\0" + wanted + b"\0") + 1
        if not offset:
            return
        needle = offset.to_bytes(4, sys.byteorder)
        at = self._types.find(needle)
        while at >= 0:
            number = bisect_left(self._starts, at // 4)
            if (
                at % 4 == 0
                and number < len(self._starts)
                and self._starts[number] == at // 4
                and self._kind(number + 1) in kinds
            ):
                yield number + 1
            at = self._types.find(needle, at + 1)

    def _kind(self, number: int) -> int:
        return self._words[self._starts[number - 1] + 1] >> 24 & 0x1F

    def func(self, name: str) -> int | None:
        """A function's number, which BPF_CALL_KFUNC takes; None if there is no such function."""
        return next(self._named(name, (BTF_KIND_FUNC,)), None)

    def offset(self, struct: str, member: str) -> int:
        """Where a member is in a struct or union, in bytes; also inside anonymous members.

        Raises:
            SourceError: there is no such struct or member, or the member is a bit field.
        """
        found = False
        for number in self._named(struct, (BTF_KIND_STRUCT, BTF_KIND_UNION)):
            found = True
            bits = self._member(number, member.encode(), _DEPTH)
            if bits is None:
                continue
            if bits % 8:
                raise SourceError(f"{self._path}: struct {struct}: {member} is a bit field")
            return bits // 8
        if found:
            raise SourceError(f"{self._path}: struct {struct} has no member {member}")
        raise SourceError(f"{self._path}: no struct {struct}")

    def _member(self, number: int, name: bytes, depth: int) -> int | None:
        """A member's offset in bits."""
        at = self._starts[number - 1]
        info = self._words[at + 1]
        bitfields = info >> 31  # kind_flag: the offset's upper 8 bits are a bit field's size
        for entry in range(at + _TYPE_WORDS, at + _TYPE_WORDS + 3 * (info & 0xFFFF), 3):
            name_off, inner, offset = self._words[entry : entry + 3]
            if bitfields:
                offset &= 0xFFFFFF
            if name_off:
                if self._strings.startswith(name + b"\0", name_off):
                    return offset
            elif (
                depth
                and 0 < inner <= len(self._starts)
                and self._kind(inner) in (BTF_KIND_STRUCT, BTF_KIND_UNION)
            ):
                bits = self._member(inner, name, depth - 1)
                if bits is not None:
                    return offset + bits
        return None


@cache
def _load(path: str) -> Btf:
    try:
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise SourceError(
            f"no type information of the kernel: {path}: {error.strerror}; it needs a kernel built"
            " with CONFIG_DEBUG_INFO_BTF"
        ) from error
    if len(data) > LIMIT:
        raise SourceError(f"{path}: more than {LIMIT} bytes: refused")
    return Btf(data, path)
