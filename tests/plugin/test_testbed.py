# SPDX-License-Identifier: MIT
"""Runs with frames: a testbed made for the run, a cabled peer, one in a namespace, and what they
write; and what a killed run left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from tests.namespaces import Namespace, private_namespace, unavailable
from tests.plugin.runs import CONFIG, ROOT, SUITES
from tests.plugin.test_levels import outcomes, ran, reasons, start, state
from xdpconform.collector import EXIT_INCOMPLETE
from xdpconform.lab import requirements
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.links import set_mtu
from xdpconform.outputs.results import Results, decode
from xdpconform.probes.safety.guardian import Undo, UndoFailed
from xdpconform.probes.safety.journal import SCHEMA, Entry, Journal, Process, boot_id
from xdpconform.probes.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.plugin.runs import Runs
    from xdpconform.outputs.results import NicResults, Result

pytest_plugins = ["pytester"]
__all__ = ["state"]

PACKETS = requirements("packets") - requirements("attach")
ADDRESSES = ("10.9.0.1/24", "10.9.1.1/24", "fd00::9/64")


class Done(NamedTuple):
    """A run that has ended."""

    status: int
    output: str
    results: Results
    page: str
    left: list[str]
    """What is in the folder of journals."""

    @property
    def nic(self) -> NicResults:
        """The only NIC."""
        (found,) = self.results.nics
        return found


class Started:
    """The suites on a NIC, in a process of their own.

    Args:
        folder: for everything that it writes.
        words: of pytest.
    """

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        (folder / "state").mkdir(0o700)
        environment = {name: text for name, text in os.environ.items() if "REMOTE" not in name}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-c", str(CONFIG), "-p", "xdpconform.plugin"),
                *("-p", "no:hypothesispytest", "-p", "no:cacheprovider", str(SUITES)),
                *(f"--xdp-results={folder / 'results.json'}", f"--html={folder / 'page.html'}"),
                *words,
            ],
            env=environment | {"PYTHONPATH": str(ROOT), "XDPCONFORM_STATE": str(folder / "state")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def done(self) -> Done:
        """Wait for it."""
        output, _none = self.process.communicate(timeout=120)
        return Done(
            self.process.returncode,
            output,
            decode((self.folder / "results.json").read_bytes(), "results.json"),
            (self.folder / "page.html").read_text(encoding="utf-8"),
            [path.name for path in (self.folder / "state").iterdir()],
        )


class Both(NamedTuple):
    """Two whole runs, and the host of the second before and after it."""

    made: Done
    cabled: Done
    before: list[Any]
    after: list[Any]


def ports(host: Namespace) -> list[Any]:
    """How a host's ports are set up: what a run may change of them."""
    found = json.loads(host.ip("-d", "-j", "addr", "show"))
    return [
        (
            *(port[name] for name in ("ifname", "ifindex", "address", "mtu", "promiscuity")),
            "UP" in port["flags"],
            sorted(
                (one["local"], one["prefixlen"])
                for one in port["addr_info"]
                if one["scope"] != "link"  # the kernel's own, once there is a carrier
            ),
        )
        for port in sorted(found, key=lambda port: str(port["ifname"]))
    ]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A run with a veth made for it, and one with a cabled peer; side by side, they mostly wait."""
    reason = unavailable()
    if reason:
        pytest.skip(f"a testbed {reason}")
    with private_namespace() as host:
        host.batch(
            "link add va type veth peer name vb",
            "link set va up",
            "link set vb mtu 1400 up",
            *(f"addr add {address} dev vb{' nodad' * (':' in address)}" for address in ADDRESSES),
        )
        before = ports(host)
        made = Started(tmp_path_factory.mktemp("made"), "--testbed=veth")
        cabled = Started(
            *(tmp_path_factory.mktemp("cabled"), "--netns", host.name),
            *("--iface=va", "--peer=vb"),
        )
        yield Both(made.done(), cabled.done(), before, ports(host))


def line(nic: NicResults, requirement: str, param: str = "") -> Result:
    """One line."""
    return next(one for one in nic.results if (one.requirement, one.param) == (requirement, param))


def test_made(both: Both) -> None:
    """--testbed veth certifies at level packets, and the veth conforms; nothing is left."""
    done = both.made

    assert 0 == done.status, done.output
    assert ("CONFORMS", [], "packets") == (done.nic.verdict, done.nic.missing, done.results.level)
    assert requirements("packets") == ran(done.nic)
    assert {"pass", "not-claimed", "waived"} == {one.outcome for one in done.nic.results}
    assert "xdpconform 0.1.0: level packets\n" in done.output
    assert "  veth0: driver veth, kernel " in done.output
    assert [] == done.left


def test_made_levels(both: Both) -> None:
    """Each line says on which evidence it rests."""
    for level in ("claims", "attach", "packets"):
        found = {one.requirement for one in both.made.nic.results if one.level == level}
        below = {"claims": set(), "attach": requirements("claims")}
        below["packets"] = requirements("attach")

        assert requirements(level) - below[level] == found


def test_evidence(both: Both) -> None:
    """A line of level packets has frames, digests, tracepoints and counters behind it."""
    found = line(both.made.nic, "XDP-ACT-04").evidence

    assert ("XDP_ABORTED", "native", 100, 128, 100, 12800) == tuple(
        found[name]
        for name in (
            *("program", "mode", "sent", "frame bytes"),
            *("seen by the program", "bytes seen"),
        )
    )
    assert ["xdp_exception veth0 100x action XDP_ABORTED"] == found["tracepoints"]
    counters = found["counters"]
    assert isinstance(counters, dict)
    assert (100, 100) == (counters["rx_packets"], counters["rx_queue_0_xdp_drops"])
    assert 64 == len(str(found["sha256 as it should arrive"]))


def test_digest(both: Both) -> None:
    """What arrived has the digest of what was sent."""
    found = line(both.made.nic, "XDP-ACT-01").evidence

    delivered = found["delivered"]
    assert isinstance(delivered, dict)
    assert found["sha256 as it should arrive"] == delivered["digest"]
    assert (100, 100, 0) == tuple(delivered[name] for name in ("frames", "intact", "repeated"))


def test_page(both: Both) -> None:
    """The HTML page shows the lines of level packets with what is behind them."""
    page = both.made.page

    for words in (
        "XDP-ACT-01 XDP_PASS delivers every frame to the host",
        "100 frames of 128 bytes sent, 100 seen by the program, 100 delivered",
        "xdp_exception veth0 100x action XDP_ABORTED",
    ):
        assert words in page
    assert "veth0 CONFORMS" in page or "CONFORMS" in page


def test_cabled(both: Both) -> None:
    """With --peer everything runs on a NIC of the host, and it conforms."""
    done = both.cabled

    assert 0 == done.status, done.output
    assert ("va", "CONFORMS", []) == (done.nic.id, done.nic.verdict, done.nic.missing)
    assert requirements("packets") == ran(done.nic)
    assert [] == done.left


def test_peer_back(both: Both) -> None:
    """The peer is back with its number, MTU and addresses, and so is the NIC."""
    assert both.before == both.after
    (peer,) = (port for port in both.after if port[0] == "vb")
    assert 1400 == peer[3]
    assert {tuple(address.split("/")) for address in ADDRESSES} <= {
        (local, str(length)) for local, length in peer[6]
    }


def test_same_lines(both: Both) -> None:
    """A veth is judged alike, whoever made it."""

    def lines(done: Done) -> set[tuple[str, str, str]]:
        return {(one.requirement, one.param, one.outcome) for one in done.nic.results}

    followers = {"XDP-STATE-03"}  # whether GRO of the peer was on before
    first, second = lines(both.made), lines(both.cabled)
    assert {one[0] for one in first ^ second} <= followers


def test_attach_on_testbed(runs: Runs) -> None:
    """A testbed serves level attach too, and only its lines are required."""
    result = runs.real(
        "--testbed=tap", "--level=attach", "-p", "no:html", f"--xdp-results={runs.path}"
    )

    (nic,) = runs.results().nics
    assert 0 == result.ret
    assert ("tap0", "CONFORMS", []) == (nic.id, nic.verdict, nic.missing)
    assert requirements("attach") == ran(nic)
    assert "attach" == runs.results().level


@pytest.fixture
def near() -> Iterator[Namespace]:
    """Where the NIC va is; its peer vb is in another namespace, which it leads to."""
    with private_namespace() as one:
        one.batch("link add va type veth peer name vb", "addr add 10.9.0.2/24 dev va")
        one.ip("link", "set", "va", "up")
        yield one


@pytest.fixture
def far(near: Namespace) -> Iterator[Namespace]:
    """Where the peer is."""
    with private_namespace() as one:
        near.ip("link", "set", "vb", "netns", one.name)
        one.batch("addr add 10.9.0.1/24 dev vb", "link set vb up")
        yield one


SOME = ("-k", "test_pass or test_head or test_length")


def test_remote(
    runs: Runs, near: Namespace, far: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel selftests' names in the environment name the NIC and its peer."""
    monkeypatch.setenv("NETIF", "va")
    monkeypatch.setenv("REMOTE_TYPE", "netns")
    monkeypatch.setenv("REMOTE_ARGS", far.name)
    monkeypatch.setenv("LOCAL_V4", "10.9.0.2")
    monkeypatch.setenv("REMOTE_V4", "10.9.0.1")
    before = ports(near), ports(far)

    runs.real(
        *("--netns", near.name, "--level=packets", "-p", "no:html"),
        *(f"--xdp-results={runs.path}", *SOME),
    )

    (nic,) = runs.results().nics
    assert "va" == nic.id
    assert {"XDP-ACT-01", "XDP-ACT-07", "XDP-SG-01", "XDP-SG-05"} == ran(nic)
    assert {"pass"} == outcomes(nic, PACKETS)
    assert before == (ports(near), ports(far))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("REMOTE_TYPE", "ssh", "REMOTE_TYPE=ssh: a peer at another host cannot be used yet; "),
        ("REMOTE_TYPE", "ether", "REMOTE_TYPE=ether: it is one of "),
        ("REMOTE_ARGS", "", "REMOTE_TYPE=netns without REMOTE_ARGS: give the name of the network"),
        ("REMOTE_V4", "fd00::1", "REMOTE_V4=fd00::1: an IPv4 address is needed, without a length"),
    ],
)
def test_remote_wrong(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str
) -> None:
    """Names that say nothing that could be used are refused before anything is touched."""
    monkeypatch.setenv("REMOTE_TYPE", "netns")
    monkeypatch.setenv("REMOTE_ARGS", "somewhere")
    monkeypatch.setenv(name, value)

    result = runs.real("--iface=lo", "--level=packets")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert result.stderr.str().startswith(f"ERROR: {text}")


def test_remote_elsewhere(runs: Runs, near: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer's namespace that is not there blocks the lines, and is named."""
    monkeypatch.setenv("REMOTE_TYPE", "netns")
    monkeypatch.setenv("REMOTE_ARGS", "xdpc-nowhere")

    start(runs, near, "--level=packets", *SOME)

    (nic,) = runs.results().nics
    (reason,) = reasons(nic, PACKETS)
    assert "xdpc-nowhere" in reason
    assert {"blocked"} == outcomes(nic, PACKETS)


def test_peer_gone(runs: Runs, near: Namespace) -> None:
    """A peer that is not there blocks the lines, and what is there is named."""
    start(runs, near, "--peer=vc", *SOME)

    (nic,) = runs.results().nics
    (reason,) = reasons(nic, PACKETS)
    words, _colon, names = reason.rpartition(": ")
    assert "no interface 'vc' here; there are" == words
    assert ["lo", "va", "vb"] == sorted(names.split(", "))


def test_own_peer(runs: Runs, near: Namespace) -> None:
    """A NIC cannot be its own peer."""
    start(runs, near, "--peer=va", *SOME)

    (nic,) = runs.results().nics
    assert {"va is the NIC itself: the peer is the port it is cabled to"} == reasons(nic, PACKETS)


@pytest.fixture
def dead(near: Namespace, state: Path) -> Path:
    """The journal of a run that was killed after it had changed va's MTU."""
    (port,) = json.loads(near.ip("-j", "link", "show", "dev", "va"))
    index, number = port["ifindex"], os.stat(near.path).st_ino
    undo = Undo.of("mtu of va back to 1500", NETLINK_ROUTE, set_mtu(index, 1500))
    entry = Entry(
        what=undo.what,
        protocol=0,
        request=undo.request.hex(),
        settled=[],
        ifindex=index,
        ifname="va",
        mac=port["address"].replace(":", ""),
        netns=number,
        path=near.path,
    )
    nobody = Process(1 << 22, 1)
    path = state / "journal-1-2-3.json"
    path.write_bytes(msgspec.json.encode(Journal(SCHEMA, boot_id(), nobody, nobody, [entry])))
    path.chmod(0o600)
    near.ip("link", "set", "va", "mtu", "1300")
    return path


def test_recovered(runs: Runs, near: Namespace, dead: Path) -> None:
    """What a killed run left is put back before anything else, and said."""
    result = start(runs, near, "--level=attach", "-k", "test_native", "-q")

    assert "left by an earlier run: put back: mtu of va back to 1500" in result.stdout.lines
    (nic,) = runs.results().nics
    before = nic.results[0].evidence["before"]
    assert isinstance(before, dict)
    assert 1500 == before["mtu"]
    assert not dead.exists()
    assert " mtu 1500 " in near.ip("link", "show", "dev", "va")


def test_not_recovered(runs: Runs, near: Namespace, dead: Path) -> None:
    """A run that only reads puts nothing back, and leaves the journal to the next."""
    result = start(runs, near, "-k", "test_family", "-q")

    assert "left by an earlier run" not in result.stdout.str()
    assert dead.exists()
    assert " mtu 1300 " in near.ip("link", "show", "dev", "va")


def test_bad_journal(runs: Runs, near: Namespace, dead: Path) -> None:
    """A journal that cannot be trusted stops the run before anything is touched."""
    dead.write_bytes(b"{")

    result = start(runs, near, "--level=attach")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    said = result.stderr.str()
    assert f"ERROR: {dead}: " in said
    assert "; look at it, then remove it" in said
    assert "Traceback" not in said


def test_not_put_back(runs: Runs, near: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be put back is told in a sentence each, and the run does not end with 0."""
    really = Testbed.close

    def close(bed: Testbed) -> None:
        really(bed)
        try:
            raise UndoFailed("mtu of va: the kernel said EBUSY")
        finally:
            raise UndoFailed("va up: the kernel said EPERM\nva back home: it is gone")

    monkeypatch.setattr(Testbed, "close", close)

    result = start(
        runs, near, "--level=attach", "--allow-incomplete", "-k", "test_native or test_family"
    )

    assert EXIT_INCOMPLETE == result.ret
    lines = result.stdout.lines
    first = lines.index("not put back: mtu of va: the kernel said EBUSY")
    assert [
        "not put back: va up: the kernel said EPERM",
        "not put back: va back home: it is gone",
    ] == lines[first + 1 : first + 3]
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert {"pass"} == {line.outcome for line in runs.results().nics[0].results}


def test_interrupted(runs: Runs, near: Namespace) -> None:
    """A run that is stopped half way has put everything back."""
    (runs.pytester.path / "stop.py").write_text(
        "import pytest\n\n\n"
        "def pytest_runtest_logreport(report):\n"
        "    if 'test_length' in report.nodeid and report.when == 'call':\n"
        "        pytest.exit('enough')\n"
    )
    runs.monkeypatch.syspath_prepend(runs.pytester.path)
    before = ports(near)

    result = start(runs, near, "--peer=vb", "-p", "stop", *SOME)

    assert pytest.ExitCode.INTERRUPTED == result.ret
    assert before == ports(near)
