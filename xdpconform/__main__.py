# SPDX-License-Identifier: MIT
"""``python -m xdpconform``."""

from xdpconform.cli import main

main()
