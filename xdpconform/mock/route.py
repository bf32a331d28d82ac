# SPDX-License-Identifier: MIT
"""rtnetlink as far as links are read: RTM_GETLINK, after net/core/rtnetlink.c."""

from __future__ import annotations

import errno
from struct import Struct
from typing import TYPE_CHECKING, Final

from xdpconform.mock import build
from xdpconform.mock.packets import NLMSG_HDRLEN
from xdpconform.mock.reply import Reply
from xdpconform.mock.request import Policy, Refused, parse
from xdpconform.netlink.constants import NLM_F_MULTI

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdpconform.mock.nic import MockNic
    from xdpconform.mock.request import Request

RTM_NEWLINK, RTM_GETLINK = 16, 18
_BASE, _MAX = 16, 123
"""RTM_BASE and RTM_MAX, include/uapi/linux/rtnetlink.h"""
_GET: Final = 2
"""RTNL_KIND_GET: the two lowest bits of a type"""
_IFINFOMSG: Final = Struct("=BxHiII")
_IFNAME, _EXT_MASK, _ALT_IFNAME = 3, 29, 53
_POLICY: Final = {
    _IFNAME: Policy("string", most=15),
    _EXT_MASK: Policy("u32"),
    _ALT_IFNAME: Policy("string", most=127),
}


def answer(request: Request, nics: Mapping[int, MockNic]) -> Reply | None:
    """The answer to one request; none to one that is too short to be any.

    Raises:
        Refused: by an NLMSG_ERROR.
    """
    kind = request.type
    if kind > _MAX:
        raise Refused(errno.EOPNOTSUPP)
    if len(request.data) == NLMSG_HDRLEN:
        return None
    if kind & 3 != _GET:
        raise Refused(errno.EPERM)  # nothing here is changed
    if kind != RTM_GETLINK:
        raise Refused(errno.EOPNOTSUPP)
    if request.dump:
        found = [build.link(nic) for nic in nics.values()]
        return Reply(
            "getlink dump", RTM_NEWLINK, found, dump=True, flags=NLM_F_MULTI, done_alone=True
        )
    return Reply("getlink", RTM_NEWLINK, [build.link(_wanted(request, nics))])


def _wanted(request: Request, nics: Mapping[int, MockNic]) -> MockNic:
    # rtnl_getlink
    if len(request.data) < NLMSG_HDRLEN + _IFINFOMSG.size:
        raise Refused(errno.EINVAL, "Invalid header for get link")
    asked = parse(request, _IFINFOMSG.size, _POLICY, strict=False)
    ifindex = _IFINFOMSG.unpack_from(request.data, NLMSG_HDRLEN)[2]
    if ifindex > 0:
        if ifindex in nics:
            return nics[ifindex]
        raise Refused(errno.ENODEV)
    name = asked.get(_IFNAME) or asked.get(_ALT_IFNAME)
    if name is None:
        raise Refused(errno.EINVAL)
    for nic in nics.values():
        if name.text() in (nic.name.encode(), *(word.encode() for word in nic.alt_names)):
            return nic
    raise Refused(errno.ENODEV)
