# SPDX-License-Identifier: MIT
"""What a certificate states, who signs it, and whether it is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from xdpconform.outputs.attest.envelope import lines
from xdpconform.outputs.attest.keys import Signer, load_signer
from xdpconform.outputs.attest.names import ATTESTED, STATEMENTS
from xdpconform.outputs.attest.statement import statements

if TYPE_CHECKING:
    from xdpconform.outputs.results import Results

__all__ = ["ATTESTED", "Signer", "attest", "load_signer"]


def attest(results: Results, files: Mapping[str, bytes], signer: Signer | None) -> dict[str, bytes]:
    """The further files of a certificate: its statements, and who signed them.

    Args:
        results: of one NIC.
        files: results.json, recording.rec.json if there is one, certificate.html.
        signer: nobody if None; the statements then say what they say unsigned.

    Raises:
        InputError: the key cannot sign.
    """
    payloads = statements(results, files)
    if signer is None:
        return {STATEMENTS: lines(payloads)}
    return signer.sign(payloads)
