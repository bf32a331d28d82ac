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
    asked: Bound
    """With XDP_USE_SG."""
    bound: Bound
    """The same, or where one segment is claimed the socket without XDP_USE_SG. Its trips: ``most``
    sent in as many descriptors as claimed, ``more`` in one more, ``next`` sent after that."""
    control: Bound
    """In copy mode: ``most`` sent, and ``received``."""
    most: int
    """Descriptors of the frames that were sent: as many as claimed, or 2 where nothing is."""
    received: Bound | None = None
    """With XDP_USE_SG at an MTU of several buffers, ``received``; None where one is claimed."""
    mtu: int = 0
    """Meanwhile."""
    buffers: int = 0
    """That a frame of this MTU came in."""
    above: int = 0
    """An MTU that needs more buffers than claimed; 0: the device takes none so large."""
    too_large: Refusal | None = None
    """What a bind is refused with at that MTU."""
    program: Refusal | None = None
    """Why no program could be attached, if so."""
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


# As far as the kernel's xskxceiver: xdpconform.probes.sockets


class Trial(NamedTuple):
    """One thing that was tried with sockets, on one queue."""

    name: str
    """The test's name in xskxceiver where it has one, or ours."""
    queue: int
    wanted: Mapping[str, int] = {}
    """What should be counted, in words; yes is 1, no is 0."""
    seen: Mapping[str, int] = {}
    """What was counted, by the same words; what is not wanted is only told."""
    problem: str = ""
    """What stopped it, if so."""
    skipped: str = ""
    """Why it says nothing, if so."""

    @property
    def right(self) -> bool:
        """Whether everything was as wanted."""
        return not self.problem and all(
            self.seen.get(what) == count for what, count in self.wanted.items()
        )


class Sockets(NamedTuple):
    """Trials of one group, in one mode, and the same in generic XDP as a control."""

    group: str
    zero_copy: bool
    """Whether sockets were bound with XDP_ZEROCOPY; with XDP_COPY otherwise."""
    claims: Capabilities | None
    """While the program was attached; before, where it was refused."""
    trials: tuple[Trial, ...] = ()
    control: tuple[Trial, ...] = ()
    """In copy mode, with the program in the stack: it says nothing of a driver's receive path."""
    confirmed: bool | None = None
    """Whether XDP_OPTIONS says zero copy; None where no socket was bound."""
    bind: Refusal | None = None
    """Of a plain socket."""
    program: Refusal | None = None
    """Why no program could be attached natively, if so."""
    lacking: tuple[str, ...] = ()
    """What of the NIC's settings may be why, each with a command."""


# Metadata of frames that are sent: xdpconform.probes.tx_hints

TX_HINTS: Final = ("timestamp", "checksum", "launch-time")
"""What may be asked for a frame, Documentation/networking/xsk-tx-metadata.rst"""
COPIED, UNCOPIED = "copy", "zero-copy"
"""Rows of the lines about it."""
LEAD: Final = 20_000_000
"""Nanoseconds from asking to the first launch time; more on a host that is slow to send."""


class Stamps(NamedTuple):
    """Time stamps of frames that were sent."""

    sent: int
    arrived: int
    values: tuple[int | None, ...] = ()
    """In nanoseconds, of each frame that was completed, in the order they were sent; None: its
    place was left as it was."""
    clocks: tuple[tuple[str, int, int], ...] = ()
    """Each clock's name, and what it said before the first and after the last."""


class Sums(NamedTuple):
    """Frames of one kind whose checksum was left to the device, as they arrived."""

    sent: int
    right: int = 0
    untouched: int = 0
    """With the sum of the pseudo header in place of the checksum, as they were sent."""
    altered: int = 0
    """Otherwise."""


class Launches(NamedTuple):
    """Frames that were to leave at a time each, and by how many nanoseconds each was late."""

    sent: int
    clock: str
    """Whose time was asked for: ``PHC`` or ``CLOCK_TAI``."""
    arrivals: tuple[int, ...] = ()
    """When they were taken at the other end; the host's own time to do so is in it."""
    stamps: tuple[int, ...] = ()
    """By the device's time stamps; empty where it gave none."""
    lead: int = LEAD
    """Nanoseconds that every frame had at least, once the kernel had it."""


class Asked(NamedTuple):
    """A socket in one mode, and what came of what was asked for its frames."""

    mode: str
    """`COPIED` or `UNCOPIED`."""
    refused: Refusal | None = None
    """Why there was no such socket."""
    zerocopy: bool | None = None
    """What XDP_OPTIONS says."""
    plain: int = 0
    """Frames that arrived of `plain_sent`, with nothing asked."""
    plain_sent: int = 0
    stamps: Stamps | None = None
    sums: Mapping[str, Sums] = {}
    """By the kind of frame."""
    launches: Launches | None = None
    problems: Mapping[str, str] = {}
    """By a word of `TX_HINTS`: what the kernel or the socket said in place of sending."""


class TxHints(NamedTuple):
    """What was asked for frames in copy mode, the control, and in zero copy."""

    claims: Capabilities | None
    copy: Asked
    zero: Asked
    stamping: bool | None = None
    """Whether the device stamps what it sends (tsconfig-get); None: nobody says."""
    phc: bool = False
    """Whether the device's clock could be read."""
    etf: bool = False
    """Whether a queue has the qdisc etf with offload."""
    ifname: str = ""
    lacking: tuple[str, ...] = ()
    """What of the NIC's settings may be why zero copy is refused, each with a command."""


class Invalid(NamedTuple):
    """A frame whose metadata are invalid, and a valid one behind it."""

    what: str
    kicks: tuple[str, ...]
    """What the kernel said to each kick: ``""`` or an errno."""
    completed: int
    """How often the invalid frame came back."""
    arrived: bool
    """Whether the invalid frame was sent all the same."""
    next_completed: int
    next_arrived: bool
    left: int
    """Descriptors that the kernel has not taken."""


class Wedge(NamedTuple):
    """A transmit ring with an invalid request in it."""

    claims: Capabilities | None
    mode: str
    """`COPIED` or `UNCOPIED`."""
    refused: Refusal | None = None
    zerocopy: bool | None = None
    plain: bool = False
    """Whether a frame arrived before that."""
    cases: tuple[Invalid, ...] = ()
    lacking: tuple[str, ...] = ()
