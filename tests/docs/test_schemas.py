# SPDX-License-Identifier: MIT
"""The shipped JSON Schemas, against real files and against the decoders."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from xdpconform.errors import ProfileError
from xdpconform.outputs import results
from xdpconform.profiles.load import SHIPPED, decode

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "xdpconform/schema"


def validator(name: str) -> Draft202012Validator:
    """A shipped schema, itself valid."""
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


PROFILE = validator("profile-1.schema.json")
RESULTS = validator("results-1.schema.json")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A results.json of the loopback device, whatever its verdict."""
    folder = tmp_path_factory.mktemp("record")
    path = folder / "results.json"
    words = ["--iface", "lo", "--xdp-results", path, "-q", "-p", "no:cacheprovider"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env={**os.environ, "XDPCONFORM_REPORTS": str(folder)},
        capture_output=True,
        check=False,
    )
    return path.read_bytes()


def test_real_results(record: bytes) -> None:
    """A real results.json is valid, and the decoder reads it."""
    RESULTS.validate(json.loads(record))

    assert record == results.encode(results.decode(record, "results.json"))


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "xdpconform-results-2"},
        {"extra": 1},
        {"level": "hearsay"},
        {"nics": [{}]},
        {"started": None},
    ],
)
def test_wrong_results(record: bytes, change: dict[str, Any]) -> None:
    """What the decoder refuses is not valid either."""
    changed = {**json.loads(record), **change}

    assert not RESULTS.is_valid(changed)
    with pytest.raises(Exception, match="not results"):
        results.decode(json.dumps(changed).encode(), "x")


def as_json(value: Any) -> Any:
    """TOML's values as JSON has them: a date is a string."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_profiles(path: Path) -> None:
    """Each shipped profile is valid, and names the schema for editors."""
    text = path.read_text(encoding="utf-8")
    first = text.splitlines()[0]

    PROFILE.validate(as_json(tomllib.loads(text)))
    assert first.startswith("#:schema ")
    assert (path.parent / first.removeprefix("#:schema ")).resolve().is_file()


HEAD = 'schema = 1\nname = "x"\ndriver = ["x"]\n'
CLAIM = '[[claim]]\nflags = ["basic"]\n'
WAIVER = (
    '[[waiver]]\nrequirement = "XDP-FEAT-01"\nreason = "r"\nlink = "https://example.org/1"\n'
    "until = 2027-01-01\n"
)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (HEAD, True),
        (HEAD + CLAIM, True),
        (HEAD + CLAIM + "when = { up = true, not-feature = ['rx-lro'] }\n", True),
        (HEAD + WAIVER, True),
        (HEAD.replace("1", "2"), False),
        (HEAD.replace('["x"]', "[]"), False),
        (HEAD.replace('"x"', '"a b"', 1), False),
        (HEAD + "drivers = []\n", False),
        (HEAD + "[[claim]]\nflags = []\n", False),
        (HEAD + '[[claim]]\nflags = ["rx_sg"]\n', False),
        (HEAD + CLAIM + 'need = "maybe"\n', False),
        (HEAD + CLAIM + "added = 6.12\n", False),
        (HEAD + CLAIM + 'added = "6.12.1"\n', False),
        (HEAD + CLAIM + 'states = ["busy"]\n', False),
        (HEAD + CLAIM + "when = { weather = 'fine' }\n", False),
        (HEAD + CLAIM + "when = { up = 'yes' }\n", False),
        (HEAD + CLAIM + "when = { kind = true }\n", False),
        (HEAD + CLAIM + "when = { virtio-feature = 'tso' }\n", False),
        (HEAD + WAIVER.replace("https", "gopher"), False),
        (HEAD + WAIVER.replace("XDP-FEAT-01", "FEAT-1"), False),
        (HEAD + "[[zc-max-segs]]\nexactly = 0\n", False),
    ],
)
def test_decoder_agrees(text: str, good: bool) -> None:
    """What the decoder takes is valid, and what it refuses for its form is not."""
    try:
        decode(text.encode(), "x.toml")
        taken = True
    except ProfileError:
        taken = False

    assert (good, good) == (taken, PROFILE.is_valid(as_json(tomllib.loads(text))))
