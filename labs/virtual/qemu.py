# SPDX-License-Identifier: MIT
"""One guest: QEMU's command line, what the guest tells, and how it ended.

A guest may do anything: panic, hang, switch itself off, say nothing. Each costs its deadline at
most, and `Guest.end` says in words what became of it.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, Self

import msgspec

from labs.virtual.guest.told import SIZE_LIMIT, Event, Over, decode
from labs.virtual.image import PROBE, UP
from labs.virtual.taps import started
from xdpconform.errors import InputError
from xdpconform.interfaces import shown

if TYPE_CHECKING:
    from labs.virtual.packages import Kernel, Tools

MEMORY: Final = "1G"
NICE: Final = 5
ARGUMENTS: Final = (
    "console=ttyS0 panic=-1 quiet mitigations=off nokaslr net.ifnames=0"
    " init_on_alloc=0 rcupdate.rcu_expedited=1 audit=0 nowatchdog transparent_hugepage=always"
)
"""Of the kernel; panic=-1 with -no-reboot ends QEMU at once."""
TCG: Final = ("-accel", "tcg,thread=multi", "-cpu", "Nehalem")
KVM: Final = ("-accel", "kvm", "-cpu", "host")
KVM_PATIENCE: Final = 20.0
"""Seconds for a guest that does nothing: a KVM that works needs two."""
CONSOLE: Final = "console.log"
PORT: Final = "told.jsonl"
CONSOLE_LIMIT: Final = 1 << 22
"""Bytes of a console's end that are read."""
CONSOLE_MOST: Final = 1 << 26
"""Bytes of a console at most: a kernel can fill a disk with its complaints."""
_POLL: Final = 0.05
_LETHAL: Final = (
    re.compile(r"Kernel panic - not syncing: [^\n\r]*"),
    re.compile(r"Out of memory: Killed process [^\n\r]*"),
    re.compile(r"BUG: [^\n\r]*"),
    re.compile(r"Oops: [^\n\r]*"),
    # The last line of a traceback says more than the exit status behind it.
    re.compile(r"^[\w.]+(?:: [^\n\r]*)?(?=[\n\r]+lab: the job ended)", re.MULTILINE),
    re.compile(r"lab: [^\n\r]*"),
)
"""What a console says that explains an end, the most telling first."""


class Deadlines(NamedTuple):
    """Seconds until a guest is given up."""

    boot: float = 90.0
    """Without a first word."""
    silence: float = 240.0
    """Without a further one: a line of level packets may take minutes."""
    total: float = 900.0
    """All in all; of a guest whose NICs have a run each, so much for each."""


class Guest:
    """A guest that runs.

    Args:
        command: QEMU's, as `command` makes it.
        folder: where console.log and told.jsonl are written.
        deadlines: when it is given up.
        environment: QEMU's.
        inherited: descriptors that QEMU is to have.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        deadlines: Deadlines,
        environment: dict[str, str] | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        self.console = folder / CONSOLE
        self.port = folder / PORT
        self.end = ""
        """What became of it; empty as long as it runs, and if it did all it was asked for."""
        self._deadlines = deadlines
        for path in (self.console, self.port):
            path.write_bytes(b"")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=inherited,
            )
        except OSError as error:
            raise InputError(f"{command[0]} cannot be started: {error.strerror}") from error
        self._started = monotonic()
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._spent = spent.ru_utime + spent.ru_stime
        self.processor = 0.0
        """Seconds of processor time that it took, once it is closed."""

    def events(self) -> Iterator[Event]:
        """What the guest tells, as it tells it; ends with the guest."""
        heard, size, over = self._started, 0, False
        with self.port.open("rb") as port:
            buffer = b""
            while True:
                gone = self._process.poll() is not None  # before the last read
                data = _read(port)
                size += len(data)
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    event = _event(line)
                    if event is None:
                        self.end = (
                            f"its result port holds what is no event: {shown(repr(line[:60]))}"
                        )
                        return
                    over = over or isinstance(event, Over)
                    yield event
                heard = monotonic() if data else heard
                self.end = self._too_late(heard, size) if not (gone or over) else ""
                if self.end:
                    return
                if gone and not data:
                    self.end = "" if over else self._why()
                    return
                if over:
                    self._wait(self._deadlines.boot)
                    return
                sleep(_POLL)

    def seconds(self) -> float:
        """Since it was started."""
        return monotonic() - self._started

    def ended(self) -> str:
        """Why it runs no more; empty as long as it runs."""
        return "" if self._process.poll() is None else self._why()

    def close(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.processor = spent.ru_utime + spent.ru_stime - self._spent
        if self._process.stderr:
            self._process.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _wait(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def _too_late(self, heard: float, size: int) -> str:
        now, limits = monotonic(), self._deadlines
        if now - self._started > limits.total:
            return f"it was given up after {limits.total:g} s{self._said()}"
        if not size and now - self._started > limits.boot:
            return f"it said nothing within {limits.boot:g} s of its start{self._said()}"
        if size and now - heard > limits.silence:
            return f"it said nothing for {limits.silence:g} s{self._said()}"
        if size > SIZE_LIMIT:
            return f"it told more than {SIZE_LIMIT >> 20} MiB"
        if self.console.stat().st_size > CONSOLE_MOST:
            return f"its console has more than {CONSOLE_MOST >> 20} MiB{self._said()}"
        return ""

    def _why(self) -> str:
        status = self._process.returncode
        problem = self._process.stderr.read(4096) if self._process.stderr and status else b""
        lines = problem.decode("utf-8", "replace").splitlines()
        # QEMU warns of what is as it should be: a wire with one end.
        said = [shown(line.strip()) for line in lines if line.strip() and " warning: " not in line]
        if said and not self.port.stat().st_size:
            return f"it did not run: {said[-1]}"
        killed = f"QEMU was killed by signal {-status}" if status < 0 else ""
        reasons = [killed, *said[-1:], lethal(self.console)]
        why = "; ".join(filter(None, reasons))
        return "it ended before it was done" + (
            f": {why}" if why else "; its console does not say why"
        )

    def _said(self) -> str:
        found = lethal(self.console)
        return f": {found}" if found else ""


def lethal(console: Path) -> str:
    """What a console says of a guest's end; empty if it says nothing of it."""
    with console.open("rb") as file:
        file.seek(max(0, console.stat().st_size - CONSOLE_LIMIT))
        text = file.read(CONSOLE_LIMIT).decode("utf-8", "replace")
    for pattern in _LETHAL:
        found = pattern.search(text)
        if found:
            return shown(found[0].strip())
    return ""


def command(
    tools: Tools,
    kernel: Kernel,
    image: Path,
    folder: Path,
    devices: Sequence[str],
    *,
    kvm: bool = False,
    words: str = "",
) -> list[str]:
    """QEMU's command line.

    Args:
        tools: whose QEMU.
        kernel: what is booted.
        image: its root.
        folder: where console and port are written.
        devices: NICs, as `labs.virtual.nics.devices` has them.
        kvm: with the host's processor, else all is emulated.
        words: further ones for the kernel.
    """
    return [
        *("nice", "-n", str(NICE), *started(devices), str(tools.qemu)),
        *(
            "-L",
            str(tools.folder / "usr/share/qemu"),
            "-L",
            str(tools.folder / "usr/share/seabios"),
        ),
        *("-M", "q35", *(KVM if kvm else TCG), "-smp", "2", "-m", MEMORY),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(kernel.image), "-initrd", str(image)),
        *("-append", f"{ARGUMENTS} {words}".strip()),
        *("-serial", f"file:{folder / CONSOLE}"),
        *("-device", "virtio-serial-pci,disable-legacy=on"),
        *("-chardev", f"file,id=lab,path={folder / PORT}"),
        *("-device", "virtserialport,chardev=lab,name=lab"),
        *devices,
    ]


def environment(tools: Tools) -> dict[str, str]:
    """QEMU's environment: its libraries are beside it."""
    folders = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
    libraries = ":".join(str(tools.folder / folder) for folder in folders)
    modules = str(tools.folder / "usr/lib/x86_64-linux-gnu/qemu")
    return os.environ | {"LD_LIBRARY_PATH": libraries, "QEMU_MODULE_DIR": modules}


def kvm_works(tools: Tools, kernel: Kernel, image: Path, folder: Path) -> bool:
    """Whether a guest boots under KVM: a device that opens proves nothing.

    Args:
        tools: whose QEMU.
        kernel: what is booted.
        image: `labs.virtual.image.base` is enough.
        folder: for its console.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    limits = Deadlines(KVM_PATIENCE, KVM_PATIENCE, KVM_PATIENCE)
    words = command(tools, kernel, image, folder, (), kvm=True, words=PROBE)
    with Guest(words, folder, limits, environment(tools)) as guest:
        for _event in guest.events():
            pass
    return UP in guest.console.read_text(encoding="utf-8", errors="replace")


def _read(port: BinaryIO) -> bytes:
    return port.read(1 << 20) or b""


def _event(line: bytes) -> Event | None:
    try:
        return decode(line)
    except msgspec.DecodeError:
        return None
