# SPDX-License-Identifier: MIT
"""Whether the netdev family answers as its specification says."""

from __future__ import annotations

import os
from collections import Counter

from xdpconform.errors import KernelError, WireError, XdpConformError, errno_name
from xdpconform.judge.finding import Finding, Kind, Outcome, blocked, evidence, unanswered
from xdpconform.netlink.constants import NLMSG_ERROR, NLMSG_MIN_TYPE, NLMSG_NOOP
from xdpconform.netlink.extack import pull_status
from xdpconform.netlink.genl import GENL_CMD_CAP_DO, GENL_CMD_CAP_DUMP, GENL_HDRLEN, Family
from xdpconform.netlink.netdev import MGMT_GROUP, Command, DevAttr, Device
from xdpconform.netlink.wire import Message, pull_attributes, pull_messages
from xdpconform.nic import Answer, Nic
from xdpconform.profiles.kernel import KernelVersion

_SINCE = {
    DevAttr.IFINDEX: KernelVersion(6, 3),
    DevAttr.XDP_FEATURES: KernelVersion(6, 3),
    DevAttr.XDP_RX_METADATA_FEATURES: KernelVersion(6, 7),
    DevAttr.XSK_FEATURES: KernelVersion(6, 8),
}
"""From which kernel on an attribute is in every dev-get reply, also with the value 0."""


def _get(nic: Nic, name: str) -> Answer | Finding:
    answer = nic.answers.get(name)
    if answer is None:
        return blocked(nic.unknown or f"the question {name} was not asked of this source")
    return unanswered(answer) or answer


def family(nic: Nic) -> Finding:
    """The family is there with what the claims are read by."""
    answer = _get(nic, "family")
    if isinstance(answer, Finding):
        return answer
    expected = "netdev, version 1, dev-get as do and dump, multicast group mgmt"
    found = answer.value
    if not isinstance(found, Family):
        return _malformed(answer, expected)
    base = Finding(
        Outcome.PASS,
        expected=expected,
        observed=f"{found.name}, version {found.version}, operations"
        f" {' '.join(map(str, sorted(found.operations)))}, groups"
        f" {' '.join(sorted(found.groups))}",
        evidence=evidence(answer),
    )
    lacks = []
    if found.version != 1:
        lacks.append(f"version {found.version} is not the specification's 1")
    if not found.can(Command.DEV_GET, GENL_CMD_CAP_DO):
        lacks.append("no do of dev-get")
    if not found.can(Command.DEV_GET, GENL_CMD_CAP_DUMP):
        lacks.append("no dump of dev-get")
    if MGMT_GROUP not in found.groups:
        lacks.append("no multicast group mgmt")
    if lacks:
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason="; ".join(lacks))
    return base


def one_reply(nic: Nic) -> Finding:
    """dev-get of one device is answered by one message about it."""
    answer = _get(nic, "dev-get")
    if isinstance(answer, Finding):
        return answer
    expected = f"one message about ifindex {nic.identity.ifindex}"
    if not isinstance(answer.value, Device):
        return _malformed(answer, expected)
    base = Finding(
        Outcome.PASS,
        expected=expected,
        observed=f"ifindex {answer.value.ifindex}",
        evidence=evidence(answer),
    )
    if answer.value.ifindex != nic.identity.ifindex:
        return base._replace(
            outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason="the reply is about another device"
        )
    number = len(_messages(answer))
    if number > 1:
        reason = "whoever takes the first message leaves the others for the next question"
        return base._replace(
            outcome=Outcome.FAIL,
            kind=Kind.MISMATCH,
            observed=f"{number} messages",
            reason=reason,
        )
    return base


def _messages(answer: Answer) -> list[Message]:
    """The messages that answer the request; not what answers an older one, nor NLMSG_NOOP."""
    (asked,) = pull_messages(answer.request)
    return [
        message
        for reply in answer.replies
        for message in pull_messages(reply)
        if (message.sequence, message.port_id) == (asked.sequence, asked.port_id)
        and message.type != NLMSG_NOOP
    ]


def attributes(nic: Nic) -> Finding:
    """Every attribute that must be there is there once."""
    answer = _get(nic, "dev-get")
    if isinstance(answer, Finding):
        return answer
    kernel = KernelVersion.parse(nic.identity.kernel)
    needed = [attr for attr, since in _SINCE.items() if kernel >= since]
    names = {attr.value: attr.name.lower().replace("_", "-") for attr in DevAttr}
    expected = " ".join(names[attr] for attr in needed)
    if not isinstance(answer.value, Device):
        return _malformed(answer, expected)
    try:
        kinds = [
            attribute.type
            for message in _messages(answer)
            if message.type >= NLMSG_MIN_TYPE
            for attribute in pull_attributes(message.payload, GENL_HDRLEN)
            if attribute.type != DevAttr.PAD
        ]
    except WireError as error:  # behind the message that was taken for the answer
        return _malformed(answer._replace(error=error), expected)
    base = Finding(
        Outcome.PASS,
        expected=expected,
        observed=" ".join(names.get(kind, f"attribute-{kind}") for kind in kinds),
        evidence=evidence(answer),
    )
    missing = [names[attr] for attr in needed if attr not in kinds]
    twice = sorted(names.get(k, f"attribute-{k}") for k, n in Counter(kinds).items() if n > 1)
    if missing or twice:
        reason = "; ".join(
            [f"{name} is missing" for name in missing]
            + [f"{name} is there twice" for name in twice]
        )
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MALFORMED, reason=reason)
    strange = [kind for kind in kinds if kind not in names]
    if strange:
        return blocked(
            f"attribute {strange[0]} is not known here: a newer xdpconform may know it",
            expected=base.expected,
            observed=base.observed,
            evidence=base.evidence,
        )
    return base


def dump_agrees(nic: Nic) -> Finding:
    """The dump lists the device once and says the same."""
    one, all_ = _get(nic, "dev-get"), _get(nic, "dump")
    for answer in (one, all_):
        if isinstance(answer, Finding):
            return answer
    assert isinstance(one, Answer)  # noqa: S101 - for the type checker
    assert isinstance(all_, Answer)  # noqa: S101
    expected = f"one entry, equal to dev-get's reply: {_brief(one.value)}"
    if not isinstance(all_.value, list):
        return _malformed(all_, expected)
    base = Finding(
        Outcome.PASS,
        expected=expected,
        observed="; ".join(map(_brief, all_.value)) or "no entry",
        evidence=evidence(one) | {"dump": [reply.hex() for reply in all_.replies]},
    )
    if all_.value != [one.value]:
        reason = "a tool that dumps and one that asks for the device see different claims"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    return base


def _brief(value: object) -> str:
    if not isinstance(value, Device):
        return "no reply"
    claims = value.capabilities
    words = " ".join(claims.names()) or "no claims"
    segments = "" if claims.zc_max_segs is None else f", {claims.zc_max_segs} segments"
    return f"{words}{segments}"


def acknowledged(nic: Nic) -> Finding:
    """With NLM_F_ACK the reply comes first, then an acknowledgement with error 0."""
    answer = _get(nic, "ack")
    if isinstance(answer, Finding):
        return answer
    expected = "the reply, then NLMSG_ERROR with error 0"
    if answer.error is not None:
        return _malformed(answer, expected)
    try:
        kinds = [
            f"error {pull_status(message).errno}" if message.type == NLMSG_ERROR else "reply"
            for message in _messages(answer)
        ]
    except WireError as error:
        return _malformed(answer._replace(error=error), expected)
    base = Finding(
        Outcome.PASS, expected=expected, observed=", ".join(kinds), evidence=evidence(answer)
    )
    if kinds != ["reply", "error 0"]:
        return base._replace(
            outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason="the order or number is another"
        )
    return base


def refused(
    nic: Nic,
    question: str,
    code: int,
    *,
    attribute: str | None = None,
    missing: str | None = None,
) -> Finding:
    """A wrong question is refused, with the errno and place that the specification gives.

    Args:
        nic: the NIC.
        question: its name in `xdpconform.probes.protocol`.
        code: the errno.
        attribute: the request's attribute that the kernel must point at.
        missing: the attribute that the kernel must say it misses.
    """
    answer = _get(nic, question)
    if isinstance(answer, Finding):
        return answer
    expected = errno_name(code)
    expected += f", pointing at {attribute}" if attribute else ""
    expected += f", missing {missing}" if missing else ""
    if isinstance(answer.error, WireError):
        return _malformed(answer, expected)
    error = answer.error
    base = Finding(
        Outcome.PASS,
        expected=expected,
        observed=str(error) if error else "accepted",
        evidence=evidence(answer),
    )
    if not isinstance(error, KernelError):
        reason = f"{answer.what}: accepted, and should be refused"
    elif error.errno != code:
        reason = f"{answer.what}: {error.name} ({os.strerror(error.errno)}) is another error"
    elif attribute is not None and error.attribute != attribute:
        reason = f"{answer.what}: it points at {error.attribute or 'nothing'}"
    elif missing is not None and error.missing != missing:
        reason = f"{answer.what}: it says that it misses {error.missing or 'nothing'}"
    else:
        return base
    return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)


def _malformed(answer: Answer, expected: str) -> Finding:
    error: XdpConformError | None = answer.error
    return Finding(
        Outcome.FAIL,
        Kind.MALFORMED if isinstance(error, WireError) else Kind.MISMATCH,
        expected=expected,
        observed=str(error),
        reason=f"{answer.what} is not answered as specified",
        evidence=evidence(answer),
    )
