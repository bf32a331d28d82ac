# SPDX-License-Identifier: MIT
"""Reads what ``clang -target bpf`` wrote: one section of code, with maps and kfuncs by name."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TWINS = Path(__file__).parent / "twins"
SECTION = b"xdp"
# include/uapi/linux/elf.h and llvm's ELFRelocs/BPF.def
SHT_SYMTAB = 2
SHT_REL = 9
R_BPF_64_64 = 1
R_BPF_64_32 = 10
# struct bpf_insn's src_reg
BPF_PSEUDO_MAP_FD = 1
BPF_PSEUDO_KFUNC_CALL = 2
ENDIAN = "<" if sys.byteorder == "little" else ">"


class Section(NamedTuple):
    """A section header, and what the section holds."""

    name: bytes
    kind: int
    link: int
    info: int
    data: bytes


def compile_twin(name: str, target: Path, **macros: int) -> bytes:
    """The object file of twins/NAME.c; clang must be there, .ci/run installs it."""
    out = target / "twin.o"
    words = [f"-D{macro}={value}" for macro, value in macros.items()]
    source = TWINS / f"{name}.c"
    command = ["clang", "-O2", "-Wall", "-Werror", "-Wno-unused-const-variable"]
    subprocess.run(
        [*command, "-target", "bpf", "-mcpu=v3", *words, "-c", source, "-o", out],
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    return out.read_bytes()


def link(image: bytes, maps: Mapping[str, int], kfuncs: Mapping[str, int]) -> bytes:
    """The code, with the descriptors of `maps` and the numbers of `kfuncs` put in."""
    sections = _sections(image)
    number, text = next(x for x in enumerate(sections) if x[1].name == SECTION)
    symbols = next(section for section in sections if section.kind == SHT_SYMTAB)
    names = sections[symbols.link].data
    code = bytearray(text.data)
    for section in sections:
        if section.kind != SHT_REL or section.info != number:
            continue
        for offset, info in struct.iter_unpack(ENDIAN + "QQ", section.data):
            at = struct.unpack_from(ENDIAN + "I", symbols.data, 24 * (info >> 32))[0]
            name = names[at : names.index(b"\0", at)].decode()
            kind = info & 0xFFFFFFFF
            if kind == R_BPF_64_64:
                _patch(code, offset, BPF_PSEUDO_MAP_FD, maps[name])
            elif kind == R_BPF_64_32:
                _patch(code, offset, BPF_PSEUDO_KFUNC_CALL, kfuncs[name])
            else:
                raise AssertionError(f"relocation {kind} of {name}")
    return bytes(code)


def _patch(code: bytearray, offset: int, source: int, imm: int) -> None:
    low = code[offset + 1] & 0x0F if ENDIAN == "<" else code[offset + 1] >> 4
    code[offset + 1] = source << 4 | low if ENDIAN == "<" else low << 4 | source
    struct.pack_into(ENDIAN + "i", code, offset + 4, imm)


def _sections(image: bytes) -> list[Section]:
    # Elf64_Ehdr's e_shoff at 40, e_shentsize at 58, e_shnum, e_shstrndx; Elf64_Shdr
    assert image.startswith(b"\x7fELF\x02")
    (start,) = struct.unpack_from(ENDIAN + "Q", image, 40)
    size, count, strings = struct.unpack_from(ENDIAN + "HHH", image, 58)
    headers = [
        struct.unpack_from(ENDIAN + "IIQQQQII", image, start + number * size)
        for number in range(count)
    ]
    names = image[headers[strings][4] : headers[strings][4] + headers[strings][5]]
    return [
        Section(
            names[name : names.index(b"\0", name)], kind, to, info, image[offset : offset + length]
        )
        for name, kind, _flags, _address, offset, length, to, info in headers
    ]
