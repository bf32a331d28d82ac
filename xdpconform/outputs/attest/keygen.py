# SPDX-License-Identifier: MIT
"""``xdpconform keygen``: a key to sign certificates with."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.outputs.attest.pem import generate
from xdpconform.outputs.results import write


def keygen(path: str, *, force: bool = False, as_json: bool = False) -> int:
    """Write a new ed25519 key: the private one, for its owner alone, and PATH.pub.

    Args:
        path: of the private key.
        force: replace keys that stand there.
        as_json: print JSON.

    Returns:
        The exit status: 0.

    Raises:
        InputError: a file is there already, or the extra ``sign`` is not installed.
        OSError: it cannot be written.
    """
    private, public = Path(path), Path(f"{path}.pub")
    for file in (private, public):
        if os.path.lexists(file) and not force:
            raise InputError(f"{file} is there already: name another, or say --force")
    made = generate()
    _write_private(private, made.private_pem, force=force)
    write(public, made.public.pem)
    found = {"private": str(private), "public": str(public), "label": made.label}
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        one, other = shown(str(private)), shown(str(public))
        sys.stdout.write(
            f"{made.label}\n"
            f"{one}: signs, and stays with you: xdpconform certify RESULTS --key {one}\n"
            f"{other}: for those who verify: xdpconform verify FOLDER --key {other}\n"
        )
    return 0


def _write_private(path: Path, data: bytes, *, force: bool) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:200]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:  # mkstemp makes it with mode 0600
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # fails where one appeared meanwhile
            os.unlink(temporary)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, FileExistsError):
            raise InputError(f"{path} is there already: name another, or say --force") from error
        raise
