# SPDX-License-Identifier: MIT
"""Recordings as files: what is refused, and what each refusal says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from xdpconform.errors import InputError, RecordingError
from xdpconform.sources.recording import (
    SIZE_LIMIT,
    Exchanged,
    Read,
    RecordedNic,
    Recording,
    Tool,
    Watched,
    decode,
    digest_of,
    encode,
    files_of,
    name_of,
    read,
    sealed,
)

SCHEMA = Path(__file__).parents[2] / "xdpconform/schema/recording-1.schema.json"
REQUEST = bytes.fromhex("14000000120001030100000067120000") + b"\0\0\0\0"


def recording(**change: Any) -> Recording:
    """A small recording, sealed."""
    made = Recording(
        schema="xdpconform-recording-1",
        tool=Tool("xdpconform", "0.1"),
        taken="2026-11-24T16:00:00+00:00",
        kernel="6.18.0",
        redacted=False,
        nics=[RecordedNic("eth0", 2, "idle", driver="virtio_net")],
        exchanges=[Exchanged("rtnetlink getlink dump", 0, REQUEST, [b"\x01\x02", b""])],
        devices={"eth0": Read({"queues/": "rx-0\ntx-0"}, bytes(196))},
        notifications=Watched([b"\x03"]),
    )
    return sealed(msgspec.structs.replace(made, **change))


def changed(**change: Any) -> bytes:
    """The small recording's JSON with top-level fields replaced; its digest is that of before."""
    return json.dumps({**json.loads(encode(recording())), **change}).encode()


def test_round_trip() -> None:
    """What is written is read again, byte for byte of what was recorded."""
    one = recording()
    data = encode(one)

    assert one == decode(data, "x")
    assert data == encode(decode(data, "x"))


def test_digest_is_of_the_content() -> None:
    """The digest does not depend on spaces or indentation, and does on everything else."""
    compact = json.dumps(json.loads(encode(recording())), separators=(",", ":")).encode()

    assert recording() == decode(compact, "x")
    assert digest_of(recording()) == recording().digest
    assert recording().digest != recording(kernel="6.18.1").digest


def test_every_changed_byte_is_noticed() -> None:
    """No byte of a recorded value can change unnoticed."""
    data = encode(recording())
    survivors = []
    for place, byte in enumerate(data):
        for other in (byte ^ 1, byte ^ 0x20):
            try:
                found = decode(data[:place] + bytes([other]) + data[place + 1 :], "x")
            except RecordingError:
                continue
            if found != recording():
                survivors.append(place)

    assert survivors == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a recording of format xdpconform-recording-1: Input data was truncated"),
        (b"{}", "Object missing required field `schema`"),
        (b"[1]", "Expected `object`, got `array`"),
        (b"\xff\xfe", "JSON is malformed"),
        (changed(schema="xdpconform-recording-2"), "Invalid enum value 'xdpconform-recording-2'"),
        (changed(extra=1), "Object contains unknown field `extra`"),
        (changed(nics=[]), "Expected `array` of length >= 1 - at `$.nics`"),
        (changed(kernel="x" * 600), "Expected `str` of length <= 512 - at `$.kernel`"),
        (changed(kernel="6.19"), "changed since it was made: its digest is sha256:"),
        (changed(digest=""), "changed since it was made: its digest is missing"),
        (changed(digest="md5:1"), "Expected `str` matching regex"),
        (changed(notifications={"datagrams": ["!"]}), "Invalid base64 encoded string"),
        (changed(devices={"eth0": {"sysfs": {}, "drvinfo": "A" * 400}}), "length <= 196"),
        (b"[" * 100_000, "not a recording"),
        (b'{"schema":' * 5000, "not a recording"),
        (b'{"schema": 1' + b"0" * 9000 + b"}", "not a recording"),
    ],
)
def test_refused(data: bytes, problem: str) -> None:
    """What is no recording is refused with its name, and with what is wrong and where."""
    with pytest.raises(RecordingError) as caught:
        decode(data, "some.rec.json")

    assert str(caught.value).startswith("some.rec.json: ")
    assert problem in str(caught.value)


def test_size(tmp_path: Path) -> None:
    """A file that is too large is not read to its end."""
    path = tmp_path / "large.rec.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: no disk holds as much

    with pytest.raises(RecordingError, match=f"larger than {SIZE_LIMIT} bytes"):
        read(path)


def test_not_files(tmp_path: Path) -> None:
    """A pipe, a folder and a file that is gone are refused at once."""
    pipe = tmp_path / "pipe.rec.json"
    os.mkfifo(pipe)

    for path, problem in (
        (pipe, "cannot be read: not a regular file"),
        (tmp_path, "cannot be read: not a regular file"),
        (tmp_path / "gone", "cannot be read: No such file or directory"),
    ):
        with pytest.raises(RecordingError, match=f"{path}: {problem}"):
            read(path)


def test_schema() -> None:
    """The shipped JSON Schema takes a real recording, and refuses what the decoder refuses."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    validator.validate(json.loads(encode(recording())))
    for change in ({"extra": 1}, {"nics": []}, {"schema": "x"}, {"digest": "md5:1"}):
        assert not validator.is_valid(json.loads(changed(**change)))


def test_files_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is taken whatever its name; a folder gives its recordings, and those below it."""
    names = ("b.rec.json", "deep/a.rec.json", "results.json", "odd name")
    (tmp_path / "deep").mkdir()
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)

    def found(*words: str) -> list[str]:
        return [str(path) for path in files_of(words)]

    assert ["b.rec.json", "deep/a.rec.json"] == found(".")
    assert ["odd name", "b.rec.json"] == found("odd name", "*.rec.json", "b.rec.json")
    assert ["b.rec.json", "deep/a.rec.json"] == found("**/*.rec.json")
    assert "a.b" == name_of(Path("x/a.b.rec.json"))
    (tmp_path / "empty").mkdir()
    for word, problem in (
        ("empty", r"recording empty: no \*\.rec\.json in it; xdpconform record makes them"),
        ("gone", "recording gone: no such file; xdpconform record makes them"),
        ("g*e", r"recording g\*e: no such file; xdpconform record makes them"),
    ):
        with pytest.raises(InputError, match=problem):
            files_of([word])
