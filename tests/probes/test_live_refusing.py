# SPDX-License-Identifier: MIT
"""Every probe on a live veth that takes no program, since its peer could send on more queues than
it has, and whose peer takes none either: nothing breaks, and nothing is called wrong.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import unavailable
from xdpconform.errors import Blocked, Unclaimed
from xdpconform.judge import Finding, Kind, Outcome, attach, flow, shape
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import ACTIONS, Attach
from xdpconform.probes import actions, adjust, buffers, cost, redirect
from xdpconform.probes import attach as probe
from xdpconform.probes.preconditions import lacking
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFUSED = "ENOSPC (veth: XDP expects number of rx queues not less than peer tx queues)"
BARE = "basic is not claimed, and no program can be attached"
NEITHER = "basic is not claimed, and it does not work"
SEVERAL = "basic and rx-sg is not claimed, and it does not work"
REDIRECT = "basic and redirect is not claimed, and it does not work"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """One receive queue and two transmit queues at both ends."""
    reason = unavailable()
    if reason:
        pytest.skip(f"a testbed {reason}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDPCONFORM_STATE", str(tmp_path_factory.mktemp("state")))
        with Testbed.veth(Guardian(), queues=(1, 2)) as made:
            yield made


def acted(action: str, place: str, bed: Testbed) -> Finding:
    """A line of the actions."""
    found = actions.act(bed, action)
    code = ACTIONS[action] if action in ("XDP_ABORTED", "invalid") else None
    return flow.acted(found, place, XdpAct.BASIC, exceptions=code)


def of(judge: Callable[[Attach], Finding], bed: Testbed) -> Finding:
    """A line of the attach."""
    return judge(probe.around(bed))


# name: what the line says, and why
UNCLAIMED: dict[str, tuple[Callable[[Testbed], Finding], str]] = {
    "native": (partial(of, attach.native), NEITHER),
    "replaced": (partial(of, attach.replaced), BARE),
    "restored": (partial(of, attach.restored), BARE),
    "told": (partial(of, attach.change_told), BARE),
    "jumbo plain": (lambda bed: attach.jumbo_plain(probe.jumbo(bed), None), "basic is not claimed"),
    "jumbo frags": (
        lambda bed: attach.jumbo_frags(probe.jumbo(bed)),
        "rx-sg is not claimed, and it does not work",
    ),
    "largest": (
        lambda bed: shape.largest(buffers.largest_mtu(bed, frags=False)),
        "not claimed: nothing is promised, and so reported",
    ),
    "head": (lambda bed: shape.adjusted(adjust.matrix(bed, "head")), BARE),
    "tail": (lambda bed: shape.adjusted(adjust.matrix(bed, "tail")), BARE),
    "under load": (
        lambda bed: flow.acted(actions.replaced_under_load(bed), "delivered", XdpAct.BASIC),
        NEITHER,
    ),
    "counted": (lambda bed: flow.counted(actions.act(bed, "XDP_PASS")), BARE),
    "length": (lambda bed: flow.whole(buffers.length(bed)), SEVERAL),
    "jumbo": (
        lambda bed: flow.acted(
            actions.act(bed, "XDP_PASS", size=actions.JUMBO, frags=True),
            "delivered",
            XdpAct.BASIC,
            XdpAct.RX_SG,
        ),
        SEVERAL,
    ),
    "to a device": (
        lambda bed: flow.acted(redirect.to_device(bed), "elsewhere", XdpAct.BASIC, XdpAct.REDIRECT),
        REDIRECT,
    ),
    "to a CPU": (
        lambda bed: flow.acted_on_each(redirect.to_cpus(bed), XdpAct.BASIC, XdpAct.REDIRECT),
        f"CPU 0: {REDIRECT}",
    ),
    "into before": (
        lambda bed: flow.target(redirect.into(bed, "before"), XdpAct.NDO_XMIT),
        "ndo-xmit is not claimed, and it does not work",
    ),
    "into during": (
        lambda bed: flow.target(redirect.into(bed, "during", peer="gro"), XdpAct.NDO_XMIT),
        BARE,
    ),
    "into after": (
        lambda bed: flow.target(redirect.into(bed, "after", peer="gro"), XdpAct.NDO_XMIT),
        BARE,
    ),
}
UNCLAIMED |= {
    action: (partial(acted, action, place), NEITHER) for action, place in actions.PLACES.items()
}


@pytest.mark.parametrize("name", UNCLAIMED)
def test_unclaimed(bed: Testbed, name: str) -> None:
    """What is neither claimed nor there is not-claimed, in every line."""
    line, reason = UNCLAIMED[name]

    found = line(bed)

    assert (Outcome.NOT_CLAIMED, None, reason) == (found.outcome, found.kind, found.reason)


@pytest.mark.parametrize("look", [probe.configured, cost.cost], ids=["configured", "cost"])
def test_not_promised(bed: Testbed, look: Callable[[Testbed], object]) -> None:
    """Probes that have nothing to show without a program say that none was promised."""
    with pytest.raises(Unclaimed) as raised:
        look(bed)

    assert BARE == str(raised.value)


def test_into_gro(bed: Testbed) -> None:
    """Frames get into such a veth all the same where its peer has GRO, and it claims so."""
    found = flow.target(redirect.into(bed, "before", peer="gro"), XdpAct.NDO_XMIT)

    assert (Outcome.PASS, "") == (found.outcome, found.reason)


@pytest.mark.parametrize(
    "look",
    [
        partial(actions.act, action="XDP_TX", peer="program"),
        partial(redirect.into, moment="before", peer="program"),
    ],
    ids=["XDP_TX", "into"],
)
def test_peer_refuses(bed: Testbed, look: Callable[[Testbed], object]) -> None:
    """A peer that takes no program blocks, and says nothing of the NIC."""
    with pytest.raises(Blocked) as raised:
        look(bed)

    assert f"veth1 beside the NIC takes no program: {REFUSED}" == str(raised.value)
    assert not isinstance(raised.value, Unclaimed)


def test_lacking(bed: Testbed) -> None:
    """The queues are named as what may be lacking, with a command."""
    assert (
        (
            "2 of 2 tx queues are in use, and XDP may need transmit queues of its own: ethtool -L"
            " veth0 tx 1"
        ),
    ) == lacking(bed)


def test_claimed(bed: Testbed) -> None:
    """Had it claimed basic, the lines that have no reason of their own would blame its queues."""
    seen = probe.around(bed)
    lying = seen._replace(
        before=seen.before._replace(
            claims=seen.before.claims and seen.before.claims._replace(features=XdpAct.BASIC)
        )
    )

    assert Outcome.BLOCKED is attach.native(lying).outcome
    bare = attach.native(lying._replace(lacking=()))
    assert (Outcome.FAIL, Kind.OVER_CLAIM, f"refused: {REFUSED}") == (
        *(bare.outcome, bare.kind),
        bare.observed,
    )
