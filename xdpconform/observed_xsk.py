# SPDX-License-Identifier: MIT
"""What was seen of AF_XDP sockets on a NIC: values only. Probes make them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from xdpconform.netlink.netdev import Capabilities
from xdpconform.observed import Arrivals, Refusal

# Zero copy and segments: xdpconform.probes.zerocopy

ZERO_COPY, AUTOMATIC, COPY = "zero copy", "automatic", "copy"
"""How a socket is bound: with XDP_ZEROCOPY, with neither flag, with XDP_COPY."""
BINDS: Final = {
    "unknown-flag": "EINVAL",
    "unknown-flag-no-interface": "EINVAL",
    "bound-already": "EBUSY",
    "bound-already-no-interface": "EBUSY",
    "no-interface": "ENODEV",
    "no-interface-no-ring": "ENODEV",
    "no-ring": "EINVAL",
    "shared-with-a-mode": "EINVAL",
    "no-fill-ring": "EINVAL",
    "both-modes": "EINVAL",
    "both-modes-queue-taken": "EINVAL",
    "queue-taken": "EBUSY",
    "queue-taken-zero-copy": "EBUSY",
    "no-queue": "EINVAL",
    "no-queue-zero-copy": "EINVAL",
}
"""What bind(2) is asked for, and its errno, in the order in which the kernel looks: xsk_bind
(net/xdp/xsk.c), then xp_assign_dev (net/xdp/xsk_buff_pool.c). Of two faults the first counts."""


class Trip(NamedTuple):
    """Frames one way, and what came of them."""

    sent: int = 0
    digest: str = ""
    """SHA-256 of what was sent."""
    came: Arrivals = Arrivals()
    passed_by: int = 0
    """Frames that came in through another queue, and went to the host."""
    completed: int | None = None
    """Descriptors that came back through the completion ring, where a socket sent."""
    problem: str = ""
    """What went wrong with the socket, if so."""

    @property
    def whole(self) -> bool:
        """Whether all that came this way is there once and intact, and nothing went wrong."""
        wanted = self.sent - self.passed_by
        return (
            not self.problem
            and (self.came.frames, self.came.intact, self.came.repeated) == (wanted, wanted, 0)
            and self.completed in (None, self.sent)
        )


class Bound(NamedTuple):
    """A socket that was bound to a queue, and the frames that went through it."""

    queue: int
    mode: str
    """How it was asked for: `ZERO_COPY`, `AUTOMATIC` or `COPY`."""
    refused: Refusal | None = None
    zerocopy: bool | None = None
    """What XDP_OPTIONS says; None where the bind was refused."""
    trips: Mapping[str, Trip] = {}
    """By a word of `TRIPS`; empty where the bind was refused."""


TRIPS: Final = ("bare", "sent", "received", "host-sent", "host-received")
"""From the socket with no program on the NIC; from the socket with one; to the socket; from the
host and to the host while the socket holds the queue."""


class ZeroCopy(NamedTuple):
    """Sockets on each queue of a NIC, one at a time."""

    claims: Capabilities | None
    binds: tuple[Bound, ...] = ()
    """In zero copy, one a queue."""
    automatic: tuple[Bound, ...] = ()
    """With neither flag, one a queue."""
    controls: tuple[Bound, ...] = ()
    """In copy mode: on the first queue, and on each where zero copy carried not everything."""
    program: Refusal | None = None
    """Why no program could be attached, if so."""
    lacking: tuple[str, ...] = ()
    """What of the NIC's settings may be why a bind is refused, each with a command."""


class Neighbours(NamedTuple):
    """A socket that sends and receives while another on a second queue comes and goes."""

    claims: Capabilities | None
    queues: int
    """How many the NIC has in use."""
    first: Bound
    """Its trips, by moment and way: ``before sent``, ``beside received``, ``after sent``."""
    second: Bound | None = None
    """None where there is no second queue, or the first socket was refused."""
    control: Bound | None = None
    """The first in copy mode, likewise."""
    lacking: tuple[str, ...] = ()


class Segments(NamedTuple):
    """Frames of several buffers in zero copy, as many as claimed and one more."""

    claims: Capabilities | None
    bind: Bound
    """With XDP_USE_SG; its trips are ``most``, ``more``, ``next`` sent, and ``received``."""
    buffers: int = 0
    """Of each frame that was received."""
    frame_bytes: int = 0
    """Of each frame that was received."""
    limit: str = ""
    """Why not as many buffers as claimed were received, if so."""
    too_large: Refusal | None = None
    """The bind's refusal at an MTU that needs one buffer more than claimed."""
    tried: int | None = None
    """That MTU; None: the device takes no such MTU."""
    control: Bound | None = None
    """The same in copy mode."""
    lacking: tuple[str, ...] = ()


class Release(NamedTuple):
    """How long a queue stays busy after its socket is gone."""

    claims: Capabilities | None
    closed_ms: Mapping[str, float | None] = {}
    """By mode, after close(2); None: longer than anybody waited."""
    killed_ms: Mapping[str, float | None] = {}
    """By mode, after SIGKILL to the process that held the last descriptor."""
    refused: Refusal | None = None
    """Of the bind in zero copy."""
    waited: float = 0
    """Seconds that were waited at most."""
    lacking: tuple[str, ...] = ()
