# SPDX-License-Identifier: MIT
"""The checks themselves: a good page passes each, a page that is bad in one way is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.visit import Visit

GOOD = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>good</title>
<style>
  :root {{ color-scheme: light dark }}
  html {{ background: light-dark(#fff, #111); color: light-dark(#222, #ddd) }}
  a {{ color: light-dark(#0645ad, #8ab4f8) }}
  @media print {{ details::details-content {{ content-visibility: visible }} }}
  {style}
</style></head>
<body><a href="#main">Skip</a>
<main id="main" tabindex="-1"><h1>Good</h1><p>quiet words</p>
<details><summary>More</summary>folded</details>
<svg width="90" height="20" role="img" aria-label="a picture"><rect width="90" height="20"
fill="#eee"/><text y="15" fill="#333">picture</text></svg>
{body}</main></body></html>
"""

CHECKS = {
    "told": lambda seen: seen.told,
    "axe": lambda seen: seen.axe(),
    "unreadable": lambda seen: seen.unreadable(),
    "sideways": lambda seen: seen.sideways(),
    "regions": lambda seen: seen.regions(),
    "ring": lambda seen: [stop.name for stop in seen.walk(9) if not (stop.ringed and stop.there)],
}

BAD = {
    "contrast": ("p { color: #bbb }", "", "axe", "color-contrast: p: "),
    "unsure": ("p { background: url(data:,) }", "", "axe", "color-contrast: p: "),
    "label": ("", "<input>", "axe", "label: input: "),
    "heading": ("", "<h4>far down</h4>", "axe", "heading-order: h4: "),
    "landmark": ("", "</main><p>outside</p>", "axe", "region: "),
    "folded": ("", "<details><summary>s</summary><img></details>", "axe", "image-alt: img: "),
    "picture": ("text { fill: #ccc }", "", "unreadable", "#main > svg > text picture: contrast 1."),
    "wide": ("", "<p style='width: 999px'>wide</p>", "sideways", "the page is 1"),
    "region": (
        "",
        "<div style='overflow-x: auto'><p style='width: 999px'>wide</p></div>",
        "regions",
        "#main > div scrolls sideways",
    ),
    "no ring": ("a:focus { outline: none }", "", "ring", "body > a"),
    "far away": ("a { position: absolute; left: -9999px }", "", "ring", "body > a"),
    "script": ("", "<script>throw Error('broken')</script>", "told", "error: broken"),
    "console": ("", "<script>console.log('hello')</script>", "told", "console: hello"),
    "dialog": ("", "<script>alert('hello')</script>", "told", "dialog: hello"),
    "network": ("", "<img alt='' src='https://example.org/x.png'>", "told", "request: https://ex"),
    "file": ("", "<img alt='' src='file:///etc/hostname'>", "told", "request: file:///etc/host"),
    "refused": (
        "</style><meta http-equiv=Content-Security-Policy content=\"script-src 'none'\"><style>",
        "<script>1</script>",
        "told",
        "console: Executing inline script violates",
    ),
}


def written(folder: Path, *, style: str = "", body: str = "") -> Path:
    """The good page with something more."""
    page = folder / "page.html"
    page.write_text(GOOD.format(style=style, body=body), encoding="utf-8")
    return page


def test_good(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """A good page passes every check, light and dark."""
    page = written(tmp_path)
    for scheme in ("light", "dark"):
        seen = visit(page, scheme=scheme, width=320)
        for check in CHECKS.values():
            assert [] == check(seen)

        assert (scheme == "dark") == (seen.darkness() > 0.8)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad(visit: Callable[..., Visit], tmp_path: Path, bad: tuple[str, str, str, str]) -> None:
    """What is wrong is found, with its place."""
    style, body, check, found = bad
    seen = visit(written(tmp_path, style=style, body=body), width=320)

    assert any(one.startswith(found) for one in CHECKS[check](seen)), CHECKS[check](seen)


def test_known(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """What is known of one element excuses no other, and no other rule."""
    seen = visit(written(tmp_path, body="<input class=known><input><img class=known>"))

    found = [one.partition(": Ele")[0] for one in seen.axe(known=[("label", ".known")])]
    assert ["image-alt: img", "label: input:nth-child(6)"] == sorted(found)


def test_keyboard(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """A stop that the keyboard does not reach in the order of the document is seen."""
    seen = visit(written(tmp_path, body="<button tabindex='3'>first</button>"))
    expected = seen.stops()

    walked = [stop.name for stop in seen.walk(9)]

    assert ["body > a", "#main > details > summary", "#main > button"] == expected
    assert ["#main > button", "body > a", "#main > details > summary"] == walked


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_paper(visit: Callable[..., Visit], tmp_path: Path, paper: str) -> None:
    """What is folded is on paper only where the style sheet says so."""
    style = "details::details-content { content-visibility: hidden !important }"
    opened = visit(written(tmp_path)).printed(paper)
    (tmp_path / "closed").mkdir()
    closed = visit(written(tmp_path / "closed", style=style)).printed(paper)

    assert ["folded" in "".join(opened), "folded" in "".join(closed)] == [True, False]


def test_text(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """The text of a page is what a reader sees once all is opened, also with scripts off."""
    page = written(tmp_path, body="<p hidden>unseen</p><noscript>off</noscript>")

    assert "Skip Good quiet words More folded picture" == visit(page).text()
    assert "Skip Good quiet words More folded picture off" == visit(page, scripts=False).text()


def test_kinds(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """What markup adds to a page is seen: elements, attributes, and links of another kind."""
    before = visit(written(tmp_path)).kinds()
    body = "<b onclick=f()>b</b><a href='javascript:f()'>a</a><p style=''>p</p>"

    added = visit(written(tmp_path, body=body)).kinds() - before

    assert {"b", "b onclick", "a to javascript:", "p style"} == added
