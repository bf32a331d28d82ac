# SPDX-License-Identifier: MIT
"""Queueing disciplines over rtnetlink, as far as launch times need them: ETF with offload.

Numbers from include/uapi/linux/rtnetlink.h and include/uapi/linux/pkt_sched.h.
"""

from __future__ import annotations

from struct import Struct

from xdpconform.errors import WireError
from xdpconform.netlink.constants import NLM_F_DUMP
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import Message, pull_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

RTM_NEWQDISC: Final = 36
RTM_GETQDISC: Final = 38
TCMSG: Final = Struct("=BxxxiIII")
"""struct tcmsg { family, pad, ifindex, handle, parent, info }"""
TCA_KIND: Final = 1
TCA_OPTIONS: Final = 2
TCA_ETF_PARMS: Final = 1
ETF_QOPT: Final = Struct("=iiI")
"""struct tc_etf_qopt { __s32 delta, clockid; __u32 flags; }"""
TC_ETF_OFFLOAD_ON: Final = 1 << 1


class Qdisc(NamedTuple):
    """A queueing discipline of an interface."""

    ifindex: int
    kind: str
    """``etf``, ``mqprio``, ``noqueue``"""
    offload: bool = False
    """Of an etf: whether the device holds frames until their launch time."""


def getqdisc_dump() -> Request:
    """Ask for every queueing discipline of every interface in the namespace."""
    payload = TCMSG.pack(0, 0, 0, 0, 0)
    return Request("rtnetlink getqdisc dump", RTM_GETQDISC, payload, NLM_F_DUMP, header=TCMSG.size)


def pull_qdisc(message: Message) -> Qdisc:
    """Decode one of the answers.

    Raises:
        WireError: bytes out of format, another message, or none of the kinds' names.
    """
    if message.type != RTM_NEWQDISC:
        raise WireError(f"rtnetlink: message type {message.type} in place of RTM_NEWQDISC")
    if len(message.payload) < TCMSG.size:
        raise WireError(f"rtnetlink: tcmsg of {len(message.payload)} bytes, {TCMSG.size} needed")
    _family, ifindex, _handle, _parent, _info = TCMSG.unpack_from(message.payload)
    kind, options = "", b""
    for attribute in pull_attributes(message.payload, TCMSG.size):
        if attribute.type == TCA_KIND:
            kind = attribute.payload.rstrip(b"\0").decode("ascii", "backslashreplace")
        elif attribute.type == TCA_OPTIONS:
            options = attribute.payload
    if not kind:
        raise WireError(f"rtnetlink: a qdisc of interface {ifindex} without its kind")
    return Qdisc(ifindex, kind, kind == "etf" and _offloaded(options))


def _offloaded(options: bytes) -> bool:
    for attribute in pull_attributes(options):
        if attribute.type == TCA_ETF_PARMS:
            if len(attribute.payload) < ETF_QOPT.size:
                size = len(attribute.payload)
                raise WireError(f"attribute etf-parms: {size} bytes, {ETF_QOPT.size} needed")
            flags: int = ETF_QOPT.unpack_from(attribute.payload)[2]
            return bool(flags & TC_ETF_OFFLOAD_ON)
    return False
