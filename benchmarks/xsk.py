# SPDX-License-Identifier: MIT
"""AF_XDP in copy mode on one veth pair: ours beside a plain reader and writer in C.

`xsk_plain.c` is compiled here, by $CC, gcc or clang. Both sides have rings of 2,048 entries, move
the same batches, kick as the flag says, and touch no more of a frame than its descriptor. Reading:
the kernel sends frames of 66 bytes (`live_frames`) from the other end, on a CPU of its own, and
what the reader took is timed from its first batch to its last. Writing: timed from the first frame
to the last completion; a program at the other end counts what arrives. A kick sends 256 frames
where the kernel lets it (XDP_MAX_TX_SKB_BUDGET, since 6.17), and 32 everywhere: both are timed.

The pair stands in a network namespace of its own.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from array import array
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.installed import folder
from benchmarks.live_frames import drop
from benchmarks.measure import Bar, Report, Timing, Unmeasured, interleave, ratio
from xdpconform.errors import XdpConformError
from xdpconform.probes import bpf
from xdpconform.probes.bpf import Link, PerCpuArray, Program, XskMap, live_frames, programs
from xdpconform.probes.testbed import Namespace, Port
from xdpconform.probes.testbed.pair import make_pair
from xdpconform.probes.xsk import Sizes, Umem, XskError, XskMode, XskSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measure import Settings, Timer

READ = 1_000_000
WRITTEN = 400_000
ROUNDS = 15
SIZE = 66
RING = 2048
BATCH = 64
KICKS = (256, 32)
"""Frames that one kick sends."""
BLOCK = 256
"""Descriptors that ours writes at a time, to show the kernel as many as a kick sends."""
BUDGET = 32
"""What a kick sends anywhere (TX_BATCH_SIZE, net/xdp/xsk.c)."""
CHUNK = 2048
CHUNKS = 4096
IDLE = 0.2
"""Seconds without a frame after which all have come."""
FRAME = (b"\xff" * 6 + b"\x02" + bytes(5) + b"\x88\xb5").ljust(SIZE, b"\0")
opened = partial(XskSocket, queue=0, mode=XskMode.COPY, need_wakeup=True)
SOURCE = Path(__file__).with_name("xsk_plain.c")


class Bench(NamedTuple):
    """A veth pair with its programs."""

    near: Port
    far: Port
    sockets: XskMap
    arrived: PerCpuArray
    generator: Program
    plain: Path


def compiled(place: Path) -> Path:
    """The C program."""
    names = [os.environ.get("CC", ""), "gcc", "clang"]
    compiler = next(filter(None, map(shutil.which, filter(None, names))), None)
    if compiler is None:
        raise Unmeasured("no C compiler: there is no gcc or clang on PATH")
    made = place / "xsk_plain"
    done = subprocess.run(
        [compiler, "-O2", "-o", made, SOURCE], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unmeasured(f"{compiler} cannot compile {SOURCE.name}: {done.stderr.strip()}")
    return made


@contextmanager
def on_cpu(number: int) -> Iterator[None]:
    """The calling thread, and what it starts, on one CPU of those it may use."""
    before = os.sched_getaffinity(0)
    cpus = sorted(before)
    os.sched_setaffinity(0, {cpus[number % len(cpus)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def flood(bench: Bench) -> Iterator[None]:
    """Frames from the far end, sent by the kernel in a thread on the first CPU."""

    def send() -> None:
        with on_cpu(0):
            live_frames(bench.generator, FRAME, READ, batch=BATCH, ingress=bench.far.ifindex)

    thread = threading.Thread(target=bench.far.namespace.call, args=(send,))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _read(bench: Bench) -> float:
    """Ours: seconds for `READ` frames."""
    sizes = Sizes(RING, 0, RING, RING)
    with (
        Umem(CHUNKS, CHUNK) as umem,
        XskSocket(
            bench.near, umem, queue=0, mode=XskMode.COPY, need_wakeup=True, sizes=sizes
        ) as xsk,
    ):
        bench.sockets.set(0, xsk.fileno())
        with flood(bench), on_cpu(1):
            frames, seconds = _drain(xsk)
    return _for_all(seconds, frames, READ, "our reader")


def _drain(xsk: XskSocket) -> tuple[int, float]:
    rx, fill = xsk.rx, xsk.fill
    assert rx is not None
    assert fill is not None
    clock = time.perf_counter
    frames = size = spins = 0
    first = last = 0.0
    while frames < READ:
        count = rx.peek(BATCH)
        if not count:
            spins += 1
            if not spins % 1024 and last and clock() - last > IDLE:
                break
            continue
        size += sum(rx.lengths(count))
        rx.recycle(fill, count)
        fill.submit()
        rx.release(count)
        frames += count
        last = clock()
        first = first or last
    if size != frames * SIZE:
        raise Unmeasured(f"our reader: {size} bytes of {frames} frames")
    return frames, last - first


def _write(bench: Bench, batch: int) -> float:
    """Ours: seconds for `WRITTEN` frames."""
    budget = batch if batch > BUDGET else None
    sizes = Sizes(0, RING, RING, RING)
    with (
        Umem(CHUNKS, CHUNK) as umem,
        opened(bench.near, umem, sizes=sizes, tx_budget=budget, prime=False) as xsk,
    ):
        for chunk in range(CHUNKS):
            umem.write(chunk * CHUNK, FRAME)
        before = bench.arrived.total(0)
        with on_cpu(1):
            seconds = _pour(xsk, batch)
        return _arrived(bench, before, seconds, "our writer")


def _pour(xsk: XskSocket, batch: int) -> float:
    tx, completion = xsk.tx, xsk.completion
    assert tx is not None
    assert completion is not None
    # struct xdp_desc in two words: the second has the length, and no options
    length = int.from_bytes(SIZE.to_bytes(4, sys.byteorder) + bytes(4), sys.byteorder)
    words = array("Q", (w for n in range(CHUNKS) for w in (n * CHUNK, length)))
    blocks = [memoryview(words)[n : n + 2 * BLOCK] for n in range(0, 2 * CHUNKS, 2 * BLOCK)]
    kicks = range(BLOCK // batch)
    sent = done = 0
    begin = time.perf_counter()
    while done < WRITTEN:
        if sent < WRITTEN and tx.reserve(BLOCK) == BLOCK:
            tx.write(blocks[sent // BLOCK % len(blocks)])
            sent += BLOCK
            for _ in kicks:
                tx.submit(batch)
                if tx.need_wakeup:
                    xsk.kick_tx()
        elif tx.need_wakeup:
            xsk.kick_tx()
        if sent - done >= RING // 2 or sent >= WRITTEN:
            count = completion.peek(RING)
            completion.release(count)
            done += count
    return (time.perf_counter() - begin) * WRITTEN / done


def _arrived(bench: Bench, before: int, seconds: float, what: str) -> float:
    deadline = time.monotonic() + IDLE
    while (came := bench.arrived.total(0) - before) < WRITTEN and time.monotonic() < deadline:
        time.sleep(0.001)
    if came < WRITTEN * 0.9:
        raise Unmeasured(f"{what}: {came} frames arrived of {WRITTEN}")
    return seconds


def _for_all(seconds: float, frames: int, wanted: int, what: str) -> float:
    """Rings overflow when a CPU is taken away: some frames may be missing."""
    if frames < wanted // 10:
        raise Unmeasured(f"{what}: {frames} frames of {wanted}")
    return seconds * wanted / frames


@contextmanager
def plain(bench: Bench, *words: str, fds: tuple[int, ...] = ()) -> Iterator[Callable[[], str]]:
    """The C program once it is ready; what it prints at the end."""

    def start() -> subprocess.Popen[str]:
        with on_cpu(1):
            return subprocess.Popen(
                [bench.plain, *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=fds,
                text=True,
            )

    child = bench.near.namespace.call(start)
    try:
        assert child.stdout is not None
        said = child.stdout.readline().strip()
        if said != "ready":
            raise Unmeasured(f"xsk_plain {words[0]}: {said or 'no word'}")
        yield lambda: child.communicate(timeout=30)[0]
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def _plain_read(bench: Bench) -> float:
    words = ("read", str(bench.near.ifindex), str(READ), str(BATCH), str(bench.sockets.fd))
    with plain(bench, *words, fds=(bench.sockets.fd,)) as ended:
        with flood(bench):
            pass
        frames, size, nanoseconds = map(int, ended().split())
    if size != frames * SIZE:
        raise Unmeasured(f"xsk_plain read: {size} bytes of {frames} frames")
    return _for_all(nanoseconds / 1e9, frames, READ, "xsk_plain read")


def _plain_write(bench: Bench, batch: int) -> float:
    before = bench.arrived.total(0)
    words = ("write", str(bench.near.ifindex), str(WRITTEN), str(batch))
    with plain(bench, *words) as ended:
        frames, _size, nanoseconds = map(int, ended().split())
    return _arrived(bench, before, nanoseconds / 1e9 * WRITTEN / frames, "xsk_plain write")


@contextmanager
def benches() -> Iterator[Bench]:
    """The pair, made and removed."""
    place = folder() / "xsk"
    place.mkdir(exist_ok=True)
    command = compiled(place)
    with ExitStack() as stack:
        space = stack.enter_context(Namespace.anonymous())
        near, far = make_pair(space, "near", space, "far")
        sockets = stack.enter_context(XskMap(1))
        arrived = stack.enter_context(PerCpuArray(max_entries=1))
        counts = stack.enter_context(PerCpuArray(8, 8))
        for port, code in (
            (near, programs.redirect(sockets, None, counts)),
            (far, drop(arrived)),
        ):
            program = stack.enter_context(Program.load(code, name="xsk"))
            link = space.call(lambda: Link.create(program, port.ifindex, bpf.Mode.NATIVE))  # noqa: B023
            stack.enter_context(link)
        generator = stack.enter_context(Program.load(programs.sends(), name="generate"))
        yield Bench(near, far, sockets, arrived, generator, command)


def measure(settings: Settings) -> Report:
    """Both, in turns, in both directions."""
    if os.geteuid():
        raise Unmeasured("AF_XDP on a veth pair needs root")
    try:
        with benches() as bench:
            found = interleave(_timers(bench), settings.rounds(ROUNDS))
    except XdpConformError as error:
        raise Unmeasured(str(error)) from error
    return Report(list(found.values()), _bars(found), _notes(found))


def _timers(bench: Bench) -> dict[str, Timer]:
    timers: dict[str, Timer] = {
        "read, ours": partial(_read, bench),
        "read, C": partial(_plain_read, bench),
    }
    for batch in KICKS:
        if batch > BUDGET:
            try:
                _write(bench, batch)
            except XskError as error:
                if error.errno != errno.ENOPROTOOPT:
                    raise
                continue
        timers[f"write {batch} a kick, ours"] = partial(_write, bench, batch)
        timers[f"write {batch} a kick, C"] = partial(_plain_write, bench, batch)
    return timers


def _bars(found: dict[str, Timing]) -> list[Bar]:
    bars = []
    for way in (name.removesuffix(", ours") for name in found if name.endswith(", ours")):
        value = ratio(found[f"{way}, C"], found[f"{way}, ours"])
        bars.append(Bar(f"{way}: frames a second, ours / C", value, 0.9, at_least=True))
    return bars


def _notes(found: dict[str, Timing]) -> tuple[str, ...]:
    return tuple(
        f"{name}: {(READ if name.startswith('read') else WRITTEN) / timing.median / 1e6:.2f}"
        " million frames a second"
        for name, timing in found.items()
    )
