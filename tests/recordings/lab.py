# SPDX-License-Identifier: MIT
"""The virtual lab's recordings, and which row of the drivers' sources each is of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.profiles.rows import BOTH, MRG, NO_MRG, WITH_PORTS, Case
from xdpconform.nic import ATTACHED, IDLE
from xdpconform.sources.recording import files_of, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = Path(__file__).parents[2] / "recordings/lab"
FILES = files_of([str(FOLDER)])
KERNELS = {
    "6.1": "6.1.0-56-amd64",
    "6.12": "6.12.118+deb13-amd64",
    "7.3": "7.3.4+deb13-amd64",
}
"""The release of each series, as uname -r prints it."""
OLD = "6.1"
"""It has no netdev family, which is of 6.3: no claim can be asked for."""
NO_FAMILY = (
    "this kernel has no netdev family (CONFIG_NET, Linux 6.3 or later):"
    " what the NIC claims is unknown; boot a newer kernel"
)
"""Why its lines are blocked."""

MADE = ("bridge", "dummy", "gre", "ifb", "ipvlan", "macvlan", "team", "vlan", "vrf", "vxlan")
PLAIN = (
    *("8139cp", "e100", "e1000", "e1000e", "igbvf", "ne2k-pci", "pcnet32", "tulip", "wireguard"),
    *MADE,
)
"""NICs whose drivers claim nothing."""
NICS = {
    "igb": Case("igb", "default"),
    "virtio_net": Case("virtio_net", MRG),
    "virtio_mq": Case("virtio_net", MRG),
    "virtio_nogst": Case("virtio_net", MRG),
    "virtio_nomrg": Case("virtio_net", NO_MRG),
    "vmxnet3": Case("vmxnet3", "default"),
    "vmxnet3-detached": Case("vmxnet3", "default", minus=("ndo-xmit",)),
    "veth": Case("veth", "default"),
    "bond": Case("bonding", WITH_PORTS, "plain", plus=BOTH),
    "tap": Case("tun", "TAP", "TAP"),
    "tun": Case("tun", "TUN", "TUN"),
    "netkit": Case("netkit", "pair device", "pair"),
    "netdevsim": Case("netdevsim", "default", "port"),
    **dict.fromkeys(PLAIN, Case("*", "any other")),
}
"""What each NIC is a row of. The bond's claims are those of its port, a veth."""
TAKES = {"igb", "virtio_net", "virtio_mq", "virtio_nomrg", "vmxnet3"} | {
    *("veth", "bond", "tap", "netdevsim")
}
"""NICs that take a native program, so that there is a recording of both states.

virtio_nogst claims to, and refuses: its host does not let it switch off its offloads.
"""
LACKS = {"netkit", "vmxnet3-detached"} | {"virtio_mq", "virtio_nogst", "virtio_nomrg"}
"""NICs without a recording of the old kernel: netkit is not in it, and of the others it would say
what it says of another NIC of their driver."""
REFUSES = {"vmxnet3"}
"""NICs that take no native program there."""


class Recorded(NamedTuple):
    """What a file is of, by its name."""

    nic: str
    series: str
    state: str

    @property
    def path(self) -> Path:
        """Its file."""
        name = f"{self.nic}-{KERNELS[self.series]}-{self.state}.rec.json"
        return FOLDER / self.series / name

    @property
    def case(self) -> Case:
        """Its row."""
        return NICS[self.nic]


def _expected() -> Iterable[Recorded]:
    for series in KERNELS:
        old = series == OLD
        for nic in NICS:
            if not (old and nic in LACKS):
                yield Recorded(nic, series, IDLE)
                if nic in TAKES and not (old and nic in REFUSES):
                    yield Recorded(nic, series, ATTACHED)


RECORDED = list(_expected())
"""Every recording that there must be."""


def each(*series: str) -> Any:
    """Parametrize with the recordings of these kernels."""
    found = [one for one in RECORDED if one.series in series]
    return pytest.mark.parametrize("one", found, ids=[name_of(one.path) for one in found])


__all__ = ["FILES", "KERNELS", "NO_FAMILY", "OLD", "RECORDED", "Recorded", "each"]
