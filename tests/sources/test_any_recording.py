# SPDX-License-Identifier: MIT
"""Whatever a recording holds, it is judged or refused with an error of ours, within bounds."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from struct import pack
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import strategies as own
from xdpconform.errors import RecordingError
from xdpconform.judge import Finding
from xdpconform.lab import Subject, judge, take_stored
from xdpconform.mock import parse
from xdpconform.netlink import genl, netdev, rtnl, wire
from xdpconform.netlink.wire import Message, pull_messages, push_message
from xdpconform.outputs.record import record
from xdpconform.probes.lifecycle import read_answer
from xdpconform.profiles import Shelf
from xdpconform.sources import recording as files
from xdpconform.sources import replay
from xdpconform.sources.recording import Recording, Watched, decode, encode, sealed
from xdpconform.sources.replay import ANSWERED_LIMIT, Replay
from xdpconform.stored import take_recording, take_recordings

# The same examples each time, and no database beside the tests.
fixed = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
TODAY = date(2026, 1, 1)


@cache
def base(word: str = "mlx5_core") -> Recording:
    """A recording of a mock."""
    (mock,) = parse([word])
    return record(mock, mock.ifaces, lambda: read_answer(mock.notifications()))


@cache
def tree() -> dict[str, Any]:
    """The same as the JSON that it is written as."""
    found: dict[str, Any] = json.loads(encode(base()))
    return found


@cache
def shelf() -> Shelf:
    """The shipped profiles."""
    return Shelf()


def read_or_refused(data: bytes) -> Recording | None:
    """The recording; None if it is refused with an error that says something, in few words."""
    try:
        return decode(data, "any")
    except RecordingError as error:
        text = str(error)
    assert 0 < len(text) < 1000
    return None


def judged(subjects: list[Subject]) -> list[list[Finding]]:
    """What every line finds of each NIC."""
    return [[finding for _line, finding in judge(one, TODAY)] for one in subjects]


def check(recording: Recording) -> None:
    """It gives subjects, and every line of each has a finding that can be written."""
    subjects = take_stored(Replay(recording, "any"), "recording", shelf())

    assert subjects
    for finding in (one for found in judged(subjects) for one in found):
        assert finding.text()
        assert msgspec.json.encode(finding.evidence)


HUGE = "a number of 5,000 digits"


def written(value: object) -> bytes:
    """As JSON, with a number that Python itself would not write."""
    return json.dumps(value).replace(json.dumps(HUGE), "9" * 5000).encode()


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**65), 2**65),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
        st.sampled_from(["", HUGE, "attached", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "6.1", "lo"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@fixed
@given(st.binary(max_size=512))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"nics":' + b"[" * 100_000)
@example(b"9" * 100_000)
@example(b'{"schema":1e999999999}')
@example(b'{"schema":"' + b"a" * 1_000_000 + b'"}')
@example(b'{"' + b"a" * 1_000_000 + b'":0}')
@example(b'{"schema":"xdpconform-recording-1","kernel":"\xff"}')
@example(b'{"schema":"\\ud800"}')
@example(b"")
def test_any_bytes(data: bytes) -> None:
    """Any bytes are a recording, or refused in a sentence."""
    read_or_refused(data)


@fixed
@given(json_values)
def test_any_json(value: object) -> None:
    """Any JSON value is refused in a sentence."""
    assert read_or_refused(written(value)) is None


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of each value in a tree."""
    found = [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[call-overload]
    for key, one in inner:
        more = places(one, (*path, key)) if isinstance(one, dict | list) else [(*path, key)]
        found += more
    return found


def replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """The tree with another value at a path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@fixed
@given(st.data())
def test_any_field(data: st.DataObject) -> None:
    """With any value in place of any part, and a new digest, it is refused or judged."""
    path = data.draw(st.sampled_from(places(tree())))
    text = written(replaced(tree(), path, data.draw(json_values)))
    try:
        changed = msgspec.json.decode(text, type=Recording)
    except (msgspec.DecodeError, UnicodeDecodeError):
        assert read_or_refused(text) is None
        return
    found = read_or_refused(encode(sealed(changed)))
    if found is not None:
        check(found)


FIELDS = [
    ("kernel", "weird"),
    ("kernel", "6"),
    ("kernel", "\u0666.\u0661"),
    ("digest", "sha256:" + "0" * 64 + "\n"),
    ("nics", []),
    ("nics", [*base().nics, *base().nics]),
]


@pytest.mark.parametrize(("field", "value"), FIELDS)
def test_refused(field: str, value: object) -> None:
    """What no recorder writes is refused, though the digest be right."""
    changed = msgspec.structs.replace(base(), **{field: value})
    if field != "digest":
        changed = sealed(changed)

    assert read_or_refused(encode(changed)) is None


def with_replies(
    number: int, replies: list[bytes], recording: Recording | None = None
) -> Recording:
    """A recording with other replies to one of its exchanges, or other notifications."""
    whole = recording or base()
    if number == len(whole.exchanges):
        told = Watched(replies)
        return sealed(msgspec.structs.replace(whole, notifications=told))
    exchanges = list(whole.exchanges)
    exchanges[number] = msgspec.structs.replace(exchanges[number], replies=replies)
    return sealed(msgspec.structs.replace(whole, exchanges=exchanges))


@st.composite
def hostile_replies(draw: st.DrawFn, replies: list[bytes]) -> list[bytes]:
    """Replies with one of them damaged, cut, repeated, lost or followed by others."""
    found = list(replies) or [b""]
    place = draw(st.integers(0, len(found) - 1))
    one = draw(
        st.one_of(
            own.damaged(st.just(found[place])),
            own.damaged(st.just(found[place])),
            st.just(found[place] * 2),
            own.datagrams(1, 4711),
        )
    )
    found[place : place + draw(st.sampled_from([0, 1, 1, 1]))] = [one] * draw(
        st.sampled_from([0, 1, 1, 1, 2])
    )
    return found


@fixed
@given(st.data(), st.sampled_from(["mlx5_core", "veth", "bonding", "no-xdp+attached"]))
def test_any_replies(data: st.DataObject, word: str) -> None:
    """With any replies to any question, there are subjects, and each line has a finding."""
    whole = base(word)
    told = [one.replies for one in whole.exchanges] + [whole.notifications.datagrams]
    number = data.draw(st.integers(0, len(told) - 1))
    check(with_replies(number, data.draw(hostile_replies(told[number])), whole))


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "deep": b"[" * 100_000,
    "text": b"no recording",
    "changed": encode(base()).replace(b"eth0", b"eth1"),
    "kernel": encode(sealed(msgspec.structs.replace(base(), kernel="weird"))),
    "silent": encode(sealed(msgspec.structs.replace(base(), exchanges=[]))),
    "garbage": encode(with_replies(0, [b"\xff" * 40], base())),
    "twice": encode(sealed(msgspec.structs.replace(base(), nics=[*base().nics, *base().nics]))),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", ["a", "m", "z"])
def test_one_among_good_ones(tmp_path: Path, name: str, data: bytes) -> None:
    """A hostile file never changes what is found of the good ones in its folder."""
    words = {"b": "veth", "n": "mlx5_core"}
    for stem, word in words.items():
        (tmp_path / f"{stem}.rec.json").write_bytes(encode(base(word)))
    good = judged(take_recordings([str(tmp_path)], shelf()))
    (tmp_path / f"{name}.rec.json").write_bytes(data)
    subjects = take_recordings([str(tmp_path)], shelf())

    assert good == judged([one for one in subjects if one.nic.id in words])
    assert [name] == [one.nic.id for one in subjects if one.nic.id not in words]


def test_size_limit(tmp_path: Path) -> None:
    """No more is read of a file than the limit, and what is longer is refused before it is read."""
    path = tmp_path / "a.rec.json"
    path.write_bytes(encode(base()))
    with path.open("ab") as file:
        file.truncate(1 << 40)  # a terabyte of nothing

    (subject,) = take_recording(path, shelf())

    assert f"larger than {files.SIZE_LIMIT} bytes" in subject.nic.unknown


def dump_of(recording: Recording, what: str) -> tuple[int, Message]:
    """The number of an exchange, and its first message."""
    for number, one in enumerate(recording.exchanges):
        if one.what == what:
            return number, pull_messages(one.replies[0])[0]
    raise LookupError(what)


def test_many_tiny_messages() -> None:
    """Replies of as many messages as a file has room for are read once, and judged."""
    number, message = dump_of(base(), "netdev dev-get dump")
    tiny = push_message(message._replace(sequence=99, payload=b""))
    changed = with_replies(number, [tiny * (1 << 17)] * 4, base())

    assert len(encode(changed)) < files.SIZE_LIMIT
    check(changed)


class Counted(Replay):
    """A replay that counts what it answers."""

    questions = 0
    answered = 0

    def answer(self, protocol: int, request: bytes) -> tuple[bytes, ...]:
        """Count, and answer."""
        self.questions += 1
        found = super().answer(protocol, request)
        self.answered += sum(map(len, found))
        return found


def crowd(count: int, kind: bytes = b"") -> list[bytes]:
    """Links of one ifindex and many names, each the port of that ifindex too."""
    _number, message = dump_of(base(), "rtnetlink getlink dump")
    header = rtnl.IFINFOMSG.pack(0, 1, 2, 1, 0)
    info = wire.push_attribute(18, wire.push_string(1, kind)) if kind else b""
    links = [
        push_message(
            message._replace(
                payload=header + wire.push_string(3, b"n%d" % n) + info + wire.push_u32(10, 2)
            )
        )
        for n in range(count)
    ]
    done = push_message((3, 2, message.sequence, message.port_id, bytes(4)))
    return [b"".join(links), done]


def many_nics(count: int, kind: bytes = b"") -> Recording:
    """A recording about many NICs that all are one."""
    number, _message = dump_of(base(), "rtnetlink getlink dump")
    nics = [msgspec.structs.replace(base().nics[0], ifname=f"n{n}") for n in range(count)]
    devices = {nic.ifname: base().devices["eth0"] for nic in nics}
    made = msgspec.structs.replace(base(), nics=nics, devices=devices)
    return with_replies(number, crowd(count, kind), made)


def test_answers_without_end() -> None:
    """A recording that has one large answer given to many NICs ends with an error."""
    whole = many_nics(40)
    number, message = dump_of(whole, "netdev queue-get dump")
    tiny = push_message(message._replace(sequence=99, payload=b""))
    source = Counted(with_replies(number, [tiny * (1 << 16)], whole), "any")
    subjects = take_stored(source, "recording", shelf())

    assert ["any: to judge it takes too long; no recording needs it"] == [
        one.nic.unknown for one in subjects
    ]
    assert source.answered <= ANSWERED_LIMIT


def test_questions_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording whose NICs have each other as ports ends with an error."""
    monkeypatch.setattr(replay, "ASKED_LIMIT", 5000)  # in less time than the real one
    source = Counted(many_nics(100, b"bond"), "any")
    subjects = take_stored(source, "recording", shelf())

    assert ["any: to judge it takes too long; no recording needs it"] == [
        one.nic.unknown for one in subjects
    ]
    assert source.questions == 5001


def test_nothing_large_is_kept() -> None:
    """What a reader keeps of replies, since the next are likely the same, is small."""
    payload = pack("=BBH", 1, 1, 0) + wire.push_u32(1, 2) + wire.push_attribute(77, bytes(10_000))
    netdev.pull_device(Message(20, 0, 1, 2, payload))
    family = wire.push_string(2, b"netdev") + wire.push_attribute(1, b"\1\0") + wire.push_u32(3, 1)
    large = pack("=BBH", 1, 2, 0) + family + wire.push_attribute(77, bytes(10_000))
    genl.pull_family(Message(16, 0, 1, 2, large))
    before = netdev._pull_capabilities.cache_info(), genl._pull_family.cache_info()
    netdev.pull_device(Message(20, 0, 1, 2, payload))
    genl.pull_family(Message(16, 0, 1, 2, large))

    assert before == (netdev._pull_capabilities.cache_info(), genl._pull_family.cache_info())
