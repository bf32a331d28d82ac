# SPDX-License-Identifier: MIT
"""A wire of taps: every frame that goes in at one end comes out at the other, and no other."""

from __future__ import annotations

import json
import subprocess
import sys
from struct import pack
from typing import TYPE_CHECKING

import pytest

from labs.virtual import taps
from labs.virtual.lab import Asked, Lab, Level
from labs.virtual.nics import choose, devices
from labs.virtual.packages import Kernel, Tools
from labs.virtual.qemu import Deadlines
from labs.virtual.taps import UNSHARE, pairs, problem, started

if TYPE_CHECKING:
    from pathlib import Path

NIC, PEER = b"\x02\x58\x44\x50\x00\x00", b"\x02\x58\x44\x50\x00\x01"
TEST = b"\x88\xb5" + bytes(46)
FRAMES = {
    "to the other end": PEER + NIC + TEST,
    "in the other direction": NIC + PEER + TEST,
    "to where it came from": NIC + NIC + TEST,
    "to all": b"\xff" * 6 + NIC + TEST,
    "to a group that nobody joined": b"\x33\x33\x00\x01\x02\x03" + NIC + TEST,
    "to a bridge": b"\x01\x80\xc2\x00\x00\x00" + NIC + TEST,
    "to who negotiates a bond": b"\x01\x80\xc2\x00\x00\x02" + NIC + TEST,
    "to a neighbour": b"\x01\x80\xc2\x00\x00\x0e" + NIC + TEST,
    "with a tag": PEER + NIC + b"\x81\x00\x00\x05" + TEST,
    "with a tag of priority": PEER + NIC + b"\x81\x00\xe0\x00" + TEST,
    "with two tags": PEER + NIC + b"\x88\xa8\x00\x05\x81\x00\x00\x06" + TEST,
    "of IPv4, with a wrong checksum": PEER + NIC + b"\x08\x00\x45" + bytes(59),
    "with no payload": PEER + NIC + b"\x88\xb5",
    "jumbo": PEER + NIC + b"\x88\xb5" + bytes(9000),
    "as long as there can be": PEER + NIC + b"\x88\xb5" + bytes(65521),
}
TAPS = """
import fcntl, json, os, select, struct, sys
from labs.virtual.guest.make import TUN, TUNSETIFF

def tap(name, flags):
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name, flags))
    return descriptor

def read(ends):
    data = []
    while select.select(ends, [], [], 1)[0]:
        for end in select.select(ends, [], [], 0)[0]:
            data.append(os.read(end, 1 << 17))
    return data

def ready(nic, peer):
    # A port forwards a moment after its link is up (net/core/link_watch.c).
    first = bytes(10) + bytes(6) + b"\\2" * 6 + bytes(48)
    while not select.select([peer], [], [], 0.1)[0]:
        os.write(nic, first)
    return [data.hex() for data in read([nic, peer]) if data != first]
"""
QEMU = f"""{TAPS}
nic, more, peer = tap(b"lab0", 0x5102), tap(b"lab0", 0x5102), tap(b"plab0", 0x5002)
frames = [bytes.fromhex(text) for text in json.load(sys.stdin)]
found = [ready(nic, peer) + ready(peer, nic)]
for end, others in ((nic, [peer]), (peer, [nic, more])):
    for frame in frames:
        os.write(end, bytes(10) + frame)
    found.append([data[10:].hex() for data in read(others)])
for _ in range(2048):
    os.write(nic, bytes(10) + frames[0])
found.append([data[10:].hex() for data in read([peer])])
json.dump(found + [read([nic, more])], sys.stdout)
"""
"""What stands for QEMU: it reports what it heard at first, at either end, and of a burst."""
SEGMENTS = f"""{TAPS}
nic, peer = tap(b"lab0", 0x5102), tap(b"plab0", 0x5002)
fcntl.ioctl(peer, 0x400454D0, int(sys.argv[1]))  # TUNSETOFFLOAD
ready(nic, peer)
os.write(nic, bytes.fromhex(sys.stdin.read()))
json.dump([[data[0], data[1], len(data) - 10] for data in read([peer])], sys.stdout)
"""
"""It leaves a TCP segment to be cut and summed, and tells flags, type and length of what comes."""


def test_pairs() -> None:
    """A NIC and its peer are at either end of a bridge; a tap by itself is QEMU's to make."""
    nics = choose(["virtio_mq,igb,virtio_nogst"])

    assert [
        ({"lab0": 4, "plab0": 1}, "blab0"),
        ({"lab2": 1, "plab2": 1}, "blab2"),
    ] == pairs(["qemu", *devices(nics, wired=True)])
    assert [] == pairs(["qemu", *devices(nics, wired=False)])


def test_started() -> None:
    """QEMU has a namespace of its own if it has taps."""
    alone = (*UNSHARE, sys.executable, "-m", "labs.virtual.taps")

    assert alone == started(devices(choose(["virtio_mq"]), wired=False))
    assert () == started(devices(choose(["igb"]), wired=True))


WORDS = devices(choose(["virtio_mq"]), wired=True)
ALONE = [*UNSHARE, sys.executable]
LACKING = "from labs.virtual import taps; taps.TUN = '/nowhere'; taps.main(['true', *{!r}])"
bridged = pytest.mark.skipif(bool(problem()), reason=problem())


def run(words: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program, and give what it prints."""
    return subprocess.run(words, input=stdin, check=False, capture_output=True, text=True)


@bridged
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            [*ALONE, "-c", LACKING.format(WORDS)],
            "taps cannot be bridged here: [Errno 2] No such file or directory: '/nowhere'\n",
        ),
        (
            [*started(WORDS), "/nowhere/qemu", *WORDS],
            "/nowhere/qemu cannot be started: No such file or directory\n",
        ),
    ],
    ids=["no tap", "no QEMU"],
)
def test_refused(words: list[str], told: str) -> None:
    """What cannot be made is named, in one line."""
    done = run(words)

    assert (1, "", told) == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (("/nowhere/unshare",), "/nowhere/unshare cannot be started: No such file or directory"),
        (("false",), "no reason is given"),
        (("sh", "-c", "echo first >&2; echo last >&2; exit 1"), "last"),
    ],
)
def test_problem(monkeypatch: pytest.MonkeyPatch, program: tuple[str, ...], told: str) -> None:
    """Where there is no namespace or no bridge to be had, the last that was said is the reason."""
    monkeypatch.setattr(taps, "UNSHARE", program)

    assert told == problem()


@pytest.mark.parametrize(
    ("level", "why", "alone"),
    [("packets", "no bridge", ["virtio_mq"]), ("packets", "", []), ("attach", "no bridge", [])],
)
def test_without_a_peer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    level: Level,
    why: str,
    alone: list[str],
) -> None:
    """Where taps cannot be bridged NICs on taps are tried without a peer, which is said."""
    said: list[str] = []
    monkeypatch.setattr(taps, "problem", lambda: why)
    monkeypatch.setattr("labs.virtual.image.base", lambda _busybox: b"")
    asked = Asked(tmp_path, level, choose(["virtio_mq,igb"]), Deadlines())
    tools = Tools(tmp_path, tmp_path / "qemu", tmp_path / "busybox")
    lab = Lab(tools, asked, lambda _kernel, text: said.append(text))
    nics = lab._nics(Kernel("7.3", "7.3.4", tmp_path / "vmlinuz", tmp_path))

    assert alone == [nic.name for nic in nics if not nic.peer]
    assert [f"NICs on taps have no peer: {why}"] * len(alone) == said[1:]
    assert alone == [] or [] == pairs(devices(nics, wired=True))


@bridged
def test_wire() -> None:
    """Frames pass both ways whatever their addresses, tags and length; nothing else is heard."""
    frames = [frame.hex() for frame in FRAMES.values()]
    names = dict(zip(frames, FRAMES, strict=True))
    done = run([*started(WORDS), sys.executable, "-c", QEMU, *WORDS], json.dumps(frames))
    heard, *found, burst, left = json.loads(done.stdout or "[]")

    assert "" == done.stderr
    assert ([], []) == (heard, left)
    for received in found:
        assert frames == received, [name for frame, name in names.items() if frame not in received]
    assert 2048 == burst.count(frames[0]) == len(burst)


@bridged
@pytest.mark.parametrize(
    ("offloads", "found"),
    [(0x7, [[1, 1, 4054]]), (0x0, [[0, 0, 1502], [0, 0, 1502], [0, 0, 1158]])],
    ids=["taken", "not taken"],
)
def test_offloads(offloads: int, found: list[list[int]]) -> None:
    """What is left to be cut and summed passes as it is, or cut where the other end does not.

    A NIC with a program takes none of it (virtnet_clear_guest_offloads, drivers/net/virtio_net.c).
    """
    # struct virtio_net_hdr: NEEDS_CSUM, TCPV4, its headers, 1448 bytes each, where the sum goes
    header = pack("<BBHHHH", 1, 1, 54, 1448, 34, 16)
    ip = pack(">BBHHHBBH4B4B", 0x45, 0, 4040, 1, 0, 64, 6, 0, 192, 0, 2, 1, 192, 0, 2, 2)
    tcp = pack(">HHIIBBHHH", 1, 2, 0, 0, 0x50, 0x10, 8192, 0, 0)
    frame = header + PEER + NIC + b"\x08\x00" + ip + tcp + bytes(4000)
    done = run(
        [*started(WORDS), sys.executable, "-c", SEGMENTS, str(offloads), *WORDS], frame.hex()
    )

    assert ("", found) == (done.stderr, json.loads(done.stdout))
