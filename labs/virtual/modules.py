# SPDX-License-Identifier: MIT
"""A kernel's modules: which files a driver needs, in the order in which they are loaded.

What a module needs is in the module: its section .modinfo has ``depends=`` and ``softdep=pre:``
(include/linux/module.h). Packages ship no modules.dep, which depmod makes where they are installed.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from pathlib import Path
from struct import Struct, error
from typing import Final, NamedTuple

from xdpconform.errors import InputError

_SUFFIXES: Final = (".ko", ".ko.xz")
_EHDR: Final = Struct("<16s2HI3QI6H")  # Elf64_Ehdr, include/uapi/linux/elf.h
_SHDR: Final = Struct("<2I4Q2I2Q")  # Elf64_Shdr


class Module(NamedTuple):
    """A module, ready to be loaded."""

    name: str
    data: bytes


def plain(name: str) -> str:
    """A module's name as the kernel has it: files may be spelt with a dash."""
    return name.replace("-", "_")


def modinfo(data: bytes) -> dict[str, list[str]]:
    """The strings of .modinfo, by key.

    Raises:
        ValueError: this is no module for 64 bits.
    """
    try:
        ident, *_rest = header = _EHDR.unpack_from(data)
        offset, size, count, names = header[6], header[11], header[12], header[13]
        if ident[:5] != b"\x7fELF\x02" or size != _SHDR.size:
            raise ValueError("not an ELF file for 64 bits")
        sections = [_SHDR.unpack_from(data, offset + size * number) for number in range(count)]
        name_table = sections[names][4]
        for section in sections:
            start = name_table + section[0]
            if data[start : start + 9] == b".modinfo\0":
                return _strings(data[section[4] : section[4] + section[5]])
    except (error, IndexError) as broken:
        raise ValueError(f"cut off: {broken}") from broken
    raise ValueError("no section .modinfo")


def _strings(section: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in section.split(b"\0"):
        key, equals, value = text.decode("utf-8", "replace").partition("=")
        if equals:
            found.setdefault(key, []).append(value)
    return found


def needs(info: dict[str, list[str]]) -> list[str]:
    """The modules that go before one, by what it says of itself."""
    found = [name for text in info.get("depends", ()) for name in text.split(",")]
    for text in info.get("softdep", ()):
        when, _colon, names = text.partition(":")
        if when.strip() == "pre":
            found += names.partition("post:")[0].split()
    return [plain(name.strip()) for name in found if name.strip()]


class Tree:
    """The modules of one kernel.

    Args:
        folder: ``lib/modules/RELEASE``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = {
            plain(path.name.partition(".ko")[0]): path
            for path in (folder / "kernel").rglob("*.ko*")
            if path.name.endswith(_SUFFIXES)
        }
        try:
            text = (folder / "modules.builtin").read_text(encoding="utf-8")
        except OSError as problem:
            raise InputError(f"{folder}/modules.builtin: {problem.strerror}") from problem
        self._builtin = {plain(Path(line).stem) for line in text.splitlines()}

    def has(self, name: str) -> bool:
        """Whether the kernel has it, as a module or built in."""
        return plain(name) in self._files or plain(name) in self._builtin

    def load(self, names: Iterable[str]) -> list[Module]:
        """Modules and all they need, those that are needed first; what is built in is left out.

        Raises:
            InputError: the kernel has no such module, or one that cannot be read.
        """
        found: dict[str, Module] = {}
        for name in names:
            self._load(plain(name), found, ())
        return list(found.values())

    def _load(self, name: str, found: dict[str, Module], above: tuple[str, ...]) -> None:
        if name in found or name in above or name in self._builtin:
            return
        path = self._files.get(name)
        if path is None:
            what = f", which {above[-1]} needs" if above else ""
            raise InputError(f"{self.folder.name} has no module {name}{what}")
        try:
            data = path.read_bytes()
            data = lzma.decompress(data) if path.suffix == ".xz" else data
            wanted = needs(modinfo(data))
        except (OSError, lzma.LZMAError, ValueError) as problem:
            raise InputError(f"{path}: {problem}") from problem
        for need in wanted:
            # softdep names what may be there as well as what is
            if need in self._files or need in modinfo(data).get("depends", [""])[0].split(","):
                self._load(need, found, (*above, name))
        found[name] = Module(name, data)
