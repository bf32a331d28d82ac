# SPDX-License-Identifier: MIT
"""Keys: which sign, which are trusted, and what is said of all the others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.outputs.attest.conftest import ssh_keygen
from tests.outputs.attest.folders import Keys, files, small
from xdpconform.errors import InputError
from xdpconform.outputs.attest import load_signer, ssh
from xdpconform.outputs.attest.check import check
from xdpconform.outputs.attest.keygen import keygen
from xdpconform.outputs.attest.keys import load_trusted
from xdpconform.outputs.attest.names import SSH_SIGNATURE, STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXTRA = (
    "securesystemslib is needed: pip install 'xdpconform[sign]'; OpenSSH's keys need ssh-keygen"
    " alone: ssh-keygen -t ed25519 -f KEY, then --key KEY"
)
LOOSE = (
    b"-----BEGIN PUBLIC KEY-----\n"
    b"MCowBQYDK2VwAyEAomMUnTIsfBEhkaI1VvqcCZ0yR98WLJbBQlHOlkt482p=\n"
    b"-----END PUBLIC KEY-----\n"
)
"""A public key whose last letter has bits that say nothing: ``o`` is how it is written."""


def openssl(path: Path, *words: str) -> Path:
    """Make a private key by openssl."""
    subprocess.run(["openssl", "genpkey", "-quiet", *words, "-out", path], check=True)
    path.chmod(0o600)
    return path


def refused(path: Path) -> str:
    """Why a key does not sign, with KEY for its path."""
    with pytest.raises(InputError) as caught:
        load_signer(path).sign([b"{}", b"{}"])
    return str(caught.value).replace(str(path), "KEY")


def test_keygen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new key is its owner's alone, signs, is believed, and is never overwritten unasked."""
    path = tmp_path / "new" / "key"

    assert keygen(str(path)) == 0

    printed = capsys.readouterr().out
    signer = load_signer(path)
    contents = files(*small(), signer)
    assert 0o600 == path.stat().st_mode & 0o777
    assert ["key", "key.pub"] == sorted(os.listdir(path.parent))
    assert (
        f"{signer.label}\n"
        f"{path}: signs, and stays with you: xdpconform certify RESULTS --key {path}\n"
        f"{path}.pub: for those who verify: xdpconform verify FOLDER --key {path}.pub\n"
    ) == printed
    assert [] == check(contents, load_trusted([path.with_name("key.pub")])).problems
    before = path.read_bytes()
    with pytest.raises(InputError, match="key is there already: name another, or say --force"):
        keygen(str(path))
    path.unlink()
    with pytest.raises(InputError, match=r"key\.pub is there already"):
        keygen(str(path))
    assert keygen(str(path), force=True, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert {
        "private": str(path),
        "public": f"{path}.pub",
        "label": load_signer(path).label,
    } == found
    assert before != path.read_bytes()


def test_keygen_race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that appears while another is made is not overwritten either; nothing is left over."""
    path = tmp_path / "key"
    monkeypatch.setattr("os.path.lexists", lambda _path: False)
    path.write_text("mine")

    with pytest.raises(InputError, match="is there already"):
        keygen(str(path))

    assert ["key"] == os.listdir(tmp_path)
    assert "mine" == path.read_text()


def test_without_the_extra(keys: Keys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without securesystemslib and cryptography it says what brings them, and the other way."""
    contents = files(*small(), keys.signer("pem"))
    for module in ("securesystemslib", "securesystemslib.signer", "cryptography"):
        monkeypatch.setitem(sys.modules, module, None)
    for module in [one for one in sys.modules if one.startswith("cryptography.")]:
        monkeypatch.setitem(sys.modules, module, None)

    assert f"to sign by a PEM key, {EXTRA}" == refused(keys.folder / "pem")
    with pytest.raises(InputError) as making:
        keygen(str(tmp_path / "key"))
    with pytest.raises(InputError) as checking:
        check(contents)
    assert f"to make a PEM key, {EXTRA}" == str(making.value)
    assert f"to check a signature by a PEM key, {EXTRA}" == str(checking.value)
    assert [] == check(files(*small(), keys.signer("ssh"))).problems


def test_without_ssh_keygen(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ssh-keygen it says what brings it."""
    contents = files(*small(), keys.signer("ssh"))
    monkeypatch.setenv("PATH", "/nowhere")
    missing = (
        "ssh-keygen is needed for OpenSSH's keys, and is not on PATH: install OpenSSH's client"
        " (openssh-client, openssh-clients or openssh)"
    )

    assert missing == refused(keys.folder / "ssh")
    with pytest.raises(InputError) as caught:
        check(contents)
    assert missing == str(caught.value)


def test_slow_ssh_keygen(keys: Keys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An ssh-keygen that never answers is given up."""
    program = tmp_path / "ssh-keygen"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(ssh, "_TIMEOUT", 0.2)

    assert "ssh-keygen -Y sign gave no answer within 0.2 s" == refused(keys.folder / "ssh")


def test_refused_pem(tmp_path: Path) -> None:
    """Of PEM keys only an ed25519 private key without a passphrase signs."""
    rsa = openssl(tmp_path / "rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    elliptic = openssl(tmp_path / "ec", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    locked = openssl(
        tmp_path / "locked", "-algorithm", "ed25519", "-aes-128-cbc", "-pass", "pass:secret"
    )
    broken = tmp_path / "broken"
    broken.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    broken.chmod(0o600)

    needed = "ed25519 is needed; 'xdpconform keygen' makes one"
    assert f"KEY: a private key of kind RSA, {needed}" == refused(rsa)
    assert f"KEY: a private key of kind EC, {needed}" == refused(elliptic)
    assert (
        "KEY: protected by a passphrase, which nobody is asked for: use an OpenSSH key that"
        " ssh-agent holds, or write it without one: openssl pkey -in KEY -out PLAIN"
    ) == refused(locked)
    assert ("KEY: no private key that can be used; 'xdpconform keygen' makes one") == refused(
        broken
    )


def test_refused_ssh(tmp_path: Path, keys: Keys) -> None:
    """A key with a passphrase is left to ssh-agent; a broken one is called so."""
    locked, broken = tmp_path / "locked", tmp_path / "broken"
    ssh_keygen("-q", "-t", "ed25519", "-N", "secret", "-f", locked)
    broken.write_bytes((keys.folder / "ssh").read_bytes()[:120])
    broken.chmod(0o600)

    assert (
        "KEY: protected by a passphrase, which nobody is asked for: ssh-add KEY, then --key KEY.pub"
    ) == refused(locked)
    assert "KEY: no private key of OpenSSH that can be read" == refused(broken)


def test_refused_files(tmp_path: Path, keys: Keys) -> None:
    """What is no private key, or not its owner's alone, is said to be so."""
    shared = tmp_path / "shared"
    shutil.copy(keys.folder / "pem", shared)
    shared.chmod(0o640)
    none = "no private key; 'xdpconform keygen' makes one, and so does ssh-keygen -t ed25519"
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "large").write_bytes(b"x" * (1 << 21))
    os.mkfifo(tmp_path / "pipe")

    assert ("KEY: a private key that others may read (mode 0640): chmod 600 KEY") == refused(shared)
    assert f"KEY: {none}" == refused(tmp_path / "text")
    assert f"KEY: {none}" == refused(keys.folder / "pem.pub")
    assert "KEY: cannot be read: larger than 1048576 bytes" == refused(tmp_path / "large")
    assert "KEY: cannot be read: not a regular file" == refused(tmp_path / "pipe")
    assert "KEY: cannot be read: not a regular file" == refused(tmp_path)
    assert "KEY: cannot be read: No such file or directory" == refused(tmp_path / "none")


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent of this test's own."""
    path = tmp_path / "agent"
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it listens
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        yield
        process.terminate()


def test_agent(agent: None, tmp_path: Path) -> None:
    """A public key signs where ssh-agent holds the private one, which is nowhere else."""
    del agent
    path = tmp_path / "key"
    ssh_keygen("-q", "-t", "ed25519", "-N", "", "-f", path)
    public = path.with_name("key.pub")
    text = refused_without_key(public, path)
    subprocess.run(["ssh-add", "-q", path], check=True)
    path.unlink()
    contents = files(*small(), load_signer(public))

    assert text.startswith("KEY: ssh-keygen cannot sign by it: ")
    assert [] == check(contents, load_trusted([public])).problems


def refused_without_key(public: Path, private: Path) -> str:
    """What is said while neither the agent nor a file beside has the private key."""
    away = private.with_name("away")
    private.rename(away)
    try:
        return refused(public)
    finally:
        away.rename(private)


def test_no_agent(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public key where no agent runs is said to want one."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    assert (
        "KEY: a public key, and no ssh-agent runs that could hold the private one: give that one's"
        " file, or start an agent and say ssh-add"
    ) == refused(keys.folder / "ssh.pub")


def test_trusted_files(keys: Keys, tmp_path: Path) -> None:
    """A file of allowed signers is read as ssh-keygen reads it, with its namespaces and days."""
    public = (keys.folder / "ssh.pub").read_text().strip()
    contents = files(*small(), keys.signer("ssh"))
    allowed = tmp_path / "allowed"
    for line, good in [
        (f"lab@example.com {public}", True),
        (f'# ours\n\nlab@example.com,*@example.org namespaces="git,xdpconform" {public}', True),
        (f'lab@example.com namespaces="git" {public}', False),
        (f'lab@example.com valid-before="20200101" {public}', False),
        (f"lab@example.com cert-authority {public}", False),
    ]:
        allowed.write_text(f"{line}\n")
        problems = check(contents, load_trusted([allowed])).problems

        assert good == (not problems), (line, problems)
        assert all(problem.file == SSH_SIGNATURE for problem in problems)


def test_trusted_refused(keys: Keys, tmp_path: Path) -> None:
    """What holds no public key is said not to."""

    def why(text: bytes) -> str:
        path = tmp_path / "key"
        path.write_bytes(text)
        with pytest.raises(InputError) as caught:
            load_trusted([path])
        return str(caught.value).replace(str(path), "KEY")

    private = "KEY: a private key; signatures are checked by its public one"
    public = (keys.folder / "pem.pub").read_bytes()
    assert private == why((keys.folder / "pem").read_bytes())
    assert private == why((keys.folder / "ssh").read_bytes())
    assert "KEY: no ed25519 public key in PEM" == why(b"-----BEGIN CERTIFICATE-----\n")
    assert ("KEY: an ed25519 public key, but not as PEM has it, with nothing around it") == why(
        LOOSE
    )
    assert "KEY: no key in it" == why(b"\n# nobody\n")
    path = tmp_path / "windows.pub"
    path.write_bytes(public.replace(b"\n", b"\r\n") + b"\r\n")
    assert load_trusted([path]) == keys.trusted("pem")
    for text in (b"hello", b"ssh-ed25519 AAAA", b"me ssh-rsa AAAAC3NzaC1lZDI1NTE5", b"\xff\0"):
        assert (
            "KEY: line 1 is neither a public key nor a line of allowed signers, see ssh-keygen(1)"
        ) == why(text)


def test_other_kinds_of_ssh_keys(tmp_path: Path) -> None:
    """Whatever key OpenSSH signs by is good: ECDSA and RSA too."""
    for kind in ("ecdsa", "rsa"):
        path = tmp_path / kind
        ssh_keygen("-q", "-t", kind, "-N", "", "-f", path)
        contents = files(*small(), load_signer(path))

        assert [] == check(contents, load_trusted([path.with_name(f"{kind}.pub")])).problems


def test_signing_again_gives_the_same(keys: Keys) -> None:
    """An ed25519 signature has no chance in it: a certificate made again is the same."""
    for name in ("pem", "ssh"):
        one, other = (files(*small(), keys.signer(name)) for _ in range(2))

        assert one[STATEMENTS] == other[STATEMENTS]
        assert one == other
