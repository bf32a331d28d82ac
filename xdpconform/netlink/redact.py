# SPDX-License-Identifier: MIT
"""Take out of recorded links what tells whose machine it was.

A link's message has some sixty attributes: addresses, aliases, identifiers of switches and ports,
the settings of tunnels. What is not read to judge a NIC is dropped, not searched: a new kernel's
new attribute is gone as well.
"""

from __future__ import annotations

from xdpconform.errors import WireError
from xdpconform.netlink.rtnl import (
    IFINFOMSG,
    IFLA_ALT_IFNAME,
    IFLA_IFNAME,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINK_NETNSID,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_PROP_LIST,
    IFLA_XDP,
    IFLA_XDP_ATTACHED,
    RTM_NEWLINK,
)
from xdpconform.netlink.wire import (
    Attribute,
    Message,
    pull_attributes,
    pull_messages,
    push_attribute,
    push_message,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_PLAIN: Final = frozenset({IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_LINK_NETNSID})
_NAMES: Final = frozenset({IFLA_IFNAME, IFLA_ALT_IFNAME})
_NESTS: Final = {
    IFLA_LINKINFO: frozenset({IFLA_INFO_KIND}),
    IFLA_XDP: frozenset({IFLA_XDP_ATTACHED}),
    IFLA_PROP_LIST: frozenset({IFLA_ALT_IFNAME}),
}
"""Nests that are read, and what in them."""


def redact_links(datagram: bytes, rename: Callable[[bytes], bytes]) -> bytes:
    """A datagram of RTM_NEWLINK messages with only what is read, and names as `rename` gives them.

    Other messages stay as they are. A datagram that breaks the format stays broken: what cannot be
    read cannot be redacted, and is dropped whole.
    """
    try:
        return b"".join(_message(message, rename) for message in pull_messages(datagram))
    except WireError:
        return b""


def _message(message: Message, rename: Callable[[bytes], bytes]) -> bytes:
    if message.type != RTM_NEWLINK or len(message.payload) < IFINFOMSG.size:
        return push_message(message)
    kept = b"".join(
        _attribute(attribute, rename)
        for attribute in pull_attributes(message.payload, IFINFOMSG.size)
        if attribute.type in _PLAIN or attribute.type in _NAMES or attribute.type in _NESTS
    )
    return push_message(message._replace(payload=message.payload[: IFINFOMSG.size] + kept))


def _attribute(attribute: Attribute, rename: Callable[[bytes], bytes]) -> bytes:
    payload = attribute.payload
    if attribute.type in _NAMES:
        payload = rename(payload.rstrip(b"\0")) + b"\0"
    elif attribute.type in _NESTS:
        payload = b"".join(
            _attribute(inner, rename)
            for inner in pull_attributes(payload)
            if inner.type in _NESTS[attribute.type]
        )
    return push_attribute(attribute.type, payload, nested=attribute.nested)
