# SPDX-License-Identifier: MIT
"""Why an XDP link was refused, in the kernel's words.

bpf(2) gives but an errno; the extended acknowledgement goes to the tracepoint
xdp:bpf_xdp_link_attach_failed (bpf_xdp_link_attach, net/core/dev.c).
"""

from __future__ import annotations

import os
import threading
from struct import pack
from typing import TYPE_CHECKING, Final

from xdpconform.probes.bpf.insn import (
    BPF_ADD,
    BPF_DW,
    BPF_JNE,
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    R10,
    Assembler,
)
from xdpconform.probes.bpf.maps import Hash
from xdpconform.probes.bpf.program import BPF_PROG_TYPE_RAW_TRACEPOINT, Program
from xdpconform.probes.bpf.syscall import (
    BPF_RAW_TRACEPOINT_OPEN,
    Descriptor,
    address,
    bpf,
    buffer,
)

if TYPE_CHECKING:
    from typing import Self

# __BPF_FUNC_MAPPER, include/uapi/linux/bpf.h
BPF_FUNC_MAP_UPDATE_ELEM: Final = 2
BPF_FUNC_PROBE_READ_KERNEL_STR: Final = 115
BPF_FUNC_GET_NS_CURRENT_PID_TGID: Final = 120

NEEDS: Final = "CAP_BPF and CAP_PERFMON"
TEXT: Final = 128
"""Bytes of an extended acknowledgement that are kept."""
THREADS: Final = 64
TRACEPOINT: Final = "bpf_xdp_link_attach_failed"


def raw_tracepoint(name: str, program: Program) -> Descriptor:
    """Run a program at a tracepoint until the descriptor is closed.

    Raises:
        BpfError: the kernel refused; ENOENT: it has no such tracepoint.
    """
    keep = buffer(name.encode() + b"\0")
    # struct { __u64 name; __u32 prog_fd; ... }
    attr = pack("=QIxxxx", address(keep), program.fd)
    what = f"tracepoint {name}"
    return Descriptor(bpf(BPF_RAW_TRACEPOINT_OPEN, attr, what, needs=NEEDS), what)


class Failures:
    """A context manager that listens for refusals of this process's own threads.

    Raises:
        BpfError: the kernel refuses to listen (EPERM: needs CAP_PERFMON), or has no such
            tracepoint (ENOENT: before 6.6).
    """

    def __init__(self) -> None:
        self._texts = Hash(8, TEXT, THREADS, name="failures")
        try:
            with Program.load(
                _code(self._texts),
                name="failures",
                prog_type=BPF_PROG_TYPE_RAW_TRACEPOINT,
                needs=NEEDS,
            ) as program:
                self._tracepoint = raw_tracepoint(TRACEPOINT, program)
        except BaseException:
            self._texts.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more; may be called again."""
        self._tracepoint.close()
        self._texts.close()

    def text(self) -> str:
        """What the kernel said last to the calling thread; empty if nothing. Forgets it."""
        # struct bpf_pidns_info { __u32 pid; __u32 tgid; }: pid is the thread's
        key = pack("=II", threading.get_native_id(), os.getpid())
        found = self._texts.lookup(key)
        if found is None:
            return ""
        self._texts.delete(key)
        return found.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _code(texts: Hash) -> bytes:
    """Keep the text under the thread's number, as our own pid namespace counts."""
    namespace = os.stat("/proc/self/ns/pid")
    # dev_t as the kernel has it, MKDEV of include/linux/kdev_t.h
    device = os.major(namespace.st_dev) << 20 | os.minor(namespace.st_dev)
    key, text = -8, -8 - TEXT
    asm = Assembler()
    asm.BPF_LDX_MEM(BPF_DW, R6, R1, 0)  # const char *msg
    asm.BPF_LD_IMM64(R1, device)
    asm.BPF_LD_IMM64(R2, namespace.st_ino)
    asm.BPF_MOV64_REG(R3, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, key)
    asm.BPF_MOV64_IMM(R4, 8)
    asm.BPF_EMIT_CALL(BPF_FUNC_GET_NS_CURRENT_PID_TGID)
    asm.BPF_JMP_IMM(BPF_JNE, R0, 0, "exit")  # somebody of another namespace
    for at in range(0, TEXT, 8):
        asm.BPF_ST_MEM(BPF_DW, R10, text + at, 0)
    asm.BPF_MOV64_REG(R1, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R1, text)
    asm.BPF_MOV64_IMM(R2, TEXT)
    asm.BPF_MOV64_REG(R3, R6)
    asm.BPF_EMIT_CALL(BPF_FUNC_PROBE_READ_KERNEL_STR)
    asm.BPF_LD_MAP_FD(R1, texts)
    asm.BPF_MOV64_REG(R2, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R2, key)
    asm.BPF_MOV64_REG(R3, R10)
    asm.BPF_ALU64_IMM(BPF_ADD, R3, text)
    asm.BPF_MOV64_IMM(R4, 0)
    asm.BPF_EMIT_CALL(BPF_FUNC_MAP_UPDATE_ELEM)
    asm.label("exit")
    asm.BPF_MOV64_IMM(R0, 0)
    asm.BPF_EXIT_INSN()
    return asm.code()
