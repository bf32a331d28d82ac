# SPDX-License-Identifier: MIT
"""The guardian: everything comes back, in order, whoever dies, and one failure stops nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.safety.owners import KEEP_AND_CHANGE, WAIT_FOR_DEATH, Owner, mtu, mtu_of
from xdpconform.errors import KernelError, SourceError, WireError
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.probes.safety import Guardian, Undo, UndoFailed, recover
from xdpconform.probes.safety.journal import read

if TYPE_CHECKING:
    from tests.namespaces import Namespace

pytestmark = pytest.mark.usefixtures("folder", "no_descriptor_left")

TOO_LARGE = 99_999_999


def set_mtu(space: Namespace, value: int, name: str = "v0a") -> None:
    """The change that is to come back."""
    space.ip("link", "set", name, "mtu", str(value))


def test_undo(space: Namespace, netns: int) -> None:
    """A ticket takes its change back at once, and only once."""
    with Guardian() as guardian:
        ticket = guardian.register(mtu(space.index("v0a"), 1500), netns)
        set_mtu(space, 1400)
        ticket.undo()

        assert (1500, False, ()) == (mtu_of(space), ticket.kept, guardian.owed)
        set_mtu(space, 1300)
        ticket.undo()
        assert 1300 == mtu_of(space)
    assert 1300 == mtu_of(space)


def test_forget(space: Namespace, netns: int) -> None:
    """What is forgotten is not undone."""
    with Guardian() as guardian:
        ticket = guardian.register(mtu(space.index("v0a"), 1500), netns)
        set_mtu(space, 1400)
        ticket.forget()
        ticket.forget()

        assert not Path(guardian.journal).exists()
    assert 1400 == mtu_of(space)


def test_close_in_reverse(space: Namespace, netns: int) -> None:
    """What is left is undone at the end, the last registered first."""
    index = space.index("v0a")
    with Guardian() as guardian:
        for value in (1500, 1400, 1300):
            guardian.register(mtu(index, value), netns)
        set_mtu(space, 1200)

        expected = tuple(f"mtu of link {index} back to {value}" for value in (1500, 1400, 1300))
        assert expected == guardian.owed
    assert 1500 == mtu_of(space)
    assert () == guardian.close()


def test_own_namespace(space: Namespace) -> None:
    """Without a descriptor an undo runs where the guardian was started."""
    code = """
guardian = Guardian()
guardian.register(mtu(index, 1500))
space.ip("link", "set", "v0a", "mtu", "1400")
"""
    with Owner(space, code + WAIT_FOR_DEATH, within=True) as owner:
        assert 1400 == mtu_of(space)
        owner.kill()
        owner.wait_for_guardian()

        assert 1500 == mtu_of(space)


def test_one_failure_stops_no_other(space: Namespace, netns: int) -> None:
    """Of three undos the one in the middle fails: the others are done, and it is told."""
    first, second = space.index("v0a"), space.index("v1a")
    guardian = Guardian()
    guardian.register(mtu(first, 1500), netns)
    guardian.register(mtu(first, TOO_LARGE), netns)
    guardian.register(mtu(second, 1500), netns)
    set_mtu(space, 1400)
    set_mtu(space, 1400, "v1a")

    failures = guardian.close()

    expected = (
        (
            f"mtu of link {first} back to {TOO_LARGE}: the kernel said EINVAL (Invalid argument):"
            " mtu greater than device maximum"
        ),
    )
    assert (expected, expected) == (failures, guardian.failures)
    assert (1500, 1500) == (mtu_of(space), mtu_of(space, "v1a"))
    assert not Path(guardian.journal).exists()


def test_failure_of_a_ticket(space: Namespace, netns: int) -> None:
    """An undo that fails stays owed, and is tried again at the end, which says so."""
    index = space.index("v0a")
    what = f"mtu of link {index} back to {TOO_LARGE}: the kernel said EINVAL"
    guardian = Guardian()
    ticket = guardian.register(mtu(index, TOO_LARGE), netns)
    with pytest.raises(KernelError, match=f"^{re.escape(what)}"):
        ticket.undo()

    assert ticket.kept
    with pytest.raises(UndoFailed, match=f"^{re.escape(what)}"), guardian:
        pass
    assert not ticket.kept


def test_failure_beside_another_error(space: Namespace, netns: int) -> None:
    """What could not be undone never hides the error that ended the block."""
    guardian = Guardian()
    guardian.register(mtu(space.index("v0a"), TOO_LARGE), netns)
    with pytest.raises(ZeroDivisionError) as caught, guardian:
        raise ZeroDivisionError

    (note,) = caught.value.__notes__
    assert "mtu greater than device maximum" in note


def test_settled(space: Namespace, netns: int) -> None:
    """An errno that says that there is nothing to undo is no failure."""
    with Guardian() as guardian:
        undo = mtu(4711, 1500)._replace(settled=(19,))  # ENODEV
        ticket = guardian.register(undo, netns)
        ticket.undo()

        assert not ticket.kept
    assert 1500 == mtu_of(space)


def test_not_registered(netns: int) -> None:
    """What is no message is refused before the guardian hears of it."""
    with Guardian() as guardian:
        with pytest.raises(WireError, match=r"^nlmsghdr at byte 0: 3 bytes left, 16 needed$"):
            guardian.register(Undo("nothing", NETLINK_ROUTE, bytes(3)), netns)

        assert () == guardian.owed


def test_journal_cannot_be_written(space: Namespace, netns: int, folder: Path) -> None:
    """Without a journal nothing is registered, so that nothing is changed."""
    with Guardian() as guardian:
        folder.rmdir()
        expected = (
            f"the guardian cannot write {guardian.journal}: No such file or directory; nothing was"
            " changed"
        )
        with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
            guardian.register(mtu(space.index("v0a"), 1500), netns)

        assert () == guardian.owed


class Interrupted:
    """A socket whose next receive is interrupted, as by Ctrl-C."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._waiting = True

    def recv(self, size: int) -> bytes:
        """Receive, but the first time."""
        if self._waiting:
            self._waiting = False
            raise KeyboardInterrupt
        return self._link.recv(size)

    def __getattr__(self, name: str) -> object:
        return getattr(self._link, name)


def test_interrupted(space: Namespace, netns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody waited for is not taken for that of the next command."""
    first, second = space.index("v0a"), space.index("v1a")
    with Guardian() as guardian:
        monkeypatch.setattr(guardian, "_link", Interrupted(guardian._link))
        with pytest.raises(KeyboardInterrupt):
            guardian.register(mtu(first, 1400), netns)

        refused = guardian.register(mtu(second, TOO_LARGE), netns)
        with pytest.raises(KernelError, match=r"mtu greater than device maximum$"):
            refused.undo()
        refused.forget()
        assert (f"mtu of link {first} back to 1400",) == guardian.owed
    assert 1400 == mtu_of(space)


def test_journal(space: Namespace, netns: int) -> None:
    """The journal holds what is owed and nothing else, whenever it is looked at."""
    first, second = space.index("v0a"), space.index("v1a")
    with Guardian() as guardian:
        one = guardian.register(mtu(first, 1500), netns)
        two = guardian.register(mtu(second, 1500), netns)
        path = guardian.journal
        both = read(path)
        one.undo()
        left = read(path)
        two.undo()

        assert not Path(path).exists()
    assert [first, second] == [entry.ifindex for entry in both.entries]
    assert both.entries[1:] == left.entries
    (entry,) = left.entries
    assert (os.getpid(), guardian.pid) == (both.run.pid, both.guardian.pid)
    assert ("v1a", space.path, os.stat(space.path).st_ino) == (
        entry.ifname,
        entry.path,
        entry.netns,
    )
    address = space.ip("-br", "link", "show", "dev", "v1a").split()[2]
    assert address.replace(":", "") == entry.mac


def test_parent_killed(space: Namespace) -> None:
    """SIGKILL of the parent: the MTU is back, and nothing is left in the journal."""
    with Owner(space, KEEP_AND_CHANGE + WAIT_FOR_DEATH) as owner:
        assert (1400, True) == (mtu_of(space), owner.journal.exists())
        owner.kill()
        owner.wait_for_guardian()

        assert (1500, False) == (mtu_of(space), owner.journal.exists())


def test_parent_killed_beside_its_fork(space: Namespace) -> None:
    """A forked child that lives on, with the socket open, does not keep the guardian waiting."""
    fork = """
if (child := os.fork()) == 0:
    signal.pause()
print(child, flush=True)
signal.pause()
"""
    with Owner(space, KEEP_AND_CHANGE + "ready()\n" + fork) as owner:
        assert owner.process.stdout is not None
        child = int(owner.process.stdout.readline())
        try:
            owner.kill()
            owner.wait_for_guardian()

            assert 1500 == mtu_of(space)
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_to_the_group(space: Namespace, number: signal.Signals) -> None:
    """A signal to the parent's whole group ends the parent; the guardian then does its work."""
    with Owner(space, KEEP_AND_CHANGE + WAIT_FOR_DEATH) as owner:
        os.killpg(owner.process.pid, number)
        owner.process.wait()
        owner.wait_for_guardian()

        assert 1500 == mtu_of(space)


def test_signals_to_the_guardian(space: Namespace, netns: int) -> None:
    """The guardian ignores what ends a run, before it has anything to do and after."""
    ignored = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    with Guardian() as guardian:
        for number in ignored:
            os.kill(guardian.pid, number)
        guardian.register(mtu(space.index("v0a"), 1500), netns)
        set_mtu(space, 1400)
        for number in ignored:
            os.kill(guardian.pid, number)
    assert 1500 == mtu_of(space)


def test_session(netns: int) -> None:
    """The guardian is in a session of its own."""
    assert netns >= 0
    with Guardian() as guardian:
        assert guardian.pid == os.getsid(guardian.pid)


def test_guardian_killed(space: Namespace, netns: int) -> None:
    """Without its guardian a parent registers nothing more, and undoes what it owes itself."""
    index = space.index("v0a")
    guardian = Guardian()
    for value in (1500, TOO_LARGE, 1400):
        guardian.register(mtu(index, value), netns)
    set_mtu(space, 1300)
    os.kill(guardian.pid, signal.SIGKILL)

    with pytest.raises(SourceError, match=rf"^the guardian \(pid {guardian.pid}\) "):
        guardian.register(mtu(index, 1500), netns)
    failures = guardian.close()

    assert (1500, False) == (mtu_of(space), Path(guardian.journal).exists())
    (failure,) = failures
    assert failure.startswith(f"mtu of link {index} back to {TOO_LARGE}: the kernel said EINVAL")


def test_failure_with_nobody_to_tell(space: Namespace, folder: Path) -> None:
    """What fails after the parent's death stays in the journal, and is told at the next start."""
    fails = f"guardian.register(mtu(index, {TOO_LARGE}), netns)\n"
    with Owner(space, KEEP_AND_CHANGE + fails + WAIT_FOR_DEATH) as owner:
        owner.kill()
        owner.wait_for_guardian()
        (entry,) = read(str(owner.journal)).entries
        notes = recover()

    assert (1500, 22) == (mtu_of(space), entry.errno)
    expected = (
        f"not put back: mtu of link {entry.ifindex} back to {TOO_LARGE}: the kernel said EINVAL"
        " (Invalid argument); it is tried again at the next start"
    )
    assert (expected,) == notes
    assert [owner.journal] == list(folder.iterdir())


MOVE = """
import threading, ctypes
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.rtnl import IFINFOMSG
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.wire import push_string, push_u32
from xdpconform.probes.safety import Undo
guardian = Guardian()
opened = []
def unshare():
    assert ctypes.CDLL(None).unshare(0x40000000) == 0  # CLONE_NEWNET
    opened.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
thread = threading.Thread(target=unshare)
thread.start()
thread.join()
IFLA_IFNAME, IFLA_NET_NS_PID = 3, 19
payload = IFINFOMSG.pack(0, 0, 0, 0, 0) + push_string(IFLA_IFNAME, b"v0a")
payload += push_u32(IFLA_NET_NS_PID, guardian.pid)
home = Request("rtnetlink setlink", 19, payload)
guardian.register(Undo.of("v0a back home", NETLINK_ROUTE, home), opened[0])
space.ip("link", "set", "v0a", "netns", f"/proc/{os.getpid()}/fd/{opened[0]}")
"""


def test_move(space: Namespace) -> None:
    """A port in an anonymous namespace comes home to the guardian's, before that one ends."""
    with Owner(space, MOVE + WAIT_FOR_DEATH, within=True) as owner:
        assert "v0a" not in space.ip("-o", "link", "show")
        owner.kill()
        owner.wait_for_guardian()

        assert "v0a" in space.ip("-o", "link", "show")


DYING = """
import sys
from xdpconform.probes.safety import undo
words = (sys.executable, "-I", "-S", "tests/safety/dying.py", "%(step)s", undo.__file__)
guardian = Guardian([os.path.abspath(word) if word.startswith("tests") else word for word in words])
guardian.register(mtu(index, 1500), netns)
space.ip("link", "set", "v0a", "mtu", "1400")
ready()
sys.stdin.read(1)
try:
    guardian.register(mtu(space.index("v1a"), 1500), netns)
except Exception as error:
    print(error, flush=True)
    %(then)s
"""


@pytest.mark.parametrize("then", ["guardian.close()", "os.kill(os.getpid(), signal.SIGKILL)"])
@pytest.mark.parametrize("step", ["received", "written", "renamed", "recorded"])
def test_killed_while_it_registers(space: Namespace, folder: Path, step: str, then: str) -> None:
    """At whatever step the guardian dies, what was changed before comes back, once and whole."""
    with Owner(space, DYING % {"step": step, "then": then}) as owner:
        assert owner.process.stdin is not None
        assert owner.process.stdout is not None
        owner.process.stdin.write(b"1")
        owner.process.stdin.flush()
        told = owner.process.stdout.readline().decode()
        owner.process.wait()
        owner.wait_for_guardian()
        closed = then == "guardian.close()"
        assert closed == (mtu_of(space) == 1500)
        notes = recover()

    assert told.startswith(f"the guardian (pid {owner.guardian}) ")
    back = [f"put back: mtu of link {space.index(name)} back to 1500" for name in ("v1a", "v0a")]
    known = {"received": back[1:], "written": back[1:], "renamed": back, "recorded": back}
    assert ([] if closed else known[step]) == list(notes)
    assert (1500, 1500, []) == (mtu_of(space), mtu_of(space, "v1a"), list(folder.iterdir()))


KILLED_PARENT = """
import socket
guardian = Guardian()
ready()
sys.stdin.read(1)
send = socket.send_fds
def dying(*words):
    if "%(step)s" == "sent":
        send(*words)
    os.kill(os.getpid(), signal.SIGKILL)
socket.send_fds = dying
guardian.register(mtu(index, 1500), netns)
"""


@pytest.mark.parametrize("step", ["unsent", "sent"])
def test_parent_killed_while_it_registers(space: Namespace, folder: Path, step: str) -> None:
    """A parent that dies before it is told has changed nothing, and nothing is left behind."""
    with Owner(space, KILLED_PARENT % {"step": step}) as owner:
        assert owner.process.stdin is not None
        owner.process.stdin.write(b"1")
        owner.process.stdin.flush()
        owner.process.wait()
        owner.wait_for_guardian()

    assert (1500, []) == (mtu_of(space), list(folder.iterdir()))


def test_both_killed(space: Namespace, folder: Path) -> None:
    """After SIGKILL of both the next start puts everything back, and says so."""
    with Owner(space, KEEP_AND_CHANGE + WAIT_FOR_DEATH) as owner:
        owner.kill_guardian()
        owner.kill()
        assert 1400 == mtu_of(space)
        notes = recover()

    assert (f"put back: mtu of link {space.index('v0a')} back to 1500",) == notes
    assert (1500, []) == (mtu_of(space), list(folder.iterdir()))
    assert () == recover()


def test_journal_is_as_its_structs(space: Namespace, netns: int) -> None:
    """What the guardian pieces together is what msgspec would write."""
    with Guardian() as guardian:
        guardian.register(mtu(space.index("v0a"), 1500), netns)
        guardian.register(mtu(space.index("v1a"), 1500), netns)
        path = Path(guardian.journal)

        assert path.read_bytes() == msgspec.json.encode(read(str(path))) + b"\n"
        assert 0o600 == path.stat().st_mode & 0o777
