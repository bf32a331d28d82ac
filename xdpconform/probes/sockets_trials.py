# SPDX-License-Identifier: MIT
"""What trials of AF_XDP sockets are made of: frames through a socket, and what came of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from xdpconform.observed_xsk import Trial
from xdpconform.probes.trial import PATIENCE
from xdpconform.probes.xsk.uapi import DESC

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xdpconform.probes.sockets_stand import Stand
    from xdpconform.probes.testbed import Frames
    from xdpconform.probes.xsk import Descriptor, XskSocket

FRAMES: Final = 20
SIZE: Final = 128
LOOK: Final = 0.0005
"""Seconds between two looks at a ring."""


class Skipped(Exception):  # noqa: N818 - it is no error
    """A trial says nothing of this NIC: tells why."""


def until(done: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait for something; gives whether it came."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK)
    return True


def tally(maker: Frames, sent: Sequence[bytes], came: Sequence[bytes]) -> dict[str, int]:
    """What came, against what was sent; frames of others do not count."""
    known = {maker.number(frame): frame for frame in sent}
    found = [(maker.number(frame), frame) for frame in came]
    numbers = [number for number, _frame in found if number is not None and number in known]
    return {
        "arrived": len({*numbers}),
        "intact": len({number for number, frame in found if known.get(number) == frame}),
        "repeated": len(numbers) - len({*numbers}),
        "in order": int(numbers == sorted(numbers)),
    }


def every(count: int) -> dict[str, int]:
    """What `tally` gives where all arrived once, intact and in order."""
    return {"arrived": count, "intact": count, "repeated": 0, "in order": 1}


def put(socket: XskSocket, descriptors: Sequence[Descriptor], shown: int | None = None) -> None:
    """Write descriptors into the transmit ring as they are, and show the kernel some or all."""
    assert socket.tx is not None  # noqa: S101 - trials that send have one
    words = b"".join(DESC.pack(*one) for one in descriptors)
    socket.tx.write(memoryview(words).cast("Q"))
    socket.tx.submit(shown)


def received(
    stand: Stand, socket: XskSocket, name: str, count: int = FRAMES, size: int = SIZE
) -> Trial:
    """Frames to a socket."""
    frames = stand.frames.make(count, size)
    stand.send(socket.queue, frames)
    came = socket.receive(count, PATIENCE)
    came += socket.receive(1, 0)  # one too many?
    return Trial(name, socket.queue, every(count), tally(stand.frames, frames, came))


def sent(
    stand: Stand,
    socket: XskSocket,
    name: str,
    count: int = FRAMES,
    size: int = SIZE,
    *,
    segments: int | None = None,
) -> Trial:
    """Frames from a socket; each descriptor comes back."""
    frames = stand.out.make(count, size)
    stand.wire.drain()
    socket.send(frames, segments=segments)
    came = stand.wire.receive(count, PATIENCE)
    came += stand.wire.receive(1, 0)
    pieces = count * (segments or max(1, -(-size // socket.umem.chunk)))
    done = socket.completions(pieces, PATIENCE)
    wanted = every(count) | {"completed": pieces}
    return Trial(
        name, socket.queue, wanted, tally(stand.out, frames, came) | {"completed": len(done)}
    )


def joined(name: str, *parts: tuple[str, Trial]) -> Trial:
    """Several trials as one, each with a word of its own."""
    wanted = {f"{word}: {what}": n for word, one in parts for what, n in one.wanted.items()}
    seen = {f"{word}: {what}": n for word, one in parts for what, n in one.seen.items()}
    return Trial(name, parts[0][1].queue, wanted, seen)
