# SPDX-License-Identifier: MIT
"""What faults do to notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdpconform.mock.fault import masked, rebuilt
from xdpconform.sources.base import Datagram

if TYPE_CHECKING:
    from xdpconform.mock.fault import Notify
    from xdpconform.mock.packets import NlMsgHdr

CHANGE = 4
"""NETDEV_CMD_DEV_CHANGE_NTF"""


def _command(datagram: bytes) -> int:
    return datagram[16]


def lost(command: int) -> Notify:
    """The last notification of a kind never comes; of changes, none comes."""

    def told(datagrams: tuple[bytes, ...]) -> tuple[bytes, ...]:
        places = [n for n, one in enumerate(datagrams) if _command(one) == command]
        gone = places if command == CHANGE else places[-1:]
        return tuple(one for n, one in enumerate(datagrams) if n not in gone)

    return told


def twice(command: int) -> Notify:
    """Notifications of a kind come twice."""
    return lambda datagrams: tuple(
        copy for one in datagrams for copy in [one] * (1 + (_command(one) == command))
    )


def stale(datagrams: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Changes are told without the change."""

    def change(message: NlMsgHdr) -> NlMsgHdr:
        message.payload.attributes = masked(3, off=0x7F)(message.payload.attributes)
        return message

    def old(datagram: bytes) -> bytes:
        (built,) = rebuilt([Datagram(datagram)], change)
        assert isinstance(built, Datagram)  # noqa: S101 - for the type checker
        return built.data

    return tuple(old(one) if _command(one) == CHANGE else one for one in datagrams)


def malformed(datagrams: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The last attribute of the first notification is cut."""
    first, *others = datagrams
    return (first[:-8], *others)


def nothing(_datagrams: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Nobody tells anything."""
    return ()


def unknown(datagrams: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The first notification is of an unknown kind."""
    first, *others = datagrams
    return (first[:16] + b"\x4d" + first[17:], *others)
