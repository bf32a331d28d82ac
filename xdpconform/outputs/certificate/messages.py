# SPDX-License-Identifier: MIT
"""Netlink messages behind the lines: each exchange once, field by field with its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from xdpconform.netlink.constants import NLMSG_MIN_TYPE
from xdpconform.netlink.describe import Field, describe
from xdpconform.netlink.wire import NLMSG_HDRLEN, NLMSGHDR

ROWS: Final = 96
"""Fields of a datagram that are shown; a dump of many devices has more."""
BYTES: Final = 64
"""Bytes of a field that are shown."""
_KEYS: Final = ("what", "request", "replies")
_HEADERS: Final = ("nlmsghdr", "genlmsghdr")


class Row(NamedTuple):
    """One field of a message."""

    depth: int
    offset: int
    hex: str
    name: str
    value: str
    problem: str


class Datagram(NamedTuple):
    """A request, a reply or a notification."""

    role: str
    size: int
    rows: tuple[Row, ...]
    left: int
    """Bytes that are not shown."""


class Exchange(NamedTuple):
    """A question and its answers."""

    anchor: str
    what: str
    lines: list[str]
    """Anchors of the lines that rest on it."""
    evidence: tuple[str, str, tuple[str, ...]]
    """what, the request and the replies, in hex."""


class Exchanges:
    """All of a NIC."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, tuple[str, ...]], Exchange] = {}
        self._by_line: dict[str, Exchange] = {}

    def take(self, anchor: str, evidence: Mapping[str, object]) -> dict[str, object]:
        """Note the messages behind a line.

        Returns:
            The evidence that is none: all of it where something there is not as it should be.
        """
        what, request, replies = (evidence.get(key) for key in _KEYS)
        if not (isinstance(what, str) and _hex(request) and isinstance(replies, list)):
            return dict(evidence)
        if not all(map(_hex, replies)):
            return dict(evidence)
        key = (what, str(request), tuple(replies))
        exchange = self._found.get(key)
        if exchange is None:
            exchange = Exchange(f"M{len(self._found) + 1}", what, [], key)
            self._found[key] = exchange
        exchange.lines.append(anchor)
        self._by_line[anchor] = exchange
        return {name: value for name, value in evidence.items() if name not in _KEYS}

    def of(self, anchor: str) -> Exchange | None:
        """The messages behind a line."""
        return self._by_line.get(anchor)

    def all(self) -> list[tuple[Exchange, list[Datagram]]]:
        """Every exchange, in the order of its first use, decoded."""
        families = self._families()
        return [
            (exchange, list(_datagrams(exchange, families))) for exchange in self._found.values()
        ]

    def _families(self) -> dict[int, str]:
        """Generic netlink gives out the types of families at boot: requests to netdev tell its."""
        found = {}
        for what, request, _replies in self._found:
            data = bytes.fromhex(request[: 2 * NLMSG_HDRLEN])
            if what.startswith("netdev ") and len(data) == NLMSG_HDRLEN:
                kind = NLMSGHDR.unpack(data)[1]
                if kind > NLMSG_MIN_TYPE:
                    found[kind] = "netdev"
        return found


def _hex(text: object) -> bool:
    if not isinstance(text, str) or not text.isascii():
        return False
    try:
        return len(bytes.fromhex(text)) * 2 == len(text)
    except ValueError:
        return False


def _datagrams(exchange: Exchange, families: Mapping[int, str]) -> Iterator[Datagram]:
    _what, request, replies = exchange.evidence
    if request:
        yield _datagram("request", bytes.fromhex(request), families)
    for number, reply in enumerate(replies, 1):
        role = "reply" if request else "notification"
        yield _datagram(
            role if len(replies) == 1 else f"{role} {number}", bytes.fromhex(reply), families
        )


def _datagram(role: str, data: bytes, families: Mapping[int, str]) -> Datagram:
    rows: list[Row] = []
    shown = 0
    for row, end in _rows(describe(data, families), 0):
        if len(rows) == ROWS:
            break
        rows.append(row)
        shown = end
    return Datagram(role, len(data), tuple(rows), len(data) - shown)


def _rows(fields: tuple[Field, ...], depth: int) -> Iterator[tuple[Row, int]]:
    """Each field that is shown, and where it ends.

    Headers of a message take one row, a nest's header stands for the nest, and padding follows
    what it pads.
    """
    held: tuple[Row, int] | None = None
    for field in fields:
        end = field.offset + len(field.data)
        if held is not None:
            row, start = held
            if field.name == "padding" and not field.problem:
                yield row._replace(hex=f"{row.hex} + {field.data.hex(' ')}"), end
                held = None
                continue
            yield row, start
            held = None
        parts = field.parts
        if not parts or field.name in _HEADERS:
            held = _row(field, depth), end
        elif parts[0].name == "nlattr":
            head = parts[0]
            value = head.value if len(parts) > 1 else f"{head.value}, empty"
            yield (
                _row(head, depth)._replace(name=field.name, value=value),
                head.offset + len(head.data),
            )
            yield from _rows(parts[1:], depth + 1)
        else:
            yield Row(depth, field.offset, "", field.name, field.value, field.problem), field.offset
            yield from _rows(parts, depth + 1)
    if held is not None:
        yield held


def _row(field: Field, depth: int) -> Row:
    value = field.value
    problems = [field.problem]
    if field.parts:
        value = ", ".join(
            f"{part.name.removeprefix('nlmsg_')} {part.value}" for part in field.parts
        )
        problems = [f"{part.name} {part.problem}" for part in field.parts if part.problem]
    left = len(field.data) - BYTES
    text = field.data[:BYTES].hex(" ") + (f" and {left} bytes more" if left > 0 else "")
    return Row(depth, field.offset, text, field.name, value, "; ".join(filter(None, problems)))
