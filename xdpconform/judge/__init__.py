# SPDX-License-Identifier: MIT
"""Judgement: capabilities against profiles and specification. Pure functions, no pytest."""

from xdpconform.judge import claims, invariants, lifecycle, protocol, queues
from xdpconform.judge.finding import Finding, Kind, Level, Outcome, Verdict, verdict, waive

__all__ = [
    "Finding",
    "Kind",
    "Level",
    "Outcome",
    "Verdict",
    "claims",
    "invariants",
    "lifecycle",
    "protocol",
    "queues",
    "verdict",
    "waive",
]
