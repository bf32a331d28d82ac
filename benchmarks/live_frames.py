# SPDX-License-Identifier: MIT
"""Frames that the kernel sends for us, against xdp-trafficgen of xdp-tools.

Both send frames of 66 bytes into one end of a veth pair, from one thread; a program on the other
end counts every frame and drops it. Both are timed by the frames that arrived: xdp-trafficgen from
the first to the last, its start not counted; ours from the call to its return. The command is
$XDP_TRAFFICGEN, else xdp-trafficgen on PATH. Where there is none that runs on this kernel (1.3.1
of Debian 12 does not on 6.18), the bar is 10 million frames a second.

The pair stands in a network namespace made for it, which is removed at the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.dump import namespace
from benchmarks.measure import Bar, Report, Unmeasured, interleave, ratio
from xdpconform.errors import XdpConformError
from xdpconform.probes.bpf import (
    Assembler,
    Link,
    Mode,
    PerCpuArray,
    Program,
    live_frames,
    programs,
)
from xdpconform.probes.bpf.insn import BPF_ADD, BPF_DW, R0, R1
from xdpconform.probes.bpf.run import TEST_XDP_MAX_BATCH
from xdpconform.sources.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Settings, Timer, Timing

FRAMES = 10_000_000
ROUNDS = 9
SIZE = 66
"""The least that xdp-trafficgen sends."""
NEAR = "near"
"""The end that frames are sent into."""
PATIENCE = 30.0
"""Seconds after which xdp-trafficgen is given up."""
LOOK = 0.001
"""Seconds between two looks at the counter."""
FLOOR = 10.0
"""Millions of frames a second, where there is nothing to compare with."""


def drop(counts: PerCpuArray) -> bytes:
    """Count every frame, whoever sent it, and drop it."""
    asm = Assembler()
    programs.lookup(asm, counts, 0)
    asm.BPF_LDX_MEM(BPF_DW, R1, R0, 0)
    asm.BPF_ALU64_IMM(BPF_ADD, R1, 1)
    asm.BPF_STX_MEM(BPF_DW, R0, R1, 0)
    asm.BPF_MOV64_IMM(R0, programs.XDP_DROP)
    return programs.finish(asm)


def ours(
    kernel: Kernel, generator: Program, counts: PerCpuArray, *, batch: int, ingress: int
) -> Timer:
    """Seconds for all frames, by one call."""
    frame = (b"\xff" * 6 + b"\x02" + bytes(5) + b"\x88\xb5").ljust(SIZE, b"\0")

    def send() -> float:
        before = counts.total(0)
        begin = time.perf_counter()
        live_frames(generator, frame, FRAMES, batch=batch, ingress=ingress)
        seconds = time.perf_counter() - begin
        return _for_all(seconds, counts.total(0) - before, "live_frames")

    return lambda: kernel.within(send)


def _for_all(seconds: float, arrived: int, said: str) -> float:
    """A ring overflows when the receiver's CPU is taken away: some frames may be missing."""
    if arrived < FRAMES // 2:
        raise Unmeasured(f"{said}: {arrived} frames arrived of {FRAMES}")
    return seconds * FRAMES / arrived


def theirs(netns: str, command: str, counts: PerCpuArray) -> Timer:
    """Seconds that xdp-trafficgen takes for all frames, by those that arrived."""
    line = ["ip", "netns", "exec", netns, command, "udp", NEAR]
    line += ["--num-packets", str(FRAMES), "--pkt-size", str(SIZE), "--threads", "1"]

    def run() -> float:
        with subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as child:
            try:
                seconds, frames = _watched(child, lambda: counts.total(0))
            finally:
                if child.poll() is None:
                    child.terminate()
                said = child.communicate()[0].decode(errors="replace").strip()
        return _for_all(seconds, frames, f"xdp-trafficgen: {said or 'no word'}")

    return run


def _watched(child: subprocess.Popen[bytes], counter: Callable[[], int]) -> tuple[float, int]:
    """From the first look that sees frames to the last that sees more: seconds, and frames."""
    deadline = time.monotonic() + PATIENCE
    start = counter()
    looks: list[tuple[float, int]] = []
    while child.poll() is None and time.monotonic() < deadline:
        now = counter()
        if now != (looks[-1][1] if looks else start):
            looks.append((time.perf_counter(), now))
        time.sleep(LOOK)
    if not looks:
        return 0.0, 0
    (begin, first), (end, last) = looks[0], looks[-1]
    return end - begin, last - first


def trafficgen() -> str | None:
    """The command, if there is one."""
    return shutil.which(os.environ.get("XDP_TRAFFICGEN", "xdp-trafficgen"))


def measure(settings: Settings) -> Report:
    """Both in turns, or ours alone."""
    with ExitStack() as stack:
        try:
            return _measure(stack, settings)
        except XdpConformError as error:
            raise Unmeasured(str(error)) from error


def _measure(stack: ExitStack, settings: Settings) -> Report:
    netns = stack.enter_context(namespace())
    near, far = 1000, 1001
    lines = [f"link add {NEAR} index {near} type veth peer name far index {far}"]
    for name in (NEAR, "far"):  # without addresses, so that no frames are sent but ours
        lines += [f"link set {name} addrgenmode none", f"link set {name} up"]
    subprocess.run(
        ["ip", "-netns", netns, "-batch", "-"], input="\n".join(lines), text=True, check=True
    )
    kernel = stack.enter_context(Kernel(netns))
    counts = stack.enter_context(PerCpuArray(max_entries=1))
    receiver = stack.enter_context(Program.load(drop(counts), name="drop"))
    generator = stack.enter_context(Program.load(programs.sends(), name="generate"))
    stack.enter_context(kernel.within(lambda: Link.create(receiver, far, Mode.NATIVE)))

    timers = {
        "live_frames": ours(kernel, generator, counts, batch=64, ingress=near),
        "live_frames, batch 256": ours(
            kernel, generator, counts, batch=TEST_XDP_MAX_BATCH, ingress=near
        ),
    }
    note = "no xdp-trafficgen in $XDP_TRAFFICGEN or PATH"
    command = trafficgen()
    if command is not None:
        timers["xdp-trafficgen"] = theirs(netns, command, counts)
        try:
            timers["xdp-trafficgen"]()
        except Unmeasured as problem:
            del timers["xdp-trafficgen"]
            note = str(problem)
    found = interleave(timers, settings.rounds(ROUNDS))
    return _report(found, note)


def _report(found: dict[str, Timing], note: str) -> Report:
    mpps = {name: FRAMES / timing.median / 1e6 for name, timing in found.items()}
    notes = tuple(f"{name}: {rate:.1f} million frames a second" for name, rate in mpps.items())
    own, other = found["live_frames"], found.get("xdp-trafficgen")
    if other is not None:
        bar = Bar("xdp-trafficgen / live_frames", ratio(other, own), 1.2, at_least=True)
        return Report(list(found.values()), [bar], notes)
    bar = Bar("live_frames", mpps["live_frames"], FLOOR, "million/s", at_least=True)
    return Report(list(found.values()), [bar], (*notes, note))
