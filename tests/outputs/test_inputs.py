# SPDX-License-Identifier: MIT
"""What users name: results.json, recordings and folders become NICs that were judged."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from xdpconform.errors import InputError, XdpConformError
from xdpconform.outputs.inputs import Given, apart, judged, moment, take, whole
from xdpconform.outputs.results import Results, encode
from xdpconform.profiles import Shelf
from xdpconform.sources import recording
from xdpconform.stored import take_recording

RECORDINGS = Path(__file__).parents[2] / "recordings"
VETH = RECORDINGS / "veth-6.18.44-idle.rec.json"
TUN = RECORDINGS / "tun-6.18.44-idle.rec.json"
MOMENT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def results(path: Path = VETH) -> Results:
    """The results of a recording's one NIC."""
    (subject,) = take_recording(path, Shelf())
    return judged(subject, MOMENT)


def put(path: Path, *runs: Results) -> Path:
    """Write runs as one, whose NICs are those of all."""
    nics = [nic for one in runs for nic in one.nics]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(msgspec.structs.replace(runs[0], nics=nics)))
    return path


def test_recording() -> None:
    """A recording is judged for the day it was taken on, by every line of level claims."""
    (given,) = take([str(VETH)], Shelf())

    held = recording.read(VETH)
    (nic,) = given.results.nics
    assert held == given.recording
    assert (held.digest, "recording", "CONFORMS") == (nic.recording, nic.source, nic.verdict)
    assert moment(held, VETH).isoformat(timespec="seconds") == given.results.started
    assert 43 == len(nic.results)


@pytest.mark.parametrize("named", ["beside", "named", "elsewhere"])
def test_results(tmp_path: Path, named: str) -> None:
    """Results find the recording that they name beside them, or among what was named too."""
    path = put(tmp_path / "veth.json", results())
    where = {"beside": "veth.rec.json", "named": "a/x.json", "elsewhere": "a/x.json"}[named]
    (tmp_path / "a").mkdir()
    shutil.copy(VETH, tmp_path / where)
    words = [path, tmp_path / where] if named == "named" else [path]

    found = take(map(str, words), Shelf())

    expected = None if named == "elsewhere" else recording.read(VETH)
    assert [(results(), expected)] == [(one.results, one.recording) for one in found]


def test_another_recording(tmp_path: Path) -> None:
    """A recording that no results name is another NIC, and is judged too."""
    path = put(tmp_path / "veth.json", results())

    found = take([str(path), str(VETH), str(TUN)], Shelf())

    assert ["veth", "tun"] == [one.results.nics[0].identity.driver for one in found]
    assert [recording.read(VETH), recording.read(TUN)] == [one.recording for one in found]


def test_folders(tmp_path: Path) -> None:
    """A folder is its results.json, those of the folders in it, or the recordings below it."""
    put(tmp_path / "several/b/results.json", results())
    put(tmp_path / "several/a/results.json", results(TUN))
    (tmp_path / "recorded/deep").mkdir(parents=True)
    shutil.copy(TUN, tmp_path / "recorded/deep/tun.rec.json")

    def drivers(word: str) -> list[str | None]:
        given = take([str(tmp_path / word)], Shelf())
        return [one.results.nics[0].identity.driver for one in given]

    assert ["veth"] == drivers("several/b")
    assert ["tun", "veth"] == drivers("several")
    assert ["tun"] == drivers("recorded")


def test_apart() -> None:
    """Each NIC of a run has results of its own that say all that the run said of it."""
    both = msgspec.structs.replace(results(), nics=[*results().nics, *results(TUN).nics])

    assert [results(), results(TUN)] == apart(both)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("gone.json", None, "gone.json: cannot be read: No such file or directory"),
        ("x.json", b"", "x.json: neither results.json nor a recording: "),
        ("x.json", b"{", "x.json: neither results.json nor a recording: "),
        ("x.json", b"[" * 100_000, "x.json: neither results.json nor a recording: "),
        ("x.json", b"{}", "x.json: not results.json of this version: "),
        ("x.json", b'{"schema": "\xff"}', "x.json: "),
        ("x.json", b'{"schema": "xdpconform-recording-1"}', "x.json: not a recording of format"),
        ("empty/", None, "empty: neither results.json nor a recording in it; pytest --iface NIC"),
        ("null\0", None, "cannot be read"),
    ],
)
def test_refused(tmp_path: Path, name: str, data: bytes | None, problem: str) -> None:
    """What is no NIC is refused in a sentence that names the file."""
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    elif data is not None:
        path.write_bytes(data)

    with pytest.raises(XdpConformError) as caught:
        take([str(path)], Shelf())

    assert problem in str(caught.value)


def test_no_time(tmp_path: Path) -> None:
    """A recording that does not say when it was taken cannot date a certificate."""
    held = recording.read(VETH)
    path = tmp_path / "x.rec.json"
    untimed = recording.sealed(msgspec.structs.replace(held, taken="yesterday"))
    path.write_bytes(recording.encode(untimed))

    with pytest.raises(InputError, match="taken 'yesterday', which is no time of RFC 3339"):
        take([str(path)], Shelf())


def test_pipe(tmp_path: Path) -> None:
    """A pipe would never end: it is refused unread."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputError, match="pipe: cannot be read: not a regular file"):
        take([str(tmp_path / "pipe")], Shelf())


def test_any_nic_of_a_run(tmp_path: Path) -> None:
    """Two NICs of one run come apart, each with the recording of both."""
    path = put(tmp_path / "run.json", results(), results(TUN))
    shutil.copy(VETH, tmp_path / "run.rec.json")

    found = take([str(path)], Shelf())

    assert [recording.read(VETH), None] == [one.recording for one in found]
    assert json.loads(path.read_bytes())["nics"][1]["id"] == found[1].results.nics[0].id


def test_whole() -> None:
    """The NICs of one run are put together again; those of several are not mixed."""
    both = msgspec.structs.replace(results(), nics=[*results().nics, *results(TUN).nics])
    later = msgspec.structs.replace(results(TUN), started="2026-11-25T00:00:00+00:00")
    given = [Given(one) for one in apart(both)]

    assert both == whole(given, "x")
    with pytest.raises(InputError, match="some/: holds NICs of several runs; name one of them"):
        whole([*given, Given(later)], "some/")
