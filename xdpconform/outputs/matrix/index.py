# SPDX-License-Identifier: MIT
"""index.sqlite: the certificates as rows, made anew from their folders each time.

The folders are the truth and this is an index of them; the pages are read from it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from xdpconform.interfaces import shown
from xdpconform.outputs.matrix.names import href
from xdpconform.outputs.matrix.read import Certificate, Identity, LeftOut, NicLines
from xdpconform.outputs.outcomes import ELSEWHERE
from xdpconform.outputs.words import several

NAME: Final = "index.sqlite"
RANKS: Final = ("not-claimed", "pass", "waived", "error", "blocked", "fail")
"""Outcomes, the one that counts among several last."""
_CACHE: Final = -32 * 1024
"""Pages that SQLite keeps; negative: KiB."""


class Counts(NamedTuple):
    """How much is in an index."""

    certificates: int
    nics: int
    drivers: int
    kernels: int

    def __str__(self) -> str:
        return (
            f"{several(self.certificates, 'certificate')} of {several(self.nics, 'NIC')},"
            f" {several(self.drivers, 'driver')} on {several(self.kernels, 'kernel')}"
        )


def counts(index: sqlite3.Connection) -> Counts:
    """Count what is there; a driver's variants are drivers here."""
    row = index.execute(
        "SELECT (SELECT count(*) FROM run), count(*), (SELECT count(*) FROM"
        " (SELECT DISTINCT driver, variant FROM nic)), count(DISTINCT kernel) FROM nic"
    ).fetchone()
    return Counts(*row)


@contextmanager
def built(
    site: str, found: Iterable[Certificate | LeftOut], leave_out: Callable[[LeftOut], None]
) -> Iterator[sqlite3.Connection]:
    """Make the index; it takes its place in the site when the block ends without an error.

    In the block it has a temporary table more, ``cell``, of ``current.sql``.

    Args:
        site: the site's folder.
        found: what was read, in the order of its paths.
        leave_out: is told of each folder that was left out.

    Raises:
        OSError: the folder cannot be written to.
    """
    with TemporaryDirectory(prefix=".matrix-", dir=site) as place:
        path = os.path.join(place, NAME)
        with closing(sqlite3.connect(path, isolation_level=None)) as index:
            # Half a file is never seen: it is renamed once it is whole.
            index.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
                f"PRAGMA cache_size = {_CACHE}; PRAGMA locking_mode = EXCLUSIVE;"
            )
            index.executescript(_script("schema.sql"))
            index.execute("BEGIN")
            index.executemany(
                "INSERT INTO outcome VALUES (?, ?, ?)",
                [(word, ELSEWHERE[word].support, rank) for rank, word in enumerate(RANKS, 1)],
            )
            _fill(index, site, found, leave_out)
            index.execute("COMMIT")
            index.executescript(_script("current.sql"))
            yield index
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(path, 0o644)
        os.replace(path, os.path.join(site, NAME))


def _script(name: str) -> str:
    return (files("xdpconform.outputs.matrix") / name).read_text(encoding="utf-8")


def _fill(
    index: sqlite3.Connection,
    site: str,
    found: Iterable[Certificate | LeftOut],
    leave_out: Callable[[LeftOut], None],
) -> None:
    titles: dict[str, str] = {}
    nics = 0
    for number, one in enumerate(found, 1):
        folder = _text(os.path.relpath(one.folder, site))
        if isinstance(one, LeftOut):
            leave_out(one)
            index.execute("INSERT INTO left_out VALUES (?, ?)", (folder, _text(one.reason)))
            continue
        run = one.run
        index.execute(
            "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                folder,
                href(os.path.join(one.folder, one.page), site),
                one.digest,
                one.statement,
                one.signed,
                one.started,
                run.level,
                f"{run.tool.name} {run.tool.version}",
            ),
        )
        for nic in run.nics:
            nics += 1
            _fill_nic(index, nics, number, nic)
            titles.update((line.requirement, line.title) for line in nic.results)
    index.executemany("INSERT INTO requirement VALUES (?, ?)", sorted(titles.items()))


def _fill_nic(index: sqlite3.Connection, number: int, run: int, nic: NicLines) -> None:
    identity = nic.identity
    index.execute(
        "INSERT INTO nic VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            number,
            run,
            nic.id,
            nic.source,
            identity.driver or "",
            nic.profile.name.partition(":")[2] if nic.profile else "",
            identity.kernel,
            _device(identity),
            identity.firmware,
            nic.profile and nic.profile.name,
            nic.profile and nic.profile.digest,
            nic.verdict,
            len(nic.missing),
        ),
    )
    index.executemany(
        "INSERT INTO claim VALUES (?, ?, ?)",
        [
            (number, state, flag)
            for state, claims in nic.capabilities.items()
            for flag in claims.flags()
        ],
    )
    same = sys.intern  # outcomes and levels are few
    index.executemany(
        "INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                number,
                line.requirement,
                line.param,
                same(line.outcome),
                line.kind,
                line.level,
                line.expected,
                line.observed,
                line.reason,
            )
            for line in nic.results
        ],
    )


def _device(identity: Identity) -> str:
    """What tells a NIC from others of its driver. Hosts have no name in results.json."""
    words = (identity.ifname, identity.pci or identity.kind, identity.bus_info)
    return " ".join(word for word in words if word)


def _text(path: str) -> str:
    """A path as SQLite can hold it."""
    return shown(path)
