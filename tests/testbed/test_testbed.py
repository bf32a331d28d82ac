# SPDX-License-Identifier: MIT
"""Testbeds: each kind carries frames, is torn down whole, and puts the host back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import private_namespace
from tests.testbed import child
from xdpconform.errors import InputError, NoSuchInterface, SourceError
from xdpconform.netconfig import Remote
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Namespace, Testbed, testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.namespaces import Namespace as Host

WAIT = 5.0
PEER = "veth1"


@pytest.fixture
def cabled(host: Host) -> Host:
    """A host with a cable from veth0 to veth1, the peer well configured."""
    host.batch(
        "link add veth0 type veth peer name veth1",
        "link set veth0 up",
        "link set veth1 mtu 1400 up",
        "addr add 10.1.0.2/24 brd + dev veth1",
        "addr add 10.1.0.3/24 dev veth1 label veth1:x",
        "addr add 10.2.0.1 peer 10.2.0.2/32 dev veth1",
        "addr add 10.3.0.1/24 dev veth1 valid_lft 5000 preferred_lft 4000",
        "addr add fd00::2/64 dev veth1 nodad",
        "addr add fe80::5/64 dev veth1 nodad",
    )
    return host


@pytest.fixture
def elsewhere() -> Iterator[Host]:
    """Another namespace."""
    with private_namespace() as made:
        yield made


def configured(host: Host, ifname: str = PEER) -> dict[str, object]:
    """How a port is set up, as iproute2 lists it; times that run are left out."""
    shown = json.loads(host.ip("-j", "addr", "show"))
    for port in shown:
        if port["ifname"] == ifname:
            keys = ("family", "local", "prefixlen", "address", "broadcast", "label", "scope")
            addresses = [[one.get(key) for key in keys] for one in port["addr_info"]]
            routes = json.loads(host.ip("-j", "route", "show", "dev", ifname))
            return {
                "index": port["ifindex"],
                "mac": port["address"],
                "mtu": port["mtu"],
                "up": "UP" in port["flags"],
                "IPv4": [one for one in addresses if one[0] == "inet"],
                "IPv6": sorted(one[1] for one in addresses if one[0] == "inet6"),
                "routes": sorted(route["dst"] for route in routes),
            }
    return {}


def carries(bed: Testbed) -> None:
    """Frames pass in both directions."""
    frames = bed.frames()
    assert bed.wire is not None
    for source, target in ((bed.wire, bed.behind), (bed.behind, bed.wire)):
        sent = frames.make(5, 1000)
        source.send(sent)

        assert sent == target.receive(5, WAIT)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("make", "kind", "ports"),
    [(Testbed.veth, "veth", ("veth0", "veth1")), (Testbed.tap, "tap", ("tap0", None))],
    ids=["veth", "tap"],
)
def test_made(make: Callable[[Guardian], Testbed], kind: str, ports: tuple[str, str]) -> None:
    """A testbed that is made carries frames, changes nothing outside, and ends its guardian."""
    guardian = Guardian()
    with make(guardian) as bed:
        carries(bed)

        assert kind == bed.kind
        assert ports == (bed.nic.ifname, bed.peer.ifname if bed.peer else None)
        assert () == guardian.owed
        assert bed.frames().make(1)[0][:12] == bed.nic.mac + bed.far_mac
    with pytest.raises(SourceError, match=r"^a namespace of our own is closed$"):
        bed.nic.state()
    assert 0 == guardian._child.returncode


@pytest.mark.usefixtures("host")
def test_queues() -> None:
    """Both ends of a pair have as many queues as asked for."""
    with Testbed.veth(Guardian(), queues=(4, 3)) as bed:
        assert bed.peer is not None
        counts = [(port.state().rx_queues, port.state().tx_queues) for port in (bed.nic, bed.peer)]

        assert [(4, 3), (4, 3)] == counts


def test_alone(cabled: Host) -> None:
    """A NIC alone has no medium, and what passes its hook can be seen."""
    before = configured(cabled, "veth0")
    with Testbed.alone(Namespace.at(cabled.name), "veth0", Guardian()) as bed:
        bed.check()

        assert ("alone", None, None) == (bed.kind, bed.wire, bed.peer)
        assert [] == bed.behind.receive(1, 0)
        assert before == configured(cabled, "veth0")
    assert before == configured(cabled, "veth0")


def test_no_such_nic(host: Host) -> None:
    """A name that is no interface is refused, and the guardian is not left behind."""
    guardian = Guardian()
    with pytest.raises(NoSuchInterface, match=f"^no interface 'eth9' in {host.path}$"):
        Testbed.alone(Namespace.at(host.name), "eth9", guardian)
    assert 0 == guardian._child.returncode


def test_cabled(cabled: Host) -> None:
    """The peer is away while it is used, and comes home as it was: number, addresses, routes."""
    before = configured(cabled)
    nic = configured(cabled, "veth0")
    told: list[str] = []
    steps: list[str] = []
    space = Namespace.at(cabled.name)
    guardian = Guardian()
    with Testbed.cabled(
        space, "veth0", PEER, guardian, progress=told.append, step=steps.append
    ) as bed:
        carries(bed)

        assert ("peer", PEER, 1400) == (bed.kind, bed.peer and bed.peer.ifname, mtu(bed))
        assert {} == configured(cabled)
    assert before == configured(cabled)
    assert nic["index"] == configured(cabled, "veth0")["index"]
    assert () == guardian.failures
    assert [
        "wait for the link of veth0",
        "wait for the link of veth1",
        "wait for a frame from veth1 to veth0 and back",
    ] == told
    assert [
        "keep: veth1 up",
        "keep: addr-gen-mode of veth1",
        "keep: mtu of veth1 back to 1400",
        "keep: veth1 back home",
        "move veth1 to a namespace of our own",
        "switch veth1 on",
    ] == steps[-6:]
    assert {
        f"keep: address {address} of veth1"
        for address in ("10.1.0.2", "10.1.0.3", "10.2.0.1", "10.3.0.1", "fd00::2", "fe80::5")
    } <= set(steps[:-6])


def mtu(bed: Testbed) -> int | None:
    """The peer's."""
    return bed.peer.state().mtu if bed.peer else None


def test_cabled_ports_down(cabled: Host) -> None:
    """Ports that were down are up for the test, and down afterwards."""
    for port in ("veth0", PEER):
        cabled.ip("link", "set", port, "down")
    with Testbed.cabled(Namespace.at(cabled.name), "veth0", PEER, Guardian()) as bed:
        carries(bed)
    assert [False, False] == [configured(cabled, name)["up"] for name in ("veth0", PEER)]


def test_cabled_changed_meanwhile(cabled: Host) -> None:
    """What was changed of the peer while it was away comes back with it."""
    before = configured(cabled)
    with Testbed.cabled(Namespace.at(cabled.name), "veth0", PEER, Guardian()) as bed:
        assert bed.peer is not None
        with bed.settings.mtu(bed.peer, 9000), bed.settings.down(bed.peer):
            assert 9000 == bed.peer.state().mtu
    assert before == configured(cabled)


def test_cabled_error_inside(cabled: Host) -> None:
    """The peer comes home where the run ends by an error."""
    before = configured(cabled)
    space = Namespace.at(cabled.name)
    with pytest.raises(ZeroDivisionError), Testbed.cabled(space, "veth0", PEER, Guardian()):
        raise ZeroDivisionError
    assert before == configured(cabled)


ROUTES = {
    "gateway": (
        ["route add 10.9.0.0/16 via 10.1.0.9 dev veth1"],
        "the route to 10.9.0.0/16 by a gateway",
    ),
    "default": (
        ["route add default via 10.1.0.9 table 77"],
        "the route to 0.0.0.0/0 by a gateway",
    ),
    "on-link": (["route add 10.9.0.0/16 dev veth1"], "the route to 10.9.0.0/16"),
    "ipv6": (
        ["-6 route add fd09::/64 via fd00::9 dev veth1"],
        "the route to fd09::/64 by a gateway",
    ),
    "multipath": (
        ["route add 10.9.0.0/16 nexthop via 10.1.0.8 dev veth1 nexthop via 10.1.0.9 dev veth1"],
        "the route to 10.9.0.0/16 by a gateway",
    ),
    "nexthop": (["nexthop add id 5 via 10.1.0.9 dev veth1"], "nexthop object 5"),
}


@pytest.mark.parametrize(("commands", "lost"), ROUTES.values(), ids=ROUTES)
def test_routes(cabled: Host, commands: list[str], lost: str) -> None:
    """A peer whose routes would be lost is refused by those routes, and nothing is touched."""
    for command in commands:
        cabled.ip(*command.split())
    before = configured(cabled)
    steps: list[str] = []
    expected = (
        f"veth1 cannot be the peer: {lost} would be lost. Take it away (ip route), or name a port"
        " that nothing uses"
    )
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        Testbed.cabled(Namespace.at(cabled.name), "veth0", PEER, Guardian(), step=steps.append)
    assert before == configured(cabled)
    assert [] == steps


def test_peer_is_the_nic(cabled: Host) -> None:
    """The NIC is not its own peer."""
    expected = "^veth0 is the NIC itself: the peer is the port it is cabled to$"
    with pytest.raises(InputError, match=expected):
        Testbed.cabled(Namespace.at(cabled.name), "veth0", "veth0", Guardian())


def test_not_cabled(cabled: Host, elsewhere: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ports with links of their own but no cable between them are refused, and put back."""
    monkeypatch.setattr(testbed, "PASSING", 2 * testbed.TRIAL)
    cabled.batch(f"link add other0 type veth peer name other1 netns {elsewhere.name}")
    elsewhere.ip("link", "set", "other1", "up")
    cabled.ip("link", "set", "other0", "addrgenmode", "none", "up")  # else it gets one, later
    before = configured(cabled, "other0")
    expected = (
        "no frame arrives from other0 to veth0, though both have a link: are they cabled to each"
        " other, and does a switch between them pass frames of EtherType 0x88B5?"
    )
    cabled.ip("link", "add", "third0", "type", "veth", "peer", "name", "third1")
    with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
        Testbed.cabled(Namespace.at(cabled.name), "veth0", "other0", Guardian())
    assert before == configured(cabled, "other0")


def test_loopback(host: Host) -> None:
    """A NIC that hears itself carries frames to itself."""
    with Testbed.loopback(Namespace.at(host.name), "lo", Guardian()) as bed:
        carries_once = bed.frames().make(4)
        assert bed.wire is not None
        bed.wire.send(carries_once)

        assert ("loopback", None, bed.nic.mac) == (bed.kind, bed.peer, bed.far_mac)
        assert carries_once == bed.wire.receive(4, WAIT)
        assert carries_once == bed.behind.receive(4, WAIT)
        assert [0, 0] == [bed.wire.drain(), bed.behind.drain()]


def test_loopback_refused(cabled: Host) -> None:
    """A NIC without the feature is refused with what ethtool shows."""
    expected = "veth0 cannot switch loopback: the driver has it off [fixed] (`ethtool -k veth0`)"
    with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
        Testbed.loopback(Namespace.at(cabled.name), "veth0", Guardian())


@pytest.fixture
def remote_host(cabled: Host, elsewhere: Host) -> Host:
    """The namespace where the peer is already; it has one address of each family."""
    cabled.ip("link", "set", PEER, "netns", elsewhere.name)
    elsewhere.batch(
        "link set veth1 up",
        "addr add 10.1.0.2/24 dev veth1",
        "addr add fd00::2/64 dev veth1 nodad",
    )
    cabled.ip("addr", "add", "10.1.0.1/24", "dev", "veth0")
    return elsewhere


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"v4": "10.1.0.2"},
        {"v6": "fd00::2"},
        {"v4": "10.1.0.2", "v6": "fd00::2", "local_v4": "10.1.0.1"},
    ],
    ids=["alone-there", "v4", "v6", "all"],
)
def test_remote(cabled: Host, remote_host: Host, said: dict[str, str]) -> None:
    """A peer in a namespace is found by its address, or as the only one; nothing is moved."""
    before = configured(remote_host)
    remote = Remote("netns", remote_host.name, **said)
    with Testbed.remote(Namespace.at(cabled.name), "veth0", remote, Guardian()) as bed:
        carries(bed)

        assert ("peer", PEER) == (bed.kind, bed.peer and bed.peer.ifname)
        assert before == configured(remote_host)
    assert before == configured(remote_host)


WRONG = {
    "v4": (
        {"v4": "10.1.0.9"},
        (
            "REMOTE_V4=10.1.0.9: no interface in the network namespace {far} has it; there are:"
            " veth1, more0, more1"
        ),
    ),
    "several": (
        {},
        (
            "REMOTE_ARGS={far}: the peer there could be any of: veth1, more0, more1; say which by"
            " its address, REMOTE_V4 or REMOTE_V6"
        ),
    ),
    "two-interfaces": (
        {"v4": "10.8.0.1", "v6": "fd00::2"},
        "REMOTE_V4=10.8.0.1 and REMOTE_V6=fd00::2 are addresses of two interfaces: name one peer",
    ),
    "local": (
        {"v4": "10.1.0.2", "local_v4": "10.1.0.7"},
        "LOCAL_V4=10.1.0.7 is no address of veth0, whose are: 10.1.0.1",
    ),
}


@pytest.mark.parametrize(("said", "expected"), WRONG.values(), ids=WRONG)
def test_remote_refused(
    cabled: Host, remote_host: Host, said: dict[str, str], expected: str
) -> None:
    """Names that do not fit what is there are refused, with what is there."""
    cabled.ip("-6", "addr", "flush", "dev", "veth0")
    remote_host.batch("link add more0 type veth peer name more1", "addr add 10.8.0.1/24 dev more0")
    remote = Remote("netns", remote_host.name, **said)
    with pytest.raises(InputError) as caught:
        Testbed.remote(Namespace.at(cabled.name), "veth0", remote, Guardian())
    assert sorted_names(expected.format(far=remote_host.name)) == sorted_names(str(caught.value))


def sorted_names(text: str) -> list[str]:
    """The words of a message: the order of interfaces in it is the kernel's."""
    return sorted(re.split(r"[ ,;]+", text))


def test_aside(cabled: Host) -> None:
    """A second pair beside the NIC is there on demand, once, and goes with the testbed."""
    before = cabled.ip("-br", "link")
    with Testbed.alone(Namespace.at(cabled.name), "veth0", Guardian()) as bed:
        aside = bed.aside()

        assert aside == bed.aside()
        assert aside.out.ifname in cabled.ip("-br", "link")
        assert aside.far.namespace.inode != aside.out.namespace.inode
        assert [aside.out.state().carrier, aside.far.state().carrier] == [True, True]
    assert before == child.until(lambda: cabled.ip("-br", "link"), before)


STEPS = """
import os, signal, sys
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Namespace, Testbed
left = int(sys.argv[2])
def step(sentence):
    global left
    if not left:
        print(sentence, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
Testbed.cabled(Namespace.at(sys.argv[1]), "veth0", "veth1", Guardian(), step=step)
print("there", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_at_each_step(cabled: Host) -> None:
    """The peer comes home, whichever step a run is killed at."""
    before = configured(cabled)
    said = []
    while "there" not in said:
        process = child.start(STEPS, cabled.name, str(len(said)))
        said.append(child.line(process))
        child.kill(process)

        assert (said, before) == (said, child.until(lambda: configured(cabled), before))
        assert len(said) < 20, said
    assert "move veth1 to a namespace of our own" in said
