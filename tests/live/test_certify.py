# SPDX-License-Identifier: MIT
"""Real NICs certified: the build machine's own, and virtual ones in namespaces of ours.

Each namespace is named after this process: what a killed run left behind, the next one removes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.bpf import native_program
from tests.live.links import set_gro
from tests.namespaces import Namespace, private_namespace
from tests.plugin.runs import Runs
from xdpconform.collector import EXIT_INCOMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.outputs.results import NicResults

pytest_plugins = ["pytester"]

VETH = ["basic", "redirect", "rx-sg"]
VETH_ALL = ["basic", "redirect", "ndo-xmit", "rx-sg", "ndo-xmit-sg"]


@pytest.fixture
def made() -> Iterator[Namespace]:
    """A private namespace."""
    with private_namespace() as namespace:
        yield namespace


def certify(runs: Runs, iface: str, netns: Namespace | None = None, status: int = 0) -> NicResults:
    """Certify one NIC; the run must end with this exit status."""
    words = ["--netns", netns.name] if netns else []
    report = f"--xdp-results={runs.path}"

    result = runs.real(*words, f"--iface={iface}", "-p", "no:html", report)

    assert status == result.ret
    (nic,) = runs.results().nics
    return nic


def claims(nic: NicResults, state: str = "idle") -> list[str] | None:
    """xdp-features in the only state seen."""
    assert [state] == list(nic.capabilities)
    return nic.capabilities["attached" if state == "attached" else "idle"].xdp_features


def not_good(nic: NicResults) -> dict[str, str]:
    """The lines that kept it from conforming."""
    good = ("pass", "not-claimed")
    return {x.requirement: x.kind or x.outcome for x in nic.results if x.outcome not in good}


def pair(made: Namespace, *, up: bool = True, more: str = "", peer: str = "") -> None:
    """A veth pair va and vb."""
    made.batch(f"link add va {more} type veth peer name vb {peer}")
    if up:
        made.batch("link set va up", "link set vb up")


def test_eth0(runs: Runs) -> None:
    """The build machine's NIC conforms; it is only read."""
    driver = Path("/sys/class/net/eth0/device/driver")
    if not driver.exists() or driver.resolve().name != "virtio_net":
        pytest.skip("eth0 is no virtio_net device here")

    nic = certify(runs, "eth0")

    assert ("CONFORMS", "virtio_net") == (nic.verdict, nic.profile and nic.profile.name)
    assert {"basic", "redirect"} <= set(claims(nic) or ())


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
def test_veth(runs: Runs, made: Namespace, up: bool) -> None:
    """A veth at rest conforms, up or down."""
    pair(made, up=up)

    nic = certify(runs, "va", made)

    assert ("CONFORMS", VETH) == (nic.verdict, claims(nic))


def test_veth_gro(runs: Runs, made: Namespace) -> None:
    """With the peer's GRO on it claims ndo-xmit and ndo-xmit-sg, and conforms; off again, too."""
    pair(made)
    set_gro(made.name, "vb", on=True)

    nic = certify(runs, "va", made)

    assert ("CONFORMS", VETH_ALL) == (nic.verdict, claims(nic))
    set_gro(made.name, "vb", on=False)
    assert VETH == claims(certify(runs, "va", made))


def test_veth_gro_half_up(runs: Runs, made: Namespace) -> None:
    """While an end is down, GRO of the peer counts from the next time that an end comes up."""
    pair(made, up=False)
    set_gro(made.name, "vb", on=True)

    assert VETH == claims(certify(runs, "va", made))
    made.ip("link", "set", "va", "up")
    assert VETH_ALL == claims(certify(runs, "va", made))


def test_veth_gro_before_up(runs: Runs, made: Namespace) -> None:
    """A kernel that does not tell the end that is up of the other's GRO under-claims there."""
    pair(made, up=False)
    made.ip("link", "set", "va", "up")
    set_gro(made.name, "vb", on=True)
    made.ip("link", "set", "vb", "up")

    result = runs.real(
        *("--netns", made.name, "--iface=va", "-p", "no:html", f"--xdp-results={runs.path}")
    )

    (nic,) = runs.results().nics
    if claims(nic) == VETH_ALL:
        assert ("CONFORMS", 0) == (nic.verdict, result.ret)
    else:
        assert {"XDP-FEAT-04": "under-claim", "XDP-FEAT-08": "under-claim"} == not_good(nic)
        assert ("FAILS", 1) == (nic.verdict, result.ret)


def test_veth_program(runs: Runs, made: Namespace) -> None:
    """A native program on one end: the other claims ndo-xmit; that end is in state attached."""
    pair(made)

    with native_program(made.name, made.index("vb")):
        other, own = certify(runs, "va", made), certify(runs, "vb", made)
    after = certify(runs, "va", made)

    assert ("CONFORMS", VETH_ALL) == (other.verdict, claims(other))
    assert ("CONFORMS", VETH) == (own.verdict, claims(own, "attached"))
    assert "attached" in {line.param for line in own.results}
    assert ("CONFORMS", VETH) == (after.verdict, claims(after))


def test_veth_elsewhere(runs: Runs, made: Namespace) -> None:
    """A veth whose peer is in another namespace: what follows from the peer is blocked."""
    with private_namespace() as other:
        pair(made, up=False)
        made.ip("link", "set", "vb", "netns", other.name)

        nic = certify(runs, "va", made, EXIT_INCOMPLETE)

    assert "INCOMPLETE" == nic.verdict
    assert {"XDP-FEAT-04": "blocked", "XDP-FEAT-08": "blocked"} == not_good(nic)
    (reason,) = {line.reason for line in nic.results if line.outcome == "blocked"}
    assert reason.startswith("not known whether peer-")


def test_veth_queues(runs: Runs, made: Namespace) -> None:
    """A veth whose peer sends on more queues than it receives on claims nothing, and conforms."""
    pair(made, more="numrxqueues 1 numtxqueues 1", peer="numrxqueues 1 numtxqueues 4")

    few, many = certify(runs, "va", made), certify(runs, "vb", made)

    assert ("CONFORMS", []) == (few.verdict, claims(few))
    assert ("CONFORMS", VETH) == (many.verdict, claims(many))


def test_veth_queues_gro(runs: Runs, made: Namespace) -> None:
    """GRO sets ndo-xmit there all the same, and that conforms."""
    pair(made, more="numrxqueues 1 numtxqueues 1", peer="numrxqueues 1 numtxqueues 4")
    set_gro(made.name, "vb", on=True)

    nic = certify(runs, "va", made)

    assert "CONFORMS" == nic.verdict
    assert set(claims(nic) or ()) <= {"ndo-xmit", "ndo-xmit-sg"}


@pytest.mark.parametrize(
    ("mode", "expected", "variant"),
    [("tap", ["basic", "redirect", "ndo-xmit"], "TAP"), ("tun", [], "TUN")],
)
def test_tun(runs: Runs, made: Namespace, mode: str, expected: list[str], variant: str) -> None:
    """A TAP device claims XDP, a TUN device none; facts tell which it is."""
    made.ip("tuntap", "add", "t0", "mode", mode)
    made.ip("link", "set", "t0", "up")

    nic = certify(runs, "t0", made)

    assert ("CONFORMS", expected) == (nic.verdict, claims(nic))
    assert f"tun:{variant}" == (nic.profile and nic.profile.name)


def test_without_xdp(runs: Runs, made: Namespace) -> None:
    """Devices without XDP of their own claim none: a bridge and lo."""
    made.ip("link", "add", "br0", "type", "bridge")
    words = ["--netns", made.name, "--iface=br0", "--iface=lo", "-p", "no:html"]

    result = runs.real(*words, f"--xdp-results={runs.path}")

    assert 0 == result.ret
    assert [("br0", "CONFORMS", []), ("lo", "CONFORMS", [])] == [
        (nic.id, nic.verdict, claims(nic)) for nic in runs.results().nics
    ]


def test_nothing_is_changed(runs: Runs, made: Namespace) -> None:
    """A run leaves the links as they were."""
    pair(made)
    before = made.ip("-details", "link", "show")

    certify(runs, "va", made)

    assert before == made.ip("-details", "link", "show")
