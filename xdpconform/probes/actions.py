# SPDX-License-Identifier: MIT
"""What a program says of a frame, and what is done with it: on the wire, with its content.

Source: include/uapi/linux/bpf.h, enum xdp_action, and each driver's switch over it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final

from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import ACTIONS, Flow
from xdpconform.probes.attach import large_enough, mtu_of
from xdpconform.probes.bpf import PerCpuArray, Program, programs
from xdpconform.probes.kit import wire_of
from xdpconform.probes.testbed.settings import features
from xdpconform.probes.trial import (
    SIZE,
    Plan,
    Refused,
    flow,
    helped,
    measure,
    refused_flow,
    running,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdpconform.probes.testbed import Testbed

PLACES: Final = {
    "XDP_PASS": "delivered",
    "XDP_DROP": "nowhere",
    "XDP_ABORTED": "nowhere",
    "XDP_TX": "returned",
    "invalid": "nowhere",
}
PEERS: Final = ("plain", "gro", "program")
"""What the other end of a veth is like; behind a real wire it makes no difference."""
JUMBO: Final = 9014
"""Bytes of a frame that needs several buffers: an MTU of 9000 with its Ethernet header."""


def act(
    bed: Testbed, action: str, *, peer: str = "plain", size: int = SIZE, frags: bool = False
) -> Flow:
    """Frames to a program that gives one verdict on all of them.

    Args:
        bed: the testbed.
        action: of `ACTIONS`.
        peer: of `PEERS`.
        size: bytes of each frame; the MTU is raised if it needs that.
        frags: whether the program can read several buffers.

    Raises:
        Blocked: something is missing.
        BpfError: the program cannot be loaded.
        KernelError: the MTU or a feature is refused.
    """
    wire_of(bed)
    make: Callable[[PerCpuArray], bytes] = (
        programs.bounce if action == "XDP_TX" else partial(programs.verdict, ACTIONS[action])
    )
    plan = Plan(
        PLACES[action],
        size=size,
        frags=frags,
        expected=bounced if action == "XDP_TX" else None,
    )
    with ExitStack() as stack:
        if size > SIZE:
            large_enough(bed, size, XdpAct.RX_SG)
            stack.enter_context(mtu_of(bed, size - 14))
        stack.enter_context(peer_as(bed, peer))
        seen = flow(bed, action, make, plan)
        if action == "XDP_TX" and seen.returned.frames < seen.sent:
            late = wire_of(bed).receive(plan.frames, 0.2)
            seen = seen._replace(notes={**seen.notes, "came later": len(late)})
        return seen


def bounced(frame: bytes) -> bytes:
    """A frame as `programs.bounce` sends it back: addresses swapped, and marked."""
    return frame[6:12] + frame[:6] + frame[12:14] + bytes([programs.BOUNCED]) + frame[15:]


def peer_as(bed: Testbed, state: str) -> AbstractContextManager[object]:
    """The peer in one of `PEERS`, where it is a veth: all else hides behind the wire."""
    peer = bed.peer
    if peer is None or peer.link.kind != "veth":
        return nullcontext()
    if state == "program":
        return helped(bed, peer)
    wanted = state == "gro"
    if ("rx-gro" in features(peer).active) == wanted:
        return nullcontext()
    return bed.settings.feature(peer, {"rx-gro": wanted})


def replaced_under_load(bed: Testbed) -> Flow:
    """Frames go on while one passing program takes the place of another, again and again.

    Raises:
        Blocked: something is missing.
        BpfError: the program cannot be loaded.
    """
    bed.progress("replace programs under load")
    wire_of(bed)
    make = partial(programs.verdict, ACTIONS["XDP_PASS"])
    try:
        with (
            running(bed, make) as run,
            Program.load(make(run.counts), name="xdpconform") as other,
            Program.load(make(run.counts), name="xdpconform") as third,
        ):
            settle(bed, run)
            swaps = 0

            class Swapping:
                """Sends frames, and swaps programs between them."""

                @staticmethod
                def send(frames: list[bytes]) -> None:
                    nonlocal swaps
                    for start in range(0, len(frames), 10):
                        bed.step(f"replace the program of {bed.nic.ifname}")
                        run.link.update((other, third)[swaps % 2])
                        swaps += 1
                        wire_of(bed).send(frames[start : start + 10])

            plan = Plan("delivered", source=Swapping())  # type: ignore[arg-type]
            seen = measure(bed, "XDP_PASS", plan, lambda: run.counts.total(0), run.counts)
            return seen._replace(notes={"replaced": swaps})
    except Refused as error:
        return refused_flow(bed, "XDP_PASS", error)
