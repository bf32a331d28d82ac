# SPDX-License-Identifier: MIT
"""Write docs/lies.md: NICs that are really there, with one claim changed on the way.

A veth and a tap are tried once, with programs and frames. Then every line is judged again under
each lie: what was seen stays, what is claimed changes (``tests/probes/lying.py``). Lines that rest
on programs and frames are judged without a profile, so that only behaviour speaks; what the profile
says stands in a column of its own. Last, what was seen is broken, one way at a time.

``python docs/lies.py`` writes, ``python docs/lies.py --check`` only compares. Both need root.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.namespaces import unavailable  # noqa: E402 - a bare checkout must find them
from tests.probes.broken import BREAKS, Break  # noqa: E402
from tests.probes.lying import Lie, lies  # noqa: E402
from tests.probes.tried import CHECKS, TODAY, Row, Tried, failing, tried  # noqa: E402
from xdpconform.judge import Kind, Outcome  # noqa: E402
from xdpconform.lab import judge  # noqa: E402

PAGE: Final = ROOT / "docs/lies.md"
KINDS: Final = ("veth", "tap")
AF_XDP: Final = (
    "the kernel looks at it where an AF_XDP socket is bound with XDP_ZEROCOPY (xp_assign_dev,"
    " net/xdp/xsk_buff_pool.c), and at nothing else: these levels bind none"
)
RX_METADATA: Final = (
    "load and attach go well with it and without (bpf_dev_bound_resolve_kfunc,"
    " kernel/bpf/offload.c); only what the kfunc returns for a frame tells, and these levels call"
    " none"
)
TX_METADATA: Final = (
    "nothing asks for it at bind or send (xsk_tx_metadata_request, include/net/xdp_sock.h): only a"
    " frame that an AF_XDP socket sends in zero copy tells, and these levels send none"
)
REASONS: Final = {
    "xsk-zerocopy": AF_XDP,
    "xdp-zc-max-segs": AF_XDP,
    "timestamp": RX_METADATA,
    "hash": RX_METADATA,
    "vlan-tag": RX_METADATA,
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
BY_PROFILE: Final = ("XDP-STATE-01", "XDP-STATE-02", "XDP-STATE-04")
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


def matrix() -> Matrix:
    """Try both NICs, and judge them under every lie."""
    found = Matrix([], [], {})
    for kind in KINDS:
        with tried(kind) as nic:
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
    spoken = {row[0] for one in found.fates for row in one.behaviour + one.profile}
    spoken |= {row[0] for damage in found.damages for row in damage.rows}
    never = sorted({check.row[0] for check in CHECKS} - spoken)
    return wrong + [f"{name}: nothing makes it fail" for name in never]


ROWS: Final = {
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


def page(found: Matrix) -> str:
    """docs/lies.md."""
    seen = [one for one in found.fates if one.behaviour]
    unseen = [one for one in found.fates if not one.behaviour]
    lines = [
        "<!-- SPDX-License-Identifier: MIT -->",
        "<!-- Made by docs/lies.py from NICs that are really there. -->",
        "",
        "# A NIC that lies",
        "",
        (
            "A veth and a tap are made, and tried with programs and frames, as"
            " `pytest --testbed veth` and `pytest --testbed tap` do."
        ),
        (
            "Then their claims are changed on the way from the kernel, one flag or value at a time,"
            " and all lines are judged again."
        ),
        (
            "What programs and frames show is judged without a profile: it must contradict the claim"
            " by itself, and in the right direction."
        ),
        "What the profile and the claims among themselves say stands beside it.",
        "",
        "| | veth | tap |",
        "|---|---|---|",
        _counted("lies", found.fates),
        _counted("found by programs and frames", seen),
        _counted("not found by them, for a reason below", unseen),
        _counted("found by profile and claims", [one for one in found.fates if one.profile]),
        _counted("in the wrong direction", [one for one in found.fates if one.wrong]),
        "",
        (
            "Lines are written short: `SG-01 03[x]` is XDP-SG-01, and row `x` of XDP-SG-03; without"
            " brackets every row is meant."
        ),
    ]
    for kind in KINDS:
        lines += [
            "",
            f"## {kind}",
            "",
            f"Honest and without waivers, these fail: {words(found.honest[kind])}.",
            "",
            "| claim | programs and frames say | profile and claims say | falls silent |",
            "|---|---|---|---|",
        ]
        for one in found.fates:
            if one.kind == kind:
                behaviour = f"{one.lie.direction}: {words(one.behaviour)}"
                cells = (
                    f"`{one.lie.name}`",
                    behaviour if one.behaviour else "not seen",
                    words(one.profile) or "nothing",
                    words(one.silenced),
                )
                lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    lines += _unseen(unseen) + _broken(found)
    return "\n".join(lines) + "\n"


def _counted(what: str, fates: list[Fate]) -> str:
    counts = (sum(one.kind == kind for one in fates) for kind in KINDS)
    return f"| {what} | {' | '.join(map(str, counts))} |"


def _unseen(fates: list[Fate]) -> list[str]:
    by_reason: dict[str, list[Fate]] = defaultdict(list)
    for one in fates:
        by_reason[REASONS.get(one.lie.flag, "")].append(one)
    lines = [
        "",
        "## What programs and frames do not see",
        "",
        "| why | claims | found all the same by |",
        "|---|---|---|",
    ]
    for reason, ones in by_reason.items():
        names: dict[str, list[str]] = defaultdict(list)
        for one in ones:
            names[one.lie.name].append(one.kind)
        claims = "; ".join(f"`{name}` ({', '.join(kinds)})" for name, kinds in names.items())
        rows = tuple(sorted({row for one in ones for row in one.profile}))
        lines.append(f"| {reason} | {claims} | {words(rows)} |")
    return lines


def _broken(found: Matrix) -> list[str]:
    lines = [
        "",
        "## What is wrong beside claims",
        "",
        (
            "What was seen of the honest NICs is broken, one way at a time; these lines fail then, and"
            " did not before."
        ),
        "",
        "| what is wrong | veth | tap |",
        "|---|---|---|",
    ]
    rows = {(one.kind, one.way.name): words(one.rows) for one in found.damages}
    for way in BREAKS:
        cells = [rows.get((kind, way.name), "") for kind in KINDS]
        lines.append(f"| {way.name} | {' | '.join(cells)} |".replace("|  |", "| |"))
    return lines


def main() -> int:
    """Write or compare; exit status 1 if --check found a difference, or anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check: bool = parser.parse_args().check
    if reason := unavailable():
        print(f"docs/lies.py {reason}: not checked")
        return 0 if check else 1
    found = matrix()
    wrong = wrongs(found)
    for line in wrong:
        print(line)
    text = page(found)
    if check:
        return int(bool(wrong) or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
