# SPDX-License-Identifier: MIT
"""JUnit XML: the shape that Jenkins knows, and what is known of NICs and lines as properties."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.outputs.views.samples import EXAMPLE, HOSTILE, OUTCOMES, everywhere, line, nic, run
from xdpconform.outputs.results import decode
from xdpconform.outputs.views.junit import junit

ROOT = Path(__file__).parents[3]
SHAPE = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "timestamp", "hostname", "id"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "time", "classname"},
        {"properties", "skipped", "error", "failure", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "skipped": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
}
"""Attributes and children by element, of junit-10.xsd in jenkinsci/xunit-plugin; properties of a
test case are not in it, and stand as pytest writes them."""


@pytest.mark.parametrize("text", ["", *HOSTILE])
def test_shape(text: str) -> None:
    """No element and no attribute that readers do not know, whatever text the lines hold."""
    root = ET.fromstring(junit(everywhere(text)))

    for element in root.iter():
        attributes, children = SHAPE[element.tag]
        assert set(element.keys()) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        assert {"name", "tests", "failures", "errors"} <= set(suite.keys())


def properties(element: ET.Element | None) -> dict[str | None, str | None]:
    """An element's own properties."""
    assert element is not None
    return {one.get("name"): one.get("value") for one in element.findall("properties/property")}


def test_properties() -> None:
    """A suite says which NIC on which kernel and its verdict; a case what was found."""
    root = ET.fromstring(junit(EXAMPLE))
    failed = root.find(".//testcase[@name='XDP-ACT-03[plain]']")

    assert {
        "bus": "virtio",
        "bus-info": "0000:00:03.0",
        "driver": "virtio_net",
        "driver-version": "1.0.0",
        "interface": "eth0",
        "kernel": "6.18.44",
        "kernel-build": "#1 SMP",
        "level": "packets",
        "machine": "x86_64",
        "nic": "eth0",
        "pci": "1af4:1041",
        "profile": "virtio_net",
        "profile-digest": "sha256:00",
        "source": "kernel",
        "started": "2026-11-24T12:00:00+00:00",
        "tool": "xdpconform 1.0.0",
        "verdict": "FAILS",
    } == properties(root.find("testsuite"))
    assert {
        "requirement": "XDP-ACT-03",
        "row": "plain",
        "title": "XDP_TX sends every frame back.",
        "outcome": "fail",
        "kind": "over-claim",
        "level": "packets",
        "expected": "every frame comes back",
        "observed": "100 frames sent, none returned",
    } == properties(failed)
    assert failed is not None
    assert "eth0.XDP-ACT" == failed.get("classname")


def test_error_message() -> None:
    """Of a traceback the message is the last line, the text all of it."""
    broken = line(1, "error", reason="Traceback\n  File x\nValueError: no")
    error = ET.fromstring(junit(run(nic(broken)))).find(".//error")

    assert error is not None
    assert "ValueError: no" == error.get("message")
    assert str(error.text).endswith("reason: Traceback\n  File x\nValueError: no")


def ended(root: ET.Element) -> dict[str, list[str]]:
    """The elements that each test case ended in, by its name."""
    return {
        str(case.get("name")).removeprefix("test_").replace("_", "-"): [
            one.tag for one in case if one.tag in ("failure", "error", "skipped")
        ]
        for case in root.iter("testcase")
    }


def own(folder: Path, *words: str | Path) -> ET.Element:
    """What pytest's own ``--junitxml`` writes of a run."""
    path = folder / "own.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={path}", *words],
        cwd=ROOT,
        env={**os.environ, "XDPCONFORM_REPORTS": str(folder)},
        capture_output=True,
        check=False,
    )
    return ET.parse(path).getroot()


def test_elements_of_pytest(tmp_path: Path) -> None:
    """Our outcomes end in the same elements as tests that end as ours do in pytest."""
    ends = {
        "pass": "assert True",
        "fail": "pytest.fail('x')",
        "blocked": "pytest.skip('x')",
        "not-claimed": "pytest.skip('x')",
        "waived": "pytest.xfail('x')",
    }
    lines = [f"def test_{name.replace('-', '_')}(): {end}" for name, end in ends.items()]
    lines.append("@pytest.fixture\ndef broken(): raise ValueError\ndef test_error(broken): pass")
    (tmp_path / "test_ends.py").write_text("\n".join(["import pytest", *lines]), encoding="utf-8")
    ours = run(nic(*(line(1, outcome, requirement=outcome) for outcome in OUTCOMES)))

    found = ended(own(tmp_path, "--noconftest", f"--rootdir={tmp_path}", tmp_path))

    assert found == ended(ET.fromstring(junit(ours)))
    assert len(found) == len(OUTCOMES)


def test_counts_of_pytest(tmp_path: Path) -> None:
    """Of a run of the suites pytest's own file counts as ours does, and is as pytest wrote it."""
    path = tmp_path / "results.json"
    recording = ROOT / "recordings/veth-6.18.44-idle.rec.json"
    theirs = own(tmp_path, f"--recording={recording}", f"--xdp-results={path}").find("testsuite")
    ours = ET.fromstring(junit(decode(path.read_bytes(), path.name))).find("testsuite")

    assert theirs is not None
    assert ours is not None
    counts = ("tests", "failures", "errors", "skipped")
    assert [theirs.get(name) for name in counts] == [ours.get(name) for name in counts]
    assert "pytest" == theirs.get("name")
    assert {"requirement", "outcome"} <= set(properties(theirs.find("testcase")))
