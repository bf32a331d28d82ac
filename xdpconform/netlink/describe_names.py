# SPDX-License-Identifier: MIT
"""What `describe` calls messages, flags and attributes, and how it reads their values.

Names and numbers: include/uapi/linux/netlink.h and genetlink.h; Documentation/netlink/specs/
netdev.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntFlag
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from xdpconform.netlink import constants as c
from xdpconform.netlink import genl
from xdpconform.netlink.netdev import (
    DEV_NAMES,
    QUEUE_NAMES,
    DevAttr,
    QueueAttr,
    QueueType,
    XdpAct,
    XdpRxMetadata,
    XskFlags,
    flag_name,
    flag_names,
)
from xdpconform.netlink.wire import U16, U32, U64


class Known(NamedTuple):
    """What is known of an attribute."""

    name: str
    read: Callable[[bytes], str | None] | None = None
    """Its payload in words; None if it has another width. None: it is shown as bytes."""
    width: str = ""
    """The width that `read` wants, in words."""
    inside: Spec | None = None
    """Of a nest, what is in it."""


Spec: TypeAlias = "Mapping[int, Known]"
"""Attributes by number."""


def bits(value: int, names: Mapping[int, str]) -> str:
    """The names of bits that are set; what has none as a number."""
    told = []
    for mask, name in names.items():
        if value & mask == mask:
            told.append(name)
            value &= ~mask
    if value:
        told.append(f"{value:#x}")
    return " ".join(told)


def _number(shape: Struct, width: str, words: Callable[[int], str] = str) -> Callable[..., Known]:
    def read(payload: bytes) -> str | None:
        return words(shape.unpack(payload)[0]) if len(payload) == shape.size else None

    return lambda name: Known(name, read, width)


def _flags(kind: type[IntFlag]) -> Callable[..., Known]:
    def words(value: int) -> str:
        return f"{value:#x} {' '.join(flag_names(kind(value))) or 'none'}"

    return _number(U64, "a 64-bit number", words)


def _masked(names: Mapping[int, str]) -> Callable[..., Known]:
    return _number(U32, "a 32-bit number", lambda value: f"{value:#x} {bits(value, names)}".strip())


def _text(payload: bytes) -> str:
    return payload.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _string(name: str) -> Known:
    return Known(name, _text)


def _bytes(name: str) -> Known:
    return Known(name)


def _nest(inside: Spec) -> Callable[[str], Known]:
    return lambda name: Known(name, inside=inside)


def _array(name: str, inside: Spec) -> Callable[[str], Known]:
    """A nest of nests, where each number is an index; nlctrl has as many as commands: a byte."""
    return _nest({index: Known(f"{name} {index}", inside=inside) for index in range(256)})


_u16 = _number(U16, "a 16-bit number")
_u32 = _number(U32, "a 32-bit number")
_u64 = _number(U64, "a 64-bit number")


def _spec(rows: Iterable[tuple[int, str, Callable[[str], Known]]]) -> Spec:
    return {int(number): make(name) for number, name, make in rows}


CONTROL: Final = {
    c.NLMSG_NOOP: "NLMSG_NOOP",
    c.NLMSG_ERROR: "NLMSG_ERROR",
    c.NLMSG_DONE: "NLMSG_DONE",
    c.NLMSG_OVERRUN: "NLMSG_OVERRUN",
}
"""Types of messages below NLMSG_MIN_TYPE."""
MESSAGE_FLAGS: Final = {
    c.NLM_F_REQUEST: "NLM_F_REQUEST",
    c.NLM_F_MULTI: "NLM_F_MULTI",
    c.NLM_F_ACK: "NLM_F_ACK",
    0x08: "NLM_F_ECHO",
    c.NLM_F_DUMP_INTR: "NLM_F_DUMP_INTR",
    0x20: "NLM_F_DUMP_FILTERED",
}
GET_FLAGS: Final = {c.NLM_F_ROOT: "NLM_F_ROOT", c.NLM_F_MATCH: "NLM_F_MATCH"}
ERROR_FLAGS: Final = {c.NLM_F_CAPPED: "NLM_F_CAPPED", c.NLM_F_ACK_TLVS: "NLM_F_ACK_TLVS"}
ATTRIBUTE_FLAGS: Final = {
    c.NLA_F_NESTED: "NLA_F_NESTED",
    c.NLA_F_NET_BYTEORDER: "NLA_F_NET_BYTEORDER",
}

_POLICY: Final = _spec(
    (  # enum netlink_policy_type_attr
        (1, "NL_POLICY_TYPE_ATTR_TYPE", _u32),
        (2, "NL_POLICY_TYPE_ATTR_MIN_VALUE_S", _u64),
        (3, "NL_POLICY_TYPE_ATTR_MAX_VALUE_S", _u64),
        (4, "NL_POLICY_TYPE_ATTR_MIN_VALUE_U", _u64),
        (5, "NL_POLICY_TYPE_ATTR_MAX_VALUE_U", _u64),
        (6, "NL_POLICY_TYPE_ATTR_MIN_LENGTH", _u32),
        (7, "NL_POLICY_TYPE_ATTR_MAX_LENGTH", _u32),
        (8, "NL_POLICY_TYPE_ATTR_POLICY_IDX", _u32),
        (9, "NL_POLICY_TYPE_ATTR_POLICY_MAXTYPE", _u32),
        (10, "NL_POLICY_TYPE_ATTR_BITFIELD32_MASK", _u32),
        (11, "NL_POLICY_TYPE_ATTR_PAD", _bytes),
        (12, "NL_POLICY_TYPE_ATTR_MASK", _u64),
    )
)
EXTACK: Final = _spec(
    (
        (c.NLMSGERR_ATTR_MSG, "NLMSGERR_ATTR_MSG", _string),
        (c.NLMSGERR_ATTR_OFFS, "NLMSGERR_ATTR_OFFS", _u32),
        (c.NLMSGERR_ATTR_COOKIE, "NLMSGERR_ATTR_COOKIE", _bytes),
        (c.NLMSGERR_ATTR_POLICY, "NLMSGERR_ATTR_POLICY", _nest(_POLICY)),
        (c.NLMSGERR_ATTR_MISS_TYPE, "NLMSGERR_ATTR_MISS_TYPE", _u32),
        (c.NLMSGERR_ATTR_MISS_NEST, "NLMSGERR_ATTR_MISS_NEST", _u32),
    )
)
"""The extended acknowledgement, enum nlmsgerr_attrs."""

_OPERATION_FLAGS: Final = {
    genl.GENL_ADMIN_PERM: "GENL_ADMIN_PERM",
    genl.GENL_CMD_CAP_DO: "GENL_CMD_CAP_DO",
    genl.GENL_CMD_CAP_DUMP: "GENL_CMD_CAP_DUMP",
    genl.GENL_CMD_CAP_HASPOL: "GENL_CMD_CAP_HASPOL",
    genl.GENL_UNS_ADMIN_PERM: "GENL_UNS_ADMIN_PERM",
}
_OPERATION: Final = _spec(
    (
        (genl.CTRL_ATTR_OP_ID, "CTRL_ATTR_OP_ID", _u32),
        (genl.CTRL_ATTR_OP_FLAGS, "CTRL_ATTR_OP_FLAGS", _masked(_OPERATION_FLAGS)),
    )
)
_GROUP: Final = _spec(
    (
        (genl.CTRL_ATTR_MCAST_GRP_NAME, "CTRL_ATTR_MCAST_GRP_NAME", _string),
        (genl.CTRL_ATTR_MCAST_GRP_ID, "CTRL_ATTR_MCAST_GRP_ID", _u32),
    )
)
_FAMILY: Final = _spec(
    (
        (genl.CTRL_ATTR_FAMILY_ID, "CTRL_ATTR_FAMILY_ID", _u16),
        (genl.CTRL_ATTR_FAMILY_NAME, "CTRL_ATTR_FAMILY_NAME", _string),
        (genl.CTRL_ATTR_VERSION, "CTRL_ATTR_VERSION", _u32),
        (genl.CTRL_ATTR_HDRSIZE, "CTRL_ATTR_HDRSIZE", _u32),
        (genl.CTRL_ATTR_MAXATTR, "CTRL_ATTR_MAXATTR", _u32),
        (genl.CTRL_ATTR_OPS, "CTRL_ATTR_OPS", _array("operation", _OPERATION)),
        (genl.CTRL_ATTR_MCAST_GROUPS, "CTRL_ATTR_MCAST_GROUPS", _array("group", _GROUP)),
    )
)

_DEV_READERS: Final[dict[int, Callable[[str], Known]]] = {
    DevAttr.IFINDEX: _u32,
    DevAttr.XDP_FEATURES: _flags(XdpAct),
    DevAttr.XDP_ZC_MAX_SEGS: _u32,
    DevAttr.XDP_RX_METADATA_FEATURES: _flags(XdpRxMetadata),
    DevAttr.XSK_FEATURES: _flags(XskFlags),
}
_QUEUE_TYPES: Final = {kind.value: flag_name(kind) for kind in QueueType}  # type: ignore[arg-type]
_QUEUE_READERS: Final[dict[int, Callable[[str], Known]]] = {
    QueueAttr.ID: _u32,
    QueueAttr.IFINDEX: _u32,
    QueueAttr.TYPE: _number(
        U32, "a 32-bit number", lambda value: f"{value} {_QUEUE_TYPES.get(value, '')}".strip()
    ),
    QueueAttr.NAPI_ID: _u32,
}
_NETDEV: Final = {
    "dev": _spec((n, name, _DEV_READERS.get(n, _bytes)) for n, name in DEV_NAMES.items()),
    "queue": _spec((n, name, _QUEUE_READERS.get(n, _bytes)) for n, name in QUEUE_NAMES.items()),
}
_NETDEV_COMMANDS: Final = {
    1: ("dev-get", "dev"),
    2: ("dev-add-ntf", "dev"),
    3: ("dev-del-ntf", "dev"),
    4: ("dev-change-ntf", "dev"),
    5: ("page-pool-get", ""),
    6: ("page-pool-add-ntf", ""),
    7: ("page-pool-del-ntf", ""),
    8: ("page-pool-change-ntf", ""),
    9: ("page-pool-stats-get", ""),
    10: ("queue-get", "queue"),
    11: ("napi-get", ""),
    12: ("qstats-get", ""),
    13: ("bind-rx", ""),
    14: ("napi-set", ""),
    15: ("bind-tx", ""),
}

FAMILIES: Final[Mapping[str, tuple[Mapping[int, tuple[str, str]], Mapping[str, Spec]]]] = {
    "nlctrl": (
        {
            genl.CTRL_CMD_NEWFAMILY: ("CTRL_CMD_NEWFAMILY", "family"),
            2: ("CTRL_CMD_DELFAMILY", "family"),
            genl.CTRL_CMD_GETFAMILY: ("CTRL_CMD_GETFAMILY", "family"),
        },
        {"family": _FAMILY},
    ),
    "netdev": (_NETDEV_COMMANDS, _NETDEV),
}
"""By family: the commands with their set of attributes, and those sets."""
