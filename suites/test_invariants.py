# SPDX-License-Identifier: MIT
"""What must hold between a device's claims, whatever its driver."""

from __future__ import annotations

import pytest

from xdpconform.judge import invariants
from xdpconform.nic import FLAGS, Nic, XdpAct
from xdpconform.plugin import Certify


@pytest.mark.requirement("XDP-INV-01")
def test_redirect_needs_basic(certify: Certify, nic: Nic) -> None:
    """redirect is claimed only with basic.

    XDP_REDIRECT is an action of a native program; without basic there is none. Source: netdev.yaml,
    xdp-act.
    """
    certify(invariants.implies(nic, XdpAct.REDIRECT, XdpAct.BASIC))


@pytest.mark.requirement("XDP-INV-02")
def test_rx_sg_needs_basic(certify: Certify, nic: Nic) -> None:
    """rx-sg is claimed only with basic.

    Frames of several buffers reach a native program or none. Source: netdev.yaml, xdp-act.
    """
    certify(invariants.implies(nic, XdpAct.RX_SG, XdpAct.BASIC))


@pytest.mark.requirement("XDP-INV-03")
def test_ndo_xmit_sg_needs_ndo_xmit(certify: Certify, nic: Nic) -> None:
    """ndo-xmit-sg is claimed only with ndo-xmit.

    The kernel asks for ndo-xmit first, whatever the frame. Source: kernel/bpf/devmap.c,
    __xdp_enqueue.
    """
    certify(invariants.implies(nic, XdpAct.NDO_XMIT_SG, XdpAct.NDO_XMIT))


@pytest.mark.requirement("XDP-INV-04")
@pytest.mark.parametrize("attribute", list(FLAGS))
def test_bits_known(certify: Certify, nic: Nic, attribute: str) -> None:
    """Every bit set in a set of flags has a name in the specification.

    A bit without a name is a promise that nobody can read. Source: netdev.yaml, xdp-act,
    xdp-rx-metadata and xsk-flags.
    """
    certify(invariants.bits_known(nic, attribute))
