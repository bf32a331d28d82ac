# SPDX-License-Identifier: MIT
"""ed25519 keys in PEM files, whose signatures stand in the DSSE envelopes.

The extra ``sign`` brings what signs and checks; a public key's file is read without it.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.errors import InputError
from xdpconform.outputs.attest.envelope import Envelope, Signature, lines, pae
from xdpconform.outputs.attest.names import SIGNER, STATEMENTS

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

# RFC 8410, section 4: SEQUENCE { SEQUENCE { id-Ed25519 1.3.101.112 }, BIT STRING of 32 bytes }
_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
_KEY_SIZE: Final = 32
_HEAD: Final = "-----BEGIN PUBLIC KEY-----\n"
_TAIL: Final = "\n-----END PUBLIC KEY-----\n"


class PublicKey(NamedTuple):
    """An ed25519 key."""

    raw: bytes
    """RFC 8032: 32 bytes."""

    @property
    def label(self) -> str:
        """``ed25519 SHA256:…``: of the key's DER, in base64 as OpenSSH has its fingerprints."""
        digest = b64encode(hashlib.sha256(_SPKI + self.raw).digest()).decode()
        return f"ed25519 SHA256:{digest.rstrip('=')}"

    @property
    def keyid(self) -> str:
        """As securesystemslib has it: SHA-256 over the canonical JSON of the key."""
        text = (
            f'{{"keytype":"ed25519","keyval":{{"public":"{self.raw.hex()}"}},"scheme":"ed25519"}}'
        )
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def pem(self) -> bytes:
        """SubjectPublicKeyInfo, as openssl writes it."""
        return f"{_HEAD}{b64encode(_SPKI + self.raw).decode()}{_TAIL}".encode()


def read_public(data: bytes) -> PublicKey:
    """The key in a PEM file, which must hold it as openssl writes it and nothing else.

    Raises:
        ValueError: it does not; says what it is.
    """
    try:
        text = data.decode("ascii")
        der = b64decode(text.removeprefix(_HEAD).removesuffix(_TAIL), validate=True)
    except ValueError:  # also UnicodeDecodeError and binascii.Error
        der = b""
    if not der.startswith(_SPKI) or len(der) != len(_SPKI) + _KEY_SIZE:
        raise ValueError("no ed25519 public key in PEM")
    key = PublicKey(der[len(_SPKI) :])
    if key.pem != data:
        raise ValueError("an ed25519 public key, but not as PEM has it, with nothing around it")
    return key


def verifies(key: PublicKey, envelope: Envelope) -> bool:
    """Whether an envelope's one signature is by this key.

    Raises:
        InputError: the extra is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise _needs_extra("to check a signature by a PEM key") from error
    if [signature.keyid for signature in envelope.signatures] != [key.keyid]:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(
            envelope.signatures[0].sig, pae(envelope.payload)
        )
    except (InvalidSignature, ValueError):  # ValueError: no point of the curve
        return False
    return True


class PemSigner:
    """Signs by an ed25519 key.

    Args:
        signer: securesystemslib's.
    """

    def __init__(self, signer: CryptoSigner) -> None:
        self._signer = signer
        self.public = PublicKey(bytes.fromhex(signer.public_key.keyval["public"]))

    @property
    def label(self) -> str:
        """The public key's."""
        return self.public.label

    @property
    def private_pem(self) -> bytes:
        """PKCS #8, without a passphrase."""
        return self._signer.private_bytes

    def sign(self, payloads: Sequence[bytes]) -> dict[str, bytes]:
        """The envelopes, and the public key beside them."""
        signed = [self._signer.sign(pae(payload)) for payload in payloads]
        signatures = [[Signature(one.keyid, bytes.fromhex(one.signature))] for one in signed]
        return {STATEMENTS: lines(payloads, signatures), SIGNER: self.public.pem}


def generate() -> PemSigner:
    """A new key.

    Raises:
        InputError: the extra is not installed.
    """
    return PemSigner(_crypto_signer("to make a PEM key").generate_ed25519())


def read_private(data: bytes, name: str) -> PemSigner:
    """The signer of a private key in PEM.

    Args:
        data: the file's bytes.
        name: what to call it in errors.

    Raises:
        InputError: no such key, one with a passphrase, or the extra is not installed.
    """
    if data.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY"):
        raise InputError(
            f"{name}: protected by a passphrase, which nobody is asked for: use an OpenSSH key"
            " that ssh-agent holds, or write it without one: openssl pkey -in"
            f" {name} -out PLAIN"
        )
    signer = _crypto_signer("to sign by a PEM key")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: a passphrase
        raise InputError(
            f"{name}: no private key that can be used; 'xdpconform keygen' makes one"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.strip("_").removesuffix("PrivateKey")
        raise InputError(
            f"{name}: a private key of kind {kind}, ed25519 is needed; 'xdpconform keygen' makes"
            " one"
        )
    return PemSigner(signer(key))


def _crypto_signer(what: str) -> type[CryptoSigner]:
    try:
        import cryptography  # noqa: F401 - securesystemslib imports without it
        from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
    except ImportError as error:
        raise _needs_extra(what) from error
    return CryptoSigner


def _needs_extra(what: str) -> InputError:
    return InputError(
        f"{what}, securesystemslib is needed: pip install 'xdpconform[sign]'; OpenSSH's keys need"
        " ssh-keygen alone: ssh-keygen -t ed25519 -f KEY, then --key KEY"
    )
