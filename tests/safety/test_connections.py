# SPDX-License-Identifier: MIT
"""Who is connected: the text of /proc/net/tcp, and SSH_CONNECTION here and above."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from ipaddress import ip_address

import pytest

from tests.namespaces import private_namespace
from xdpconform.probes.safety.connections import pull_ssh, pull_tcp, ssh_peers, tcp_peers
from xdpconform.probes.safety.rules import Peer
from xdpconform.sources import Kernel


def end(text: str) -> bytes:
    """An address as bytes."""
    return ip_address(text).packed


def words(text: str) -> str:
    """An address as /proc has it on this machine: words of 32 bits, as the machine reads them."""
    packed = end(text)
    return "".join(
        f"{int.from_bytes(packed[at : at + 4], sys.byteorder):08X}"
        for at in range(0, len(packed), 4)
    )


HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"
REST = "00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 20 4 30"


def test_pull_tcp() -> None:
    """Established connections and those that only the peer has closed count; others do not."""
    states = {
        *("02", "03", "04", "05", "06", "07", "09", "0A", "0B", "0C"),
    }
    lines = [
        HEADING,
        f"   0: {words('10.0.0.1')}:0016 {words('10.0.0.9')}:C350 01 {REST}",
        f"   1: {words('2001:db8::1')}:0016 {words('2001:db8::9')}:C350 08 {REST}",
        *(f"   2: {words('10.0.0.1')}:0016 {words('10.0.0.8')}:1 {st} {REST}" for st in states),
    ]

    expected = [
        Peer(end("10.0.0.9"), end("10.0.0.1")),
        Peer(end("2001:db8::9"), end("2001:db8::1")),
    ]
    assert expected == list(pull_tcp(lines))


@pytest.mark.parametrize(
    ("family", "ours"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_tcp_peers(family: int, ours: str) -> None:
    """A connection in a namespace is seen there, from both its ends, and only there."""
    with private_namespace() as made, Kernel(made.name) as kernel:

        def connect() -> tuple[socket.socket, ...]:
            listener = socket.create_server((ours, 0), family=family)
            client = socket.create_connection(listener.getsockname()[:2])
            return listener, client, listener.accept()[0]

        sockets = kernel.within(connect)
        try:
            seen = kernel.within(tcp_peers)
        finally:
            for one in sockets:
                one.close()

    assert (Peer(end(ours), end(ours)),) == seen


SSH = {
    "v4": (
        "10.0.0.9 50000 10.0.0.1 22",
        Peer(end("10.0.0.9"), end("10.0.0.1"), ssh=True),
    ),
    "v6": (
        "2001:db8::9 50000 2001:db8::1 22",
        Peer(end("2001:db8::9"), end("2001:db8::1"), ssh=True),
    ),
    "zone": (
        "fe80::9%eth0 50000 fe80::1%eth0 22",
        Peer(end("fe80::9"), end("fe80::1"), "eth0", ssh=True),
    ),
    "client-only": ("10.0.0.9", Peer(end("10.0.0.9"), ssh=True)),
    "empty": ("", None),
    "unknown": ("UNKNOWN 65535 UNKNOWN 65535", None),
}


@pytest.mark.parametrize(("value", "expected"), SSH.values(), ids=SSH)
def test_pull_ssh(value: str, expected: Peer | None) -> None:
    """The client's address is read; what holds none gives none."""
    assert expected == pull_ssh(value)


def test_ssh_of_an_ancestor() -> None:
    """A variable that a process no longer has is found in its parent's."""
    script = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '60'], env={})\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
        "child.kill(); child.wait()\n"
    )
    environment = {**os.environ, "SSH_CONNECTION": "192.0.2.77 50000 192.0.2.1 22"}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())

        found = ssh_peers(pid, {})

    assert Peer(end("192.0.2.77"), end("192.0.2.1"), ssh=True) in found


def test_ssh_of_ourselves() -> None:
    """The variable of this very process counts, also where it was set since it started."""
    found = ssh_peers(0, {"SSH_CONNECTION": "192.0.2.78 1 192.0.2.1 22"})

    assert [Peer(end("192.0.2.78"), end("192.0.2.1"), ssh=True)] == found
