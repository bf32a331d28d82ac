# SPDX-License-Identifier: MIT
"""The XDP programs that probes attach.

Each touches only frames of EtherType 0x88B5 (IEEE 802 local experimental) and lets all others pass,
so that a port goes on working under them. They read and write by bpf_xdp_load_bytes and
bpf_xdp_store_bytes (kernel 5.18) beyond the EtherType, and even that where the linear part is
shorter: a driver may leave it empty if a frame has fragments. Each has a twin in C,
tests/bpf/twins, which must do the same.

`counts` is a `PerCpuArray` of u64 slots, see `Slot`.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import InputError
from xdpconform.probes.bpf.insn import (
    BPF_ADD,
    BPF_B,
    BPF_DW,
    BPF_H,
    BPF_JEQ,
    BPF_JGT,
    BPF_JNE,
    BPF_SUB,
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
    Assembler,
)

if TYPE_CHECKING:
    from xdpconform.probes.bpf.insn import Descriptor

ETHERTYPE: Final = 0x88B5
"""IEEE Std 802 local experimental EtherType 1 (ETH_P_802_EX1)"""
BOUNCED: Final = 0xB0
"""Byte 14 of a frame that `bounce` has sent back."""
MARK: Final = 15
"""The byte that `mark` writes, the second of the payload."""
ETH_HLEN: Final = 14
H_PROTO: Final = 12
"""offset of struct ethhdr"""

# enum xdp_action
XDP_ABORTED: Final = 0
XDP_DROP: Final = 1
XDP_PASS: Final = 2
XDP_TX: Final = 3
XDP_REDIRECT: Final = 4
# flags of bpf_redirect_map
BPF_F_BROADCAST: Final = 1 << 3
BPF_F_EXCLUDE_INGRESS: Final = 1 << 4

# __BPF_FUNC_MAPPER, include/uapi/linux/bpf.h
BPF_FUNC_MAP_LOOKUP_ELEM: Final = 1
BPF_FUNC_REDIRECT: Final = 23
BPF_FUNC_XDP_ADJUST_HEAD: Final = 44
BPF_FUNC_REDIRECT_MAP: Final = 51
BPF_FUNC_XDP_ADJUST_TAIL: Final = 65
BPF_FUNC_XDP_GET_BUFF_LEN: Final = 188
BPF_FUNC_XDP_LOAD_BYTES: Final = 189
BPF_FUNC_XDP_STORE_BYTES: Final = 190

# struct xdp_md
DATA: Final = 0
DATA_END: Final = 4
RX_QUEUE_INDEX: Final = 16

# The stack: 16 bytes of frame, a map's key, room for zeros.
_HEAD: Final = -16
_KEY: Final = -20
_ZEROS: Final = -160
_ZEROS_SIZE: Final = 128
GROWTH: Final = 4096
"""How many bytes `adjust_head` adds at most; no driver has so much headroom."""


class Slot(IntEnum):
    """What programs count, by slot of `counts`."""

    FRAMES = 0
    """frames of ours that were seen"""
    BYTES = 1
    """their lengths together, by bpf_xdp_get_buff_len"""
    REFUSED = 2
    """frames that the helper would not adjust"""
    ADJUSTED_BYTES = 3
    """lengths together, after the adjustment"""


def passes() -> bytes:
    """XDP_PASS for every frame."""
    asm = Assembler()
    asm.BPF_MOV64_IMM(R0, XDP_PASS)
    asm.BPF_EXIT_INSN()
    return asm.code()


def sends() -> bytes:
    """XDP_TX for every frame: `live_frames` sends each out of the interface that it is given.

    Two instructions, since nothing is in its way: the frames are our own.
    """
    asm = Assembler()
    asm.BPF_MOV64_IMM(R0, XDP_TX)
    asm.BPF_EXIT_INSN()
    return asm.code()


def verdict(action: int, counts: Descriptor) -> bytes:
    """Count, and return `action`, which may be one that the kernel does not know."""
    asm = ours()
    _count_frame(asm, counts)
    asm.BPF_MOV64_IMM(R0, action)
    return finish(asm)


def bounce(counts: Descriptor) -> bytes:
    """Swap the addresses, set byte 14 to `BOUNCED`, count, and XDP_TX.

    A frame that has `BOUNCED` there already passes, uncounted: two of these may face each other.
    """
    asm = ours()
    _load(asm, 0, _HEAD, ETH_HLEN + 1)
    asm.BPF_LDX_MEM(BPF_B, R1, R10, _HEAD + ETH_HLEN)
    asm.BPF_JMP_IMM(BPF_JEQ, R1, BOUNCED, "pass")
    asm.BPF_ST_MEM(BPF_B, R10, _HEAD + ETH_HLEN, BOUNCED)
    for at in (0, 2, 4):  # ETH_ALEN is 6
        asm.BPF_LDX_MEM(BPF_H, R1, R10, _HEAD + at)
        asm.BPF_LDX_MEM(BPF_H, R2, R10, _HEAD + 6 + at)
        asm.BPF_STX_MEM(BPF_H, R10, R2, _HEAD + at)
        asm.BPF_STX_MEM(BPF_H, R10, R1, _HEAD + 6 + at)
    _store(asm, 0, _HEAD, ETH_HLEN + 1)
    asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "pass")
    _count_frame(asm, counts)
    asm.BPF_MOV64_IMM(R0, XDP_TX)
    return finish(asm)


def redirect(to: Descriptor, key: int | None, counts: Descriptor, flags: int = 0) -> bytes:
    """Count, and bpf_redirect_map.

    Args:
        to: a `DevMap`, `DevMapHash`, `CpuMap` or `XskMap`.
        key: the entry; None: the number of the queue that a frame came by.
        counts: where to count.
        flags: BPF_F_BROADCAST and others; the two lowest bits are the action where there is no
            such entry (XDP_ABORTED if 0).
    """
    asm = ours()
    _count_frame(asm, counts)
    asm.BPF_LD_MAP_FD(R1, to)
    if key is None:
        asm.BPF_LDX_MEM(BPF_W, R2, R6, RX_QUEUE_INDEX)
    else:
        asm.BPF_MOV32_IMM(R2, key)
    asm.BPF_MOV64_IMM(R3, flags)
    asm.BPF_EMIT_CALL(BPF_FUNC_REDIRECT_MAP)
    return finish(asm)


def redirect_to(ifindex: int) -> bytes:
    """bpf_redirect to an interface of the same network namespace; for `live_frames`."""
    asm = ours()
    asm.BPF_MOV32_IMM(R1, ifindex)
    asm.BPF_MOV64_IMM(R2, 0)
    asm.BPF_EMIT_CALL(BPF_FUNC_REDIRECT)
    return finish(asm)


def mark(counts: Descriptor, value: int, action: int = XDP_PASS) -> bytes:
    """Write `value` to byte `MARK`, count, and return `action`; for entries of maps, too."""
    asm = ours()
    asm.BPF_ST_MEM(BPF_B, R10, _HEAD + MARK, value)
    _store(asm, MARK, _HEAD + MARK, 1)
    asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "pass")
    _count_frame(asm, counts)
    asm.BPF_MOV64_IMM(R0, action)
    return finish(asm)


def adjust_head(delta: int, counts: Descriptor) -> bytes:
    """Count, bpf_xdp_adjust_head, put the Ethernet header in front again, and XDP_PASS.

    Args:
        delta: how many bytes of payload to take away (positive), or how many zeros to put between
            header and payload (negative).
        counts: where to count; also refusals and the new lengths.

    Raises:
        InputError: it adds more than `GROWTH` bytes.
    """
    if delta < -GROWTH:
        raise InputError(f"adjust_head: {-delta} bytes more; {GROWTH} at most")
    asm = ours()
    _load(asm, 0, _HEAD, ETH_HLEN)
    _count_frame(asm, counts)
    _adjust(asm, BPF_FUNC_XDP_ADJUST_HEAD, delta, counts)
    _store(asm, 0, _HEAD, ETH_HLEN)
    if delta < 0:  # what was before the frame is nobody's business
        for at in range(0, _ZEROS_SIZE, 8):
            asm.BPF_ST_MEM(BPF_DW, R10, _ZEROS + at, 0)
        for at in range(0, -delta, _ZEROS_SIZE):
            _store(asm, ETH_HLEN + at, _ZEROS, min(_ZEROS_SIZE, -delta - at))
    _count_length(asm, counts)
    asm.BPF_MOV64_IMM(R0, XDP_PASS)
    return finish(asm)


def adjust_tail(delta: int, counts: Descriptor) -> bytes:
    """Count, bpf_xdp_adjust_tail, and XDP_PASS.

    Args:
        delta: by how much a frame gets longer, with zeros (positive), or shorter (negative).
        counts: where to count; also refusals and the new lengths.
    """
    asm = ours()
    _count_frame(asm, counts)
    _adjust(asm, BPF_FUNC_XDP_ADJUST_TAIL, delta, counts)
    _count_length(asm, counts)
    asm.BPF_MOV64_IMM(R0, XDP_PASS)
    return finish(asm)


class Measure(NamedTuple):
    """The last frame that `measure` saw."""

    buff_len: int
    """bpf_xdp_get_buff_len"""
    linear_len: int
    """data_end - data"""
    last: bytes
    """The last 8 bytes, by bpf_xdp_load_bytes."""
    frames: int
    """How many frames were seen."""

    @classmethod
    def pull(cls, value: bytes) -> Measure:
        """From the map's value."""
        return cls(*MEASURE.unpack(value))


MEASURE: Final = Struct("=II8sQ")
"""The value of `measure`'s map: u32 buff_len, u32 linear_len, u8 last[8], u64 frames"""


def measure(results: Descriptor, counts: Descriptor, action: int = XDP_PASS) -> bytes:
    """Count, write down what can be measured of a frame, and return `action`.

    Packet pointers are subtracted, for which the verifier wants CAP_PERFMON.

    Args:
        results: an `Array` of one value, see `MEASURE`.
        counts: where to count.
        action: what to return.
    """
    asm = ours()
    _count_frame(asm, counts)  # leaves the length in R7
    lookup(asm, results, 0)
    asm.BPF_MOV64_REG(R8, R0)
    asm.BPF_STX_MEM(BPF_W, R8, R7, 0)
    asm.BPF_LDX_MEM(BPF_W, R1, R6, DATA)
    asm.BPF_LDX_MEM(BPF_W, R2, R6, DATA_END)
    asm.BPF_ALU64_REG(BPF_SUB, R2, R1)
    asm.BPF_STX_MEM(BPF_W, R8, R2, 4)
    asm.BPF_MOV64_REG(R1, R6)
    asm.BPF_MOV64_REG(R2, R7)
    asm.BPF_ALU64_IMM(BPF_SUB, R2, 8)
    asm.BPF_MOV64_REG(R3, R8)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, 8)
    asm.BPF_MOV64_IMM(R4, 8)
    asm.BPF_EMIT_CALL(BPF_FUNC_XDP_LOAD_BYTES)
    asm.BPF_MOV64_IMM(R1, 1)
    asm.BPF_ATOMIC_OP(BPF_DW, BPF_ADD, R8, R1, 16)
    asm.BPF_MOV64_IMM(R0, action)
    return finish(asm)


def ours() -> Assembler:
    """A program's begin: frames of ours go on, all others pass. R6 is the context from here on."""
    asm = Assembler()
    asm.BPF_MOV64_REG(R6, R1)
    asm.BPF_LDX_MEM(BPF_W, R2, R6, DATA)
    asm.BPF_LDX_MEM(BPF_W, R3, R6, DATA_END)
    asm.BPF_MOV64_REG(R4, R2)
    asm.BPF_ALU64_IMM(BPF_ADD, R4, ETH_HLEN)
    asm.BPF_JMP_REG(BPF_JGT, R4, R3, "fragments")
    asm.BPF_LDX_MEM(BPF_H, R1, R2, H_PROTO)  # 40 ns less than the call
    asm.BPF_JMP_A("h_proto")
    asm.label("fragments")
    _load(asm, H_PROTO, _HEAD, 2)
    asm.BPF_LDX_MEM(BPF_H, R1, R10, _HEAD)
    asm.label("h_proto")
    on_wire = int.from_bytes(ETHERTYPE.to_bytes(2, "big"), asm.byteorder)
    asm.BPF_JMP_IMM(BPF_JNE, R1, on_wire, "pass")
    return asm


def finish(asm: Assembler) -> bytes:
    """A program's end: returns R0; whatever jumped to ``pass`` passes."""
    asm.BPF_EXIT_INSN()
    asm.label("pass")
    asm.BPF_MOV64_IMM(R0, XDP_PASS)
    asm.BPF_EXIT_INSN()
    return asm.code()


def lookup(asm: Assembler, of: Descriptor, index: int) -> None:
    """R0 is the value's address."""
    asm.BPF_ST_MEM(BPF_W, R10, _KEY, index)
    asm.BPF_MOV64_REG(R2, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R2, _KEY)
    asm.BPF_LD_MAP_FD(R1, of)
    asm.BPF_EMIT_CALL(BPF_FUNC_MAP_LOOKUP_ELEM)
    asm.BPF_JMP_IMM(BPF_JEQ, R0, 0, "pass")


def _add(asm: Assembler, counts: Descriptor, slot: Slot, *, length: bool = False) -> None:
    """Add 1, or R7, to a slot of this CPU."""
    lookup(asm, counts, slot)
    asm.BPF_LDX_MEM(BPF_DW, R1, R0, 0)
    if length:
        asm.BPF_ALU64_REG(BPF_ADD, R1, R7)
    else:
        asm.BPF_ALU64_IMM(BPF_ADD, R1, 1)
    asm.BPF_STX_MEM(BPF_DW, R0, R1, 0)


def _length(asm: Assembler) -> None:
    """R7 is the frame's length."""
    asm.BPF_MOV64_REG(R1, R6)
    asm.BPF_EMIT_CALL(BPF_FUNC_XDP_GET_BUFF_LEN)
    asm.BPF_MOV64_REG(R7, R0)


def _count_frame(asm: Assembler, counts: Descriptor) -> None:
    _length(asm)
    _add(asm, counts, Slot.FRAMES)
    _add(asm, counts, Slot.BYTES, length=True)


def _count_length(asm: Assembler, counts: Descriptor) -> None:
    _length(asm)
    _add(asm, counts, Slot.ADJUSTED_BYTES, length=True)


def _adjust(asm: Assembler, helper: int, delta: int, counts: Descriptor) -> None:
    """Call the helper; a frame that it refuses is counted and passes."""
    asm.BPF_MOV64_REG(R1, R6)
    asm.BPF_MOV32_IMM(R2, delta)
    asm.BPF_EMIT_CALL(helper)
    asm.BPF_JMP_IMM(BPF_JEQ, R0, 0, "adjusted")
    _add(asm, counts, Slot.REFUSED)
    asm.BPF_JMP_A("pass")
    asm.label("adjusted")


def load_bytes(asm: Assembler, offset: int, target: int, size: int) -> None:
    """Read bytes of the frame to the stack; R0 is 0 if there are so many."""
    asm.BPF_MOV64_REG(R1, R6)
    asm.BPF_MOV64_IMM(R2, offset)
    asm.BPF_MOV64_REG(R3, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, target)
    asm.BPF_MOV64_IMM(R4, size)
    asm.BPF_EMIT_CALL(BPF_FUNC_XDP_LOAD_BYTES)


def _load(asm: Assembler, offset: int, target: int, size: int) -> None:
    """The same; a shorter frame passes."""
    load_bytes(asm, offset, target, size)
    asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "pass")


def _store(asm: Assembler, offset: int, source: int, size: int) -> None:
    """Write bytes of the stack to the frame; R0 is 0 if that went well."""
    asm.BPF_MOV64_REG(R1, R6)
    asm.BPF_MOV64_IMM(R2, offset)
    asm.BPF_MOV64_REG(R3, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, source)
    asm.BPF_MOV64_IMM(R4, size)
    asm.BPF_EMIT_CALL(BPF_FUNC_XDP_STORE_BYTES)
