# SPDX-License-Identifier: MIT
"""Which NICs have a run together in a guest."""

from __future__ import annotations

import pytest

from labs.virtual.guest.__main__ import _nic, together
from labs.virtual.guest.told import Job
from labs.virtual.nics import choose

NAMES = "vlan,igb,macvlan,tap,veth,tun"


@pytest.mark.parametrize(
    ("level", "side", "runs"),
    [
        ("claims", 2, ["vlan macvlan veth", "igb tap tun"]),
        ("attach", 2, ["igb", "tap", "veth", "vlan tun", "macvlan"]),
        ("packets", 4, ["igb", "tap", "veth", "vlan", "macvlan", "tun"]),
        ("packets", 1, ["igb", "tap", "veth", "vlan macvlan tun"]),
    ],
)
def test_together(level: str, side: int, runs: list[str]) -> None:
    """A NIC that frames come to is alone in its run, and its run is among the first."""
    groups = together(choose([NAMES]), level, side)

    assert runs == [" ".join(nic.name for nic in group) for group in groups]


def test_no_empty_run() -> None:
    """A run has a NIC, also where there are fewer NICs than runs at the same time."""
    groups = together(choose(["vlan"]), "packets", 4)

    assert [["vlan"]] == [[nic.name for nic in group] for group in groups]


def test_no_peer() -> None:
    """A NIC that has no peer in this guest has none to be named, though others of its kind have."""
    job = Job([0, 1], ["igb", "virtio_mq"], "packets", False, [], alone=["virtio_mq"])

    assert [True, False] == [_nic(job, name).peer for name in job.names]
    assert not _nic(job, "dummy").peer
