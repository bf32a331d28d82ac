# SPDX-License-Identifier: MIT
"""Ask a source what there is to know of its NICs, each question once.

with Inspector(Kernel()) as inspector:
    for link in select(["eth0"], inspector.links()):
        nic = inspector.nic(link)
"""

from __future__ import annotations

import errno
import os
from struct import Struct

from xdpconform.errors import (
    KernelError,
    NoSuchInterface,
    NotRecorded,
    SourceError,
    WireError,
    XdpConformError,
)
from xdpconform.interfaces import safe_id, shown
from xdpconform.netlink import ethtool, genl, netdev, rtnl
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.nic import ATTACHED, IDLE, Answer, Identity, Nic, Peer, QueueCounts
from xdpconform.sources.base import Client, Exchange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final, Self, TypeVar

    from xdpconform.netlink.genl import Family
    from xdpconform.netlink.netdev import Capabilities, Device
    from xdpconform.netlink.rtnl import Link
    from xdpconform.netlink.transaction import Request
    from xdpconform.netlink.wire import Message
    from xdpconform.sources.base import Source, Stored

    T = TypeVar("T")

NO_FAMILY: Final = (
    "this kernel has no netdev family (CONFIG_NET, Linux 6.3 or later): what the NIC claims is"
    " unknown; boot a newer kernel"
)

# struct ethtool_drvinfo, include/uapi/linux/ethtool.h: cmd, driver, version, fw_version, bus_info
DRVINFO: Final = Struct("=4x32s32s32s32s")

# Below /sys/class/net/IFNAME; a virtio device's PCI ids are its parent's.
SYSFS: Final = (
    "device/driver",
    "device/subsystem",
    "device/vendor",
    "device/device",
    "device/subsystem_vendor",
    "device/subsystem_device",
    "device/../vendor",
    "device/../device",
    "device/../subsystem_vendor",
    "device/../subsystem_device",
    "device/features",
    "device/physfn",
    "phys_port_name",
    "bonding/mode",
    "bonding/xmit_hash_policy",
    "queues/",
)
_FEW_SYSFS: Final = ("device/driver", "queues/")


class Inspector:
    """Asks one source; keeps what holds for all its NICs.

    Args:
        source: where replies come from; closed with the inspector.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.trace: list[Exchange] = []
        self._generic = Client(source.open(NETLINK_GENERIC), self.trace)
        self._route = Client(source.open(NETLINK_ROUTE), self.trace)
        self._families: dict[str, Family | None] = {}
        self._links: list[Link] | None = None
        self._by_ifindex: dict[int, Link] = {}
        self._by_master: dict[int, list[Link]] = {}
        self._devices: Answer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.source.close()

    def links(self) -> list[Link]:
        """Every interface of the network namespace, asked once."""
        if self._links is None:
            self._links = [rtnl.pull_link(m) for m in self._route.ask(rtnl.getlink_dump())]
            for link in self._links:
                self._by_ifindex.setdefault(link.ifindex, link)
                if link.master is not None:
                    self._by_master.setdefault(link.master, []).append(link)
        return self._links

    def family(self, name: str) -> Family | None:
        """A generic netlink family; None where the kernel has none of this name."""
        if name not in self._families:
            try:
                request = genl.getfamily(name)
                self._families[name] = genl.pull_family(_one(self._generic.ask(request), request))
            except KernelError as error:
                if error.errno != errno.ENOENT:
                    raise
                self._families[name] = None
        return self._families[name]

    def ask(self, request: Request, decode: Callable[[list[Message]], object]) -> Answer:
        """Put one generic netlink question; a refusal, a malformed reply and none are answers too.

        What was asked cannot be judged where the answer's error is a `SourceError`.
        """
        value: object = None
        problem: XdpConformError | None = None
        try:
            value = decode(self._generic.ask(request))
        except (KernelError, WireError, SourceError) as error:
            # Its frames hold it, and all that was read: a circle, for each of a dozen refusals.
            problem = error.with_traceback(None)
        exchange = self.trace[-1]
        return Answer(request.what, exchange.request, exchange.replies, value, problem)

    def device(self, link: Link) -> Answer:
        """dev-get of one interface: an answer whose value is a `Device` if all went well.

        Raises:
            SourceError: the kernel has no netdev family.
            NoSuchInterface: the interface is gone.
        """
        family = self.family(netdev.FAMILY_NAME)
        if family is None:
            raise SourceError(NO_FAMILY)
        request = netdev.dev_get(family, link.ifindex)
        answer = self.ask(request, lambda replies: netdev.pull_device(_one(replies, request)))
        if answer.errno == errno.ENODEV:
            raise NoSuchInterface(f"interface {link.name} vanished while it was asked (ENODEV)")
        return answer

    def devices(self) -> Answer:
        """dev-get dump, asked once; its value: (message, `Device`) pairs by ifindex."""
        if self._devices is None:
            family = self.family(netdev.FAMILY_NAME)
            if family is None:
                raise SourceError(NO_FAMILY)
            self._devices = self.ask(netdev.dev_get_dump(family), _by_ifindex)
        return self._devices

    def identity(self, link: Link, sysfs: dict[str, str]) -> Identity:
        """Which device it is.

        Raises:
            NoSuchInterface: the interface is gone.
        """
        try:
            info = self.source.drvinfo(link.raw_name)
        except SourceError as error:
            raise NoSuchInterface(
                f"interface {link.name} vanished while it was asked ({error})"
            ) from error
        told = DRVINFO.unpack_from(info) if len(info) >= DRVINFO.size else (b"",) * 4
        words = [_words(field) for field in told]
        sysfs_driver = (
            os.path.basename(sysfs["device/driver"]) if "device/driver" in sysfs else None
        )
        loopback = "loopback" if link.link_type == "loopback" else None
        bus = sysfs.get("device/subsystem")
        return Identity(
            ifname=link.name,
            ifindex=link.ifindex,
            driver=words[0] or sysfs_driver or link.kind or loopback,
            driver_version=words[1],
            firmware=words[2],
            bus_info=words[3],
            sysfs_driver=sysfs_driver,
            bus=os.path.basename(bus) if bus else None,
            kind=link.kind,
            pci=_pci(sysfs),
            kernel=self.source.release(),
        )

    def queues(self, link: Link, sysfs: dict[str, str]) -> QueueCounts:
        """How many queues: by ethtool netlink, and counted in sysfs."""
        counted_rx, counted_tx = _counted(sysfs, "rx-"), _counted(sysfs, "tx-")
        channels = self._ethtool(link, ethtool.channels_get, ethtool.pull_channels)
        if channels is None:
            return QueueCounts(counted_rx=counted_rx, counted_tx=counted_tx)
        return QueueCounts(
            channels.rx,
            channels.tx,
            channels.combined,
            channels.rx_max,
            channels.tx_max,
            channels.combined_max,
            counted_rx,
            counted_tx,
        )

    def _ethtool(
        self,
        link: Link,
        request: Callable[[Family, int], Request],
        pull: Callable[[Message], T],
    ) -> T | None:
        try:
            family = self.family(ethtool.FAMILY_NAME)
            if family is None:
                return None
            question = request(family, link.ifindex)
            return pull(_one(self._generic.ask(question), question))
        except (WireError, NotRecorded):
            return None  # known as little as with EOPNOTSUPP
        except KernelError as error:
            if error.errno == errno.ENODEV:
                raise NoSuchInterface(
                    f"interface {link.name} vanished while it was asked"
                ) from error
            return None  # EOPNOTSUPP: the driver has no such operation

    def features(self, link: Link) -> frozenset[str] | None:
        """The names of ethtool's features that are on; None where they cannot be read."""
        features = self._ethtool(link, ethtool.features_get, ethtool.pull_features)
        return features.active if features is not None else None

    def nic(self, link: Link, taken: Iterable[str] = (), *, deep: bool = True) -> Nic:
        """Everything the suites judge at level claims.

        Args:
            link: which one, from `links`.
            taken: ids that other NICs of the run have.
            deep: false leaves out what only profiles need, for ``show``.

        Raises:
            NoSuchInterface: it vanished meanwhile.
            SourceError: the source cannot be asked.
        """
        sysfs = self.source.sysfs(link.raw_name, SYSFS)
        state = ATTACHED if link.xdp == "native" else IDLE
        nic = Nic(
            id=safe_id(link.name, taken),
            identity=self.identity(link, sysfs),
            link=link,
            state=state,
            capabilities={},
            queues=self.queues(link, sysfs),
            sysfs=sysfs,
        )
        if self.family(netdev.FAMILY_NAME) is None:
            nic = nic._replace(unknown=NO_FAMILY)
        else:
            answer = self.device(link)
            if isinstance(answer.value, netdev.Device):
                nic = nic._replace(capabilities={state: answer.value.capabilities})
            else:
                nic = nic._replace(unknown=f"dev-get of {link.name} failed: {answer.error}")
            nic = nic._replace(answers={"dev-get": answer})
        return self._deepen(nic) if deep else nic

    def _deepen(self, nic: Nic) -> Nic:
        link = nic.link
        return nic._replace(
            features=self.features(link),
            peer=self._peer(link) if link.kind == "veth" else None,
            ports=self._ports(link),
        )

    def _peer(self, link: Link) -> Peer | None:
        if link.lower is None or link.lower_elsewhere:
            return None
        self.links()
        other = self._by_ifindex.get(link.lower)
        if other is None or other.lower != link.ifindex:
            return None
        features = self.features(other)
        sysfs = self.source.sysfs(other.raw_name, _FEW_SYSFS)
        return Peer(
            xdp=other.xdp,
            gro=None if features is None else "rx-gro" in features,
            tx_queues=_counted(sysfs, "tx-"),
            up=other.up,
        )

    def _ports(self, link: Link) -> tuple[Capabilities, ...] | None:
        self.links()
        ports = self._by_master.get(link.ifindex, [])
        if link.kind != "bond" or self.family(netdev.FAMILY_NAME) is None:
            return None
        devices = [self.device(port).value for port in ports]
        known = [d.capabilities for d in devices if isinstance(d, netdev.Device)]
        return tuple(known) if len(known) == len(ports) else None


def stored_links(source: Stored, inspector: Inspector) -> list[Link]:
    """The links that a recording or mock is about, in its order; not those that stand beside them.

    Raises:
        SourceError: its links lack one that it names.
    """
    links = {link.name: link for link in reversed(inspector.links())}
    for name in source.ifaces:
        if name not in links:
            raise SourceError(
                f"{shown(source.name)} is about {shown(name)}, and its links do not name it"
            )
    return [links[name] for name in dict.fromkeys(source.ifaces)]


def _counted(sysfs: dict[str, str], prefix: str) -> int:
    return sum(name.startswith(prefix) for name in sysfs.get("queues/", "").split())


def _one(messages: list[Message], request: Request) -> Message:
    if len(messages) != 1:
        raise WireError(f"{request.what}: {len(messages)} replies in place of one")
    return messages[0]


def _by_ifindex(messages: list[Message]) -> dict[int | None, list[tuple[Message, Device]]]:
    found: dict[int | None, list[tuple[Message, Device]]] = {}
    for message in messages:
        device = netdev.pull_device(message)
        found.setdefault(device.ifindex, []).append((message, device))
    return found


def _words(field: bytes) -> str | None:
    text = field.split(b"\0", 1)[0].strip()
    return text.decode("utf-8", "backslashreplace") or None


def _pci(sysfs: dict[str, str]) -> str | None:
    bus = os.path.basename(sysfs.get("device/subsystem", ""))
    folder = {"pci": "device/", "virtio": "device/../"}.get(bus)
    if folder is None or folder + "vendor" not in sysfs:
        return None

    def number(name: str) -> str:
        return sysfs.get(folder + name, "?").removeprefix("0x")

    text = f"{number('vendor')}:{number('device')}"
    if folder + "subsystem_vendor" in sysfs:
        text += f" subsystem {number('subsystem_vendor')}:{number('subsystem_device')}"
    return text
