# SPDX-License-Identifier: MIT
"""Profile files: what is wrong with one is said in full, with its place and the nearest word."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpconform.errors import InputError, ProfileError
from xdpconform.profiles import load, load_all
from xdpconform.profiles.load import SHIPPED, SIZE_LIMIT, decode
from xdpconform.profiles.model import Flag, Profile

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'schema = 1\nname = "x"\ndriver = ["x"]\n'
CLAIM = HEAD + '[[claim]]\nflags = ["basic"]\n'
SEGMENTS = HEAD + '[[claim]]\nflags = ["xsk-zerocopy"]\n[[zc-max-segs]]\n'
VARIANT = HEAD + '[[variant]]\nname = "PF"\n'
WAIVER = (
    HEAD + '[[waiver]]\nrequirement = "XDP-FEAT-02"\nreason = "known"\n'
    'link = "https://example.org/1"\nuntil = 2030-01-01\n'
)
FLAGS = ", ".join(flag.value for flag in Flag)
FACTS = (
    "bond-hash-policy, bond-mode, bus, channels-at-most-half, detached, feature, has-peer,"
    " has-ports, kind, link-type, peer-gro, peer-queues-fit, peer-up, peer-xdp, phys-port-name,"
    " sysfs-driver, up, vf, virtio-feature"
)
BOTH = "for the same kernels, states and facts"
DIGITS = (
    "not TOML: Exceeds the limit (4300 digits) for integer string conversion: value has 5000"
    " digits; use sys.set_int_max_str_digits() to increase the limit"
)
VERSION = "Expected `str` matching regex '^[0-9]{1,4}\\\\.[0-9]{1,4}$'"
NAME = "Expected `str` matching regex '^[A-Za-z0-9_.+-]+$'"

BAD: dict[str, tuple[str | bytes, str]] = {
    # not a profile at all
    "empty": ("", "schema: 1 expected, found 'none'; this version reads no other"),
    "syntax": ('name = "x\n', "not TOML: Illegal character '\\n' (at line 1, column 10)"),
    "key twice": (CLAIM + 'flags = ["hash"]\n', "not TOML: Cannot overwrite a value"),
    "not UTF-8": (HEAD.encode() + b'note = "\xff"', "line 4: not UTF-8 text"),
    "UTF-16": (HEAD.encode("utf-16"), "line 1: not UTF-8 text"),
    "NUL": (HEAD + "\0", "not TOML: Invalid statement (at line 4, column 1)"),
    "deep": ("x = " + "[" * 5000, "not TOML: maximum recursion depth exceeded"),
    "long number": ("x = " + "1" * 5000, DIGITS),
    # the schema's version
    "version": ("schema = 2", "schema: 1 expected, found 2; this version reads no other"),
    "text": ('schema = "1"', "schema: 1 expected, found '1'; this version reads no other"),
    "float": ("schema = 1.5", "schema: 1 expected, found float; this version reads no other"),
    "bool": (HEAD.replace("1", "true", 1), "line 1: schema: Expected `int`, got `bool`"),
    "huge": (
        "schema = 0x" + "f" * 5000,
        "schema: 1 expected, found int; this version reads no other",
    ),
    # unknown and missing fields, at each depth
    "top field": (
        HEAD + 'drivers = ["x"]',
        "top level: Object contains unknown field `drivers`; did you mean 'driver'?",
    ),
    "top field of a claim": (
        HEAD + 'flags = ["basic"]',
        (
            "top level: Object contains unknown field `flags`; valid are: claim, crashes, driver,"
            " extends, jumbo-errno, name, note, schema, source, title, variant, waiver, when,"
            " zc-max-segs"
        ),
    ),
    "claim field": (
        CLAIM + 'adde = "6.3"',
        "line 4: claim[0]: Object contains unknown field `adde`; did you mean 'added'?",
    ),
    "claim field of segments": (
        CLAIM + "exactly = 1",
        (
            "line 4: claim[0]: Object contains unknown field `exactly`; valid are: added, basis,"
            " flags, need, note, releases, removed, source, states, undecided, when"
        ),
    ),
    "segments field": (
        SEGMENTS + "exacly = 1",
        "line 6: zc-max-segs[0]: Object contains unknown field `exacly`; did you mean 'exactly'?",
    ),
    "variant field": (
        VARIANT + 'assumed = "so"',
        "line 4: variant[0]: Object contains unknown field `assumed`; did you mean 'assume'?",
    ),
    "variant claim field": (
        VARIANT + '[[variant.claim]]\nflag = ["basic"]',
        "line 6: variant[0].claim[0]: Object contains unknown field `flag`; did you mean 'flags'?",
    ),
    "computed field": (
        VARIANT + 'computed = { all-of = "ports", withuot = [] }',
        (
            "line 6: variant[0].computed: Object contains unknown field `withuot`;"
            " did you mean 'without'?"
        ),
    ),
    "waiver field": (
        WAIVER + 'varaint = "PF"',
        "line 4: waiver[0]: Object contains unknown field `varaint`; did you mean 'variant'?",
    ),
    "field without a name": (
        HEAD + '"" = 1',
        "top level: Object contains unknown field ``",
    ),
    "no name": ("schema = 1", "top level: Object missing required field `name`"),
    "no driver": (
        'schema = 1\nname = "x"',
        "top level: Object missing required field `driver`",
    ),
    "no flags": (HEAD + "[[claim]]\n", "line 4: claim[0]: Object missing required field `flags`"),
    "no variant name": (
        HEAD + "\n[[variant]]",
        "line 5: variant[0]: Object missing required field `name`",
    ),
    # words
    "flag": (
        HEAD + '[[claim]]\nflags = ["basic", "redirct"]',
        "line 5: claim[0].flags[1]: Invalid enum value 'redirct'; did you mean 'redirect'?",
    ),
    "flag far off": (
        HEAD + '[[claim]]\nflags = ["zzz"]',
        f"line 5: claim[0].flags[0]: Invalid enum value 'zzz'; valid are: {FLAGS}",
    ),
    "flag of another spelling": (
        HEAD + '[[claim]]\nflags = ["NDO_XMIT"]',
        f"line 5: claim[0].flags[0]: Invalid enum value 'NDO_XMIT'; valid are: {FLAGS}",
    ),
    "flag in a variant": (
        VARIANT + '[[variant.claim]]\nflags = ["rx-gs"]',
        "line 7: variant[0].claim[0].flags[0]: Invalid enum value 'rx-gs'; did you mean 'rx-sg'?",
    ),
    "second claim": (
        CLAIM + '\n[[claim]]\nflags = ["hsah"]',
        "line 8: claim[1].flags[0]: Invalid enum value 'hsah'; did you mean 'hash'?",
    ),
    "state": (
        CLAIM + 'states = ["idel"]',
        "line 6: claim[0].states[0]: Invalid enum value 'idel'; did you mean 'idle'?",
    ),
    "state that is a flag": (
        CLAIM + 'states = ["basic"]',
        "line 6: claim[0].states[0]: Invalid enum value 'basic'; valid are: idle, attached",
    ),
    "need": (
        CLAIM + 'need = "requird"',
        "line 6: claim[0].need: Invalid enum value 'requird'; did you mean 'required'?",
    ),
    "undecided": (
        CLAIM + 'undecided = "maybe"',
        "line 6: claim[0].undecided: Invalid enum value 'maybe'; valid are: blocked, optional",
    ),
    "basis": (
        CLAIM + 'basis = "guess"',
        "line 6: claim[0].basis: Invalid enum value 'guess'; valid are: read, seen, inferred",
    ),
    "all-of": (
        VARIANT + 'computed = { all-of = "port" }',
        "line 6: variant[0].computed.all-of: Invalid enum value 'port'; did you mean 'ports'?",
    ),
    "without": (
        VARIANT + '[variant.computed]\nall-of = "ports"\nwithout = ["xsk-zero-copy"]',
        (
            "line 4: variant[0].computed.without[0]: Invalid enum value 'xsk-zero-copy';"
            " did you mean 'xsk-zerocopy'?"
        ),
    ),
    # types
    "claim number": (HEAD + "claim = 1", "line 4: claim: Expected `array`, got `int`"),
    "claim table": (
        HEAD + '[claim]\nflags = ["basic"]',
        "claim: Expected `array`, got `object`",
    ),
    "claim of numbers": (HEAD + "claim = [1]", "claim[0]: Expected `object`, got `int`"),
    "flags text": (
        HEAD + '[[claim]]\nflags = "basic"',
        "line 5: claim[0].flags: Expected `array`, got `str`",
    ),
    "no flag": (
        HEAD + "[[claim]]\nflags = []",
        "line 5: claim[0].flags: Expected `array` of length >= 1",
    ),
    "version number": (
        CLAIM + "added = 6.3",
        "line 6: claim[0].added: Expected `str | null`, got `float`",
    ),
    "version alone": (CLAIM + 'added = "6"', f"line 6: claim[0].added: {VERSION}"),
    "version patch": (CLAIM + 'removed = "6.1.2"', f"line 6: claim[0].removed: {VERSION}"),
    "releases text": (
        CLAIM + 'releases = "*.el9*"',
        "line 6: claim[0].releases: Expected `array`, got `str`",
    ),
    "source": (HEAD + "source = [1]", "line 4: source[0]: Expected `str`, got `int`"),
    "name": ('schema = 1\nname = "a b"\ndriver = ["x"]', f"line 2: name: {NAME}"),
    "driver": (
        'schema = 1\nname = "x"\ndriver = []',
        "line 3: driver: Expected `array` of length >= 1",
    ),
    "variant name": (HEAD + '[[variant]]\nname = "a:b"', f"line 5: variant[0].name: {NAME}"),
    "segments 0": (
        SEGMENTS + "exactly = 0",
        "line 7: zc-max-segs[0].exactly: Expected `int` >= 1",
    ),
    "segments too many": (
        SEGMENTS + "at-most = 4294967296",
        "line 7: zc-max-segs[0].at-most: Expected `int` <= 4294967295",
    ),
    "when text": (CLAIM + 'when = "up"', "line 6: claim[0].when: Expected `object`, got `str`"),
    "when number": (
        CLAIM + "when = { up = 1 }",
        "line 6: claim[0].when[...]: Expected `bool | str | array`, got `int`",
    ),
    # facts
    "unknown fact": (
        CLAIM + 'when = { virtio-featuer = "mq" }',
        (
            "claim of basic: when: virtio-featuer: no fact has this name; did you mean"
            " 'virtio-feature'?"
        ),
    ),
    "unknown fact far off": (
        VARIANT + 'when = { zz = "1" }',
        f"variant PF: when: zz: no fact has this name; valid are: {FACTS}",
    ),
    "fact of the profile": (
        HEAD + "[when]\nnot-upp = true",
        "when: not-upp: no fact has this name; did you mean 'up'?",
    ),
    "text for a truth": (
        CLAIM + 'when = { up = "yes" }',
        "claim of basic: when: up: true or false expected, not 'yes'",
    ),
    "truth for a text": (
        CLAIM + "when = { not-bus = true }",
        "claim of basic: when: not-bus: text or a list expected, not True",
    ),
    "virtio feature": (
        CLAIM + 'when = { virtio-feature = ["rss", "mrg-rxbuff"] }',
        (
            "claim of basic: when: virtio-feature: 'mrg-rxbuff' is not one of ctrl-guest-offloads,"
            " mrg-rxbuf, mq, hash-report, rss"
        ),
    ),
    "fact of segments": (
        SEGMENTS + 'exactly = 1\nwhen = { bsu = "pci" }',
        "zc-max-segs 1: when: bsu: no fact has this name; did you mean 'bus'?",
    ),
    # contradictions
    "required and forbidden": (
        CLAIM + '[[claim]]\nflags = ["redirect", "basic"]\nneed = "forbidden"',
        f"claim of basic: both required and forbidden {BOTH}",
    ),
    "required and forbidden later": (
        CLAIM + 'added = "6.3"\n[[claim]]\nflags = ["basic"]\nneed = "forbidden"\nadded = "6.9"',
        f"claim of basic: both required and forbidden {BOTH}",
    ),
    "required and optional with a fact": (
        CLAIM + "when = { up = true }\n[[claim]]\nflags = ['basic']\nneed = 'optional'\n"
        "when = { up = true }\nstates = ['idle']",
        f"claim of basic: both required and optional {BOTH}",
    ),
    "variant against profile": (
        CLAIM
        + "[[variant]]\nname = 'PF'\n[[variant.claim]]\nflags = ['basic']\nneed = 'forbidden'",
        f"variant PF: claim of basic: both required and forbidden {BOTH}",
    ),
    "removed first": (
        CLAIM + 'added = "6.10"\nremoved = "6.9"',
        "claim of basic: added 6.10 is not before removed 6.9",
    ),
    "removed at once": (
        CLAIM + 'added = "6.9"\nremoved = "6.9"',
        "claim of basic: added 6.9 is not before removed 6.9",
    ),
    "states empty": (CLAIM + "states = []", "claim of basic: states is empty"),
    "flag twice": (
        HEAD + '[[claim]]\nflags = ["hash", "hash"]',
        "claim of hash, hash: a flag stands there twice",
    ),
    "exactly and at-least": (
        SEGMENTS + "exactly = 2\nat-least = 1",
        "zc-max-segs 1: give exactly, or at-least and at-most",
    ),
    "no number": (SEGMENTS, "zc-max-segs 1: give exactly, or at-least and at-most"),
    "at-least above": (
        SEGMENTS + "at-least = 9\nat-most = 8",
        "zc-max-segs 1: at-least 9 is above at-most 8",
    ),
    "segments for nothing": (
        CLAIM + "[[zc-max-segs]]\nexactly = 2",
        "zc-max-segs: no claim names xsk-zerocopy, without which it is never reported",
    ),
    "variant twice": (
        VARIANT + '[[variant]]\nname = "PF"',
        "variant PF: there are two of this name",
    ),
    "computed and claim": (
        VARIANT + "computed = { all-of = 'ports' }\n[[variant.claim]]\nflags = ['basic']",
        "variant PF: computed leaves no room for claim",
    ),
    # waivers
    "waiver without link": (
        WAIVER.replace("link", "#link"),
        "line 4: waiver[0]: Object missing required field `link`",
    ),
    "waiver with a bad link": (
        WAIVER.replace("https://", "see "),
        "line 7: waiver[0].link: Expected `str` matching regex '^https?://'",
    ),
    "waiver without end": (
        WAIVER.replace("until", "#until"),
        "line 4: waiver[0]: Object missing required field `until`",
    ),
    "waiver until an hour": (
        WAIVER.replace("2030-01-01", "2030-01-01T12:00:00"),
        "line 8: waiver[0].until: Expected `date`, got `datetime`",
    ),
    "waiver until words": (
        WAIVER.replace("2030-01-01", '"soon"'),
        "line 8: waiver[0].until: Invalid RFC3339 encoded date",
    ),
    "waiver of nothing": (
        WAIVER.replace("XDP-FEAT-02", "FEAT-2"),
        "line 5: waiver[0].requirement: Expected `str` matching regex '^XDP-[A-Z]+-[0-9]{2}$'",
    ),
    "waiver of an unknown variant": (
        VARIANT + WAIVER.removeprefix(HEAD) + 'variant = "FP"',
        "waiver of XDP-FEAT-02: no variant is called 'FP'; did you mean 'PF'?",
    ),
    "waiver of a variant where there is none": (
        WAIVER + 'variant = "FP"',
        "waiver of XDP-FEAT-02: no variant is called 'FP'",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_bad_file(text: str | bytes, message: str) -> None:
    """A bad file is refused with one line: its name, the place, what was expected, what is near."""
    with pytest.raises(ProfileError) as caught:
        decode(text if isinstance(text, bytes) else text.encode(), "my.toml")
    line = str(caught.value)
    if message in (
        "not TOML: Cannot overwrite a value",
        "not TOML: maximum recursion depth exceeded",
    ):
        line = line[: len(f"my.toml: {message}")]  # what follows differs between Pythons
    assert f"my.toml: {message}" == line
    assert "my.toml" == caught.value.path


def test_every_problem_is_told() -> None:
    """All problems of one file are reported at once, a line each and none twice."""
    text = (
        HEAD
        + """
titel = "x"
[[claim]]
flags = ["basik"]
[[claim]]
flags = ["hash"]
need = "forbiden"
[[zc-max-segs]]
exactly = -1
[[variant]]
[[variant.claim]]
flags = ["x"]
[[waiver]]
requirement = "XDP-FEAT-02"
"""
    )
    with pytest.raises(ProfileError) as caught:
        decode(text.encode(), "my.toml")
    assert (
        "line 7: claim[0].flags[0]: Invalid enum value 'basik'; did you mean 'basic'?",
        "line 10: claim[1].need: Invalid enum value 'forbiden'; did you mean 'forbidden'?",
        "line 12: zc-max-segs[0].exactly: Expected `int` >= 1",
        "line 15: variant[0].claim[0].flags[0]: Invalid enum value 'x'; valid are: " + FLAGS,
        "line 16: waiver[0]: Object missing required field `reason`",
        "top level: Object contains unknown field `titel`; did you mean 'title'?",
    ) == caught.value.problems


def test_contradictions_are_told_once() -> None:
    """A problem of the profile's own rules is not repeated for each of its variants."""
    text = CLAIM + 'states = []\n[[variant]]\nname = "A"\n[[variant]]\nname = "B"\n[[variant]]\n'
    text += 'name = "C"\n[[variant.claim]]\nflags = ["hash"]\nadded = "7.0"\nremoved = "6.0"\n'
    with pytest.raises(ProfileError) as caught:
        decode(text.encode(), "my.toml")
    assert (
        "claim of basic: states is empty",
        "variant C: claim of hash: added 7.0 is not before removed 6.0",
    ) == caught.value.problems


GOOD = {
    "least": HEAD,
    "BOM-less comment": "# \u00e9\n" + HEAD,
    "required, then forbidden": CLAIM
    + 'removed = "6.9"\n[[claim]]\nflags = ["basic"]\nneed = "forbidden"\nadded = "6.9"',
    "by state": CLAIM
    + 'states = ["idle"]\n[[claim]]\nflags = ["basic"]\nneed = "forbidden"\nstates = ["attached"]',
    "by fact": CLAIM
    + '[[claim]]\nflags = ["basic"]\nneed = "forbidden"\nwhen = { peer-queues-fit = false }',
    "by release": CLAIM + '[[claim]]\nflags = ["basic"]\nneed = "forbidden"\nreleases = ["*el9*"]',
    "variants apart": HEAD
    + "".join(
        f"[[variant]]\nname = '{name}'\n[[variant.claim]]\nflags = ['basic']\nneed = '{need}'\n"
        for name, need in (("A", "required"), ("B", "forbidden"))
    ),
    "waiver": VARIANT + WAIVER.removeprefix(HEAD) + 'variant = "PF"',
    "range": SEGMENTS + "at-least = 8\nat-most = 8",
    "segments of a variant": VARIANT
    + "[[variant.zc-max-segs]]\nat-least = 2\n[[variant.claim]]\nflags = ['xsk-zerocopy']",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_good_file(text: str) -> None:
    """What is no contradiction is accepted."""
    assert "x" == decode(text.encode(), "my.toml").name


def test_waiver_is_read() -> None:
    """A waiver holds its requirement, reason, link and last day."""
    (waiver,) = decode(WAIVER.encode(), "my.toml").waiver
    assert ("XDP-FEAT-02", "known", "https://example.org/1", dt.date(2030, 1, 1)) == (
        waiver.requirement,
        waiver.reason,
        waiver.link,
        waiver.until,
    )


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Whatever the bytes, there is a profile or an error that names the file."""
    try:
        assert isinstance(decode(data, "f"), Profile)
    except ProfileError as error:
        assert str(error).startswith("f: ")  # noqa: PT017


words = st.sampled_from(
    [
        "schema",
        "name",
        "driver",
        "claim",
        "flags",
        "need",
        "states",
        "when",
        "added",
        "removed",
        "releases",
        "undecided",
        "variant",
        "waiver",
        "zc-max-segs",
        "exactly",
        "at-least",
        "at-most",
        "basic",
        "hash",
        "required",
        "forbidden",
        "idle",
        "attached",
        "up",
        "virtio-feature",
        "rss",
        "6.3",
        "7.0",
        "computed",
        "all-of",
        "ports",
        "without",
        "until",
        "extends",
        "not-up",
        "bus",
        "x",
    ]
)
scalars = st.one_of(
    words,
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=5),
    st.booleans(),
    st.integers(-2, 9),
    st.integers(-(2**70), 2**70),
    st.floats(),
)


def as_toml(value: Any) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


shapes = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(words, shapes, max_size=6))
def test_any_table(table: dict[str, Any]) -> None:
    """Whatever the table, there is a profile or an error that names the file."""
    table = {"schema": 1, "name": "x", "driver": ["x"], **table}
    text = "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in table.items())
    try:
        assert isinstance(decode(text.encode(), "f"), Profile)
    except ProfileError as error:
        assert str(error).startswith("f: ")  # noqa: PT017
        assert "not TOML" not in str(error)  # noqa: PT017


rules = st.fixed_dictionaries(
    {"flags": st.lists(st.sampled_from(list(Flag)).map(lambda f: f.value), min_size=1)},
    optional={
        "need": st.sampled_from(["required", "optional", "forbidden"]),
        "added": st.sampled_from(["6.3", "6.12", "7.0"]),
        "removed": st.sampled_from(["6.3", "6.12", "7.0"]),
        "states": st.lists(st.sampled_from(["idle", "attached"]), max_size=2),
        "when": st.dictionaries(
            st.sampled_from(["up", "not-vf", "bus", "virtio-feature", "feature"]), shapes
        ),
        "undecided": st.sampled_from(["blocked", "optional"]),
    },
)


@given(st.lists(rules, max_size=4), st.lists(st.lists(rules, max_size=3), max_size=3))
def test_any_rules(claims: list[Any], variants: list[Any]) -> None:
    """Whatever rules stand together, there is a profile or an error that names the file."""
    table: dict[str, Any] = {"claim": claims}
    table["variant"] = [{"name": f"v{n}", "claim": rules} for n, rules in enumerate(variants)]
    text = HEAD + "\n".join(f"{key} = {as_toml(value)}" for key, value in table.items())
    try:
        assert isinstance(decode(text.encode(), "f"), Profile)
    except ProfileError as error:
        assert str(error).startswith("f: ")  # noqa: PT017


def written(folder: Path, name: str, text: str) -> Path:
    """A file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_load(tmp_path: Path) -> None:
    """A loaded profile carries its path and the digest of its bytes."""
    path = written(tmp_path, "x.toml", CLAIM)
    loaded = load(path)
    digest = hashlib.sha256(CLAIM.encode()).hexdigest()
    assert ("x", str(path), f"sha256:{digest}") == (
        loaded.profile.name,
        loaded.path,
        loaded.digest,
    )


def test_unreadable(tmp_path: Path) -> None:
    """A file that is missing, a folder or too large is refused by name."""
    missing = tmp_path / "no.toml"
    large = written(tmp_path, "large.toml", "#" * (SIZE_LIMIT + 1))
    for path, problem in (
        (missing, "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (missing / "deeper", "cannot be read: No such file or directory"),
        (large / "x", "cannot be read: Not a directory"),
        (large, "larger than 262144 bytes"),
    ):
        with pytest.raises(ProfileError) as caught:
            load(path)
        assert f"{path}: {problem}" == str(caught.value)
    exact = written(tmp_path, "exact.toml", HEAD + "#" * (SIZE_LIMIT - len(HEAD)))
    assert "x" == load(exact).profile.name


def test_load_all(tmp_path: Path) -> None:
    """Files and the files of folders come in the order given, before the shipped ones."""
    folder = tmp_path / "more"
    folder.mkdir()
    written(folder, "b.toml", HEAD.replace('"x"', '"b"', 1))
    written(folder, "a.toml", HEAD.replace('"x"', '"a"', 1))
    written(folder, "notes.txt", "no profile")
    one = written(tmp_path, "x.toml", HEAD)
    shipped = [loaded.profile.name for loaded in load_all()]
    assert shipped == [file.stem for file in sorted(SHIPPED.glob("*.toml"))]
    assert {"no-xdp", "tun", "veth", "virtio_net"} <= set(shipped)
    names = [loaded.profile.name for loaded in load_all([one, folder])]
    assert ["x", "a", "b", *shipped] == names


def test_load_all_tells_every_file(tmp_path: Path) -> None:
    """One bad file is a ProfileError; of several, each line names its file."""
    one = written(tmp_path, "one.toml", "schema = 2")
    with pytest.raises(ProfileError) as alone:
        load_all([one])
    text = f"{one}: schema: 1 expected, found 2; this version reads no other"
    assert text == str(alone.value)
    two = written(tmp_path, "two.toml", "")
    with pytest.raises(InputError) as both:
        load_all([one, two])
    other = f"{two}: schema: 1 expected, found 'none'; this version reads no other"
    assert f"{text}\n{other}" == str(both.value)


def test_empty_folder(tmp_path: Path) -> None:
    """A folder without profiles is refused, not passed over."""
    with pytest.raises(ProfileError) as caught:
        load_all([tmp_path])
    assert f"{tmp_path}: no *.toml file in this folder" == str(caught.value)


BASE = 'schema = 1\nname = "mine"\ndriver = ["virtio_net"]\nextends = "virtio_net"\n'


def test_extends(tmp_path: Path) -> None:
    """A profile that extends another has its rules first, then its own, and a digest of both."""
    base = load(SHIPPED / "virtio_net.toml")
    text = BASE + (
        '[[claim]]\nflags = ["vlan-tag"]\n[[variant]]\nname = "big"\n[when]\nbus = "virtio"\n'
    )
    path = written(tmp_path, "mine.toml", text)
    loaded = load(path)
    profile = loaded.profile
    assert [*base.profile.claim, profile.claim[-1]] == profile.claim
    assert (Flag.VLAN_TAG,) == tuple(profile.claim[-1].flags)
    assert base.profile.zc_max_segs == profile.zc_max_segs
    assert ["big"] == [variant.name for variant in profile.variant]
    assert {"bus": "virtio"} == profile.when
    digest = hashlib.sha256(text.encode() + base.digest.encode()).hexdigest()
    assert f"sha256:{digest}" == loaded.digest


def test_extends_segments(tmp_path: Path) -> None:
    """Segments of one's own replace the base's, whose claim they are about."""
    path = written(tmp_path, "mine.toml", BASE + "[[zc-max-segs]]\nexactly = 4\n")
    assert [4] == [rule.exactly for rule in load(path).profile.zc_max_segs]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            BASE.replace('extends = "virtio_net"', 'extends = "virtio-net"'),
            "line 4: extends: no shipped profile 'virtio-net'; did you mean 'virtio_net'?",
        ),
        (
            BASE.replace('extends = "virtio_net"', 'extends = "../load"'),
            "line 4: extends: no shipped profile '../load'",
        ),
        (
            BASE + WAIVER.removeprefix(HEAD) + 'variant = "big"',
            "waiver of XDP-FEAT-02: no variant is called 'big'",
        ),
        (
            BASE.replace("virtio_net", "tun") + '[[variant]]\nname = "TAP"',
            "variant TAP: there are two of this name",
        ),
        (
            BASE.replace("virtio_net", "tun") + WAIVER.removeprefix(HEAD) + 'variant = "tap"',
            "waiver of XDP-FEAT-02: no variant is called 'tap'; valid are: TAP, TUN",
        ),
        (
            BASE.replace("virtio_net", "tun") + "[[zc-max-segs]]\nexactly = 4",
            "zc-max-segs: no claim names xsk-zerocopy, without which it is never reported",
        ),
        (
            BASE + '[[claim]]\nflags = ["basic"]\nneed = "forbidden"\nadded = "7.0"',
            f"claim of basic: both required and forbidden {BOTH}",
        ),
    ],
)
def test_extends_wrongly(tmp_path: Path, text: str, problem: str) -> None:
    """What is wrong with a profile together with its base is told under its own name."""
    path = written(tmp_path, "mine.toml", text)
    with pytest.raises(ProfileError) as caught:
        load(path)
    told = caught.value.problems
    assert problem in {line if problem == line else line.partition("; valid")[0] for line in told}
    assert str(path) == caught.value.path


def test_extends_waiver_of_a_base_variant(tmp_path: Path) -> None:
    """A waiver may name a variant of the profile that is extended."""
    text = BASE.replace("virtio_net", "tun") + WAIVER.removeprefix(HEAD) + 'variant = "TAP"'
    own = load(written(tmp_path, "x.toml", text)).profile.waiver[-1]

    assert ("TAP", "XDP-FEAT-02") == (own.variant, own.requirement)
