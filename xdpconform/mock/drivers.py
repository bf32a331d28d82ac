# SPDX-License-Identifier: MIT
"""Drivers row by row: the facts that make a NIC of the mock this driver, in this variant.

rows.json says what each claims on kernels 6.12 and 7.3, idle and with a native program attached,
as read in their sources. Where a row says how a claim is computed, here is a device to compute
it of: a bond has ports, an idpf a number of segments.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.mock.nic import XDP_ACT, Channels, Claims, DrvInfo, Features, MockNic, bits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

NO_XDP: Final = "no-xdp"
"""The row of every driver without XDP, as the example of one that is common."""
STATES: Final = ("idle", "attached")
BESIDE: Final = 1
"""ifindex of lo, which stands beside in every namespace."""
IFINDEX: Final = 2
"""ifindex of the NIC that a mock is about."""
PROGRAM: Final = 17
"""prog_id of the attached program."""

_ON: Final = frozenset({"rx-gro", "rx-checksum", "tx-checksum-ip-generic", "highdma"})
_LO_ON: Final = frozenset({"loopback", "tx-gso-list", "rx-gro"})
_TWO: Final = Channels(combined_max=8, combined=2)


class Facts(NamedTuple):
    """What makes a NIC of a row besides its claims."""

    bus: str = "pci"
    """In sysfs; empty for a device without parent."""
    kind: str = ""
    """rtnetlink's kind"""
    link_type: str = "ether"
    driver: str = ""
    """What ETHTOOL_GDRVINFO says, if it is not the row's name."""
    name: str = "eth0"
    queues: tuple[int, int] = (2, 2)
    channels: Channels | None = _TWO
    features: frozenset[str] = _ON
    sysfs: Mapping[str, str] = {}
    firmware: str = ""
    segments: int | None = None
    """Where the row says that the device decides."""
    peer: str = ""
    """The name of the other end of a pair."""
    ports: tuple[str, ...] = ()
    """The names of what is enslaved to it."""


def _virtual(kind: str, name: str, **more: Any) -> Facts:
    one = Facts(bus="", kind=kind, name=name, queues=(1, 1), channels=None)
    return one._replace(**more)


def _virtio(*numbers: int) -> Facts:
    # /sys/class/net/IFNAME/device/features: a digit a bit, the lowest first
    text = "".join("1" if bit in numbers else "0" for bit in range(64))
    ids = {f"device/../{name}": value for name, value in _ids("0x1af4", "0x1041").items()}
    return Facts(bus="virtio", sysfs={"device/features": text, **ids}, queues=(2, 2))


def _ids(vendor: str, device: str) -> dict[str, str]:
    return {
        "vendor": vendor,
        "device": device,
        "subsystem_vendor": vendor,
        "subsystem_device": "0x0001",
    }


def _port(name: str) -> Facts:
    return Facts(sysfs={"phys_port_name": name})


def _bond(mode: str, policy: str) -> Facts:
    sysfs = {"bonding/mode": mode, "bonding/xmit_hash_policy": policy}
    return _virtual("bond", "bond0", sysfs=sysfs, ports=("eth1", "eth2"))


_MRG_RXBUF: Final = 15
"""VIRTIO_NET_F_MRG_RXBUF, include/uapi/linux/virtio_net.h"""
_BUSY: Final = Channels(combined_max=8, combined=5)
_QUIET: Final = Channels(combined_max=8, combined=4)
_PLATFORM: Final = Facts(bus="platform", channels=None)

_FACTS: Final[dict[str, Facts]] = {
    "netdevsim": Facts(bus="netdevsim", channels=Channels(combined_max=2, combined=2)),
    "veth": _virtual(
        "veth", "veth0", peer="veth1", channels=Channels(rx_max=1, tx_max=1, rx=1, tx=1),
        features=frozenset({"rx-checksum", "tx-checksum-ip-generic"}),
    ),
    "tun:TAP": _virtual("tun", "tap0"),
    "tun:TUN": _virtual("tun", "tun0", link_type="none"),
    "virtio_net:mrg-rxbuf": _virtio(_MRG_RXBUF),
    "virtio_net:no-mrg-rxbuf": _virtio(),
    "bonding:unsupported": _bond("broadcast 3", "layer2 0"),
    "bonding:plain": _bond("balance-rr 0", "layer2 0"),
    "netkit:single": _virtual("netkit", "nk0"),
    "netkit:pair": _virtual("netkit", "nk0", peer="nk1"),
    "hv_netvsc": Facts(bus="vmbus"),
    "vif": Facts(bus="xen"),
    "ice:PF": _port("p0")._replace(firmware="4.60 0x8001e1f2 1.3682.0"),
    "ice:SF": Facts(bus="auxiliary"),
    "ice:representor": _port("pf0vf1"),
    "idpf:split": Facts(segments=10),
    "mlx5_core": Facts(firmware="22.41.1000 (MT_0000000359)"),
    "mlx5_core:merging": Facts(features=_ON | {"rx-lro"}),
    "mlx5e_rep": _port("pf0vf1"),
    "ena:enough-queues": Facts(queues=(4, 4), channels=_QUIET),
    "ena:too-few": Facts(queues=(5, 5), channels=_BUSY),
    "bnxt_en:representor": _port("pf0vf3"),
    "qede:VF-without": Facts(sysfs={"device/physfn": "../0000:01:00.0"}),
    **dict.fromkeys(
        (
            *("tsnep", "mtk_soc_eth", "mvneta", "mvpp2", "fsl_dpa", "fec", "netsec"),
            *("lan966x-switch", "cpsw", "cpsw-switch", "am65-cpsw-nuss", "icssg-prueth"),
        ),
        _PLATFORM,
    ),
    "fsl_dpaa2_eth": Facts(bus="fsl-mc", channels=None),
    NO_XDP: Facts(driver="e1000e", channels=None, queues=(1, 1), firmware="0.13-4"),
}  # fmt: skip
"""By driver or ``driver:variant``; every other one is a PCI device with two queues."""


@cache
def rows() -> dict[str, dict[str, dict[str, Any]]]:
    """The rows by driver and variant, in the order of rows.json."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    text = files("xdpconform.mock").joinpath("rows.json").read_text(encoding="utf-8")
    for row in json.loads(text):
        found.setdefault(row["driver"], {})[row["name"]] = row
    return found


def claims_of(row: Mapping[str, Any], kernel: str, state: str, segments: int | None) -> Claims:
    """What a row claims; `segments` stands where the row says that the device decides."""
    told = row["kernels"][kernel]
    names = [*(told[state] or ()), *told["rx-metadata"], *told["xsk-features"]]
    number = told["zc-max-segs"]
    return Claims.named(names, segments if isinstance(number, str) else number)


def nics(driver: str, variant: str, kernel: str, state: str) -> tuple[list[MockNic], str]:
    """The NICs of a namespace, and the name of the one that it is about.

    Args:
        driver: of `rows`.
        variant: of the driver.
        kernel: ``6.12`` or ``7.3``.
        state: one of `STATES`.
    """
    row = rows()[driver][variant]
    facts = _FACTS.get(f"{driver}:{variant}") or _FACTS.get(driver) or Facts()
    found = [_lo(), _nic(row, facts, kernel, state)]
    if facts.peer:
        found += _paired(found.pop(), facts.peer, state)
    if facts.ports:
        found += _bonded(found.pop(), facts.ports, kernel, state)
    return found, facts.name


def _lo() -> MockNic:
    return MockNic(
        BESIDE,
        "lo",
        link_type="loopback",
        mtu=65536,
        features=Features(_LO_ON, wanted=_LO_ON),
        drvinfo=None,
    )


def _nic(row: Mapping[str, Any], facts: Facts, kernel: str, state: str) -> MockNic:
    driver = facts.driver or row["driver"]
    rx_queues, tx_queues = facts.queues
    return MockNic(
        IFINDEX,
        facts.name,
        claims_of(row, kernel, state, facts.segments),
        kind=facts.kind,
        link_type=facts.link_type,
        xdp="native" if state == "attached" else "none",
        prog_id=PROGRAM if state == "attached" else 0,
        rx_queues=rx_queues,
        tx_queues=tx_queues,
        channels=facts.channels,
        features=Features(facts.features, hw=facts.features, wanted=facts.features),
        drvinfo=DrvInfo(driver, "", facts.firmware, "0000:01:00.0" if facts.bus == "pci" else ""),
        sysfs=_sysfs(row["sysfs-driver"] or driver, facts),
    )


def _sysfs(driver: str, facts: Facts) -> dict[str, str]:
    if not facts.bus:
        return dict(facts.sysfs)
    ids = _ids("0x1d6a", "0x0001") if facts.bus == "pci" else {}
    return {
        "device/driver": f"../../../bus/{facts.bus}/drivers/{driver}",
        "device/subsystem": f"../../../bus/{facts.bus}",
        **{f"device/{name}": value for name, value in ids.items()},
        **facts.sysfs,
    }


def _paired(nic: MockNic, peer: str, state: str) -> list[MockNic]:
    claims = nic.claims
    if nic.kind == "veth" and state == "attached":
        # A program at one end is what makes the other take redirected frames.
        xdp = claims.xdp | bits(("ndo-xmit", "ndo-xmit-sg"), XDP_ACT)
        claims = claims._replace(xdp=xdp)
    other = nic._replace(
        ifindex=IFINDEX + 1, name=peer, claims=claims, xdp="none", prog_id=0, lower=IFINDEX
    )
    return [nic._replace(lower=IFINDEX + 1), other]


def _bonded(bond: MockNic, names: tuple[str, ...], kernel: str, state: str) -> list[MockNic]:
    # bond_xdp_set_features, drivers/net/bonding/bond_main.c: what all ports can, but zero copy. A
    # program on the bond is on its ports.
    row, facts = rows()["virtio_net"]["mrg-rxbuf"], _FACTS["virtio_net:mrg-rxbuf"]
    mode = bond.sysfs["bonding/mode"].split()[0]
    supported = mode in ("balance-rr", "active-backup", "802.3ad", "balance-xor")
    ports_state = state if supported else "idle"
    ports = [
        _nic(row, facts, kernel, ports_state)._replace(
            ifindex=IFINDEX + number, name=name, master=IFINDEX
        )
        for number, name in enumerate(names, 1)
    ]
    xdp = bits(set(XDP_ACT) - {"xsk-zerocopy"}, XDP_ACT) if supported else 0
    for port in ports:
        xdp &= port.claims.xdp
    return [bond._replace(claims=bond.claims._replace(xdp=xdp)), *ports]
