# SPDX-License-Identifier: MIT
"""apt beside the system's own: other releases can be read, and nothing is installed.

Where packages come from, who signs them and how the network is reached is what the system's apt
says; only its lists, its archives and the releases that are looked at are of our own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from xdpconform.errors import InputError

TIMEOUT: Final = 600
"""Seconds that apt may take: a kernel's modules are 100 MB."""
RETRIES: Final = 5
"""Times that apt asks again for one file, after a longer pause each."""
COMPONENT: Final = "main"
TARGETS: Final = "$(REPO_URI) $(RELEASE) $(SIGNED_BY)"
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
EXTRA: Final = ("updates", "backports", "security")
"""Of a release there are these as well."""


class Archive(NamedTuple):
    """Where the system has a release from."""

    uri: str
    signed_by: str


class Candidate(NamedTuple):
    """A version of a package that can be had."""

    package: str
    version: str


def codename(os_release: Path = Path("/etc/os-release")) -> str:
    """The Debian release that this system is.

    Raises:
        InputError: it is another system.
    """
    try:
        text = os_release.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{os_release}: {error.strerror}; the lab needs Debian") from error
    found: dict[str, str] = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)', text, re.MULTILINE))
    if found.get("ID") != "debian" or not found.get("VERSION_CODENAME"):
        name = found.get("PRETTY_NAME", "this system")
        raise InputError(f"the lab takes its kernels from Debian's archive, and {name} is another")
    return found["VERSION_CODENAME"]


def archives(listing: str, release: str) -> dict[str, Archive]:
    """The mirrors of the system: of a release and of its security updates.

    Args:
        listing: what ``apt-get indextargets`` prints in the format `TARGETS`.
        release: the system's release.

    Raises:
        InputError: the system has no source of its own release.
    """
    found: dict[str, Archive] = {}
    for line in listing.splitlines():
        uri, name, *signed = line.split()
        kind = {release: "main", f"{release}-security": "security"}.get(name)
        if kind:
            # apt leaves what it does not know as it stood
            key = signed[0] if signed and not signed[0].startswith("$") else KEYRING
            found.setdefault(kind, Archive(uri, key))
    if "main" not in found:
        raise InputError(
            f"apt has no source of {release}, or never read its lists: run apt-get update"
        )
    return found


def sources(
    found: Mapping[str, Archive],
    releases: Iterable[str],
    extra: Sequence[str] = EXTRA,
    *,
    own: bool = True,
) -> str:
    """A deb822 file of what is looked at.

    Args:
        found: the system's mirrors.
        releases: codenames, or ``stable`` and its like.
        extra: what comes with each.
        own: whether a release is looked at itself, or only what comes with it.
    """
    stanzas = []
    for kind, archive in found.items():
        suites = [
            name
            for release in releases
            for name in (*([release] if own else []), *(f"{release}-{part}" for part in extra))
            if name.endswith("-security") == (kind == "security")
        ]
        if not suites:
            continue
        stanzas.append(
            f"Types: deb\nURIs: {archive.uri}\nSuites: {' '.join(suites)}\n"
            f"Components: {COMPONENT}\nSigned-By: {archive.signed_by}\n"
        )
    return "\n".join(stanzas)


class Apt:
    """A view of the archive: some releases, in a folder of our own.

    Args:
        folder: for lists and archives.
        releases: what is looked at.
        extra: what comes with each.
        own: whether a release is looked at itself, or only what comes with it.
    """

    def __init__(
        self,
        folder: Path,
        releases: Sequence[str],
        extra: Sequence[str] = EXTRA,
        *,
        own: bool = True,
    ) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise InputError("no apt-get here: the lab fetches Debian packages by it")
        self.folder = folder
        self.archives = folder / "archives"
        parts = folder / "sources"
        for path in (folder / "lists/partial", self.archives / "partial", parts):
            path.mkdir(parents=True, exist_ok=True)
        listing = _run(["apt-get", "indextargets", "--format", TARGETS, "Created-By: Packages"])
        text = sources(archives(listing, codename()), releases, extra, own=own)
        (parts / "lab.sources").touch(mode=0o600)  # a mirror's URI may hold a password
        (parts / "lab.sources").write_text(text, encoding="utf-8")
        options = {
            "Dir::Etc::SourceList": os.devnull,
            "Dir::Etc::SourceParts": parts,
            "Dir::State::Lists": folder / "lists",
            "Dir::Cache": folder,
            "Dir::Cache::Archives": self.archives,
            # Systems in containers switch these off, and each call reads all lists anew.
            "Dir::Cache::pkgcache": "pkgcache.bin",
            "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "Acquire::Retries": RETRIES,
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
            "APT::Sandbox::User": "",
            "APT::Keep-Downloaded-Packages": "true",
            "Binary::apt::APT::Keep-Downloaded-Packages": "true",
            "Debug::NoLocking": "true",
        }
        self._options = [f"-o{key}={value}" for key, value in options.items()]

    def update(self) -> None:
        """Read the lists anew.

        Raises:
            InputError: a mirror cannot be reached, or does not have a release.
        """
        self._apt("apt-get", "update", "-qq", "--error-on=any")

    def codenames(self) -> list[str]:
        """The releases that are looked at, by the names that never change, the oldest first.

        Mirrors keep lists under ``stable`` that are weeks older than those under its codename.
        """
        self._apt(
            "apt-get", "update", "-qq", "--error-on=any",
            "-o", "Acquire::IndexTargets::deb::Packages::DefaultEnabled=false",
        )  # fmt: skip
        found = set()
        for path in (self.folder / "lists").glob("*InRelease"):
            text = path.read_text(encoding="utf-8", errors="replace")
            version = re.search(r"^Version: (\d+)", text, re.MULTILINE)
            name = re.search(r"^Codename: (\S+)", text, re.MULTILINE)
            if version and name:
                found.add((int(version[1]), name[1]))
        return [name for _version, name in sorted(found)]

    def versions(self, package: str) -> list[Candidate]:
        """Every version of a package, the newest first."""
        rows = (line.split("|") for line in self._apt("apt-cache", "madison", package).splitlines())
        return [Candidate(package, row[1].strip()) for row in rows if len(row) > 1]

    def depends(self, package: Candidate) -> list[Candidate]:
        """What a package needs in exactly one version; other needs are left out."""
        pairs = re.findall(r"(?:^|, )([^ ,|]+) \(= ([^)]+)\)(?=,|$)", self._depends(package))
        return [Candidate(*pair) for pair in pairs]

    def needs(self, package: Candidate) -> list[str]:
        """What a package needs, by name; of alternatives the first."""
        found = re.findall(r"(?:^|, )([^ ,|:]+)", self._depends(package))
        return list(dict.fromkeys(found))

    def _depends(self, package: Candidate) -> str:
        shown = self._apt("apt-cache", "show", f"{package.package}={package.version}")
        found = re.search(r"^Depends: (.*)$", shown, re.MULTILINE)
        return found[1] if found else ""

    def fetch(self, packages: Sequence[Candidate]) -> list[Path]:
        """Download packages by themselves.

        Raises:
            InputError: one cannot be had.
        """
        names = [f"{one.package}={one.version}" for one in packages]
        self._apt("apt-get", "download", "-qq", *names, cwd=self.archives)
        return [self._archive(one) for one in packages]

    def fetch_for_here(self, packages: Sequence[str], release: str) -> list[Path]:
        """Download packages, with all they need that is not installed here.

        Args:
            packages: their names.
            release: which one is preferred.

        Raises:
            InputError: one cannot be had.
        """
        words = ["install", "-y", "-t", release, "--no-install-recommends", *packages]
        listing = self._apt("apt-get", *words, "--print-uris", "-qq")
        names = [line.split()[1] for line in listing.splitlines() if line.startswith("'")]
        self._apt("apt-get", *words, "--download-only", "-qq")
        return [self.archives / name for name in names]

    def _archive(self, package: Candidate) -> Path:
        name = f"{package.package}_{package.version.replace(':', '%3a')}_"
        found = next((one for one in self.archives.iterdir() if one.name.startswith(name)), None)
        if found is None:
            raise InputError(f"apt-get download brought no {package.package} {package.version}")
        return found

    def _apt(self, command: str, *words: str, cwd: Path | None = None) -> str:
        return _run([command, *self._options, *words], cwd)


def unpack(archives: Iterable[Path], folder: Path) -> None:
    """Unpack packages into a folder that appears whole or not at all.

    Raises:
        InputError: dpkg-deb cannot.
    """
    unfinished = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for archive in archives:
        _run(["dpkg-deb", "-x", str(archive), str(unfinished)])
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _run(words: Sequence[str], cwd: Path | None = None) -> str:
    environment = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            words, cwd=cwd, env=environment, capture_output=True, text=True, errors="replace",
            timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{words[0]} was not done in {TIMEOUT} s: {_last(words)}") from error
    except OSError as error:
        raise InputError(f"{words[0]} cannot be started: {error.strerror}") from error
    if done.returncode:
        told = "; ".join(_errors(done.stderr)) or f"exit status {done.returncode}"
        raise InputError(f"{words[0]}, {_last(words)}: {told}")
    return done.stdout


def _last(words: Sequence[str]) -> str:
    plain = [word for word in words[1:] if not word.startswith("-") and "::" not in word]
    return " ".join(plain[:4])


def _errors(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith(("E: ", "dpkg-deb: error")):
            yield re.sub(r"://[^/@ ]*@", "://", line.removeprefix("E: ").strip())
