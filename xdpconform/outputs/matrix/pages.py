# SPDX-License-Identifier: MIT
"""The pages of the site as values, read from the index; templates make HTML of them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from sys import intern
from typing import Final, NamedTuple

from xdpconform.nic import FLAGS
from xdpconform.outputs.matrix import flags
from xdpconform.outputs.matrix.grid import (
    Cell,
    Found,
    Grid,
    Key,
    Link,
    by_series,
    grid,
    why,
)
from xdpconform.outputs.matrix.index import counts
from xdpconform.outputs.matrix.names import clipped, driver_label, kernel_order, page_name
from xdpconform.outputs.outcomes import ELSEWHERE

VERDICTS: Final = {"CONFORMS": "y", "FAILS": "n", "INCOMPLETE": "u"}
"""A verdict as a cell is marked."""
LISTED: Final = 100
"""Certificates of a driver on a kernel that its page lists."""
LEFT_OUT: Final = 200
"""Folders left out that the first page lists."""

_NEWEST: Final = """
SELECT nic.driver, nic.variant, nic.kernel, min(nic.age), nic.verdict, nic.source, run.level,
       run.page, count(*)
FROM nic JOIN run ON run.id = nic.run GROUP BY nic.driver, nic.variant, nic.kernel
"""
_LIST: Final = """
SELECT nic.kernel, nic.device, nic.firmware, nic.profile, nic.verdict, nic.source, run.level,
       run.started, run.page, run.signed
FROM nic JOIN run ON run.id = nic.run WHERE nic.driver = ? AND nic.variant = ? ORDER BY nic.age
"""

Driver = tuple[str, str]
"""A driver and its variant."""
Cells = dict[tuple[Key, Key], Found]
"""By row and column."""


class Listed(NamedTuple):
    """A certificate in a list."""

    started: str
    device: str
    firmware: str
    profile: str
    level: str
    verdict: str
    support: str
    signed: bool
    href: str


class Listing(NamedTuple):
    """The certificates of a driver on a kernel, newest first."""

    anchor: str
    kernel: str
    certificates: Sequence[Listed]
    more: int


class Section(NamedTuple):
    """Links of one kind."""

    title: str
    links: Sequence[Link]


class Page(NamedTuple):
    """A page."""

    path: str
    title: str
    intro: str
    caption: str
    grid: Grid | None
    filters: Sequence[Section] = ()
    """Other pages, by what they are about."""
    listings: Sequence[Listing] = ()
    left_out: Sequence[tuple[str, str]] = ()
    left_out_count: int = 0
    counts: str = ""


class Site:
    """What all pages share.

    Args:
        index: the index, with its table ``cell``.
    """

    def __init__(self, index: sqlite3.Connection) -> None:
        self._index = index
        self._nics: dict[int, tuple[Driver, str, str]] = {
            number: ((driver, variant), kernel, page)
            for number, driver, variant, kernel, page in index.execute(
                "SELECT nic.id, nic.driver, nic.variant, nic.kernel, run.page"
                " FROM nic JOIN run ON run.id = nic.run"
            )
        }
        self.drivers: list[Driver] = sorted(
            {driver for driver, _kernel, _page in self._nics.values()},
            key=lambda driver: (driver[0].casefold(), *driver),
        )
        self.kernels: list[str] = sorted(
            {kernel for _driver, kernel, _page in self._nics.values()},
            key=lambda kernel: (kernel_order(kernel), kernel),
        )
        self.titles: dict[str, str] = dict(
            index.execute("SELECT id, title FROM requirement ORDER BY id")
        )
        self.flags = [name for names in FLAGS.values() for name in names]

    def pages(self) -> Iterator[Page]:
        """Every page; the first one last, so that what it leads to is there before it."""
        by_driver: dict[Driver, Cells] = {driver: {} for driver in self.drivers}
        by_kernel: dict[str, Cells] = {kernel: {} for kernel in self.kernels}
        by_requirement: dict[str, Cells] = {requirement: {} for requirement in self.titles}
        for driver, kernel, requirement, found in self._cells():
            by_driver[driver][requirement, kernel] = found
            by_kernel[kernel][requirement, driver] = found
            by_requirement[requirement][driver, kernel] = found
        for driver in self.drivers:
            yield self._driver_page(driver, by_driver.pop(driver))
        for kernel in self.kernels:
            yield self._kernel_page(kernel, by_kernel.pop(kernel))
        for requirement in self.titles:
            yield self._requirement_page(requirement, by_requirement.pop(requirement))
        for flag in self.flags:
            yield self._flag_page(flag)
        yield self._first_page()

    def _cells(self) -> Iterator[tuple[Driver, str, str, Found]]:
        """The newest line of each driver, kernel and requirement, for a page below the first."""
        made: dict[tuple[int, str, int], Found] = {}
        for requirement, nic, param, outcome, support, mixed in self._index.execute(
            "SELECT requirement, nic, param, outcome, support, mixed FROM cell"
        ):
            driver, kernel, page = self._nics[nic]
            found = made.get((nic, support, mixed))
            if found is None:
                more = Link("±", _listing(driver, kernel, "../")) if mixed else None
                found = (Cell(support, support, f"../{page}", more=more), "")
                made[nic, support, mixed] = found
            if outcome not in ("pass", "not-claimed"):
                kind, reason = self._index.execute(
                    "SELECT kind, reason FROM result"
                    " WHERE nic = ? AND requirement = ? AND param = ?",
                    (nic, requirement, param),
                ).fetchone()
                found = (found[0], intern(why(outcome, kind, reason)))
            yield driver, kernel, requirement, found

    def _first_page(self) -> Page:
        found: Cells = {}
        for (
            driver,
            variant,
            kernel,
            _age,
            verdict,
            source,
            level,
            page,
            count,
        ) in self._index.execute(_NEWEST):
            where = (driver, variant)
            more = Link(str(count), _listing(where, kernel, "")) if count > 1 else None
            words = _level(level, source)
            cell = Cell(VERDICTS[verdict], verdict, page, words, more)
            found[where, kernel] = (cell, "")
        left_out = self._index.execute("SELECT folder, reason FROM left_out LIMIT ?", (LEFT_OUT,))
        (left_out_count,) = self._index.execute("SELECT count(*) FROM left_out").fetchone()
        return Page(
            "index.html",
            "XDP support by driver and kernel",
            "What the newest certificate of each driver on each kernel says, and at which level.",
            "Verdict and level, drivers by kernels",
            self._by_driver(found, ""),
            self._sections(""),
            left_out=[(clipped(folder, 200), clipped(reason, 300)) for folder, reason in left_out],
            left_out_count=left_out_count,
            counts=str(counts(self._index)),
        )

    def _driver_page(self, driver: Driver, found: Cells) -> Page:
        name = clipped(driver_label(*driver))
        listings = list(self._listings(driver))
        kernels = [listing.kernel for listing in listings]
        return Page(
            f"driver/{page_name(*driver)}",
            f"Driver {name}",
            "Each requirement on each kernel, as the newest certificate that tried it says.",
            f"{name}: requirements by kernels",
            grid(
                "Requirement",
                [(kernel, _kernel_link(kernel, "../")) for kernel in kernels],
                self._requirements(),
                found,
                by_series(kernels),
            ),
            self._sections("../")[:1],
            [one._replace(kernel=clipped(one.kernel)) for one in listings],
        )

    def _kernel_page(self, kernel: str, found: Cells) -> Page:
        name = clipped(kernel)
        some = {driver for _requirement, driver in found}
        return Page(
            f"kernel/{page_name(kernel)}",
            f"Kernel {name}",
            "Each requirement under each driver, as the newest certificate that tried it says.",
            f"{name}: requirements by drivers",
            grid(
                "Requirement",
                [(one, _driver_link(one, "../")) for one in self.drivers if one in some],
                self._requirements(),
                found,
            ),
            self._sections("../")[1:2],
        )

    def _requirement_page(self, requirement: str, found: Cells) -> Page:
        return Page(
            f"requirement/{page_name(requirement)}",
            requirement,
            clipped(self.titles[requirement], 400),
            f"{requirement}: drivers by kernels",
            self._by_driver(found, "../"),
            self._sections("../")[3:],
        )

    def _flag_page(self, flag: str) -> Page:
        found: Cells = {}
        for one in flags.seen(self._index, flag):
            support = ELSEWHERE[one.outcome].support
            driver, kernel, page = self._nics[one.claim_nic]
            words = f"{one.expected or 'no profile'}, {'claimed' if one.claimed else 'not claimed'}"
            proof = Link(one.level, f"../{self._nics[one.proof_nic][2]}")
            cell = Cell(support, support, f"../{page}", words, proof)
            found[driver, kernel] = (cell, why(one.outcome, one.kind, one.reason))
        return Page(
            f"flag/{page_name(flag)}",
            f"Flag {flag}",
            f"Where {flag} is expected, where it is claimed, and the level of what proves it.",
            f"{flag}: drivers by kernels",
            self._by_driver(found, "../"),
            self._sections("../")[2:3],
        )

    def _by_driver(self, found: Cells, up: str) -> Grid:
        """Drivers by kernels, those that something is known of."""
        known = {kernel for _driver, kernel in found}
        kernels = [kernel for kernel in self.kernels if kernel in known]
        return grid(
            "Driver",
            [(kernel, _kernel_link(kernel, up)) for kernel in kernels],
            [(driver, _driver_link(driver, up), "") for driver in self.drivers],
            found,
            by_series(kernels),
        )

    def _requirements(self) -> list[tuple[Key, Link, str]]:
        return [
            (name, _requirement_link(name, "../"), clipped(title, 200))
            for name, title in self.titles.items()
        ]

    def _sections(self, up: str) -> list[Section]:
        """Links to all pages."""
        return [
            Section("Drivers", [_driver_link(one, up) for one in self.drivers]),
            Section("Kernels", [_kernel_link(one, up) for one in self.kernels]),
            Section("Flags", [Link(one, f"{up}flag/{page_name(one)}") for one in self.flags]),
            Section("Requirements", [_requirement_link(one, up) for one in self.titles]),
        ]

    def _listings(self, driver: Driver) -> Iterator[Listing]:
        """The certificates of a driver, by kernel."""
        found: dict[str, list[Listed]] = {}
        more: Counter[str] = Counter()
        for kernel, device, firmware, profile, verdict, source, level, *rest in self._index.execute(
            _LIST, driver
        ):
            started, page, signed = rest
            listed = found.setdefault(kernel, [])
            if len(listed) == LISTED:
                more[kernel] += 1
                continue
            listed.append(
                Listed(
                    started,
                    clipped(device),
                    clipped(firmware or "unknown"),
                    clipped(profile or "none"),
                    _level(level, source),
                    verdict,
                    VERDICTS[verdict],
                    bool(signed),
                    f"../{page}",
                )
            )
        for kernel in self.kernels:
            if kernel in found:
                yield Listing(_anchor(kernel), kernel, found[kernel], more[kernel])


def _level(level: str, source: str) -> str:
    return f"{level}, simulated" if source == "mock" else level


def _driver_link(driver: Driver, up: str) -> Link:
    return Link(clipped(driver_label(*driver)), f"{up}driver/{page_name(*driver)}")


def _kernel_link(kernel: str, up: str) -> Link:
    return Link(clipped(kernel), f"{up}kernel/{page_name(kernel)}")


def _requirement_link(requirement: str, up: str) -> Link:
    return Link(requirement, f"{up}requirement/{page_name(requirement)}")


def _listing(driver: Driver, kernel: str, up: str) -> str:
    """Where the certificates of a driver on a kernel are listed."""
    return f"{up}driver/{page_name(*driver)}#{_anchor(kernel)}"


def _anchor(kernel: str) -> str:
    return page_name(kernel).removesuffix(".html")
