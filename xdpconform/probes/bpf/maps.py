# SPDX-License-Identifier: MIT
"""BPF maps: what programs and we share."""

from __future__ import annotations

import errno
import re
from functools import cache
from struct import Struct, error, pack
from typing import TYPE_CHECKING, ClassVar, Final

from xdpconform.errors import InputError, SourceError
from xdpconform.probes.bpf.syscall import (
    BPF_MAP_CREATE,
    BPF_MAP_DELETE_ELEM,
    BPF_MAP_GET_NEXT_KEY,
    BPF_MAP_LOOKUP_ELEM,
    BPF_MAP_UPDATE_ELEM,
    BpfError,
    Descriptor,
    address,
    bpf,
    buffer,
    info,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from xdpconform.probes.bpf.insn import Descriptor as HasDescriptor

# enum bpf_map_type, include/uapi/linux/bpf.h
BPF_MAP_TYPE_HASH: Final = 1
BPF_MAP_TYPE_ARRAY: Final = 2
BPF_MAP_TYPE_PERCPU_ARRAY: Final = 6
BPF_MAP_TYPE_DEVMAP: Final = 14
BPF_MAP_TYPE_CPUMAP: Final = 16
BPF_MAP_TYPE_XSKMAP: Final = 17
BPF_MAP_TYPE_DEVMAP_HASH: Final = 25

BPF_OBJ_NAME_LEN: Final = 16
U32: Final = Struct("=I")
U64: Final = Struct("=Q")
BPF_DEVMAP_VAL: Final = Struct("=Ii")
"""struct bpf_devmap_val: ifindex, bpf_prog.fd"""
BPF_CPUMAP_VAL: Final = Struct("=Ii")
"""struct bpf_cpumap_val: qsize, bpf_prog.fd"""

POSSIBLE: Final = "/sys/devices/system/cpu/possible"
_NAME: Final = re.compile(r"[A-Za-z0-9_.]{0,15}")


def object_name(name: str) -> bytes:
    """A program's or map's name as the kernel takes it (bpf_obj_name_cpy, kernel/bpf/syscall.c).

    Raises:
        InputError: longer than 15 characters, or others than letters, digits, ``_`` and ``.``.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"the BPF name {name!r} is none: up to 15 letters, digits, underscores and dots"
        )
    return name.encode().ljust(BPF_OBJ_NAME_LEN, b"\0")


@cache
def possible_cpus(path: str = POSSIBLE) -> tuple[int, ...]:
    """The CPUs that per-CPU maps have values for (Documentation/admin-guide/cputopology.rst).

    Raises:
        SourceError: the list cannot be read.
    """
    try:
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
        cpus: list[int] = []
        for part in text.split(","):
            first, dash, last = part.partition("-")
            cpus += range(int(first), int(last if dash else first) + 1)
    except (OSError, ValueError) as problem:
        raise SourceError(f"{path}: no list of CPUs: {problem}") from problem
    return tuple(cpus)


class Map(Descriptor):
    """A map; keys and values are bytes as the kernel has them.

    Args:
        map_type: of ``enum bpf_map_type``.
        key_size: in bytes.
        value_size: in bytes, as programs see it.
        max_entries: how many entries it holds.
        name: up to 15 letters, digits, ``_`` and ``.``; bpftool(8) shows it.

    Raises:
        BpfError: the kernel refused to make it.
        InputError: the name cannot be one.
    """

    def __init__(
        self,
        map_type: int,
        key_size: int,
        value_size: int,
        max_entries: int,
        *,
        name: str = "xdpconform",
    ) -> None:
        self.name: Final = name
        self.key_size: Final = key_size
        self.value_size: Final = value_size
        self.max_entries: Final = max_entries
        self._user_size = value_size
        # struct { __u32 map_type, key_size, value_size, max_entries, map_flags, inner_map_fd,
        #          numa_node; char map_name[BPF_OBJ_NAME_LEN]; ... }
        attr = pack("=7I", map_type, key_size, value_size, max_entries, 0, 0, 0)
        what = f"map {name!r}"
        super().__init__(bpf(BPF_MAP_CREATE, attr + object_name(name) + bytes(4), what), what)

    def __enter__(self) -> Self:
        return self

    @property
    def id(self) -> int:
        """Its number in the system, which tracepoints tell (``bpf_map_info.id``)."""
        found: int = U32.unpack_from(info(self.fd, 8, f"map {self.name!r}: info"), 4)[0]
        return found

    def _element(self, command: int, what: str, key: bytes, value: int, flags: int = 0) -> None:
        if len(key) != self.key_size:
            raise InputError(
                f"map {self.name!r}: a key of {len(key)} bytes, {self.key_size} needed"
            )
        keep = buffer(key)
        # struct { __u32 map_fd; __aligned_u64 key; union { value; next_key; }; __u64 flags; }
        attr = pack("=IxxxxQQQ", self.fd, address(keep), value, flags)
        bpf(command, attr, f"map {self.name!r}: {what} {key.hex()}")

    def lookup(self, key: bytes) -> bytes | None:
        """An entry's value; None if there is no such entry.

        Raises:
            BpfError: the kernel refused.
            InputError: a key of another size.
        """
        value = buffer(bytes(self._user_size))
        try:
            self._element(BPF_MAP_LOOKUP_ELEM, "look up", key, address(value))
        except BpfError as problem:
            if problem.errno == errno.ENOENT:
                return None
            raise
        return value.raw

    def update(self, key: bytes, value: bytes, *, flags: int = 0) -> None:
        """Make an entry or change it.

        Raises:
            BpfError: the kernel refused.
            InputError: a key or value of another size.
        """
        if len(value) != self._user_size:
            raise InputError(
                f"map {self.name!r}: a value of {len(value)} bytes, {self._user_size} needed"
            )
        keep = buffer(value)
        self._element(BPF_MAP_UPDATE_ELEM, "update", key, address(keep), flags)

    def delete(self, key: bytes) -> bool:
        """Remove an entry; whether it was there.

        Raises:
            BpfError: the kernel refused.
            InputError: a key of another size.
        """
        try:
            self._element(BPF_MAP_DELETE_ELEM, "delete", key, 0)
        except BpfError as problem:
            if problem.errno == errno.ENOENT:
                return False
            raise
        return True

    def keys(self) -> Iterator[bytes]:
        """The keys there are; entries that come and go meanwhile may be missed.

        Raises:
            BpfError: the kernel refused.
        """
        found = buffer(bytes(self.key_size))
        # the first call has no key
        attr = pack("=IxxxxQQQ", self.fd, 0, address(found), 0)
        what = f"map {self.name!r}: next key"
        for _number in range(self.max_entries):
            try:
                bpf(BPF_MAP_GET_NEXT_KEY, attr, what)
            except BpfError as problem:
                if problem.errno == errno.ENOENT:
                    return
                raise
            key = found.raw
            yield key
            last = buffer(key)
            attr = pack("=IxxxxQQQ", self.fd, address(last), address(found), 0)


class Hash(Map):
    """BPF_MAP_TYPE_HASH: see `Map`."""

    def __init__(
        self, key_size: int, value_size: int, max_entries: int, *, name: str = "xdpconform"
    ) -> None:
        super().__init__(BPF_MAP_TYPE_HASH, key_size, value_size, max_entries, name=name)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every entry."""
        for key in self.keys():
            value = self.lookup(key)
            if value is not None:
                yield key, value

    def clear(self) -> None:
        """Remove every entry."""
        for key in list(self.keys()):
            self.delete(key)


class Array(Map):
    """BPF_MAP_TYPE_ARRAY: values numbered from 0, all zero at first."""

    def __init__(self, value_size: int, max_entries: int = 1, *, name: str = "xdpconform") -> None:
        super().__init__(BPF_MAP_TYPE_ARRAY, 4, value_size, max_entries, name=name)

    def get(self, index: int) -> bytes:
        """A value.

        Raises:
            InputError: there is no such index.
        """
        return _get(self, index)

    def set(self, index: int, value: bytes) -> None:
        """Set a value."""
        self.update(_key(self, index), value)

    def clear(self) -> None:
        """All values back to zero."""
        for index in range(self.max_entries):
            self.set(index, bytes(self.value_size))


class PerCpuArray(Map):
    """BPF_MAP_TYPE_PERCPU_ARRAY: u64 slots numbered from 0, one set a CPU, all zero at first.

    Args:
        value_size: 8, the size of a slot.
        max_entries: how many slots there are.
        name: see `Map`.

    Raises:
        InputError: slots of another size.
    """

    def __init__(
        self, value_size: int = 8, max_entries: int = 4, *, name: str = "xdpconform"
    ) -> None:
        if value_size != U64.size:
            raise InputError(f"map {name!r}: slots of {value_size} bytes; they have 8, an u64")
        super().__init__(BPF_MAP_TYPE_PERCPU_ARRAY, 4, value_size, max_entries, name=name)
        self._user_size = value_size * len(possible_cpus())

    def per_cpu(self, index: int) -> tuple[int, ...]:
        """A slot on each possible CPU.

        Raises:
            InputError: there is no such index.
        """
        return tuple(value for (value,) in U64.iter_unpack(_get(self, index)))

    def total(self, index: int) -> int:
        """A slot's sum over all CPUs.

        Raises:
            InputError: there is no such index.
        """
        return sum(self.per_cpu(index)) & 0xFFFFFFFFFFFFFFFF

    def totals(self) -> tuple[int, ...]:
        """Every slot's sum over all CPUs."""
        return tuple(self.total(index) for index in range(self.max_entries))

    def clear(self) -> None:
        """All slots back to zero."""
        for index in range(self.max_entries):
            self.update(_key(self, index), bytes(self._user_size))


class _Targets(Map):
    """Maps that frames are redirected by."""

    TYPE: ClassVar[int]
    VALUE: ClassVar[int] = 8

    def __init__(self, max_entries: int = 1, *, name: str = "xdpconform") -> None:
        super().__init__(self.TYPE, 4, self.VALUE, max_entries, name=name)

    def remove(self, key: int) -> bool:
        """Remove an entry; whether it was there (arrays always say so)."""
        return self.delete(_u32(self, "key", key))


class DevMap(_Targets):
    """BPF_MAP_TYPE_DEVMAP: network interfaces numbered from 0.

    The kernel looks an ifindex up in the network namespace of the thread that calls `set`
    (dev_map_update_elem, kernel/bpf/devmap.c).
    """

    TYPE = BPF_MAP_TYPE_DEVMAP

    def set(self, key: int, ifindex: int, program: HasDescriptor | None = None) -> None:
        """Frames for `key` leave by an interface.

        Args:
            key: the entry.
            ifindex: the interface's number.
            program: runs on each frame before; loaded with `BPF_XDP_DEVMAP`.

        Raises:
            BpfError: the kernel refused (EINVAL: no such interface, or another kind of program).
        """
        # no program is 0 or below (__dev_map_alloc_node, kernel/bpf/devmap.c)
        value = BPF_DEVMAP_VAL.pack(ifindex, program.fd if program else 0)
        self.update(_u32(self, "key", key), value)


class DevMapHash(DevMap):
    """BPF_MAP_TYPE_DEVMAP_HASH: as `DevMap`, with any 32-bit numbers as keys."""

    TYPE = BPF_MAP_TYPE_DEVMAP_HASH


class CpuMap(_Targets):
    """BPF_MAP_TYPE_CPUMAP: CPUs by their numbers."""

    TYPE = BPF_MAP_TYPE_CPUMAP

    def set(self, cpu: int, qsize: int = 2048, program: HasDescriptor | None = None) -> None:
        """Frames for `cpu` go on there.

        Args:
            cpu: the CPU's number.
            qsize: how many frames may wait, 1 to 16384.
            program: runs on each frame there; loaded with `BPF_XDP_CPUMAP`.

        Raises:
            BpfError: the kernel refused (6.18 says ENOMEM to another kind of program).
        """
        value = BPF_CPUMAP_VAL.pack(qsize, program.fd if program else 0)
        self.update(_u32(self, "CPU", cpu), value)


class XskMap(_Targets):
    """BPF_MAP_TYPE_XSKMAP: AF_XDP sockets, mostly by receive queue."""

    TYPE = BPF_MAP_TYPE_XSKMAP
    VALUE = 4

    def set(self, key: int, sock: int) -> None:
        """Frames for `key` go to an AF_XDP socket.

        Raises:
            BpfError: the kernel refused (ENOTSOCK, EOPNOTSUPP: no AF_XDP socket).
        """
        self.update(_u32(self, "key", key), U32.pack(sock))


def _u32(of: Map, what: str, value: int) -> bytes:
    try:
        return U32.pack(value)
    except error as problem:
        raise InputError(f"map {of.name!r}: {what} {value} does not fit 32 bits") from problem


def _key(of: Map, index: int) -> bytes:
    if not 0 <= index < of.max_entries:
        raise InputError(f"map {of.name!r}: no index {index}; there are 0 to {of.max_entries - 1}")
    return U32.pack(index)


def _get(of: Map, index: int) -> bytes:
    value = of.lookup(_key(of, index))
    if value is None:
        raise SourceError(f"map {of.name!r}: no value at {index}, and arrays always have one")
    return value
