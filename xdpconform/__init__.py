# SPDX-License-Identifier: MIT
"""A conformance test suite for the XDP capabilities of Linux NICs."""

__version__ = "0.1.0"
__all__ = ["__version__"]
