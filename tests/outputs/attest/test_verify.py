# SPDX-License-Identifier: MIT
"""``xdpconform verify``: which folders it takes, what it prints, and how it ends."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.outputs.attest.folders import (
    VIRTIO,
    Keys,
    changed,
    files,
    judged,
    put,
    recorded,
    small,
    whole,
)
from xdpconform import __version__
from xdpconform.errors import InputError, ProfileError
from xdpconform.outputs.attest.names import LIMITS, PAGE, RESULTS, SIGNER
from xdpconform.outputs.attest.verify import verify
from xdpconform.outputs.certificate.page import Entry, index_page
from xdpconform.sources import recording as recordings

if TYPE_CHECKING:
    from pathlib import Path

UNSIGNED = "not signed: its files belong together, and anybody can have made them"


def printed(capsys: pytest.CaptureFixture[str], folder: Path) -> list[str]:
    """The lines that were printed, with DIR for the folder."""
    return capsys.readouterr().out.replace(str(folder), "DIR").splitlines()


def test_unsigned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A certificate that nobody signed is verified, and said to be unsigned."""
    put(tmp_path, whole(VIRTIO))

    assert verify([str(tmp_path)]) == 0
    assert [
        f"DIR: verified: {VIRTIO} CONFORMS at level claims",
        f"    {UNSIGNED}",
    ] == printed(capsys, tmp_path)


@pytest.mark.parametrize("name", ["pem", "ssh"])
def test_signed(name: str, keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a signed one it says by whom, and whether that is whom one trusts."""
    signer = keys.signer(name)
    put(tmp_path, whole(VIRTIO, signer))
    public = str(keys.folder / f"{name}.pub")

    assert verify([str(tmp_path)]) == 0
    assert (f"    signed by {signer.label}; nobody said whom to trust: give --key") == printed(
        capsys, tmp_path
    )[1]
    assert verify([str(tmp_path)], keys=[public]) == 0
    assert f"    signed by {signer.label}, which is a key given" == printed(capsys, tmp_path)[1]
    assert verify([str(tmp_path)], keys=[str(keys.folder / "other-pem.pub")]) == 1


def test_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a replay it says how many lines the recording gives."""
    put(tmp_path, whole(VIRTIO))

    assert verify([str(tmp_path)], replay=True) == 0
    assert "    replayed: 43 lines are the same" == printed(capsys, tmp_path)[2]


def test_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is listed below the folder's name; the replay's part of it too."""
    results, recording = judged(VIRTIO), recordings.read(recorded(VIRTIO))
    lines = [one for one in results.nics[0].results if one.requirement != "XDP-FEAT-02"]
    contents = files(changed(results, results=lines), recording)
    put(tmp_path, {**contents, "notes.txt": b"", PAGE: b""})
    (tmp_path / "more").mkdir()

    assert verify([str(tmp_path)], replay=True) == 1

    found = printed(capsys, tmp_path)
    assert [
        "DIR: refused",
        "    more: no file of a certificate",
        "    notes.txt: no file of a certificate",
    ] == found[:3]
    assert found[3].startswith("    certificate.html: its digest is sha256:")
    assert [
        "    results.json: XDP-FEAT-02: neither run nor said to be missing",
        "    results.json: XDP-FEAT-02[idle]: the recording gives pass, and it is not there",
    ] == found[4:]


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: Keys) -> None:
    """JSON has the same, a folder an object."""
    good = put(tmp_path / "good", whole(VIRTIO, keys.signer("pem")))
    bad = put(tmp_path / "bad", {RESULTS: b"{}"})
    public = str(keys.folder / "pem.pub")

    assert verify([str(good), str(bad)], keys=[public], replay=True, as_json=True) == 1

    one, other = json.loads(capsys.readouterr().out)
    assert {
        "folder": str(good),
        "verified": True,
        "nic": VIRTIO,
        "source": "recording",
        "verdict": "CONFORMS",
        "level": "claims",
        "signer": keys.signer("pem").label,
        "trusted": True,
        "problems": [],
        "replay": {"same": 43, "above": 0, "notes": []},
    } == one
    assert (False, None, None, False, None) == tuple(
        other[key] for key in ("verified", "nic", "signer", "trusted", "replay")
    )
    assert {"file": PAGE, "text": "missing"} in other["problems"]


def test_several_nics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below an index page each folder is a certificate, and one that is refused refuses all; so
    does the page, if it does not say what they say.
    """
    results, _recording = small()
    page = index_page([Entry("eth0", results), Entry("eth1", results)])
    put(tmp_path, {"index.html": page})
    put(tmp_path / "eth0", files(*small()))
    put(tmp_path / "eth1", files(*small()))

    assert verify([str(tmp_path)]) == 0
    *others, index = printed(capsys, tmp_path)
    assert "DIR/index.html: verified: the list that these certificates make" == index
    assert ["DIR/eth0: verified: ", "DIR/eth1: verified: "] == [line[:20] for line in others[::2]]
    (tmp_path / "index.html").write_bytes(page.replace(b"CONFORMS", b"FAILS"))
    assert verify([str(tmp_path)]) == 1
    refused, why = printed(capsys, tmp_path)[-2:]
    assert "DIR/index.html: refused" == refused
    assert why.startswith(f"    index.html: not what xdpconform {__version__} makes of these cert")
    (tmp_path / "eth1" / PAGE).write_bytes(b"")
    assert verify([str(tmp_path)]) == 1
    (tmp_path / "eth2").symlink_to(tmp_path / "eth0")
    with pytest.raises(InputError, match="eth2: not the folder of a certificate, and stands besid"):
        verify([str(tmp_path)])


def test_links_pipes_and_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is taken from the folder itself, and never waited for or read without end."""
    contents = files(*small())
    outside = put(tmp_path / "outside", contents)
    for change, text in [
        (lambda path: path.symlink_to(outside / PAGE), "a symbolic link"),
        (os.mkfifo, "not a regular file"),
        (os.mkdir, "not a regular file"),
        (lambda path: path.write_bytes(b"x" * (LIMITS[PAGE] + 1)), "larger than 16777216 bytes"),
    ]:
        folder = put(tmp_path / text.replace(" ", "-") / str(change), contents)
        (folder / PAGE).unlink()
        change(folder / PAGE)

        assert verify([str(folder)]) == 1
        assert ["DIR: refused", f"    {PAGE}: {text}"] == printed(capsys, folder)


def test_many_strangers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a folder full of other things some are named, and the others counted."""
    put(tmp_path, files(*small()) | {f"{number:03}\n": b"" for number in range(50)})

    assert verify([str(tmp_path)]) == 1

    found = printed(capsys, tmp_path)
    assert 1 + 20 + 1 == len(found)
    assert r"    000\n: no file of a certificate" == found[1]
    assert "    DIR: 30 more that are none" == found[-1]


def test_no_certificate(tmp_path: Path, keys: Keys) -> None:
    """A word that means no certificate, and a key or profile that is none, end with an error."""
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    index = put(tmp_path / "index", {"index.html": b""})
    good = put(tmp_path / "good", files(*small()))
    give = "give the folder that 'xdpconform certify' wrote"

    for path, text in [
        (tmp_path / "none", f"DIR: No such file or directory; {give}"),
        (tmp_path / "file", f"DIR: Not a directory; {give}"),
        (tmp_path / "empty", "DIR: no certificate; 'xdpconform certify RESULTS -o DIR' makes one"),
        (index, "DIR: no certificate; 'xdpconform certify RESULTS -o DIR' makes one"),
    ]:
        with pytest.raises(InputError) as caught:
            verify([str(path)])
        assert text == str(caught.value).replace(str(path), "DIR")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        verify([str(good)], keys=[str(keys.folder / "none")])
    with pytest.raises(ProfileError, match="cannot be read"):
        verify([str(good)], replay=True, profiles=[str(tmp_path / "none.toml")])


def test_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mock's certificate is never taken for a NIC's."""
    results, recording = small()
    put(tmp_path, files(changed(results, source="mock"), recording))

    assert verify([str(tmp_path)]) == 0
    assert printed(capsys, tmp_path)[0].endswith("(simulated: no NIC was asked)")


def test_hostile_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text from a file reaches the terminal as text."""
    results, recording = small()
    bad = "\x1b[31mred\u202e"
    put(tmp_path, files(changed(results, id=bad), recording) | {f"{bad}.txt": b""})

    assert verify([str(tmp_path)], replay=True) == 1
    text = capsys.readouterr().out
    assert text.replace("\n", "").isprintable()
    put(tmp_path / "other", files(changed(results, id=bad), recording))
    assert verify([str(tmp_path / "other")]) == 0
    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_signer_of_another_folder(tmp_path: Path, keys: Keys) -> None:
    """A public key that was laid beside other statements is refused."""
    contents = files(*small(), keys.signer("pem"))
    put(tmp_path, contents | {SIGNER: (keys.folder / "other-pem.pub").read_bytes()})

    assert verify([str(tmp_path)]) == 1
