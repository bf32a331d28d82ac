# SPDX-License-Identifier: MIT
"""A mock asked everything and judged by every line, without a test run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.judge.suite import judge
from xdpconform.errors import SourceError, Timeout
from xdpconform.judge import Outcome, Verdict, verdict
from xdpconform.nic import Answer
from xdpconform.probes.lifecycle import read_answer
from xdpconform.probes.protocol import ask_all
from xdpconform.profiles import Shelf
from xdpconform.snapshot import Inspector

if TYPE_CHECKING:
    from xdpconform.judge import Finding
    from xdpconform.mock import MockChannel, MockKernel
    from xdpconform.nic import Nic

SHELF = Shelf()


class Judged(NamedTuple):
    """What is found of a mock's NIC."""

    nic: Nic
    findings: dict[str, Finding]

    @property
    def verdict(self) -> Verdict:
        """The word about it."""
        return verdict(finding.outcome for finding in self.findings.values())

    def word(self, line: str) -> str:
        """The outcome of a line, and its kind."""
        finding = self.findings[line]
        return f"{finding.outcome.value} {finding.kind.value if finding.kind else ''}".strip()

    def unsettled(self) -> dict[str, str]:
        """Lines that are neither pass nor not-claimed, and why."""
        good = (Outcome.PASS, Outcome.NOT_CLAIMED)
        return {n: f.text() for n, f in self.findings.items() if f.outcome not in good}


def snapshot(mock: MockKernel) -> Nic:
    """Everything asked of the first NIC that a mock is about."""
    with Inspector(mock) as inspector:
        (link,) = (one for one in inspector.links() if one.name == mock.ifaces[0])
        nic = inspector.nic(link)
        family = inspector.family("netdev")
        if family is None:
            return nic
        exchange = next(one for one in inspector.trace if one.what == "nlctrl getfamily netdev")
        answers = {
            **nic.answers,
            "family": Answer(exchange.what, exchange.request, exchange.replies, family),
            "lifecycle": read_answer(mock.notifications()),
        }
        if not isinstance(answers["dev-get"].error, SourceError):
            answers |= ask_all(inspector, nic)
        return nic._replace(answers=answers)


def judged(mock: MockKernel) -> Judged:
    """What every line finds."""
    nic = snapshot(mock)
    return Judged(nic, judge(nic, SHELF.match(nic)))


def received(channel: MockChannel) -> list[bytes]:
    """Everything that is pending on a channel."""
    found = []
    try:
        while True:
            found.append(channel.receive(0).data)
    except Timeout:
        return found
