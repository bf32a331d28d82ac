# SPDX-License-Identifier: MIT
"""A NIC that goes away or changes between two questions fails nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.links import set_gro
from tests.namespaces import private_namespace
from xdpconform import interfaces, lab
from xdpconform.collector import EXIT_INCOMPLETE
from xdpconform.probes import protocol

if TYPE_CHECKING:
    import pytest

    from tests.namespaces import Namespace
    from tests.plugin.runs import Runs
    from xdpconform.nic import Nic
    from xdpconform.snapshot import Inspector

pytest_plugins = ["pytester"]


def changed(monkeypatch: pytest.MonkeyPatch, happens: object) -> None:
    """Let something happen in the middle of the questions about a NIC."""
    really = protocol.ask_all

    def ask_all(inspector: Inspector, nic: Nic) -> object:
        happens()  # type: ignore[operator]
        return really(inspector, nic)

    monkeypatch.setattr(lab, "ask_all", ask_all)


def run_changed(runs: Runs, made: Namespace) -> tuple[pytest.RunResult, set[str], set[str]]:
    """Run on a real NIC; give the outcomes and reasons of its lines."""
    words = ["--netns", made.name, "--iface=v0a", "-p", "no:html", f"--xdp-results={runs.path}"]
    result = runs.real(*words)
    lines = runs.results().nics[0].results
    return result, {line.outcome for line in lines}, {line.reason for line in lines}


def test_nic_deleted(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A NIC that goes away between two questions is blocked with that reason, and fails nothing."""
    with private_namespace() as made:
        made.pairs(1)
        changed(monkeypatch, lambda: made.ip("link", "delete", "v0a"))

        result, outcomes, reasons = run_changed(runs, made)

    assert EXIT_INCOMPLETE == result.ret
    assert "fail" not in outcomes
    assert "interface v0a vanished while it was asked (ENODEV)" in reasons


def test_nic_deleted_early(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where it goes before its first answer."""
    with private_namespace() as made:
        made.pairs(1)
        really = interfaces.select

        def select(*words: object) -> object:
            found = really(*words)  # type: ignore[arg-type]
            made.ip("link", "delete", "v0a")
            return found

        monkeypatch.setattr(lab, "select", select)

        result, outcomes, reasons = run_changed(runs, made)

    assert EXIT_INCOMPLETE == result.ret
    assert "fail" not in outcomes
    assert any("interface v0a vanished while it was asked" in reason for reason in reasons)


def test_nic_changed(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers from before and after a change are about two NICs: blocked, and run again."""
    with private_namespace() as made:
        made.pairs(1)
        made.batch("link set v0a up", "link set v0b up")
        changed(monkeypatch, lambda: set_gro(made.name, "v0b", on=True))

        result, outcomes, reasons = run_changed(runs, made)

    assert EXIT_INCOMPLETE == result.ret
    assert "fail" not in outcomes
    assert "interface v0a changed while it was asked: run again" in reasons


def test_no_child(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where notifications cannot be watched, their lines are blocked with the reason."""
    with private_namespace() as made:
        made.pairs(1)
        monkeypatch.setattr("sys.executable", "/nowhere/python")

        result, outcomes, reasons = run_changed(runs, made)

    assert EXIT_INCOMPLETE == result.ret
    assert "fail" not in outcomes
    assert (
        "notifications could not be watched: /nowhere/python cannot be started: No such file or"
        " directory"
    ) in reasons
