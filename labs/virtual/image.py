# SPDX-License-Identifier: MIT
"""A guest's first and only root: what is the same for all, a kernel's modules, and the job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from labs.virtual.cpio import Archive
from labs.virtual.guest.told import READY, Job
from labs.virtual.modules import Module, Tree
from labs.virtual.netdevsim import NAME
from labs.virtual.nics import COMMON, MAYBE, Nic
from labs.virtual.python_files import PROJECT, SITE, files, interpreter

INIT: Final = Path(__file__).with_name("init.sh")
PROBE: Final = "lab.probe"
"""A word of the kernel's command line: switch off at once."""
UP: Final = "lab: up"
"""What a guest then says first."""


def base(busybox: Path) -> bytes:
    """What every guest has: busybox, Python, the project.

    Raises:
        InputError: something of it is missing here.
    """
    archive = Archive()
    for folder in ("proc", "sys", "dev", "tmp", "run", "etc", "root", "lab/modules"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)  # Documentation/admin-guide/devices.txt
    archive.device("dev/null", 1, 3)
    archive.file("bin/busybox", busybox.read_bytes(), executable=True)
    archive.link("bin/sh", "busybox")
    archive.file("init", init(), executable=True)
    archive.file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n")
    for file in files():
        archive.file(file.path, file.data, executable=file.executable)
    return archive.finish()


def init() -> bytes:
    """The first process's program."""
    text = INIT.read_text(encoding="utf-8")
    values = {
        "PYTHON": str(interpreter().program),
        "SITE": SITE,
        "PROJECT": PROJECT,
        "READY": READY,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text.encode()


def split(tree: Tree, nics: Iterable[Nic]) -> tuple[list[Nic], dict[str, str]]:
    """The NICs that a kernel has drivers for; of the others why not, by name."""
    can: list[Nic] = []
    cannot = {}
    for nic in nics:
        lacking = [name for name in nic.modules if not tree.has(name)]
        if lacking:
            cure = f": --nic {NAME} builds it" if nic.name == NAME else ""
            cannot[nic.name] = f"{tree.folder.name} has no module {', '.join(lacking)}{cure}"
        else:
            can.append(nic)
    return can, cannot


def modules(tree: Tree, nics: Iterable[Nic]) -> list[Module]:
    """What a guest loads, in this order.

    Raises:
        InputError: the kernel lacks one that it cannot do without, or one cannot be read.
    """
    maybe = [name for name in MAYBE if tree.has(name)]
    return tree.load([*COMMON, *maybe, *(name for nic in nics for name in nic.modules)])


def own(loaded: Sequence[Module], job: Job) -> bytes:
    """What only this guest has."""
    archive = Archive()
    for module in loaded:
        archive.file(f"lab/modules/{module.name}.ko", module.data)
    archive.file("lab/modules/order", "".join(f"{one.name}\n" for one in loaded).encode())
    archive.file("lab/job.json", msgspec.json.encode(job))
    return archive.finish()
