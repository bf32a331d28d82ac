# SPDX-License-Identifier: MIT
"""What runs inside a guest: it makes the NICs, runs pytest on them, and tells how far it is."""
