# SPDX-License-Identifier: MIT
"""The same result in the formats of others: pure functions of results.json."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NAMES: Final = ("junit", "tap", "kcidb", "markdown", "csv")
"""The formats, as the command line has them; known without what writes them."""
