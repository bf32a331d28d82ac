# SPDX-License-Identifier: MIT
"""From what guests told to results: of those that came to their end, and of those that broke."""

from __future__ import annotations

import msgspec
import pytest

from labs.virtual.guest.told import Ended, Event, File, Line, Nics, Over, Plan, Stage
from labs.virtual.story import FILES, Story, Told
from tests.labs.made import file, line, plan, result, results, starts
from xdpconform.errors import InputError
from xdpconform.lab import requirements
from xdpconform.outputs.results import encode

ALL = sorted(requirements())


def whole(nic: str) -> list[Event]:
    """Every line of a NIC."""
    return [event for name in ALL for event in (starts(nic, name), line(nic, name))]


def told(story: Story) -> dict[str, Told]:
    """What a story ends with, by NIC."""
    return {one.name: one for one in story.told()}


def take(story: Story, *events: Event) -> None:
    """Let a story take events."""
    for event in events:
        story.take(event)


def test_whole() -> None:
    """A run that came to its end is what it wrote itself, and its recording is every NIC's."""
    story = Story(["igb", "veth"], "claims")
    written = results("igb", "veth")
    take(
        story,
        plan("igb", "veth"),
        *whole("igb"),
        *whole("veth"),
        file("igb", "recording.rec.json", b"{}"),
        file("igb", "results.json", encode(written)),
        file("veth", "veth-7.3-idle.rec.json", b"veth"),
        Ended(["igb", "veth"], 10, "the last\n"),
        Over(),
    )
    found = told(story)

    assert ["igb", "veth"] == list(found)
    for number, name in enumerate(found):
        one = found[name].results
        assert one is not None
        assert [written.nics[number]] == one.nics
        assert "" == found[name].problem
        assert b"the last\n" == found[name].files["pytest.txt"]
        assert b"{}" == found[name].files["recording.rec.json"]
    assert b"veth" == found["veth"].files["veth-7.3-idle.rec.json"]
    assert story.over


def test_broken() -> None:
    """A guest that breaks costs the line that it broke in: what was before stands, and no more."""
    story = Story(["igb", "veth", "tap"], "claims")
    take(
        story,
        plan("igb", "veth", "tap"),
        *whole("igb"),
        starts("veth", ALL[0]),
        line("veth", ALL[0]),
        starts("veth", ALL[1]),
    )
    story.broke("it ended before it was done: Kernel panic - not syncing: sysrq")
    found = told(story)

    assert ["igb", "veth"] == list(found)
    igb, veth = found["igb"].results, found["veth"].results
    assert igb is not None
    assert veth is not None
    assert ("CONFORMS", []) == (igb.nics[0].verdict, igb.nics[0].missing)
    assert ("INCOMPLETE", ALL[2:]) == (veth.nics[0].verdict, veth.nics[0].missing)
    assert [(ALL[0], "pass"), (ALL[1], "error")] == [
        (one.requirement, one.outcome) for one in veth.nics[0].results
    ]
    reason = (
        "the guest broke while this was tried:"
        " it ended before it was done: Kernel panic - not syncing: sysrq"
    )
    assert reason == veth.nics[0].results[1].reason
    assert f"{ALL[1]}: {reason}" == found["veth"].problem


def test_broken_in_two_lines() -> None:
    """Of two lines that were tried when a guest broke nobody knows which it was: none is told."""
    story = Story(["igb", "veth"], "claims")
    take(
        story,
        plan("igb"),
        plan("veth"),
        starts("igb", ALL[0]),
        line("igb", ALL[0]),
        starts("veth", ALL[0]),
        starts("igb", ALL[1]),
    )
    running = story.running()
    story.broke("it ended before it was done")

    assert f"veth {ALL[0]}, igb {ALL[1]}" == running
    assert ({}, True) == (told(story), story.together)


def test_side_by_side() -> None:
    """Runs at the same time are told one among the other, each with its recording and its end."""
    story = Story(["igb", "veth"], "claims")
    take(
        story,
        plan("igb"),
        plan("veth"),
        starts("igb", ALL[0]),
        *whole("veth"),
        file("veth", "recording.rec.json", b"veth"),
        Ended(["veth"], 0, "veth ends"),
        Ended(["igb"], -9, "igb ends"),
        Over(),
    )
    found = told(story)

    assert ("", b"veth", b"veth ends") == (
        found["veth"].problem,
        found["veth"].files["recording.rec.json"],
        found["veth"].files["pytest.txt"],
    )
    assert f"{ALL[0]}: the run was killed by signal 9 while this was tried" == found["igb"].problem
    assert "recording.rec.json" not in found["igb"].files


def test_broken_after_a_fail() -> None:
    """What failed before the guest broke still fails the NIC."""
    story = Story(["igb"], "claims")
    take(story, plan("igb"), line("igb", ALL[0], "fail"), starts("igb", ALL[1]))
    story.broke("it said nothing for 1 s")

    assert "FAILS" == told(story)["igb"].verdict


def test_broken_between() -> None:
    """A guest that breaks between two lines leaves its NIC to the next guest."""
    story = Story(["igb"], "claims")
    take(story, plan("igb"), starts("igb", ALL[0]), line("igb", ALL[0]))
    story.broke("it ended before it was done")

    assert {} == told(story)


def test_broken_early() -> None:
    """A guest that breaks before its run has nothing to tell."""
    story = Story(["igb"], "claims")
    take(story, Stage("makes its NICs"), Nics({}))
    story.broke("it ended before it was done")

    assert {} == told(story)
    assert "makes its NICs" == story.running()


def test_killed() -> None:
    """A run that the kernel killed is explained by the console, and the NICs behind it wait."""
    story = Story(["igb", "veth"], "claims", lambda: "Out of memory: Killed process 77")
    take(story, plan("igb", "veth"), starts("igb", ALL[0]), Ended(["igb", "veth"], -9), Over())
    found = told(story)

    assert ["igb"] == list(found)
    assert (
        f"{ALL[0]}: the run was killed by signal 9 while this was tried:"
        " Out of memory: Killed process 77"
    ) == found["igb"].problem


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (-9, "the run was killed by signal 9 while this was tried"),
        (3, "the run ended with 3 while this was tried"),
    ],
)
def test_run_ended(status: int, reason: str) -> None:
    """A run that ends without its results is an error in the line that it was at."""
    story = Story(["igb"], "claims")
    take(story, plan("igb"), starts("igb", ALL[0]), Ended(["igb"], status))
    found = told(story)["igb"]

    assert f"{ALL[0]}: {reason}" == found.problem
    assert found.results is not None
    assert [("error", reason)] == [
        (one.outcome, one.reason) for one in found.results.nics[0].results
    ]


def test_no_run() -> None:
    """A pytest that never came to its lines is told by its last words."""
    story = Story(["igb"], "claims")
    take(story, Ended(["igb"], 4, "...\nERROR: no interface 'igb'\n"))

    assert ("pytest ended with 4: ERROR: no interface 'igb'", None) == told(story)["igb"][2:0:-1]


def test_not_made() -> None:
    """A NIC that the guest could not make has no results, and says why."""
    story = Story(["gre", "igb"], "claims")
    take(story, Nics({"gre": "gre cannot be made: \x1b[2J"}))

    assert [("gre", "gre cannot be made: \\x1b[2J", "INCOMPLETE")] == [
        (one.name, one.problem, one.verdict) for one in story.told()
    ]


def test_testbed() -> None:
    """The NIC of a testbed is the lab's, whatever its number."""
    story = Story(["tap"], "claims")
    take(story, plan("tap0"), *whole("tap0"), Ended(["tap"], 0))

    assert "CONFORMS" == told(story)["tap"].verdict


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (plan("eth7"), "the guest told of a NIC that it has not: 'eth7'"),
        (line("../x", ALL[0]), "the guest told of a NIC that it has not: '../x'"),
        (Line("igb", "{}"), "what the guest told is no line of a run: Object missing required"),
        (Plan("{"), "what the guest told: not results.json of this version: Input data was"),
        (file("igb", "../../etc/x", b""), "no name for a file: '../../etc/x'"),
        (file("igb", ".hidden", b""), "no name for a file: '.hidden'"),
        (file("eth7", "x.json", b""), "a file of no NIC, or too many: x.json"),
        (File("igb", "x.json", "?"), "x.json: Only base64 data is allowed"),
        (file("igb", "results.json", b"{}"), "what the guest told: not results.json of this"),
    ],
)
def test_lies(event: Event, said: str) -> None:
    """What a guest tells is not believed: other NICs, paths, and what is no result."""
    story = Story(["igb"], "claims")
    story.take(plan("igb"))
    with pytest.raises(InputError) as caught:
        story.take(event)

    assert str(caught.value).startswith(said)


def test_too_many_files() -> None:
    """A guest cannot fill the disk with files."""
    story = Story(["igb"], "claims")
    take(story, *(file("igb", f"{number}.json", b"") for number in range(FILES)))
    with pytest.raises(InputError, match=r"^a file of no NIC, or too many: more\.json$"):
        story.take(file("igb", "more.json", b""))


def test_errors_are_kept_apart() -> None:
    """A line as a guest tells it is one of results.json, unknown fields refused."""
    text = msgspec.json.encode(result(ALL[0])).decode().replace('"param"', '"parm"')
    story = Story(["igb"], "claims")
    story.take(plan("igb"))
    with pytest.raises(InputError, match="unknown field `parm`"):
        story.take(Line("igb", text))
