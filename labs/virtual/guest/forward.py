# SPDX-License-Identifier: MIT
"""The partner of a guest: what comes in at one port of a NIC goes out at the other.

The ports of a NIC are bridged. So a frame between the other guest's NIC and its peer passes two
wires, and the driver and the network stack of this kernel between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from time import sleep
from typing import Final, NoReturn

import msgspec

from labs.virtual.guest.make import NET, ifindex, make_all, new_link, set_master, switch_on
from labs.virtual.guest.told import Event, Nics, Stage
from labs.virtual.nics import Nic
from xdpconform.errors import XdpConformError
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.links import set_mtu
from xdpconform.sources import Kernel
from xdpconform.sources.base import Client

FORWARDS: Final = "forwards"
"""The stage from which on frames pass."""
MTUS: Final = (9216, 9000, 4096, 2048)
"""The other guest may send large frames: the first that a driver takes."""


def forward(tell: Callable[[Event], None], nics: Iterable[tuple[int, Nic]]) -> NoReturn:
    """Make NICs, bridge the ports of each, and go on until the host ends this guest.

    Args:
        tell: tells the host.
        nics: each after its number.
    """
    # The partner of a virtual function is a whole device.
    nics = [(number, msgspec.structs.replace(nic, vf=False)) for number, nic in nics]
    problems = make_all(nics)
    tell(Nics(problems))
    with Kernel() as kernel:
        client = Client(kernel.open(NETLINK_ROUTE))
        for _number, nic in nics:
            if nic.name not in problems:
                _bridge(client, nic)
    tell(Stage(FORWARDS))
    while True:
        sleep(60)


def _bridge(client: Client, nic: Nic) -> None:
    bridge = Nic(nic.lower_name, ("bridge",), kind="bridge")
    client.ask(new_link(bridge, 0))
    for name in (nic.name, nic.peer_name):
        if not (NET / name).exists():
            continue  # a NIC alone has a partner, and nothing is sent
        for mtu in MTUS:
            with suppress(XdpConformError):
                client.ask(set_mtu(ifindex(name), mtu))
                break
        client.ask(set_master(ifindex(name), ifindex(bridge.name)))
        # A wire knows no addresses: what a NIC sends may bear that of its peer.
        (NET / name / "brport/learning").write_text("0", encoding="ascii")
        switch_on(client, name)
    # The default is to ask who listens to a group, which is nobody's business here.
    (NET / bridge.name / "bridge/multicast_snooping").write_text("0", encoding="ascii")
    switch_on(client, bridge.name)
