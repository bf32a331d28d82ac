# SPDX-License-Identifier: MIT
"""AF_XDP sockets, at least as far as the kernel's xskxceiver."""

from __future__ import annotations

import pytest

from xdpconform.judge.sockets import held
from xdpconform.netlink.netdev import XdpAct
from xdpconform.plugin import Certify
from xdpconform.probes.bench import Bench
from xdpconform.probes.sockets import MODES, sockets

RECEIVES = (XdpAct.BASIC, XdpAct.REDIRECT)


@pytest.mark.requirement("XDP-SOCK-01", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_traffic(certify: Certify, bench: Bench, mode: str) -> None:
    """Frames arrive through a socket and from it, once, intact and in order.

    On each queue, in chunks of 4096 and of 2048 bytes and in unaligned ones, a lone frame, and both
    ways at once. Source: Documentation/networking/af_xdp.rst; tools/testing/selftests/bpf,
    SEND_RECEIVE and BIDIRECTIONAL.
    """
    certify(held(bench.see(sockets, "traffic", mode), *RECEIVES))


@pytest.mark.requirement("XDP-SOCK-02", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_jumbo(certify: Certify, bench: Bench, mode: str) -> None:
    """Frames of several buffers arrive whole through a socket, also changed by a program.

    Source: Documentation/networking/af_xdp.rst, multi-buffer; tools/testing/selftests/bpf,
    SEND_RECEIVE_9K_PACKETS and what ends in MULTI_BUFF.
    """
    certify(held(bench.see(sockets, "jumbo", mode), *RECEIVES, XdpAct.RX_SG))


@pytest.mark.requirement("XDP-SOCK-03", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_poll(certify: Certify, bench: Bench, mode: str) -> None:
    """A socket is readable when a frame has come, and writable while its ring has room.

    Source: net/xdp/xsk.c, xsk_poll; tools/testing/selftests/bpf, POLL_RX, POLL_TX, POLL_RXQ_FULL
    and POLL_TXQ_FULL.
    """
    certify(held(bench.see(sockets, "poll", mode), *RECEIVES))


@pytest.mark.requirement("XDP-SOCK-04", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_descriptors(certify: Certify, bench: Bench, mode: str) -> None:
    """Descriptors that are wrong are not sent and are counted; those around them are sent.

    Outside the umem, across its end or a chunk's, too long, with unknown options, or in a chain.
    Source: net/xdp/xsk_queue.h, xp_validate_desc; tools/testing/selftests/bpf, INV_DESC.
    """
    certify(held(bench.see(sockets, "descriptors", mode)))


@pytest.mark.requirement("XDP-SOCK-05", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_programs(certify: Certify, bench: Bench, mode: str) -> None:
    """What a program does to a frame is there in the socket, behind the headroom asked for.

    Metadata, bytes cut or added at the end, frames dropped. Source:
    Documentation/networking/af_xdp.rst; tools/testing/selftests/bpf, UMEM_HEADROOM,
    XDP_METADATA_COPY, XDP_ADJUST_TAIL and XDP_DROP_HALF.
    """
    certify(held(bench.see(sockets, "programs", mode), *RECEIVES))


@pytest.mark.requirement("XDP-SOCK-06", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_statistics(certify: Certify, bench: Bench, mode: str) -> None:
    """XDP_STATISTICS counts what was dropped, invalid, or found a ring full or empty.

    Source: include/uapi/linux/if_xdp.h, struct xdp_statistics; tools/testing/selftests/bpf, STAT.
    """
    certify(held(bench.see(sockets, "statistics", mode), *RECEIVES))


@pytest.mark.requirement("XDP-SOCK-07", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_life(certify: Certify, bench: Bench, mode: str) -> None:
    """Sockets work when opened again and again, after another, and beside another on one umem.

    Source: net/xdp/xsk.c, xsk_bind; tools/testing/selftests/bpf, TEARDOWN, XDP_PROG_CLEANUP and
    XDP_SHARED_UMEM.
    """
    certify(held(bench.see(sockets, "life", mode), *RECEIVES))


@pytest.mark.requirement("XDP-SOCK-08", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_buffers(certify: Certify, bench: Bench, mode: str) -> None:
    """A frame of as many buffers as may be is sent, one of more is not, and the next one is.

    In copy mode one kick takes 32 descriptors and says so. Source: net/xdp/xsk.c, xsk_build_skb;
    tools/testing/selftests/bpf, TOO_MANY_FRAGS and TX_QUEUE_CONSUMER.
    """
    certify(held(bench.see(sockets, "buffers", mode)))


@pytest.mark.requirement("XDP-SOCK-09", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_rings(certify: Certify, bench: Bench, mode: str) -> None:
    """Rings of 2 entries carry frames one by one, and rings of 2048 hold 2047 at once.

    Source: net/xdp/xsk_queue.h; tools/testing/selftests/bpf, HW_SW_MIN_RING_SIZE and
    HW_SW_MAX_RING_SIZE.
    """
    certify(held(bench.see(sockets, "rings", mode), *RECEIVES))


@pytest.mark.requirement("XDP-SOCK-10", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_completions(certify: Certify, bench: Bench, mode: str) -> None:
    """Each descriptor that was sent comes back exactly once, and no other does.

    In bursts of 1, 7, 8 and 9 on each queue, of a burst that stops, and after a close in mid-burst.
    Source: Documentation/networking/af_xdp.rst, UMEM completion ring.
    """
    certify(held(bench.see(sockets, "completions", mode)))


@pytest.mark.requirement("XDP-SOCK-11", level="packets")
@pytest.mark.parametrize("mode", MODES)
def test_steering(certify: Certify, bench: Bench, mode: str) -> None:
    """With a socket on every queue, frames come out of that of the queue they came by.

    Source: net/xdp/xsk.c, xsk_rcv_check.
    """
    certify(held(bench.see(sockets, "steering", mode), *RECEIVES))
