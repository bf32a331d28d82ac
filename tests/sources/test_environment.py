# SPDX-License-Identifier: MIT
"""What is read of the machine: from files as kernels write them, and none that is missing."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

from xdpconform.environment import CONFIG, Module, config, look, module
from xdpconform.lab import take
from xdpconform.sources import Kernel

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (
    "# comment\nCONFIG_BPF_JIT=y\n# CONFIG_XDP_SOCKETS is not set\nCONFIG_HZ=250\nCONFIG_OTHER=m\n"
)


@pytest.mark.parametrize("name", ["config.gz", "config"])
def test_config(tmp_path: Path, name: str) -> None:
    """Each option that matters is there: its value, or n where it is not set."""
    data = TEXT.encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)

    assert {**dict.fromkeys(CONFIG, "n"), "BPF_JIT": "y", "HZ": "250"} == config(path)


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b\x08\x00broken", b"text"])
def test_no_config(tmp_path: Path, data: bytes) -> None:
    """What is no compressed file, or not there, is unknown rather than off."""
    path = tmp_path / "config.gz"
    path.write_bytes(data)

    assert (config(path) or {}).get("BPF_JIT") in (None, "n")
    assert config(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("files", "built", "expected"),
    [
        (
            {"initstate": "live", "taint": "", "version": "1.2\n", "srcversion": "ABC\n"},
            "",
            Module("my_nic", "in-tree", "1.2", "ABC"),
        ),
        ({"initstate": "live", "taint": "OE\n"}, "", Module("my_nic", "out-of-tree")),
        ({"version": "7"}, "", Module("my_nic", "built-in", "7")),
        ({}, "kernel/drivers/net/my-nic.ko\n", Module("my_nic", "built-in")),
        ({}, "kernel/drivers/net/other.ko\n", Module("my_nic", "unknown")),
    ],
    ids=["module", "out of tree", "shows itself", "listed", "nowhere"],
)
def test_module(tmp_path: Path, files: dict[str, str], built: str, expected: Module) -> None:
    """Where a module comes from is told by what the kernel and kmod show of it."""
    for name, text in files.items():
        path = tmp_path / "sys/my_nic" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    listed = tmp_path / "lib/6.18.1/modules.builtin"
    listed.parent.mkdir(parents=True)
    listed.write_text(built, encoding="ascii")

    assert expected == module("my-nic", "6.18.1", tmp_path / "sys", tmp_path / "lib")


@pytest.mark.parametrize("name", ["", "../kernel", "a/b", "x" * 65, "nic\n"])
def test_no_module(tmp_path: Path, name: str) -> None:
    """A driver's name leads to no file but a module's."""
    assert module(name, "6.18.1", tmp_path, tmp_path) is None


def test_here() -> None:
    """This machine's own, as uname has it; with a NIC comes the recording of its answers."""
    (subject,) = take(Kernel(), ["lo"])

    with Kernel() as source:
        seen = look(source, subject.nic)
    system = os.uname()
    assert (system.version, system.machine) == (seen.build, seen.machine)
    assert seen == subject.environment
    assert subject.recording is not None
    assert ["lo"] == [nic.ifname for nic in subject.recording.nics]
