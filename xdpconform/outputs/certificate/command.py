# SPDX-License-Identifier: MIT
"""``xdpconform certify``: certificates of results and recordings."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from xdpconform.interfaces import shown
from xdpconform.outputs.attest import load_signer
from xdpconform.outputs.certificate.folder import check_output, write_certificates
from xdpconform.outputs.inputs import Given, take
from xdpconform.outputs.redact import redact
from xdpconform.outputs.words import worst
from xdpconform.profiles import Shelf


def certify(
    words: Sequence[str],
    output: str,
    *,
    key: str | None = None,
    profiles: Sequence[str] = (),
    variants: Sequence[str] = (),
    redacted: bool = False,
    force: bool = False,
    as_json: bool = False,
) -> int:
    """Write certificates, and say which.

    Args:
        words: results.json files, recordings, and folders that hold them.
        output: the folder to write.
        key: who signs: a PEM or OpenSSH key's file.
        profiles: files and folders that come before the shipped profiles, for recordings.
        variants: ``PROFILE:VARIANT`` words, for recordings.
        redacted: take MAC addresses, host names and serial numbers out of the recordings.
        force: replace certificates that stand there.
        as_json: print JSON.

    Returns:
        The exit status: 0, 1 with any FAILS, else 10 with any INCOMPLETE.

    Raises:
        XdpConformError: a word means no NIC, a key that cannot be used, or the folder is taken.
    """
    check_output(Path(output), force=force)
    signer = load_signer(Path(key)) if key else None
    given = take(words, Shelf(map(Path, profiles), variants))
    if redacted:
        given = [_redacted(one) for one in given]
    written = write_certificates(given, Path(output), signer, force=force)
    label = signer.label if signer else None
    if as_json:
        found = [
            {"folder": str(one.folder), "nic": one.nic, "verdict": one.verdict, "signer": label}
            for one in written
        ]
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        for one in written:
            sys.stdout.write(f"{shown(str(one.folder))}: {shown(one.nic)} {one.verdict}\n")
        sys.stdout.write(f"signed by {label}\n" if label else "not signed: --key signs\n")
    return worst(one.verdict for one in written)


def _redacted(given: Given) -> Given:
    if given.recording is None:
        return given
    return given._replace(recording=redact(given.recording, os.uname().nodename))
