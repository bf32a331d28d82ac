# SPDX-License-Identifier: MIT
"""The family ethtool: channels-get and features-get, after net/ethtool/netlink.c."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from xdpconform.mock import build
from xdpconform.mock.reply import Reply
from xdpconform.mock.request import Policy, Refused, parse
from xdpconform.netlink.constants import NLM_F_MULTI

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdpconform.mock.nic import MockNic
    from xdpconform.mock.request import Attr, Request

_HEADER: Final = 4
"""GENL_HDRLEN"""
FEATURES_GET, CHANNELS_GET = 11, 17
RESERVED_SINCE: Final = 35
"""resv_start_op of ethtool_genl_family: ETHTOOL_MSG_MODULE_GET + 1"""
_OPERATION_FLAGS: Final = bytes.fromhex(
    "0e0e1a0e1a0e0e1a1e1a0e1a0e1a0e1a0e1a0e1a0e1a0e1a0e1a1a0e0e1a1e0e0e0e1a0e1a0e0e1a0e0e1a1a0e0e1a1a1a1a"
)
OPERATIONS: Final = dict(enumerate(_OPERATION_FLAGS, 1))
"""GENL_* flags by ETHTOOL_MSG_*, as 6.18 lists them."""

_DEV_INDEX, _DEV_NAME, _FLAGS = 1, 2, 3
_REQUEST: Final = {
    1: Policy(
        "nest",
        inner={
            _DEV_INDEX: Policy("u32"),
            _DEV_NAME: Policy("nul-string", most=127),
            _FLAGS: Policy("u32", most=7),
        },
    )
}


def answer(request: Request, command: int, nics: Mapping[int, MockNic]) -> Reply:
    """The answer to one request.

    Raises:
        Refused: by an NLMSG_ERROR.
    """
    if command not in (CHANNELS_GET, FEATURES_GET):
        raise Refused(errno.EOPNOTSUPP)
    what = "channels-get" if command == CHANNELS_GET else "features-get"
    asked = parse(request, _HEADER, _REQUEST)
    if request.dump:
        found = [payload for nic in nics.values() if (payload := _payload(command, nic))]
        return Reply(f"{what} dump", request.type, found, dump=True, flags=NLM_F_MULTI)
    if 1 not in asked:
        raise Refused(errno.EINVAL, missing=1)
    payload = _payload(command, _device(asked[1], nics))
    if payload is None:
        raise Refused(errno.EOPNOTSUPP)
    return Reply(what, request.type, [payload])


def _device(header: Attr, nics: Mapping[int, MockNic]) -> MockNic:
    # ethnl_parse_header_dev_get
    from xdpconform.mock.request import attributes

    start = header.offset
    inner, _left = attributes(
        bytes(start + 4) + header.value, start + 4, start + 4 + len(header.value)
    )
    table = {attr.kind: attr for attr in inner}
    if _DEV_INDEX in table:
        index = table[_DEV_INDEX]
        if index.number() not in nics:
            raise Refused(errno.ENODEV, "no device matches ifindex", offset=index.offset)
        return nics[index.number()]
    if _DEV_NAME in table:
        name = table[_DEV_NAME]
        for nic in nics.values():
            if name.text() in (nic.name.encode(), *(word.encode() for word in nic.alt_names)):
                return nic
        raise Refused(errno.ENODEV, "no device matches name", offset=name.offset)
    raise Refused(errno.EINVAL, "neither ifindex nor name specified", offset=header.offset)


def _payload(command: int, nic: MockNic) -> bytes | None:
    if command == CHANNELS_GET:
        return None if nic.channels is None else build.channels(nic.ifindex, nic.name, nic.channels)
    return None if nic.features is None else build.features(nic.ifindex, nic.name, nic.features)
