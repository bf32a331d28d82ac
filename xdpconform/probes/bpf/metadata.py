# SPDX-License-Identifier: MIT
"""The program that asks a driver for the metadata of received frames.

It calls the kfuncs of net/core/xdp.c, so it must be loaded for one device (`dev_bound`), and runs
on that device's driver only, natively. See Documentation/networking/xdp-rx-metadata.rst.
"""

from __future__ import annotations

from struct import Struct, pack
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.probes.bpf.btf import Btf
from xdpconform.probes.bpf.insn import (
    BPF_ADD,
    BPF_DW,
    BPF_H,
    BPF_W,
    R0,
    R1,
    R2,
    R3,
    R6,
    R8,
    R10,
)
from xdpconform.probes.bpf.programs import XDP_PASS, finish, lookup, ours

if TYPE_CHECKING:
    from xdpconform.probes.bpf.insn import Descriptor

METADATA: Final = Struct("=QQIIHHiii")
"""The value of the program's map: u64 frames, u64 timestamp, u32 hash, u32 rss_type,
__be16 vlan_proto, u16 vlan_tci, s32 of what each kfunc returned"""
ABSENT: Final = 1
"""Returned in place of a kfunc that this kernel has not; kfuncs return 0 or less."""

# The stack, below what `ours` uses.
_TIMESTAMP: Final = -40
_HASH: Final = -48
_RSS_TYPE: Final = -44
_PROTO: Final = -56
_TCI: Final = -54


class Kfuncs(NamedTuple):
    """Numbers of the kfuncs in the kernel's type information; None where it has no such."""

    timestamp: int | None
    """bpf_xdp_metadata_rx_timestamp"""
    hash: int | None
    """bpf_xdp_metadata_rx_hash"""
    vlan_tag: int | None
    """bpf_xdp_metadata_rx_vlan_tag"""

    @classmethod
    def find(cls, btf: Btf | None = None) -> Kfuncs:
        """Those of the running kernel.

        Raises:
            SourceError: it has no type information.
        """
        types = btf or Btf.load()
        return cls(*(types.func(f"bpf_xdp_metadata_rx_{name}") for name in cls._fields))


class Metadata(NamedTuple):
    """What the last frame's metadata were."""

    frames: int
    """How many frames were seen."""
    timestamp: int
    """Nanoseconds of the NIC's clock; means something only if `timestamp_err` is 0."""
    hash: int
    rss_type: int
    """enum xdp_rss_hash_type, include/net/xdp.h"""
    vlan_proto: int
    """0x8100, 0x88a8"""
    vlan_tci: int
    timestamp_err: int | None
    """What the kfunc returned: 0, or a negative errno: -EOPNOTSUPP (the driver has no such
    metadata), -ENODATA (not for this frame); None: no such kfunc in this kernel."""
    hash_err: int | None
    vlan_err: int | None

    @classmethod
    def pull(cls, value: bytes) -> Metadata:
        """From the map's value."""
        frames, timestamp, rx_hash, rss_type, proto, tci, *returned = METADATA.unpack(value)
        vlan_proto = int.from_bytes(pack("=H", proto), "big")
        errs = [None if code == ABSENT else code for code in returned]
        return cls(frames, timestamp, rx_hash, rss_type, vlan_proto, tci, *errs)


def metadata(results: Descriptor, kfuncs: Kfuncs, action: int = XDP_PASS) -> bytes:
    """Ask for every kind of metadata, write down what came, and return `action`.

    Args:
        results: an `Array` of one value, see `METADATA`; frames on several queues at once overwrite
            each other's.
        kfuncs: which there are.
        action: what to return.
    """
    asm = ours()
    lookup(asm, results, 0)
    asm.BPF_MOV64_REG(R8, R0)
    for at in (_TIMESTAMP, _HASH, _PROTO):
        asm.BPF_ST_MEM(BPF_DW, R10, at, 0)
    calls = (
        (kfuncs.timestamp, (_TIMESTAMP,), 28),
        (kfuncs.hash, (_HASH, _RSS_TYPE), 32),
        (kfuncs.vlan_tag, (_PROTO, _TCI), 36),
    )
    for kfunc, places, returned in calls:
        if kfunc is None:
            asm.BPF_ST_MEM(BPF_W, R8, returned, ABSENT)
            continue
        asm.BPF_MOV64_REG(R1, R6)
        for register, place in zip((R2, R3), places, strict=False):
            asm.BPF_MOV64_REG(register, R10)
            asm.BPF_ALU64_IMM(BPF_ADD, register, place)
        asm.BPF_CALL_KFUNC(kfunc)
        asm.BPF_STX_MEM(BPF_W, R8, R0, returned)
    for size, source, target in (
        (BPF_DW, _TIMESTAMP, 8),
        (BPF_W, _HASH, 16),
        (BPF_W, _RSS_TYPE, 20),
        (BPF_H, _PROTO, 24),
        (BPF_H, _TCI, 26),
    ):
        asm.BPF_LDX_MEM(size, R1, R10, source)
        asm.BPF_STX_MEM(size, R8, R1, target)
    asm.BPF_MOV64_IMM(R1, 1)
    asm.BPF_ATOMIC_OP(BPF_DW, BPF_ADD, R8, R1, 0)
    asm.BPF_MOV64_IMM(R0, action)
    return finish(asm)
