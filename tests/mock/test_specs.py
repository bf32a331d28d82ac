# SPDX-License-Identifier: MIT
"""Every row of the drivers' table as a mock, and the words that name one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.judge.suite import all_lines
from tests.mock.judged import judged, snapshot
from xdpconform.errors import InputError
from xdpconform.judge import Outcome
from xdpconform.mock import MockKernel, mock_of, parse
from xdpconform.netlink.netdev import XskFlags, flag_names
from xdpconform.nic import ATTACHED, IDLE, Nic

MOCK = Path(__file__).parents[2] / "xdpconform" / "mock"
ROWS: list[dict[str, Any]] = json.loads((MOCK / "rows.json").read_text())
BY_PORTS = {("bonding", "plain")}
"""Rows whose claims are computed: see the tests of their own."""
OF_NO_PROFILE = {line.name for line in all_lines() if not line.wants_profile}
"""Lines that every row has to pass; of some drivers the profiles know that they claim too much."""
FACTS = Path(__file__).parents[1] / "profiles" / "data" / "rows.json"


def claims(nic: Nic) -> tuple[set[str], int | None]:
    """What a NIC claims, and its number of segments."""
    now = nic.now
    assert now is not None
    return set(now.names()), now.zc_max_segs


def test_rows() -> None:
    """There are 78 rows, each with a name of its own that is safe everywhere."""
    names = [f"{row['driver']}:{row['name']}" for row in ROWS]

    assert 78 == len(names) == len({*names})
    assert [] == [name for name in names if not re.fullmatch(r"[A-Za-z0-9_.:-]+", name)]


def test_rows_as_profiles_have_them() -> None:
    """The shipped rows say what the rows that profiles are tested with say."""
    theirs = json.loads(FACTS.read_text())
    keys = {
        "idle": "xdp_features",
        "attached": "xdp_features_with_prog",
        "zc-max-segs": "xdp_zc_max_segs",
        "rx-metadata": "rx_metadata",
        "xsk-features": "xsk_features",
    }
    expected = [
        (
            row["driver"].replace("*", "no-xdp"),
            row["variant"],
            {
                kernel: {ours: told[key] for ours, key in keys.items()}
                for kernel, told in row["versions"].items()
            },
        )
        for row in theirs
    ]

    assert expected == [(row["driver"], row["variant"], row["kernels"]) for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['driver']}-{row['name']}" for row in ROWS])
def test_row(row: dict[str, Any]) -> None:
    """A mock claims on each kernel and in each state what its row says, and answers rightly."""
    for kernel, told in row["kernels"].items():
        for state in (IDLE, ATTACHED):
            mock = mock_of(row["driver"], row["name"], kernel, state)
            found = judged(mock)
            nic = found.nic
            expected = {*(told[state] or ()), *told["rx-metadata"], *told["xsk-features"]}
            number = told["zc-max-segs"] if "xsk-zerocopy" in expected else None

            assert state == nic.state
            assert kernel == ".".join(nic.identity.kernel.split(".")[:2])
            if (row["driver"], row["name"]) not in BY_PORTS:
                assert (expected, 10 if isinstance(number, str) else number) == claims(nic)
            failed = {n for n, f in found.findings.items() if f.outcome is Outcome.FAIL}
            assert (mock.name, set()) == (mock.name, failed & OF_NO_PROFILE)


@pytest.mark.parametrize(
    ("word", "facts"),
    [
        ("veth", {"kind": "veth", "driver": "veth", "bus": None}),
        ("tun:TUN", {"kind": "tun", "driver": "tun", "bus": None}),
        (
            "virtio_net",
            {"driver": "virtio_net", "bus": "virtio", "pci": "1af4:1041 subsystem 1af4:0001"},
        ),
        ("mlx5e_rep", {"driver": "mlx5e_rep", "sysfs_driver": "mlx5_core", "bus": "pci"}),
        ("ice:SF", {"driver": "ice", "bus": "auxiliary"}),
        ("st_gmac", {"driver": "st_gmac", "sysfs_driver": "intel-eth-pci"}),
        ("fec", {"driver": "fec", "bus": "platform", "pci": None}),
        ("no-xdp", {"driver": "e1000e", "bus": "pci"}),
        ("mlx5_core", {"firmware": "22.41.1000 (MT_0000000359)"}),
    ],
)
def test_facts(word: str, facts: dict[str, str | None]) -> None:
    """A mock has the facts by which its driver and variant are known."""
    (mock,) = parse([word])
    identity = snapshot(mock).identity

    assert facts == {name: getattr(identity, name) for name in facts}


def test_pair() -> None:
    """The ends of a veth are each other's peer; a program on one makes the other take frames."""
    (mock,) = parse(["veth+attached"])
    ends = [
        snapshot(MockKernel(mock.nics.values(), mock.age, ifaces=[name]))
        for name in ("veth0", "veth1")
    ]

    assert ["veth0"] == mock.ifaces
    assert [(2, 3), (3, 2)] == [(one.link.ifindex, one.link.lower) for one in ends]
    assert ["none", "native"] == [one.peer.xdp for one in ends if one.peer is not None]
    assert {"ndo-xmit", "ndo-xmit-sg"} == claims(ends[1])[0] - claims(ends[0])[0]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("bonding:plain@6.12", ["basic", "redirect", "rx-sg"]),
        ("bonding:plain@7.3", ["basic", "redirect", "rx-sg"]),
        ("bonding:plain+attached", ["basic", "ndo-xmit", "ndo-xmit-sg", "redirect", "rx-sg"]),
        ("bonding:unsupported", []),
    ],
)
def test_bond(word: str, expected: list[str]) -> None:
    """A bond claims what both of its ports do, zero copy left out, and nothing in other modes."""
    (mock,) = parse([word])
    nic = snapshot(mock)

    assert expected == sorted(claims(nic)[0])
    assert nic.ports is not None
    assert 2 == len(nic.ports)
    assert ["lo", "bond0", "eth1", "eth2"] == [one.name for one in mock.nics.values()]


def test_launch_time() -> None:
    """A flag that came with a kernel is claimed from that kernel on."""
    names = []
    for word in ("igc@6.12", "igc@7.3"):
        now = snapshot(parse([word])[0]).now
        assert now is not None
        names.append("tx-launch-time-fifo" in flag_names(now.xsk or XskFlags(0)))

    assert [False, True] == names


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("veth", "veth@7.3"),
        ("veth:default", "veth@7.3"),
        ("veth@6.12+attached", "veth@6.12+attached"),
        ("ice", "ice:PF@7.3"),
        ("ice:SF@6.3", "ice:SF@6.3"),
        ("sfc+silence+attached", "sfc:EF10@7.3+attached+silence"),
        ("veth+truncated-7", "veth@7.3+truncated-7"),
        ("lan966x-switch:no-fdma", "lan966x-switch:no-fdma@7.3"),
    ],
)
def test_names(word: str, name: str) -> None:
    """A word means one mock, which has the word's full form as its name and can be named so."""
    (mock,) = parse([word])

    assert name == mock.name
    assert [name] == [one.name for one in parse([name])]


def test_all() -> None:
    """All is every row on both kernels in both states, each under a name of its own."""
    names = [mock.name for mock in parse(["all"])]

    assert 78 * 4 == len(names) == len({*names})
    assert [] == [name for name in names if not re.fullmatch(r"[A-Za-z0-9_.:@+-]+", name)]
    assert names == [mock.name for mock in parse(names)]
    assert ["netdevsim@6.12", "netdevsim@6.12+attached", "netdevsim@7.3"] == names[:3]
    assert [] == parse([])


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (
            "vethh",
            "mock 'vethh': no driver 'vethh'; did you mean veth? there are: netdevsim, veth,",
        ),
        ("", "mock '': no driver ''; there are: netdevsim, veth,"),
        (
            "ice:Pf",
            (
                "mock 'ice:Pf': no variant of ice 'Pf'; did you mean PF? there are: PF,"
                " safe-mode, SF, representor"
            ),
        ),
        ("ice:", "mock 'ice:': no variant of ice ''; there are: PF, safe-mode, SF, representor"),
        (
            "veth@6.2",
            (
                "mock 'veth@6.2': no kernel '6.2'; did you mean 6.12? there are: 6.1, 6.3, 6.6,"
                " 6.7, 6.8, 6.12, 6.18, 7.3"
            ),
        ),
        ("veth@", "mock 'veth@': no kernel ''; there are: 6.1, 6.3,"),
        (
            "veth+silense",
            (
                "mock 'veth+silense': no state or fault 'silense'; did you mean silence? there are:"
                " attached, truncated-N, wrong-sequence,"
            ),
        ),
        ("veth+attached+attached", "mock 'veth+attached+attached': no state or fault 'attached';"),
        (
            "veth+silence+no-ack",
            "mock 'veth+silence+no-ack': one fault at a time, not silence and no-ack",
        ),
        ("veth+truncated-N", "mock 'veth+truncated-N': no state or fault 'truncated-N';"),
    ],
)
def test_refused(word: str, text: str) -> None:
    """A word that names nothing is refused with what there is."""
    with pytest.raises(InputError) as caught:
        parse([word])

    assert text == str(caught.value)[: len(text)]
