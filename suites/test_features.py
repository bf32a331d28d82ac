# SPDX-License-Identifier: MIT
"""xdp-features: claimed if and only if the profile says so."""

from __future__ import annotations

import pytest

from xdpconform.judge import claims
from xdpconform.nic import Nic
from xdpconform.plugin import Certify
from xdpconform.profiles import Match


@pytest.mark.requirement("XDP-FEAT-01")
def test_profile(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """A profile says what the NIC's driver should claim, and which variant of it this is.

    Without one the claims cannot be checked, and the verdict stays INCOMPLETE. Source:
    docs/profiles.md.
    """
    certify(claims.profile_known(nic, profile))


@pytest.mark.requirement("XDP-FEAT-02")
def test_basic(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims basic if and only if it should.

    basic promises that a native program's XDP_ABORTED, XDP_DROP, XDP_PASS and XDP_TX work. Source:
    netdev.yaml, xdp-act.
    """
    certify(claims.flag(nic, profile, "basic"))


@pytest.mark.requirement("XDP-FEAT-03")
def test_redirect(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims redirect if and only if it should.

    redirect promises that XDP_REDIRECT of a received frame works. Source: netdev.yaml, xdp-act.
    """
    certify(claims.flag(nic, profile, "redirect"))


@pytest.mark.requirement("XDP-FEAT-04")
def test_ndo_xmit(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims ndo-xmit if and only if it should.

    ndo-xmit promises that frames can be redirected into the device. Many drivers claim it only
    while a native program is attached. Source: netdev.yaml, xdp-act.
    """
    certify(claims.flag(nic, profile, "ndo-xmit"))


@pytest.mark.requirement("XDP-FEAT-05")
def test_xsk_zerocopy(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims xsk-zerocopy if and only if it should.

    xsk-zerocopy promises AF_XDP sockets in zero-copy mode. Source: netdev.yaml, xdp-act.
    """
    certify(claims.flag(nic, profile, "xsk-zerocopy"))


@pytest.mark.requirement("XDP-FEAT-06")
def test_hw_offload(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims hw-offload if and only if it should.

    hw-offload promises that programs can run on the device itself. Source: netdev.yaml, xdp-act.
    """
    certify(claims.flag(nic, profile, "hw-offload"))


@pytest.mark.requirement("XDP-FEAT-07")
def test_rx_sg(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims rx-sg if and only if it should.

    rx-sg promises that a program sees received frames of several buffers. Source: netdev.yaml,
    xdp-act.
    """
    certify(claims.flag(nic, profile, "rx-sg"))


@pytest.mark.requirement("XDP-FEAT-08")
def test_ndo_xmit_sg(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims ndo-xmit-sg if and only if it should.

    ndo-xmit-sg promises that frames of several buffers can be redirected into the device. Source:
    netdev.yaml, xdp-act.
    """
    certify(claims.flag(nic, profile, "ndo-xmit-sg"))
