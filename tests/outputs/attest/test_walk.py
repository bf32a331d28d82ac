# SPDX-License-Identifier: MIT
"""Every byte of every file of a certificate is held: none can change, be lost or added unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.outputs.attest.folders import Keys, files, small
from xdpconform.outputs.attest.check import check
from xdpconform.outputs.attest.names import ATTESTED, SSH_SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.outputs.attest import Signer

BITS = (0x01, 0x20)
"""The lowest, and the one that makes upper case lower: base64 and hex know both."""
SSH_STEP = 29
"""ssh-keygen is a process a byte: of files other than the signature so many are left out."""


def unseen(changed: dict[str, bytes], name: str) -> bool:
    """Whether a change of a file is not refused with a text that names it."""
    return not any(name in str(problem) for problem in check(changed).problems)


def steps(contents: dict[str, bytes]) -> Iterator[tuple[str, int]]:
    """The bytes that are walked over."""
    for name, data in contents.items():
        sampled = SSH_SIGNATURE in contents and name != SSH_SIGNATURE
        yield from ((name, place) for place in range(0, len(data), SSH_STEP if sampled else 1))


def test_whole(signer: Signer | None) -> None:
    """What is walked over is verified while nothing is changed."""
    found = check(files(*small(), signer))

    assert [] == found.problems
    assert (signer.label if signer else None) == found.signer


def test_every_byte(signer: Signer | None) -> None:
    """A bit of any byte flipped is refused, with the name of the file."""
    contents = files(*small(), signer)
    missed = []
    for name, place in steps(contents):
        both = name in ATTESTED and SSH_SIGNATURE not in contents
        for bit in BITS if both else (BITS[place % 2],):
            data = bytearray(contents[name])
            data[place] ^= bit
            if unseen({**contents, name: bytes(data)}, name):
                missed.append((name, place, bit))

    assert [] == missed


@pytest.mark.parametrize("edit", ["lost", "doubled", "space"])
def test_lost_and_added(signer: Signer | None, edit: str) -> None:
    """A byte that is lost, stands twice, or a space or line's end that is added is refused."""
    contents = files(*small(), signer)
    missed = []
    for name, place in list(steps(contents))[::11]:
        data = contents[name]
        middle = {
            "lost": b"",
            "doubled": data[place : place + 1] * 2,
            "space": b" " + data[place : place + 1],
        }
        changed = data[:place] + middle[edit] + data[place + 1 :]
        if unseen({**contents, name: changed}, name):
            missed.append((name, place))
    missed += [
        (name, len(data))
        for name, data in contents.items()
        for end in (b"\n", b"\0", b" ")
        if unseen({**contents, name: data + end}, name)
    ]

    assert [] == missed


def test_every_file(signer: Signer | None, keys: Keys) -> None:
    """A file that is lost or empty is refused by its name; a signature, where one is asked for."""
    contents = files(*small(), signer)
    trusted = keys.trusted("pem", "ssh") if signer else None
    for name in contents:
        lost = {other: data for other, data in contents.items() if other != name}
        for changed in (lost, {**contents, name: b""}):
            texts = [str(problem) for problem in check(changed, trusted).problems]
            wanted = "nobody signed" if name == SSH_SIGNATURE and name not in changed else name

            assert any(wanted in text for text in texts), (name, texts)
