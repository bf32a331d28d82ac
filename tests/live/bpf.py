# SPDX-License-Identifier: MIT
"""A two-instruction XDP program, attached natively by BPF_LINK_CREATE: gone with its descriptor."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from typing import TYPE_CHECKING

from xdpconform.sources import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
# include/uapi/linux/bpf.h and if_link.h
BPF_PROG_LOAD = 5
BPF_LINK_CREATE = 28
BPF_PROG_TYPE_XDP = 6
BPF_XDP = 37
XDP_FLAGS_DRV_MODE = 1 << 2
# BPF_MOV64_IMM(BPF_REG_0, XDP_PASS), BPF_EXIT_INSN()
XDP_PASS = struct.pack("=BBhi", 0xB7, 0, 0, 2) + struct.pack("=BBhi", 0x95, 0, 0, 0)


def bpf(command: int, attributes: bytes) -> int:
    """The system call; gives a descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result: int = libc.syscall(SYS_BPF[platform.machine()], command, buffer, len(attributes))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"bpf({command}): {os.strerror(code)}")
    return result


@contextlib.contextmanager
def native_program(netns: str, ifindex: int) -> Iterator[None]:
    """An XDP_PASS program on an interface in a namespace, as long as the block lasts."""
    code = ctypes.create_string_buffer(XDP_PASS, len(XDP_PASS))
    licence = ctypes.create_string_buffer(b"GPL")
    load = (BPF_PROG_TYPE_XDP, 2, ctypes.addressof(code), ctypes.addressof(licence))
    program = bpf(BPF_PROG_LOAD, struct.pack("=IIQQ", *load) + bytes(96))
    try:
        create = struct.pack("=IIII", program, ifindex, BPF_XDP, XDP_FLAGS_DRV_MODE) + bytes(32)
        with Kernel(netns) as kernel:
            link = kernel.within(lambda: bpf(BPF_LINK_CREATE, create))
    finally:
        os.close(program)
    try:
        yield
    finally:
        os.close(link)
