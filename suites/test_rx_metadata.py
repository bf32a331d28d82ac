# SPDX-License-Identifier: MIT
"""xdp-rx-metadata-features: claimed if and only if the profile says so."""

from __future__ import annotations

import pytest

from xdpconform.judge import claims
from xdpconform.nic import Nic
from xdpconform.plugin import Certify
from xdpconform.profiles import Match


@pytest.mark.requirement("XDP-RXMD-01")
def test_timestamp(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims timestamp if and only if it should.

    timestamp promises that bpf_xdp_metadata_rx_timestamp() is implemented. Source:
    Documentation/networking/xdp-rx-metadata.rst.
    """
    certify(claims.flag(nic, profile, "timestamp"))


@pytest.mark.requirement("XDP-RXMD-02")
def test_hash(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims hash if and only if it should.

    hash promises that bpf_xdp_metadata_rx_hash() is implemented. Source:
    Documentation/networking/xdp-rx-metadata.rst.
    """
    certify(claims.flag(nic, profile, "hash"))


@pytest.mark.requirement("XDP-RXMD-03")
def test_vlan_tag(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims vlan-tag if and only if it should.

    vlan-tag promises that bpf_xdp_metadata_rx_vlan_tag() is implemented. Source:
    Documentation/networking/xdp-rx-metadata.rst.
    """
    certify(claims.flag(nic, profile, "vlan-tag"))
