# SPDX-License-Identifier: MIT
"""Whether a port may be touched, and how everything comes back."""
