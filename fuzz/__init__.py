# SPDX-License-Identifier: MIT
"""Fuzzing: hostile bytes for everything that reads bytes from outside; docs/fuzzing.md."""
