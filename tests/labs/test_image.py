# SPDX-License-Identifier: MIT
"""The image of a guest: an archive that a kernel unpacks, and what is in it."""

from __future__ import annotations

import importlib.util
import marshal
import os
import re
import stat
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from labs.virtual import image, python_files
from labs.virtual.cpio import Archive
from labs.virtual.guest.told import Job
from labs.virtual.modules import Module, Tree
from labs.virtual.nics import (
    COMMON,
    LIMIT,
    NICS,
    choose,
    devices,
    mac,
)
from labs.virtual.python_files import PROJECT, SITE, files, unchecked
from xdpconform.errors import InputError
from xdpconform.interfaces import safe_id

STARTS = """
import sys
import sysconfig
sys.path[:0] = sys.argv[1:3]
import pytest
sys.exit(pytest.main(["--iface", "lo", "-q", "--co", "-p", "no:cacheprovider"]))
"""


class Entry(NamedTuple):
    """An entry of an archive."""

    mode: int
    data: bytes
    device: tuple[int, int]


def entries(data: bytes) -> dict[str, Entry]:
    """Every entry by its path, as init/initramfs.c reads them, over several archives."""
    found: dict[str, Entry] = {}
    offset = 0
    while offset < len(data):
        assert data[offset : offset + 6] == b"070701"
        fields = [int(data[offset + 6 + 8 * n : offset + 14 + 8 * n], 16) for n in range(13)]
        mode, size, names = fields[1], fields[6], fields[11]
        name = data[offset + 110 : offset + 110 + names - 1].decode()
        assert data[offset + 110 + names - 1] == 0
        start = (offset + 110 + names + 3) & ~3
        content = data[start : start + size]
        assert len(content) == size
        offset = (start + size + 3) & ~3
        if name != "TRAILER!!!":
            assert stat.S_ISDIR(mode) or name not in found
            assert os.path.dirname(name) in {"", *found}, f"{name} before its folder"
            found[name] = Entry(mode, content, (fields[9], fields[10]))
    return found


def test_archive() -> None:
    """Files, links and devices are there with their modes, each after its folder."""
    archive = Archive()
    archive.file("/a/b/c", b"hello", executable=True)
    archive.file("a/b/c", b"another")
    archive.file("a/b/plain", b"")
    archive.link("bin/sh", "busybox")
    archive.device("dev/console", 5, 1)
    found = entries(archive.finish())

    assert ["a", "a/b", "a/b/c", "a/b/plain", "bin", "bin/sh", "dev", "dev/console"] == list(found)
    assert Entry(stat.S_IFREG | 0o755, b"hello", (0, 0)) == found["a/b/c"]
    assert Entry(stat.S_IFREG | 0o644, b"", (0, 0)) == found["a/b/plain"]
    assert Entry(stat.S_IFLNK | 0o777, b"busybox", (0, 0)) == found["bin/sh"]
    assert Entry(stat.S_IFCHR | 0o600, b"", (5, 1)) == found["dev/console"]
    assert "a/b" in archive
    assert "a/x" not in archive


def test_image(tmp_path: Path) -> None:
    """A guest has what its first process calls, and the project as it is."""
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"box")
    job = Job([0], ["igb"], "claims", record=True, words=[])
    found = entries(image.base(busybox) + image.own([Module("a", b"A"), Module("b", b"B")], job))
    root = Path(__file__).parents[2]

    assert b"a\nb\n" == found["lab/modules/order"].data
    assert b"A" == found["lab/modules/a.ko"].data
    assert b"box" == found["bin/busybox"].data
    assert [] == re.findall(rb"^[^#\n]*@[A-Z]+@", found["init"].data, re.MULTILINE)
    for name in ("xdpconform/plugin.py", "suites/test_features.py", "conftest.py"):
        assert (root / name).read_bytes() == found[f"{PROJECT}/{name}".strip("/")].data
    assert f"{SITE}/pytest/__init__.pyc".strip("/") in found
    assert not [name for name in found if "/scapy/" in name or "/hypothesis/" in name]


def test_runs_from_the_image(tmp_path: Path) -> None:
    """With no other file than the image's, pytest comes as far as the suites."""
    for file in files():
        if file.path.startswith("/lab/"):
            path = tmp_path / file.path.strip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c",
         STARTS,
         f"{tmp_path}{SITE}", f"{tmp_path}{PROJECT}"],
        cwd=f"{tmp_path}{PROJECT}", capture_output=True, text=True, check=False, timeout=120,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": os.environ["PATH"]},
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "suites/test_features.py::test_profile[lo]" in done.stdout


def test_byte_code(tmp_path: Path) -> None:
    """Byte code in the image is taken whatever the time of its source, and is the source's own."""
    source = tmp_path / "x.py"
    source.write_text("ANSWER = 42\n", encoding="utf-8")
    code = unchecked(source, "/lab/x.py")

    assert importlib.util.MAGIC_NUMBER == code[:4]
    assert 0b01 == int.from_bytes(code[4:8], "little")
    assert "/lab/x.py" == marshal.loads(code[16:]).co_filename


def test_stale_byte_code(tmp_path: Path) -> None:
    """Byte code that is older than its source is made anew."""
    source = tmp_path / "x.py"
    source.write_text("ANSWER = 42\n", encoding="utf-8")
    import py_compile

    py_compile.compile(str(source))
    source.write_text("ANSWER = 4711\n", encoding="utf-8")

    assert 4711 in marshal.loads(unchecked(source, str(source))[16:]).co_consts


def test_names() -> None:
    """Each name is an interface's as well, with its peer's letter, and a folder's."""
    assert [] == [name for name in NICS if len(name) > LIMIT or safe_id(name) != name]
    assert {*NICS} == {nic.name for nic in NICS.values()}


def test_addresses() -> None:
    """No two ports have one address, and none is a maker's own or a group's."""
    found = [mac(number, peer=peer) for number in range(len(NICS)) for peer in (False, True)]

    assert len(found) == len({*found})
    assert {0b10} == {int(one[:2], 16) & 0b11 for one in found}


def test_choose() -> None:
    """Words are names, also several with commas; each counts once, and none means all."""
    assert ["veth", "igb"] == [nic.name for nic in choose(["veth,igb", "veth"])]
    assert list(NICS.values()) == choose([])


def test_choose_unknown() -> None:
    """A NIC that is not there is named, with those that are."""
    with pytest.raises(InputError) as caught:
        choose(["eth0"])

    assert f"no NIC 'eth0' in the lab; there are: {', '.join(NICS)}" == str(caught.value)


def test_devices() -> None:
    """A NIC alone has a wire of its own."""
    alone = devices(choose(["igb", "e1000", "veth"]), wired=False)

    assert [
        "-netdev", "hubport,id=n0p0,hubid=0",
        "-device", "pcie-root-port,id=r0p0,chassis=1",
        "-device", "igb,bus=r0p0,netdev=n0p0,mac=02:58:44:50:00:00,romfile=",
        "-netdev", "hubport,id=n1p0,hubid=1",
        "-device", "e1000,bus=pcie.0,netdev=n1p0,mac=02:58:44:50:01:00,romfile=",
    ] == alone  # fmt: skip


SAME = f"{sysconfig.get_config_var('SOABI')}\n{importlib.util.MAGIC_NUMBER.hex()}"
RUNNING = Path(sys.executable).resolve()


@pytest.mark.parametrize(
    ("says", "chosen"),
    [
        (f"echo '/lib/it {SAME}'", "own"),
        (f"echo '/lib/it other-{SAME}'", "running"),
        (f"echo '/lib/it {SAME}0'", "running"),
        ("echo 'No module named ctypes' >&2; exit 1", "running"),
        ("", "running"),
        (None, "running"),
    ],
)
def test_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str | None, chosen: str
) -> None:
    """The system's own Python goes in if it is whole and takes the same packages and code."""
    own = tmp_path / "python"
    if says is not None:
        own.write_text(f"#!/bin/sh\n{says}\n")
        own.chmod(0o755)
    monkeypatch.setattr(python_files, "OWN", str(own))
    found = python_files.interpreter.__wrapped__()

    assert {"own": own, "running": RUNNING}[chosen] == found.program
    assert (found.library == Path("/lib/it")) is (chosen == "own")


def test_room_for_all() -> None:
    """All NICs with all their peers fit in one guest: a bus has 32 places, and QEMU takes some."""
    words = devices(choose([]), wired=True)
    places = Counter(
        found[1] for word in words if (found := re.match(r"[^=]*,(?:.*,)?bus=([^,]*)", word))
    )
    made = {"pcie.0", *re.findall(r",id=([^,]*)", " ".join(words))}

    assert {"pcie.0", "peers"} < set(places) <= made
    assert all(count <= 24 for count in places.values())


def test_taps() -> None:
    """What needs the host's offloads or several queues has a tap, and its peer has a plain one."""
    words = devices(choose(["igb,virtio_mq"]), wired=True)

    assert [
        "tap,id=n1p0,ifname=lab1,script=no,downscript=no,queues=4",
        "tap,id=n1p1,ifname=plab1,script=no,downscript=no",
    ] == [word for word in words if word.startswith(("tap", "hubport,id=n1"))]


def test_split(tmp_path: Path) -> None:
    """A NIC whose driver the kernel has not is told apart, with what it lacks."""
    (tmp_path / "kernel").mkdir()
    builtin = [*COMMON, "igb"]
    text = "".join(f"kernel/{name}.ko\n" for name in builtin)
    (tmp_path / "modules.builtin").write_text(text, encoding="utf-8")
    tree = Tree(tmp_path)
    can, cannot = image.split(tree, choose(["igb", "netdevsim"]))

    assert ["igb"] == [nic.name for nic in can]
    told = f"{tmp_path.name} has no module netdevsim: --nic netdevsim builds it"
    assert {"netdevsim": told} == cannot
    assert [] == image.modules(tree, can)
