# SPDX-License-Identifier: MIT
"""``xdpconform record``: ask as a run would, and keep the bytes of every answer."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from xdpconform import __version__
from xdpconform.errors import InputError, SourceError
from xdpconform.interfaces import safe_id, select, shown
from xdpconform.lab import survey
from xdpconform.netlink.constants import NETLINK_GENERIC, NETLINK_ROUTE
from xdpconform.nic import ATTACHED
from xdpconform.outputs.redact import redact
from xdpconform.outputs.results import write
from xdpconform.probes.lifecycle import Lifecycle
from xdpconform.snapshot import Inspector
from xdpconform.sources import Channel, Exchange, Kernel, Source
from xdpconform.sources.recording import (
    SCHEMA,
    SUFFIX,
    Exchanged,
    Read,
    RecordedNic,
    Recording,
    Tool,
    Watched,
    encode,
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


def record(source: Source, ifaces: Sequence[str], watched: Callable[[], Answer]) -> Recording:
    """Ask everything of level claims, once, and keep it.

    Args:
        source: who is asked; closed at the end.
        ifaces: names, numbers, globs, ``all``.
        watched: gives what a listener saw of a device's life.

    Raises:
        XdpConformError: no such interface, or a source that cannot be asked or changed meanwhile.
    """
    recorder = Recorder(source)
    with Inspector(recorder) as inspector:
        links = select(ifaces, inspector.links())
        nics = survey(inspector, links, watched, strict=True)
        return keep(recorder, inspector.trace, nics)


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


def record_to(
    words: Sequence[str],
    output: str,
    *,
    netns: str | None = None,
    attached: bool = False,
    owned: Sequence[str] = (),
    redacted: bool = False,
    force: bool = False,
    as_json: bool = False,
) -> int:
    """Write recordings of NICs, and say which.

    Args:
        words: names, numbers, globs, ``all``.
        output: a folder, which gets a file for each NIC, or one file for all of them.
        netns: where the NICs are.
        attached: record each NIC once more, with a native program attached for the moment.
        owned: interfaces that the user says are free to be touched, though they look in use.
        redacted: take out MAC addresses, host names and serial numbers.
        force: overwrite a file.
        as_json: print JSON.

    Returns:
        The exit status: 0.

    Raises:
        XdpConformError: as `record`; or the file is there.
    """
    if attached and not (output.endswith("/") or os.path.isdir(output)):
        raise InputError(f"--attached writes two recordings: give a folder, such as -o {output}/")
    folder = Path(output) if output.endswith("/") or os.path.isdir(output) else None
    with Lifecycle() as lifecycle:
        watched = cache(lifecycle.answer)
        groups = [list(words)]
        if folder is not None:
            with Inspector(Kernel(netns)) as inspector:
                groups = [[str(link.ifindex)] for link in select(words, inspector.links())]
        recordings = []
        for group in groups:
            recordings.append(record(Kernel(netns), group, watched))
            if attached:
                recordings.append(_attached(netns, recordings[-1], owned, watched))
    if redacted:
        recordings = [redact(recording, os.uname().nodename) for recording in recordings]
    written = []
    for recording in recordings:
        path = folder / name_for(recording) if folder is not None else Path(output)
        if path.exists() and not force:
            raise InputError(f"{path} is there already: name another, or say --force")
        write(path, encode(recording))
        written.append({"path": str(path), **msgspec.to_builtins(_brief(recording))})
        if not as_json:
            nics = ", ".join(f"{nic.ifname} ({nic.state})" for nic in recording.nics)
            sys.stdout.write(f"{path}: {shown(nics)}, {len(recording.exchanges)} exchanges\n")
    if as_json:
        sys.stdout.write(json.dumps(written, indent=2) + "\n")
    return 0


def _attached(
    netns: str | None, idle: Recording, owned: Sequence[str], watched: Callable[[], Answer]
) -> Recording:
    """The same NIC with a native program on it."""
    from xdpconform.live import with_program

    (nic,) = idle.nics
    if nic.state == "attached":
        raise InputError(f"{nic.ifname} has a program already: its attached state was recorded")
    with with_program(netns, nic.ifname, owned):
        return record(Kernel(netns), [str(nic.ifindex)], watched)


def _brief(recording: Recording) -> dict[str, object]:
    return {
        "kernel": recording.kernel,
        "taken": recording.taken,
        "redacted": recording.redacted,
        "digest": recording.digest,
        "nics": recording.nics,
    }


def name_for(recording: Recording) -> str:
    """A file's name for the recording of one NIC: its name, kernel and state."""
    nic = recording.nics[0]
    return safe_id(f"{nic.ifname}-{recording.kernel}-{nic.state}"[:200]) + SUFFIX
