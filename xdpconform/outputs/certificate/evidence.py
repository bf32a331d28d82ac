# SPDX-License-Identifier: MIT
"""Evidence as a page shows it: values in words, and what several lines rest on only once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from xdpconform.outputs.certificate.messages import Exchange, Exchanges

if TYPE_CHECKING:
    from xdpconform.outputs.results import Result

DEEPEST: Final = 6
"""Levels of lists and tables that are laid out; what is deeper is shown as JSON."""
SHORT: Final = 120
"""Bytes of JSON below which a value is shown again with each line."""
INLINE: Final = 200
"""Characters of a table that stands in one line of text; a list does at any length."""

_NULL: Final = b"null"

Value: TypeAlias = "str | tuple[Item, ...]"
"""In words, or named values one below another."""


class Item(NamedTuple):
    """One named value."""

    name: str
    value: Value


class Shared(NamedTuple):
    """A value that several lines rest on."""

    anchor: str
    value: Value
    users: tuple[tuple[str, str], ...]
    """The requirements that rest on it, each with the anchor of its first line that does."""


class Proof(NamedTuple):
    """The evidence of one line."""

    items: tuple[Item, ...]
    shared: tuple[tuple[str, str], ...]
    """Name and anchor of what stands below `Shared`."""
    exchange: Exchange | None
    """The netlink messages."""


class Evidence:
    """The evidence of all lines.

    Args:
        lines: each with its anchor.
    """

    def __init__(self, lines: Iterable[tuple[str, Result]]) -> None:
        self.exchanges = Exchanges()
        self._encoded: dict[str, dict[str, bytes]] = {}
        self._shared: dict[bytes, str] = {}
        self._users: dict[bytes, list[str]] = {}
        self._values: dict[bytes, object] = {}
        rest = {}
        for anchor, line in lines:
            rest[anchor] = self.exchanges.take(anchor, line.evidence)
            self._encoded[anchor] = {name: encoded(value) for name, value in rest[anchor].items()}
        self._rest = rest
        uses = Counter(
            text for found in self._encoded.values() for text in found.values() if len(text) > SHORT
        )
        for anchor, found in self._encoded.items():
            for name, text in found.items():
                if uses[text] > 1:
                    self._shared.setdefault(text, f"E{len(self._shared) + 1}")
                    self._values.setdefault(text, rest[anchor][name])
                    users = self._users.setdefault(text, [])
                    if anchor not in users:
                        users.append(anchor)

    def of(self, anchor: str) -> Proof:
        """The evidence of a line."""
        items = []
        shared = []
        absent = []
        for name, text in self._encoded[anchor].items():
            if text == _NULL:
                absent.append(name)
            elif text in self._shared:
                shared.append((name, self._shared[text]))
            else:
                items.append(Item(name, words(self._rest[anchor][name])))
        if absent:
            items.append(Item("absent", ", ".join(absent)))
        return Proof(tuple(items), tuple(shared), self.exchanges.of(anchor))

    def shared(self) -> list[Shared]:
        """What several lines rest on, in the order of its first use."""
        return [
            Shared(anchor, words(self._values[text]), users(self._users[text]))
            for text, anchor in self._shared.items()
        ]


def users(anchors: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The requirements behind anchors, each with its first; see `view.anchors`."""
    found: dict[str, str] = {}
    for anchor in anchors:
        found.setdefault(anchor.partition(".")[0], anchor)
    return tuple(found.items())


def encoded(value: object) -> bytes:
    """A value of evidence as JSON, keys sorted."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except RecursionError:
        return b"nested too deep to be shown"


def words(value: object, depth: int = 0) -> Value:
    """A value of evidence, which has JSON types, as a reader would write it."""
    if isinstance(value, dict):
        line = _in_a_line(value)
        if line is not None:
            return line
        if depth < DEEPEST:
            return tuple(Item(str(name), words(one, depth + 1)) for name, one in value.items())
        return encoded(value).decode()
    if isinstance(value, list):
        line = _in_a_line(value)
        if line is not None:
            return line
        if depth < DEEPEST:
            return tuple(
                Item(str(number), words(one, depth + 1)) for number, one in enumerate(value, 1)
            )
        return encoded(value).decode()
    return _scalar(value)


def _scalar(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) or "none"


def _in_a_line(value: dict[str, object] | list[object]) -> str | None:
    """A flat list or table as one line of text; None if it holds others, or is too long."""
    members = value.values() if isinstance(value, dict) else value
    if any(isinstance(one, (dict, list)) for one in members):
        return None
    if not isinstance(value, dict):
        texts = [_scalar(one) for one in value]
        return (", " if not any("," in one for one in texts) else "; ").join(texts) or "none"
    text = ", ".join(f"{name} {_scalar(one)}" for name, one in value.items())
    return (text or "none") if len(text) <= INLINE else None
