# SPDX-License-Identifier: MIT
"""What a program says of a frame is done: on the wire, with its content."""

from __future__ import annotations

import pytest

from xdpconform.judge import attach, flow, shape
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import ACTIONS
from xdpconform.plugin import Certify
from xdpconform.probes.actions import PEERS, act, replaced_under_load
from xdpconform.probes.adjust import matrix
from xdpconform.probes.bench import Bench
from xdpconform.probes.cost import cost


@pytest.mark.requirement("XDP-ACT-01", level="packets")
def test_pass(certify: Certify, bench: Bench) -> None:
    """XDP_PASS delivers every frame to the host, if and only if basic is claimed.

    Source: netdev.yaml, xdp-act; include/uapi/linux/bpf.h, enum xdp_action.
    """
    certify(flow.acted(bench.see(act, "XDP_PASS"), "delivered", XdpAct.BASIC))


@pytest.mark.requirement("XDP-ACT-02", level="packets")
def test_drop(certify: Certify, bench: Bench) -> None:
    """XDP_DROP lets no frame through, if and only if basic is claimed.

    Source: netdev.yaml, xdp-act; include/uapi/linux/bpf.h, enum xdp_action.
    """
    certify(flow.acted(bench.see(act, "XDP_DROP"), "nowhere", XdpAct.BASIC))


@pytest.mark.requirement("XDP-ACT-03", level="packets")
@pytest.mark.parametrize("peer", PEERS)
def test_tx(certify: Certify, bench: Bench, peer: str) -> None:
    """XDP_TX sends every frame back to where it came from, if and only if basic is claimed.

    Also to a veth whose other end is plain, has GRO on, or has a program; behind a real wire that
    makes no difference. Source: netdev.yaml, xdp-act; include/uapi/linux/bpf.h, enum xdp_action.
    """
    certify(flow.acted(bench.see(act, "XDP_TX", peer=peer), "returned", XdpAct.BASIC))


@pytest.mark.requirement("XDP-ACT-04", level="packets")
def test_aborted(certify: Certify, bench: Bench) -> None:
    """XDP_ABORTED lets no frame through and raises xdp_exception, if and only if basic is claimed.

    Source: include/uapi/linux/bpf.h, enum xdp_action; include/trace/events/xdp.h, xdp_exception.
    """
    found = bench.see(act, "XDP_ABORTED")
    certify(flow.acted(found, "nowhere", XdpAct.BASIC, exceptions=ACTIONS["XDP_ABORTED"]))


@pytest.mark.requirement("XDP-ACT-05", level="packets")
def test_invalid(certify: Certify, bench: Bench) -> None:
    """A verdict that is none drops the frame and raises xdp_exception.

    Source: net/core/filter.c, bpf_warn_invalid_xdp_action, and each driver's default case.
    """
    found = bench.see(act, "invalid")
    certify(flow.acted(found, "nowhere", XdpAct.BASIC, exceptions=ACTIONS["invalid"]))


@pytest.mark.requirement("XDP-ACT-06", level="packets")
def test_replaced_under_load(certify: Certify, bench: Bench) -> None:
    """No frame is lost or unseen while one program takes the place of another.

    Source: net/core/dev.c, bpf_xdp_link_update.
    """
    certify(flow.acted(bench.see(replaced_under_load), "delivered", XdpAct.BASIC))


@pytest.mark.requirement("XDP-ACT-07", level="packets")
def test_head(certify: Certify, bench: Bench) -> None:
    """A program can cut frames at their head, and add 192 bytes there.

    Every size with every offset; every cell is reported. Source: net/core/filter.c,
    bpf_xdp_adjust_head, and XDP_PACKET_HEADROOM in include/uapi/linux/bpf.h.
    """
    certify(shape.adjusted(bench.see(matrix, "head")))


@pytest.mark.requirement("XDP-ACT-08", level="packets")
def test_tail(certify: Certify, bench: Bench) -> None:
    """A program can cut frames at their tail, and add there as far as the buffer reaches.

    Every size with every offset; every cell is reported. Source: net/core/filter.c,
    bpf_xdp_adjust_tail.
    """
    certify(shape.adjusted(bench.see(matrix, "tail")))


@pytest.mark.requirement("XDP-ACT-09", level="packets")
def test_cost(certify: Certify, bench: Bench) -> None:
    """What an attach and a detach cost is reported: time, frames lost, changes of the link.

    Frames must reach the program in the end. Source: Documentation/networking/statistics.rst,
    carrier_changes.
    """
    certify(attach.cost(bench.see(cost)))


@pytest.mark.requirement("XDP-ACT-10", level="packets")
@pytest.mark.parametrize("action", ["XDP_PASS", "XDP_DROP", "XDP_TX", "XDP_ABORTED", "invalid"])
def test_counted(certify: Certify, bench: Bench, action: str) -> None:
    """Every frame is counted as received, whatever the program says of it.

    Sent equals seen equals counted. Source: include/uapi/linux/if_link.h, struct
    rtnl_link_stats64, rx_packets.
    """
    peer = "program" if action == "XDP_TX" else "plain"
    certify(flow.counted(bench.see(act, action, peer=peer)))
