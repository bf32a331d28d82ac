# SPDX-License-Identifier: MIT
"""What the plugin does in pytest's controller once lines come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from xdpconform.outputs.words import EXIT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from xdpconform.outputs.run import Run
    from xdpconform.probes.bench import Bench

EXIT_INCOMPLETE: Final = EXIT["INCOMPLETE"]
"""Exit status where no NIC fails but one is INCOMPLETE."""


class Collector:
    """In the controller: collects the lines, writes results.json, speaks the verdict.

    Args:
        run: what to fill.
        benches: what is to be put back when the last test has run.
        allow_incomplete: whether INCOMPLETE leaves the exit status at 0.
    """

    def __init__(self, run: Run, benches: Iterable[Bench] = (), *, allow_incomplete: bool) -> None:
        self.run = run
        self.benches = tuple(benches)
        self.allow_incomplete = allow_incomplete

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the line that a report carries."""
        data = getattr(report, "xdpconform", None)
        if data is not None:
            from xdpconform.outputs.results import Result

            self.run.lines[data["nic"]].append(Result(**data["line"]))
            self.run.errors += report.failed and data["line"]["outcome"] == "error"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Put everything back, write results.json, and let the exit status say INCOMPLETE."""
        run = self.run
        problems = [text for bench in self.benches for text in _put_back(bench)]
        run.problems += problems
        if problems and session.exitstatus == 0:
            session.exitstatus = EXIT_INCOMPLETE
        if not run.collected:
            return
        from xdpconform.outputs.write import write_all

        write_all(run)
        results = run.results()
        complete = all(nic.verdict == "CONFORMS" for nic in results.nics)
        if session.exitstatus == 0 and not complete and not self.allow_incomplete:
            session.exitstatus = EXIT_INCOMPLETE
        if session.exitstatus == 1 and run.errors == session.testsfailed:
            session.exitstatus = EXIT_INCOMPLETE  # a check broke: that says nothing of the NIC

    @pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_sessionfinish")
    def pytest_sessionfinish_around_html(self) -> Generator[None]:
        """The run ends with its verdict, whatever becomes of the log."""
        try:
            yield
        except OSError as error:
            self.run.problems.append(f"the HTML log cannot be written: {error.strerror}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line a NIC, then what failed and what could not be tested."""
        if self.run.collected:
            from xdpconform.outputs.terminal import summary

            summary(terminalreporter, self.run)
        if self.run.above:
            from xdpconform.outputs.terminal import what_level

            terminalreporter.write_line(what_level(self.run), yellow=True)


def _put_back(bench: Bench) -> Iterator[str]:
    """Close a bench; gives what could not be put back, the first that failed first."""
    from xdpconform.errors import XdpConformError

    try:
        bench.close()
    except XdpConformError as error:
        failed: BaseException | None = error
        texts: list[str] = []
        while isinstance(failed, XdpConformError):
            texts = [*str(failed).split("\n"), *texts]
            failed = failed.__context__
        yield from (f"not put back: {text}" for text in texts)
