# SPDX-License-Identifier: MIT
"""OpenSSH's keys: ``ssh-keygen -Y`` signs the file of statements, the signature stands beside it.

The signature's format is PROTOCOL.sshsig of OpenSSH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.outputs.attest.envelope import lines
from xdpconform.outputs.attest.names import SSH_SIGNATURE, STATEMENTS

NAMESPACE: Final = "xdpconform"
_HEAD: Final = b"-----BEGIN SSH SIGNATURE-----\n"
_TAIL: Final = b"-----END SSH SIGNATURE-----\n"
_WIDTH: Final = 70  # sshsig.c: sshsig_armor wraps by sshbuf_dtob64
_MAGIC: Final = b"SSHSIG\0\0\0\1"  # with SIG_VERSION
_TIMEOUT: Final = 60
"""Seconds; a key in hardware waits to be touched."""
_TOLD: Final = 300
"""Characters of what ssh-keygen says that are passed on."""


class SshSignature(NamedTuple):
    """What a signature says of itself; whether it is true `check` tells."""

    key: bytes
    """The public key, as in the base64 of a ``.pub`` file."""
    namespace: bytes

    @property
    def label(self) -> str:
        """``ssh-ed25519 SHA256:…``, as ``ssh-keygen -l`` prints it."""
        return key_label(self.key)


class SshSigner:
    """Signs by ``ssh-keygen -Y sign``.

    Args:
        path: of the private key, or of a public one whose private key ssh-agent holds.
        key: the public key.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self.label = key_label(key)

    def sign(self, payloads: Sequence[bytes]) -> dict[str, bytes]:
        """Unsigned envelopes, and the signature over their file.

        Raises:
            InputError: ssh-keygen is missing or refuses.
        """
        data = lines(payloads)
        # -f alone: a path that begins with a dash is the value of an option all the same.
        done = _keygen("sign", "-n", NAMESPACE, "-f", str(self._path), data=data)
        if done.returncode or not done.stdout.startswith(_HEAD):
            raise InputError(f"{self._path}: ssh-keygen cannot sign by it: {_told(done)}")
        return {STATEMENTS: data, SSH_SIGNATURE: done.stdout}


def read_private(path: Path, data: bytes) -> SshSigner:
    """The signer of a private key of OpenSSH.

    Raises:
        InputError: no such key, or one with a passphrase.
    """
    try:
        cipher, key = _private_head(data.strip())
    except ValueError as error:
        raise InputError(f"{path}: no private key of OpenSSH that can be read") from error
    if cipher != b"none":
        raise InputError(
            f"{path}: protected by a passphrase, which nobody is asked for: ssh-add {path}, then"
            f" --key {path}.pub"
        )
    return SshSigner(path, key)


def _private_head(text: bytes) -> tuple[bytes, bytes]:
    """The cipher and the public key of a private key's file: PROTOCOL.key of OpenSSH."""
    head, tail = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"
    magic = b"openssh-key-v1\0"
    blob = b64decode(b"".join(text.removeprefix(head).removesuffix(tail).split()), validate=True)
    if not blob.startswith(magic):
        raise ValueError("no key")
    cipher, rest = _pull(blob[len(magic) :])
    _kdf, rest = _pull(rest)
    _options, rest = _pull(rest)
    key, _rest = _pull(rest[4:])  # behind the number of keys
    key_type(key)
    return cipher, key


def read_public(path: Path, data: bytes) -> SshSigner:
    """The signer of a public key: ssh-agent has to hold the private one.

    Raises:
        InputError: no such key, or no agent.
    """
    words = data.split(None, 2)
    try:
        key = public_key(words[1] if len(words) > 1 else b"", words[0] if words else b"")
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if "SSH_AUTH_SOCK" not in os.environ:
        raise InputError(
            f"{path}: a public key, and no ssh-agent runs that could hold the private one:"
            " give that one's file, or start an agent and say ssh-add"
        )
    return SshSigner(path, key)


def public_key(text: bytes, kind: bytes) -> bytes:
    """The key of a ``.pub`` line, from its second word and its first.

    Raises:
        ValueError: it is none.
    """
    try:
        key = b64decode(text, validate=True)
        found = key_type(key)
    except ValueError:
        found = ""
    if not found or found.encode() != kind:
        raise ValueError("no public key of OpenSSH")
    return key


def key_type(key: bytes) -> str:
    """``ssh-ed25519`` and the like.

    Raises:
        ValueError: no public key.
    """
    kind, rest = _pull(key)
    text = kind.decode("ascii")
    if not rest or not text.isprintable() or not 4 <= len(text) <= 64:
        raise ValueError("no public key")
    return text


def key_label(key: bytes) -> str:
    """``ssh-ed25519 SHA256:…``."""
    digest = b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return f"{key_type(key)} SHA256:{digest}"


def read_signature(data: bytes) -> SshSignature:
    """What a signature file says, which must be as ssh-keygen writes it.

    Raises:
        ValueError: it is none.
    """
    if not (data.startswith(_HEAD) and data.endswith(_TAIL)):
        raise ValueError("no signature of OpenSSH")
    try:
        blob = b64decode(data[len(_HEAD) : -len(_TAIL)].replace(b"\n", b""), validate=True)
    except ValueError as error:
        raise ValueError("no signature of OpenSSH: not base64") from error
    if armored(blob) != data:
        raise ValueError("a signature of OpenSSH, but not as ssh-keygen writes it")
    if not blob.startswith(_MAGIC):
        raise ValueError("no signature of OpenSSH of version 1")
    key, rest = _pull(blob[len(_MAGIC) :])
    key_type(key)
    namespace, _rest = _pull(rest)
    if namespace != NAMESPACE.encode():
        other = shown(namespace.decode("utf-8", "backslashreplace"))[:_TOLD]
        raise ValueError(f"a signature for {other!r}, not for {NAMESPACE!r}")
    return SshSignature(key, namespace)


def armored(blob: bytes) -> bytes:
    """A signature as ssh-keygen writes it."""
    text = b64encode(blob)
    wrapped = [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
    return _HEAD + b"".join(line + b"\n" for line in wrapped) + _TAIL


def check(data: bytes, signature: bytes) -> str:
    """Check a signature by the key inside it.

    Returns:
        Empty, or why it is refused.

    Raises:
        InputError: ssh-keygen is missing.
    """
    with _files(signature=signature) as files:
        done = _keygen("check-novalidate", "-n", NAMESPACE, "-s", files["signature"], data=data)
    return "" if done.returncode == 0 else _told(done)


def check_allowed(data: bytes, signature: bytes, allowed: bytes) -> str:
    """Check that a signature is by one of the allowed signers.

    Args:
        data: what was signed.
        signature: the signature's file.
        allowed: lines of allowed signers, see ssh-keygen(1).

    Returns:
        Empty, or why it is refused.

    Raises:
        InputError: ssh-keygen is missing.
    """
    with _files(signature=signature, allowed=allowed) as files:
        found = _keygen("find-principals", "-s", files["signature"], "-f", files["allowed"])
        if found.returncode:
            return "none of the keys given"
        for principal in found.stdout.decode("utf-8", "surrogateescape").splitlines():
            words = ("-n", NAMESPACE, "-I", principal, "-s", files["signature"])
            done = _keygen("verify", *words, "-f", files["allowed"], data=data)
            if done.returncode == 0:
                return ""
        return _told(done) if found.stdout.strip() else "none of the keys given"


@contextmanager
def _files(**contents: bytes) -> Iterator[dict[str, str]]:
    """Files for a command that takes nothing else, in a folder that nobody else reads."""
    with tempfile.TemporaryDirectory(prefix="xdpconform-") as folder:
        found = {}
        for name, data in contents.items():
            path = Path(folder, name)
            path.write_bytes(data)
            found[name] = str(path)
        yield found


def _keygen(what: str, *words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise InputError(
            "ssh-keygen is needed for OpenSSH's keys, and is not on PATH: install OpenSSH's client"
            " (openssh-client, openssh-clients or openssh)"
        )
    environment = {**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
    try:
        return subprocess.run(  # noqa: S603 - no shell, and every word is a path or ours
            [program, "-Y", what, *words],
            input=data,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            env=environment,
            start_new_session=True,  # no terminal: it never asks
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"ssh-keygen -Y {what} gave no answer within {_TIMEOUT} s") from error


def _told(done: subprocess.CompletedProcess[bytes]) -> str:
    text = (done.stderr + b"\n" + done.stdout).decode("utf-8", "backslashreplace")
    words = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in words if line != "Signing data on standard input"]
    return shown("; ".join(said))[:_TOLD] or f"exit status {done.returncode}"


def _pull(data: bytes) -> tuple[bytes, bytes]:
    """A string of RFC 4251, section 5, and what stands behind it."""
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 + length or len(data) < 4:
        raise ValueError("cut")
    return data[4 : 4 + length], data[4 + length :]
