# SPDX-License-Identifier: MIT
"""The summary: verdicts first, worst first, what needs attention with what to do, and a limit."""

from __future__ import annotations

import re

import pytest

from tests.outputs.views.samples import line, nic, run
from xdpconform.outputs.results import NicResults
from xdpconform.outputs.views.markdown import LIMIT, markdown


def failing(name: str, count: int, reason: str = "they were dropped") -> NicResults:
    """A NIC with this many fails."""
    lines = [line(number, "fail", "mismatch", reason=reason) for number in range(count)]
    return nic(*lines, name=name)


def test_order() -> None:
    """NICs that fail stand before those that are incomplete, and those before the others."""
    text = markdown(
        run(nic(line(1)), nic(line(1, "blocked"), name="eth1"), failing("eth2", 1)),
    )

    assert "## XDP conformance: 1 FAILS, 1 INCOMPLETE, 1 CONFORMS" == text.splitlines()[0]
    assert ["eth2", "eth1", "eth0"] == re.findall(
        r"^\| \S+ \*\*\w+\*\* \| (\w+)", text, re.MULTILINE
    )
    assert ["### Failures", "### Could not be tested"] == re.findall("^###.*", text, re.MULTILINE)


def test_folded() -> None:
    """What needs no attention is folded, a table a NIC."""
    text = markdown(run(nic(line(1), line(2, "not-claimed", observed=""))))

    assert (
        "<details><summary>eth0: 1 pass, 1 not-claimed</summary>\n\n"
        "| Requirement | Outcome | Level | Observed |\n|---|---|---|---|\n"
        "| XDP-ACT-01 | pass | packets | none |\n"
        "| XDP-ACT-02 | not-claimed | packets | they were dropped |\n"
        "\n</details>\n"
    ) in text


def test_blocked_together() -> None:
    """Many lines of a NIC that are blocked for one reason are one, with their requirements."""
    lines = [line(number, "blocked", reason="no peer: --peer NIC") for number in range(1, 11)]
    text = markdown(run(nic(*lines, line(11, "blocked", reason="no BTF"))))
    names = ", ".join(one.requirement for one in lines)

    assert f"- **10 lines** on eth0, blocked: no peer: --peer NIC<br>{names}\n" in text
    assert "- **XDP-ACT-11** on eth0, blocked: no BTF<br>Frames arrive.\n" in text


def test_simulated() -> None:
    """A simulated NIC is called so beside its verdict."""
    assert "| ✅ **CONFORMS** (simulated) | eth0 |" in markdown(run(nic(line(1), source="mock")))


@pytest.mark.parametrize(
    ("nics", "lines"), [(1, 2000), (2000, 1), (60, 60)], ids=["one NIC", "many NICs", "both"]
)
def test_limit(nics: int, lines: int) -> None:
    """What is more than a comment holds is counted at the end; the table of verdicts stays."""
    results = run(*(failing(f"eth{number}", lines, "x" * 300) for number in range(nics)))
    text = markdown(results)
    rows = len(re.findall(r"^\| ❌", text, re.MULTILINE))
    bullets = len(re.findall(r"^- \*\*", text, re.MULTILINE))
    left_out = re.search(r"\nLeft out: (\d+) lines, which results.json has.\n\Z", text)

    assert LIMIT // 2 < len(text) <= LIMIT
    assert left_out
    assert nics + nics * lines == rows + bullets + int(left_out[1])
    assert rows >= min(nics, 60)
    assert bullets > 0


def test_nothing_left_out() -> None:
    """Nothing is said of it where everything fits."""
    assert "Left out" not in markdown(run(failing("eth0", 20)))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("rx_queue_0 <b> `x` *y* [z](w) a|b", r"rx\_queue\_0 \<b\> \`x\` \*y\* \[z\](w) a\|b"),
        ("@torvalds", "@\u2060torvalds"),
        ("fixes #12 and GH-3", "fixes #\u206012 and GH-\u20603"),
        ("see https://example.org", r"see https\://example.org"),
        ("www.example.org", "www\u2060.example.org"),
        (":tada: :+1: tun:TAP 12:00:00+00:00", ":\u2060tada: :\u2060+1: tun:TAP 12:00:00+00:00"),
        ("one\n\n  two", "one two"),
        ("&lt; $x$ ~y~ \\", r"\&lt; \$x\$ \~y\~ \\"),
    ],
)
def test_text(said: str, written: str) -> None:
    """Text from outside is text: no markup, no link, and nobody is called."""
    text = markdown(run(nic(line(1, "fail", "mismatch", reason=said))))

    assert f"on eth0, mismatch: {written}<br>" in text
