# SPDX-License-Identifier: MIT
"""Whether queue-get tells the queues that there are."""

from __future__ import annotations

import errno
from itertools import pairwise

from xdpconform.errors import KernelError, WireError, errno_name
from xdpconform.judge.finding import Finding, Kind, Outcome, blocked, evidence, unanswered
from xdpconform.netlink.netdev import Queue, QueueType
from xdpconform.nic import Answer, Nic


def _listed(nic: Nic) -> tuple[Answer, list[Queue]] | Finding:
    answer = nic.answers.get("queues")
    if answer is None:
        return blocked(
            nic.unknown or "this kernel lists no queue-get in the netdev family: boot 6.8 or later"
        )
    for name in ("queues", "queue", "no-such-queue"):
        missing = unanswered(nic.answers[name])
        if missing:
            return missing
    if not isinstance(answer.value, list):
        return Finding(
            Outcome.FAIL,
            Kind.MALFORMED if isinstance(answer.error, WireError) else Kind.MISMATCH,
            expected="a list of queues",
            observed=str(answer.error),
            reason="queue-get is not answered as specified",
            evidence=evidence(answer),
        )
    return answer, answer.value


def _ids(queues: list[Queue], kind: QueueType) -> list[int]:
    return [queue.id for queue in queues if queue.type == kind]


def counted(nic: Nic) -> Finding:
    """As many queues of each type as sysfs shows, numbered from 0 without a gap."""
    listed = _listed(nic)
    if isinstance(listed, Finding):
        return listed
    answer, queues = listed
    up = nic.link.up
    wanted = {
        kind: list(range(number if up else 0))
        for kind, number in (
            (QueueType.RX, nic.queues.counted_rx),
            (QueueType.TX, nic.queues.counted_tx),
        )
    }
    found = {kind: _ids(queues, kind) for kind in QueueType}
    base = Finding(
        Outcome.PASS,
        expected=_text(wanted) + ("" if up else ", since the device is down"),
        observed=_text(found),
        evidence=evidence(answer),
    )
    if not nic.sysfs.get("queues/"):
        return base._replace(
            outcome=Outcome.BLOCKED, reason="sysfs shows no queues folder here: mount /sys"
        )
    if any(queue.ifindex != nic.identity.ifindex for queue in queues):
        reason = "a queue of another device is listed"
    elif found != wanted:
        reason = "a program that binds AF_XDP sockets by this list misses queues or finds none"
    else:
        return base
    return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)


def _text(ids: dict[QueueType, list[int]]) -> str:
    def span(numbers: list[int]) -> str:
        if len(numbers) > 2 and all(two - one == 1 for one, two in pairwise(numbers)):
            return f"{numbers[0]} to {numbers[-1]}"
        return " ".join(map(str, numbers)) or "none"

    return ", ".join(f"{kind.name.lower()} {span(ids[kind])}" for kind in QueueType)


def do_agrees(nic: Nic) -> Finding:
    """queue-get of receive queue 0 says what the dump says of it."""
    listed = _listed(nic)
    if isinstance(listed, Finding):
        return listed
    _answer, queues = listed
    one = nic.answers["queue"]
    first = [queue for queue in queues if (queue.type, queue.id) == (QueueType.RX, 0)]
    base = Finding(
        Outcome.PASS,
        expected=str(first[0]) if first else "ENOENT, since the device is down",
        observed=str(one.value[0]) if isinstance(one.value, list) and one.value else str(one.error),
        evidence=evidence(one),
    )
    down = not first and not nic.link.up
    if one.value != first and not (down and one.errno == errno.ENOENT):
        reason = "do and dump disagree about receive queue 0"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    return base


def bounded(nic: Nic) -> Finding:
    """A queue number beyond the last is refused."""
    listed = _listed(nic)
    if isinstance(listed, Finding):
        return listed
    answer = nic.answers["no-such-queue"]
    code = errno.EINVAL if nic.link.up else errno.ENOENT
    base = Finding(
        Outcome.PASS,
        expected=errno_name(code),
        observed=str(answer.error) if answer.error else "accepted",
        evidence=evidence(answer),
    )
    if not isinstance(answer.error, KernelError) or answer.errno != code:
        reason = "queue 4294967295 does not exist"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    return base
