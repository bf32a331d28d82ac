# SPDX-License-Identifier: MIT
"""Keys, made once."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.outputs.attest.folders import Keys
from xdpconform.outputs.attest.keygen import keygen

if TYPE_CHECKING:
    from pathlib import Path

    from xdpconform.outputs.attest import Signer


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """A PEM key and an OpenSSH key, and another of each."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("pem", "other-pem"):
        keygen(str(folder / name))
    for name in ("ssh", "other-ssh"):
        ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name)
    return Keys(folder)


@pytest.fixture(params=[None, "pem", "ssh"], ids=["unsigned", "pem", "ssh"])
def signer(request: pytest.FixtureRequest, keys: Keys) -> Signer | None:
    """Who signs: nobody, and each kind of key."""
    return keys.signer(request.param) if request.param else None


def ssh_keygen(*words: str | Path) -> None:
    """Run it."""
    subprocess.run(["ssh-keygen", *words], check=True, stdin=subprocess.DEVNULL)
