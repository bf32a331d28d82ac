# SPDX-License-Identifier: MIT
"""The one job of a guest: make its NICs, run pytest on them, record them, tell everything."""

from __future__ import annotations

import base64
import fcntl
import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Final

import msgspec

from labs.virtual.guest.faults import FAULTS
from labs.virtual.guest.forward import forward
from labs.virtual.guest.make import make_all
from labs.virtual.guest.told import READY, Ended, Event, File, Job, Nics, Over, Stage, encode
from labs.virtual.nics import NICS, Nic
from xdpconform.errors import SourceError, XdpConformError

if TYPE_CHECKING:
    from xdpconform.nic import Capabilities

PORT: Final = "lab"
JOB: Final = Path("/lab/job.json")
SCRATCH: Final = Path("/tmp")  # noqa: S108 - nobody else is here
LOCK: Final = SCRATCH / "port.lock"
OUTPUT: Final = 64 << 10
"""Bytes of what pytest printed that are told."""
DETACHED: Final = "-detached"
"""Behind the name of a NIC that is recorded once more, after its first program."""
ALWAYS: Final = ("-q", "-s", "--assert=plain", "-p", "no:cacheprovider", "--color=no")
"""Nothing is captured and no assertion compiled anew: under emulation that is a third of a run."""


class Teller:
    """The port to the host, for a process and its children."""

    def __init__(self) -> None:
        self._descriptor = os.open(_port(), os.O_WRONLY)

    def __call__(self, event: Event) -> None:
        """Tell one event; it is the host's when this returns."""
        data = encode(event)
        # A port takes a long line in parts, and another run's must not come between them.
        with LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            while data:
                data = data[os.write(self._descriptor, data) :]


def _port() -> str:
    for path in Path("/sys/class/virtio-ports").glob("*/name"):
        if path.read_text(encoding="ascii").strip() == PORT:
            return f"/dev/{path.parent.name}"
    raise SystemExit("lab: there is no port for results")


def main() -> None:
    """Do the job."""
    # The memory of a run is the run's own: if it is killed for it, this stays to say so.
    Path("/proc/self/oom_score_adj").write_text("-1000", encoding="ascii")
    job = msgspec.json.decode(JOB.read_bytes(), type=Job)
    if not job.forward:
        _preload(job.level)
    while not Path(READY).exists():
        sleep(0.05)
    tell = Teller()
    tell(Stage("makes its NICs"))
    nics = [(number, _nic(job, name)) for number, name in zip(job.nics, job.names, strict=True)]
    if job.forward:
        forward(tell, nics)
    problems = make_all(nics)
    tell(Nics(problems))
    there = [nic for _number, nic in nics if nic.name not in problems]
    tell(Stage("reads the suites"))
    groups = together(there, job.level, job.side)
    side_by_side([partial(run, tell, job, group) for group in groups], job.side)
    if job.record and there:
        tell(Stage("records"))
        shares = _shares(there, job.side)
        side_by_side([partial(_record, tell, share) for share in shares], job.side)
    tell(Over())


def _nic(job: Job, name: str) -> Nic:
    nic = NICS[name]
    return msgspec.structs.replace(nic, peer=nic.peer and name not in job.alone)


def _preload(level: str) -> None:
    """What every run imports and reads, once for all of them."""
    import pytest  # noqa: F401

    import xdpconform.collector
    import xdpconform.outputs.write
    import xdpconform.plugin
    from xdpconform.lab import requirements

    requirements(level)
    if level != "claims":
        import xdpconform.live  # noqa: F401
        from xdpconform.probes.bpf.btf import Btf

        with suppress(SourceError):  # the run says so
            Btf.load()
    # A collection for every hundred thousand objects, and none of those that are here already.
    gc.set_threshold(100_000)
    gc.freeze()


def together(nics: Sequence[Nic], level: str, side: int) -> list[list[Nic]]:
    """Which NICs have a run together.

    At level claims nothing is done to any of them, and above it nothing comes to those without
    another end. Each of the others has a run to itself, those first, as they take longest.
    """
    alone = [nic for nic in nics if level != "claims" and (nic.peer or nic.kind == "tap")]
    others = [nic for nic in nics if nic not in alone]
    return [[nic] for nic in alone] + _shares(others, side)


def _shares(nics: Sequence[Nic], number: int) -> list[list[Nic]]:
    return [share for first in range(number) if (share := [*nics[first::number]])]


def run(tell: Callable[[Event], None], job: Job, group: Sequence[Nic]) -> None:
    """Run pytest on NICs, in a process of its own, and tell what it leaves."""
    words = [*ALWAYS, "--level", job.level, *job.words]
    if job.level == "packets" and group[0].kind == "tap":
        words += ["--testbed", "tap"]
    else:
        words += [word for nic in group for word in ("--iface", nic.name)]
        if job.level == "packets" and group[0].peer:
            words += ["--peer", group[0].peer_name]
    names = [nic.name for nic in group]
    folder = SCRATCH / names[0]
    log = folder.with_suffix(".txt")

    def tests() -> int:
        import pytest

        from labs.virtual.guest.reporter import Reporter

        os.environ["XDPCONFORM_REPORTS"] = str(folder)
        return pytest.main(words, plugins=[Reporter(tell, FAULTS.get(job.fault))])

    status = waited(fork(tests, log))
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        name = "recording.rec.json" if path.name.endswith(".rec.json") else "results.json"
        # Of one run for several: the host gives each its own.
        tell(File(names[0], name, base64.b64encode(path.read_bytes()).decode()))
    tell(Ended(names, status, log.read_bytes()[-OUTPUT:].decode("utf-8", "replace")))


def _record(tell: Callable[[Event], None], nics: Sequence[Nic]) -> None:
    """As ``xdpconform record --attached --redact`` does, with one watched device for all NICs.

    A NIC that claims something else once its program has gone is recorded for a third time.
    """
    from xdpconform.live import with_program
    from xdpconform.outputs.record import name_for, record
    from xdpconform.outputs.redact import redact
    from xdpconform.probes.lifecycle import Lifecycle
    from xdpconform.sources import Kernel
    from xdpconform.sources.recording import encode as encode_recording

    with Lifecycle() as lifecycle:
        watched = cache(lifecycle.answer)

        def keep(nic: Nic, about: str = "") -> None:
            recording = redact(record(Kernel(), [nic.name], watched), os.uname().nodename)
            data = base64.b64encode(encode_recording(recording)).decode()
            rest = name_for(recording).removeprefix(nic.name)
            tell(File(nic.name, f"{nic.name}{about}{rest}", data))

        for nic in nics:
            before = _claims(nic)
            keep(nic)
            try:
                with with_program(None, nic.name, [nic.name]):
                    keep(nic)
            except XdpConformError as error:
                sys.stdout.write(f"{nic.name}: {error}\n")
            if _claims(nic) != before:
                keep(nic, DETACHED)


def _claims(nic: Nic) -> Capabilities | None:
    from xdpconform.interfaces import select
    from xdpconform.snapshot import Inspector
    from xdpconform.sources import Kernel

    with Inspector(Kernel()) as inspector:
        (link,) = select([nic.name], inspector.links())
        return inspector.nic(link, deep=False).now


def side_by_side(tasks: Sequence[Callable[[], None]], most: int) -> None:
    """Do each task in a child, so many at the same time."""
    running: set[int] = set()
    for task in tasks:
        if len(running) >= most:
            running.remove(os.wait()[0])

        def done(task: Callable[[], None] = task) -> int:
            task()
            return 0

        running.add(fork(done))
    for child in running:
        os.waitpid(child, 0)


def fork(function: Callable[[], int], log: Path | None = None) -> int:
    """Call a function in a child, which prints into a file of its own; gives the child."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            if log is not None:
                Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
                descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                os.dup2(descriptor, 1)
                os.dup2(descriptor, 2)
            status = int(function())
            sys.stdout.flush()
        except Exception:  # noqa: BLE001 - a child must not go on as its parent
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return child


def waited(child: int) -> int:
    """A child's exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
