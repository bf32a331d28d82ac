# SPDX-License-Identifier: MIT
"""Run a function inside another network namespace without leaving ours.

Only a thread of its own enters it: setns(2) and unshare(2) act on one thread, and that thread
ends with the function. A socket opened there stays in that namespace. /sys shows the interfaces of
the namespace that mounted it, hence the private mount.
"""

from __future__ import annotations

import os
import threading
from errno import EPERM
from stat import S_ISREG

from xdpconform.errors import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, TypeVar

    T = TypeVar("T")

CLONE_NEWNS: Final = 0x00020000  # include/uapi/linux/sched.h
CLONE_NEWNET: Final = 0x40000000
MS_REC: Final = 0x4000  # include/uapi/linux/mount.h
MS_PRIVATE: Final = 1 << 18
MS_RDONLY: Final = 1

RUN_NETNS: Final = "/run/netns"
"""Where iproute2 keeps named namespaces (ip-netns(8))."""


def namespace_path(netns: str) -> str:
    """The file of a namespace: a path as it is, a name below /run/netns.

    Raises:
        SourceError: there is none; lists the names there are.
    """
    path = netns if "/" in netns else f"{RUN_NETNS}/{netns}"
    try:
        if netns not in ("", ".", "..") and S_ISREG(os.stat(path).st_mode):
            return path
    except PermissionError as error:
        raise SourceError(
            f"cannot look at the network namespace {path}: {error.strerror}; it needs root"
        ) from error
    except (OSError, ValueError):
        pass  # there is none, or the name cannot be one
    try:
        names = ", ".join(sorted(os.listdir(RUN_NETNS))) or "none"
    except OSError:
        names = "none"
    shown = netns.encode("utf-8", "backslashreplace").decode()
    raise SourceError(
        f"no network namespace {shown!r}: names below {RUN_NETNS} are: {names}; a path such as"
        " /proc/1234/ns/net will do as well"
    )


def run_in(path: str, function: Callable[[], T]) -> T:
    """Call `function` in the network namespace of the file `path`.

    Raises:
        SourceError: it cannot be entered, which needs CAP_SYS_ADMIN.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def inside() -> None:
        try:
            enter(path)
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=inside, name=f"netns {path}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def enter(path: str) -> None:
    """Move the calling thread into a network namespace, with a /sys of its own.

    Raises:
        SourceError: it cannot be entered.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *args: object) -> None:
        if getattr(libc, name)(*args):
            code = ctypes.get_errno()
            hint = "; it needs root (CAP_SYS_ADMIN)" if code == EPERM else ""
            raise SourceError(
                f"cannot enter the network namespace {path}: {name}: {os.strerror(code)}{hint}"
            )

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError(f"cannot open the network namespace {path}: {error.strerror}") from error
    try:
        call("setns", descriptor, CLONE_NEWNET)
    finally:
        os.close(descriptor)
    call("unshare", CLONE_NEWNS)
    call("mount", None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    call("mount", b"sysfs", b"/sys", b"sysfs", ctypes.c_ulong(MS_RDONLY), None)
