# SPDX-License-Identifier: MIT
"""Test frames: what they look like, and that damage shows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpconform.errors import InputError
from xdpconform.probes.testbed import Frames

HERE = bytes.fromhex("020000000001")
THERE = bytes.fromhex("020000000002")
RUN = b"run-0001"
sizes = st.integers(64, 65535)


def make(count: int = 1, size: int = 64, run: bytes = RUN) -> list[bytes]:
    """The first frames of a run."""
    return Frames(HERE, THERE, run).make(count, size)


def test_layout() -> None:
    """A frame has its addresses, type, marks, magic, run, number and length where they belong."""
    _first, second = make(2, 100)

    expected = THERE + HERE + b"\x88\xb5" + b"\0\0" + b"xdpconform" + RUN + b"\0\0\0\1" + b"\0\x64"
    assert expected == second[:40]
    assert 100 == len(second)


def test_numbers_go_on() -> None:
    """No number is used twice in a run."""
    frames = Frames(HERE, THERE, RUN)
    made = frames.make(3) + frames.make(2, 1514)

    assert [(0, True), (1, True), (2, True), (3, True), (4, True)] == list(map(frames.read, made))


@given(size=sizes, number=st.integers(0, 600))
def test_any_size(size: int, number: int) -> None:
    """A frame of any size is as long as asked for, and read back intact."""
    frames = Frames(HERE, THERE, RUN)
    frames.make(number)
    (frame,) = frames.make(1, size)

    assert size == len(frame)
    assert (number, True) == frames.read(frame)


def test_fillings_differ() -> None:
    """Neighbours have other fillings, so that one cannot stand in for another."""
    fillings = {frame[40:] for frame in make(251, 128)}

    assert 251 == len(fillings)


@given(size=st.integers(64, 2000), data=st.data())
def test_flipped_bit(size: int, data: st.DataObject) -> None:
    """One flipped bit anywhere behind the marks is never a frame that is intact."""
    (frame,) = make(1, size)
    bit = data.draw(st.integers(8 * 16, 8 * size - 1))
    damaged = bytearray(frame)
    damaged[bit // 8] ^= 1 << bit % 8
    found = Frames(HERE, THERE, RUN).read(bytes(damaged))

    assert found is None or not found[1]


@given(cut=st.integers(0, 199))
def test_cut(cut: int) -> None:
    """A frame that was cut is no frame of ours, or not intact."""
    (frame,) = make(1, 200)
    found = Frames(HERE, THERE, RUN).read(frame[:cut])

    assert (None if cut < 40 else (0, False)) == found


def test_longer() -> None:
    """A frame with bytes added is not intact."""
    (frame,) = make()

    assert (0, False) == Frames(HERE, THERE, RUN).read(frame + b"\0")


def test_programs_may() -> None:
    """Swapped addresses and marks leave a frame intact, and the digest the same."""
    frames = Frames(HERE, THERE, RUN)
    sent = frames.make(5, 300)
    came = [frame[6:12] + frame[:6] + frame[12:14] + b"\1\xff" + frame[16:] for frame in sent]

    assert all(frames.read(frame) == (number, True) for number, frame in enumerate(came))
    assert frames.digest(sent) == frames.digest(came)


def test_another_run() -> None:
    """A frame of another run on the same wire is not ours, and does not count in the digest."""
    frames = Frames(HERE, THERE, RUN)
    sent = frames.make(3)
    (other,) = make(run=b"run-0002")

    assert frames.read(other) is None
    assert frames.digest(sent) == frames.digest([*sent, other])


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(64),
        make()[0][:12] + b"\x08\x00" + make()[0][14:],
        make()[0].replace(b"xdp", b"xdq"),
    ],
    ids=["empty", "zeros", "ethertype", "magic"],
)
def test_not_ours(frame: bytes) -> None:
    """Anything else is not a frame of ours."""
    assert Frames(HERE, THERE, RUN).read(frame) is None


def test_digest() -> None:
    """Frames in any order have one digest; loss, doubles and damage have another."""
    frames = Frames(HERE, THERE, RUN)
    sent = frames.make(4)
    digest = frames.digest(sent)
    damaged = sent[3][:-1] + bytes([sent[3][-1] ^ 1])

    assert digest == frames.digest(reversed(sent))
    for others in (sent[:3], [*sent, sent[0]], [*sent[:3], damaged], []):
        assert digest != frames.digest(others)


@pytest.mark.parametrize(
    ("source", "destination", "run", "expected"),
    [
        (b"\2", THERE, RUN, "source '02': 1 bytes, 6 needed"),
        (HERE, b"", RUN, "destination '': 0 bytes, 6 needed"),
        (HERE, THERE, b"x" * 9, "run '787878787878787878': 9 bytes, 8 needed"),
    ],
)
def test_refused(source: bytes, destination: bytes, run: bytes, expected: str) -> None:
    """Addresses and runs of another length are refused by name."""
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        Frames(source, destination, run)


@pytest.mark.parametrize("size", [0, 63, 65536])
def test_size_refused(size: int) -> None:
    """A size that cannot be on the wire as it is, is refused."""
    with pytest.raises(InputError, match=f"^frames of {size} bytes: 64 to 65535 can be made$"):
        make(1, size)
