# SPDX-License-Identifier: MIT
"""The certificate as a page, and an index of several: results in, HTML out, nothing else.

A page is a pure function of its arguments: no clock, no chance, no file of the host. It has no
script, loads nothing, and forbids both to itself: whatever stands in the results is text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

import msgspec

from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.outputs.certificate import claims, pictures
from xdpconform.outputs.certificate.evidence import users
from xdpconform.outputs.certificate.limits import reached
from xdpconform.outputs.certificate.view import VERDICTS, view
from xdpconform.outputs.pages import ours, policy, stylesheet, templates
from xdpconform.outputs.words import ORDER

if TYPE_CHECKING:
    from jinja2 import Environment

    from xdpconform.outputs.results import NicResults, Results

PACKAGE: Final = "xdpconform.outputs.certificate"

LONG: Final = 800
"""Characters of a text beyond which it is folded; unfolded, and on paper, it is whole."""

FOLDED: Final = 160
"""Characters of it that are seen."""


class Entry(NamedTuple):
    """A certificate in an index."""

    folder: str
    """Where it is, relative to the index."""
    results: Results
    """Of one NIC."""


class _Row(NamedTuple):
    """A certificate, as the index shows it."""

    nic: NicResults
    href: str
    level: str
    date: str
    counts: list[tuple[str, int]]


def certificate_page(results: Results, signer: str | None) -> bytes:
    """certificate.html.

    Args:
        results: of one NIC.
        signer: a label of the key that signed it, as ``ssh-ed25519 SHA256:…``; None: unsigned.

    Raises:
        InputError: there is not exactly one NIC.
    """
    _one(results)
    # As they are once written: a page made of the file has the same bytes.
    written = msgspec.json.decode(msgspec.json.encode(results, order="sorted"), type=type(results))
    return _render("certificate.html.j2", view=view(written, signer), columns=pictures.COLUMNS)


def index_page(entries: Sequence[Entry]) -> bytes:
    """index.html: a table of certificates, each linked, in the order given.

    Raises:
        InputError: one of them is not of exactly one NIC.
    """
    rows = [_row(entry, _one(entry.results)) for entry in entries]
    verdicts = Counter[str](row.nic.verdict for row in rows)
    return _render(
        "index.html.j2",
        rows=rows,
        verdicts=[(word, verdicts[word]) for word in VERDICTS if verdicts[word]],
    )


def _one(results: Results) -> NicResults:
    if len(results.nics) != 1:
        raise InputError(
            f"a certificate is of one NIC, and these results have {len(results.nics)}: give each a"
            " folder of its own with 'xdpconform certify RESULTS -o DIR'"
        )
    return results.nics[0]


def _row(entry: Entry, nic: NicResults) -> _Row:
    counts = Counter[str](line.outcome for line in nic.results)
    return _Row(
        nic,
        href=quote(f"{entry.folder}/certificate.html", safe="/._-+@~"),
        level=reached(nic.results) or "none",
        date=entry.results.started,
        counts=[(word, counts[word]) for word in ORDER if counts[word]],
    )


def _render(template: str, **values: object) -> bytes:
    style = stylesheet(PACKAGE, "page.css")
    page = _templates().get_template(template)
    return page.render(style=ours(style), policy=policy(style), **values).encode()


def folded(text: str) -> str:
    """A text of any length: what is very long is folded, and whole once unfolded and on paper."""
    if len(text) <= LONG:
        return text
    from markupsafe import Markup, escape

    start, whole = escape(shown(text[:FOLDED])), escape(shown(text))
    return Markup(  # noqa: S704 - escaped above
        f'<details class="long"><summary>{start}\u2026 <i>({len(text)} characters)</i></summary>'
        f"{whole}</details>"
    )


@cache
def _templates() -> Environment:
    environment = templates(PACKAGE)
    environment.filters.update(text=folded, users=users)
    environment.globals.update(
        states=claims.STATES,
    )
    return environment
