# SPDX-License-Identifier: MIT
"""The lab's command line: what it says, and its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.virtual import lab as lab_module
from labs.virtual.command import main
from labs.virtual.nics import NICS
from labs.virtual.packages import Kernel, Packages, Tools
from labs.virtual.story import Told
from tests.labs.made import result, results
from xdpconform.lab import requirements
from xdpconform.outputs.results import Results

ALL = sorted(requirements())


@pytest.fixture(autouse=True)
def nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that has everything."""
    kernel = Kernel("7.3", "7.3.4", Path(), Path())
    tools = Tools(Path(), Path(), Path())
    monkeypatch.setattr(Packages, "all", lambda *_words, **_more: ([kernel], tools))
    monkeypatch.setattr(Packages, "built", lambda *_words: None)
    monkeypatch.setattr(lab_module.image, "base", lambda _busybox: b"")


def judged(name: str, outcome: str) -> Told:
    """A NIC with one outcome in all of its lines."""
    import msgspec

    empty = results(name)
    verdict = {"pass": "CONFORMS", "fail": "FAILS"}.get(outcome, "INCOMPLETE")
    nic = msgspec.structs.replace(
        empty.nics[0], results=[result(one, outcome) for one in ALL], missing=[], verdict=verdict
    )
    whole: Results = msgspec.structs.replace(empty, nics=[nic])
    return Told(name, whole, "", {})


ABSENT = Told("netdevsim", None, "7.3.4 has no module netdevsim", {}, absent=True)
GONE = Told("igb", None, "the guest said nothing for 1 s (it boots)", {})


@pytest.mark.parametrize(
    ("found", "words", "expected"),
    [
        ([judged("igb", "pass")], [], (0, "igb@7.3 CONFORMS (unknown driver, 7.3.4, no profile)")),
        ([judged("igb", "pass"), judged("tap", "fail")], [], (1, "tap@7.3 FAILS")),
        ([judged("igb", "blocked"), judged("tap", "fail")], [], (1, "igb@7.3 INCOMPLETE")),
        ([judged("igb", "error")], [], (10, "igb@7.3 INCOMPLETE")),
        ([judged("igb", "pass"), ABSENT], [], (0, "netdevsim@7.3 absent: 7.3.4 has no module")),
        ([ABSENT], ["--nic", "netdevsim"], (10, "netdevsim@7.3 absent: 7.3.4 has no module")),
        ([GONE], [], (10, "igb@7.3 INCOMPLETE: the guest said nothing for 1 s (it boots)")),
    ],
    ids=["pass", "fail", "worst", "error", "absent", "named", "gone"],
)
def test_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: list[Told],
    words: list[str],
    expected: tuple[int, str],
) -> None:
    """The exit status is that of the worst verdict; what a kernel has not counts if named."""
    monkeypatch.setattr(lab_module.Lab, "run", lambda _self, _kernel: found)

    status, said = expected

    assert status == main(words)
    assert said in capsys.readouterr().out


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """The NICs there are can be read."""
    assert main(["--list"]) == 0
    assert list(NICS) == capsys.readouterr().out.split()


def test_unknown_nic(capsys: pytest.CaptureFixture[str]) -> None:
    """A NIC that is not there ends it before anything is fetched, as a usage error."""
    assert main(["--nic", "eth0"]) == 4
    assert capsys.readouterr().err.startswith("error: no NIC 'eth0' in the lab; there are: igb")


@pytest.mark.parametrize("words", [["--silence", "0"], ["--deadline", "x"], ["--level", "stress"]])
def test_wrong_words(words: list[str]) -> None:
    """What cannot be meant is refused by the parser."""
    with pytest.raises(SystemExit) as caught:
        main(words)

    assert caught.value.code == 2


def test_fetch_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--fetch boots nothing."""
    monkeypatch.setattr(lab_module.Lab, "run", lambda *_: pytest.fail("a guest was booted"))

    assert main(["--fetch"]) == 0
    assert capsys.readouterr().out == "7.3 7.3.4\n"
