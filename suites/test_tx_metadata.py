# SPDX-License-Identifier: MIT
"""xsk-features: claimed if and only if the profile says so."""

from __future__ import annotations

import pytest

from xdpconform.judge import claims
from xdpconform.nic import Nic
from xdpconform.plugin import Certify
from xdpconform.profiles import Match


@pytest.mark.requirement("XDP-TXMD-01")
def test_tx_timestamp(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims tx-timestamp if and only if it should.

    tx-timestamp promises the hardware's transmit time in the completion. Source:
    Documentation/networking/xsk-tx-metadata.rst.
    """
    certify(claims.flag(nic, profile, "tx-timestamp"))


@pytest.mark.requirement("XDP-TXMD-02")
def test_tx_checksum(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims tx-checksum if and only if it should.

    tx-checksum promises that the device fills in the layer 4 checksum. Source:
    Documentation/networking/xsk-tx-metadata.rst.
    """
    certify(claims.flag(nic, profile, "tx-checksum"))


@pytest.mark.requirement("XDP-TXMD-03")
def test_tx_launch_time_fifo(certify: Certify, nic: Nic, profile: Match | None) -> None:
    """The driver claims tx-launch-time-fifo if and only if it should.

    tx-launch-time-fifo promises that a frame leaves at the time asked for. Source:
    Documentation/networking/xsk-tx-metadata.rst.
    """
    certify(claims.flag(nic, profile, "tx-launch-time-fifo"))
