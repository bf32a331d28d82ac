# SPDX-License-Identifier: MIT
"""The files of a certificate, and how large each may be."""

from __future__ import annotations

from typing import Final

RESULTS: Final = "results.json"
RECORDING: Final = "recording.rec.json"
PAGE: Final = "certificate.html"
STATEMENTS: Final = "certificate.intoto.jsonl"
SSH_SIGNATURE: Final = "certificate.intoto.jsonl.sig"
SIGNER: Final = "signer.pub"
INDEX: Final = "index.html"
"""Beside the folders of several NICs."""

SUBJECTS: Final = (RESULTS, RECORDING, PAGE)
"""What the statements are about, in this order."""
ATTESTED: Final = (STATEMENTS, SSH_SIGNATURE, SIGNER)
"""What `attest` makes of them."""

LIMITS: Final = {
    RESULTS: 1 << 24,
    RECORDING: 1 << 24,
    PAGE: 1 << 24,
    STATEMENTS: 1 << 22,
    SSH_SIGNATURE: 1 << 16,
    SIGNER: 1 << 12,
}
"""Bytes that are read of each; one of a full run has half a megabyte."""
