# SPDX-License-Identifier: MIT
"""Guests that break: each costs its deadline at most, and one clear line.

A guest here is a small program that writes what QEMU would write.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from labs.virtual import lab as lab_module
from labs.virtual import qemu
from labs.virtual.guest.told import Ended, Event, Job, Nics, Over, Stage, encode
from labs.virtual.lab import Asked, Lab, Level
from labs.virtual.nics import Nic, choose
from labs.virtual.packages import Kernel, Tools
from labs.virtual.qemu import Deadlines, Guest, command, lethal
from tests.labs.made import line, plan, starts
from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.lab import requirements
from xdpconform.outputs.results import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = sorted(requirements())
PANIC = "[   12.3] Kernel panic - not syncing: sysrq triggered crash\r\n[   12.4] CPU: 0 PID: 1\r\n"
OOM = "[   30.1] Out of memory: Killed process 77 (python3)\n"
HANG = "import time; time.sleep(60)"
WARNS = "import os; os.write(2, b'qemu: warning: hub 0 is not connected\\n');"
KILLED = f"{WARNS} os.kill(os.getpid(), 9)"
ABORTED = "import os; os.write(2, b'qemu: Assertion failed\\n'); os.abort()"
JOB_ENDED = "lab: the job ended with 1\r\n[    9.1] reboot: Power down\r\n"
LEVELS: tuple[Level, ...] = ("claims", "attach", "packets")
SHORT = Deadlines(boot=3.0, silence=1.0, total=30.0)


def program(folder: Path, events: Sequence[Event], console: str = "", then: str = "") -> list[str]:
    """A guest that tells events, says something on its console, and then does what a line says."""
    data = b"".join(map(encode, events))
    text = (
        f"open({str(folder / 'told.jsonl')!r}, 'ab').write({data!r});"
        f"open({str(folder / 'console.log')!r}, 'a').write({console!r});{then}"
    )
    return [sys.executable, "-S", "-c", text]


def listen(guest: Guest) -> list[Event]:
    """Everything that a guest tells."""
    with guest:
        return list(guest.events())


@pytest.mark.parametrize(
    ("events", "console", "then", "end"),
    [
        ([Stage("a"), Over()], "", "", ""),
        (
            [Stage("a")],
            PANIC,
            "",
            "it ended before it was done: Kernel panic - not syncing: sysrq triggered crash",
        ),
        (
            [Stage("a")],
            OOM,
            "",
            "it ended before it was done: Out of memory: Killed process 77 (python3)",
        ),
        ([Stage("a")], "", "", "it ended before it was done; its console does not say why"),
        ([Stage("a")], "", HANG, "it said nothing for 1 s"),
        (
            [],
            "lab: there is no port for results\n",
            HANG,
            "it said nothing within 3 s of its start: lab: there is no port for results",
        ),
        (
            [],
            "",
            "import sys; sys.exit('qemu: no such machine\\x1b[2J')",
            "it did not run: qemu: no such machine\\x1b[2J",
        ),
        (
            [Stage("a")],
            "",
            "import sys; sys.exit('first\\nqemu: Assertion size failed.')",
            "it ended before it was done: qemu: Assertion size failed.",
        ),
        (
            [Stage("a")],
            "",
            KILLED,
            "it ended before it was done: QEMU was killed by signal 9",
        ),
        (
            [Stage("a")],
            "",
            ABORTED,
            "it ended before it was done: QEMU was killed by signal 6; qemu: Assertion failed",
        ),
        (
            [Stage("a")],
            "",
            f"{WARNS} os._exit(1)",
            "it ended before it was done; its console does not say why",
        ),
        (
            [Stage("a")],
            "BUG: again\n",
            KILLED,
            "it ended before it was done: QEMU was killed by signal 9; BUG: again",
        ),
        (
            [],
            'Traceback (most recent call last):\r\n  File "x"\r\nValueError: \x07\r\n' + JOB_ENDED,
            "",
            "it ended before it was done: ValueError: \\x07",
        ),
        (
            [],
            JOB_ENDED,
            "",
            "it ended before it was done: lab: the job ended with 1",
        ),
        (
            [],
            "\x1b[2JBUG: unable to handle page fault \x07\n",
            "",
            "it ended before it was done: BUG: unable to handle page fault \\x07",
        ),
    ],
    ids=[
        "over",
        "panic",
        "oom",
        "leave",
        "hang",
        "no-port",
        "qemu",
        "qemu-later",
        "killed",
        "aborted",
        "warning",
        "killed-bug",
        "job",
        "job-only",
        "hostile",
    ],
)
def test_ends(tmp_path: Path, events: list[Event], console: str, then: str, end: str) -> None:
    """However a guest ends, what it told is there, and what became of it is said."""
    guest = Guest(program(tmp_path, events, console, then), tmp_path, SHORT)

    assert events == listen(guest)
    assert end == guest.end


def test_total(tmp_path: Path) -> None:
    """A guest that talks for ever is ended at its deadline."""
    text = encode(Stage("x"))
    then = (
        f"import time\nwhile True: open({str(tmp_path / 'told.jsonl')!r}, 'ab').write({text!r});"
        " time.sleep(0.05)"
    )
    words = program(tmp_path, [], "", "pass\n" + then)
    started = monotonic()
    guest = Guest(words, tmp_path, Deadlines(boot=20, silence=20, total=2))
    listen(guest)

    assert "it was given up after 2 s" == guest.end
    assert guest.seconds() >= 2
    assert monotonic() - started < 20


def test_a_deadline_for_each_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above claims each NIC has a run, and its own deadline."""
    monkeypatch.setattr(lab_module.image, "base", lambda _busybox: b"")
    tools = Tools(tmp_path, tmp_path / "qemu", tmp_path / "busybox")
    nics = choose(["igb,veth,tap"])
    totals = {
        level: Lab(tools, Asked(tmp_path, level, nics, SHORT), lambda *_: None)
        ._deadlines(nics)
        .total
        for level in LEVELS
    }

    assert {"claims": 30.0, "attach": 90.0, "packets": 90.0} == totals


@pytest.mark.parametrize(
    ("limit", "end"),
    [
        ("CONSOLE_MOST", "its console has more than 0 MiB: lab: again"),
        ("SIZE_LIMIT", "it told more than 0 MiB"),
    ],
)
def test_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, end: str) -> None:
    """A guest cannot fill the disk: not by what it tells, and not by its console."""
    monkeypatch.setattr(qemu, limit, 10)
    guest = Guest(program(tmp_path, [Stage("a")], "lab: again\n", HANG), tmp_path, SHORT)
    listen(guest)

    assert end == guest.end


def test_ended_with_it(tmp_path: Path) -> None:
    """A guest that is given up does not run on."""
    guest = Guest(program(tmp_path, [], "", HANG), tmp_path, SHORT)
    listen(guest)

    assert guest._process.returncode == -9


@pytest.mark.parametrize(
    "data", [b"\x00\xff\n", b'{"type":"boo"}\n', b'{"type":"stage"}\n', b"[]\n"]
)
def test_garbage(tmp_path: Path, data: bytes) -> None:
    """What is no event ends the guest, and is shown."""
    then = f"open({str(tmp_path / 'told.jsonl')!r}, 'ab').write({data!r});{HANG}"
    guest = Guest(program(tmp_path, [Stage("a")], "", then), tmp_path, SHORT)

    assert [Stage("a")] == listen(guest)
    assert f"its result port holds what is no event: {shown(repr(data[:-1]))}" == guest.end


def test_half_a_line(tmp_path: Path) -> None:
    """Of an event that was cut off nothing is believed."""
    half = encode(Stage("b"))[:-4]
    then = f"open({str(tmp_path / 'told.jsonl')!r}, 'ab').write({half!r})"
    guest = Guest(program(tmp_path, [Stage("a")], "", then), tmp_path, SHORT)

    assert [Stage("a")] == listen(guest)
    assert "it ended before it was done; its console does not say why" == guest.end


def test_no_qemu(tmp_path: Path) -> None:
    """A QEMU that cannot be started is named."""
    with pytest.raises(InputError, match=r"^/nowhere/qemu cannot be started: No such file"):
        Guest(["/nowhere/qemu"], tmp_path, SHORT)


def test_lethal(tmp_path: Path) -> None:
    """A panic says more than what led to it."""
    console = tmp_path / "console.log"
    console.write_text(f"BUG: kernel NULL pointer\n{OOM}{PANIC}", encoding="utf-8")

    assert "Kernel panic - not syncing: sysrq triggered crash" == lethal(console)


def test_command(tmp_path: Path) -> None:
    """QEMU emulates unless KVM is asked for, and has no more devices than are named."""
    tools = Tools(tmp_path, tmp_path / "qemu", tmp_path / "busybox")
    kernel = Kernel("7.3", "7.3.4", tmp_path / "vmlinuz", tmp_path)
    words = command(tools, kernel, tmp_path / "i.cpio", tmp_path, ["-device", "igb"])
    with_kvm = command(tools, kernel, tmp_path / "i.cpio", tmp_path, [], kvm=True)

    assert "tcg,thread=multi" in words
    assert ["-device", "igb"] == words[-2:]
    assert {"-nodefaults", "-no-reboot"} <= {*words}
    assert "unshare" not in words
    assert "unshare" in command(tools, kernel, tmp_path, tmp_path, ["-netdev", "tap,id=a"])
    assert "kvm" in with_kvm
    assert "tcg,thread=multi" not in with_kvm


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    """A kernel that has everything built in but netdevsim."""
    modules = tmp_path / "modules"
    (modules / "kernel").mkdir(parents=True)
    names = {name for nic in choose([]) for name in nic.modules} - {"netdevsim"}
    common = {"virtio_console", "af_packet"}
    text = "".join(f"kernel/{name}.ko\n" for name in names | common)
    (modules / "modules.builtin").write_text(text, encoding="utf-8")
    return Kernel("7.3", "7.3.4", tmp_path / "vmlinuz", modules)


def whole(nic: str) -> list[Event]:
    """Every line of a NIC."""
    return [event for name in ALL for event in (starts(nic, name), line(nic, name))]


def test_next_guest(tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """NICs that a broken guest did not come to get another one; the one it broke on does not."""
    script: list[tuple[list[Event], str]] = [
        ([plan("igb", "veth", "tap"), *whole("igb"), starts("veth", ALL[0])], PANIC),
        ([Nics({}), plan("tap"), *whole("tap"), Ended(["tap"], 0), Over()], ""),
    ]
    folders = []

    def fake(
        _tools: Tools, _kernel: Kernel, _image: Path, folder: Path, *_rest: object, **_more: object
    ) -> list[str]:
        events, console = script[len(folders)]
        folders.append(folder.name)
        return program(folder, events, console)

    monkeypatch.setattr(lab_module, "command", fake)
    monkeypatch.setattr(lab_module.image, "base", lambda _busybox: b"")
    tools = Tools(tmp_path, tmp_path / "qemu", tmp_path / "busybox")
    steps: list[str] = []
    asked = Asked(tmp_path / "out", "claims", choose(["igb,veth,tap,netdevsim"]), SHORT)
    found = Lab(tools, asked, lambda _kernel, text: steps.append(text)).run(kernel)

    assert ["guest-1", "guest-2"] == folders
    assert [
        ("igb", "CONFORMS", False),
        ("veth", "INCOMPLETE", False),
        ("tap", "CONFORMS", False),
        ("netdevsim", "INCOMPLETE", True),
    ] == [(one.name, one.verdict, one.absent) for one in found]
    broken = tmp_path / "out/7.3/veth"
    (nic,) = decode((broken / "results.json").read_bytes(), "").nics
    assert [(ALL[0], "error")] == [(one.requirement, one.outcome) for one in nic.results]
    assert "sysrq triggered crash" in nic.results[0].reason
    assert PANIC.encode() == (broken / "console.log").read_bytes()
    assert [] == list((tmp_path / "out").rglob("*.cpio"))


def test_alone_in_the_next(tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that broke in two lines at once is followed by one with a run at a time."""
    first = [plan("igb"), plan("veth"), starts("igb", ALL[0]), starts("veth", ALL[0])]
    script: list[tuple[list[Event], str]] = [
        (first, PANIC),
        ([plan("igb"), *whole("igb"), plan("veth"), starts("veth", ALL[0])], PANIC),
    ]
    jobs: list[Job] = []

    def fake(
        _tools: Tools, _kernel: Kernel, _image: Path, folder: Path, *_rest: object, **_more: object
    ) -> list[str]:
        events, console = script[len(jobs) - 1]
        return program(folder, events, console)

    def own(_modules: object, job: Job) -> bytes:
        jobs.append(job)
        return b""

    monkeypatch.setattr(lab_module, "command", fake)
    monkeypatch.setattr(lab_module.image, "base", lambda _busybox: b"")
    monkeypatch.setattr(lab_module.image, "own", own)
    tools = Tools(tmp_path, tmp_path / "qemu", tmp_path / "busybox")
    asked = Asked(tmp_path / "out", "claims", choose(["igb,veth"]), SHORT)
    found = Lab(tools, asked, lambda *_: None).run(kernel)

    assert [(["igb", "veth"], 2), (["igb", "veth"], 1)] == [(job.names, job.side) for job in jobs]
    assert ["CONFORMS", "INCOMPLETE"] == [one.verdict for one in found]
    assert f"{ALL[0]}: the guest broke while this was tried" in found[1].problem


def test_never_up(tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that breaks before it has NICs is not tried again for each of them."""
    started = []

    def fake(
        _tools: Tools, _kernel: Kernel, _image: Path, folder: Path, *_rest: object, **_more: object
    ) -> list[str]:
        started.append(folder.name)
        return program(folder, [Stage("makes its NICs")], PANIC)

    monkeypatch.setattr(lab_module, "command", fake)
    monkeypatch.setattr(lab_module.image, "base", lambda _busybox: b"")
    tools = Tools(tmp_path, tmp_path / "qemu", tmp_path / "busybox")
    nics: list[Nic] = choose(["igb,veth"])
    asked = Asked(tmp_path / "out", "claims", nics, SHORT)
    found = Lab(tools, asked, lambda _kernel, _text: None).run(kernel)

    assert ["guest-1"] == started
    why = (
        "the guest ended before it was done: Kernel panic - not syncing: sysrq triggered crash"
        " (it makes its NICs)"
    )
    assert [why, why] == [one.problem for one in found]


@pytest.mark.parametrize(
    ("consoles", "guests"),
    [([PANIC, ""], 2), ([PANIC, PANIC], 2), ([OOM, ""], 1)],
    ids=["once", "twice", "memory"],
)
def test_boots_again(
    tmp_path: Path,
    kernel: Kernel,
    monkeypatch: pytest.MonkeyPatch,
    consoles: list[str],
    guests: int,
) -> None:
    """A panic at boot is no NIC's doing: there is one more guest, and no third."""
    started = []

    def fake(
        _tools: Tools, _kernel: Kernel, _image: Path, folder: Path, *_rest: object, **_more: object
    ) -> list[str]:
        console = consoles[len(started)]
        started.append(folder.name)
        whole_run = [plan("igb"), *whole("igb"), Ended(["igb"], 0), Over()]
        return program(folder, [] if console else whole_run, console)

    monkeypatch.setattr(lab_module, "command", fake)
    monkeypatch.setattr(lab_module, "SIDE", dict.fromkeys(LEVELS, 1))
    monkeypatch.setattr(lab_module.image, "base", lambda _busybox: b"")
    tools = Tools(tmp_path, tmp_path / "qemu", tmp_path / "busybox")
    asked = Asked(tmp_path / "out", "claims", choose(["igb"]), SHORT)
    (told,) = Lab(tools, asked, lambda _kernel, _text: None).run(kernel)

    assert guests == len(started)
    assert ("CONFORMS" if consoles[guests - 1] == "" else "INCOMPLETE") == told.verdict
