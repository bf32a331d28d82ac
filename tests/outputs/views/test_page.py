# SPDX-License-Identifier: MIT
"""docs/formats.md: its examples are what the formats are, its table is the table."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.outputs.views.samples import EXAMPLE
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.views import NAMES
from xdpconform.outputs.views.export import export

PAGE = Path(__file__).parents[3] / "docs/formats.md"
FAILED = 1
"""Of long formats the line that is shown: the one that fails."""


def example(name: str) -> str:
    """What the page shows of a format."""
    text = export(name, EXAMPLE)
    if name == "csv":
        return "".join(text.splitlines(keepends=True)[:3]).replace("\r\n", "\n")
    if name == "junit":
        cases = re.findall(r" *<testcase.*?</testcase>\n", text, re.DOTALL)
        start = text[: text.index("    <properties>")]
        return f"{start}    ...\n{cases[FAILED]}    ...\n  </testsuite>\n</testsuites>\n"
    if name == "kcidb":
        test = json.loads(text)["tests"][FAILED]
        test["environment"]["misc"] = {"...": "..."}
        return json.dumps(test, indent=2) + "\n"
    return text


def table() -> str:
    """The table of outcomes."""
    rows = [
        f"| `{outcome}` | {code(f'{word.tap} {word.directive}'.strip(), 'comment')}"
        f" | {code(word.totals, 'not counted')} | {code(word.junit, 'none')}"
        f" | `{word.kcidb}` | {code(word.intoto, 'in no list')} |"
        for outcome, word in ELSEWHERE.items()
    ]
    head = "| outcome | TAP | totals | JUnit element | KCIDB | in-toto test-result |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows, ""])


def code(word: str, empty: str) -> str:
    """A word as code, or what its absence means."""
    return f"`{word}`" if word else empty


def current(page: str) -> str:
    """The page with its examples and its table as the code has them."""
    for name in NAMES:
        page = re.sub(
            rf"(<!-- example: {name} -->\n(`{{3,}})\w*\n).*?(^\2$)",
            lambda found, name=name: found[1] + example(name) + found[3],
            page,
            flags=re.DOTALL | re.MULTILINE,
        )
    return re.sub(
        r"(<!-- outcomes -->\n\n).*?(?=\n\n|\n\Z)",
        lambda found: found[1] + table().rstrip("\n"),
        page,
        flags=re.DOTALL,
    )


def test_page() -> None:
    """Each example and the table are on the page, as the code has them."""
    page = PAGE.read_text(encoding="utf-8")

    assert list(NAMES) == re.findall(r"<!-- example: (\w+) -->", page)
    assert "<!-- outcomes -->" in page
    assert current(page) == page
