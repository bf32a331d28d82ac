# SPDX-License-Identifier: MIT
"""Who is connected: peers of TCP connections in a namespace, and the client of our SSH session.

/proc/net/tcp (proc(5)) is read rather than sock_diag(7): it is there without any module, and shows
connections of the kernel (NFS, iSCSI) as well.
"""

from __future__ import annotations

import os
import sys
from array import array
from ipaddress import ip_address

from xdpconform.errors import SourceError
from xdpconform.probes.safety.rules import Peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Final

TCP_ESTABLISHED: Final = 1  # include/net/tcp_states.h
TCP_CLOSE_WAIT: Final = 8
"""Closed by the peer alone: we may still send."""
VARIABLE: Final = "SSH_CONNECTION"
"""What sshd sets: the client's address and port, the server's address and port (ssh(1))."""
ANCESTORS: Final = 64
"""How far up the line of parents is followed."""


def tcp_peers() -> tuple[Peer, ...]:
    """The peers of every established TCP connection in the calling thread's namespace.

    Raises:
        SourceError: /proc cannot be read.
    """
    found: dict[Peer, None] = {}
    for name in ("tcp", "tcp6"):
        path = f"/proc/thread-self/net/{name}"
        try:
            with open(path, encoding="ascii") as file:
                found.update(dict.fromkeys(pull_tcp(file)))
        except FileNotFoundError:
            continue  # no IPv6 here
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: TCP connections cannot be read: {error}") from error
    return tuple(found)


def pull_tcp(lines: Iterable[str]) -> Iterator[Peer]:
    """The peers in the text of /proc/net/tcp or tcp6 (tcp4_seq_show, net/ipv4/tcp_ipv4.c)."""
    for line in lines:
        fields = line.split()
        if len(fields) < 4 or not fields[0].endswith(":"):
            continue  # the heading
        if int(fields[3], 16) in (TCP_ESTABLISHED, TCP_CLOSE_WAIT):
            yield Peer(_address(fields[2]), _address(fields[1]))


def _address(field: str) -> bytes:
    """``0100007F:0016``: words of 32 bits as the machine reads them, then the port."""
    words = array("I", bytes.fromhex(field.partition(":")[0]))
    if sys.byteorder == "little":
        words.byteswap()
    return words.tobytes()


def ssh_peers(pid: int | None = None, environment: Mapping[str, str] = os.environ) -> list[Peer]:
    """The clients that SSH_CONNECTION of this process and its ancestors names.

    sudo drops the variable, hence the ancestors; those that we may not look at are passed over.

    Args:
        pid: whose ancestors to ask; ours.
        environment: our own environment.
    """
    values = [environment.get(VARIABLE, "")]
    pid = os.getpid() if pid is None else pid
    for _step in range(ANCESTORS):
        values.append(_variable(pid))
        pid = _parent(pid)
        if pid < 1:
            break
    return list(dict.fromkeys(peer for value in values if (peer := pull_ssh(value))))


def pull_ssh(value: str) -> Peer | None:
    """The client in a value of SSH_CONNECTION; None if there is none in it."""
    text, _space, rest = value.partition(" ")
    client, _percent, zone = text.partition("%")
    ours = rest.split()[1:2]
    try:
        local = ip_address(ours[0].partition("%")[0]).packed if ours else b""
        return Peer(ip_address(client).packed, local, zone, ssh=True)
    except ValueError:
        return None


def _variable(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return ""
    start = f"{VARIABLE}=".encode()
    return next((os.fsdecode(word[len(start) :]) for word in words if word.startswith(start)), "")


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
