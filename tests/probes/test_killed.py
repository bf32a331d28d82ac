# SPDX-License-Identifier: MIT
"""Killed at every step of every probe: the NIC and its peer are as before, and nothing is left.

A step is what `Testbed.step` is told of: each change of a program, a setting or a device. Where a
probe repeats itself, steps that differ in numbers only are one kind, of which the first, a middle
and the last are tried.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from tests.namespaces import private_namespace
from tests.probes import remains
from tests.probes.victims import INTERRUPTED, NIC, PEER, PROBES, Death, Order
from xdpconform.errors import KernelError
from xdpconform.netlink.routes import FAMILIES, getroute_dump, pull_route
from xdpconform.probes.safety import recover
from xdpconform.probes.testbed import Namespace, Port
from xdpconform.probes.testbed.settings import channels, features

if TYPE_CHECKING:
    from tests.namespaces import Namespace as Host

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 30.0
"""Seconds until a test gives up."""
MOMENTS: Final = 4
"""How often a probe is killed at random."""


class Server:
    """Orders runs that die; see `tests.probes.victims`."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.probes.victims"],
            cwd=ROOT,
            env={**os.environ, "XDPCONFORM_STATE": self.folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid

    def order(self, order: Order) -> Death:
        """Have a run die."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Death)

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, with a folder of journals of its own."""
    folder = tmp_path_factory.mktemp("journals")
    folder.chmod(0o700)
    made = Server(folder)
    yield made
    made.close()


class Bed:
    """Two ports with a cable in between, in namespaces that outlive every run."""

    def __init__(self, host: Host, far: Host | None, server: Server, stack: ExitStack) -> None:
        self.host = host
        self.far = far
        self.server = server
        own = stack.enter_context(Namespace.at(host.name))
        other = stack.enter_context(Namespace.at(far.name)) if far else own
        self.ports = Port(own, NIC), Port(other, PEER)
        self.before = self.look()
        self.there = remains.look(server.folder)

    def look(self) -> list[object]:
        """Everything that a run could have changed."""
        found: list[object] = []
        for space in filter(None, (self.host, self.far)):
            devices = json.loads(space.ip("-j", "-d", "addr", "show"))
            found += sorted((_still(device) for device in devices), key=_name)
        for port in self.ports:
            for family in FAMILIES:
                routes = map(pull_route, port.ask(getroute_dump(family)))
                found.append(sorted(str(route) for route in routes))
        try:
            found += [(features(port), channels(port)) for port in self.ports]
        except KernelError as error:  # the peer is away
            found.append(str(error))
        return found

    def die(self, probe: str, **how: Any) -> Death:
        """Have a run of a probe die, and see the NIC as it was and nothing left."""
        death = self.order(probe, **how)

        assert self.before == self.settled(), (probe, how, death)
        assert [] == os.listdir(self.server.folder)
        return death

    def order(self, probe: str, **how: Any) -> Death:
        """Have a run of a probe die, and nobody of it live."""
        death = self.server.order(
            Order(probe, self.host.name, self.far.name if self.far else "", **how)
        )

        assert ("", 0) == (death.problem, death.left)
        return death

    def settled(self) -> list[object]:
        """Everything, as soon as it is as before, or at last."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.look()) != self.before and time.monotonic() < deadline:
            time.sleep(0.02)  # the kernel takes namespaces down some time later
        return found

    def clean(self) -> None:
        """See that no run left anything in the kernel."""
        assert {} == remains.left(self.there, self.server.folder)


def _name(device: dict[str, Any]) -> str:
    name: str = device["ifname"]
    return name


def _still(device: dict[str, Any]) -> dict[str, Any]:
    """A device without what is not a setting: times that run, and IPv6's own addresses."""
    for address in device["addr_info"]:
        for key in ("valid_life_time", "preferred_life_time", "tentative"):
            address.pop(key, None)
    device["addr_info"].sort(key=lambda address: (address["family"], address["local"]))
    return device


def _until_local(space: Host, name: str, number: int) -> None:
    """Wait for the route of a port's own IPv6 address, which a worker of the kernel adds."""
    deadline = time.monotonic() + PATIENCE
    while f"fd00::{number}" not in space.ip("-6", "route", "show", "table", "local", "dev", name):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def ports(server: Server, *, cabled: bool) -> Iterator[Bed]:
    """The ports; both in one namespace if cabled, else each in one of its own."""
    with private_namespace() as host, private_namespace() as far:
        place = "" if cabled else f" netns {far.name}"
        host.batch(f"link add {NIC} mtu 1600 type veth peer name {PEER} mtu 1500{place}")
        other = host if cabled else far
        for space, name, number in ((host, NIC, 1), (other, PEER, 2)):
            space.batch(
                f"link set {name} addrgenmode none",
                f"addr add 10.1.0.{number}/24 dev {name}",
                f"addr add fd00::{number}/64 dev {name} nodad",
                f"link set {name} up",
            )
        for space, name, number in ((host, NIC, 1), (other, PEER, 2)):
            _until_local(space, name, number)
        host.ip("addr", "add", "10.1.0.3/24", "dev", NIC)
        other.ip("addr", "add", "10.2.0.1", "peer", "10.2.0.2/32", "dev", PEER)
        with ExitStack() as stack:
            yield Bed(host, None if cabled else far, server, stack)


@pytest.fixture
def bed(server: Server) -> Iterator[Bed]:
    """A NIC, and its peer in another namespace."""
    with ports(server, cabled=False) as made:
        yield made


def kind(step: str) -> str:
    """A step without its numbers."""
    return re.sub(r"\d+", "N", step)


def chosen(steps: list[str]) -> list[int]:
    """The steps to be killed at: of each kind the first, a middle and the last, and the end."""
    kinds: dict[str, list[int]] = {}
    for number, sentence in enumerate(steps):
        kinds.setdefault(kind(sentence), []).append(number)
    found = {len(steps)}
    for numbers in kinds.values():
        found |= {numbers[0], numbers[len(numbers) // 2], numbers[-1]}
    return sorted(found)


def at_every_step(bed: Bed, probe: str) -> None:
    """Let a probe run to its end, then kill it at each step."""
    whole = bed.die(probe)
    assert 0 == whole.ended
    assert [] != whole.steps
    for number in chosen(whole.steps):
        death = bed.die(probe, at=number)

        assert -signal.SIGKILL == death.ended
        assert [kind(step) for step in whole.steps[:number]] == [kind(step) for step in death.steps]
    bed.clean()


@pytest.mark.parametrize("probe", PROBES)
def test_at_every_step(bed: Bed, probe: str) -> None:
    """Whichever step of a probe a run is killed at, everything is as it was."""
    at_every_step(bed, probe)


@pytest.mark.parametrize(
    "probe", ["nothing", "jumbo", "change-link", "act-XDP_TX-gro", "into-during-program-jumbo"]
)
def test_at_every_step_with_a_cabled_peer(server: Server, probe: str) -> None:
    """The same where the peer is moved, and has to come home with its addresses."""
    with ports(server, cabled=True) as bed:
        at_every_step(bed, probe)


@pytest.mark.parametrize(
    "probe",
    ["jumbo", "act-XDP_TX-gro", "matrix-tail", "cost", "to_device-jumbo", "into-during-program"],
)
def test_at_any_moment(bed: Bed, probe: str) -> None:
    """Nothing depends on where between two steps a run is killed."""
    moments = random.Random(probe)
    whole = bed.die(probe)
    for _ in range(MOMENTS):
        bed.die(probe, after=moments.uniform(0, whole.seconds))
    bed.clean()


@pytest.mark.parametrize(
    ("number", "ended"),
    [
        (signal.SIGTERM, -signal.SIGTERM),
        (signal.SIGHUP, -signal.SIGHUP),
        (signal.SIGINT, INTERRUPTED),
    ],
    ids=["SIGTERM", "SIGHUP", "SIGINT"],
)
def test_by_signal(bed: Bed, number: int, ended: int) -> None:
    """Signals that end a run leave nothing changed, whether it handles them or not."""
    death = bed.die("largest_mtu-plain", after=0.1, signal=number)

    assert ended == death.ended
    bed.clean()


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (
            "jumbo",
            {"put back: mtu of veth0 back to 1600", "put back: mtu of veth1 back to 1500"},
        ),
        ("change-link", {"put back: up of veth0 back to on", "put back: address fd00::1 of veth0"}),
        ("act-XDP_TX-gro", {"put back: features of veth1 back to rx-gro off"}),
    ],
)
def test_with_its_guardian(bed: Bed, probe: str, expected: set[str]) -> None:
    """Where the guardian is killed too, the next start puts back what the journal says."""
    steps = bed.die(probe).steps
    notes: set[str] = set()
    for number in range(len(steps) + 1):
        death = bed.order(probe, at=number, guardian=True)
        notes |= set(recover(bed.server.folder))

        assert bed.before == bed.settled(), (number, death)
        assert [] == os.listdir(bed.server.folder)
    assert expected == notes
    bed.clean()
