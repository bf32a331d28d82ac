# SPDX-License-Identifier: MIT
"""Fixtures of AF_XDP: a veth pair whose frames go to the sockets of a map."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import unavailable
from tests.xsk.pair import Pair
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pair]]:
    """Makes a pair with so many queues."""
    reason = unavailable()
    if reason:
        pytest.skip(f"a network namespace {reason}")
    folder = tmp_path / "journals"
    folder.mkdir(0o700)
    monkeypatch.setenv("XDPCONFORM_STATE", str(folder))
    with ExitStack() as stack:

        def made(queues: int = 1) -> Pair:
            bed = stack.enter_context(Testbed.veth(Guardian(), queues=(queues, queues)))
            return stack.enter_context(Pair(bed))

        yield made


@pytest.fixture
def pair(make: Callable[..., Pair]) -> Pair:
    """A pair with one queue."""
    return make()
