# SPDX-License-Identifier: MIT
"""The archive that a kernel unpacks into its first root: cpio, format newc, uncompressed.

Source: Documentation/driver-api/early-userspace/buffer-format.rst. Several archives one after the
other are one, so that what never changes is made once.
"""

from __future__ import annotations

import stat
from typing import Final

_MAGIC: Final = b"070701"
_ALIGN: Final = 4
_TRAILER: Final = "TRAILER!!!"


class Archive:
    """An archive in memory; folders above a file come by themselves."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._seen: set[str] = set()

    def folder(self, path: str) -> None:
        """A folder, mode 0755."""
        self._entry(path, stat.S_IFDIR | 0o755, b"")

    def file(self, path: str, data: bytes, *, executable: bool = False) -> None:
        """A file, mode 0644 or 0755; one that is there already stays."""
        self._entry(path, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path: str, major: int, minor: int) -> None:
        """A character device, mode 0600."""
        self._entry(path, stat.S_IFCHR | 0o600, b"", (major, minor))

    def finish(self) -> bytes:
        """The archive, to the last byte."""
        return b"".join([*self._parts, _record(0, _TRAILER, 0, b"")])

    def __contains__(self, path: str) -> bool:
        return path.strip("/") in self._seen

    def _entry(self, path: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)) -> None:
        path = path.strip("/")
        if path in self._seen:
            return
        above, _slash, _name = path.rpartition("/")
        if above:
            self.folder(above)
        self._seen.add(path)
        self._parts.append(_record(len(self._seen), path, mode, data, device))


def _record(
    number: int, path: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)
) -> bytes:
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(name), 0)
    head = _MAGIC + b"".join(b"%08X" % field for field in fields) + name
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGN)
