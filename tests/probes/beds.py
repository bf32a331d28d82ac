# SPDX-License-Identifier: MIT
"""Testbeds that the tests of a module share: one veth, one tap."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.namespaces import unavailable
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def made(kind: str, folder: str) -> Iterator[Testbed]:
    """A testbed, its journal in a folder of its own; a test is skipped where none can be made.

    Args:
        kind: ``veth`` or ``tap``.
        folder: for the journal.
    """
    reason = unavailable()
    if reason:
        pytest.skip(f"a testbed {reason}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDPCONFORM_STATE", folder)
        make = Testbed.veth if kind == "veth" else Testbed.tap
        with make(Guardian()) as bed:
            yield bed
