# SPDX-License-Identifier: MIT
"""A wire of taps: offloads and several queues, which no wire of QEMU's own has.

QEMU is started through this program in a network namespace of its own, where it has the taps that
its command line names:

    unshare --map-root-user --net python -m labs.virtual.taps qemu-system-x86_64 ...

If a NIC's peer has a tap as well, both are made before QEMU is, and a bridge between them. A bridge
that is a wire: it learns no addresses, asks nobody who listens, keeps no frame for itself but those
that pause a link, and says nothing.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from socket import if_nametoindex
from struct import pack
from typing import Final

from labs.virtual.guest.make import TUN, TUN_FLAGS, TUNSETIFF, new_link, set_master
from labs.virtual.nics import PEER_LETTER, TAP, Data, Nic, choose, devices
from xdpconform.errors import InputError, XdpConformError
from xdpconform.netlink.constants import NETLINK_ROUTE, NLM_F_ACK
from xdpconform.netlink.links import RTM_SETLINK, set_quiet, set_up
from xdpconform.netlink.rtnl import IFINFOMSG, IFLA_MTU
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import push_attribute, push_u32
from xdpconform.sources import Kernel
from xdpconform.sources.base import Client

UNSHARE: Final = ("unshare", "--map-root-user", "--net")
TUNSETPERSIST: Final = 0x400454CB  # include/uapi/linux/if_tun.h, as the flags
IFF_MULTI_QUEUE: Final = 0x0100
IFLA_PROTINFO: Final = 12  # include/uapi/linux/if_link.h, as all below
IFLA_TXQLEN: Final = 13
IFLA_BR_MCAST_SNOOPING: Final = 23
IFLA_BRPORT_LEARNING: Final = 8
IFLA_BRPORT_GROUP_FWD_MASK: Final = 31
AF_BRIDGE: Final = 7
GROUPS: Final = 0xFFFD
"""Which of 01-80-C2-00-00-0X are sent on: all but X = 1, which the kernel lets no bridge send on
(BR_GROUPFWD_MACPAUSE, net/bridge/br_private.h)."""
MTU: Final = 65521
"""The most that a tap takes: MAX_MTU without the Ethernet header (drivers/net/tun.c)."""
FRAMES: Final = 8192
"""A tap loses what QEMU has not fetched when so many wait, and the suite sends 2,048 at once."""
FILTERS: Final = Path("/proc/sys/net/bridge")
"""br_netfilter's, where it is loaded: it drops frames whose IP header is not right."""


def started(devices: Sequence[str]) -> tuple[str, ...]:
    """What starts QEMU in a network namespace of its own, if it has taps; needs no privilege.

    Args:
        devices: QEMU's arguments for NICs, as `labs.virtual.nics.devices` has them.
    """
    if not any(word.startswith(f"{TAP},") for word in devices):
        return ()
    return (*UNSHARE, sys.executable, "-m", "labs.virtual.taps")


def problem() -> str:
    """Why taps cannot be bridged here; empty if they can, which is tried."""
    words = devices(choose(["virtio_mq"]), wired=True)
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [*started(words), "true", *words], check=False, capture_output=True, text=True
        )
    except OSError as error:
        return f"{UNSHARE[0]} cannot be started: {error.strerror}"
    return (done.stderr.strip() or "no reason is given").splitlines()[-1] if done.returncode else ""


def pairs(command: Sequence[str]) -> list[tuple[dict[str, int], str]]:
    """The taps of each NIC whose peer has one too, with their queues; and a name for a bridge."""
    taps: dict[str, int] = {}
    for word in command:
        if found := re.match(rf"{TAP},.*\bifname=(\w+)(?:.*,queues=(\d+))?", word):
            taps[found[1]] = int(found[2] or 1)
    return [
        ({name: taps[name], peer: taps[peer]}, f"b{name}")
        for name in taps
        if (peer := f"{PEER_LETTER}{name}") in taps
    ]


def bridge(taps: dict[str, int], name: str) -> None:
    """Make taps, and a bridge of that name between them.

    Args:
        taps: how many queues each has.
        name: of the bridge.

    Raises:
        InputError: this kernel makes no bridge, or no tap; says why.
    """
    for file in FILTERS.glob("bridge-nf-call-*"):
        with suppress(OSError):  # this one cannot be switched off: only bad headers are lost
            file.write_text("0", encoding="ascii")
    try:
        with Kernel() as kernel:
            client = Client(kernel.open(NETLINK_ROUTE))
            client.ask(new_link(_bridge(name), 0))
            number = if_nametoindex(name)
            for tap, queues in taps.items():
                _make(tap, queues)
                port = if_nametoindex(tap)
                client.ask(_set(port, push_u32(IFLA_MTU, MTU) + push_u32(IFLA_TXQLEN, FRAMES)))
                client.ask(set_master(port, number))
                client.ask(_as_a_wire(port))
                _switch_on(client, port)
            _switch_on(client, number)
    except (OSError, XdpConformError) as error:
        raise InputError(f"taps cannot be bridged here: {error}") from error


def _bridge(name: str) -> Nic:
    return Nic(name, (), kind="bridge", data=(Data(IFLA_BR_MCAST_SNOOPING, 0, 1),))


def _make(name: str, queues: int) -> None:
    flags = TUN_FLAGS["tap"] | (IFF_MULTI_QUEUE if queues > 1 else 0)
    descriptor = os.open(TUN, os.O_RDWR)
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, pack("16sH22x", name.encode(), flags))
        fcntl.ioctl(descriptor, TUNSETPERSIST, 1)
    finally:
        os.close(descriptor)


def _set(number: int, attributes: bytes, family: int = 0) -> Request:
    payload = IFINFOMSG.pack(family, 0, number, 0, 0) + attributes
    return Request("rtnetlink setlink", RTM_SETLINK, payload, NLM_F_ACK, header=IFINFOMSG.size)


def _as_a_wire(port: int) -> Request:
    data = push_attribute(IFLA_BRPORT_LEARNING, b"\x00")
    data += push_attribute(IFLA_BRPORT_GROUP_FWD_MASK, pack("=H", GROUPS))
    return _set(port, push_attribute(IFLA_PROTINFO, data, nested=True), AF_BRIDGE)


def _switch_on(client: Client, number: int) -> None:
    with suppress(XdpConformError):  # a device without IPv6 is silent already
        client.ask(set_quiet(number))
    client.ask(set_up(number, True))


def main(command: Sequence[str]) -> None:
    """Make what QEMU's command line needs, and become QEMU."""
    try:
        for taps, name in pairs(command):
            bridge(taps, name)
        os.execvp(command[0], [*command])  # noqa: S606 - our own words
    except InputError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
