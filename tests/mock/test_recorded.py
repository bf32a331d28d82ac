# SPDX-License-Identifier: MIT
"""The mock says what recorded kernels said, byte for byte."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from struct import unpack_from
from typing import Any

import pytest

from xdpconform.errors import Timeout
from xdpconform.mock import Age, Claims, MockKernel, MockNic
from xdpconform.mock.reply import ROOM

DATA = Path(__file__).parents[1] / "data"
Meaning = dict[str, Any]

RECORDED = {
    kernel: json.loads((DATA / f"recorded-{kernel}.json").read_text()) for kernel in ("7.3", "6.12")
}
UNCOVERED = {
    "napi-get of a NAPI that there is": "the mock keeps NAPI ids of queues, and no NAPI instances",
    "qstats-get with statistics": "the mock counts no frames: its drivers have no statistics",
    "page-pool-get, page-pool-stats-get with pools": "the mock allocates no pages",
    "getpolicy": "nobody here asks for policies; those inside errors are there",
}
"""Questions to the two families that are not answered as kernels answered them, and why."""
EXCHANGES = [
    pytest.param(kernel, one, id=f"{kernel} {re.sub('[^0-9A-Za-z_.=+-]+', ' ', one['name'])}")
    for kernel, recorded in RECORDED.items()
    for one in recorded["exchanges"]
]
UP = re.compile(r" (up|AF_XDP copy): ")


def claims(entry: Meaning) -> Claims:
    """What the recorder says of a device's claims."""
    words = [
        *entry["xdp-features"],
        *entry["xdp-rx-metadata-features"],
        *entry["xsk-features"],
    ]
    return Claims.named(words, entry.get("xdp-zc-max-segs"))


def queued(nic: MockNic, entry: Meaning) -> MockNic:
    """The NIC with one more queue, as the recorder says."""
    kind = entry["type"]
    napi = (entry["napi-id"],) if "napi-id" in entry else ()
    if "xsk" in entry:
        nic = nic._replace(xsk_queues=nic.xsk_queues | {entry["id"]})
    if kind == "rx":
        return nic._replace(up=True, rx_queues=entry["id"] + 1, napi=nic.napi + napi)
    return nic._replace(up=True, tx_queues=entry["id"] + 1, tx_napi=nic.tx_napi + napi)


def kernel_of(age: str, one: Meaning, **more: Any) -> MockKernel:
    """A mock of the kernel and the NICs that an exchange was recorded of."""
    up = bool(UP.search(one["name"]))
    whole = " dump" in one["name"] and "namespace" in one["name"]
    nics = {} if whole else {n: MockNic(n, f"eth{n}", up=up) for n in (1, 2, 4, 27, 33, 34)}
    if one["name"] == "dev-get of ifindex 2 of another namespace":
        nics = {2: MockNic(2, "lo2")}
    for entry in one["decoded"]:
        index = entry.get("ifindex")
        if index is None:
            continue
        nic = nics.get(index, MockNic(index, f"eth{index}"))
        if entry["cmd"] == "dev-get":
            nics[index] = nic._replace(claims=claims(entry))
        else:
            nics[index] = queued(nic, entry)
    return MockKernel(nics.values(), Age.of(age), **more)


def ask(kernel: MockKernel, request: bytes, replies: list[bytes], **options: Any) -> list[bytes]:
    """What a mock answers on a socket with the port that the recorded one had."""
    channel = kernel.open(16, port_id=unpack_from("=12xI", replies[0])[0], **options)
    channel.send(request)
    found = []
    try:
        while True:
            found.append(channel.receive(0).data)
    except Timeout:
        return found


@pytest.mark.parametrize(("kernel", "one"), EXCHANGES)
def test_same_bytes(kernel: str, one: Meaning) -> None:
    """The request of a recorded exchange is answered by the recorded datagrams."""
    replies = [bytes.fromhex(reply) for reply in one["replies"]]
    name = one["name"]
    options = {"capped": "cap_ack=1" in name, "ext_ack": "ext_ack=0" not in name}
    mock = kernel_of(kernel, one)
    found = ask(mock, bytes.fromhex(one["request"]), replies, **options)

    assert one["replies"] == [datagram.hex() for datagram in found]


def test_dump_of_many() -> None:
    """A dump of 751 devices is split where the kernel split it, with NLMSG_DONE in the last."""
    described = tomllib.loads((DATA / "dump-many-7.3.toml").read_text())
    data = (DATA / "dump-many-7.3.bin").read_bytes()
    first, second = described["datagrams"]
    nics = [
        MockNic(index, f"eth{index}", claims(entry))
        for entry in described["devices"]
        for start, end in entry["ifindex"]
        for index in range(start, end + 1)
    ]
    mock = MockKernel(nics, Age.of("7.3"), first_room=ROOM)
    expected = [data[:first], data[first : first + second]]
    found = ask(mock, bytes.fromhex(described["request"]), expected)

    assert expected == found


@pytest.mark.parametrize("age", RECORDED)
def test_same_notifications(age: str) -> None:
    """The birth of a pair is told by the recorded datagrams, its end in the recorded order."""
    told = {one["name"]: one["datagrams"] for one in RECORDED[age]["notifications"]}
    birth = [bytes.fromhex(one) for one in told["veth pair created"]]
    first = min(ifindex(one) for one in birth)
    found = MockKernel([MockNic(first - 1, "last")], Age.of(age)).notifications()
    death = [bytes.fromhex(one) for one in told["veth pair deleted"]]

    assert birth == list(found[:4])
    assert [(3, ifindex(one)) for one in death] == [(one[16], ifindex(one)) for one in found[4:6]]


def ifindex(datagram: bytes) -> int:
    """The first attribute of a notification."""
    number: int = unpack_from("=I", datagram, 24)[0]
    return number


def test_uncovered_is_not_recorded() -> None:
    """Every exchange in the files is covered: what is not covered is of other operations."""
    asked = {one.values[1]["name"].split(":")[-1].split()[0] for one in EXCHANGES}  # type: ignore[index]

    assert {"getpolicy", "page-pool-get"}.isdisjoint(asked)
    assert {"dev-get", "queue-get", "getfamily"} <= asked
