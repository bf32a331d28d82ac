# SPDX-License-Identifier: MIT
"""A dump of 1,000 devices to a list of typed devices, and what it takes of memory.

Hosts with a veth pair for each container have as many. It is compared with the bare receive of
the same dump, into a buffer of the same size, to NLMSG_DONE. Memory must grow with what is kept
and with nothing else: the bytes of a device are the same among 100, 400 and 1,000, and the peak,
beyond the one receive buffer, is not twice what is kept.

The devices stand in a network namespace made for it, which is removed at the end.
"""

from __future__ import annotations

import _socket as socket  # what the transport uses: both sides of the ratio pay the same calls
import os
import subprocess
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.measure import Bar, Report, Unmeasured, calls, interleave, ratio
from xdpconform.netlink import genl, netdev
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.transaction import Transaction
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import BUFFER, Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Settings
    from xdpconform.netlink.netdev import Device

SIZES = (100, 400, 1000)
ROUNDS = 200
DONE = b"\x03\x00"
"""nlmsg_type of the 20 bytes at the end of a dump."""


@contextmanager
def namespace() -> Iterator[str]:
    """An empty network namespace."""
    name = f"xdpc-{os.getpid()}-bench"
    try:
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unmeasured("a network namespace needs root and iproute2") from error
    try:
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def add_pairs(name: str, first: int, end: int) -> None:
    """Pairs number `first` up to `end`."""
    # Python keeps numbers below 257 for good, which would hide what they take.
    lines = [
        f"link add a{n} index {1000 + 2 * n} type veth peer name b{n} index {1001 + 2 * n}\n"
        for n in range(first, end)
    ]
    command = ["ip", "-netns", name, "-batch", "-"]
    subprocess.run(command, input="".join(lines), text=True, check=True)


def measure(settings: Settings) -> Report:
    """Memory at three sizes, then the time at the largest."""
    with namespace() as name, Kernel(name) as kernel:
        client = Client(kernel.open(NETLINK_GENERIC))
        family = genl.pull_family(client.ask(genl.getfamily(netdev.FAMILY_NAME))[0])
        sock = kernel.within(
            lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        )
        sock.bind((0, 0))
        data = Transaction(netdev.dev_get_dump(family), 1, sock.getsockname()[0]).data

        def typed() -> list[Device]:
            return netdev.pull_devices(client.payloads(netdev.dev_get_dump(family)))

        def bare() -> None:
            sock.send(data)
            while sock.recv(BUFFER)[-16:-14] != DONE:
                pass

        peaks, kept = [], []
        pairs = 0
        for size in SIZES:
            add_pairs(name, pairs, size // 2)
            pairs = size // 2
            typed()
            tracemalloc.start()
            devices = typed()
            if len(devices) != size + 1:  # and lo
                raise Unmeasured(f"{len(devices)} devices in place of {size + 1}")
            now, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            peaks.append(peak)
            kept.append(now)
            del devices
        found = interleave(
            {"bare receive": calls(bare), "typed devices": calls(typed)},
            settings.rounds(ROUNDS),
            warmups=5,
        )
        sock.close()
    each = [now / size for size, now in zip(SIZES, kept, strict=True)]
    words = [
        f"{size} devices: {now / size:.0f} bytes kept of each, {peak / 1024:.0f} KiB at the peak"
        for size, now, peak in zip(SIZES, kept, peaks, strict=True)
    ]
    return Report(
        list(found.values()),
        [
            Bar("typed / bare", ratio(found["typed devices"], found["bare receive"]), 3),
            Bar("kept of each device, spread", 100 * (max(each) / min(each) - 1), 20, "%"),
            Bar("peak without the receive buffer / kept", (peaks[-1] - BUFFER) / kept[-1], 2),
        ],
        tuple(words),
    )
