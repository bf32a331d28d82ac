# SPDX-License-Identifier: MIT
"""What the kernel's XDP tracepoints say (include/trace/events/xdp.h), counted.

A return value proves nothing: bpf_redirect_map says XDP_REDIRECT for frames that are thrown away a
moment later. Tracepoints see the whole system, so every event has its interface and the inode of
that interface's network namespace.
"""

from __future__ import annotations

import errno
from contextlib import ExitStack
from struct import Struct, calcsize
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.probes.bpf.btf import Btf
from xdpconform.probes.bpf.failures import NEEDS, Failures, raw_tracepoint
from xdpconform.probes.bpf.insn import (
    BPF_ADD,
    BPF_DW,
    BPF_JEQ,
    BPF_JNE,
    BPF_W,
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    R7,
    R8,
    R9,
    R10,
    Assembler,
)
from xdpconform.probes.bpf.maps import (
    BPF_MAP_TYPE_DEVMAP,
    BPF_MAP_TYPE_DEVMAP_HASH,
    Hash,
    PerCpuArray,
)
from xdpconform.probes.bpf.program import BPF_PROG_TYPE_RAW_TRACEPOINT, Program
from xdpconform.probes.bpf.syscall import BpfError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

# __BPF_FUNC_MAPPER, include/uapi/linux/bpf.h
BPF_FUNC_MAP_LOOKUP_ELEM: Final = 1
BPF_FUNC_MAP_UPDATE_ELEM: Final = 2
BPF_FUNC_PROBE_READ_KERNEL: Final = 113
BPF_NOEXIST: Final = 1

POINTER: Final = calcsize("P")
INT_MAX: Final = (1 << 31) - 1
"""The map id of a redirect without a map (_trace_xdp_redirect, include/trace/events/xdp.h)."""
XDP_REDIRECT: Final = 4
ENTRIES: Final = 4096

KEY: Final = Struct("=IIIiIII4x")
"""tracepoint, ifindex, netns, act or err, map_id, to_ifindex, to_netns"""
VALUE: Final = Struct("=QQQ")
"""count, sent, drops"""


class _Layout(NamedTuple):
    """Which argument of a tracepoint (its TP_PROTO) is what; None: it has no such."""

    dev: int | None = 0
    code: int | None = None
    """act or err"""
    sent: int | None = None
    drops: int | None = None
    to_dev: int | None = None
    map_id: int | None = None
    to_cpu: int | None = None
    redirect: bool = False
    """dev, xdp, tgt, err, map_type, map_id, index"""


TRACEPOINTS: Final = {
    "xdp_exception": _Layout(code=2),
    "xdp_redirect": _Layout(code=3, map_id=5, redirect=True),
    "xdp_redirect_err": _Layout(code=3, map_id=5, redirect=True),
    # without these two since 6.14 or so: they were the same as those above
    "xdp_redirect_map": _Layout(code=3, map_id=5, redirect=True),
    "xdp_redirect_map_err": _Layout(code=3, map_id=5, redirect=True),
    "xdp_devmap_xmit": _Layout(code=4, sent=2, drops=3, to_dev=1),
    "xdp_bulk_tx": _Layout(code=3, sent=1, drops=2),
    "xdp_cpumap_enqueue": _Layout(dev=None, sent=1, drops=2, map_id=0, to_cpu=3),
}
"""Those that are counted, as far as the kernel has them."""
_NAMES: Final = tuple(TRACEPOINTS)


class Event(NamedTuple):
    """How often a tracepoint was hit with the same arguments."""

    tracepoint: str
    ifindex: int
    """dev, or from_dev of xdp_devmap_xmit; 0 for xdp_cpumap_enqueue, which has none"""
    netns: int
    """the inode of dev's network namespace, as stat(2) of /proc/self/ns/net gives it"""
    act: int | None
    """of enum xdp_action: what xdp_exception was about, XDP_REDIRECT for redirects; else None"""
    err: int
    """0, or a negative errno as the kernel has it"""
    map_id: int
    """the map of a redirect; 0 if there was none, or it was not told"""
    to_ifindex: int
    """where to; the CPU, for xdp_cpumap_enqueue; 0 if not told"""
    count: int  # type: ignore[assignment]  # tuple.count is of no use here
    sent: int
    """frames, where the tracepoint counts them"""
    drops: int
    to_netns: int = 0
    """the network namespace of `to_ifindex`"""


class Tracepoints:
    """A context manager that counts while it is open.

    Raises:
        BpfError: the kernel refuses (EPERM: needs CAP_BPF and CAP_PERFMON).
        SourceError: the kernel has no type information.
    """

    def __init__(self) -> None:
        offsets = _Offsets.find(Btf.load())
        self.attached: tuple[str, ...] = ()
        """The tracepoints that this kernel has."""
        with ExitStack() as stack:
            self._events = stack.enter_context(Hash(KEY.size, VALUE.size, ENTRIES, name="events"))
            self._lost = stack.enter_context(PerCpuArray(8, 1, name="lost"))
            self._failures = _or_none(Failures)
            if self._failures:
                stack.enter_context(self._failures)
            for number, (name, layout) in enumerate(TRACEPOINTS.items()):
                code = _code(number, layout, offsets, self._events, self._lost)
                with Program.load(
                    code,
                    name=name[:15],
                    prog_type=BPF_PROG_TYPE_RAW_TRACEPOINT,
                    needs=NEEDS,
                ) as program:
                    try:
                        stack.callback(raw_tracepoint(name, program).close)
                    except BpfError as error:
                        if error.errno != errno.ENOENT:
                            raise
                        continue
                self.attached += (name,)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Count no more; may be called again."""
        self._stack.close()

    @property
    def lost(self) -> int:
        """How many hits were not counted, since there were too many different ones."""
        return self._lost.total(0)

    def events(self, since: Iterable[Event] | None = None) -> list[Event]:
        """What was counted, in no order.

        Args:
            since: what an earlier call gave: only what came after it is told.

        Raises:
            BpfError: the kernel refused.
        """
        earlier = {_identity(event): event for event in since or ()}
        found = []
        for key, value in self._events.items():
            event = _pull(key, value)
            before = earlier.get(_identity(event))
            if before:
                event = event._replace(
                    count=event.count - before.count,
                    sent=event.sent - before.sent,
                    drops=event.drops - before.drops,
                )
            if event.count:
                found.append(event)
        return found

    def clear(self) -> None:
        """Forget what was counted so far."""
        self._events.clear()
        self._lost.clear()

    def failure_text(self) -> str:
        """Why the calling thread's last XDP link was refused; see `Failures.text`."""
        return self._failures.text() if self._failures else ""


def _or_none(make: type[Failures]) -> Failures | None:
    """None if the kernel has no such tracepoint."""
    try:
        return make()
    except BpfError as error:
        if error.errno != errno.ENOENT:
            raise
        return None


def _identity(event: Event) -> Event:
    return event._replace(count=0, sent=0, drops=0)


def _pull(key: bytes, value: bytes) -> Event:
    number, ifindex, netns, code, map_id, to_ifindex, to_netns = KEY.unpack(key)
    name = _NAMES[number]
    act, err = (code, 0) if name == "xdp_exception" else (None, code)
    if TRACEPOINTS[name].redirect:
        act = XDP_REDIRECT
    known = 0 if map_id == INT_MAX else map_id
    count, sent, drops = VALUE.unpack(value)
    return Event(name, ifindex, netns, act, err, known, to_ifindex, count, sent, drops, to_netns)


class _Offsets(NamedTuple):
    """In bytes."""

    ifindex: int
    """net_device.ifindex"""
    net: int
    """net_device.nd_net, whose first member is struct net *"""
    inum: int
    """net.ns.inum"""

    @classmethod
    def find(cls, btf: Btf) -> _Offsets:
        return cls(
            btf.offset("net_device", "ifindex"),
            btf.offset("net_device", "nd_net"),
            btf.offset("net", "ns") + btf.offset("ns_common", "inum"),
        )


# The stack: the key, a value of zeros, a pointer.
_KEY: Final = -KEY.size
_IFINDEX, _NETNS, _CODE, _MAP_ID, _TO_IFINDEX, _TO_NETNS = range(_KEY + 4, _KEY + 28, 4)
_VALUE: Final = _KEY - VALUE.size
_POINTER: Final = _VALUE - 8


def _code(
    number: int, layout: _Layout, offsets: _Offsets, events: Hash, lost: PerCpuArray
) -> bytes:
    """Fill in the key, then add to its value."""
    asm = Assembler()
    asm.BPF_MOV64_REG(R6, R1)  # struct bpf_raw_tracepoint_args { __u64 args[0]; }
    for at in range(_POINTER, 0, 8):
        asm.BPF_ST_MEM(BPF_DW, R10, at, 0)
    asm.BPF_ST_MEM(BPF_W, R10, _KEY, number)
    for argument, at in (
        (layout.code, _CODE),
        (layout.map_id, _MAP_ID),
        (layout.to_cpu, _TO_IFINDEX),
    ):
        if argument is not None:
            asm.BPF_LDX_MEM(BPF_DW, R1, R6, 8 * argument)
            asm.BPF_STX_MEM(BPF_W, R10, R1, at)
    for argument, register in ((layout.sent, R7), (layout.drops, R8)):
        asm.BPF_MOV64_IMM(register, 0)
        if argument is not None:
            asm.BPF_LDX_MEM(BPF_DW, register, R6, 8 * argument)
            asm.BPF_MOV32_REG(register, register)
    if layout.dev is not None:
        asm.BPF_LDX_MEM(BPF_DW, R9, R6, 8 * layout.dev)
        _device(asm, offsets, _IFINDEX, _NETNS)
    if layout.to_dev is not None:
        asm.BPF_LDX_MEM(BPF_DW, R9, R6, 8 * layout.to_dev)
        _device(asm, offsets, _TO_IFINDEX, _TO_NETNS)
    if layout.redirect:
        _target(asm, offsets)
    _count(asm, events, lost)
    return asm.code()


def _read(asm: Assembler, target: int, size: int) -> None:
    """probe_read_kernel from R3 to the stack; zeros if it cannot be read."""
    asm.BPF_MOV64_REG(R1, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R1, target)
    asm.BPF_MOV64_IMM(R2, size)
    asm.BPF_EMIT_CALL(BPF_FUNC_PROBE_READ_KERNEL)


def _device(asm: Assembler, offsets: _Offsets, ifindex: int, netns: int) -> None:
    """Ifindex and namespace of the struct net_device at R9."""
    asm.BPF_MOV64_REG(R3, R9)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, offsets.ifindex)
    _read(asm, ifindex, 4)
    asm.BPF_MOV64_REG(R3, R9)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, offsets.net)
    _read(asm, _POINTER, POINTER)
    asm.BPF_LDX_MEM(BPF_DW, R3, R10, _POINTER)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, offsets.inum)
    _read(asm, netns, 4)


def _target(asm: Assembler, offsets: _Offsets) -> None:
    """Where a redirect goes, as TP_fast_assign of xdp_redirect_template has it."""
    asm.BPF_LDX_MEM(BPF_DW, R1, R6, 8 * 4)  # map_type
    asm.BPF_MOV32_REG(R1, R1)
    asm.BPF_JMP_IMM(BPF_JEQ, R1, BPF_MAP_TYPE_DEVMAP, "device")
    asm.BPF_JMP_IMM(BPF_JEQ, R1, BPF_MAP_TYPE_DEVMAP_HASH, "device")
    asm.BPF_JMP_IMM(BPF_JNE, R1, 0, "told")  # BPF_MAP_TYPE_UNSPEC: bpf_redirect
    asm.BPF_LDX_MEM(BPF_DW, R1, R6, 8 * 6)  # index
    asm.BPF_STX_MEM(BPF_W, R10, R1, _TO_IFINDEX)
    asm.BPF_LDX_MEM(BPF_W, R1, R10, _NETNS)
    asm.BPF_STX_MEM(BPF_W, R10, R1, _TO_NETNS)
    asm.BPF_JMP_A("told")
    asm.label("device")
    asm.BPF_LDX_MEM(
        BPF_DW, R3, R6, 8 * 2
    )  # tgt: struct _bpf_dtab_netdev { struct net_device *dev; }
    asm.BPF_JMP_IMM(BPF_JEQ, R3, 0, "told")  # a broadcast
    _read(asm, _POINTER, POINTER)
    asm.BPF_LDX_MEM(BPF_DW, R9, R10, _POINTER)
    _device(asm, offsets, _TO_IFINDEX, _TO_NETNS)
    asm.label("told")


def _lookup(asm: Assembler, events: Hash) -> None:
    asm.BPF_LD_MAP_FD(R1, events)
    asm.BPF_MOV64_REG(R2, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R2, _KEY)
    asm.BPF_EMIT_CALL(BPF_FUNC_MAP_LOOKUP_ELEM)


def _count(asm: Assembler, events: Hash, lost: PerCpuArray) -> None:
    """Add 1, R7 and R8 to the key's value, which is made if there is none."""
    _lookup(asm, events)
    asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "there")
    asm.BPF_LD_MAP_FD(R1, events)
    asm.BPF_MOV64_REG(R2, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R2, _KEY)
    asm.BPF_MOV64_REG(R3, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, _VALUE)
    asm.BPF_MOV64_IMM(R4, BPF_NOEXIST)
    asm.BPF_EMIT_CALL(BPF_FUNC_MAP_UPDATE_ELEM)
    _lookup(asm, events)
    asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "there")
    asm.BPF_ST_MEM(BPF_W, R10, _POINTER, 0)
    asm.BPF_LD_MAP_FD(R1, lost)
    asm.BPF_MOV64_REG(R2, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R2, _POINTER)
    asm.BPF_EMIT_CALL(BPF_FUNC_MAP_LOOKUP_ELEM)
    asm.BPF_JMP_IMM(BPF_JEQ, R0, 0, "exit")
    asm.BPF_MOV64_IMM(R1, 1)
    asm.BPF_ATOMIC_OP(BPF_DW, BPF_ADD, R0, R1, 0)
    asm.BPF_JMP_A("exit")
    asm.label("there")
    asm.BPF_MOV64_IMM(R1, 1)
    asm.BPF_ATOMIC_OP(BPF_DW, BPF_ADD, R0, R1, 0)
    asm.BPF_ATOMIC_OP(BPF_DW, BPF_ADD, R0, R7, 8)
    asm.BPF_ATOMIC_OP(BPF_DW, BPF_ADD, R0, R8, 16)
    asm.label("exit")
    asm.BPF_MOV64_IMM(R0, 0)
    asm.BPF_EXIT_INSN()
