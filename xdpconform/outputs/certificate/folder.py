# SPDX-License-Identifier: MIT
"""The folder of a certificate: results, recording, page and attestation, there whole or not at all.

One NIC has the folder itself; of several each has one by its id below it, beside an index page.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from xdpconform.errors import InputError
from xdpconform.interfaces import safe_id
from xdpconform.outputs.attest import ATTESTED, attest
from xdpconform.outputs.attest.names import INDEX, PAGE, RECORDING, RESULTS, SUBJECTS
from xdpconform.outputs.certificate.page import Entry, certificate_page, index_page
from xdpconform.outputs.inputs import Given
from xdpconform.outputs.results import encode, write
from xdpconform.sources.recording import encode as encode_recording

if TYPE_CHECKING:
    from xdpconform.outputs.attest import Signer

NAMES: Final = frozenset({*SUBJECTS, *ATTESTED})
"""Every file that a certificate may have."""


class Written(NamedTuple):
    """A certificate."""

    folder: Path
    nic: str
    verdict: str


def write_certificates(
    given: Sequence[Given], output: Path, signer: Signer | None = None, *, force: bool = False
) -> list[Written]:
    """Write the certificates of NICs.

    Args:
        given: the NICs.
        output: the folder; made if it is not there.
        signer: who signs; nobody if None.
        force: replace certificates that stand there.

    Raises:
        InputError: the folder holds something else, or certificates and `force` is not said.
        OSError: it cannot be written; then nothing is there that was not before.
    """
    check_output(output, force=force)
    output = Path(os.path.realpath(output))
    folders = _folders(given)
    tree: dict[str, bytes] = {}
    for folder, one in folders.items():
        for name, data in certificate(one, signer).items():
            tree[os.path.join(folder, name)] = data
    if len(given) > 1:
        # By name, so that whoever verifies can make it again.
        entries = [Entry(folder, one.results) for folder, one in sorted(folders.items())]
        tree[INDEX] = index_page(entries)
    _swap(output, tree)
    return [
        Written(output / folder, nic.id, nic.verdict)
        for folder, one in folders.items()
        for nic in one.results.nics
    ]


def certificate(given: Given, signer: Signer | None = None) -> dict[str, bytes]:
    """The files of one certificate, by name: the same bytes whenever it is made again."""
    (nic,) = given.results.nics
    recording = given.recording
    # Without its file the digest would promise what is not there.
    nic = msgspec.structs.replace(nic, recording=recording.digest if recording else None)
    results = msgspec.structs.replace(given.results, nics=[nic])
    files = {RESULTS: encode(results)}
    if recording is not None:
        files[RECORDING] = encode_recording(recording)
    files[PAGE] = certificate_page(results, signer.label if signer else None)
    return files | attest(results, files, signer)


def check_output(output: Path, *, force: bool = False) -> None:
    """See that certificates can be written to a folder.

    Raises:
        InputError: it is something else, or holds something else, or certificates without `force`.
    """
    if not output.exists():
        return
    if not output.is_dir():
        raise InputError(f"{output}: not a folder; a certificate is one")
    stranger = next(_strangers(output), None)
    if stranger is not None:
        raise InputError(
            f"{output}: holds {stranger}, which is no part of a certificate; name another folder"
        )
    if not force and any(output.iterdir()):
        raise InputError(
            f"{output}: holds a certificate already; name another folder, or say --force"
        )


def _strangers(output: Path) -> Iterator[str]:
    """What no certificate has; below a folder for each NIC, where several are."""
    for path in sorted(output.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from (
                f"{path.name}/{inner.name}"
                for inner in sorted(path.iterdir())
                if inner.name not in NAMES or not inner.is_file()
            )
        elif path.name not in {*NAMES, INDEX} or not path.is_file():
            yield path.name


def _folders(given: Sequence[Given]) -> dict[str, Given]:
    if len(given) == 1:
        return {"": given[0]}
    found: dict[str, Given] = {}
    for one in given:
        found[safe_id(one.results.nics[0].id, found)] = one
    return found


def _swap(output: Path, tree: Mapping[str, bytes]) -> None:
    """Put a tree in a folder's place; what was there goes once the new one stands."""
    output.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name[:200]}."))
    try:
        made.chmod(0o755)
        for name, data in tree.items():
            write(made / name, data)
        if output.exists():
            old = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name[:200]}."))
            output.rename(old)  # over an empty folder
            try:
                made.rename(output)
            except BaseException:
                old.rename(output)
                raise
            shutil.rmtree(old)
        else:
            made.rename(output)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
