# SPDX-License-Identifier: MIT
"""Whether a port may be touched, and how everything comes back."""

from xdpconform.probes.safety.guardian import Guardian, Ticket, Undo, UndoFailed

__all__ = ["Guardian", "Ticket", "Undo", "UndoFailed"]
