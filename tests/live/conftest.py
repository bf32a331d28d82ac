# SPDX-License-Identifier: MIT
"""Fixtures of tests that run the suites."""

from __future__ import annotations

from tests.plugin.runs import runs, snapshot

__all__ = ["runs", "snapshot"]
