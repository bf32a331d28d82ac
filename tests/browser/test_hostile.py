# SPDX-License-Identifier: MIT
"""Whatever stands in results.json is text on every page: nothing runs, and all of it is shown."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.browser.samples import alone, few
from tests.browser.visit import bare
from xdpconform.interfaces import shown
from xdpconform.outputs.certificate.page import Entry, certificate_page, index_page
from xdpconform.outputs.diff import diff
from xdpconform.outputs.matrix import matrix
from xdpconform.outputs.results import Results, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from tests.browser.samples import Pages
    from tests.browser.visit import Visit

RUN = "document.title=window.pwned='owned'"
EVIL = {
    "markup": f'<img src=x onerror="{RUN}"><script>{RUN}</script><svg onload="{RUN}"></svg>',
    "ends": "</title></style></textarea></table></details></script>* { color: red; } {{ 7*7 }}"
    f" {{% raw %}} &lt;b&gt; &#60;b&#62; <script>{RUN}</script>",
    "quotes": f'"\'` onmouseover="{RUN}" autofocus onfocus=\'{RUN}\' x="',
    "address": f"javascript:{RUN}",
    "marks": "a\u202e\u2066b\u2069\u200f\u200b\ufeffc\x00\x07\x1b[31m\x85\u2028d",
    "long": "<b>" + "long" * 1024 + "</b>",
}
KEPT = frozenset(["schema", "outcome", "kind", "level", "source", "verdict"])
"""Fields of which results.json allows a few words only."""


def poisoned(value: Any, text: str, kept: Collection[str], key: str = "") -> Any:
    """The same with the text in each field that may hold any, and in the keys of evidence."""
    match value:
        case str() if key not in kept:
            return text
        case list():
            return [poisoned(one, text, kept) for one in value]
        case dict():
            before = text if key == "evidence" else ""
            return {
                f"{before}{name}": poisoned(one, text, kept, name) for name, one in value.items()
            }
    return value


def poison(results: Results, text: str, kept: Collection[str] = KEPT) -> Results:
    """Results of one NIC, with every outcome, that say this everywhere."""
    value = poisoned(msgspec.to_builtins(results), text, kept)
    line = value["nics"][0]["results"][0]
    for outcome in ("pass", "fail", "error", "waived", "blocked", "not-claimed"):
        for level in ("claims", "packets"):
            param = f"{text} {outcome} {level}"
            value["nics"][0]["results"].append(
                line | {"param": param, "outcome": outcome, "level": level}
            )
    value["nics"][0]["recording"] = text
    value["nics"][0]["missing"] = [text]
    value["nics"][0]["environment"] = {
        "build": text,
        "machine": text,
        "config": {text: text},
        "module": {"name": text, "source": "in-tree", "version": text, "srcversion": text},
        "offloads": [text],
    }
    return msgspec.convert(value, Results)


def made(kind: str, folder: Path, results: Results, text: str) -> Path:
    """A page of these results."""
    page = folder / f"{kind}.html"
    source = folder / "results.json"
    source.write_bytes(encode(results))
    if kind == "certificate":
        page.write_bytes(certificate_page(results, text))
    elif kind == "index":
        page.write_bytes(index_page([Entry(text, results)]))
    else:
        with redirect_stdout(StringIO()):
            if kind == "diff":
                other = folder / "other.json"
                nic = msgspec.structs.replace(results.nics[0], verdict="CONFORMS", results=[])
                other.write_bytes(encode(alone(results, nic)))
                diff(str(other), str(source), as_json=False, html=str(page))
            else:
                matrix([str(folder)], str(folder / "site"), as_json=False)
                page = folder / "site" / "index.html"
    return page


@pytest.mark.parametrize("kind", ["certificate", "index", "diff", "matrix"])
@pytest.mark.parametrize("evil", EVIL)
def test_hostile(
    visit: Callable[..., Visit], pages: Pages, tmp_path: Path, kind: str, evil: str
) -> None:
    """The page has the elements and attributes that it has with harmless text and no others,
    loads and runs nothing, and shows what was said.
    """
    text = EVIL[evil]
    results = pages.nic("FAILS")
    results = alone(results, few(results.nics[0]))
    # A matrix leaves out certificates whose requirements or dates are none.
    kept = KEPT | {"requirement", "started"} if kind == "matrix" else KEPT
    folders = [tmp_path / name for name in ("evil", "tame")]
    texts = [text, "x" * len(text)]
    for folder in folders:
        folder.mkdir()
    hostile, tame = (
        visit(made(kind, folder, poison(results, said, kept), said))
        for folder, said in zip(folders, texts, strict=True)
    )

    assert [] == hostile.told
    assert "owned" not in hostile.page.title().replace(text, "")
    assert hostile.page.evaluate("() => window.pwned") is None
    assert set() == hostile.kinds() - tame.kinds()
    shown_text = bare(shown(text))
    # A matrix clips names.
    assert shown_text[: 40 if kind == "matrix" else None] in bare(hostile.text())
