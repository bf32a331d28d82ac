# SPDX-License-Identifier: MIT
"""Many certificates as one site: who supports what, on which kernel."""
