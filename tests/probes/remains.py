# SPDX-License-Identifier: MIT
"""What a run could leave behind on its host, and how to tell what is a given run's.

Others run at the same time. A process is a run's if its environment names the run's folder of
journals ($XDPCONFORM_STATE). A BPF object bears our name, and belongs to somebody else as long as
a process with another folder holds it. All else is compared with what was there before.
"""

from __future__ import annotations

import contextlib
import os
import time
from struct import pack, unpack_from
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform.probes.bpf import BpfError
from xdpconform.probes.bpf.syscall import bpf, info
from xdpconform.probes.safety.journal import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

# enum bpf_cmd, include/uapi/linux/bpf.h
BPF_PROG_GET_NEXT_ID: Final = 11
BPF_MAP_GET_NEXT_ID: Final = 12
BPF_PROG_GET_FD_BY_ID: Final = 13
BPF_MAP_GET_FD_BY_ID: Final = 14
BPF_LINK_GET_FD_BY_ID: Final = 30
BPF_LINK_GET_NEXT_ID: Final = 31

NAME: Final = "xdpc"
"""How the names of our programs and devices begin."""
PATIENCE: Final = 30.0
"""Seconds: namespaces, programs and maps go some time after whoever held them."""
SLAB: Final = "/sys/kernel/slab/net_namespace/objects"
"""How many struct net there are, with some room for more."""


class Remains(NamedTuple):
    """What is there: sets of words."""

    programs: frozenset[str]
    maps: frozenset[str]
    links: frozenset[str]
    namespaces: frozenset[str]
    """By name below /run/netns, and by number where a process of the run is inside or holds it;
    the caller's does not count."""
    devices: frozenset[str]
    """In this namespace, with their settings."""
    processes: frozenset[str]
    """Of the run."""
    journals: frozenset[str]
    descriptors: frozenset[str]
    """Of this process."""


CHANGED: Final = "changed devices"
"""What `left` calls devices that are no more as they were."""
KINDS: Final = (*Remains._fields, CHANGED)
"""All that there may be left."""


def look(folder: str) -> Remains:
    """What is there right now.

    Args:
        folder: the run's folder of journals.
    """
    others = _held_by_others(folder)
    processes = tuple(of_run(folder))
    return Remains(
        frozenset(_objects("prog", BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, others)),
        frozenset(_objects("map", BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID, others)),
        frozenset(_objects("link", BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID, others)),
        frozenset(_namespaces(processes)) - {os.readlink("/proc/self/ns/net")},
        frozenset(_devices()),
        frozenset(f"{pid}: {command(pid)}" for pid in processes),
        frozenset(os.listdir(folder)) if os.path.isdir(folder) else frozenset(),
        frozenset(_descriptors("self")),
    )


def left(before: Remains, folder: str, patience: float = PATIENCE) -> dict[str, list[str]]:
    """What was not there before and stays; empty if there is no such thing.

    What is seen once may be of somebody who has just begun to hold it; so we look twice or more.
    """
    deadline = time.monotonic() + patience
    stays = _new(before, look(folder))
    while True:
        time.sleep(0.02)
        now = _new(before, look(folder))
        stays = {kind: found & now[kind] for kind, found in stays.items()}
        if not any(stays.values()) or time.monotonic() >= deadline:
            return {kind: sorted(found) for kind, found in stays.items() if found}


def _new(before: Remains, after: Remains) -> dict[str, frozenset[str]]:
    pairs = zip(Remains._fields, before, after, strict=True)
    found = {kind: now - then for kind, then, now in pairs}
    found[CHANGED] = before.devices - after.devices
    return found


def of_run(folder: str) -> Iterator[int]:
    """The processes of a run, without the caller."""
    wanted = f"{VARIABLE}={folder}".encode()
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if pid != os.getpid() and wanted in file.read().split(b"\0"):
                    yield pid
        except OSError:
            continue


def command(pid: int) -> str:
    """The command line of a process; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def namespaces() -> int | None:
    """How many network namespaces the kernel holds, rounded up; None where it does not say."""
    try:
        with open(SLAB, encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError):
        return None


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _descriptors(pid: int | str) -> Iterator[str]:
    """Kinds and numbers of descriptors: the target of a socket or pipe is its inode."""
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for number in numbers:
        try:
            target = os.readlink(f"/proc/{pid}/fd/{number}")
        except OSError:
            continue  # that of the listing itself
        yield f"{number}: {target}"


def _held_by_others(folder: str) -> set[str]:
    """BPF objects that processes with another folder of journals hold: ``prog 17``."""
    own = {os.getpid(), *of_run(folder)}
    found = set()
    for pid in _pids():
        if pid in own:
            continue
        for number, _, target in (entry.partition(": ") for entry in _descriptors(pid)):
            if not target.startswith("anon_inode:bpf"):
                continue
            try:
                with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as file:
                    lines = [line.split() for line in file]
            except OSError:
                continue
            for line in lines:
                if len(line) == 2 and line[0] in ("prog_id:", "map_id:", "link_id:"):
                    found.add(f"{line[0].removesuffix('_id:')} {line[1]}")
    return found


def _objects(kind: str, next_id: int, by_id: int, others: set[str]) -> Iterator[str]:
    """BPF objects that may be ours: programs and maps by their names, XDP links."""
    number = 0
    while True:
        attr = bytearray(pack("=III", number, 0, 0))
        try:
            bpf(next_id, attr, f"the next {kind}")
        except BpfError:  # ENOENT: that was the last
            return
        (number,) = unpack_from("=I", attr, 4)
        if f"{kind} {number}" in others:
            continue
        name = _name(kind, by_id, number)
        if name is not None:
            yield f"{kind} {number}{name}"


def _name(kind: str, by_id: int, number: int) -> str | None:
    """What it is called; None if it is none of ours, or gone."""
    try:
        fd = bpf(by_id, pack("=III", number, 0, 0), f"{kind} {number}")
    except BpfError:
        return None
    try:
        if kind == "link":  # struct bpf_link_info: type first; BPF_LINK_TYPE_XDP is 6
            (sort,) = unpack_from("=I", info(fd, 24, "link"))
            return "" if sort == 6 else None
        # The names stand behind 64 bytes of struct bpf_prog_info, 24 of struct bpf_map_info.
        start = 64 if kind == "prog" else 24
        raw = info(fd, start + 16, kind)[start:].split(b"\0")[0]
        return f" {raw.decode()}" if raw.startswith(NAME.encode()) else None
    except BpfError:
        return None
    finally:
        os.close(fd)


def _namespaces(processes: tuple[int, ...]) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):  # tests make those with other names
        yield from (name for name in os.listdir("/run/netns") if not name.startswith("xdpc-"))
    for pid in processes:
        for number in os.listdir(f"/proc/{pid}/task") if os.path.isdir(f"/proc/{pid}/task") else ():
            try:
                yield os.readlink(f"/proc/{pid}/task/{number}/ns/net")
            except OSError:
                continue
        yield from (entry.partition(": ")[2] for entry in _descriptors(pid) if ": net:[" in entry)


def _devices() -> Iterator[str]:
    """The devices here, each with what does not change by itself."""
    for name in sorted(os.listdir("/sys/class/net")):
        values = []
        for file in ("ifindex", "mtu", "flags", "address", "type"):
            try:
                with open(f"/sys/class/net/{name}/{file}", encoding="ascii") as opened:
                    values.append(opened.read().strip())
            except OSError:
                continue
        yield f"{name}: {' '.join(values)}"
