# SPDX-License-Identifier: MIT
"""What is generated is as the code has it, and what is written by hand names everything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from xdpconform.outputs import results
from xdpconform.profiles import model

ROOT = Path(__file__).parents[2]


def test_current() -> None:
    """docs/generate.py would change nothing."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs/generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def described(page: str, heading: str) -> set[str]:
    """The fields in the tables below a heading, up to the next heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = re.search(
        rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert section, f"{page}: no heading {heading}"
    return set(re.findall(r"^\| `([a-z-]+)` \|", section[1], re.MULTILINE))


def fields(*structs: type[msgspec.Struct]) -> set[str]:
    """The names that structs have in files."""
    return {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}


RESULTS: list[Any] = [
    results.Results,
    results.Tool,
    results.NicResults,
    results.Identity,
    results.Claims,
    results.ProfileName,
    results.Result,
]


@pytest.mark.parametrize("struct", RESULTS)
def test_results_fields(struct: type[msgspec.Struct]) -> None:
    """docs/results.md describes each field of results.json, and no other."""
    assert fields(struct) == described("results.md", struct.__name__)


@pytest.mark.parametrize(
    ("heading", "structs"),
    [
        ("Of a profile", (model.Profile,)),
        ("Of a rule", (model.Rule, model.ClaimRule, model.SegmentsRule)),
        ("Variants", (model.Variant, model.Computed)),
        ("Waivers", (model.Waiver,)),
    ],
)
def test_profile_fields(heading: str, structs: tuple[type[msgspec.Struct], ...]) -> None:
    """docs/profiles.md describes each field of profiles, and no other."""
    assert fields(*structs) == described("profiles.md", heading)


def test_flags() -> None:
    """docs/profiles.md names each flag."""
    text = (ROOT / "docs/profiles.md").read_text(encoding="utf-8")
    named = re.search(r"^The flags are\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)

    assert named
    assert {flag.value for flag in model.Flag} <= set(re.findall(r"`([a-z-]+)`", named[1]))
