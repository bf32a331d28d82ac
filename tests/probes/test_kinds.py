# SPDX-License-Identifier: MIT
"""Frames of every kind: as scapy reads them, with checksums right and the marker in its place."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether

from xdpconform.observed_hints import KINDS, TAGGED, Sent
from xdpconform.probes.bpf.metadata import MAGIC, MARKER, MARKER_AT, VLAN_HLEN
from xdpconform.probes.kinds import TCI, checksum, frame, plan

FROM, TO = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
RUN = b"the-run."
LAYERS = {
    "ethernet": (),
    "ipv4": (IP,),
    "ipv4-udp": (IP, UDP),
    "ipv4-tcp": (IP, TCP),
    "ipv6": (IPv6,),
    "ipv6-udp": (IPv6, UDP),
    "ipv6-tcp": (IPv6, TCP),
    "vlan-8100": (Dot1Q,),
    "vlan-88a8": (Dot1AD,),
}
DOCUMENTATION = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]
SENT = tuple(plan(KINDS, 2, 2))


def made(sent: Sent) -> bytes:
    """Its frame."""
    return frame(sent, (FROM, TO), RUN)


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: f"{sent.number}-{sent.kind}")
def test_read_by_scapy(sent: Sent) -> None:
    """Each layer is what it should be, and no other is there; scapy computes the same checksums."""
    packet = Ether(made(sent))

    assert (FROM.hex(":"), TO.hex(":")) == (packet.src, packet.dst)
    found = [layer for layer in LAYERS["ipv4-udp"] + LAYERS["ipv6-tcp"] if layer in packet]
    assert {*LAYERS[sent.kind]} - {Dot1Q, Dot1AD} == {*found}
    for layer in LAYERS[sent.kind]:
        assert layer in packet
        if layer in (IP, IPv6):
            one = packet[layer]
            assert (sent.source, sent.destination) == (
                ip_address(one.src).packed,
                ip_address(one.dst).packed,
            )
            assert 1 == (one.ttl if layer is IP else one.hlim)
        if layer in (UDP, TCP):
            assert sent.ports == (packet[layer].sport, packet[layer].dport)
        if layer in (Dot1Q, Dot1AD):
            tag = packet[layer]
            assert (sent.tag, 0x88B5) == (tag.prio << 13 | tag.vlan, tag.type)
            assert TAGGED[sent.kind] == packet.type
    again = packet.copy()
    for layer in (IP, UDP, TCP):
        if layer in again:
            del again[layer].chksum
    for layer, field in ((IP, "len"), (IPv6, "plen"), (UDP, "len")):
        if layer in again:
            delattr(again[layer], field)
    assert made(sent) == bytes(again)


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: f"{sent.number}-{sent.kind}")
def test_marker(sent: Sent) -> None:
    """The marker stands where the program looks for it, and nowhere else."""
    at = MARKER_AT + (VLAN_HLEN if sent.tag is not None else 0)
    data = made(sent)

    assert MARKER.pack(MAGIC, RUN, sent.number) == data[at : at + MARKER.size]
    assert 1 == data.count(MAGIC)
    assert 128 + at - MARKER_AT == len(data)


def test_plan() -> None:
    """Every flow of every kind as often as asked, numbered in the order of sending."""
    found = tuple(plan(KINDS, 4, 3))

    assert list(range(len(KINDS) * 12)) == [one.number for one in found]
    one_round = len(KINDS) * 4
    for repeat in (1, 2):
        assert [one._replace(number=0) for one in found[:one_round]] == [
            one._replace(number=0) for one in found[one_round * repeat : one_round * (repeat + 1)]
        ]
    flows = {(one.source, one.destination, one.ports) for one in found if one.source}
    assert 4 * 2 == len({flow for flow in flows if flow[2]})  # TCP and UDP between the same
    assert 4 * 2 == len({flow for flow in flows if not flow[2]})
    assert {TCI} == {one.tag for one in found if one.kind in TAGGED}


def test_addresses() -> None:
    """All addresses are for documentation only, for as many flows as there may be."""
    for sent in plan(KINDS, 126, 1):
        for end in (sent.source, sent.destination):
            address = ip_address(end) if end else None
            assert address is None or any(address in network for network in DOCUMENTATION)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", 0xFFFF),
        ("0000", 0xFFFF),
        ("ffff", 0),
        ("00010002", 0xFFFC),
        ("0001f203f4f5f6f7", 0x220D),
        ("ffffffffffff0001", 0xFFFE),
    ],
)
def test_checksum(data: str, expected: int) -> None:
    """As RFC 1071 computes it; the fifth is its own example."""
    assert expected == checksum(bytes.fromhex(data))
