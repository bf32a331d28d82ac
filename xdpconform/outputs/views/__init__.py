# SPDX-License-Identifier: MIT
"""The same result in the formats of others."""
