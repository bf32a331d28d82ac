# SPDX-License-Identifier: MIT
"""Programs run by the kernel on data of ours: once, or as a source of many real frames."""

from __future__ import annotations

import errno
import signal
from struct import pack, unpack_from
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import InputError
from xdpconform.probes.bpf.syscall import BPF_PROG_TEST_RUN, BpfError, address, bpf, buffer

if TYPE_CHECKING:
    import ctypes

    from xdpconform.probes.bpf.program import Program

BPF_F_TEST_XDP_LIVE_FRAMES: Final = 1 << 1
"""include/uapi/linux/bpf.h: the action is carried out, so that XDP_REDIRECT sends"""
TEST_XDP_MAX_BATCH: Final = 256  # net/bpf/test_run.c
ETH_HLEN: Final = 14

GROWTH: Final = 4096
"""How much longer than the data its result may be."""
FIRST_CALL: Final = 1 << 19
LONG_CALL: Final = 0.5
"""Seconds. A call costs some 20 ms beside its frames (synchronize_rcu), so there should be few;
but Ctrl-C waits for the end of one: each has four times the frames of the one before, until one
takes this long."""


class Ran(NamedTuple):
    """What a program did with data."""

    retval: int
    """What it returned: an action, of ``enum xdp_action``"""
    data: bytes
    """the data afterwards"""


def test_run(  # no test of pytest's
    program: Program,
    data: bytes,
    repeat: int = 1,  # noqa: PT028
    *,
    linear: int | None = None,  # noqa: PT028
) -> Ran:
    """Run an XDP program on a frame that goes nowhere.

    Args:
        program: not a device-bound one.
        data: the frame; more than a page less 576 bytes only for a program with frags.
        repeat: how often; the same data is worked on each time.
        linear: bytes in the linear part, the others are fragments; only for a program with frags
            (kernel 6.18). As many as fit, if not given.

    Raises:
        BpfError: the kernel refused (EINVAL: frame of less than 14 bytes, or too large).
    """
    out = len(data) + GROWTH
    attr, _keep, result = _attr(program, data, repeat, out=out, linear=linear)
    bpf(BPF_PROG_TEST_RUN, attr, f"test run of program {program.id}")
    retval, _size_in, size_out = unpack_from("=III", attr, 4)
    return Ran(retval, result.raw[:size_out])


def live_frames(
    program: Program, frame: bytes, count: int, *, batch: int = 64, ingress: int = 0
) -> None:
    """Run a program on many frames and do as it says: with `programs.sends` they are sent.

    The kernel fills its frames once and uses them again: what the program, or a receiver that
    gives the buffer back (a veth's peer), writes into one is still there the next time. They seem
    to come in by `ingress`, or by the loopback of the calling thread's namespace. What became of
    them is told by counters and tracepoints only.

    Args:
        program: not a device-bound one.
        frame: what each frame holds; must fit a page, with headroom and struct skb_shared_info.
        count: how many frames; exactly so many runs, unless an error is raised.
        batch: how many at once, 1 to 256; a veth's ring has 256 entries, and drops what is more.
        ingress: the number of the interface that they seem to have come by, and that XDP_TX sends
            them out of; in the calling thread's namespace.

    Raises:
        BpfError: the kernel refused; EINTR: it stopped early, nobody knows where.
        InputError: batch or frame out of range.
    """
    if not 1 <= batch <= TEST_XDP_MAX_BATCH:
        raise InputError(f"live frames: batch {batch}; it can be 1 to {TEST_XDP_MAX_BATCH}")
    if len(frame) < ETH_HLEN:
        raise InputError(f"live frames: a frame of {len(frame)} bytes; {ETH_HLEN} are a header")
    what = f"live frames of program {program.id}"
    most = FIRST_CALL
    while count > 0:
        part = min(count, most)
        attr, _keep, _out = _attr(program, frame, part, batch=batch, ingress=ingress)
        # A signal would end the call without telling how far it came (bpf_test_timer_continue).
        # Those left over wait until between two calls.
        start = monotonic()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            bpf(BPF_PROG_TEST_RUN, attr, what)
        except BpfError as problem:
            if problem.errno != errno.EINTR:
                raise
            unknown = "interrupted, so that the number of frames is not known"
            raise BpfError(errno.EINTR, what, said=unknown) from problem
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        count -= part
        if monotonic() - start < LONG_CALL / 4:
            most *= 4


def _attr(
    program: Program,
    data: bytes,
    repeat: int,
    *,
    out: int = 0,
    batch: int = 0,
    ingress: int = 0,
    linear: int | None = None,
) -> tuple[bytearray, object, ctypes.Array[ctypes.c_char]]:
    """The attributes, what must be kept until the call is over, and where the result comes."""
    # struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
    context = b""
    if linear is not None or ingress:
        context = pack("=6I", 0, len(data) if linear is None else linear, 0, ingress, 0, 0)
    source, target, ctx = buffer(data), buffer(bytes(out)), buffer(context)
    flags = BPF_F_TEST_XDP_LIVE_FRAMES if batch else 0
    # struct { __u32 prog_fd, retval, data_size_in, data_size_out; __aligned_u64 data_in, data_out;
    #          __u32 repeat, duration, ctx_size_in, ctx_size_out; __aligned_u64 ctx_in, ctx_out;
    #          __u32 flags, cpu, batch_size; }
    attr = pack(
        "=IIIIQQIIIIQQIII4x",
        *(program.fd, 0, len(data), out, address(source), address(target) if out else 0),
        *(repeat, 0, len(context), 0, address(ctx) if context else 0, 0),
        *(flags, 0, batch),
    )
    return bytearray(attr), (source, ctx), target
