# SPDX-License-Identifier: MIT
"""--certificate, --certificate-key and --summary-md: what a run leaves beside its results."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_run import summary
from xdpconform.outputs import results
from xdpconform.outputs.attest.verify import verify_folder
from xdpconform.profiles import Shelf

if TYPE_CHECKING:
    from tests.plugin.runs import Runs

pytest_plugins = ["pytester"]

RECORDINGS = Path(__file__).parents[2] / "recordings"


def certify(runs: Runs, *words: str) -> pytest.RunResult:
    """A run on both NICs of the snapshot, without a log."""
    runs.take(*runs.snapshot)
    return runs.real("--iface=v*", "-p", "no:html", f"--xdp-results={runs.path}", *words)


def test_live(runs: Runs) -> None:
    """NICs that are here are certified with what they answered: judged again, it gives the same."""
    folder = runs.pytester.path / "new/certificates"

    result = certify(runs, f"--certificate={folder}")

    assert 0 == result.ret
    assert f"certificate: {folder}" in summary(result)
    for nic in runs.results().nics:
        found = verify_folder(folder / nic.id, shelf=Shelf())
        assert [] == found.problems
        assert found.checked.results is not None
        assert [nic] == found.checked.results.nics
        assert found.replayed is not None
        assert 43 == found.replayed.same
    assert (folder / "index.html").is_file()


def test_recorded(runs: Runs) -> None:
    """So are those of a recording, which stands in the folder as it was."""
    path = RECORDINGS / "tun-6.18.44-idle.rec.json"
    words = ["-p", "no:html", f"--xdp-results={runs.path}", f"--certificate={runs.reports}"]

    result = runs.real(f"--recording={path}", *words)

    assert 0 == result.ret
    assert path.read_bytes() == (runs.reports / "recording.rec.json").read_bytes()
    assert [] == verify_folder(runs.reports, shelf=Shelf()).problems


def test_mock(runs: Runs) -> None:
    """A simulated NIC may have one too; it says that it certifies nothing."""
    words = ["-p", "no:html", f"--xdp-results={runs.path}", f"--certificate={runs.reports}"]

    result = runs.real("--mock=ice@7.3", *words)

    assert 0 == result.ret
    assert [] == verify_folder(runs.reports).problems
    assert "simulated" in (runs.reports / "certificate.html").read_text()


def test_signed(runs: Runs) -> None:
    """--certificate-key signs."""
    key = runs.pytester.path / "key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key)]
    subprocess.run(words, check=True)

    result = certify(runs, f"--certificate={runs.reports}", f"--certificate-key={key}")

    assert 0 == result.ret
    for nic in runs.results().nics:
        checked = verify_folder(runs.reports / nic.id).checked
        assert checked.signer is not None
        assert checked.signer.startswith("ssh-ed25519 SHA256:")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--certificate={here}/taken",), "taken: holds mine, which is no part of a certificate"),
        (("--certificate={here}/taken/mine",), "mine: not a folder; a certificate is one"),
        (
            ("--certificate={here}/new", "--certificate-key={here}/gone"),
            "gone: ",
        ),
        (("--certificate-key=x",), "--certificate-key signs a certificate: name its folder with"),
    ],
    ids=["taken", "file", "no key", "no folder"],
)
def test_refused(runs: Runs, words: tuple[str, ...], problem: str) -> None:
    """What cannot end well does not begin: nothing is run, and nothing written."""
    here = runs.pytester.path
    (here / "taken").mkdir()
    (here / "taken/mine").write_text("")

    result = certify(runs, *(word.format(here=here) for word in words))

    assert 4 == result.ret
    assert problem in result.stderr.str()
    assert not runs.path.exists()
    assert not (here / "new").exists()


def test_full_disk(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be written in the end is said so, and the run keeps its verdict."""
    from xdpconform.outputs.certificate import folder

    def full(path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(folder, "write", full)

    result = certify(runs, f"--certificate={runs.pytester.path}/new")

    assert 0 == result.ret
    said = "\n".join(summary(result))
    assert re.search(r"no certificate: /.*/results\.json: No space left on device", said)
    assert not re.search("^certificate: ", said, re.MULTILINE)
    assert "CONFORMS" == runs.results().nics[0].verdict


def test_summary(runs: Runs) -> None:
    """--summary-md writes the verdict for a pull request, as `export markdown` has it."""
    path = runs.pytester.path / "a/summary.md"

    result = certify(runs, f"--summary-md={path}")

    from xdpconform.outputs.views.export import export

    held = results.decode(runs.path.read_bytes(), "")
    assert 0 == result.ret
    assert export("markdown", held) == path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("## XDP conformance: 2 CONFORMS")


def test_collect_only(runs: Runs) -> None:
    """--collect-only writes nothing."""
    words = [f"--certificate={runs.pytester.path}/c", f"--summary-md={runs.pytester.path}/s.md"]

    result = certify(runs, "--collect-only", *words)

    assert 0 == result.ret
    assert {"c", "s.md"}.isdisjoint(path.name for path in runs.pytester.path.iterdir())
