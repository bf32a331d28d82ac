# SPDX-License-Identifier: MIT
"""Reading certificates' folders: what is found, what is left out, and why."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.outputs.matrix.folders import Said, results, store
from xdpconform.errors import InputError
from xdpconform.outputs.attest.names import LIMITS
from xdpconform.outputs.matrix.read import DEPTH_LIMIT, Certificate, LeftOut, certificates, read
from xdpconform.outputs.results import encode

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = "results.json"
STATEMENTS = "certificate.intoto.jsonl"


def change(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    """Put other bytes into a file."""

    def changed(folder: Path) -> None:
        data = (folder / name).read_bytes()
        assert old in data
        (folder / name).write_bytes(data.replace(old, new, 1))

    return changed


def put(name: str, data: bytes) -> Callable[[Path], None]:
    """Give a file other content."""
    return lambda folder: (folder / name).write_bytes(data) and None


def remove(name: str) -> Callable[[Path], None]:
    """Take a file away."""
    return lambda folder: (folder / name).unlink()


def pipe(folder: Path) -> None:
    """A pipe that nobody writes to."""
    (folder / RESULTS).unlink()
    os.mkfifo(folder / RESULTS)


def twice(folder: Path) -> None:
    """A line that is there two times."""
    (folder / RESULTS).write_bytes(encode(results(Said("XDP-FEAT-02"), Said("XDP-FEAT-02"))))


def large(folder: Path) -> None:
    """A file beyond the bound, of which the disk holds nothing."""
    os.truncate(folder / RESULTS, LIMITS[RESULTS] + 1)


BAD = {
    "a flipped digest": (
        change(RESULTS, b'"mtu": 1500', b'"mtu": 1501'),
        "results.json is not the file that was attested: its digest is another",
    ),
    "no JSON": (put(RESULTS, b"{"), "results.json is none of xdpconform-results-1: Input data"),
    "another schema": (
        change(RESULTS, b"results-1", b"results-9"),
        "results.json is none of xdpconform-results-1: Invalid enum value 'xdpconform-results-9'",
    ),
    "a requirement that is a path": (
        change(RESULTS, b"XDP-FEAT-02", b"../../../etc"),
        "results.json is none of xdpconform-results-1: Expected `str` matching regex",
    ),
    "half a character": (change(RESULTS, b'"veth"', b'"\\ud800"'), "results.json is none of"),
    "bytes that are no text": (change(RESULTS, b'"veth"', b'"\xff\xfe"'), "results.json "),
    "nested without end": (put(RESULTS, b"[" * 100_000), "results.json "),
    "no time": (
        change(RESULTS, b"2026-11-24T10", b"yesterday at "),
        "results.json: started 'yesterday at :00:00+00:00' is no time of RFC 3339",
    ),
    "a line twice": (twice, "results.json: NIC 'eth0' has a line twice"),
    "too large": (large, "results.json cannot be read: larger than 16777216 bytes"),
    "a pipe": (pipe, "results.json cannot be read: not a regular file"),
    "no statement in it": (put(STATEMENTS, b""), "certificate.intoto.jsonl is empty"),
    "no envelope": (
        put(STATEMENTS, b"{}\n"),
        "certificate.intoto.jsonl, line 1: no statement in an envelope: Object missing",
    ),
    "no base64": (
        put(STATEMENTS, json.dumps({"payload": "§"}).encode()),
        "certificate.intoto.jsonl, line 1: no statement in an envelope: ",
    ),
    "of something else": (
        put(STATEMENTS, b'{"payload": "eyJzdWJqZWN0IjogW119"}'),
        "certificate.intoto.jsonl, line 1: says nothing of results.json",
    ),
    "statements alone": (remove(RESULTS), "certificate.intoto.jsonl without results.json"),
}
"""What is done to a folder, and how its reason begins."""


@pytest.mark.parametrize("case", BAD)
def test_bad_folder_is_left_out(tmp_path: Path, case: str) -> None:
    """A folder that is not what it says is left out with the reason; those around it stay."""
    harm, reason = BAD[case]
    store(tmp_path / "a", results())
    harm(store(tmp_path / "b", results()))
    store(tmp_path / "c", results())

    first, bad, last = certificates([str(tmp_path)])

    assert (str(tmp_path / "a"), str(tmp_path / "c")) == (first.folder, last.folder)
    assert isinstance(first, Certificate)
    assert isinstance(last, Certificate)
    assert isinstance(bad, LeftOut)
    assert str(tmp_path / "b") == bad.folder
    assert reason == bad.reason[: len(reason)]


def test_whole_folder(tmp_path: Path) -> None:
    """Of a whole folder its page, its digest, and when it was taken, in UTC."""
    run = results(started="2026-11-24T12:30:00.5+02:00")
    found = read(str(store(tmp_path / "a", run)))

    assert isinstance(found, Certificate)
    assert ("certificate.html", True, False) == (found.page, found.statement, found.signed)
    assert "2026-11-24T10:30:00Z" == found.started


def test_results_alone(tmp_path: Path) -> None:
    """results.json alone is a certificate, whose page it is itself."""
    (tmp_path / RESULTS).write_bytes(encode(results()))
    found = read(str(tmp_path))

    assert isinstance(found, Certificate)
    assert (RESULTS, False, False) == (found.page, found.statement, found.signed)


@pytest.mark.parametrize("how", ["envelope", "OpenSSH"])
def test_signed(tmp_path: Path, how: str) -> None:
    """A signature is noticed, be it in the envelopes or beside them."""
    folder = store(tmp_path / "a", results())
    if how == "envelope":
        lines = map(json.loads, (folder / STATEMENTS).read_bytes().splitlines())
        signed = [json.dumps(line | {"signatures": [{"sig": "AA=="}]}) for line in lines]
        (folder / STATEMENTS).write_text("\n".join(signed))
    else:
        (folder / f"{STATEMENTS}.sig").write_text("-----BEGIN SSH SIGNATURE-----")
    found = read(str(folder))

    assert isinstance(found, Certificate)
    assert found.signed


def test_each_folder_once(tmp_path: Path) -> None:
    """Links that lead in circles or to the same folder give it once, and words that overlap too."""
    store(tmp_path / "host" / "eth0", results())
    (tmp_path / "host" / "loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "host")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    found = [one.folder for one in certificates([str(tmp_path), str(tmp_path / "host")])]

    assert [str(tmp_path / "again" / "eth0")] == found


def test_order(tmp_path: Path) -> None:
    """Folders come in the order of their paths, not in that of the disk."""
    for name in ("c", "a/2", "b", "a/1"):
        store(tmp_path / name, results())
    found = [os.path.relpath(one.folder, tmp_path) for one in certificates([str(tmp_path)])]

    assert ["a/1", "a/2", "b", "c"] == found


def test_too_deep(tmp_path: Path) -> None:
    """What is deeper than the bound is named, not passed over."""
    store(tmp_path.joinpath(*["d"] * (DEPTH_LIMIT + 1)), results())
    (found,) = certificates([str(tmp_path)])

    assert f"folders more than {DEPTH_LIMIT} deep are not entered" == getattr(found, "reason", "")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("nowhere", "nowhere: cannot be read: No such file or directory"),
        ("file", "file: not a folder; name a certificate's folder"),
        ("nul\0", "nul\\x00: cannot be read: embedded null byte"),
    ],
)
def test_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, text: str) -> None:
    """A word that is no folder is refused, and says why."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        list(certificates([word]))

    assert text == str(caught.value)
