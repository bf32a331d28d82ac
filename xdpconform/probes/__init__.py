# SPDX-License-Identifier: MIT
"""Probes: what is tried to see how a NIC or kernel behaves."""
