# SPDX-License-Identifier: MIT
"""An assembler for BPF: a method an instruction, named as the macros of include/linux/filter.h.

So that a program reads like the kernel's own in tools/testing/selftests/bpf/verifier, and needs
neither a compiler nor an object file. Jumps name labels, before or after them.
"""
# ruff: noqa: N802 - the macros' names

from __future__ import annotations

import sys
from struct import Struct
from typing import TYPE_CHECKING, Final, Protocol

from xdpconform.errors import InputError

if TYPE_CHECKING:
    from typing import Literal

# include/uapi/linux/bpf_common.h and bpf.h: instruction classes
BPF_LD: Final = 0x00
BPF_LDX: Final = 0x01
BPF_ST: Final = 0x02
BPF_STX: Final = 0x03
BPF_ALU: Final = 0x04
BPF_JMP: Final = 0x05
BPF_JMP32: Final = 0x06
BPF_ALU64: Final = 0x07
# sizes
BPF_W: Final = 0x00
BPF_H: Final = 0x08
BPF_B: Final = 0x10
BPF_DW: Final = 0x18
# modes
BPF_IMM: Final = 0x00
BPF_MEM: Final = 0x60
BPF_ATOMIC: Final = 0xC0
# sources
BPF_K: Final = 0x00
BPF_X: Final = 0x08
# arithmetic
BPF_ADD: Final = 0x00
BPF_SUB: Final = 0x10
BPF_MUL: Final = 0x20
BPF_DIV: Final = 0x30
BPF_OR: Final = 0x40
BPF_AND: Final = 0x50
BPF_LSH: Final = 0x60
BPF_RSH: Final = 0x70
BPF_NEG: Final = 0x80
BPF_MOD: Final = 0x90
BPF_XOR: Final = 0xA0
BPF_MOV: Final = 0xB0
BPF_ARSH: Final = 0xC0
BPF_END: Final = 0xD0
BPF_TO_LE: Final = 0x00
BPF_TO_BE: Final = 0x08
BPF_FETCH: Final = 0x01
# jumps
BPF_JA: Final = 0x00
BPF_JEQ: Final = 0x10
BPF_JGT: Final = 0x20
BPF_JGE: Final = 0x30
BPF_JSET: Final = 0x40
BPF_JNE: Final = 0x50
BPF_JSGT: Final = 0x60
BPF_JSGE: Final = 0x70
BPF_CALL: Final = 0x80
BPF_EXIT: Final = 0x90
BPF_JLT: Final = 0xA0
BPF_JLE: Final = 0xB0
BPF_JSLT: Final = 0xC0
BPF_JSLE: Final = 0xD0
# what src_reg of a load or call may mean
BPF_PSEUDO_MAP_FD: Final = 1
BPF_PSEUDO_KFUNC_CALL: Final = 2

R0: Final = 0
"""BPF_REG_0: what a call and the program return"""
R1: Final = 1
"""BPF_REG_1: first argument; R1 to R5 do not survive a call"""
R2: Final = 2
R3: Final = 3
R4: Final = 4
R5: Final = 5
R6: Final = 6
"""BPF_REG_6: R6 to R9 survive calls"""
R7: Final = 7
R8: Final = 8
R9: Final = 9
R10: Final = 10
"""BPF_REG_FP: the frame, read only; 512 bytes of stack below it"""

_REGISTERS: Final = 11
"""MAX_BPF_REG, include/uapi/linux/bpf.h"""


class Descriptor(Protocol):
    """What has a file descriptor."""

    @property
    def fd(self) -> int:
        """The descriptor."""


class Assembler:
    """Collects instructions; `code` gives them as ``struct bpf_insn`` in a row.

    Args:
        byteorder: of the machine that shall run the program.

    Each method raises InputError for a value that does not fit its field.
    """

    def __init__(self, byteorder: Literal["little", "big"] = sys.byteorder) -> None:
        self.byteorder: Final = byteorder
        self._insn = Struct(("<" if byteorder == "little" else ">") + "BBhi")
        self._code = bytearray()
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, str]] = []

    def _emit(self, code: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> None:
        # struct bpf_insn: __u8 code; __u8 dst_reg:4, src_reg:4; __s16 off; __s32 imm
        where = f"instruction {len(self)}"
        if not (0 <= dst < _REGISTERS and 0 <= src < _REGISTERS):
            raise InputError(f"{where}: no registers {dst} and {src}; there are 0 to 10")
        if not -(1 << 15) <= off < 1 << 15:
            raise InputError(f"{where}: offset {off} does not fit 16 bits")
        if not -(1 << 31) <= imm < 1 << 32:
            raise InputError(f"{where}: immediate {imm} does not fit 32 bits")
        registers = src << 4 | dst if self.byteorder == "little" else dst << 4 | src
        signed = imm - (1 << 32) if imm >= 1 << 31 else imm
        self._code += self._insn.pack(code, registers, off, signed)

    def _jump(self, code: int, dst: int, src: int, imm: int, label: str) -> None:
        self._jumps.append((len(self), label))
        self._emit(code, dst, src, 0, imm)

    def __len__(self) -> int:
        """How many instructions there are (``insn_cnt``)."""
        return len(self._code) // self._insn.size

    def label(self, name: str) -> None:
        """The next instruction is where jumps to `name` go.

        Raises:
            InputError: the label is there already.
        """
        if name in self._labels:
            raise InputError(f"label {name!r} stands at instruction {self._labels[name]} already")
        self._labels[name] = len(self)

    def code(self) -> bytes:
        """The program, with every jump resolved.

        Raises:
            InputError: a jump goes to a label that is not there, or too far for 16 bits.
        """
        code = bytearray(self._code)
        for number, label in self._jumps:
            if label not in self._labels:
                there = ", ".join(self._labels) or "none"
                raise InputError(f"instruction {number}: no label {label!r}; there are: {there}")
            off = self._labels[label] - number - 1
            if not -(1 << 15) <= off < 1 << 15:
                raise InputError(
                    f"instruction {number}: label {label!r} is {off} instructions away; 16 bits"
                    " hold -32768 to 32767"
                )
            at = number * self._insn.size
            operation, registers, _off, imm = self._insn.unpack_from(code, at)
            self._insn.pack_into(code, at, operation, registers, off, imm)
        return bytes(code)

    def BPF_MOV64_IMM(self, dst: int, imm: int) -> None:
        """``dst = imm``, sign-extended."""
        self._emit(BPF_ALU64 | BPF_MOV | BPF_K, dst, imm=imm)

    def BPF_MOV64_REG(self, dst: int, src: int) -> None:
        """``dst = src``."""
        self._emit(BPF_ALU64 | BPF_MOV | BPF_X, dst, src)

    def BPF_MOV32_IMM(self, dst: int, imm: int) -> None:
        """``dst = (u32) imm``."""
        self._emit(BPF_ALU | BPF_MOV | BPF_K, dst, imm=imm)

    def BPF_MOV32_REG(self, dst: int, src: int) -> None:
        """``dst = (u32) src``."""
        self._emit(BPF_ALU | BPF_MOV | BPF_X, dst, src)

    def BPF_ALU64_IMM(self, op: int, dst: int, imm: int) -> None:
        """``dst = dst op imm``."""
        self._emit(BPF_ALU64 | op | BPF_K, dst, imm=imm)

    def BPF_ALU64_REG(self, op: int, dst: int, src: int) -> None:
        """``dst = dst op src``."""
        self._emit(BPF_ALU64 | op | BPF_X, dst, src)

    def BPF_ALU32_IMM(self, op: int, dst: int, imm: int) -> None:
        """``dst = (u32) dst op imm``."""
        self._emit(BPF_ALU | op | BPF_K, dst, imm=imm)

    def BPF_ALU32_REG(self, op: int, dst: int, src: int) -> None:
        """``dst = (u32) dst op (u32) src``."""
        self._emit(BPF_ALU | op | BPF_X, dst, src)

    def BPF_ENDIAN(self, to: int, dst: int, bits: int) -> None:
        """To BPF_TO_BE or BPF_TO_LE, 16, 32 or 64 bits of a register."""
        self._emit(BPF_ALU | BPF_END | to, dst, imm=bits)

    def BPF_LDX_MEM(self, size: int, dst: int, src: int, off: int) -> None:
        """``dst = *(size *) (src + off)``."""
        self._emit(BPF_LDX | size | BPF_MEM, dst, src, off)

    def BPF_STX_MEM(self, size: int, dst: int, src: int, off: int) -> None:
        """``*(size *) (dst + off) = src``."""
        self._emit(BPF_STX | size | BPF_MEM, dst, src, off)

    def BPF_ST_MEM(self, size: int, dst: int, off: int, imm: int) -> None:
        """``*(size *) (dst + off) = imm``."""
        self._emit(BPF_ST | size | BPF_MEM, dst, off=off, imm=imm)

    def BPF_ATOMIC_OP(self, size: int, op: int, dst: int, src: int, off: int) -> None:
        """``*(size *) (dst + off) op= src`` at once; with BPF_FETCH, `src` gets the old value."""
        self._emit(BPF_STX | size | BPF_ATOMIC, dst, src, off, op)

    def BPF_JMP_IMM(self, op: int, dst: int, imm: int, label: str) -> None:
        """``if (dst op imm) goto label``."""
        self._jump(BPF_JMP | op | BPF_K, dst, 0, imm, label)

    def BPF_JMP_REG(self, op: int, dst: int, src: int, label: str) -> None:
        """``if (dst op src) goto label``."""
        self._jump(BPF_JMP | op | BPF_X, dst, src, 0, label)

    def BPF_JMP32_IMM(self, op: int, dst: int, imm: int, label: str) -> None:
        """``if ((u32) dst op imm) goto label``."""
        self._jump(BPF_JMP32 | op | BPF_K, dst, 0, imm, label)

    def BPF_JMP32_REG(self, op: int, dst: int, src: int, label: str) -> None:
        """``if ((u32) dst op (u32) src) goto label``."""
        self._jump(BPF_JMP32 | op | BPF_X, dst, src, 0, label)

    def BPF_JMP_A(self, label: str) -> None:
        """``goto label``."""
        self._jump(BPF_JMP | BPF_JA, 0, 0, 0, label)

    def BPF_LD_IMM64(self, dst: int, imm: int) -> None:
        """``dst = imm``, 64 bits: two instructions."""
        self._double(dst, 0, imm)

    def BPF_LD_MAP_FD(self, dst: int, of: Descriptor) -> None:
        """``dst = the map``: two instructions."""
        self._double(dst, BPF_PSEUDO_MAP_FD, of.fd)

    def _double(self, dst: int, src: int, imm: int) -> None:
        if not -(1 << 63) <= imm < 1 << 64:
            raise InputError(f"instruction {len(self)}: immediate {imm} does not fit 64 bits")
        self._emit(BPF_LD | BPF_DW | BPF_IMM, dst, src, imm=imm & 0xFFFFFFFF)
        self._emit(0, imm=imm >> 32 & 0xFFFFFFFF)

    def BPF_EMIT_CALL(self, helper: int) -> None:
        """``R0 = helper(R1, R2, R3, R4, R5)``, by its number in ``__BPF_FUNC_MAPPER``."""
        self._emit(BPF_JMP | BPF_CALL, imm=helper)

    def BPF_CALL_KFUNC(self, btf_id: int) -> None:
        """``R0 = kfunc(R1, R2, R3, R4, R5)``, by its number in vmlinux's BTF."""
        self._emit(BPF_JMP | BPF_CALL, src=BPF_PSEUDO_KFUNC_CALL, imm=btf_id)

    def BPF_EXIT_INSN(self) -> None:
        """``return R0``."""
        self._emit(BPF_JMP | BPF_EXIT)
