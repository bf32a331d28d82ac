# SPDX-License-Identifier: MIT
"""One question, one typed answer: a dev-get of a NIC to `Capabilities`, the family known.

Every verdict rests on this exchange, and a watcher repeats it all day. It is compared with the
bare send and recv of the same bytes, which nothing can beat, and with pyroute2, what one would
take otherwise. The reply repeats here, and so its decoding is remembered; a line of its own shows
the time of a reply that was never seen before.
"""

from __future__ import annotations

import _socket as socket  # what the transport uses: both sides of the ratio pay the same calls
from typing import TYPE_CHECKING

from benchmarks.measure import Bar, Report, Unmeasured, calls, interleave, ratio
from xdpconform.netlink import genl, netdev
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.netdev import Capabilities
from xdpconform.netlink.transaction import Transaction
from xdpconform.snapshot import Inspector
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import BUFFER, Kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Settings

ROUNDS = 300
UNSEEN = "typed, a reply never seen"
CALLS = 30
"""A round, since one call is too short to time alone."""


def ifindex_of(name: str) -> int:
    """The interface's number."""
    with Inspector(Kernel()) as inspector:
        for link in inspector.links():
            if link.name == name:
                return link.ifindex
    raise Unmeasured(f"no interface {name} here: name one by --iface")


def pyroute2_reader(ifindex: int) -> Callable[[], Capabilities]:
    """The same answer by pyroute2's own parser."""
    from pyroute2.netlink import NLM_F_REQUEST, genlmsg
    from pyroute2.netlink.generic import GenericNetlinkSocket

    class netdevmsg(genlmsg):  # type: ignore[misc] # noqa: N801 - pyroute2's custom
        nla_map = (
            ("NETDEV_A_DEV_UNSPEC", "none"),
            ("NETDEV_A_DEV_IFINDEX", "uint32"),
            ("NETDEV_A_DEV_PAD", "hex"),
            ("NETDEV_A_DEV_XDP_FEATURES", "uint64"),
            ("NETDEV_A_DEV_XDP_ZC_MAX_SEGS", "uint32"),
            ("NETDEV_A_DEV_XDP_RX_METADATA_FEATURES", "uint64"),
            ("NETDEV_A_DEV_XSK_FEATURES", "uint64"),
        )

    sock = GenericNetlinkSocket()
    sock.bind(netdev.FAMILY_NAME, netdevmsg)

    def read() -> Capabilities:
        message = netdevmsg()
        message["cmd"] = netdev.Command.DEV_GET
        message["version"] = 1
        message["attrs"] = [("NETDEV_A_DEV_IFINDEX", ifindex)]
        (reply,) = sock.nlm_request(message, msg_type=sock.prid, msg_flags=NLM_F_REQUEST)
        return Capabilities(
            netdev.XdpAct(reply.get_attr("NETDEV_A_DEV_XDP_FEATURES")),
            netdev.XdpRxMetadata(reply.get_attr("NETDEV_A_DEV_XDP_RX_METADATA_FEATURES")),
            netdev.XskFlags(reply.get_attr("NETDEV_A_DEV_XSK_FEATURES")),
            reply.get_attr("NETDEV_A_DEV_XDP_ZC_MAX_SEGS"),
        )

    return read


def measure(settings: Settings) -> Report:
    """Compare the four."""
    ifindex = ifindex_of(settings.iface)
    with Kernel() as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        family = genl.pull_family(client.ask(genl.getfamily(netdev.FAMILY_NAME))[0])
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        sock.bind((0, 0))
        port_id = sock.getsockname()[0]
        data = Transaction(netdev.dev_get(family, ifindex), 1, port_id).data

        def typed() -> Capabilities:
            (message,) = client.ask(netdev.dev_get(family, ifindex))
            return netdev.pull_device(message).capabilities

        def unseen() -> Capabilities:
            netdev._pull_capabilities.cache_clear()  # noqa: SLF001 - as if it were the first
            return typed()

        def bare() -> bytes:
            sock.send(data)
            return sock.recv(BUFFER)

        readers = {
            "bare send and recv": bare,
            "typed Capabilities": typed,
            UNSEEN: unseen,
        }
        try:
            pyroute2 = readers["pyroute2"] = pyroute2_reader(ifindex)
        except ImportError as error:
            raise Unmeasured("pyroute2 is not installed: pip install 'xdpconform[test]'") from error
        if pyroute2() != typed():
            raise Unmeasured("pyroute2 reads another answer: nothing to compare")
        found = interleave(
            {what: calls(reader, CALLS) for what, reader in readers.items()},
            settings.rounds(ROUNDS),
        )
        sock.close()
    nothing, ours = found["bare send and recv"], found["typed Capabilities"]
    return Report(
        list(found.values()),
        [
            Bar("typed / bare", ratio(ours, nothing), 4),
            Bar("pyroute2 / typed", ratio(found["pyroute2"], ours), 3, at_least=True),
        ],
        (f"a reply never seen / bare: {ratio(found[UNSEEN], nothing):.2f}x",),
    )
