# SPDX-License-Identifier: MIT
"""From what a user types to interfaces: names, numbers, globs, ``all``; and safe ids."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase

from xdpconform.errors import InputError, NoSuchInterface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    from xdpconform.netlink.rtnl import Link

IFNAMSIZ: Final = 16  # include/uapi/linux/if.h
ALTIFNAMSIZ: Final = 128
IFINDEX_MAX: Final = 0x7FFFFFFF  # ifindex is an int in the kernel
_LISTED: Final = 40
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.:@+-]")


def shown(text: str) -> str:
    """Text fit for a terminal or a log: whatever is not printable as an escape."""
    if text.isascii() and text.isprintable():
        return text
    # Not os.fsencode: it knows ASCII only where the locale does.
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if clean.isprintable():
        return clean
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in clean)


def safe_id(text: str, taken: Iterable[str] = ()) -> str:
    """An id for tests and files: only ``[A-Za-z0-9_.:@+-]``, and none of those taken."""
    plain = _UNSAFE.sub("_", text).lstrip("-.") or "_"
    candidate = plain
    number = 2
    while candidate in taken:
        candidate = f"{plain}_{number}"
        number += 1
    return candidate


def check_name(text: str) -> None:
    """Refuse what no interface can be called (dev_valid_name, net/core/dev.c).

    Raises:
        InputError: empty, too long, or with a character that the kernel refuses.
    """
    name = os.fsencode(text)
    if not name:
        raise InputError("an empty interface name: type one, such as --iface eth0")
    if len(name) >= ALTIFNAMSIZ:
        raise InputError(
            f"interface name {shown(text[:20])!r}... has {len(name)} bytes; a name has at most"
            f" {IFNAMSIZ - 1}, an alternative name {ALTIFNAMSIZ - 1}"
        )
    if name in (b".", b"..") or re.search(rb"[/:\s\0]", name):
        raise InputError(
            f"{shown(text)!r} cannot be an interface name: no '/', ':' or white space, nor . or .."
        )


def select(patterns: Sequence[str], links: Sequence[Link]) -> list[Link]:
    """The links that the user's words mean, each once, in the order of the words.

    Args:
        patterns: names, alternative names, numbers (ifindex), globs, or ``all``.
        links: those there are.

    Raises:
        InputError: a word cannot be a name or number.
        NoSuchInterface: a word fits none; lists those there are.
    """
    chosen: dict[int, Link] = {}
    for pattern in patterns:
        found = _matching(pattern, links)
        if not found:
            raise NoSuchInterface(
                f"no interface {shown(pattern)!r} here; there are: {listing(links)}"
            )
        for link in found:
            chosen.setdefault(link.ifindex, link)
    return list(chosen.values())


def _matching(pattern: str, links: Sequence[Link]) -> list[Link]:
    if pattern == "all":
        return list(links)
    name = os.fsencode(pattern).decode("utf-8", "backslashreplace")
    named = [link for link in links if name == link.name or name in link.alt_names]
    if named:
        return named
    if "/" not in name and any(c in name for c in "*?["):
        return [link for link in links if fnmatchcase(link.name, name)]
    if re.fullmatch(r"[+-]?[0-9]+", pattern):
        number = int(pattern[:20])
        if not 1 <= number <= IFINDEX_MAX or len(pattern) > len(str(IFINDEX_MAX)) + 1:
            raise InputError(f"ifindex {pattern[:20]}: it is 1 to {IFINDEX_MAX}")
        return [link for link in links if link.ifindex == number]
    check_name(pattern)
    return []


def listing(links: Sequence[Link]) -> str:
    """The names there are, in one line, not too many of them."""
    names = [shown(link.name) for link in links[:_LISTED]]
    if len(links) > _LISTED:
        names.append(f"and {len(links) - _LISTED} more")
    return ", ".join(names) or "none"
