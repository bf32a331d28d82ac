# SPDX-License-Identifier: MIT
"""The page of a diff: the worst first, whole, without a script; foreign text stays text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec
import pytest

from tests.outputs.test_diff_results import FALSE, LINE, NIC, claiming, line, replaced, side
from xdpconform.outputs.diff import Diff, compare
from xdpconform.outputs.diff_page import page
from xdpconform.outputs.diff_sides import Side
from xdpconform.profiles.load import decode

HOSTILE = (
    "</bdi></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}\x1b\u202e"
)
SHOWN = HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")


class Reader(HTMLParser):
    """A page's elements, their attributes, and its text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        if data.strip():
            self.texts.append(data.strip())


WORSE = replaced(
    verdict="FAILS",
    profile=None,
    capabilities=claiming(unknown={"9": "00"}),
    environment=msgspec.structs.replace(NIC.environment, build="#2 SMP"),
    results=[FALSE, line(requirement="XDP-B-01", title="Another.", reason="a note")],
)


def found() -> Diff:
    """One of each kind."""
    return compare(side(NIC, level="claims"), side(WORSE, level="packets", path="y"))


def test_order() -> None:
    """The headline counts regressions; they come first, then improvements, then the rest."""
    texts = Reader(page(found())).texts
    headings = [text for text in texts if re.search(r" \(\d\)$", text)]

    assert "2 regressions" in texts
    assert "2 improvements, 3 other changes" in texts
    assert [
        "Improvements (1)",  # the run's
        "Regressions (2)",
        "Improvements (1)",
        "Verdict, level and profile (1)",
        "The NIC and its environment (1)",
        "Claims (1)",
    ] == headings
    first = texts.index("Regressions (2)")
    assert ["verdict", "from", "CONFORMS", "→", "to", "FAILS"] == texts[first + 1 : first + 7]
    assert [
        *("XDP-A-01", "It holds.", "from", "pass", "→", "to", "fail (over-claim)"),
        "rx-sg is claimed, and frames are lost",
    ] == texts[first + 7 : first + 15]


def test_verdicts() -> None:
    """Every NIC's verdicts stand in a table, also of one that does not differ or is gone."""
    other = replaced(id="eth1", identity=msgspec.structs.replace(NIC.identity, ifname="eth1"))
    third = replaced(id="eth2", identity=msgspec.structs.replace(NIC.identity, ifname="eth2"))

    texts = Reader(page(compare(side(NIC, other, third), side(WORSE, other)))).texts

    first = texts.index("Other changes")
    assert [
        *("eth0", "CONFORMS", "FAILS", "2", "1", "3"),
        *("eth2", "CONFORMS", "absent", "1", "0", "0"),
        *("eth1", "CONFORMS", "CONFORMS", "0", "0", "0"),
    ] == texts[first + 1 : first + 19]


def test_nothing_is_loaded() -> None:
    """No script, nothing from elsewhere; the style sheet is the only one that is let in."""
    data = page(found())
    read = Reader(data)
    css = re.search(rb"<style>(.*?)</style>", data, re.DOTALL)

    assert css is not None
    digest = base64.b64encode(hashlib.sha256(css[1]).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        in read.attributes["content"]
    )
    assert set() == read.tags & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert set() == set(read.attributes) & {"src", "style", "srcset", "action"}
    assert b"url(" not in css[1]
    assert {"#main", "#part-1"} == set(read.attributes["href"])
    assert {"main", "header", "footer", "h1", "h2", "h3"} <= read.tags


def test_hostile() -> None:
    """Markup, quotes, template marks and control characters are shown as they are, and run not."""
    nasty = replaced(
        id=HOSTILE,
        verdict="FAILS",
        identity=msgspec.structs.replace(
            NIC.identity, ifname=HOSTILE, driver=HOSTILE, queues={HOSTILE: 1}
        ),
        capabilities=claiming(xdp_features=[HOSTILE], unknown={HOSTILE: HOSTILE}),
        results=[line(requirement=HOSTILE, title=HOSTILE, param=HOSTILE, reason=HOSTILE)],
        missing=[HOSTILE],
    )
    plain, difference = Reader(page(found())), compare(side(NIC), side(nasty, path=HOSTILE))

    data = page(difference)
    read = Reader(data)

    assert plain.tags >= read.tags
    assert set(plain.attributes) >= set(read.attributes)
    assert 8 <= sum(SHOWN in text for text in read.texts)
    assert "\x1b" not in data.decode()
    assert "\u202e" not in data.decode()


def test_deterministic() -> None:
    """The same difference is the same bytes."""
    assert page(found()) == page(found())


PROFILE = b'schema = 1\nname = "mine"\ndriver = ["mine"]\n'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (side(NIC), side(NIC), "No difference"),
        (side(NIC), side(replaced(results=[LINE, line(requirement="X")])), "No regression"),
        (side(NIC), side(replaced(verdict="FAILS")), "1 regression"),
        (Side("x", "recording", [NIC]), side(WORSE), "2 differences"),
        (
            Side("x", "profile", [], decode(PROFILE, "x")),
            Side("y", "profile", [], decode(PROFILE.replace(b'["mine"]', b'["other"]'), "y")),
            "2 differences",
        ),
    ],
)
def test_headline(old: Side, new: Side, expected: str) -> None:
    """What was not judged differs, and neither regresses nor improves."""
    read = Reader(page(compare(old, new)))

    assert read.texts[0].startswith(f"{expected} from x to ")
    assert expected in read.texts[1:]
    judged = old.judged and new.judged
    assert judged == ("Verdicts" in read.texts)
