# SPDX-License-Identifier: MIT
"""The system call bpf(2), and how its errors are told."""

from __future__ import annotations

import ctypes
import errno as _errno
import os
import platform
from functools import cache
from typing import TYPE_CHECKING, Final

from xdpconform.errors import SourceError, errno_name

if TYPE_CHECKING:
    from collections.abc import Callable

SYS_BPF: Final = {
    "aarch64": 280,
    "armv7l": 386,
    "i686": 357,
    "loongarch64": 280,
    "mips64": 5315,
    "ppc64": 361,
    "ppc64le": 361,
    "riscv64": 280,
    "s390x": 351,
    "x86_64": 321,
}
"""__NR_bpf by uname -m (arch/*/.../syscall*.tbl)"""

# enum bpf_cmd, include/uapi/linux/bpf.h
BPF_MAP_CREATE: Final = 0
BPF_MAP_LOOKUP_ELEM: Final = 1
BPF_MAP_UPDATE_ELEM: Final = 2
BPF_MAP_DELETE_ELEM: Final = 3
BPF_MAP_GET_NEXT_KEY: Final = 4
BPF_PROG_LOAD: Final = 5
BPF_PROG_TEST_RUN: Final = 10
BPF_OBJ_GET_INFO_BY_FD: Final = 15
BPF_RAW_TRACEPOINT_OPEN: Final = 17
BPF_LINK_CREATE: Final = 28
BPF_LINK_UPDATE: Final = 29
BPF_LINK_DETACH: Final = 34

NEEDS: Final = "CAP_BPF and CAP_NET_ADMIN"
"""What nearly every command wants; tracing wants CAP_PERFMON too."""
LOG_LINES: Final = 5
"""How much of the verifier's log an error's text shows: its end, where the reason stands."""


class BpfError(SourceError):
    """The kernel refused a bpf(2) command.

    Attributes:
        errno: the positive error number.
        what: the command, in words: ``load program 'verdict'``.
        said: what the kernel said about it beside the number, if anything.
        log: the verifier's log, if the command was a load.
    """

    def __init__(
        self, errno: int, what: str, *, said: str = "", log: str = "", needs: str = NEEDS
    ) -> None:
        self.errno = errno
        self.what = what
        self.said = said
        self.log = log
        self._needs = needs
        super().__init__(errno, what)

    @property
    def name(self) -> str:
        """The errno's name, as in errno.h: ``EBUSY``."""
        return errno_name(self.errno)

    def __str__(self) -> str:
        text = f"{self.what}: the kernel said {self.name} ({os.strerror(self.errno)})"
        if self.said:
            text += f": {self.said}"
        if self.errno == _errno.EPERM:
            text += f"; needs {self._needs}"
        if self.errno == _errno.ENOSYS:
            text += "; needs a kernel with CONFIG_BPF_SYSCALL"
        lines = [line for line in self.log.splitlines() if line.strip()][-LOG_LINES:]
        if lines:
            text += "; the end of the verifier's log:\n" + "\n".join(lines)
        return text


@cache
def _syscall() -> Callable[[int, int, object, int], int]:
    machine = platform.machine()
    if machine not in SYS_BPF:
        known = ", ".join(SYS_BPF)
        raise SourceError(f"the number of bpf(2) on {machine!r} is not known; known are: {known}")
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    number = ctypes.c_long(SYS_BPF[machine])

    def call(command: int, address: int, _keep: object, size: int) -> int:
        result: int = syscall(
            number, ctypes.c_int(command), ctypes.c_void_p(address), ctypes.c_uint(size)
        )
        return result

    return call


def bpf(command: int, attr: bytes | bytearray, what: str, *, needs: str = NEEDS) -> int:
    """Make the system call; other threads run meanwhile.

    Args:
        command: of ``enum bpf_cmd``.
        attr: its part of ``union bpf_attr``; a bytearray is given to the kernel itself, which
            writes answers there.
        what: the command in words, for errors.
        needs: the capabilities it wants, for errors.

    Returns:
        What the kernel returned, mostly a descriptor; the kernel sets close-on-exec on it.

    Raises:
        BpfError: the kernel refused.
        SourceError: the call's number is not known on this machine.
    """
    call = _syscall()
    size = len(attr)
    array = ctypes.c_char * size
    buffer = (
        array.from_buffer(attr) if isinstance(attr, bytearray) else array.from_buffer_copy(attr)
    )
    result = call(command, ctypes.addressof(buffer), buffer, size)
    if result < 0:
        raise BpfError(ctypes.get_errno(), what, needs=needs)
    return result


def address(buffer: ctypes.Array[ctypes.c_char]) -> int:
    """Where a buffer is, for ``__aligned_u64`` members; keep the buffer until the call is over."""
    return ctypes.addressof(buffer)


def buffer(data: bytes) -> ctypes.Array[ctypes.c_char]:
    """A copy of `data` that has an address; without the final zero of C strings."""
    return ctypes.create_string_buffer(data, max(1, len(data)))


def info(fd: int, size: int, what: str) -> bytes:
    """BPF_OBJ_GET_INFO_BY_FD: the head of bpf_prog_info, bpf_map_info or bpf_link_info.

    Raises:
        BpfError: the kernel refused.
    """
    from struct import pack

    answer = buffer(bytes(size))
    # struct { __u32 bpf_fd; __u32 info_len; __aligned_u64 info; }
    bpf(BPF_OBJ_GET_INFO_BY_FD, pack("=IIQ", fd, size, address(answer)), what)
    return answer.raw


class Descriptor:
    """A descriptor that bpf(2) gave: a context manager, closed once.

    Args:
        fd: the descriptor.
        what: what it stands for, in words.
    """

    def __init__(self, fd: int, what: str) -> None:
        self._fd: int | None = fd
        self._what = what

    @property
    def fd(self) -> int:
        """The descriptor.

        Raises:
            SourceError: it is closed.
        """
        if self._fd is None:
            raise SourceError(f"{self._what} is closed")
        return self._fd

    def close(self) -> None:
        """Close it; may be called again."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def __exit__(self, *_exc: object) -> None:
        self.close()
