# SPDX-License-Identifier: MIT
"""The bars that xdpconform keeps, measured side by side: ``python -m benchmarks``."""
