# SPDX-License-Identifier: MIT
"""Where the suite meets NICs without a lab of one's own."""
