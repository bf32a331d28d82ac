# SPDX-License-Identifier: MIT
"""Settings for the length of a block: in force inside, back outside, whatever happens."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.testbed import child
from xdpconform.errors import InputError, KernelError, SourceError
from xdpconform.netlink.links import set_mtu
from xdpconform.netlink.rtnl import dellink
from xdpconform.probes.testbed import Namespace, Port, Settings, Testbed, away, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.namespaces import Namespace as Host
    from xdpconform.probes.safety import Guardian


class Desk:
    """A port with four queues, who changes it, and what was said meanwhile."""

    def __init__(self, namespace: Namespace, guardian: Guardian) -> None:
        self.said: list[str] = []
        self.port = Port(namespace, "veth0")
        self.settings = Settings(guardian, self.said.append)
        self.guardian = guardian


@pytest.fixture
def desk(host: Host, guardian: Guardian) -> Iterator[Desk]:
    """A port of a pair with both ends up."""
    host.batch(
        "link add veth0 numrxqueues 4 numtxqueues 4 type veth"
        " peer name veth1 numrxqueues 4 numtxqueues 4",
        "link set veth0 up",
        "link set veth1 up",
    )
    with Namespace.at(host.name) as namespace:
        yield Desk(namespace, guardian)


def everything(port: Port) -> tuple[object, ...]:
    """All that is changed here, as it is."""
    state = port.state()
    return state.up, state.mtu, settings.features(port), settings.channels(port)


CHANGES: dict[
    str,
    tuple[
        Callable[[Settings, Port], AbstractContextManager[None]], Callable[[Port], object], object
    ],
] = {
    "mtu": (lambda s, port: s.mtu(port, 9000), lambda port: port.state().mtu, 9000),
    "down": (lambda s, port: s.down(port), lambda port: port.state().up, False),
    "up": (lambda s, port: s.up(port), lambda port: port.state().up, True),
    "feature-off": (
        lambda s, port: s.feature(port, {"tx-scatter-gather": False}),
        lambda port: "tx-scatter-gather" in settings.features(port).active,
        False,
    ),
    "features": (
        lambda s, port: s.feature(port, {"rx-gro": True, "rx-gro-list": True}),
        lambda port: {"rx-gro", "rx-gro-list"} <= settings.features(port).active,
        True,
    ),
    "channels": (
        lambda s, port: s.channels(port, rx=2, tx=3),
        lambda port: settings.channels(port)[5:7],
        (2, 3),
    ),
}
changes = pytest.mark.parametrize(("change", "look", "inside"), CHANGES.values(), ids=CHANGES)


@changes
def test_comes_back(
    desk: Desk,
    change: Callable[[Settings, Port], AbstractContextManager[None]],
    look: Callable[[Port], object],
    inside: object,
) -> None:
    """A setting is in force in the block, and afterwards all is as before and nothing is owed."""
    before = everything(desk.port)
    with change(desk.settings, desk.port):
        assert inside == look(desk.port)
    assert before == everything(desk.port)
    assert () == desk.guardian.owed


@changes
def test_comes_back_after_an_error(
    desk: Desk,
    change: Callable[[Settings, Port], AbstractContextManager[None]],
    look: Callable[[Port], object],
    inside: object,
) -> None:
    """What is raised in the block comes out of it, and the setting comes back."""
    before = everything(desk.port)

    def body() -> None:
        with change(desk.settings, desk.port):
            assert inside == look(desk.port)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        body()
    assert before == everything(desk.port)
    assert () == desk.guardian.owed


def test_nested(desk: Desk) -> None:
    """Blocks within blocks come back one after another, the same setting too."""
    before = everything(desk.port)
    seen = []
    with desk.settings.mtu(desk.port, 2000), desk.settings.down(desk.port):
        with desk.settings.mtu(desk.port, 3000):
            seen.append(desk.port.state()[2:4])
        seen.append(desk.port.state()[2:4])

    assert [(False, 3000), (False, 2000)] == seen
    assert before == everything(desk.port)


def test_steps(desk: Desk) -> None:
    """Each change is announced, and its undo is kept before."""
    owed = []

    def say(sentence: str) -> None:
        owed.append((sentence, desk.guardian.owed))

    told = Settings(desk.guardian, say)
    with told.mtu(desk.port, 2000), told.feature(desk.port, {"rx-gro": True}):
        pass
    back = ("mtu of veth0 back to 1500", "features of veth0 back to rx-gro off")

    assert [
        ("keep: mtu of veth0 back to 1500", ()),
        ("mtu of veth0 to 2000", back[:1]),
        ("keep: features of veth0 back to rx-gro off", back[:1]),
        ("features of veth0 to rx-gro on", back),
    ] == owed


def test_as_it_is(desk: Desk) -> None:
    """What is so already is not touched, and needs no undo."""
    with (
        desk.settings.mtu(desk.port, 1500),
        desk.settings.up(desk.port),
        desk.settings.channels(desk.port, rx=4),
        desk.settings.feature(desk.port, {"rx-gro": False, "loopback": False}),
    ):
        assert () == desk.guardian.owed
    assert [] == desk.said


REFUSED: dict[
    str, tuple[Callable[[Settings, Port], AbstractContextManager[None]], type[Exception], str]
] = {
    "mtu": (
        lambda s, port: s.mtu(port, 65536),
        KernelError,
        (
            "rtnetlink setlink mtu 65536: the kernel said EINVAL (Invalid argument): mtu greater"
            " than device maximum"
        ),
    ),
    "channels": (
        lambda s, port: s.channels(port, rx=5),
        KernelError,
        (
            "ethtool channels-set rx-count 5: the kernel said EINVAL (Invalid argument): requested"
            " channel count exceeds maximum; it points at the request's rx-count"
        ),
    ),
    "no-channels": (
        lambda s, port: s.channels(port),
        InputError,
        "ethtool channels-set: give a number of rx, tx, other or combined queues",
    ),
    "fixed": (
        lambda s, port: s.feature(port, {"loopback": True}),
        SourceError,
        "veth0 cannot switch loopback: the driver has it off [fixed] (`ethtool -k veth0`)",
    ),
    "unknown": (
        lambda s, port: s.feature(port, {"gro": True}),
        InputError,
        "no feature 'gro' in this kernel; `ethtool -k veth0` lists them",
    ),
}


@pytest.mark.parametrize(("change", "kind", "expected"), REFUSED.values(), ids=REFUSED)
def test_refused(
    desk: Desk,
    change: Callable[[Settings, Port], AbstractContextManager[None]],
    kind: type[Exception],
    expected: str,
) -> None:
    """What cannot be is refused with the reason, nothing is changed and nothing is owed."""
    before = everything(desk.port)
    with pytest.raises(kind, match=f"^{re.escape(expected)}$"), change(desk.settings, desk.port):
        pytest.fail("the block was entered")
    assert before == everything(desk.port)
    assert () == desk.guardian.owed


def test_step_stops(desk: Desk) -> None:
    """What a step raises stops the change before it is made."""
    before = everything(desk.port)

    def stop(sentence: str) -> None:
        if not sentence.startswith("keep: "):
            raise InputError("stop")

    stopping = Settings(desk.guardian, stop)
    with pytest.raises(InputError, match=r"^stop$"), stopping.mtu(desk.port, 2000):
        pytest.fail("the block was entered")
    assert before == everything(desk.port)
    desk.guardian.close()
    assert before == everything(desk.port)


def test_quiet_refusal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that the driver takes and does not keep is found."""
    monkeypatch.setattr(settings, "set_mtu", lambda ifindex, _mtu: set_mtu(ifindex, 1600))
    expected = "mtu of veth0: asked for 2000, and the driver made it 1600"
    with pytest.raises(SourceError) as caught, desk.settings.mtu(desk.port, 2000):
        pytest.fail("the block was entered")
    assert (
        "mtu of veth0 is 1600 after it was put back, and was 1500 before: look at it before you go"
        " on"
    ) == str(caught.value)
    assert expected == str(caught.value.__context__)


def test_down_keeps_addresses(desk: Desk, host: Host) -> None:
    """IPv6 addresses, which go with the link, come back with it."""
    for address in ("fd00::1/64", "fd00::2/64"):
        host.ip("addr", "add", address, "dev", "veth0", "nodad")
    before = sorted((one.local, one.length) for one in away.addresses(desk.port))
    with desk.settings.down(desk.port):
        assert [] == away.addresses(desk.port)
    assert before == sorted((one.local, one.length) for one in away.addresses(desk.port))
    assert () == desk.guardian.owed


def test_down_loses_no_route(desk: Desk, host: Host) -> None:
    """A port that routes need is not switched off."""
    host.batch("addr add 10.1.0.1/24 dev veth0", "route add 10.9.0.0/16 via 10.1.0.9 dev veth0")
    before = everything(desk.port)
    expected = (
        "veth0 cannot be switched off: the route to 10.9.0.0/16 by a gateway would be lost. Take it"
        " away (ip route), or name a port that nothing uses"
    )
    with (
        pytest.raises(SourceError, match=f"^{re.escape(expected)}$"),
        desk.settings.down(desk.port),
    ):
        pytest.fail("the block was entered")
    assert before == everything(desk.port)
    assert () == desk.guardian.owed


def test_gone(desk: Desk) -> None:
    """A port that is gone has nothing to put back."""
    with desk.settings.mtu(desk.port, 2000), desk.settings.channels(desk.port, rx=1):
        desk.port.ask(dellink(desk.port.ifindex))
    assert () == desk.guardian.owed


CHILD = """
import sys, time
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Namespace, Port, Settings
port = Port(Namespace.at(sys.argv[1]), "veth0")
settings = Settings(Guardian(), lambda sentence: None)
with (
    settings.mtu(port, 9000),
    settings.feature(port, {"rx-gro": True}),
    settings.channels(port, rx=1),
    settings.down(port),
):
    print("changed", flush=True)
    time.sleep(60)
"""


def test_killed(desk: Desk, host: Host) -> None:
    """Everything comes back after a run was killed in the middle."""
    before = everything(desk.port)
    process = child.start(CHILD, host.name)
    try:
        assert "changed" == child.line(process)
        (link,) = json.loads(host.ip("-j", "link", "show", "dev", "veth0"))
        assert 9000 == link["mtu"]
        assert "UP" not in link["flags"]
    finally:
        child.kill(process)

    assert before == child.until(lambda: everything(desk.port), before)


STEPS = """
import os, signal, sys
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Namespace, Port, Settings
left = int(sys.argv[2])
def step(sentence):
    global left
    if not left:
        print(sentence, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
port = Port(Namespace.at(sys.argv[1]), "veth0")
settings = Settings(Guardian(), step)
with settings.mtu(port, 9000), settings.channels(port, rx=1):
    print("there", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_at_each_step(desk: Desk, host: Host) -> None:
    """Everything comes back, whichever step a run is killed at."""
    before = everything(desk.port)
    said = []
    while "there" not in said:
        process = child.start(STEPS, host.name, str(len(said)))
        said.append(child.line(process))
        child.kill(process)

        assert before == child.until(lambda: everything(desk.port), before)
        assert len(said) < 20, said
    assert [
        "keep: mtu of veth0 back to 1500",
        "mtu of veth0 to 9000",
        "keep: channels of veth0 back to rx 4",
        "channels of veth0 to rx 1",
        "there",
    ] == said


def test_on_a_testbed(host: Host, guardian: Guardian) -> None:
    """A testbed changes its ports through its own guardian."""
    del host
    with Testbed.veth(guardian) as bed, bed.settings.mtu(bed.nic, 2000):
        assert ("mtu of veth0 back to 1500",) == guardian.owed
        assert 2000 == bed.nic.state().mtu
