# SPDX-License-Identifier: MIT
"""A plugin for pytest inside the guest: each line is told before it is tried, and once it was."""

from __future__ import annotations

from collections.abc import Callable, Generator

import msgspec
import pytest

from labs.virtual.guest.faults import LINE
from labs.virtual.guest.told import Event, Line, Plan, Stage, Starts
from xdpconform.certify import requirement_of, subject_of
from xdpconform.outputs.results import encode
from xdpconform.plugin import RUN


class Reporter:
    """Tells what pytest does.

    Args:
        tell: takes an event; the host has it when that returns.
        fault: breaks the guest, in the line that is told for it.
    """

    def __init__(
        self, tell: Callable[[Event], None], fault: Callable[[], None] | None = None
    ) -> None:
        self.tell = tell
        self._fault = fault
        self._lines = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """The run as it begins."""
        run = session.config.stash.get(RUN, None)
        if run is not None:
            self.tell(Plan(encode(run.results()).decode()))
            self.tell(Stage(f"tries {len(session.items)} lines"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Before its fixtures are made, since they touch the NIC as well."""
        if "_case" in getattr(item, "fixturenames", ()):
            requirement, about = requirement_of(item)
            params = item.callspec.params  # type: ignore[attr-defined]
            row = "-".join(str(value) for name, value in params.items() if name != "_case")
            nic = subject_of(item).nic.id
            self.tell(Starts(nic, requirement, about.title, row, about.level.value))
            self._lines += 1
            if self._fault is not None and self._lines == LINE:
                self._fault()
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A line that came out."""
        data = getattr(report, "xdpconform", None)
        if data is not None:
            self.tell(Line(data["nic"], msgspec.json.encode(data["line"]).decode()))
