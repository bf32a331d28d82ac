# SPDX-License-Identifier: MIT
"""Programs: loaded and run, and why not."""

from __future__ import annotations

import errno
import os
import platform
import signal
import threading
from pathlib import Path

import pytest

from tests.bpf.places import child, inside, without
from tests.namespaces import private_namespace, unavailable
from xdpconform.errors import InputError, SourceError
from xdpconform.probes.bpf import (
    Array,
    Assembler,
    BpfError,
    Link,
    Mode,
    PerCpuArray,
    Program,
    live_frames,
    metadata,
    programs,
    run,
    syscall,
)
from xdpconform.probes.bpf.metadata import METADATA, Kfuncs

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=f"BPF {unavailable()}")

FRAME = bytes(12) + programs.ETHERTYPE.to_bytes(2, "big") + bytes(50)


def test_load() -> None:
    """A program has a number and a tag; the same code has the same tag."""
    with (
        Program.load(programs.passes(), name="one") as one,
        Program.load(programs.passes(), name="other") as other,
    ):
        assert (16, one.tag) == (len(one.tag), other.tag)
        assert 0 < one.id != other.id > 0


def uninitialized() -> bytes:
    """Returns a register that nobody has set."""
    asm = Assembler()
    asm.BPF_EXIT_INSN()
    return asm.code()


def test_verifier_log() -> None:
    """A program that is refused: errno, and the end of the verifier's log."""
    with pytest.raises(BpfError) as caught:
        Program.load(uninitialized(), name="bad")

    lines = str(caught.value).splitlines()
    assert errno.EACCES == caught.value.errno
    assert (
        "load program 'bad': the kernel said EACCES (Permission denied); the end of the verifier's"
        " log:"
    ) == lines[0]
    assert "R0 !read_ok" in lines
    assert lines[1:] == caught.value.log.splitlines()[-len(lines[1:]) :]


def test_unbound_metadata() -> None:
    """Metadata kfuncs in a program for no device: the log says so."""
    with Array(METADATA.size) as results, pytest.raises(BpfError) as caught:
        Program.load(metadata(results, Kfuncs.find(), bytes(8)), name="unbound")

    assert errno.EINVAL == caught.value.errno
    assert "metadata kfuncs require device-bound program" in str(caught.value)


INPUT = {
    "empty": (b"", "p", "program 'p': 0 bytes are no whole number of instructions, 8 bytes each"),
    "cut": (
        bytes(9),
        "p",
        "program 'p': 9 bytes are no whole number of instructions, 8 bytes each",
    ),
    "name": (
        programs.passes(),
        "a b",
        "the BPF name 'a b' is none: up to 15 letters, digits, underscores and dots",
    ),
}


@pytest.mark.parametrize(("code", "name", "text"), INPUT.values(), ids=list(INPUT))
def test_no_program(code: bytes, name: str, text: str) -> None:
    """What cannot be a program is refused before the kernel is asked."""
    with pytest.raises(InputError) as caught:
        Program.load(code, name=name)

    assert text == str(caught.value)


def test_growth() -> None:
    """More headroom than any driver has is not asked for."""
    with PerCpuArray() as counts, pytest.raises(InputError) as caught:
        programs.adjust_head(-4097, counts)

    assert "adjust_head: 4097 bytes more; 4096 at most" == str(caught.value)


LOAD = """
from xdpconform.probes.bpf import BpfError, Program, Tracepoints, programs
try:
    with {what} as opened:
        print(opened)
except BpfError as error:
    print(error.errno, error)
"""


@pytest.mark.parametrize(
    ("capability", "what", "name", "needs"),
    [
        (
            "bpf,-sys_admin",
            "Program.load(programs.passes(), name='passes')",
            "passes",
            "CAP_BPF and CAP_NET_ADMIN",
        ),
        (
            "perfmon,-sys_admin",
            "Tracepoints()",
            "failures",
            "CAP_BPF and CAP_PERFMON",
        ),
    ],
    ids=["bpf", "perfmon"],
)
def test_privileges(capability: str, what: str, name: str, needs: str) -> None:
    """Without a capability: says which are needed."""
    process = child(LOAD.format(what=what), *without(capability))
    out, err = process.communicate(timeout=60)

    text = (
        f"1 load program '{name}': the kernel said EPERM (Operation not permitted); needs {needs}"
    )
    assert (text + "\n", "") == (out, err)


def test_unknown_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose call number is not known: says which are."""
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    syscall._syscall.cache_clear()
    try:
        with pytest.raises(SourceError) as caught:
            Array(4)
    finally:
        syscall._syscall.cache_clear()

    assert str(caught.value) == (
        "the number of bpf(2) on 'vax' is not known; known are: aarch64, armv7l, i686, loongarch64,"
        " mips64, ppc64, ppc64le, riscv64, s390x, x86_64"
    )


def test_numbers(tmp_path: Path) -> None:
    """This machine's call number is the one that its C compiler knows."""
    from subprocess import run as call

    source = tmp_path / "n.c"
    source.write_text("#include <sys/syscall.h>\nNUMBER __NR_bpf\n")
    done = call(["clang", "-E", "-P", source], capture_output=True, text=True, check=True)

    assert f"NUMBER {syscall.SYS_BPF[platform.machine()]}" == done.stdout.strip()


def test_once() -> None:
    """A test run gives the action and the frame afterwards."""
    with PerCpuArray() as counts, Program.load(programs.mark(counts, 7), name="m") as program:
        ran = run.test_run(program, FRAME, 3)

        assert (programs.XDP_PASS, FRAME[:15] + b"\7" + FRAME[16:]) == ran
        assert (3, 3 * len(FRAME)) == (counts.total(0), counts.total(1))


def test_short_frame() -> None:
    """The kernel wants an Ethernet header."""
    with Program.load(programs.passes(), name="p") as program, pytest.raises(BpfError) as caught:
        run.test_run(program, bytes(13))

    assert errno.EINVAL == caught.value.errno
    assert str(caught.value).startswith("test run of program ")


@pytest.mark.parametrize("count", [1, 63, 64, 1000, run.FIRST_CALL + 1])
@pytest.mark.parametrize("batch", [1, 64, 256])
def test_live_frames(count: int, batch: int) -> None:
    """Exactly so many frames run, in batches of any size."""
    with (
        PerCpuArray() as counts,
        Program.load(programs.verdict(programs.XDP_DROP, counts), name="drop") as program,
    ):
        live_frames(program, FRAME, count, batch=batch)

        assert (count, count * len(FRAME)) == (counts.total(0), counts.total(1))


def test_live_frames_arrive() -> None:
    """Frames redirected into a veth are seen by the program at its other end, each once."""
    with private_namespace() as made, PerCpuArray() as counts:
        made.pairs(1)
        made.batch("link set v0a up", "link set v0b up")
        near, far = made.index("v0a"), made.index("v0b")

        def flood() -> None:
            with (
                Program.load(programs.verdict(programs.XDP_DROP, counts), name="drop") as drop,
                Program.load(programs.redirect_to(near), name="send") as send,
                Link.create(drop, far, Mode.NATIVE),
            ):
                live_frames(send, FRAME, 100_000)

        inside(made, flood)

        assert (100_000, 100_000 * len(FRAME)) == (counts.total(0), counts.total(1))


def test_live_frames_signals() -> None:
    """Signals do not end it early; their handlers run afterwards."""
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: seen.append(number))
    main = threading.main_thread().ident or 0
    done = threading.Event()

    def disturb() -> None:
        while not done.wait(0.001):
            signal.pthread_kill(main, signal.SIGUSR1)

    thread = threading.Thread(target=disturb)
    try:
        with (
            PerCpuArray() as counts,
            Program.load(programs.verdict(programs.XDP_DROP, counts), name="drop") as program,
        ):
            thread.start()
            live_frames(program, FRAME, 1_000_000)
            total = counts.total(0)
    finally:
        done.set()
        thread.join()
        signal.signal(signal.SIGUSR1, before)

    assert 1_000_000 == total
    assert signal.SIGUSR1 in seen


WRONG = {
    "batch 0": (FRAME, 0, "live frames: batch 0; it can be 1 to 256"),
    "batch 257": (FRAME, 257, "live frames: batch 257; it can be 1 to 256"),
    "frame": (bytes(13), 64, "live frames: a frame of 13 bytes; 14 are a header"),
}


@pytest.mark.parametrize(("frame", "batch", "text"), WRONG.values(), ids=list(WRONG))
def test_wrong_live_frames(frame: bytes, batch: int, text: str) -> None:
    """What cannot be is refused before the kernel is asked."""
    with Program.load(programs.passes(), name="p") as program, pytest.raises(InputError) as caught:
        live_frames(program, frame, 1, batch=batch)

    assert text == str(caught.value)


def test_frame_too_large() -> None:
    """A live frame must fit a page with what the kernel puts beside it."""
    with Program.load(programs.passes(), name="p") as program, pytest.raises(BpfError) as caught:
        live_frames(program, bytes(os.sysconf("SC_PAGE_SIZE")), 1)

    assert errno.EINVAL == caught.value.errno
