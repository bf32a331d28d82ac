# SPDX-License-Identifier: MIT
"""A page open in Chromium, and what can be held against it.

Each check returns what is wrong, one line each and an empty list if nothing is, so that a failing
test shows the elements to look at.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Literal, NamedTuple, Self
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""Of axe-core: WCAG 2.2 to level AA, and what it says of landmarks and headings beyond that."""
COLOURS = ("color-contrast", "link-in-text-block")
"""Rules of axe-core that a colour scheme can break."""

_NAME = """
element => {
  const parts = [];
  for (let one = element; one && one !== document.documentElement; one = one.parentElement) {
    const same = one.parentElement
      ? [...one.parentElement.children].filter(other => other.tagName === one.tagName) : [one];
    const name = one.id ? `#${one.id}` : one.tagName.toLowerCase()
      + (same.length > 1 ? `:nth-of-type(${same.indexOf(one) + 1})` : "");
    parts.unshift(name);
    if (one.id) break;
  }
  return parts.join(" > ");
}
"""
"""A short selector of an element, for people."""

_SIDEWAYS = f"""
() => {{
  const name = {_NAME};
  const page = document.scrollingElement;
  if (page.scrollWidth <= innerWidth) return [];
  const scrolls = one => ["auto", "scroll", "hidden", "clip"]
    .includes(getComputedStyle(one).overflowX);
  const held = one => {{
    for (one = one.parentElement; one && one !== document.body; one = one.parentElement)
      if (scrolls(one)) return true;
    return false;
  }};
  const wide = [...document.body.querySelectorAll("*")].filter(one =>
    one.getBoundingClientRect().right + scrollX > innerWidth + 0.5 && !held(one));
  return [`the page is ${{page.scrollWidth}} px wide in a window of ${{innerWidth}}`,
    ...wide.slice(0, 8).map(one => `${{name(one)}} ends at `
      + Math.round(one.getBoundingClientRect().right + scrollX))];
}}
"""

_REGIONS = f"""
() => {{
  const name = {_NAME};
  return [...document.body.querySelectorAll("*")].filter(one =>
    one.scrollWidth > one.clientWidth + 1 && one.clientWidth
    && ["auto", "scroll"].includes(getComputedStyle(one).overflowX)
    && !(one.tabIndex >= 0 && one.getAttribute("role")
      && (one.getAttribute("aria-label") || one.getAttribute("aria-labelledby")))
  ).map(one => `${{name(one)}} scrolls sideways: no tabindex, role or label`);
}}
"""

_STOPS = f"""
() => {{
  const name = {_NAME};
  return [...document.querySelectorAll(
    "a[href], button:enabled, input:enabled, select:enabled, summary, [tabindex='0']")]
    .filter(one => one.checkVisibility({{contentVisibilityAuto: false, visibilityProperty: true}}))
    .map(name);
}}
"""

_STOP = f"""
() => {{
  const name = {_NAME};
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const style = getComputedStyle(one);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const box = one.getBoundingClientRect();
  const there = box.width > 1 && box.height > 1 && box.bottom > 0 && box.right > 0
    && box.top < innerHeight && box.left < innerWidth;
  return [name(one), ring || style.boxShadow !== "none", there];
}}
"""


_UNREADABLE = f"""
() => {{
  const name = {_NAME};
  const canvas = document.createElement("canvas").getContext("2d", {{willReadFrequently: true}});
  const light = colours => {{
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {{
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }}
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(value =>
      value <= 0.04045 * 255 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }};
  const wrong = [];
  for (const text of document.querySelectorAll("svg text")) {{
    if (!text.textContent.trim()) continue;
    const box = text.getBoundingClientRect();
    scrollTo(0, box.top + scrollY - innerHeight / 2);
    const seen = text.getBoundingClientRect();
    const [x, y] = [seen.left + seen.width / 2, seen.top + seen.height / 2];
    const below = [document.documentElement, document.body, text.closest("svg")]
      .map(one => getComputedStyle(one).backgroundColor);
    for (const one of [...text.closest("svg").querySelectorAll("rect, path, circle")]) {{
      if (!(one.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING)) continue;
      const area = one.getBoundingClientRect();
      const fill = getComputedStyle(one).fill;
      if (!fill.startsWith("url") && fill !== "none" && area.left <= x && x <= area.right
        && area.top <= y && y <= area.bottom) below.push(fill);
    }}
    const [one, other] = [light(["#fff", ...below]),
      light(["#fff", ...below, getComputedStyle(text).fill])].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) wrong.push(`${{name(text)}} ${{text.textContent.trim()}}: `
      + `contrast ${{ratio.toFixed(2)}}`);
  }}
  return wrong;
}}
"""
"""WCAG 2.2, 1.4.3, for the text of pictures, of which axe-core says that it cannot tell."""


@cache
def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


class Stop(NamedTuple):
    """Where the Tab key leads."""

    name: str
    ringed: bool
    """Whether the element shows that it has the focus."""
    there: bool
    """Whether it is in the window, and large enough to be seen."""


class Visit:
    """A page in a context of its own, closed with the ``with`` block.

    Nothing but files of the page's own folder is let through.

    Args:
        browser: Chromium.
        path: of the page.
        scripts: whether its scripts run.
        width: of the window, in CSS pixels.
        scheme: which colours the reader prefers.
        query: what stands behind the address, with its ``?``.
        folder: whose files it may load; by default that of the page.
    """

    def __init__(
        self,
        browser: Browser,
        path: Path,
        *,
        scripts: bool = True,
        width: int = 1280,
        scheme: Literal["light", "dark"] = "light",
        query: str = "",
        folder: Path | None = None,
    ) -> None:
        self.told: list[str] = []
        """What no page of ours may do: errors, dialogs, requests for anything else."""
        self._folder = (folder or path.parent).as_uri() + "/"
        self._scripts = scripts
        self._context = browser.new_context(
            java_script_enabled=scripts,
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        self.page: Page = self._context.new_page()
        self._context.route("**/*", self._request)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.told.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("popup", lambda popup: self.told.append(f"window: {popup.url}"))
        self.page.goto(path.as_uri() + query)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._context.close()

    def _request(self, route: Route) -> None:
        if route.request.url.startswith(self._folder):
            route.continue_()
        else:
            self.told.append(f"request: {route.request.url}")
            route.abort()

    def _console(self, message: object) -> None:
        self.told.append(f"console: {message.text}")  # type: ignore[attr-defined]

    def _dialog(self, dialog: object) -> None:
        self.told.append(f"dialog: {dialog.message}")  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    def text(self) -> str:
        """What a reader finds once all is opened, white space as one blank."""
        self.open_all()
        return flat(self.page.evaluate("() => document.body.innerText"))

    def kinds(self) -> set[str]:
        """Which elements there are, each with each of its attributes, and where links lead."""
        return set(
            self.page.evaluate(
                """() => [...document.querySelectorAll("*")].flatMap(one => {
                  const tag = one.tagName.toLowerCase();
                  return [tag, ...one.getAttributeNames().map(name => `${tag} ${name}`),
                    ...(one.protocol ? [`${tag} to ${one.protocol}`] : [])];
                })"""
            )
        )

    def open_all(self) -> None:
        """Open what can be opened."""
        self.page.evaluate(
            "() => document.querySelectorAll('details').forEach(one => { one.open = true; })"
        )

    def axe(
        self,
        rules: Collection[str] = (),
        *,
        known: Collection[tuple[str, str]] = (),
        without: str = "",
    ) -> list[str]:
        """What axe-core finds: rule and element, with its words.

        Colours that it cannot tell are found too: nobody has seen that they can be read. Left out
        are pictures, which `unreadable` is for, single signs, and a cell over two rows, which it
        takes for covered by the second.

        Args:
            rules: only these; else all of `RULES`.
            known: pairs of a rule and a selector whose elements are left out.
            without: a selector of what is not looked at.
        """
        self.open_all()
        only = {"type": "rule", "values": list(rules)} if rules else list(RULES)
        self.page.evaluate(_axe())
        # The browser resolves selectors, so that `known` may say which elements it means.
        assert self._scripts, "axe-core is a script"
        return self.page.evaluate(
            """async ([options, known, without]) => {
              const all = {include: [["html"]], exclude: without ? [[without]] : []};
              const found = await axe.run(all, options);
              const unsure = found.incomplete.filter(one => one.id === "color-contrast");
              const wrong = [];
              for (const rule of [...found.violations, ...unsure])
                for (const node of rule.nodes) {
                  const element = document.querySelector(node.target[0]);
                  const key = node.any[0]?.data?.messageKey;
                  if (unsure.includes(rule) && (element.closest("svg") || element.rowSpan > 1
                    || ["shortTextContent", "nonBmp"].includes(key))) continue;
                  if (known.some(([id, selector]) =>
                      id === rule.id && element.matches(selector))) continue;
                  const why = [...node.any, ...node.all, ...node.none].map(one => one.message);
                  wrong.push(`${rule.id}: ${node.target[0]}: ${why.join("; ")}`);
                }
              return wrong;
            }""",
            [
                {"runOnly": only, "resultTypes": ["violations", "incomplete"]},
                [list(pair) for pair in known],
                without,
            ],
        )

    def unreadable(self) -> list[str]:
        """Text of pictures that stands out too little from what is behind it."""
        return self.page.evaluate(_UNREADABLE)

    def darkness(self) -> float:
        """From 0, the page is white, to 1, it is black."""
        return self.page.evaluate(
            """() => {
              const found = [document.body, document.documentElement].map(one =>
                getComputedStyle(one).backgroundColor.match(/[\\d.]+/g).map(Number))
                .find(([r, g, b, a = 1]) => a > 0) ?? [255, 255, 255];
              return 1 - (found[0] + found[1] + found[2]) / 765;
            }"""
        )

    def sideways(self) -> list[str]:
        """What makes the page as a whole scroll sideways."""
        self.open_all()
        return self.page.evaluate(_SIDEWAYS)

    def regions(self) -> list[str]:
        """What scrolls sideways in itself and cannot be reached or has no name."""
        self.open_all()
        return self.page.evaluate(_REGIONS)

    def stops(self) -> list[str]:
        """What the Tab key should reach, in the order of the document."""
        return self.page.evaluate(_STOPS)

    def walk(self, most: int) -> list[Stop]:
        """Press Tab at most so often; where it led, until it leaves the page."""
        found = []
        for _press in range(most):
            self.page.keyboard.press("Tab")
            stop = self.page.evaluate(_STOP)
            if stop is None:
                break
            found.append(Stop(*stop))
        return found

    def printed(self, paper: Literal["A4", "Letter"]) -> list[str]:
        """The text of each page on paper, without white space, which print moves about."""
        from pypdf import PdfReader

        data = self.page.pdf(format=paper, prefer_css_page_size=False)
        return [bare(page.extract_text()) for page in PdfReader(BytesIO(data)).pages]


def flat(text: str) -> str:
    """White space as one blank."""
    return " ".join(text.split())


def bare(text: str) -> str:
    """Without white space and ligatures."""
    return re.sub(r"\s", "", normalize("NFKC", text))
