# SPDX-License-Identifier: MIT
"""What a fault is, and the tools that faults are made with."""

from __future__ import annotations

from struct import pack
from sys import byteorder
from typing import TYPE_CHECKING, NamedTuple

from xdpconform.errors import Overrun
from xdpconform.mock.packets import (
    GenericMessage,
    NlAttr,
    NlMsgErr,
    NlMsgHdr,
    RouteMessage,
    dissect,
    undissected,
)
from xdpconform.sources.base import Datagram

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdpconform.mock.request import Request

    Found = list[Datagram | Overrun]
    """What a channel will receive, in order; an Overrun is raised in its turn."""
    Act = Callable[["Asked", Found], Found]
    Edit = Callable[[list[NlAttr]], list[NlAttr]]
    Notify = Callable[[tuple[bytes, ...]], tuple[bytes, ...]]


class Asked(NamedTuple):
    """The question that is being answered."""

    what: str
    """As `xdpconform.mock.reply.Reply` names it; ``refusal`` for a wrong one."""
    times: int
    """How often it was asked, this time included."""
    request: Request
    number: int
    """N of a fault that has one."""


class Outcome(NamedTuple):
    """What must come of a fault."""

    verdict: str
    """``CONFORMS``, ``FAILS`` or ``INCOMPLETE``."""
    lines: Mapping[str, str] = {}
    """Outcome, and kind if it fails, by requirement and row."""
    error: str = ""
    """The class of the error that ends it all, where no line can be judged."""
    place: str = ""
    """The question at which it surfaces."""

    def text(self) -> str:
        """In words."""
        if self.error:
            return f"{self.error} at {self.place}: {self.verdict}"
        lines = ", ".join(f"{line} {word}" for line, word in self.lines.items())
        return f"{self.verdict}: {lines}" if lines else self.verdict


class Fault(NamedTuple):
    """One thing that the mock does wrong."""

    name: str
    title: str
    outcome: Outcome
    """Of a NIC that conforms otherwise and claims zero copy."""
    at: tuple[str, ...] = ()
    """At which questions; at all if none is named."""
    act: Act | None = None
    told: Notify | None = None
    """What it makes of notifications."""
    number: int = 0
    """N, of a fault whose name has one."""
    numbers: tuple[int, ...] = ()
    """Numbers to try for N; empty where there is none. N is 1 or more."""
    beyond: tuple[int, Outcome] | None = None
    """From which N on there is another outcome."""

    def change(self, what: str, times: int, request: Request, found: Found) -> Found:
        """What is received in place of `found`."""
        if self.act is None or (self.at and what not in self.at):
            return found
        return self.act(Asked(what, times, request, self.number), found)

    def notify(self, datagrams: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """What is told in place of `datagrams`."""
        return self.told(datagrams) if self.told is not None else datagrams

    def comes(self) -> str:
        """What must come of it, in words."""
        text = self.outcome.text()
        if self.beyond is not None:
            text += f"; from {self.beyond[0]} on {self.beyond[1].text()}"
        return text

    def numbered(self, number: int) -> Fault:
        """This fault of a family with its N."""
        outcome = self.outcome
        if self.beyond is not None and number >= self.beyond[0]:
            outcome = self.beyond[1]
        name = f"{self.name.removesuffix('N')}{number}"
        return self._replace(name=name, number=number, numbers=(), outcome=outcome)


def rewritten(found: Found, rewrite: Callable[[bytes], bytes]) -> Found:
    """Every datagram rewritten."""
    return [
        one if isinstance(one, Overrun) else one._replace(data=rewrite(one.data)) for one in found
    ]


def _attributes(packet: NlMsgHdr) -> list[NlAttr]:
    body = packet.payload
    return list(body.attributes) if hasattr(body, "attributes") else []


def rebuilt(
    found: Found,
    change: Callable[[NlMsgHdr], NlMsgHdr | list[NlMsgHdr]],
    kind: type[NlMsgHdr] = GenericMessage,
) -> Found:
    """Every message dissected, changed and built again; into none, or into several."""

    def rewrite(data: bytes) -> bytes:
        messages: list[NlMsgHdr] = []
        for message in dissect(data, kind):
            changed = change(message)
            messages += changed if isinstance(changed, list) else [changed]
        return b"".join(bytes(undissected(message)) for message in messages)

    return [one for one in rewritten(found, rewrite) if isinstance(one, Overrun) or one.data]


def edited(edit: Edit, kind: type[NlMsgHdr] = GenericMessage) -> Act:
    """Change the attributes of each message that is no control message."""

    def change(message: NlMsgHdr) -> NlMsgHdr:
        if isinstance(message.payload, NlMsgErr) or not hasattr(message.payload, "attributes"):
            return message
        message.payload.attributes = edit(_attributes(message))
        message.nlmsg_len = None
        return message

    return lambda _asked, found: rebuilt(found, change, kind)


def edited_link(edit: Edit) -> Act:
    """Change the attributes of each link."""
    return edited(edit, RouteMessage)


def attr(kind: int, value: bytes = b"", length: int | None = None) -> NlAttr:
    """An attribute, with a length that need not be true."""
    return NlAttr(nla_type=kind, value=value, nla_len=length)


def put(kind: int, make: Callable[[bytes], NlAttr | None]) -> Edit:
    """Replace the attributes of a kind; by nothing where `make` says None."""

    def edit(attrs: list[NlAttr]) -> list[NlAttr]:
        made = [make(one.value) if one.nla_type == kind else one for one in attrs]
        return [one for one in made if one is not None]

    return edit


def masked(kind: int, *, on: int = 0, off: int = 0) -> Edit:
    """Set and clear bits of a 64-bit attribute."""

    def make(value: bytes) -> NlAttr:
        number = int.from_bytes(value, byteorder)
        return attr(kind, pack("=Q", number & ~off | on))

    return put(kind, make)


__all__ = [
    "Asked",
    "Fault",
    "Outcome",
    "attr",
    "edited",
    "edited_link",
    "masked",
    "put",
    "rebuilt",
    "rewritten",
]
