# SPDX-License-Identifier: MIT
"""A summary for pull requests and job pages, in GitHub's Markdown.

Verdicts first, then what needs attention with why and what to do, the rest folded. A comment
holds 65,536 characters: what does not fit is counted, never dropped in silence.
Text from outside is text here: it makes no cell, no markup, no link and calls nobody.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from xdpconform.interfaces import safe_id
from xdpconform.outputs.views.lines import lines_of, name_of, plain
from xdpconform.outputs.words import FEW, ORDER, in_a_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdpconform.outputs.results import NicResults, Result, Results

LIMIT: Final = 65_536
"""Characters of a comment on GitHub."""
_NOTE: Final = 300
"""Characters that are kept for saying what was left out."""
_SHARE: Final = LIMIT // 4
"""Characters of the table of verdicts."""
_WORDS: Final = 400
"""Characters of a text."""
_NAMED: Final = 40
"""So many requirements are named of lines that stand together."""
_MARK: Final = {"FAILS": "❌", "INCOMPLETE": "⚠️", "CONFORMS": "✅"}
"""By verdict, worst first."""
_SECTIONS: Final = (
    ("fail", "Failures"),
    ("error", "Errors of the tests"),
    ("blocked", "Could not be tested"),
    ("waived", "Waived"),
)
_MARKUP: Final = re.compile(r"([\\`*_\[\]<>|~&$]|:(?=//))", re.IGNORECASE)
"""Characters that mean something to GitHub's Markdown; a backslash makes each a character."""
_CALLS: Final = re.compile(
    r"@|www(?=\.)|(?<=#)(?=\d)|(?<=GH-)(?=\d)|:(?=[+-]1:|[\w+-]*[a-z][\w+-]*:)", re.IGNORECASE
)
"""Mentions, addresses, issues and emoji are found in the finished text, where no escape helps."""
_JOINER: Final = "\u2060"
"""WORD JOINER: has no width, and parts what would be read as one."""

_Line = tuple["NicResults", "Result"]


def markdown(results: Results) -> str:
    """The results as a summary in Markdown, at most `LIMIT` characters."""
    page = _Page()
    nics = sorted(results.nics, key=lambda nic: list(_MARK).index(nic.verdict))
    _verdicts(page, results, nics)
    lines = [(nic, line) for nic in nics for line in lines_of(results, nic)]
    for word, title in _SECTIONS:
        chosen = [(nic, line) for nic, line in lines if line.outcome == word]
        if chosen:
            page.block(f"\n### {title}\n\n", map(_bullet, _together(chosen)), "")
    for nic in nics:
        _folded(page, nic)
    return page.text()


class _Page:
    """Text that grows up to a limit, and counts what did not fit."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = LIMIT - _NOTE
        self._left_out = 0

    def block(self, head: str, rows: Iterable[str], foot: str, most: int = LIMIT) -> None:
        """Add a heading, as many rows as fit, and what ends them; nothing if none fits."""
        room = min(self._room, most) - len(head) - len(foot)
        fit: list[str] = []
        for row in rows:
            if len(row) <= room:
                fit.append(row)
                room -= len(row)
            else:
                room = 0  # what comes later is worth no more than this
                self._left_out += 1
        if fit:
            self._parts += [head, *fit, foot]
            self._room -= len(head) + len(foot) + sum(map(len, fit))

    def text(self) -> str:
        """The page, and a note of what was left out."""
        if self._left_out:
            self._parts.append(f"\nLeft out: {self._left_out} lines, which results.json has.\n")
        return "".join(self._parts)


def _verdicts(page: _Page, results: Results, nics: Sequence[NicResults]) -> None:
    counts: Counter[str] = Counter(nic.verdict for nic in nics)
    words = ", ".join(f"{counts[word]} {word}" for word in _MARK if counts[word])
    one = nics[0].verdict if len(nics) == 1 else words or "no NIC"
    head = (
        f"## XDP conformance: {one}\n\n"
        f"| Verdict | NIC | Driver | Kernel | Profile | {' | '.join(ORDER)} | not run |\n"
        f"|---|---|---|---|---|{'---:|' * (len(ORDER) + 1)}\n"
    )
    foot = (
        f"\nEvidence of level {results.level}, {_text(results.started)},"
        f" {_text(f'{results.tool.name} {results.tool.version}')}.\n"
    )
    page.block(head, map(_verdict, nics), foot, _SHARE)


def _verdict(nic: NicResults) -> str:
    counts = Counter(line.outcome for line in nic.results)
    simulated = " (simulated)" if nic.source == "mock" else ""
    cells = [
        f"{_MARK[nic.verdict]} **{nic.verdict}**{simulated}",
        _text(nic.id),
        _text(nic.identity.driver or "unknown"),
        _text(nic.identity.kernel),
        _text(nic.profile.name if nic.profile else "none"),
        *(str(counts[word]) for word in ORDER),
        str(len(nic.missing)),
    ]
    return f"| {' | '.join(cells)} |\n"


def _together(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Lines of one NIC that are blocked for one reason stand together, if they are many."""
    found: dict[object, list[_Line]] = {}
    for number, (nic, line) in enumerate(lines):
        key = (nic.id, line.reason) if line.outcome == "blocked" else number
        found.setdefault(key, []).append((nic, line))
    groups = []
    for same in found.values():
        groups += [same] if len(same) > FEW else [[one] for one in same]
    return groups


def _bullet(same: Sequence[_Line]) -> str:
    nic, line = same[0]
    on, word = _text(nic.id), line.kind or line.outcome
    reason = line.reason if line.outcome != "error" else in_a_line(line)
    why = _text(" ".join(reason.split()))
    if len(same) > 1:
        names = list(dict.fromkeys(_text(one.requirement) for _nic, one in same))
        named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        return f"- **{len(same)} lines** on {on}, {word}: {why}<br>{named}\n"
    title = f"<br>{_text(line.title)}" if line.title else ""
    seen = ""
    if line.outcome != "blocked" and (line.expected or line.observed):
        seen = (
            f"<br>expected: {_text(line.expected or '-')}; observed: {_text(line.observed or '-')}"
        )
    return f"- **{_text(name_of(line))}** on {on}, {word}: {why or '-'}{title}{seen}\n"


def _folded(page: _Page, nic: NicResults) -> None:
    """What needs no attention: the lines that passed, or had nothing to hold."""
    lines = [one for one in nic.results if one.outcome in ("pass", "not-claimed")]
    counts = Counter(line.outcome for line in lines)
    words = ", ".join(f"{counts[word]} {word}" for word in ORDER if counts[word])
    name = _CALLS.sub(_parted, safe_id(nic.id))  # within HTML, where no backslash helps
    head = (
        f"\n<details><summary>{name}: {words}</summary>\n\n"
        "| Requirement | Outcome | Level | Observed |\n|---|---|---|---|\n"
    )
    rows = (
        f"| {_text(name_of(line))} | {line.outcome} | {line.level}"
        f" | {_text(line.observed or in_a_line(line), 200)} |\n"
        for line in lines
    )
    page.block(head, rows, "\n</details>\n")


def _text(text: str, most: int = _WORDS) -> str:
    """Text from outside, as text, in one line."""
    return _CALLS.sub(_parted, _MARKUP.sub(r"\\\1", plain(text, most)))


def _parted(found: re.Match[str]) -> str:
    return found[0] + _JOINER
