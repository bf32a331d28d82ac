# SPDX-License-Identifier: MIT
"""Pages to look at, made of one run over NICs of every verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from xdpconform.outputs.certificate.page import Entry, certificate_page, index_page
from xdpconform.outputs.diff import diff
from xdpconform.outputs.matrix import matrix
from xdpconform.outputs.results import decode, encode

if TYPE_CHECKING:
    from xdpconform.outputs.results import NicResults, Results

ROOT = Path(__file__).parent.parent.parent
FRAMES = ROOT / "reports/sample/veth0/results.json"
"""Of level packets: with pictures of what frames did."""
SIGNER = "ssh-ed25519 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
WAIVER = """\
schema = 1
name = "lossy"
driver = ["gve"]

[[claim]]
flags = ["basic"]
note = "as the vendor says"
source = "the data sheet"

[[waiver]]
requirement = "XDP-FEAT-03"
link = "https://example.org/defect/7"
until = 2099-01-01
reason = "redirect is claimed and does nothing"
"""
WORDS = (
    f"--recording={ROOT}/recordings/veth-6.18.44-attached.rec.json",
    "--mock=ice+lost-done",
    "--mock=gve",
)


class Sample(NamedTuple):
    """What one run wrote."""

    log: Path
    results: Results


@cache
def sample(folder: Path) -> Sample:
    """Run the suites on recordings and mocks, once a process."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = folder / "lossy.toml"
    profile.write_text(WAIVER, encoding="utf-8")
    written, log = folder / "run.json", folder / "log.html"
    words = [
        *(sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "xdpconform/pytest.toml")),
        *("-p", "xdpconform.plugin", "-p", "no:cacheprovider", "-p", "no:xdist"),
        *(f"--html={log}", "--self-contained-html", f"--xdp-results={written}"),
        *(f"--profile={profile}", *WORDS, str(ROOT / "suites")),
    ]
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    quiet.pop("CI", None)
    done = subprocess.run(
        words,
        cwd=folder,
        env=quiet | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert log.exists(), done.stdout + done.stderr
    return Sample(log, decode(written.read_bytes(), written.name))


def alone(results: Results, nic: NicResults) -> Results:
    """The results of one NIC of a run."""
    return replace(results, nics=[nic])


def few(nic: NicResults, most: int = 1) -> NicResults:
    """At most so many lines of each outcome and area: the page has all its parts, and is short."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for line in nic.results:
        kind = (line.outcome, line.requirement.rpartition("-")[0])
        seen[kind] += 1
        if seen[kind] <= most:
            kept.append(line)
    return replace(nic, results=kept)


class Pages:
    """Pages by name, each made when it is first asked for.

    Args:
        folder: where they are written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = sample(folder).results
        self._made: dict[str, Path] = {}

    def __getitem__(self, name: str) -> Path:
        """The file of a page."""
        if name not in self._made:
            self._made[name] = getattr(self, f"_{name.partition(' ')[0]}")(name.partition(" ")[2])
        return self._made[name]

    def nic(self, verdict: str) -> Results:
        """The results of the NIC with this verdict, alone."""
        (nic,) = (nic for nic in self.results.nics if nic.verdict == verdict)
        return alone(self.results, nic)

    def written(self, name: str, page: bytes) -> Path:
        """A page in a folder of its own."""
        path = self.folder / name / "page.html"
        path.parent.mkdir(parents=True)
        path.write_bytes(page)
        return path

    def _log(self, _which: str) -> Path:
        return sample(self.folder).log

    def _certificate(self, verdict: str) -> Path:
        frames = verdict == "of frames"
        results = decode(FRAMES.read_bytes(), FRAMES.name) if frames else self.nic(verdict)
        short = alone(results, few(results.nics[0]))
        return self.written(f"certificate-{verdict}", certificate_page(short, SIGNER))

    def _index(self, _which: str) -> Path:
        entries = [Entry(nic.id, alone(self.results, nic)) for nic in self.results.nics]
        return self.written("index", index_page(entries))

    def _diff(self, _which: str) -> Path:
        sides = []
        for verdict in ("CONFORMS", "FAILS"):
            side = self.folder / f"{verdict}.json"
            side.write_bytes(encode(self.nic(verdict)))
            sides.append(str(side))
        page = self.folder / "diff" / "page.html"
        page.parent.mkdir()
        with redirect_stdout(StringIO()):
            diff(*sides, as_json=False, html=str(page))
        return page

    def _matrix(self, page: str) -> Path:
        """The first page whose path fits the glob; all belong to one site."""
        site = self.folder / "matrix"
        if not site.exists():
            for nic in self.results.nics:
                folder = self.folder / "certificates" / nic.id
                folder.mkdir(parents=True)
                results = alone(self.results, nic)
                (folder / "results.json").write_bytes(encode(results))
                (folder / "certificate.html").write_bytes(certificate_page(results, None))
            with redirect_stdout(StringIO()):
                assert 0 == matrix([str(self.folder / "certificates")], str(site), as_json=False)
        return min(site.glob(page))
