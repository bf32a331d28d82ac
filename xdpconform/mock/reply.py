# SPDX-License-Identifier: MIT
"""What a handler answers, and how the socket layer makes datagrams of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.mock import build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdpconform.mock.request import Refused, Request

FIRST_ROOM: Final = 3776
"""Bytes of a dump's datagram on a socket that never received: NLMSG_GOODSIZE, one page's skb."""
ROOM: Final = 32448
"""And later: SKB_WITH_OVERHEAD(32768), as netlink_dump (net/netlink/af_netlink.c) takes it."""
_DONE_SIZE: Final = 20


class Reply(NamedTuple):
    """The answer to one request, before it has a sequence number and a port."""

    what: str
    """Which question it was: ``dev-get``, ``dev-get dump``, ``getfamily netdev``."""
    kind: int = 0
    """nlmsg_type of the messages."""
    payloads: Sequence[bytes] = ()
    refused: Refused | None = None
    dump: bool = False
    """It is a dump that was started: it ends with NLMSG_DONE, even in an error."""
    flags: int = 0
    """nlmsg_flags of its messages."""
    done_alone: bool = False
    """NLMSG_DONE comes in a datagram of its own (rtnetlink)."""


class Socket(NamedTuple):
    """What of a socket shows in replies."""

    port_id: int
    capped: bool = True
    """NETLINK_CAP_ACK"""
    ext_ack: bool = True
    """NETLINK_EXT_ACK"""
    first_room: int = FIRST_ROOM
    room: int = ROOM


def datagrams(request: Request, reply: Reply, socket: Socket) -> list[bytes]:
    """A reply as recv() gives it."""
    code = reply.refused.code if reply.refused else 0
    tlvs = reply.refused.tlvs if reply.refused and socket.ext_ack else b""
    found = [
        build.message(reply.kind, reply.flags, request.sequence, socket.port_id, payload)
        for payload in reply.payloads
    ]
    if reply.dump:
        end = build.done(code, request.sequence, socket.port_id, tlvs)
        return _packed(found, end, reply, socket)
    if code or request.wants_ack:
        found.append(
            build.error(
                code, request.data, request.sequence, socket.port_id, tlvs, capped=socket.capped
            )
        )
    return found


def _packed(messages: list[bytes], end: bytes, reply: Reply, socket: Socket) -> list[bytes]:
    packed: list[bytes] = []
    room = socket.first_room
    parts: list[bytes] = []
    size = 0
    for message in messages:
        if parts and size + len(message) > room:
            packed.append(b"".join(parts))
            parts, size, room = [], 0, socket.room
        parts.append(message)
        size += len(message)
    if parts and (reply.done_alone or size + _DONE_SIZE > room):
        packed.append(b"".join(parts))
        parts = []
    packed.append(b"".join([*parts, end]))
    return packed
