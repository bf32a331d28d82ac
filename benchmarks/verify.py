# SPDX-License-Identifier: MIT
"""``xdpconform verify --replay`` of one certificate; ``python -c pass`` in the same turns.

One certificate is signed by a PEM key, one by an OpenSSH key, one by nobody. What is more than the
interpreter's start is the package's imports, digests, the signature, and the recording judged anew.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, Unmeasured, interleave, process

if TYPE_CHECKING:
    from benchmarks.measure import Settings, Timing

RECORDING = Path(__file__).parent.parent / "recordings" / "virtio_net-6.18.44-idle.rec.json"
LIMIT = 300
"""Milliseconds beyond the interpreter's start."""
ROUNDS = 20


def measure(settings: Settings) -> Report:
    """Time the three and the interpreter in turns."""
    place = folder() / "verify"
    place.mkdir(parents=True)
    command, python = scripts() / "xdpconform", scripts() / "python"
    extra = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    if subprocess.run([*extra, "securesystemslib[crypto]"], check=False).returncode:
        raise Unmeasured("securesystemslib cannot be installed")
    pem, ssh = place / "pem", place / "ssh"
    subprocess.run([command, "keygen", pem], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh], check=True)
    timers = {"python3 -c pass": process([python, "-c", "pass"], place)}
    for name, key in (("unsigned", None), ("a PEM key", pem), ("an OpenSSH key", ssh)):
        made = place / f"certificate-{key.name if key else 'unsigned'}"
        words = ["--key", key] if key else []
        subprocess.run(
            [command, "certify", RECORDING, "-o", made, *words],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        trusted = ["--key", f"{key}.pub"] if key else []
        timers[name] = process([command, "verify", made, "--replay", *trusted], place)
    found = interleave(timers, settings.rounds(ROUNDS))
    bare, *others = found.values()
    return Report([bare, *others], [_bar(one, bare) for one in others])


def _bar(one: Timing, bare: Timing) -> Bar:
    return Bar(f"{one.what}, beyond the interpreter", 1e3 * (one.median - bare.median), LIMIT, "ms")
