# SPDX-License-Identifier: MIT
"""One NIC's results as the certificate shows them: what stands where, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.judge import Outcome
from xdpconform.lab import rule
from xdpconform.outputs.certificate import claims, pictures
from xdpconform.outputs.certificate.evidence import Evidence, Proof, Shared
from xdpconform.outputs.certificate.limits import MEANINGS, Limit, limits, reached
from xdpconform.outputs.words import FEW, ORDER, in_a_line, line_name, outcome, together

if TYPE_CHECKING:
    from xdpconform.outputs.certificate.messages import Datagram, Exchange
    from xdpconform.outputs.results import Environment, NicResults, Result, Results

AREAS: Final = {
    "PROTO": "Protocol",
    "INV": "Invariants",
    "FEAT": "Features",
    "ZC": "Zero copy",
    "RXMD": "RX metadata",
    "TXMD": "TX metadata",
    "QUEUE": "Queues",
    "ATTACH": "Attach",
    "STATE": "State",
    "CONFIG": "Configuration",
    "ACT": "Actions",
    "SG": "Several buffers",
    "REDIR": "Redirect",
    "XMIT": "Redirect",
    "HINT": "Metadata of frames",
    "SOCK": "AF_XDP sockets",
    "BIND": "Zero copy on the NIC",
    "TXHINT": "Metadata of sent frames",
}
"""Chapters of the specification by the middle of a requirement's name, in their order."""
_OTHER: Final = "Others"

VERDICTS: Final = {
    "CONFORMS": "What the driver claims, what its profile says and what it does agree, in every"
    " line that was run",
    "FAILS": "Claim, profile and behaviour differ",
    "INCOMPLETE": "Nothing that was tried failed; not everything could be tried",
}

LISTED: Final = 6
"""Fails that are named on the first screen."""

_WAIVE: Final = (
    " A known defect can be waived in the profile, with a reason, a link and an end date."
)
ADVICE: Final = {
    "over-claim": "More is claimed than there is. Take the claim back in the driver or firmware, or"
    " make it true; if the driver is right, correct the profile and give it with --profile=FILE."
    + _WAIVE,
    "under-claim": "Less is claimed than there is, or than should be. Claim it in the driver, or"
    " take away what is not meant to work; if the driver is right, correct the profile and give it"
    " with --profile=FILE." + _WAIVE,
    "mismatch": "What was done is not what was promised. Compare expected and observed, and the"
    " evidence below; run the line alone with 'pytest -k' and its number after each change."
    + _WAIVE,
    "malformed": "The kernel's answer breaks the protocol. The bytes below show where; report it to"
    " the kernel's or the driver's maintainers with them." + _WAIVE,
    "error": "The test broke before it could tell. Run it again; if it breaks again, report it with"
    " the lines above.",
}
"""What to do about a line, by kind of fail."""


class Line(NamedTuple):
    """A requirement's line."""

    anchor: str
    result: Result
    word: str
    """The outcome, of a fail its kind."""
    reason: tuple[str, ...]
    """Lines of text."""
    advice: str
    proof: Proof


class Group(NamedTuple):
    """Lines under one heading."""

    title: str
    key: str
    """``fail``, ``error``, ``waived``, ``blocked`` or ``area``."""
    blocks: tuple[tuple[str, tuple[Line, ...]], ...]
    """Lines that stand together: why, if for one reason, and they."""

    @property
    def number(self) -> int:
        """How many lines."""
        return sum(len(lines) for _why, lines in self.blocks)


class Fact(NamedTuple):
    """A name and what it is."""

    name: str
    value: str
    code: bool = False
    """Whether it is an identifier, to be set as such."""


class View(NamedTuple):
    """All of a page."""

    nic: NicResults
    title: str
    meaning: str
    counts: tuple[tuple[str, int], ...]
    failures: tuple[tuple[str, str, str], ...]
    """Of the first lines that fail: anchor, in which way, and why."""
    facts: tuple[Fact, ...]
    limits: tuple[Limit, ...]
    claims: tuple[claims.Row, ...]
    flows: tuple[pictures.Flow, ...]
    adjusts: tuple[pictures.Adjust, ...]
    groups: tuple[Group, ...]
    environment: tuple[Fact, ...]
    shared: tuple[Shared, ...]
    exchanges: tuple[tuple[Exchange, list[Datagram]], ...]
    names: dict[str, str]
    """Requirement and row by anchor."""
    tool: str


def view(results: Results, signer: str | None) -> View:
    """What the certificate of the one NIC shows.

    Args:
        results: of one NIC.
        signer: who signed it, as the page says it; None: nobody.
    """
    nic = results.nics[0]
    anchored = list(zip(anchors(nic.results), nic.results, strict=True))
    evidence = Evidence(anchored)
    counts = Counter[str](line.outcome for line in nic.results)
    return View(
        nic=nic,
        title=f"XDP conformance of {nic.id}",
        meaning=_meaning(nic, counts),
        counts=tuple((word, counts[word]) for word in ORDER if counts[word]),
        failures=tuple(
            (anchor, outcome(line), in_a_line(line))
            for anchor, line in anchored
            if line.outcome == "fail"
        )[:LISTED],
        facts=tuple(_facts(results, nic, signer)),
        limits=tuple(limits(results, nic, signer)),
        claims=tuple(claims.rows(nic, anchored)),
        flows=tuple(pictures.flows(anchored)),
        adjusts=tuple(pictures.adjusts(anchored)),
        groups=tuple(_groups(anchored, evidence)),
        environment=tuple(_environment(nic)),
        shared=tuple(evidence.shared()),
        exchanges=tuple(evidence.exchanges.all()),
        names={anchor: line_name(line) for anchor, line in anchored},
        tool=f"{results.tool.name} {results.tool.version}",
    )


def anchors(lines: Iterable[Result]) -> list[str]:
    """A fragment for each line: the requirement, and from its second row on a number as well."""
    counts: Counter[str] = Counter()
    found = []
    for line in lines:
        base = re.sub(r"[^A-Za-z0-9-]", "_", line.requirement[:40]) or "_"
        counts[base] += 1
        found.append(base if counts[base] == 1 else f"{base}.{counts[base]}")
    return found


def _meaning(nic: NicResults, counts: Counter[str]) -> str:
    lines = [(line.requirement, Outcome(line.outcome)) for line in nic.results]
    word = rule(lines, frozenset(), nic.missing).verdict.value
    if word != nic.verdict:
        return f"The results say {nic.verdict}, and their lines say {word}: do not rely on either."
    failed, waived = counts["fail"], counts["waived"]
    text = VERDICTS[word]
    if failed:
        text += f" in {_number(failed, 'line')}"
    if waived:
        text += f"{'; a waiver covers' if failed else ', but for'} {_number(waived, 'line')}"
        text += "" if failed else " that a waiver covers"
    return f"{text}."


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _facts(results: Results, nic: NicResults, signer: str | None) -> Iterable[Fact]:
    identity = nic.identity
    version = f", version {identity.driver_version}" if identity.driver_version else ""
    yield Fact("Interface", f"{identity.ifname}, ifindex {identity.ifindex}")
    yield Fact("Driver", f"{identity.driver or 'not known'}{version}")
    if identity.sysfs_driver and identity.sysfs_driver != identity.driver:
        yield Fact("Driver in sysfs", identity.sysfs_driver)
    yield Fact("Firmware", identity.firmware or "none reported")
    yield Fact("PCI ids", identity.pci or "none: not a PCI device")
    bus = " ".join(filter(None, (identity.bus, identity.bus_info)))
    yield Fact(
        "Bus", bus or (f"none: a virtual link ({identity.kind})" if identity.kind else "none")
    )
    yield Fact("Queues", _queues(identity.queues))
    yield Fact("Kernel", identity.kernel)
    if nic.profile is None:
        yield Fact("Profile", "none for this driver")
    else:
        yield Fact("Profile", nic.profile.name)
        yield Fact("Profile digest", nic.profile.digest, code=True)
    level = reached(nic.results)
    asked = "" if level == results.level else f" (asked for: {results.level})"
    yield Fact("Level reached", f"{level}: {MEANINGS[level]}{asked}" if level else f"none{asked}")
    yield Fact("Date", results.started)
    yield Fact(
        "Replies from",
        {
            "kernel": "the live kernel",
            "recording": "a recording of a kernel",
            "mock": "a simulated kernel",
        }[nic.source],
    )
    if nic.recording:
        yield Fact("Recording", nic.recording, code=True)
    yield Fact("Signature", signer or "none: this certificate is not signed", code=bool(signer))


def _queues(queues: dict[str, int | None]) -> str:
    """As ethtool has them, each of how many; else as sysfs counts them."""
    parts = []
    for name in ("rx", "tx", "combined"):
        number, most = queues.get(name), queues.get(f"{name}-max")
        if number is not None:
            parts.append(f"{number} {name}" + (f" of {most}" if most is not None else ""))
    if not parts:
        parts = [
            f"{queues[name]} {name.removeprefix('counted-')}"
            for name in ("counted-rx", "counted-tx")
            if queues.get(name) is not None
        ]
    return ", ".join(parts) or "not known"


def _groups(anchored: Sequence[tuple[str, Result]], evidence: Evidence) -> Iterable[Group]:
    lines = {id(line): _line(anchor, line, evidence) for anchor, line in anchored}
    listed = together(line for _anchor, line in anchored)
    for key, title in (
        ("fail", "Failures"),
        ("error", "Errors of the tests"),
        ("waived", "Waivers"),
        ("blocked", "Blocked lines"),
    ):
        blocks = [
            (
                same[0].reason if len(same) > FEW else "",
                tuple(lines[id(one)] for one in same),
            )
            for same in listed
            if same[0].outcome == key
        ]
        if blocks:
            yield Group(title, key, tuple(blocks))
    areas: dict[str, list[Line]] = {title: [] for title in (*AREAS.values(), _OTHER)}
    for _anchor, line in anchored:
        if line.outcome in ("pass", "not-claimed"):
            areas[area(line.requirement)].append(lines[id(line)])
    for title, found in areas.items():
        if found:
            yield Group(title, "area", (("", tuple(found)),))


def area(requirement: str) -> str:
    """The chapter of the specification."""
    parts = requirement.split("-")
    return AREAS.get(parts[1], _OTHER) if len(parts) == 3 else _OTHER


def _line(anchor: str, line: Result, evidence: Evidence) -> Line:
    word = outcome(line)
    advice = ADVICE.get(word, "") if line.outcome in ("fail", "error") else ""
    reason = tuple(text for text in line.reason.split("\n") if text.strip())
    return Line(anchor, line, word, reason, advice, evidence.of(anchor))


def _environment(nic: NicResults) -> Iterable[Fact]:
    identity, environment = nic.identity, nic.environment
    yield Fact("Kernel", identity.kernel)
    if environment is not None:
        yield from _build(environment)
    channels = [
        f"{name} {number}" for name, number in identity.queues.items() if number is not None
    ]
    yield Fact("Channels", ", ".join(channels) or "not known")
    yield Fact("MTU", "not known" if identity.mtu is None else str(identity.mtu))
    if environment is None:
        yield Fact("Build, configuration, module and offloads", "nobody looked")


def _build(environment: Environment) -> Iterable[Fact]:
    yield Fact("Build", environment.build or "not known")
    yield Fact("Machine", environment.machine or "not known")
    config = environment.config
    yield Fact(
        "Configuration",
        "cannot be read here"
        if config is None
        else ", ".join(f"{name}={value}" for name, value in config.items()) or "nothing of it",
    )
    module = environment.module
    if module is None:
        yield Fact("Module", "not known")
    else:
        parts = [f"{module.name}, {module.source}"]
        parts += [f"version {module.version}"] if module.version else []
        parts += [f"srcversion {module.srcversion}"] if module.srcversion else []
        yield Fact("Module", ", ".join(parts))
    offloads = environment.offloads
    yield Fact(
        "Offloads that are on", "not known" if offloads is None else ", ".join(offloads) or "none"
    )
