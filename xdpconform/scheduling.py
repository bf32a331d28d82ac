# SPDX-License-Identifier: MIT
"""What pytest-xdist needs to know: one worker owns one NIC, and each NIC is asked once.

``--dist loadgroup`` does not group on every pytest (pytest-xdist issue 1386), and two workers on
one NIC at once is what a hardware suite must never have.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdpconform.outputs.run import Run


class NicScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Groups tests by the NIC that stands in their id.

    Args:
        config: of the run.
        log: xdist's.
        nics: the ids of the run's NICs.
    """

    def __init__(self, config: pytest.Config, log: object, nics: Sequence[str]) -> None:
        super().__init__(config, log)
        # An id may begin another: the longest that fits is meant.
        self._nics = sorted(nics, key=len, reverse=True)

    def _split_scope(self, nodeid: str) -> str:
        _test, _, params = nodeid.partition("[")
        for nic in self._nics:
            if params == f"{nic}]" or params.startswith(f"{nic}-"):
                return nic
        scope: str = super()._split_scope(nodeid)
        return scope


class Workers:
    """In the controller: what goes to the workers, and what is learned of them.

    Args:
        config: of the run.
        run: None if no NIC was named.
    """

    def __init__(self, config: pytest.Config, run: Run | None) -> None:
        self.config = config
        self.run = run

    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker the snapshot, so that a NIC is asked once."""
        if self.run is not None:
            # What is written by the controller alone stays with it.
            subjects = [one._replace(recording=None) for one in self.run.subjects]
            node.workerinput["xdpconform"] = pickle.dumps(subjects)

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> object:
        """One worker owns one NIC."""
        if self.run is None:
            return None
        return NicScheduling(config, log, [subject.nic.id for subject in self.run.subjects])

    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """What pytest_collection_modifyitems does where there are no workers."""
        from xdpconform.outputs.run import NO_NIC
        from xdpconform.outputs.terminal import what_to_type

        nics = [subject.nic.id for subject in self.run.subjects] if self.run else [NO_NIC]
        lines = any(f"[{nic}" in nodeid for nodeid in ids for nic in nics)
        if self.run is not None:
            self.run.collected = self.run.collected or lines
        elif lines:
            raise pytest.UsageError(what_to_type())

    def pytest_testnodedown(self, node: Any) -> None:
        """Learn what a worker deselected."""
        if self.run is not None:
            unrun, above = getattr(node, "workeroutput", {}).get("xdpconform", ((), {}))
            self.run.unrun.update(unrun)
            self.run.above.update(above)
