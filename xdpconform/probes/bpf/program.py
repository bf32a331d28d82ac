# SPDX-License-Identifier: MIT
"""BPF programs, loaded by BPF_PROG_LOAD."""

from __future__ import annotations

import errno
from functools import cached_property
from struct import pack, unpack_from
from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError
from xdpconform.probes.bpf.maps import object_name
from xdpconform.probes.bpf.syscall import (
    BPF_PROG_LOAD,
    NEEDS,
    BpfError,
    Descriptor,
    address,
    bpf,
    buffer,
    info,
)

if TYPE_CHECKING:
    from typing import Self

# enum bpf_prog_type, include/uapi/linux/bpf.h
BPF_PROG_TYPE_XDP: Final = 6
BPF_PROG_TYPE_RAW_TRACEPOINT: Final = 17
# enum bpf_attach_type
BPF_XDP_DEVMAP: Final = 33
BPF_XDP_CPUMAP: Final = 35
BPF_XDP: Final = 37
# prog_flags
BPF_F_XDP_HAS_FRAGS: Final = 1 << 5
BPF_F_XDP_DEV_BOUND_ONLY: Final = 1 << 6

BPF_INSN_SIZE: Final = 8
LOG_SIZE: Final = 1 << 20
AGAIN: Final = 5
"""How often a load is tried that a signal disturbs (EAGAIN, bpf_check in kernel/bpf/verifier.c)."""


class Program(Descriptor):
    """A loaded program; the kernel keeps it as long as this, or a link, holds it."""

    @classmethod
    def load(
        cls,
        code: bytes,
        *,
        name: str,
        prog_type: int = BPF_PROG_TYPE_XDP,
        frags: bool = False,
        ifindex: int = 0,
        dev_bound: bool = False,
        expected_attach_type: int = 0,
        attach_btf_id: int = 0,
        licence: str = "GPL",
        needs: str = NEEDS,
    ) -> Self:
        """Load a program; if the kernel refuses, once more for the verifier's log.

        Args:
            code: instructions, as `Assembler.code` gives them.
            name: up to 15 letters, digits, ``_`` and ``.``.
            prog_type: of ``enum bpf_prog_type``.
            frags: whether it can take frames in several buffers (BPF_F_XDP_HAS_FRAGS).
            ifindex: the interface it is for; looked up in the calling thread's namespace.
            dev_bound: whether it runs on that interface's driver and no other, so that it may
                call metadata kfuncs (BPF_F_XDP_DEV_BOUND_ONLY); with an ifindex but without
                this, it is loaded into the NIC itself (hw-offload).
            expected_attach_type: `BPF_XDP_DEVMAP` or `BPF_XDP_CPUMAP` for programs of map entries.
            attach_btf_id: for programs that attach by type information.
            licence: some helpers are for GPL-compatible programs only.
            needs: the capabilities it wants, for errors.

        Raises:
            BpfError: the kernel refused; holds the verifier's log.
            InputError: the code is no whole number of instructions, or the name cannot be one.
        """
        if not code or len(code) % BPF_INSN_SIZE:
            raise InputError(
                f"program {name!r}: {len(code)} bytes are no whole number of instructions,"
                f" {BPF_INSN_SIZE} bytes each"
            )
        what = f"load program {name!r}"
        flags = BPF_F_XDP_HAS_FRAGS * frags | BPF_F_XDP_DEV_BOUND_ONLY * dev_bound
        insns, gpl = buffer(code), buffer(licence.encode() + b"\0")

        def load(log_level: int, log_size: int, log_buf: int) -> int:
            attr = pack(
                "=IIQQIIQII16sIIIIQIIQIII",
                *(prog_type, len(code) // BPF_INSN_SIZE, address(insns), address(gpl)),
                *(log_level, log_size, log_buf),
                *(0, flags, object_name(name), ifindex, expected_attach_type),  # kern_version
                *(0, 0, 0, 0),  # prog_btf_fd, func_info_rec_size, func_info, func_info_cnt
                *(0, 0, 0),  # line_info_rec_size, line_info, line_info_cnt
                *(attach_btf_id, 0),  # attach_prog_fd
            )
            for left in reversed(range(AGAIN)):
                try:
                    return bpf(BPF_PROG_LOAD, attr, what, needs=needs)
                except BpfError as problem:
                    if problem.errno != errno.EAGAIN or not left:
                        raise
            raise AssertionError("unreachable")

        try:
            return cls(load(0, 0, 0), f"program {name!r}")
        except BpfError as refusal:
            log = buffer(bytes(LOG_SIZE))
            try:
                fd = load(1, LOG_SIZE, address(log))
            except BpfError as again:
                text = log.value.decode("utf-8", "backslashreplace")
                raise BpfError(again.errno, what, log=text, needs=needs) from refusal
            return cls(fd, f"program {name!r}")  # what was in the way has gone

    def __enter__(self) -> Self:
        return self

    @cached_property
    def _info(self) -> bytes:
        return info(self.fd, 16, f"{self._what}: info")

    @property
    def id(self) -> int:
        """Its number in the system, which netlink tells (``bpf_prog_info.id``)."""
        found: int = unpack_from("=I", self._info, 4)[0]
        return found

    @property
    def tag(self) -> str:
        """A digest of its instructions, in hex (``bpf_prog_info.tag``)."""
        return self._info[8:16].hex()
