# SPDX-License-Identifier: MIT
"""A partner on the wires: it meets the first guest at each port, and is missed when it goes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from labs.virtual import lab as lab_module
from labs.virtual import two_guests
from labs.virtual.guest.forward import FORWARDS
from labs.virtual.guest.told import Ended, Event, Job, Nics, Over, Stage, encode
from labs.virtual.lab import Asked, Lab
from labs.virtual.nics import choose, devices
from labs.virtual.packages import Kernel, Tools
from labs.virtual.qemu import Deadlines
from labs.virtual.story import Told
from labs.virtual.two_guests import FIRST, PARTNER, stream, wired
from tests.labs.made import line, plan, starts
from xdpconform.lab import requirements

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = sorted(requirements())
UP = [Stage("makes its NICs"), Nics({}), Stage(FORWARDS)]
HANG = "import time; time.sleep(60)"
PANIC = "[   12.3] Kernel panic - not syncing: sysrq triggered crash\r\n"
SHORT = Deadlines(boot=5.0, silence=5.0, total=30.0)


def ends(words: Sequence[str]) -> dict[str, str]:
    """Whether QEMU listens, by socket."""
    found = (re.search(r"server=(\w+),.*path=(.*)$", word) for word in words)
    return {Path(one[2]).name: one[1] for one in found if one}


def test_wires(tmp_path: Path) -> None:
    """At each port the partner listens and the first guest connects; no address is there twice."""
    nics = choose(["igb,igbvf,vmxnet3"])
    theirs = devices(nics, wired=True, first=FIRST, wire=stream(tmp_path, partner=True))
    ours = devices(nics, wired=True, wire=stream(tmp_path, partner=False))
    ports = ["igb", "igbvf", "pigb", "pigbvf", "pvmxnet3", "vmxnet3"]
    addresses = re.findall("mac=([0-9a-f:]+)", " ".join([*theirs, *ours]))

    assert dict.fromkeys(ports, "on") == dict(sorted(ends(theirs).items()))
    assert dict.fromkeys(ports, "off") == dict(sorted(ends(ours).items()))
    assert 12 == len(addresses) == len({*addresses})


def test_wired() -> None:
    """What a guest makes itself has no wire to a partner, and what has a tap has none either."""
    assert ["igb"] == [nic.name for nic in wired(choose(["veth,igb,virtio_mq,netdevsim"]))]


def test_comma() -> None:
    """QEMU would take what is behind a comma for an option."""
    (nic,) = choose(["igb"])

    assert ("stream", "server=on,addr.type=unix,addr.path=/a,,b/pigb") == stream(
        Path("/a,b"), partner=True
    )(nic, 0, True)


def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    partner: tuple[Sequence[Event], str, str],
    *,
    first: str = "",
) -> tuple[list[Told], list[Job]]:
    """A run of one NIC, whose partner tells events, says something and does what a line says.

    Args:
        tmp_path: for all files.
        monkeypatch: puts programs in QEMU's place.
        partner: its events, console and last line.
        first: the last line of the first guest.
    """
    jobs: list[Job] = []
    lines = [event for name in ALL for event in (starts("igb", name), line("igb", name))]

    def program(*words: object, **_more: object) -> list[str]:
        folder = words[3]
        assert isinstance(folder, Path)
        events, console, then = [plan("igb"), *lines, Ended(["igb"], 0), Over()], "", first
        if folder.name == PARTNER:
            events, console, then = [*partner[0]], partner[1], partner[2]
        data = b"".join(map(encode, events))
        text = (
            f"open({str(folder / 'told.jsonl')!r}, 'ab').write({data!r});"
            f"open({str(folder / 'console.log')!r}, 'a').write({console!r});{then}"
        )
        return [sys.executable, "-S", "-c", text]

    def own(_modules: object, job: Job) -> bytes:
        jobs.append(msgspec.json.decode(msgspec.json.encode(job), type=Job))
        return b""

    for module in (lab_module, two_guests):
        monkeypatch.setattr(module, "command", program)
    monkeypatch.setattr(lab_module.image, "base", lambda _busybox: b"")
    monkeypatch.setattr(lab_module.image, "modules", lambda *_words: [])
    monkeypatch.setattr(lab_module.image, "own", own)
    modules = tmp_path / "modules"
    (modules / "kernel").mkdir(parents=True)
    (modules / "modules.builtin").write_text("kernel/igb.ko\n", encoding="utf-8")
    kernel = Kernel("7.3", "7.3.4", tmp_path / "vmlinuz", modules)
    tools = Tools(tmp_path, tmp_path / "qemu", tmp_path / "busybox")
    asked = Asked(tmp_path / "out", "claims", choose(["igb"]), SHORT, two_guests=True)
    return Lab(tools, asked, lambda *_: None).run(kernel), jobs


def test_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The partner is there before the first guest is, and only sends on; nothing of it stays."""
    pid = tmp_path / "pid"
    then = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid())); {HANG}"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (told,), jobs = run(tmp_path, monkeypatch, (UP, "", then))

    assert "CONFORMS" == told.verdict
    assert [False, True] == [job.forward for job in jobs]
    assert [[0], [FIRST]] == [job.nics for job in jobs]
    assert not Path(f"/proc/{pid.read_text(encoding='ascii')}").exists()
    assert [] == list(tmp_path.glob("xdpconform-lab-*"))
    assert [] == list(tmp_path.rglob("*.cpio"))


@pytest.mark.parametrize(
    ("partner", "problem"),
    [
        (
            (UP, PANIC, ""),
            "the guest lost its partner: it ended before it was done: Kernel panic",
        ),
        (
            ([Stage("makes its NICs")], PANIC, ""),
            "the guest has no partner: it ended before it was done: Kernel panic",
        ),
        (
            ([Nics({"igb": "igb cannot be made: no driver"})], "", HANG),
            "the guest has no partner: igb cannot be made: no driver",
        ),
        (([Over()], "", ""), "the guest has no partner: it was done at once"),
    ],
    ids=["gone", "panic", "driver", "over"],
)
def test_no_partner(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    partner: tuple[Sequence[Event], str, str],
    problem: str,
) -> None:
    """Without a partner no line counts: frames may have been lost by that."""
    (told,), _jobs = run(tmp_path, monkeypatch, partner, first="import time; time.sleep(1)")

    assert ("INCOMPLETE", None) == (told.verdict, told.results)
    assert problem in told.problem
