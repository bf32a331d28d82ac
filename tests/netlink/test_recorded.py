# SPDX-License-Identifier: MIT

"""Replies of real kernels, 6.12 and 7.3, decoded as those who recorded them decoded them."""

from __future__ import annotations

import base64
import errno
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from xdpconform.errors import KernelError, WireError
from xdpconform.netlink import genl, netdev
from xdpconform.netlink.constants import (
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
)
from xdpconform.netlink.extack import ExtAck, pull_status
from xdpconform.netlink.netdev import Capabilities, QueueType, flag_name, flag_names
from xdpconform.netlink.transaction import Request, Transaction
from xdpconform.netlink.wire import (
    Message,
    pull_attributes,
    pull_messages,
    push_attribute,
    push_message,
)

DATA = Path(__file__).parents[1] / "data"
Meaning = dict[str, Any]

RECORDED = {
    kernel: json.loads((DATA / f"recorded-{kernel}.json").read_text()) for kernel in ("7.3", "6.12")
}
EXCHANGES = [
    pytest.param(one, id=f"{kernel} {re.sub('[^0-9A-Za-z_.=+-]+', ' ', one['name']).strip()}")
    for kernel, recorded in RECORDED.items()
    for one in recorded["exchanges"]
]
NOTIFICATIONS = [
    pytest.param(one, id=f"{kernel} {one['name'].split(':')[0]}")
    for kernel, recorded in RECORDED.items()
    for one in recorded["notifications"]
]


def exchange(name: str, kernel: str = "7.3") -> Meaning:
    """A recorded exchange by its name."""
    found: list[Meaning] = [one for one in RECORDED[kernel]["exchanges"] if one["name"] == name]
    return found[0]


def capabilities(found: Capabilities) -> Meaning:
    """What the recorder wrote for a device's capabilities."""
    meaning: Meaning = {}
    for name, flags in (
        ("xdp-features", found.features),
        ("xdp-rx-metadata-features", found.rx_metadata),
        ("xsk-features", found.xsk),
    ):
        if flags is not None:
            meaning[name] = list(flag_names(flags))
    if found.zc_max_segs is not None:
        meaning["xdp-zc-max-segs"] = found.zc_max_segs
    return meaning


def device(message: Message) -> Meaning:
    """What the recorder wrote for a reply to dev-get, or for one of its notifications."""
    found = netdev.pull_device(message)
    command = netdev.Command(message.payload[0])
    return {
        "cmd": flag_name(command),  # type: ignore[arg-type]
        "flags": message.flags,
        "ifindex": found.ifindex,
        **capabilities(found.capabilities),
    }


def queue(message: Message) -> Meaning:
    """What the recorder wrote for a reply to queue-get."""
    found = netdev.pull_queue(message)
    meaning: Meaning = {
        "cmd": "queue-get",
        "flags": message.flags,
        "id": found.id,
        "type": QueueType(found.type).name.lower(),
        "ifindex": found.ifindex,
    }
    if found.napi_id is not None:
        meaning["napi-id"] = found.napi_id
    if found.xsk:
        meaning["xsk"] = ""
    return meaning


def family(message: Message) -> Meaning:
    """What the recorder wrote for a family; hdrsize and maxattr are not ours to read."""
    found = genl.pull_family(message)
    return {
        "ctrl-cmd": 1,
        "flags": message.flags,
        "family-name": found.name,
        "family-id": found.id,
        "version": found.version,
        "hdrsize": 0,
        "maxattr": 0,
        "ops": [{"id": id_, "flags": flags} for id_, flags in found.operations.items()],
        "mcast-groups": [{"id": id_, "name": name} for name, id_ in found.groups.items()],
    }


def status(message: Message) -> Meaning:
    """What the recorder wrote for NLMSG_ERROR and NLMSG_DONE."""
    found = pull_status(message)
    if message.type == NLMSG_DONE:
        tlvs = base64.b64encode(message.payload[4:]).decode()
        return {"nlmsg": "done", "flags": message.flags, "rc": -found.errno, "tlvs": tlvs}
    words = found.extack
    said = {
        "msg": words.message,
        "offs": words.offset,
        "policy": words.policy.hex() if words.policy is not None else None,
        "miss-type": words.missing_type,
    }
    # 95 is known by two names
    names = {0: "ok", 95: "EOPNOTSUPP"}
    return {
        "nlmsg": "error",
        "error": found.errno,
        "flags": message.flags,
        "errno": names.get(found.errno) or errno.errorcode[found.errno],
        "capped": bool(message.flags & NLM_F_CAPPED),
        "ack_tlvs": bool(message.flags & NLM_F_ACK_TLVS),
        **{name: value for name, value in said.items() if value is not None},
    }


def meaning(message: Message) -> Meaning:
    """What the recorder wrote for a message."""
    if message.type in (NLMSG_ERROR, NLMSG_DONE):
        return status(message)
    if message.type == genl.GENL_ID_CTRL:
        return family(message)
    return queue(message) if message.payload[0] == netdev.Command.QUEUE_GET else device(message)


def replies(one: Meaning) -> list[bytes]:
    """The datagrams of an exchange."""
    return [bytes.fromhex(reply) for reply in one["replies"]]


@pytest.mark.parametrize("one", EXCHANGES)
def test_decoded(one: Meaning) -> None:
    """Each message of a recorded exchange means what the recorder says it means."""
    messages = [message for reply in replies(one) for message in pull_messages(reply)]

    assert one["decoded"] == [meaning(message) for message in messages]


@pytest.mark.parametrize("one", EXCHANGES)
def test_encoded_again(one: Meaning) -> None:
    """Splitting a recorded reply into messages and attributes loses nothing."""
    for reply in replies(one):
        messages = pull_messages(reply)

        assert reply == b"".join(map(push_message, messages))
        for message in messages:
            if message.type > NLMSG_DONE:
                attributes = pull_attributes(message.payload, 4)
                encoded = b"".join(
                    push_attribute(a.type, a.payload, nested=a.nested) for a in attributes
                )
                assert message.payload[4:] == encoded


def transaction(one: Meaning) -> Transaction:
    """A transaction that sent the recorded request, whose port id was left to the kernel."""
    data = bytes.fromhex(one["request"])
    kind = int.from_bytes(data[4:6], "little")
    flags = int.from_bytes(data[6:8], "little")
    sequence = int.from_bytes(data[8:12], "little")
    port_id = pull_messages(replies(one)[0])[0].port_id
    request = Request(one["name"], kind, data[16:], flags & ~NLM_F_REQUEST, names=netdev.DEV_NAMES)
    found = Transaction(request, sequence, port_id)
    assert data[4:12] == found.data[4:12]
    assert data[16:] == found.data[16 : len(data)]
    return found


@pytest.mark.parametrize("one", EXCHANGES)
def test_transaction(one: Meaning) -> None:
    """A recorded exchange is complete with its last datagram and ends as recorded."""
    exchange_ = transaction(one)
    datagrams = replies(one)
    for datagram in datagrams[:-1]:
        assert False is exchange_.receive(datagram)

    assert True is exchange_.receive(datagrams[-1])
    assert (0, 0) == (exchange_.stale, exchange_.refused)
    last = one["decoded"][-1]
    code = last.get("error", 0) or -last.get("rc", 0)
    if code:
        with pytest.raises(KernelError) as caught:
            exchange_.result()
        assert code == caught.value.errno
    else:
        expected = [entry for entry in one["decoded"] if "nlmsg" not in entry]
        assert expected == [meaning(message) for message in exchange_.result()]


@pytest.mark.parametrize("one", EXCHANGES)
def test_cut(one: Meaning) -> None:
    """A recorded reply cut at any byte is refused or lacks whole messages."""
    for reply in replies(one):
        whole = pull_messages(reply)
        starts = {0}
        for message in whole:
            starts.add(max(starts) + -(-(16 + len(message.payload)) // 4) * 4)
        for cut in range(len(reply)):
            if cut in starts:
                assert whole[: sorted(starts).index(cut)] == pull_messages(reply[:cut])
            else:
                with pytest.raises(WireError):
                    pull_messages(reply[:cut])


@pytest.mark.parametrize("one", NOTIFICATIONS)
def test_notification(one: Meaning) -> None:
    """A notification is a device with the sequence and port id 0, so no reply to anything."""
    messages = [
        message
        for datagram in one["datagrams"]
        for message in pull_messages(bytes.fromhex(datagram))
    ]

    assert one["decoded"] == [device(message) for message in messages]
    assert {(0, 0)} == {(message.sequence, message.port_id) for message in messages}


@pytest.mark.parametrize("kernel", RECORDED)
def test_veth_announced_stale(kernel: str) -> None:
    """The first word about a new veth has no features; a change notification brings them."""
    notes = [one for one in RECORDED[kernel]["notifications"] if one["name"] == "veth pair created"]
    commands = [
        netdev.Command(bytes.fromhex(datagram)[16]).name for datagram in notes[0]["datagrams"]
    ]

    assert ["DEV_ADD_NTF", "DEV_ADD_NTF", "DEV_CHANGE_NTF", "DEV_CHANGE_NTF"] == commands


def text(one: Meaning, names: dict[int, str]) -> str:
    """What a recorded refusal says to a person."""
    exchange_ = transaction(one)
    exchange_.request = exchange_.request._replace(what="netdev", names=names)
    for datagram in replies(one):
        exchange_.receive(datagram)
    with pytest.raises(KernelError) as caught:
        exchange_.result()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dev-get ifindex 999999 ext_ack=1 cap_ack=0", "ENODEV (No such device)"),
        ("dev-get ifindex 999999 ext_ack=1 cap_ack=1", "ENODEV (No such device)"),
        (
            "dev-get no attributes ext_ack=1 cap_ack=0",
            "EINVAL (Invalid argument); it misses the attribute ifindex",
        ),
        (
            "dev-get no attributes ext_ack=1 cap_ack=1",
            "EINVAL (Invalid argument); it misses the attribute ifindex",
        ),
        ("dev-get no attributes ext_ack=0 cap_ack=1", "EINVAL (Invalid argument)"),
        (
            "dev-get ifindex 0 ext_ack=1 cap_ack=0",
            (
                "ERANGE (Numerical result out of range): integer out of range; it points at the"
                " request's ifindex"
            ),
        ),
        (
            "dev-get ifindex as u16 ext_ack=1 cap_ack=0",
            (
                "EINVAL (Invalid argument): invalid attribute length; it points at the request's"
                " ifindex"
            ),
        ),
        (
            "dev-get extra attribute xdp-features ext_ack=1 cap_ack=0",
            (
                "EINVAL (Invalid argument): Unknown attribute type; it points at the request's"
                " xdp-features"
            ),
        ),
        (
            "dev-get unknown attribute 200 ext_ack=1 cap_ack=0",
            (
                "EINVAL (Invalid argument): Unknown attribute type; it points at the request's"
                " attribute 200"
            ),
        ),
        (
            "dev-get trailing 3 bytes ext_ack=1 cap_ack=0",
            "EINVAL (Invalid argument): bytes leftover after parsing attributes",
        ),
        (
            "dev-get reserved field set ext_ack=1 cap_ack=0",
            "EINVAL (Invalid argument): genlmsghdr.reserved field is not 0",
        ),
        (
            "dump with an ifindex 999999 attribute",
            "EINVAL (Invalid argument): Unknown attribute type; it points at the request's ifindex",
        ),
        ("queue-get dump ifindex 999999", "ENODEV (No such device)"),
    ],
)
def test_refusal_text(name: str, expected: str) -> None:
    """A recorded refusal is told in the kernel's words, with the attribute it points at."""
    assert f"netdev: the kernel said {expected}" == text(exchange(name), netdev.DEV_NAMES)


def test_queue_refusal_text() -> None:
    """An offset into a longer request finds the attribute by the names of that request."""
    expected = (
        "netdev: the kernel said ERANGE (Numerical result out of range): integer out of range; it"
        " points at the request's type"
    )

    assert expected == text(exchange("queue-get type 7 ext_ack=1 cap_ack=0"), netdev.QUEUE_NAMES)


@pytest.mark.parametrize("kernel", RECORDED)
def test_done_without_device(kernel: str) -> None:
    """A dump for a device that is not there fails by NLMSG_DONE alone, with -19."""
    one = exchange("queue-get dump ifindex 999999", kernel)
    (message,) = pull_messages(replies(one)[0])

    assert NLMSG_DONE == message.type
    assert (19, ExtAck()) == pull_status(message)


def test_dump_many() -> None:
    """A dump of 751 devices in two datagrams, none of them with NLM_F_MULTI, is read to its end."""
    described = tomllib.loads((DATA / "dump-many-7.3.toml").read_text())
    data = (DATA / "dump-many-7.3.bin").read_bytes()
    sizes = described["datagrams"]
    datagrams = [data[: sizes[0]], data[sizes[0] :]]
    expected = {}
    for entry in described["devices"]:
        runs = entry.pop("ifindex")
        for first, last in runs:
            expected.update(dict.fromkeys(range(first, last + 1), entry))
    exchange_ = transaction(
        {
            "name": "dump",
            "request": described["request"],
            "replies": [datagram.hex() for datagram in datagrams],
        }
    )

    assert [False, True] == [exchange_.receive(datagram) for datagram in datagrams]
    messages = exchange_.result()
    assert {0} == {message.flags for message in messages}
    devices = [netdev.pull_device(message) for message in messages]
    assert sorted(expected) == [found.ifindex for found in devices]
    assert [expected[index] for index in sorted(expected)] == [
        capabilities(found.capabilities) for found in devices
    ]
