# SPDX-License-Identifier: MIT
"""Head and tail adjustment, every size with every offset.

Source: net/core/filter.c, bpf_xdp_adjust_head and bpf_xdp_adjust_tail. A driver owes its programs
XDP_PACKET_HEADROOM (256) bytes in front of a frame, of which struct xdp_frame takes some.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from xdpconform.observed import ADJUSTED, ALTERED, LOST, PARTLY, REFUSED, Matrix
from xdpconform.probes.attach import room_for
from xdpconform.probes.bpf import PerCpuArray, Program, programs
from xdpconform.probes.kit import claims, kit, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.trial import PATIENCE, SLOTS, Refused, attached, drain

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdpconform.probes.testbed import Testbed

ETH_HLEN: Final = 14
ETH_DATA_LEN: Final = 1500  # include/uapi/linux/if_ether.h
SIZES: Final = (128, 512, 1024, 1200)
"""Bytes of a frame; with what is put in front of it to be cut off it still fits an MTU of 1500."""
STEPS: Final = (1, 16, 64, 128, 192, 256)
OFFSETS: Final = (*(-step for step in reversed(STEPS)), *STEPS)
"""As the helpers take them: at the head negative grows, at the tail positive."""
EACH: Final = 2
"""Frames of a cell."""


def matrix(bed: Testbed, where: str) -> Matrix:
    """Adjust frames at their head or their tail, each size by each offset.

    Raises:
        Blocked: something is missing.
        BpfError: a program cannot be loaded.
        KernelError: an MTU of 1500 is refused.
    """
    wire_of(bed)
    make = {"head": programs.adjust_head, "tail": programs.adjust_tail}[where]
    cells: dict[tuple[int, int], str] = {}
    with (
        room_for(bed, ETH_DATA_LEN),
        PerCpuArray(8, SLOTS) as counts,
        Program.load(programs.passes(), name="xdpconform") as first,
    ):
        try:
            with attached(bed, bed.nic, first) as link:
                for offset in OFFSETS:
                    with Program.load(make(offset, counts), name="xdpconform") as program:
                        bed.step(f"replace the program of {bed.nic.ifname}")
                        link.update(program)
                        for size in SIZES:
                            if _left(where, size, offset):
                                bed.progress(f"adjust {where} of {size} bytes by {offset}")
                                cells[size, offset] = _cell(bed, where, size, offset, counts)
                return Matrix(where, claims(bed.nic), cells)
        except Refused as error:
            return Matrix(where, claims(bed.nic), cells, error.refusal, lacking(bed, error.refusal))


def _left(where: str, size: int, offset: int) -> bool:
    """Whether enough is left of a frame to know it again."""
    return where == "head" or size + offset >= SIZES[0] // 2


def _cell(bed: Testbed, where: str, size: int, offset: int, counts: PerCpuArray) -> str:
    frames = kit(bed).frames.make(EACH, size)
    sent, adjusted, refused = _shapes(where, offset)
    drain(bed)
    before = counts.total(programs.Slot.REFUSED)
    wire_of(bed).send([sent(frame) for frame in frames])
    came = bed.behind.receive(EACH, PATIENCE, every=True)
    came += bed.behind.receive(1, 0, every=True)
    if not came:
        return LOST
    contents = Counter(_content(frame) for frame in came)
    whole = Counter(_content(adjusted(frame)) for frame in frames)
    left = Counter(_content(refused(frame)) for frame in frames)
    refusals = counts.total(programs.Slot.REFUSED) - before
    if refusals == 0 and contents == whole:
        return ADJUSTED
    if refusals == EACH and contents == left:
        return REFUSED
    known = contents <= whole | left and contents.total() == EACH
    if known and (contents & left).total() == refusals:
        return PARTLY
    return ALTERED


def _content(frame: bytes) -> bytes:
    return frame[programs.MARK + 1 :]


def _shapes(where: str, offset: int) -> tuple[Callable[[bytes], bytes], ...]:
    """What is sent for a frame, what should arrive, and what if the helper refuses."""

    def same(frame: bytes) -> bytes:
        return frame

    def padded(frame: bytes) -> bytes:
        return frame[:ETH_HLEN] + bytes(abs(offset)) + frame[ETH_HLEN:]

    if where == "head":
        # What is cut off was put there for it.
        return (padded, same, padded) if offset > 0 else (same, padded, same)
    if offset > 0:
        return same, (lambda frame: frame + bytes(offset)), same
    return same, (lambda frame: frame[:offset]), same
