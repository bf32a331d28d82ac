# SPDX-License-Identifier: MIT
"""Whatever stands in the results is text on the page: markup, quotes, bidi marks, 4 KiB of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.outputs.certificate.samples import ENVIRONMENT, Page, line, results
from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.outputs.certificate.page import Entry, certificate_page, index_page
from xdpconform.outputs.results import Results, decode

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = {
    "markup": "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>",
    "quotes": '"\' onload=alert(1) x="',
    "template": "{{ 7 * 7 }}{% raw %}",
    "bidi": "abc\u202egnp.exe\u2066\u200f",
    "control": "a\x00b\x1b[31m\x7f\n\r\tc\u2028",
    "long": "W" * 4096,
    "words": "long " * 820,
    "folded": "<script>alert(1)</script>\u202e" * 160,
    "entities": "&lt;script&gt;&#60;",
    "percent": "%s %(x)s {0}",
}
FIXED = {
    *("schema", "level", "source", "verdict", "outcome", "kind", "idle", "attached"),
    *("in-tree", "claims", "packets"),
}
"""Names and words that results.json allows no others for."""


def base() -> Any:
    """Results with something in every field, in JSON types."""
    full = results(
        line(
            "XDP-STATE-01",
            "fail",
            param="basic",
            evidence={
                "attached": {
                    "claims": {
                        "xdp-features": ["basic"],
                        "xdp-rx-metadata-features": [],
                        "xsk-features": [],
                    }
                }
            },
        ),
        line("XDP-ACT-07", evidence={"128 bytes by -16": "adjusted", "other": ["a", {"b": "c"}]}),
        line("XDP-ACT-01", evidence={"sent": 9, "seen by the program": 9, "program": "XDP_PASS"}),
        line("XDP-FEAT-02", evidence={"what": "netdev dev-get", "request": "00", "replies": []}),
        line("XDP-ACT-02", "blocked", reason="missing\nmend it"),
        *results().nics[0].results[:3],
        environment=ENVIRONMENT,
        recording="sha256:00",
        missing=["XDP-ACT-09"],
    )
    return msgspec.to_builtins(full)


def paths(found: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every string is, and every key of a table that has any keys."""
    if isinstance(found, dict):
        return [one for key, value in found.items() for one in paths(value, (*path, key))]
    if isinstance(found, list):
        return [one for key, value in enumerate(found) for one in paths(value, (*path, key))]
    return [path] if isinstance(found, str) else []


def put(found: Any, path: tuple[Any, ...], text: str) -> Any:
    """The same with another text at one place."""
    if not path:
        return text
    copy = found.copy()
    copy[path[0]] = put(found[path[0]], path[1:], text)
    return copy


def everywhere(found: Any, text: Callable[[str], str]) -> Any:
    """The same with another text in every place that results.json allows any text in."""
    for path in paths(found):
        changed = put(found, path, text(str(path)))
        if allowed(changed):
            found = changed
    for one in found["nics"][0]["results"]:
        one["evidence"] = one["evidence"] | {text("key"): text("value")}
    return found


def allowed(found: Any) -> bool:
    """Whether it is results.json."""
    try:
        msgspec.convert(found, Results)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_every_field(text: str) -> None:
    """In every field at once: no element and no attribute comes of it, and the text is whole."""
    plain = everywhere(base(), lambda _path: "plain")
    hostile = everywhere(base(), lambda _path: text)
    benign = Page(certificate_page(msgspec.convert(plain, Results), "plain"))
    made = certificate_page(msgspec.convert(hostile, Results), text)
    found = Page(made)

    assert {"script", "img", "iframe"}.isdisjoint(found.tags)
    assert {name for _tag, one in found.elements for name in one} <= {
        name for _tag, one in benign.elements for name in one
    } | {"open"}
    assert shown(text) in found.text
    assert b"\x00" not in made
    assert "\u202e" not in made.decode()


@pytest.mark.parametrize("path", paths(base()), ids=lambda path: ".".join(map(str, path)))
def test_each_field(path: tuple[Any, ...]) -> None:
    """In one field: it is shown, unless the page does not show that field."""
    text = "<b onclick='x'>\u202e&amp;\""
    changed = put(base(), path, text)
    if not allowed(changed):
        assert path[-1] in FIXED or path[0] == "schema" or "module" in path
        return
    made = Page(certificate_page(msgspec.convert(changed, Results), None))

    assert [] == made.of("onclick")
    assert (
        shown(text) in made.text
        or path[-1] in {"zero-copy", "kind", "id", "name"}
        or (path[2] == "capabilities")
    )


def test_index() -> None:
    """The index shows hostile names as text too."""
    found = msgspec.convert(everywhere(base(), lambda _path: HOSTILE["markup"]), Results)
    made = Page(index_page([Entry("folder", found)]))

    assert {"script", "img"}.isdisjoint(made.tags)
    assert HOSTILE["markup"] in made.text


def test_deep() -> None:
    """Evidence of any depth that can be read is shown."""
    deep: Any = "bottom"
    for _level in range(200):
        deep = {"down": [deep]}
    made = certificate_page(results(line("XDP-ACT-01", evidence={"deep": deep})), None)

    assert b"bottom" in made


def test_odd_evidence() -> None:
    """Evidence of other types than a run writes makes a page all the same."""
    odd: Any = [None, True, 1 << 70, -1, 1.5, "", [], {}, [[[]]], {"": None}]
    for one in odd:
        evidence = {
            "sent": one, "seen by the program": one, "delivered": one, "program": one,
            "attached": one, "128 bytes by 16": one, "99999 bytes by -99999": "adjusted",
            "what": one, "request": one, "replies": one,
        }  # fmt: skip
        lines = [
            line(name, evidence=evidence, param=row)
            for name in ("XDP-ACT-01", "XDP-ACT-07", "XDP-STATE-01", "")
            for row in ("", "basic")
        ]

        assert certificate_page(results(*lines), None).startswith(b"<!DOCTYPE html>")


def test_decoded() -> None:
    """What cannot be results.json is refused before there is a page."""
    with pytest.raises(InputError):
        decode(b'{"schema": "<script>"}', "results.json")
