# SPDX-License-Identifier: MIT
"""What faults do to the datagrams that answer a question."""

from __future__ import annotations

import errno
from struct import pack
from typing import TYPE_CHECKING, Final

from xdpconform.errors import Overrun
from xdpconform.mock import build
from xdpconform.mock.fault import attr, rebuilt, rewritten
from xdpconform.mock.generic import NLCTRL
from xdpconform.mock.packets import dissect
from xdpconform.netlink.constants import (
    NLM_F_ACK_TLVS,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_MIN_TYPE,
    NLMSGERR_ATTR_MSG,
)
from xdpconform.sources.base import Datagram

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdpconform.mock.fault import Act, Asked, Edit, Found
    from xdpconform.mock.packets import NlAttr, NlMsgHdr

STRANGER: Final = 4242
"""A port that is not the kernel's."""
_ACCEPTED: Final = (b"\x01", b"\x02", b"\xc8")
"""Commands of wrong questions: dev-get, its notification, and one that there is not."""
_BLOCK: Final = bytes(range(256)) * 4096


def datagrams(found: Found) -> list[Datagram]:
    """Those that are datagrams."""
    return [one for one in found if isinstance(one, Datagram)]


def changed(change: Callable[[NlMsgHdr], object]) -> Act:
    """Change each message in place."""

    def one(message: NlMsgHdr) -> NlMsgHdr:
        change(message)
        return message

    return lambda _asked, found: rebuilt(found, one)


def truncated(asked: Asked, found: Found) -> Found:
    """Nothing is left behind byte N."""
    return rewritten(found, lambda data: data[: asked.number])


def _other_sequence(message: NlMsgHdr) -> None:
    message.nlmsg_seq ^= 0x80000000


wrong_sequence: Final = changed(_other_sequence)
"""The sequence number is that of no request."""


def stale_first(asked: Asked, found: Found) -> Found:
    """What answered another request comes first, and says little."""

    def older(message: NlMsgHdr) -> NlMsgHdr:
        if getattr(message.payload, "attributes", None):
            message.payload.attributes = message.payload.attributes[:1]
            message.nlmsg_len = None
        return message

    return [*wrong_sequence(asked, rebuilt([*datagrams(found)], older)), *found]


def repeated(_asked: Asked, found: Found) -> Found:
    """Each datagram comes twice."""
    return [one for one in found for _copy in range(2)]


def foreign_first(_asked: Asked, found: Found) -> Found:
    """A forged copy comes first, that claims everything, from another process."""

    def forge(message: NlMsgHdr) -> NlMsgHdr:
        body = message.payload
        for one in getattr(body, "attributes", None) or ():
            if one.nla_type == 3 and len(one.value) == 8:
                one.value = pack("=Q", 0x7F)
        return message

    forged = rebuilt([*datagrams(found)], forge)
    return [*foreign(_asked, forged), *found]


def foreign(_asked: Asked, found: Found) -> Found:
    """The sender is another process."""
    return [one._replace(sender=STRANGER) for one in datagrams(found)]


def noop_first(asked: Asked, found: Found) -> Found:
    """NLMSG_NOOP comes first."""
    return [control(1)(asked, found)[0], *found] if found else found


def control(kind: int) -> Act:
    """A control message comes in place of each datagram."""

    def act(asked: Asked, found: Found) -> Found:
        port = _port(found)
        return [Datagram(build.message(kind, 0, asked.request.sequence, port, b""))]

    return act


def _port(found: Found) -> int:
    """The port of the socket that is answered."""
    for one in datagrams(found):
        return int.from_bytes(one.data[12:16], build.BYTE_ORDER)
    return 0


def interrupted(asked: Asked, found: Found) -> Found:
    """NLM_F_DUMP_INTR, the first N times."""
    if asked.times > asked.number:
        return found

    def change(message: NlMsgHdr) -> NlMsgHdr:
        message.nlmsg_flags |= NLM_F_DUMP_INTR
        return message

    return rebuilt(found, change)


def overrun(asked: Asked, found: Found) -> Found:
    """ENOBUFS, the first N times."""
    lost = Overrun("netlink: the kernel dropped messages (ENOBUFS)")
    return [lost] if asked.times <= asked.number else found


def garbage(mebibytes: int) -> Act:
    """A datagram of so many MiB."""
    return lambda _asked, _found: [Datagram(_BLOCK * mebibytes)]


def nothing(_asked: Asked, _found: Found) -> Found:
    """No answer."""
    return []


def backwards(_asked: Asked, found: Found) -> Found:
    """The last datagram first."""
    return found[::-1]


def first_only(_asked: Asked, found: Found) -> Found:
    """The first datagram alone."""
    return found[:1]


def without_done(_asked: Asked, found: Found) -> Found:
    """A dump without its end."""
    return rebuilt(found, lambda m: [] if m.nlmsg_type == NLMSG_DONE else [m])


def only_done(_asked: Asked, found: Found) -> Found:
    """A dump of nothing."""
    return rebuilt(found, lambda m: [m] if m.nlmsg_type == NLMSG_DONE else [])


def each_twice(_asked: Asked, found: Found) -> Found:
    """Each message of an answer twice in its datagram."""
    return rebuilt(found, lambda m: [m] if m.nlmsg_type < NLMSG_MIN_TYPE else [m, m.copy()])


def without_last(_asked: Asked, found: Found) -> Found:
    """A dump without its last entry."""
    total = sum(
        message.nlmsg_type != NLMSG_DONE
        for one in datagrams(found)
        for message in dissect(one.data)
    )
    seen = 0

    def change(message: NlMsgHdr) -> list[NlMsgHdr]:
        nonlocal seen
        seen += message.nlmsg_type != NLMSG_DONE
        return [] if message.nlmsg_type != NLMSG_DONE and seen == total else [message]

    return rebuilt(found, change)


def done_with_errno(_asked: Asked, found: Found) -> Found:
    """NLMSG_DONE says EIO."""

    def change(message: NlMsgHdr) -> NlMsgHdr:
        if message.nlmsg_type == NLMSG_DONE:
            message.payload.error = -errno.EIO
        return message

    return rebuilt(found, change)


def refusals(change: Callable[[NlMsgHdr], None]) -> Act:
    """Change each NLMSG_ERROR in place."""

    def one(message: NlMsgHdr) -> None:
        if message.nlmsg_type == NLMSG_ERROR:
            change(message)
            message.nlmsg_len = None

    return changed(one)


def other_errno(message: NlMsgHdr) -> None:
    """It says EIO."""
    message.payload.error = -errno.EIO


def positive_errno(message: NlMsgHdr) -> None:
    """The error is above 0."""
    message.payload.error = errno.EINVAL


def broken_tlvs(message: NlMsgHdr) -> None:
    """The length of each TLV leads beyond the end."""
    for one in message.payload.tlvs or ():
        one.nla_len = 0x7FFF


def no_tlvs(message: NlMsgHdr) -> None:
    """No extended acknowledgement."""
    message.nlmsg_flags &= ~NLM_F_ACK_TLVS
    message.payload.tlvs = []


def unended_words(message: NlMsgHdr) -> None:
    """The kernel's words have no terminating NUL."""
    for one in message.payload.tlvs or ():
        if one.nla_type == NLMSGERR_ATTR_MSG:
            one.value, one.nla_len, one.padding = one.value.rstrip(b"\0"), None, None


def cut_in_echo(_asked: Asked, found: Found) -> Found:
    """An error that ends inside the header of the request it echoes."""
    return rewritten(found, lambda data: pack("=I", 28) + data[4:28])


def refused(code: int) -> Act:
    """An error in place of the answer."""

    def act(asked: Asked, found: Found) -> Found:
        request = asked.request
        port = _port(found)
        error = build.error(code, request.data, request.sequence, port, b"", capped=True)
        return [Datagram(error)]

    return act


def accepted(asked: Asked, found: Found) -> Found:
    """What should be refused is answered as if it were right."""
    request = asked.request
    if request.type == NLCTRL or request.data[16:17] not in _ACCEPTED:
        return found
    payload = pack("=BBH", 1, 1, 0) + build.u32(1, 2) + build.u64(3, 0)
    return [Datagram(build.message(request.type, 0, request.sequence, _port(found), payload))]


def any_queue(asked: Asked, found: Found) -> Found:
    """There is a queue of whatever number."""
    request = asked.request
    if request.data[16:17] != b"\x0a" or len(request.data) < 44:
        return found
    payload = request.data[16:]
    return [Datagram(build.message(request.type, 0, request.sequence, _port(found), payload))]


# --- of attributes


def mirrored(attrs: list[NlAttr]) -> list[NlAttr]:
    """In the opposite order."""
    return attrs[::-1]


def more(*extra: NlAttr) -> Edit:
    """More attributes behind."""
    return lambda attrs: [*attrs, *(one.copy() for one in extra)]


def moved(value: bytes) -> NlAttr:
    """ifindex is another's."""
    return attr(1, pack("=I", int.from_bytes(value, build.BYTE_ORDER) + 1000))


def padded(attrs: list[NlAttr]) -> list[NlAttr]:
    """As where unaligned access is dear: a zero-length attribute before each 64-bit number."""
    return [one for old in attrs for one in ([attr(2), old] if len(old.value) == 8 else [old])]
