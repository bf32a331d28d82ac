# SPDX-License-Identifier: MIT
"""A run: the NICs it is about, the profile of each, and the lines found. Knows no pytest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from functools import partial
from typing import NamedTuple

from xdpconform.environment import Environment, look
from xdpconform.errors import NoSuchInterface, SourceError, XdpConformError
from xdpconform.interfaces import safe_id, select
from xdpconform.judge import Finding, Outcome, Verdict, verdict, waive
from xdpconform.judge.lines import LINES, Line
from xdpconform.netconfig import suites_folder
from xdpconform.netlink.netdev import FAMILY_NAME
from xdpconform.nic import IDLE, Answer, Identity, Link, Nic, QueueCounts
from xdpconform.probes.lifecycle import WHAT, Lifecycle, read_answer
from xdpconform.probes.protocol import ask_all
from xdpconform.profiles import Match, Shelf
from xdpconform.recorder import Recorder, keep
from xdpconform.snapshot import Inspector, stored_links
from xdpconform.sources import Source, Stored
from xdpconform.sources.recording import Recording
from xdpconform.specification import Requirement, requirements, specification


class Subject(NamedTuple):
    """A NIC and the profile that it falls under, if there is one."""

    nic: Nic
    match: Match | None
    source: str = "kernel"
    """Where its replies came from: ``kernel``, ``recording`` or ``mock``."""
    recording: Recording | None = None
    """Every reply, byte for byte; None where nothing was kept."""
    environment: Environment | None = None
    """Of the machine it is in; None where nobody looked."""


def take(
    source: Source,
    ifaces: Sequence[str],
    shelf: Shelf | None = None,
    lifecycle: Lifecycle | None = None,
) -> list[Subject]:
    """Ask a live source everything once.

    Args:
        source: where replies come from; closed at the end.
        ifaces: what the user typed: names, numbers, globs, ``all``.
        shelf: the profiles; the shipped ones if not given.
        lifecycle: one that was started before; else one is started now.

    Raises:
        XdpConformError: no such interface, or a source that cannot be asked.
    """
    shelf = shelf or Shelf()
    recorder = Recorder(source)
    with lifecycle or Lifecycle() as child, Inspector(recorder) as inspector:
        nics = survey(inspector, select(ifaces, inspector.links()), child.answer)
        recording = keep(recorder, inspector.trace, nics)
        environments = [look(source, nic) for nic in nics]
    return [
        Subject(nic, shelf.match(nic), recording=recording, environment=environment)
        for nic, environment in zip(nics, environments, strict=True)
    ]


def take_stored(
    source: Stored,
    kind: str,
    shelf: Shelf,
    taken: Collection[str] = (),
    *,
    variant: str = "",
) -> list[Subject]:
    """Ask a recording or a mock everything once; whatever is wrong with it stays its own.

    Args:
        source: a source about certain NICs.
        kind: ``recording`` or ``mock``.
        shelf: the profiles.
        taken: ids that other NICs of the run have.
        variant: of its driver's profile, where it is known from outside.
    """
    try:
        with Inspector(source) as inspector:
            links = stored_links(source, inspector)
            nics = survey(inspector, links, partial(_watched, source))
    except XdpConformError as error:
        return [unjudged(source.name, source.release(), str(error), kind, taken)]
    subjects = []
    ids = {*taken}
    for nic in nics:
        name = source.name if len(nics) == 1 else f"{source.name}:{nic.identity.ifname}"
        nic = nic._replace(id=safe_id(name, ids))  # noqa: PLW2901 - the same NIC under its name
        ids.add(nic.id)
        subjects.append(Subject(nic, shelf.match(nic, variant), kind))
    return subjects


def unjudged(
    name: str, kernel: str, reason: str, kind: str, taken: Collection[str] = ()
) -> Subject:
    """What stands for NICs that nothing could be learned of: every line is blocked by `reason`."""
    link = Link(0, name, "none", up=False, mtu=None, kind=None, xdp="none", lower=None,
                lower_elsewhere=False, master=None)  # fmt: skip
    return Subject(_unknown(link, taken, kernel, reason), None, kind)


def _watched(source: Stored) -> Answer:
    try:
        replies = source.notifications()
    except SourceError as error:
        return Answer(WHAT, b"", (), error=error)
    return read_answer(replies or ())


def survey(
    inspector: Inspector,
    links: Iterable[Link],
    watched: Callable[[], Answer],
    *,
    strict: bool = False,
) -> list[Nic]:
    """Every question of level claims about each of some interfaces, once.

    Args:
        inspector: of the source.
        links: which interfaces.
        watched: gives what a listener saw of a device's life; called last, and only where the
            kernel has the netdev family.
        strict: raise where an interface vanished or changed meanwhile, rather than say so of it.

    Raises:
        XdpConformError: the source cannot be asked.
    """
    taken: set[str] = set()
    nics = []
    for link in links:
        try:
            nic = _ask(inspector, link, taken)
        except NoSuchInterface as error:
            if strict:
                raise
            nic = _unknown(link, taken, inspector.source.release(), str(error))
        taken.add(nic.id)
        nics.append(nic)
    family = inspector.family(FAMILY_NAME)
    if family is None:
        return nics
    exchange = next(e for e in inspector.trace if e.what.endswith(FAMILY_NAME))
    answer = Answer(exchange.what, exchange.request, exchange.replies, family)
    shared = {"family": answer, "lifecycle": watched()}
    return [nic._replace(answers=nic.answers | shared) for nic in nics]


def _ask(inspector: Inspector, link: Link, taken: Collection[str]) -> Nic:
    nic = inspector.nic(link, taken)
    if not nic.answers or isinstance(nic.answers["dev-get"].error, SourceError):
        return nic
    nic = nic._replace(answers=nic.answers | ask_all(inspector, nic))
    # Answers are about one device in one state, or they prove nothing.
    if inspector.device(link).value != nic.answers["dev-get"].value:
        raise NoSuchInterface(f"interface {link.name} changed while it was asked: run again")
    return nic


def _unknown(link: Link, taken: Collection[str], kernel: str, reason: str) -> Nic:
    return Nic(
        id=safe_id(link.name, taken),
        identity=Identity(ifname=link.name, ifindex=link.ifindex, kernel=kernel),
        link=link,
        state=IDLE,
        capabilities={},
        queues=QueueCounts(),
        sysfs={},
        unknown=reason,
    )


def judge(subject: Subject, today: date) -> list[tuple[Line, Finding]]:
    """What every line of level claims finds of a NIC, waivers taken into account.

    Args:
        subject: the NIC, and its profile.
        today: the day that waivers are held against.
    """
    nic, match = subject.nic, subject.match
    found = []
    for line in LINES:
        finding = line.judge(nic, match)
        if line.row:
            finding = finding._replace(param=line.row)
        found.append((line, waived(subject, line.requirement, finding, today)))
    return found


def waived(subject: Subject, requirement: str, finding: Finding, today: date) -> Finding:
    """The finding, let pass if it fails and a waiver of the NIC's profile is written for it."""
    if finding.outcome is not Outcome.FAIL or subject.match is None:
        return finding
    return waive(finding, subject.match.waivers(requirement, finding.param, subject.nic), today)


class Ruling(NamedTuple):
    """The verdict on a NIC, and the requirements that were never run."""

    verdict: Verdict
    missing: tuple[str, ...]


def rule(
    lines: Iterable[tuple[str, Outcome]], required: Iterable[str], unrun: Iterable[str] = ()
) -> Ruling:
    """The verdict on a NIC: nothing conforms that was not run whole.

    Args:
        lines: requirement and outcome of each line.
        required: the ids of all requirements.
        unrun: the ids of requirements of which a row was left out.
    """
    found = list(lines)
    seen = {requirement for requirement, _outcome in found}
    missing = tuple(sorted({*required}.difference(seen).union(unrun)))
    word = verdict(outcome for _requirement, outcome in found)
    if missing and word is Verdict.CONFORMS:
        word = Verdict.INCOMPLETE
    return Ruling(word, missing)


__all__ = [
    "Requirement",
    "Ruling",
    "Subject",
    "judge",
    "requirements",
    "rule",
    "specification",
    "suites_folder",
    "survey",
    "take",
    "take_stored",
    "unjudged",
    "waived",
]
