# SPDX-License-Identifier: MIT
"""Replies that are well formed at first and hostile behind that are judged, within bounds."""

from __future__ import annotations

import tracemalloc
from datetime import date
from functools import cache
from struct import pack

import msgspec
import pytest

from xdpconform.judge import Outcome
from xdpconform.lab import judge, take_stored
from xdpconform.mock import parse
from xdpconform.netlink.constants import NLMSG_DONE, NLMSG_ERROR
from xdpconform.netlink.wire import (
    Message,
    pull_messages,
    push_genlmsghdr,
    push_message,
    push_u32,
)
from xdpconform.outputs.record import record
from xdpconform.probes.lifecycle import read_answer
from xdpconform.profiles import Shelf
from xdpconform.sources.recording import Recording
from xdpconform.sources.replay import Replay

DEV_GET = "netdev dev-get"
ACK = "netdev dev-get with NLM_F_ACK"
QUEUES = "netdev queue-get dump"


@cache
def base() -> Recording:
    """A recording of a mock."""
    (mock,) = parse(["mlx5_core"])
    return record(mock, mock.ifaces, lambda: read_answer(mock.notifications()))


def first(replies: list[bytes]) -> Message:
    """The first message of an answer: whoever is asked takes its numbers from it."""
    return pull_messages(replies[0])[0]


def judged(what: str, **payloads: tuple[int, bytes]) -> dict[str, Outcome]:
    """The outcome of each line where messages come behind, or in place of, those of an answer.

    Args:
        what: the question.
        payloads: type and payload of each message; 0 is the type of the answer's first message.
    """
    exchanges = []
    for one in base().exchanges:
        replies = one.replies
        if one.what == what:
            message = first(replies)
            more = [
                push_message(message._replace(type=kind or message.type, payload=payload))
                for kind, payload in payloads.values()
            ]
            kept = [] if what == QUEUES else replies
            replies = [b"".join([*kept, *more])]
        exchanges.append(msgspec.structs.replace(one, replies=replies))
    changed = msgspec.structs.replace(base(), exchanges=exchanges)
    (subject,) = take_stored(Replay(changed, "any"), "recording", Shelf())

    assert subject.nic.answers
    return {line.requirement: found.outcome for line, found in judge(subject, date(2026, 1, 1))}


BEHIND = {
    "malformed reply": (DEV_GET, (0, b"\1\1\0\0\1\0\1\0"), "XDP-PROTO-02"),
    "error": (DEV_GET, (NLMSG_ERROR, bytes(4) + pack("=IHHII", 28, 22, 5, 1, 0)), "XDP-PROTO-02"),
    "cut acknowledgement": (ACK, (NLMSG_ERROR, b""), "XDP-PROTO-05"),
    "errno above 0": (ACK, (NLMSG_ERROR, pack("=i16x", 5)), "XDP-PROTO-05"),
}


@pytest.mark.parametrize(("what", "message", "line"), BEHIND.values(), ids=BEHIND)
def test_behind_the_answer(what: str, message: tuple[int, bytes], line: str) -> None:
    """A malformed message behind the one that answers fails its line, and no other judgement."""
    assert Outcome.FAIL == judged(what, behind=message)[line]


def test_distant_queues() -> None:
    """What is said of queues takes room by how many there are, not by how they are numbered."""
    numbers = [0, 1, 1_000_000]
    queues = {
        f"q{number}": (
            0,
            push_genlmsghdr(10, 1) + push_u32(1, number) + push_u32(3, 0) + push_u32(2, 2),
        )
        for number in numbers
    }
    judged(QUEUES, **queues, done=(NLMSG_DONE, bytes(4)))  # so that all is loaded
    tracemalloc.start()
    try:
        found = judged(QUEUES, **queues, done=(NLMSG_DONE, bytes(4)))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert Outcome.FAIL == found["XDP-QUEUE-01"]
    assert peak < 10 << 20


def test_many_attributes() -> None:
    """A reply of a great many attributes is judged in one pass over them."""
    message = (
        push_genlmsghdr(1, 1)
        + push_u32(1, 2)
        + b"".join(push_u32(100 + number % 10_000, 0) for number in range(60_000))
    )

    assert Outcome.FAIL == judged(DEV_GET, behind=(0, message))["XDP-PROTO-03"]
