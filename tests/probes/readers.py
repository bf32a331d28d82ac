# SPDX-License-Identifier: MIT
"""Readers for tests: of an interface in a namespace, and of a NIC made of values."""

from __future__ import annotations

import contextlib
import errno
from struct import pack
from typing import TYPE_CHECKING, cast

from xdpconform.errors import KernelError
from xdpconform.netlink import rtnl
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.netlink.extack import ExtAck
from xdpconform.netlink.genl import Family
from xdpconform.netlink.wire import Message
from xdpconform.probes.reader import Reader, reader
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from xdpconform.netlink.transaction import Request

ETHTOOL = Family(21, "ethtool", 1, {}, {})
NETDEV = Family(20, "netdev", 1, {12: 0xC}, {})
IFINDEX = 4


def nla(kind: int, *parts: bytes) -> bytes:
    """An attribute; written without the package's encoder."""
    body = b"".join(parts)
    return pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)


def u32(kind: int, value: int) -> bytes:
    """An attribute of 32 bits."""
    return nla(kind, pack("=I", value))


def generic(command: int, *attributes: bytes) -> Message:
    """A generic netlink message."""
    return Message(20, 0, 1, 2, pack("=BBH", command, 1, 0) + b"".join(attributes))


def link(ifindex: int, name: bytes, *attributes: bytes) -> Message:
    """RTM_NEWLINK."""
    head = pack("=BxHiII", 0, 1, ifindex, 1, 0)
    return Message(16, 0, 1, 2, head + nla(3, name + b"\0") + b"".join(attributes))


class FakeClient:
    """Answers each question by its words; what has no answer is refused with an errno."""

    def __init__(self, answers: Mapping[str, list[Message]], refusal: int) -> None:
        self.answers = answers
        self.refusal = refusal

    def ask(self, request: Request) -> list[Message]:
        """See `Client.ask`."""
        if request.what not in self.answers:
            raise KernelError(self.refusal, ExtAck(), request.what)
        return self.answers[request.what]


def fake(
    answers: Mapping[str, list[Message]],
    *,
    refusal: int = errno.EOPNOTSUPP,
    ethtool: Family | None = ETHTOOL,
    netdev: Family | None = NETDEV,
    ioctl: Callable[[Callable[..., object]], object] = lambda _function: None,
) -> Reader:
    """A NIC that answers so; `ioctl` stands for everything read by ioctl."""

    def within(function: Callable[[], object]) -> object:
        return ioctl(function)

    client = cast("Client", FakeClient(answers, refusal))
    return Reader(IFINDEX, b"eth9", client, client, cast("object", within), ethtool, netdev)  # type: ignore[arg-type]


@contextlib.contextmanager
def live(netns: str, name: str) -> Iterator[Reader]:
    """An interface in a namespace."""
    with Kernel(netns) as kernel:
        route, generic = (
            Client(kernel.open(protocol)) for protocol in (NETLINK_ROUTE, NETLINK_GENERIC)
        )
        found = rtnl.pull_link(route.ask(rtnl.getlink(name.encode()))[0])
        yield reader(route, generic, found.ifindex, found.raw_name, kernel.within)
