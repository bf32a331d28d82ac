# SPDX-License-Identifier: MIT
"""Every line of level claims as a function, so that recordings are judged without a test run.

The suites say what each requirement means; here is only what judges it. A test holds the two
together, line by line. The order is that of the requirements' names.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, NamedTuple

from xdpconform.judge import claims, invariants, lifecycle, protocol, queues
from xdpconform.judge.finding import Finding
from xdpconform.nic import FLAGS, Nic, XdpAct
from xdpconform.profiles.match import Match


class Line(NamedTuple):
    """A requirement, or one row of it."""

    requirement: str
    judge: Callable[[Nic, Match | None], Finding]
    row: str = ""
    """As the report has it in brackets; empty for a requirement without rows."""
    claim: str = ""
    """The flag or value that it compares with the profile; empty for other lines."""


def _flag(requirement: str, name: str) -> Line:
    return Line(requirement, lambda nic, match: claims.flag(nic, match, name), claim=name)


def _implies(requirement: str, claim: XdpAct, *needed: XdpAct) -> Line:
    return Line(requirement, lambda nic, _match: invariants.implies(nic, claim, *needed))


def _bits(attribute: str) -> Line:
    return Line(
        "XDP-INV-04", lambda nic, _match: invariants.bits_known(nic, attribute), row=attribute
    )


def _nic(requirement: str, judge: Callable[[Nic], Finding]) -> Line:
    return Line(requirement, lambda nic, _match: judge(nic))


def _refused(
    requirement: str,
    question: str,
    code: int,
    *,
    row: bool = False,
    attribute: str | None = None,
    missing: str | None = None,
) -> Line:
    return Line(
        requirement,
        lambda nic, _match: protocol.refused(
            nic, question, code, attribute=attribute, missing=missing
        ),
        question if row else "",
    )


LINES: Final = (
    Line("XDP-FEAT-01", claims.profile_known),
    _flag("XDP-FEAT-02", "basic"),
    _flag("XDP-FEAT-03", "redirect"),
    _flag("XDP-FEAT-04", "ndo-xmit"),
    _flag("XDP-FEAT-05", "xsk-zerocopy"),
    _flag("XDP-FEAT-06", "hw-offload"),
    _flag("XDP-FEAT-07", "rx-sg"),
    _flag("XDP-FEAT-08", "ndo-xmit-sg"),
    _implies("XDP-INV-01", XdpAct.REDIRECT, XdpAct.BASIC),
    _implies("XDP-INV-02", XdpAct.RX_SG, XdpAct.BASIC),
    _implies("XDP-INV-03", XdpAct.NDO_XMIT_SG, XdpAct.NDO_XMIT),
    *map(_bits, FLAGS),
    _nic("XDP-PROTO-01", protocol.family),
    _nic("XDP-PROTO-02", protocol.one_reply),
    _nic("XDP-PROTO-03", protocol.attributes),
    _nic("XDP-PROTO-04", protocol.dump_agrees),
    _nic("XDP-PROTO-05", protocol.acknowledged),
    _refused("XDP-PROTO-06", "no-such-device", errno.ENODEV),
    _refused("XDP-PROTO-07", "ifindex-0", errno.ERANGE, attribute="ifindex"),
    _refused("XDP-PROTO-08", "no-ifindex", errno.EINVAL, missing="ifindex"),
    _refused("XDP-PROTO-09", "ifindex-16-bit", errno.EINVAL, row=True, attribute="ifindex"),
    _refused("XDP-PROTO-09", "ifindex-64-bit", errno.EINVAL, row=True, attribute="ifindex"),
    _refused("XDP-PROTO-10", "unknown-attribute", errno.EINVAL, attribute="attribute 200"),
    _refused("XDP-PROTO-11", "reserved-flag", errno.EINVAL, row=True),
    _refused("XDP-PROTO-11", "reserved-header", errno.EINVAL, row=True),
    _refused("XDP-PROTO-12", "unknown-command", errno.EOPNOTSUPP, row=True),
    _refused("XDP-PROTO-12", "notification", errno.EOPNOTSUPP, row=True),
    _nic("XDP-PROTO-13", lifecycle.life),
    _nic("XDP-PROTO-14", lifecycle.change),
    _nic("XDP-QUEUE-01", queues.counted),
    _nic("XDP-QUEUE-02", queues.do_agrees),
    _nic("XDP-QUEUE-03", queues.bounded),
    _flag("XDP-RXMD-01", "timestamp"),
    _flag("XDP-RXMD-02", "hash"),
    _flag("XDP-RXMD-03", "vlan-tag"),
    _flag("XDP-TXMD-01", "tx-timestamp"),
    _flag("XDP-TXMD-02", "tx-checksum"),
    _flag("XDP-TXMD-03", "tx-launch-time-fifo"),
    _implies("XDP-ZC-01", XdpAct.XSK_ZEROCOPY, XdpAct.BASIC, XdpAct.REDIRECT),
    _nic("XDP-ZC-02", invariants.segments_follow_zero_copy),
    Line("XDP-ZC-03", claims.segments, claim="xdp-zc-max-segs"),
)
"""Every requirement of level claims, each of its rows."""

COMPARED: Final = {line.claim: line.requirement for line in LINES if line.claim}
"""By claim the requirement that compares it with the profile."""
