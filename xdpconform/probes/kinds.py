# SPDX-License-Identifier: MIT
"""Frames of every kind that metadata differ by: with IP and without, with a VLAN tag and without.

Each carries a marker (`xdpconform.probes.bpf.metadata`), by which our program knows it, and goes
between addresses that are for documentation only (RFC 5737, RFC 3849), with one hop left: whoever
else gets one sends it nowhere.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack
from typing import TYPE_CHECKING, Final

from xdpconform.observed_hints import TAGGED, Sent
from xdpconform.probes.bpf.metadata import MAGIC, MARKER, MARKER_AT
from xdpconform.probes.testbed.frames import ETH_HLEN, ETHERTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# include/uapi/linux/if_ether.h
ETH_P_IP: Final = 0x0800
ETH_P_IPV6: Final = 0x86DD
# include/uapi/linux/in.h
IPPROTO_TCP: Final = 6
IPPROTO_UDP: Final = 17
EXPERIMENT: Final = 253
"""RFC 3692: a protocol for experiments, neither TCP nor UDP."""
SIZE: Final = 128
"""Bytes of a frame without a tag: the marker fits behind every header."""
TCI: Final = 0x2007
"""Priority 1, VLAN 7 (struct vlan_hdr, include/linux/if_vlan.h)"""
FIRST_PORT: Final = 49152
"""RFC 6335: ports that nobody has by right."""
TCP_ACK: Final = 0x10
HOPS: Final = 1


def plan(kinds: Sequence[str], flows: int, repeats: int) -> Iterator[Sent]:
    """Frames of each kind and flow, numbered from 0; then all of them once more, and again.

    Args:
        kinds: of `xdpconform.observed_hints.KINDS`.
        flows: how many pairs of addresses and ports; 126 at most.
        repeats: how often each flow comes.
    """
    number = 0
    for _repeat in range(repeats):
        for kind in kinds:
            for flow in range(flows):
                yield _sent(number, kind, flow)
                number += 1


def _sent(number: int, kind: str, flow: int) -> Sent:
    if kind in TAGGED:
        return Sent(number, kind, tag=TCI)
    if not kind.startswith("ip"):
        return Sent(number, kind)
    if kind.startswith("ipv4"):
        ends = f"192.0.2.{1 + flow}", f"192.0.2.{254 - 2 * flow}"
    else:
        ends = f"2001:db8::{1 + flow:x}", f"2001:db8:ffff::{0x1000 + 7 * flow:x}"
    source, destination = (ip_address(end).packed for end in ends)
    ports = (FIRST_PORT + 3 * flow, FIRST_PORT + 1000 + flow) if "-" in kind else None
    return Sent(number, kind, source, destination, ports)


def frame(sent: Sent, ends: tuple[bytes, bytes], run: bytes) -> bytes:
    """The frame's bytes.

    Args:
        sent: what it shall be.
        ends: the MAC addresses it comes from and goes to.
        run: 8 bytes.
    """
    source, destination = ends
    tag = b"" if sent.tag is None else pack("!HH", TAGGED[sent.kind], sent.tag)
    size = SIZE - ETH_HLEN
    make: Callable[[Sent, int, bytes], bytes]
    if not sent.source:
        ethertype, make = ETHERTYPE, _bare
    elif len(sent.source) == 4:
        ethertype, make = ETH_P_IP, _ipv4
    else:
        ethertype, make = ETH_P_IPV6, _ipv6
    head = destination + source + tag + ethertype.to_bytes(2, "big")
    return head + make(sent, size, MARKER.pack(MAGIC, run, sent.number))


def _bare(_sent: Sent, size: int, marker: bytes) -> bytes:
    return _filled(size, ETH_HLEN, marker)


def _filled(size: int, before: int, marker: bytes) -> bytes:
    """So many bytes, with the marker in its place where so many come before them."""
    return (bytes(MARKER_AT - before) + marker).ljust(size, b"\0")


def _ipv4(sent: Sent, size: int, marker: bytes) -> bytes:
    """An IPv4 header (struct iphdr, include/uapi/linux/ip.h), and what is in it."""
    protocol = _protocol(sent)
    head = pack("!BBHHHBBH", 0x45, 0, size, sent.number & 0xFFFF, 0, HOPS, protocol, 0)
    head += sent.source + sent.destination
    head = head[:10] + pack("!H", checksum(head)) + head[12:]
    return head + _transport(sent, protocol, size - len(head), ETH_HLEN + len(head), marker)


def _ipv6(sent: Sent, size: int, marker: bytes) -> bytes:
    """An IPv6 header (struct ipv6hdr, include/uapi/linux/ipv6.h), and what is in it."""
    protocol, length = _protocol(sent), size - 40
    head = pack("!IHBB", 6 << 28, length, protocol, HOPS) + sent.source + sent.destination
    return head + _transport(sent, protocol, length, ETH_HLEN + len(head), marker)


def _protocol(sent: Sent) -> int:
    if sent.ports is None:
        return EXPERIMENT
    return IPPROTO_TCP if sent.kind.endswith("tcp") else IPPROTO_UDP


def _transport(sent: Sent, protocol: int, size: int, before: int, marker: bytes) -> bytes:
    if sent.ports is None:
        return _filled(size, before, marker)
    if protocol == IPPROTO_UDP:
        head, at = pack("!HHHH", *sent.ports, size, 0), 6
    else:
        head, at = pack("!HHIIBBHHH", *sent.ports, sent.number, 0, 5 << 4, TCP_ACK, 0, 0, 0), 16
    data = head + _filled(size - len(head), before + len(head), marker)
    pseudo = sent.source + sent.destination + pack("!II", size, protocol)
    return data[:at] + pack("!H", checksum(pseudo + data) or 0xFFFF) + data[at + 2 :]


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
