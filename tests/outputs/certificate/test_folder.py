# SPDX-License-Identifier: MIT
"""The folder of a certificate: whole, the same each time, and in the place of nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import run
from xdpconform.errors import InputError
from xdpconform.outputs.certificate import folder as module
from xdpconform.outputs.certificate.folder import certificate, check_output, write_certificates
from xdpconform.outputs.inputs import Given, take
from xdpconform.outputs.results import decode
from xdpconform.profiles import Shelf
from xdpconform.sources import recording

__all__ = ["run"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.cli.conftest import Run

RECORDINGS = Path(__file__).parents[3] / "recordings"
NAMES = {"certificate.html", "certificate.intoto.jsonl", "recording.rec.json", "results.json"}


@pytest.fixture(scope="module")
def given() -> list[Given]:
    """Two NICs, from recordings."""
    words = [str(RECORDINGS / f"{name}-6.18.44-idle.rec.json") for name in ("veth", "tun")]
    return take(words, Shelf())


def tree(folder: Path) -> dict[str, bytes]:
    """Every file in a folder and below it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_one(given: list[Given], tmp_path: Path) -> None:
    """One NIC has the folder to itself: what it answered, what was found, the page, statements."""
    written = write_certificates(given[:1], tmp_path / "a/veth")

    found = tree(tmp_path / "a/veth")
    assert NAMES == set(found)
    assert [(tmp_path / "a/veth", "veth-6.18.44-idle", "CONFORMS")] == list(map(tuple, written))
    assert given[0].results == decode(found["results.json"], "")
    assert given[0].recording == recording.decode(found["recording.rec.json"], "")
    assert 0o755 == (tmp_path / "a/veth").stat().st_mode & 0o777


def test_several(given: list[Given], tmp_path: Path) -> None:
    """Several have a folder each, and an index page that links to them."""
    write_certificates(given, tmp_path / "all")

    found = tree(tmp_path / "all")
    folders = [one.results.nics[0].id for one in given]
    assert {"index.html"} | {f"{folder}/{name}" for folder in folders for name in NAMES} == set(
        found
    )
    for folder in folders:
        assert f'href="{folder}/certificate.html"'.encode() in found["index.html"]


def test_same_name(given: list[Given], tmp_path: Path) -> None:
    """NICs of one name, from two hosts, do not overwrite each other."""
    written = write_certificates([given[0], given[0]], tmp_path / "all")

    assert 2 == len({one.folder for one in written})


def test_again(given: list[Given], tmp_path: Path) -> None:
    """The same results make the same bytes."""
    for name in ("a", "b"):
        write_certificates(given, tmp_path / name)

    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_without_recording(given: list[Given]) -> None:
    """Without the recording its digest is not promised."""
    files = certificate(Given(given[0].results))

    assert NAMES - {"recording.rec.json"} == set(files)
    assert decode(files["results.json"], "").nics[0].recording is None


def test_force(given: list[Given], tmp_path: Path) -> None:
    """Certificates are replaced only if that was said, and then whole: one in place of several."""
    write_certificates(given, tmp_path / "x")
    before = tree(tmp_path / "x")

    with pytest.raises(InputError) as caught:
        write_certificates(given[:1], tmp_path / "x")

    expected = f"{tmp_path / 'x'}: holds a certificate already; name another folder, or say --force"
    assert expected == str(caught.value)
    assert before == tree(tmp_path / "x")
    write_certificates(given[:1], tmp_path / "x", force=True)
    assert NAMES == set(tree(tmp_path / "x"))
    assert ["x"] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("stranger", "named"),
    [
        ("notes.txt", "notes.txt"),
        ("veth0/notes.txt", "veth0/notes.txt"),
        ("results.json/x", "results.json/x"),
        ("veth0/deep/results.json", "veth0/deep"),
    ],
)
def test_stranger(given: list[Given], tmp_path: Path, stranger: str, named: str) -> None:
    """What is no certificate's is never replaced, whatever is said."""
    path = tmp_path / "x" / stranger
    path.parent.mkdir(parents=True)
    path.write_text("mine")

    with pytest.raises(InputError) as caught:
        write_certificates(given, tmp_path / "x", force=True)

    expected = f"{tmp_path / 'x'}: holds {named}, which is no part of a certificate"
    assert expected in str(caught.value)
    assert {stranger: b"mine"} == tree(tmp_path / "x")


def test_link(given: list[Given], tmp_path: Path) -> None:
    """A link to a folder stays one, and what it leads to is written."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    write_certificates(given[:1], tmp_path / "link")

    assert (tmp_path / "link").is_symlink()
    assert NAMES == set(tree(tmp_path / "real"))


def test_no_folder(tmp_path: Path) -> None:
    """A file in the folder's place is refused."""
    (tmp_path / "x").write_text("mine")

    with pytest.raises(InputError, match="x: not a folder; a certificate is one"):
        check_output(tmp_path / "x", force=True)


@pytest.mark.parametrize("when", [1, 3, 6])
def test_half_written(
    given: list[Given], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """A disk that is full at any file leaves what was there, and nothing beside it."""
    write_certificates(given[:1], tmp_path / "x")
    before = tree(tmp_path)
    count = 0

    def full(path: Path, data: bytes) -> None:
        nonlocal count
        count += 1
        if count == when:
            raise OSError(28, "No space left on device", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr(module, "write", full)

    with pytest.raises(OSError, match="No space left on device"):
        write_certificates(given, tmp_path / "x", force=True)

    assert before == tree(tmp_path)


def test_verb(run: Run, tmp_path: Path) -> None:
    """`certify` says which folder has which NIC, and ends as a run of the suites would."""
    words = [RECORDINGS / f"{name}-6.18.44-idle.rec.json" for name in ("veth", "tun")]

    status, out, err = run("certify", *words, "-o", tmp_path / "x")

    assert (0, "") == (status, err)
    assert [
        f"{tmp_path}/x/veth-6.18.44-idle: veth-6.18.44-idle CONFORMS",
        f"{tmp_path}/x/tun-6.18.44-idle: tun-6.18.44-idle CONFORMS",
        "not signed: --key signs",
    ] == out.splitlines()
    assert 2 == run("certify", words[0], "-o", tmp_path / "x")[0]
    status, out, err = run("certify", words[0], "-o", tmp_path / "x", "--force", "--json")
    assert (0, "") == (status, err)
    assert [
        {
            "folder": f"{tmp_path}/x",
            "nic": "veth-6.18.44-idle",
            "verdict": "CONFORMS",
            "signer": None,
        }
    ] == msgspec.json.decode(out)


def test_verb_redacts(run: Run, tmp_path: Path) -> None:
    """With --redact no MAC address is in the folder, and the results name what stands there."""
    words = [RECORDINGS / "virtio_net-6.18.44-idle.rec.json", "-o", tmp_path / "x", "--redact"]

    status, _out, err = run("certify", *words)

    held = recording.read(tmp_path / "x/recording.rec.json")
    assert (0, "", True) == (status, err, held.redacted)
    nic = decode((tmp_path / "x/results.json").read_bytes(), "").nics[0]
    assert held.digest == nic.recording
