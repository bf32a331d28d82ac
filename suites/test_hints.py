# SPDX-License-Identifier: MIT
"""Metadata of received frames: told if and only if it is claimed, and true."""

from __future__ import annotations

import pytest

from xdpconform.judge import hashes
from xdpconform.judge import hints as judge
from xdpconform.observed_hints import HINTS, KINDS, TAGGED
from xdpconform.plugin import Certify
from xdpconform.probes.bench import Bench
from xdpconform.probes.hints import hints


@pytest.mark.requirement("XDP-HINT-01", level="packets")
@pytest.mark.parametrize("hint", HINTS)
def test_answered(certify: Certify, bench: Bench, hint: str) -> None:
    """The driver answers for every kind of frame, if and only if the metadata is claimed.

    What is not claimed is EOPNOTSUPP for every frame, and what is claimed for none; ENODATA says
    that there is nothing about this frame. A claim that no program can be loaded or attached for
    is untrue. Source: Documentation/networking/xdp-rx-metadata.rst; net/core/xdp.c.
    """
    certify(judge.answered(bench.see(hints), hint))


@pytest.mark.requirement("XDP-HINT-02", level="packets")
def test_timestamps(certify: Certify, bench: Bench) -> None:
    """Time stamps are in the order of the frames, and within the window of a clock.

    That is the device's own (/dev/ptpN) or one of the host's, ahead or behind by TAI's offset or
    not. A driver that says 0 of every frame, where the device stamps none, passes, and that is
    reported. Source: net/core/xdp.c, bpf_xdp_metadata_rx_timestamp.
    """
    certify(judge.timestamps(bench.see(hints)))


@pytest.mark.requirement("XDP-HINT-03", level="packets")
@pytest.mark.parametrize("kind", hashes.HASHED)
def test_hashes(certify: Certify, bench: Bench, kind: str) -> None:
    """The hash is Toeplitz of the flow by the NIC's key, over ports where its type says L4.

    Where the NIC tells no key, a flow has one hash, and not all flows have the same. Source:
    net/core/xdp.c, bpf_xdp_metadata_rx_hash; Documentation/networking/scaling.rst.
    """
    certify(hashes.values(bench.see(hints), kind))


@pytest.mark.requirement("XDP-HINT-04", level="packets")
def test_queues(certify: Certify, bench: Bench) -> None:
    """A frame comes by the queue that the indirection table has for its hash.

    Source: Documentation/networking/scaling.rst, RSS: Receive Side Scaling.
    """
    certify(hashes.queues(bench.see(hints)))


@pytest.mark.requirement("XDP-HINT-05", level="packets")
@pytest.mark.parametrize("kind", KINDS)
def test_types(certify: Certify, bench: Bench, kind: str) -> None:
    """The hash's type says of a frame only what is true: IPv4, IPv6, TCP, UDP, or nothing.

    It may say less; where it names what is above IP, it says L4 as well. Source:
    include/net/xdp.h, enum xdp_rss_hash_type.
    """
    certify(hashes.types(bench.see(hints), kind))


@pytest.mark.requirement("XDP-HINT-06", level="packets")
@pytest.mark.parametrize("kind", ["untagged", *TAGGED])
def test_vlan_tags(certify: Certify, bench: Bench, kind: str) -> None:
    """A VLAN tag that was taken out of a frame is told exactly, and none where there was none.

    Source: net/core/xdp.c, bpf_xdp_metadata_rx_vlan_tag.
    """
    certify(judge.vlan_tags(bench.see(hints), kind))
