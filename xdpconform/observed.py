# SPDX-License-Identifier: MIT
"""What was seen of a NIC under programs and frames: values only. Probes make them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from xdpconform.errors import errno_name
from xdpconform.netlink.netdev import Capabilities

ACTIONS: Final = {
    "XDP_ABORTED": 0,
    "XDP_DROP": 1,
    "XDP_PASS": 2,
    "XDP_TX": 3,
    "XDP_REDIRECT": 4,
    "invalid": 42,
}
"""enum xdp_action, include/uapi/linux/bpf.h, and one that is none."""


class Event(NamedTuple):
    """What a tracepoint of the kernel counted, alike ones together."""

    tracepoint: str
    """``xdp_exception``, ``xdp_redirect_err``, ``xdp_devmap_xmit``, ``xdp_bulk_tx``"""
    device: str
    """The interface's name, as far as it is one of the testbed."""
    code: int
    """The action of xdp_exception, else an errno, negative or 0."""
    hits: int
    sent: int = 0
    drops: int = 0


class Refusal(NamedTuple):
    """What the kernel or the driver refused."""

    errno: str
    """Its name: ``EOPNOTSUPP``."""
    text: str = ""
    """What the kernel said besides, its extended acknowledgement."""

    @staticmethod
    def named(code: int) -> str:
        """The name of an errno, whatever its sign."""
        return errno_name(abs(code))

    def __str__(self) -> str:
        return f"{self.errno} ({self.text})" if self.text else self.errno


class Arrivals(NamedTuple):
    """Frames that came out at one place."""

    frames: int = 0
    """Different ones; a frame that came twice is counted once."""
    intact: int = 0
    """Those whose every byte is as it should be."""
    repeated: int = 0
    """Frames that had come before."""
    digest: str = ""
    """SHA-256 over the frames, in the order of their numbers."""


class Flow(NamedTuple):
    """What became of frames sent towards a NIC while a program was attached to it."""

    what: str
    """The program: ``XDP_DROP``."""
    claims: Capabilities | None = None
    """While it was attached."""
    mode: str = "none"
    """As rtnetlink shows it: ``native``."""
    refused: Refusal | None = None
    """Where the program could not be attached, or a map not be filled; nothing was sent then."""
    lacking: tuple[str, ...] = ()
    """What of the NIC's settings may be why, each with the command that changes it."""
    sent: int = 0
    size: int = 0
    """Bytes of each frame, Ethernet header included."""
    digest: str = ""
    """SHA-256 of what was sent, as it should arrive."""
    seen: int = 0
    """Frames that the program counted."""
    seen_bytes: int = 0
    delivered: Arrivals = Arrivals()
    """To the host behind the hook."""
    returned: Arrivals = Arrivals()
    """To the peer that sent them."""
    elsewhere: Arrivals = Arrivals()
    """Where they were redirected to."""
    second: int = 0
    """Frames that a second program counted: in a map's entry, or on leaving."""
    events: tuple[Event, ...] = ()
    counters: Mapping[str, int] = {}
    """By how much the NIC's counters grew."""
    notes: Mapping[str, object] = {}
    """What else was measured, in JSON types."""

    def hits(self, tracepoint: str, code: int | None = None) -> int:
        """How often a tracepoint was hit, with one code or with any."""
        return sum(
            event.hits
            for event in self.events
            if event.tracepoint == tracepoint and code in (None, event.code)
        )


class Sight(NamedTuple):
    """A NIC at one moment."""

    claims: Capabilities | None
    mode: str
    """Of the XDP program attached: ``none``, ``native``, ``generic``."""
    program: int | None
    """The program's id."""
    up: bool
    mtu: int
    promiscuity: int = 0
    features: frozenset[str] = frozenset()
    channels: Mapping[str, int | None] = {}
    problem: str = ""
    """Why there are no claims."""


class Attach(NamedTuple):
    """A NIC before, while and after a native program was attached."""

    before: Sight
    attached: Sight | None
    replaced: Sight | None
    """With another program in its place."""
    after: Sight
    told: tuple[Capabilities, ...] | None = ()
    """The claims of each dev-change-ntf about the NIC, in order; None: nobody could listen."""
    refused: Refusal | None = None
    replace_refused: Refusal | None = None
    lacking: tuple[str, ...] = ()
    by_peer: Sight | None = None
    """With a program on its peer instead, where the NIC is a veth: its claims follow that."""


class Jumbo(NamedTuple):
    """Native attach at an MTU larger than a buffer."""

    mtu: int
    claims: Capabilities | None
    plain: Refusal | None
    """What became of a program without frags."""
    frags: Refusal | None
    """What became of one with frags."""
    lacking: tuple[str, ...] = ()
    """What of the NIC's other settings may be why, each with the command that changes it."""


class Change(NamedTuple):
    """A NIC's claims before, during and after something else changed, without a program."""

    what: str
    before: Sight
    during: Sight
    after: Sight


class Cost(NamedTuple):
    """What an attach costs, and a detach."""

    flaps: int
    """How often the carrier changed (carrier_changes)."""
    sent: int
    lost_attach: int
    """Frames sent while the program was being attached, and lost."""
    lost_detach: int
    attach_ms: float
    detach_ms: float
    first_frame_ms: float | None
    """From the call to the first frame that the program saw; None: none was."""


ADJUSTED, REFUSED, PARTLY, LOST, ALTERED = (
    "adjusted",
    "refused",
    "refused for some",
    "lost",
    "altered",
)
"""What becomes of frames that a program adjusts; buffers differ, and so may frames of one size."""


class Matrix(NamedTuple):
    """What became of frames of each size under each offset."""

    where: str
    """``head`` or ``tail``"""
    claims: Capabilities | None
    cells: dict[tuple[int, int], str]
    """Size and offset, and one of the five words."""
    refused: Refusal | None = None
    lacking: tuple[str, ...] = ()


class Largest(NamedTuple):
    """The largest MTU at which a native attach is accepted."""

    frags: bool
    claims: Capabilities | None
    mtu: int | None
    """None: at none, not even the smallest."""
    tried: dict[int, str]
    """MTU, and ``accepted`` or what was refused."""
    above: Refusal | None
    """What is said just above it."""
    limit: int
    """The largest that the device itself takes."""
    lacking: tuple[str, ...] = ()
    """What of the NIC's other settings may be why, each with the command that changes it."""


class Offload(NamedTuple):
    """What became of a program for the device."""

    claims: Capabilities | None
    load: Refusal | None
    """Of a program that is loaded for the device (prog_ifindex); None: it was accepted."""
    attach: Refusal | None
    """Of it, or else of an ordinary program, in hardware mode."""
