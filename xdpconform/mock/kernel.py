# SPDX-License-Identifier: MIT
"""The mock kernel as a source, and its channels."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from xdpconform.errors import Overrun, ReplyTruncated, SourceError, Timeout
from xdpconform.mock import build, route
from xdpconform.mock.age import Age
from xdpconform.mock.generic import Generic
from xdpconform.mock.nic import Claims, MockNic
from xdpconform.mock.reply import FIRST_ROOM, ROOM, Reply, Socket, datagrams
from xdpconform.mock.request import Refused, Request, pull_requests
from xdpconform.netlink.constants import (
    NETLINK_GENERIC,
    NETLINK_ROUTE,
    NLM_F_REQUEST,
    NLMSG_MIN_TYPE,
)
from xdpconform.sources.base import Datagram

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdpconform.mock.fault import Fault

FIRST_PORT: Final = 4711
BUFFER: Final = 1 << 16
"""Bytes that a channel's reader can take at first, as `xdpconform.sources.kernel` has it."""
BUFFER_LIMIT: Final = 1 << 22
BUSY: Final = 16
"""EBUSY"""


class MockKernel:
    """A kernel made of values: answers byte for byte as the one of its age does.

    Args:
        nics: its NICs; whatever order they come in.
        age: which kernel.
        name: what to call it.
        ifaces: which NICs it is about; all of them if not given.
        fault: the one thing that it does wrong.
        first_room: bytes of a dump's first datagram.
        room: bytes of its later ones.
    """

    def __init__(
        self,
        nics: Iterable[MockNic],
        age: Age | None = None,
        *,
        name: str = "mock",
        ifaces: Sequence[str] | None = None,
        fault: Fault | None = None,
        first_room: int = FIRST_ROOM,
        room: int = ROOM,
    ) -> None:
        self.age = age or Age.of("7.3")
        self.name = name
        self.nics = {nic.ifindex: nic for nic in sorted(nics, key=lambda nic: nic.ifindex)}
        self.ifaces = [nic.name for nic in self.nics.values()] if ifaces is None else [*ifaces]
        self.fault = fault
        self.rooms = first_room, room
        self.asked: dict[str, int] = {}
        """How often each question was asked."""
        self._generic = Generic(self.age, self.nics)
        self._ports = count(FIRST_PORT)

    def open(
        self,
        protocol: int,
        *,
        port_id: int | None = None,
        capped: bool = True,
        ext_ack: bool = True,
    ) -> MockChannel:
        """A new channel.

        Args:
            protocol: NETLINK_ROUTE or NETLINK_GENERIC.
            port_id: its port; the next free one if not given.
            capped: NETLINK_CAP_ACK
            ext_ack: NETLINK_EXT_ACK
        """
        if protocol not in (NETLINK_ROUTE, NETLINK_GENERIC):
            raise SourceError(f"{self.name}: no netlink protocol {protocol} here")
        port = next(self._ports) if port_id is None else port_id
        return MockChannel(self, protocol, Socket(port, capped, ext_ack, *self.rooms))

    def answer(self, protocol: int, request: Request) -> Reply | None:
        """What a request is answered; None if it is not."""
        try:
            if protocol == NETLINK_ROUTE:
                return route.answer(request, self.nics)
            return self._generic.answer(request)
        except Refused as refused:
            return Reply("refusal", refused=refused)

    def release(self) -> str:
        """As uname -r prints it."""
        return self.age.release

    def _named(self, ifname: bytes) -> MockNic | None:
        return next((nic for nic in self.nics.values() if nic.name.encode() == ifname), None)

    def drvinfo(self, ifname: bytes) -> bytes:
        """ETHTOOL_GDRVINFO; empty where the driver has none.

        Raises:
            SourceError: no such device.
        """
        nic = self._named(ifname)
        if nic is None:
            raise SourceError("ETHTOOL_GDRVINFO: No such device")
        return b"" if nic.drvinfo is None else nic.drvinfo.encoded()

    def sysfs(self, ifname: bytes, paths: tuple[str, ...]) -> dict[str, str]:
        """Files, links and folders below /sys/class/net/IFNAME."""
        nic = self._named(ifname)
        files = nic.files() if nic is not None else {}
        return {path: files[path] for path in paths if path in files}

    def notifications(self) -> tuple[bytes, ...]:
        """A veth pair's life as the group mgmt is told it, then the reply to a dev-get.

        Raises:
            SourceError: a kernel of this age has no such group.
        """
        if not self.age.has_netdev:
            raise SourceError(
                f"{self.name}: kernel {self.age.name} has no family netdev, and notifies nobody"
            )
        found = _life(self.age, max(self.nics, default=1) + 1)
        return self.fault.notify(found) if self.fault else found

    def close(self) -> None:
        """Nothing to give back."""


_PEER_READY: Final = ("basic", "redirect", "rx-sg", "timestamp", "hash", "vlan-tag")
_ADD, _DELETE, _CHANGE = 2, 3, 4
"""NETDEV_CMD_DEV_ADD_NTF, _DEL_NTF, _CHANGE_NTF"""


def _life(age: Age, ifindex: int) -> tuple[bytes, ...]:
    # As recorded: features come by a change, the metadata are there from the start.
    bare = Claims.named(_PEER_READY)._replace(xdp=0)
    whole = Claims.named(_PEER_READY)
    pair = ifindex, ifindex + 1

    def told(index: int, command: int, claims: Claims) -> bytes:
        payload = build.device(age, MockNic(index, "xdpconform", claims), command)
        return build.message(age.netdev, 0, 0, 0, payload)

    asked = build.device(age, MockNic(pair[1], "xdpconform0", whole))
    return (
        *(told(index, _ADD, bare) for index in pair),
        *(told(index, _CHANGE, whole) for index in reversed(pair)),
        *(told(index, _DELETE, whole) for index in reversed(pair)),
        build.message(age.netdev, 0, 1, FIRST_PORT, asked),
    )


class MockChannel:
    """What stands for a netlink socket. It never waits: where a real one would, it times out."""

    def __init__(self, kernel: MockKernel, protocol: int, socket: Socket) -> None:
        self.protocol = protocol
        self.port_id = socket.port_id
        self.groups: list[int] = []
        self._kernel = kernel
        self._socket = socket
        self._buffer = BUFFER
        self._queue: list[Datagram | Overrun] = []
        self._rest: list[Datagram | Overrun] = []
        """Of a dump, what the kernel only makes when its reader asks for more."""
        self._open = True

    def send(self, data: bytes) -> None:
        """Have a request answered."""
        self._live()
        for request in pull_requests(data):
            self._answer(request)

    def _answer(self, request: Request) -> None:
        kernel = self._kernel
        if not request.flags & NLM_F_REQUEST or request.type < NLMSG_MIN_TYPE:
            reply: Reply | None = None
        elif request.dump and self._rest:
            reply = Reply("refusal", refused=Refused(BUSY))
        else:
            reply = kernel.answer(self.protocol, request)
        if reply is None:
            reply = Reply("nothing")
        kernel.asked[reply.what] = kernel.asked.get(reply.what, 0) + 1
        found: list[Datagram | Overrun] = [
            Datagram(one) for one in datagrams(request, reply, self._socket)
        ]
        if kernel.fault is not None:
            found = kernel.fault.change(reply.what, kernel.asked[reply.what], request, found)
        lazy = reply.dump and len(found) > 1
        self._queue += found[:1] if lazy else found
        self._rest += found[1:] if lazy else []

    def _live(self) -> None:
        if not self._open:
            raise SourceError("the netlink channel is closed")

    def receive(self, deadline: float) -> Datagram:
        """The next datagram; see `xdpconform.sources.base.Channel.receive`."""
        del deadline
        self._live()
        if not self._queue:
            raise Timeout("netlink: no answer before the deadline")
        found = self._queue.pop(0)
        self._queue += self._rest[:1]
        del self._rest[:1]
        self._socket = self._socket._replace(first_room=self._socket.room)
        if isinstance(found, Overrun):
            raise found
        if len(found.data) > self._buffer:
            raise ReplyTruncated(f"netlink: a reply is larger than {self._buffer} bytes")
        return found

    def join(self, group: int) -> None:
        """Be a member; what a listener hears is told by `MockKernel.notifications`."""
        self._live()
        self.groups.append(group)

    def reset(self, *, larger: bool = False) -> None:
        """A new socket with nothing pending."""
        if larger:
            if self._buffer >= BUFFER_LIMIT:
                raise SourceError(f"netlink: a reply is larger than {BUFFER_LIMIT} bytes: refused")
            self._buffer = min(8 * self._buffer, BUFFER_LIMIT)
        self._queue.clear()
        self._rest.clear()
        self._socket = self._socket._replace(first_room=self._kernel.rooms[0])
        self._open = True

    def close(self) -> None:
        """Give back what it holds; may be called again."""
        self._open = False
