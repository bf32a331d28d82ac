# SPDX-License-Identifier: MIT
"""Reading files of strangers: whole, within bounds, and never waiting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from xdpconform.files import read_file, why_unread

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [0, 1, 9, 10])
def test_whole(tmp_path: Path, size: int) -> None:
    """A file up to the limit is read whole, also through a link."""
    path = tmp_path / "x"
    path.write_bytes(b"0123456789"[:size])
    (tmp_path / "link").symlink_to("x")

    assert b"0123456789"[:size] == read_file(path, 10) == read_file(tmp_path / "link", 10)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gone", "No such file or directory"),
        ("folder", "not a regular file"),
        ("pipe", "not a regular file"),
        ("large", "larger than 10 bytes"),
        ("link", "a symbolic link"),
        ("x\0", "embedded null byte"),
    ],
)
def test_refused(tmp_path: Path, name: str, why: str) -> None:
    """What is no file, or too much, is refused at once; nothing is left open."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"01234567890")
    (tmp_path / "link").symlink_to("large")
    before = os.listdir("/proc/self/fd")

    with pytest.raises((OSError, ValueError)) as caught:
        read_file(f"{tmp_path}/{name}", 10, follow=False)

    assert why == why_unread(caught.value)
    assert before == os.listdir("/proc/self/fd")


def test_no_size() -> None:
    """A file of /proc, which says that it has no bytes, is read all the same, within the limit."""
    assert read_file("/proc/self/status", 1 << 16).startswith(b"Name:")
    with pytest.raises(ValueError, match="larger than 10 bytes"):
        read_file("/proc/self/status", 10)
