# SPDX-License-Identifier: MIT
"""Trials of AF_XDP sockets against claims, in both directions, on observations made by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.facts.nics import capabilities
from xdpconform.judge.finding import Finding, Kind, Outcome
from xdpconform.judge.sockets import held
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import Sockets, Trial

PASS, FAIL, NOT_CLAIMED, BLOCKED = (
    Outcome.PASS,
    Outcome.FAIL,
    Outcome.NOT_CLAIMED,
    Outcome.BLOCKED,
)
OVER, UNDER, MISMATCH = Kind.OVER_CLAIM, Kind.UNDER_CLAIM, Kind.MISMATCH
NONE = capabilities()
REDIRECT = capabilities(["basic", "redirect"])
ZERO_COPY = capabilities(["basic", "redirect", "xsk-zerocopy"], 1)
FLAGS = (XdpAct.BASIC, XdpAct.REDIRECT)

RIGHT = Trial("SEND_RECEIVE", 0, {"arrived": 20}, {"arrived": 20, "told": 7})
SHORT = Trial("SEND_RECEIVE", 1, {"arrived": 20, "intact": 20}, {"arrived": 19, "intact": 19})
STUCK = Trial("TEARDOWN", 0, problem="no room to send for 1 s")
UNTRIED = Trial("TEARDOWN", 0, skipped="xdp-zc-max-segs is 1, and 2 buffers are needed")
FAULT = "SEND_RECEIVE, queue 1: arrived 19 instead of 20, intact 19 instead of 20"
ALSO = "it fails in generic XDP too, so it is not the driver: "
CONTROL = (RIGHT,)
UNCLAIMED = "xsk-zerocopy is not claimed"
LRO = "rx-lro is on: ethtool -K eth7 lro off"


def copied(*trials: Trial, **fields: Any) -> Sockets:
    """Seen in copy mode."""
    seen = Sockets("traffic", False, REDIRECT, trials, CONTROL, confirmed=False)
    return seen._replace(**fields)


def zero_copied(*trials: Trial, **fields: Any) -> Sockets:
    """Seen in zero copy."""
    seen = Sockets("traffic", True, ZERO_COPY, trials, CONTROL, confirmed=True)
    return seen._replace(**fields)


def refused(errno: str, **fields: Any) -> Sockets:
    """A bind in zero copy that was refused."""
    return zero_copied(control=(), confirmed=None, bind=Refusal(errno), **fields)


def outcome(finding: Finding) -> tuple[Outcome, Kind | None, str]:
    """What a line says; its evidence must be JSON."""
    json.dumps(finding.evidence)
    return finding.outcome, finding.kind, finding.reason


# what was seen, flags that promise it in copy mode, what the line says
CASES = [
    (copied(RIGHT), FLAGS, (PASS, None, "")),
    (copied(RIGHT), (), (PASS, None, "")),
    (copied(RIGHT, UNTRIED), FLAGS, (PASS, None, "")),
    (copied(RIGHT, SHORT), FLAGS, (FAIL, OVER, FAULT)),
    (copied(RIGHT, SHORT), (), (FAIL, MISMATCH, FAULT)),
    (copied(STUCK), (), (FAIL, MISMATCH, "TEARDOWN, queue 0: no room to send for 1 s")),
    (copied(SHORT, control=(SHORT,)), FLAGS, (BLOCKED, None, ALSO + FAULT)),
    # the control lets off only what fails there too
    (copied(SHORT, control=(STUCK,)), FLAGS, (FAIL, OVER, FAULT)),
    (copied(SHORT, STUCK, control=(STUCK,)), FLAGS, (FAIL, OVER, FAULT)),
    (copied(SHORT, control=(SHORT._replace(skipped="no"),)), FLAGS, (FAIL, OVER, FAULT)),
    # a broken control alone says nothing of the driver
    (copied(RIGHT, control=(SHORT,)), FLAGS, (PASS, None, "")),
    (
        copied(RIGHT, claims=NONE),
        FLAGS,
        (NOT_CLAIMED, None, "basic and redirect is not claimed; see XDP-REDIR-01 for what works"),
    ),
    (
        copied(SHORT, claims=NONE),
        FLAGS,
        (
            NOT_CLAIMED,
            None,
            f"basic and redirect is not claimed, and it does not work: {FAULT}",
        ),
    ),
    (copied(RIGHT, claims=None), FLAGS, (BLOCKED, None, "what the NIC claims is not known")),
    (copied(), FLAGS, (BLOCKED, None, "nothing was tried")),
    (
        copied(UNTRIED),
        FLAGS,
        (NOT_CLAIMED, None, f"nothing of it is promised: {UNTRIED.skipped}"),
    ),
    (
        copied(RIGHT, confirmed=True),
        FLAGS,
        (FAIL, MISMATCH, "the bind asked for the other mode, and XDP_OPTIONS says zero copy"),
    ),
    (
        copied(bind=Refusal("EBUSY"), confirmed=None),
        FLAGS,
        (BLOCKED, None, "the bind was refused: EBUSY"),
    ),
    (
        copied(program=Refusal("EINVAL"), confirmed=None),
        FLAGS,
        (BLOCKED, None, "the program was refused: EINVAL; see XDP-ATTACH-01"),
    ),
    (
        copied(program=Refusal("EINVAL"), lacking=(LRO,), confirmed=None),
        FLAGS,
        (BLOCKED, None, f"the program was refused: EINVAL; {LRO}"),
    ),
    (
        copied(program=Refusal("EINVAL"), claims=NONE, confirmed=None),
        FLAGS,
        (
            NOT_CLAIMED,
            None,
            "basic and redirect is not claimed, and the program was refused: EINVAL",
        ),
    ),
    (
        copied(program=Refusal("EOPNOTSUPP"), claims=NONE, confirmed=None),
        (),
        (NOT_CLAIMED, None, "basic is not claimed, and the program was refused: EOPNOTSUPP"),
    ),
    (
        copied(program=Refusal("EOPNOTSUPP"), claims=REDIRECT, confirmed=None),
        (),
        (BLOCKED, None, "the program was refused: EOPNOTSUPP; see XDP-ATTACH-01"),
    ),
    (
        copied(RIGHT, UNTRIED._replace(name="steering"), group="steering"),
        FLAGS,
        (BLOCKED, None, UNTRIED.skipped),
    ),
    (copied(RIGHT, group="steering"), FLAGS, (PASS, None, "")),
    (zero_copied(RIGHT), (), (PASS, None, "")),
    (zero_copied(RIGHT, SHORT), (), (FAIL, OVER, FAULT)),
    (zero_copied(SHORT, control=(SHORT,)), (), (BLOCKED, None, ALSO + FAULT)),
    (
        zero_copied(RIGHT, claims=REDIRECT),
        (),
        (FAIL, UNDER, "it works, and xsk-zerocopy is not claimed"),
    ),
    (
        zero_copied(SHORT, claims=REDIRECT),
        (),
        (NOT_CLAIMED, None, f"{UNCLAIMED}, and it does not work: {FAULT}"),
    ),
    (
        zero_copied(RIGHT, confirmed=False),
        (),
        (FAIL, OVER, "the bind asked for the other mode, and XDP_OPTIONS says copy mode"),
    ),
    (
        zero_copied(UNTRIED, confirmed=None),
        (),
        (NOT_CLAIMED, None, f"nothing of it is promised: {UNTRIED.skipped}"),
    ),
    (
        refused("EOPNOTSUPP", claims=REDIRECT),
        (),
        (NOT_CLAIMED, None, f"{UNCLAIMED}, and the bind was refused: EOPNOTSUPP"),
    ),
    (
        refused("EOPNOTSUPP"),
        (),
        (FAIL, OVER, "xsk-zerocopy is claimed, and the bind was refused: EOPNOTSUPP"),
    ),
    (
        refused("EINVAL"),
        (),
        (FAIL, OVER, "xsk-zerocopy is claimed, and the bind was refused: EINVAL"),
    ),
    (refused("EBUSY"), (), (BLOCKED, None, "the bind was refused: EBUSY")),
    (
        refused("EINVAL", lacking=(LRO,)),
        (),
        (BLOCKED, None, f"the bind was refused: EINVAL; {LRO}"),
    ),
    (refused("EINVAL", claims=None), (), (BLOCKED, None, "what the NIC claims is not known")),
]


@pytest.mark.parametrize(("seen", "flags", "expected"), CASES)
def test_held(
    seen: Sockets, flags: tuple[XdpAct, ...], expected: tuple[Outcome, Kind | None, str]
) -> None:
    """Claims decide what a wrong trial means, and the control whether it is the driver's fault."""
    assert expected == outcome(held(seen, *flags))


def test_told() -> None:
    """The line counts the trials, and its evidence has what each counted."""
    found = held(copied(RIGHT, SHORT, UNTRIED), *FLAGS)

    assert found.observed == "1 right, 1 wrong, 1 not tried"
    assert found.evidence == {
        "mode": "copy",
        "zero copy by XDP_OPTIONS": False,
        "SEND_RECEIVE, queue 0": "arrived 20, told 7",
        "SEND_RECEIVE, queue 1": "wrong: arrived 19 instead of 20, intact 19 instead of 20",
        "TEARDOWN, queue 0": f"not tried: {UNTRIED.skipped}",
        "generic XDP: SEND_RECEIVE, queue 0": "arrived 20, told 7",
    }


def test_refusal_told() -> None:
    """A refusal is in the line with its errno, and in the evidence."""
    found = held(refused("EOPNOTSUPP", claims=REDIRECT))

    assert found.observed == "bind refused: EOPNOTSUPP"
    assert found.evidence["bind"] == "EOPNOTSUPP"


def test_not_counted_is_wrong() -> None:
    """What is wanted and was never counted is wrong."""
    one = Trial("POLL_RX", 0, {"POLLIN": 0}, {})

    assert not one.right
    assert held(copied(one)).reason == "POLL_RX, queue 0: POLLIN not seen instead of 0"
