# SPDX-License-Identifier: MIT
"""The command line of the virtual lab."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from xdpconform.errors import XdpConformError
from xdpconform.interfaces import shown
from xdpconform.outputs.words import (
    line_text,
    names_text,
    nic_text,
    together,
    worst,
)

if TYPE_CHECKING:
    from labs.virtual.packages import Kernel
    from labs.virtual.story import Told

FAULTS: Final = ("panic", "hang", "oom", "close", "leave")
LEVELS: Final = ("claims", "attach", "packets")
USAGE: Final = 4
"""pytest's exit status for a wrong command line."""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    made = argparse.ArgumentParser(
        prog="python -m labs.virtual",
        description="Certify NICs that QEMU has, on kernels of the distribution; docs/lab.md.",
        epilog="Words after -- go to pytest in the guest.",
    )
    made.add_argument("--kernel", action="append", default=[], metavar="SERIES",
                      help="such as 6.12, or newest; may be repeated (default: all)")  # fmt: skip
    made.add_argument("--nic", action="append", default=[], metavar="NAME,...",
                      help="NICs of the lab; may be repeated (default: all)")  # fmt: skip
    made.add_argument("--level", choices=LEVELS, default="claims",
                      help="how strong the evidence shall be (default: claims)")  # fmt: skip
    made.add_argument("-o", "--output", type=Path, default=Path("reports/lab"), metavar="DIR",
                      help="where results go (default: reports/lab)")  # fmt: skip
    made.add_argument("--cache", type=Path, metavar="DIR", help="where packages are kept")
    made.add_argument("--refresh", action="store_true", help="ask for newer packages")
    made.add_argument("--fetch", action="store_true", help="fetch packages, boot nothing")
    made.add_argument("--no-record", action="store_true", help="make no recordings")
    made.add_argument("--kvm", action="store_true",
                      help="use KVM, if a guest boots under it; else all is emulated")  # fmt: skip
    made.add_argument("--silence", type=_seconds, metavar="SECONDS",
                      help="give a guest up that tells nothing for so long")  # fmt: skip
    made.add_argument("--deadline", type=_seconds, metavar="SECONDS",
                      help="give a guest up after so long")  # fmt: skip
    made.add_argument("--break", dest="fault", choices=FAULTS, default="",
                      help="break the first guest, to try the lab itself")  # fmt: skip
    made.add_argument("--two-guests", action="store_true",
                      help="have a second guest with the same drivers on the wires")  # fmt: skip
    made.add_argument("--list", action="store_true", help="name the NICs there are")
    made.add_argument("words", nargs="*", metavar="WORD", help=argparse.SUPPRESS)
    return made


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 86400:
        raise argparse.ArgumentTypeError(f"{text}: seconds, 1 to 86400")
    return value


def main(words: Sequence[str] | None = None) -> int:
    """Run the lab; gives the exit status of a run: 0, 1 with any FAILS, 10 with any INCOMPLETE."""
    options = parser().parse_args(words)
    # As Ctrl-C does, so that the guest is ended as well.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options)
    except XdpConformError as error:
        sys.stderr.write(f"error: {error}\n")
    except OSError as error:
        sys.stderr.write(f"error: {error.filename}: {error.strerror}\n")
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was judged is there\n")
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)
    return USAGE


def _run(options: argparse.Namespace) -> int:
    from labs.virtual.lab import Asked, Lab
    from labs.virtual.nics import NICS, choose
    from labs.virtual.packages import Packages, cache_folder
    from labs.virtual.qemu import Deadlines

    if options.list:
        sys.stdout.write("".join(f"{nic.name}\n" for nic in NICS.values()))
        return 0
    nics = choose(options.nic)
    progress = Progress()
    packages = Packages(options.cache or cache_folder(), lambda text: progress("", text))
    series = list(dict.fromkeys(options.kernel))
    kernels, tools = packages.all(series, refresh=options.refresh)
    for kernel in kernels if options.nic else ():
        packages.built(kernel, [nic.name for nic in nics])
    if options.fetch:
        sys.stdout.write("".join(f"{kernel.series} {kernel.release}\n" for kernel in kernels))
        return 0
    limits = Deadlines()
    limits = limits._replace(
        silence=options.silence or limits.silence, total=options.deadline or limits.total
    )
    asked = Asked(
        options.output.resolve(),
        options.level,
        nics,
        limits,
        not options.no_record,
        options.kvm,
        tuple(options.words),
        options.fault,
        options.two_guests,
    )
    lab = Lab(tools, asked, progress)
    counted: list[str] = []
    for kernel in kernels:
        found = lab.run(kernel)
        progress.clear()
        for told in found:
            sys.stdout.write("".join(f"{line}\n" for line in lines(kernel, told)))
            if not told.absent or options.nic:
                counted.append(told.verdict)
        sys.stdout.flush()
    return worst(counted)


def lines(kernel: Kernel, told: Told) -> list[str]:
    """What is said of a NIC: its verdict, and each line that is not simply good."""
    name = f"{told.name}@{kernel.series}"
    if told.results is None:
        word = "absent" if told.absent else told.verdict
        return [f"{name} {word}: {told.problem}"]
    (nic,) = told.results.nics
    broke = any(line.outcome == "error" for line in nic.results)  # and says why itself
    found = [nic_text(nic, name), *([f"  {told.problem}"] if told.problem and not broke else [])]
    for same in together(nic.results):
        found.append(f"  {line_text(same)}")
        if names_text(same):
            found.append(f"    {names_text(same)}")
    if nic.missing:
        found.append(f"  not run: {shown(' '.join(nic.missing))}")
    return found


class Progress:
    """One line that changes, on a terminal; elsewhere a line for each stage."""

    def __init__(self) -> None:
        self._started = monotonic()
        self._last = ""
        self._tty = sys.stderr.isatty()

    def __call__(self, kernel: str, text: str) -> None:
        """What happens now."""
        if not self._tty and " XDP-" in text:
            return
        said = f"{kernel}: {text}" if kernel else text
        if said == self._last:
            return
        self._last = said
        seconds = f"[{monotonic() - self._started:5.1f} s] {said}"
        sys.stderr.write(f"\r\x1b[K{seconds[:100]}" if self._tty else f"{seconds}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Make room for what is printed."""
        if self._tty:
            sys.stderr.write("\r\x1b[K")
