# SPDX-License-Identifier: MIT
"""What a guest tells the host: one JSON object a line, through a port or a file.

Each is written before the guest goes on, and the host has it once the write is over, so that a
guest that breaks a moment later has told all it knew.
"""

from __future__ import annotations

import base64
from typing import Final, Literal

import msgspec

READY: Final = "/run/ready"
"""A file that is there once all modules are loaded."""
SIZE_LIMIT: Final = 1 << 27
"""Bytes that a guest may tell at most: a run at level packets tells some megabytes."""


class Stage(msgspec.Struct, frozen=True, tag="stage"):
    """What the guest does from now on, in words."""

    text: str


class Nics(msgspec.Struct, frozen=True, tag="nics"):
    """NICs that could not be made, and why, by name."""

    problems: dict[str, str]


class Plan(msgspec.Struct, frozen=True, tag="plan"):
    """A run as it begins: results.json of its NICs without a line."""

    results: str


class Starts(msgspec.Struct, frozen=True, tag="starts"):
    """A requirement that is tried from now on."""

    nic: str
    requirement: str
    title: str
    param: str
    level: Literal["claims", "attach", "packets", "stress"]


class Line(msgspec.Struct, frozen=True, tag="line"):
    """A requirement that was tried: a Result of results.json."""

    nic: str
    line: str


class File(msgspec.Struct, frozen=True, tag="file"):
    """A file that the guest leaves."""

    nic: str
    name: str
    data: str
    """In base64."""

    def content(self) -> bytes:
        """The bytes of the file.

        Raises:
            ValueError: it is not base64.
        """
        return base64.b64decode(self.data, validate=True)


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """A run of pytest is over."""

    nics: list[str]
    status: int
    """pytest's, or minus the signal that killed it."""
    output: str = ""
    """The last it printed."""


class Over(msgspec.Struct, frozen=True, tag="over"):
    """All is done, the guest switches itself off."""


Event = Stage | Nics | Plan | Starts | Line | File | Ended | Over


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a guest is to do."""

    nics: list[int]
    """Numbers of the NICs on the wires, as their addresses have them."""
    names: list[str]
    """Their names, in the same order."""
    level: Literal["claims", "attach", "packets"]
    record: bool
    """Whether recordings are made, with and without a program."""
    words: list[str]
    """Further words for pytest."""
    side: int = 1
    """Runs at the same time."""
    fault: str = ""
    """How the guest breaks, of `labs.virtual.guest.faults`; empty: not at all."""
    forward: bool = False
    """Whether it is the partner of another, and sends on what it receives."""
    alone: list[str] = []
    """Names of NICs that have no peer."""


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """As one line."""
    return _ENCODER.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """Of one line.

    Raises:
        msgspec.DecodeError: it is none of these.
    """
    return _DECODER.decode(line)
