# SPDX-License-Identifier: MIT
"""Other projects under the same pytest are left alone; suites of one's own are taken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.plugin.runs import QUICK
from xdpconform.collector import EXIT_INCOMPLETE

if TYPE_CHECKING:
    from tests.plugin.runs import Runs

pytest_plugins = ["pytester"]

PLUGIN = (*QUICK, "-p", "xdpconform.plugin")


def test_no_use(runs: Runs) -> None:
    """A project with its own nic, profile and requirement runs as if we were not there."""
    runs.pytester.makeini("[pytest]\nmarkers = requirement(name, since): theirs\n")
    runs.pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(params=["a", "b"])
        def nic(request):
            return request.param

        @pytest.fixture
        def profile(nic):
            return nic.upper()

        @pytest.mark.requirement("REQ", since=3)
        def test_theirs(nic, profile):
            assert profile == nic.upper()

        @pytest.mark.requirement
        def test_bare():
            pass
        """
    )

    result = runs.pytester.runpytest_inprocess(*PLUGIN, "--strict-markers")

    result.assert_outcomes(passed=3)
    assert 0 == result.ret
    said = [line for line in result.stdout.lines if not line.startswith("plugins: ")]
    assert "xdpconform" not in "\n".join(said)
    assert not runs.reports.exists()


def test_skips_keep_their_word(runs: Runs) -> None:
    """Skips and expected failures of others are called what pytest calls them."""
    runs.pytester.makepyfile(
        """
        import pytest

        def test_skipped():
            pytest.skip("no")

        def test_expected():
            pytest.xfail("yes")
        """
    )

    result = runs.pytester.runpytest_inprocess(*PLUGIN)

    result.assert_outcomes(skipped=1, xfailed=1)


OWN = """
import pytest

from xdpconform.judge import Finding, Outcome


@pytest.mark.requirement("XDP-LAB-01")
def test_own(certify, nic, profile):
    '''A lab's own line, long enough
    for two rows.

    Source: none.
    '''
    certify(Finding(Outcome.PASS, observed=nic.id))


{more}
"""


def own(runs: Runs, more: str, *words: str) -> pytest.RunResult:
    """Run a suite of one's own."""
    runs.take(runs.snapshot[0])
    runs.pytester.makepyfile(OWN.format(more=more))
    options = ["--iface=v0a", "-p", "no:html", f"--xdp-results={runs.path}"]
    return runs.pytester.runpytest_inprocess(*PLUGIN, *options, *words)


def test_own_suite(runs: Runs) -> None:
    """A suite outside the package certifies with the same marker and fixtures."""
    result = own(runs, "")

    assert EXIT_INCOMPLETE == result.ret  # the shipped requirements were not run
    (line,) = runs.results().nics[0].results
    assert ("XDP-LAB-01", "pass", "v0a") == (line.requirement, line.outcome, line.observed)
    assert "A lab's own line, long enough for two rows." == line.title


def test_own_suite_without_nic(runs: Runs) -> None:
    """It says what to type as well."""
    runs.pytester.makepyfile(OWN.format(more=""))

    result = runs.pytester.runpytest_inprocess(*PLUGIN)

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["ERROR: no NIC is named: type pytest --iface NAME; *"])


@pytest.mark.parametrize(
    "marker",
    [
        "",
        "@pytest.mark.requirement",
        "@pytest.mark.requirement()",
        "@pytest.mark.requirement(7)",
        "@pytest.mark.requirement('XDP-A-01', 'XDP-A-02')",
        "@pytest.mark.requirement(name='XDP-A-01')",
    ],
)
def test_marker_wrong(runs: Runs, marker: str) -> None:
    """Without a marker of the right form nothing runs, and the form is said."""
    result = own(runs, f"{marker}\ndef test_bad(certify, nic):\n    assert False\n")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    assert re.fullmatch(
        r"ERROR: \S+::test_bad(\[v0a\])?: a test that certifies needs"
        r" @pytest\.mark\.requirement\('XDP-AREA-01'\)",
        result.stderr.str().strip(),
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("pass", "the check ended without a finding"),
        ("pytest.skip('not today')", "not today"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "certify(Finding(Outcome.PASS)); raise KeyError('later')",
            "KeyError: 'later'",
        ),
    ],
    ids=["silent", "skipped", "raises", "raises-later"],
)
def test_no_finding(runs: Runs, body: str, reason: str) -> None:
    """A line without a finding is an error: neither pass nor fail."""
    more = f"@pytest.mark.requirement('XDP-LAB-02')\ndef test_it(certify, nic):\n    {body}\n"

    result = own(runs, more)

    line = runs.results().nics[0].results[1]
    assert EXIT_INCOMPLETE == result.ret
    assert ("XDP-LAB-02", "error") == (line.requirement, line.outcome)
    assert reason in line.reason


def test_fails_elsewhere(runs: Runs) -> None:
    """A failing test that is no line keeps pytest's exit status."""
    result = own(runs, "def test_plain():\n    assert False\n")

    assert 1 == result.ret


def test_stash(runs: Runs) -> None:
    """Other plugins find the run in pytest's stash."""
    runs.pytester.makeconftest(
        """
        from xdpconform.plugin import RUN

        def pytest_terminal_summary(terminalreporter, config):
            run = config.stash[RUN]
            names = [subject.nic.id for subject in run.subjects]
            terminalreporter.write_line(f"stash: {names} {run.level} {run.collected}")
        """
    )

    result = own(runs, "")

    result.stdout.fnmatch_lines(["stash: ['v0a'] claims True"])


def test_marker_is_registered(runs: Runs) -> None:
    """--markers explains the marker."""
    result = runs.pytester.runpytest_inprocess(*PLUGIN, "--markers")

    result.stdout.fnmatch_lines(
        ["@pytest.mark.requirement(id, level='claims'): the line of the specification *"]
    )
