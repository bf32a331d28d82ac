# SPDX-License-Identifier: MIT
"""Two AF_XDP sockets on two queues of a NIC: one goes on while the other comes and goes.

Source: Documentation/networking/af_xdp.rst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdpconform.observed_xsk import COPY, ZERO_COPY, Bound, Neighbours, Trip
from xdpconform.probes.kit import claims, wire_of
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.trial import Refused, no_program, settle
from xdpconform.probes.zerocopy import (
    Turned,
    bound_socket,
    first_out,
    out,
    queues,
    redirecting,
    sizes_of,
    turned,
    wait_in,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdpconform.probes.testbed import Testbed
    from xdpconform.probes.xsk import XskSocket


def neighbours(bed: Testbed) -> Neighbours:
    """A socket on the first queue goes on while another on the second comes and goes.

    Raises:
        Blocked: nothing sends frames to the NIC, no program can be attached, or the link does not
            come up again.
        XskError: a socket or its memory is refused, for want of privileges.
    """
    wire_of(bed)
    now, count = claims(bed.nic), queues(bed.nic)
    try:
        first, second = _pair(bed, ZERO_COPY, count)
        control, _second = _pair(bed, COPY, count)
    except Refused as error:
        raise no_program(bed, error.refusal) from error
    why = next((one.refused for one in (first, second) if one and one.refused), None)
    return Neighbours(
        now, count, first, second, control, lacking(bed, why) if why is not None else ()
    )


def _pair(bed: Testbed, mode: str, count: int) -> tuple[Bound, Bound | None]:
    bed.progress(f"two AF_XDP sockets, {mode}")
    trips: dict[str, Trip] = {}
    second: Bound | None = None
    try:
        with bound_socket(bed, 0, mode) as xsk:
            first = Bound(0, mode, None, xsk.zerocopy)
            if count < 2:
                return first, None
            with redirecting(bed) as (run, sockets):
                sockets.set(0, xsk.fileno())
                settle(bed, run)
                trips |= _both(bed, xsk, "before")
                try:
                    with bound_socket(bed, 1, mode) as other:
                        settle(bed, run)
                        own = {"sent": first_out(bed, other)}
                        second = Bound(1, mode, None, other.zerocopy, own)
                        trips |= _both(bed, xsk, "beside")
                except Turned as error:
                    return first, Bound(1, mode, error.refusal)
                settle(bed, run)
                trips |= _both(bed, xsk, "after")
            return first._replace(trips=trips), second
    except Turned as error:
        return Bound(0, mode, error.refusal), None


def _both(bed: Testbed, xsk: XskSocket, moment: str) -> Mapping[str, Trip]:
    return {
        f"{moment} sent": out(bed, xsk, turned(sizes_of(bed))),
        f"{moment} received": wait_in(bed, xsk),
    }
