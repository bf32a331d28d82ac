# SPDX-License-Identifier: MIT
"""A network namespace that is held by a descriptor, with a thread inside it.

Namespaces of our own have no name: only this process holds them, so they and the devices in them
go when it goes, however it dies. Entering one costs a mount (`xdpconform.sources.netns`), so one
thread enters and stays.
"""

from __future__ import annotations

import ctypes
import os
import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from xdpconform.errors import SourceError
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.genl import Family, getfamily, pull_family
from xdpconform.sources import Client, Kernel, KernelChannel
from xdpconform.sources.netns import CLONE_NEWNET, enter, namespace_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self, TypeVar

    T = TypeVar("T")

OWN: Final = "/proc/thread-self/ns/net"  # namespaces(7)


class Namespace:
    """A network namespace, and a thread in it that does what shall be done there.

    Made by `anonymous`, `at` or `current`.

    Attributes:
        name: for messages: ``a namespace of our own``, the path, or ``this namespace``.
        fd: a descriptor of it, closed with `close`.
        inode: its number, as ``ls -l /proc/self/ns/net`` shows it.
    """

    def __init__(self, name: str, into: Callable[[], int]) -> None:
        self.name = name
        self.fd = -1
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._kernel: _Inside | None = None
        self._clients: dict[int, Client] = {}
        self._families: dict[str, Family] = {}
        self._thread = threading.Thread(target=self._work, name=f"netns {name}", daemon=True)
        self._thread.start()
        try:
            self.fd = self.call(into)
        except BaseException:
            self.close()
            raise
        self.inode = os.fstat(self.fd).st_ino

    @classmethod
    def anonymous(cls) -> Self:
        """A new namespace, gone as soon as nobody holds a descriptor of it.

        Raises:
            SourceError: the kernel refuses one, mostly for want of CAP_SYS_ADMIN.
        """
        return cls("a namespace of our own", _unshare)

    @classmethod
    def at(cls, path: str) -> Self:
        """The namespace of a file, or of a name that ``ip netns`` knows.

        Raises:
            SourceError: there is none, or it cannot be entered.
        """
        path = namespace_path(path)
        return cls(path, lambda: _enter(path))

    @classmethod
    def current(cls) -> Self:
        """The namespace of the calling thread."""
        return cls("this namespace", _open)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function inside, in the thread there; what it raises is raised here."""
        if threading.current_thread() is self._thread:
            return function()
        if not self._thread.is_alive():
            raise SourceError(f"{self.name} is closed")
        future: Future[T] = Future()

        def job() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                future.set_exception(error)

        self._jobs.put(job)
        return future.result()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def source(self) -> Kernel:
        """The kernel as seen from inside: a source like any other, closed with the namespace."""
        if self._kernel is None:
            self._kernel = _Inside(self)
        return self._kernel

    def client(self, protocol: int) -> Client:
        """Who asks the kernel in here; the same each time.

        Args:
            protocol: NETLINK_ROUTE or NETLINK_GENERIC.
        """
        if protocol not in self._clients:
            self._clients[protocol] = Client(self.source().open(protocol))
        return self._clients[protocol]

    def family(self, name: str) -> Family:
        """A generic netlink family.

        Raises:
            KernelError: the kernel has none of this name (ENOENT).
        """
        if name not in self._families:
            replies = self.client(NETLINK_GENERIC).ask(getfamily(name))
            self._families[name] = pull_family(replies[0])
        return self._families[name]

    def close(self) -> None:
        """End the thread and give the descriptor back; may be called again."""
        self._clients.clear()
        if self._kernel is not None:
            self._kernel.close()
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class _Inside(Kernel):
    """The kernel, asked by the namespace's thread."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__()
        self._namespace = namespace

    def within(self, function: Callable[[], T]) -> T:
        return self._namespace.call(function)

    def open(self, protocol: int) -> KernelChannel:
        channel = KernelChannel(protocol, self.within)
        self._channels.append(channel)
        return channel


def _open() -> int:
    try:
        return os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError(f"cannot open {OWN}: {error.strerror}") from error


def _enter(path: str) -> int:
    enter(path)
    return _open()


def _unshare() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        code = ctypes.get_errno()
        raise SourceError(
            f"a network namespace is refused: unshare: {os.strerror(code)}; it needs root"
            " (CAP_SYS_ADMIN)"
        )
    descriptor = _open()
    try:
        enter(f"/proc/self/fd/{descriptor}")  # for a /sys that shows what is in here
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
