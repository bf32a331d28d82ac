# SPDX-License-Identifier: MIT
"""The command as a person meets it: a process, its output, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.links import set_gro
from tests.namespaces import Namespace, private_namespace
from tests.plugin.runs import ROOT
from xdpconform import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ERROR = 2
QUICK = ("-p", "xdpconform.plugin", "-p", "no:hypothesispytest", "-p", "no:xdist")
"""For runs: the plugin where the package is not installed, and none that loads slowly."""


def xdpconform(*words: str | bytes, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | more.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "xdpconform", *words],
        env=environment,
        stdout=more.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=60,
        check=False,
        **more,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What a refused command says: one sentence, no traceback, exit status 2."""
    assert "Traceback" not in done.stderr
    assert ERROR == done.returncode, done.stdout + done.stderr
    return done.stderr.strip()


@pytest.fixture(scope="module")
def hall() -> Iterator[Namespace]:
    """A namespace with a pair of which one end may claim ndo-xmit, and a name from abroad."""
    with private_namespace() as made:
        made.pairs(1)
        made.batch("link set v0a up", "link set v0b up")
        set_gro(made.name, "v0b", on=True)
        made.ip("link", "add", "n\u00e9", "type", "bridge")
        yield made


def test_table(hall: Namespace) -> None:
    """`show` prints a line a NIC."""
    done = xdpconform("show", "v0a", "--netns", hall.name)

    assert (0, "") == (done.returncode, done.stderr)
    head, line = done.stdout.splitlines()
    assert [
        "NIC",
        "DRIVER",
        "STATE",
        "XDP-FEATURES",
        "ZERO-COPY",
        "ZC-MAX-SEGS",
        "RX-METADATA",
        "XSK-FEATURES",
        "QUEUES",
    ] == head.split()
    columns = [line[head.index(name) :].split("  ")[0] for name in head.split()]
    assert columns == [
        "v0a",
        "veth",
        "idle",
        "basic redirect ndo-xmit rx-sg ndo-xmit-sg",
        "unavailable",
        "absent",
        "timestamp hash vlan-tag",
        "none",
        columns[-1],
    ]
    assert columns[-1].startswith("rx ")


def test_json(hall: Namespace) -> None:
    """`show --json` has netdev.yaml's names, and every NIC of the namespace."""
    done = xdpconform("show", "--json", "--netns", hall.path)

    found = {nic["ifname"]: nic for nic in json.loads(done.stdout)}
    assert 0 == done.returncode
    assert {"lo", "v0a", "v0b", "n\u00e9"} == set(found)
    nic = found["v0a"]
    queues = nic.pop("queues")
    assert {"rx", "tx", "combined", "rx-max", "tx-max", "combined-max"} == set(queues)
    assert {
        "ifname": "v0a",
        "ifindex": hall.index("v0a"),
        "driver": "veth",
        "kernel": os.uname().release,
        "state": "idle",
        "xdp-features": ["basic", "redirect", "ndo-xmit", "rx-sg", "ndo-xmit-sg"],
        "xdp-zc-max-segs": None,
        "xdp-rx-metadata-features": ["timestamp", "hash", "vlan-tag"],
        "xsk-features": [],
        "zero-copy": "unavailable",
    } == nic


def test_same_words(hall: Namespace, tmp_path: Path) -> None:
    """`show --json` and results.json say the same of a NIC, in the same words."""
    path = tmp_path / "results.json"
    words = ["--netns", hall.name, "--iface=v0a", f"--xdp-results={path}", "-p", "no:html", "-q"]

    run = xdpconform("run", *words, *QUICK, cwd=tmp_path)
    shown = json.loads(xdpconform("show", "v0a", "--json", "--netns", hall.name).stdout)[0]

    assert 0 == run.returncode, run.stdout + run.stderr
    nic = json.loads(path.read_text())["nics"][0]
    claims = nic["capabilities"][shown["state"]]
    assert {} == claims.pop("unknown")
    assert claims == {name: shown[name] for name in claims}
    for name in ("ifname", "ifindex", "driver", "kernel"):
        assert nic["identity"][name] == shown[name]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["show", "eth9"], "xdpconform: no interface 'eth9' here; there are: "),
        (["show", ""], "xdpconform: an empty interface name: type one, such as --iface eth0"),
        (["show", "0"], "xdpconform: ifindex 0: it is 1 to 2147483647"),
        (["show", b"\xff\xfe"], "xdpconform: no interface "),
        (["show", "--netns", "nowhere"], "xdpconform: no network namespace 'nowhere': names below"),
        (["profile", "draft", "eth9"], "xdpconform: no interface 'eth9' here; there are: "),
        (["profile", "draft", "*"], "xdpconform: * names "),
        (
            ["profile", "show", "vet"],
            "xdpconform: no shipped profile 'vet'; did you mean 'veth'?",
        ),
        (
            ["profile", "show", "./nowhere.toml"],
            "xdpconform: nowhere.toml: cannot be read: No such file or directory",
        ),
        (["profile"], "usage: xdpconform profile [-h] WHAT ..."),
        (["frobnicate"], "usage: xdpconform [-h] [--version] VERB ..."),
        ([], "usage: xdpconform [-h] [--version] VERB ..."),
        (["show", "--colour"], "usage: xdpconform [-h] [--version] VERB ..."),
    ],
)
def test_refused(words: list[str | bytes], expected: str) -> None:
    """What cannot be right is refused in a sentence, with what to type."""
    assert refused(xdpconform(*words)).startswith(expected)


def test_version() -> None:
    """--version names the package's version."""
    assert f"xdpconform {__version__}\n" == xdpconform("--version").stdout


def test_profile_list() -> None:
    """`profile list` names profiles, drivers and variants; in JSON with path and digest."""
    done = xdpconform("profile", "list")
    found = {one["name"]: one for one in json.loads(xdpconform("profile", "list", "--json").stdout)}

    assert 0 == done.returncode
    lines = done.stdout.splitlines()
    assert "veth           veth" in lines
    assert ["variants:", "TAP", "TUN"] == lines[lines.index("tun            tun") + 1].split()
    assert {"name", "title", "driver", "variants", "path", "digest"} == set(found["tun"])
    assert ["TAP", "TUN"] == found["tun"]["variants"]
    assert found["tun"]["digest"].startswith("sha256:")


def test_profile_show() -> None:
    """`profile show` prints the file, or as JSON what it says."""
    path = ROOT / "xdpconform" / "profiles" / "veth.toml"

    assert path.read_text() == xdpconform("profile", "show", "veth").stdout
    found = json.loads(xdpconform("profile", "show", str(path), "--json").stdout)
    assert ("veth", ["veth"], 1) == (found["name"], found["driver"], found["schema"])


GOOD = 'schema = 1\nname = "mine"\ndriver = ["mine"]\n'


def test_profile_check(tmp_path: Path) -> None:
    """`profile check` names good files and every problem of the others; 1 if there is one."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(GOOD)
    bad.write_text(GOOD + '\n[[claim]]\nflags = ["basik"]\nwhen = { peer-gor = true }\n')
    empty = tmp_path / "empty"
    empty.mkdir()

    fine = xdpconform("profile", "check", str(good))
    done = xdpconform("profile", "check", str(tmp_path), str(empty), str(tmp_path / "none.toml"))
    told = xdpconform("profile", "check", "--json", str(bad))

    assert (0, f"{good}: good\n") == (fine.returncode, fine.stdout)
    assert 1 == done.returncode
    lines = done.stdout.splitlines()
    assert f"{good}: good" == lines[0]
    assert lines[1].startswith(f"{bad}: line 6: claim[0].flags[0]: Invalid enum value 'basik'")
    assert [
        f"{empty}: no *.toml file in this folder",
        f"{tmp_path}/none.toml: cannot be read: No such file or directory",
    ] == lines[-2:]
    assert 1 == told.returncode
    report = json.loads(told.stdout)
    assert [] == report["good"]
    assert report["problems"][0].startswith(f"{bad}: line 6: ")


def test_profile_draft(hall: Namespace, tmp_path: Path) -> None:
    """`profile draft` prints a profile that passes our check and certifies the NIC as it is."""
    words = ["profile", "draft", "v0a", "--netns", hall.name]
    done = xdpconform(*words)
    found = json.loads(xdpconform(*words, "--json").stdout)
    path = tmp_path / "draft.toml"
    path.write_text(done.stdout)

    run = xdpconform(
        *("run", *QUICK, "--netns", hall.name, "--iface=v0a"),
        *(f"--profile={path}", "-p", "no:html", f"--xdp-results={tmp_path}/r.json"),
        cwd=tmp_path,
    )

    assert 0 == done.returncode
    assert ("veth", ["veth"]) == (found["name"], found["driver"])
    assert 0 == run.returncode, run.stdout
    assert (
        f"{path}"
        == json.loads(xdpconform("profile", "check", "--json", str(path)).stdout)["good"][0]["path"]
    )


def test_run(hall: Namespace, tmp_path: Path) -> None:
    """`run` is pytest with our suites, wherever one stands; reports go to reports/ there."""
    words = [*QUICK, "--netns", hall.name, "--iface=v0a", "-k", "test_queues"]

    done = xdpconform("run", *words, cwd=tmp_path)

    assert 10 == done.returncode, done.stdout + done.stderr
    assert "v0a INCOMPLETE (veth, " in done.stdout
    assert {".json", ".html"} == {path.suffix for path in (tmp_path / "reports").iterdir()}
    assert {"reports"} == {path.name for path in tmp_path.iterdir()}


def test_run_help(tmp_path: Path) -> None:
    """Every word after `run` is pytest's, --help too."""
    done = xdpconform("run", *QUICK, "--help", cwd=tmp_path)

    assert 0 == done.returncode
    assert "--allow-incomplete" in done.stdout


@pytest.mark.parametrize(
    "words", [["show"], ["show", "--json"], ["profile", "list"], ["profile", "show", "veth"]]
)
def test_closed_output(words: list[str]) -> None:
    """A reader that goes away, a full disk and a closed output make no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    gone = xdpconform(*words, stdout=writer)
    os.close(writer)
    with open("/dev/full", "w", encoding="ascii") as full:
        disk = xdpconform(*words, stdout=full)
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "xdpconform", *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )

    assert (ERROR, "") == (gone.returncode, gone.stderr)
    assert (ERROR, "xdpconform: output: No space left on device\n") == (
        disk.returncode,
        disk.stderr,
    )
    assert (0, "") == (closed.returncode, closed.stderr)


@pytest.mark.parametrize("name", ["n\u00e9", "all"])
@pytest.mark.parametrize(
    "more", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}], ids=["terminal", "files-too"]
)
def test_poor_terminal(hall: Namespace, name: str, more: dict[str, str]) -> None:
    """A terminal that knows ASCII only gets escapes."""
    poor = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}

    done = xdpconform("show", name, "--netns", hall.name, env=poor | more)

    assert (0, "") == (done.returncode, done.stderr)
    assert ["n\\xe9", "bridge", "idle"] in [line.split()[:3] for line in done.stdout.splitlines()]
