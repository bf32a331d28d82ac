# SPDX-License-Identifier: MIT

"""One request and its replies: which messages count, and when the exchange is over."""

from __future__ import annotations

from struct import pack

import pytest

from tests.strategies import encode_messages
from xdpconform.errors import DumpInterrupted, KernelError, Overrun, WireError
from xdpconform.netlink.constants import (
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_MULTI,
    NLM_F_ROOT,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    NLMSG_OVERRUN,
)
from xdpconform.netlink.transaction import Request, Transaction
from xdpconform.netlink.wire import Message

SEQUENCE = 7
PORT = 4242
NAMES = {1: "ifindex"}
DO = Request("netdev dev-get", 20, b"\1\1\0\0\x08\0\1\0\2\0\0\0", names=NAMES)
DO_ACK = DO._replace(flags=NLM_F_ACK)
DUMP = Request("netdev dev-get dump", 20, b"\1\1\0\0", NLM_F_DUMP, names=NAMES)


def reply(number: int = 0, flags: int = 0, sequence: int = SEQUENCE, port: int = PORT) -> Message:
    """A reply of the family; `number` tells it from others."""
    return Message(20, flags, sequence, port, pack("=BBHI", 1, 1, 0, number))


def error(code: int = 0, sequence: int = SEQUENCE, port: int = PORT) -> Message:
    """NLMSG_ERROR, capped; code 0 is an acknowledgement."""
    payload = pack("=i", -code) + pack("=IHHII", 20, 20, 1, sequence, port)
    return Message(NLMSG_ERROR, NLM_F_CAPPED, sequence, port, payload)


def done(code: int = 0, sequence: int = SEQUENCE, flags: int = NLM_F_MULTI) -> Message:
    """NLMSG_DONE with an errno."""
    return Message(NLMSG_DONE, flags, sequence, PORT, pack("=i", -code))


def control(kind: int) -> Message:
    """A control message of ours without payload."""
    return Message(kind, 0, SEQUENCE, PORT, b"")


def start(request: Request) -> Transaction:
    """A transaction with the numbers that the messages above have."""
    return Transaction(request, SEQUENCE, PORT)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (DO, "1c000000 1400 0100 07000000 92100000 01010000 0800 0100 02000000"),
        (DO_ACK, "1c000000 1400 0500 07000000 92100000 01010000 0800 0100 02000000"),
        (DUMP, "14000000 1400 0103 07000000 92100000 01010000"),
    ],
    ids=["do", "do-ack", "dump"],
)
def test_request_bytes(request_: Request, expected: str) -> None:
    """A request is sent with NLM_F_REQUEST, its sequence number and our port id."""
    assert bytes.fromhex(expected) == start(request_).data


# name: request, messages (one datagram each), how many until complete, numbers of the replies
COURSES = {
    "do-one-reply": (DO, [reply(1)], 1, [1]),
    "do-error-0-without-reply": (DO, [error()], 1, []),
    "do-ack-waits-for-the-ack": (DO_ACK, [reply(1), error()], 2, [1]),
    "do-ack-alone": (DO_ACK, [error()], 1, []),
    "do-two-multi-then-done": (
        DO,
        [reply(1, NLM_F_MULTI), reply(2, NLM_F_MULTI), done()],
        3,
        [1, 2],
    ),
    "dump-without-multi": (DUMP, [reply(1), reply(2), reply(3), done()], 4, [1, 2, 3]),
    "dump-with-multi": (DUMP, [reply(1, NLM_F_MULTI), done()], 2, [1]),
    "dump-of-nothing": (DUMP, [done()], 1, []),
    "done-without-payload": (DUMP, [reply(1), control(NLMSG_DONE)], 2, [1]),
    "noop-skipped": (DUMP, [control(NLMSG_NOOP), reply(1), control(NLMSG_NOOP), done()], 4, [1]),
    "stale-reply": (DO, [reply(9, sequence=SEQUENCE - 1), reply(1)], 2, [1]),
    "stale-error": (DO, [error(19, sequence=SEQUENCE - 1), reply(1)], 2, [1]),
    "stale-done": (DUMP, [reply(1), done(19, SEQUENCE - 1), reply(2), done()], 4, [1, 2]),
    "foreign-port": (DO, [reply(9, port=PORT + 1), reply(1)], 2, [1]),
    "foreign-error": (DO, [error(1, port=PORT + 1), reply(1)], 2, [1]),
    "notification": (DO, [reply(9, sequence=0, port=0), reply(1)], 2, [1]),
    "dump-acknowledged-by-error": (DUMP, [error()], 1, []),
    "do-cannot-be-interrupted": (DO, [reply(1, NLM_F_DUMP_INTR)], 1, [1]),
    "root-alone-is-no-dump": (DO._replace(flags=NLM_F_ROOT), [reply(1)], 1, [1]),
}
courses = pytest.mark.parametrize(
    ("request_", "messages", "count", "expected"), COURSES.values(), ids=COURSES
)


def numbers(transaction: Transaction) -> list[int]:
    """The numbers of the replies that counted."""
    return [int.from_bytes(m.payload[4:8], "little") for m in transaction.result()]


@courses
def test_course(
    request_: Request, messages: list[Message], count: int, expected: list[int]
) -> None:
    """An exchange is complete with the message that ends it, and holds only its own replies."""
    transaction = start(request_)
    for position, message in enumerate(messages, start=1):
        assert (position == count) == transaction.receive(encode_messages([message]))

    assert expected == numbers(transaction)


@courses
def test_course_in_one_datagram(
    request_: Request, messages: list[Message], count: int, expected: list[int]
) -> None:
    """How messages are spread over datagrams makes no difference."""
    transaction = start(request_)

    assert count == len(messages)
    assert True is transaction.receive(encode_messages(messages))
    assert expected == numbers(transaction)


def test_stale_and_foreign_counted() -> None:
    """Late replies and those to another port are set aside and counted."""
    transaction = start(DO)
    transaction.receive(
        encode_messages([reply(1, sequence=6), reply(2, port=1), done(5, 8), reply(3)])
    )

    assert 3 == transaction.stale
    assert [3] == numbers(transaction)


def test_after_completion() -> None:
    """What comes after the end, in the same datagram or later, changes nothing."""
    transaction = start(DO)
    transaction.receive(encode_messages([reply(1), reply(2), error(19)]))
    transaction.receive(encode_messages([control(NLMSG_OVERRUN), reply(3)]))

    assert [1] == numbers(transaction)
    assert 4 == transaction.stale


@pytest.mark.parametrize("sender", [1, PORT, 0xFFFFFFFF])
def test_sender_not_the_kernel(sender: int) -> None:
    """A datagram that another socket sent is refused and counted, however right it looks."""
    transaction = start(DO)

    assert False is transaction.receive(encode_messages([reply(666)]), sender)
    assert 1 == transaction.refused
    assert True is transaction.receive(encode_messages([reply(1)]), 0)
    assert [1] == numbers(transaction)


def test_malformed_datagram_of_another_sender() -> None:
    """A datagram that another socket sent is not even read."""
    transaction = start(DO)

    assert False is transaction.receive(b"junk", 99)
    assert 1 == transaction.refused


@pytest.mark.parametrize("request_", [DO, DO_ACK, DUMP], ids=["do", "do-ack", "dump"])
def test_refused_by_the_kernel(request_: Request) -> None:
    """NLMSG_ERROR with an errno ends any request and is raised with what was asked."""
    transaction = start(request_)
    transaction.receive(encode_messages([error(19)]))

    with pytest.raises(KernelError) as caught:
        transaction.result()
    assert f"{request_.what}: the kernel said ENODEV (No such device)" == str(caught.value)


def test_errno_in_done() -> None:
    """A dump whose NLMSG_DONE has an errno failed, although messages came before it."""
    transaction = start(DUMP)
    transaction.receive(encode_messages([reply(1), done(19)]))

    assert transaction.complete
    with pytest.raises(KernelError) as caught:
        transaction.result()
    assert 19 == caught.value.errno


def test_errno_and_words_in_done() -> None:
    """The words in NLMSG_DONE point at the request's attribute as those of NLMSG_ERROR do."""
    request = DUMP._replace(payload=DO.payload)
    transaction = start(request)
    message = done(22, flags=NLM_F_MULTI | NLM_F_ACK_TLVS)
    tlv = bytes.fromhex("0800 0200 14000000")
    transaction.receive(encode_messages([message._replace(payload=message.payload + tlv)]))

    with pytest.raises(KernelError) as caught:
        transaction.result()
    expected = (
        "netdev dev-get dump: the kernel said EINVAL (Invalid argument); it points at"
        " the request's ifindex"
    )
    assert expected == str(caught.value)


def test_overrun() -> None:
    """NLMSG_OVERRUN is raised as such."""
    with pytest.raises(
        Overrun, match=r"^netdev dev-get dump: the kernel lost data \(NLMSG_OVERRUN\)$"
    ):
        start(DUMP).receive(encode_messages([control(NLMSG_OVERRUN)]))


@pytest.mark.parametrize("kind", [0, 5, 15])
def test_unknown_control_message(kind: int) -> None:
    """A control message that the protocol does not have is an error."""
    with pytest.raises(
        WireError, match=f"^netdev dev-get: control message type {kind} is not known$"
    ):
        start(DO).receive(encode_messages([control(kind)]))


@pytest.mark.parametrize(
    "messages",
    [
        [reply(1, NLM_F_DUMP_INTR), reply(2), done()],
        [reply(1), reply(2), done(flags=NLM_F_MULTI | NLM_F_DUMP_INTR)],
    ],
    ids=["in-a-message", "in-done"],
)
def test_dump_interrupted(messages: list[Message]) -> None:
    """NLM_F_DUMP_INTR anywhere in a dump makes it worthless, once it is over."""
    transaction = start(DUMP)

    assert True is transaction.receive(encode_messages(messages))
    with pytest.raises(
        DumpInterrupted, match=r"^netdev dev-get dump: it changed while it was dumped$"
    ):
        transaction.result()


def test_dump_interrupted_of_another_request() -> None:
    """NLM_F_DUMP_INTR in a late reply to an older dump says nothing about ours."""
    transaction = start(DUMP)
    transaction.receive(
        encode_messages([reply(9, NLM_F_DUMP_INTR, sequence=SEQUENCE - 1), reply(1), done()])
    )

    assert [1] == numbers(transaction)


def test_errno_before_interruption() -> None:
    """A dump that was interrupted and failed is reported as failed."""
    transaction = start(DUMP)
    transaction.receive(encode_messages([reply(1, NLM_F_DUMP_INTR), done(19)]))

    with pytest.raises(KernelError):
        transaction.result()


@pytest.mark.parametrize("messages", [[], [reply(1)]], ids=["nothing", "no-done"])
def test_result_too_early(messages: list[Message]) -> None:
    """There is no result before the exchange is complete."""
    transaction = start(DUMP)
    transaction.receive(encode_messages(messages))

    with pytest.raises(WireError, match=r"^netdev dev-get dump: the answer is not complete$"):
        transaction.result()


# The names of a request belong to its top level; an attribute missing in a nest is not one of them.
MISSING = {
    "in-a-nest": (
        "0800 0500 01000000 0800 0600 14000000",
        "attribute 1 of the nest ifindex",
    ),
    "in-an-unknown-nest": (
        "0800 0500 01000000 0800 0600 00000000",
        "attribute 1 of the nest at byte 0",
    ),
    "unnamed": ("0800 0500 63000000", "attribute 99"),
    "named": ("0800 0500 01000000", "attribute ifindex"),
}


@pytest.mark.parametrize(
    ("tlvs", "expected"),
    [pytest.param(*row, id=name) for name, row in MISSING.items()],
)
def test_missing_attribute(tlvs: str, expected: str) -> None:
    """The attribute that the kernel missed is named once, and as the level it belongs to has it."""
    transaction = start(DO)
    message = error(22)
    transaction.receive(
        encode_messages(
            [
                message._replace(
                    flags=NLM_F_CAPPED | NLM_F_ACK_TLVS,
                    payload=message.payload + bytes.fromhex(tlvs),
                )
            ]
        )
    )

    with pytest.raises(KernelError) as caught:
        transaction.result()
    assert (
        f"netdev dev-get: the kernel said EINVAL (Invalid argument); it misses the {expected}"
        == str(caught.value)
    )
