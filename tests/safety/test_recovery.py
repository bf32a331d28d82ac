# SPDX-License-Identifier: MIT
"""Journals of dead runs: replayed where they still mean the same device, refused otherwise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.safety.owners import mtu, mtu_of
from xdpconform.probes.safety import JournalError, recover, recovery
from xdpconform.probes.safety.guardian import identity
from xdpconform.probes.safety.journal import (
    SCHEMA,
    SIZE_LIMIT,
    Entry,
    Journal,
    Process,
    boot_id,
    process,
    read,
    state_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.namespaces import Namespace

DEAD = Process(1 << 22, 1)
"""No process: pid_max is the first that is none."""


@pytest.fixture(autouse=True)
def _made(folder: Path) -> None:
    folder.mkdir(0o700)


def entry(space: Namespace, name: str = "v0a", value: int = 1500) -> Entry:
    """An undo as the guardian records it."""
    index = space.index(name)
    undo = mtu(index, value)
    descriptor = os.open(space.path, os.O_RDONLY)
    try:
        _name, mac = identity(descriptor, index)
    finally:
        os.close(descriptor)
    number = os.stat(space.path).st_ino
    return Entry(
        what=undo.what,
        protocol=0,
        request=undo.request.hex(),
        settled=[],
        ifindex=index,
        ifname=name,
        mac=mac.hex(),
        netns=number,
        path=space.path,
    )


def write(
    folder: Path,
    *entries: Entry,
    boot: str | None = None,
    run: Process = DEAD,
    guardian: Process = DEAD,
) -> Path:
    """A journal."""
    path = folder / "journal-1-2-3.json"
    journal = Journal(SCHEMA, boot or boot_id(), run, guardian, list(entries))
    path.write_bytes(msgspec.json.encode(journal))
    path.chmod(0o600)
    return path


def own() -> Process:
    """This process."""
    found = process(os.getpid())
    assert found is not None
    return found


def test_replayed_in_reverse(space: Namespace, folder: Path) -> None:
    """What dead processes owe is put back, the last registered first."""
    path = write(folder, entry(space), entry(space, value=1400), entry(space, "v1a"))
    for name in ("v0a", "v1a"):
        space.ip("link", "set", name, "mtu", "1300")

    notes = recover()

    first, second = space.index("v0a"), space.index("v1a")
    expected = (
        f"put back: mtu of link {second} back to 1500",
        f"put back: mtu of link {first} back to 1400",
        f"put back: mtu of link {first} back to 1500",
    )
    assert expected == notes
    assert (1500, 1500, False) == (mtu_of(space), mtu_of(space, "v1a"), path.exists())


def test_own_namespace(space: Namespace, folder: Path) -> None:
    """An undo of the namespace that we are in needs no name for it."""
    write(folder, msgspec.structs.replace(entry(space), path=""))
    space.ip("link", "set", "v0a", "mtu", "1400")
    script = "from xdpconform.probes.safety import recover; print(*recover())"

    done = subprocess.run(
        ["ip", "netns", "exec", space.name, sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        text=True,
        check=True,
    )

    assert f"put back: mtu of link {space.index('v0a')} back to 1500\n" == done.stdout
    assert 1500 == mtu_of(space)


def test_pid_given_to_another(space: Namespace, folder: Path) -> None:
    """A process with the pid of the run, but started at another time, is not the run."""
    other = msgspec.structs.replace(own(), start=own().start - 1)
    path = write(folder, entry(space), run=other, guardian=other)

    assert 1 == len(recover())
    assert not path.exists()


def test_run_lives(space: Namespace, folder: Path) -> None:
    """What a living run owes is its own business."""
    path = write(folder, entry(space, value=1400), run=own())

    assert () == recover()
    assert (1500, True) == (mtu_of(space), path.exists())


def test_guardian_lives(space: Namespace, folder: Path) -> None:
    """A guardian that outlived its run is at work."""
    path = write(folder, entry(space, value=1400), guardian=own())

    expected = f"{path}: left to its guardian (pid {os.getpid()}), which still runs"
    assert (expected,) == recover()
    assert (1500, True) == (mtu_of(space), path.exists())


def test_other_boot(space: Namespace, folder: Path) -> None:
    """Settings do not outlive a boot, nor do numbers of interfaces."""
    path = write(folder, entry(space, value=1400), boot="another")

    expected = f"{path}: removed: it is of another boot, which its settings did not outlive"
    assert (expected,) == recover()
    assert (1500, False) == (mtu_of(space), path.exists())


def gone(space: Namespace) -> str:
    """The device is no more."""
    space.ip("link", "delete", "v0a")
    return "v0a (ifindex {index}) is gone"


def reused(space: Namespace) -> str:
    """Another device has its number."""
    index = space.index("v0a")
    space.ip("link", "delete", "v0a")
    space.batch(f"link add other address 02:00:00:00:00:07 index {index} type veth peer name v0b")
    return "ifindex {index} is now other with the address 02:00:00:00:00:07, and was v0a with {mac}"


@pytest.mark.parametrize("change", [gone, reused])
def test_another_device(space: Namespace, folder: Path, change: Callable[[Namespace], str]) -> None:
    """An undo never meets another device; what it was for is gone."""
    one = entry(space, value=1400)
    path = write(folder, one)
    text = change(space).format(index=one.ifindex, mac=bytes.fromhex(one.mac).hex(":"))

    expected = f"dropped: mtu of link {one.ifindex} back to 1400: {text}"
    assert (expected,) == recover()
    assert not path.exists()
    assert "mtu 1400" not in space.ip("link", "show")


def test_renamed_device(space: Namespace, folder: Path) -> None:
    """A device with another name is still the same."""
    one = entry(space)
    write(folder, one)
    space.batch("link set v0a mtu 1400", "link set v0a name renamed")

    assert (f"put back: {one.what}",) == recover()
    assert 1500 == mtu_of(space, "renamed")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"netns": 1}, "its network namespace is gone, and the settings with it"),
        ({"ifindex": 0, "request": 16 * "00"}, "its request names no interface by number"),
    ],
)
def test_dropped(space: Namespace, folder: Path, changes: dict[str, object], expected: str) -> None:
    """What cannot be found again is dropped, with the reason."""
    one = msgspec.structs.replace(entry(space), **changes)
    if "request" in changes:
        bare = mtu(0, 1400).request.hex()
        one = msgspec.structs.replace(one, request=bare)
    path = write(folder, one)

    assert (f"dropped: {one.what}: {expected}",) == recover()
    assert not path.exists()


def test_refused_stays(space: Namespace, folder: Path) -> None:
    """What the kernel refuses is kept for the next start; the rest is not tried again."""
    fails = entry(space, value=99_999_999)
    path = write(folder, entry(space), fails)

    first, second = recover(), recover()

    refused = (
        f"not put back: {fails.what}: the kernel said EINVAL (Invalid argument); it is tried again"
        " at the next start"
    )
    assert (refused, f"put back: {entry(space).what}") == first
    assert (refused,) == second
    assert [fails] == read(str(path)).entries


def test_half_written(folder: Path) -> None:
    """What a guardian had begun to write is removed; what a living one writes is not."""
    (folder / ".journal-1-2-4194304.json.new").write_bytes(b"{")
    (folder / f".journal-1-2-{os.getpid()}.json.new").write_bytes(b"{")
    (folder / "note").write_bytes(b"")

    assert () == recover()
    expected = [f".journal-1-2-{os.getpid()}.json.new", "note"]
    assert expected == sorted(path.name for path in folder.iterdir())


GOOD = {
    "schema": SCHEMA,
    "boot": "b",
    "run": {"pid": 1, "start": 2},
    "guardian": {"pid": 1, "start": 2},
    "entries": [],
}
ENTRY = {
    "what": "mtu",
    "protocol": 0,
    "request": mtu(7, 1500).request.hex(),
    "settled": [],
    "ifindex": 7,
    "ifname": "eth0",
    "mac": "020000000001",
    "netns": 1,
    "path": "",
}


def of_entry(**changes: object) -> bytes:
    """A journal with one entry."""
    return msgspec.json.encode({**GOOD, "entries": [{**ENTRY, **changes}]})


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no journal: Input data was truncated"),
    "cut": (of_entry()[:-1], "no journal: Input data was truncated"),
    "another-schema": (
        msgspec.json.encode({**GOOD, "schema": "xdpconform-journal-2"}),
        "no journal: Invalid enum value 'xdpconform-journal-2' - at `$.schema`",
    ),
    "unknown-field": (
        msgspec.json.encode({**GOOD, "command": "reboot"}),
        "no journal: Object contains unknown field `command`",
    ),
    "no-pid": (
        msgspec.json.encode({**GOOD, "run": {"pid": 0, "start": 1}}),
        "no journal: Expected `int` >= 1 - at `$.run.pid`",
    ),
    "another-protocol": (
        of_entry(protocol=12),
        "no journal: Invalid enum value 12 - at `$.entries[0].protocol`",
    ),
    "no-hex": (
        of_entry(request="0g"),
        (
            "no journal: Expected `str` matching regex '^([0-9a-f]{2})*$' - at"
            " `$.entries[0].request`"
        ),
    ),
    "no-message": (
        of_entry(request="00"),
        "no journal: nlmsghdr at byte 0: 1 bytes left, 16 needed",
    ),
    "two-messages": (
        of_entry(request=2 * mtu(7, 1500).request.hex()),
        "no journal: a request of 2 messages in place of one",
    ),
    "about-another": (
        of_entry(ifindex=8),
        "no journal: the request 'mtu' is about ifindex 7, its entry about 8",
    ),
    "too-large": (bytes(SIZE_LIMIT + 1), f"more than {SIZE_LIMIT} bytes"),
}


@pytest.mark.parametrize(("data", "expected"), BAD.values(), ids=BAD)
def test_bad_journal(folder: Path, data: bytes, expected: str) -> None:
    """What is no journal is refused by name, and left to be looked at."""
    path = folder / "journal-1-2-3.json"
    path.write_bytes(data)
    path.chmod(0o600)

    with pytest.raises(JournalError, match=f"^{re.escape(f'{path}: {expected}')}$"):
        read(str(path))
    with pytest.raises(JournalError, match=r"; look at it, then remove it$"):
        recover()
    assert path.exists()


def test_good_beside_bad(space: Namespace, folder: Path) -> None:
    """A bad journal does not keep others from being replayed."""
    (folder / "journal-0-0-0.json").write_bytes(b"")
    (folder / "journal-9-9-9.json").write_bytes(b"")
    write(folder, entry(space))
    space.ip("link", "set", "v0a", "mtu", "1400")

    with pytest.raises(JournalError) as caught:
        recover()

    assert 2 == len(str(caught.value).splitlines())
    assert [f"put back: {entry(space).what}"] == caught.value.__notes__
    assert 1500 == mtu_of(space)


def test_gone_before_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that its run removes while others are read is nobody's fault."""
    monkeypatch.setattr(recovery, "journals", lambda _folder: [f"{folder}/journal-1-2-3.json"])

    assert () == recover()


def test_gone_once_it_is_read(
    space: Namespace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a guardian has put back by then is left as it is."""
    path = write(folder, entry(space))
    space.ip("link", "set", "v0a", "mtu", "1400")

    def ends(one: Process) -> bool:
        path.unlink(missing_ok=True)
        return one != DEAD

    monkeypatch.setattr(recovery, "alive", ends)

    assert () == recover()
    assert 1400 == mtu_of(space)


def make_link(path: Path) -> None:
    """A link to a journal elsewhere."""
    path.symlink_to("/etc/hostname")


def make_folder(path: Path) -> None:
    """A folder."""
    path.mkdir()


def make_fifo(path: Path) -> None:
    """A pipe, which would keep a reader waiting."""
    os.mkfifo(path, 0o600)


def make_foreign(path: Path) -> None:
    """A file of somebody else."""
    path.write_bytes(of_entry())
    os.chown(path, 4711, -1)


def make_open(path: Path) -> None:
    """A file that others may write."""
    path.write_bytes(of_entry())
    path.chmod(0o666)


OURS = "not a file that only this user can write"
STRANGE: list[tuple[Callable[[Path], None], str]] = [
    (make_link, "not read: Too many levels of symbolic links"),
    (make_folder, OURS),
    (make_fifo, OURS),
    (make_foreign, OURS),
    (make_open, OURS),
]


@pytest.mark.parametrize(("make", "expected"), STRANGE)
@pytest.mark.skipif(os.geteuid() != 0, reason="a file of somebody else needs root")
def test_strange_file(folder: Path, make: Callable[[Path], None], expected: str) -> None:
    """Only a file that nobody else can have written is read."""
    path = folder / "journal-1-2-3.json"
    make(path)

    with pytest.raises(JournalError, match=f"^{re.escape(f'{path}: {expected}')}$"):
        read(str(path))


def link_folder(path: Path) -> None:
    """A link in its place."""
    path.rmdir()
    path.symlink_to("/tmp")


def foreign_folder(path: Path) -> None:
    """Somebody else's."""
    os.chown(path, 4711, -1)


def open_folder(path: Path) -> None:
    """Open to others."""
    path.chmod(0o755)


def no_folder(path: Path) -> None:
    """A file in its place."""
    path.rmdir()
    path.write_bytes(b"")


FOLDERS: list[tuple[Callable[[Path], None], str]] = [
    (link_folder, "the folder of journals is a link or a file: remove it"),
    (
        foreign_folder,
        (
            "the folder of journals belongs to user 4711, not to 0: remove it, or name another in"
            " XDPCONFORM_STATE"
        ),
    ),
    (open_folder, "the folder of journals is open to others (mode 755): chmod 700 {path}"),
    (
        no_folder,
        (
            "no folder for the journal: File exists; run as root, or name another folder in"
            " XDPCONFORM_STATE"
        ),
    ),
]


@pytest.mark.parametrize(("change", "expected"), FOLDERS)
@pytest.mark.skipif(os.geteuid() != 0, reason="a folder of somebody else needs root")
def test_strange_folder(folder: Path, change: Callable[[Path], None], expected: str) -> None:
    """A folder that somebody else can change is not trusted, neither to write nor to read."""
    change(folder)

    text = f"{folder}: {expected.format(path=folder)}"
    with pytest.raises(JournalError, match=f"^{re.escape(text)}$"):
        recover()


def test_folder_is_made(folder: Path) -> None:
    """A folder that is not there is made, for us alone."""
    folder.rmdir()

    assert str(folder) == state_folder()
    assert 0o700 == folder.stat().st_mode & 0o777


def test_two_at_once(space: Namespace, folder: Path) -> None:
    """Two runs that start together put things back once, one after the other."""
    write(folder, entry(space))
    space.ip("link", "set", "v0a", "mtu", "1400")
    script = "from xdpconform.probes.safety import recover; print(*recover(), sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
        for _each in range(2)
    ]

    told = sorted(one.communicate()[0].decode() for one in both)

    assert ["\n", f"put back: {entry(space).what}\n"] == told
    assert [0, 0] == [one.returncode for one in both]


def test_process_ended() -> None:
    """A process that has ended and is not yet waited for does not run."""
    with subprocess.Popen(["sleep", "60"]) as child:
        before = process(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        after = process(child.pid)

    assert (child.pid, None) == (before and before.pid, after)
