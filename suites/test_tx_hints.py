# SPDX-License-Identifier: MIT
"""Metadata of frames that are sent: what is asked for is done, in zero copy."""

from __future__ import annotations

import pytest

from xdpconform.judge import tx_hints as judge
from xdpconform.observed_xsk import COPIED, TX_HINTS, UNCOPIED
from xdpconform.plugin import Certify
from xdpconform.probes.bench import Bench
from xdpconform.probes.tx_hints import tx_hints
from xdpconform.probes.tx_wedge import wedge


@pytest.mark.requirement("XDP-TXHINT-01", level="packets")
@pytest.mark.parametrize("hint", TX_HINTS)
def test_kept(certify: Certify, bench: Bench, hint: str) -> None:
    """The driver does in zero copy what is asked for a frame, if and only if it is claimed.

    A time stamp is of the device's clock, a checksum is right at the peer, and a frame leaves at
    its launch time; by how much it is late is reported. Copy mode is the control: there the
    kernel's generic path answers for any device, which proves nothing of a driver. Source:
    Documentation/networking/xsk-tx-metadata.rst; include/net/xdp_sock.h.
    """
    certify(judge.kept(bench.see(tx_hints), hint))


@pytest.mark.requirement("XDP-TXHINT-02", level="packets")
@pytest.mark.parametrize("mode", [COPIED, UNCOPIED])
def test_unwedged(certify: Certify, bench: Bench, mode: str) -> None:
    """A frame with invalid metadata does not keep those behind it from being sent.

    Nor does one frame come back twice through the completion ring. Source:
    Documentation/networking/xsk-tx-metadata.rst; net/xdp/xsk.c, __xsk_generic_xmit, and
    include/net/xdp_sock_drv.h.
    """
    certify(judge.unwedged(bench.see(wedge, mode)))
