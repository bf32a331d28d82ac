# SPDX-License-Identifier: MIT
"""netdevsim for a kernel of the archive, which builds none: the only hw-offload device to be had.

Its source, the kernel's headers and the tools of kbuild are of the kernel's own version; compiler
and make are this system's. The module then lies among those of the kernel, and goes with them.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from labs.virtual.apt import Apt, Candidate, unpack
from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.outputs.results import write

if TYPE_CHECKING:
    from labs.virtual.packages import Kernel

NAME: Final = "netdevsim"
SOURCE: Final = f"drivers/net/{NAME}"
COMPILER: Final = "gcc"
TIMEOUT: Final = 600
"""Seconds that make may take; on two cores it takes twenty."""
LARGEST: Final = 1 << 20
"""Bytes of one file of the source at most."""
SETTINGS: Final = (
    "CONFIG_NETDEVSIM=m",
    "CONFIG_DEBUG_INFO=",  # which nobody reads here
    "CONFIG_DEBUG_INFO_BTF_MODULES=",  # needs pahole
)
FLAGS: Final = {"CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT": "-fmin-function-alignment=16"}
"""What the kernel's own compiler knows, and an older one may not: gcc has it since 14."""
TOOLS: Final = {
    "scripts/basic/fixdep": "fixdep",
    "scripts/genksyms/genksyms": "genksyms",
    "scripts/mod/modpost": "modpost.real-lsb-64",
    "tools/objtool/objtool": "objtool.real-x86",
}
"""Programs of kbuild, and the file that each of them is, or starts."""
_LIBRARY: Final = re.compile(r"(?:lib|zlib)[a-z0-9.+-]+")


def module(kernel: Kernel) -> Path:
    """Where a kernel's netdevsim is, once it is built."""
    return kernel.modules / "kernel" / SOURCE / f"{NAME}.ko"


def build(kernel: Kernel, version: str, apt: Apt, progress: Callable[[str], None]) -> None:
    """Build it into the kernel's modules.

    Args:
        kernel: what it is for.
        version: of the kernel's packages.
        apt: a view of the releases that have them.
        progress: is told each step.

    Raises:
        InputError: something it takes cannot be had, or it cannot be built.
    """
    missing = [name for name in (COMPILER, "make", "ld", "bash") if shutil.which(name) is None]
    if missing:
        raise InputError(
            f"no {', '.join(missing)} here, and {NAME} has to be built: install gcc and make"
        )
    progress(f"packages: source and headers of {kernel.release}, for {NAME}")
    apt.update()
    kbuild, libraries, source = packages(kernel, version, apt)
    headers = apt.fetch(kbuild)
    loader = apt.fetch(libraries)
    (archive,) = apt.fetch([source])
    with TemporaryDirectory(dir=apt.folder) as text:
        folder = Path(text)
        unpack(headers, folder / "kernel")
        unpack(loader, folder / "libraries")
        progress(f"reads the source of {NAME}")
        (folder / NAME).mkdir()
        for name, data in files(archive, SOURCE):
            (folder / NAME / name).write_bytes(data)
        progress(f"builds {NAME} for {kernel.release}")
        write(module(kernel), _make(kernel, folder))
    for path in (*headers, *loader, archive):
        path.unlink(missing_ok=True)


def packages(
    kernel: Kernel, version: str, apt: Apt
) -> tuple[list[Candidate], list[Candidate], Candidate]:
    """What it takes: headers with kbuild, the libraries that kbuild needs, the source.

    Raises:
        InputError: the archive has them of another version only.
    """
    headers = Candidate(f"linux-headers-{kernel.release}", version)
    source = Candidate(f"linux-source-{kernel.series}", version)
    for one in (headers, source):
        if one not in apt.versions(one.package):
            raise InputError(
                f"the archive has no {one.package} {version} any more: run with --refresh"
            )
    names = apt.needs(headers)
    kbuild = [Candidate(name, version) for name in names if name.startswith("linux-kbuild-")]
    common = [one for one in apt.depends(headers) if one.package.startswith("linux-headers-")]
    if not kbuild:
        raise InputError(f"{headers.package} {version} names no linux-kbuild")
    return [headers, *common, *kbuild], _libraries(apt, kbuild[0]), source


def _libraries(apt: Apt, package: Candidate) -> list[Candidate]:
    found: dict[str, Candidate] = {}
    waiting = [package]
    while waiting:
        for name in apt.needs(waiting.pop()):
            if _LIBRARY.fullmatch(name) and name not in found:
                newest = next(iter(apt.versions(name)), None)
                if newest is not None:
                    found[name] = newest
                    waiting.append(newest)
    return list(found.values())


def files(package: Path, folder: str) -> Iterator[tuple[str, bytes]]:
    """The files of one folder of a linux-source package, none of those below it.

    It is a tar file in a package, and read as far as the folder's end.

    Args:
        package: the .deb.
        folder: within the kernel's tree.

    Raises:
        InputError: there is no such folder, or the package cannot be read.
    """
    words = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own words
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as outer:
                inner = next((one for one in outer if one.name.endswith(".tar.xz")), None)
                data = outer.extractfile(inner) if inner else None
                if data is None:
                    raise InputError(f"{package.name}: holds no kernel source")
                with tarfile.open(fileobj=data, mode="r|xz") as tree:
                    yield from _within(tree, folder, package.name)
        except (tarfile.TarError, EOFError) as error:
            raise InputError(f"{package.name}: {error}") from error
        finally:
            process.kill()


def _within(tree: tarfile.TarFile, folder: str, name: str) -> Iterator[tuple[str, bytes]]:
    found = False
    for member in tree:
        _top, _slash, path = member.name.removeprefix("./").partition("/")
        within, _slash, last = path.rpartition("/")
        if within == folder and member.isfile():
            data = tree.extractfile(member)
            if data is None or member.size > LARGEST:
                raise InputError(f"{name}: {shown(member.name)} is no file of a source")
            found = True
            yield last, data.read()
        elif found and not path.startswith(f"{folder}/"):
            return
    if not found:
        raise InputError(f"{name}: has no {folder}")


def lacking(compiler: str = COMPILER) -> list[str]:
    """Settings of the kernel that take a flag which the compiler does not know, switched off."""
    return [
        f"{setting}="
        for setting, flag in FLAGS.items()
        if _run([compiler, flag, "-E", "-x", "c", os.devnull, "-o", os.devnull]).returncode
    ]


def _make(kernel: Kernel, folder: Path) -> bytes:
    sources = folder / "kernel/usr/src"
    headers = sources / f"linux-headers-{kernel.release}"
    common = next((path for path in sources.glob("linux-headers-*-common*")), None)
    if common is None or not headers.is_dir():
        raise InputError(f"the headers of {kernel.release} are not where they should be")
    for tools in (folder / "kernel/usr/lib").glob("linux-kbuild-*"):
        start_by(folder / "libraries", tools)
    words = [
        *("make", "-C", str(common), f"O={headers}", f"KBUILD_OUTPUT={headers}"),
        *(f"CC={COMPILER}", "CROSS_COMPILE=", f"M={folder / NAME}", f"-j{os.cpu_count() or 1}"),
        *(*SETTINGS, *lacking(), "modules"),
    ]
    done = _run(words)
    built = folder / NAME / f"{NAME}.ko"
    if done.returncode or not built.is_file():
        raise InputError(f"{NAME} for {kernel.release} cannot be built: {why(done.stderr)}")
    return built.read_bytes()


def start_by(libraries: Path, tools: Path) -> None:
    """Have the programs of kbuild run with the libraries that they were built with.

    They are of the kernel's release, whose C library may be newer than this system's.

    Args:
        libraries: where they are unpacked.
        tools: ``linux-kbuild-VERSION``.
    """
    loader = next(libraries.glob("**/ld-linux-x86-64.so.2"), None)
    if loader is None:
        raise InputError(f"{libraries}: holds no loader of programs")
    folders = {path.parent for path in libraries.rglob("*.so.*")}
    search = ":".join(sorted(map(str, folders)))
    for name, file in TOOLS.items():
        program = tools / name
        real = program.with_name(file)
        if not real.exists():
            real = program
        if not real.is_file():
            continue  # not every kernel has each
        if real == program:
            real = program.rename(program.with_name(f"{program.name}.own"))
        program.unlink(missing_ok=True)
        program.write_text(
            f'#!/bin/sh\nexec "{loader}" --library-path "{search}" "{real}" "$@"\n',
            encoding="utf-8",
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)


def why(text: str) -> str:
    """Of what make printed the line that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told: Iterable[str] = (line for line in lines if re.search(r"\berror:|Error \d+$", line))
    return shown(next(iter(told), lines[-1] if lines else "it does not say why")[:300])


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - our own words
            words, env=os.environ | {"LC_ALL": "C"}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{words[0]} was not done in {TIMEOUT} s") from error
    except OSError as error:
        raise InputError(f"{words[0]} cannot be started: {error.strerror}") from error
