# SPDX-License-Identifier: MIT
"""Whatever a profile holds, it is read or refused with an error of ours, within bounds."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import tomllib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from xdpconform.errors import ProfileError
from xdpconform.profiles.load import SHIPPED, decode

# The same examples each time, and no database beside the tests.
fixed = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
)
load = importlib.import_module("xdpconform.profiles.load")  # its function hides it
HUGE = "a number of 5,000 digits"
HEAD = 'schema = 1\nname = "x"\ndriver = ["y"]\n'


def problems(data: bytes) -> tuple[str, ...]:
    """What is wrong with a profile; nothing if it is read."""
    try:
        decode(data, "any")
    except ProfileError as error:
        found = error.problems
    else:
        return ()
    assert found
    assert all(0 < len(one) <= 2003 for one in found)
    assert len(found) <= 51
    return found


@fixed
@given(st.binary(max_size=256))
@example(b"a = " + b"[" * 100_000)
@example(b"a = " + b"{a=" * 50_000)
@example(b"a = " + b"9" * 100_000)
@example(b"a = 0x" + b"f" * 100_000)
@example(b"schema = 0x" + b"f" * 5000)
@example(HEAD.encode() + b"title = 0x" + b"f" * 5000)
@example(HEAD.encode() + b'title = "' + b"a" * 200_000 + b'"')
@example(HEAD.encode() + b"a" * 200_000 + b" = 1")
@example(b"schema = nan")
@example(b'"\\ud800" = 1')
@example(b"\xff")
@example(b"")
def test_any_bytes(data: bytes) -> None:
    """Any bytes are a profile, or refused in a few sentences."""
    problems(data)


values = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.just(HUGE),
        st.floats(),
        st.text(max_size=30),
        st.dates(),
        st.times(),
        st.datetimes(),
        st.sampled_from(["", "x", "basic", "ports", "6.12", "blocked", "x` - at `$.foo[0].bar"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def toml(value: object) -> str:
    """A value as TOML has it inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if value == HUGE:
        return "0x" + "f" * 5000
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value).lower()


def whole(table: dict[str, object]) -> bytes:
    """A table as a file."""
    lines = (f"{json.dumps(key)} = {toml(value)}" for key, value in table.items())
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@fixed
@given(st.dictionaries(st.text(max_size=12), values, max_size=6))
def test_any_table(table: dict[str, object]) -> None:
    """Any table of TOML is refused, since it is of no format."""
    assert problems(whole(table))


FIELDS = {
    "": ["schema", "name", "driver", "title", "extends", "when", "claim", "zc-max-segs", "variant"],
    "claim": ["flags", "need", "added", "removed", "releases", "states", "when", "source", "basis"],
    "zc-max-segs": ["exactly", "at-least", "at-most", "when", "undecided", "note"],
    "variant": ["name", "title", "when", "assume", "claim", "zc-max-segs", "computed"],
    "waiver": ["requirement", "reason", "link", "until", "param", "release", "variant"],
}
GOOD: dict[str, dict[str, object]] = {
    "": {"schema": 1, "name": "x", "driver": ["y"]},
    "claim": {"flags": ["basic"]},
    "zc-max-segs": {"exactly": 4},
    "variant": {"name": "v"},
    "waiver": {
        "requirement": "XDP-FEAT-01",
        "reason": "r",
        "link": "https://x",
        "until": dt.date(2030, 1, 1),
    },
}


@fixed
@given(st.data())
def test_any_field(data: st.DataObject) -> None:
    """With any value in any field, or in one that there is not, it is read or refused."""
    part = data.draw(st.sampled_from(list(FIELDS)))
    field = data.draw(st.one_of(st.sampled_from(FIELDS[part]), st.text(max_size=100)))
    changed = {**GOOD[part], field: data.draw(values)}
    problems(whole(changed if not part else {**GOOD[""], part: [changed]}))


SHIPPED_BYTES = [file.read_bytes() for file in sorted(SHIPPED.glob("*.toml"))]


@fixed
@given(st.sampled_from(SHIPPED_BYTES), st.data())
def test_damaged(data: bytes, draw: st.DataObject) -> None:
    """A shipped profile with a few bytes changed, lost or repeated is read or refused."""
    start, end = sorted(draw.draw(st.tuples(*2 * [st.integers(0, len(data))])))
    middle = draw.draw(
        st.one_of(st.binary(max_size=8), st.text(max_size=4).map(str.encode), st.just(data[:40]))
    )
    problems(data[:start] + middle + data[min(end, start + 20) :])


KEYS = [
    ("x` - at `$.foo[0].bar[1]", "unknown field"),
    ("a" * 90 + "enum value 'y'", "unknown field"),
    ("unknown field `a` - at `$.when[...]", "unknown field"),
    ("]]\n[[claim", "unknown field"),
]


@pytest.mark.parametrize(("key", "expected"), KEYS)
@pytest.mark.parametrize("table", ["", "[[claim]]\n", "[[variant]]\n", "[[zc-max-segs]]\n"])
def test_hostile_key(table: str, key: str, expected: str) -> None:
    """A key that looks like the end of a message is a key that there is not."""
    (problem, *_more) = problems(f"{HEAD}{table}{json.dumps(key)} = 1\n".encode())

    assert expected in problem or "missing required field" in problem


COSTLY = {
    "key of many parts": ".".join("a" * 100_000) + " = 1",
    "header of many parts": f"[{'.'.join('a' * 100_000)}]",
    "empty lines before a quoted key": "\n" * 200_000 + '"title" = 1',
    "invalid claims": "[[claim]]\n" * 26_000,
    "claims": '[[claim]]\nflags = ["basic"]\n' * 8_000,
    "claims of variants": '[[variant]]\nname = "v"\nclaim = [{flags = ["hash"]}]\n' * 4_000,
    "repeated flags": "[[claim]]\nflags = [" + '"basic",' * 30_000 + "]",
    "facts": "[when]\n" + "".join(f'b{number} = "c"\n' for number in range(20_000)),
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY)
def test_costly(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What costs by the square of its length is refused before it costs, with few words."""
    looked: list[str] = []
    line = load._line
    monkeypatch.setattr(load, "_line", lambda *args: looked.append("") or line(*args))

    assert problems((HEAD + text).encode())
    assert len(looked) <= 52


def test_limits_leave_room() -> None:
    """No shipped profile comes near a limit: a tenth of each is not reached."""
    for data in SHIPPED_BYTES:
        table = tomllib.loads(data.decode())
        parts = [table, *table.get("variant", [])]
        rules = sum(len(p.get("claim", [])) + len(p.get("zc-max-segs", [])) for p in parts)

        assert rules * 10 <= load._RULES_LIMIT
        assert max(line.count(b".") for line in data.split(b"\n")) * 6 <= load._DOTS_LIMIT
        assert len(data) * 10 <= load.SIZE_LIMIT
