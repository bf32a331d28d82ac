# SPDX-License-Identifier: MIT
"""Files that may come from strangers: read whole, within bounds, and never waited for."""

from __future__ import annotations

import errno
import os
from stat import S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def read_file(path: Path | str, limit: int, *, follow: bool = True) -> bytes:
    """The bytes of a regular file.

    Args:
        path: the file.
        limit: how many bytes it may have.
        follow: whether it may be a symbolic link.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, or larger; or the path is none. The text says which.
    """
    # A pipe would be waited for, and would never end.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise ValueError("a symbolic link") from error
        raise
    try:
        status = os.fstat(descriptor)
        if not S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # Python makes room for as much as is asked for.
            data = file.read(min(status.st_size, limit) + 1)
            if len(data) > status.st_size:  # it grew, or has no size, as those of /proc
                data += file.read(limit + 1 - len(data))
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return data


def why_unread(error: OSError | ValueError) -> str:
    """Why `read_file` could not, in words."""
    return getattr(error, "strerror", None) or str(error)
