# SPDX-License-Identifier: MIT
"""Whose signature is wanted: the key that signs, and those that are trusted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from stat import S_IMODE
from typing import Final, NamedTuple, Protocol

from xdpconform.errors import InputError
from xdpconform.files import read_file, why_unread
from xdpconform.outputs.attest import pem, ssh

_SIZE_LIMIT: Final = 1 << 20
"""Bytes of a key's file, or of a file of allowed signers."""
_OTHERS: Final = 0o077
_KIND: Final = re.compile(rb"(?:ssh|ecdsa|sk)-[\w.@-]+")


class Signer(Protocol):
    """Signs statements."""

    @property
    def label(self) -> str:
        """The kind of key and its fingerprint, fit for a page: ``ed25519 SHA256:…``."""

    def sign(self, payloads: Sequence[bytes]) -> dict[str, bytes]:
        """The files that hold the statements and the signature, by name.

        Raises:
            InputError: it cannot be signed.
        """


def load_signer(path: Path) -> Signer:
    """The signer of a key's file.

    Args:
        path: a private ed25519 key in PEM; a private key of OpenSSH; or a public one of OpenSSH,
            whose private key ssh-agent holds.

    Raises:
        InputError: it cannot be read, is open to others, has a passphrase, or is no such key.
    """
    data, mode = _read(path)
    head = data[:100].lstrip().split(b"\n")[0]
    if _KIND.match(head):
        return ssh.read_public(path, data)
    if b"PRIVATE KEY-----" not in head:
        raise InputError(
            f"{path}: no private key; 'xdpconform keygen' makes one, and so does ssh-keygen -t"
            " ed25519"
        )
    if mode & _OTHERS:
        raise InputError(
            f"{path}: a private key that others may read (mode {mode:04o}): chmod 600 {path}"
        )
    if b"OPENSSH" in head:
        return ssh.read_private(path, data)
    return pem.read_private(data, str(path))


class Trusted(NamedTuple):
    """Whose signatures are believed."""

    keys: frozenset[pem.PublicKey]
    """In PEM."""
    signers: bytes
    """Of OpenSSH: lines of allowed signers, see ssh-keygen(1)."""


def load_trusted(paths: Iterable[Path]) -> Trusted | None:
    """The keys in files: public ones in PEM, OpenSSH's ``.pub``, files of allowed signers.

    Returns:
        None if no file was named.

    Raises:
        InputError: a file cannot be read, or holds something else.
    """
    keys: set[pem.PublicKey] = set()
    signers = b""
    named = False
    for path in paths:
        named = True
        data, _mode = _read(path)
        if b"PRIVATE KEY-----" in data[:100]:
            raise InputError(f"{path}: a private key; signatures are checked by its public one")
        if data.startswith(b"-----BEGIN"):
            try:
                keys.add(pem.read_public(b"\n".join(data.split(b"\r\n")).strip() + b"\n"))
            except ValueError as error:
                raise InputError(f"{path}: {error}") from error
        else:
            signers += _allowed(path, data)
    return Trusted(frozenset(keys), signers) if named else None


def _allowed(path: Path, data: bytes) -> bytes:
    found = b""
    for number, text in enumerate(data.splitlines(), 1):
        line = text.strip()
        if not line or line.startswith(b"#"):
            continue
        words = line.split()
        if _KIND.fullmatch(words[0]) and len(words) > 1:  # a .pub file: whoever holds it
            line = b'* namespaces="%b" %b %b' % (ssh.NAMESPACE.encode(), words[0], words[1])
            words = line.split()
        if not any(_is_key(*pair) for pair in pairwise(words)):
            raise InputError(
                f"{path}: line {number} is neither a public key nor a line of allowed signers, see"
                " ssh-keygen(1)"
            )
        found += line + b"\n"
    if not found:
        raise InputError(f"{path}: no key in it")
    return found


def _is_key(kind: bytes, text: bytes) -> bool:
    try:
        ssh.public_key(text, kind)
    except ValueError:
        return False
    return True


def _read(path: Path) -> tuple[bytes, int]:
    """A key's file, and who may do what with it."""
    try:
        return read_file(path, _SIZE_LIMIT), S_IMODE(os.stat(path).st_mode)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {why_unread(error)}") from error
