# SPDX-License-Identifier: MIT
"""Every probe on a live tap: where it is another than a veth, and that the rest works as well."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.facts.nics import capabilities
from tests.probes.beds import made
from tests.probes.test_live_veth import HUNDRED, NOTHING, moments, names, places, ran
from xdpconform.errors import Blocked, Unclaimed
from xdpconform.netlink.ethtool_config import Coalesce
from xdpconform.observed import ACTIONS, ADJUSTED, ALTERED, LOST, Event, Refusal
from xdpconform.probes import actions, adjust, attach, buffers, cost, offload, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.probes.testbed import Testbed

CLAIMS = ("basic", "redirect", "ndo-xmit")


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """One tap for them all."""
    with made("tap", str(tmp_path_factory.mktemp("state"))) as one:
        yield one


@pytest.fixture(autouse=True)
def _as_it_was(bed: Testbed) -> Iterator[None]:
    """Whatever is probed, the tap is as before."""
    before = attach.sight(bed.nic)
    yield
    assert before == attach.sight(bed.nic)


def test_around(bed: Testbed) -> None:
    """Programs come and go, and the claims stay."""
    found = attach.around(bed)

    idle = ("none", False, True, 1500, CLAIMS)
    runs = ("native", True, True, 1500, CLAIMS)
    assert [idle, runs, runs, idle] == [
        moments(sight) for sight in (found.before, found.attached, found.replaced, found.after)
    ]
    assert () == found.told
    assert found.by_peer is None


def test_configured(bed: Testbed) -> None:
    """Coalescing and channels are read three times, and are the same."""
    before, during, after = attach.configured(bed)

    assert before == during == after
    assert Coalesce(bed.nic.ifindex, {"rx-max-frames": 0}) == before.coalesce


def test_jumbo(bed: Testbed) -> None:
    """At MTU 9000 a tap takes every program: its frames are generic XDP's then."""
    found = attach.jumbo(bed)

    assert (9000, None, None, ()) == (found.mtu, found.plain, found.frags, found.lacking)


@pytest.mark.parametrize(
    ("what", "words"), [("link", "link down and up"), ("gro", "GRO off"), ("mtu", "MTU 1400")]
)
def test_change(bed: Testbed, what: str, words: str) -> None:
    """A change is gone afterwards."""
    found = attach.change(bed, what)

    assert words == found.what
    assert found.before == found.after != found.during
    assert CLAIMS == names(found.during.claims)


@pytest.mark.parametrize("frags", [False, True], ids=["plain", "frags"])
def test_largest(bed: Testbed, frags: bool) -> None:
    """The largest MTU is the device's own, with every program."""
    limit = bed.nic.state().max_mtu

    found = buffers.largest_mtu(bed, frags=frags)

    assert (limit, limit, None) == (found.mtu, found.limit, found.above)
    assert {limit: "accepted"} == found.tried


def test_offload(bed: Testbed) -> None:
    """A tap takes no program for the device, and none in hardware mode."""
    found = offload.offload(bed)

    assert (Refusal("EINVAL"), Refusal("EINVAL")) == (found.load, found.attach)


# action: delivered, returned, and the action that xdp_exception names
ACTED = {
    "XDP_PASS": (HUNDRED, NOTHING, None),
    "XDP_DROP": (NOTHING, NOTHING, None),
    "XDP_ABORTED": (NOTHING, NOTHING, ACTIONS["XDP_ABORTED"]),
    "XDP_TX": (NOTHING, HUNDRED, None),
    "invalid": (NOTHING, NOTHING, ACTIONS["invalid"]),
}


@pytest.mark.parametrize("action", ACTED)
def test_act(bed: Testbed, action: str) -> None:
    """Each verdict is carried out on every frame; aborted ones raise exceptions."""
    delivered, returned, code = ACTED[action]

    found = actions.act(bed, action)

    ran(found)
    assert (delivered, returned, NOTHING) == places(found)
    told = [event for event in found.events if event.tracepoint == "xdp_exception"]
    assert told == ([] if code is None else [Event("xdp_exception", "tap0", code, 100)])


@pytest.mark.parametrize("peer", actions.PEERS)
def test_no_peer(bed: Testbed, peer: str) -> None:
    """There is no port at the other end whose state could make a difference."""
    found = actions.act(bed, "XDP_TX", peer=peer)

    assert (NOTHING, HUNDRED, NOTHING) == places(found)


def test_replaced_under_load(bed: Testbed) -> None:
    """Ten replacements between a hundred frames lose none."""
    found = actions.replaced_under_load(bed)

    ran(found)
    assert (HUNDRED, NOTHING, NOTHING) == places(found)


@pytest.mark.parametrize("where", ["head", "tail"])
def test_matrix(bed: Testbed, where: str) -> None:
    """Everything is adjusted, but for what is added at the tail."""
    found = adjust.matrix(bed, where)

    refused = {offset for (_size, offset), word in found.cells.items() if word != ADJUSTED}
    assert {LOST, ALTERED}.isdisjoint(found.cells.values())
    assert all(offset > 0 for offset in refused)
    assert bool(refused) == (where == "tail")


def test_cost(bed: Testbed) -> None:
    """Frames reach the program, and the link stays."""
    found = cost.cost(bed)

    assert 0 == found.flaps
    assert found.first_frame_ms is not None


@pytest.mark.parametrize("words", [{}, {"egress": True}, {"broadcast": True}])
def test_to_device(bed: Testbed, words: dict[str, bool]) -> None:
    """Frames leave by the other device, each once."""
    found = redirect.to_device(bed, **words)  # type: ignore[arg-type]

    ran(found)
    assert (NOTHING, NOTHING, HUNDRED) == places(found)
    assert (100 if "egress" in words else 0) == found.second


def test_to_cpus(bed: Testbed) -> None:
    """Every CPU gets its frames, and runs the second program on them."""
    for flow in redirect.to_cpus(bed).values():
        ran(flow)
        assert (HUNDRED, NOTHING, NOTHING) == places(flow)
        assert 100 == flow.second


@pytest.mark.parametrize("moment", redirect.MOMENTS)
def test_into(bed: Testbed, moment: str) -> None:
    """Frames get into a tap whether it has a program or not."""
    found = redirect.into(bed, moment)

    assert (NOTHING, HUNDRED, NOTHING) == places(found)
    assert CLAIMS == names(found.claims)


def test_into_jumbo(bed: Testbed) -> None:
    """Frames of several buffers do not get into a tap: it does not claim ndo-xmit-sg."""
    found = redirect.into(bed, "before", size=actions.JUMBO)

    assert (NOTHING, NOTHING, NOTHING) == places(found)
    assert [("xdp_redirect_err", -95, 100)] == [
        (event.tracepoint, event.code, event.hits) for event in found.events
    ]


def test_never_into(bed: Testbed) -> None:
    """Where the driver is known to crash, nothing is redirected into the NIC."""
    with pytest.raises(Blocked) as raised:
        redirect.into(bed, "before", crashes="it calls a null pointer")

    assert "never redirected into it: it calls a null pointer" == str(raised.value)


def test_length(bed: Testbed) -> None:
    """A program with frags sees a frame's whole length, and its end."""
    found = buffers.length(bed)

    ran(found, actions.JUMBO, 10)
    assert 9014 == found.notes["bpf_xdp_get_buff_len"]
    assert found.notes["last 8 bytes"] == found.notes["last 8 bytes sent"]


JUMBOS = {
    "act": (partial(actions.act, action="XDP_PASS", size=actions.JUMBO, frags=True), "rx-sg"),
    "length": (buffers.length, "rx-sg"),
    "to a device": (partial(redirect.to_device, size=actions.JUMBO), "rx-sg"),
    "into": (partial(redirect.into, moment="before", size=actions.JUMBO), "ndo-xmit-sg"),
}


def small(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the NIC be one that takes an MTU of 1500 at most."""
    state = bed.nic.state()._replace(max_mtu=1500)
    monkeypatch.setattr(bed.nic, "state", lambda: state)


@pytest.mark.parametrize("name", JUMBOS)
def test_too_small(bed: Testbed, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A NIC that carries no large frames, and promises nothing about them, lacks nothing."""
    look, flag = JUMBOS[name]
    small(bed, monkeypatch)

    with pytest.raises(Unclaimed) as raised:
        look(bed)

    assert f"{flag} is not claimed, and tap0 takes no MTU above 1500" == str(raised.value)


@pytest.mark.parametrize("name", JUMBOS)
def test_too_small_claimed(bed: Testbed, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Where something is promised about large frames, they cannot be tried."""
    look, _flag = JUMBOS[name]
    small(bed, monkeypatch)
    monkeypatch.setattr(attach, "claims", lambda _port: capabilities(["rx-sg", "ndo-xmit-sg"]))

    with pytest.raises(Blocked) as raised:
        look(bed)

    assert "tap0 takes no MTU above 1500: frames of 9014 bytes cannot be tried" == str(raised.value)
    assert not isinstance(raised.value, Unclaimed)
