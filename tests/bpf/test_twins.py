# SPDX-License-Identifier: MIT
"""Each program does what its twin in C does, on thousands of frames."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.bpf.elf import TWINS, compile_twin, link
from tests.bpf.places import inside
from tests.namespaces import private_namespace
from xdpconform.errors import InputError
from xdpconform.probes.bpf import (
    Array,
    BpfError,
    Btf,
    CpuMap,
    DevMap,
    Kfuncs,
    Link,
    Map,
    Metadata,
    Mode,
    PerCpuArray,
    Program,
    XskMap,
    metadata,
    programs,
    run,
)
from xdpconform.probes.bpf.metadata import MAGIC, MARKER, METADATA
from xdpconform.probes.bpf.programs import MEASURE, Slot
from xdpconform.probes.sockets_programs import to_sockets

FRAMES = 1000
SEED = 0x88B5
OURS = programs.ETHERTYPE.to_bytes(2, "big")


class Case(NamedTuple):
    """A program, and how its twin is compiled."""

    twin: str
    make: Callable[[PerCpuArray, Array, Map], bytes]
    macros: dict[str, int]
    targets: type[DevMap | CpuMap | XskMap] = DevMap


def _cases() -> Iterator[Case]:
    yield Case("passes", lambda _c, _r, _t: programs.passes(), {})
    yield Case("sends", lambda _c, _r, _t: programs.sends(), {})
    for action in (0, 1, 2, 3, 42):
        yield Case(
            "verdict", lambda c, _r, _t, a=action: programs.verdict(a, c), {"ACTION": action}
        )
    yield Case("bounce", lambda c, _r, _t: programs.bounce(c), {})
    for kind in (DevMap, CpuMap, XskMap):
        for flags in (0, 2):
            yield Case(
                "redirect",
                lambda c, _r, t, f=flags: programs.redirect(t, 0, c, f),
                {"KEY": 0, "FLAGS": flags},
                kind,
            )
            yield Case(
                "redirect",
                lambda c, _r, t, f=flags: programs.redirect(t, 1, c, f),
                {"KEY": 1, "FLAGS": flags},
                kind,
            )
    yield Case("redirect", lambda c, _r, t: programs.redirect(t, None, c), {"FLAGS": 0})
    flags = programs.BPF_F_BROADCAST | programs.BPF_F_EXCLUDE_INGRESS
    yield Case(
        "redirect",
        lambda c, _r, t: programs.redirect(t, 0, c, flags),
        {"KEY": 0, "FLAGS": flags},
    )
    yield Case("redirect_to", lambda _c, _r, _t: programs.redirect_to(1), {"IFINDEX": 1})
    yield Case("mark", lambda c, _r, _t: programs.mark(c, 0x5A), {"VALUE": 0x5A, "ACTION": 2})
    yield Case("mark", lambda c, _r, _t: programs.mark(c, 255, 1), {"VALUE": 255, "ACTION": 1})
    for delta in (-4096, -200, -128, -129, -14, -1, 0, 1, 14, 200, 5000):
        macros = {"DELTA": delta}
        yield Case("adjust_head", lambda c, _r, _t, d=delta: programs.adjust_head(d, c), macros)
    for delta in (-5000, -200, -1, 0, 1, 64, 200, 5000):
        macros = {"DELTA": delta}
        yield Case("adjust_tail", lambda c, _r, _t, d=delta: programs.adjust_tail(d, c), macros)
    yield Case("measure", lambda c, r, _t: programs.measure(r, c), {"ACTION": 2})
    # A device in place of the first socket, so that it shows which entry was meant.
    for words in (
        {},
        {"drop_odd": 1},
        {"by_number": 1},
        {"metadata": 1},
        {"tail": 9},
        {"tail": -9},
    ):
        yield Case(
            "to_sockets",
            lambda c, _r, t, w=words: to_sockets(t, c, **w),
            {word.upper(): int(value) for word, value in words.items()},
        )


CASES = list(_cases())


def name(case: Case) -> str:
    """An id: ``adjust_head-DELTA=14``."""
    parts = [f"{macro}={value}" for macro, value in case.macros.items()]
    return "-".join([case.twin, case.targets.__name__, *parts])


def frames(count: int, seed: int) -> Iterator[bytes]:
    """Frames of all kinds: ours and others, tagged, bounced before, short and long."""
    chance = random.Random(seed)
    for _number in range(count):
        size = chance.choice((14, 15, 16, 22, 60, chance.randint(14, 4000)))
        kind = chance.choice(
            (OURS, OURS, OURS, b"\x08\x00", b"\x81\x00" + b"\0\1" + OURS, b"\xb5\x88")
        )
        tail = chance.choice((b"\xb0", b"\x00", b""))
        frame = chance.randbytes(12) + kind + tail
        yield (frame + chance.randbytes(size))[:size]


@pytest.fixture
def maps() -> Iterator[tuple[PerCpuArray, Array]]:
    """What programs count in."""
    with PerCpuArray(8, len(Slot)) as counts, Array(MEASURE.size) as results:
        yield counts, results


def loaded(name: str, code: bytes) -> Program:
    """With frags, so that long frames can be run."""
    return Program.load(code, name=name, frags=True)


def splits(program: Program) -> bool:
    """Whether this kernel makes frames with a short linear part."""
    try:
        run.test_run(program, bytes(64), linear=0)
    except BpfError:
        return False
    return True


@pytest.mark.parametrize("case", CASES, ids=name)
def test_twin(case: Case, maps: tuple[PerCpuArray, Array], tmp_path: Path) -> None:
    """Same action, same frame afterwards, same map contents, on each of a thousand frames."""
    counts, results = maps
    image = compile_twin(case.twin, tmp_path, **case.macros)
    chance = random.Random(SEED)
    with ExitStack() as stack:
        targets = stack.enter_context(case.targets(2))
        if isinstance(targets, CpuMap):
            targets.set(0)
        elif isinstance(targets, DevMap):
            targets.set(0, 1)  # lo
        names = {"counts": counts.fd, "results": results.fd, "targets": targets.fd}
        code = case.make(counts, results, targets)
        program = stack.enter_context(loaded("ours", code))
        twin = stack.enter_context(loaded("twin", link(image, names, {})))
        split = splits(program)
        acted = set()
        for frame in frames(FRAMES, SEED):
            linear = chance.choice((None, 0, 13, 14, 40)) if split else None
            if linear is not None and linear > len(frame):
                linear = len(frame)
            seen = []
            for one in (twin, program):
                counts.clear()
                results.clear()
                ran = run.test_run(one, frame, linear=linear)
                seen.append((ran, counts.totals(), results.get(0)))

            assert seen[0] == seen[1], f"{frame[:32].hex()} of {len(frame)} bytes, {linear} linear"
            acted.add(seen[0][1][Slot.FRAMES])

    counting = case.twin not in ("passes", "redirect_to", "sends")
    assert ({0, 1} if counting else {0}) == acted


def test_all_have_twins() -> None:
    """No program without a twin, and no twin that is not compared."""
    made = {
        name
        for name, value in vars(programs).items()
        if callable(value) and name.islower() and value.__module__ == programs.__name__
    }
    public = {x for x in made if not x.startswith("_")} - {"ours", "finish", "lookup", "load_bytes"}
    twins = {path.stem for path in TWINS.glob("*.c")}

    assert public | {"metadata", "to_sockets"} == twins
    assert {case.twin for case in CASES} | {"metadata"} == twins


@pytest.mark.parametrize("linear", [0, 1, 13, 14, 15, 16])
def test_short_linear_part(maps: tuple[PerCpuArray, Array], linear: int) -> None:
    """A frame is known as ours, and changed, wherever its linear part ends."""
    counts, _results = maps
    with loaded("mark", programs.mark(counts, 0x5A)) as program:
        if not splits(program):
            pytest.skip("a kernel before 6.18 makes no short linear part")
        ran = run.test_run(program, bytes(12) + OURS + bytes(5000), linear=linear)

    assert (b"\0\x5a", 1) == (ran.data[14:16], counts.total(Slot.FRAMES))


RUN = b"the-run."


def _marked(number: int, *, run: bytes = RUN, tag: bytes = b"", at: int = 96) -> bytes:
    """A frame with the marker of a run, IPv4 by its EtherType."""
    head = b"\xff" * 6 + bytes(6) + tag + b"\x08\x00"
    return head + bytes(at + len(tag) - len(head)) + MARKER.pack(MAGIC, run, number) + bytes(16)


MARKED = (
    _marked(0),
    _marked(1, tag=b"\x81\x00\x00\x07"),
    _marked(2, tag=b"\x88\xa8\x00\x07"),
    _marked(3)[: 96 + 22],
    # The last of ours twice, then those of others.
    _marked(3),
    _marked(4)[: 96 + 21],
    _marked(5, run=b"the-run,"),
    _marked(6, at=95),
    _marked(7)[:96] + b"Xdpconform" + RUN + bytes(20),
    _marked(8)[:96] + b"xdpconforM" + RUN + bytes(20),
    _marked(12),
    OURS * 64,
    b"\xff" * 6 + bytes(6) + OURS + bytes(2) + MAGIC + RUN + bytes(100),
)
TIMES = (1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0)
"""How often the frame of each number should be seen."""


def test_metadata(tmp_path: Path) -> None:
    """The twins tell the same of frames that a veth received, and of those of the run alone.

    All others are received by the host, those of the run are not.
    """
    kfuncs = Kfuncs.find()
    numbers = {
        f"bpf_xdp_metadata_rx_{field}": number
        for field, number in kfuncs._asdict().items()
        if number is not None
    }
    image = compile_twin("metadata", tmp_path, ACTION=1)
    with private_namespace() as made, Array(METADATA.size, len(TIMES)) as results:
        made.pairs(1)
        made.batch("link set v0a up", "link set v0b up")
        ifindex = made.index("v0b")
        codes = (metadata(results, kfuncs, RUN), link(image, {"results": results.fd}, numbers))

        def tell(code: bytes) -> tuple[list[Metadata], list[bytes]]:
            results.clear()
            with (
                Program.load(code, name="metadata", ifindex=ifindex, dev_bound=True) as program,
                Link.create(program, ifindex, Mode.NATIVE),
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock,
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as behind,
            ):
                behind.bind(("v0b", 3))
                behind.settimeout(1)
                sock.bind(("v0a", 0))
                for frame in MARKED:
                    sock.send(frame)
                passed = [behind.recv(2048) for _other in MARKED[5:]]
            values = [Metadata.pull(results.get(number)) for number in range(len(TIMES))]
            return values, passed

        told = inside(made, lambda: [tell(code) for code in codes])

    (ours, passed), (theirs, _passed) = told
    assert [one._replace(hash=0) for one in ours] == [one._replace(hash=0) for one in theirs]
    assert list(MARKED[5:]) == passed == _passed
    assert TIMES == tuple(one.frames for one in ours)
    assert [0x0800, 0x8100, 0x88A8, 0x0800] == [one.h_proto for one in ours[:4]]
    first = ours[0]
    assert (0, 0, -61, 0) == (first.timestamp_err, first.hash_err, first.vlan_err, first.queue)
    assert numbers["bpf_xdp_metadata_rx_hash"] == Btf.load().func("bpf_xdp_metadata_rx_hash")


def test_metadata_of_no_run() -> None:
    """A run has 8 bytes."""
    with Array(METADATA.size) as results, pytest.raises(InputError) as caught:
        metadata(results, Kfuncs(None, None, None), b"run")

    assert "run '72756e': 3 bytes, 8 needed" == str(caught.value)
