# SPDX-License-Identifier: MIT
"""Cables between two NICs of a guest: their ends meet, and QEMU has them."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from labs.virtual.cables import Cables
from labs.virtual.guest.told import Over, encode
from labs.virtual.nics import choose, devices
from labs.virtual.qemu import Deadlines, Guest

if TYPE_CHECKING:
    from pathlib import Path

END = re.compile(r"stream,id=(n\dp\d),server=off,addr\.type=fd,addr\.str=(\d+)")
QEMU = """
import os, sys
for number in sys.argv[2:]:
    os.write(int(number), number.encode())
with open("told.jsonl", "ab") as port:
    port.write(sys.argv[1].encode())
"""


def ends(words: list[str]) -> dict[str, int]:
    """The descriptor of each port, by QEMU's name for it."""
    found = (END.fullmatch(word) for word in words)
    return {one[1]: int(one[2]) for one in found if one}


def test_ends_meet() -> None:
    """What goes into the one port of a NIC comes out of its other, and of no other NIC's."""
    with Cables() as cables:
        words = devices(choose(["igb,vmxnet3,virtio_mq,veth"]), wired=True, wire=cables)
        found = ends(words)

        assert ["n0p0", "n0p1", "n1p0", "n1p1"] == sorted(found)
        assert sorted(found.values()) == sorted(cables.ends)
        for port, number in found.items():
            os.write(number, port.encode())
        assert {"n0p0": b"n0p1", "n0p1": b"n0p0", "n1p0": b"n1p1", "n1p1": b"n1p0"} == {
            port: os.read(number, 8) for port, number in found.items()
        }


def test_inherited(tmp_path: Path) -> None:
    """QEMU has both ends by the numbers that its command line tells; here none is left open."""
    cables = Cables()
    with cables:
        found = ends(devices(choose(["igb"]), wired=True, wire=cables))
        numbers = [str(number) for number in found.values()]
        told = encode(Over()).decode()
        command = [sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r})\n{QEMU}"]
        limits = Deadlines(boot=20, silence=20, total=20)
        with Guest([*command, told, *numbers], tmp_path, limits, inherited=cables.ends) as guest:
            heard = list(guest.events())

        assert ([Over()], "") == (heard, guest.end)
        near, far = found.values()
        assert (str(far), str(near)) == (os.read(near, 8).decode(), os.read(far, 8).decode())
    assert () == cables.ends
