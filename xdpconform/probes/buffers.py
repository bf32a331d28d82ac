# SPDX-License-Identifier: MIT
"""Frames of several buffers: what a program sees of them, and how large they may get.

Source: Documentation/networking/af_xdp.rst, "Multi-Buffer Support"; net/core/filter.c,
bpf_xdp_get_buff_len and bpf_xdp_load_bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdpconform.errors import KernelError
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import Flow, Largest, Refusal
from xdpconform.probes.actions import JUMBO
from xdpconform.probes.attach import IPV6_MIN_MTU, large_enough, mtu_of, try_attach
from xdpconform.probes.bpf import Array, programs
from xdpconform.probes.kit import claims, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.trial import Plan, Refused, measure, refused_flow, running, settle

if TYPE_CHECKING:
    from xdpconform.probes.bpf import PerCpuArray
    from xdpconform.probes.testbed import Testbed

LEAST: Final = IPV6_MIN_MTU
"""Smaller ones are not tried: they would take the port's IPv6 addresses away."""
MOST: Final = 65535


def length(bed: Testbed, size: int = JUMBO) -> Flow:
    """What a program sees of frames that need several buffers: length, first part, last bytes.

    Raises:
        Blocked: something is missing.
        BpfError: the program cannot be loaded.
        KernelError: the MTU is refused.
    """
    wire_of(bed)
    words = f"bpf_xdp_get_buff_len of {size} bytes"
    bed.progress(words)
    large_enough(bed, size, XdpAct.RX_SG)
    with mtu_of(bed, size - 14), Array(programs.MEASURE.size) as results:
        sent: list[bytes] = []

        def make(counts: PerCpuArray) -> bytes:
            return programs.measure(results, counts)

        def keep(frame: bytes) -> bytes:
            sent.append(frame)
            return frame

        try:
            with running(bed, make, frags=True) as run:
                settle(bed, run)
                plan = Plan("delivered", frames=10, size=size, frags=True, expected=keep)
                seen = measure(bed, words, plan, lambda: run.counts.total(0), run.counts)
                found = programs.Measure.pull(results.get(0))
        except Refused as error:
            return refused_flow(bed, words, error)
    return seen._replace(
        notes={
            "bpf_xdp_get_buff_len": found.buff_len,
            "bytes in the first buffer": found.linear_len,
            "last 8 bytes": found.last.hex(),
            "last 8 bytes sent": sent[-1][-8:].hex(),
        }
    )


def largest_mtu(bed: Testbed, *, frags: bool) -> Largest:
    """Search the largest MTU at which a program is accepted.

    Raises:
        BpfError: for want of privileges.
    """
    limit = min(bed.nic.state().max_mtu or MOST, MOST)
    if bed.peer is not None:
        limit = min(limit, bed.peer.state().max_mtu or MOST)
    tried: dict[int, Refusal | None] = {}
    now = claims(bed.nic)

    def fits(mtu: int) -> bool:
        bed.progress(f"attach at MTU {mtu}")
        try:
            with mtu_of(bed, mtu):
                tried[mtu] = try_attach(bed, bed.nic, frags=frags)
        except KernelError as error:
            tried[mtu] = Refusal(error.name, error.extack.message or "")
        return tried[mtu] is None

    low, high = LEAST, limit
    if fits(high):
        low = high
    elif not fits(low):
        why = lacking(bed, tried[low], mtu_too=False)
        return Largest(frags, now, None, _told(tried), tried[low], limit, why)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return Largest(frags, now, low, _told(tried), tried.get(low + 1), limit)


def _told(tried: dict[int, Refusal | None]) -> dict[int, str]:
    return {mtu: str(found or "accepted") for mtu, found in sorted(tried.items())}
