# SPDX-License-Identifier: MIT
"""Python as files of an image: interpreter, library, packages, this project.

Everything is byte code already, since compiling under emulation takes longer than all tests. The
kernel keeps no times of files, so the byte code says of itself that nobody is to compare them
(PEP 552, unchecked).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import marshal
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from struct import pack, unpack_from
from typing import Final, NamedTuple

from xdpconform.errors import InputError

PACKAGES: Final = ("pytest", "msgspec", "jinja2")
"""What a run imports; with all they need."""
SITE: Final = "/lab/site"
PROJECT: Final = "/lab/project"
PARTS: Final = ("xdpconform", "suites", "labs", "conftest.py", "pyproject.toml")
"""Of this project."""
_LEFT_OUT: Final = (
    "__pycache__", "config-*", "distutils", "ensurepip", "idlelib", "lib2to3", "pydoc_data",
    "site-packages", "dist-packages", "sqlite3", "test", "tests", "tkinter", "turtledemo",
    "unittest/test",
    "venv", "lib-dynload/_test*", "lib-dynload/_tkinter*", "lib-dynload/_ctypes_test*",
    "lib-dynload/_sqlite3*", "lib-dynload/_curses*", "lib-dynload/readline*",
)  # fmt: skip
"""Of the library: what no test run imports."""
_SUFFIXES: Final = {".py", ".so", ".json", ".toml", ".css", ".j2", ".typed", ".pyi"}
_UNCHECKED: Final = 0b01


OWN: Final = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
"""Debian's Python of the running one's version."""
_ASK: Final = """
import ctypes, importlib.util, multiprocessing, sysconfig, unittest.mock  # the whole library
print(sysconfig.get_path("stdlib"), sysconfig.get_config_var("SOABI"))
print(importlib.util.MAGIC_NUMBER.hex())
"""


class Interpreter(NamedTuple):
    """A Python."""

    program: Path
    library: Path


@cache
def interpreter() -> Interpreter:
    """What a guest runs: Debian's Python if it takes the same packages, else the running one.

    Debian builds it with profile-guided and link-time optimization. One that was built without
    takes twice as long for the same, which counts where all is emulated.
    """
    running = Interpreter(Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib")))
    try:
        done = subprocess.run(  # noqa: S603 - the system's own
            [OWN, "-I", "-c", _ASK],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return running
    library, *same = done.stdout.split() or [""]
    ours = [sysconfig.get_config_var("SOABI"), importlib.util.MAGIC_NUMBER.hex()]
    return Interpreter(Path(OWN).resolve(), Path(library)) if same == ours else running


class File(NamedTuple):
    """A file of the image."""

    path: str
    data: bytes
    executable: bool = False


def files() -> Iterator[File]:
    """All of them.

    The interpreter is where it is here, since it finds its library by that.

    Raises:
        InputError: a package is missing here, or a shared library cannot be found.
    """
    chosen = interpreter()
    objects = [chosen.program]
    for path in _tree(chosen.library, _LEFT_OUT):
        objects += [path] if path.suffix == ".so" else []
        yield from _compiled(path, str(path))
    for folder, path in packages(PACKAGES):
        objects += [path] if path.suffix == ".so" else []
        yield from _compiled(path, f"{SITE}/{path.relative_to(folder)}")
    root = Path(__file__).resolve().parents[2]
    for part in PARTS:
        found = _tree(root / part, ("__pycache__",)) if (root / part).is_dir() else [root / part]
        for path in found:
            yield from _with_code(path, f"{PROJECT}/{path.relative_to(root)}")
    yield File(str(chosen.program), chosen.program.read_bytes(), executable=True)
    for path in libraries(objects):
        yield File(str(path), path.read_bytes(), executable=True)


def packages(names: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    """The files of installed packages and of what they need, each after its site-packages.

    Raises:
        InputError: one is not installed here.
    """
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise InputError(f"no {name} beside this Python: install the project first") from None
        # All that pytest asks of Linux is unconditional; extras and other systems are not.
        needs = [need for need in found.requires or () if ";" not in need]
        waiting += [re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0] for need in needs]
        folder = Path(str(found.locate_file("")))
        for entry in found.files or ():
            path = folder / entry
            if path.suffix in _SUFFIXES and ".." not in entry.parts and path.is_file():
                yield folder, path


def libraries(objects: Iterable[Path]) -> list[Path]:
    """The shared libraries that programs and extension modules need, by the paths they ask for.

    Raises:
        InputError: one of them is missing here.
    """
    done = subprocess.run(  # noqa: S603 - our own Python's files
        ["ldd", *map(str, objects)],  # noqa: S607
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    missing = re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE)
    if missing:
        raise InputError(f"shared libraries are missing here: {', '.join(sorted(set(missing)))}")
    found = re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", done.stdout, re.MULTILINE)
    return sorted({Path(path) for path in found})


def unchecked(path: Path, shown: str) -> bytes:
    """The byte code of a source file, good for ever.

    Args:
        path: the source.
        shown: where it will stand.
    """
    cached = Path(importlib.util.cache_from_source(str(path)))
    body = b""
    if shown == str(path) and cached.is_file():
        data, status = cached.read_bytes(), path.stat()
        if data[:4] == importlib.util.MAGIC_NUMBER and unpack_from("<3I", data, 4) == (
            0,
            int(status.st_mtime) & 0xFFFFFFFF,
            status.st_size & 0xFFFFFFFF,
        ):
            body = data[16:]
    if not body:
        source = path.read_bytes()
        body = marshal.dumps(compile(source, shown, "exec", dont_inherit=True))
    return importlib.util.MAGIC_NUMBER + pack("<IQ", _UNCHECKED, 0) + body


def _tree(folder: Path, left_out: Iterable[str]) -> Iterator[Path]:
    patterns = [folder / pattern for pattern in left_out]
    names = {pattern.name for pattern in patterns if pattern.parent == folder}
    for path in sorted(folder.iterdir()):
        if path.name in names and path.name == "__pycache__":
            continue
        if any(path.match(str(pattern)) for pattern in patterns):
            continue
        if path.is_dir():
            inner = [str(p.relative_to(path)) for p in patterns if path in p.parents]
            yield from _tree(path, ("__pycache__", "test", "tests", *inner))
        elif path.suffix in _SUFFIXES:
            yield path


def _compiled(path: Path, shown: str) -> Iterator[File]:
    """A file, or in place of a source its byte code alone: nobody reads these sources there."""
    try:
        code = unchecked(path, shown) if path.suffix == ".py" else b""
    except (SyntaxError, ValueError):
        return  # templates and the like, which nobody imports
    yield File(f"{shown}c", code) if code else File(shown, path.read_bytes())


def _with_code(path: Path, shown: str) -> Iterator[File]:
    data = path.read_bytes()
    yield File(shown, data)
    if path.suffix != ".py":
        return
    try:
        code = unchecked(path, shown)
    except (SyntaxError, ValueError):
        return  # templates and the like, which nobody imports
    folder, _slash, name = shown.rpartition("/")
    yield File(f"{folder}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc", code)
