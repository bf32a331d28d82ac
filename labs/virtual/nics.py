# SPDX-License-Identifier: MIT
"""The NICs of the lab: how QEMU or the guest makes each, and which modules it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from xdpconform.errors import InputError

PEER_LETTER: Final = "p"
"""Before the name of a NIC, or of its tap: that of its peer."""


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attribute of IFLA_INFO_DATA."""

    type: int
    value: int
    size: int
    """Bytes: 1, 2 or 4."""


class Nic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A NIC that a guest can have."""

    name: str
    """Also of the interface: the second port of the wire has a ``p`` before it."""
    modules: tuple[str, ...]
    device: str = ""
    """QEMU's device with its properties; empty for what the guest makes itself."""
    bus: str = ""
    """``pcie``: it stands behind a root port of its own."""
    tap: int = 0
    """Queues of a tap that it has in place of a wire of QEMU's own: then it takes over the host's
    offloads, which no such wire offers. Its peer has one with a single queue."""
    kind: str = ""
    """IFLA_INFO_KIND of what the guest makes; ``tun`` and ``tap`` are made by /dev/net/tun,
    ``netdevsim`` by its bus."""
    lower: str = ""
    """``link``: on top of a veth; ``port``: a veth is its member."""
    data: tuple[Data, ...] = ()
    vf: bool = False
    """It is the first virtual function of the device (SR-IOV), which is the lower one."""
    peer: bool = True
    """Whether something is at the other end of a wire, for frames."""

    @property
    def peer_name(self) -> str:
        """The interface at the other end of the wire."""
        return f"{PEER_LETTER}{self.name}"

    @property
    def lower_name(self) -> str:
        """What is below: a veth whose other end is the peer, or a VF's physical function."""
        return f"l{self.name}"


TAP: Final = "tap"
PEER: Final = "virtio-net-pci,disable-legacy=on"
"""The second port of each wire: it takes frames of any length and with any tag, and its link does
not go. What is lost or refused is the NIC's doing."""
PEERS: Final = (
    "-device", "pcie-root-port,id=wires,chassis=255",
    "-device", "pcie-pci-bridge,id=peers,bus=wires",
)  # fmt: skip
"""A bus of their own: that of the NICs has 31 places."""
LIMIT: Final = 14
"""Characters of a name: IFNAMSIZ without the final null and the peer's letter."""
COMMON: Final = ("virtio_pci", "virtio_console", "virtio_net", "af_packet", "veth", "tun", "dummy")
"""Modules of each guest: the port for results, and what the suite makes to try a NIC."""
MAYBE: Final = ("xsk_diag", "sch_ingress", "sch_mqprio", "sch_prio", "cls_bpf", "tcp_diag", "nsim")
"""Loaded where the kernel has them."""


def _virtio(name: str, options: str, tap: int = 0) -> Nic:
    modules = ("virtio_pci", "virtio_net")
    return Nic(name, modules, f"virtio-net-pci,{options}", tap=tap)


def _pci(name: str, device: str, module: str, bus: str = "") -> Nic:
    return Nic(name, (module,), device, bus)


def _made(kind: str, lower: str = "", *data: Data, modules: tuple[str, ...] | None = None) -> Nic:
    modules = (kind,) if modules is None else modules
    return Nic(kind, modules, kind=kind, lower=lower, data=data, peer=False)


_IOMMU: Final = "disable-legacy=on,iommu_platform=on"
NICS: Final = {
    nic.name: nic
    for nic in (
        _pci("igb", "igb", "igb", "pcie"),
        Nic("bond", ("bonding", "veth"), kind="bond", lower="port"),
        Nic("igbvf", ("igb", "igbvf"), "igb", "pcie", vf=True),
        _virtio("virtio_net", "disable-legacy=on"),
        # Queues for sockets in zero copy, and none left that a program could have for itself.
        _virtio("virtio_iommu", f"{_IOMMU},mq=on,vectors=6", tap=2),
        _virtio("virtio_mq", "disable-legacy=on,mq=on,vectors=10", tap=4),
        _virtio("virtio_nogst", "disable-legacy=on,ctrl_guest_offloads=off", tap=1),
        _virtio("virtio_nomrg", "disable-legacy=on,mrg_rxbuf=off"),
        _pci("vmxnet3", "vmxnet3", "vmxnet3"),
        _pci("e1000", "e1000", "e1000"),
        _pci("e1000e", "e1000e", "e1000e", "pcie"),
        _pci("8139cp", "rtl8139", "8139cp"),
        _pci("pcnet32", "pcnet", "pcnet32"),
        _pci("tulip", "tulip", "tulip"),
        _pci("e100", "i82557b", "e100"),
        _pci("ne2k-pci", "ne2k_pci", "ne2k_pci"),
        Nic("veth", ("veth",), kind="veth"),
        _made("team", "port", modules=("team", "veth")),
        _made("bridge", "port", modules=("bridge", "veth")),
        _made("dummy"),
        _made("ifb"),
        _made("macvlan", "link"),
        _made("ipvlan", "link"),
        _made("vlan", "link", Data(1, 5, 2), modules=("8021q",)),  # IFLA_VLAN_ID
        _made("vxlan", "", Data(1, 5, 4)),  # IFLA_VXLAN_ID
        _made("vrf", "", Data(1, 500, 4)),  # IFLA_VRF_TABLE
        _made("wireguard"),
        _made("gre", "", Data(7, 0x010200C0, 4), modules=("ip_gre",)),  # IFLA_GRE_REMOTE 192.0.2.1
        _made("netkit", modules=("netkit",)),
        _made("tun", modules=("tun",)),
        _made("tap", modules=("tun",)),
        _made("netdevsim"),
    )
}
"""By name, in the order in which they are tried: those first that take longest."""


def choose(words: Iterable[str]) -> list[Nic]:
    """The NICs that words mean: names, each perhaps several with commas; none means all.

    Raises:
        InputError: there is no such NIC; says which there are.
    """
    names = [name for word in words for name in word.split(",") if name]
    unknown = [name for name in names if name not in NICS]
    if unknown:
        raise InputError(f"no NIC {unknown[0]!r} in the lab; there are: {', '.join(NICS)}")
    return [NICS[name] for name in dict.fromkeys(names)] or list(NICS.values())


def mac(number: int, *, peer: bool = False) -> str:
    """The hardware address of a port, by which the guest tells it; locally administered."""
    return f"02:58:44:50:{number:02x}:{int(peer):02x}"


Wire = Callable[[Nic, int, bool], tuple[str, str]]
"""Where a port is connected, of a NIC with its number, or of its peer: QEMU's kind of network, and
the options of it."""


def hub(_nic: Nic, number: int, _peer: bool) -> tuple[str, str]:
    """A NIC alone on a wire of QEMU's own: its link is up."""
    return "hubport", f"hubid={number}"


def _tap(number: int, queues: int, peer: bool) -> str:
    name = f"{PEER_LETTER * peer}lab{number}"
    more = f",queues={queues}" if queues > 1 and not peer else ""
    return f"ifname={name},script=no,downscript=no{more}"


def devices(nics: Sequence[Nic], *, wired: bool, first: int = 0, wire: Wire = hub) -> list[str]:
    """QEMU's arguments for NICs, each on a wire of its own.

    Args:
        nics: what the guest gets.
        wired: whether a second port is on the wire.
        first: number of the first.
        wire: where each port is connected.
    """
    words = [*PEERS] if wired and any(nic.device and nic.peer for nic in nics) else []
    for number, nic in enumerate(nics, first):
        if not nic.device:
            continue
        for peer in (False, True)[: 1 + (wired and nic.peer)]:
            port = f"{number}p{int(peer)}"
            kind, options = TAP, _tap(number, nic.tap, peer)
            if not nic.tap:
                kind, options = wire(nic, number, peer)
            words += ["-netdev", f"{kind},id=n{port},{options}"]
            device, bus = (PEER, "peers") if peer else (nic.device, "pcie.0")
            if nic.bus == "pcie" and not peer:
                bus = f"r{port}"
                words += ["-device", f"pcie-root-port,id={bus},chassis={number + 1}"]
            words += [
                "-device",
                f"{device},bus={bus},netdev=n{port},mac={mac(number, peer=peer)},romfile=",
            ]
    return words
