# SPDX-License-Identifier: MIT
"""``xdpconform export``: results.json in the format of somebody else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.outputs.results import write
from xdpconform.outputs.views.junit import junit
from xdpconform.outputs.views.kcidb import Submission, kcidb
from xdpconform.outputs.views.markdown import markdown
from xdpconform.outputs.views.table import table
from xdpconform.outputs.views.tap import tap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdpconform.outputs.results import Results

FORMATS: Final[Mapping[str, Callable[[Results], str]]] = {
    "junit": junit,
    "tap": tap,
    "kcidb": kcidb,
    "markdown": markdown,
    "csv": table,
}
"""By name, as `xdpconform.outputs.views.NAMES` has them."""


def export(name: str, results: Results) -> str:
    """The results in a format.

    Raises:
        InputError: there is no such format; lists those there are.
    """
    function = FORMATS.get(name)
    if function is None:
        raise InputError(f"no format '{shown(name)}'; there are: {', '.join(FORMATS)}")
    return function(results)


def export_to(
    name: str, results: Results, output: str | None, submission: Submission | None = None
) -> int:
    """Write the results in a format.

    Args:
        name: of the format.
        results: of a run.
        output: a file; None or ``-`` is the standard output.
        submission: what KCIDB is told beside the results.

    Returns:
        The exit status, 0: the verdict is in the file, and was the exit status of the run.

    Raises:
        InputError: no such format, one that has no place for `submission`, or the file cannot be
            written.
    """
    if submission is not None and name != "kcidb":
        raise InputError(f"only kcidb says who submits, and what was built: not {shown(name)}")
    data = (kcidb(results, submission) if submission else export(name, results)).encode()
    if output is None or output == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)  # UTF-8 and its own line ends, whatever the locale
        sys.stdout.buffer.flush()
        return 0
    try:
        write(Path(output), data)
    except OSError as error:
        raise InputError(f"{shown(output)}: cannot be written: {error.strerror}") from error
    return 0
