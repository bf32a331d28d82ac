# SPDX-License-Identifier: MIT
"""From what guests told to results: also of those that broke in the middle of a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from labs.virtual.guest.told import Ended, Event, File, Line, Nics, Over, Plan, Stage, Starts
from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.judge import Outcome
from xdpconform.lab import requirements, rule
from xdpconform.outputs.results import Result, Results, decode

RESULTS: Final = "results.json"
FILES: Final = 32
"""Files of one NIC at most."""
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@+-")

Verdict = Literal["CONFORMS", "FAILS", "INCOMPLETE"]


class Told(NamedTuple):
    """What is known of a NIC in the end."""

    name: str
    results: Results | None
    """None where nothing could be learned."""
    problem: str
    """Why its results are not whole, or are not there."""
    files: dict[str, bytes]
    absent: bool = False
    """Whether the kernel has no driver for it."""

    @property
    def verdict(self) -> Verdict:
        """INCOMPLETE where there is no other."""
        return self.results.nics[0].verdict if self.results else "INCOMPLETE"


class Story:
    """Takes a guest's events.

    Args:
        names: the NICs that it has.
        level: of its runs.
        console: gives what the guest's console says of an end; empty if it says nothing.
    """

    def __init__(self, names: Sequence[str], level: str, console: Callable[[], str] = str) -> None:
        self.names = tuple(names)
        self.problems: dict[str, str] = {}
        self.done: set[str] = set()
        """NICs whose run came to its end."""
        self.together = False
        """Whether the guest broke while several lines were tried at the same time."""
        self.heard = False
        """Whether it told anything."""
        self.stage = "boots"
        self.over = False
        self._level = level
        self._console = console
        self._plans: dict[str, Results] = {}
        self._results: dict[str, Results] = {}
        self._lines: dict[str, list[Result]] = {}
        self._running: dict[str, Starts] = {}
        self._files: dict[str, dict[str, bytes]] = {name: {} for name in names}
        self._groups: dict[str, list[str]] = {}
        """Of each NIC, those that have a run with it."""

    def take(self, event: Event) -> None:
        """One event.

        Raises:
            InputError: it is none that a guest of ours can tell.
        """
        self.heard = True
        match event:
            case Stage(text):
                self.stage = shown(text[:200])
            case Nics(problems):
                self.problems |= {name: shown(text) for name, text in problems.items()}
            case Plan(results):
                plan = _decoded(results)
                group = self._named(plan)
                for name, one in zip(group, _apart(plan), strict=True):
                    self._plans[name] = one
                    self._lines[name] = []
                    self._groups[name] = group
            case Starts(nic):
                self._running[self._name(nic)] = event
            case Line(nic, line):
                self._running.pop(self._name(nic), None)
                self._lines[self._name(nic)].append(_line(line))
            case File():
                self._file(event)
            case Ended(nics, status, output):
                self._ended([name for name in nics if name in self._files], status, output)
            case Over():
                self.over = True
                self.stage = "is done"

    def running(self) -> str:
        """What is tried at the moment, for who looks on."""
        tried = [f"{name} {now.requirement}" for name, now in self._running.items()]
        return ", ".join(tried) or self.stage

    def broke(self, reason: str) -> None:
        """The guest is no more: the line that was tried is an error, and nothing came after it.

        Of several that were tried at the same time nobody knows which one it was: their NICs
        are not done, and wait for a guest in which each is alone.
        """
        self.together = len(self._running) > 1
        if len(self._running) == 1:
            (now,) = self._running.values()
            self._fail(now, f"the guest broke while this was tried: {reason}")
            self.done.add(self._name(now.nic))
        self._running = {}
        for name, plan in self._plans.items():
            if _whole(plan, self._lines[name], self._level):
                self.done.add(name)

    def told(self) -> Iterable[Told]:
        """Every NIC of whose run the end is known."""
        for name in self.names:
            if name not in self.done and name not in self.problems:
                continue
            results = self._results.get(name)
            plan = self._plans.get(name)
            if results is None and plan is not None:
                results = _composed(plan, self._lines[name], self._level)
            yield Told(name, results, self.problems.get(name, ""), self._files[name])

    def _ended(self, names: Sequence[str], status: int, output: str) -> None:
        for now in [self._running.pop(name) for name in names if name in self._running]:
            reason = f"the run ended with {status} while this was tried"
            if status < 0:
                said = self._console()
                reason = f"the run was killed by signal {-status} while this was tried"
                reason += f": {said}" if said else ""
            self._fail(now, reason)
        for name in names:
            self._files[name]["pytest.txt"] = output.encode()
            if name in self._results or self._lines.get(name):
                self.done.add(name)
            elif name not in self._plans:
                last = (output.strip().splitlines() or ["it printed nothing"])[-1]
                self.problems.setdefault(name, f"pytest ended with {status}: {shown(last)}")

    def _fail(self, now: Starts, reason: str) -> None:
        name = self._name(now.nic)
        self.problems[name] = f"{now.requirement}: {reason}"
        error = Result(
            now.requirement, now.title, now.param, "error", None, now.level, "", "", reason, {}
        )
        self._lines.setdefault(name, []).append(error)

    def _file(self, event: File) -> None:
        try:
            data = event.content()
        except ValueError as error:
            raise InputError(f"{shown(event.name[:60])}: {error}") from error
        if not event.name or not _NAME.issuperset(event.name) or event.name.startswith("."):
            raise InputError(f"no name for a file: {shown(event.name[:60])!r}")
        names = [event.nic]
        if event.name == RESULTS:
            results = _decoded(data)
            names = self._named(results)
            for name, one in zip(names, _apart(results), strict=True):
                self._results[name] = one
            return
        if event.name == "recording.rec.json":
            names = self._groups.get(event.nic, names)  # of one run all have the same
        for name in names:
            files = self._files.get(name)
            if files is None or len(files) >= FILES:
                raise InputError(f"a file of no NIC, or too many: {shown(event.name)}")
            files[event.name] = data

    def _named(self, results: Results) -> list[str]:
        if len(results.nics) == 1 and results.nics[0].id not in self._files:
            return [self._name(results.nics[0].id)]
        return [self._name(nic.id) for nic in results.nics]

    def _name(self, nic: str) -> str:
        """The NIC of the lab that one of the run is: a testbed's own has a name of its own."""
        if nic in self._files:
            return nic
        if nic.rstrip("0123456789") in self._files:
            return nic.rstrip("0123456789")
        raise InputError(f"the guest told of a NIC that it has not: {shown(nic[:60])!r}")


def _apart(results: Results) -> list[Results]:
    return [msgspec.structs.replace(results, nics=[nic]) for nic in results.nics]


def _composed(plan: Results, lines: Sequence[Result], level: str) -> Results:
    """A run's results.json with the lines that came before its end."""
    (nic,) = plan.nics
    ruled = rule([(line.requirement, Outcome(line.outcome)) for line in lines], requirements(level))
    nic = msgspec.structs.replace(
        nic,
        results=sorted(lines, key=lambda line: (line.requirement, line.param)),
        missing=list(ruled.missing),
        verdict=ruled.verdict.value,
    )
    return msgspec.structs.replace(plan, nics=[nic])


def _whole(plan: Results, lines: Sequence[Result], level: str) -> bool:
    return bool(lines) and not _composed(plan, lines, level).nics[0].missing


def _decoded(data: str | bytes) -> Results:
    return decode(data if isinstance(data, bytes) else data.encode(), "what the guest told")


def _line(text: str) -> Result:
    try:
        return msgspec.json.decode(text, type=Result)
    except msgspec.DecodeError as error:
        raise InputError(f"what the guest told is no line of a run: {error}") from error
