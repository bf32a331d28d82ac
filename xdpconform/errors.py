# SPDX-License-Identifier: MIT
"""Every error this package raises on purpose, and what each one tells its reader."""

from __future__ import annotations

import errno as _errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdpconform.netlink.extack import ExtAck

__all__ = [
    "Blocked",
    "DumpInterrupted",
    "InputError",
    "KernelError",
    "NoSuchInterface",
    "NotRecorded",
    "Overrun",
    "ProfileError",
    "RecordingError",
    "ReplyTruncated",
    "SourceError",
    "Timeout",
    "WireError",
    "XdpConformError",
    "errno_name",
]


def errno_name(code: int) -> str:
    """The name of a positive errno, as the kernel's sources have it."""
    if code == _errno.EOPNOTSUPP:
        return "EOPNOTSUPP"  # Python knows it as ENOTSUP
    if code == _errno.EDEADLK:
        return "EDEADLK"  # Python knows it as EDEADLOCK
    return _errno.errorcode.get(code, f"errno {code}")


class XdpConformError(Exception):
    """The base of them all: its text is one or more sentences meant for a person."""


class InputError(XdpConformError):
    """Something the user typed cannot be right: says what, and what to type instead."""


class WireError(XdpConformError):
    """Bytes that break the netlink format: says where, what was found and what was needed."""


class SourceError(XdpConformError):
    """A source could not be asked: says which, why, and what to do."""


class Blocked(XdpConformError):
    """Something could not be tried: says what is missing, and the command that mends it."""


class Unclaimed(Blocked):
    """Something cannot be tried, and nothing promises that it could."""


class Timeout(SourceError):
    """No complete answer came before the deadline."""


class ReplyTruncated(SourceError):
    """A datagram was larger than the buffer that received it (MSG_TRUNC)."""


class Overrun(SourceError):
    """The kernel dropped messages for us (ENOBUFS, or NLMSG_OVERRUN): ask again."""


class DumpInterrupted(SourceError):
    """What was dumped changed meanwhile (NLM_F_DUMP_INTR): ask again."""


class NoSuchInterface(SourceError):
    """No interface has this name or number (any more)."""


class NotRecorded(SourceError):
    """A recording holds no answer to a question: says which, and that it has to be made anew."""


class KernelError(XdpConformError):
    """The kernel refused a request.

    Attributes:
        errno: the positive error number.
        extack: what the kernel said about it (`xdpconform.netlink.ExtAck`).
        what: the request, in words: ``netdev dev-get``.
        attribute: the request's attribute that the kernel's offset points at, if any.
        missing: the name of the attribute that the kernel missed, if any.
    """

    def __init__(
        self,
        errno: int,
        extack: ExtAck,
        what: str = "request",
        attribute: str | None = None,
        missing: str | None = None,
    ) -> None:
        self.errno = errno
        self.extack = extack
        self.what = what
        self.attribute = attribute
        self.missing = missing
        super().__init__(errno, what)

    @property
    def name(self) -> str:
        """The errno's name, as in errno.h: ``ENODEV``."""
        return errno_name(self.errno)

    def __str__(self) -> str:
        text = f"{self.what}: the kernel said {self.name} ({os.strerror(self.errno)})"
        if self.extack.message:
            text += f": {self.extack.message}"
        if self.attribute:
            text += f"; it points at the request's {self.attribute}"
        if self.missing:
            text += f"; it misses the attribute {self.missing}"
        return text


class RecordingError(XdpConformError):
    """A file that is no recording, or one that cannot be used: says which, where and why."""


class ProfileError(XdpConformError):
    """A profile that cannot be used: holds every problem found, each a line of its own."""

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        return "\n".join(f"{self.path}: {problem}" for problem in self.problems)
