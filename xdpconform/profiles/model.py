# SPDX-License-Identifier: MIT
"""What a profile file may hold; docs/profiles.md explains each part with examples.

The structs are the format: unknown fields are refused, and the JSON Schema that editors use is
made from them (``xdpconform/schema/profile-1.schema.json``).
"""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from xdpconform.profiles.kernel import VERSION_PATTERN

FORMAT = 1
"""The ``schema`` that this version reads."""

Version = Annotated[str, Meta(pattern=VERSION_PATTERN, examples=["6.12"])]
Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Word = Annotated[str, Meta(min_length=1, max_length=200)]
JumboErrno = Annotated[str, Meta(pattern=r"^(E[A-Z0-9]{2,15}|none)$", examples=["EINVAL"])]
Segments = Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
Condition = str | bool | list[str]
"""A fact's value, or globs of which one must fit."""


class Flag(Enum):
    """Every flag of the three attributes, by netdev.yaml's names."""

    BASIC = "basic"
    REDIRECT = "redirect"
    NDO_XMIT = "ndo-xmit"
    XSK_ZEROCOPY = "xsk-zerocopy"
    HW_OFFLOAD = "hw-offload"
    RX_SG = "rx-sg"
    NDO_XMIT_SG = "ndo-xmit-sg"
    TIMESTAMP = "timestamp"
    HASH = "hash"
    VLAN_TAG = "vlan-tag"
    TX_TIMESTAMP = "tx-timestamp"
    TX_CHECKSUM = "tx-checksum"
    TX_LAUNCH_TIME_FIFO = "tx-launch-time-fifo"


class Need(Enum):
    """What a rule says of its flags where it applies."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    FORBIDDEN = "forbidden"


class State(Enum):
    """What the NIC was in when asked."""

    IDLE = "idle"
    ATTACHED = "attached"


class Rule(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """When something is expected: what claims and segments have in common."""

    added: Version | None = None
    """First kernel that must have it. Seen earlier, it passes as backported."""
    removed: Version | None = None
    """First kernel that must not have it any more."""
    releases: list[Word] = []
    """Globs of releases that must have it whatever their number: ``*.el9*``."""
    states: tuple[State, ...] = (State.IDLE, State.ATTACHED)
    """In which states of the NIC."""
    when: dict[str, Condition] = {}
    """Facts of the NIC that must hold, all of them; docs/profiles.md lists the words."""
    undecided: Literal["blocked", "optional"] = "blocked"
    """What to say where a fact is not known."""
    basis: Literal["read", "seen", "inferred"] = "read"
    """How it is known: read in the source, seen on a NIC, or inferred."""
    source: list[Word] | Word = []
    """Where it stands in the kernel: ``drivers/net/veth.c:1300``."""
    note: Text | None = None
    """Anything a reader should know."""


class ClaimRule(Rule, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """Flags that go together. A flag that no rule names must not be claimed."""

    flags: Annotated[list[Flag], Meta(min_length=1)]
    need: Need = Need.REQUIRED


class SegmentsRule(Rule, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """``xdp-zc-max-segs`` while xsk-zerocopy is claimed. Without any rule it is 1, the core's."""

    exactly: Segments | None = None
    at_least: Segments | None = None
    at_most: Segments | None = None


class Computed(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """``xdp-features`` that follow from other devices, as a bond's do."""

    all_of: Literal["ports"]
    """Claimed is what every port claims."""
    without: list[Flag] = []
    """Flags that are taken away."""
    source: list[Word] | Word = []
    note: Text | None = None


class Variant(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """One of several things a driver drives: PF or representor, TAP or TUN."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.+-]+$", max_length=40)]
    title: Text | None = None
    when: dict[str, Condition] = {}
    """Facts that tell it; a variant whose facts are not known may fit by its claims."""
    assume: Text | None = None
    """What makes it this variant, where no fact tells: printed wherever it was chosen."""
    claim: list[ClaimRule] = []
    zc_max_segs: list[SegmentsRule] = []
    computed: Computed | None = None
    jumbo_errno: JumboErrno | None = None
    """As of a profile, and before it."""
    crashes: Text | None = None
    """As of a profile."""


class Waiver(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """A known defect, and until when it is let pass. Afterwards it fails again."""

    requirement: Annotated[str, Meta(pattern=r"^XDP-[A-Z]+-[0-9]{2}$")]
    reason: Text
    link: Annotated[str, Meta(pattern=r"^https?://", max_length=400)]
    until: dt.date
    """The last day it holds."""
    param: Word | None = None
    """Only this row, as the report has it in brackets: a state, a question's name."""
    release: Word | None = None
    """Only kernels whose release this glob fits."""
    variant: Word | None = None


class Profile(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True):
    """What a driver should claim."""

    schema: Literal[1]
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.+-]+$", max_length=40)]
    driver: Annotated[list[Word], Meta(min_length=1)]
    """Driver names as ``xdpconform show`` prints them."""
    title: Text | None = None
    extends: Word | None = None
    """A shipped profile whose rules, variants and waivers come first."""
    when: dict[str, Condition] = {}
    """Facts that must hold for the profile to be meant at all."""
    source: list[Word] | Word = []
    note: Text | None = None
    crashes: Text | None = None
    """Why frames must never be redirected into such a device: the kernel would crash."""
    jumbo_errno: JumboErrno | None = None
    """With what a program without frags is refused where a frame needs several buffers.

    ``none`` where the driver takes it all the same.
    """
    claim: list[ClaimRule] = []
    zc_max_segs: list[SegmentsRule] = []
    variant: list[Variant] = []
    waiver: list[Waiver] = []
