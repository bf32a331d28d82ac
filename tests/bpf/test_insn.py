# SPDX-License-Identifier: MIT
"""Instructions are encoded as the kernel's macros do it, on machines of both byte orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from xdpconform.errors import InputError
from xdpconform.probes.bpf import Assembler, insn

Emit = Callable[[Assembler], None]


class FakeMap:
    """Stands for a map."""

    fd = 0x1234


# As llvm-objdump and include/linux/filter.h have them: code, registers, offset, immediate.
ENCODINGS: dict[str, tuple[Emit, str]] = {
    "MOV64_IMM": (lambda a: a.BPF_MOV64_IMM(0, 2), "b7 00 0000 02000000"),
    "MOV64_IMM negative": (lambda a: a.BPF_MOV64_IMM(9, -1), "b7 09 0000 ffffffff"),
    "MOV64_REG": (lambda a: a.BPF_MOV64_REG(6, 1), "bf 16 0000 00000000"),
    "MOV32_IMM": (lambda a: a.BPF_MOV32_IMM(1, 0xFFFFFFFF), "b4 01 0000 ffffffff"),
    "MOV32_REG": (lambda a: a.BPF_MOV32_REG(1, 10), "bc a1 0000 00000000"),
    "ALU64_IMM add": (lambda a: a.BPF_ALU64_IMM(insn.BPF_ADD, 2, -8), "07 02 0000 f8ffffff"),
    "ALU64_IMM arsh": (lambda a: a.BPF_ALU64_IMM(insn.BPF_ARSH, 2, 3), "c7 02 0000 03000000"),
    "ALU64_REG sub": (lambda a: a.BPF_ALU64_REG(insn.BPF_SUB, 2, 1), "1f 12 0000 00000000"),
    "ALU32_IMM and": (lambda a: a.BPF_ALU32_IMM(insn.BPF_AND, 3, 15), "54 03 0000 0f000000"),
    "ALU32_REG xor": (lambda a: a.BPF_ALU32_REG(insn.BPF_XOR, 3, 4), "ac 43 0000 00000000"),
    "ENDIAN be16": (lambda a: a.BPF_ENDIAN(insn.BPF_TO_BE, 1, 16), "dc 01 0000 10000000"),
    "ENDIAN le64": (lambda a: a.BPF_ENDIAN(insn.BPF_TO_LE, 1, 64), "d4 01 0000 40000000"),
    "LDX_MEM b": (lambda a: a.BPF_LDX_MEM(insn.BPF_B, 1, 2, 14), "71 21 0e00 00000000"),
    "LDX_MEM h": (lambda a: a.BPF_LDX_MEM(insn.BPF_H, 1, 2, 12), "69 21 0c00 00000000"),
    "LDX_MEM w": (lambda a: a.BPF_LDX_MEM(insn.BPF_W, 2, 1, 4), "61 12 0400 00000000"),
    "LDX_MEM dw": (lambda a: a.BPF_LDX_MEM(insn.BPF_DW, 1, 10, -8), "79 a1 f8ff 00000000"),
    "STX_MEM dw": (lambda a: a.BPF_STX_MEM(insn.BPF_DW, 10, 1, -8), "7b 1a f8ff 00000000"),
    "ST_MEM w": (lambda a: a.BPF_ST_MEM(insn.BPF_W, 10, -4, 7), "62 0a fcff 07000000"),
    "ATOMIC_OP add": (
        lambda a: a.BPF_ATOMIC_OP(insn.BPF_DW, insn.BPF_ADD, 0, 1, 16),
        "db 10 1000 00000000",
    ),
    "ATOMIC_OP fetch": (
        lambda a: a.BPF_ATOMIC_OP(insn.BPF_W, insn.BPF_ADD | insn.BPF_FETCH, 0, 1, 0),
        "c3 10 0000 01000000",
    ),
    "LD_IMM64": (
        lambda a: a.BPF_LD_IMM64(1, 0x1122334455667788),
        "18 01 0000 88776655 00 00 0000 44332211",
    ),
    "LD_IMM64 negative": (
        lambda a: a.BPF_LD_IMM64(1, -1),
        "18 01 0000 ffffffff 00 00 0000 ffffffff",
    ),
    "LD_MAP_FD": (
        lambda a: a.BPF_LD_MAP_FD(1, FakeMap()),
        "18 11 0000 34120000 00 00 0000 00000000",
    ),
    "EMIT_CALL": (lambda a: a.BPF_EMIT_CALL(51), "85 00 0000 33000000"),
    "CALL_KFUNC": (lambda a: a.BPF_CALL_KFUNC(0x10000), "85 20 0000 00000100"),
    "EXIT_INSN": (lambda a: a.BPF_EXIT_INSN(), "95 00 0000 00000000"),
}

JUMPS: dict[str, tuple[Emit, str]] = {
    "JMP_IMM jeq": (lambda a: a.BPF_JMP_IMM(insn.BPF_JEQ, 0, 0, "x"), "15 00 0100 00000000"),
    "JMP_IMM jslt": (lambda a: a.BPF_JMP_IMM(insn.BPF_JSLT, 1, -95, "x"), "c5 01 0100 a1ffffff"),
    "JMP_REG jgt": (lambda a: a.BPF_JMP_REG(insn.BPF_JGT, 4, 3, "x"), "2d 34 0100 00000000"),
    "JMP32_IMM jne": (lambda a: a.BPF_JMP32_IMM(insn.BPF_JNE, 0, 1, "x"), "56 00 0100 01000000"),
    "JMP32_REG jge": (lambda a: a.BPF_JMP32_REG(insn.BPF_JGE, 0, 1, "x"), "3e 10 0100 00000000"),
    "JMP_A": (lambda a: a.BPF_JMP_A("x"), "05 00 0100 00000000"),
}


def swapped(code: bytes) -> bytes:
    """The same instructions as a big-endian machine has them."""
    out = b""
    for at in range(0, len(code), 8):
        one = code[at : at + 8]
        registers = bytes([(one[1] & 15) << 4 | one[1] >> 4])
        out += one[:1] + registers + one[2:4][::-1] + one[4:][::-1]
    return out


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize(("emit", "expected"), ENCODINGS.values(), ids=list(ENCODINGS))
def test_encoding(emit: Emit, expected: str, byteorder: Literal["little", "big"]) -> None:
    """Every method gives the bytes of its macro."""
    asm = Assembler(byteorder)

    emit(asm)

    little = bytes.fromhex(expected)
    assert (little if byteorder == "little" else swapped(little)) == asm.code()


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize(("emit", "expected"), JUMPS.values(), ids=list(JUMPS))
def test_jump(emit: Emit, expected: str, byteorder: Literal["little", "big"]) -> None:
    """A jump over one instruction has the offset 1."""
    asm = Assembler(byteorder)

    emit(asm)
    asm.BPF_EXIT_INSN()
    asm.label("x")
    asm.BPF_EXIT_INSN()

    little = bytes.fromhex(expected)
    assert (little if byteorder == "little" else swapped(little)) == asm.code()[:8]


def test_jump_back() -> None:
    """A jump to itself has the offset -1."""
    asm = Assembler("little")
    asm.label("again")
    asm.BPF_JMP_A("again")

    assert bytes.fromhex("0500ffff00000000") == asm.code()


def test_code_twice() -> None:
    """Code can be had again, and after more instructions."""
    asm = Assembler()
    asm.BPF_JMP_A("end")
    asm.label("end")
    first = asm.code()
    asm.BPF_EXIT_INSN()

    assert asm.code().startswith(first)
    assert 2 == len(asm)


def far(asm: Assembler) -> None:
    """A jump of 32768 instructions."""
    asm.BPF_JMP_A("far")
    for _number in range(1 << 15):
        asm.BPF_EXIT_INSN()
    asm.label("far")


def doubled(asm: Assembler) -> None:
    """A label twice."""
    asm.label("here")
    asm.BPF_EXIT_INSN()
    asm.label("here")


def missing(asm: Assembler) -> None:
    """A jump to a label that is not there."""
    asm.label("a")
    asm.label("b")
    asm.BPF_JMP_A("c")


ERRORS: dict[str, tuple[Emit, str]] = {
    "missing": (missing, "instruction 0: no label 'c'; there are: a, b"),
    "no label": (lambda a: a.BPF_JMP_A("c"), "instruction 0: no label 'c'; there are: none"),
    "doubled": (doubled, "label 'here' stands at instruction 0 already"),
    "far": (
        far,
        "instruction 0: label 'far' is 32768 instructions away; 16 bits hold -32768 to 32767",
    ),
    "register": (
        lambda a: a.BPF_MOV64_REG(0, 16),
        "instruction 0: no registers 0 and 16; there are 0 to 10",
    ),
    "register 11": (
        lambda a: a.BPF_MOV64_IMM(11, 0),
        "instruction 0: no registers 11 and 0; there are 0 to 10",
    ),
    "offset": (
        lambda a: a.BPF_LDX_MEM(0, 0, 0, 1 << 15),
        "instruction 0: offset 32768 does not fit 16 bits",
    ),
    "immediate": (
        lambda a: a.BPF_MOV64_IMM(0, 1 << 32),
        "instruction 0: immediate 4294967296 does not fit 32 bits",
    ),
    "immediate 64": (
        lambda a: a.BPF_LD_IMM64(0, 1 << 64),
        "instruction 0: immediate 18446744073709551616 does not fit 64 bits",
    ),
}


@pytest.mark.parametrize(("emit", "text"), ERRORS.values(), ids=list(ERRORS))
def test_errors(emit: Emit, text: str) -> None:
    """What cannot be encoded is refused, and says where."""

    def assemble() -> bytes:
        asm = Assembler()
        emit(asm)
        return asm.code()

    with pytest.raises(InputError) as caught:
        assemble()

    assert text == str(caught.value)
