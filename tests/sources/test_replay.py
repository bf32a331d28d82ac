# SPDX-License-Identifier: MIT
"""A recording as a source: answers in order, under the asker's number, and none that it lacks."""

from __future__ import annotations

from struct import pack

import pytest

from tests.sources.test_recording import recording
from xdpconform.errors import KernelError, NotRecorded, SourceError, Timeout
from xdpconform.netlink.transaction import Request
from xdpconform.sources.base import Client
from xdpconform.sources.recording import Exchanged, Watched
from xdpconform.sources.replay import Replay, spelled

PORT, ASKED = 4711, 7
QUESTION = Request("a question", 28, pack("=BBH", 1, 1, 0))


def message(kind: int, payload: bytes, sequence: int = ASKED, port: int = PORT) -> bytes:
    """A message as the kernel writes it."""
    return pack("=IHHII", 16 + len(payload), kind, 0, sequence, port) + payload


def asked(*replies: bytes, sequence: int = ASKED) -> Exchanged:
    """The question as it was recorded."""
    request = pack("=IHHII", 20, 28, 1, sequence, PORT) + QUESTION.payload
    return Exchanged("a question", 16, request, list(replies))


def client(*exchanges: Exchanged) -> Client:
    """Asks a recording of these exchanges."""
    return Client(Replay(recording(exchanges=list(exchanges)), "old").open(16), [])


def test_under_the_askers_number() -> None:
    """A reply comes under the sequence number and port of who asks now."""
    one = client(asked(message(28, b"one.")))
    first = one.ask(QUESTION)
    again = one.ask(QUESTION)

    assert [(28, 0, 1, PORT, b"one.")] == [tuple(reply) for reply in first]
    assert [(28, 0, 2, PORT, b"one.")] == [tuple(reply) for reply in again]


def test_in_order() -> None:
    """What was asked several times is answered in that order, and then as at the last time."""
    one = client(asked(message(28, b"1...")), asked(message(28, b"2...", 8), sequence=8))

    assert [b"1...", b"2...", b"2..."] == [one.ask(QUESTION)[0].payload for _ in range(3)]


def test_strangers_stay() -> None:
    """A message that answered something else, or garbage behind it, is not made to fit."""
    stale = message(28, b"old.", sequence=3)
    one = client(asked(stale, message(28, b"new.")))

    assert [b"new."] == [reply.payload for reply in one.ask(QUESTION)]


def test_refusal() -> None:
    """A recorded refusal is a refusal again."""
    echo = pack("=IHHII", 16, 28, 1, ASKED, PORT)
    one = client(asked(message(2, pack("=i", -19) + echo)))

    with pytest.raises(KernelError, match="the kernel said ENODEV"):
        one.ask(QUESTION)


def test_nothing_more() -> None:
    """Where a kernel would be waited for, a replay says at once that no more was recorded."""
    with pytest.raises(Timeout, match=r"no complete answer in 5 s \(0 messages came\)"):
        client(asked()).ask(QUESTION)


def test_not_recorded() -> None:
    """A question that nobody asked when it was recorded says what to do."""
    one = client(asked(message(28, b"one.")))

    with pytest.raises(NotRecorded, match="old holds no answer to this question: record the NIC"):
        one.ask(QUESTION._replace(type=29))


def test_other_facts() -> None:
    """What did not travel over netlink is answered as it was read, and nothing else."""
    source = Replay(recording(), "old")

    assert "6.18.0" == source.release()
    assert bytes(196) == source.drvinfo(b"eth0")
    assert {"queues/": "rx-0\ntx-0"} == source.sysfs(b"eth0", ("queues/", "device/driver"))
    assert {} == source.sysfs(b"eth9", ("queues/",))
    assert (b"\x03",) == source.notifications()
    with pytest.raises(SourceError, match="old says nothing of eth9"):
        source.drvinfo(b"eth9")
    source = Replay(recording(notifications=Watched([], "refused")), "old")
    with pytest.raises(SourceError, match="refused"):
        source.notifications()


def test_spelled() -> None:
    """Names that are not UTF-8 are spelled with escapes, as everywhere else."""
    assert "eth\\xff0" == spelled(b"eth\xff0")
