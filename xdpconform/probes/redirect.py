# SPDX-License-Identifier: MIT
"""XDP_REDIRECT: from the NIC to another device or CPU, and from another device into the NIC.

Source: kernel/bpf/devmap.c, __xdp_enqueue; kernel/bpf/cpumap.c; net/core/filter.c, xdp_do_redirect.
A helper's return value is never the evidence: it says XDP_REDIRECT of frames that are thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from xdpconform.errors import Blocked
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import Flow
from xdpconform.probes.actions import peer_as
from xdpconform.probes.attach import large_enough, mtu_of
from xdpconform.probes.bpf import (
    BPF_XDP_CPUMAP,
    BPF_XDP_DEVMAP,
    CpuMap,
    DevMap,
    PerCpuArray,
    Program,
    programs,
)
from xdpconform.probes.bpf.maps import possible_cpus
from xdpconform.probes.kit import wire_of
from xdpconform.probes.trial import (
    SIZE,
    SLOTS,
    Plan,
    Refused,
    attached,
    helped,
    measure,
    passing,
    refused_flow,
    running,
    settle,
)

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Aside, Testbed

BROADCAST: Final = (1 << 3) | (1 << 4)
"""BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS, include/uapi/linux/bpf.h"""
MARKED: Final = 0xA5
"""What a second program writes into a frame, so that it shows that it ran."""
ONLINE: Final = "/sys/devices/system/cpu/online"
MOMENTS: Final = ("before", "during", "after")
"""Of a native program on the target."""


def to_device(
    bed: Testbed,
    *,
    egress: bool = False,
    broadcast: bool = False,
    size: int = SIZE,
) -> Flow:
    """Frames that the NIC receives are redirected out of another device.

    Args:
        bed: the testbed.
        egress: run a second program on them as they leave.
        broadcast: to every device of the map, which holds the NIC itself too.
        size: bytes of each frame; the MTU is raised if it needs that.

    Raises:
        Blocked: something is missing.
        BpfError: a program cannot be loaded or a map not be made.
        KernelError: the MTU is refused.
    """
    wire_of(bed)
    frags = size > SIZE
    words = "XDP_REDIRECT to a device"
    words += " with an egress program" * egress + ", broadcast" * broadcast
    bed.progress(words)
    with ExitStack() as stack:
        if frags:
            large_enough(bed, size, XdpAct.RX_SG)
            stack.enter_context(mtu_of(bed, size - 14))
            for port in bed.aside()[:2]:
                stack.enter_context(bed.settings.mtu(port, size - 14))
        aside = stack.enter_context(_ready(bed))
        second = stack.enter_context(PerCpuArray(8, SLOTS))
        devices = stack.enter_context(bed.nic.namespace.call(lambda: DevMap(4)))
        program = None
        if egress:
            program = stack.enter_context(
                Program.load(
                    programs.mark(second, MARKED),
                    name="xdpconform_out",
                    frags=frags,
                    expected_attach_type=BPF_XDP_DEVMAP,
                )
            )
        bed.nic.namespace.call(lambda: devices.set(0, aside.out.ifindex, program))
        if broadcast:
            bed.nic.namespace.call(lambda: devices.set(1, bed.nic.ifindex))
        make = partial(programs.redirect, devices, 0, flags=BROADCAST if broadcast else 0)
        plan = Plan(
            "elsewhere",
            size=size,
            elsewhere=aside.wire,
            frags=frags,
            expected=_marked if egress else None,
        )
        try:
            run = stack.enter_context(running(bed, make, frags=frags))
        except Refused as error:
            return refused_flow(bed, words, error)
        settle(bed, run)
        return measure(
            bed,
            words,
            plan,
            lambda: run.counts.total(0),
            run.counts,
            second=lambda: second.total(0),
        )


def _marked(frame: bytes) -> bytes:
    return frame[:15] + bytes([MARKED]) + frame[16:]


@contextmanager
def _ready(bed: Testbed) -> Iterator[Aside]:
    """The second pair, its far end taking what is redirected into the near one."""
    aside = bed.aside()
    with helped(bed, aside.far):
        yield aside


def to_cpus(bed: Testbed) -> dict[int, Flow]:
    """Frames that the NIC receives are redirected to each CPU, where a second program runs.

    Returns:
        What became of them, by the CPU's number.

    Raises:
        Blocked: something is missing.
        BpfError: a program cannot be loaded or a map not be made.
    """
    wire_of(bed)
    cpus = possible_cpus(ONLINE)
    words = "XDP_REDIRECT to CPU {}"
    with ExitStack() as stack:
        second = stack.enter_context(PerCpuArray(8, SLOTS))
        targets = stack.enter_context(CpuMap(cpus[-1] + 1))
        program = stack.enter_context(
            Program.load(
                programs.mark(second, MARKED),
                name="xdpconform_cpu",
                expected_attach_type=BPF_XDP_CPUMAP,
            )
        )
        try:
            run = stack.enter_context(running(bed, partial(programs.redirect, targets, cpus[0])))
        except Refused as error:
            refused = refused_flow(bed, words.format(cpus[0]), error)
            return {cpus[0]: refused}
        flows = {}
        for cpu in cpus:
            bed.progress(words.format(cpu))
            bed.step(f"a thread for frames on CPU {cpu}")
            targets.set(cpu, program=program)
            with Program.load(
                programs.redirect(targets, cpu, run.counts), name="xdpconform"
            ) as own:
                bed.step(f"replace the program of {bed.nic.ifname}")
                run.link.update(own)
            if cpu == cpus[0]:
                settle(bed, run)
            flows[cpu] = measure(
                bed,
                words.format(cpu),
                Plan("delivered", expected=_marked),
                lambda: run.counts.total(0),
                run.counts,
                second=partial(_on_cpu, second, cpu),
            )
            bed.step(f"no more frames to CPU {cpu}")
            targets.remove(cpu)
        return flows


def _on_cpu(counts: PerCpuArray, cpu: int) -> int:
    return counts.per_cpu(0)[possible_cpus().index(cpu)]


def into(
    bed: Testbed, moment: str, *, peer: str = "plain", size: int = SIZE, crashes: str = ""
) -> Flow:
    """Frames that another device receives are redirected out of the NIC.

    Args:
        bed: the testbed.
        moment: of `MOMENTS`: whether a native program is on the NIC.
        peer: of `xdpconform.probes.actions.PEERS`.
        size: bytes of each frame; MTUs are raised if it needs that.
        crashes: why the NIC's driver must not be tried, if so.

    Raises:
        Blocked: something is missing, or the driver is known to crash.
        BpfError: a program cannot be loaded or a map not be made.
        KernelError: the MTU is refused.
    """
    if crashes:
        raise Blocked(f"never redirected into it: {crashes}")
    wire_of(bed)
    frags = size > SIZE
    words = f"XDP_REDIRECT into the NIC {moment} a program is on it"
    bed.progress(words)
    with ExitStack() as stack:
        aside = bed.aside()
        if frags:
            large_enough(bed, size, XdpAct.NDO_XMIT_SG)
            stack.enter_context(mtu_of(bed, size - 14))
            for port in aside[:2]:
                stack.enter_context(bed.settings.mtu(port, size - 14))
        stack.enter_context(peer_as(bed, peer))
        try:
            if moment == "during":
                stack.enter_context(passing(bed, bed.nic))
            elif moment == "after":
                with passing(bed, bed.nic):
                    pass
        except Refused as error:
            return refused_flow(bed, words, error)
        return _into(bed, words, size, stack)


def _into(bed: Testbed, words: str, size: int, stack: ExitStack) -> Flow:
    aside = bed.aside()
    counts = stack.enter_context(PerCpuArray(8, SLOTS))
    devices = stack.enter_context(bed.nic.namespace.call(lambda: DevMap(1)))
    bed.nic.namespace.call(lambda: devices.set(0, bed.nic.ifindex))
    program = stack.enter_context(
        Program.load(programs.redirect(devices, 0, counts), name="xdpconform_in", frags=size > SIZE)
    )
    try:
        stack.enter_context(attached(bed, aside.out, program))
    except Refused as error:
        raise Blocked(f"the device beside the NIC takes no program: {error}") from error
    plan = Plan("returned", size=size, source=aside.wire)
    return measure(bed, words, plan, lambda: counts.total(0), counts, mode="target")
