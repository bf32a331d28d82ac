# SPDX-License-Identifier: MIT
"""AF_XDP sockets in zero copy: bound, confirmed by XDP_OPTIONS, and carrying frames.

Copy mode is a control beside it: it tells a broken set-up from a broken driver.
"""

from __future__ import annotations

import pytest

from xdpconform.judge import segments as parts
from xdpconform.judge import zerocopy
from xdpconform.observed_xsk import BINDS, TRIPS
from xdpconform.plugin import Certify
from xdpconform.probes.bench import Bench
from xdpconform.probes.neighbours import neighbours
from xdpconform.probes.segments import segments
from xdpconform.probes.xskbind import refusals, released
from xdpconform.probes.zerocopy import each_queue


@pytest.mark.requirement("XDP-BIND-01", level="packets")
def test_forced(certify: Certify, bench: Bench) -> None:
    """A bind with XDP_ZEROCOPY is accepted on every queue, if and only if xsk-zerocopy is claimed.

    XDP_OPTIONS must say so too. A NIC that claims it and refuses the bind over-claims. Source:
    net/xdp/xsk_buff_pool.c, xp_assign_dev.
    """
    certify(zerocopy.bind(bench.see(each_queue)))


@pytest.mark.requirement("XDP-BIND-02", level="packets")
@pytest.mark.parametrize("ask", BINDS)
def test_refusals(certify: Certify, bench: Bench, ask: str) -> None:
    """A bind that cannot be is refused with the errno that the kernel's order of checks gives.

    Where two things are wrong, the one that the kernel looks at first counts. Source:
    net/xdp/xsk.c, xsk_bind; net/xdp/xsk_buff_pool.c, xp_assign_dev.
    """
    certify(zerocopy.refusal(bench.see(refusals), ask))


@pytest.mark.requirement("XDP-BIND-03", level="packets")
def test_automatic(certify: Certify, bench: Bench) -> None:
    """A bind with neither XDP_ZEROCOPY nor XDP_COPY is in zero copy, if and only if it is claimed.

    The kernel falls back to copy mode without a word; XDP_OPTIONS tells. Source:
    Documentation/networking/af_xdp.rst, XDP_COPY and XDP_ZEROCOPY bind flags.
    """
    certify(zerocopy.automatic(bench.see(each_queue)))


@pytest.mark.requirement("XDP-BIND-04", level="packets")
@pytest.mark.parametrize("way", TRIPS)
def test_frames(certify: Certify, bench: Bench, way: str) -> None:
    """Frames go through each queue in zero copy whole, and the host's own go on beside them.

    bare: from the socket, with no program on the NIC; sent and received: from the socket and to it,
    with one; host-sent and host-received: the kernel's own, while the socket has the queue. Source:
    Documentation/networking/af_xdp.rst.
    """
    certify(zerocopy.carried(bench.see(each_queue), way))


@pytest.mark.requirement("XDP-BIND-05", level="packets")
def test_second(certify: Certify, bench: Bench) -> None:
    """A second socket in zero copy on another queue does not disturb the first.

    Source: Documentation/networking/af_xdp.rst.
    """
    certify(zerocopy.undisturbed(bench.see(neighbours)))


@pytest.mark.requirement("XDP-BIND-06", level="packets")
def test_segments_sent(certify: Certify, bench: Bench) -> None:
    """A frame of xdp-zc-max-segs segments is sent, one of more is not, and the next is.

    Source: include/net/xdp/xsk_queue.h, xskq_cons_read_desc_batch; netdev.yaml, xdp-zc-max-segs.
    """
    certify(parts.sent(bench.see(segments)))


@pytest.mark.requirement("XDP-BIND-07", level="packets")
def test_segments_received(certify: Certify, bench: Bench) -> None:
    """Frames of several buffers are received, and an MTU that needs more than claimed is refused.

    As many buffers are tried as the NIC's MTU gives. Source: net/xdp/xsk_buff_pool.c,
    xp_assign_dev; netdev.yaml, xdp-zc-max-segs.
    """
    certify(parts.received(bench.see(segments)))


@pytest.mark.requirement("XDP-BIND-08", level="packets")
def test_released(certify: Certify, bench: Bench) -> None:
    """A queue is free again when its socket is closed, or its process killed; how soon is told.

    The kernel frees it from a work item. Source: net/xdp/xsk_buff_pool.c, xp_put_pool.
    """
    certify(zerocopy.released(bench.see(released)))
