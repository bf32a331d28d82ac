# SPDX-License-Identifier: MIT
"""Names of pages, the order of kernels, and what of a stranger's word reaches a page."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from xdpconform.outputs.matrix.names import clipped, href, kernel_order, page_name, series

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*(~[0-9a-f]{16})?\.html|~[0-9a-f]{16}\.html")
HOSTILE = (
    "", ".", "..", "../../x", "/etc/passwd", "a/b", "a\\b", "a\0b", "CON", "veth ", "VETH", "Veth",
    "veth~0", "xdp-feat-02", "-rf", "é", "e\u0301", "\u202egro", "<img src=x>", "a" * 4096, "?q#f",
    "%2e%2e", "tun:TAP", "\ud800",
)  # fmt: skip


@pytest.mark.parametrize("plain", ["veth", "6.18.44-fc-v657", "mlx5_core", "XDP-FEAT-02"])
def test_plain_stays(plain: str) -> None:
    """An ordinary name is that of its page."""
    assert f"{plain}.html" == page_name(plain)


@pytest.mark.parametrize("word", HOSTILE)
def test_safe(word: str) -> None:
    """A file name stays in its folder, whatever the word."""
    assert SAFE.fullmatch(page_name(word))
    assert len(page_name(word)) <= 100


def test_none_overwrites_another() -> None:
    """No two words share a page, nor where the file system does not tell case apart."""
    words = [(word, "") for word in (*HOSTILE, "veth", "XDP-FEAT-02")]
    words += [("tun", "TAP"), ("tunTAP", ""), ("", "tun"), ("tun", "tap")]
    pairs = combinations(words, 2)

    assert [] == [
        pair for pair in pairs if page_name(*pair[0]).lower() == page_name(*pair[1]).lower()
    ]


@given(some.text(), some.text())
def test_any_text(one: str, other: str) -> None:
    """The same of any two words."""
    assert SAFE.fullmatch(page_name(one))
    assert (one == other) == (page_name(one) == page_name(other))


def test_kernel_order() -> None:
    """Kernels go by their numbers, a candidate before its release; no number is too long."""
    wanted = (
        "6.3.0",
        "6.8.0-31-generic",
        "6.12.0-rc3",
        "6.12.0",
        "6.12.0-55.9.1.el10_0.x86_64",
        "6.12.0-55.10.1.el10_0.x86_64",
        "6.18.44-fc-v657",
        "7.0.0",
        "7." + "9" * 5000,
        "next",
    )

    assert list(wanted) == sorted(set(wanted), key=kernel_order)


@pytest.mark.parametrize(
    ("release", "text"), [("6.12.0-55.el10", "6.12"), ("next", "other"), ("", "other")]
)
def test_series(release: str, text: str) -> None:
    """Columns stand together by the first two numbers of a release."""
    assert text == series(release)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("veth", "veth"),
        ("a\u202eb\x1b[0m", "a\\u202eb\\x1b[0m"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
    ],
)
def test_clipped(text: str, shown: str) -> None:
    """A word is cut, and what turns or clears a line is shown as an escape."""
    assert shown == clipped(text)


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/c/a b#?/x.html", "../c/a%20b%23%3F/x.html"),
        ("/s/javascript:x", "javascript%3Ax"),
        ("/c/\udcff", "../c/%FF"),
    ],
)
def test_href(path: str, link: str) -> None:
    """A link leads to the file, whatever its folder is called."""
    assert link == href(path, "/s")
