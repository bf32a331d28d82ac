# SPDX-License-Identifier: MIT
"""What a certificate does not cover: what a reader might take for granted, and nobody tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdpconform.outputs.results import NicResults, Result, Results

LEVELS: Final = ("claims", "attach", "packets", "stress")
"""Weakest first."""
MEANINGS: Final = {
    "claims": "what the kernel reports over netlink",
    "attach": "programs attached, replaced and refused",
    "packets": "frames on the wire, compared with what the program says",
    "stress": "frames and programs under load",
}
_UNTRIED: Final = ("blocked", "error")
_LISTED: Final = 24


class Limit(NamedTuple):
    """One thing that is not covered."""

    what: str
    why: str


def reached(lines: Sequence[Result]) -> str:
    """The strongest level on which a line was decided; empty if none was."""
    found = {line.level for line in lines if line.outcome not in _UNTRIED}
    return next((level for level in reversed(LEVELS) if level in found), "")


def limits(results: Results, nic: NicResults, signer: str | None) -> list[Limit]:
    """What is not covered, what weighs most first."""
    found = []
    lines = nic.results
    if nic.source == "mock":
        found.append(
            Limit("Any NIC", "the replies came from a simulated kernel: no device was asked")
        )
    if nic.missing:
        found.append(
            Limit(
                _number(len(nic.missing), "requirement"),
                f"not run: {_listed(nic.missing)}",
            )
        )
    found += _open(lines)
    found += _levels(results, nic)
    if nic.profile is None:
        found.append(
            Limit(
                "What the driver should claim",
                "no profile covers it: claims were only compared"
                " with each other and with behaviour",
            )
        )
    found += _states(nic)
    found += _zero_copy(nic)
    if nic.recording is None:
        found.append(
            Limit(
                "Replay",
                "no recording was kept: the replies can be read below, and not be"
                " judged again by 'xdpconform verify --replay'",
            )
        )
    elif reached(lines) not in ("", "claims"):
        found.append(
            Limit(
                "Replay of frames",
                "the recording gives the lines of level claims again; those"
                " above rest on the evidence that is written down",
            )
        )
    if signer is None:
        found.append(
            Limit(
                "Who says so",
                "not signed: digests tell that the files belong together, and not who made them",
            )
        )
    found.append(_elsewhere(nic))
    found.append(Limit("Speed", "throughput and latency were not measured"))
    return found


def _open(lines: Sequence[Result]) -> list[Limit]:
    found = []
    for outcome, why in (
        ("blocked", "could not be tested; each says what is missing and how to mend it"),
        ("error", "the test itself broke"),
    ):
        open_ = [line.requirement for line in lines if line.outcome == outcome]
        if open_:
            names = _listed(list(dict.fromkeys(open_)))
            found.append(Limit(f"{_number(len(open_), 'line')} {outcome}", f"{why}: {names}"))
    return found


def _levels(results: Results, nic: NicResults) -> list[Limit]:
    top = LEVELS.index(results.level)
    ran = reached(nic.results)
    last = LEVELS.index(ran) if ran else -1
    barren = [
        level
        for level in LEVELS[last + 1 : top + 1]
        if any(line.level == level for line in nic.results)
    ]
    return [
        Limit(f"Level {level}", f"{MEANINGS[level]}: asked for, and no line could be decided")
        for level in barren
    ] + [
        Limit(f"Level {level}", f"{MEANINGS[level]}: not asked for") for level in LEVELS[top + 1 :]
    ]


def _states(nic: NicResults) -> list[Limit]:
    seen = set(nic.capabilities)
    if any(
        line.requirement == "XDP-STATE-01" and line.outcome not in _UNTRIED for line in nic.results
    ):
        seen.add("attached")
    meaning = {
        "idle": "what is claimed with no native XDP program attached",
        "attached": "what is claimed while a native XDP program is attached, which may be more",
    }
    return [
        Limit(f"State {state}", f"{text}: not seen")
        for state, text in meaning.items()
        if state not in seen
    ]


def _zero_copy(nic: NicResults) -> list[Limit]:
    claimed = any("xsk-zerocopy" in (one.xdp_features or ()) for one in nic.capabilities.values())
    tried = any(
        line.requirement.startswith("XDP-BIND-0")
        and line.requirement != "XDP-BIND-02"
        and line.outcome in ("pass", "fail", "waived")
        for line in nic.results
    )
    if tried:
        return []
    why = "claimed, and not tried with frames" if claimed else "not claimed, and none was there"
    return [Limit("AF_XDP zero copy", why)]


def _elsewhere(nic: NicResults) -> Limit:
    identity = nic.identity
    parts = [f"kernel {identity.kernel}"]
    if nic.environment is not None and nic.environment.build:
        parts[0] += f" ({nic.environment.build})"
    if identity.firmware:
        parts.insert(0, f"firmware {identity.firmware}")
    if nic.environment is None:
        parts.append("whose configuration and module nobody noted,")
    return Limit("Other builds", f"this holds for {', '.join(parts)} and for no other")


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(names[:_LISTED])
    left = len(names) - _LISTED
    return f"{text} and {left} more" if left > 0 else text
