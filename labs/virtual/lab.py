# SPDX-License-Identifier: MIT
"""Kernels and NICs, one guest after the other, until each NIC has its verdict."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple

from msgspec import structs

from labs.virtual import image, taps, two_guests
from labs.virtual.cables import Cables
from labs.virtual.guest.told import Ended, Event, Job, Nics, Stage, Starts
from labs.virtual.modules import Tree
from labs.virtual.nics import Nic, devices, hub
from labs.virtual.packages import Kernel, Tools
from labs.virtual.qemu import CONSOLE, Deadlines, Guest, command, environment, kvm_works, lethal
from labs.virtual.story import Story, Told
from xdpconform.errors import InputError
from xdpconform.outputs.results import encode, write

Level = Literal["claims", "attach", "packets"]

RECORDINGS: Final = "recordings"
IMAGE: Final = "image.cpio"
FIRST: Final = "guest-1"
PANIC: Final = "Kernel panic"
"""A guest that does so while it boots is booted once more: on a busy machine an emulated processor
was seen to trip over the kernel's patching of its own code (int3 in sched_clock_tick)."""
SIDE: Final[dict[Level, int]] = {"claims": 2, "attach": 2, "packets": 8}
"""Runs at the same time in a guest; after it broke, one."""


class Asked(NamedTuple):
    """What the user asked for."""

    output: Path
    level: Level
    nics: Sequence[Nic]
    deadlines: Deadlines
    record: bool = True
    kvm: bool = False
    words: tuple[str, ...] = ()
    """Further ones for pytest."""
    fault: str = ""
    """How the first guest is to break, of `labs.virtual.guest.faults`."""
    two_guests: bool = False
    """Whether a partner is on the wires."""


class Lab:
    """Boots kernels.

    Args:
        tools: QEMU and busybox.
        asked: what for.
        progress: is told each step: which kernel, and what happens.
    """

    def __init__(self, tools: Tools, asked: Asked, progress: Callable[[str, str], None]) -> None:
        self.tools = tools
        self.asked = asked
        self.progress = progress
        progress("", "makes the image")
        self._base = image.base(tools.busybox)
        self._kvm: bool | None = None if asked.kvm else False

    def run(self, kernel: Kernel) -> list[Told]:
        """Try the NICs on one kernel, each in the first guest that lives long enough.

        Raises:
            InputError: the kernel lacks what every guest needs, or files cannot be written.
        """
        tree = Tree(kernel.modules)
        can, cannot = image.split(tree, self._nics(kernel))
        found = {name: Told(name, None, why, {}, absent=True) for name, why in cannot.items()}
        waiting, again = can, False
        number, side = 1, SIDE[self.asked.level] if not self.asked.fault else 1
        while waiting:
            before = len(waiting)
            folder = self.asked.output / kernel.series / f"guest-{number}"
            story, end = self._guest(kernel, tree, waiting, folder, side)
            told = {one.name: one for one in story.told()}
            if not again and not story.heard and PANIC in end:
                again, number = True, number + 1
                continue
            side = 1 if story.together else side
            if end and not told and not story.together:
                # Nobody knows whose fault it was, and the next guest would end the same.
                why = f"the guest {end.removeprefix('it ')} (it {story.stage})"
                told = {nic.name: Told(nic.name, None, why, {}) for nic in waiting}
            for one in told.values():
                self._write(kernel, one, folder)
            found |= told
            waiting = [nic for nic in waiting if nic.name not in told]
            if len(waiting) == before and not story.together:
                break
            number += 1
        return [
            found.get(nic.name, Told(nic.name, None, "the guest never came to it", {}))
            for nic in self.asked.nics
        ]

    def _nics(self, kernel: Kernel) -> Sequence[Nic]:
        """What was asked for; where no taps can be bridged, those on taps have no peer."""
        nics = self.asked.nics
        if self.asked.level != "packets" or not any(nic.tap for nic in nics):
            return nics
        why = taps.problem()
        if not why:
            return nics
        self.progress(kernel.series, f"NICs on taps have no peer: {why}")
        return [structs.replace(nic, peer=nic.peer and not nic.tap) for nic in nics]

    def _guest(
        self, kernel: Kernel, tree: Tree, nics: Sequence[Nic], folder: Path, side: int
    ) -> tuple[Story, str]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        names = [nic.name for nic in nics]
        job = Job(
            list(range(len(nics))),
            names,
            self.asked.level,
            self.asked.record,
            [*self.asked.words],
            side,
            self.asked.fault if folder.name == FIRST else "",
            alone=[nic.name for nic in nics if not nic.peer],
        )
        own = image.own(image.modules(tree, nics), job)
        path = folder / IMAGE
        write(path, self._base + own)
        kvm = self._with_kvm(kernel, path, folder)
        story = Story(names, self.asked.level, partial(lethal, folder / CONSOLE))
        try:
            with ExitStack() as stack:
                found = self._partner(kernel, tree, nics, folder=folder, kvm=kvm)
                partner = stack.enter_context(found)
                cables, wired = stack.enter_context(Cables()), self.asked.level == "packets"
                wire = partner.wire if partner else cables if wired else hub
                self.progress(kernel.series, story.stage)
                wires = devices(nics, wired=wired, wire=wire)
                words = command(self.tools, kernel, path, folder, wires, kvm=kvm)
                guest = Guest(
                    words, folder, self._deadlines(nics), environment(self.tools), cables.ends
                )
                stack.enter_context(guest)
                for event in guest.events():
                    story.take(event)
                    if said := _said(event, story):
                        self.progress(kernel.series, said)
                end = guest.end
                wall = guest.seconds()
                if partner and partner.gone():
                    # Nobody knows which frames were lost by that.
                    story, end = Story(names, self.asked.level), partner.gone()
            self.progress(
                kernel.series,
                f"the guest took {wall:.1f} s, {guest.processor:.1f} s of processor time",
            )
        except two_guests.NoPartner as error:
            end = str(error)
            os.link(folder / two_guests.PARTNER / CONSOLE, folder / CONSOLE)  # there is no other
        except InputError as error:
            end = f"it told what cannot be: {error}"
        finally:
            path.unlink(missing_ok=True)
        if end:
            self.progress(kernel.series, f"the guest is gone: {end}")
            story.broke(end)
        return story, end

    def _partner(
        self, kernel: Kernel, tree: Tree, nics: Sequence[Nic], *, folder: Path, kvm: bool
    ) -> AbstractContextManager[two_guests.Partner | None]:
        if not self.asked.two_guests or not two_guests.wired(nics):
            return nullcontext()
        self.progress(kernel.series, "the partner boots")
        return two_guests.partner(
            self.tools, kernel, tree, base=self._base, nics=nics, folder=folder,
            level=self.asked.level, deadlines=self.asked.deadlines, kvm=kvm,
        )  # fmt: skip

    def _deadlines(self, nics: Sequence[Nic]) -> Deadlines:
        limits = self.asked.deadlines
        runs = 1 if self.asked.level == "claims" else len(nics)
        return limits._replace(total=limits.total * runs)

    def _with_kvm(self, kernel: Kernel, path: Path, folder: Path) -> bool:
        if self._kvm is None:
            self.progress(kernel.series, "tries KVM")
            self._kvm = kvm_works(self.tools, kernel, path, folder)
            if not self._kvm:
                self.progress(kernel.series, "KVM boots no guest here: all is emulated")
        return self._kvm

    def _write(self, kernel: Kernel, told: Told, guest: Path) -> None:
        folder = self.asked.output / kernel.series / told.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # The same file in each folder, not a copy.
        os.link(guest / CONSOLE, folder / CONSOLE)
        if told.results is not None:
            write(folder / "results.json", encode(told.results))
        for name, data in told.files.items():
            if re.search(r"-(idle|attached)\.rec\.json$", name):
                write(self.asked.output / kernel.series / RECORDINGS / name, data)
            else:
                write(folder / name, data)


def _said(event: Event, story: Story) -> str:
    """What is said of an event to who looks on; empty if it is not worth a line."""
    if isinstance(event, Ended):
        return f"is done with {', '.join(name for name in event.nics if name in story.names)}"
    return story.running() if isinstance(event, Stage | Starts | Nics) else ""
