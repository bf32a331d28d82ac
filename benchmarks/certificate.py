# SPDX-License-Identifier: MIT
"""The certificate's page of a veth with all its lines: its size, and how long it takes to make.

Beside it the same texts in one plain table by the same template engine: what escaping and joining
them costs, whatever a page looks like. And once in a process of its own, where the engine is
imported and the templates are compiled first.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.installed import folder
from benchmarks.measure import Bar, Report, Unmeasured, calls, interleave, process
from benchmarks.testbed import once
from xdpconform.outputs.certificate.page import certificate_page
from xdpconform.outputs.results import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Settings, Timer

ROUNDS = 30
SIZE = 300.0
"""Kilobytes of a page."""
TIME = 100.0
"""Milliseconds to make it."""
TABLE = "<table>{% for text in texts %}<tr><td>{{ text }}</td></tr>\n{% endfor %}</table>"
COLD = (
    "import sys; from pathlib import Path; from xdpconform.outputs.results import decode;"
    "from xdpconform.outputs.certificate.page import certificate_page;"
    "certificate_page(decode(Path(sys.argv[1]).read_bytes(), 'results.json'), None)"
)
READ = (
    "import sys; from pathlib import Path; from xdpconform.outputs.results import decode;"
    "decode(Path(sys.argv[1]).read_bytes(), 'results.json')"
)


def measure(settings: Settings) -> Report:
    """Make it, again and again."""
    if os.geteuid():
        raise Unmeasured("a testbed needs root")
    place = folder() / "certificate"
    once(place)
    path = place / "results.json"
    results = decode(path.read_bytes(), path.name)
    page = certificate_page(results, None)
    if page != certificate_page(decode(path.read_bytes(), path.name), None):
        raise Unmeasured("made again, the page has other bytes")
    texts = list(_texts(msgspec.to_builtins(results)))
    found = interleave(
        {
            "the page": calls(lambda: certificate_page(results, None)),
            "its texts in a table": calls(lambda: _table(texts)),
            "a process that makes it": _process(COLD, path),
            "one that reads the results": _process(READ, path),
        },
        settings.rounds(ROUNDS),
    )
    whole = found["the page"]
    cold = found["a process that makes it"].median - found["one that reads the results"].median
    return Report(
        list(found.values()),
        [
            Bar("size of a page", len(page) / 1000, SIZE, "kB"),
            Bar("made", 1e3 * whole.median, TIME, "ms"),
        ],
        (
            f"{len(results.nics[0].results)} lines, {path.stat().st_size / 1000:.0f} kB of results",
            f"first in a process: {1e3 * cold:.0f} ms more than reading the results",
            f"lower half {1e3 * whole.lower:.0f} ms; made again, the bytes are the same",
        ),
    )


def _process(script: str, path: Path) -> Timer:
    return process([sys.executable, "-c", script, path], Path(__file__).parent.parent)


def _texts(value: object) -> Iterator[str]:
    """Every text and number of the results."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield str(name)
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)


def _table(texts: list[str]) -> str:
    from jinja2 import Environment

    return Environment(autoescape=True).from_string(TABLE).render(texts=texts)
