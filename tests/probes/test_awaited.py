# SPDX-License-Identifier: MIT
"""Frames that are waited for: those that were sent before them do not count as some of them."""

from __future__ import annotations

import pytest

from xdpconform.probes.testbed import Frames, Wire
from xdpconform.probes.trial import awaited

FRAMES = Frames(bytes(6), bytes(6), b"a trial.")
ELSE = Frames(bytes(6), bytes(6), b"another.")
EARLIER, *SENT = FRAMES.make(5)
(FOREIGN,) = ELSE.make(1)


class Slow(Wire):
    """Gives at each look what had come by then.

    Args:
        looks: what comes, one look after the other.
    """

    def __init__(self, *looks: list[bytes]) -> None:
        super().__init__("a slow medium")
        self.looks = [*looks]
        self.kept: list[bytes] = []

    def receive(self, count: int, _timeout: float, *, every: bool = False) -> list[bytes]:  # noqa: ARG002 - as a wire does
        """See `Wire.receive`."""
        came = self.kept + (self.looks.pop(0) if self.looks else [])
        self.kept = came[count:]
        return came[:count]


LOOKS = {
    "all at once": [SENT],
    "an earlier one before them": [[EARLIER, *SENT[:3]], SENT[3:]],
    "one twice": [[SENT[0], *SENT[:3]], SENT[3:]],
    "another's": [[FOREIGN, *SENT[:3]], SENT[3:]],
    "out of order": [SENT[::-1]],
    "one lost": [SENT[:3], []],
    "nothing": [],
}


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_awaited(looks: list[list[bytes]]) -> None:
    """It ends when all that was sent is there, whatever else came; or when nothing comes."""
    found = awaited(Slow(*looks), FRAMES, SENT)

    assert [frame for look in looks for frame in look] == found


def test_no_longer_than_needed() -> None:
    """What comes after the last one is left where it is."""
    wire = Slow(SENT, [EARLIER])

    assert SENT == awaited(wire, FRAMES, SENT)
    assert [EARLIER] == wire.receive(9, 0)
