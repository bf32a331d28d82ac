# SPDX-License-Identifier: MIT
"""XDP programs on interfaces, by BPF_LINK_CREATE alone: nothing outlives the descriptor.

A netlink attachment would stay when we are killed, and silently replace somebody else's program.
"""

from __future__ import annotations

from contextlib import suppress
from enum import IntEnum
from struct import pack, unpack_from
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import SourceError
from xdpconform.probes.bpf.failures import Failures
from xdpconform.probes.bpf.program import BPF_XDP
from xdpconform.probes.bpf.syscall import (
    BPF_LINK_CREATE,
    BPF_LINK_DETACH,
    BPF_LINK_UPDATE,
    BpfError,
    Descriptor,
    bpf,
    info,
)

if TYPE_CHECKING:
    from typing import Self

    from xdpconform.probes.bpf.program import Program

BPF_F_REPLACE: Final = 1 << 2
"""include/uapi/linux/bpf.h: update only if `old_prog_fd` is what is there"""
BPF_LINK_INFO: Final = 24
"""sizeof up to ``bpf_link_info.xdp.ifindex``, padded"""


class Mode(IntEnum):
    """Where a program runs (XDP_FLAGS_MODES, include/uapi/linux/if_link.h)."""

    GENERIC = 1 << 1
    """XDP_FLAGS_SKB_MODE: in the stack; a control, never evidence"""
    NATIVE = 1 << 2
    """XDP_FLAGS_DRV_MODE: in the driver"""
    OFFLOAD = 1 << 3
    """XDP_FLAGS_HW_MODE: in the NIC"""


class LinkInfo(NamedTuple):
    """What the kernel says of a link (struct bpf_link_info)."""

    id: int
    prog_id: int
    ifindex: int
    """0 once the interface is gone"""


class Link(Descriptor):
    """A program on an interface, as long as this is open and the process lives.

    A forked child that does not exec keeps it too.
    """

    @classmethod
    def create(cls, program: Program, ifindex: int, mode: Mode) -> Self:
        """Attach a program.

        Args:
            program: an XDP program.
            ifindex: the interface, in the network namespace of the calling thread.
            mode: always said, since the kernel would fall back to generic mode by itself.

        Raises:
            BpfError: the kernel or driver refused. Its text has the kernel's extended
                acknowledgement, if CAP_PERFMON lets us see that.
        """
        what = f"attach XDP program {program.id} to interface {ifindex} ({mode.name.lower()})"
        # struct { __u32 prog_fd; __u32 target_ifindex; __u32 attach_type; __u32 flags; ... }
        attr = pack("=IIII", program.fd, ifindex, BPF_XDP, mode) + bytes(16)
        with _listen() as failures:
            try:
                return cls(bpf(BPF_LINK_CREATE, attr, what), f"XDP link on interface {ifindex}")
            except BpfError as refusal:
                said = failures.text()
                if not said:
                    raise
                raise BpfError(refusal.errno, what, said=said) from refusal

    def __enter__(self) -> Self:
        return self

    def update(self, program: Program, old: Program | None = None) -> None:
        """Put another program in place, without a gap.

        Args:
            program: of the same kind (an interface keeps its mode and buffers).
            old: refuse unless this one is there.

        Raises:
            BpfError: the kernel refused (EPERM: `old` is not there).
        """
        what = f"{self._what}: update to program {program.id}"
        flags, expected = (BPF_F_REPLACE, old.fd) if old else (0, 0)
        # struct { __u32 link_fd; __u32 new_prog_fd; __u32 flags; __u32 old_prog_fd; }
        bpf(BPF_LINK_UPDATE, pack("=IIII", self.fd, program.fd, flags, expected), what)

    def close(self) -> None:
        """Detach the program and close the link; may be called again.

        Detached by itself, since others hold links for a moment too: whoever lists them
        (BPF_LINK_GET_FD_BY_ID, as ``bpftool link`` does) would keep the program where it is, and
        the next one be refused with EBUSY.
        """
        if self._fd is not None:
            with suppress(BpfError):  # closing it is what counts
                bpf(BPF_LINK_DETACH, pack("=I", self._fd), f"{self._what}: detach")
        super().close()

    def info(self) -> LinkInfo:
        """Link, program and interface, by their numbers.

        Raises:
            BpfError: the kernel refused.
        """
        # struct bpf_link_info { __u32 type; __u32 id; __u32 prog_id; union { ... } }
        answer = info(self.fd, BPF_LINK_INFO, f"{self._what}: info")
        _kind, number, prog_id, ifindex = unpack_from("=IIIxxxxI", answer)
        return LinkInfo(number, prog_id, ifindex)


class _Deaf:
    """In place of `Failures` where those cannot be had."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        pass

    def text(self) -> str:
        return ""


def _listen() -> Failures | _Deaf:
    try:
        return Failures()
    except SourceError:
        return _Deaf()
