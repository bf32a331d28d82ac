# SPDX-License-Identifier: MIT
"""The netdev family's answers, its queues and its notifications: each way to answer wrongly."""

from __future__ import annotations

import errno
from struct import pack, unpack_from
from typing import TYPE_CHECKING, Any

import pytest

from tests.facts.fake import attribute, device_reply, string, u32, u64
from tests.facts.nics import capabilities, make_nic
from tests.judge.suite import (
    ADD,
    CHANGE,
    DELETE,
    FAMILY,
    IDLE_PAIR,
    LIFE,
    WITH_GRO,
    all_lines,
    asked,
    judge,
    notifications,
)
from xdpconform.errors import KernelError, SourceError, WireError
from xdpconform.judge import Finding, Kind, Outcome, lifecycle, protocol, queues
from xdpconform.netlink.extack import ExtAck
from xdpconform.netlink.netdev import Device, Queue, pull_device
from xdpconform.netlink.wire import pull_messages, readdressed
from xdpconform.nic import Answer, Capabilities, XdpAct
from xdpconform.probes.protocol import wrong_questions
from xdpconform.snapshot import NO_FAMILY

if TYPE_CHECKING:
    from xdpconform.nic import Nic

PASS, FAIL, BLOCKED = Outcome.PASS, Outcome.FAIL, Outcome.BLOCKED
NIC = asked(make_nic(["basic", "redirect"]))
BROKEN = WireError("nlattr: 3 bytes left, 4 needed")
REFUSED = KernelError(errno.EIO, ExtAck(), "netdev dev-get")
REFUSED_TEXT = "netdev dev-get: the kernel said EIO (Input/output error)"


def short(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """Outcome, kind and reason."""
    return finding.outcome, finding.kind, finding.reason


def lying(nic: Nic, name: str, **change: Any) -> Nic:
    """The NIC with one answer changed; new replies come under the number of the request."""
    request = nic.answers[name].request
    if "replies" in change and request:
        change["replies"] = readdressed(change["replies"], reply(b""), request)
    return nic._replace(answers={**nic.answers, name: nic.answers[name]._replace(**change)})


def without(nic: Nic, name: str) -> Nic:
    """The NIC with one question never asked."""
    return nic._replace(answers={k: v for k, v in nic.answers.items() if k != name})


def reply(payload: bytes, kind: int = 28) -> bytes:
    """A datagram with one message."""
    padding = bytes(-len(payload) % 4)
    return pack("=IHHII", 16 + len(payload), kind, 0, 1, 0) + payload + padding


def told(payload: bytes) -> dict[str, Any]:
    """The change that makes dev-get's reply this one."""
    datagram = reply(payload)
    return {"replies": (datagram,), "value": pull_device(pull_messages(datagram)[0])}


CONFORMING = [line.name for line in all_lines() if line.suite in ("test_protocol", "test_queues")]


def test_conforming_kernel() -> None:
    """A kernel that answers as specified passes every line, with the bytes as evidence."""
    lines = judge(NIC, None, ("test_protocol", "test_queues"))
    assert 20 == len(lines)
    assert {PASS} == {finding.outcome for finding in lines.values()}
    for name, finding in lines.items():
        assert finding.expected, name
        assert finding.observed, name
        assert finding.evidence["replies"] or name == "XDP-PROTO-01"


@pytest.mark.parametrize("name", CONFORMING)
def test_nothing_known(name: str) -> None:
    """Where nothing could be asked a line is blocked with the reason, and never fails."""
    bare = make_nic()._replace(capabilities={}, unknown=NO_FAMILY)
    assert (BLOCKED, None, NO_FAMILY) == short(judge(bare, None)[name])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("family", "the question family was not asked of this source"),
        ("dev-get", "the question dev-get was not asked of this source"),
        ("dump", "the question dump was not asked of this source"),
        ("ack", "the question ack was not asked of this source"),
        ("no-such-device", "the question no-such-device was not asked of this source"),
        ("queues", "this kernel lists no queue-get in the netdev family: boot 6.8 or later"),
        ("lifecycle", "notifications were not watched on this source"),
    ],
)
def test_not_asked(name: str, reason: str) -> None:
    """A question that was not asked blocks its lines, and no other."""
    before = judge(NIC, None, ("test_protocol", "test_queues"))
    after = judge(without(NIC, name), None, ("test_protocol", "test_queues"))
    changed = {line for line in before if before[line] != after[line]}
    assert changed
    assert {(BLOCKED, None, reason)} == {short(after[line]) for line in changed}


# family


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        (FAMILY._replace(version=2), "version 2 is not the specification's 1"),
        (FAMILY._replace(operations={1: 4}), "no do of dev-get"),
        (FAMILY._replace(operations={1: 2}), "no dump of dev-get"),
        (FAMILY._replace(groups={"page-pool": 6}), "no multicast group mgmt"),
        (
            FAMILY._replace(version=0, operations={}, groups={}),
            (
                "version 0 is not the specification's 1; no do of dev-get; no dump of dev-get; no"
                " multicast group mgmt"
            ),
        ),
    ],
)
def test_family(family: Any, reason: str) -> None:
    """A family that lacks what the claims are read by is a mismatch, and says all it lacks."""
    finding = protocol.family(lying(NIC, "family", value=family))
    assert (FAIL, Kind.MISMATCH, reason) == short(finding)
    assert "netdev, version 1, operations 1 10, groups mgmt" == protocol.family(NIC).observed


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [(BROKEN, Kind.MALFORMED, str(BROKEN)), (REFUSED, Kind.MISMATCH, REFUSED_TEXT)],
)
@pytest.mark.parametrize(
    ("name", "check", "what"),
    [
        ("family", protocol.family, "nlctrl getfamily netdev"),
        ("dev-get", protocol.one_reply, "netdev dev-get"),
        ("dev-get", protocol.attributes, "netdev dev-get"),
        ("dump", protocol.dump_agrees, "netdev dev-get dump"),
        ("ack", protocol.acknowledged, "netdev dev-get with NLM_F_ACK"),
    ],
)
def test_refused_or_broken(
    name: str, check: Any, what: str, *, error: Exception, kind: Kind, text: str
) -> None:
    """A right question that is refused is a mismatch; bytes that break the format are malformed."""
    finding = check(lying(NIC, name, value=None, error=error))
    assert (FAIL, kind, f"{what} is not answered as specified") == short(finding)
    assert text == finding.observed


# dev-get


def test_another_device() -> None:
    """A reply about another device, or none, is a mismatch."""
    for ifindex, text in ((8, "ifindex 8"), (None, "ifindex None")):
        found = Device(ifindex, capabilities())
        finding = protocol.one_reply(lying(NIC, "dev-get", value=found))
        assert (FAIL, Kind.MISMATCH, "the reply is about another device") == short(finding)
        assert ("one message about ifindex 7", text) == (finding.expected, finding.observed)


HEAD = pack("=BBH", 1, 1, 0)
INDEX, FEATURES, RX, XSK = u32(1, 7), u64(3, 3), u64(5, 0), u64(6, 0)
NEEDED = "ifindex xdp-features xdp-rx-metadata-features xsk-features"


def test_no_answer_is_blocked() -> None:
    """A question that nobody answered proves nothing: its line is blocked, never a fail."""
    nic = lying(NIC, "no-such-device", error=SourceError("no complete answer in 5 s"))
    finding = protocol.refused(nic, "no-such-device", errno.ENODEV)

    assert (Outcome.BLOCKED, "no complete answer in 5 s") == (finding.outcome, finding.reason)


@pytest.mark.parametrize(
    ("parts", "kernel", "wanted"),
    [
        ((INDEX, FEATURES, RX, XSK), "6.12.0", (PASS, None, "")),
        ((XSK, RX, attribute(2, b""), FEATURES, INDEX), "6.12.0", (PASS, None, "")),
        ((INDEX, FEATURES, RX, XSK, u32(4, 1)), "6.12.0", (PASS, None, "")),
        ((INDEX, FEATURES), "6.6.0", (PASS, None, "")),
        ((INDEX, FEATURES, RX), "6.7.0", (PASS, None, "")),
        (
            (INDEX, FEATURES),
            "6.7.0",
            (FAIL, Kind.MALFORMED, "xdp-rx-metadata-features is missing"),
        ),
        ((INDEX, FEATURES, RX), "6.8.0", (FAIL, Kind.MALFORMED, "xsk-features is missing")),
        ((INDEX, RX, XSK), "6.12.0", (FAIL, Kind.MALFORMED, "xdp-features is missing")),
        ((FEATURES, RX, XSK), "6.12.0", (FAIL, Kind.MALFORMED, "ifindex is missing")),
        (
            (INDEX, FEATURES, FEATURES, RX, XSK),
            "6.12.0",
            (FAIL, Kind.MALFORMED, "xdp-features is there twice"),
        ),
        (
            (INDEX, INDEX, RX, XSK, u32(9, 0), u32(9, 0)),
            "6.12.0",
            (
                FAIL,
                Kind.MALFORMED,
                "xdp-features is missing; attribute-9 is there twice; ifindex is there twice",
            ),
        ),
        (
            (INDEX, FEATURES, RX, XSK, string(9, b"new")),
            "6.12.0",
            (BLOCKED, None, "attribute 9 is not known here: a newer xdpconform may know it"),
        ),
    ],
)
def test_attributes(
    parts: tuple[bytes, ...], kernel: str, wanted: tuple[Outcome, Kind | None, str]
) -> None:
    """Each attribute of the kernel's release is there once; one not known blocks."""
    nic = asked(make_nic(["basic", "redirect"], kernel=kernel))
    nic = lying(nic, "dev-get", **told(HEAD + b"".join(parts)))
    assert wanted == short(protocol.attributes(nic))


def test_two_messages() -> None:
    """Two messages in one datagram are one too many, whatever the second says."""
    datagram = reply(device_reply(7, OWN.capabilities))
    nic = lying(NIC, "dev-get", replies=(datagram + datagram,))
    finding = protocol.one_reply(nic)

    assert (FAIL, Kind.MISMATCH) == short(finding)[:2]
    assert "2 messages" == finding.observed


def test_stale_messages_are_not_judged() -> None:
    """What answers an older request stands in the trace, and says nothing of this one."""
    stale = pack("=IHHII", 20, 28, 0, 77, 0) + b"old."
    nic = lying(NIC, "dev-get", replies=(stale, reply(device_reply(7, OWN.capabilities))))

    assert PASS is protocol.attributes(nic).outcome
    assert PASS is protocol.one_reply(nic).outcome


def test_attributes_words() -> None:
    """The line shows the attributes that must be there, and those that are."""
    finding = protocol.attributes(
        lying(NIC, "dev-get", **told(HEAD + INDEX + FEATURES + u32(9, 0)))
    )
    assert (NEEDED, "ifindex xdp-features attribute-9") == (finding.expected, finding.observed)
    nic = asked(make_nic(kernel="6.3.0"))
    assert "ifindex xdp-features" == protocol.attributes(nic).expected


# dump and acknowledgement

OWN = Device(7, capabilities(["basic", "redirect"]))


@pytest.mark.parametrize(
    ("listed", "observed"),
    [
        ([], "no entry"),
        ([OWN, OWN], "basic redirect; basic redirect"),
        ([Device(7, capabilities(["basic"]))], "basic"),
        ([Device(7, capabilities())], "no claims"),
        ([Device(8, OWN.capabilities)], "basic redirect"),
        ([Device(7, capabilities(["basic", "redirect"], 1))], "basic redirect, 1 segments"),
        ([Device(7, OWN.capabilities._replace(xsk=None))], "basic redirect"),
    ],
)
def test_dump_differs(listed: list[Device], observed: str) -> None:
    """A dump without the device, with it twice, or with another word about it is a mismatch."""
    finding = protocol.dump_agrees(lying(NIC, "dump", value=listed))
    reason = "a tool that dumps and one that asks for the device see different claims"
    assert (FAIL, Kind.MISMATCH, reason) == short(finding)
    assert observed == finding.observed
    assert "one entry, equal to dev-get's reply: basic redirect" == finding.expected
    assert "dump" in finding.evidence


def test_every_flipped_bit_shows_in_the_dump() -> None:
    """Whichever bit differs between do and dump, also an unknown one, is found."""
    for bit in range(64):
        features = XdpAct((OWN.capabilities.features or 0) ^ (1 << bit))
        listed = [Device(7, OWN.capabilities._replace(features=features))]
        assert FAIL is protocol.dump_agrees(lying(NIC, "dump", value=listed)).outcome


def test_dump_of_a_refused_device() -> None:
    """A dump that lists what dev-get refused is a mismatch."""
    nic = lying(NIC, "dev-get", value=None, error=REFUSED)
    finding = protocol.dump_agrees(nic)
    assert (FAIL, "one entry, equal to dev-get's reply: no reply") == (
        finding.outcome,
        finding.expected,
    )


ACK = pack("=IHHII", 36, 2, 0x100, 1, 0) + bytes(20)
NAK = pack("=IHHII", 36, 2, 0x100, 1, 0) + pack("=i", -errno.EBUSY) + bytes(16)
DATA = reply(device_reply(7, OWN.capabilities))


@pytest.mark.parametrize(
    ("replies", "observed"),
    [
        ((DATA + ACK,), None),
        ((DATA, ACK), None),
        ((ACK, DATA), "error 0, reply"),
        ((DATA,), "reply"),
        ((ACK,), "error 0"),
        ((DATA, DATA, ACK), "reply, reply, error 0"),
        ((DATA, ACK, ACK), "reply, error 0, error 0"),
        ((DATA, NAK), "reply, error 16"),
        ((), ""),
    ],
)
def test_acknowledged(replies: tuple[bytes, ...], observed: str | None) -> None:
    """First the reply, then one acknowledgement with error 0, in one datagram or in two."""
    finding = protocol.acknowledged(lying(NIC, "ack", replies=replies))
    if observed is None:
        assert (PASS, None, "") == short(finding)
        assert "reply, error 0" == finding.observed
    else:
        assert (FAIL, Kind.MISMATCH, "the order or number is another") == short(finding)
        assert observed == finding.observed


# wrong questions


def refusal(
    code: int, attribute: str | None = None, missing: str | None = None
) -> dict[str, KernelError]:
    """The change that makes an answer this refusal."""
    return {"error": KernelError(code, ExtAck(), "netdev dev-get", attribute, missing)}


@pytest.mark.parametrize(
    ("question", "wanted", "change", "reason"),
    [
        ("no-such-device", {}, refusal(errno.ENODEV), ""),
        ("no-such-device", {}, {"error": None, "value": []}, "accepted, and should be refused"),
        (
            "no-such-device",
            {},
            refusal(errno.EINVAL),
            "EINVAL (Invalid argument) is another error",
        ),
        (
            "no-such-device",
            {},
            refusal(errno.EOPNOTSUPP),
            "EOPNOTSUPP (Operation not supported) is another error",
        ),
        ("no-such-device", {"attribute": "ifindex"}, refusal(errno.ENODEV, "ifindex"), ""),
        (
            "no-such-device",
            {"attribute": "ifindex"},
            refusal(errno.ENODEV),
            "it points at nothing",
        ),
        (
            "no-such-device",
            {"attribute": "ifindex"},
            refusal(errno.ENODEV, "attribute 200"),
            "it points at attribute 200",
        ),
        ("no-such-device", {"missing": "ifindex"}, refusal(errno.ENODEV, None, "ifindex"), ""),
        (
            "no-such-device",
            {"missing": "ifindex"},
            refusal(errno.ENODEV),
            "it says that it misses nothing",
        ),
        (
            "no-such-device",
            {"missing": "ifindex"},
            refusal(errno.ENODEV, None, "xdp-features"),
            "it says that it misses xdp-features",
        ),
        ("no-such-device", {}, {"error": None}, "accepted, and should be refused"),
    ],
)
def test_refused(
    question: str, wanted: dict[str, str], change: dict[str, Any], reason: str
) -> None:
    """A wrong question must meet its errno, and the attribute pointed at or missed."""
    finding = protocol.refused(lying(NIC, question, **change), question, errno.ENODEV, **wanted)
    if reason:
        assert (FAIL, Kind.MISMATCH, f"netdev dev-get: {reason}") == short(finding)
    else:
        assert (PASS, None, "") == short(finding)


def test_refused_words() -> None:
    """The line shows errno and place as expected, and the kernel's own words."""
    finding = protocol.refused(NIC, "ifindex-0", errno.ERANGE, attribute="ifindex")
    assert "ERANGE, pointing at ifindex" == finding.expected
    assert (
        "netdev dev-get: the kernel said ERANGE (Numerical result out of range); it points at the"
        " request's ifindex"
    ) == finding.observed
    finding = protocol.refused(NIC, "no-ifindex", errno.EINVAL, missing="ifindex")
    assert "EINVAL, missing ifindex" == finding.expected
    finding = protocol.refused(lying(NIC, "ifindex-0", error=None), "ifindex-0", errno.ERANGE)
    assert "accepted" == finding.observed
    finding = protocol.refused(lying(NIC, "ifindex-0", error=BROKEN), "ifindex-0", errno.ERANGE)
    assert (FAIL, Kind.MALFORMED) == (finding.outcome, finding.kind)


@pytest.mark.parametrize("question", list(wrong_questions(FAMILY, 7)))
def test_each_wrong_question_has_a_line(question: str) -> None:
    """Accepting any one wrong question fails exactly the line that asks it."""
    suites = ("test_protocol", "test_queues")
    lines = judge(lying(NIC, question, error=None, value=[]), None, suites)
    failing = [name for name, finding in lines.items() if finding.outcome is FAIL]
    assert 1 == len(failing)
    lines = judge(lying(NIC, question, **refusal(errno.EPERM, "ifindex", "ifindex")), None, suites)
    assert failing == [name for name, finding in lines.items() if finding.outcome is FAIL]


# queues

DOWN = asked(make_nic(up=False))
MISSES = "a program that binds AF_XDP sockets by this list misses queues or finds none"
QUEUES = [Queue(7, kind, number) for kind in (0, 1) for number in (0, 1)]


@pytest.mark.parametrize(
    ("nic", "listed", "reason", "observed"),
    [
        (NIC, QUEUES, "", "rx 0 1, tx 0 1"),
        (NIC, [q._replace(napi_id=5, xsk=True) for q in QUEUES], "", "rx 0 1, tx 0 1"),
        (NIC, QUEUES[1:], MISSES, "rx 1, tx 0 1"),
        (NIC, QUEUES[:3], MISSES, "rx 0 1, tx 0"),
        (NIC, [*QUEUES, Queue(7, 1, 2)], MISSES, "rx 0 1, tx 0 to 2"),
        (NIC, [*QUEUES, Queue(7, 1, 1)], MISSES, "rx 0 1, tx 0 1 1"),
        (NIC, [QUEUES[1], QUEUES[0], *QUEUES[2:]], MISSES, "rx 1 0, tx 0 1"),
        (NIC, [], MISSES, "rx none, tx none"),
        (NIC, [Queue(8, 0, 0), *QUEUES[1:]], "a queue of another device is listed", None),
        (DOWN, [], "", "rx none, tx none"),
        (DOWN, QUEUES, MISSES, "rx 0 1, tx 0 1"),
    ],
)
def test_queues_counted(nic: Nic, listed: list[Queue], reason: str, observed: str | None) -> None:
    """The dump lists each queue that sysfs shows once and in order, and none of a device down."""
    finding = queues.counted(lying(nic, "queues", value=listed))
    wanted = (FAIL, Kind.MISMATCH, reason) if reason else (PASS, None, "")
    assert wanted == short(finding)
    if observed is not None:
        assert observed == finding.observed
    expected = "rx 0 1, tx 0 1" if nic is NIC else "rx none, tx none, since the device is down"
    assert expected == finding.expected


def test_queues_without_sysfs() -> None:
    """Where sysfs shows no queues they cannot be counted: blocked."""
    finding = queues.counted(NIC._replace(sysfs={}))
    reason = "sysfs shows no queues folder here: mount /sys"
    assert (BLOCKED, None, reason) == short(finding)


@pytest.mark.parametrize("check", [queues.counted, queues.do_agrees, queues.bounded])
@pytest.mark.parametrize(("error", "kind"), [(BROKEN, Kind.MALFORMED), (REFUSED, Kind.MISMATCH)])
def test_queues_refused_or_broken(check: Any, error: Exception, kind: Kind) -> None:
    """A dump of queues that is refused is a mismatch, one that breaks the format malformed."""
    finding = check(lying(NIC, "queues", value=None, error=error))
    assert (FAIL, kind, "queue-get is not answered as specified") == short(finding)
    assert str(error) == finding.observed


@pytest.mark.parametrize(
    ("nic", "change", "fails"),
    [
        (NIC, {}, False),
        (NIC, {"value": [Queue(7, 0, 0, napi_id=9)]}, True),
        (NIC, {"value": [Queue(7, 0, 0, xsk=True)]}, True),
        (NIC, {"value": [Queue(7, 0, 1)]}, True),
        (NIC, {"value": []}, True),
        (NIC, {"value": [QUEUES[0], QUEUES[0]]}, True),
        (NIC, {"value": None, **refusal(errno.ENOENT)}, True),
        (DOWN, {}, False),
        (DOWN, {"value": None, **refusal(errno.ENOENT)}, False),
        (DOWN, {"value": None, **refusal(errno.EINVAL)}, True),
        (DOWN, {"value": [QUEUES[0]], "error": None}, True),
    ],
)
def test_queue_do_agrees(nic: Nic, change: dict[str, Any], fails: bool) -> None:
    """queue-get of queue 0 says what the dump says, and ENOENT of a device that is down."""
    finding = queues.do_agrees(lying(nic, "queue", **change))
    reason = "do and dump disagree about receive queue 0"
    assert ((FAIL, Kind.MISMATCH, reason) if fails else (PASS, None, "")) == short(finding)
    if nic is DOWN:
        assert "ENOENT, since the device is down" == finding.expected


@pytest.mark.parametrize(("nic", "listed"), [(NIC, []), (DOWN, QUEUES)])
def test_queue_do_refuses_what_the_dump_has(nic: Nic, listed: list[Queue]) -> None:
    """ENOENT agrees with an empty dump of a device that is down, and with nothing else."""
    nic = lying(nic, "queues", value=listed)
    nic = lying(nic, "queue", value=None, **refusal(errno.ENOENT))
    assert FAIL is queues.do_agrees(nic).outcome


@pytest.mark.parametrize(
    ("nic", "change", "fails"),
    [
        (NIC, {}, False),
        (NIC, refusal(errno.ENOENT), True),
        (NIC, {"error": None, "value": [Queue(7, 0, 0xFFFFFFFF)]}, True),
        (NIC, {"error": BROKEN}, True),
        (DOWN, {}, False),
        (DOWN, refusal(errno.EINVAL), True),
        (DOWN, {"error": None, "value": []}, True),
    ],
)
def test_queue_bounded(nic: Nic, change: dict[str, Any], fails: bool) -> None:
    """A queue that does not exist is refused: EINVAL of a device up, ENOENT of one down."""
    finding = queues.bounded(lying(nic, "no-such-queue", **change))
    reason = "queue 4294967295 does not exist"
    assert ((FAIL, Kind.MISMATCH, reason) if fails else (PASS, None, "")) == short(finding)
    assert ("EINVAL" if nic is NIC else "ENOENT") == finding.expected
    if change.get("error", "") is None:
        assert "accepted" == finding.observed


# notifications

PICTURE = "a listener's picture of the devices is not the kernel's"
LACKS = capabilities()._replace(features=None)
Told = tuple[int, int, Capabilities]


def watched(*events: Told, then: tuple[int, Capabilities] | None = (3, WITH_GRO)) -> Nic:
    """The NIC on a kernel that told this of a pair."""
    answer = notifications(*events, asked=then)
    return NIC._replace(answers={**NIC.answers, "lifecycle": answer})


def pair(command: int, claims: Capabilities = WITH_GRO, *indexes: int) -> list[Told]:
    """The same notification of both devices."""
    return [(command, index, claims) for index in indexes or (3, 4)]


@pytest.mark.parametrize(
    ("events", "kind", "reason"),
    [
        ([*pair(ADD), *pair(DELETE)], None, ""),
        ([*pair(ADD), *reversed(pair(DELETE))], None, ""),
        (pair(ADD), Kind.MISMATCH, PICTURE),
        (pair(DELETE), Kind.MISMATCH, PICTURE),
        ([], Kind.MISMATCH, PICTURE),
        ([*pair(ADD)[:1], *pair(DELETE)[:1]], Kind.MISMATCH, PICTURE),
        ([*pair(ADD), *pair(DELETE)[:1]], Kind.MISMATCH, PICTURE),
        ([*pair(ADD), *pair(DELETE, WITH_GRO, 3, 5)], Kind.MISMATCH, PICTURE),
        ([*pair(ADD), *pair(DELETE, WITH_GRO, 3, 3)], Kind.MISMATCH, PICTURE),
        ([*pair(ADD, WITH_GRO, 3, 3), *pair(DELETE, WITH_GRO, 3, 3)], Kind.MISMATCH, PICTURE),
        ([*pair(ADD), *pair(ADD), *pair(DELETE), *pair(DELETE)], Kind.MISMATCH, PICTURE),
        ([*pair(ADD, LACKS), *pair(DELETE)], Kind.MALFORMED, "a notification lacks xdp-features"),
        ([*pair(ADD), *pair(DELETE, LACKS)], Kind.MALFORMED, "a notification lacks xdp-features"),
    ],
)
def test_life(events: list[Told], kind: Kind | None, reason: str) -> None:
    """One notification of each device made and of each taken away, with its claims."""
    finding = lifecycle.life(watched(*events))
    assert ((FAIL, kind, reason) if kind else (PASS, None, "")) == short(finding)


def test_life_words() -> None:
    """The line names the devices that were told of."""
    finding = lifecycle.life(NIC)
    assert "dev-add-ntf of 3 4, dev-del-ntf of 3 4" == finding.observed
    expected = "2 dev-add-ntf and 2 dev-del-ntf of the same devices, for a veth pair"
    assert expected == finding.expected
    assert "dev-add-ntf of none, dev-del-ntf of none" == lifecycle.life(watched()).observed


UNTOLD = "its claims changed, and no notification said so"


@pytest.mark.parametrize(
    ("events", "then", "reason"),
    [
        ([*pair(ADD, IDLE_PAIR), *pair(CHANGE)], (3, WITH_GRO), ""),
        (pair(ADD), (3, WITH_GRO), ""),
        ([*pair(ADD, IDLE_PAIR), *pair(CHANGE, LACKS), *pair(CHANGE)], (3, WITH_GRO), ""),
        (pair(ADD, IDLE_PAIR), (3, WITH_GRO), UNTOLD),
        ([*pair(ADD, IDLE_PAIR), *pair(CHANGE, WITH_GRO, 4)], (3, WITH_GRO), UNTOLD),
        ([*pair(ADD, IDLE_PAIR), *pair(CHANGE), *pair(CHANGE, IDLE_PAIR)], (3, WITH_GRO), UNTOLD),
        ([], (3, WITH_GRO), UNTOLD),
        (pair(ADD), None, "dev-get of the new device failed"),
    ],
)
def test_change(events: list[Told], then: tuple[int, Capabilities] | None, reason: str) -> None:
    """The last notification of a device says what dev-get then says of it."""
    finding = lifecycle.change(watched(*events, then=then))
    assert ((FAIL, Kind.MISMATCH, reason) if reason else (PASS, None, "")) == short(finding)


def test_every_flipped_bit_shows_in_the_change() -> None:
    """Whichever bit the last notification has wrong is found."""
    for bit in range(64):
        features = XdpAct((WITH_GRO.features or 0) ^ (1 << bit))
        wrong = WITH_GRO._replace(features=features)
        finding = lifecycle.change(watched(*pair(ADD, IDLE_PAIR), *pair(CHANGE, wrong)))
        assert (FAIL, Kind.MISMATCH, UNTOLD) == short(finding)


@pytest.mark.parametrize("check", [lifecycle.life, lifecycle.change])
def test_not_watched(check: Any) -> None:
    """What could not be watched is blocked; a notification that breaks the format is malformed."""
    answer = Answer("watch", b"", (), error=SourceError("refused: run as root"))
    nic = NIC._replace(answers={**NIC.answers, "lifecycle": answer})
    reason = "notifications could not be watched: refused: run as root"
    assert (BLOCKED, None, reason) == short(check(nic))
    finding = check(lying(NIC, "lifecycle", value=None, error=BROKEN))
    assert (FAIL, Kind.MALFORMED, "a notification breaks the format") == short(finding)
    assert (str(BROKEN), "notifications of the netdev group mgmt") == (
        finding.observed,
        finding.evidence["what"],
    )


def test_life_is_as_recorded() -> None:
    """The pair's life that the other tests stand on is made of well-formed notifications."""
    commands = [unpack_from("=B", datagram, 16)[0] for datagram in LIFE.replies]
    assert [ADD, ADD, CHANGE, CHANGE, DELETE, DELETE, 1] == commands
