# SPDX-License-Identifier: MIT
"""The certificate's page: the same bytes each time, no script, and what stands where."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys

import pytest
from msgspec.structs import replace

from tests.outputs.attest.folders import judged
from tests.outputs.certificate.samples import ENVIRONMENT, Page, line, page, results
from xdpconform.errors import InputError
from xdpconform.judge import Kind, Outcome
from xdpconform.lab import specification
from xdpconform.outputs.certificate.page import (
    LONG,
    PACKAGE,
    Entry,
    certificate_page,
    index_page,
)
from xdpconform.outputs.certificate.view import ADVICE, AREAS, LISTED, anchors, area
from xdpconform.outputs.pages import stylesheet
from xdpconform.outputs.results import Result, encode

FAIL = line("XDP-ACT-02", "fail", kind="over-claim", reason="none arrived", observed="99 of 100")


def test_same_bytes() -> None:
    """Made again, also by another process with another seed, a page has the same bytes."""
    made = certificate_page(results(), None)
    script = (
        "import sys; from xdpconform.outputs.results import decode;"
        "from xdpconform.outputs.certificate.page import certificate_page;"
        "sys.stdout.buffer.write(certificate_page(decode(sys.stdin.buffer.read(), ''), None))"
    )
    again = subprocess.run(
        [sys.executable, "-c", script],
        input=encode(results()),
        capture_output=True,
        check=True,
        env={"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
    ).stdout

    assert made == certificate_page(results(), None)
    assert made == again


def test_nothing_runs_nothing_loads() -> None:
    """No script, no handler, no inline style; the policy forbids all but the one style sheet."""
    made = certificate_page(results(FAIL), None)
    found = Page(made)
    style = stylesheet(PACKAGE, "page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(
        str(attributes["content"])
        for tag, attributes in found.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )

    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert style in made.decode()
    assert {"script", "img", "link", "iframe", "object", "form"}.isdisjoint(found.tags)
    assert [] == found.of("style") + found.of("src")
    assert [] == [name for _tag, found in found.elements for name in found if name.startswith("on")]
    assert "url(" not in style
    assert "@import" not in style


def test_whole() -> None:
    """Ids are there once, every link within the page leads somewhere, headings go in order."""
    found = Page(certificate_page(results(), None))
    ids = found.of("id")
    targets = [href[1:] for href in found.of("href")]
    headings = [int(tag[1]) for tag in found.tags if re.fullmatch("h[1-6]", tag)]

    assert len(ids) == len(set(ids))
    assert set() == set(targets) - set(ids)
    assert {"#"} == {href[0] for href in found.of("href")}
    assert 1 == headings.count(1)
    assert all(after - before <= 1 for before, after in zip([0, *headings], headings, strict=False))
    for name in found.of("aria-labelledby"):
        assert set(name.split()) <= set(ids)


def test_first_screen() -> None:
    """Verdict, NIC, kernel, profile and digest, level, date, signature come before all else."""
    found = page(signer="ssh-ed25519 SHA256:abc", environment=ENVIRONMENT)
    first = found.split("Claims What the profile expects")[0]

    for text in (
        "CONFORMS",
        "virtio_net",
        "virtio",
        "6.18.44",
        "sha256:",
        "claims: what the kernel reports over netlink",
        "2026-11-24T21:38:59+00:00",
        "ssh-ed25519 SHA256:abc",
        "What this certificate does not cover",
    ):
        assert text in first, text
    assert "none: this certificate is not signed" in page()


def test_order() -> None:
    """Failures with what to do come first; errors, waivers, blocked lines; the rest by area."""
    found = page(
        line("XDP-ACT-01"),
        line("XDP-ACT-04", "blocked", reason="no peer: give one with --peer"),
        line("XDP-ACT-05", "waived", reason="waived until 2027-12-31"),
        line("XDP-ACT-06", "error", reason="Traceback\nValueError: broke"),
        FAIL,
    )
    found = found[found.index("5 lines: failures first") :]
    places = [
        found.index(text)
        for text in (
            "Failures 1",
            "over-claim XDP-ACT-02",
            ADVICE["over-claim"],
            "Errors of the tests 1",
            "Waivers 1",
            "Blocked lines 1",
            "Actions 1",
            "Environment",
        )
    ]

    assert sorted(places) == places
    for text in ("99 of 100", "none arrived", "give one with --peer", "ValueError: broke"):
        assert text in found


def test_blocked_together() -> None:
    """Lines that are blocked for one reason have it as their heading."""
    lines = [
        line("XDP-ACT-01", "blocked", param=str(row), reason="the guard refused")
        for row in range(9)
    ]

    assert "9 lines for one reason: the guard refused" in page(*lines)
    assert "for one reason" not in page(*lines[:8])


def test_lines_whole() -> None:
    """Every line is there with its title, level, expected, observed and reason."""
    found = page()
    for one in results().nics[0].results:
        for text in (one.title, one.level, one.expected, one.observed, one.reason):
            assert " ".join(text.split()) in found


def test_shared_once() -> None:
    """Evidence of several lines is shown once, and each of them leads to it."""
    value = {"channels": {f"queue {number}": number for number in range(60)}}
    made = certificate_page(
        results(*(line("XDP-STATE-04", param=row, evidence={"before": value}) for row in "abc")),
        None,
    )

    assert 1 == made.count(b"queue 59")
    assert 3 == made.count(b'before <a href="#E1">E1</a>')
    assert b'<a href="#XDP-STATE-04">XDP-STATE-04</a>' in made


def test_messages_decoded() -> None:
    """Requests and replies are told by the kernel's names beside their bytes, each once."""
    made = certificate_page(results(), None)
    found = Page(made).text

    assert "XDP-FEAT-02" in found
    assert re.search(rb"request: 28 bytes</caption>(?s:.*?)dev-get(?s:.*?)ifindex", made)
    for text in ("xdp-features", "nlmsghdr", "CTRL_ATTR_FAMILY_NAME", "NLMSGERR_ATTR_MSG"):
        assert text in found
    assert "0b 00 02 00 6e 65 74 64 65 76 00" in found


@pytest.mark.parametrize(
    "evidence",
    [
        {"what": "netdev dev-get", "request": "0g", "replies": []},
        {"what": "netdev dev-get", "request": "00", "replies": ["0"]},
        {"what": "netdev dev-get", "request": "", "replies": "00"},
        {"what": 7, "request": "00", "replies": []},
        {"what": "netdev dev-get", "request": "00", "replies": [None]},
        {"what": "netdev dev-get", "request": "\u0660\u0660", "replies": []},
    ],
)
def test_messages_that_are_none(evidence: dict[str, object]) -> None:
    """What looks like messages and is none is shown as any evidence."""
    found = page(line("XDP-FEAT-02", evidence=evidence))

    assert "request" in found
    assert "Netlink messages" not in found


def test_environment() -> None:
    """The fingerprint: build, configuration, module, offloads, channels, MTU; or that none is."""
    found = page(environment=ENVIRONMENT)

    for text in (
        "#1 SMP Mon Nov 2 10:00:00 UTC 2026",
        "CONFIG_BPF_JIT=y, CONFIG_XDP_SOCKETS=y",
        "virtio_net, in-tree, srcversion F0E1D2C3B4A5968778695A4",
        "rx-checksum, tx-tcp-segmentation",
        f"MTU {results().nics[0].identity.mtu}",
    ):
        assert text in found
    assert "nobody looked" in page(environment=None)


def test_folded() -> None:
    """A very long text is folded and whole; a shorter one stands as it is."""
    text = "x" * (LONG + 1)

    assert f"({LONG + 1} characters)" in page(line("XDP-ACT-01", observed=text))
    assert text in page(line("XDP-ACT-01", observed=text))
    assert "characters)" not in page(line("XDP-ACT-01", observed=text[1:]))


def test_one_nic() -> None:
    """Results of none or of several are refused."""
    found = results()
    with pytest.raises(InputError) as caught:
        certificate_page(replace(found, nics=found.nics * 2), None)

    assert "a certificate is of one NIC, and these results have 2" in str(caught.value)


def test_anchors() -> None:
    """The first row of a requirement has its name, others a number too; none is there twice."""
    lines = [line(name) for name in ("XDP-ACT-01", "XDP-ACT-03", "XDP-ACT-03", "a b", "a.b", "")]

    assert ["XDP-ACT-01", "XDP-ACT-03", "XDP-ACT-03.2", "a_b", "a_b.2", "_"] == anchors(lines)


def test_areas() -> None:
    """Every requirement of the specification has an area, and every area has requirements."""
    assert set(AREAS.values()) == {area(name) for name in specification()}
    assert "Others" == area("XDP-NEW-01")
    assert "Others" == area("anything")


def test_advice() -> None:
    """Each kind of fail has advice."""
    assert {*(kind.value for kind in Kind), Outcome.ERROR.value} == set(ADVICE)


def test_index() -> None:
    """The index: one row a NIC with verdict, driver, kernel, profile, level, counts and link."""
    veth = judged("veth-6.18.44-idle")
    made = index_page([Entry("virtio 1", results()), Entry("veth", veth)])
    found = Page(made)

    assert ["#main", "virtio%201/certificate.html", "veth/certificate.html"] == found.of("href")
    for text in ("2 NICs", "CONFORMS", "virtio_net", "6.18.44-fc-v657", "claims", "pass"):
        assert text in found.text
    assert made == index_page([Entry("virtio 1", results()), Entry("veth", veth)])


def test_index_folder_is_text() -> None:
    """A folder's name leads nowhere else, whatever it is."""
    made = Page(index_page([Entry('javascript:alert(1)//"><script>', results())]))

    assert "javascript%3Aalert%281%29//%22%3E%3Cscript%3E/certificate.html" == made.of("href")[1]
    assert "script" not in made.tags


def test_failures_on_the_first_screen() -> None:
    """The first fails are named beside the verdict, each with why and a link; others counted."""
    fails = [
        line(f"XDP-ACT-{number:02}", "fail", kind="over-claim", reason=f"cause {number}")
        for number in range(1, LISTED + 3)
    ]
    found = page(*fails).split("What was certified")[0]

    assert "XDP-ACT-01 over-claim: cause 1" in found
    assert f"cause {LISTED}" in found
    assert f"cause {LISTED + 1}" not in found
    assert "and 2 more" in found
    assert "more" not in page(*fails[:LISTED]).split("What was certified")[0]
    assert "over-claim" not in page(line("XDP-ACT-01")).split("What was certified")[0]


@pytest.mark.parametrize(
    ("verdict", "lines", "missing", "says"),
    [
        ("CONFORMS", [line("XDP-ACT-01")], [], "agree, in every line that was run."),
        (
            "CONFORMS",
            [line("XDP-ACT-01"), line("XDP-ACT-03", "waived")],
            [],
            "in every line that was run, but for 1 line that a waiver covers.",
        ),
        ("FAILS", [FAIL], [], "Claim, profile and behaviour differ in 1 line."),
        ("INCOMPLETE", [line("XDP-ACT-01")], ["XDP-ACT-02"], "not everything could be tried."),
        ("CONFORMS", [FAIL], [], "say CONFORMS, and their lines say FAILS: do not rely on either"),
        ("CONFORMS", [line("XDP-ACT-01")], ["XDP-ACT-02"], "their lines say INCOMPLETE"),
    ],
)
def test_verdict(verdict: str, lines: list[Result], missing: list[str], says: str) -> None:
    """The verdict is explained; one that does not follow from the lines is told of."""
    assert says in page(*lines, verdict=verdict, missing=missing)


def test_absent_together() -> None:
    """What of the evidence is absent is named in one row."""
    evidence = {"hkey": None, "sent": 72, "table": None}

    assert "sent 72 absent hkey, table" in page(line("XDP-HINT-02", evidence=evidence))
