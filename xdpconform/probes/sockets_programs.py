# SPDX-License-Identifier: MIT
"""The programs between the NIC and AF_XDP sockets; they count frames by queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdpconform.probes.bpf.insn import (
    BPF_ADD,
    BPF_AND,
    BPF_B,
    BPF_DW,
    BPF_JEQ,
    BPF_JGT,
    BPF_JNE,
    BPF_W,
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    R7,
    R8,
    R10,
)
from xdpconform.probes.bpf.programs import (
    BPF_FUNC_MAP_LOOKUP_ELEM,
    BPF_FUNC_REDIRECT_MAP,
    BPF_FUNC_XDP_ADJUST_TAIL,
    DATA,
    RX_QUEUE_INDEX,
    XDP_DROP,
    XDP_PASS,
    finish,
    load_bytes,
    ours,
)

if TYPE_CHECKING:
    from xdpconform.probes.bpf.insn import Assembler, Descriptor

BPF_FUNC_XDP_ADJUST_META: Final = 54  # include/uapi/linux/bpf.h
DATA_META: Final = 8
"""offset in struct xdp_md"""
META: Final = 0x58445043
"""What `to_sockets` writes before a frame, as an u64 of the host."""
META_SIZE: Final = 8
SEQUENCE: Final = 37
"""Where the last byte of a frame's number stands, see `xdpconform.probes.testbed.frames`."""

_BYTE: Final = -8
_KEY: Final = -20


def to_sockets(
    sockets: Descriptor,
    counts: Descriptor,
    *,
    drop_odd: bool = False,
    by_number: bool = False,
    metadata: bool = False,
    tail: int = 0,
) -> bytes:
    """Count, and redirect to the socket of the queue; a frame passes where there is none.

    Args:
        sockets: an `XskMap`.
        counts: a `PerCpuArray` with a slot for each queue.
        drop_odd: drop frames whose number is odd.
        by_number: even ones go to socket 0, odd ones to socket 1, whatever the queue.
        metadata: write `META` before each (bpf_xdp_adjust_meta); those refused it pass.
        tail: bytes to add at the end (bpf_xdp_adjust_tail) or, below 0, to cut; those refused it
            pass.
    """
    asm = ours()
    asm.BPF_LDX_MEM(BPF_W, R7, R6, RX_QUEUE_INDEX)
    _count(asm, counts)
    if drop_odd or by_number:
        _odd(asm)
        if drop_odd:
            asm.BPF_JMP_IMM(BPF_JNE, R8, 0, "drop")
        else:
            asm.BPF_MOV64_REG(R7, R8)
    if metadata:
        _write_meta(asm)
    if tail:
        asm.BPF_MOV64_REG(R1, R6)
        asm.BPF_MOV32_IMM(R2, tail)
        asm.BPF_EMIT_CALL(BPF_FUNC_XDP_ADJUST_TAIL)
        asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "pass")
    asm.BPF_LD_MAP_FD(R1, sockets)
    asm.BPF_MOV64_REG(R2, R7)
    asm.BPF_MOV64_IMM(R3, XDP_PASS)
    asm.BPF_EMIT_CALL(BPF_FUNC_REDIRECT_MAP)
    if drop_odd:
        asm.BPF_EXIT_INSN()
        asm.label("drop")
        asm.BPF_MOV64_IMM(R0, XDP_DROP)
    return finish(asm)


def _count(asm: Assembler, counts: Descriptor) -> None:
    """Add 1 to the slot of R7; a queue without a slot passes."""
    asm.BPF_STX_MEM(BPF_W, R10, R7, _KEY)
    asm.BPF_MOV64_REG(R2, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R2, _KEY)
    asm.BPF_LD_MAP_FD(R1, counts)
    asm.BPF_EMIT_CALL(BPF_FUNC_MAP_LOOKUP_ELEM)
    asm.BPF_JMP_IMM(BPF_JEQ, R0, 0, "pass")
    asm.BPF_LDX_MEM(BPF_DW, R1, R0, 0)
    asm.BPF_ALU64_IMM(BPF_ADD, R1, 1)
    asm.BPF_STX_MEM(BPF_DW, R0, R1, 0)


def _odd(asm: Assembler) -> None:
    """R8 is 1 where the frame's number is odd, and 0 where it is even."""
    load_bytes(asm, SEQUENCE, _BYTE, 1)
    asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "pass")
    asm.BPF_LDX_MEM(BPF_B, R8, R10, _BYTE)
    asm.BPF_ALU64_IMM(BPF_AND, R8, 1)


def _write_meta(asm: Assembler) -> None:
    asm.BPF_MOV64_REG(R1, R6)
    asm.BPF_MOV32_IMM(R2, -META_SIZE)
    asm.BPF_EMIT_CALL(BPF_FUNC_XDP_ADJUST_META)
    asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "pass")
    asm.BPF_LDX_MEM(BPF_W, R2, R6, DATA_META)
    asm.BPF_LDX_MEM(BPF_W, R3, R6, DATA)
    asm.BPF_MOV64_REG(R4, R2)
    asm.BPF_ALU64_IMM(BPF_ADD, R4, META_SIZE)
    asm.BPF_JMP_REG(BPF_JGT, R4, R3, "pass")
    asm.BPF_ST_MEM(BPF_DW, R2, 0, META)
