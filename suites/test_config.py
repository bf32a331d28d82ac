# SPDX-License-Identifier: MIT
"""What the NIC was configured with survives a program."""

from __future__ import annotations

import pytest

from xdpconform.judge import config
from xdpconform.plugin import Certify
from xdpconform.probes.attach import configured
from xdpconform.probes.bench import Bench


@pytest.mark.requirement("XDP-CONFIG-01", level="attach")
@pytest.mark.parametrize("kind", config.KINDS)
def test_survives(certify: Certify, bench: Bench, kind: str) -> None:
    """ntuple rules, RSS, coalescing, rings, VLAN filters and channels survive a program.

    They are the same before it is attached, while it is, and after. Source:
    Documentation/networking/ethtool-netlink.rst.
    """
    certify(config.survived(kind, *bench.see(configured)))
