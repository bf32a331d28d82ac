# SPDX-License-Identifier: MIT
"""`diff`: what changed between two files, and nothing else."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpconform.lab import judge, requirements, specification, take_stored
from xdpconform.mock import Age, Channels, Claims, DrvInfo, MockKernel, MockNic, parse
from xdpconform.outputs import results
from xdpconform.outputs.diff import compare, to_dict, to_text
from xdpconform.outputs.diff_change import CHANGED, Change
from xdpconform.outputs.diff_sides import Side, read
from xdpconform.outputs.record import record
from xdpconform.probes.lifecycle import read_answer
from xdpconform.profiles import Shelf
from xdpconform.profiles.load import SHIPPED, decode
from xdpconform.sources import recording
from xdpconform.sources.recording import encode
from xdpconform.sources.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from xdpconform.outputs.results import NicResults
    from xdpconform.sources.recording import Recording

    Run = Callable[..., tuple[int, str, str]]

ERROR = 2
SHELF = Shelf()


def recorded(mock: MockKernel) -> Recording:
    """The recording of a mock's NICs."""
    return record(mock, mock.ifaces, lambda: read_answer(mock.notifications()))


def results_of(one: Recording, name: str = "x") -> bytes:
    """results.json of a recording, all of its lines judged."""
    subjects = take_stored(Replay(one, name), "recording", SHELF)
    lines = {
        subject.nic.id: [
            results.Result(
                **results.result(line.requirement, specification()[line.requirement].title, finding)
            )
            for line, finding in judge(subject, date(2026, 12, 1))
        ]
        for subject in subjects
    }
    started = "2026-12-01T10:00:00+00:00"
    built = results.build(subjects, lines, started=started, level="claims", required=requirements())
    return results.encode(built)


NIC = MockNic(
    2,
    "eth0",
    Claims.named(["basic", "redirect", "xsk-zerocopy", "hash"], 1),
    channels=Channels(combined=2, combined_max=4),
    drvinfo=DrvInfo("drv", "1.0", "fw 1", "0000:01:00.0"),
)
OTHER = NIC._replace(ifindex=3, name="eth1")


def changed(claims: Sequence[str], segments: int | None = 1) -> MockNic:
    """The NIC with other claims."""
    return NIC._replace(claims=Claims.named(claims, segments))


def file_of(path: Path, *nics: MockNic, age: str = "7.3") -> Path:
    """The recording of NICs, as a file."""
    path.write_bytes(encode(recorded(MockKernel(nics, Age.of(age)))))
    return path


@pytest.mark.parametrize(
    ("nic", "age", "expected"),
    [
        (NIC._replace(ifindex=9), "7.3", []),
        (NIC._replace(name="enp1s0"), "7.3", ["  ifname: eth0 -> enp1s0"]),
        (NIC._replace(mtu=9000), "7.3", ["  mtu: 1500 -> 9000"]),
        (NIC._replace(kind="veth"), "7.3", ["  kind: unknown -> veth"]),
        (
            NIC._replace(drvinfo=DrvInfo("other", "2.0", "fw 2", "")),
            "7.3",
            [
                "  driver: drv -> other",
                "  driver-version: 1.0 -> 2.0",
                "  firmware: fw 1 -> fw 2",
                "  bus-info: 0000:01:00.0 -> unknown",
            ],
        ),
        (NIC._replace(xdp="native"), "7.3", ["  state: idle -> attached"]),
        (
            changed(["basic", "redirect", "xsk-zerocopy", "rx-sg", "timestamp", "tx-checksum"]),
            "7.3",
            [
                "+ xdp-features: rx-sg",
                "- xdp-rx-metadata-features: hash",
                "+ xdp-rx-metadata-features: timestamp",
                "+ xsk-features: tx-checksum",
            ],
        ),
        (
            NIC._replace(claims=NIC.claims._replace(xdp=NIC.claims.xdp | 1 << 9)),
            "7.3",
            ["+ xdp-features: bit-9"],
        ),
        (
            changed(["basic", "redirect", "xsk-zerocopy", "hash"], 0),
            "7.3",
            ["  xdp-zc-max-segs: 1 -> 0"],
        ),
        (
            changed(["basic", "redirect", "hash"], None),
            "7.3",
            ["- xdp-features: xsk-zerocopy", "  xdp-zc-max-segs: 1 -> absent"],
        ),
        (
            NIC._replace(channels=Channels(combined=4, combined_max=4), rx_queues=4),
            "7.3",
            ["  queues combined: 2 -> 4", "  queues counted-rx: 1 -> 4"],
        ),
        (
            NIC._replace(channels=None),
            "7.3",
            ["  queues combined: 2 -> unknown", "  queues combined-max: 4 -> unknown"],
        ),
        (
            NIC,
            "6.3",
            [
                "  kernel: {new} -> {old}",
                "  xdp-rx-metadata-features: present -> absent",
                "- xdp-rx-metadata-features: hash",
                "  xsk-features: present -> absent",
                "  xdp-zc-max-segs: 1 -> absent",
            ],
        ),
        (NIC, "6.1", ["  kernel: {new} -> {older}", "  state: idle -> unknown"]),
    ],
    ids=[
        *("ifindex", "ifname", "mtu", "kind", "identity", "state", "claims", "unnamed-bit"),
        *("segments-0", "segments-absent", "queues", "queues-unknown", "old-kernel", "no-family"),
    ],
)
def test_nic(nic: MockNic, age: str, expected: list[str], run: Run, tmp_path: Path) -> None:
    """Each thing that differs is a line, and nothing else is."""
    old, new = file_of(tmp_path / "a", NIC), file_of(tmp_path / "b", nic, age=age)
    releases = {name: Age.of(n).release for name, n in
                (("new", "7.3"), ("old", "6.3"), ("older", "6.1"))}  # fmt: skip
    lines = [line.format(**releases) for line in expected]
    head = [f"--- recording {old}", f"+++ recording {new}", "eth0"]

    status, out, said = run("diff", old, new)

    assert ("", (lines and [*head, *lines]) or ["no difference"]) == (said, out.splitlines())
    assert bool(lines) == status


def test_swapped(run: Run, tmp_path: Path) -> None:
    """The other way round, what was added is dropped."""
    old, new = file_of(tmp_path / "a", NIC), file_of(tmp_path / "b", changed(["basic"], None))
    there = set(run("diff", old, new)[1].splitlines()[2:])
    back = set(run("diff", new, old)[1].splitlines()[2:])

    assert {
        "eth0",
        "+ xdp-features: redirect",
        "+ xdp-features: xsk-zerocopy",
        "  xdp-zc-max-segs: absent -> 1",
        "+ xdp-rx-metadata-features: hash",
    } == back
    assert {
        "eth0",
        "- xdp-features: redirect",
        "- xdp-features: xsk-zerocopy",
        "  xdp-zc-max-segs: 1 -> absent",
        "- xdp-rx-metadata-features: hash",
    } == there


def test_several(run: Run, tmp_path: Path) -> None:
    """NICs are paired by name; those that only one file has are named."""
    third = OTHER._replace(ifindex=4, name="eth2")
    old = file_of(tmp_path / "a", NIC, OTHER)
    new = file_of(tmp_path / "b", third, NIC._replace(mtu=1400))

    status, out, _said = run("diff", old, new)

    assert 1 == status
    assert [
        "eth0",
        "  mtu: 1500 -> 1400",
        "eth1",
        "- NIC: eth1",
        "eth2",
        "+ NIC: eth2",
    ] == out.splitlines()[2:]


def test_json(run: Run, tmp_path: Path) -> None:
    """As JSON: both files, and each change with the NIC, what it is, the old and new value."""
    nic = changed(["basic", "redirect", "hash"], None)
    old, new = file_of(tmp_path / "a", NIC), file_of(tmp_path / "b", nic)

    status, out, said = run("diff", "--json", old, new)
    same, nothing, _said = run("diff", "--json", old, old)

    assert (1, "") == (status, said)
    about = {"nic": "eth0", "variant": None, "part": "claims", "class": None, "why": None}
    assert {
        "kind": "nics",
        "a": {"path": str(old), "kind": "recording"},
        "b": {"path": str(new), "kind": "recording"},
        "regressions": None,
        "improvements": None,
        "changes": [
            {
                **about,
                "what": "xdp-features",
                "change": "dropped",
                "old": "xsk-zerocopy",
                "new": None,
            },
            {**about, "what": "xdp-zc-max-segs", "change": "changed", "old": 1, "new": None},
        ],
    } == json.loads(out)
    assert (0, []) == (same, json.loads(nothing)["changes"])


def judged(path: Path, word: str) -> tuple[Path, dict[str, Any]]:
    """results.json of a mock, as a file and as a table to change."""
    (mock,) = parse([word])
    data = results_of(recorded(mock))
    path.write_bytes(data)
    return path, json.loads(data)


def test_results(run: Run, tmp_path: Path) -> None:
    """Of results, verdict, profile and each outcome are compared too; evidence and texts not."""
    old, table = judged(tmp_path / "a", "virtio_net")
    other = deepcopy(table)
    nic = other["nics"][0]
    lines = {f"{line['requirement']}[{line['param']}]": line for line in nic["results"]}
    nic["verdict"] = "FAILS"
    nic["profile"] = None
    lines["XDP-FEAT-02[idle]"] |= {"outcome": "fail", "kind": "over-claim", "reason": "so"}
    lines["XDP-PROTO-01[]"] |= {"reason": "another", "evidence": {"a": [1]}}
    nic["results"].remove(lines["XDP-PROTO-10[]"])
    nic["results"].append(lines["XDP-PROTO-10[]"] | {"requirement": "XDP-NEW-01", "param": "row"})
    new = tmp_path / "b"
    new.write_text(json.dumps(other))
    digest = table["nics"][0]["profile"]["digest"]

    status, out, said = run("diff", old, new)

    assert (1, "") == (status, said)
    assert [
        f"--- results.json {old}",
        f"+++ results.json {new}",
        "eth0",
        f"  profile: virtio_net {digest} -> none",
        "  verdict: CONFORMS -> FAILS [regression]",
        "  XDP-FEAT-02[idle]: pass -> fail (over-claim) [regression]: so",
        "+ XDP-NEW-01[row]: pass [improvement]",
        "- XDP-PROTO-10: pass [regression]",
        "3 regressions, 1 improvement, 1 other change",
    ] == out.splitlines()


def test_mixed(run: Run, tmp_path: Path) -> None:
    """A recording and the results of it do not differ; of other results, in what both hold."""
    (mock,) = parse(["ice"])
    (older,) = parse(["ice@6.12"])
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(encode(recorded(mock)))
    other.write_bytes(results_of(recorded(mock)))
    assert (0, "no difference\n", "") == run("diff", one, other)

    other.write_bytes(results_of(recorded(older)))
    status, out, _said = run("diff", one, other)

    assert 1 == status
    assert [f"--- recording {one}", f"+++ results.json {other}", "eth0"] == out.splitlines()[:3]
    assert f"  kernel: {mock.release()} -> {older.release()}" in out.splitlines()
    assert "XDP-" not in out
    assert "verdict" not in out


def test_same_name(run: Run, tmp_path: Path) -> None:
    """NICs of one name from several hosts are paired by id."""
    path, table = judged(tmp_path / "a", "virtio_net")
    nic = table["nics"][0]
    one, two = nic | {"id": "h1:eth0"}, nic | {"id": "h2:eth0"}
    path.write_text(json.dumps(table | {"nics": [one, two]}))
    other = tmp_path / "b"
    other.write_text(json.dumps(table | {"nics": [two | {"verdict": "INCOMPLETE"}, one]}))

    status, out, _said = run("diff", path, other)

    assert 1 == status
    assert [
        "eth0 (h2:eth0)",
        "  verdict: CONFORMS -> INCOMPLETE [regression]",
        "1 regression, 0 improvements, 0 other changes",
    ] == out.splitlines()[2:]


def test_states(run: Run, tmp_path: Path) -> None:
    """Where a file has a NIC in both states, each is compared with itself."""
    path, table = judged(tmp_path / "a", "virtio_net")
    nic = table["nics"][0]
    idle = nic["capabilities"]["idle"]
    more = idle | {"xdp-features": [*idle["xdp-features"], "ndo-xmit"], "unknown": {"9": "00ff"}}
    nic["capabilities"] = {"attached": idle, "idle": idle}
    path.write_text(json.dumps(table))
    other = tmp_path / "b"
    nic["capabilities"] = {"attached": more, "idle": idle}
    other.write_text(json.dumps(table))
    alone = tmp_path / "c"
    nic["capabilities"] = {"attached": idle}
    alone.write_text(json.dumps(table))

    assert [
        "+ xdp-features attached: ndo-xmit [improvement]",
        "+ unknown attribute attached: 9 = 00ff",
        "0 regressions, 1 improvement, 1 other change",
    ] == run("diff", path, other)[1].splitlines()[3:]
    assert [
        "  state: idle, attached -> attached",
        "0 regressions, 0 improvements, 1 other change",
    ] == run("diff", path, alone)[1].splitlines()[3:]


PROFILE = """\
schema = 1
name = "mine"
driver = ["mine"]
"""
CLAIM = '[[claim]]\nflags = ["xsk-zerocopy"]\n'
ZC = CLAIM + "[[zc-max-segs]]\n"
WAIVER = """\
[[waiver]]
requirement = "XDP-FEAT-01"
reason = "a bug"
link = "https://example.org/1"
until = 2026-12-31
"""
TWO = '[[variant]]\nname = "a"\n[[variant]]\nname = "b"\nassume = "b it is"\n'
SWAPPED = '[[variant]]\nname = "b"\nassume = "b it is"\n[[variant]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", 'title = "t"\nnote = "n"\nsource = "net/x.c"\n', []),
        (CLAIM, CLAIM + 'basis = "seen"\nsource = "net/x.c:1"\nnote = "n"\n', []),
        ("", CLAIM, ["+ xsk-zerocopy: required"]),
        (CLAIM, "", ["- xsk-zerocopy: required"]),
        (
            CLAIM,
            CLAIM + 'added = "6.12"\nremoved = "7.0"\n',
            ["  xsk-zerocopy: required -> required, from 6.12, removed in 7.0"],
        ),
        (CLAIM, CLAIM + 'need = "forbidden"\n', ["  xsk-zerocopy: required -> forbidden"]),
        (
            CLAIM,
            CLAIM + 'states = ["idle"]\nneed = "optional"\nreleases = ["*.el9*"]\n',
            ["  xsk-zerocopy: required -> optional, also on *.el9*, only idle"],
        ),
        (
            CLAIM,
            CLAIM + 'when = { bus = "pci", peer-gro = true, kind = ["veth", "tun"] }\n',
            [
                ("  xsk-zerocopy: required -> required,"
                " when bus = pci and kind = veth or tun and peer-gro = true")
            ],
        ),
        (
            CLAIM,
            CLAIM + 'when = { bus = "pci" }\nundecided = "optional"\n',
            [
                ("  xsk-zerocopy: required -> required, when bus = pci,"
                " optional where that is not known")
            ],
        ),
        (
            CLAIM,
            f'{CLAIM}when = {{ bus = "a" }}\n{CLAIM}when = {{ bus = "b" }}\n',
            [
                "- xsk-zerocopy: required",
                "+ xsk-zerocopy: required, when bus = a",
                "+ xsk-zerocopy: required, when bus = b",
            ],
        ),
        (ZC + "exactly = 1\n", ZC + "exactly = 8\n", ["  zc-max-segs: exactly 1 -> exactly 8"]),
        (
            ZC + "exactly = 1\n",
            ZC + 'at-least = 2\nat-most = 9\nadded = "6.6"\n',
            ["  zc-max-segs: exactly 1 -> at least 2, at most 9, from 6.6"],
        ),
        (CLAIM, ZC + "exactly = 8\n", ["+ zc-max-segs: exactly 8"]),
        (
            ZC + "exactly = 1\n[[zc-max-segs]]\nexactly = 2\n",
            ZC + "exactly = 2\n[[zc-max-segs]]\nexactly = 1\n",
            ["  order of zc-max-segs: exactly 1; exactly 2 -> exactly 2; exactly 1"],
        ),
        (
            "",
            WAIVER,
            [
                "+ waiver of XDP-FEAT-01: until 2026-12-31: a bug (https://example.org/1)",
            ],
        ),
        (
            WAIVER,
            WAIVER.replace("12-31", "11-30") + 'release = "6.*"\n',
            [
                ("  waiver of XDP-FEAT-01: until 2026-12-31: a bug (https://example.org/1)"
                " -> until 2026-11-30, on 6.*: a bug (https://example.org/1)")
            ],
        ),
        (
            TWO,
            TWO + WAIVER + 'variant = "a"\nparam = "idle"\n',
            [
                ("+ waiver of XDP-FEAT-01[idle]: until 2026-12-31, variant a: a bug"
                " (https://example.org/1)")
            ],
        ),
        ("", 'when = { bus = "pci" }\n', ["+ when: bus = pci"]),
        (TWO, SWAPPED, ["  order of variants: a, b -> b, a"]),
        (
            TWO.replace("b it is", "so"),
            TWO + 'computed = { all-of = "ports", without = ["rx-sg"] }\n',
            [
                "variant b",
                "  assume: so -> b it is",
                "  computed: nothing -> what all ports claim, without rx-sg",
            ],
        ),
        (
            "",
            ('[[variant]]\nname = "c"\nwhen = { bus = "pci" }\n'
            '[[variant.claim]]\nflags = ["basic", "hash"]\n'),
            [
                "variant c",
                "+ variant: c",
                "+ when: bus = pci",
                "+ basic: required",
                "+ hash: required",
            ],
        ),
        (TWO, '[[variant]]\nname = "a"\n', [
            "variant b", "- variant: b", "  assume: b it is -> nothing",
        ]),
    ],
)  # fmt: skip
def test_profile(old: str, new: str, expected: list[str], run: Run, tmp_path: Path) -> None:
    """Each rule that differs is a line in words; where it stands and what is noted is not."""
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_text(PROFILE + old)
    other.write_text(PROFILE + new)
    head = [f"--- profile {one}", f"+++ profile {other}"]
    if expected and not expected[0].startswith("variant"):
        head.append("profile")

    status, out, said = run("diff", one, other)

    assert ("", (expected and [*head, *expected]) or ["no difference"]) == (said, out.splitlines())
    assert bool(expected) == status


def test_profile_names(run: Run, tmp_path: Path) -> None:
    """Profiles of other names and drivers are compared all the same."""
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_text(PROFILE)
    other.write_text(PROFILE.replace("mine", "yours"))

    assert [
        "profile",
        "  name: mine -> yours",
        "- driver: mine",
        "+ driver: yours",
    ] == run("diff", one, other)[1].splitlines()[2:]


def test_profile_extends(run: Run, tmp_path: Path) -> None:
    """A profile that extends a shipped one is compared with all that it takes from there."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'schema = 1\nname = "veth"\ndriver = ["veth"]\nextends = "veth"\n'
        '[[claim]]\nflags = ["tx-checksum"]\nneed = "optional"\n'
    )

    status, out, _said = run("diff", SHIPPED / "veth.toml", path)

    assert (1, ["profile", "+ tx-checksum: optional"]) == (status, out.splitlines()[2:])


def test_profile_json(run: Run, tmp_path: Path) -> None:
    """As JSON a change of a profile names the variant in place of a NIC."""
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_text(PROFILE + TWO)
    other.write_text(PROFILE + CLAIM + TWO.replace("b it is", "so"))

    about = {"nic": None, "part": "rules", "class": None, "why": None}
    found = json.loads(run("diff", one, other, "--json")[1])

    assert {
        "kind": "profiles",
        "a": {"path": str(one), "kind": "profile"},
        "b": {"path": str(other), "kind": "profile"},
        "regressions": None,
        "improvements": None,
        "changes": [
            {
                **about,
                "variant": None,
                "what": "xsk-zerocopy",
                "change": "added",
                "old": None,
                "new": "required",
            },
            {
                **about,
                "variant": "b",
                "what": "assume",
                "change": "changed",
                "old": "b it is",
                "new": "so",
            },
        ],
    } == found


@pytest.mark.parametrize(
    ("name", "other"), [(a, b) for a in ("veth", "tun", "virtio_net") for b in ("veth", "tun")]
)
def test_shipped(name: str, other: str, run: Run) -> None:
    """Shipped profiles differ unless they are one."""
    status, _out, said = run("diff", SHIPPED / f"{name}.toml", SHIPPED / f"{other}.toml")

    assert (int(name != other), "") == (status, said)


EXPECTED = (
    "neither a recording, results.json nor a profile: expected JSON with the schema"
    " xdpconform-recording-1 or xdpconform-results-1, or the TOML of a profile; found "
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", EXPECTED + "nothing: it is empty"),
        (b" \n", EXPECTED + "nothing: it is empty"),
        (b"{}", EXPECTED + "JSON with no schema"),
        (b'{"schema": 1}', EXPECTED + "JSON with the schema 1"),
        (b'{"schema": "x\\u001b[2J"}', EXPECTED + "JSON with the schema 'x\\x1b[2J'"),
        (b'{"schema": ', EXPECTED + "what is not JSON: Input data was truncated"),
        (b"{" * 5000, EXPECTED + "what is not JSON: "),
        (b'{"a": ' + b"[" * 100_000, EXPECTED + "what is not JSON: "),
        (b"hello", EXPECTED + "text that is neither JSON nor TOML: "),
        (b"[1, 2]", EXPECTED + "text that is neither JSON nor TOML: "),
        (b"\x7fELF\xff\0", EXPECTED + "bytes that are not UTF-8 text"),
        (b"a = 1\n", EXPECTED + "TOML without a schema"),
        (b"a" * 300_000, EXPECTED + "300000 bytes that are not JSON, more than a profile has"),
        (b"schema = 2\n", "schema: 1 expected, found 2; this version reads no other"),
        (
            PROFILE.encode() + b'[[claim]]\nflags = ["basik"]\n',
            "line 5: claim[0].flags[0]: Invalid enum value 'basik'; did you mean 'basic'?",
        ),
        (
            b'{"schema": "xdpconform-recording-1"}',
            "not a recording of format xdpconform-recording-1: Object missing required field",
        ),
        (
            b'{"schema": "xdpconform-results-1"}',
            "not results.json of this version: Object missing required field",
        ),
        (
            b'{"schema": "xdpconform-results-1", "\\u001b[2J": 1}',
            "not results.json of this version: Object contains unknown field `\\x1b[2J`",
        ),
    ],
)
def test_none_of_them(data: bytes, expected: str, run: Run, tmp_path: Path) -> None:
    """A file of no known kind is refused: what was expected, and what was found."""
    good, bad = file_of(tmp_path / "good", NIC), tmp_path / "bad"
    bad.write_bytes(data)

    for words in ((good, bad), (bad, good)):
        status, out, said = run("diff", *words)

        assert (ERROR, "") == (status, out)
        assert said.startswith(f"xdpconform: {bad}: {expected}")
        assert 1 == said.count("\n")


def test_broken_recording(run: Run, tmp_path: Path) -> None:
    """A recording that was changed, or whose links lack its NIC, is refused."""
    path = file_of(tmp_path / "a", NIC)
    one = recording.read(path)
    nobody = msgspec.structs.replace(one.nics[0], ifname="eth9\x1b")
    lacking = msgspec.structs.replace(one, nics=[nobody])
    changed_since, nameless = tmp_path / "b", tmp_path / "c"
    changed_since.write_bytes(encode(lacking))
    nameless.write_bytes(encode(recording.sealed(lacking)))

    status, _out, said = run("diff", path, changed_since)
    assert ERROR == status
    assert said.startswith(f"xdpconform: {changed_since}: changed since it was made: ")
    assert (
        ERROR,
        "",
        f"xdpconform: {nameless} is about eth9\\x1b, and its links do not name it\n",
    ) == run("diff", path, nameless)


def test_unreadable(run: Run, tmp_path: Path) -> None:
    """What cannot be read is told as such."""
    good = file_of(tmp_path / "good", NIC)

    assert (
        ERROR,
        "",
        f"xdpconform: {tmp_path}/none: cannot be read: No such file or directory\n",
    ) == run("diff", good, tmp_path / "none")
    assert (ERROR, "", "xdpconform: a\\x00b: cannot be read: embedded null byte\n") == run(
        "diff", good, "a\0b"
    )


def certificate(folder: Path, word: str, **fields: Any) -> Path:
    """A certificate's folder, as far as it is read."""
    folder.mkdir(parents=True)
    path, table = judged(folder / "results.json", word)
    table["nics"][0] |= fields
    path.write_text(json.dumps(table))
    (folder / "certificate.html").write_text("<p>")
    return folder


def test_certificates(run: Run, tmp_path: Path) -> None:
    """A certificate is named by its folder, and compared with another or with results.json."""
    old = certificate(tmp_path / "old", "virtio_net")
    new = certificate(tmp_path / "new", "virtio_net", verdict="FAILS")
    head = [f"--- certificate {old}", f"+++ certificate {new}"]
    rest = [
        "eth0",
        "  verdict: CONFORMS -> FAILS [regression]",
        "1 regression, 0 improvements, 0 other changes",
    ]

    status, out, said = run("diff", old, new)
    file_status, file_out, _said = run("diff", old / "results.json", new)

    assert (1, [*head, *rest], "") == (status, out.splitlines(), said)
    assert (1, [*head, *rest][1:]) == (file_status, file_out.splitlines()[1:])
    assert (0, "no difference\n", "") == run("diff", new, new / "results.json")


def test_folder_of_certificates(run: Run, tmp_path: Path) -> None:
    """A folder of certificates is all their NICs; its level is the weakest of them."""
    for name in ("b", "a"):
        for side in ("old", "new"):
            fields = {
                "id": name,
                "verdict": "FAILS" if (name, side) == ("b", "old") else "CONFORMS",
            }
            certificate(tmp_path / side / name, "virtio_net", **fields)
    (tmp_path / "new" / "index.html").write_text("<p>")
    stronger = tmp_path / "new" / "b" / "results.json"
    stronger.write_text(json.dumps(json.loads(stronger.read_text()) | {"level": "packets"}))

    status, out, said = run("diff", tmp_path / "old", tmp_path / "new")
    found = json.loads(run("diff", tmp_path / "old", tmp_path / "new", "--json")[1])

    assert (0, "") == (status, said)
    assert [
        "eth0 (b)",
        "  verdict: FAILS -> CONFORMS [improvement]",
        "0 regressions, 1 improvement, 0 other changes",
    ] == out.splitlines()[2:]
    assert ("certificate", "certificate", 0, 1) == (
        *(found[side]["kind"] for side in "ab"),
        found["regressions"],
        found["improvements"],
    )
    assert ["improvement"] == [change["class"] for change in found["changes"]]


def test_folder_without(run: Run, tmp_path: Path) -> None:
    """A folder that holds no certificate is told as such; a pipe in it is not waited for."""
    good, bad = certificate(tmp_path / "good", "virtio_net"), tmp_path / "bad"
    (bad / "eth0").mkdir(parents=True)
    os.mkfifo(bad / "results.json")
    os.mkfifo(bad / "eth0" / "results.json")
    (bad / "index.html").write_text("<p>")

    assert (
        ERROR,
        "",
        (
            f"xdpconform: {bad}: a folder without a certificate: expected results.json in it, or"
            " in a folder in it for each NIC; name a certificate's folder, or a file\n"
        ),
    ) == run("diff", good, bad)


def test_folder_broken(run: Run, tmp_path: Path) -> None:
    """What is wrong in a folder is told with the file's name; all of it counts as one file."""
    good = certificate(tmp_path / "good", "virtio_net")
    bad = certificate(tmp_path / "bad" / "eth1", "virtio_net") / "results.json"
    bad.write_text('{"schema": "xdpconform-results-1"}')

    status, out, said = run("diff", good, tmp_path / "bad")

    assert (ERROR, "") == (status, out)
    assert said.startswith(f"xdpconform: {bad}: not results.json of this version: ")


def test_folder_too_large(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a folder together are not larger than one may be."""
    for name in ("a", "b"):
        certificate(tmp_path / "x" / name, "virtio_net")
    size = (tmp_path / "x" / "a" / "results.json").stat().st_size
    monkeypatch.setattr("xdpconform.outputs.diff_sides.SIZE_LIMIT", size + 10)

    assert (
        ERROR,
        "",
        (
            f"xdpconform: {tmp_path}/x: its certificates have more than {size + 10} bytes;"
            " name one of them\n"
        ),
    ) == run("diff", tmp_path / "x", tmp_path / "x")


def test_page(run: Run, tmp_path: Path) -> None:
    """--html writes the page beside the text; where it cannot be written is told."""
    old, new = file_of(tmp_path / "a", NIC), file_of(tmp_path / "b", NIC._replace(mtu=9000))
    path = tmp_path / "new" / "page.html"

    assert run("diff", old, new) == run("diff", old, new, "--html", path)
    assert "<h1>1 difference</h1>" in path.read_text()
    assert (ERROR, "", f"xdpconform: {tmp_path}: cannot be written: Is a directory\n") == run(
        "diff", old, new, "--html", tmp_path
    )


def test_too_large(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file larger than any of ours is not taken in whole."""
    monkeypatch.setattr("xdpconform.outputs.diff_sides.SIZE_LIMIT", 1 << 20)

    assert (
        ERROR,
        "",
        "xdpconform: /dev/zero: larger than 1048576 bytes; no recording or results.json is\n",
    ) == run("diff", "/dev/zero", tmp_path)


def test_no_pair(run: Run, tmp_path: Path) -> None:
    """A profile is not compared with NICs."""
    nic = file_of(tmp_path / "nic", NIC)
    profile = tmp_path / "profile"
    profile.write_text(PROFILE)

    assert (
        ERROR,
        "",
        (
            f"xdpconform: {nic} is a recording and {profile} a profile: a profile is compared with"
            " a profile, a recording, results.json or a certificate with one of those\n"
        ),
    ) == run("diff", nic, profile)


@pytest.mark.parametrize("words", [["diff"], ["diff", "a"], ["diff", "a", "b", "c"]])
def test_two_files(words: list[str], run: Run) -> None:
    """Two files are named, neither less nor more."""
    status, out, said = run(*words)

    assert (ERROR, "") == (status, out)
    assert said.startswith("usage: xdpconform")


def test_pipe(run: Run, tmp_path: Path) -> None:
    """A file may be a pipe, as a shell's <(...) is."""
    reader, writer = os.pipe()
    os.write(writer, PROFILE.encode())
    os.close(writer)
    profile = tmp_path / "p"
    profile.write_text(PROFILE)

    done = run("diff", f"/dev/fd/{reader}", profile)
    os.close(reader)

    assert (0, "no difference\n", "") == done


HOSTILE = "\x1b[2J\n\x9b\u202e"
ESCAPED = "\\x1b[2J\\n\\x9b\\u202e"


def test_hostile_text(run: Run, tmp_path: Path) -> None:
    """Text from a file reaches the terminal with escapes, wherever it stands."""
    path, table = judged(tmp_path / "a", "virtio_net")
    nic = table["nics"][0]
    nic["identity"] |= {"driver": HOSTILE, "ifname": "eth0" + HOSTILE, "queues": {HOSTILE: 1}}
    nic["capabilities"]["idle"]["xdp-features"].append(HOSTILE)
    nic["capabilities"]["idle"]["unknown"] = {HOSTILE: HOSTILE}
    nic["results"][0] |= {"requirement": HOSTILE, "param": HOSTILE}
    nic["profile"] |= {"name": HOSTILE}
    other = tmp_path / "b"
    other.write_text(json.dumps(table))

    out = run("diff", path, other)[1]
    alone = run("diff", other, file_of(tmp_path / "c", NIC, OTHER))[1]

    assert out.replace("\n", "").isprintable()
    assert alone.replace("\n", "").isprintable()
    assert f"+ xdp-features: {ESCAPED} [improvement]" in out.splitlines()
    assert f"- NIC: eth0{ESCAPED}" in alone.splitlines()


def side(mock: MockKernel) -> Side:
    """A mock's recording as one side of a comparison."""
    source = take_stored(mock, "recording", SHELF)
    nics = [results.nic_results(subject, (), frozenset()) for subject in source]
    return Side("x", "recording", nics)


claims = st.builds(
    Claims,
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.none() | st.integers(0, 2**32 - 1),
)
ages = st.sampled_from(["6.1", "6.3", "6.6", "6.12", "7.3"]).map(Age.of)


@given(st.lists(claims, min_size=1, max_size=3), ages)
def test_itself(found: list[Claims], age: Age) -> None:
    """Whatever NICs claim, their recording does not differ from itself."""
    nics = [
        NIC._replace(ifindex=number, name=f"eth{number}", claims=one)
        for number, one in enumerate(found, 1)
    ]
    one = side(MockKernel(nics, age))

    difference = compare(one, side(MockKernel(nics, age)))

    assert [] == difference.changes
    assert "no difference\n" == to_text(difference)
    assert [] == to_dict(difference)["changes"]


def told(change: Change) -> tuple[str, object, object]:
    """A change the other way round."""
    return change.what, change.new, change.old


@given(claims, claims)
def test_symmetric(old: Claims, new: Claims) -> None:
    """The difference is the claims' own, bit by bit, and the other way round the same."""
    one = side(MockKernel([NIC._replace(claims=old)]))
    other = side(MockKernel([NIC._replace(claims=new)]))

    there, back = compare(one, other).changes, compare(other, one).changes

    assert {told(change) for change in back} == {(c.what, c.old, c.new) for c in there}
    bits = [pair[0] ^ pair[1] for pair in zip(old[:3], new[:3], strict=True)]
    flags = [change for change in there if change.sign != CHANGED]
    assert sum(bit.bit_count() for bit in bits) == len(flags)


def test_read_kinds(tmp_path: Path) -> None:
    """What a file is does not follow from its name."""
    one, other, third = (tmp_path / name for name in ("a.toml", "b.rec.json", "c.json"))
    file_of(one, NIC)
    other.write_bytes(results_of(recorded(MockKernel([NIC]))))
    third.write_text("\n" + PROFILE)

    assert ["recording", "results", "profile"] == [read(str(p)).kind for p in (one, other, third)]
    nics: list[NicResults] = read(str(one)).nics
    assert ["eth0"] == [nic.identity.ifname for nic in nics]
    assert decode(PROFILE.encode(), "x") == read(str(third)).profile
