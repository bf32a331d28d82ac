# SPDX-License-Identifier: MIT
"""Every probe on a live veth: what the kernel does with it is what is seen."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.probes.beds import made
from xdpconform.netlink.netdev import flag_names
from xdpconform.observed import (
    ACTIONS,
    ADJUSTED,
    ALTERED,
    LOST,
    REFUSED,
    Arrivals,
    Event,
    Flow,
    Refusal,
    Sight,
)
from xdpconform.probes import actions, adjust, attach, buffers, cost, offload, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.netlink.netdev import Capabilities
    from xdpconform.probes.testbed import Testbed

PLAIN = ("basic", "redirect", "rx-sg")
"""What a veth claims whose peer has neither a program nor GRO."""
FULL = ("basic", "redirect", "ndo-xmit", "rx-sg", "ndo-xmit-sg")
ERANGE = Refusal("ERANGE", "veth: Peer MTU is too large to set XDP")
HUNDRED = (100, 100, 0)
NOTHING = (0, 0, 0)
HOOK_BYTES = 590
"""XDP_PACKET_HEADROOM (256), struct skb_shared_info (320) and the Ethernet header, of a page."""


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """One veth for them all."""
    with made("veth", str(tmp_path_factory.mktemp("state"))) as one:
        yield one


@pytest.fixture(autouse=True)
def _as_it_was(bed: Testbed) -> Iterator[None]:
    """Whatever is probed, both ends are as before."""
    before = [attach.sight(port) for port in (bed.nic, bed.peer) if port]
    yield
    assert before == [attach.sight(port) for port in (bed.nic, bed.peer) if port]


def names(claims: Capabilities | None) -> tuple[str, ...]:
    """The flags of xdp-features."""
    assert claims is not None
    assert claims.features is not None
    return flag_names(claims.features)


def places(flow: Flow) -> tuple[tuple[int, int, int], ...]:
    """Frames, intact ones and repeated ones: delivered, returned, elsewhere."""

    def counts(one: Arrivals) -> tuple[int, int, int]:
        return one.frames, one.intact, one.repeated

    return counts(flow.delivered), counts(flow.returned), counts(flow.elsewhere)


def ran(flow: Flow, size: int = 128, frames: int = 100) -> None:
    """A native program saw every frame, and its digest is kept."""
    assert ("native", None, frames, size, frames, frames * size) == (
        flow.mode,
        flow.refused,
        flow.sent,
        flow.size,
        flow.seen,
        flow.seen_bytes,
    )
    assert 64 == len(flow.digest)


def moments(sight: Sight | None) -> tuple[object, ...]:
    """How a NIC is at a moment, but for numbers that the kernel gives."""
    assert sight is not None
    return sight.mode, sight.program is not None, sight.up, sight.mtu, names(sight.claims)


def test_around(bed: Testbed) -> None:
    """Two programs come one after the other, and none is left."""
    found = attach.around(bed)

    idle = ("none", False, True, 1500, PLAIN)
    runs = ("native", True, True, 1500, PLAIN)
    assert [idle, runs, runs, idle] == [
        moments(sight) for sight in (found.before, found.attached, found.replaced, found.after)
    ]
    assert found.attached
    assert found.replaced
    assert found.attached.program != found.replaced.program
    assert found.before == found.after
    assert (None, None, ()) == (found.refused, found.replace_refused, found.lacking)


def test_channels(bed: Testbed) -> None:
    """A moment's queues are numbers by name, and nothing else."""
    found = attach.sight(bed.nic).channels

    assert {"rx_max": 1, "tx_max": 1, "rx": 1, "tx": 1} == {
        name: count for name, count in found.items() if count is not None
    }
    assert "unknown" not in found


def test_configured(bed: Testbed) -> None:
    """The configuration is read three times, and is the same."""
    before, during, after = attach.configured(bed)

    assert before == during == after
    assert before.channels is not None
    assert (1, 1) == (before.channels.rx, before.channels.tx)


def test_jumbo(bed: Testbed) -> None:
    """At MTU 9000 a program without frags is refused, and one with frags is not."""
    found = attach.jumbo(bed)

    assert (9000, ERANGE, None, ()) == (found.mtu, found.plain, found.frags, found.lacking)
    assert PLAIN == names(found.claims)


# what: its words, and how the NIC is meanwhile
CHANGES = {
    "link": ("link down and up", ("none", False, False, 1500, PLAIN)),
    "gro": ("GRO on", ("none", False, True, 1500, PLAIN)),
    "mtu": ("MTU 1400", ("none", False, True, 1400, PLAIN)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_change(bed: Testbed, what: str) -> None:
    """A change is seen while it lasts, and is gone afterwards."""
    words, during = CHANGES[what]

    found = attach.change(bed, what)

    assert words == found.what
    assert during == moments(found.during)
    assert found.before == found.after
    if what == "gro":
        assert found.during.features - found.before.features == {"rx-gro"}


def test_change_back(bed: Testbed) -> None:
    """GRO that is on is switched off, and comes back; MTUs that are small grow."""
    with bed.settings.feature(bed.nic, {"rx-gro": True}), bed.settings.mtu(bed.nic, 700):
        gro, mtu = attach.change(bed, "gro"), attach.change(bed, "mtu")

    assert ("GRO off", "MTU 800") == (gro.what, mtu.what)
    assert gro.before == gro.after == mtu.before == mtu.after
    assert {"rx-gro"} == gro.before.features - gro.during.features


def test_largest_plain(bed: Testbed) -> None:
    """Without frags the largest MTU is what fits a page, and above it the driver says why."""
    most = os.sysconf("SC_PAGESIZE") - HOOK_BYTES

    found = buffers.largest_mtu(bed, frags=False)

    assert (most, ERANGE, 65535, ()) == (found.mtu, found.above, found.limit, found.lacking)
    assert "accepted" == found.tried[most]
    assert str(ERANGE) == found.tried[most + 1]
    assert {"accepted", str(ERANGE)} == {*found.tried.values()}


def test_largest_frags(bed: Testbed) -> None:
    """With frags every MTU is accepted, up to the device's own limit."""
    found = buffers.largest_mtu(bed, frags=True)

    assert (65535, None, {65535: "accepted"}) == (found.mtu, found.above, found.tried)


def test_offload(bed: Testbed) -> None:
    """A veth takes no program for the device, and none in hardware mode."""
    found = offload.offload(bed)

    assert (Refusal("EINVAL"), Refusal("EINVAL")) == (found.load, found.attach)
    assert PLAIN == names(found.claims)


# action: delivered, and the action that xdp_exception names
ACTED = {
    "XDP_PASS": (HUNDRED, None),
    "XDP_DROP": (NOTHING, None),
    "XDP_ABORTED": (NOTHING, ACTIONS["XDP_ABORTED"]),
    "invalid": (NOTHING, ACTIONS["invalid"]),
}


@pytest.mark.parametrize("action", ACTED)
def test_act(bed: Testbed, action: str) -> None:
    """Each verdict is carried out on every frame, and counted; aborted ones raise exceptions."""
    delivered, code = ACTED[action]

    found = actions.act(bed, action)

    ran(found)
    assert (delivered, NOTHING, NOTHING) == places(found)
    told = () if code is None else (Event("xdp_exception", "veth0", code, 100),)
    assert told == found.events
    assert 100 == found.counters["rx_packets"]
    assert (found.digest == found.delivered.digest) == (action == "XDP_PASS")


# state of the peer: returned, what xdp_bulk_tx tells, and the claims
RETURNED = {
    "plain": (NOTHING, Event("xdp_bulk_tx", "veth0", -6, 100, 0, 100), PLAIN),
    "gro": (NOTHING, Event("xdp_bulk_tx", "veth0", 0, 100, 100, 0), FULL),
    "program": (HUNDRED, Event("xdp_bulk_tx", "veth0", 0, 100, 100, 0), FULL),
}


@pytest.mark.parametrize("peer", RETURNED)
def test_tx(bed: Testbed, peer: str) -> None:
    """A veth's XDP_TX needs its peer's NAPI (ENXIO), and stalls if only GRO has that run."""
    returned, event, claims = RETURNED[peer]

    found = actions.act(bed, "XDP_TX", peer=peer)

    ran(found)
    assert (NOTHING, returned, NOTHING) == places(found)
    assert (event,) == found.events
    assert claims == names(found.claims)
    if returned == HUNDRED:
        assert found.digest == found.returned.digest
    else:
        assert {"came later": 0} == found.notes


def test_replaced_under_load(bed: Testbed) -> None:
    """Ten replacements between a hundred frames lose none."""
    found = actions.replaced_under_load(bed)

    ran(found)
    assert (HUNDRED, NOTHING, NOTHING) == places(found)
    assert {"replaced": 10} == found.notes


@pytest.mark.parametrize("where", ["head", "tail"])
def test_matrix(bed: Testbed, where: str) -> None:
    """Every size meets every offset that leaves enough of it; none is lost or altered."""
    found = adjust.matrix(bed, where)

    all_cells = {(size, offset) for size in adjust.SIZES for offset in adjust.OFFSETS}
    small = {(128, -128), (128, -192), (128, -256)} if where == "tail" else set()
    assert all_cells - small == {*found.cells}
    assert {LOST, ALTERED}.isdisjoint(found.cells.values())
    assert (where, None, ()) == (found.where, found.refused, found.lacking)


def test_headroom(bed: Testbed) -> None:
    """At the head all is granted but the 256 bytes of which struct xdp_frame has some."""
    found = adjust.matrix(bed, "head")

    refused = {cell for cell, word in found.cells.items() if word == REFUSED}
    assert {(size, -256) for size in adjust.SIZES} == refused
    assert {ADJUSTED: 44, REFUSED: 4} == Counter(found.cells.values())


def test_cost(bed: Testbed) -> None:
    """An attach takes time and the link stays; frames reach the program."""
    found = cost.cost(bed)

    assert 0 == found.flaps
    assert found.first_frame_ms is not None
    assert 0 < found.attach_ms <= found.first_frame_ms
    assert found.detach_ms > 0
    assert 0 <= found.lost_attach + found.lost_detach < found.sent


# words: how often a second program ran
DEVICES = {
    "plain": ({}, 0),
    "egress": ({"egress": True}, 100),
    "broadcast": ({"broadcast": True}, 0),
}


@pytest.mark.parametrize("name", DEVICES)
def test_to_device(bed: Testbed, name: str) -> None:
    """Frames leave by the other device, each once, and the second program runs if there is one."""
    words, second = DEVICES[name]

    found = redirect.to_device(bed, **words)

    ran(found)
    assert (NOTHING, NOTHING, HUNDRED) == places(found)
    assert second == found.second
    assert 0 == found.hits("xdp_redirect_err") + found.hits("xdp_exception")
    assert found.digest == found.elsewhere.digest


def test_to_device_jumbo(bed: Testbed) -> None:
    """Frames of several buffers leave by the other device whole."""
    found = redirect.to_device(bed, size=actions.JUMBO)

    ran(found, actions.JUMBO)
    assert (NOTHING, NOTHING, HUNDRED) == places(found)


def test_to_cpus(bed: Testbed) -> None:
    """Every CPU gets its frames, and runs the second program on them."""
    found = redirect.to_cpus(bed)

    assert os.sched_getaffinity(0) <= {*found}
    for flow in found.values():
        ran(flow)
        assert (HUNDRED, NOTHING, NOTHING) == places(flow)
        assert 100 == flow.second


@pytest.mark.parametrize("moment", redirect.MOMENTS)
@pytest.mark.parametrize("peer", actions.PEERS)
def test_into(bed: Testbed, moment: str, peer: str) -> None:
    """Frames get into a veth if and only if its peer has NAPI, which is when ndo-xmit is claimed.

    A program of its own makes no difference.
    """
    found = redirect.into(bed, moment, peer=peer)

    returned = NOTHING if peer == "plain" else HUNDRED
    assert (NOTHING, returned, NOTHING) == places(found)
    assert (PLAIN if peer == "plain" else FULL) == names(found.claims)
    assert ("target", 100) == (found.mode, found.seen)
    told = [(event.tracepoint, event.code, event.hits) for event in found.events]
    if peer == "plain":
        assert [("xdp_redirect_err", -95, 100)] == told
    else:
        assert [("xdp_devmap_xmit", 0, 100), ("xdp_redirect", 0, 100)] == sorted(told)


def test_into_jumbo(bed: Testbed) -> None:
    """Frames of several buffers get into a veth whole."""
    found = redirect.into(bed, "before", peer="program", size=actions.JUMBO)

    assert (NOTHING, HUNDRED, NOTHING) == places(found)
    assert 9014 == found.size


def test_length(bed: Testbed) -> None:
    """A program sees a frame's whole length, what of it is in the first buffer, and its end."""
    found = buffers.length(bed)

    ran(found, actions.JUMBO, 10)
    notes = dict(found.notes)
    assert notes.pop("last 8 bytes") == notes.pop("last 8 bytes sent")
    first = os.sysconf("SC_PAGESIZE") - HOOK_BYTES + 14
    assert {"bpf_xdp_get_buff_len": 9014, "bytes in the first buffer": first} == notes


@pytest.mark.parametrize(("action", "place"), [("XDP_PASS", 0), ("XDP_DROP", None), ("XDP_TX", 1)])
def test_act_jumbo(bed: Testbed, action: str, place: int | None) -> None:
    """Each verdict is carried out on frames of several buffers, too."""
    found = actions.act(bed, action, peer="program", size=actions.JUMBO, frags=True)

    ran(found, actions.JUMBO)
    expected = [NOTHING, NOTHING, NOTHING]
    if place is not None:
        expected[place] = HUNDRED
    assert tuple(expected) == places(found)


def test_act_jumbo_plain(bed: Testbed) -> None:
    """Without frags the program is refused, nothing is sent, and the MTU is not what is lacking
    alone.
    """
    found = actions.act(bed, "XDP_PASS", size=actions.JUMBO)

    assert (ERANGE, 0, 0) == (found.refused, found.sent, found.seen)
    assert ("its MTU is 9000: ip link set veth0 mtu 1500",) == found.lacking[:1]
