# SPDX-License-Identifier: MIT
"""A guest's NICs: those on wires get their names, the others are made."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from struct import pack
from time import monotonic, sleep
from typing import Final

from labs.virtual.nics import Nic, mac
from xdpconform.errors import InputError, XdpConformError
from xdpconform.netlink.constants import NETLINK_ROUTE, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL
from xdpconform.netlink.links import RTM_SETLINK, set_quiet, set_up
from xdpconform.netlink.rtnl import (
    IFINFOMSG,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MASTER,
    RTM_NEWLINK,
    veth_pair,
)
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import push_attribute, push_string, push_u32
from xdpconform.sources import Kernel
from xdpconform.sources.base import Client

NET: Final = Path("/sys/class/net")
TUN: Final = "/dev/net/tun"
TUNSETIFF: Final = 0x400454CA  # include/uapi/linux/if_tun.h
TUN_FLAGS: Final = {"tun": 0x1001, "tap": 0x1002}  # IFF_TUN or IFF_TAP, with IFF_NO_PI
NETDEVSIM: Final = Path("/sys/bus/netdevsim")
PATIENCE: Final = 10.0
"""Seconds until a driver has found its device."""


def make_all(nics: Iterable[tuple[int, Nic]]) -> dict[str, str]:
    """Make NICs and switch them on.

    Args:
        nics: each after its number in the guest.

    Returns:
        Why one is not there, by its name.
    """
    problems = {}
    with Kernel() as kernel:
        client = Client(kernel.open(NETLINK_ROUTE))
        for number, nic in nics:
            try:
                _make(client, number, nic)
            except (OSError, XdpConformError) as error:
                problems[nic.name] = f"{nic.name} cannot be made: {error}"
    return problems


def _make(client: Client, number: int, nic: Nic) -> None:
    if nic.device:
        _rename(client, mac(number), nic.lower_name if nic.vf else nic.name)
        if nic.vf:
            _function(client, nic)
        with suppress(InputError):  # alone on its wire
            _rename(client, mac(number, peer=True), nic.peer_name, 0.0)
    elif nic.kind == "netdevsim":
        _simulate(client, number, nic.name)
    elif nic.kind in TUN_FLAGS:
        _tun(nic)
    elif nic.kind == "veth":
        client.ask(veth_pair(nic.name.encode(), nic.peer_name.encode()))
    else:
        if nic.lower:
            client.ask(veth_pair(nic.lower_name.encode(), nic.peer_name.encode()))
            switch_on(client, nic.peer_name)
        client.ask(new_link(nic, ifindex(nic.lower_name) if nic.lower == "link" else 0))
        if nic.lower == "port":
            client.ask(set_master(ifindex(nic.lower_name), ifindex(nic.name)))
        if nic.lower:
            switch_on(client, nic.lower_name)
    for name in (nic.name, nic.peer_name):
        if (NET / name).exists():
            switch_on(client, name)


def new_link(nic: Nic, lower: int) -> Request:
    """The request that makes a NIC of a kind (include/uapi/linux/if_link.h)."""
    data = b"".join(
        push_attribute(one.type, one.value.to_bytes(one.size, "little")) for one in nic.data
    )
    info = push_string(IFLA_INFO_KIND, nic.kind.encode())
    if data:
        info += push_attribute(IFLA_INFO_DATA, data, nested=True)
    payload = (
        IFINFOMSG.pack(0, 0, 0, 0, 0)
        + push_string(IFLA_IFNAME, nic.name.encode())
        + (push_u32(IFLA_LINK, lower) if lower else b"")
        + push_attribute(IFLA_LINKINFO, info, nested=True)
    )
    flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
    what = f"rtnetlink newlink {nic.kind}"
    return Request(what, RTM_NEWLINK, payload, flags, header=IFINFOMSG.size)


def set_master(member: int, master: int) -> Request:
    """The request that makes one interface a port of another, by their numbers."""
    return _set(member, push_u32(IFLA_MASTER, master))


def _set(number: int, attribute: bytes) -> Request:
    payload = IFINFOMSG.pack(0, 0, number, 0, 0) + attribute
    return Request("rtnetlink setlink", RTM_SETLINK, payload, NLM_F_ACK, header=IFINFOMSG.size)


def _rename(client: Client, address: str, name: str, patience: float = PATIENCE) -> None:
    """Give the interface with a hardware address its name; waits for its driver."""
    deadline = monotonic() + patience
    while True:
        for path in NET.glob("*/address"):
            if path.read_text(encoding="ascii").strip() == address:
                if path.parent.name != name:
                    ifname = push_string(IFLA_IFNAME, name.encode())
                    client.ask(_set(ifindex(path.parent.name), ifname))
                return
        if monotonic() >= deadline:
            raise InputError(f"no driver has made an interface of the device with {address}")
        sleep(0.1)


def _function(client: Client, nic: Nic) -> None:
    """Have a device make a virtual function (Documentation/PCI/pci-iov-howto.rst)."""
    # A function whose device is down stays in reset.
    switch_on(client, nic.lower_name)
    device = NET / nic.lower_name / "device"
    (device / "sriov_numvfs").write_text("1", encoding="ascii")
    deadline = monotonic() + PATIENCE
    while not (found := [*device.glob("virtfn0/net/*")]):
        if monotonic() >= deadline:
            raise InputError("no driver has made an interface of its virtual function")
        sleep(0.1)
    client.ask(_set(ifindex(found[0].name), push_string(IFLA_IFNAME, nic.name.encode())))


def _tun(nic: Nic) -> None:
    # Lives as long as the descriptor, which is for the guest's whole life.
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, pack("16sH22x", nic.name.encode(), TUN_FLAGS[nic.kind]))


def _simulate(client: Client, number: int, name: str) -> None:
    (NETDEVSIM / "new_device").write_text(f"{number} 1", encoding="ascii")
    device = NETDEVSIM / f"devices/netdevsim{number}/net"
    ifname = push_string(IFLA_IFNAME, name.encode())
    for path in device.iterdir():
        client.ask(_set(ifindex(path.name), ifname))


def switch_on(client: Client, name: str) -> None:
    """Switch an interface on, which then says nothing by itself."""
    number = ifindex(name)
    with suppress(XdpConformError):  # a device without IPv6 is silent already
        client.ask(set_quiet(number))
    client.ask(set_up(number, True))


def ifindex(name: str) -> int:
    """The number of an interface."""
    return int((NET / name / "ifindex").read_text(encoding="ascii"))
