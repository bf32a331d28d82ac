# SPDX-License-Identifier: MIT
"""AF_XDP sockets at least as far as the kernel's xskxceiver, see docs/xskxceiver.md.

Each group of trials runs with a native program in copy mode or in zero copy, the NIC's queues in
turn, and once more with the program in the stack (generic XDP, in copy mode): what fails there too
is not the driver's doing.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import Timeout, Unclaimed, errno_name
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import Sockets, Trial
from xdpconform.probes import sockets_account as account
from xdpconform.probes import sockets_life as life
from xdpconform.probes import sockets_limits as limits
from xdpconform.probes import sockets_rings as rings
from xdpconform.probes import sockets_traffic as traffic
from xdpconform.probes.attach import large_enough, mtu_of
from xdpconform.probes.bpf import Mode
from xdpconform.probes.kit import claims, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.sockets_stand import Stand, standing
from xdpconform.probes.sockets_trials import Skipped
from xdpconform.probes.trial import Refused
from xdpconform.probes.xsk import XskError, XskMode

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Testbed

COPY, ZERO_COPY = "copy", "zero-copy"
MODES: Final = (COPY, ZERO_COPY)
PRIVILEGES: Final = (errno.EPERM, errno.EACCES)
TOO_LARGE: Final = Refusal("EINVAL")
"""How a bind is refused where a frame of the MTU needs more buffers than may be."""

Try = Callable[[Stand, int], Trial]


class Case(NamedTuple):
    """One trial."""

    name: str
    run: Try
    receives: bool = True
    """Whether frames must come to its queue."""
    everywhere: bool = False
    """Whether it is tried on each queue; on the next in turn, if not."""


GROUPS: Final[dict[str, tuple[Case, ...]]] = {
    "traffic": (
        Case("SEND_RECEIVE", traffic.send_receive, everywhere=True),
        Case("SEND_RECEIVE_2K_FRAME", traffic.small_chunks),
        Case("SEND_RECEIVE_SINGLE_PKT", traffic.single),
        Case("SEND_RECEIVE_UNALIGNED", traffic.unaligned),
        Case("BIDIRECTIONAL", traffic.bidirectional, everywhere=True),
    ),
    "jumbo": (
        Case("SEND_RECEIVE_9K_PACKETS", traffic.jumbo),
        Case("SEND_RECEIVE_UNALIGNED_9K_PACKETS", traffic.jumbo_unaligned),
        Case("XDP_METADATA_COPY_MULTI_BUFF", life.metadata_jumbo),
        Case("XDP_ADJUST_TAIL_SHRINK_MULTI_BUFF", life.shrink_jumbo),
        Case("XDP_ADJUST_TAIL_GROW_MULTI_BUFF", life.grow_jumbo),
    ),
    "poll": (
        Case("POLL_RX", traffic.poll_rx),
        Case("POLL_TX", traffic.poll_tx, receives=False),
        Case("POLL_RXQ_FULL", traffic.poll_rx_nothing, receives=False),
        Case("POLL_TXQ_FULL", traffic.poll_tx_full, receives=False),
    ),
    "descriptors": (
        Case("ALIGNED_INV_DESC", limits.aligned_invalid, receives=False),
        Case("ALIGNED_INV_DESC_2K_FRAME_SIZE", limits.aligned_invalid_2k, receives=False),
        Case("UNALIGNED_INV_DESC", limits.unaligned_invalid, receives=False),
        Case("UNALIGNED_INV_DESC_4001_FRAME_SIZE", limits.unaligned_invalid_4001, receives=False),
        Case("ALIGNED_INV_DESC_MULTI_BUFF", limits.aligned_chain, receives=False),
        Case("UNALIGNED_INV_DESC_MULTI_BUFF", limits.unaligned_chain, receives=False),
    ),
    "programs": (
        Case("UMEM_HEADROOM", life.headroom),
        Case("XDP_METADATA_COPY", life.metadata),
        Case("XDP_ADJUST_TAIL_SHRINK", life.shrink),
        Case("XDP_ADJUST_TAIL_GROW", life.grow),
        Case("XDP_DROP_HALF", life.drop_half),
    ),
    "statistics": (
        Case("STAT_RX_DROPPED", limits.rx_dropped),
        Case("STAT_TX_INVALID", limits.tx_invalid, receives=False),
        Case("STAT_RX_FULL", limits.rx_full),
        Case("STAT_FILL_EMPTY", limits.fill_empty),
    ),
    "life": (
        Case("TEARDOWN", life.teardown),
        Case("XDP_PROG_CLEANUP", life.program_stays),
        Case("XDP_SHARED_UMEM", life.shared),
    ),
    "buffers": (
        Case("TOO_MANY_FRAGS", limits.too_many, receives=False),
        Case("TX_QUEUE_CONSUMER", rings.consumer, receives=False),
    ),
    "rings": (
        Case("HW_SW_MIN_RING_SIZE", rings.smallest_rings),
        Case("HW_SW_MAX_RING_SIZE", rings.largest_rings),
    ),
    "completions": (
        Case("bursts", account.bursts, receives=False, everywhere=True),
        Case("a burst that stops", account.stopped, receives=False),
        Case("a close in mid-burst", account.closed, receives=False),
    ),
    "steering": (),
}
"""Trials by group; that of steering is no list, since it has all queues at once."""


TRIES: Final = 3
"""How often a trial is made whose frames come by another queue than they did."""


def sockets(bed: Testbed, group: str, mode: str) -> Sockets:
    """Try a group of trials.

    Args:
        bed: the testbed.
        group: of `GROUPS`.
        mode: of `MODES`.

    Raises:
        Blocked: something is missing; Unclaimed where frames of several buffers are not promised.
        BpfError: a program cannot be loaded.
        XskError: privileges are missing.
    """
    wire_of(bed)
    bed.progress(f"AF_XDP sockets in {mode} mode: {group}")
    with _prepared(bed, group):
        seen = _native(bed, group, mode)
        if seen.bind or seen.program:
            return seen
        return seen._replace(control=_control(bed, group))


def _prepared(bed: Testbed, group: str) -> AbstractContextManager[None]:
    if group != "jumbo":
        return nullcontext()
    now = claims(bed.nic)
    if now is not None and not (now.features or 0) & XdpAct.RX_SG:
        raise Unclaimed("rx-sg is not claimed: frames of several buffers are not received")
    large_enough(bed, traffic.JUMBO, XdpAct.RX_SG)
    return mtu_of(bed, traffic.JUMBO - 14)


def _native(bed: Testbed, group: str, mode: str) -> Sockets:
    zero_copy = mode == ZERO_COPY
    empty = Sockets(group, zero_copy, claims(bed.nic))
    bound = XskMode.ZEROCOPY if zero_copy else XskMode.COPY
    try:
        with standing(bed, bound, Mode.NATIVE) as stand:
            empty = empty._replace(claims=stand.claims)
            few = _few_segments(stand) if group == "jumbo" else ""
            confirmed = _bound(stand, use_sg=group == "jumbo" and not few)
            if few and (isinstance(confirmed, bool) or confirmed == TOO_LARGE):
                cases = (Trial(case.name, 0, skipped=few) for case in GROUPS[group])
                return empty._replace(trials=tuple(cases))
            if isinstance(confirmed, Refusal):
                return empty._replace(bind=confirmed, lacking=lacking(bed, confirmed))
            return empty._replace(trials=tuple(_tried(stand, group)), confirmed=confirmed)
    except Refused as error:
        return empty._replace(program=error.refusal, lacking=lacking(bed, error.refusal))


def _control(bed: Testbed, group: str) -> tuple[Trial, ...]:
    try:
        with standing(bed, XskMode.COPY, Mode.GENERIC) as stand:
            return tuple(_tried(stand, group))
    except Refused as error:
        return (Trial("generic XDP", 0, problem=f"the program is refused: {error}"),)


def _bound(stand: Stand, *, use_sg: bool) -> bool | Refusal:
    """Whether a plain socket is in zero copy, or why there is none."""
    try:
        with stand.open(0, receives=False, use_sg=use_sg) as socket:
            return socket.zerocopy
    except XskError as error:
        if error.errno in PRIVILEGES or error.step != "bind":
            raise
        return Refusal(errno_name(error.errno))


def _tried(stand: Stand, group: str) -> list[Trial]:
    if group == "steering":
        return _steered(stand)
    found = []
    for number, case in enumerate(GROUPS[group]):
        turns = range(stand.queues) if case.everywhere else (number,)
        queues = dict.fromkeys(stand.turn(turn, receives=case.receives) for turn in turns)
        found += [_try(stand, case, queue) for queue in queues]
    return found


def _try(stand: Stand, case: Case, queue: int) -> Trial:
    for _again in range(TRIES):
        before = stand.by_queue()
        trial = _once(stand, case, queue)
        if trial.right or stand.aims or not case.receives or not stand.strayed(queue, before):
            break
        # Frames came by another queue than before: that says nothing of the socket.
        queue = stand.turn(queue)
    return trial


def _few_segments(stand: Stand) -> str:
    try:
        limits.needs_segments(stand, 3)
    except Skipped as why:
        return str(why)
    return ""


def _once(stand: Stand, case: Case, queue: int) -> Trial:
    try:
        return case.run(stand, queue)
    except Skipped as why:
        return Trial(case.name, queue, skipped=str(why))
    except XskError as error:
        if error.errno in PRIVILEGES:
            raise
        if error.step in ("bind", "umem"):  # nothing promises this layout
            return Trial(case.name, queue, skipped=str(error))
        return Trial(case.name, queue, problem=str(error))
    except Timeout as error:
        return Trial(case.name, queue, problem=str(error))


def _steered(stand: Stand) -> list[Trial]:
    try:
        return [*account.steered(stand)]
    except (XskError, Timeout) as error:
        if getattr(error, "errno", None) in PRIVILEGES:
            raise
        return [Trial("steering", stand.home, problem=str(error))]
