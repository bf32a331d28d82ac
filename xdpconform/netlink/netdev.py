# SPDX-License-Identifier: MIT
"""The ``netdev`` family: what a device claims about XDP, and its queues.

Names are those of Documentation/netlink/specs/netdev.yaml, numbers those of
include/uapi/linux/netdev.h, behaviour that of net/core/netdev-genl.c.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from functools import lru_cache
from struct import Struct

from xdpconform.errors import WireError
from xdpconform.netlink.constants import NLM_F_DUMP
from xdpconform.netlink.genl import GENL_HDRLEN, Family
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    NLATTR,
    U32,
    U64,
    Attribute,
    Message,
    pull_attributes,
    pull_genlmsghdr,
    pull_number,
    push_genlmsghdr,
    push_u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final

FAMILY_NAME: Final = "netdev"  # NETDEV_FAMILY_NAME
MGMT_GROUP: Final = "mgmt"  # NETDEV_MCGRP_MGMT


class Command(IntEnum):
    """Operations and notifications used here (NETDEV_CMD_*); they share one id space."""

    DEV_GET = 1
    DEV_ADD_NTF = 2
    DEV_DEL_NTF = 3
    DEV_CHANGE_NTF = 4
    QUEUE_GET = 10


class DevAttr(IntEnum):
    """Attributes of a device (NETDEV_A_DEV_*)."""

    IFINDEX = 1
    PAD = 2
    XDP_FEATURES = 3
    XDP_ZC_MAX_SEGS = 4
    XDP_RX_METADATA_FEATURES = 5
    XSK_FEATURES = 6


class QueueAttr(IntEnum):
    """Attributes of a queue (NETDEV_A_QUEUE_*)."""

    ID = 1
    IFINDEX = 2
    TYPE = 3
    NAPI_ID = 4
    DMABUF = 5
    IO_URING = 6
    XSK = 7
    LEASE = 8


class XdpAct(IntFlag):
    """``xdp-features`` (enum netdev_xdp_act). Unknown bits are kept."""

    BASIC = 0x1
    """XDP_ABORTED, XDP_DROP, XDP_PASS and XDP_TX in native mode."""
    REDIRECT = 0x2
    """XDP_REDIRECT of a received frame."""
    NDO_XMIT = 0x4
    """Frames can be redirected into the device (ndo_xdp_xmit)."""
    XSK_ZEROCOPY = 0x8
    """AF_XDP sockets in zero-copy mode."""
    HW_OFFLOAD = 0x10
    """Programs can run on the device."""
    RX_SG = 0x20
    """Received frames of several buffers reach the program."""
    NDO_XMIT_SG = 0x40
    """Frames of several buffers can be redirected into the device."""


class XdpRxMetadata(IntFlag):
    """``xdp-rx-metadata-features`` (enum netdev_xdp_rx_metadata). Unknown bits are kept."""

    TIMESTAMP = 0x1
    """bpf_xdp_metadata_rx_timestamp()"""
    HASH = 0x2
    """bpf_xdp_metadata_rx_hash()"""
    VLAN_TAG = 0x4
    """bpf_xdp_metadata_rx_vlan_tag()"""


class XskFlags(IntFlag):
    """``xsk-features`` (enum netdev_xsk_flags). Unknown bits are kept."""

    TX_TIMESTAMP = 0x1
    """The hardware's transmit time in the completion."""
    TX_CHECKSUM = 0x2
    """Checksums filled in by the device."""
    TX_LAUNCH_TIME_FIFO = 0x4
    """Frames leave at the time asked for (kernels from 6.15)."""


class QueueType(IntEnum):
    """``queue-type`` (enum netdev_queue_type)."""

    RX = 0
    TX = 1


def flag_name(flag: IntFlag) -> str:
    """A flag's name in netdev.yaml: ``XdpAct.NDO_XMIT_SG`` is ``ndo-xmit-sg``."""
    return str(flag.name).lower().replace("_", "-")


def flag_names(flags: IntFlag) -> tuple[str, ...]:
    """The names of all bits set, lowest first; a bit without a name is ``bit-N``."""
    return _flag_names(type(flags), flags._value_)


@lru_cache(maxsize=4096)
def _flag_names(kind: type[IntFlag], value: int) -> tuple[str, ...]:
    known = {member.value: flag_name(member) for member in kind}
    return tuple(
        known.get(1 << bit, f"bit-{bit}") for bit in range(value.bit_length()) if value >> bit & 1
    )


class ZeroCopy(NamedTuple):
    """What the claims say about AF_XDP zero copy."""

    available: bool
    segments: int
    """Most buffers of one frame: 0 without zero copy, 1 for single-buffer frames only."""

    def __str__(self) -> str:
        if not self.available:
            return "unavailable"
        return f"multi-buffer({self.segments})" if self.segments > 1 else "available"


class Capabilities(NamedTuple):
    """What the kernel reports for a device; a field is None if the attribute was not there."""

    features: XdpAct | None
    """``xdp-features``"""
    rx_metadata: XdpRxMetadata | None
    """``xdp-rx-metadata-features``"""
    xsk: XskFlags | None
    """``xsk-features``"""
    zc_max_segs: int | None
    """``xdp-zc-max-segs``; kernels before 6.6 never send it"""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""

    @property
    def zero_copy(self) -> ZeroCopy:
        """Decided by the flag xsk-zerocopy; the segments only say how many."""
        if self.features is None or not self.features & XdpAct.XSK_ZEROCOPY:
            return ZeroCopy(available=False, segments=0)
        return ZeroCopy(available=True, segments=self.zc_max_segs or 1)

    @property
    def sets(self) -> dict[str, XdpAct | XdpRxMetadata | XskFlags | None]:
        """The three sets of flags by netdev.yaml's names."""
        return {
            "xdp-features": self.features,
            "xdp-rx-metadata-features": self.rx_metadata,
            "xsk-features": self.xsk,
        }

    def names(self) -> tuple[str, ...]:
        """Every flag claimed, of all three sets."""
        found: tuple[str, ...] = ()
        for flags in (self.features, self.rx_metadata, self.xsk):
            if flags is not None:
                found += flag_names(flags)
        return found

    def as_dict(self) -> dict[str, list[str] | int | str | None]:
        """In JSON types by netdev.yaml's names; None for what was absent."""
        names = {
            key: None if flags is None else list(flag_names(flags))
            for key, flags in self.sets.items()
        }
        return {
            "xdp-features": names.pop("xdp-features"),
            "xdp-zc-max-segs": self.zc_max_segs,
            **names,
            "zero-copy": str(self.zero_copy),
        }

    def unknown_as_dict(self) -> dict[str, str]:
        """The attributes that are not known: type to bytes in hex."""
        return {str(attribute.type): attribute.payload.hex() for attribute in self.unknown}


class Device(NamedTuple):
    """A reply to dev-get, or one of its notifications."""

    ifindex: int | None
    capabilities: Capabilities


class Queue(NamedTuple):
    """A reply to queue-get."""

    ifindex: int
    type: int
    id: int
    napi_id: int | None = None
    xsk: bool = False
    """An AF_XDP pool is registered, in copy mode or zero-copy mode."""
    unknown: tuple[Attribute, ...] = ()
    """Attributes this version does not know, and repeated ones."""


DEV_NAMES: Final = {attr.value: flag_name(attr) for attr in DevAttr}  # type: ignore[arg-type]
QUEUE_NAMES: Final = {attr.value: flag_name(attr) for attr in QueueAttr}  # type: ignore[arg-type]

_DEV_GET = push_genlmsghdr(Command.DEV_GET, 1)
_DEV_GET_IFINDEX = _DEV_GET + NLATTR.pack(8, DevAttr.IFINDEX)


def dev_get(family: Family, ifindex: int) -> Request:
    """Ask for one device."""
    payload = _DEV_GET_IFINDEX + U32.pack(ifindex)
    return Request("netdev dev-get", family.id, payload, names=DEV_NAMES)


def dev_get_dump(family: Family) -> Request:
    """Ask for every device of the network namespace; kernel 7.3 refuses attributes here."""
    return Request("netdev dev-get dump", family.id, _DEV_GET, NLM_F_DUMP, names=DEV_NAMES)


def queue_get(family: Family, ifindex: int, kind: QueueType, number: int) -> Request:
    """Ask for one queue of a device that is up."""
    payload = (
        push_genlmsghdr(Command.QUEUE_GET, 1)
        + push_u32(QueueAttr.IFINDEX, ifindex)
        + push_u32(QueueAttr.TYPE, kind)
        + push_u32(QueueAttr.ID, number)
    )
    return Request("netdev queue-get", family.id, payload, names=QUEUE_NAMES)


def queue_get_dump(family: Family, ifindex: int) -> Request:
    """Ask for all queues of a device; a device that is down lists none."""
    payload = push_genlmsghdr(Command.QUEUE_GET, 1) + push_u32(QueueAttr.IFINDEX, ifindex)
    return Request("netdev queue-get dump", family.id, payload, NLM_F_DUMP, names=QUEUE_NAMES)


def pull_device(message: Message) -> Device:
    """Decode a dev-get reply or notification.

    Raises:
        WireError: bytes out of format, another command, or an attribute of the wrong width.
    """
    return pull_devices((message.payload,))[0]


def pull_devices(payloads: Iterable[bytes]) -> list[Device]:
    """Decode the payloads of many replies to dev-get; see `pull_device`.

    The kernel puts ifindex first (netdev_nl_dev_fill), and what follows repeats from device to
    device: one decoding serves them all.
    """
    devices = []
    length = -1
    head = tail = None
    for payload in payloads:
        if len(payload) != length:
            length = len(payload)
            unpack = _shape(length)
        start, ifindex, rest = unpack(payload)
        if rest != tail or start != head:
            if start not in _HEADS:
                devices.append(_pull_device(payload))
                continue
            capabilities = (_pull_capabilities if len(rest) <= _KEPT else _decode)(rest)
            head, tail = start, rest
        devices.append(_new(Device, (ifindex, capabilities)))
    return devices


@lru_cache(maxsize=64)
def _shape(length: int) -> Callable[[bytes], tuple[bytes, int, bytes]]:
    """Splits a payload of this length into its head, ifindex and the rest."""
    if length < _HEAD_SIZE:
        return lambda payload: (b"", 0, payload)
    return Struct(f"=8sI{length - _HEAD_SIZE}s").unpack


def _pull_device(payload: bytes) -> Device:
    command, _version = pull_genlmsghdr(payload)
    if command not in _DEVICE_COMMANDS:
        raise WireError(f"netdev: command {command} in place of dev-get or its notifications")
    ifindex = None
    rest = []
    for attribute in pull_attributes(payload, GENL_HDRLEN):
        if attribute.type == DevAttr.IFINDEX and ifindex is None:
            ifindex = pull_number(U32, attribute, "ifindex")
        else:
            rest.append(attribute)
    return Device(ifindex, _capabilities(rest))


_DEVICE_COMMANDS: Final = frozenset(
    {Command.DEV_GET, Command.DEV_ADD_NTF, Command.DEV_DEL_NTF, Command.DEV_CHANGE_NTF}
)
# struct genlmsghdr and ifindex's struct nlattr, as the kernel writes them.
_HEADS: Final = frozenset(
    push_genlmsghdr(command, 1) + NLATTR.pack(8, DevAttr.IFINDEX) for command in _DEVICE_COMMANDS
)
_HEAD_SIZE: Final = 12  # with ifindex itself
_new = tuple.__new__


def _decode(attributes: bytes) -> Capabilities:
    # Behind as many bytes as stood before, so that an error counts from the payload's start.
    return _capabilities(pull_attributes(bytes(_HEAD_SIZE) + attributes, _HEAD_SIZE))


_KEPT: Final = 256
"""Bytes of what is kept at most: a kernel's are below 64, a hostile reply's may be megabytes."""
_pull_capabilities: Final = lru_cache(maxsize=1024)(_decode)


def _capabilities(attributes: list[Attribute]) -> Capabilities:
    found: dict[int, Any] = {}
    unknown = []
    for attribute in attributes:
        kind = attribute.type
        if kind in _CLAIMS and kind not in found:
            name, width, meaning = _CLAIMS[kind]
            found[kind] = meaning(pull_number(width, attribute, name))
        elif kind != _PAD:
            unknown.append(attribute)
    features, rx_metadata, xsk, zc_max_segs = map(found.get, _CLAIMS)
    return Capabilities(features, rx_metadata, xsk, zc_max_segs, tuple(unknown))


_PAD: Final = DevAttr.PAD.value
_CLAIMS: Final = {  # in the order of the fields of Capabilities
    DevAttr.XDP_FEATURES.value: ("xdp-features", U64, XdpAct),
    DevAttr.XDP_RX_METADATA_FEATURES.value: ("xdp-rx-metadata-features", U64, XdpRxMetadata),
    DevAttr.XSK_FEATURES.value: ("xsk-features", U64, XskFlags),
    DevAttr.XDP_ZC_MAX_SEGS.value: ("xdp-zc-max-segs", U32, int),
}


def pull_queue(message: Message) -> Queue:
    """Decode a queue-get reply.

    Raises:
        WireError: bytes out of format, or no ifindex, type or id.
    """
    command, _version = pull_genlmsghdr(message.payload)
    if command != Command.QUEUE_GET:
        raise WireError(f"netdev: command {command} in place of queue-get")
    number: dict[int, int] = {}
    xsk = False
    unknown = []
    for attribute in pull_attributes(message.payload, GENL_HDRLEN):
        kind = attribute.type
        if kind in _QUEUE_NUMBERS and kind not in number:
            number[kind] = pull_number(U32, attribute, QUEUE_NAMES[kind])
        elif kind == QueueAttr.XSK and not xsk:
            xsk = True
        elif kind not in _QUEUE_OTHERS:
            unknown.append(attribute)
    for needed in (QueueAttr.IFINDEX, QueueAttr.TYPE, QueueAttr.ID):
        if needed not in number:
            raise WireError(f"netdev queue-get: a reply without {QUEUE_NAMES[needed]}")
    return Queue(
        number[QueueAttr.IFINDEX],
        number[QueueAttr.TYPE],
        number[QueueAttr.ID],
        number.get(QueueAttr.NAPI_ID),
        xsk,
        tuple(unknown),
    )


_QUEUE_NUMBERS: Final = frozenset(
    {QueueAttr.ID, QueueAttr.IFINDEX, QueueAttr.TYPE, QueueAttr.NAPI_ID}
)
_QUEUE_OTHERS: Final = frozenset({QueueAttr.DMABUF, QueueAttr.IO_URING, QueueAttr.LEASE})
