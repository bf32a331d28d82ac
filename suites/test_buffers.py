# SPDX-License-Identifier: MIT
"""Frames of several buffers, in a program that can read them."""

from __future__ import annotations

import pytest

from xdpconform.judge import flow
from xdpconform.netlink.netdev import XdpAct
from xdpconform.plugin import Certify
from xdpconform.probes.actions import JUMBO, act
from xdpconform.probes.bench import Bench
from xdpconform.probes.buffers import length
from xdpconform.probes.redirect import to_device


@pytest.mark.requirement("XDP-SG-01", level="packets")
def test_pass(certify: Certify, bench: Bench) -> None:
    """XDP_PASS delivers frames of several buffers whole, if and only if rx-sg is claimed.

    Source: netdev.yaml, xdp-act; Documentation/networking/af_xdp.rst, multi-buffer.
    """
    found = bench.see(act, "XDP_PASS", size=JUMBO, frags=True)
    certify(flow.acted(found, "delivered", XdpAct.BASIC, XdpAct.RX_SG))


@pytest.mark.requirement("XDP-SG-02", level="packets")
def test_drop(certify: Certify, bench: Bench) -> None:
    """XDP_DROP lets no frame of several buffers through, if and only if rx-sg is claimed.

    Source: netdev.yaml, xdp-act.
    """
    found = bench.see(act, "XDP_DROP", size=JUMBO, frags=True)
    certify(flow.acted(found, "nowhere", XdpAct.BASIC, XdpAct.RX_SG))


@pytest.mark.requirement("XDP-SG-03", level="packets")
def test_tx(certify: Certify, bench: Bench) -> None:
    """XDP_TX sends frames of several buffers back whole, if and only if rx-sg is claimed.

    Source: netdev.yaml, xdp-act.
    """
    found = bench.see(act, "XDP_TX", peer="program", size=JUMBO, frags=True)
    certify(flow.acted(found, "returned", XdpAct.BASIC, XdpAct.RX_SG))


@pytest.mark.requirement("XDP-SG-04", level="packets")
def test_redirect(certify: Certify, bench: Bench) -> None:
    """Frames of several buffers are redirected whole, if rx-sg and redirect are claimed, or not.

    Source: kernel/bpf/devmap.c, __xdp_enqueue.
    """
    found = bench.see(to_device, size=JUMBO)
    certify(flow.acted(found, "elsewhere", XdpAct.BASIC, XdpAct.RX_SG, XdpAct.REDIRECT))


@pytest.mark.requirement("XDP-SG-05", level="packets")
def test_length(certify: Certify, bench: Bench) -> None:
    """A program sees the length and the last bytes of a frame of several buffers.

    Source: net/core/filter.c, bpf_xdp_get_buff_len and bpf_xdp_load_bytes.
    """
    certify(flow.whole(bench.see(length)))
