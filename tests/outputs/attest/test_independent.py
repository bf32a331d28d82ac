# SPDX-License-Identifier: MIT
"""Others who know nothing of this project say the same of its signatures."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from tests.outputs.attest.folders import VIRTIO, Keys, put, whole
from xdpconform.outputs.attest import pem
from xdpconform.outputs.attest.names import SIGNER, SSH_SIGNATURE, STATEMENTS

if TYPE_CHECKING:
    from pathlib import Path


def envelopes(contents: dict[str, bytes]) -> list[Any]:
    """The lines, as plain JSON."""
    return [json.loads(line) for line in contents[STATEMENTS].splitlines()]


def sslib_key(data: bytes) -> SSlibKey:
    """A public key as securesystemslib has it."""
    return SSlibKey.from_crypto(load_pem_public_key(data))  # type: ignore[arg-type]


def test_securesystemslib(keys: Keys) -> None:
    """securesystemslib verifies both envelopes by the key beside them, and by no other."""
    contents = whole(VIRTIO, keys.signer("pem"))
    key, other = (
        sslib_key(contents[SIGNER]),
        sslib_key((keys.folder / "other-pem.pub").read_bytes()),
    )

    found = [Envelope.from_dict(one) for one in envelopes(contents)]

    assert [{key.keyid: key}] * 2 == [one.verify([key], 1) for one in found]
    for one in found:
        with pytest.raises(VerificationError):
            one.verify([other], 1)
        one.payload += b" "
        with pytest.raises(VerificationError):
            one.verify([key], 1)


def test_keyid(keys: Keys) -> None:
    """The id of a key is the one that securesystemslib gives it."""
    data = (keys.folder / "pem.pub").read_bytes()

    assert sslib_key(data).keyid == pem.read_public(data).keyid


def test_openssl(keys: Keys, tmp_path: Path) -> None:
    """``openssl pkeyutl`` verifies the signature over the bytes that DSSE's protocol names."""
    folder = put(tmp_path, whole(VIRTIO, keys.signer("pem")))
    for one in envelopes({STATEMENTS: (folder / STATEMENTS).read_bytes()}):
        payload = base64.b64decode(one["payload"])
        kind = one["payloadType"].encode()
        message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        (signature,) = one["signatures"]
        (folder / "sig").write_bytes(base64.b64decode(signature["sig"]))

        def openssl(public: Path, message: bytes) -> int:
            (folder / "message").write_bytes(message)
            words = ["-verify", "-rawin", "-pubin", "-inkey", public, "-in", folder / "message"]
            words += ["-sigfile", folder / "sig"]
            return subprocess.run(
                ["openssl", "pkeyutl", *words], check=False, capture_output=True
            ).returncode

        assert 0 == openssl(folder / SIGNER, message)
        assert 0 != openssl(folder / SIGNER, message + b" ")
        assert 0 != openssl(keys.folder / "other-pem.pub", message)


def test_openssl_label(keys: Keys) -> None:
    """A PEM key's label is the digest of its DER as openssl writes it."""
    public = keys.folder / "pem.pub"
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], check=True, capture_output=True, input=der
    ).stdout

    label = f"ed25519 SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
    assert label == keys.signer("pem").label


def test_openssl_makes_keys(tmp_path: Path) -> None:
    """A key that openssl made signs as ours do."""
    path = tmp_path / "key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
    public = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout"], check=True, capture_output=True
    ).stdout
    path.chmod(0o600)

    contents = whole(VIRTIO, Keys(tmp_path).signer("key"))

    assert public == contents[SIGNER]


def ssh_verify(keys: Keys, name: str, data: bytes, signature: Path) -> int:
    """``ssh-keygen -Y verify`` with one allowed signer."""
    allowed = signature.parent / "allowed"
    allowed.write_bytes(b"lab@example.com " + (keys.folder / f"{name}.pub").read_bytes())
    words = ["-n", "xdpconform", "-I", "lab@example.com", "-f", allowed, "-s", signature]
    return subprocess.run(
        ["ssh-keygen", "-Y", "verify", *words], input=data, check=False, capture_output=True
    ).returncode


def test_ssh_keygen(keys: Keys, tmp_path: Path) -> None:
    """``ssh-keygen -Y verify`` verifies the file of statements, by its key alone."""
    contents = whole(VIRTIO, keys.signer("ssh"))
    folder = put(tmp_path, contents)
    signature, data = folder / SSH_SIGNATURE, contents[STATEMENTS]

    assert 0 == ssh_verify(keys, "ssh", data, signature)
    assert 0 != ssh_verify(keys, "other-ssh", data, signature)
    assert 0 != ssh_verify(keys, "ssh", data + b" ", signature)


def test_ssh_label(keys: Keys) -> None:
    """An OpenSSH key's label has the fingerprint that ``ssh-keygen -l`` prints."""
    printed = subprocess.run(
        ["ssh-keygen", "-l", "-f", keys.folder / "ssh.pub"], check=True, capture_output=True
    ).stdout.decode()

    assert f"ssh-ed25519 {printed.split()[1]}" == keys.signer("ssh").label
