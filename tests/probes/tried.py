# SPDX-License-Identifier: MIT
"""A NIC that is tried once, with programs and frames, and judged again as something else.

The lines are those of the suites themselves, called as functions: there is no second list of them.
"""

from __future__ import annotations

import importlib
import inspect
from contextlib import contextmanager, nullcontext
from datetime import date
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.probes.lying import Liar, Lie
from xdpconform.errors import Blocked, Unclaimed
from xdpconform.interfaces import select
from xdpconform.judge import Finding, Level, Outcome
from xdpconform.lab import Subject, survey, waived
from xdpconform.netlink.netdev import Capabilities
from xdpconform.probes.bench import Bench
from xdpconform.probes.lifecycle import Lifecycle
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Testbed
from xdpconform.profiles import Shelf
from xdpconform.snapshot import Inspector
from xdpconform.sources import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from xdpconform.nic import Answer

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 12, 1)
"""The day that waivers are held against, so that nothing here ages."""

Row = tuple[str, str]
"""A requirement, and its row in brackets."""
Found = dict[Row, Finding]


class Check(NamedTuple):
    """A line of the suites that rests on programs and frames."""

    row: Row
    level: Level
    run: Callable[..., None]
    params: Mapping[str, object]


def checks() -> list[Check]:
    """Every line of levels attach and packets, as the suites have them."""
    found = []
    for file in sorted((ROOT / "suites").glob("test_*.py")):
        module = importlib.import_module(f"suites.{file.stem}")
        for _name, run in inspect.getmembers(module, inspect.isfunction):
            every = getattr(run, "pytestmark", ())
            marks = {mark.name: mark for mark in every}
            level = Level(marks["requirement"].kwargs.get("level", "claims")) if marks else None
            if level in (None, Level.CLAIMS):
                continue
            tables = [mark.args for mark in every if mark.name == "parametrize"]
            for values in product(*(table[1] for table in tables)):
                params = dict(zip((table[0] for table in tables), values, strict=True))
                row = (marks["requirement"].args[0], "-".join(map(str, values)))
                found.append(Check(row, level, run, params))
    return found


CHECKS = checks()
LEVELS = {check.row[0]: check.level for check in CHECKS}


class Altered:
    """A bench on which everything was seen already, and is told otherwise.

    Args:
        bench: the honest one.
        tell: changes what was seen.
    """

    def __init__(self, bench: Bench, tell: Callable[[object], object]) -> None:
        self._bench = bench
        self._tell = tell

    def see(self, probe: Callable[..., object], *args: object, **kwargs: object) -> object:
        """See `Bench.see`."""
        return self._tell(self._bench.see(probe, *args, **kwargs))


def told(value: object, tell: Callable[[Capabilities], Capabilities]) -> Any:
    """A value with all claims in it changed."""
    if isinstance(value, Capabilities):
        return tell(value)
    if isinstance(value, tuple):
        parts = [told(one, tell) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, dict):
        return {key: told(one, tell) for key, one in value.items()}
    return value


class Tried:
    """A NIC that is there, and all that was seen of it.

    Args:
        kind: ``veth`` or ``tap``.
        shelf: the profiles.
    """

    def __init__(self, kind: str, shelf: Shelf) -> None:
        self.kind = kind
        self._shelf = shelf
        make = {"veth": Testbed.veth, "tap": Testbed.tap}[kind]
        with Lifecycle() as child:
            self._watched: Answer = child.answer()
        self._bed = make(Guardian())
        try:
            self._bench = Bench(lambda: self._bed, self._bed)
            self.subject = self.taken()
            self.honest = self.judged(self._bench, None)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Take the testbed down."""
        self._bed.close()

    def taken(self, lie: Lie | None = None) -> Subject:
        """The NIC as level claims asks for it, told by a liar where there is a lie."""
        port = self._bed.nic
        liar = Liar(lie, port.ifindex).speaking() if lie else nullcontext()
        with liar, Inspector(Kernel(f"/proc/self/fd/{port.namespace.fd}")) as inspector:
            links = select([port.ifname], inspector.links())
            (nic,) = survey(inspector, links, lambda: self._watched)
        return Subject(nic, self._shelf.match(nic))

    def judged(self, bench: object, subject: Subject | None) -> Found:
        """Every line that rests on programs and frames.

        Args:
            bench: what was seen.
            subject: the NIC with its profile, waivers included; None: judged without a profile.
        """
        found = {}
        for check in CHECKS:
            given = {
                "bench": bench,
                "nic": (subject or self.subject).nic,
                "profile": subject.match if subject else None,
            }
            finding = _run(check, given)
            if subject is not None:
                finding = finding._replace(param=check.row[1] or finding.param)
                finding = waived(subject, check.row[0], finding, TODAY)
            found[check.row] = finding
        return found

    def seen(self) -> list[Capabilities]:
        """What the NIC claimed at any moment that something was seen of it."""
        moments: list[Capabilities] = []

        def note(claims: Capabilities) -> Capabilities:
            moments.append(claims)
            return claims

        self.judged(Altered(self._bench, lambda value: told(value, note)), None)
        return list(dict.fromkeys(moments))

    def under(self, lie: Lie, subject: Subject | None = None) -> Found:
        """Every line that rests on programs and frames, under a lie."""
        return self.judged(Altered(self._bench, lambda value: told(value, lie.told)), subject)

    def altered(self, tell: Callable[[object], object], subject: Subject | None) -> Found:
        """The same with everything that was seen changed."""
        return self.judged(Altered(self._bench, tell), subject)


def _run(check: Check, given: Mapping[str, object]) -> Finding:
    found: list[Finding] = []
    names = inspect.signature(check.run).parameters
    words = {"certify": found.append, **given, **check.params}
    try:
        check.run(**{name: words[name] for name in names})
    except Unclaimed as error:
        return Finding(Outcome.NOT_CLAIMED, reason=str(error))
    except Blocked as error:
        return Finding(Outcome.BLOCKED, reason=str(error))
    (finding,) = found
    return finding


@contextmanager
def tried(kind: str) -> Iterator[Tried]:
    """A NIC that is tried, and taken down again."""
    nic = Tried(kind, Shelf())
    try:
        yield nic
    finally:
        nic.close()


def failing(found: Found) -> tuple[Row, ...]:
    """The lines that fail."""
    return tuple(sorted(row for row, one in found.items() if one.outcome is Outcome.FAIL))


def line(row: Row, bench: Bench) -> Finding:
    """What one line finds that rests on programs and frames alone."""
    (check,) = (one for one in CHECKS if one.row == row)
    return _run(check, {"bench": bench, "profile": None})
