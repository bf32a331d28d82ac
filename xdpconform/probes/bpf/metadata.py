# SPDX-License-Identifier: MIT
"""The program that asks a driver for the metadata of received frames.

It calls the kfuncs of net/core/xdp.c, so it must be loaded for one device (`dev_bound`), and runs
on that device's driver only, natively. See Documentation/networking/xdp-rx-metadata.rst.

A hash wants frames with IP in them, so this program does not know its frames by their EtherType
but by a `MARKER`, which says whose run they are of and which frame it is. All others pass.
"""

from __future__ import annotations

from struct import Struct, pack
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import InputError
from xdpconform.probes.bpf.btf import Btf
from xdpconform.probes.bpf.insn import (
    BPF_ADD,
    BPF_DW,
    BPF_H,
    BPF_JEQ,
    BPF_JNE,
    BPF_TO_BE,
    BPF_W,
    R0,
    R1,
    R2,
    R3,
    R6,
    R8,
    R10,
    Assembler,
)
from xdpconform.probes.bpf.programs import (
    BPF_FUNC_MAP_LOOKUP_ELEM,
    H_PROTO,
    RX_QUEUE_INDEX,
    XDP_DROP,
    finish,
    load_bytes,
)

if TYPE_CHECKING:
    from xdpconform.probes.bpf.insn import Descriptor

MARKER: Final = Struct("!10s8sI")
"""What makes a frame ours: `MAGIC`, the run, and the frame's number."""
MAGIC: Final = b"xdpconform"
MARKER_AT: Final = 96
"""Where the marker begins, behind every header there may be."""
VLAN_HLEN: Final = 4
"""include/linux/if_vlan.h: by so much later, where a tag was left in the frame."""
METADATA: Final = Struct("=QQIIHHiiiIH2x")
"""A value of the program's map: u64 frames, u64 timestamp, u32 hash, u32 rss_type,
__be16 vlan_proto, u16 vlan_tci, s32 of what each kfunc returned, u32 queue, __be16 h_proto"""
ABSENT: Final = 1
"""Returned in place of a kfunc that this kernel has not; kfuncs return 0 or less."""

# The stack: a map's key, the marker with its run on 8 bytes, and what kfuncs write.
_KEY: Final = -4
_MARKER: Final = -50
_RUN: Final = -40
_NUMBER: Final = -32
_TIMESTAMP: Final = -64
_HASH: Final = -72
_RSS_TYPE: Final = -68
_PROTO: Final = -80
_TCI: Final = -78
_H_PROTO: Final = -82


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
    """What one frame's metadata were."""

    frames: int
    """How often the frame was seen."""
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
    queue: int
    """rx_queue_index of struct xdp_md"""
    h_proto: int
    """The frame's EtherType, as the program saw it: a tag's where that was left in the frame."""

    @classmethod
    def pull(cls, value: bytes) -> Metadata:
        """From the map's value."""
        frames, timestamp, rx_hash, rss_type, proto, tci, *more = METADATA.unpack(value)
        timestamp_err, hash_err, vlan_err, queue, h_proto = more
        return cls(
            frames,
            timestamp,
            rx_hash,
            rss_type,
            _host(proto),
            tci,
            _returned(timestamp_err),
            _returned(hash_err),
            _returned(vlan_err),
            queue,
            _host(h_proto),
        )


def _returned(code: int) -> int | None:
    return None if code == ABSENT else code


def _host(be16: int) -> int:
    return int.from_bytes(pack("=H", be16), "big")


def metadata(results: Descriptor, kfuncs: Kfuncs, run: bytes, action: int = XDP_DROP) -> bytes:
    """Ask for every kind of metadata of a run's frames, write down what came, and return `action`.

    A frame whose number is none of the map's passes, as those of others do.

    Args:
        results: an `Array`, see `METADATA`: a value for each number that a frame may have.
        kfuncs: which there are.
        run: the 8 bytes of the run.
        action: what to return; where frames have IP in them, the host shall not see them.

    Raises:
        InputError: the run has not 8 bytes.
    """
    asm = _marked(run)
    asm.BPF_LDX_MEM(BPF_W, R1, R10, _NUMBER)
    asm.BPF_ENDIAN(BPF_TO_BE, R1, 32)
    asm.BPF_STX_MEM(BPF_W, R10, R1, _KEY)
    asm.BPF_MOV64_REG(R2, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R2, _KEY)
    asm.BPF_LD_MAP_FD(R1, results)
    asm.BPF_EMIT_CALL(BPF_FUNC_MAP_LOOKUP_ELEM)
    asm.BPF_JMP_IMM(BPF_JEQ, R0, 0, "pass")
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
    load_bytes(asm, H_PROTO, _H_PROTO, 2)
    for size, source, target in (
        (BPF_DW, _TIMESTAMP, 8),
        (BPF_W, _HASH, 16),
        (BPF_W, _RSS_TYPE, 20),
        (BPF_H, _PROTO, 24),
        (BPF_H, _TCI, 26),
        (BPF_H, _H_PROTO, 44),
    ):
        asm.BPF_LDX_MEM(size, R1, R10, source)
        asm.BPF_STX_MEM(size, R8, R1, target)
    asm.BPF_LDX_MEM(BPF_W, R1, R6, RX_QUEUE_INDEX)
    asm.BPF_STX_MEM(BPF_W, R8, R1, 40)
    asm.BPF_MOV64_IMM(R1, 1)
    asm.BPF_ATOMIC_OP(BPF_DW, BPF_ADD, R8, R1, 0)
    asm.BPF_MOV64_IMM(R0, action)
    return finish(asm)


def _marked(run: bytes) -> Assembler:
    """A program's begin: frames of the run go on, all others pass. R6 is the context."""
    if len(run) != 8:
        raise InputError(f"run {run.hex()!r}: {len(run)} bytes, 8 needed")
    asm = Assembler()
    asm.BPF_MOV64_REG(R6, R1)

    def word(data: bytes) -> int:
        return int.from_bytes(data, asm.byteorder)

    for at, otherwise in ((MARKER_AT, "tagged"), (MARKER_AT + VLAN_HLEN, "pass")):
        load_bytes(asm, at, _MARKER, MARKER.size)
        asm.BPF_JMP_IMM(BPF_JNE, R0, 0, otherwise)
        asm.BPF_LDX_MEM(BPF_H, R1, R10, _MARKER)
        asm.BPF_JMP_IMM(BPF_JNE, R1, word(MAGIC[:2]), otherwise)
        for place, data in ((_MARKER + 2, MAGIC[2:]), (_RUN, run)):
            asm.BPF_LDX_MEM(BPF_DW, R1, R10, place)
            asm.BPF_LD_IMM64(R2, word(data))
            asm.BPF_JMP_REG(BPF_JNE, R1, R2, otherwise)
        if otherwise == "tagged":
            asm.BPF_JMP_A("ours")
            asm.label("tagged")
    asm.label("ours")
    return asm
