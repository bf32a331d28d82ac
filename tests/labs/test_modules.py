# SPDX-License-Identifier: MIT
"""A kernel's modules: what each says that it needs, and in which order they are loaded."""

from __future__ import annotations

import lzma
from pathlib import Path
from struct import pack

import pytest

from labs.virtual.modules import Tree, modinfo, needs
from xdpconform.errors import InputError


def module(*strings: str) -> bytes:
    """An ELF file for 64 bits with three sections: nothing, .modinfo, their names."""
    names = b"\0.modinfo\0.shstrtab\0"
    info = b"".join(text.encode() + b"\0" for text in strings)
    head = 64
    sections = head + len(names) + len(info)

    def section(name: int, offset: int, size: int) -> bytes:
        return pack("<2I4Q2I2Q", name, 1, 0, 0, offset, size, 0, 0, 1, 0)

    elf = pack(
        "<16s2HI3QI6H",
        b"\x7fELF\x02\x01\x01", 1, 62, 1, 0, 0, sections, 0, head, 0, 0, 64, 3, 2,
    )  # fmt: skip
    tables = (
        section(0, 0, 0) + section(1, head + len(names), len(info)) + section(10, head, len(names))
    )
    return elf + names + info + tables


def tree(folder: Path, modules: dict[str, tuple[str, ...]], builtin: str = "") -> Tree:
    """A kernel with modules, by file name."""
    for name, strings in modules.items():
        path = folder / "kernel/drivers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = module(*strings)
        path.write_bytes(lzma.compress(data) if name.endswith(".xz") else data)
    (folder / "kernel").mkdir(exist_ok=True)
    (folder / "modules.builtin").write_text(builtin, encoding="utf-8")
    return Tree(folder)


def test_modinfo() -> None:
    """Every string is there under its key, those that come several times in their order."""
    found = modinfo(module("license=GPL", "softdep=pre: a", "softdep=post: b", "depends="))

    assert {"license": ["GPL"], "softdep": ["pre: a", "post: b"], "depends": [""]} == found


def test_cut_off() -> None:
    """However short a module was cut, it is refused and not guessed at."""
    whole = module("depends=a,b")
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"cut off|not an ELF"):
            modinfo(whole[:length])


def test_not_a_module() -> None:
    """An ELF file without the section is none."""
    with pytest.raises(ValueError, match=r"^no section \.modinfo$"):
        modinfo(module("depends=").replace(b".modinfo", b".whatnot"))


@pytest.mark.parametrize(
    ("strings", "expected"),
    [
        (("depends=",), []),
        (("depends=virtio,net-failover",), ["virtio", "net_failover"]),
        (("depends=a", "softdep=pre: b c post: d"), ["a", "b", "c"]),
        (("softdep=post: d",), []),
    ],
    ids=["none", "depends", "softdep", "post"],
)
def test_needs(strings: tuple[str, ...], expected: list[str]) -> None:
    """depends= and what stands before go first; what may come later does not count."""
    assert expected == needs(modinfo(module(*strings)))


def test_order(tmp_path: Path) -> None:
    """What is needed stands before what needs it, once; what is built in is left out."""
    kernel = tree(
        tmp_path,
        {
            "driver.ko.xz": ("depends=mid-dle,core", "softdep=pre: extra absent"),
            "mid-dle.ko": ("depends=base,core",),
            "base.ko": ("depends=",),
            "extra.ko.xz": ("depends=base",),
        },
        "kernel/lib/core.ko\n",
    )

    assert ["base", "mid_dle", "extra", "driver"] == [one.name for one in kernel.load(["driver"])]
    assert kernel.load(["driver"])[-1].data.startswith(b"\x7fELF")
    assert [] == kernel.load(["core"])
    assert (True, True, False) == (kernel.has("core"), kernel.has("mid_dle"), kernel.has("absent"))


def test_ring(tmp_path: Path) -> None:
    """Modules that need each other come to an end."""
    kernel = tree(tmp_path, {"a.ko": ("depends=b",), "b.ko": ("depends=a",)})

    assert ["b", "a"] == [one.name for one in kernel.load(["a"])]


@pytest.mark.parametrize(
    ("asked", "told"),
    [("gone", "has no module gone"), ("a", "has no module lost, which a needs")],
    ids=["asked", "needed"],
)
def test_missing(tmp_path: Path, asked: str, told: str) -> None:
    """A module that is not there is named, with who needs it."""
    kernel = tree(tmp_path, {"a.ko": ("depends=lost",)})
    with pytest.raises(InputError) as caught:
        kernel.load([asked])

    assert f"{tmp_path.name} {told}" == str(caught.value)


def test_damaged(tmp_path: Path) -> None:
    """A module that cannot be read is named."""
    kernel = tree(tmp_path, {"a.ko.xz": ("depends=",)})
    path = tmp_path / "kernel/drivers/a.ko.xz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError) as caught:
        kernel.load(["a"])

    assert str(caught.value).startswith(f"{path}: Compressed data ended")
