# SPDX-License-Identifier: MIT
"""`profile draft --recording`: a profile that certifies a NIC which is not here."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.bpf import native_program
from tests.namespaces import private_namespace
from xdpconform.mock import DrvInfo, MockKernel, MockNic, parse
from xdpconform.outputs.record import record
from xdpconform.probes.lifecycle import Lifecycle, read_answer
from xdpconform.profiles.load import load
from xdpconform.snapshot import NO_FAMILY
from xdpconform.sources import Kernel
from xdpconform.sources.recording import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from xdpconform.nic import Answer
    from xdpconform.sources.recording import Recording

    Run = Callable[..., tuple[int, str, str]]

ERROR = 2
LIVE = ["v0a", "v0b", "tap0", "br0", "lo"]
MOCKS = [
    "virtio_net",
    "virtio_net@6.12+attached",
    "ice@6.12",
    "idpf@7.3+attached",
    "mlx5_core@6.18",
    "ena:too-few",
    "bnxt_en",
    "vmxnet3@7.3+attached",
    "st_gmac",
    "bonding:plain",
    "netkit:pair",
    "no-xdp",
]
"""Hardware that is not here, and virtual NICs on other kernels."""


@cache
def lifecycle() -> Answer:
    """What a listener saw, watched once for all tests."""
    with Lifecycle() as child:
        return child.answer()


def recorded(mock: MockKernel) -> Recording:
    """The recording of a mock's NICs."""
    return record(mock, mock.ifaces, lambda: read_answer(mock.notifications()))


@pytest.fixture(scope="module")
def live() -> Iterator[dict[str, Recording]]:
    """Recordings of real NICs by name; of v0b with a native program attached."""
    with private_namespace() as made:
        made.pairs(1)
        made.ip("link", "set", "v0a", "up")
        made.ip("link", "set", "v0b", "up")
        made.ip("tuntap", "add", "dev", "tap0", "mode", "tap")
        made.ip("link", "add", "br0", "type", "bridge")
        with native_program(made.path, made.index("v0b")):
            yield {name: record(Kernel(made.name), [name], lifecycle) for name in LIVE}


def certifies(run: Run, recording: Recording, folder: Path) -> dict[str, Any]:
    """Draft from a recording, check the draft, judge the recording by it; gives the judgement."""
    path, profile = folder / "one.rec.json", folder / "draft.toml"
    path.write_bytes(encode(recording))
    status, text, said = run("profile", "draft", "--recording", path)
    assert (0, "") == (status, said)
    profile.write_text(text)
    assert (0, f"{profile}: good\n", "") == run("profile", "check", profile)
    _status, out, said = run("judge", path, f"--profile={profile}", "--json")
    assert "" == said
    found: dict[str, Any] = json.loads(out)
    assert load(profile).digest == found["profile"]["digest"]
    return found


def unsettled(found: dict[str, Any]) -> set[str]:
    """The requirements that do not hold, or could not be tested."""
    bad = {"fail", "blocked", "error"}
    return {line["requirement"] for line in found["results"] if line["outcome"] in bad}


@pytest.mark.parametrize("name", LIVE)
def test_certifies_live(name: str, live: dict[str, Recording], run: Run, tmp_path: Path) -> None:
    """A draft from the recording of a real NIC passes our check and certifies that NIC."""
    found = certifies(run, live[name], tmp_path)

    assert set() == unsettled(found)
    assert "CONFORMS" == found["verdict"]
    assert ["attached" if name == "v0b" else "idle"] == list(found["capabilities"])


@pytest.mark.parametrize("word", MOCKS)
def test_certifies_mock(word: str, run: Run, tmp_path: Path) -> None:
    """So does a draft from the recording of each kind of hardware, as a mock has it."""
    (mock,) = parse([word])

    found = certifies(run, recorded(mock), tmp_path)

    assert set() == unsettled(found)
    assert "CONFORMS" == found["verdict"]


def test_certifies_old(run: Run, tmp_path: Path) -> None:
    """On a kernel that tells no segments and no queues, all that can be judged is certified."""
    (mock,) = parse(["ice@6.3"])

    found = certifies(run, recorded(mock), tmp_path)

    assert {"XDP-QUEUE-01", "XDP-QUEUE-02", "XDP-QUEUE-03"} == unsettled(found)
    assert "INCOMPLETE" == found["verdict"]


def test_same_as_live(run: Run, tmp_path: Path) -> None:
    """From a recording the same is drafted as from the kernel when it was recorded."""
    path = tmp_path / "lo.rec.json"
    path.write_bytes(encode(record(Kernel(), ["lo"], lifecycle)))

    drafted = run("profile", "draft", "lo", f"--recording={path}")

    assert run("profile", "draft", "lo") == drafted
    assert 'driver = ["loopback"]' in drafted[1]


SEVERAL = MockKernel(
    [
        MockNic(1, "lo", link_type="loopback"),
        MockNic(2, "eth0", alt_names=("uplink",), drvinfo=DrvInfo("e1000e")),
        MockNic(3, "eth1\x1b[2J"),
    ],
    ifaces=["eth0", "eth1\x1b[2J"],
)
"""Two NICs, one with a name that would clear the terminal, and one that only stands beside."""


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """The recording of several NICs."""
    path = tmp_path / "several.rec.json"
    path.write_bytes(encode(recorded(SEVERAL)))
    return path


@pytest.mark.parametrize("word", ["eth0", "uplink", "2", "*0"])
def test_named(word: str, several: Path, run: Run) -> None:
    """Of several NICs one is named, by name, alternative name, number or glob."""
    status, out, said = run("profile", "draft", "--recording", several, word, "--json")

    assert (0, "") == (status, said)
    assert ["e1000e"] == json.loads(out)["driver"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "{path} holds 2 NICs, draft takes one of them: eth0, eth1\\x1b[2J"),
        (["eth*"], "in {path} eth* names 2 NICs, draft takes one of them: eth0, eth1\\x1b[2J"),
        (["all"], "in {path} all names 2 NICs, draft takes one of them: eth0, eth1\\x1b[2J"),
        (["eth9"], "no NIC 'eth9' in {path}; it holds: eth0, eth1\\x1b[2J"),
        (["lo"], "no NIC 'lo' in {path}; it holds: eth0, eth1\\x1b[2J"),
        (["0"], "ifindex 0: it is 1 to 2147483647"),
        (
            ["eth0", "--netns=here"],
            "--netns says where a live NIC is, --recording that none is asked: leave one out",
        ),
    ],
)
def test_not_one(words: list[str], expected: str, several: Path, run: Run) -> None:
    """Where not one NIC is meant, it is said which there are."""
    done = run("profile", "draft", "--recording", several, *words)

    assert (ERROR, "", f"xdpconform: {expected.format(path=several)}\n") == done


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ice@6.1", f"eth0: {NO_FAMILY}"),
        (
            "ice+unknown-feature-bit",
            "eth0 claims bit-40, which has no name here: a newer xdpconform may know it",
        ),
        (
            "ice+unknown-metadata-bit",
            "eth0 claims bit-63, which has no name here: a newer xdpconform may know it",
        ),
    ],
)
def test_unknown_claims(word: str, expected: str, run: Run, tmp_path: Path) -> None:
    """Nothing is drafted where the claims are not known, or have no name."""
    path = tmp_path / "one.rec.json"
    (mock,) = parse([word])
    path.write_bytes(encode(recorded(mock)))

    done = run("profile", "draft", "--recording", path)

    assert (ERROR, "", f"xdpconform: {expected}\n") == done


def test_no_recording(run: Run, tmp_path: Path) -> None:
    """A file that is no recording, or none at all, is told."""
    nowhere, other = tmp_path / "nowhere", tmp_path / "other"
    other.write_text("{}")

    assert (
        ERROR,
        "",
        f"xdpconform: {nowhere}: cannot be read: No such file or directory\n",
    ) == run("profile", "draft", "--recording", nowhere)
    status, out, said = run("profile", "draft", "--recording", other)
    assert (ERROR, "") == (status, out)
    assert said.startswith(
        f"xdpconform: {other}: not a recording of format xdpconform-recording-1: "
    )


def test_hostile_field(run: Run, tmp_path: Path) -> None:
    """What a refused file has in it reaches the terminal with escapes."""
    path = tmp_path / "x"
    path.write_text('{"schema": "xdpconform-recording-1", "\\u001b[2J": 1}')

    status, out, said = run("profile", "draft", "--recording", path)

    assert (ERROR, "") == (status, out)
    assert said.endswith("Object contains unknown field `\\x1b[2J`\n")


def test_neither(run: Run) -> None:
    """Without a NIC and without a recording, both ways are named."""
    assert (
        ERROR,
        "",
        "xdpconform: name a NIC, such as eth0, or a recording with --recording FILE\n",
    ) == run("profile", "draft")
