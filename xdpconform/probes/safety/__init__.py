# SPDX-License-Identifier: MIT
"""Whether a port may be touched, and how everything comes back."""

from xdpconform.probes.safety.guard import check, check_owned, check_port, reasons
from xdpconform.probes.safety.guardian import Guardian, Ticket, Undo, UndoFailed
from xdpconform.probes.safety.journal import JournalError
from xdpconform.probes.safety.recovery import recover

__all__ = [
    "Guardian",
    "JournalError",
    "Ticket",
    "Undo",
    "UndoFailed",
    "check",
    "check_owned",
    "check_port",
    "reasons",
    "recover",
]
