# SPDX-License-Identifier: MIT
"""``xdpconform record``: ask as a run would, and keep the bytes of every answer."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from xdpconform.errors import InputError
from xdpconform.interfaces import safe_id, select, shown
from xdpconform.lab import survey
from xdpconform.outputs.redact import redact
from xdpconform.outputs.results import write
from xdpconform.probes.lifecycle import Lifecycle
from xdpconform.recorder import Recorder, keep
from xdpconform.snapshot import Inspector
from xdpconform.sources import Kernel, Source
from xdpconform.sources.recording import SUFFIX, Recording, encode

if TYPE_CHECKING:
    from xdpconform.nic import Answer


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
