# SPDX-License-Identifier: MIT
"""A recording without what tells whose machine it was: MAC addresses, host names, serial numbers.

Nothing that is judged changes, and a test compares the verdicts. Names of interfaces stay, but for
those that hold an address or the host's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.redact import redact_links
from xdpconform.sources.recording import Exchanged, Read, RecordedNic, Recording, sealed

_MAC: Final = re.compile(
    rb"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])"
)
# As udev names a device by its address: enx, wlx, wwx (systemd.net-naming-scheme(7)).
_MAC_NAME: Final = re.compile(rb"(?<=x)[0-9A-Fa-f]{12}")
_HOST_MIN: Final = 3
"""A host's name that is shorter stands in other words by chance."""
_DRVINFO_READ: Final = 132
"""Bytes of struct ethtool_drvinfo up to erom_version: what stands behind is not read."""


class _Redactor:
    """Same names for same names, all of the same length, so that no length in the bytes changes.

    Args:
        hosts: names of the host.
    """

    def __init__(self, hosts: list[bytes]) -> None:
        self._hosts = re.compile(b"|".join(map(re.escape, hosts)), re.IGNORECASE) if hosts else None
        self.names: dict[bytes, bytes] = {}

    def name(self, name: bytes) -> bytes:
        """An interface's name."""
        if name not in self.names:
            number = len(self.names)
            changed = _MAC_NAME.sub(b"%012x" % number, self._plain(name))
            while changed != name and changed in self.names.values():
                changed = changed[:-2] + b"%02x" % (number % 256)
                number += 1
            self.names[name] = changed
        return self.names[name]

    def data(self, data: bytes) -> bytes:
        """Any bytes: names that were changed, MAC addresses as text, the host's name."""
        for name, changed in self.names.items():
            if name != changed:
                data = data.replace(name, changed)
        return self._plain(data)

    def text(self, text: str) -> str:
        """Any text."""
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def _plain(self, data: bytes) -> bytes:
        data = _MAC.sub(lambda _mac: b"00:00:00:00:00:00", data)
        if self._hosts is not None:
            data = self._hosts.sub(lambda found: b"x" * len(found[0]), data)
        return data


def redact(recording: Recording, host: str) -> Recording:
    """The recording without MAC addresses, host names and serial numbers, and with its new digest.

    Args:
        recording: what was recorded.
        host: the name of the host, as uname -n prints it.
    """
    hosts = {host, host.partition(".")[0]}
    words = [name.encode() for name in sorted(hosts, key=len, reverse=True)]
    redactor = _Redactor([word for word in words if len(word) >= _HOST_MIN])
    exchanges = [_links(one, redactor.name) for one in recording.exchanges]  # learns the names
    return sealed(
        replace(
            recording,
            redacted=True,
            nics=[_nic(nic, redactor.text) for nic in recording.nics],
            exchanges=[_others(one, redactor.data) for one in exchanges],
            devices={
                redactor.text(name): _read(read, redactor)
                for name, read in recording.devices.items()
            },
            notifications=replace(
                recording.notifications, problem=redactor.text(recording.notifications.problem)
            ),
        )
    )


def _links(one: Exchanged, rename: Callable[[bytes], bytes]) -> Exchanged:
    if one.protocol != NETLINK_ROUTE:
        return one
    return replace(one, replies=[redact_links(reply, rename) for reply in one.replies])


def _others(one: Exchanged, change: Callable[[bytes], bytes]) -> Exchanged:
    if one.protocol == NETLINK_ROUTE:
        return one
    return replace(one, replies=[change(reply) for reply in one.replies])


def _nic(nic: RecordedNic, change: Callable[[str], str]) -> RecordedNic:
    texts = {
        field: change(value)
        for field in nic.__struct_fields__
        if field != "state" and isinstance(value := getattr(nic, field), str)
    }
    return replace(nic, **texts)


def _read(read: Read, redactor: _Redactor) -> Read:
    drvinfo = read.drvinfo
    if drvinfo:
        drvinfo = redactor.data(drvinfo[:_DRVINFO_READ]).ljust(len(drvinfo), b"\0")
    return Read({path: redactor.text(text) for path, text in read.sysfs.items()}, drvinfo)
