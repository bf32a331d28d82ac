# SPDX-License-Identifier: MIT
"""Sockets in other network namespaces, and how a namespace is known again."""

from __future__ import annotations

import os
import socket
import threading
from errno import EPERM

from xdpconform.errors import SourceError
from xdpconform.netlink.constants import NETLINK_CAP_ACK, NETLINK_EXT_ACK, SOL_NETLINK
from xdpconform.sources.netns import CLONE_NEWNET, RUN_NETNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, TypeVar

    T = TypeVar("T")

OWN: Final = "/proc/thread-self/ns/net"


def inode(netns_fd: int | None) -> int:
    """The number of a namespace (``net:[4026531840]``); None is the calling thread's."""
    return os.stat(OWN if netns_fd is None else netns_fd).st_ino


def path_of(number: int) -> str:
    """The file below /run/netns of the namespace with this inode; empty if it has no name."""
    try:
        names = sorted(os.listdir(RUN_NETNS))
    except OSError:
        return ""
    for name in names:
        path = f"{RUN_NETNS}/{name}"
        try:
            if os.stat(path).st_ino == number:
                return path
        except OSError:
            continue  # removed meanwhile
    return ""


def call_in(netns_fd: int, function: Callable[[], T]) -> T:
    """Call a function in a network namespace, on a thread that ends with it.

    Unlike `xdpconform.sources.netns.run_in` it keeps our /sys, which costs nothing.

    Raises:
        SourceError: it cannot be entered, which needs CAP_SYS_ADMIN.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    results: list[T] = []
    errors: list[BaseException] = []

    def refuse(code: int) -> None:
        hint = "; it needs root (CAP_SYS_ADMIN)" if code == EPERM else ""
        raise SourceError(f"cannot enter a network namespace: setns: {os.strerror(code)}{hint}")

    def inside() -> None:
        try:
            if libc.setns(netns_fd, CLONE_NEWNET):
                refuse(ctypes.get_errno())
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=inside, name=f"netns {netns_fd}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def netlink_socket(netns_fd: int | None, protocol: int) -> socket.socket:
    """A netlink socket in a namespace; None is the calling thread's.

    Raises:
        SourceError: the namespace cannot be entered, or no socket be had.
    """

    def make() -> socket.socket:
        try:
            return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        except OSError as error:
            raise SourceError(f"cannot open a netlink socket: {error.strerror}") from error

    here = netns_fd is None or inode(netns_fd) == inode(None)
    sock = make() if here or netns_fd is None else call_in(netns_fd, make)
    try:
        sock.bind((0, 0))
        sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
    except OSError as error:
        sock.close()
        raise SourceError(f"netlink: {error.strerror}") from error
    return sock
