# SPDX-License-Identifier: MIT
"""What a source is asked and answers, kept as a recording."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from xdpconform import __version__
from xdpconform.errors import SourceError
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.nic import ATTACHED
from xdpconform.sources import Channel, Exchange, Source
from xdpconform.sources.recording import (
    SCHEMA,
    Exchanged,
    Read,
    RecordedNic,
    Recording,
    Tool,
    Watched,
    sealed,
)
from xdpconform.sources.replay import spelled

if TYPE_CHECKING:
    from xdpconform.nic import Answer, Nic

_PROTOCOLS: Final[dict[int, Literal[0, 16]]] = {NETLINK_ROUTE: 0, NETLINK_GENERIC: 16}


class Recorder:
    """A source that keeps what does not travel over netlink.

    Args:
        source: who is asked.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.name
        self.reads: dict[str, Read] = {}

    def open(self, protocol: int) -> Channel:
        """The source's; its exchanges are traced by who asks."""
        return self.source.open(protocol)

    def release(self) -> str:
        """The source's."""
        return self.source.release()

    def drvinfo(self, ifname: bytes) -> bytes:
        """The source's, kept."""
        found = self.source.drvinfo(ifname)
        self.reads[spelled(ifname)] = msgspec.structs.replace(self._read(ifname), drvinfo=found)
        return found

    def sysfs(self, ifname: bytes, paths: tuple[str, ...]) -> dict[str, str]:
        """The source's, kept."""
        found = self.source.sysfs(ifname, paths)
        read = self._read(ifname)
        self.reads[spelled(ifname)] = msgspec.structs.replace(read, sysfs=read.sysfs | found)
        return found

    def _read(self, ifname: bytes) -> Read:
        return self.reads.get(spelled(ifname), Read({}))

    def notifications(self) -> tuple[bytes, ...] | None:
        """The source's."""
        return self.source.notifications()

    def close(self) -> None:
        """Close the source."""
        self.source.close()


def keep(recorder: Recorder, trace: Sequence[Exchange], nics: Sequence[Nic]) -> Recording:
    """The recording of what was asked.

    Args:
        recorder: the source that was asked.
        trace: every exchange, in order.
        nics: what was learned.
    """
    return sealed(
        Recording(
            schema=SCHEMA,
            tool=Tool("xdpconform", __version__),
            taken=datetime.now(UTC).isoformat(timespec="seconds"),
            kernel=recorder.release(),
            redacted=False,
            nics=[_nic(nic) for nic in nics],
            exchanges=[
                Exchanged(one.what, _PROTOCOLS[one.protocol], one.request, list(one.replies))
                for one in trace
                if not one.lost
            ],
            devices=recorder.reads,
            notifications=_watched(nics[0].answers.get("lifecycle")),
        )
    )


def _nic(nic: Nic) -> RecordedNic:
    identity = nic.identity
    return RecordedNic(
        ifname=identity.ifname,
        ifindex=identity.ifindex,
        state="attached" if nic.state == ATTACHED else "idle",
        driver=identity.driver,
        driver_version=identity.driver_version,
        firmware=identity.firmware,
        bus_info=identity.bus_info,
        bus=identity.bus,
        kind=identity.kind,
        pci=identity.pci,
    )


def _watched(answer: Answer | None) -> Watched:
    if answer is None:
        return Watched()  # without the family nobody was asked
    problem = str(answer.error) if isinstance(answer.error, SourceError) else ""
    return Watched(list(answer.replies), problem)
