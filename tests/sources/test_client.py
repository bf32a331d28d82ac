# SPDX-License-Identifier: MIT

"""The client over a scripted channel: what it asks again, how often, and what it says then."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from struct import pack

import pytest

from tests.strategies import encode_messages
from xdpconform.errors import (
    DumpInterrupted,
    KernelError,
    Overrun,
    ReplyTruncated,
    SourceError,
    Timeout,
    WireError,
)
from xdpconform.netlink.constants import NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import Message, pull_messages
from xdpconform.sources import base
from xdpconform.sources.base import TRIES, Client, Datagram, Exchange

DO = Request("netdev dev-get", 20, b"\1\1\0\0\x08\0\1\0\2\0\0\0", names={1: "ifindex"})
DUMP = Request("netdev dev-get dump", 20, b"\1\1\0\0", NLM_F_DUMP)
REPLY = Message(20, 0, 0, 0, b"\1\1\0\0")
DONE = Message(NLMSG_DONE, 2, 0, 0, bytes(4))
INTERRUPTED = REPLY._replace(flags=NLM_F_DUMP_INTR)

Step = Exception | Message | tuple[Message, int] | bytes


class FakeChannel:
    """Answers each receive with the next step: an error, a message (and its sender), or bytes."""

    protocol = 16

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = iter(steps)
        self.port_id = 100
        self.sent: list[Message] = []
        self.resets: list[bool] = []

    def send(self, data: bytes) -> None:
        """Remember the request."""
        self.sent += pull_messages(data)

    def receive(self, deadline: float) -> Datagram:
        """The next step; a message gets the numbers of the last request."""
        assert deadline > 0
        step = next(self.steps)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, bytes):
            return Datagram(step)
        message, sender = step if isinstance(step[0], Message) else (step, 0)
        if not message.sequence:
            message = message._replace(
                sequence=self.sent[-1].sequence, port_id=self.sent[-1].port_id
            )
        return Datagram(encode_messages([message]), sender)

    def join(self, group: int) -> None:
        """Has no groups."""

    def reset(self, *, larger: bool = False) -> None:
        """A new port id, as a new socket has."""
        self.port_id += 1
        self.resets.append(larger)

    def close(self) -> None:
        """Holds nothing."""


RETRIED: dict[str, tuple[Request, list[Step], bool, str]] = {
    "truncated": (
        DO,
        [ReplyTruncated("netlink: a reply is larger than 64 bytes")],
        True,
        "netlink: a reply is larger than 64 bytes; gave up after 5 tries",
    ),
    "overrun-in-recv": (
        DO,
        [Overrun("netlink: the kernel dropped messages (ENOBUFS)")],
        False,
        "netlink: the kernel dropped messages (ENOBUFS); gave up after 5 tries",
    ),
    "overrun-message": (
        DUMP,
        [REPLY, REPLY._replace(type=4, payload=b"")],
        False,
        "netdev dev-get dump: the kernel lost data (NLMSG_OVERRUN); gave up after 5 tries",
    ),
    "dump-interrupted": (
        DUMP,
        [INTERRUPTED, DONE],
        False,
        "netdev dev-get dump: it changed while it was dumped; gave up after 5 tries",
    ),
}
retried = pytest.mark.parametrize(
    ("request_", "failure", "larger", "text"), RETRIED.values(), ids=RETRIED
)


def good(request: Request) -> list[Step]:
    """The right answer."""
    return [REPLY, DONE] if request.dump else [REPLY]


@retried
@pytest.mark.parametrize("failures", range(1, TRIES))
def test_asked_again(
    request_: Request,
    failure: list[Step],
    larger: bool,
    text: str,
    failures: int,
) -> None:
    """What can be cured by asking again is asked again, over a fresh channel, until it is right."""
    channel = FakeChannel(failures * failure + good(request_))

    assert text
    assert 1 == len(Client(channel).ask(request_))
    assert failures * [larger] == channel.resets
    assert list(range(1, failures + 2)) == [sent.sequence for sent in channel.sent]
    assert list(range(100, 101 + failures)) == [sent.port_id for sent in channel.sent]


@retried
def test_given_up(request_: Request, failure: list[Step], larger: bool, text: str) -> None:
    """After the last try the error says what was wrong and how often it was asked."""
    channel = FakeChannel(TRIES * failure + good(request_))

    with pytest.raises(SourceError) as caught:
        Client(channel).ask(request_)
    assert text == str(caught.value)
    assert SourceError is type(caught.value)
    assert TRIES == len(channel.sent)
    assert (TRIES - 1) * [larger] == channel.resets
    assert isinstance(caught.value.__cause__, ReplyTruncated | Overrun | DumpInterrupted)


def test_given_up_after_different_failures() -> None:
    """The number of tries bounds all kinds of failure together."""
    steps: list[Step] = [
        Overrun("overrun"),
        ReplyTruncated("truncated"),
        INTERRUPTED,
        DONE,
        Overrun("overrun"),
        ReplyTruncated("truncated at last"),
    ]
    channel = FakeChannel(steps)

    with pytest.raises(SourceError, match=r"^truncated at last; gave up after 5 tries$"):
        Client(channel).ask(DUMP)
    assert [False, True, False, False] == channel.resets


def test_larger_refused() -> None:
    """A channel that cannot grow any more ends the tries at once, with its own words."""

    class Full(FakeChannel):
        def reset(self, *, larger: bool = False) -> None:
            raise SourceError(f"refused, larger={larger}")

    channel = Full([ReplyTruncated("truncated")])

    with pytest.raises(SourceError, match=r"^refused, larger=True$"):
        Client(channel).ask(DO)
    assert 1 == len(channel.sent)


TIMEOUTS: dict[str, tuple[Request, list[Step], str]] = {
    "nothing": (DO, [], "netdev dev-get: no complete answer in 2.5 s (0 messages came)"),
    "no-done": (
        DUMP,
        [REPLY, REPLY, REPLY],
        "netdev dev-get dump: no complete answer in 2.5 s (3 messages came)",
    ),
    "stale": (
        DO,
        [REPLY._replace(sequence=77), REPLY._replace(sequence=78)],
        "netdev dev-get: no complete answer in 2.5 s (0 messages came, 2 of another request)",
    ),
    "forged": (
        DO,
        [(REPLY, 4711)],
        (
            "netdev dev-get: no complete answer in 2.5 s (0 messages came, 1 datagrams not from the"
            " kernel refused)"
        ),
    ),
    "all": (
        DUMP,
        [REPLY, REPLY._replace(sequence=77), (DONE, 4711)],
        (
            "netdev dev-get dump: no complete answer in 2.5 s (1 messages came, 1 of another"
            " request, 1 datagrams not from the kernel refused)"
        ),
    ),
}


@pytest.mark.parametrize(("request_", "steps", "expected"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_timeout(request_: Request, steps: list[Step], expected: str) -> None:
    """A Timeout says what was asked, how long, and what came instead; it is not asked again."""
    channel = FakeChannel([*steps, Timeout("netlink: no answer before the deadline")])

    with pytest.raises(Timeout) as caught:
        Client(channel).ask(request_, timeout=2.5)
    assert expected == str(caught.value)
    assert 1 == len(channel.sent)


@pytest.mark.parametrize(
    "step", [REPLY._replace(sequence=77), (REPLY, 4711)], ids=["stale", "forged"]
)
def test_timeout_under_a_flood(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline holds although datagrams that do not count keep coming."""
    clock = itertools.count(1000)
    monkeypatch.setattr(base, "monotonic", lambda: float(next(clock)))
    flood = itertools.chain(itertools.repeat(step, 100), [AssertionError("read on for ever")])

    with pytest.raises(Timeout, match="no complete answer in 5 s"):
        Client(FakeChannel(flood)).ask(DO)


@pytest.mark.parametrize("request_", [DO, DUMP], ids=["do", "dump"])
def test_refusal_not_retried(request_: Request) -> None:
    """What the kernel refused is not asked again."""
    payload = pack("=iIHHII", -19, 20, 20, 1, 1, 100)
    channel = FakeChannel([Message(NLMSG_ERROR, 0x100, 0, 0, payload)])

    with pytest.raises(KernelError, match="ENODEV"):
        Client(channel).ask(request_)
    assert (1, []) == (len(channel.sent), channel.resets)


def test_malformed_not_retried() -> None:
    """A reply out of format is an error at once."""
    channel = FakeChannel([b"junk"])

    with pytest.raises(WireError, match=r"^nlmsghdr at byte 0: 4 bytes left, 16 needed$"):
        Client(channel).ask(DO)
    assert 1 == len(channel.sent)


@pytest.mark.parametrize("step", [b"junk", Timeout("late")], ids=["malformed", "timeout"])
def test_fresh_after_a_broken_exchange(step: Step) -> None:
    """An exchange that ended halfway leaves a fresh channel for the next one."""
    channel = FakeChannel([REPLY, step])

    with pytest.raises((WireError, Timeout)):
        Client(channel).ask(DUMP)
    assert [False] == channel.resets


def test_sequence_numbers() -> None:
    """Each request has another sequence number, never 0, which notifications have."""
    channel = FakeChannel([REPLY, REPLY, REPLY])
    client = Client(channel)
    client.ask(DO)
    client._sequence = 0xFFFFFFFE
    client.ask(DO)
    client.ask(DO)

    assert [1, 0xFFFFFFFF, 1] == [sent.sequence for sent in channel.sent]


def test_late_reply_of_an_earlier_request() -> None:
    """A reply that comes after its request was given up does not answer the next one."""
    late = REPLY._replace(sequence=1, port_id=100, payload=b"\1\1\0\0\x04\0\x09\0")
    channel = FakeChannel([Timeout("late"), late, REPLY])
    client = Client(channel)

    with pytest.raises(Timeout):
        client.ask(DO)
    assert [REPLY.payload] == [message.payload for message in client.ask(DO)]


def test_trace() -> None:
    """The trace holds each request as sent, with the kernel's datagrams in order and no others."""
    trace: list[Exchange] = []
    channel = FakeChannel([Overrun("lost"), (REPLY, 4711), REPLY, DONE])
    Client(channel, trace).ask(DUMP)
    first, second = trace

    assert (DUMP.what, 16, ()) == (first.what, first.protocol, first.replies)
    assert [1, 2] == [pull_messages(one.request)[0].sequence for one in trace]
    assert [20, NLMSG_DONE] == [pull_messages(reply)[0].type for reply in second.replies]


def test_trace_of_a_failure() -> None:
    """An exchange that failed is in the trace with what came."""
    trace: list[Exchange] = []

    with pytest.raises(Timeout):
        Client(FakeChannel([REPLY, Timeout("late")]), trace).ask(DUMP)
    assert [1] == [len(one.replies) for one in trace]
