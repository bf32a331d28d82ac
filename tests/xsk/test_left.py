# SPDX-License-Identifier: MIT
"""Nothing is left of an AF_XDP socket: its queue, descriptors, mappings and chunks are free."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import private_namespace
from tests.testbed import child
from tests.xsk.pair import SMALL, WAIT, Pair
from xdpconform.probes.testbed import Namespace, Port
from xdpconform.probes.xsk import Umem, XskError, XskMode, XskSocket

if TYPE_CHECKING:
    from collections.abc import Callable

CYCLES = 100
FRAMES = 10


def held() -> dict[str, int]:
    """Descriptors and mappings of sockets of this process."""
    with open("/proc/self/maps", encoding="ascii") as file:
        maps = file.read()
    return {"descriptors": len(os.listdir("/proc/self/fd")), "rings": maps.count("socket:[")}


def test_many(pair: Pair) -> None:
    """A hundred sockets on one queue, one after another, each used in both directions."""
    pair.attach()
    with Umem(256) as umem:
        before = held()
        for _cycle in range(CYCLES):
            with pair.open(umem, patience=WAIT) as xsk:
                pair.receives(xsk)
                frames = pair.bed.frames().make(FRAMES)
                pair.wire.send(frames)

                assert frames == xsk.receive(FRAMES, WAIT)
                assert xsk.send(frames) == xsk.completions(FRAMES, WAIT)
                assert frames == pair.wire.receive(FRAMES, WAIT)
                assert 4 == held()["rings"]
        assert before == held()
        assert 256 == umem.free


def fail(xsk: XskSocket) -> None:
    """An error while a frame is on its way."""
    assert xsk.tx is not None
    xsk.send([bytes(64)])
    raise LookupError(xsk.tx.pending())


def test_after_exception(pair: Pair) -> None:
    """The queue is free though an exception still holds the frames that used the socket."""
    with Umem(256) as umem:
        before = held()
        with pytest.raises(LookupError) as caught, pair.open(umem) as xsk:
            fail(xsk)

        assert caught.value.__traceback__ is not None
        assert before == held()
        with pair.open(umem, patience=WAIT) as xsk:
            assert 0 < xsk.busy_ms or not xsk.zerocopy
    assert before == held()


KILLED = """
import sys, time
from xdpconform.probes.testbed import Namespace, Port
from xdpconform.probes.xsk import XskMode, Sizes, Umem, XskSocket
with Namespace.at(sys.argv[1]) as space, Umem(64) as umem:
    port = Port(space, "v0a")
    sizes = Sizes(64, 64, 64, 64)
    with XskSocket(port, umem, queue=0, mode=XskMode.COPY, need_wakeup=True, sizes=sizes):
        print("bound", flush=True)
        time.sleep(60)
"""


def test_killed() -> None:
    """A killed process leaves its queue free."""
    with private_namespace() as host:
        host.pairs(1)
        process = child.start(KILLED, host.name)
        try:
            assert "bound" == child.line(process)
            with Namespace.at(host.name) as space, Umem(64) as umem:

                def again(patience: float) -> Callable[[], None]:
                    xsk = XskSocket(
                        Port(space, "v0a"),
                        umem,
                        queue=0,
                        mode=XskMode.COPY,
                        need_wakeup=True,
                        sizes=SMALL,
                        patience=patience,
                    )
                    return xsk.close

                with pytest.raises(XskError) as caught:
                    again(0)
                assert "EBUSY" == caught.value.name
                child.kill(process)
                again(WAIT)()
        finally:
            child.kill(process)
