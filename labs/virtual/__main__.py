# SPDX-License-Identifier: MIT
"""``python -m labs.virtual``."""

from __future__ import annotations

import sys

from labs.virtual.command import main

if __name__ == "__main__":
    sys.exit(main())
