# SPDX-License-Identifier: MIT
"""What becomes of every lie about NICs that were tried, and of everything else that is wrong."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tests.probes.broken import BREAKS, Break
from tests.probes.lying import Lie, lies
from tests.probes.tried import CHECKS, TODAY, Row, Tried, failing
from xdpconform.judge import Kind, Outcome
from xdpconform.lab import judge

if TYPE_CHECKING:
    from collections.abc import Iterable

TX_METADATA = (
    "nothing asks for it at bind or send (xsk_tx_metadata_request, include/net/xdp_sock.h): only a"
    " frame that an AF_XDP socket sends in zero copy tells, and there is none without xsk-zerocopy"
)
REASONS = {
    "tx-timestamp": TX_METADATA,
    "tx-checksum": TX_METADATA,
    "tx-launch-time-fifo": TX_METADATA,
    "ndo-xmit-sg": (
        "the kernel asks for ndo-xmit first (__xdp_enqueue, kernel/bpf/devmap.c): without it"
        " ndo-xmit-sg promises nothing that could be tried"
    ),
    "rx-sg": (
        "frames that do not fit a page take the generic hook (tun_get_user, drivers/net/tun.c),"
        " where a native program sees several buffers: what is claimed then seems true, and the"
        " lines that fail of the honest NIC pass"
    ),
}
"""Why programs and frames do not see a lie about a flag, with the kernel's function."""
BY_PROFILE = ("XDP-STATE-01", "XDP-STATE-02", "XDP-STATE-04")
"""Requirements above level claims that hold claims against the profile."""


class Fate(NamedTuple):
    """What became of a lie."""

    kind: str
    """Of NIC."""
    lie: Lie
    behaviour: tuple[Row, ...]
    """Lines that programs and frames make say so, in the right direction."""
    wrong: tuple[Row, ...]
    """Lines that programs and frames make speak in the other direction."""
    silenced: tuple[Row, ...]
    """Lines that failed of the honest NIC, and do not any more."""
    profile: tuple[Row, ...]
    """Lines that the profile makes say so, and those about claims that do not go together."""


class Damage(NamedTuple):
    """What became of what was seen, once broken."""

    kind: str
    way: Break
    rows: tuple[Row, ...]
    """Lines that fail of it, and did not before."""


class Matrix(NamedTuple):
    """All of it."""

    fates: list[Fate]
    damages: list[Damage]
    honest: dict[str, tuple[Row, ...]]
    """Lines that fail without a lie and without waivers, by kind."""


def matrix(nics: Iterable[Tried]) -> Matrix:
    """Judge NICs that were tried under every lie, and broken in every way."""
    found = Matrix([], [], {})
    for nic in nics:
        kind = nic.kind
        found.honest[kind] = failing(nic.honest)
        found.fates.extend(fate(nic, lie) for lie in lies(nic.seen()))
        true = failing(nic.altered(lambda seen: seen, nic.subject))
        for way in BREAKS:
            after = failing(nic.altered(way.spoil, nic.subject))
            rows = tuple(row for row in after if row not in true)
            if rows:
                found.damages.append(Damage(kind, way, rows))
    return found


def fate(nic: Tried, lie: Lie) -> Fate:
    """Judge a NIC under a lie, with its profile and without."""
    after = nic.under(lie)
    new = {row for row in failing(after) if after[row] != nic.honest[row]}
    new -= {row for row in new if after[row].kind is nic.honest[row].kind}
    right = tuple(row for row in sorted(new) if after[row].kind is Kind(lie.direction))
    subject = nic.taken(lie)
    claims = {(line.requirement, line.row): one for line, one in judge(subject, TODAY)}
    with_profile = nic.under(lie, subject)
    claims |= {row: one for row, one in with_profile.items() if row[0] in BY_PROFILE}
    return Fate(
        nic.kind,
        lie,
        right,
        tuple(sorted(new - {*right})),
        tuple(row for row in failing(nic.honest) if after[row].outcome is not Outcome.FAIL),
        failing(claims),
    )


ROWS = {
    name: {check.row[1] for check in CHECKS if check.row[0] == name}
    for name in {check.row[0] for check in CHECKS}
}


def words(rows: tuple[Row, ...]) -> str:
    """Lines in words: ``ACT-01 02 03[program], SG-04``; no brackets where all rows are meant."""
    names: dict[str, list[str]] = defaultdict(list)
    for requirement, row in rows:
        names[requirement].append(row)
    areas: dict[str, list[str]] = defaultdict(list)
    for requirement, params in sorted(names.items()):
        area, number = requirement.removeprefix("XDP-").rsplit("-", 1)
        rows_there = ROWS.get(requirement, {""})
        whole = {*params} == rows_there
        areas[area].append(number + ("" if whole else f"[{' '.join(_short(params, rows_there))}]"))
    return ", ".join(f"{area}-{' '.join(numbers)}" for area, numbers in areas.items())


def _short(params: list[str], there: set[str]) -> list[str]:
    """Rows with ``*-gro`` in place of all that end so."""
    ends = {row.rpartition("-")[2] for row in there if "-" in row}
    found = []
    for end in sorted(ends):
        alike = {row for row in there if row.endswith("-" + end)}
        if len(alike) > 1 and alike <= {*params}:
            found.append(f"*-{end}")
            params = [row for row in params if row not in alike]
    return found + params


def wrongs(found: Matrix) -> list[str]:
    """What must not be: lies that nobody finds, without a reason or in the wrong direction."""
    wrong = []
    for one in found.fates:
        name = f"{one.kind} {one.lie.name}"
        if one.wrong:
            wrong.append(f"{name}: {words(one.wrong)} speak in the wrong direction")
        if not one.behaviour and not one.profile:
            wrong.append(f"{name}: nobody finds it")
        if not one.behaviour and one.lie.flag not in REASONS:
            wrong.append(f"{name}: no program and no frame finds it, and no reason is known")
    spoken = {row for one in found.fates for row in one.behaviour + one.profile}
    spoken |= {row for damage in found.damages for row in damage.rows}
    spoken |= {row for rows in found.honest.values() for row in rows}
    never = tuple(sorted({check.row for check in CHECKS} - spoken))
    return [*wrong, f"nothing makes these fail: {words(never)}"] if never else wrong
