# SPDX-License-Identifier: MIT
"""From a fresh clone of the last commit, with an empty environment, as a reader starts.

The README's commands, then every way of starting: a bare checkout, an editable install, a wheel,
an sdist, and ``xdpconform run`` outside a checkout. All find the same tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from docs.readme import commands

pytestmark = pytest.mark.clone

ROOT = Path(__file__).parents[2]
SLOW = (
    *("bpf", "browser", "docs", "labs", "mock", "outputs", "plugin", "probes", "safety", "testbed"),
    "xsk",
)
"""Folders of tests that mostly wait, or take long."""
COLLECT = ("--iface", "lo", "--collect-only", "-q")
SYS = Path("/sys/class/net")


class Done(NamedTuple):
    """How a command ended."""

    status: int
    output: str


class Place:
    """A folder with a home of its own, in which commands run as for a new user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()

    def run(self, *words: str | Path, cwd: Path | None = None, **more: str) -> Done:
        """Run a command with PATH, HOME and LANG, what else is given, and nothing to read."""
        own = Path(sys.prefix)
        path = [p for p in os.environ["PATH"].split(":") if not Path(p).is_relative_to(own)]
        done = subprocess.run(
            words,
            cwd=cwd or self.folder,
            env={"PATH": ":".join(path), "HOME": str(self.home), "LANG": "C.UTF-8", **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
            check=False,
        )
        return Done(done.returncode, done.stdout)

    def good(self, *words: str | Path, cwd: Path | None = None) -> str:
        """Run a command that must end well, and give what it printed."""
        done = self.run(*words, cwd=cwd)
        assert done.status == 0, f"{' '.join(map(str, words))}\n{done.output}"
        return done.output

    def clone(self, name: str) -> Path:
        """A fresh clone of the last commit."""
        self.good("git", "clone", "--quiet", "--no-hardlinks", ROOT, self.folder / name)
        return self.folder / name

    def venv(self, name: str, *install: str | Path) -> Path:
        """A new virtual environment with these installed; gives its bin folder."""
        folder = self.folder / name
        self.good("python3", "-m", "venv", folder)
        self.good(folder / "bin/pip", "install", "-q", *install)
        return folder / "bin"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Where all of this happens."""
    return Place(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def readme() -> dict[str, str]:
    """The README's commands."""
    return commands((ROOT / "README.md").read_text(encoding="utf-8"))


class Certified(NamedTuple):
    """What came of the README's first command."""

    checkout: Path
    nic: str
    done: Done


@pytest.fixture(scope="session")
def certified(place: Place, readme: dict[str, str]) -> Certified:
    """The README's first command, on eth0 where that is a NIC with a profile, else on lo."""
    driver = SYS / "eth0/device/driver"
    nic = "eth0" if driver.exists() and driver.resolve().name == "virtio_net" else "lo"
    checkout = place.clone("certified")
    command = re.sub(r"\beth0\b", nic, readme["certify"])
    return Certified(checkout, nic, place.run("sh", "-c", command, cwd=checkout))


@pytest.fixture(scope="session")
def source(place: Place) -> Path:
    """A clone to build from."""
    return place.clone("source")


@pytest.fixture(scope="session")
def bare(place: Place, source: Path) -> Path:
    """The bin folder of an environment with what the project needs, but without the project."""
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return place.venv("bare", "build", *project["dependencies"])


@pytest.fixture(scope="session")
def built(place: Place, source: Path, bare: Path) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    place.good(bare / "python", "-m", "build", "--outdir", place.folder / "dist", source)
    return place.folder / "dist"


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """The wheel."""
    return next(built.glob("*.whl"))


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    """The sdist."""
    return next(built.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def from_wheel(place: Place, wheel: Path) -> Path:
    """The bin folder of an environment with the wheel."""
    return place.venv("from-wheel", wheel)


@pytest.fixture(scope="session")
def from_sdist(place: Place, sdist: Path) -> Path:
    """The bin folder of an environment with the sdist."""
    return place.venv("from-sdist", sdist)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that is no checkout."""
    return tmp_path


def node_ids(output: str) -> list[str]:
    """The tests that a collection lists."""
    return [line for line in output.splitlines() if "::" in line and not line.startswith(" ")]


@pytest.fixture(scope="session")
def wanted(place: Place, source: Path, bare: Path) -> list[str]:
    """What a bare checkout collects."""
    found = node_ids(place.good(bare / "pytest", *COLLECT, cwd=source))

    assert len(found) > 30
    assert all(name.startswith("suites/test_") for name in found)
    return found


def test_certify_command(certified: Certified) -> None:
    """The README's first command gives a verdict, a page, a record, and what the NIC answered."""
    status, output = certified.done
    reports = certified.checkout / "reports"
    assert status == 0, output
    (page,) = reports.glob("*.html")
    (record,) = reports.glob("*Z.json")
    assert record.with_suffix(".rec.json").is_file()
    results = json.loads(record.read_text(encoding="utf-8"))

    assert f"{certified.nic} CONFORMS" in output
    assert [("CONFORMS", [])] == [(nic["verdict"], nic["missing"]) for nic in results["nics"]]
    assert f"XDP conformance of {certified.nic}" in page.read_text(encoding="utf-8")


def test_test_command(place: Place, readme: dict[str, str]) -> None:
    """The README's second command passes the tests.

    CI has just run all of them by it: there the quick ones are enough.
    """
    left_out = [f"--ignore=tests/{name}" for name in SLOW if os.environ.get("CI")]
    done = place.run(
        *("sh", "-c", readme["test"]),
        cwd=place.clone("tested"),
        PYTEST_ADDOPTS=" ".join(left_out),
    )
    last = done.output.rstrip().splitlines()[-1]

    assert done.status == 0, done.output
    assert re.search(r"=+ .*\b\d+ passed\b.* in .* =+", last), last


def test_clone_stays_clean(place: Place, certified: Certified) -> None:
    """What a run leaves behind is ignored by git."""
    assert place.good("git", "status", "--porcelain", cwd=certified.checkout) == ""


def test_bare_checkout(place: Place, bare: Path, wanted: list[str], elsewhere: Path) -> None:
    """A checkout works although nothing of it is installed."""
    missing = place.run(bare / "python", "-c", "import xdpconform", cwd=elsewhere)

    assert missing.status != 0
    assert wanted


def test_editable(place: Place, certified: Certified, wanted: list[str]) -> None:
    """An editable install finds the same tests."""
    pytest_ = certified.checkout / ".venv/bin/pytest"

    assert wanted == node_ids(place.good(pytest_, *COLLECT, cwd=certified.checkout))


def test_wheel_in_a_checkout(
    place: Place, from_wheel: Path, source: Path, wanted: list[str]
) -> None:
    """A checkout beside an installed wheel does not load the plugin twice."""
    assert wanted == node_ids(place.good(from_wheel / "pytest", *COLLECT, cwd=source))


def test_wheel(place: Place, from_wheel: Path, wanted: list[str], elsewhere: Path) -> None:
    """A wheel's suites run by their package's name."""
    script = "import xdpconform, pathlib; print(pathlib.Path(xdpconform.__file__).parent)"
    package = place.good(from_wheel / "python", "-c", script, cwd=elsewhere).strip()
    words = ("-c", f"{package}/pytest.toml", "--pyargs", "xdpconform.suites", *COLLECT)

    assert wanted == node_ids(place.good(from_wheel / "pytest", *words, cwd=elsewhere))


def test_wheel_run(place: Place, from_wheel: Path, wanted: list[str], elsewhere: Path) -> None:
    """``xdpconform run`` finds the same tests outside a checkout, and reports there."""
    collected = place.good(from_wheel / "xdpconform", "run", *COLLECT, cwd=elsewhere)
    output = place.good(from_wheel / "xdpconform", "run", "--iface", "lo", cwd=elsewhere)

    assert wanted == node_ids(collected)
    assert "lo CONFORMS" in output
    assert [".html", ".json", ".rec.json"] == sorted(
        path.name.partition("Z")[2] for path in elsewhere.glob("reports/lo-*")
    )


def test_sdist(place: Place, from_sdist: Path, wanted: list[str], elsewhere: Path) -> None:
    """An sdist installs to the same."""
    collected = place.good(from_sdist / "xdpconform", "run", *COLLECT, cwd=elsewhere)

    assert wanted == node_ids(collected)


def test_unpacked_sdist(
    place: Place, bare: Path, sdist: Path, wanted: list[str], elsewhere: Path
) -> None:
    """An unpacked sdist is a bare checkout, with tests and documents."""
    with tarfile.open(sdist) as archive:
        # Python has filters since 3.11.4; the archive is our own.
        more = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(elsewhere, **more)  # type: ignore[arg-type]
    (root,) = elsewhere.iterdir()
    tracked = place.good("git", "ls-files", "tests", "docs", "suites", "xdpconform", cwd=ROOT)

    assert wanted == node_ids(place.good(bare / "pytest", *COLLECT, cwd=root))
    assert [name for name in tracked.splitlines() if not (root / name).is_file()] == []


def test_wheel_holds(wheel: Path, place: Place) -> None:
    """The wheel holds each tracked file of the package and the suites, and nothing else."""
    tracked = place.good("git", "ls-files", "suites", "xdpconform", cwd=ROOT).splitlines()
    wanted = {re.sub(r"^suites/", "xdpconform/suites/", name) for name in tracked}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert wanted == names
    assert {
        "xdpconform/py.typed",
        "xdpconform/pytest.toml",
        "xdpconform/outputs/report.css",
        "xdpconform/profiles/veth.toml",
        "xdpconform/schema/profile-1.schema.json",
        "xdpconform/suites/test_features.py",
    } <= names
