# SPDX-License-Identifier: MIT

"""Entering network namespaces on a thread of their own, and finding them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests import namespaces
from tests.namespaces import Namespace, private_namespace
from xdpconform.errors import SourceError
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.sources import netns
from xdpconform.sources.kernel import Kernel
from xdpconform.sources.netns import namespace_path, run_in

ROOT = Path(__file__).parents[2]


def own() -> tuple[str, str]:
    """The network and mount namespace of the calling thread."""
    return os.readlink("/proc/thread-self/ns/net"), os.readlink("/proc/thread-self/ns/mnt")


def interfaces() -> list[str]:
    """The interfaces that the calling thread's /sys shows."""
    return sorted(os.listdir("/sys/class/net"))


@pytest.mark.usefixtures("no_descriptor_left")
def test_run_in(namespace: Namespace) -> None:
    """The function runs in the namespace, with a /sys of it, and the caller stays where it was."""
    namespace.ip("link", "add", "xdpc-seen", "type", "veth", "peer", "name", "xdpc-peer")
    before = own()
    seen, inside = run_in(namespace.path, lambda: (interfaces(), own()))

    assert ["lo", "xdpc-peer", "xdpc-seen"] == seen
    assert before == own()
    assert "xdpc-seen" not in interfaces()
    assert f"net:[{os.stat(namespace.path).st_ino}]" == inside[0]
    assert before[1] != inside[1]


def test_error_inside(namespace: Namespace) -> None:
    """What the function raises reaches the caller, who stays where it was."""
    before = own()
    with pytest.raises(ZeroDivisionError):
        run_in(namespace.path, lambda: 1 / 0)

    assert before == own()


def test_two_at_once() -> None:
    """Two threads in two namespaces at the same time see each their own."""
    barrier = threading.Barrier(2, timeout=20)
    found: dict[str, str] = {}

    def inside() -> str:
        barrier.wait()
        return own()[0]

    def call(namespace: Namespace) -> None:
        before = own()
        found[namespace.name] = run_in(namespace.path, inside)
        assert before == own()

    with private_namespace() as one, private_namespace() as other:
        expected = {made.name: f"net:[{os.stat(made.path).st_ino}]" for made in (one, other)}
        threads = [threading.Thread(target=call, args=(made,)) for made in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert expected == found


def test_no_thread_left(namespace: Namespace) -> None:
    """The thread that entered the namespace ends with the call."""
    before = threading.active_count()
    run_in(namespace.path, own)

    assert before == threading.active_count()


@pytest.mark.usefixtures("no_descriptor_left")
def test_path_that_is_no_namespace(tmp_path: Path) -> None:
    """A file that is no namespace cannot be entered, and the error names the file."""
    file = tmp_path / "file"
    file.touch()
    before = own()
    with pytest.raises(SourceError) as caught:
        run_in(str(file), own)

    assert str(caught.value).startswith(f"cannot enter the network namespace {file}: setns: ")
    assert before == own()


def test_path_that_is_gone(tmp_path: Path) -> None:
    """A file that is not there cannot be opened, and the error says why."""
    expected = f"cannot open the network namespace {tmp_path}/none: No such file or directory"

    with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
        run_in(f"{tmp_path}/none", own)


def test_path_by_name_and_by_path(namespace: Namespace) -> None:
    """A name stands below /run/netns, and a path for itself."""
    assert namespace.path == namespace_path(namespace.name)
    assert namespace.path == namespace_path(namespace.path)
    assert "/proc/self/ns/net" == namespace_path("/proc/self/ns/net")


def test_missing_namespace(namespace: Namespace) -> None:
    """The error for a name that does not exist lists the names there are."""
    with pytest.raises(SourceError) as caught:
        namespace_path("no-such")
    expected = (
        r"names below /run/netns are: (?P<names>.*); a path such as /proc/1234/ns/net will do"
    )
    found = re.search(expected, str(caught.value))

    assert str(caught.value).startswith("no network namespace 'no-such': ")
    assert found is not None
    assert namespace.name in found["names"].split(", ")


@pytest.mark.parametrize(
    ("names", "expected"), [(["b", "a"], "a, b"), ([], "none"), (None, "none")]
)
def test_missing_namespace_text(
    names: list[str] | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names are listed in order, and their absence is said."""
    folder = tmp_path / "netns"
    monkeypatch.setattr(netns, "RUN_NETNS", str(folder))
    if names is not None:
        folder.mkdir()
        for name in names:
            (folder / name).touch()

    with pytest.raises(SourceError) as caught:
        namespace_path("c")
    assert (
        f"no network namespace 'c': names below {folder} are: {expected}; a path such as"
        " /proc/1234/ns/net will do as well"
    ) == str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "a\0b", "/proc/self/ns", "\udcff"])
def test_names_that_cannot_be(name: str) -> None:
    """A name that no namespace can have is refused with a text that can be printed."""
    with pytest.raises(SourceError) as caught:
        namespace_path(name)

    assert str(caught.value).encode()


CHILD = """
import ctypes, os
from xdpconform.errors import SourceError
from xdpconform.netlink import genl, netdev
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel
from xdpconform.sources import netns
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    {code}
except SourceError as error:
    print(error)
"""


def as_nobody(code: str) -> str:
    """What a child prints that gave up its privileges."""
    if os.geteuid() != 0:
        pytest.skip("giving up privileges needs root")
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(code=code)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    return done.stdout.strip()


def test_namespace_without_permission(namespace: Namespace) -> None:
    """Without the privilege the error names the namespace, the call that failed and the need."""
    expected = (
        f"cannot enter the network namespace {namespace.path}: setns: Operation not permitted;"
        " it needs root (CAP_SYS_ADMIN)"
    )

    assert expected == as_nobody(f"Kernel({namespace.name!r})")


def test_path_without_permission() -> None:
    """A namespace file that may not be looked at is not said to be missing."""
    found = as_nobody("Kernel('/proc/1/ns/net')")

    assert "ermission" in found or "not permitted" in found


def test_reading_needs_no_privilege() -> None:
    """Nobody may ask for the family and dump the devices."""
    code = (
        "client = Client(Kernel().open(16)); "
        "(message,) = client.ask(genl.getfamily('netdev')); "
        "dump = client.ask(netdev.dev_get_dump(genl.pull_family(message))); "
        "print(1 in [netdev.pull_device(one).ifindex for one in dump])"
    )

    assert "True" == as_nobody(code)


def test_socket_stays(namespace: Namespace) -> None:
    """A socket opened inside stays in its namespace, also when it is opened anew."""
    inode = os.stat(namespace.path).st_ino
    with Kernel(namespace.name) as kernel:
        channel = kernel.open(NETLINK_GENERIC)
        for _ in range(2):
            # SIOCGSKNS, include/uapi/linux/sockios.h: the socket's namespace
            import fcntl

            descriptor = fcntl.ioctl(channel.fileno(), 0x894C)
            try:
                assert inode == os.fstat(descriptor).st_ino
            finally:
                os.close(descriptor)
            channel.reset()


def test_leftovers_removed() -> None:
    """A namespace whose process was killed is removed by the next run, and no other is."""
    if namespaces.unavailable():
        pytest.skip(namespaces.unavailable())
    code = (
        "import sys, time\n"
        "from tests.namespaces import private_namespace\n"
        "with private_namespace() as made:\n"
        "    print(made.name, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with (
        private_namespace() as kept,
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
    ):
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert name in namespaces.names()
        child.send_signal(signal.SIGKILL)
        child.wait()
        removed = namespaces.sweep()

        assert name in removed
        assert kept.name not in removed
        assert name not in namespaces.names()
        assert kept.name in namespaces.names()


def test_removed_after_a_failure() -> None:
    """A namespace is removed although the test that used it failed."""
    made = []
    with contextlib.suppress(ZeroDivisionError), private_namespace() as namespace:
        made.append(namespace.name)
        raise ZeroDivisionError

    assert 1 == len(made)
    assert made[0] not in namespaces.names()
