# SPDX-License-Identifier: MIT
"""What a certificate does not cover is said, each where it is so and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.outputs.certificate.samples import ENVIRONMENT, line, results
from xdpconform.outputs.certificate.limits import limits, reached
from xdpconform.outputs.results import Claims

BIND = line("XDP-BIND-01")
ATTACHED = line("XDP-STATE-01", level="attach", param="basic")
BLOCKED = line("XDP-ACT-01", "blocked")


def told(*lines: Any, signer: str | None = "key", level: str = "packets", **fields: Any) -> str:
    """The limits as text."""
    found = results(*lines, level=level, **fields)
    return "\n".join(f"{one.what}: {one.why}" for one in limits(found, found.nics[0], signer))


@pytest.mark.parametrize(
    ("text", "where", "elsewhere"),
    [
        ("Any NIC: the replies came from a simulated kernel", {"source": "mock"}, {}),
        ("1 requirement: not run: XDP-ACT-09", {"missing": ["XDP-ACT-09"]}, {}),
        ("What the driver should claim: no profile", {"profile": None}, {}),
        ("Replay: no recording was kept", {"recording": None}, {"recording": "sha256:00"}),
        ("Replay of frames: ", {"recording": "sha256:00"}, {"recording": None}),
        ("Who says so: not signed", {"signer": None}, {}),
        ("Level packets: frames on the wire", {"level": "attach"}, {}),
        ("Level attach: programs", {"level": "claims"}, {"level": "attach"}),
        ("Level stress: frames and programs under load: not asked for", {}, {"level": "stress"}),
        ("whose configuration and module nobody noted", {"environment": None}, {}),
    ],
)
def test_each(text: str, where: dict[str, Any], elsewhere: dict[str, Any]) -> None:
    """A limit is named where it holds, and not where it does not."""
    rest = {"environment": ENVIRONMENT, "recording": "sha256:00"}

    assert text in told(BIND, ATTACHED, **(rest | where))
    assert text not in told(BIND, ATTACHED, **(rest | elsewhere))


@pytest.mark.parametrize(
    ("text", "where", "elsewhere"),
    [
        ("1 line blocked: could not be tested", [BIND, BLOCKED], [BIND]),
        ("1 line error: the test itself broke: XDP-ACT-01", [line("XDP-ACT-01", "error")], [BIND]),
        ("AF_XDP zero copy: claimed, and not tried", [line("XDP-BIND-01", "not-claimed")], [BIND]),
        ("AF_XDP zero copy: ", [line("XDP-BIND-02")], [BIND]),
        ("State attached: ", [BIND], [ATTACHED]),
        ("Level packets: frames on the wire", [BLOCKED], [BIND]),
    ],
)
def test_by_lines(text: str, where: list[Any], elsewhere: list[Any]) -> None:
    """A limit that hangs on lines is named where they say so."""
    assert text in told(*where)
    assert text not in told(*elsewhere)


def test_no_zero_copy() -> None:
    """Where zero copy is not claimed, that is why it was not tried."""
    claims = Claims(["basic"], None, [], [], "unavailable")

    assert "AF_XDP zero copy: not claimed, and none was there" in told(
        capabilities={"idle": claims}
    )


def test_this_build_only() -> None:
    """Firmware, kernel and its build are named: the certificate holds for no others."""
    found = told(environment=ENVIRONMENT)

    assert "this holds for kernel 6.18.44-fc-v657 (#1 SMP Mon Nov 2 10:00:00 UTC 2026)" in found


def test_many_are_counted() -> None:
    """Of very many names the first are listed."""
    found = told(missing=[f"XDP-ACT-{number:02}" for number in range(40)])

    assert "40 requirements: not run: XDP-ACT-00, " in found
    assert "XDP-ACT-23 and 16 more" in found
    assert "XDP-ACT-24" not in found


def test_reached() -> None:
    """The level reached is the strongest of lines that were decided."""
    assert "" == reached([BLOCKED])
    assert "attach" == reached([ATTACHED, BLOCKED])
    assert "packets" == reached([ATTACHED, BIND])
