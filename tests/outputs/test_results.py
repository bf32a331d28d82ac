# SPDX-License-Identifier: MIT
"""results.json: what is in it, that it reads back, and that writing it is all or nothing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.plugin.runs import profiled
from xdpconform import __version__
from xdpconform.errors import InputError
from xdpconform.judge import Finding, Kind, Outcome
from xdpconform.outputs.results import Result, Results, build, decode, encode, result, write

if TYPE_CHECKING:
    from pathlib import Path

    from xdpconform.lab import Subject

HOSTILE = (
    "<img src=x onerror=alert(1)>\"'&</script>\u202eknab\x00\x1b[31m\n\t\ud83d\ude00".encode(
        "utf-16", "surrogatepass"
    ).decode("utf-16")
    + "x" * 4096
)


def document(snapshot: tuple[Subject, Subject], *findings: Finding) -> Results:
    """The results of a run with these findings about the first NIC."""
    lines = [
        msgspec.convert(result(f"XDP-A-{number:02}", "A title.", finding), Result)
        for number, finding in enumerate(findings, 1)
    ]
    return build(
        snapshot[:1],
        {"v0a": lines},
        started="2026-11-23T22:15:00+00:00",
        level="claims",
        required=frozenset({"XDP-A-01"}),
    )


def test_fields(snapshot: tuple[Subject, Subject]) -> None:
    """Everything the format promises is there, under the words of netdev.yaml."""
    finding = Finding(
        Outcome.FAIL, Kind.OVER_CLAIM, "none", "basic", "a reason", {"what": "x"}, "idle"
    )

    found = json.loads(encode(document(snapshot, finding)))

    nic = found["nics"][0]
    assert ["level", "nics", "schema", "started", "tool"] == list(found)
    assert {"name": "xdpconform", "version": __version__} == found["tool"]
    assert ("xdpconform-results-1", "claims") == (found["schema"], found["level"])
    assert {
        "capabilities",
        "environment",
        "id",
        "identity",
        "missing",
        "profile",
        "recording",
        "results",
        "source",
        "verdict",
    } == set(nic)
    assert {
        "idle": {
            "unknown": {},
            "xdp-features": ["basic", "redirect", "ndo-xmit", "rx-sg", "ndo-xmit-sg"],
            "xdp-rx-metadata-features": ["timestamp", "hash", "vlan-tag"],
            "xdp-zc-max-segs": None,
            "xsk-features": [],
            "zero-copy": "unavailable",
        }
    } == nic["capabilities"]
    assert ("v0a", "veth", "veth", 1500, "FAILS") == (
        nic["identity"]["ifname"],
        nic["identity"]["driver"],
        nic["identity"]["kind"],
        nic["identity"]["mtu"],
        nic["verdict"],
    )
    assert nic["identity"]["queues"]["counted-rx"] >= 1
    assert "veth" == nic["profile"]["name"]
    assert nic["profile"]["digest"].startswith("sha256:")
    assert [
        {
            "requirement": "XDP-A-01",
            "title": "A title.",
            "param": "idle",
            "outcome": "fail",
            "kind": "over-claim",
            "level": "claims",
            "expected": "none",
            "observed": "basic",
            "reason": "a reason",
            "evidence": {"what": "x"},
        }
    ] == nic["results"]


def test_round_trip(snapshot: tuple[Subject, Subject]) -> None:
    """What is written reads back equal, and encodes to the same bytes."""
    results = document(snapshot, Finding(Outcome.PASS), Finding(Outcome.BLOCKED, reason="no"))

    data = encode(results)

    assert results == decode(data, "results.json")
    assert data == encode(decode(data, "results.json"))
    assert data.endswith(b"\n}\n")


def test_sorted(snapshot: tuple[Subject, Subject]) -> None:
    """Keys and lines are in order, so that two files can be compared."""
    finding = Finding(Outcome.PASS, evidence={"z": 1, "a": {"y": 2, "b": 3}})

    text = encode(document(snapshot, finding))

    assert json.dumps(json.loads(text), sort_keys=True, indent=2) + "\n" == text.decode()


def test_order_of_lines(snapshot: tuple[Subject, Subject]) -> None:
    """Lines stand by requirement and row, whatever order they came in."""
    lines = [
        msgspec.convert(result(name, "", Finding(Outcome.PASS, param=param)), Result)
        for name, param in (("XDP-B-01", ""), ("XDP-A-01", "y"), ("XDP-A-01", "x"))
    ]

    results = build(snapshot[:1], {"v0a": lines}, started="", level="claims", required=frozenset())

    assert [("XDP-A-01", "x"), ("XDP-A-01", "y"), ("XDP-B-01", "")] == [
        (line.requirement, line.param) for line in results.nics[0].results
    ]


def test_hostile(snapshot: tuple[Subject, Subject]) -> None:
    """Foreign text survives as the text it is."""
    nic = snapshot[0].nic
    words: dict[str, Any] = {"driver": HOSTILE, "firmware": HOSTILE, "bus_info": HOSTILE}
    nic = nic._replace(identity=nic.identity._replace(**words))
    finding = Finding(Outcome.BLOCKED, None, HOSTILE, HOSTILE, HOSTILE, {"what": HOSTILE})

    found = json.loads(encode(document((profiled(nic), snapshot[1]), finding)))["nics"][0]

    line = found["results"][0]
    assert [HOSTILE] * 3 == [found["identity"][name] for name in ("driver", "firmware", "bus-info")]
    assert [HOSTILE] * 3 == [line[name] for name in ("expected", "observed", "reason")]
    assert {"what": HOSTILE} == line["evidence"]
    assert found["profile"] is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b'"schema"', b'"colour": 1, "schema"', "Object contains unknown field `colour`"),
        (b'"title"', b'"colour": 1, "title"', "Object contains unknown field `colour` - at"),
        (b"results-1", b"results-2", "Invalid enum value 'xdpconform-results-2' - at `$.schema`"),
        (b'"pass"', b'"ok"', "Invalid enum value 'ok' - at `$.nics[0].results[0].outcome`"),
        (b'"level": "claims",\n  "nics"', b'"nics"', "Object missing required field `level`"),
        (b"{", b"[", "Expected `object`, got `array`"),
        (b'"idle"', b'"asleep"', "Invalid enum value 'asleep'"),
    ],
)
def test_refused(snapshot: tuple[Subject, Subject], old: bytes, new: bytes, expected: str) -> None:
    """A file that is not of this version is refused with the place."""
    data = encode(document(snapshot, Finding(Outcome.PASS)))
    assert old in data

    with pytest.raises(InputError) as caught:
        decode(data.replace(old, new, 1), "some.json")

    assert str(caught.value).startswith(f"some.json: not results.json of this version: {expected}")


def test_write(tmp_path: Path) -> None:
    """A file is made with its folders, readable for all, and replaced by the next."""
    path = tmp_path / "new" / "results.json"

    write(path, b"one")
    write(path, b"two")

    assert b"two" == path.read_bytes()
    assert 0o644 == path.stat().st_mode & 0o777
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
def test_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A failure on the way leaves the old file as it was, and nothing beside it."""
    path = tmp_path / "results.json"
    path.write_bytes(b"old")

    def fail(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)

    with pytest.raises(OSError, match="No space left on device"):
        write(path, b"new")

    assert b"old" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_write_long_name(tmp_path: Path) -> None:
    """A name as long as a file system takes leaves room for the temporary one."""
    path = tmp_path / ("n" * 255)

    write(path, b"x")

    assert [path] == list(tmp_path.iterdir())
