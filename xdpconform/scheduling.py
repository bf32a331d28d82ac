# SPDX-License-Identifier: MIT
"""pytest-xdist's scheduling for hardware: one worker owns one NIC.

``--dist loadgroup`` does not group on every pytest (pytest-xdist issue 1386), and two workers on
one NIC at once is what a hardware suite must never have.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling


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
