# SPDX-License-Identifier: MIT
"""A second guest on the wire, for drivers that need a partner.

Each NIC on a wire is connected with a NIC of the same driver in the partner, which sends on what it
receives to where the first guest has the NIC's peer:

    first guest                 partner
    igb  ---- unix socket ----  igb  (bridge)
    pigb ---- unix socket ----  pigb

So the suite has a peer at its own side, as it needs one, and each frame has passed another kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from labs.virtual import image
from labs.virtual.guest.forward import FORWARDS
from labs.virtual.guest.told import Job, Nics, Stage
from labs.virtual.nics import Nic, Wire, devices
from labs.virtual.qemu import Deadlines, Guest, command, environment
from xdpconform.errors import InputError
from xdpconform.outputs.results import write

if TYPE_CHECKING:
    from labs.virtual.lab import Level
    from labs.virtual.modules import Tree
    from labs.virtual.packages import Kernel, Tools

PARTNER: Final = "partner"
"""The folder of its console, within that of the guest."""
FIRST: Final = 128
"""Number of its first NIC: no two ports of the two guests have one address."""
_IMAGE: Final = "image.cpio"


class NoPartner(InputError):  # noqa: N818 - says it best
    """The partner did not come up, or is no more."""


class Partner(NamedTuple):
    """A partner that forwards."""

    wire: Wire
    """How the first guest gets at it."""
    guest: Guest

    def gone(self) -> str:
        """Why it is no more; empty as long as it is there."""
        end = self.guest.ended()
        return f"it lost its partner: {end}" if end else ""


def wired(nics: Sequence[Nic]) -> list[Nic]:
    """Those that have a wire: no device of the guest's own, and no tap."""
    return [nic for nic in nics if nic.device and not nic.tap]


def stream(sockets: Path, *, partner: bool) -> Wire:
    """A socket for each port: the partner listens.

    Args:
        sockets: a folder for them.
        partner: whether this is the partner's end.
    """

    def wire(nic: Nic, _number: int, peer: bool) -> tuple[str, str]:
        path = str(sockets / (nic.peer_name if peer else nic.name)).replace(",", ",,")
        server = "on" if partner else "off"
        return "stream", f"server={server},addr.type=unix,addr.path={path}"

    return wire


@contextmanager
def partner(
    tools: Tools,
    kernel: Kernel,
    tree: Tree,
    *,
    base: bytes,
    nics: Sequence[Nic],
    folder: Path,
    level: Level,
    deadlines: Deadlines,
    kvm: bool,
) -> Iterator[Partner]:
    """Boot the partner, and end it when all is done.

    Args:
        tools: whose QEMU.
        kernel: what is booted.
        tree: the kernel's modules.
        base: `labs.virtual.image.base`.
        nics: what the first guest has.
        folder: of the first guest.
        level: at ``packets`` NICs have peers.
        deadlines: when it is given up, if it does not come up.
        kvm: with the host's processor.

    Raises:
        NoPartner: it did not come up; says why.
    """
    own = folder / PARTNER
    own.mkdir()
    ports = wired(nics)
    numbers = list(range(FIRST, FIRST + len(ports)))
    job = Job(numbers, [nic.name for nic in ports], level, False, [], forward=True)
    bridge = Nic("bridge", ("bridge",))
    path = own / _IMAGE
    with TemporaryDirectory(prefix="xdpconform-lab-") as text:
        write(path, base + image.own(image.modules(tree, [*ports, bridge]), job))
        sockets = Path(text)
        words = devices(
            ports, wired=level == "packets", first=FIRST, wire=stream(sockets, partner=True)
        )
        line = command(tools, kernel, path, own, words, kvm=kvm)
        try:
            with Guest(line, own, deadlines, environment(tools)) as guest:
                _come_up(guest)
                yield Partner(stream(sockets, partner=False), guest)
        finally:
            path.unlink(missing_ok=True)


def _come_up(guest: Guest) -> None:
    for event in guest.events():
        if isinstance(event, Nics) and event.problems:
            raise NoPartner(f"it has no partner: {'; '.join(event.problems.values())}")
        if event == Stage(FORWARDS):
            return
    raise NoPartner(f"it has no partner: {guest.end or 'it was done at once'}")
