# SPDX-License-Identifier: MIT
"""What a run writes, where, and what happens where it cannot."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.plugin.test_run import summary
from xdpconform.outputs import results
from xdpconform.sources import recording

if TYPE_CHECKING:
    from tests.plugin.runs import Runs

pytest_plugins = ["pytester"]


def certify(runs: Runs, *words: str) -> pytest.RunResult:
    """A run with everything defaulted."""
    runs.take(runs.snapshot[0])
    return runs.real("--iface=v0a", *words)


def test_defaults(runs: Runs) -> None:
    """By default both reports stand in reports/, named by NIC and time, and with them what the NIC
    answered, from which the same verdict can be had again.
    """
    result = certify(runs)

    assert 0 == result.ret
    html, json, recorded = sorted(runs.reports.iterdir(), key=lambda path: path.name)
    assert re.fullmatch(r"v0a-\d{8}T\d{6}Z\.html", html.name)
    assert json.name == html.with_suffix(".json").name
    assert recorded.name == html.with_suffix(".rec.json").name
    (nic,) = results.decode(json.read_bytes(), "").nics
    assert ("CONFORMS", recording.read(recorded).digest) == (nic.verdict, nic.recording)
    assert f"results: {json}" in summary(result)
    assert "v0a: CONFORMS" in html.read_text()


def test_chosen(runs: Runs) -> None:
    """--html and --xdp-results say where, new folders included; nothing is written elsewhere."""
    folder = runs.pytester.path / "a" / "b"

    result = certify(runs, f"--html={folder}/log.html", f"--xdp-results={folder}/r.json")

    assert 0 == result.ret
    assert {"assets", "log.html", "r.json"} == {path.name for path in folder.iterdir()}
    assert "xdp-verdict" in (folder / "assets" / "style.css").read_text()
    assert not runs.reports.exists()


def test_home(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """--html may name the home folder, as pytest-html lets it; no folder called ~ comes of it."""
    monkeypatch.setenv("HOME", str(runs.pytester.path / "home"))

    result = certify(runs, "--html=~/log.html", "--self-contained-html")

    assert 0 == result.ret
    assert (runs.pytester.path / "home" / "log.html").is_file()
    assert not (runs.pytester.path / "~").exists()


def test_dotted_name(runs: Runs) -> None:
    """A dot in a NIC's name, as VLANs have it, costs the file nothing of its name."""
    subject = runs.snapshot[0]
    runs.take(subject._replace(nic=subject.nic._replace(id="v0a.100")))

    result = runs.real("--iface=v0a")

    assert 0 == result.ret
    names = sorted(path.name for path in runs.reports.iterdir())
    assert 3 == len(names)
    assert all(re.fullmatch(r"v0a\.100-\d{8}T\d{6}Z\.(html|(rec\.)?json)", name) for name in names)


def test_collect_only(runs: Runs) -> None:
    """--collect-only writes nothing, judges nothing, and ends with 0."""
    result = certify(runs, "--collect-only", "-q", f"--xdp-results={runs.path}")

    assert 0 == result.ret
    assert not runs.reports.exists()
    assert not runs.path.exists()
    assert "INCOMPLETE" not in result.stdout.str()
    assert 43 == sum("[v0a" in line for line in result.stdout.lines)


def test_no_html(runs: Runs) -> None:
    """Without pytest-html there is results.json, and the verdict."""
    result = certify(runs, "-p", "no:html")

    assert 0 == result.ret
    assert {".json", ".rec.json"} == {
        path.name.partition("Z")[2] for path in runs.reports.iterdir()
    }


def unwritable(runs: Runs, kind: str) -> tuple[str, str]:
    """A path where nothing can be written, and what is said of it."""
    if kind == "file-in-its-place":
        (runs.pytester.path / "taken").write_text("")
        path = runs.pytester.path / "taken" / "x"
        return str(path), f"{path}: cannot be written: File exists; no report is written there"
    if kind == "folder":
        path = runs.pytester.path / "folder"
        path.mkdir()
        return str(path), f"{path}: is a folder; no report is written there"
    if kind == "too-long":
        path = runs.pytester.path / ("n" * 300)
        return str(path), f"{path}: cannot be written: File name too long; no report"
    return "/proc/x", "/proc/x: cannot be written: No such file or directory; no report is written"


KINDS = ["file-in-its-place", "folder", "proc", "too-long"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["--xdp-results", "--html"])
def test_unwritable(runs: Runs, kind: str, option: str) -> None:
    """A report that cannot be written is said so; the run ends with its verdict and the other."""
    path, problem = unwritable(runs, kind)

    result = certify(runs, f"{option}={path}")

    assert 0 == result.ret
    lines = summary(result)
    assert lines[0].startswith("v0a CONFORMS ")
    assert any(line.startswith(problem) for line in lines[1:])
    written = {p.suffix for p in runs.reports.iterdir()}
    assert ({".html"} if option == "--xdp-results" else {".json"}) == written


def test_reports_unwritable(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where reports/ itself cannot be made."""
    monkeypatch.setenv("XDPCONFORM_REPORTS", "/proc/reports")

    result = certify(runs)

    assert 0 == result.ret
    lines = summary(result)
    assert lines[0].startswith("v0a CONFORMS ")
    assert 2 == len(lines[1:])
    for line, suffix in zip(lines[1:], ("json", "html"), strict=True):
        assert re.fullmatch(
            rf"/proc/reports/v0a-\S+\.{suffix}: cannot be written: No such file or directory;"
            " no report is written there",
            line,
        )


def test_lost_on_the_way(runs: Runs) -> None:
    """What can no longer be written at the end is said, and the verdict stands."""
    folder = runs.pytester.path / "gone"
    runs.pytester.makeconftest("")
    (runs.pytester.path / "spoil.py").write_text(
        "import pathlib, shutil\n\n"
        "def pytest_runtestloop():\n"
        f"    shutil.rmtree({str(folder)!r})\n"
        f"    pathlib.Path({str(folder)!r}).write_text('')\n"
    )
    runs.pytester.syspathinsert()
    words = ["--self-contained-html", f"--html={folder}/l.html", f"--xdp-results={folder}/r.json"]

    result = certify(runs, "-p", "spoil", *words)

    assert 0 == result.ret
    lines = summary(result)
    assert lines[0].startswith("v0a CONFORMS ")
    assert [
        f"{folder}/r.json: cannot be written: File exists",
        "the HTML log cannot be written: Not a directory",
    ] == lines[1:]


def test_pipe(runs: Runs) -> None:
    """results.json goes into a pipe or device as it is: none is replaced by a file."""
    path = runs.pytester.path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        result = certify(runs, "-p", "no:html", "-k", "test_queues", f"--xdp-results={path}")
        data = os.read(reader, 1 << 16)
    finally:
        os.close(reader)

    assert 10 == result.ret
    assert path.is_fifo()
    assert b'{\n  "level": "claims"' == data[:21]


def test_link(runs: Runs) -> None:
    """Where the path is a link, what it leads to is replaced."""
    target = runs.pytester.path / "real.json"
    target.write_text("old")
    link = runs.pytester.path / "link.json"
    link.symlink_to(target)

    certify(runs, "-p", "no:html", f"--xdp-results={link}")

    assert link.is_symlink()
    assert "CONFORMS" == results.decode(target.read_bytes(), "").nics[0].verdict


def test_junit(runs: Runs) -> None:
    """JUnit's XML carries what a line says as properties of each test."""
    path = runs.pytester.path / "junit.xml"

    result = certify(runs, "-p", "no:html", f"--junitxml={path}")

    assert 0 == result.ret
    cases = ET.parse(path).getroot().findall(".//testcase")
    found = {
        case.get("name"): {p.get("name"): p.get("value") for p in case.findall(".//property")}
        for case in cases
    }
    assert 43 == len(found)
    assert {
        "nic": "v0a",
        "requirement": "XDP-FEAT-02",
        "outcome": "pass",
        "level": "claims",
        "expected": "basic required (profile veth)",
        "observed": "basic claimed (xdp-features 0x67: basic redirect ndo-xmit rx-sg ndo-xmit-sg)",
    } == found["test_basic[v0a]"]
    assert "not-claimed" == found["test_hw_offload[v0a]"]["outcome"]


def test_nothing_overwritten(runs: Runs) -> None:
    """Reports of two runs within a second stand beside each other."""
    certify(runs, "-p", "no:html", "-k", "test_queues")
    certify(runs, "-p", "no:html", "-k", "test_queues")
    certify(runs, "-p", "no:html", "-k", "test_queues")

    names = {path.name for path in runs.reports.iterdir()}
    recordings = {name for name in names if name.endswith(".rec.json")}
    assert (3, 3) == (len(recordings), len(names - recordings))
