# SPDX-License-Identifier: MIT
"""What drivers of kernels 6.12 and 7.3 claim, row by row, as NICs of every kind of driver."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.facts.nics import KERNELS, STATES, capabilities, make_nic
from xdpconform.nic import ATTACHED, IDLE, Nic, Peer, QueueCounts
from xdpconform.profiles import load_all

DATA = Path(__file__).parent / "data"
ROWS: list[dict[str, Any]] = json.loads((DATA / "rows.json").read_text())
"""Copied from the kernels' sources: claims idle and with a native program attached, the lines
that they were read in, what the driver's name rests on, and claims that the code does not keep."""
PROFILES = load_all()

DAY = dt.date(2026, 12, 1)
"""The day that waivers are held against, whatever today is."""
FACTS, USUAL, NAMED = "facts", "usual", "named"
"""What tells a case's variant: facts; nothing, but it is the usual one; or the user alone."""


class Case(NamedTuple):
    """A row as a NIC: the facts that make it this row, and the variant that must be found."""

    driver: str
    row: str
    variant: str = ""
    told: str = FACTS
    facts: dict[str, Any] = {}  # noqa: RUF012 - never written to
    plus: tuple[str, ...] = ()
    """Claims that these facts add to the row's."""
    minus: tuple[str, ...] = ()
    segments: int | None = None
    """The row's number of segments where the device decides it."""
    only: tuple[str, str] | None = None
    """Only on this kernel and in this state."""

    @property
    def name(self) -> str:
        """An id."""
        extra = "-".join(("", *self.plus, *self.minus)) if self.plus or self.minus else ""
        more = f"-{self.segments}" if self.segments else ""
        return f"{self.driver}-{self.variant or 'default'}{extra}{more}".replace(" ", "_")


def virtio(*bits: int) -> dict[str, Any]:
    """The facts of a virtio device that negotiated these features."""
    features = "".join("1" if bit in bits else "0" for bit in range(64))
    return {"bus": "virtio", "sysfs_driver": "virtio_net", "sysfs": {"device/features": features}}


MRG_RXBUF, HASH_REPORT, RSS = 15, 57, 60
NO_MRG = "no VIRTIO_NET_F_MRG_RXBUF"
MRG = "VIRTIO_NET_F_MRG_RXBUF negotiated (usual)"
XMIT = ("ndo-xmit", "ndo-xmit-sg")
ALL = ("basic", "redirect", "rx-sg")


def pair(peer: Peer, *, up: bool = True) -> dict[str, Any]:
    """The facts of a veth with two queues."""
    return {"kind": "veth", "lower": 8, "peer": peer, "up": up}


ONE = capabilities(["basic", "redirect", "ndo-xmit", "xsk-zerocopy", "rx-sg"], 1)
TWO = capabilities(["basic", "redirect", "xsk-zerocopy", "rx-sg", "hash"], 8)
BOTH = ("basic", "redirect", "rx-sg")
NO_PORTS = (
    "no slaves, or mode not one of balance-rr/active-backup/802.3ad/balance-xor, or"
    " xmit_hash_policy vlan+srcmac"
)


def bond(mode: str, policy: str, *ports: Any) -> dict[str, Any]:
    """The facts of a bond."""
    sysfs = {"bonding/mode": mode, "bonding/xmit_hash_policy": policy}
    return {"kind": "bond", "sysfs": sysfs, "ports": ports}


WITH_PORTS = "supported mode and at least one slave"
BUSY = QueueCounts(combined=5, combined_max=8, counted_rx=5, counted_tx=5)
QUIET = QueueCounts(combined=4, combined_max=8, counted_rx=4, counted_tx=4)
PCI = {"bus": "pci"}
LRO_OFF, LRO_ON = "LRO off and HW-GRO off", "LRO or HW-GRO on (packet_merge != NONE)"
IS_OFF = frozenset({"rx-gro", "rx-checksum"})
AFTER = ("ndo-xmit",)
VF_PORT = {"sysfs": {"phys_port_name": "pf0vf1"}}
VF = {"sysfs": {"device/physfn": "../0000:01:00.0"}}
DOWN = {"up": False}
CASES = [
    Case("veth", "default", facts=pair(Peer("none", gro=False, tx_queues=1))),
    Case("veth", "default", plus=XMIT, facts=pair(Peer("native", gro=False, tx_queues=2))),
    Case("veth", "default", plus=XMIT, facts=pair(Peer("none", gro=True, tx_queues=1))),
    Case("veth", "default", minus=ALL, facts=pair(Peer("native", gro=False, tx_queues=3))),
    Case("veth", "default", minus=ALL, facts=pair(Peer("none", gro=True, tx_queues=3))),
    Case("veth", "default", facts=pair(Peer("none", gro=True, tx_queues=1), up=False)),
    Case("veth", "default", facts=pair(Peer("none", gro=True, tx_queues=1, up=False))),
    Case("virtio_net", MRG, facts=virtio(MRG_RXBUF)),
    Case("virtio_net", MRG, plus=("hash",), facts=virtio(MRG_RXBUF, RSS)),
    Case("virtio_net", NO_MRG, facts=virtio()),
    Case("virtio_net", NO_MRG, plus=("hash",), facts=virtio(HASH_REPORT)),
    Case("tun", "TAP", "TAP", facts={"kind": "tun"}),
    Case("tun", "TUN", "TUN", facts={"kind": "tun", "link_type": "none"}),
    Case("*", "any other", facts={"driver": "e1000e"}),
    Case("*", "any other", facts={"driver": "loopback", "link_type": "loopback"}),
    Case("*", "any other", facts={"driver": "bridge", "kind": "bridge"}),
    Case("*", "any other", facts={"driver": "macvlan", "kind": "macvlan", "lower": 2}),
    Case("netdevsim", "default", "port"),
    Case("netdevsim", "default", "VF-port", facts=VF_PORT),
    Case("bonding", NO_PORTS, "plain", facts=bond("active-backup 1", "layer2 0")),
    Case("bonding", NO_PORTS, "unsupported", facts=bond("broadcast 3", "layer2 0", ONE)),
    Case("bonding", NO_PORTS, "unhashed", facts=bond("802.3ad 4", "vlan+srcmac 5", ONE)),
    Case(
        "bonding", WITH_PORTS, "plain", plus=BOTH, facts=bond("balance-rr 0", "layer2 0", ONE, TWO)
    ),
    Case(
        "bonding", WITH_PORTS, "hashed", plus=BOTH, facts=bond("802.3ad 4", "layer3+4 1", TWO, ONE)
    ),
    Case("netkit", "single device", "single", facts={"kind": "netkit"}),
    Case("netkit", "pair device", "pair", facts={"kind": "netkit", "lower": 9}),
    Case("vmxnet3", "default"),
    Case("vmxnet3", "default", minus=AFTER, only=("6.12", IDLE)),
    Case("vmxnet3", "default", minus=AFTER, only=("7.3", IDLE)),
    Case("vmxnet3", "default", facts=DOWN),
    Case("vmxnet3", "default", minus=AFTER, facts=DOWN, only=("7.3", ATTACHED)),
    Case("rvu-nicpf", "PF"),
    Case("rvu-nicpf", "PF", minus=AFTER, only=("7.3", IDLE)),
    Case("rvu-nicvf", "VF"),
    *(
        Case(driver, "default")
        for driver in (
            *("hv_netvsc", "vif", "mana", "sfc_siena", "fsl_dpa", "netsec", "cpsw", "cpsw-switch"),
            *("am65-cpsw-nuss", "ionic", "atlantic", "ixgbe", "ixgbevf", "igc", "igb", "mlx4_en"),
            *("fbnic", "funeth", "st_gmac", "tsnep", "icssg-prueth"),
        )
    ),
    Case("st_gmac", "default", facts={"driver": "st_xgmac", "sysfs_driver": "dwmac-generic"}),
    Case("fsl_enetc", "PF"),
    Case("nxp_enetc4", "PF"),
    Case("fsl_enetc_vf", "VF"),
    Case("mlx5e_rep", "representor"),
    Case("qede", "PF, or VF", "PF"),
    Case("qede", "PF, or VF", "VF", NAMED, VF),
    Case("qede", "VF without", "VF-without", NAMED, VF),
    Case("ice", "PF, DDP", "PF", USUAL, {**PCI, "sysfs": {"phys_port_name": "p0"}}),
    Case("ice", "safe mode", "safe-mode", NAMED, PCI),
    Case("ice", "subfunction", "SF", facts={"bus": "auxiliary"}),
    Case(
        "ice",
        "port representor",
        "representor",
        facts={**PCI, **VF_PORT},
    ),
    Case("i40e", "main VSI", "main", USUAL),
    Case("i40e", "non-main VSI", "VMDq", NAMED),
    Case("idpf", "split", "split", USUAL, segments=10),
    Case("idpf", "split", "split", USUAL, segments=1),
    Case("idpf", "split", "split", USUAL, minus=("xsk-zerocopy",), only=("7.3", IDLE)),
    Case("idpf", "single", "single", NAMED),
    Case("mlx5_core", LRO_OFF, "plain", facts={"features": IS_OFF}),
    Case("mlx5_core", LRO_ON, "merging", facts={"features": IS_OFF | {"rx-lro"}}),
    Case("mlx5_core", LRO_ON, "merging", facts={"features": frozenset({"rx-gro-hw"})}),
    Case("ena", "2 * num_io_queues <=", "enough-queues", facts={"queues": QUIET}),
    *(
        Case(
            "ena",
            "2 * num_io_queues <=",
            "enough-queues",
            minus=AFTER,
            facts={"queues": QUIET},
            only=(kernel, ATTACHED),
        )
        for kernel in KERNELS
    ),
    Case("ena", "2 * num_io_queues > ", "too-few", facts={"queues": BUSY}),
    Case("gve", "GQI-QPL", "GQI-QPL", USUAL),
    Case("gve", "GQI-QPL", "GQI-QPL", USUAL, DOWN, minus=AFTER, only=("6.12", ATTACHED)),
    Case("gve", "DQO-RDA", "DQO-RDA", NAMED, DOWN, minus=AFTER, only=("7.3", ATTACHED)),
    Case("gve", "DQO-RDA", "DQO-RDA", NAMED),
    Case("gve", "DQO-QPL", "DQO-QPL", NAMED),
    Case("gve", "GQI-RDA", "GQI-RDA", NAMED),
    Case("bnxt_en", "PF or VF", "NIC", facts=PCI),
    Case("bnxt_en", "VF representor", "representor", facts={"sysfs": {"phys_port_name": "pf0vf3"}}),
    Case("sfc", "EF10 ", "EF10", facts={"sysfs_driver": "sfc"}),
    Case("sfc", "EF100", "EF100", facts={"sysfs_driver": "sfc_ef100"}),
    Case("nfp", "NFD3 datapath, firmware", "NFD3", USUAL),
    Case("nfp", "NFD3 datapath, BPF", "NFD3-bpf", NAMED),
    Case("nfp", "NFDK", "NFDK", NAMED),
    Case("nfp", "NFDK", "NFDK", NAMED, plus=("hw-offload",)),
    Case("nicvf", "not pass-1", "enough-queues", USUAL),
    Case("nicvf", "pass-1", "too-few", NAMED),
    Case("mtk_soc_eth", "NETSYS v2", "v2", USUAL),
    Case("mtk_soc_eth", "NETSYS v1", "v1", NAMED),
    Case("mvneta", "no hardware", "no-bm", USUAL),
    Case("mvneta", "hardware", "bm", NAMED),
    Case("mvpp2", "per-cpu", "per-cpu", USUAL),
    Case("mvpp2", "shared", "shared", NAMED),
    Case("fsl_dpaa2_eth", "WRIOP", "wriop3", USUAL),
    Case("fsl_dpaa2_eth", "older", "older", NAMED),
    Case("fec", "SoC without", "plain", USUAL),
    Case("fec", "SoC with ", "swap-frame", NAMED),
    Case("lan966x-switch", "FDMA in use", "fdma", USUAL),
    Case("lan966x-switch", "no FDMA", "no-fdma", NAMED),
]
"""Every row, some as several NICs."""


WAIVED: dict[tuple[str, str], dict[str, tuple[str, str]]] = {
    ("netdevsim", "VF-port"): {"XDP-FEAT-02": ("7.3", ""), "XDP-FEAT-06": ("7.3", "")},
    ("netkit", "single"): {"XDP-FEAT-02": ("7.3", ""), "XDP-FEAT-03": ("7.3", "")},
    ("bnxt_en", "NIC"): {"XDP-FEAT-08": ("", ATTACHED)},
    ("qede", "VF-without"): dict.fromkeys(("XDP-FEAT-02", "XDP-FEAT-03", "XDP-FEAT-04"), ("", "")),
    ("nfp", "NFD3"): {"XDP-FEAT-03": ("", "")},
    ("nfp", "NFD3-bpf"): {"XDP-FEAT-03": ("", "")},
}
"""Which lines of a row are waived: on this kernel or any, and in this state or any.

One more is waived of an ena that has lost its claim: see `waived_here`.
"""


def waived_here(case: Case, kernel: str, state: str) -> set[str]:
    """The lines of this row that only a waiver lets pass."""
    lines = WAIVED.get((case.driver, case.variant), {})
    found = {
        line
        for line, (only, during) in lines.items()
        if only in ("", kernel) and during in ("", state)
    }
    if case.driver == "ena" and "ndo-xmit" in case.minus:
        found.add("XDP-FEAT-04")
    return found


def row_of(case: Case) -> dict[str, Any]:
    """The one row that a case means."""
    (row,) = (r for r in ROWS if r["driver"] == case.driver and r["variant"].startswith(case.row))
    return row


def claims_of(case: Case, kernel: str, state: str) -> tuple[set[str], int | None]:
    """What the row claims on a kernel and in a state."""
    row = row_of(case)["versions"][kernel]
    features = row["xdp_features" if state == IDLE else "xdp_features_with_prog"] or []
    claims = {*features, *row["rx_metadata"], *row["xsk_features"], *case.plus} - {*case.minus}
    segments = row["xdp_zc_max_segs"] if "xsk-zerocopy" in claims else None
    return claims, case.segments if isinstance(segments, str) else segments


def nic_of(case: Case, kernel: str, state: str) -> Nic:
    """The NIC that a row describes."""
    facts = {"driver": case.driver, "kernel": KERNELS[kernel], **case.facts}
    return make_nic(*claims_of(case, kernel, state), state=state, **facts)


def situations(cases: list[Case]) -> list[tuple[Case, str, str]]:
    """Each case on each kernel and in each state where it exists."""
    return [
        (case, kernel, state)
        for case in cases
        for kernel in KERNELS
        for state in STATES
        if case.only in (None, (kernel, state))
    ]


__all__ = ["ATTACHED", "CASES", "Case", "nic_of", "situations", "waived_here"]
