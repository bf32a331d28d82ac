# SPDX-License-Identifier: MIT
"""KCIDB: valid by its own schema, with ids that are stable, unique and honest about the kernel."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import kcidb_io
import pytest

from tests.outputs.views.samples import EXAMPLE, line, nic, run
from xdpconform.errors import InputError
from xdpconform.outputs.results import Results
from xdpconform.outputs.views.kcidb import Submission, kcidb

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OWN = Submission("mylab", None, COMMIT, "https://example.org/linux.git", "main", "net-next")


def document(results: Results, submission: Submission = Submission()) -> dict[str, Any]:  # noqa: B008
    """What is submitted, validated."""
    found: dict[str, Any] = json.loads(kcidb(results, submission))
    kcidb_io.schema.V5_3.validate(found)
    return found


def test_wrong_status_refused() -> None:
    """The schema that all else here is validated by does refuse a status that is none."""
    found = document(EXAMPLE)
    found["tests"][0]["status"] = "OK"

    with pytest.raises(jsonschema.ValidationError, match="'OK' is not one of"):
        kcidb_io.schema.V5_3.validate(found)


def test_test() -> None:
    """A test says where it ran, what was found, and when the run began."""
    found = document(EXAMPLE)
    test = found["tests"][1]
    run_id = test["id"].removeprefix("xdpconform:").partition(".")[0]

    assert {
        "id": f"xdpconform:{run_id}.0/eth0/XDP-ACT-03/plain",
        "build_id": found["builds"][0]["id"],
        "origin": "xdpconform",
        "path": "xdpconform.XDP-ACT-03.plain",
        "status": "FAIL",
        "comment": "XDP_TX sends every frame back.",
        "log_excerpt": "expected: every frame comes back\n"
        "observed: 100 frames sent, none returned\n"
        "reason: over-claim: basic is claimed, and it does not work",
        "start_time": "2026-11-24T12:00:00+00:00",
        "misc": {
            "requirement": "XDP-ACT-03",
            "row": "plain",
            "outcome": "fail",
            "kind": "over-claim",
            "level": "packets",
        },
    } == {name: value for name, value in test.items() if name != "environment"}
    assert "virtio_net on 6.18.44" == test["environment"]["comment"]
    assert "FAILS" == test["environment"]["misc"]["verdict"]


def test_kernel_without_sources() -> None:
    """A kernel of which only the release is known is called so, and named by nothing else."""
    [checkout] = document(EXAMPLE)["checkouts"]
    [build] = document(EXAMPLE)["builds"]

    assert {"comment", "id", "misc", "origin", "valid"} == set(checkout)
    assert checkout["comment"] == (
        "the kernel 6.18.44, as it was found; which sources it was built from is not known"
    )
    assert ("x86_64", "#1 SMP", {"CONFIG_XDP_SOCKETS": "y"}) == (
        build["architecture"],
        build["comment"],
        build["misc"]["config"],
    )


def test_named_sources() -> None:
    """Sources that are named are passed on, under the origin that is named."""
    found = document(EXAMPLE, OWN)
    [checkout] = found["checkouts"]

    assert (COMMIT, "https://example.org/linux.git", "main", "net-next") == tuple(
        checkout[name]
        for name in (
            "git_commit_hash",
            "git_repository_url",
            "git_repository_branch",
            "tree_name",
        )
    )
    assert {"mylab"} == {
        one["origin"] for name in ("checkouts", "builds", "tests") for one in found[name]
    }


def test_known_build() -> None:
    """With a build that was submitted before, tests point to it and nothing is made up."""
    found = document(EXAMPLE, Submission("mylab", build="maestro:65a"))

    assert {"version", "tests"} == set(found)
    assert {"maestro:65a"} == {test["build_id"] for test in found["tests"]}


def kernels(*nics: Any) -> list[str]:
    """The builds that NICs of one run were tested on, a word each."""
    return [test["build_id"] for test in document(run(*nics))["tests"]]


def test_same_kernel() -> None:
    """The same build of a kernel has one id, in one run and in the next; other builds another."""
    other = {"build": "#2 SMP", "machine": "x86_64", "config": None, "module": None}
    same = kernels(nic(line(1)), nic(line(1), name="eth1"))
    different = kernels(nic(line(1)), nic(line(1), environment=other | {"offloads": None}))

    assert same[0] == same[1] == different[0] != different[1]
    assert kernels(nic(line(2)))[0] == same[0]


def test_unknown_build() -> None:
    """A release alone is no identity: without the build's words an id is of one run."""
    first = kernels(nic(line(1), environment=None))
    second = kernels(nic(line(2), environment=None))

    assert first != second


def test_ids() -> None:
    """The same results have the same ids; rows that look alike, or NICs, do not share any."""
    alike = [line(1, param=param) for param in ("a b", "a_b", "a/b", "", "_")]
    results = run(nic(*alike), nic(*alike))
    ids = [test["id"] for test in document(results)["tests"]]

    assert len(ids) == len(set(ids)) == 10
    assert ids == [test["id"] for test in document(results)["tests"]]
    again = run(nic(*alike, line(2)), nic(*alike))
    assert not {*ids} & {test["id"] for test in document(again)["tests"]}


@pytest.mark.parametrize(
    ("outcome", "value", "expected"),
    [
        ("pass", 18.1, {"value": 18.1, "unit": "ms"}),
        ("fail", 3, {"value": 3, "unit": "ms"}),
        ("blocked", 18.1, None),
        ("not-claimed", 18.1, None),
        ("pass", True, None),
        ("pass", "18.1", None),
        ("pass", None, None),
    ],
)
def test_number(outcome: str, value: object, expected: object) -> None:
    """A measurement is passed on as a number, of what was tried only."""
    measured = line(9, outcome, evidence={"attach_ms": value})

    assert expected == document(run(nic(measured)))["tests"][0].get("number")


@pytest.mark.parametrize("started", ["", "yesterday", "2026-13-24T12:00:00Z", "2026-11-24T12:00"])
def test_no_time(started: str) -> None:
    """What is no time is left out."""
    results = run(nic(line(1)))
    found = json.loads(
        kcidb(Results(results.schema, results.tool, started, "claims", results.nics))
    )

    assert "start_time" not in found["tests"][0]


def test_mock() -> None:
    """A simulated kernel is called one."""
    found = document(run(nic(line(1), source="mock")))

    assert "a simulated kernel: no NIC was asked" == found["tests"][0]["environment"]["comment"]
    assert "mock" == found["builds"][0]["misc"]["source"]


@pytest.mark.parametrize(
    ("submission", "said"),
    [
        (Submission("My Lab"), "origin 'My Lab': expected lower-case letters, digits and _"),
        (
            Submission(build="65a"),
            "build '65a': expected ORIGIN:ID, as the CI that built the kernel submitted it",
        ),
        (
            Submission(commit="v6.18"),
            "commit 'v6.18': expected the 40 hexadecimal digits of the commit",
        ),
        (Submission(url="git://x"), "url 'git://x': expected an https:// address"),
        (Submission(tree="\0"), "tree '\\x00': expected a name, such as net-next"),
    ],
)
def test_refused(submission: Submission, said: str) -> None:
    """A word that the schema would refuse is refused here, with what it should be."""
    with pytest.raises(InputError) as caught:
        kcidb(EXAMPLE, submission)

    assert f"KCIDB: {said}" == str(caught.value)


def test_one_commit_for_two_kernels() -> None:
    """One commit is not said of two kernels."""
    results = run(nic(line(1)), nic(line(1), name="eth1", identity={"kernel": "6.12.1"}))

    with pytest.raises(InputError) as caught:
        kcidb(results, OWN)

    assert str(caught.value) == (
        "KCIDB: one commit for 2 kernels (6.12.1, 6.18.44): export the NICs of each kernel by"
        " themselves"
    )
