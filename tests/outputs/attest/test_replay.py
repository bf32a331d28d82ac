# SPDX-License-Identifier: MIT
"""A replay finds every lie that a recording can tell of, however well the rest was made to fit."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from benchmarks.stored import _record
from tests.outputs.attest.folders import (
    RECORDINGS,
    VIRTIO,
    changed,
    files,
    judged,
    recorded,
    results_of,
)
from tests.outputs.attest.lies import (
    LIES,
    VETH,
    line,
    other_identity,
    with_line,
    without_line,
)
from xdpconform.lab import take, take_stored
from xdpconform.mock import parse
from xdpconform.netlink.wire import readdressed
from xdpconform.outputs.attest.check import check
from xdpconform.outputs.attest.replay import Replayed, replay
from xdpconform.outputs.redact import redact
from xdpconform.profiles import Shelf
from xdpconform.sources import Kernel
from xdpconform.sources import recording as recordings
from xdpconform.sources.replay import Replay
from xdpconform.stored import take_recording

if TYPE_CHECKING:
    from pathlib import Path

    from xdpconform.outputs.results import Results
    from xdpconform.sources.recording import Recording


def replayed(results: Results, recording: Recording | None, shelf: Shelf | None = None) -> Replayed:
    """The replay of a certificate whose files are what they state."""
    checked = check(files(results, recording))

    assert [] == checked.problems
    assert checked.results is not None
    return replay(checked.results, checked.recording, shelf or Shelf())


def recording_of(name: str) -> Recording:
    """A tracked recording."""
    return recordings.read(recorded(name))


def unredacted(name: str) -> Recording:
    """A tracked recording, as if nothing had been taken out of it."""
    return recordings.sealed(msgspec.structs.replace(recording_of(name), redacted=False))


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDINGS.glob("*.rec.json")))
def test_same(name: str) -> None:
    """Every tracked recording gives what was judged of it, to the last byte of evidence."""
    name = name.removesuffix(recordings.SUFFIX)

    found = replayed(judged(name), recording_of(name))

    assert Replayed(len(judged(name).nics[0].results), 0, [], []) == found
    assert found.same > 40


def test_every_driver() -> None:
    """So does a recording of every driver and variant there is a profile for."""
    shelf = Shelf()
    for mock, again in zip(parse(["all"]), parse(["all"]), strict=True):
        recording = _record(mock)
        variant = again.name.partition("@")[0].partition(":")[2]
        for subject in take_stored(again, "mock", shelf, variant=variant):
            found = replayed(results_of(subject, recording), recording, shelf)

            assert [] == found.problems, again.name


def test_live() -> None:
    """So does what a live run keeps: of each NIC, from the one recording of all."""
    subjects = take(Kernel(), ["lo"] + (["eth0"] if os.path.exists("/sys/class/net/eth0") else []))
    for subject in subjects:
        assert subject.recording is not None
        found = replayed(results_of(subject, subject.recording), subject.recording)

        assert [] == found.problems
        assert found.same > 40


def test_other_sockets() -> None:
    """Sequence numbers and ports of another asking are no difference; any other byte is one."""
    recording = unredacted(VETH)
    results = changed(judged(VETH), recording=recording.digest)
    seen = line(results, "XDP-FEAT-02").evidence
    request = bytes.fromhex(seen["request"])
    asked = request[:8] + b"\x11\x22\x33\x44\x55\x66\x77\x08" + request[16:]
    replies = readdressed(map(bytes.fromhex, seen["replies"]), request, asked)
    again = {**seen, "request": asked.hex(), "replies": [one.hex() for one in replies]}
    lying = {**again, "replies": [one[:-2] + "ff" for one in again["replies"]]}

    def found(evidence: dict[str, object]) -> list[str]:
        other = with_line(results, "XDP-FEAT-02", evidence=evidence)
        return [str(one) for one in replayed(other, recording).problems]

    assert again != seen
    assert [] == found(again)
    assert [
        "results.json: XDP-FEAT-02[idle]: evidence: not the bytes that the recording holds"
    ] == found(lying)


@pytest.mark.parametrize("lie", LIES)
def test_lies(lie: str) -> None:
    """A lie that everything else was made to fit is found by the replay, and only there."""
    change, wanted = LIES[lie]

    recording = unredacted(VETH)
    results = changed(change(judged(VETH)), recording=recording.digest)
    found = [str(one) for one in replayed(results, recording).problems]

    for text in wanted:
        assert any(one.startswith(text) for one in found), found
    if lie not in ("level", "no-profile"):  # of which more lines follow
        assert len(wanted) == len(found), found


def test_a_fail_made_a_pass(tmp_path: Path) -> None:
    """A NIC that fails cannot be certified by writing that it passes: not by any of its lines."""
    honest, recording = failing(tmp_path)
    shelf = Shelf([tmp_path / "veth.toml"])
    fails = [one for one in honest.nics[0].results if one.outcome == "fail"]
    lines = [msgspec.structs.replace(one, outcome="pass", kind=None) for one in fails]
    others = [one for one in honest.nics[0].results if one.outcome != "fail"]

    found = replayed(changed(honest, results=others + lines, verdict="CONFORMS"), recording, shelf)

    assert fails
    assert [] == replayed(honest, recording, shelf).problems
    assert {f"{one.requirement}[{one.param}]" for one in fails} == {
        problem.text.split(":")[0] for problem in found.problems
    }


def failing(folder: Path) -> tuple[Results, Recording]:
    """A veth judged by a profile that forbids what it claims: the profile is left in the folder."""
    (folder / "veth.toml").write_text(
        'schema = 1\nname = "mine"\ndriver = ["veth"]\n',
        encoding="utf-8",
    )
    (subject,) = take_recording(recorded(VETH), Shelf([folder / "veth.toml"]))
    recording = recording_of(VETH)
    return results_of(subject, recording), recording


def test_own_profile(tmp_path: Path) -> None:
    """A profile is taken by its digest: the user's file, and no other of the same name."""
    results, recording = failing(tmp_path)
    path = tmp_path / "veth.toml"
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"

    assert [] == replayed(results, recording, Shelf([path])).problems
    (problem,) = replayed(results, recording).problems
    assert f"judged by profile mine of digest {digest}, which is not at hand" in problem.text
    path.write_text(path.read_text() + "# another\n")
    (problem,) = replayed(results, recording, Shelf([path])).problems
    assert f"judged by profile mine of digest {digest}, which is not at hand" in problem.text


def test_waivers_of_that_day(tmp_path: Path) -> None:
    """Waivers are held against the day of the run, not of the replay."""
    path = tmp_path / "veth.toml"
    results, recording = failing(tmp_path)
    waivers = "".join(
        f'\n[[waiver]]\nrequirement = "{one.requirement}"\nuntil = 2020-06-01\n'
        f'reason = "known"\nlink = "https://example.com/{number}"\n'
        for number, one in enumerate(results.nics[0].results)
        if one.outcome == "fail"
    )
    path.write_text(path.read_text() + waivers, encoding="utf-8")
    shelf = Shelf([path])
    (subject,) = take_recording(recorded(VETH), shelf)
    before = results_of(subject, recording, "2020-05-01T00:00:00+00:00")
    after = results_of(subject, recording, "2020-07-01T00:00:00+00:00")

    assert ("CONFORMS", "FAILS") == (before.nics[0].verdict, after.nics[0].verdict)
    for results in (before, after):
        assert [] == replayed(results, recording, shelf).problems
    moved = msgspec.structs.replace(after, started=before.started)
    assert [] != replayed(moved, recording, shelf).problems


def test_above_claims() -> None:
    """Lines of packets cannot be replayed, and are counted."""
    seen = msgspec.structs.replace(
        line(judged(VETH), "XDP-FEAT-02"), requirement="XDP-ACT-01", level="packets"
    )
    results = changed(judged(VETH), results=[*judged(VETH).nics[0].results, seen])

    found = replayed(results, recording_of(VETH))

    assert (len(judged(VETH).nics[0].results), 1, []) == (found.same, found.above, found.problems)


def test_part_of_a_run() -> None:
    """What was not run and is said to be missing is no lie; the verdict says INCOMPLETE."""
    results = changed(
        without_line(judged(VETH), "XDP-FEAT-02"), missing=["XDP-FEAT-02"], verdict="INCOMPLETE"
    )

    assert [] == replayed(results, recording_of(VETH)).problems


def test_broken_test() -> None:
    """A test that broke says nothing of the NIC, and nothing against the certificate."""
    results = changed(
        with_line(judged(VETH), "XDP-FEAT-02", outcome="error", kind=None, reason="Traceback"),
        verdict="INCOMPLETE",
    )

    assert [] == replayed(results, recording_of(VETH)).problems


def test_other_version() -> None:
    """By another version outcomes are compared, and words are only told of."""
    other = msgspec.structs.replace(judged(VETH).tool, version="0.0.9")
    results = msgspec.structs.replace(judged(VETH), tool=other)
    worded = with_line(results, "XDP-FEAT-01", reason="in other words")
    lying = with_line(results, "XDP-FEAT-02", outcome="not-claimed")

    assert ([], []) == replayed(results, recording_of(VETH))[2:]
    found = replayed(worded, recording_of(VETH))
    assert [] == found.problems
    assert ["1 line is worded otherwise: made by version 0.0.9, replayed by"] == [
        note.rpartition(" ")[0] for note in found.notes
    ]
    assert 1 == len(replayed(lying, recording_of(VETH)).problems)


def named_recording() -> Recording:
    """The recording of a NIC whose firmware's version holds a host's name and an address."""
    recording = unredacted(VIRTIO)
    told = b"labhost 02:00:5e:10:00:01"
    devices = {
        name: msgspec.structs.replace(read, drvinfo=with_firmware(read.drvinfo or b"", told))
        for name, read in recording.devices.items()
    }
    return recordings.sealed(msgspec.structs.replace(recording, devices=devices))


def with_firmware(drvinfo: bytes, text: bytes) -> bytes:
    """struct ethtool_drvinfo with another fw_version."""
    return drvinfo[:68] + text.ljust(32, b"\0") + drvinfo[100:]


def test_redacted() -> None:
    """Results of before a recording was redacted agree with it, but for what was taken out."""
    recording = named_recording()
    redacted = redact(recording, "labhost")
    (subject,) = take_stored(Replay(recording, VIRTIO), "recording", Shelf())
    honest = changed(results_of(subject, recording), recording=redacted.digest)

    found = replayed(honest, redacted)
    lying = replayed(other_identity(honest, firmware="labhost 02:00:5e:10:00:01 "), redacted)

    assert "labhost 02:00:5e:10:00:01" == honest.nics[0].identity.firmware
    assert [] == found.problems
    assert [
        (
            "results.json: identity: firmware is 'labhost 02:00:5e:10:00:01 ', the recording gives"
            " 'xxxxxxx 00:00:00:00:00:00'"
        )
    ] == [str(one) for one in lying.problems]
    assert 1 == len(replayed(other_identity(honest, driver="virtio_xxx"), redacted).problems)


def test_redacted_evidence() -> None:
    """Bytes that were taken out of a redacted recording are told of, and no more."""
    results = with_line(judged(VETH), "XDP-FEAT-02", evidence={})

    found = replayed(results, recording_of(VETH))

    assert [] == found.problems
    assert ["1 line is the same but for evidence: the recording is redacted"] == found.notes


def test_recording_that_answers_nothing() -> None:
    """A recording that is well made and holds no answers gives other lines, or none."""
    bare = recordings.sealed(msgspec.structs.replace(recording_of(VETH), exchanges=[], devices={}))

    found = replayed(changed(judged(VETH), recording=bare.digest), bare)

    assert [
        (
            "results.json: recording.rec.json cannot be judged: veth-6.18.44-idle holds no answer"
            " to this question: record the NIC anew"
        )
    ] == [str(one) for one in found.problems]


def test_nothing_to_replay() -> None:
    """Without a recording there is no replay, and it is said."""
    results = changed(judged(VETH), recording=None)

    assert ["recording.rec.json: missing or broken: there is nothing to replay"] == [
        str(one) for one in replayed(results, None).problems
    ]
