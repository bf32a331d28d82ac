# SPDX-License-Identifier: MIT
"""Programs come and go: native mode, replacement, jumbo frames, the device itself."""

from __future__ import annotations

import pytest

from xdpconform.judge import attach, shape
from xdpconform.plugin import Certify
from xdpconform.probes.attach import around, jumbo
from xdpconform.probes.bench import Bench
from xdpconform.probes.buffers import largest_mtu
from xdpconform.probes.offload import offload
from xdpconform.profiles import Match


@pytest.mark.requirement("XDP-ATTACH-01", level="attach")
def test_native(certify: Certify, bench: Bench) -> None:
    """A program can be attached natively if and only if basic is claimed.

    The mode is asked for (XDP_FLAGS_DRV_MODE) and then read back from the link. Source:
    net/core/dev.c, dev_xdp_attach.
    """
    certify(attach.native(bench.see(around)))


@pytest.mark.requirement("XDP-ATTACH-02", level="attach")
def test_replaced(certify: Certify, bench: Bench) -> None:
    """A program can be replaced by another, and none is left after the detach.

    Source: net/core/dev.c, bpf_xdp_link_update.
    """
    certify(attach.replaced(bench.see(around)))


@pytest.mark.requirement("XDP-ATTACH-03", level="attach")
def test_jumbo_refused(certify: Certify, profile: Match | None, bench: Bench) -> None:
    """A program without frags is refused where a frame needs several buffers.

    It would see a part of the frame and take it for the whole. The errno is the profile's
    jumbo-errno. Source: Documentation/networking/af_xdp.rst, multi-buffer, and each driver's
    ndo_bpf.
    """
    certify(attach.jumbo_plain(bench.see(jumbo), profile))


@pytest.mark.requirement("XDP-ATTACH-04", level="attach")
def test_jumbo_frags(certify: Certify, bench: Bench) -> None:
    """A program with frags is attached at a jumbo MTU if and only if rx-sg is claimed.

    Source: netdev.yaml, xdp-act, and BPF_F_XDP_HAS_FRAGS in include/uapi/linux/bpf.h.
    """
    certify(attach.jumbo_frags(bench.see(jumbo)))


@pytest.mark.requirement("XDP-ATTACH-05", level="attach")
@pytest.mark.parametrize("program", ["plain", "frags"])
def test_largest_mtu(certify: Certify, bench: Bench, program: str) -> None:
    """A program can be attached at an ordinary Ethernet MTU; the largest MTU is reported.

    It is found by search, up to what the device itself takes. Source: each driver's ndo_bpf.
    """
    certify(shape.largest(bench.see(largest_mtu, frags=program == "frags")))


@pytest.mark.requirement("XDP-ATTACH-06", level="attach")
def test_offload(certify: Certify, bench: Bench) -> None:
    """A program can be loaded onto the device if and only if hw-offload is claimed.

    It is loaded with prog_ifindex and attached with XDP_FLAGS_HW_MODE. Source:
    kernel/bpf/offload.c, bpf_prog_dev_bound_init.
    """
    certify(attach.offload(bench.see(offload)))
