# SPDX-License-Identifier: MIT
"""Questions, right and wrong, that show whether the netdev family answers as specified.

They only read. What the kernel should say to each: net/netlink/genetlink.c, lib/nlattr.c and
net/core/netdev-genl.c, and Documentation/userspace-api/netlink/.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from xdpconform.netlink.constants import NLM_F_ACK, NLM_F_ROOT
from xdpconform.netlink.genl import GENL_CMD_CAP_DUMP
from xdpconform.netlink.netdev import (
    DEV_NAMES,
    FAMILY_NAME,
    Command,
    DevAttr,
    QueueType,
    dev_get,
    pull_device,
    pull_queue,
    queue_get,
    queue_get_dump,
)
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import (
    U16,
    U64,
    push_attribute,
    push_genlmsghdr,
    push_message,
    push_u32,
)

if TYPE_CHECKING:
    from xdpconform.netlink.genl import Family
    from xdpconform.netlink.netdev import Device, Queue
    from xdpconform.netlink.wire import Message
    from xdpconform.nic import Answer, Nic
    from xdpconform.snapshot import Inspector

UNUSED_IFINDEX: Final = 0x7FFFFFFE
UNUSED_ATTRIBUTE: Final = 200
UNUSED_COMMAND: Final = 200
UNUSED_QUEUE: Final = 0xFFFFFFFF


def wrong_questions(family: Family, ifindex: int) -> dict[str, Request]:
    """Requests that the kernel must refuse, by name."""
    return _wrong_questions(family.id, family.version, ifindex)


@lru_cache(maxsize=64)  # a thousand recordings have a dozen numbers
def _wrong_questions(family: int, version: int, ifindex: int) -> dict[str, Request]:
    def request(what: str, *parts: bytes, command: int = Command.DEV_GET, **more: int) -> Request:
        header = push_genlmsghdr(command, version, more.get("reserved", 0))
        payload = header + b"".join(parts)
        flags = more.get("flags", 0)
        return Request(f"netdev {what}", family, payload, flags, names=DEV_NAMES)

    own = push_u32(DevAttr.IFINDEX, ifindex)
    return {
        "no-such-device": request("dev-get", push_u32(DevAttr.IFINDEX, UNUSED_IFINDEX)),
        "ifindex-0": request("dev-get", push_u32(DevAttr.IFINDEX, 0)),
        "no-ifindex": request("dev-get without ifindex"),
        "ifindex-16-bit": request(
            "dev-get with a 16-bit ifindex", push_attribute(DevAttr.IFINDEX, U16.pack(1))
        ),
        "ifindex-64-bit": request(
            "dev-get with a 64-bit ifindex", push_attribute(DevAttr.IFINDEX, U64.pack(ifindex))
        ),
        "unknown-attribute": request(
            "dev-get with an unknown attribute", own, push_u32(UNUSED_ATTRIBUTE, 0)
        ),
        "reserved-flag": request("dev-get with a reserved flag", own, flags=NLM_F_ROOT),
        "reserved-header": request("dev-get with a reserved field set", own, reserved=1),
        "unknown-command": request("unknown command", own, command=UNUSED_COMMAND),
        "notification": request("notification as request", own, command=Command.DEV_ADD_NTF),
    }


def ask_all(inspector: Inspector, nic: Nic) -> dict[str, Answer]:
    """Put every question of the protocol and queue suites about one NIC."""
    family = inspector.family(FAMILY_NAME)
    if family is None:
        return {}
    ifindex = nic.identity.ifindex
    answers = {
        name: inspector.ask(request, _devices)
        for name, request in wrong_questions(family, ifindex).items()
    }
    acknowledged = dev_get(family, ifindex)._replace(
        what="netdev dev-get with NLM_F_ACK", flags=NLM_F_ACK
    )
    answers["ack"] = inspector.ask(acknowledged, _devices)
    answers["dump"] = _own_part(inspector.devices(), ifindex)
    if family.can(Command.QUEUE_GET, GENL_CMD_CAP_DUMP):
        answers["queues"] = inspector.ask(queue_get_dump(family, ifindex), _queues)
        answers["queue"] = inspector.ask(queue_get(family, ifindex, QueueType.RX, 0), _queues)
        answers["no-such-queue"] = inspector.ask(
            queue_get(family, ifindex, QueueType.RX, UNUSED_QUEUE), _queues
        )
    return answers


def _devices(messages: list[Message]) -> list[Device]:
    return [pull_device(message) for message in messages]


def _own_part(dump: Answer, ifindex: int) -> Answer:
    """Of a dump that may list thousands, what it says of one device."""
    if not isinstance(dump.value, dict):
        return dump
    found = dump.value.get(ifindex, ())
    return dump._replace(
        replies=tuple(push_message(message) for message, _device in found),
        value=[device for _message, device in found],
    )


def _queues(messages: list[Message]) -> list[Queue]:
    return [pull_queue(message) for message in messages]
