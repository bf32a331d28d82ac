# SPDX-License-Identifier: MIT
"""`xdpconform record`: what is written, where, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_cli import ERROR, xdpconform
from tests.namespaces import private_namespace
from xdpconform.sources.recording import read

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_a_nic(tmp_path: Path) -> None:
    """Into a folder go files named by NIC, kernel and state, each whole in itself."""
    with private_namespace() as made:
        made.pairs(1)
        done = xdpconform("record", "v0*", "-o", f"{tmp_path}/", "--netns", made.name)

    assert (0, "") == (done.returncode, done.stderr)
    files = sorted(tmp_path.iterdir())
    assert ["v0a", "v0b"] == [path.name.partition("-")[0] for path in files]
    assert all(path.name.endswith("-idle.rec.json") for path in files)
    assert [["v0a"], ["v0b"]] == [[nic.ifname for nic in read(path).nics] for path in files]
    assert f"{files[0]}: v0a (idle), 23 exchanges" in done.stdout.splitlines()


def test_one_file(tmp_path: Path) -> None:
    """Into a file go all NICs named; `--json` says what was written."""
    path = tmp_path / "pair.rec.json"
    with private_namespace() as made:
        made.pairs(1)
        done = xdpconform(
            *("record", "v0a", "v0b", "-o", str(path), "--netns", made.name, "--json", "--redact")
        )
    judged = xdpconform("judge", str(path))

    (written,) = json.loads(done.stdout)
    assert (str(path), True) == (written["path"], written["redacted"])
    assert ["v0a", "v0b"] == [nic["ifname"] for nic in written["nics"]]
    assert written["digest"] == read(path).digest
    assert 0 == judged.returncode, judged.stdout
    assert ["pair:v0a", "pair:v0b", "2"] == [x.split()[0] for x in judged.stdout.splitlines()]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there stays, unless the user insists."""
    path = tmp_path / "lo.rec.json"
    path.write_text("mine", encoding="utf-8")
    refused = xdpconform("record", "lo", "-o", str(path))

    assert ERROR == refused.returncode
    assert f"xdpconform: {path} is there already: name another, or say --force\n" == refused.stderr
    assert "mine" == path.read_text(encoding="utf-8")
    assert 0 == xdpconform("record", "lo", "-o", str(path), "--force").returncode
    assert "lo" == read(path).nics[0].ifname


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("record", "eht0", "-o", "x"), "no interface 'eht0' here; there are: lo"),
        (("record", "lo", "-o", "/proc/nowhere/x"), "/proc/nowhere: No such file or directory"),
        (("record", "lo", "--netns", "nowhere", "-o", "x"), "no network namespace 'nowhere'"),
    ],
)
def test_refused(words: tuple[str, ...], problem: str, tmp_path: Path) -> None:
    """A mistake is one sentence and exit status 2, and leaves nothing behind."""
    done = xdpconform(*words, cwd=tmp_path)

    assert ERROR == done.returncode
    assert done.stderr.startswith(f"xdpconform: {problem}")
    assert [] == list(tmp_path.iterdir())


def test_attached(tmp_path: Path) -> None:
    """`--attached` keeps the NIC as it is and with a program on it; the program is gone after."""
    with private_namespace() as made:
        made.pairs(1)
        made.batch("link set v0a up", "link set v0b up")
        words = ("record", "v0a", "--attached", "-o", f"{tmp_path}/", "--netns", made.name)
        done = xdpconform(*words)
        left = made.ip("-d", "link", "show", "dev", "v0a")

    assert (0, "") == (done.returncode, done.stderr)
    files = sorted(tmp_path.iterdir())
    assert ["attached", "idle"] == [read(path).nics[0].state for path in files]
    assert "xdp" not in left
    judged = xdpconform("judge", f"{tmp_path}/")
    assert 0 == judged.returncode, judged.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("-o", "one.rec.json"), "--attached writes two recordings: give a folder, such as -o "),
        (("-o", "./"), "v0a carries the default route (IPv4, table 254)"),
        (("-o", "./", "--i-own-this-port", "all"), "--i-own-this-port all: it takes the name"),
    ],
)
def test_attached_refused(words: tuple[str, ...], problem: str, tmp_path: Path) -> None:
    """A NIC in use gets no program, unless the user says that it may; nothing is left behind."""
    with private_namespace() as made:
        made.pairs(1)
        made.batch(
            "link set v0a up",
            "link set v0b up",
            "address add 192.0.2.1/24 dev v0a",
            "route add default via 192.0.2.2",
        )
        done = xdpconform("record", "v0a", "--attached", "--netns", made.name, *words, cwd=tmp_path)
        owned = xdpconform(
            *("record", "v0a", "--attached", "--netns", made.name, "--i-own-this-port", "v0a"),
            *("-o", f"{tmp_path}/owned/"),
        )

    assert ERROR == done.returncode
    assert done.stderr.startswith(f"xdpconform: {problem}")
    assert ["owned"] == [path.name for path in tmp_path.iterdir()]
    assert (0, "") == (owned.returncode, owned.stderr)
