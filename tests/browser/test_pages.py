# SPDX-License-Identifier: MIT
"""Every page in a real browser: readable anywhere, by anyone, and silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest

from tests.browser.visit import COLOURS, bare

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.samples import Pages
    from tests.browser.visit import Visit


SORT = "\u2195"
"""The matrix has a few lines of script for it."""


class Look(NamedTuple):
    """What is known of a page."""

    title: str
    """Its title, or a part of it: the verdict."""
    words: tuple[str, ...]
    """Among what stands on it, and on paper."""


LOOKS = {
    "log": Look("XDP conformance of veth-6.18.44-attached, ice", ("gve:GQI-QPL@7.3: FAILS",)),
    "certificate CONFORMS": Look("veth-6.18.44-attached: CONFORMS", ("XDP-FEAT-01", "not-claimed")),
    "certificate INCOMPLETE": Look("INCOMPLETE", ("XDP-PROTO-", "ice", "blocked")),
    "certificate FAILS": Look("FAILS", ("XDP-FEAT-05", "https://example.org/defect/7", "waived")),
    "certificate of frames": Look("veth0: CONFORMS", ("XDP-ACT-01", "By action", "packets")),
    "index": Look("XDP conformance certificates", ("1 CONFORMS", "1 INCOMPLETE", "1 FAILS")),
    "diff": Look("regression", ("XDP-FEAT-05", "CONFORMS", "FAILS")),
    "matrix index.html": Look("XDP support by driver and kernel", ("gve", "6.18")),
    "matrix driver/gve*.html": Look("gve · XDP support", ("XDP-FEAT-05", "7.3")),
    "matrix flag/xsk-zerocopy*.html": Look("xsk-zerocopy", ("gve",)),
}
ALIKE = ("certificate CONFORMS", "certificate INCOMPLETE")
"""Laid out as the certificate that FAILS; what is left out for them is checked there."""

every = pytest.mark.parametrize("name", LOOKS)
coloured = pytest.mark.parametrize("name", [name for name in LOOKS if name != ALIKE[0]])
laid_out = pytest.mark.parametrize("name", [name for name in LOOKS if name not in ALIKE])
ours = pytest.mark.parametrize("name", [name for name in LOOKS if name not in (*ALIKE, "log")])

KNOWN = (
    ("html-has-lang", "html"),
    ("landmark-one-main", "html"),
    # All that pytest-html lays out stands in no landmark; our verdicts are regions.
    (
        "region",
        "#title, body > p, #environment-header, #environment, .summary__data > :not(.prefix)",
    ),
    ("region", "#results-table *"),
    # The boxes of its filters have their words beside them.
    ("label", "input.filter"),
    # Its script ends a list with a second <ul>.
    ("list", "#environment ul"),
)
"""Rules of axe-core and where the log breaks them in what pytest-html writes, which has no hook
for its template, its filters or its table of the environment."""

ROWS_ALIKE = ".results-table-row:nth-of-type(n + 12):nth-last-of-type(n + 12)"
"""The rows of the log but for the first and the last: they have nothing that these have not."""


@every
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_opens(visit: Callable[..., Visit], pages: Pages, name: str, scripts: bool) -> None:
    """A page opens without an error, asks for nothing, and says in its title what it is."""
    seen = visit(pages[name], scripts=scripts)

    assert LOOKS[name].title in seen.page.title()
    for word in LOOKS[name].words:
        assert bare(word) in bare(seen.text())
    assert [] == seen.told


@ours
def test_no_script(visit: Callable[..., Visit], pages: Pages, name: str) -> None:
    """A page of ours reads the same with scripts off, but for buttons to sort by."""
    with_scripts, without = (
        visit(pages[name], scripts=scripts).text() for scripts in (True, False)
    )

    assert bare(without) == bare(with_scripts.replace(SORT, ""))


@coloured
def test_axe(visit: Callable[..., Visit], pages: Pages, name: str) -> None:
    """WCAG 2.2 to level AA, landmarks and headings hold; of the log all but `KNOWN`."""
    seen = visit(pages[name])
    log = name == "log"

    assert [] == seen.axe(known=KNOWN if log else (), without=ROWS_ALIKE if log else "")
    assert [] == seen.unreadable()


@coloured
def test_dark(visit: Callable[..., Visit], pages: Pages, name: str) -> None:
    """Who prefers dark gets a dark page that can be read."""
    seen = visit(pages[name], scheme="dark")

    assert [] == seen.axe(COLOURS, without=ROWS_ALIKE if name == "log" else "")
    assert [] == seen.unreadable()
    assert seen.darkness() > 0.8


@laid_out
@pytest.mark.parametrize("width", [320, 1280])
def test_width(visit: Callable[..., Visit], pages: Pages, name: str, width: int) -> None:
    """On a phone or a desk the page scrolls down only; what scrolls sideways in itself is a
    region with a name, and the keyboard gets there.
    """
    seen = visit(pages[name], width=width)

    assert [] == seen.sideways()
    if name != "log":
        assert [] == seen.regions()


@laid_out
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_paper(
    visit: Callable[..., Visit], pages: Pages, name: str, paper: Literal["A4", "Letter"]
) -> None:
    """On paper stands all that is there, also what is folded on the screen."""
    sheets = visit(pages[name]).printed(paper)

    assert all(sheets), "an empty sheet"
    whole = "".join(sheets)
    for word in LOOKS[name].words:
        assert bare(word) in whole


@laid_out
def test_keyboard(visit: Callable[..., Visit], pages: Pages, name: str) -> None:
    """Tab goes through the page in the order it is read, and each stop shows that it is one."""
    seen = visit(pages[name])
    expected = seen.stops()[:60]

    walked = seen.walk(len(expected))

    assert expected == [stop.name for stop in walked]
    assert [] == [stop.name for stop in walked if not (stop.ringed and stop.there)]


@ours
def test_skip_link(visit: Callable[..., Visit], pages: Pages, name: str) -> None:
    """The first stop leads past what is above the content."""
    page = visit(pages[name]).page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert "main" == page.evaluate(
        "() => document.querySelector(location.hash).tagName.toLowerCase()"
    )


def test_sorted_by_script(visit: Callable[..., Visit], pages: Pages) -> None:
    """A button sorts the matrix by a column, what does not hold first, and says so."""
    page = visit(pages["matrix index.html"]).page
    drivers = "() => [...document.querySelectorAll('tbody th')].map(one => one.innerText)"
    before = page.evaluate(drivers)

    page.get_by_role("button", name="Sort by 7.3").click()

    assert ["gve", "ice:PF", "veth"] == before == page.evaluate(drivers)
    page.get_by_role("button", name="Sort by 7.3").click()
    assert ["veth", "ice:PF", "gve"] == page.evaluate(drivers)
    assert ["descending"] == page.evaluate(
        "() => [...document.querySelectorAll('[aria-sort]')].map(one => one.ariaSort)"
    )
