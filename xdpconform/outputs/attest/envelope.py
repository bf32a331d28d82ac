# SPDX-License-Identifier: MIT
"""DSSE envelopes, one a line: https://github.com/secure-systems-lab/dsse, version 1.0.2.

An envelope that nobody signed has an empty list. envelope.md wants the field "set, even if empty";
envelope.proto wants one signature at least, and no verifier of DSSE takes less for signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
"""spec/v1/envelope.md of in-toto."""


class Signature(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody's signature over `pae`."""

    keyid: Annotated[str, Meta(max_length=128)]
    sig: Annotated[bytes, Meta(max_length=1024)]


class Envelope(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A statement and who signed it; bytes are base64 in the file."""

    payload: bytes
    payload_type: Annotated[str, Meta(max_length=128)]
    signatures: Annotated[list[Signature], Meta(max_length=8)]


_decoder: Final = msgspec.json.Decoder(Envelope)


def pae(payload: bytes) -> bytes:
    """What is signed: protocol.md's PAE(UTF8(payloadType), payload)."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def lines(payloads: Sequence[bytes], signatures: Iterable[list[Signature]] = ()) -> bytes:
    """The envelopes of payloads; unsigned where there are no signatures."""
    signed = list(signatures) or [[] for _ in payloads]
    return b"".join(
        line(Envelope(payload, PAYLOAD_TYPE, by))
        for payload, by in zip(payloads, signed, strict=True)
    )


def line(envelope: Envelope) -> bytes:
    """One envelope as it stands in the file."""
    return msgspec.json.encode(envelope) + b"\n"


def read_line(data: bytes) -> Envelope:
    """The envelope in a line.

    Raises:
        ValueError: it is none.
    """
    try:
        return _decoder.decode(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
