# SPDX-License-Identifier: MIT
"""A replay says of a NIC, line by line, what was said of it live; redacted or not."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.live.bpf import native_program
from tests.live.links import set_gro
from tests.namespaces import Namespace, private_namespace
from xdpconform.interfaces import select
from xdpconform.lab import Subject, judge, survey, take_stored
from xdpconform.netlink.rtnl import getlink_dump
from xdpconform.outputs.redact import redact
from xdpconform.probes.lifecycle import Lifecycle
from xdpconform.profiles import Shelf
from xdpconform.recorder import Recorder, keep
from xdpconform.snapshot import Inspector
from xdpconform.sources import Kernel
from xdpconform.sources.recording import Recording, decode, encode, read
from xdpconform.sources.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.plugin.runs import Runs
    from xdpconform.judge import Finding

pytest_plugins = ["pytester"]

TODAY = date(2026, 12, 1)
HOST = os.uname().nodename


class Moment(NamedTuple):
    """One NIC at one moment: what was found live, and the recording of the same bytes."""

    live: dict[str, Finding]
    recording: Recording


def lines(subject: Subject) -> dict[str, Finding]:
    """Every line's finding."""
    return {f"{line.requirement}[{line.row}]": finding for line, finding in judge(subject, TODAY)}


@cache
def lifecycle() -> object:
    """What a listener saw, watched once for all tests."""
    with Lifecycle() as child:
        return child.answer()


def moment(netns: str | None, iface: str) -> Moment:
    """Ask a live NIC, judge it, and keep the bytes."""
    recorder = Recorder(Kernel(netns))
    with Inspector(recorder) as inspector:
        links = select([iface], inspector.links())
        nics = survey(inspector, links, lifecycle, strict=True)  # type: ignore[arg-type]
        recording = keep(recorder, inspector.trace, nics)
    return Moment(lines(Subject(nics[0], Shelf().match(nics[0]))), recording)


def replayed(recording: Recording) -> dict[str, Finding]:
    """Every line's finding of a recording that was written to a file and read again."""
    read = decode(encode(recording), "x")
    (subject,) = take_stored(Replay(read, "x"), "recording", Shelf())
    return lines(subject)


def veth(made: Namespace) -> str:
    """One end of a pair whose other end has GRO on."""
    made.batch("link add va type veth peer name vb", "link set va up", "link set vb up")
    set_gro(made.name, "vb", on=True)
    return "va"


def tap(made: Namespace) -> str:
    """A TAP device."""
    made.ip("tuntap", "add", "tap0", "mode", "tap")
    made.ip("link", "set", "tap0", "up")
    return "tap0"


def bridge(made: Namespace) -> str:
    """A bridge with a port."""
    made.batch(
        "link add br0 type bridge",
        "link add va type veth peer name vb",
        "link set va master br0 up",
        "link set br0 up",
    )
    return "br0"


def loopback(made: Namespace) -> str:
    """The namespace's own loopback."""
    del made
    return "lo"


def odd_veth(made: Namespace) -> str:
    """A veth that is down, with fewer queues than its peer, under a name made of an address."""
    made.batch(
        "link add enx0a1b2c3d4e5f numrxqueues 1 numtxqueues 1 type veth peer name vb"
        " numrxqueues 1 numtxqueues 4",
        "link property add dev enx0a1b2c3d4e5f altname wlx0a1b2c3d4e5f",
        "link set enx0a1b2c3d4e5f alias secret-0a:1b:2c:3d:4e:5f",
    )
    return "enx0a1b2c3d4e5f"


MADE = {"veth": veth, "tap": tap, "bridge": bridge, "lo": loopback, "odd-veth": odd_veth}


@contextmanager
def one_of(kind: str) -> Iterator[Moment]:
    """A device made in a namespace of its own, asked once."""
    with private_namespace() as made:
        make: Callable[[Namespace], str] = MADE[kind]
        yield moment(made.name, make(made))


def eth0() -> Moment:
    """The build machine's NIC, which is only read."""
    if not Path("/sys/class/net/eth0").exists():
        pytest.skip("there is no eth0 here")
    return moment(None, "eth0")


@pytest.mark.parametrize("kind", MADE)
def test_made(kind: str) -> None:
    """A device of each kind: the same findings to the last byte of evidence."""
    with one_of(kind) as found:
        again = replayed(found.recording)

    assert found.live == again
    assert len(again) == len(found.live)


def test_eth0() -> None:
    """A real NIC: the same findings to the last byte of evidence."""
    found = eth0()

    assert found.live == replayed(found.recording)


def test_attached() -> None:
    """With a native program attached the recording is of the state `attached`."""
    with private_namespace() as made:
        name = veth(made)
        with native_program(made.name, made.index(name)):
            found = moment(made.name, name)

    assert ["attached"] == [nic.state for nic in found.recording.nics]
    assert found.live == replayed(found.recording)


def shape(findings: dict[str, Finding]) -> dict[str, tuple[object, ...]]:
    """Findings without the bytes behind them."""
    return {name: tuple(one._replace(evidence={})) for name, one in findings.items()}


@pytest.mark.parametrize("kind", [*MADE, "eth0"])
def test_redacted(kind: str) -> None:
    """A redacted recording has the same findings, and no address, alias or host name in it."""
    if kind == "eth0":
        found = eth0()
    else:
        with one_of(kind) as found:
            pass
    redacted = redact(found.recording, HOST)
    text = encode(redacted)

    assert redacted.redacted
    expected = {
        name: tuple(
            value.replace("0a1b2c3d4e5f", "X") if isinstance(value, str) else value for value in one
        )
        for name, one in shape(found.live).items()
    }
    assert expected == {
        name: tuple(
            re.sub("00000000000[0-9]", "X", value) if isinstance(value, str) else value
            for value in one
        )
        for name, one in shape(replayed(redacted)).items()
    }
    raw = b"".join(reply for one in redacted.exchanges for reply in one.replies) + text
    addresses = set(re.findall(rb"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", raw)) - {b"00:00:00:00:00:00"}
    assert set() == addresses
    for secret in (b"0a1b2c3d4e5f", bytes.fromhex("0a1b2c3d4e5f"), b"secret"):
        assert secret not in raw
    if kind == "eth0":
        address = Path("/sys/class/net/eth0/address").read_text(encoding="ascii").strip()
        assert bytes.fromhex(address.replace(":", "")) not in raw
    # A link of sixty attributes became one of those that are read.
    links = [one for one in redacted.exchanges if one.what == getlink_dump().what]
    before = [one for one in found.recording.exchanges if one.what == getlink_dump().what]
    assert sum(map(len, links[0].replies)) < sum(map(len, before[0].replies)) / 2


@pytest.mark.parametrize("iface", ["lo", "eth0"])
def test_whole_runs(runs: Runs, iface: str) -> None:
    """`pytest --iface` and `pytest --recording` of what `record` wrote end with the same lines."""
    if iface == "eth0":
        eth0()
    from xdpconform.outputs.record import record_to

    path = runs.pytester.path / f"{iface}.rec.json"
    assert record_to([iface], str(path)) == 0
    live = runs.real(f"--iface={iface}", "-p", "no:html", f"--xdp-results={runs.path}")
    (seen,) = json.loads(runs.path.read_bytes())["nics"]
    replay = runs.real(f"--recording={path}", "-p", "no:html", f"--xdp-results={runs.path}")
    (again,) = json.loads(runs.path.read_bytes())["nics"]

    assert live.ret == replay.ret
    assert ("kernel", "recording") == (seen.pop("source"), again.pop("source"))
    assert read(path).digest == again.pop("recording") != seen.pop("recording")
    assert seen["environment"].pop("build")
    assert again["environment"].pop("build") is None  # of a machine elsewhere nobody knows more
    assert {"offloads": seen.pop("environment")["offloads"]} == {
        name: value for name, value in again.pop("environment").items() if value is not None
    }
    for nic in (seen, again):
        for line in nic["results"]:
            del line["evidence"]  # other sockets have other ports
    assert seen == again
