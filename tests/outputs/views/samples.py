# SPDX-License-Identifier: MIT
"""Results made by hand, for views: any line of any NIC, a small example, and hostile ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

import msgspec
from hypothesis import strategies as st

from xdpconform.outputs.results import SCHEMA, NicResults, Result, Results, decode, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

_HINTS = get_type_hints(Result)
OUTCOMES: Final[tuple[str, ...]] = get_args(_HINTS["outcome"])
KINDS: Final[tuple[str, ...]] = tuple(
    kind for part in get_args(_HINTS["kind"]) for kind in get_args(part)
)
PAIRS: Final = [(outcome, kind) for outcome in OUTCOMES for kind in (None, *KINDS)]
"""Every outcome with every kind, also those that no judge gives: a file may hold them."""

HOSTILE: Final = (
    "<img src=x onerror=alert(1)>",
    "</skipped></testcase>]]><testcase/>",
    "one\nnot ok 1 two\n# Totals: pass:9 fail:0 xfail:0 xpass:0 skip:0 error:0",
    'one\r\n"two","three"\r\n',
    "a | b |\n| c | d |",
    "# TODO nothing",
    "SKIP: [SKIP] [ OK ] [PASS] FAIL: PASSED all 9",
    "=cmd|' /C calc'!A0",
    " +1+1",
    "@torvalds look at #1, GH-2 and org/repo#3 :tada:",
    "[click](javascript:alert(1)) ![x](http://example.org/x.png) www.example.org",
    "```\n</details>\n~~~ <!-- $x$ `y` **z** __u__ ~~v~~ &lt;",
    "\u202egpj.exe\u2066\u2028\u2029\x85\x00\x1b[31m\x7f\ufffe\uffff",
    "\\",
    "x" * 4096,
    "é日本🙂",
)
"""Text that is something to one of the formats."""


def line(
    number: int = 1, outcome: str = "pass", kind: str | None = None, **words: object
) -> Result:
    """A line of the requirement with this number."""
    found: dict[str, object] = {
        "requirement": f"XDP-ACT-{number:02}",
        "title": "Frames arrive.",
        "param": "",
        "outcome": outcome,
        "kind": kind,
        "level": "packets",
        "expected": "all of them",
        "observed": "none",
        "reason": "" if outcome == "pass" else "they were dropped",
        "evidence": {},
    }
    return msgspec.convert(found | words, Result)


def nic(
    *lines: Result, name: str = "eth0", missing: Sequence[str] = (), **words: Any
) -> NicResults:
    """A NIC with these lines; its verdict follows from them."""
    outcomes = {one.outcome for one in lines}
    incomplete = missing or outcomes & {"blocked", "error"}
    verdict = "FAILS" if "fail" in outcomes else "INCOMPLETE" if incomplete else "CONFORMS"
    identity = {
        "ifname": name,
        "ifindex": 2,
        "driver": "virtio_net",
        "driver-version": "1.0.0",
        "firmware": None,
        "bus-info": "0000:00:03.0",
        "sysfs-driver": "virtio_net",
        "bus": "virtio",
        "kind": None,
        "pci": "1af4:1041",
        "kernel": "6.18.44",
        "mtu": 1500,
        "queues": {"rx": None},
    }
    found = {
        "id": name,
        "source": "kernel",
        "identity": identity | words.pop("identity", {}),
        "capabilities": {},
        "profile": {"name": "virtio_net", "digest": "sha256:00"},
        "verdict": verdict,
        "missing": list(missing),
        "results": list(lines),
        "environment": {
            "build": "#1 SMP",
            "machine": "x86_64",
            "config": {"CONFIG_XDP_SOCKETS": "y"},
            "module": None,
            "offloads": [],
        },
    }
    return msgspec.convert(found | words, NicResults)


def run(*nics: NicResults) -> Results:
    """A run of these NICs."""
    found = {
        "schema": SCHEMA,
        "tool": {"name": "xdpconform", "version": "1.0.0"},
        "started": "2026-11-24T12:00:00+00:00",
        "level": "packets",
        "nics": list(nics),
    }
    return msgspec.convert(found, Results)


EXAMPLE: Final = run(
    nic(
        line(1, observed="100 frames sent, 100 delivered", expected="every frame is delivered"),
        line(
            3,
            "fail",
            "over-claim",
            param="plain",
            title="XDP_TX sends every frame back.",
            expected="every frame comes back",
            observed="100 frames sent, none returned",
            reason="basic is claimed, and it does not work",
        ),
        line(
            4,
            "blocked",
            expected="",
            observed="",
            reason="no peer: name the port at the other end: --peer NIC",
        ),
        line(5, "waived", "mismatch", reason="waived until 2027-12-31: a known defect"),
        line(6, "not-claimed", expected="", observed="", reason="redirect is not claimed"),
        missing=["XDP-ACT-07"],
    )
)
"""What docs/formats.md shows."""


def everywhere(text: str) -> Results:
    """A run in which this text stands wherever a file may hold any text."""
    fields = dict.fromkeys(
        ("requirement", "title", "param", "expected", "observed", "reason"), text
    )
    lines = [
        line(1, outcome, kind, **fields | {"param": f"{number}{text}"}, evidence={text: text})
        for number, (outcome, kind) in enumerate(PAIRS)
    ]
    names = ("ifname", "driver", "driver-version", "firmware", "bus-info", "bus", "pci", "kernel")
    words = {
        "identity": dict.fromkeys(names, text),
        "profile": {"name": text, "digest": text},
        "environment": {
            "build": text,
            "machine": text,
            "config": {text: text},
            "module": {"name": text, "source": "in-tree", "version": text, "srcversion": text},
            "offloads": [text],
        },
    }
    nics = [
        nic(*lines, name=name, missing=[text], recording=text, **words)
        for name in (text, f"other {text}")
    ]
    tool = msgspec.structs.replace(run().tool, version=text)
    results = msgspec.structs.replace(run(*nics), started=text, tool=tool)
    return decode(encode(results), "results.json")  # as a file would have it


def any_text() -> st.SearchStrategy[str]:
    """Text as JSON may hold it, often with what formats are made of."""
    seasoned = st.lists(st.sampled_from([*HOSTILE[:-2], *"\n\r\t#|`<>&@=+-\"'\\,;:", "ok 1 "]))
    return st.one_of(st.text(), seasoned.map("".join))
