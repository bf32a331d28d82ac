# SPDX-License-Identifier: MIT
"""Ways in which a NIC can be wrong beside its claims, put into what was seen of an honest one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tests.probes import broken_xsk
from xdpconform.judge.config import Config, VlanFilter
from xdpconform.netlink.ethtool import Channels, Rings, Rss
from xdpconform.netlink.ethtool_config import Coalesce
from xdpconform.netlink.ethtool_ioctl import Rule
from xdpconform.netlink.link_config import Vlan
from xdpconform.netlink.netdev import Capabilities, XdpAct
from xdpconform.observed import (
    ALTERED,
    LOST,
    REFUSED,
    Arrivals,
    Attach,
    Change,
    Cost,
    Event,
    Flow,
    Jumbo,
    Largest,
    Matrix,
    Offload,
    Refusal,
)
from xdpconform.observed_hints import KINDS, TAGGED, Hints, Spread, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

PLACES = ("delivered", "returned", "elsewhere")
UNSUPPORTED = Refusal("EOPNOTSUPP")


class Break(NamedTuple):
    """What is wrong, and what that does to anything that was seen."""

    name: str
    spoil: Callable[[object], object]


def _flows(change: Callable[[Flow], Flow]) -> Callable[[object], object]:
    """Also where there is one for each CPU."""

    def spoil(value: object) -> object:
        if isinstance(value, Flow):
            return change(value)
        if isinstance(value, dict):
            return {key: spoil(one) for key, one in value.items()}
        return value

    return spoil


def _arrivals(change: Callable[[Arrivals], Arrivals]) -> Callable[[object], object]:
    """Wherever frames arrived."""

    def altered(flow: Flow) -> Flow:
        def at(came: Arrivals) -> Arrivals:
            return change(came) if came.frames else came

        return flow._replace(
            delivered=at(flow.delivered), returned=at(flow.returned), elsewhere=at(flow.elsewhere)
        )

    return _flows(altered)


def _of(kind: type[T], change: Callable[[T], object]) -> Callable[[object], object]:
    return lambda value: change(value) if isinstance(value, kind) else value


def _lost(came: Arrivals) -> Arrivals:
    return came._replace(frames=came.frames - 1, intact=came.intact - 1)


def _passed_on(flow: Flow) -> Flow:
    """Frames that should have been dropped are delivered."""
    if any(getattr(flow, name).frames for name in PLACES):
        return flow
    return flow._replace(delivered=Arrivals(flow.sent, flow.sent, 0, flow.digest))


def _counters(change: Callable[[Flow], int]) -> Callable[[object], object]:
    def counted(flow: Flow) -> Flow:
        number = change(flow)
        return flow._replace(counters={"rx_packets": number, "rx-packets": number})

    return _flows(counted)


def _without_exception(flow: Flow) -> Flow:
    left = tuple(event for event in flow.events if event.tracepoint != "xdp_exception")
    return flow._replace(events=left)


def _with_exception(flow: Flow) -> Flow:
    if flow.hits("xdp_exception"):
        return flow
    return flow._replace(events=(*flow.events, Event("xdp_exception", "", 4, flow.sent)))


def _other_exception(flow: Flow) -> Flow:
    events = (
        event._replace(code=event.code + 1) if event.tracepoint == "xdp_exception" else event
        for event in flow.events
    )
    return flow._replace(events=tuple(events))


def _generic(flow: Flow) -> Flow:
    return flow._replace(mode="generic") if flow.mode == "native" else flow


def _refused(flow: Flow) -> Flow:
    return Flow(flow.what, flow.claims, refused=UNSUPPORTED)


def _notes(**notes: object) -> Callable[[object], object]:
    names = {"length": "bpf_xdp_get_buff_len", "last": "last 8 bytes"}
    changed = {names[name]: value for name, value in notes.items()}
    return _flows(
        lambda flow: (
            flow._replace(notes={**flow.notes, **changed})
            if "bpf_xdp_get_buff_len" in flow.notes
            else flow
        )
    )


def _moved(claims: Capabilities | None) -> Capabilities:
    """Other claims: what a program brings to many drivers, or takes from them."""
    assert claims is not None
    assert claims.features is not None
    return claims._replace(features=claims.features ^ XdpAct.NDO_XMIT)


def _changing(told: Callable[[Attach], tuple[Capabilities, ...]]) -> Callable[[object], object]:
    """A NIC whose claims change with a program, and what it tells of that."""

    def spoil(seen: Attach) -> Attach:
        attached, second = seen.attached, seen.replaced
        assert attached is not None
        assert second is not None
        return seen._replace(
            attached=attached._replace(claims=_moved(attached.claims)),
            replaced=second._replace(claims=_moved(second.claims)),
            told=told(seen),
        )

    return _of(Attach, spoil)


def _before(seen: Attach) -> Capabilities:
    assert seen.before.claims is not None
    return seen.before.claims


def _attached(**fields: object) -> Callable[[object], object]:
    """Another look while the program is attached."""
    return _of(
        Attach,
        lambda seen: seen._replace(attached=seen.attached and seen.attached._replace(**fields)),  # type: ignore[arg-type]
    )


def _after(**fields: object) -> Callable[[object], object]:
    """Another look after a program, or after a change of something else."""

    def spoil(value: object) -> object:
        if isinstance(value, (Attach, Change)):
            return value._replace(after=value.after._replace(**fields))  # type: ignore[arg-type]
        return value

    return spoil


def _same_program(seen: Attach) -> Attach:
    assert seen.attached is not None
    return seen._replace(replaced=seen.attached)


def _cells(word: str) -> Callable[[object], object]:
    def spoil(seen: Matrix) -> Matrix:
        first = next(cell for cell in sorted(seen.cells) if (cell[1] < 0) == (seen.where == "tail"))
        return seen._replace(cells={**seen.cells, first: word})

    return _of(Matrix, spoil)


def _told(
    change: Callable[[Told, int], Told], kinds: Sequence[str] = KINDS
) -> Callable[[object], object]:
    """Something else is told of frames of some kinds, by the clock's time when they were sent."""

    def spoil(seen: Hints) -> Hints:
        now = seen.clocks[0].before if seen.clocks else 0
        told = (change(one, now) if one.sent.kind in kinds else one for one in seen.told)
        return seen._replace(told=tuple(told))

    return _of(Hints, spoil)


def _tag(one: Told, code: int, vlan_tci: int) -> Told:
    return one._replace(returned=(*one.returned[:2], code), vlan_tci=vlan_tci)


def _spread(seen: Hints) -> Hints:
    """A key, and a table that leads to a queue that there is not."""
    return seen._replace(spread=Spread("toeplitz", bytes(range(52)), (9,)))


SET = Config(
    (Rule(5, 1, 3, None, b"\xaa" * 144),),
    Rss(4, None, 1, (0, 1, 2, 3), b"\x6d\x5a", 0),
    Coalesce(4, {"rx-usecs": 8}),
    Rings(4, rx=512, tx=256),
    VlanFilter(active=True, vlans=(Vlan(9, "eth0.5", 4, 5, 0x8100),)),
    Channels(4, combined=4),
)
"""A NIC with something of each kind configured."""
LOST_SETTINGS = Config(
    (),
    Rss(4, None, 1, (0, 0, 0, 0), b"\x6d\x5a", 0),
    Coalesce(4, {"rx-usecs": 0}),
    Rings(4, rx=1024, tx=256),
    VlanFilter(active=False, vlans=()),
    Channels(4, combined=2),
)


def _unset(value: object) -> object:
    if isinstance(value, tuple) and len(value) == 3 and isinstance(value[0], Config):
        return (SET, SET, LOST_SETTINGS)
    return value


BREAKS = [
    # Frames.
    Break(
        "a bit of one frame is flipped on its way",
        _arrivals(lambda came: came._replace(intact=came.intact - 1)),
    ),
    Break("one frame is lost", _arrivals(_lost)),
    Break("one frame comes twice", _arrivals(lambda came: came._replace(repeated=1))),
    Break("frames arrive where none should", _flows(_passed_on)),
    Break(
        "frames come back that should be delivered, and the other way round",
        _flows(lambda flow: flow._replace(delivered=flow.returned, returned=flow.delivered)),
    ),
    # Programs.
    Break(
        "the program saw one frame less",
        _flows(lambda flow: flow._replace(seen=max(0, flow.seen - 1))),
    ),
    Break(
        "the second program missed one frame",
        _flows(lambda flow: flow._replace(second=max(0, flow.second - 1))),
    ),
    Break("the program runs in generic mode", _flows(_generic)),
    Break("every program is refused with EOPNOTSUPP", _flows(_refused)),
    Break("the program that was attached is shown in generic mode", _attached(mode="generic")),
    Break("the program was not replaced", _of(Attach, _same_program)),
    Break("the program is still there after its detach", _after(mode="native", program=1)),
    # Tracepoints.
    Break("no xdp_exception is raised", _flows(_without_exception)),
    Break("xdp_exception is raised without a cause", _flows(_with_exception)),
    Break("xdp_exception names another action", _flows(_other_exception)),
    # Counters.
    Break("one frame is not counted", _counters(lambda flow: flow.sent - 1)),
    Break("every frame is counted twice", _counters(lambda flow: 2 * flow.sent)),
    Break("nothing is counted", _counters(lambda _flow: 0)),
    # Several buffers.
    Break("bpf_xdp_get_buff_len gives the first buffer's length", _notes(length=3520)),
    Break("the last bytes of a frame are not its own", _notes(last="00" * 8)),
    Break(
        "a jumbo MTU is refused with EINVAL",
        _of(Jumbo, lambda seen: seen._replace(plain=Refusal("EINVAL"), frags=Refusal("EINVAL"))),
    ),
    Break(
        "a program without frags is taken at a jumbo MTU",
        _of(Jumbo, lambda seen: seen._replace(plain=None)),
    ),
    Break(
        "no program is taken at an MTU of 1500",
        _of(Largest, lambda seen: seen._replace(mtu=1400)),
    ),
    # Adjusted frames.
    Break("a frame that a program cut is lost", _cells(LOST)),
    Break("a frame that a program cut is altered", _cells(ALTERED)),
    Break("cutting a frame is refused", _cells(REFUSED)),
    # Metadata of received frames.
    Break(
        "a time stamp is one of long ago",
        _told(lambda one, now: one._replace(timestamp=now - 10**15 + one.sent.number)),
    ),
    Break(
        "time stamps go backwards",
        _told(lambda one, now: one._replace(timestamp=now - one.sent.number)),
    ),
    Break(
        "every second time stamp is 0",
        _told(lambda one, now: one._replace(timestamp=now * (one.sent.number % 2))),
    ),
    Break(
        "frames of one flow have several hashes",
        _told(lambda one, _now: one._replace(hash=one.sent.number + 1)),
    ),
    Break("every flow has the same hash", _told(lambda one, _now: one._replace(hash=7))),
    Break("hashes are not by the NIC's key, nor queues by its table", _of(Hints, _spread)),
    Break(
        "the hash's type says IPv4 and IPv6 at once",
        _told(lambda one, _now: one._replace(rss_type=3)),
    ),
    Break("a tag is told that no frame had", _told(lambda one, _now: _tag(one, 0, vlan_tci=1))),
    Break(
        "a tag is taken out of frames and not told",
        _told(lambda one, _now: one._replace(h_proto=0x88B5), tuple(TAGGED)),
    ),
    Break(
        "no program can be loaded that asks for metadata",
        _of(Hints, lambda seen: Hints(seen.claims, load=UNSUPPORTED)),
    ),
    # What is told of claims.
    Break("claims change and nobody is told", _changing(lambda _seen: ())),
    Break(
        "the last notification is not what is claimed",
        _changing(lambda seen: (_moved(_before(seen)), _before(seen), _moved(_before(seen)))),
    ),
    Break(
        "the change is told, the change back is not",
        _changing(lambda seen: (_moved(_before(seen)),)),
    ),
    # What is left behind.
    Break("the MTU is another afterwards", _after(mtu=1400)),
    Break("the NIC stays promiscuous", _after(promiscuity=7)),
    Break("the link stays down", _after(up=False)),
    Break("features are off afterwards", _after(features=frozenset[str]())),
    Break("settings are lost with the program", _unset),
    # The rest.
    Break(
        "no frame reaches the program after its attach",
        _of(Cost, lambda seen: seen._replace(first_frame_ms=None)),
    ),
    Break(
        "a program for the device itself is taken",
        _of(Offload, lambda seen: seen._replace(load=None, attach=None)),
    ),
    # AF_XDP sockets.
    *(Break(name, spoil) for name, spoil in broken_xsk.BREAKS),
]
