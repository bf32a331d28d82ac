# SPDX-License-Identifier: MIT
"""--level, and what it needs: what runs, what is blocked and why, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.namespaces import Namespace, private_namespace
from tests.plugin.runs import CONFIG, QUICK
from tests.plugin.test_naming import refused
from tests.plugin.test_nobody import nobody
from tests.plugin.test_run import summary
from tests.plugin.test_stored import GOOD
from xdpconform.collector import EXIT_INCOMPLETE
from xdpconform.lab import requirements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.plugin.runs import Runs
    from tests.plugin.test_nobody import Nobody
    from xdpconform.outputs.results import NicResults

pytest_plugins = ["pytester"]
__all__ = ["nobody"]

ATTACH = requirements("attach") - requirements("claims")
PACKETS = requirements("packets") - requirements("attach")
BOUND = {f"XDP-BIND-0{number}" for number in (1, 2, 3, 4, 8)}
"""What needs a socket, and no peer: where the bind is refused, that says enough."""
OF_A_PEER = {"XDP-ATTACH-03", "XDP-ATTACH-04", "XDP-ATTACH-05"}
"""Of a veth these depend on its peer's MTU."""


@pytest.fixture(autouse=True)
def state(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own for journals; nothing of the environment names a peer."""
    folder: Path = runs.pytester.path / "state"
    folder.mkdir(0o700)
    monkeypatch.setenv("XDPCONFORM_STATE", str(folder))
    for name in ("REMOTE_TYPE", "REMOTE_ARGS", "REMOTE_V4", "REMOTE_V6", "LOCAL_V4", "LOCAL_V6"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def host() -> Iterator[Namespace]:
    """A namespace with two ends of a cable, both up; nothing is configured on them."""
    with private_namespace() as made:
        made.batch(
            "link add va type veth peer name vb",
            "link set va up",
            "link set vb up",
        )
        yield made


def start(runs: Runs, host: Namespace, *words: str, iface: str = "va") -> pytest.RunResult:
    """Run the suites on one NIC of the host."""
    return runs.real(
        *("--netns", host.name, f"--iface={iface}", "-p", "no:html"),
        *(f"--xdp-results={runs.path}", *words),
    )


def run(runs: Runs, host: Namespace, *words: str, iface: str = "va") -> NicResults:
    """The same; gives what was written."""
    start(runs, host, *words, iface=iface)
    (nic,) = runs.results().nics
    return nic


def ran(nic: NicResults) -> set[str]:
    """The requirements of which lines were written."""
    return {line.requirement for line in nic.results}


def outcomes(nic: NicResults, among: set[str]) -> set[str]:
    """The outcomes of some requirements' lines."""
    return {line.outcome for line in nic.results if line.requirement in among}


def reasons(nic: NicResults, among: set[str]) -> set[str]:
    """The reasons of some requirements' lines."""
    return {line.reason for line in nic.results if line.requirement in among}


def test_requirements() -> None:
    """Each level has lines of its own."""
    areas = {name.split("-")[1] for name in ATTACH}

    assert {"ATTACH", "STATE", "CONFIG"} == areas
    areas = {name.split("-")[1] for name in PACKETS}

    assert {"ACT", "BIND", "HINT", "REDIR", "SG", "SOCK", "TXHINT", "XMIT"} == areas


def test_claims(runs: Runs, host: Namespace, state: Path) -> None:
    """Without a word a run only reads: no line above, and nothing is kept for later."""
    nic = run(runs, host)

    assert ("CONFORMS", [], "claims") == (nic.verdict, nic.missing, runs.results().level)
    assert requirements("claims") == ran(nic)
    assert {"claims"} == {line.level for line in nic.results}
    assert [] == [*state.iterdir()]


def test_attach(runs: Runs, host: Namespace, state: Path) -> None:
    """Level attach runs the lines up to it, each with its own level; the NIC is as it was."""
    before = host.ip("-d", "link", "show", "dev", "va")

    nic = run(runs, host, "--level=attach")

    assert requirements("attach") == ran(nic)
    assert ([], "attach") == (nic.missing, runs.results().level)
    assert {"attach"} == {line.level for line in nic.results if line.requirement in ATTACH}
    assert {"claims"} == {line.level for line in nic.results if line.requirement not in ATTACH}
    assert {"pass", "not-claimed"} == outcomes(nic, ATTACH - OF_A_PEER)
    assert {"blocked"} == outcomes(nic, OF_A_PEER)
    assert {
        "what a veth takes is decided by its peer's MTU: name the peer of va with --peer"
    } == reasons(nic, OF_A_PEER)
    assert "INCOMPLETE" == nic.verdict
    assert before == host.ip("-d", "link", "show", "dev", "va")
    assert [] == [*state.iterdir()]


def test_attach_evidence(runs: Runs, host: Namespace) -> None:
    """What was seen before, while and after is in the results."""
    nic = run(runs, host, "--level=attach", "-k", "test_native")

    (line,) = nic.results
    seen = line.evidence["attached"]
    assert isinstance(seen, dict)
    assert ("native", True, 1500) == (seen["mode"], seen["up"], seen["mtu"])
    assert ["basic", "redirect", "rx-sg"] == seen["claims"]["xdp-features"]
    assert line.evidence["before"] == line.evidence["after"]


ALONE = (
    "nothing sends frames to va: name the port cabled to it with --peer, or use its loopback with"
    " --loopback"
)


def test_no_xdp(runs: Runs, host: Namespace) -> None:
    """A NIC that promises nothing of XDP, and has none, conforms at level attach as well."""
    nic = run(runs, host, "--level=attach", iface="lo")

    assert ("CONFORMS", []) == (nic.verdict, nic.missing)
    assert {"not-claimed"} == outcomes(nic, {"XDP-ATTACH-01", "XDP-CONFIG-01", "XDP-STATE-05"})
    assert {"basic is not claimed, and no program can be attached"} == reasons(
        nic, {"XDP-CONFIG-01", "XDP-STATE-05"}
    )


def test_packets_alone(runs: Runs, host: Namespace) -> None:
    """Level packets without a peer: the packets lines say how to name one, the others run."""
    nic = run(runs, host, "--level=packets")

    assert requirements("packets") == ran(nic)
    assert {"blocked"} == outcomes(nic, PACKETS - BOUND)
    assert {ALONE} == reasons(nic, PACKETS - BOUND)
    assert {"pass", "not-claimed"} == outcomes(nic, (ATTACH - OF_A_PEER) | BOUND)
    assert {"packets"} == {line.level for line in nic.results if line.requirement in PACKETS}


def test_loopback(runs: Runs, host: Namespace) -> None:
    """A NIC without ethtool's loopback says so, and nothing is tried."""
    nic = run(runs, host, "--loopback")

    assert "packets" == runs.results().level
    assert {"blocked"} == outcomes(nic, ATTACH | PACKETS)
    assert {
        "va cannot switch loopback: the driver has it off [fixed] (`ethtool -k va`)"
    } == reasons(nic, ATTACH | PACKETS)


GUARDED = (
    "va carries the default route (IPv4, table 254); if this port is yours to test, say"
    " --i-own-this-port va"
)


@pytest.fixture
def busy(host: Namespace) -> Namespace:
    """The host's default route leads out of va."""
    host.batch("addr add 192.0.2.2/24 dev va", "route add default via 192.0.2.1 dev va")
    return host


def test_guard(runs: Runs, busy: Namespace) -> None:
    """A NIC that is in use is not touched: every line that would says why, and what to type."""
    result = start(runs, busy, "--level=attach")

    assert EXIT_INCOMPLETE == result.ret
    (nic,) = runs.results().nics
    assert {"blocked"} == outcomes(nic, ATTACH)
    assert {GUARDED} == reasons(nic, ATTACH)
    assert {"pass", "not-claimed"} == outcomes(nic, requirements("claims"))


def test_guarded_peer(runs: Runs, busy: Namespace) -> None:
    """A peer that is in use is not touched either."""
    nic = run(runs, busy, "--peer=va", "-k", "test_native or test_pass", iface="vb")

    assert {GUARDED} == reasons(nic, ATTACH | PACKETS)


def test_owned(runs: Runs, busy: Namespace) -> None:
    """Who owns the port says so by its name, and it runs; the routes are still there."""
    nic = run(runs, busy, "--level=attach", "--i-own-this-port", "va", "-k", "test_native")

    assert {"pass"} == outcomes(nic, {"XDP-ATTACH-01"})
    assert "default via 192.0.2.1 dev va" in busy.ip("route", "show")


def test_owned_other(runs: Runs, busy: Namespace) -> None:
    """To own another port does not help."""
    nic = run(runs, busy, "--level=attach", "--i-own-this-port", "vb", "-k", "test_native")

    assert {"blocked"} == outcomes(nic, {"XDP-ATTACH-01"})


def test_told_together(runs: Runs, busy: Namespace) -> None:
    """The terminal says once why all lines are blocked, and which."""
    result = start(runs, busy, "--level=attach")

    lines = summary(result)
    blocked = [line for line in lines if "lines blocked: va carries the default route" in line]
    assert 1 == len(blocked)
    after = lines[lines.index(blocked[0]) + 1]
    assert ATTACH == {*after.split()}


# name: words, and what is said
WRONG = {
    "testbed and a NIC": (
        ["--testbed=veth", "--iface=lo"],
        "--testbed brings its own NIC: leave --iface out",
    ),
    "testbed and a namespace": (
        ["--testbed=veth", "--netns=x"],
        "--testbed makes its own namespace: leave --netns out",
    ),
    "two media": (
        ["--iface=lo", "--peer=lo", "--loopback"],
        "--peer and --loopback do not go together: choose one of them",
    ),
    "testbed and peer": (
        ["--testbed=tap", "--peer=lo"],
        "--testbed and --peer do not go together: choose one of them",
    ),
    "peer of two": (
        ["--iface=lo", "--iface=lo1", "--peer=x"],
        "--peer belongs to one NIC: name it with --iface",
    ),
    "all are mine": (
        ["--iface=lo", "--level=attach", "--i-own-this-port=all"],
        (
            "--i-own-this-port all: it takes the name of one port, such as --i-own-this-port eth0;"
            " say it again for each"
        ),
    ),
    "a glob is mine": (
        ["--iface=lo", "--level=attach", "--i-own-this-port=e*"],
        (
            "--i-own-this-port e*: it takes the name of one port, such as --i-own-this-port eth0;"
            " say it again for each"
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(runs: Runs, name: str) -> None:
    """What does not go together is a usage error in one sentence."""
    words, text = WRONG[name]

    said = refused(runs.real(*words))

    assert f"ERROR: {text}" == said


@pytest.mark.parametrize("word", ["--peer=vb", "--loopback"])
def test_wrong_glob(runs: Runs, host: Namespace, word: str) -> None:
    """A medium belongs to one NIC, also where one word names several."""
    said = refused(runs.real("--netns", host.name, "--iface=v?", word))

    begin, _names, found = said.rpartition("names ")
    assert f"ERROR: {word.partition('=')[0]} belongs to one NIC, and --iface " == begin
    assert ["va", "vb"] == sorted(found.split(", "))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--level=stress", "--iface=lo"], "argument --level: invalid choice: 'stress' (choose "),
        (["--testbed=wire"], "argument --testbed: invalid choice: 'wire' (choose from "),
        (["--peer"], "argument --peer: expected one argument"),
    ],
    ids=["level", "testbed", "peer"],
)
def test_wrong_word(runs: Runs, words: list[str], text: str) -> None:
    """A word that an option does not know is refused with those that it does."""
    result = runs.real(*words)

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert text in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


def test_workers(runs: Runs) -> None:
    """A NIC that is tried is not shared between workers."""
    result = runs.pytester.runpytest_subprocess(
        *("-p", "no:hypothesispytest", "-p", "no:html"),
        *runs.words("--iface=lo", "--level=attach", "-n", "2"),
    )

    assert (
        "ERROR: --level attach has a NIC to itself: run without pytest-xdist (-n 0)"
    ) == refused(result)


@pytest.mark.parametrize(
    ("word", "source"), [(f"--recording={GOOD}", "recording"), ("--mock=ice@7.3", "mock")]
)
def test_stored(runs: Runs, word: str, source: str) -> None:
    """NICs that are not here are judged by their claims; the rest says where it would run."""
    result = runs.real(word, "--level=packets", "-p", "no:html", f"--xdp-results={runs.path}")

    (nic,) = runs.results().nics
    assert (EXIT_INCOMPLETE, "INCOMPLETE") == (result.ret, nic.verdict)
    assert {"blocked"} == outcomes(nic, ATTACH | PACKETS)
    assert {f"a {source} runs no programs: run pytest --iface on the NIC itself"} == reasons(
        nic, ATTACH | PACKETS
    )
    assert {"pass", "not-claimed"} == outcomes(nic, requirements("claims"))


OWN = """\
import pytest

from xdpconform.judge import Finding, Outcome
from xdpconform.probes.offload import offload


@pytest.mark.requirement("MY-OWN-01"{level})
def test_own(certify, bench):
    '''Mine.'''
    certify(Finding(Outcome.PASS, observed=str(bench.see(offload).load)))
"""


def own(runs: Runs, *words: str, level: str = "") -> pytest.RunResult:
    """Run a suite of one's own."""
    file = runs.pytester.path / "test_own.py"
    file.write_text(OWN.format(level=level and f", level={level!r}"))
    return runs.pytester.runpytest_inprocess(
        *QUICK,
        *("-c", str(CONFIG), "-p", "xdpconform.plugin", "-p", "no:html", str(file)),
        *(f"--xdp-results={runs.path}", *words),
    )


def test_own(runs: Runs, host: Namespace) -> None:
    """A test of one's own may use the bench."""
    own(runs, "--netns", host.name, "--iface=va", "--level=attach", level="attach")

    (line,) = runs.results().nics[0].results
    assert ("MY-OWN-01", "pass", "EINVAL", "attach") == (
        *(line.requirement, line.outcome),
        *(line.observed, line.level),
    )


def test_own_only_reads(runs: Runs, host: Namespace) -> None:
    """In a run that only reads the bench is blocked, and says what to type."""
    own(runs, "--netns", host.name, "--iface=va")

    (line,) = runs.results().nics[0].results
    assert (
        "blocked",
        "a run of level claims only reads: say --level attach or --level packets",
    ) == (*(line.outcome, line.reason),)


def test_own_above(runs: Runs, host: Namespace) -> None:
    """A test above the run's level is not run."""
    result = own(runs, "--netns", host.name, "--iface=va", "--level=attach", level="packets")

    assert pytest.ExitCode.NO_TESTS_COLLECTED == result.ret


def test_own_wrong(runs: Runs, host: Namespace) -> None:
    """A level that is none is named, with those that are."""
    result = own(runs, "--netns", host.name, "--iface=va", level="paket")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    said = result.stdout.str() + result.stderr.str()
    assert (
        "::test_own[va]: level 'paket' is none of claims, attach, packets, stress\n"
    ) in result.stderr.str()
    assert "Traceback" not in said


HOW = "run as root, or with CAP_NET_ADMIN, CAP_BPF, CAP_NET_RAW and CAP_PERFMON"
NEEDS = f"it needs CAP_NET_ADMIN and CAP_NET_RAW and CAP_PERFMON and CAP_BPF: {HOW}"


def test_nobody(nobody: Nobody) -> None:
    """Who may change nothing gets the claims judged, and the rest blocked with what it needs."""
    done = nobody.pytest("--iface=lo", "--level=packets", "--xdp-results=nobody.json")

    assert EXIT_INCOMPLETE == done.returncode, done.stdout + done.stderr
    assert f"lines blocked: nothing may be changed: {NEEDS}\n" in done.stdout
    assert " fail" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_nobodys_testbed(nobody: Nobody) -> None:
    """Who may make no testbed is told what it needs."""
    done = nobody.pytest("--testbed=veth")

    assert pytest.ExitCode.USAGE_ERROR == done.returncode
    assert f"ERROR: --testbed veth: {NEEDS}" == done.stderr.strip()
