# SPDX-License-Identifier: MIT
"""Certificates for tests: of recordings, of results, and one that is small enough to walk over."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from xdpconform.lab import judge, requirements, specification
from xdpconform.outputs.attest import attest, load_signer
from xdpconform.outputs.attest.keys import load_trusted
from xdpconform.outputs.attest.names import PAGE, RECORDING, RESULTS
from xdpconform.outputs.results import Result, Results, build, encode, result
from xdpconform.profiles import Shelf
from xdpconform.sources import recording as recordings
from xdpconform.stored import take_recording

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdpconform.lab import Subject
    from xdpconform.outputs.attest import Signer
    from xdpconform.outputs.attest.keys import Trusted
    from xdpconform.sources.recording import Recording

RECORDINGS = Path(__file__).parents[3] / "recordings"
VIRTIO = "virtio_net-6.18.44-idle"
STARTED = "2026-11-24T21:38:59+00:00"


class Keys(NamedTuple):
    """A folder with ``pem``, ``other-pem``, ``ssh`` and ``other-ssh``, each with its ``.pub``."""

    folder: Path

    def signer(self, name: str) -> Signer:
        """Who signs by one of them."""
        return load_signer(self.folder / name)

    def trusted(self, *names: str) -> Trusted | None:
        """Those whose signature is believed."""
        return load_trusted(self.folder / f"{name}.pub" for name in names)


@cache
def judged(name: str) -> Results:
    """The results of a tracked recording."""
    (subject,) = take_recording(recorded(name), Shelf())
    return results_of(subject, recordings.read(recorded(name)))


def results_of(subject: Subject, recording: Recording, started: str = STARTED) -> Results:
    """The results of level claims of a NIC, as a run would write them."""
    lines = [
        Result(**result(line.requirement, specification()[line.requirement].title, finding))
        for line, finding in judge(subject, date.fromisoformat(started[:10]))
    ]
    results = build(
        [subject],
        {subject.nic.id: lines},
        started=started,
        level="claims",
        required=requirements(),
    )
    return changed(results, recording=recording.digest)


def recorded(name: str) -> Path:
    """The file of a tracked recording, by its name."""
    return RECORDINGS / f"{name}.rec.json"


def changed(results: Results, /, **fields: object) -> Results:
    """The results with other fields of their NIC."""
    nic = msgspec.structs.replace(results.nics[0], **fields)
    return msgspec.structs.replace(results, nics=[nic])


def small() -> tuple[Results, Recording]:
    """Results with a line of each outcome, and a recording with one exchange."""
    whole = recordings.read(recorded(VIRTIO))
    recording = recordings.sealed(
        msgspec.structs.replace(whole, exchanges=whole.exchanges[:1], devices={})
    )
    results = judged(VIRTIO)
    lines = [msgspec.structs.replace(line, evidence={}) for line in results.nics[0].results]
    return changed(results, results=lines[:2], recording=recording.digest), recording


def files(
    results: Results,
    recording: Recording | None,
    signer: Signer | None = None,
    page: bytes = b"<!DOCTYPE html><title>veth</title>\n",
) -> dict[str, bytes]:
    """A certificate's files."""
    found = {RESULTS: encode(results), PAGE: page}
    if recording is not None:
        found[RECORDING] = recordings.encode(recording)
    return found | attest(results, found, signer)


def whole(name: str, signer: Signer | None = None) -> dict[str, bytes]:
    """The certificate of a tracked recording."""
    return files(judged(name), recordings.read(recorded(name)), signer)


def put(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write a certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder
