# SPDX-License-Identifier: MIT
"""BPF from Python: programs, maps, links and tracepoints by bpf(2) alone."""

from xdpconform.probes.bpf import programs
from xdpconform.probes.bpf.btf import Btf
from xdpconform.probes.bpf.failures import Failures
from xdpconform.probes.bpf.insn import Assembler
from xdpconform.probes.bpf.link import Link, LinkInfo, Mode
from xdpconform.probes.bpf.maps import (
    Array,
    CpuMap,
    DevMap,
    DevMapHash,
    Hash,
    Map,
    PerCpuArray,
    XskMap,
)
from xdpconform.probes.bpf.metadata import Kfuncs, Metadata, metadata
from xdpconform.probes.bpf.program import BPF_XDP_CPUMAP, BPF_XDP_DEVMAP, Program
from xdpconform.probes.bpf.run import Ran, live_frames, test_run
from xdpconform.probes.bpf.syscall import BpfError
from xdpconform.probes.bpf.trace import Event, Tracepoints

__all__ = [
    "BPF_XDP_CPUMAP",
    "BPF_XDP_DEVMAP",
    "Array",
    "Assembler",
    "BpfError",
    "Btf",
    "CpuMap",
    "DevMap",
    "DevMapHash",
    "Event",
    "Failures",
    "Hash",
    "Kfuncs",
    "Link",
    "LinkInfo",
    "Map",
    "Metadata",
    "Mode",
    "PerCpuArray",
    "Program",
    "Ran",
    "Tracepoints",
    "XskMap",
    "live_frames",
    "metadata",
    "programs",
    "test_run",
]
