# SPDX-License-Identifier: MIT
"""A run from header to exit status: outcomes, verdicts, waivers, and what was left out."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.plugin.runs import QUICK
from tests.plugin.test_lies import claiming, driven_by
from xdpconform import lab
from xdpconform.collector import EXIT_INCOMPLETE
from xdpconform.lab import Subject, requirements
from xdpconform.netlink.netdev import XdpAct
from xdpconform.profiles import load_all, match
from xdpconform.profiles.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.runs import Runs
    from xdpconform.nic import Nic

pytest_plugins = ["pytester"]

COUNT = 43
"""Lines that a NIC has."""


def summary(result: pytest.RunResult) -> list[str]:
    """Our section of the terminal's summary."""
    lines = result.stdout.lines
    start = next(i for i, line in enumerate(lines) if re.fullmatch("=+ xdpconform =+", line))
    rest = [line for line in lines[start + 1 :] if line.strip()]
    end = next(i for i, line in enumerate(rest) if re.match("=+ |-+ ", line))
    return rest[:end]


def test_conforms(runs: Runs) -> None:
    """A NIC that is what it should be: header, one line with the verdict, exit status 0."""
    nic = runs.snapshot[0].nic
    kernel = nic.identity.kernel

    result = runs.certify()

    assert 0 == result.ret
    result.stdout.fnmatch_lines(
        [
            "xdpconform *: level claims",
            f"  v0a: driver veth, kernel {kernel}, state idle, profile veth",
        ]
    )
    assert [
        f"v0a CONFORMS (veth, {kernel}, profile veth): 36 pass, 7 not-claimed",
        f"results: {runs.path}",
    ] == summary(result)
    assert "= 36 passed, 7 not-claimed in " in result.stdout.lines[-1]
    nic_results = runs.results().nics[0]
    assert COUNT == len(nic_results.results)
    assert ("CONFORMS", [], "veth") == (
        nic_results.verdict,
        nic_results.missing,
        nic_results.profile and nic_results.profile.name,
    )


def test_fails(runs: Runs) -> None:
    """A fail: its line says what was expected and what was reported, and the exit status is 1."""
    nic = claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)
    kernel = nic.identity.kernel

    result = runs.certify("--tb=no", nics=[nic])

    assert 1 == result.ret
    lines = summary(result)
    assert [
        f"v0a FAILS (veth, {kernel}, profile veth): 34 pass, 1 fail, 8 not-claimed",
        "    expected: rx-sg required (profile veth)",
        "    reported: rx-sg not claimed (xdp-features 0x47: basic redirect ndo-xmit ndo-xmit-sg)",
        f"results: {runs.path}",
    ] == [lines[0], *lines[2:]]
    assert lines[1].startswith("v0a XDP-FEAT-07[idle] under-claim: ")
    result.stdout.fnmatch_lines(["FAILED *::test_rx_sg[[]v0a[]]*"])


def test_blocked(runs: Runs) -> None:
    """Without a profile: the invariants hold, the rest is blocked, and the exit status is 10."""
    nic = driven_by("mystery")(runs.snapshot[0].nic)
    kernel = nic.identity.kernel

    result = runs.certify(nics=[nic])

    assert EXIT_INCOMPLETE == result.ret
    lines = summary(result)
    assert (
        f"v0a INCOMPLETE (mystery, {kernel}, no profile): 27 pass, 15 blocked, 1 not-claimed"
        == lines[0]
    )
    assert (
        "v0a 15 lines blocked: no profile for driver mystery: write one with"
        " 'xdpconform profile draft v0a' and give it with --profile=FILE"
    ) == lines[1]
    assert lines[2].split()[:2] == ["XDP-FEAT-01", "XDP-FEAT-02"]
    result.stdout.fnmatch_lines([f"  v0a: driver mystery, kernel {kernel}, state idle, no profile"])
    assert "= 27 passed, 15 blocked, 1 not-claimed in " in result.stdout.lines[-1]


def test_allow_incomplete(runs: Runs) -> None:
    """--allow-incomplete lets a run end with 0 that could not test everything, and no fail."""
    incomplete = driven_by("mystery")(runs.snapshot[0].nic)
    failing = claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)

    assert 0 == runs.certify("--allow-incomplete", nics=[incomplete]).ret
    assert "INCOMPLETE" == runs.results().nics[0].verdict
    assert 1 == runs.certify("--allow-incomplete", nics=[failing]).ret


def test_words(runs: Runs) -> None:
    """Under -v each outcome has its own word, and each id its NIC and row."""
    nic = driven_by("mystery")(runs.snapshot[0].nic)

    result = runs.certify("-v", "-k", "hash or hw_offload or reserved_bits", nics=[nic])

    result.stdout.fnmatch_lines(
        [
            "*test_features.py::test_hw_offload[[]v0a[]] BLOCKED *",
            "*test_protocol.py::test_reserved_bits[[]v0a-reserved-flag[]] PASSED *",
            "*test_protocol.py::test_reserved_bits[[]v0a-reserved-header[]] PASSED *",
            "*test_rx_metadata.py::test_hash[[]v0a[]] BLOCKED *",
        ]
    )
    result = runs.certify("-v", "-k", "hw_offload")
    result.stdout.fnmatch_lines(["*::test_hw_offload[[]v0a[]] NOT CLAIMED *"])


def test_two_nics(runs: Runs) -> None:
    """One line a NIC, then the failing lines of each; the worst decides."""
    nic = runs.snapshot[0].nic
    other = driven_by("dummy")(nic)._replace(id="v0a-2")

    result = runs.certify("--tb=no", nics=[nic, other])

    assert 1 == result.ret
    assert ["v0a CONFORMS", "v0a-2 FAILS"] == [
        line.partition(" (")[0] for line in summary(result)[:2]
    ]
    assert ["v0a", "v0a-2"] == [one.id for one in runs.results().nics]
    assert [COUNT, COUNT] == [len(one.results) for one in runs.results().nics]


@pytest.mark.parametrize(
    ("words", "ran"),
    [
        (["-k", "test_hash or test_timestamp"], {"XDP-RXMD-01", "XDP-RXMD-02"}),
        (["-m", "not requirement"], set()),
        (["-k", "not reserved-flag"], requirements() - {"XDP-PROTO-11"}),
        (["--deselect", "test_none.py"], requirements()),
    ],
    ids=["some", "none", "row", "nothing"],
)
def test_left_out(runs: Runs, words: list[str], ran: set[str]) -> None:
    """A NIC conforms only if everything was run, each row of it: what was not run is named."""
    result = runs.certify(*words)

    missing = sorted(requirements() - ran)
    expected = (EXIT_INCOMPLETE if missing else 0) if ran else pytest.ExitCode.NO_TESTS_COLLECTED
    assert expected == result.ret
    nic = runs.results().nics[0]
    assert missing == nic.missing
    assert ("INCOMPLETE" if missing else "CONFORMS") == nic.verdict
    if missing:
        assert f"v0a not run: {' '.join(missing)}" in summary(result)


def test_single_file(runs: Runs) -> None:
    """A single file is INCOMPLETE."""
    runs.take(runs.snapshot[0])
    words = runs.words("--iface=v0a", "-p", "no:html", f"--xdp-results={runs.path}")
    words[words.index(str(lab.suites_folder()))] += "/test_queues.py"

    result = runs.pytester.runpytest_inprocess(*QUICK, *words)

    assert EXIT_INCOMPLETE == result.ret
    queues = {f"XDP-QUEUE-{number:02}" for number in (1, 2, 3)}
    assert sorted(requirements() - queues) == runs.results().nics[0].missing


def test_stopped(runs: Runs) -> None:
    """After -x the NIC fails, and what was not reached is named."""
    result = runs.certify("-x", "--tb=no", nics=[claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)])

    nic = runs.results().nics[0]
    assert 1 == result.ret
    assert "FAILS" == nic.verdict
    assert "XDP-FEAT-07" not in nic.missing
    assert {"XDP-FEAT-08", "XDP-ZC-03"} < set(nic.missing)


def test_broken_check(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that raises is an error of ours: INCOMPLETE, never a fail of the NIC."""

    def broken(_nic: Nic) -> None:
        raise RuntimeError("something of ours\nbroke")

    monkeypatch.setattr("xdpconform.judge.queues.counted", broken)

    result = runs.certify("-v")

    assert EXIT_INCOMPLETE == result.ret
    line = next(x for x in runs.results().nics[0].results if x.requirement == "XDP-QUEUE-01")
    assert ("error", None) == (line.outcome, line.kind)
    assert "RuntimeError: something of ours" in line.reason
    kernel = runs.snapshot[0].nic.identity.kernel
    assert [
        f"v0a INCOMPLETE (veth, {kernel}, profile veth): 35 pass, 1 error, 7 not-claimed",
        "v0a XDP-QUEUE-01 error: {}".format(line.reason.strip().split("\n")[-1]),
    ] == summary(result)[:2]
    result.stdout.fnmatch_lines(["*::test_counted[[]v0a[]] ERROR *", "*ERROR at call of *"])
    assert EXIT_INCOMPLETE == runs.certify("--allow-incomplete").ret


def test_broken_beside_fail(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fail beside an error stays a fail."""
    monkeypatch.delattr("xdpconform.judge.queues.counted")

    result = runs.certify("--tb=no", nics=[claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)])

    assert 1 == result.ret
    assert "FAILS" == runs.results().nics[0].verdict


WAIVED = """\
schema = 1
name = "veth-mine"
driver = ["veth"]
extends = "veth"

[[waiver]]
requirement = "{requirement}"
reason = "a known defect"
link = "https://example.org/7"
until = {until}
{more}
"""


def waived(runs: Runs, tmp_path: Path, nic: Nic, **words: str) -> Subject:
    """A NIC under veth's profile with a waiver."""
    file = tmp_path / "waived.toml"
    file.write_text(WAIVED.format(**({"more": "", "until": "2099-12-31"} | words)))
    del runs
    return Subject(nic, match([load(file), *load_all()], nic))


def run_waived(runs: Runs, subject: Subject, *words: str) -> pytest.RunResult:
    """Run on this subject."""
    runs.take(subject)
    options = ["--iface=v0a", "-p", "no:html", "--tb=no", f"--xdp-results={runs.path}"]
    return runs.real(*options, *words)


def line_of(runs: Runs, requirement: str, param: str) -> tuple[str, str | None]:
    """Outcome and kind of one line."""
    return next(
        (line.outcome, line.kind)
        for line in runs.results().nics[0].results
        if (line.requirement, line.param) == (requirement, param)
    )


def test_waiver(runs: Runs, tmp_path: Path) -> None:
    """A waived fail is shown with its reason, link and end, and does not fail the NIC."""
    nic = claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)
    subject = waived(runs, tmp_path, nic, requirement="XDP-FEAT-07")

    result = run_waived(runs, subject, "-v")

    assert 0 == result.ret
    assert ("waived", "under-claim") == line_of(runs, "XDP-FEAT-07", "idle")
    assert "CONFORMS" == runs.results().nics[0].verdict
    lines = summary(result)
    assert ", profile veth-mine): 34 pass, 1 waived, 8 not-claimed" in lines[0]
    assert lines[1].startswith(
        "v0a XDP-FEAT-07[idle] waived: waived until 2099-12-31: a known defect"
        " (https://example.org/7); without it under-claim: "
    )
    result.stdout.fnmatch_lines(["*::test_rx_sg[[]v0a[]] WAIVED *"])


def test_waiver_refused(runs: Runs, tmp_path: Path) -> None:
    """--runxfail lets no waiver hold, in results.json and in the exit status alike."""
    nic = claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)
    subject = waived(runs, tmp_path, nic, requirement="XDP-FEAT-07")

    result = run_waived(runs, subject, "--runxfail")

    assert 1 == result.ret
    assert ("fail", "under-claim") == line_of(runs, "XDP-FEAT-07", "idle")
    assert "FAILS" == runs.results().nics[0].verdict


@pytest.mark.parametrize(("days", "outcome", "status"), [(0, "waived", 0), (-1, "fail", 1)])
def test_waiver_ends(runs: Runs, tmp_path: Path, days: int, outcome: str, status: int) -> None:
    """A waiver holds on its last day, and the day after the line fails again and says so."""
    nic = claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)
    until = date.today() + timedelta(days)  # noqa: DTZ011 - as the plugin counts
    words = {"requirement": "XDP-FEAT-07", "until": until.isoformat()}

    result = run_waived(runs, waived(runs, tmp_path, nic, **words))

    assert status == result.ret
    assert outcome == line_of(runs, "XDP-FEAT-07", "idle")[0]
    if status:
        assert f"its waiver expired on {until} (https://example.org/7)" in summary(result)[1]


def test_waiver_of_a_row(runs: Runs, tmp_path: Path) -> None:
    """A waiver may name one row as results.json names it; the other rows still fail."""
    nic = runs.snapshot[0].nic
    for name in ("reserved-flag", "reserved-header"):
        told = nic.answers[name]._replace(error=None, value=[])
        nic = nic._replace(answers=nic.answers | {name: told})
    words = {"requirement": "XDP-PROTO-11", "more": 'param = "reserved-flag"'}

    result = run_waived(runs, waived(runs, tmp_path, nic, **words))

    assert 1 == result.ret
    assert ("waived", "mismatch") == line_of(runs, "XDP-PROTO-11", "reserved-flag")
    assert ("fail", "mismatch") == line_of(runs, "XDP-PROTO-11", "reserved-header")


def test_hostile_driver(runs: Runs) -> None:
    """What a device calls itself cannot steer the terminal."""
    nic = driven_by("\x1b[2Jveth\u202e\n= 1 passed =")(runs.snapshot[0].nic)

    result = runs.certify(nics=[nic])

    text = result.stdout.str()
    assert "driver \\x1b[2Jveth\\u202e\\n= 1 passed =, kernel" in text
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
