# SPDX-License-Identifier: MIT
"""The machine that a NIC is in, as far as its results may hang on it: read, never changed."""

from __future__ import annotations

import gzip
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from xdpconform.nic import Nic
    from xdpconform.sources import Source

CONFIG: Final = (
    "BPF_JIT",
    "BPF_JIT_ALWAYS_ON",
    "BPF_SYSCALL",
    "DEBUG_INFO_BTF",
    "HZ",
    "IOMMU_DEFAULT_DMA_STRICT",
    "KASAN",
    "NET_RX_BUSY_POLL",
    "NET_SCH_ETF",
    "PAGE_POOL_STATS",
    "PREEMPT",
    "PREEMPT_DYNAMIC",
    "PREEMPT_NONE",
    "PREEMPT_RT",
    "PREEMPT_VOLUNTARY",
    "PROVE_LOCKING",
    "PTP_1588_CLOCK",
    "XDP_SOCKETS",
    "XDP_SOCKETS_DIAG",
)
"""Options of the kernel that decide what can be tried, or how fast it goes."""

MODULE: Final = "device/driver/module"
"""Below /sys/class/net/IFNAME: leads to /sys/module/NAME."""

_LIMIT: Final = 1 << 22
"""Bytes of a configuration; a distribution's has 300 kB."""
_SHORT: Final = 4096
"""Bytes of a file in /sys/module."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Module(NamedTuple):
    """The kernel's module of a driver."""

    name: str
    source: Literal["in-tree", "out-of-tree", "built-in", "unknown"]
    version: str | None = None
    """``MODULE_VERSION``."""
    srcversion: str | None = None


class Environment(NamedTuple):
    """What is known of the machine; what is not is None."""

    build: str | None
    """uname -v"""
    machine: str | None
    """uname -m"""
    config: dict[str, str] | None
    """`CONFIG` without its prefix: ``y``, ``m``, ``n`` or a value by name."""
    module: Module | None


def look(source: Source, nic: Nic) -> Environment:
    """The environment of a NIC that is here.

    Args:
        source: the live kernel, in the NIC's network namespace.
        nic: which one.
    """
    system = os.uname()
    identity = nic.identity
    led = source.sysfs(nic.link.raw_name, (MODULE,)).get(MODULE, "")
    name = os.path.basename(led) or (identity.sysfs_driver or identity.driver or "")
    return Environment(
        system.version, system.machine, _config(system.release), module(name, system.release)
    )


@cache
def _config(release: str) -> dict[str, str] | None:
    folder = os.path.basename(release)
    paths = ("/proc/config.gz", f"/boot/config-{folder}", f"/lib/modules/{folder}/config")
    return next(filter(None, (config(Path(path)) for path in paths)), None)


def config(path: Path) -> dict[str, str] | None:
    """What a kernel's configuration says of `CONFIG`; None if it cannot be read."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            text = file.read(_LIMIT).decode("ascii", "replace")
    except (OSError, EOFError):
        return None
    found = dict(re.findall(r"^CONFIG_(\w+)=(\S+)$", text, re.MULTILINE))
    return {name: found.get(name, "n") for name in CONFIG}


def module(
    name: str,
    release: str,
    sys_module: Path = Path("/sys/module"),
    lib: Path = Path("/lib/modules"),
) -> Module | None:
    """The module of a driver; None where the driver has no name that a module could have.

    Args:
        name: the driver's, or its module's.
        release: uname -r.
        sys_module: where modules show themselves; see Documentation/ABI/stable/sysfs-module.
        lib: where they are installed.
    """
    if not _NAME.fullmatch(name):
        return None
    name = name.replace("-", "_")
    folder = sys_module / name
    version, srcversion = _text(folder / "version"), _text(folder / "srcversion")
    if (folder / "initstate").exists():  # loaded, rather than part of the kernel
        taint = _text(folder / "taint") or ""
        # TAINT_OOT_MODULE, include/linux/panic.h
        return Module(name, "out-of-tree" if "O" in taint else "in-tree", version, srcversion)
    built = folder.exists() or name in _built_in(lib / os.path.basename(release))
    return Module(name, "built-in" if built else "unknown", version, srcversion)


def _built_in(folder: Path) -> frozenset[str]:
    """The names in modules.builtin, which kmod reads."""
    try:
        with open(folder / "modules.builtin", encoding="ascii", errors="replace") as file:
            lines = file.read(_LIMIT).split()
    except OSError:
        return frozenset()
    return frozenset(os.path.basename(line).partition(".ko")[0].replace("-", "_") for line in lines)


def _text(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            return file.read(_SHORT).decode("utf-8", "backslashreplace").strip() or None
    except OSError:
        return None
