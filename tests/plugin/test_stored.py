# SPDX-License-Identifier: MIT
"""--recording and --mock: NICs that are not here, and files that mean no good."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sources.test_recording import recording
from xdpconform.collector import EXIT_INCOMPLETE
from xdpconform.sources.recording import encode

if TYPE_CHECKING:
    from tests.plugin.runs import Runs

pytest_plugins = ["pytester"]

GOOD = Path(__file__).parents[2] / "recordings/virtio_net-6.18.44-idle.rec.json"
BAD = {
    "empty": b"",
    "garbage": b"\x00\xff" * 5000,
    "deep": b"[" * 50_000,
    "cut": GOOD.read_bytes()[:5000],
    "changed": GOOD.read_bytes().replace(b'"idle"', b'"attached"'),
    "foreign": encode(recording()),
}
"""Files that are no recordings, or ones whose bytes mean nothing."""


def verdicts(runs: Runs) -> dict[str, str]:
    """By NIC, of the last run."""
    return {nic["id"]: nic["verdict"] for nic in runs.json()["nics"]}


def stored(runs: Runs, *words: str) -> pytest.RunResult:
    """Run the suites on NICs that are not here."""
    return runs.real("-p", "no:html", f"--xdp-results={runs.path}", *words)


@pytest.mark.parametrize("name", BAD)
def test_hostile_among_good(runs: Runs, name: str) -> None:
    """A bad file among good ones is INCOMPLETE and says why; the good ones are as without it."""
    folder = runs.pytester.path / "some"
    folder.mkdir()
    shutil.copy(GOOD, folder / "a-good.rec.json")
    shutil.copy(GOOD, folder / "z-good.rec.json")
    alone = stored(runs, f"--recording={folder}")
    good = runs.json()["nics"]
    (folder / f"m-{name}.rec.json").write_bytes(BAD[name])
    result = stored(runs, f"--recording={folder}")

    assert (0, EXIT_INCOMPLETE) == (alone.ret, result.ret)
    assert ["a-good", f"m-{name}", "z-good"] == list(verdicts(runs))
    assert "INCOMPLETE" == verdicts(runs)[f"m-{name}"]
    assert good == [nic for nic in runs.json()["nics"] if nic["id"] != f"m-{name}"]
    assert {"blocked"} == {
        line["outcome"]
        for nic in runs.json()["nics"]
        if nic["id"] == f"m-{name}"
        for line in nic["results"]
    }


def test_only_bad(runs: Runs) -> None:
    """Where no file is a recording the command line is wrong, and says of each what is."""
    path = runs.pytester.path / "x.rec.json"
    path.write_bytes(b"{}")
    result = stored(runs, f"--recording={path}")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(
        ["*x.rec.json: not a recording of format xdpconform-recording-1: *"]
    )


def test_no_file(runs: Runs) -> None:
    """A word that means no file is a usage error that says how to make one."""
    result = stored(runs, "--recording=gone/")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*recording gone/: no such file; xdpconform record makes them"])


def test_two_words(runs: Runs) -> None:
    """A path as a word of its own would move pytest's settings: the run says how to write it."""
    result = runs.pytester.runpytest_inprocess("-p", "xdpconform.plugin", "--recording", "a/b")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*write --recording=a/b in one word*"])


def test_several(runs: Runs) -> None:
    """Recordings, mocks and live NICs run together, each under a name of its own."""
    result = stored(
        runs, f"--recording={GOOD}", f"--recording={GOOD.parent}/veth-6*", "--mock=veth@7.3"
    )

    assert 0 == result.ret
    assert {
        "virtio_net-6.18.44-idle": "CONFORMS",
        "veth-6.18.44-attached": "CONFORMS",
        "veth-6.18.44-idle": "CONFORMS",
        "veth@7.3": "CONFORMS",
    } == verdicts(runs)
    assert ["mock", "recording"] == sorted({nic["source"] for nic in runs.json()["nics"]})
    result.stdout.fnmatch_lines(["veth@7.3 CONFORMS (*, simulated: no NIC was asked)*"])


def test_unknown_mock(runs: Runs) -> None:
    """A driver that there is none of is a usage error that names the nearest."""
    result = stored(runs, "--mock=virtionet")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*virtio_net*"])


def test_old_kernel(runs: Runs) -> None:
    """A kernel without the family is never a pass or a fail."""
    result = stored(runs, "--mock=veth@6.1")

    assert EXIT_INCOMPLETE == result.ret
    outcomes = {line["outcome"] for line in runs.json()["nics"][0]["results"]}
    assert outcomes <= {"blocked", "pass", "not-claimed"}
    result.stdout.fnmatch_lines(["*this kernel has no netdev family*"])


def test_the_lie_is_found(runs: Runs) -> None:
    """A recording in which one bit of xdp-features is turned fails as an over-claim."""
    from msgspec.structs import replace

    from xdpconform.netlink.netdev import XdpAct
    from xdpconform.sources.recording import decode, sealed

    honest = decode(GOOD.read_bytes(), "x")
    told = (XdpAct.BASIC | XdpAct.REDIRECT | XdpAct.XSK_ZEROCOPY | XdpAct.RX_SG).to_bytes(
        8, "little"
    )
    lie = (int.from_bytes(told, "little") | XdpAct.HW_OFFLOAD).to_bytes(8, "little")
    exchanges = [
        replace(one, replies=[reply.replace(told, lie) for reply in one.replies])
        for one in honest.exchanges
    ]
    path = runs.pytester.path / "lie.rec.json"
    path.write_bytes(encode(sealed(replace(honest, exchanges=exchanges))))
    result = stored(runs, f"--recording={path}")

    assert 1 == result.ret
    fails = [line for line in runs.json()["nics"][0]["results"] if line["outcome"] == "fail"]
    assert [("XDP-FEAT-06", "over-claim")] == [(x["requirement"], x["kind"]) for x in fails]
    assert json.loads(path.read_bytes())["redacted"]
