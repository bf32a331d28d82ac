# SPDX-License-Identifier: MIT
"""Links and commands in the documents hold."""

from __future__ import annotations

import configparser
import contextlib
import importlib.util
import io
import re
import shlex
from pathlib import Path

import pytest

from xdpconform.verbs import parser

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "changelog.d/README.md",
    ROOT / "reports/README.md",
]
IDS = [str(path.relative_to(ROOT)) for path in PAGES]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links(page: Path) -> None:
    """Each link within the repository leads to a file and, if it names one, a heading."""
    text = page.read_text(encoding="utf-8")
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (
            anchor and anchor not in anchors(path.read_text(encoding="utf-8"))
        ):
            broken.append(target)

    assert broken == []


def commands(page: Path) -> list[list[str]]:
    """The commands in a page's blocks of shell, split into words."""
    found = []
    text = page.read_text(encoding="utf-8")
    for kind, block in re.findall(
        r"^ *```(sh|console)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL
    ):
        for line in block.splitlines():
            if kind == "console" and not line.startswith("$ "):
                continue
            words = shlex.split(line.removeprefix("$ "), comments=True)
            while "&&" in words:
                found.append(words[: words.index("&&")])
                words = words[words.index("&&") + 1 :]
            found.append(words)
    return [words for words in found if words]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands(page: Path, pytestconfig: pytest.Config) -> None:
    """Each command names a verb, an option, a file or an environment that is there."""
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    wrong = []
    for words in commands(page):
        program = Path(words[0]).name
        if program == "xdpconform" and words[1] != "run":
            with contextlib.redirect_stderr(io.StringIO()) as said:
                try:
                    parser().parse_args(words[1:])
                except SystemExit as stop:
                    wrong += [said.getvalue()] if stop.code else []
        elif program == "pytest":
            wrong += [word for word in words[1:] if not known(word, words, pytestconfig)]
        elif program == "tox":
            named = words[words.index("-e") + 1].split(",")
            wrong += [name for name in named if not environment(name, tox)]
        elif program == "run" and not (ROOT / words[0]).is_file():
            wrong.append(words[0])

    assert wrong == []


def known(word: str, words: list[str], config: pytest.Config) -> bool:
    """An option that pytest has with our plugin, its value, or a path."""
    if word.startswith("-"):
        names = [
            name
            for group in [config._parser._anonymous, *config._parser._groups]
            for option in group.options
            for name in option.names()
        ]
        return word.partition("=")[0] in names
    before = words[words.index(word) - 1]
    valued = ("--iface", "--level", "--mock", "--peer", "--profile", "--testbed", "--variant", "-n")
    return before in valued or (ROOT / word).exists()


def environment(name: str, tox: configparser.ConfigParser) -> bool:
    """An environment of tox.ini; its factors are in its list."""
    listed = re.sub(r"\{([\d,]+)\}", "{}", tox["tox"]["env_list"])
    generated = re.sub(r"\d+$", "{}", name)
    return f"testenv:{name}" in tox or generated in re.split(r",\s*", listed)


def test_readme_commands() -> None:
    """README.md has the two commands that CI and readers run, each one line."""
    spec = importlib.util.spec_from_file_location("readme", ROOT / "docs/readme.py")
    assert spec
    assert spec.loader
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    found = readme.commands((ROOT / "README.md").read_text(encoding="utf-8"))

    assert {"certify", "test"} == set(found)
    assert found["certify"].endswith("pytest --iface eth0")
    assert found["test"].endswith("pytest tests -n auto")


def test_fragments() -> None:
    """Each fragment of the changelog has a kind that towncrier knows."""
    fragments = [path.name for path in (ROOT / "changelog.d").glob("*") if path.name != "README.md"]
    odd = [
        f for f in fragments if not re.fullmatch(r"(\+[\w-]+|\d+)\.(added|changed|fixed)\.md", f)
    ]

    assert odd == []
    assert "<!-- towncrier release notes start -->\n" in (ROOT / "CHANGELOG.md").read_text()
