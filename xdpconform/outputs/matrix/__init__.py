# SPDX-License-Identifier: MIT
"""``xdpconform matrix``: many certificates as one site, who supports what on which kernel."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xdpconform.outputs.matrix.index import Counts
    from xdpconform.outputs.matrix.read import LeftOut

__all__ = ["matrix"]


def matrix(words: Sequence[str], output: str, *, as_json: bool) -> int:
    """Make a static site and ``index.sqlite`` of certificates' folders.

    Args:
        words: certificates' folders, or folders that hold them.
        output: the site's folder; made if it is not there.
        as_json: say what was made in JSON.

    Returns:
        The exit status: 0, or 1 if a folder was left out. The site is made all the same.

    Raises:
        InputError: a word is no folder, no certificate is in any, or the site cannot be written.
    """
    import os
    import sqlite3
    import sys

    from xdpconform.errors import InputError
    from xdpconform.interfaces import shown

    left_out: list[LeftOut] = []

    def leave_out(one: LeftOut) -> None:
        left_out.append(one)
        sys.stderr.write(f"{shown(one.folder)}: left out: {shown(one.reason)}\n")

    there = os.path.exists(output)
    try:
        os.makedirs(output, exist_ok=True)
        counts, pages = _make(words, output, leave_out)
    except InputError:
        if not there:
            os.rmdir(output)  # nothing was written to it
        raise
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{shown(output)}: the site cannot be written: {why}") from error
    first = os.path.join(output, "index.html")
    if as_json:
        import json

        found = {
            "site": first,
            **counts._asdict(),
            "pages": pages,
            "left-out": [one._asdict() for one in left_out],
        }
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write(f"{shown(first)}: {counts}, {pages} pages\n")
    return 1 if left_out else 0


def _make(
    words: Sequence[str], output: str, leave_out: Callable[[LeftOut], None]
) -> tuple[Counts, int]:
    from xdpconform.errors import InputError
    from xdpconform.interfaces import shown
    from xdpconform.outputs.matrix import index as indexes
    from xdpconform.outputs.matrix.read import certificates
    from xdpconform.outputs.matrix.site import write_site

    with indexes.built(output, certificates(words), leave_out) as index:
        counts = indexes.counts(index)
        if not counts.certificates and not index.execute("SELECT 1 FROM left_out").fetchone():
            raise InputError(
                f"no certificate in {', '.join(map(shown, words))}: that is a folder with"
                " results.json; xdpconform certify writes one"
            )
        return counts, write_site(index, output)
