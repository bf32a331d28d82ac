# SPDX-License-Identifier: MIT
"""Lies about a NIC in results that are otherwise as they were, and what a replay says of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.outputs.attest.folders import changed, judged
from xdpconform.outputs.results import ProfileName

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdpconform.outputs.results import Result, Results

VETH = "veth-6.18.44-idle"


def line(results: Results, requirement: str) -> Result:
    """A line by its requirement."""
    return next(one for one in results.nics[0].results if one.requirement == requirement)


def with_line(results: Results, requirement: str, **fields: object) -> Results:
    """The results with another line of this requirement."""
    lines = [
        msgspec.structs.replace(one, **fields) if one.requirement == requirement else one
        for one in results.nics[0].results
    ]
    return changed(results, results=lines)


def without_line(results: Results, requirement: str) -> Results:
    """The results without a requirement's lines."""
    lines = [one for one in results.nics[0].results if one.requirement != requirement]
    return changed(results, results=lines)


def other_identity(results: Results, **fields: object) -> Results:
    """The results of another device."""
    identity = msgspec.structs.replace(results.nics[0].identity, **fields)
    return changed(results, identity=identity)


def more_claimed(results: Results) -> Results:
    """The results of a NIC that claims more."""
    (claims,) = results.nics[0].capabilities.values()
    more = msgspec.structs.replace(
        claims, xdp_features=[*(claims.xdp_features or []), "hw-offload"]
    )
    return changed(results, capabilities={"idle": more})


LIES: dict[str, tuple[Callable[[Results], Results], list[str]]] = {
    "outcome": (
        lambda results: with_line(results, "XDP-FEAT-02", outcome="not-claimed"),
        ["results.json: XDP-FEAT-02[idle]: not-claimed, the recording gives pass: "],
    ),
    "kind": (
        lambda results: with_line(results, "XDP-FEAT-02", kind="mismatch"),
        ["results.json: XDP-FEAT-02[idle]: pass (mismatch), the recording gives pass: "],
    ),
    "observed": (
        lambda results: with_line(results, "XDP-FEAT-01", observed="another"),
        [
            (
                "results.json: XDP-FEAT-01: observed is 'another', the recording gives"
                f" '{line(judged(VETH), 'XDP-FEAT-01').observed}'"
            )
        ],
    ),
    "reason": (
        lambda results: with_line(results, "XDP-FEAT-01", reason="because"),
        ["results.json: XDP-FEAT-01: reason is 'because', the recording gives ''"],
    ),
    "title": (
        lambda results: with_line(results, "XDP-FEAT-01", title="All is well."),
        [
            (
                "results.json: XDP-FEAT-01: title is 'All is well.', the recording gives"
                f" {line(judged(VETH), 'XDP-FEAT-01').title!r}"
            )
        ],
    ),
    "evidence": (
        lambda results: with_line(results, "XDP-FEAT-02", evidence={}),
        ["results.json: XDP-FEAT-02[idle]: evidence: not the bytes that the recording holds"],
    ),
    "left-out": (
        lambda results: without_line(results, "XDP-FEAT-02"),
        [
            "results.json: XDP-FEAT-02: neither run nor said to be missing",
            "results.json: XDP-FEAT-02[idle]: the recording gives pass, and it is not there",
        ],
    ),
    "raised": (  # as if it could not be replayed
        lambda results: with_line(results, "XDP-FEAT-02", level="packets"),
        ["results.json: XDP-FEAT-02[idle]: the recording gives pass, and it is not there"],
    ),
    "twice": (
        lambda results: changed(results, results=[*results.nics[0].results] * 2),
        ["results.json: a line stands there twice"],
    ),
    "level": (
        lambda results: msgspec.structs.replace(results, level="attach"),
        [
            f"results.json: XDP-ATTACH-{number:02}: neither run nor said to be missing"
            for number in range(1, 4)
        ],
    ),
    "firmware": (
        lambda results: other_identity(results, firmware="9.9"),
        ["results.json: identity: firmware is '9.9', the recording gives None"],
    ),
    "claims": (
        more_claimed,
        ["results.json: capabilities: not those that the recording gives"],
    ),
    "other-nic": (
        lambda results: other_identity(results, ifindex=99),
        ["results.json: va with number 99 is not in recording.rec.json"],
    ),
    "no-profile": (
        lambda results: changed(results, profile=None),
        [
            (
                "results.json: XDP-FEAT-01: pass, the recording gives blocked:"
                " no profile for driver veth"
            )
        ],
    ),
    "other-profile": (
        lambda results: changed(results, profile=ProfileName("veth", "sha256:00")),
        [
            (
                "results.json: judged by profile veth of digest sha256:00, which is not at hand:"
                " give its file with --profile (for this driver there are: veth sha256:"
            )
        ],
    ),
    "other-variant": (
        lambda results: changed(
            results, profile=msgspec.structs.replace(results.nics[0].profile, name="tun")
        ),
        [
            (
                "results.json: judged by profile tun, under which the recorded NIC does not fall;"
                " it falls under veth"
            )
        ],
    ),
}
