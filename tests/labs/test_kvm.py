# SPDX-License-Identifier: MIT
"""KVM is used only where a guest has booted under it: a guest here is a small program."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labs.virtual import lab as lab_module
from labs.virtual import qemu
from labs.virtual.guest.told import Ended, Over, encode
from labs.virtual.image import PROBE
from labs.virtual.lab import Asked, Lab
from labs.virtual.nics import choose
from labs.virtual.packages import Kernel, Tools
from labs.virtual.qemu import KVM, TCG, Deadlines, kvm_works
from tests.labs.made import line, plan, starts
from xdpconform.lab import requirements

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = min(requirements())
EMULATED = "KVM boots no guest here: all is emulated"
# It says what its console shall say if QEMU would use KVM, and else does what is asked of a guest.
QEMU = """\
#!{python} -S
import sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(words) + "\\n")
console = next(word for word in words if word.startswith("file:")).removeprefix("file:")
port = next(word for word in words if "path=" in word).partition("path=")[2]
if "kvm" in words:
    open(console, "w").write({console!r})
    {then}
else:
    open(port, "ab").write({told!r})
"""


class Fake:
    """QEMU, and a kernel for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.log = folder / "log"
        self.tools = Tools(folder, folder / "qemu", folder / "busybox")
        modules = folder / "modules"
        (modules / "kernel").mkdir(parents=True)
        names = ("veth", "virtio_pci", "virtio_console", "virtio_net", "af_packet", "tun", "dummy")
        text = "".join(f"kernel/{name}.ko\n" for name in names)
        (modules / "modules.builtin").write_text(text, encoding="utf-8")
        self.kernel = Kernel("7.3", "7.3.4", folder / "vmlinuz", modules)

    def behaves(self, console: str, then: str = "") -> None:
        """What a guest says on its console under KVM, and what it does then."""
        events = (plan("veth"), starts("veth", LINE), line("veth", LINE), Ended(["veth"], 0))
        text = QEMU.format(
            python=sys.executable,
            log=str(self.log),
            console=console,
            then=then or "pass",
            told=b"".join(map(encode, (*events, Over()))),
        )
        self.tools.qemu.write_text(text, encoding="utf-8")
        self.tools.qemu.chmod(0o755)

    def accelerators(self) -> list[str]:
        """What each guest was started with."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [
            next((how for how in map(" ".join, (KVM, TCG)) if f" {how} " in line), "none")
            for line in lines
        ]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A QEMU under which KVM may be had, and image and patience as small as can be."""
    monkeypatch.setattr(qemu.os, "access", lambda *_: True)
    monkeypatch.setattr(qemu, "KVM_PATIENCE", 2.0)
    monkeypatch.setattr(lab_module.image, "base", lambda _busybox: b"")
    return Fake(tmp_path)


UP = "[    0.8] lab: up\r\n"
STUCK = "import time; time.sleep(60)"
ABORT = "import os; os.abort()"


@pytest.mark.parametrize(
    ("console", "then", "works"),
    [(UP, "", True), ("", STUCK, False), ("", ABORT, False), ("Run /init as init\n", "", False)],
    ids=["boots", "stuck", "aborts", "no word"],
)
def test_works(fake: Fake, tmp_path: Path, console: str, then: str, works: bool) -> None:
    """KVM works if the first process of a guest says so, whatever QEMU makes of it otherwise."""
    fake.behaves(console, then)

    assert works is kvm_works(fake.tools, fake.kernel, tmp_path / "image.cpio", tmp_path)
    assert [" ".join(KVM)] == fake.accelerators()
    assert PROBE in fake.log.read_text(encoding="utf-8")


def test_no_device(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a device that may be opened no guest is started to find out."""
    fake.behaves(UP)
    asked: list[tuple[str, int]] = []

    def access(path: str, mode: int) -> bool:
        asked.append((path, mode))
        return False

    monkeypatch.setattr(qemu.os, "access", access)

    assert not kvm_works(fake.tools, fake.kernel, tmp_path / "image.cpio", tmp_path)
    assert [("/dev/kvm", qemu.os.R_OK | qemu.os.W_OK)] == asked
    assert not fake.log.exists()


@pytest.fixture
def run(fake: Fake, tmp_path: Path) -> Callable[[bool], list[str]]:
    """Tries a NIC on two kernels, and gives what was said of it."""

    def tried(kvm: bool) -> list[str]:
        said: list[str] = []
        asked = Asked(
            tmp_path / "out", "claims", choose(["veth"]), Deadlines(9, 9, 30), kvm=kvm, record=False
        )
        lab = Lab(fake.tools, asked, lambda _kernel, text: said.append(text))
        for series in ("7.3", "6.12"):
            lab.run(fake.kernel._replace(series=series))
        return said

    return tried


def test_fallback(fake: Fake, run: Callable[[bool], list[str]]) -> None:
    """Where no guest boots under KVM that is said once, and every guest is emulated."""
    fake.behaves("", ABORT)
    said = run(True)

    assert [" ".join(KVM), " ".join(TCG), " ".join(TCG)] == fake.accelerators()
    assert (1, 1) == (said.count("tries KVM"), said.count(EMULATED))


def test_used(fake: Fake, run: Callable[[bool], list[str]]) -> None:
    """Where one boots, every guest has the host's processor, and nobody tries again."""
    fake.behaves(UP)
    said = run(True)

    assert [" ".join(KVM)] * 3 == fake.accelerators()
    assert EMULATED not in said


def test_not_asked(fake: Fake, run: Callable[[bool], list[str]]) -> None:
    """KVM is not tried unless it is asked for."""
    fake.behaves(UP)
    run(False)

    assert [" ".join(TCG)] * 2 == fake.accelerators()
