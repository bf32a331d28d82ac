# SPDX-License-Identifier: MIT
"""Where a run writes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from xdpconform.outputs.paths import default_stem, writable

STARTED = datetime(2026, 11, 23, 22, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment does not say where."""
    monkeypatch.delenv("XDPCONFORM_REPORTS", raising=False)


@pytest.mark.parametrize(
    ("nics", "expected"),
    [
        (["eth0"], "eth0-20261123T221500Z"),
        (["eth0", "eth1.7"], "eth0+eth1.7-20261123T221500Z"),
        (["a", "b", "c", "d", "e"], "a+b+c+2-20261123T221500Z"),
    ],
)
def test_name(tmp_path: Path, nics: list[str], expected: str) -> None:
    """NICs and time name a report; of many NICs the first three and a count."""
    assert tmp_path / "reports" / expected == default_stem(tmp_path, nics, STARTED)


@pytest.mark.parametrize("suffix", [".json", ".html"])
def test_never_overwrites(tmp_path: Path, suffix: str) -> None:
    """A name that is taken, by either report, gets a number."""
    first = default_stem(tmp_path, ["eth0"], STARTED)
    first.parent.mkdir()

    Path(f"{first}{suffix}").touch()
    second = default_stem(tmp_path, ["eth0"], STARTED)
    Path(f"{second}{suffix}").touch()
    third = default_stem(tmp_path, ["eth0"], STARTED)

    assert (f"{first}-2", f"{first}-3") == (str(second), str(third))


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDPCONFORM_REPORTS says where reports go."""
    monkeypatch.setenv("XDPCONFORM_REPORTS", str(tmp_path / "here"))

    assert tmp_path / "here" == default_stem(Path("/nowhere"), ["eth0"], STARTED).parent


def test_writable(tmp_path: Path) -> None:
    """A path that can be written is left as it was found."""
    old = tmp_path / "old"
    old.write_text("old")

    assert "" == writable(tmp_path / "new" / "file")
    assert "" == writable(old)

    assert "old" == old.read_text()
    assert [] == list((tmp_path / "new").iterdir())


def test_not_writable(tmp_path: Path) -> None:
    """Problems come in words."""
    text = tmp_path / "text"
    text.touch()

    assert f"{tmp_path}: is a folder; no report is written there" == writable(tmp_path)
    assert f"{text}/x: cannot be written: File exists; no report is written there" == writable(
        text / "x"
    )
