# SPDX-License-Identifier: MIT
"""What a run above level claims may be asked for, and what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from xdpconform.errors import Blocked, InputError
from xdpconform.live import Setup, bench_of, check
from xdpconform.probes.bench import Bench, no_bench

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Testbed

PACKETS = Setup("packets")
VETH = PACKETS._replace(testbed="veth")
TOGETHER = "do not go together: choose one of them"

# name: what is asked for, the NICs named, and what is wrong
WRONG: dict[str, tuple[Setup, list[str], str]] = {
    "testbed and peer": (
        VETH._replace(peer="eth1"),
        [],
        f"--testbed and --peer {TOGETHER}",
    ),
    "all three": (
        VETH._replace(peer="eth1", loopback=True),
        ["eth0"],
        f"--testbed and --peer and --loopback {TOGETHER}",
    ),
    "peer and loopback": (
        PACKETS._replace(peer="eth1", loopback=True),
        ["eth0"],
        f"--peer and --loopback {TOGETHER}",
    ),
    "testbed and a NIC": (VETH, ["eth0"], "--testbed brings its own NIC: leave --iface out"),
    "testbed and a namespace": (
        VETH._replace(netns="x"),
        [],
        "--testbed makes its own namespace: leave --netns out",
    ),
    "peer of no NIC": (
        PACKETS._replace(peer="eth1"),
        [],
        "--peer belongs to one NIC: name it with --iface",
    ),
    "peer of two": (
        PACKETS._replace(peer="eth2"),
        ["eth0", "eth1"],
        "--peer belongs to one NIC: name it with --iface",
    ),
    "loopback of two": (
        PACKETS._replace(loopback=True),
        ["eth0", "eth1"],
        "--loopback belongs to one NIC: name it with --iface",
    ),
    "workers": (
        Setup("attach", workers=True),
        ["eth0"],
        "--level attach has a NIC to itself: run without pytest-xdist (-n 0)",
    ),
    "every port is mine": (
        PACKETS._replace(owned=("eth0", "all")),
        ["eth0"],
        (
            "--i-own-this-port all: it takes the name of one port, such as --i-own-this-port eth0;"
            " say it again for each"
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_refused(name: str) -> None:
    """What does not go together is refused, with what to type instead."""
    setup, ifaces, text = WRONG[name]

    with pytest.raises(InputError) as raised:
        check(setup, ifaces)

    assert text == str(raised.value)


@pytest.mark.parametrize(
    ("setup", "ifaces"),
    [
        (VETH, []),
        (VETH._replace(testbed="tap"), []),
        (PACKETS, ["eth0", "eth1"]),
        (PACKETS._replace(peer="eth1", netns="x", owned=("eth0", "eth1")), ["eth0"]),
        (PACKETS._replace(loopback=True), ["eth0"]),
        (Setup("attach"), ["all"]),
    ],
    ids=["veth", "tap", "alone", "peer", "loopback", "attach"],
)
def test_taken(setup: Setup, ifaces: list[str]) -> None:
    """What goes together is taken without a word."""
    assert check(setup, ifaces) is None  # type: ignore[func-returns-value]


def see(bench: Bench) -> str:
    """Why nothing can be seen on a bench."""

    def probe(_bed: Testbed) -> str:
        return "seen"

    try:
        return bench.see(probe)
    except Blocked as error:
        return str(error)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("kernel", "a run of level claims only reads: say --level attach or --level packets"),
        ("recording", "a recording runs no programs: run pytest --iface on the NIC itself"),
        ("mock", "a mock runs no programs: run pytest --iface on the NIC itself"),
    ],
)
def test_no_bench(source: str, text: str) -> None:
    """A NIC that is not tried says why, and what to type."""
    assert text == see(bench_of(None, source))


def test_bench() -> None:
    """A NIC that is tried has its own bench, wherever it comes from."""
    bench = no_bench("mine")

    assert bench is bench_of(bench, "recording")
    there = Bench(lambda: cast("Testbed", None), cast("Testbed", object()))
    assert "seen" == see(bench_of(there, "kernel"))


ROOT = Path(__file__).parent.parent


def told(dropped: str) -> str:
    """What a process says that may not do these things."""
    if os.geteuid() != 0:
        pytest.skip("to drop capabilities needs root")
    done = subprocess.run(
        [
            *("setpriv", f"--bounding-set={dropped}", sys.executable, "-c"),
            "from xdpconform.live import unprivileged; print(unprivileged())",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    return done.stdout.strip()


HOW = "run as root, or with CAP_NET_ADMIN, CAP_BPF, CAP_NET_RAW and CAP_PERFMON"


@pytest.mark.parametrize(
    ("dropped", "text"),
    [
        ("-sys_time", ""),
        ("-net_admin", f"it needs CAP_NET_ADMIN: {HOW}"),
        ("-net_admin,-net_raw", f"it needs CAP_NET_ADMIN and CAP_NET_RAW: {HOW}"),
        ("-bpf,-perfmon", ""),
        ("-bpf,-sys_admin", f"it needs CAP_BPF: {HOW}"),
        (
            "-all",
            (f"it needs CAP_NET_ADMIN and CAP_NET_RAW and CAP_PERFMON and CAP_BPF: {HOW}"),
        ),
    ],
    ids=["enough", "no settings", "no frames", "by CAP_SYS_ADMIN", "no programs", "nothing"],
)
def test_unprivileged(dropped: str, text: str) -> None:
    """What a process may not do is named, and how it could."""
    assert text == told(dropped)
