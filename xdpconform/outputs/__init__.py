# SPDX-License-Identifier: MIT
"""Outputs of a run: results.json first, the others are views of it."""
