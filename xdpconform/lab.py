# SPDX-License-Identifier: MIT
"""A run: the NICs it is about, the profile of each, and the lines found. Knows no pytest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from xdpconform.errors import InputError, NoSuchInterface
from xdpconform.interfaces import safe_id, select
from xdpconform.judge import Outcome, Verdict, verdict
from xdpconform.netconfig import suites_folder
from xdpconform.netlink.netdev import FAMILY_NAME
from xdpconform.nic import IDLE, Answer, Identity, Link, Nic, QueueCounts
from xdpconform.probes.lifecycle import Lifecycle
from xdpconform.probes.protocol import ask_all
from xdpconform.profiles import LoadedProfile, Match, load_all, match
from xdpconform.snapshot import Inspector
from xdpconform.sources import Source

_REQUIREMENT: Final = re.compile(r'@pytest\.mark\.requirement\("(XDP-[A-Z]+-\d\d)"\)')


class Subject(NamedTuple):
    """A NIC and the profile that it falls under, if there is one."""

    nic: Nic
    match: Match | None


def take(
    source: Source,
    ifaces: Sequence[str],
    profiles: Iterable[Path] = (),
    variants: Sequence[str] = (),
    lifecycle: Lifecycle | None = None,
) -> list[Subject]:
    """Ask everything once.

    Args:
        source: where replies come from; closed at the end.
        ifaces: what the user typed: names, numbers, globs, ``all``.
        profiles: files and folders that come before the shipped profiles.
        variants: ``PROFILE:VARIANT`` words.
        lifecycle: one that was started before; else one is started now.

    Raises:
        XdpConformError: no such interface, a profile that cannot be used, a source that cannot
            be asked.
    """
    with lifecycle or Lifecycle() as child, Inspector(source) as inspector:
        links = select(ifaces, inspector.links())
        loaded = load_all(profiles)
        _check_variants(variants, loaded)
        taken: list[str] = []
        nics = []
        for link in links:
            try:
                nic = _ask(inspector, link, taken)
            except NoSuchInterface as error:
                nic = _vanished(link, taken, source.release(), error)
            taken.append(nic.id)
            nics.append(nic)
        shared = _shared(inspector, child)
        return [
            Subject(nic, match(loaded, nic, variants))
            for nic in (nic._replace(answers=nic.answers | shared) for nic in nics)
        ]


def _ask(inspector: Inspector, link: Link, taken: Sequence[str]) -> Nic:
    nic = inspector.nic(link, taken)
    if not nic.answers:
        return nic
    nic = nic._replace(answers=nic.answers | ask_all(inspector, nic))
    # Answers are about one device in one state, or they prove nothing.
    if inspector.device(link).value != nic.answers["dev-get"].value:
        raise NoSuchInterface(f"interface {link.name} changed while it was asked: run again")
    return nic


def _vanished(link: Link, taken: Sequence[str], kernel: str, error: NoSuchInterface) -> Nic:
    return Nic(
        id=safe_id(link.name, taken),
        identity=Identity(ifname=link.name, ifindex=link.ifindex, kernel=kernel),
        link=link,
        state=IDLE,
        capabilities={},
        queues=QueueCounts(),
        sysfs={},
        unknown=str(error),
    )


def _shared(inspector: Inspector, lifecycle: Lifecycle) -> dict[str, Answer]:
    family = inspector.family(FAMILY_NAME)
    if family is None:
        return {}
    exchange = next(e for e in inspector.trace if e.what.endswith(FAMILY_NAME))
    answer = Answer(exchange.what, exchange.request, exchange.replies, family)
    return {"family": answer, "lifecycle": lifecycle.answer()}


def _check_variants(variants: Sequence[str], loaded: Sequence[LoadedProfile]) -> None:
    names = {
        f"{one.profile.name}:{variant.name}" for one in loaded for variant in one.profile.variant
    }
    for word in variants:
        if word not in names:
            raise InputError(f"--variant {word}: there are {', '.join(sorted(names))}")


@cache
def requirements() -> frozenset[str]:
    """The ids of every requirement of the shipped suites, without importing them."""
    files = sorted(suites_folder().glob("test_*.py"))
    texts = (file.read_text(encoding="utf-8") for file in files)
    return frozenset(name for text in texts for name in _REQUIREMENT.findall(text))


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
    missing = tuple(sorted((set(required) - seen) | set(unrun)))
    word = verdict(outcome for _requirement, outcome in found)
    if missing and word is Verdict.CONFORMS:
        word = Verdict.INCOMPLETE
    return Ruling(word, missing)


__all__ = [
    "Ruling",
    "Subject",
    "requirements",
    "rule",
    "suites_folder",
    "take",
]
