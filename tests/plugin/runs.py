# SPDX-License-Identifier: MIT
"""Runs of the shipped suites inside a test, on a real snapshot that is taken once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Imported here so that runs within a run find them loaded.
from tests.live.links import set_gro
from tests.namespaces import private_namespace
from xdpconform import lab
from xdpconform.lab import Subject
from xdpconform.outputs import html, results, run, terminal
from xdpconform.outputs.results import Results
from xdpconform.profiles import load_all, match
from xdpconform.sources import Kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdpconform.nic import Nic

ROOT = Path(__file__).parent.parent.parent
SUITES = lab.suites_folder()
CONFIG = ROOT / "xdpconform" / "pytest.toml"
LOADED = (html, results, run, terminal)
QUICK = (
    *("-p", "no:hypothesispytest", "-p", "no:xdist"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
"""Without plugins that a run within a run would load anew each time, and what pytest says where
an installed one was loaded before."""


@pytest.fixture(scope="session")
def snapshot() -> tuple[Subject, Subject]:
    """Both ends of a real veth pair, all up; the second has GRO on, so that the first can claim
    ndo-xmit. Taken once; the pair is gone.
    """
    with private_namespace() as made:
        made.pairs(1)
        made.batch("link set v0a up", "link set v0b up")
        set_gro(made.name, "v0b", on=True)
        taken = lab.take(Kernel(made.name), ["v0a", "v0b"])
    return taken[0], taken[1]


class Runs:
    """Runs the suites on given NICs.

    Args:
        pytester: pytest's own.
        monkeypatch: pytest's own.
        snapshot: what a run certifies where it is not told otherwise.
    """

    def __init__(
        self,
        pytester: pytest.Pytester,
        monkeypatch: pytest.MonkeyPatch,
        snapshot: Sequence[Subject],
    ) -> None:
        self.pytester = pytester
        self.monkeypatch = monkeypatch
        self.snapshot = snapshot
        self.path = pytester.path / "results.json"
        self.reports = pytester.path / "reports"
        monkeypatch.setenv("XDPCONFORM_REPORTS", str(self.reports))
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.delenv("NETIF", raising=False)
        monkeypatch.delenv("CI", raising=False)

    def take(self, *subjects: Subject) -> None:
        """Let the next runs see these NICs, whatever is asked for."""
        self.monkeypatch.setattr(lab, "take", lambda *_words: list(subjects))

    def words(self, *words: str) -> list[str]:
        """pytest's words for a run of the shipped suites."""
        return ["-c", str(CONFIG), "-p", "xdpconform.plugin", str(SUITES), *words]

    def real(self, *words: str) -> pytest.RunResult:
        """Run the suites, asking the kernel."""
        return self.pytester.runpytest_inprocess(*QUICK, *self.words(*words))

    def certify(self, *words: str, nics: Sequence[Nic] | None = None) -> pytest.RunResult:
        """Run the suites on the snapshot's first NIC, or on these; no HTML."""
        self.take(*(self.snapshot[:1] if nics is None else map(profiled, nics)))
        return self.real("--iface=v0a", "-p", "no:html", f"--xdp-results={self.path}", *words)

    def results(self) -> Results:
        """What the last run wrote."""
        return results.decode(self.path.read_bytes(), "results.json")

    def json(self) -> Any:
        """The same as plain JSON."""
        return json.loads(self.path.read_bytes())


def profiled(nic: Nic) -> Subject:
    """A NIC under the shipped profile that fits."""
    return Subject(nic, match(load_all(), nic))


@pytest.fixture
def runs(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    snapshot: tuple[Subject, Subject],
) -> Runs:
    """Runs of the suites inside this test."""
    return Runs(pytester, monkeypatch, snapshot)
