# SPDX-License-Identifier: MIT
"""XDP_REDIRECT: out of other devices, to CPUs, and into the NIC."""

from __future__ import annotations

import pytest

from xdpconform.judge import flow
from xdpconform.netlink.netdev import XdpAct
from xdpconform.plugin import Certify
from xdpconform.probes.actions import JUMBO, PEERS
from xdpconform.probes.bench import Bench
from xdpconform.probes.redirect import MOMENTS, into, to_cpus, to_device
from xdpconform.profiles import Match


@pytest.mark.requirement("XDP-REDIR-01", level="packets")
def test_device(certify: Certify, bench: Bench) -> None:
    """Frames are redirected out of another device by a devmap, if and only if redirect is claimed.

    Source: netdev.yaml, xdp-act; kernel/bpf/devmap.c.
    """
    certify(flow.acted(bench.see(to_device), "elsewhere", XdpAct.BASIC, XdpAct.REDIRECT))


@pytest.mark.requirement("XDP-REDIR-02", level="packets")
def test_egress(certify: Certify, bench: Bench) -> None:
    """A program in the devmap's entry runs on each frame as it leaves.

    Source: kernel/bpf/devmap.c, dev_map_bpf_prog_run.
    """
    found = bench.see(to_device, egress=True)
    certify(flow.acted(found, "elsewhere", XdpAct.BASIC, XdpAct.REDIRECT, second=True))


@pytest.mark.requirement("XDP-REDIR-03", level="packets")
def test_broadcast(certify: Certify, bench: Bench) -> None:
    """A broadcast reaches every other device of the map, and not the one that a frame came by.

    Source: kernel/bpf/devmap.c, dev_map_enqueue_multi.
    """
    found = bench.see(to_device, broadcast=True)
    certify(flow.acted(found, "elsewhere", XdpAct.BASIC, XdpAct.REDIRECT))


@pytest.mark.requirement("XDP-REDIR-04", level="packets")
def test_cpus(certify: Certify, bench: Bench) -> None:
    """Frames are redirected to each CPU by a cpumap, where a second program runs on them.

    Source: kernel/bpf/cpumap.c, cpu_map_bpf_prog_run_xdp.
    """
    certify(flow.acted_on_each(bench.see(to_cpus), XdpAct.BASIC, XdpAct.REDIRECT))


@pytest.mark.requirement("XDP-XMIT-01", level="packets")
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_into(
    certify: Certify, profile: Match | None, bench: Bench, moment: str, peer: str
) -> None:
    """Frames are redirected into the NIC if and only if it claims ndo-xmit at that moment.

    Before, during and after a native program is attached to it, by what arrives at the peer.
    Source: kernel/bpf/devmap.c, __xdp_enqueue.
    """
    crashes = (profile.crashes if profile else None) or ""
    found = bench.see(into, moment, peer=peer, crashes=crashes)
    certify(flow.target(found, XdpAct.NDO_XMIT))


@pytest.mark.requirement("XDP-XMIT-02", level="packets")
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_into_sg(
    certify: Certify, profile: Match | None, bench: Bench, moment: str, peer: str
) -> None:
    """Frames of several buffers are redirected into the NIC if and only if it claims ndo-xmit-sg.

    Before, during and after a native program is attached to it, by what arrives at the peer.
    Source: kernel/bpf/devmap.c, __xdp_enqueue.
    """
    crashes = (profile.crashes if profile else None) or ""
    found = bench.see(into, moment, peer=peer, size=JUMBO, crashes=crashes)
    certify(flow.target(found, XdpAct.NDO_XMIT, XdpAct.NDO_XMIT_SG))
