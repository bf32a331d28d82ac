# SPDX-License-Identifier: MIT
"""From what a user types to interfaces, and text that is safe to show."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.nics import LINK
from xdpconform.errors import InputError, NoSuchInterface, XdpConformError
from xdpconform.interfaces import check_name, listing, safe_id, select, shown
from xdpconform.nic import Link


def link(ifindex: int, raw: bytes, *alt_names: str) -> Link:
    """A link with this name."""
    name = raw.decode("utf-8", "backslashreplace")
    return LINK._replace(ifindex=ifindex, name=name, raw_name=raw, alt_names=alt_names)


LINKS = [
    link(1, b"lo"),
    link(2, b"eth0", "enp1s0", "a-name-longer-than-fifteen-bytes"),
    link(3, b"eth1"),
    link(10, b"7"),
    link(7, b"wlan0"),
    link(20, b"eth[0]"),
    link(21, b"b\xffr"),
    link(22, "bücke".encode(), "größe"),
]
THERE = "lo, eth0, eth1, 7, wlan0, eth[0], b\\xffr, bücke"


@pytest.mark.parametrize(
    ("words", "indexes"),
    [
        (["lo"], [1]),
        (["eth1", "lo"], [3, 1]),
        (["lo", "lo", "1"], [1]),
        (["enp1s0"], [2]),
        (["a-name-longer-than-fifteen-bytes"], [2]),
        (["3"], [3]),
        (["+3"], [3]),
        (["03"], [3]),
        (["7"], [10]),  # a name goes before a number
        (["07"], [7]),
        (["all"], [1, 2, 3, 10, 7, 20, 21, 22]),
        (["eth?"], [2, 3]),
        (["eth*"], [2, 3, 20]),
        (["wlan0", "eth[!0]"], [7, 3]),
        (["eth[0]"], [20]),  # a name goes before a glob
        (["eth[01]"], [2, 3]),
        (["*"], [1, 2, 3, 10, 7, 20, 21, 22]),
        (["all", "eth0"], [1, 2, 3, 10, 7, 20, 21, 22]),
        ([os.fsdecode(b"b\xffr")], [21]),
        ([os.fsdecode(b"b\xff*")], [21]),
        (["b*"], [21, 22]),
        (["bücke"], [22]),
        (["größe"], [22]),
        ([], []),
    ],
)
def test_select(words: list[str], indexes: list[int]) -> None:
    """Names, alternative names, numbers, globs and `all`, each NIC once and in the order typed."""
    assert indexes == [found.ifindex for found in select(words, LINKS)]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("eth9", f"no interface 'eth9' here; there are: {THERE}"),
        ("ETH0", f"no interface 'ETH0' here; there are: {THERE}"),
        ("x*", f"no interface 'x*' here; there are: {THERE}"),
        ("99", f"no interface '99' here; there are: {THERE}"),
        ("2147483647", f"no interface '2147483647' here; there are: {THERE}"),
        ("1.5", f"no interface '1.5' here; there are: {THERE}"),
        ("0x2", f"no interface '0x2' here; there are: {THERE}"),
        ("\u0661", f"no interface '\u0661' here; there are: {THERE}"),
        ("x" * 127, f"no interface '{'x' * 127}' here; there are: {THERE}"),
        (os.fsdecode(b"\xfe"), f"no interface '\\\\xfe' here; there are: {THERE}"),
        ("\x1b[31m", f"no interface '\\\\x1b[31m' here; there are: {THERE}"),
        ("etħ0", f"no interface 'etħ0' here; there are: {THERE}"),
    ],
)
def test_no_such_interface(word: str, text: str) -> None:
    """A word that fits nothing lists the interfaces there are."""
    with pytest.raises(NoSuchInterface) as caught:
        select(["lo", word], LINKS)
    assert text == str(caught.value)


RANGE = "it is 1 to 2147483647"
NO = "cannot be an interface name: no '/', ':' or white space, nor . or .."


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("0", f"ifindex 0: {RANGE}"),
        ("00", f"ifindex 00: {RANGE}"),
        ("-1", f"ifindex -1: {RANGE}"),
        ("-0", f"ifindex -0: {RANGE}"),
        ("2147483648", f"ifindex 2147483648: {RANGE}"),
        ("4294967297", f"ifindex 4294967297: {RANGE}"),
        ("9" * 5000, f"ifindex {'9' * 20}: {RANGE}"),
        ("0" * 30 + "1", f"ifindex {'0' * 20}: {RANGE}"),
        ("", "an empty interface name: type one, such as --iface eth0"),
        (
            "y" * 128,
            (
                "interface name 'yyyyyyyyyyyyyyyyyyyy'... has 128 bytes; a name has at most 15, an"
                " alternative name 127"
            ),
        ),
        (
            "ü" * 64,
            (
                "interface name 'üüüüüüüüüüüüüüüüüüüü'... has 128 bytes; a name has at most 15, an"
                " alternative name 127"
            ),
        ),
        ("../eth0", f"'../eth0' {NO}"),
        ("/", f"'/' {NO}"),
        ("/dev/*", f"'/dev/*' {NO}"),
        ("eth0:1", f"'eth0:1' {NO}"),
        ("eth 0", f"'eth 0' {NO}"),
        ("eth0\n", f"'eth0\\\\n' {NO}"),
        ("eth0\t", f"'eth0\\\\t' {NO}"),
        (".", f"'.' {NO}"),
        ("..", f"'..' {NO}"),
        ("a\0b", f"'a\\\\x00b' {NO}"),
        (" ", f"' ' {NO}"),
    ],
)
def test_cannot_be_one(word: str, text: str) -> None:
    """What no interface can be called is refused as such, with what a name may be."""
    with pytest.raises(InputError) as caught:
        select([word], LINKS)
    assert text == str(caught.value)


def test_check_name() -> None:
    """What the kernel accepts as a name is accepted."""
    for name in ("eth0", "a" * 127, "é", "...", "-x", "a%d", "\x7f", os.fsdecode(b"\xff\xfe")):
        check_name(name)


def test_listing() -> None:
    """A long list is cut, an empty one says so, and hostile names are shown as text."""
    assert "none" == listing([])
    assert "no interface 'x' here; there are: none" == str(_refusal(["x"], []))
    assert THERE == listing(LINKS)
    many = [link(n, b"v%d" % n) for n in range(1, 43)]
    assert listing(many[:40]).endswith(", v39, v40")
    assert listing(many).endswith(", v39, v40, and 2 more")
    assert "a\\x1b[2Jb" == listing([link(1, b"a\x1b[2Jb")])


def _refusal(words: list[str], links: list[Link]) -> XdpConformError:
    with pytest.raises(XdpConformError) as caught:
        select(words, links)
    return caught.value


@given(
    st.lists(
        st.binary(min_size=1, max_size=20).map(lambda raw: raw.replace(b"\0", b"")), max_size=3
    )
)
def test_any_words(words: list[bytes]) -> None:
    """Whatever bytes are typed, there are links or an error that can be printed."""
    try:
        found = select([os.fsdecode(word) for word in words], LINKS)
    except XdpConformError as error:
        str(error).encode()
    else:
        assert set(found) <= set(LINKS)


@pytest.mark.parametrize(
    ("text", "taken", "wanted"),
    [
        ("eth0", [], "eth0"),
        ("eth0", ["eth0"], "eth0_2"),
        ("eth0", ["eth0", "eth0_2"], "eth0_3"),
        ("eth0.100", [], "eth0.100"),
        ("host:eth0", [], "host:eth0"),
        ("a@b+c-d_e", [], "a@b+c-d_e"),
        ("a/../b", [], "a_.._b"),
        ("../x", [], "_x"),
        ("-rf", [], "rf"),
        (".hidden", [], "hidden"),
        ("-.-.", [], "_"),
        ("", [], "_"),
        ("", ["_"], "__2"),
        ("a b\nc[d]", [], "a_b_c_d_"),
        ("a[b", ["a_b"], "a_b_2"),
        ("<script>", [], "_script_"),
        ("\x1b\x00", [], "__"),
        ("größe", [], "gr__e"),
        ("b\\xffr", [], "b_xffr"),
        (os.fsdecode(b"\xff"), [], "_"),
    ],
)
def test_safe_id(text: str, taken: list[str], wanted: str) -> None:
    """An id has only safe characters, no leading dash or dot, and is none of those taken."""
    assert wanted == safe_id(text, taken)


@given(st.lists(st.text(), max_size=8))
def test_any_ids(texts: list[str]) -> None:
    """Whatever the names, their ids are safe and differ from each other."""
    taken: list[str] = []
    for text in texts:
        taken.append(safe_id(text, taken))
    assert len(taken) == len(set(taken))
    assert all(re.fullmatch(r"[A-Za-z0-9_:@+][A-Za-z0-9_.:@+-]*", one) for one in taken)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("eth0", "eth0"),
        ("größe \U0001f600", "größe \U0001f600"),
        ("a\nb\r\t", "a\\nb\\r\\t"),
        ("\x1b[31m\x7f\x80", "\\x1b[31m\\x7f\\x80"),
        ("\u202eabc\u2028", "\\u202eabc\\u2028"),
        (os.fsdecode(b"a\xffb"), "a\\xffb"),
        ("", ""),
    ],
)
def test_shown(text: str, wanted: str) -> None:
    """What a terminal would obey, or cannot print, is shown as an escape."""
    assert wanted == shown(text)


@given(st.binary())
def test_any_text_is_shown(data: bytes) -> None:
    """Whatever bytes are typed, what is shown is printable."""
    assert shown(os.fsdecode(data)).isprintable()
