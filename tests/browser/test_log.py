# SPDX-License-Identifier: MIT
"""The HTML log in a real browser: complete, and foreign text stays text."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.runs import profiled
from tests.plugin.test_lies import claiming
from xdpconform.errors import WireError
from xdpconform.netlink.netdev import XdpAct
from xdpconform.profiles import match
from xdpconform.profiles.load import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.visit import Visit
    from tests.plugin.runs import Runs
    from xdpconform.nic import Nic

pytest_plugins = ["pytester"]


def log(visit: Callable[..., Visit], runs: Runs, *nics: Nic, **more: Any) -> str:
    """Run on these NICs; the page as it stands after its scripts ran."""
    runs.take(*more.get("subjects", map(profiled, nics)))
    runs.real("--iface=v0a", "--tb=short")
    (path,) = runs.reports.glob("*.html")
    seen = visit(path)

    assert [] == seen.told
    assert seen.page.evaluate("() => window.pwned") is None
    return seen.page.content()


def text_of(html: str) -> str:
    """What a reader sees of a piece of the page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def part(page: str, pattern: str) -> str:
    """The first piece of the page that fits."""
    found = re.search(pattern, page, re.DOTALL)
    assert found is not None
    return found[0]


def rows(page: str) -> list[list[str]]:
    """The cells of the table of results."""
    table = page.partition('id="results-table"')[2]
    found = re.findall(r'<tr class="collapsible".*?</tr>', table, re.DOTALL)
    return [[text_of(cell) for cell in re.findall(r"<td.*?</td>", r, re.DOTALL)] for r in found]


def test_page(visit: Callable[..., Visit], runs: Runs) -> None:
    """Verdict, columns, one row a line, and the environment with the NIC's facts."""
    subject = runs.snapshot[0]
    assert subject.match is not None

    page = log(visit, runs, subject.nic)

    assert '<title id="head-title">XDP conformance of v0a</title>' in page
    verdict = text_of(part(page, r"<section.*?</section>"))
    assert verdict.startswith("v0a: CONFORMS interface v0a driver veth ")
    head = part(page, r'<thead id="results-table-head">.*?</thead>')
    assert [
        "Result",
        "Outcome",
        "NIC",
        "Requirement",
        "Expected",
        "Reported",
        "Level",
        "Test",
        "Duration",
        "Links",
    ] == [text_of(cell) for cell in re.findall(r"<th .*?</th>|<th>.*?</th>", head, re.DOTALL)]
    found = rows(page)
    assert 43 == len(found)
    assert [
        "Passed",
        "pass",
        "v0a",
        "XDP-FEAT-02 [idle] The driver claims basic if and only if it should.",
        "basic required (profile veth)",
    ] in [row[:5] for row in found]
    assert ["Skipped", "not-claimed"] == found[0][:2]
    environment = text_of(part(page, r'<table id="environment".*?</table>'))
    kernel = subject.nic.identity.kernel
    digest = subject.match.loaded.digest
    for fact in ("driver: veth", f"kernel: {kernel}", "profile: veth", f"digest: {digest}"):
        assert fact in environment
    assert ".xdp-verdict" in page  # our style sheet


def test_details(visit: Callable[..., Visit], runs: Runs) -> None:
    """Below a line stand its reason and the bytes behind it; only what needs attention is open."""
    nic = claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)

    page = log(visit, runs, nic)

    table = page.partition('id="results-table"')[2]
    bodies = re.findall(r'<tbody class="results-table-row.*?</tbody>', table, re.DOTALL)
    first = text_of(bodies[0])
    assert first.startswith("Failed fail: under-claim v0a XDP-FEAT-07 [idle] ")
    assert "the driver should claim rx-sg" in first
    assert "what: netdev dev-get request: " in first
    assert 'class="extras-row"' in bodies[0]
    assert 42 == sum('class="extras-row hidden"' in body for body in bodies)
    verdict = text_of(part(page, r"<section.*?</section>"))
    assert "v0a: FAILS" in verdict
    assert "XDP-FEAT-07 under-claim: the driver should claim rx-sg" in verdict


EVIL = (
    "<img src=x onerror=\"document.title=window.pwned='owned'\">"
    "<script>document.title=window.pwned='owned'</script></script></td></table>"
    "\"' onmouseover='x' &amp;&lt;\u202eevil\u200f\n" + "e" * 4096
)
SHOWN = (
    "<img src=x onerror=\"document.title=window.pwned='owned'\">"
    "<script>document.title=window.pwned='owned'</script></script></td></table>"
    "\"' onmouseover='x' &amp;&lt;\\u202eevil\\u200f\\n" + "e" * 4096
)


def test_hostile(visit: Callable[..., Visit], runs: Runs, tmp_path: Path) -> None:
    """What a device, a profile or a check says runs nothing on the page, and is shown in full."""
    nic = claiming(lack=XdpAct.RX_SG)(runs.snapshot[0].nic)
    words: dict[str, Any] = {
        "driver": EVIL,
        "driver_version": EVIL,
        "firmware": EVIL,
        "bus_info": EVIL,
    }
    nic = nic._replace(identity=nic.identity._replace(**words))
    told = nic.answers["ack"]._replace(what=EVIL, error=WireError(EVIL))
    nic = nic._replace(answers=nic.answers | {"ack": told})
    quoted = EVIL[:1900].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    (tmp_path / "evil.toml").write_text(
        'schema = 1\nname = "evil"\ndriver = ["<img*"]\n'
        f'\n[[claim]]\nflags = ["rx-sg"]\nnote = "{quoted}"\nsource = "{quoted[:150]}"\n'
        '\n[[waiver]]\nrequirement = "XDP-FEAT-02"\nlink = "https://example.org/"\n'
        f'until = 2099-01-01\nreason = "{quoted}"\n'
    )
    subject = profiled(nic)._replace(match=match([load(tmp_path / "evil.toml")], nic))
    assert subject.match is not None

    page = log(visit, runs, subjects=[subject])

    assert '<title id="head-title">XDP conformance of v0a</title>' in page
    assert "owned" not in part(page, r"<title.*?</title>")
    for tag in ('<img src="x"', "<img src=x", "<script>document"):
        assert tag not in page.partition("<footer>")[0]
    verdict = text_of(part(page, r"<section.*?</section>"))
    assert 4 <= verdict.count(SHOWN)
    environment = text_of(part(page, r'<table id="environment".*?</table>'))
    assert 4 <= environment.count(SHOWN)
    found = {row[3].split(" ")[0]: row for row in rows(page) if row[3]}
    assert SHOWN in found["XDP-FEAT-01"][4]
    assert SHOWN in found["XDP-PROTO-05"][5]
    assert "fail: under-claim" == found["XDP-FEAT-07"][1]
    assert "waived: over-claim" == found["XDP-FEAT-02"][1]
    assert 43 == len(rows(page))
    assert "\u202e" not in page.partition("<footer>")[0]


def test_broken_check(
    visit: Callable[..., Visit], runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that raised shows its traceback, escaped."""

    def broken(_nic: Nic) -> None:
        raise RuntimeError("<b>" + EVIL[:200])

    monkeypatch.setattr("xdpconform.judge.queues.counted", broken)

    page = log(visit, runs, runs.snapshot[0].nic)

    first = rows(page)[0]
    assert ["Failed", "error", "v0a"] == first[:3]
    assert "v0a: INCOMPLETE" in text_of(part(page, r"<section.*?</section>"))
    assert "<b>" not in page.partition("<footer>")[0].partition("</section>")[2]
    assert '<title id="head-title">XDP conformance of v0a</title>' in page
