# SPDX-License-Identifier: MIT
"""Which NICs a run is about: what the user types, and what is said where it cannot be right."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.namespaces import Namespace, private_namespace
from tests.plugin.runs import CONFIG, QUICK, SUITES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.plugin.runs import Runs

pytest_plugins = ["pytester"]

USAGE = pytest.ExitCode.USAGE_ERROR


@pytest.fixture(scope="module")
def hall() -> Iterator[Namespace]:
    """A namespace with lo and two veth pairs, only to be read."""
    with private_namespace() as made:
        made.pairs(2)
        made.ip("link", "property", "add", "dev", "v0a", "altname", "front-door")
        yield made


def collected(result: pytest.RunResult) -> list[str]:
    """The NICs of a collected run, in order."""
    nics = re.findall(r"::test_family\[(\S+)\]", result.stdout.str())
    assert 0 == result.ret
    return nics


def refused(result: pytest.RunResult) -> str:
    """What a refused run says, and that it is a usage error without a traceback."""
    said = result.stderr.str().strip()
    assert USAGE == result.ret
    assert "Traceback" not in said
    assert "INTERNALERROR" not in result.stdout.str()
    return said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["v1a"], ["v1a"]),
        (["v1a", "v0a", "v1a"], ["v1a", "v0a"]),
        (["v?b"], ["v0b", "v1b"]),
        (["[v]*"], ["v0a", "v0b", "v1a", "v1b"]),
        (["all"], ["lo", "v0a", "v0b", "v1a", "v1b"]),
        (["front-door"], ["v0a"]),
        (["1"], ["lo"]),
    ],
    ids=["name", "repeated", "glob", "class", "all", "altname", "number"],
)
def test_iface(runs: Runs, hall: Namespace, words: list[str], expected: list[str]) -> None:
    """--iface takes names, alternative names, numbers, globs and all; each NIC comes once."""
    options = [f"--iface={word}" for word in words]

    found = collected(runs.real("--netns", hall.name, *options, "--collect-only", "-q"))

    assert expected == (found if len(words) > 1 else sorted(found))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("eth9", "no interface 'eth9' here; there are: "),
        ("w*", "no interface 'w*' here; there are: "),
        ("9999", "no interface '9999' here; there are: "),
        ("", "an empty interface name: type one, such as --iface eth0"),
        ("0", "ifindex 0: it is 1 to 2147483647"),
        ("2147483648", "ifindex 2147483648: it is 1 to 2147483647"),
        ("9" * 500, f"ifindex {'9' * 20}: it is 1 to 2147483647"),
        ("e" * 16, f"no interface '{'e' * 16}' here; there are: "),
        (
            "e" * 128,
            "interface name 'eeeeeeeeeeeeeeeeeeee'... has 128 bytes; ",
        ),
        ("a/b", "'a/b' cannot be an interface name: no '/', ':' or white space, nor . or .."),
        (".", "'.' cannot be an interface name: no '/', ':' or white space, nor . or .."),
        ("a b", "'a b' cannot be an interface name: no '/', ':' or white space, nor . or .."),
        ("\x1b[31m", "no interface '\\\\x1b[31m' here; there are: "),
        (os.fsdecode(b"\xff"), "no interface '\\\\xff' here; there are: "),
    ],
)
def test_iface_wrong(runs: Runs, hall: Namespace, word: str, expected: str) -> None:
    """A word that names no NIC is refused in one sentence, with the names that there are."""
    said = refused(runs.real("--netns", hall.name, f"--iface={word}"))

    assert f"ERROR: {expected}" == (said[: len(expected) + 7] if expected[-1] == " " else said)
    if expected.endswith("are: "):
        listed = said.rpartition("there are: ")[2].split(", ")
        assert ["lo", "v0a", "v0b", "v1a", "v1b"] == sorted(listed)


def test_no_nic(runs: Runs) -> None:
    """A run that names no NIC says what to type, and which interfaces there are."""
    said = refused(runs.real())

    assert re.fullmatch(
        r"ERROR: no NIC is named: type pytest --iface NAME; the interfaces here are: .*lo.*", said
    )


def test_no_nic_collected(runs: Runs) -> None:
    """What there is can be listed without a NIC."""
    result = runs.real("--collect-only", "-q")

    assert 0 == result.ret
    assert ["no-nic"] == collected(result)


def test_ini(runs: Runs, hall: Namespace) -> None:
    """The ini value xdp_ifaces names NICs where --iface does not."""
    ini = ["--netns", hall.name, "-o", "xdp_ifaces=v0a v1b", "--collect-only", "-q"]

    assert ["v0a", "v1b"] == collected(runs.real(*ini))
    assert ["lo"] == collected(runs.real(*ini, "--iface=lo"))


def test_netif(runs: Runs, hall: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """NETIF in the environment wins over net.config, and what is typed over both."""
    plain = ["--netns", hall.name, "--collect-only", "-q"]
    runs.pytester.path.joinpath("net.config").write_text("# lab\n NETIF = 'v0b'\n")

    assert ["v0b"] == collected(runs.real(*plain))
    monkeypatch.setenv("NETIF", "v1a")
    assert ["v1a"] == collected(runs.real(*plain))
    assert ["lo"] == collected(runs.real(*plain, "--iface=lo"))


def test_netif_unreadable(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A net.config that cannot be read is an error in words."""
    config = runs.pytester.path / "net.config"
    config.write_text("NETIF=eth0\n")

    really = Path.open

    def refuse(path: Path, *words: Any, **more: Any) -> Any:
        if path == config:
            raise PermissionError(13, "Permission denied")
        return really(path, *words, **more)

    monkeypatch.setattr(Path, "open", refuse)

    assert f"ERROR: {config}: cannot be read: Permission denied" == refused(runs.real())


def test_netif_of_others(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """NETIF is set for every run of a lab: one that is not about our suites pays it no heed."""
    monkeypatch.setenv("NETIF", "nobody0")
    test = runs.pytester.makepyfile("def test_one():\n    pass\n")

    result = runs.pytester.runpytest_inprocess(*QUICK, "-p", "xdpconform.plugin", test)

    result.assert_outcomes(passed=1)
    assert 0 == result.ret
    assert not runs.reports.exists()


def test_netns_path(runs: Runs, hall: Namespace) -> None:
    """--netns takes a path as well as a name."""
    words = ["--netns", hall.path, "--iface=v0a", "--collect-only", "-q"]

    assert ["v0a"] == collected(runs.real(*words))


@pytest.mark.parametrize("name", ["xdpc-nowhere", "/nowhere/ns", "", ".."])
def test_netns_missing(runs: Runs, hall: Namespace, name: str) -> None:
    """A namespace that is not there is refused, with the names of those that are."""
    said = refused(runs.real(f"--netns={name}", "--iface=lo"))

    assert said.startswith(f"ERROR: no network namespace {name!r}: names below /run/netns are: ")
    assert hall.name in said
    assert said.endswith("; a path such as /proc/1234/ns/net will do as well")


def test_netns_no_namespace(runs: Runs) -> None:
    """A file that is no namespace is refused."""
    path = runs.pytester.path / "plain"
    path.write_text("")

    said = refused(runs.real(f"--netns={path}", "--iface=lo"))

    assert said.startswith(f"ERROR: cannot enter the network namespace {path}: setns: ")


GOOD = 'schema = 1\nname = "mine"\ndriver = ["veth"]\n'


def test_profile(runs: Runs, hall: Namespace, tmp_path: Path) -> None:
    """--profile takes a file or a folder, which come before the shipped ones."""
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)

    for path in (file, tmp_path):
        words = ["--netns", hall.name, "--iface=v0a", f"--profile={path}", "--collect-only"]
        result = runs.real(*words)

        assert 0 == result.ret
        result.stdout.re_match_lines([r"  v0a: driver veth, kernel \S+, state idle, profile mine"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            GOOD + '\n[[claim]]\nflags = ["basik"]\n',
            "line 6: claim[0].flags[0]: Invalid enum value 'basik'; did you mean 'basic'?",
        ),
        (GOOD + "colour = 1\n", "colour"),
        ("name = ", "not TOML: Invalid value"),
        ('schema = 2\nname = "mine"\ndriver = ["veth"]\n', "schema: 1 expected, found 2"),
        (None, "cannot be read: No such file or directory"),
    ],
    ids=["value", "field", "syntax", "version", "absent"],
)
def test_profile_wrong(runs: Runs, tmp_path: Path, text: str | None, expected: str) -> None:
    """A profile that cannot be used is refused with file, line and what was expected."""
    file = tmp_path / "bad.toml"
    if text is not None:
        file.write_text(text)

    said = refused(runs.real("--iface=lo", f"--profile={file}"))

    assert said.startswith(f"ERROR: {file}: ")
    assert expected in said


@pytest.mark.parametrize("option", ["--profile", "--netns"])
def test_path_in_two_words(runs: Runs, tmp_path: Path, option: str) -> None:
    """A path that costs the run its settings is refused, with what to type."""
    words = [option, str(tmp_path), "--iface=lo"]

    said = refused(runs.pytester.runpytest_inprocess(*QUICK, "-p", "xdpconform.plugin", *words))

    assert (
        f"ERROR: write {option}={tmp_path} in one word: as two, pytest looks for its settings there"
        == said
    )


def test_profile_folder_empty(runs: Runs, tmp_path: Path) -> None:
    """A folder without profiles is a mistake."""
    said = refused(runs.real("--iface=lo", f"--profile={tmp_path}"))

    assert f"ERROR: {tmp_path}: no *.toml file in this folder" == said


def test_profile_unreadable(runs: Runs, tmp_path: Path) -> None:
    """A profile that is a loop of links is refused in words, whoever runs."""
    file = tmp_path / "loop.toml"
    file.symlink_to(file)

    said = refused(runs.real("--iface=lo", f"--profile={file}"))

    assert f"ERROR: {file}: cannot be read: Too many levels of symbolic links" == said


def test_variant(runs: Runs, hall: Namespace, tmp_path: Path) -> None:
    """--variant says which variant a NIC is; one that no profile has is refused."""
    (tmp_path / "two.toml").write_text(
        'schema = 1\nname = "two"\ndriver = ["veth"]\n\n[[variant]]\nname = "one"\n\n'
        '[[variant]]\nname = "other"\nassume = "it says so"\n'
    )
    words = ["--netns", hall.name, "--iface=v0a", f"--profile={tmp_path}", "--collect-only"]

    result = runs.real(*words, "--variant=two:other")

    result.stdout.re_match_lines([r"  v0a: .* profile two:other"])
    said = refused(runs.real(*words, "--variant=two:third"))
    assert "ERROR: --variant two:third: there are " in said
    assert "two:one, two:other" in said


def test_level(runs: Runs) -> None:
    """A level that this version does not have is refused, with those it has."""
    said = refused(runs.real("--iface=lo", "--level", "stress"))

    assert "argument --level: invalid choice: 'stress'" in said
    assert "packets" in said.rpartition("(choose from")[2]


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help(runs: Runs, word: str) -> None:
    """Nothing is asked for help."""
    runs.take()

    result = runs.real("--iface=nobody0", word)

    assert 0 == result.ret
    assert not runs.reports.exists()


def test_config_is_the_shipped_one(runs: Runs) -> None:
    """The runs of these tests use what `xdpconform run` uses."""
    result = runs.certify("-k", "test_family")

    result.stdout.fnmatch_lines([f"configfile: {CONFIG.name}"])
    assert SUITES.is_dir()
