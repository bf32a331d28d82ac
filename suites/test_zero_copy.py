# SPDX-License-Identifier: MIT
"""AF_XDP zero copy: what the claims about it say, together and against the profile."""

from __future__ import annotations

import pytest

from xdpconform.judge import claims, invariants
from xdpconform.nic import Nic, XdpAct
from xdpconform.plugin import Certify
from xdpconform.profiles import Match


@pytest.mark.requirement("XDP-ZC-01")
def test_usable(certify: Certify, nic: Nic) -> None:
    """xsk-zerocopy is claimed only with basic and redirect.

    The kernel refuses every zero-copy bind unless all three are claimed. Source:
    net/xdp/xsk_buff_pool.c, xp_assign_dev.
    """
    certify(invariants.implies(nic, XdpAct.XSK_ZEROCOPY, XdpAct.BASIC, XdpAct.REDIRECT))


@pytest.mark.requirement("XDP-ZC-02")
def test_segments_follow(certify: Certify, nic: Nic) -> None:
    """xdp-zc-max-segs is reported if and only if xsk-zerocopy is claimed, and is at least 1.

    Kernels before 6.6 do not report it. Source: net/core/netdev-genl.c, netdev_nl_dev_fill, and
    netdev.yaml.
    """
    certify(invariants.segments_follow_zero_copy(nic))


@pytest.mark.requirement("XDP-ZC-03")
def test_segments(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """xdp-zc-max-segs is the number of buffers of one frame that the driver should take.

    1 means that frames of several buffers cannot be sent or received in zero-copy mode. Source:
    Documentation/networking/af_xdp.rst.
    """
    certify(claims.segments(nic, profile))
