# SPDX-License-Identifier: MIT
"""What a check finds: an outcome, and everything a reader needs to believe it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from xdpconform.errors import SourceError
from xdpconform.nic import Answer, Nic
from xdpconform.profiles.model import Waiver


class Outcome(Enum):
    """The outcome of a requirement on a NIC (docs/design.md, "Words")."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    NOT_CLAIMED = "not-claimed"
    BLOCKED = "blocked"
    WAIVED = "waived"
    ERROR = "error"


class Kind(Enum):
    """In which way a requirement fails."""

    OVER_CLAIM = "over-claim"
    UNDER_CLAIM = "under-claim"
    MISMATCH = "mismatch"
    MALFORMED = "malformed"


class Verdict(Enum):
    """The word about a NIC."""

    CONFORMS = "CONFORMS"
    FAILS = "FAILS"
    INCOMPLETE = "INCOMPLETE"


class Level(Enum):
    """How strong evidence is, weakest first."""

    CLAIMS = "claims"
    ATTACH = "attach"
    PACKETS = "packets"
    STRESS = "stress"

    def __le__(self, other: Level) -> bool:
        order = list(Level)
        return order.index(self) <= order.index(other)


class Finding(NamedTuple):
    """One line of a report."""

    outcome: Outcome
    kind: Kind | None = None
    expected: str = ""
    observed: str = ""
    reason: str = ""
    """Why, and for a blocked line what to do."""
    evidence: Mapping[str, object] = {}
    """JSON types only."""
    param: str = ""
    """Which row of the requirement: the state it was seen in."""
    level: Level = Level.CLAIMS

    def text(self) -> str:
        """The finding as a failure's message."""
        words = self.kind.value if self.kind else self.outcome.value
        lines = [f"{words}: {self.reason}" if self.reason else words]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.observed:
            lines.append(f"  reported: {self.observed}")
        return "\n".join(lines)


def evidence(answer: Answer | None) -> dict[str, object]:
    """The bytes behind a finding."""
    if answer is None:
        return {}
    replies = [_in_hex(one) if len(one) <= _KEPT else one.hex() for one in answer.replies]
    return {"what": answer.what, "request": _in_hex(answer.request), "replies": replies}


_KEPT: Final = 4096
"""Bytes of a reply whose hex is kept: a dozen lines rest on the same answer."""


@lru_cache(maxsize=128)
def _in_hex(data: bytes) -> str:
    return data.hex()


def blocked(
    reason: str,
    *,
    expected: str = "",
    observed: str = "",
    evidence: Mapping[str, object] | None = None,
    param: str = "",
) -> Finding:
    """Could not be tested: `reason` says what is missing and how to mend it."""
    return Finding(
        Outcome.BLOCKED,
        expected=expected,
        observed=observed,
        reason=reason,
        evidence=evidence or {},
        param=param,
    )


def unknown(nic: Nic, state: str) -> Finding:
    """Blocked, since the kernel could not be asked."""
    reason = nic.unknown or f"not seen in state {state}"
    return blocked(reason, param=state, evidence=evidence(nic.answers.get("dev-get")))


def unanswered(answer: Answer) -> Finding | None:
    """Blocked, if no answer came at all; None if the answer, good or bad, can be judged."""
    if not isinstance(answer.error, SourceError):
        return None
    return blocked(str(answer.error), evidence=evidence(answer))


def waive(finding: Finding, waivers: Iterable[Waiver], today: dt.date) -> Finding:
    """Let a fail pass as waived, if a waiver holds; say so if the only one has expired."""
    if finding.outcome is not Outcome.FAIL:
        return finding
    expired = None
    for waiver in waivers:
        if today <= waiver.until:
            kind = finding.kind.value if finding.kind else "fail"
            reason = f"waived until {waiver.until}: {waiver.reason} ({waiver.link})"
            return finding._replace(
                outcome=Outcome.WAIVED, reason=f"{reason}; without it {kind}: {finding.reason}"
            )
        expired = waiver
    if expired is not None:
        note = f"; its waiver expired on {expired.until} ({expired.link})"
        return finding._replace(reason=finding.reason + note)
    return finding


def verdict(outcomes: Iterable[Outcome]) -> Verdict:
    """FAILS with any fail; INCOMPLETE with any line blocked or errored, or with no line at all."""
    found = list(outcomes)
    if Outcome.FAIL in found:
        return Verdict.FAILS
    if Outcome.BLOCKED in found or Outcome.ERROR in found:
        return Verdict.INCOMPLETE
    told = any(outcome is not Outcome.NOT_CLAIMED for outcome in found)
    return Verdict.CONFORMS if told else Verdict.INCOMPLETE
