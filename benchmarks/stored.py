# SPDX-License-Identifier: MIT
"""Recordings of every kind of NIC, made by the mock kernel from what drivers claim.

Each has a port of its own, as sockets have, so that no two recordings hold the same datagrams.
"""

from __future__ import annotations

from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from xdpconform.lab import survey
from xdpconform.mock import MockKernel, parse
from xdpconform.netlink.wire import readdressed
from xdpconform.nic import Answer
from xdpconform.probes.lifecycle import read_answer
from xdpconform.recorder import Recorder, keep
from xdpconform.snapshot import Inspector
from xdpconform.sources.recording import SUFFIX, Exchanged, Recording, encode, sealed

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, number: int) -> None:
    """Fill a folder with so many recordings; rows, kernels and states come in turn."""
    folder.mkdir(parents=True)
    masters = [_record(mock) for mock in parse(["all"])]
    for place, master in enumerate(islice(cycle(masters), number)):
        one = sealed(replace(master, exchanges=[_moved(x, place) for x in master.exchanges]))
        (folder / f"{place:05}{SUFFIX}").write_bytes(encode(one))


def _record(mock: MockKernel) -> Recording:
    recorder = Recorder(mock)
    with Inspector(recorder) as inspector:
        links = [link for link in inspector.links() if link.name in mock.ifaces]
        nics = survey(inspector, links, partial(_watched, mock))
        return keep(recorder, inspector.trace, nics)


def _watched(mock: MockKernel) -> Answer:
    return read_answer(mock.notifications() or ())


def _moved(one: Exchanged, place: int) -> Exchanged:
    port = (one.protocol << 24 | place + 1).to_bytes(4, "little")
    request = one.request[:12] + port + one.request[16:]
    return replace(
        one, request=request, replies=list(readdressed(one.replies, one.request, request))
    )
